/* `*`, /re/, mean(*), GROUP BY * written out, as InfluxDB does it: names in order; tags stand among the fields unless GROUP BY
 * has a wildcard or names them; a function gets the fields it takes. */
#include <stdlib.h>

#include "query/regex.h"
#include "query/select/resolve.h"
#include "store/tags.h"
#include "wire/lp_key.h"

struct name {
	struct view text;
	enum iql_cast cast; /* TAG, or a field's type */
};

struct name_list {
	struct name *of;
	size_t count, room;
};

static bool add_name(struct arena *a, struct name_list *l, struct view text, enum iql_cast cast)
{
	if (l->count == l->room) {
		size_t room = l->room ? l->room * 2 : 16;
		struct name *of = arena_alloc_raw(a, room * sizeof *of, 8);
		if (!of)
			return false;
		if (l->count)
			memcpy(of, l->of, l->count * sizeof *of);
		l->of = of;
		l->room = room;
	}
	l->of[l->count++] = (struct name){ text, cast };
	return true;
}

static bool add_escaped(struct arena *a, struct name_list *l, struct view raw, enum iql_cast cast)
{
	struct buf plain;
	bool fine = false;

	if (!memchr(raw.p, '\\', raw.len))
		return add_name(a, l, raw, cast);
	buf_init(&plain, raw.len + 1);
	lp_unescape(raw, false, &plain);
	char *copy = plain.failed ? NULL : arena_copy(a, (struct view){ plain.p, plain.len });
	if (copy)
		fine = add_name(a, l, (struct view){ copy, plain.len }, cast);
	buf_fini(&plain);
	return fine;
}

static int by_text(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int c = view_cmp(x->text, y->text);

	return c ? c : (x->cast == IQL_CAST_TAG) - (y->cast == IQL_CAST_TAG);
}

static void sort_once(struct name_list *l)
{
	size_t kept = 0;

	if (l->count > 1)
		qsort(l->of, l->count, sizeof *l->of, by_text);
	for (size_t i = 0; i < l->count; i++)
		if (!kept || by_text(&l->of[kept - 1], &l->of[i]) != 0)
			l->of[kept++] = l->of[i];
	l->count = kept;
}

/* The names of fields and tags in all sources; types are looked up later. */
static bool collect(struct arena *a, const struct select_node *n, struct name_list *fields, struct name_list *tags)
{
	for (uint32_t i = 0; i < n->from_count; i++) {
		const struct select_from *f = &n->from[i];
		const struct measurement *m = f->measurement;
		if (m) {
			const struct catalogue_layout *l = measurement_layout(m);
			const struct tags *t = measurement_tags(m);
			for (uint32_t k = 0; l && k < l->count; k++)
				if (!add_escaped(a, fields, l->fields[k]->name, IQL_CAST_FIELD))
					return false;
			for (uint32_t k = 0; k < tags_key_count(t); k++)
				if (!add_escaped(a, tags, tag_key_name(tags_key_at(t, k)), IQL_CAST_TAG))
					return false;
			continue;
		}
		for (const struct iql_field *x = f->sub->select->fields; x; x = x->next)
			if (!x->is_time && !add_name(a, fields, select_field_name(a, x), IQL_CAST_FIELD))
				return false;
		for (uint32_t k = 0; k < f->sub->dimension_count; k++)
			if (!add_name(a, tags, f->sub->dimensions[k], IQL_CAST_TAG))
				return false;
	}
	sort_once(fields);
	sort_once(tags);
	return true;
}

static bool is_dimension(const struct select_node *n, struct view name)
{
	for (const struct iql_dimension *d = n->select->dimensions; d; d = d->next)
		if (d->expr->kind == IQL_REF && view_eq(d->expr->text, name))
			return true;
	return false;
}

/* ---- fields ---- */

struct expansion {
	struct select_work *w;
	struct name_list names;
	struct iql_field **end; /* where the next one goes */
};

static struct iql_expr *new_ref(struct arena *a, const struct name *n)
{
	struct iql_expr *e = arena_alloc(a, sizeof *e, 8);

	if (!e)
		return NULL;
	e->kind = IQL_REF;
	e->depth = 1;
	e->text = n->text;
	e->cast = (uint8_t)n->cast;
	return e;
}

static bool put(struct expansion *x, struct iql_expr *e, struct view alias)
{
	struct iql_field *f = e ? arena_alloc(x->w->arena, sizeof *f, 8) : NULL;

	if (!f)
		return false;
	f->expr = e;
	f->alias = alias;
	*x->end = f;
	x->end = &f->next;
	return true;
}

static bool takes(struct view function, enum iql_cast type)
{
	static const char *const strings[] = { "count", "first", "last", "distinct", "elapsed", "mode", "sample" };

	if (type == IQL_CAST_FLOAT || type == IQL_CAST_INTEGER)
		return true;
	if (type == IQL_CAST_UNSIGNED)
		return !view_is(function, "holt_winters") && !view_is(function, "holt_winters_with_fit");
	if (type != IQL_CAST_STRING && type != IQL_CAST_BOOLEAN)
		return false;
	for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
		if (view_is(function, strings[i]))
			return true;
	return type == IQL_CAST_BOOLEAN && (view_is(function, "min") || view_is(function, "max"));
}

/* The call whose first argument is none, or NULL. */
static struct iql_expr *innermost(struct iql_expr *e)
{
	while (e && e->kind == IQL_CALL && e->call.list && e->call.list->kind == IQL_CALL)
		e = e->call.list;
	return e && e->kind == IQL_CALL && e->call.list ? e : NULL;
}

static struct view joined(struct arena *a, struct view x, struct view y)
{
	char *p = arena_alloc_raw(a, x.len + y.len + 2, 1);

	if (!p)
		return (struct view){ NULL, 0 };
	memcpy(p, x.p, x.len);
	p[x.len] = '_';
	memcpy(p + x.len + 1, y.p, y.len);
	return (struct view){ p, x.len + 1 + y.len };
}

static enum err expand_plain(struct expansion *x, const struct iql_field *f, struct regex *re)
{
	const struct iql_expr *e = f->expr;

	for (size_t i = 0; i < x->names.count; i++) {
		const struct name *n = &x->names.of[i];
		bool wanted = true;
		if (e->kind == IQL_WILDCARD)
			wanted = e->cast == IQL_CAST_NONE || (e->cast == IQL_CAST_TAG) == (n->cast == IQL_CAST_TAG);
		else if (regex_match(re, n->text, &wanted, x->w->eb) != ERR_OK)
			return ERR_INVALID;
		if (wanted && !put(x, new_ref(x->w->arena, n), (struct view){ "", 0 }))
			return select_no_memory(x->w);
	}
	return ERR_OK;
}

static enum err expand_call(struct expansion *x, const struct iql_field *f, struct iql_expr *call, struct regex *re)
{
	struct arena *a = x->w->arena;
	struct view name = select_field_name(a, f);

	for (size_t i = 0; i < x->names.count; i++) {
		const struct name *n = &x->names.of[i];
		bool wanted = true;
		if (n->cast == IQL_CAST_TAG || !takes(call->call.name, n->cast))
			continue;
		if (re && regex_match(re, n->text, &wanted, x->w->eb) != ERR_OK)
			return ERR_INVALID;
		if (!wanted)
			continue;
		struct iql_expr *copy = iql_clone(a, f->expr), *ref = new_ref(a, n);
		struct view alias = joined(a, name, n->text);
		if (!copy || !ref || !alias.p)
			return select_no_memory(x->w);
		struct iql_expr *inner = innermost(copy);
		ref->next = inner->call.list->next;
		inner->call.list = ref;
		if (!put(x, copy, alias))
			return select_no_memory(x->w);
	}
	return ERR_OK;
}

static enum err expand_field(struct expansion *x, struct iql_field *f)
{
	struct iql_expr *call = innermost(f->expr);
	const struct iql_expr *wild = call ? call->call.list : f->expr;
	struct regex *re = NULL;
	enum err e = ERR_OK;

	if (f->is_time || (wild->kind != IQL_WILDCARD && wild->kind != IQL_REGEX)) {
		*x->end = f;
		x->end = &f->next;
		return ERR_OK;
	}
	if (wild->kind == IQL_REGEX)
		e = regex_compile(&re, wild->text, x->w->eb);
	if (e == ERR_OK)
		e = call ? expand_call(x, f, call, re) : expand_plain(x, f, re);
	regex_free(re);
	return e;
}

static bool is_wild(const struct iql_expr *e)
{
	return e->kind == IQL_WILDCARD || e->kind == IQL_REGEX;
}

static bool has_wild_field(const struct iql_select *s)
{
	for (const struct iql_field *f = s->fields; f; f = f->next) {
		struct iql_expr *call = innermost(f->expr);
		if (is_wild(call ? call->call.list : f->expr))
			return true;
	}
	return false;
}

static enum err expand_fields(struct expansion *x, struct select_node *n)
{
	struct iql_field *f = n->select->fields, *next;

	x->end = &n->select->fields;
	for (; f; f = next) {
		next = f->next;
		enum err e = expand_field(x, f);
		if (e != ERR_OK)
			return e;
	}
	*x->end = NULL;
	return ERR_OK;
}

/* ---- dimensions ---- */

static void add_dimension(struct select_node *n, struct view name)
{
	for (uint32_t i = 0; i < n->dimension_count; i++)
		if (view_eq(n->dimensions[i], name))
			return;
	n->dimensions[n->dimension_count++] = name;
}

static enum err expand_dimensions(struct select_work *w, struct select_node *n, const struct name_list *tags)
{
	size_t most = tags->count;
	enum err e = ERR_OK;

	for (const struct iql_dimension *d = n->select->dimensions; d; d = d->next)
		most++;
	n->dimensions = arena_alloc(w->arena, (most + 1) * sizeof *n->dimensions, 8);
	if (!n->dimensions)
		return select_no_memory(w);
	for (const struct iql_dimension *d = n->select->dimensions; d && e == ERR_OK; d = d->next) {
		struct regex *re = NULL;
		if (d->expr->kind == IQL_REF)
			add_dimension(n, d->expr->text);
		if (!is_wild(d->expr))
			continue;
		if (d->expr->kind == IQL_REGEX)
			e = regex_compile(&re, d->expr->text, w->eb);
		for (size_t i = 0; i < tags->count && e == ERR_OK; i++) {
			bool wanted = true;
			if (re)
				e = regex_match(re, tags->of[i].text, &wanted, w->eb);
			if (e == ERR_OK && wanted)
				add_dimension(n, tags->of[i].text);
		}
		regex_free(re);
	}
	return e;
}

enum err select_expand(struct select_work *w, struct select_node *n)
{
	struct name_list fields = { 0 }, tags = { 0 };
	struct expansion x = { .w = w };
	bool wild_fields = has_wild_field(n->select), wild_dimensions = false;

	for (const struct iql_dimension *d = n->select->dimensions; d; d = d->next)
		wild_dimensions |= is_wild(d->expr);
	if ((wild_fields || wild_dimensions) && !collect(w->arena, n, &fields, &tags))
		return select_no_memory(w);
	enum err e = expand_dimensions(w, n, &tags);
	if (e != ERR_OK || !wild_fields)
		return e;
	for (size_t i = 0; i < fields.count; i++) {
		fields.of[i].cast = select_type_of(n, fields.of[i].text);
		if (fields.of[i].cast != IQL_CAST_NONE &&
		    !add_name(w->arena, &x.names, fields.of[i].text, fields.of[i].cast))
			return select_no_memory(w);
	}
	for (size_t i = 0; fields.count && !wild_dimensions && i < tags.count; i++)
		if (!is_dimension(n, tags.of[i].text) && !add_name(w->arena, &x.names, tags.of[i].text, IQL_CAST_TAG))
			return select_no_memory(w);
	sort_once(&x.names);
	return expand_fields(&x, n);
}
