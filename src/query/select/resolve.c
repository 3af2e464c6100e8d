/* What the names of a SELECT mean: sources, fields and tags with their types; wildcards and regular expressions written
 * out. From the inside out, since a query around another sees its columns. */
#include <stdlib.h>

#include "query/influxql/fold.h"
#include "query/regex.h"
#include "query/select/resolve.h"
#include "store/tags.h"
#include "wire/lp_key.h"

/* ---- types ---- */

/* The one that wins where sources differ comes first. */
static int rank(enum iql_cast c)
{
	switch (c) {
	case IQL_CAST_FLOAT:
		return 0;
	case IQL_CAST_INTEGER:
		return 1;
	case IQL_CAST_UNSIGNED:
		return 2;
	case IQL_CAST_STRING:
		return 3;
	case IQL_CAST_BOOLEAN:
		return 4;
	case IQL_CAST_TAG:
		return 5;
	default:
		return 6;
	}
}

static enum iql_cast cast_of(enum value_type t)
{
	switch (t) {
	case VALUE_FLOAT:
		return IQL_CAST_FLOAT;
	case VALUE_INTEGER:
		return IQL_CAST_INTEGER;
	case VALUE_UNSIGNED:
		return IQL_CAST_UNSIGNED;
	case VALUE_BOOLEAN:
		return IQL_CAST_BOOLEAN;
	default:
		return IQL_CAST_STRING;
	}
}

enum cell_type select_cast_type(enum iql_cast c)
{
	switch (c) {
	case IQL_CAST_FLOAT:
		return CELL_FLOAT;
	case IQL_CAST_INTEGER:
		return CELL_INTEGER;
	case IQL_CAST_UNSIGNED:
		return CELL_UNSIGNED;
	case IQL_CAST_BOOLEAN:
		return CELL_BOOLEAN;
	case IQL_CAST_STRING:
	case IQL_CAST_TAG:
		return CELL_STRING;
	default:
		return CELL_NULL;
	}
}

static enum iql_cast cast_of_cell(const struct select_column *c)
{
	static const enum iql_cast casts[] = { IQL_CAST_NONE, IQL_CAST_FLOAT, IQL_CAST_INTEGER, IQL_CAST_UNSIGNED,
		IQL_CAST_BOOLEAN, IQL_CAST_STRING };
	const struct iql_expr *e = c->expr;

	return e->kind == IQL_REF && e->cast == IQL_CAST_TAG ? IQL_CAST_TAG : casts[c->type];
}

static enum iql_cast measurement_type(const struct measurement *m, struct view name)
{
	struct buf escaped;
	enum iql_cast c = IQL_CAST_NONE;

	buf_init(&escaped, 1 << 18);
	lp_escape(name, false, &escaped);
	if (!escaped.failed && escaped.len) {
		struct view v = { escaped.p, escaped.len };
		const struct field *f = measurement_find_field(m, v);
		if (f)
			c = cast_of(f->type);
		else if (tags_find_key(measurement_tags(m), v))
			c = IQL_CAST_TAG;
	}
	buf_fini(&escaped);
	return c;
}

static enum iql_cast subquery_type(const struct select_node *n, struct view name)
{
	for (uint32_t i = 0; i < n->column_count; i++)
		if (view_eq(n->columns[i].field_name, name))
			return cast_of_cell(&n->columns[i]);
	for (uint32_t i = 0; i < n->dimension_count; i++)
		if (view_eq(n->dimensions[i], name))
			return IQL_CAST_TAG;
	return IQL_CAST_NONE;
}

enum iql_cast select_type_of(const struct select_node *n, struct view name)
{
	enum iql_cast best = IQL_CAST_NONE;

	for (uint32_t i = 0; i < n->from_count && best != IQL_CAST_FLOAT; i++) {
		const struct select_from *f = &n->from[i];
		enum iql_cast c = f->measurement ? measurement_type(f->measurement, name) : subquery_type(f->sub, name);
		if (rank(c) < rank(best))
			best = c;
	}
	return best;
}

static void resolve_types(const struct select_node *n, struct iql_expr *e)
{
	if (e->kind == IQL_REF) {
		enum iql_cast c = e->cast == IQL_CAST_NONE || e->cast == IQL_CAST_FIELD ? select_type_of(n, e->text)
											: e->cast;
		if (!(c == IQL_CAST_TAG && e->cast == IQL_CAST_FIELD))
			e->cast = (uint8_t)c;
		return;
	}
	for (struct iql_expr *part = iql_parts(e); part; part = part->next)
		resolve_types(n, part);
}

/* DISTINCT v is distinct(v). */
static bool rewrite_distinct(struct arena *a, struct iql_expr *e)
{
	if (e->kind == IQL_DISTINCT) {
		struct iql_expr *ref = arena_alloc(a, sizeof *ref, 8);
		if (!ref)
			return false;
		ref->kind = IQL_REF;
		ref->depth = 1;
		ref->text = e->text;
		e->kind = IQL_CALL;
		e->depth = 2;
		e->call.name = view_of("distinct");
		e->call.list = ref;
		e->call.count = 1;
		return true;
	}
	for (struct iql_expr *part = iql_parts(e); part; part = part->next)
		if (!rewrite_distinct(a, part))
			return false;
	return true;
}

/* What a call gives, whatever its arguments are worth. */
static enum cell_type call_type(const struct iql_expr *e)
{
	static const char *const floats[] = { "mean", "median", "integral", "stddev", "derivative",
		"non_negative_derivative", "moving_average", "holt_winters", "holt_winters_with_fit" };

	while (e && e->kind == IQL_CALL) {
		if (view_is(e->call.name, "count") || view_is(e->call.name, "elapsed"))
			return CELL_INTEGER;
		for (size_t i = 0; i < sizeof floats / sizeof *floats; i++)
			if (view_is(e->call.name, floats[i]))
				return CELL_FLOAT;
		e = e->call.list;
	}
	return e && e->kind == IQL_REF ? select_cast_type(e->cast) : CELL_NULL;
}

static enum cell_type leaf_type(void *arg, const struct iql_expr *leaf)
{
	(void)arg;
	return leaf->kind == IQL_CALL ? call_type(leaf) : select_cast_type(leaf->cast);
}

enum cell_type select_leaf_type(const struct iql_expr *leaf)
{
	return leaf_type(NULL, leaf);
}

/* ---- sources ---- */

enum err select_no_memory(struct select_work *w)
{
	return budget_refuse(w->env->budget, w->eb);
}

static enum err find_database(
    struct select_work *w, const struct iql_source *x, struct view *name, struct view *policy, uint32_t *id)
{
	const struct select_env *env = w->env;

	*name = x->database.len ? x->database : env->database;
	*policy = x->policy.len ? x->policy
				: (x->has_policy_gap || x->database.len ? (struct view){ "", 0 } : env->policy);
	if (name->len == 0)
		return errbuf_set(w->eb, ERR_INVALID, "database name required");
	*id = catalogue_find_database(env->catalogue, *name);
	if (!*id)
		return errbuf_set(
		    w->eb, ERR_INVALID, "database not found: %.*s", (int)view_cut(*name, IQL_SHOWN_MAX), name->p);
	if (policy->len && !view_is(*policy, "autogen"))
		return errbuf_set(w->eb, ERR_INVALID, "retention policy not found: %.*s",
		    (int)view_cut(*policy, IQL_SHOWN_MAX), policy->p);
	return ERR_OK;
}

struct from_list {
	struct select_from *of;
	uint32_t count, room;
};

static bool add_from(struct arena *a, struct from_list *l, struct select_from f)
{
	for (uint32_t i = 0; f.measurement && i < l->count; i++)
		if (l->of[i].measurement == f.measurement)
			return true;
	if (l->count == l->room) {
		uint32_t room = l->room ? l->room * 2 : 4;
		struct select_from *of = arena_alloc(a, room * sizeof *of, 8);
		if (!of)
			return false;
		if (l->count)
			memcpy(of, l->of, l->count * sizeof *of);
		l->of = of;
		l->room = room;
	}
	l->of[l->count++] = f;
	return true;
}

static struct view plain_name(struct arena *a, struct view escaped, bool measurement)
{
	struct buf plain;
	struct view v = escaped;

	if (!memchr(escaped.p, '\\', escaped.len))
		return v;
	buf_init(&plain, escaped.len + 1);
	lp_unescape(escaped, measurement, &plain);
	char *copy = plain.failed ? NULL : arena_copy(a, (struct view){ plain.p, plain.len });
	v = copy ? (struct view){ copy, plain.len } : (struct view){ NULL, 0 };
	buf_fini(&plain);
	return v;
}

static enum err add_matching(
    struct select_work *w, struct from_list *l, const struct iql_source *x, struct view db_name, uint32_t db)
{
	struct catalogue *cat = w->env->catalogue;
	struct regex *re;
	enum err e = regex_compile(&re, x->name, w->eb);
	uint32_t count = catalogue_measurement_count(cat);

	for (uint32_t i = 0; e == ERR_OK && i < count; i++) {
		struct measurement *m = catalogue_measurement_at(cat, i);
		bool matches = false;
		if (measurement_db(m) != db)
			continue;
		struct view name = plain_name(w->arena, measurement_name(m), true);
		if (!name.p)
			e = select_no_memory(w);
		else
			e = regex_match(re, name, &matches, w->eb);
		if (e == ERR_OK)
			e = budget_check(w->env->budget, w->eb);
		if (e == ERR_OK && matches && !add_from(w->arena, l, (struct select_from){ db_name, m, name, NULL }))
			e = select_no_memory(w);
	}
	regex_free(re);
	return e;
}

static enum err add_source(
    struct select_work *w, struct select_node *n, struct from_list *l, const struct iql_source *x)
{
	struct view database, policy;
	uint32_t db = 0;

	if (x->subquery) {
		for (struct select_node *sub = n->next; sub; sub = sub->next)
			if (sub->select == x->subquery)
				return add_from(w->arena, l, (struct select_from){ .sub = sub }) ? ERR_OK
												 : select_no_memory(w);
		return ERR_OK;
	}
	enum err e = find_database(w, x, &database, &policy, &db);
	if (e != ERR_OK)
		return e;
	if (x->is_regex)
		return add_matching(w, l, x, database, db);
	struct buf escaped;
	buf_init(&escaped, 1 << 18);
	lp_escape(x->name, true, &escaped);
	struct measurement *m = escaped.failed
	    ? NULL
	    : catalogue_find_measurement(w->env->catalogue, db, (struct view){ escaped.p, escaped.len });
	buf_fini(&escaped);
	if (m && !add_from(w->arena, l, (struct select_from){ database, m, x->name, NULL }))
		return select_no_memory(w);
	return ERR_OK;
}

static int by_name(const void *a, const void *b)
{
	const struct select_from *x = a, *y = b;

	return view_cmp(x->name, y->name);
}

static enum err resolve_sources(struct select_work *w, struct select_node *n)
{
	struct from_list l = { 0 };

	for (const struct iql_source *x = n->select->sources; x; x = x->next) {
		enum err e = add_source(w, n, &l, x);
		if (e != ERR_OK)
			return e;
	}
	if (l.count > 1)
		qsort(l.of, l.count, sizeof *l.of, by_name);
	n->from = l.of;
	n->from_count = l.count;
	return ERR_OK;
}

/* ---- columns ---- */

static struct select_column *next_column(struct select_node *n, struct iql_expr *e, enum cell_type type)
{
	struct select_column *c = &n->columns[n->column_count++];

	c->expr = e;
	c->type = type;
	return c;
}

static bool is_top_or_bottom(const struct iql_expr *e)
{
	return e->kind == IQL_CALL && (view_is(e->call.name, "top") || view_is(e->call.name, "bottom"));
}

static enum err resolve_column(struct select_work *w, struct select_node *n, struct iql_field *f)
{
	enum cell_type type;
	struct errbuf ignored;
	enum err e = eval_type(&type, f->expr, leaf_type, NULL, n->outer ? &ignored : w->eb);

	if (e == ERR_INVALID && n->outer) {
		e = ERR_OK;
		type = CELL_NULL;
	}
	if (e != ERR_OK)
		return e;
	struct select_column *c = next_column(n, f->expr, type);
	c->field_name = select_field_name(w->arena, f);
	c->name = f->alias;
	if (!is_top_or_bottom(f->expr))
		return ERR_OK;
	/* the tags and fields it names are columns too */
	for (struct iql_expr *x = f->expr->call.list->next; x && x->kind == IQL_REF; x = x->next) {
		c = next_column(n, x, select_cast_type(x->cast));
		c->field_name = x->text;
	}
	return ERR_OK;
}

static enum err resolve_columns(struct select_work *w, struct select_node *n)
{
	size_t most = 0;

	n->time_name = view_of("time");
	for (const struct iql_field *f = n->select->fields; f; f = f->next) {
		most += 1 + (is_top_or_bottom(f->expr) ? f->expr->call.count : 0);
		if (f->is_time && f->alias.len)
			n->time_name = f->alias;
	}
	n->columns = arena_alloc(w->arena, most * sizeof *n->columns, 8);
	if (!n->columns)
		return select_no_memory(w);
	for (struct iql_field *f = n->select->fields; f; f = f->next) {
		enum err e = f->is_time ? ERR_OK : resolve_column(w, n, f);
		if (e != ERR_OK)
			return e;
	}
	return select_name_columns(w, n);
}

static enum err resolve_node(struct select_work *w, struct select_node *n)
{
	struct iql_select *s = n->select;
	enum err e = resolve_sources(w, n);

	for (struct iql_field *f = s->fields; e == ERR_OK && f; f = f->next) {
		if (!rewrite_distinct(w->arena, f->expr))
			return select_no_memory(w);
		resolve_types(n, f->expr);
	}
	if (e == ERR_OK && s->filter)
		resolve_types(n, s->filter);
	if (e == ERR_OK)
		e = select_expand(w, n);
	if (e == ERR_OK)
		e = resolve_columns(w, n);
	return e;
}

static struct select_node *add_node(struct select_work *w, struct iql_select *s, struct select_node *outer)
{
	struct select_node *n = arena_alloc(w->arena, sizeof *n, 16);

	if (!n)
		return NULL;
	n->select = s;
	n->outer = outer;
	n->previous = w->last;
	if (w->last)
		w->last->next = n;
	else
		w->first = n;
	w->last = n;
	return n;
}

enum err select_resolve(struct select_work *w, struct iql_select *s)
{
	if (!add_node(w, s, NULL))
		return select_no_memory(w);
	for (struct select_node *n = w->first; n; n = n->next)
		for (struct iql_source *x = n->select->sources; x; x = x->next)
			if (x->subquery && !add_node(w, x->subquery, n))
				return select_no_memory(w);
	for (struct select_node *n = w->last; n; n = n->previous) {
		enum err e = resolve_node(w, n);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}
