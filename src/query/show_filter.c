/* Conditions of SHOW, which look at tags alone: a set of series for each part, joined as AND and OR say. As in InfluxDB:
 *   - a name beside a name means that the series has both tags (=), or the first without the second (!=), whatever their
 *     values are;
 *   - a comparison with anything but text or a regular expression lets every series pass, and with `strict`, as for a field, none;
 *   - _name is the measurement, _tagKey (of SHOW TAG VALUES) is looked at with the keys.
 * SHOW MEASUREMENTS has rules of its own: a measurement passes != if it has the tag and no series has that value. */
#include <stdlib.h>

#include "query/influxql/print.h"
#include "query/show_part.h"
#include "wire/lp_key.h"

struct filter {
	struct show *show;
	const struct show_measurement *m;
	const struct tags *tags;
	bool strict;
	enum err error; /* of a regular expression */
	struct regex *regex;
};

static bool is_equal(enum iql_op op)
{
	return op == IQL_EQ || op == IQL_MATCH;
}

static enum err no_memory(struct show *s)
{
	return errbuf_set(s->eb, ERR_NOMEM, "out of memory");
}

static const struct tag_key *find_key(const struct filter *f, struct view plain, enum err *e)
{
	struct buf b;

	buf_init(&b, 2 * plain.len + 1);
	lp_escape(plain, false, &b);
	const struct tag_key *k = b.failed ? NULL : tags_find_key(f->tags, (struct view){ b.p, b.len });
	if (b.failed && plain.len)
		*e = no_memory(f->show);
	buf_fini(&b);
	return k;
}

static bool matches(void *arg, struct view plain)
{
	struct filter *f = arg;
	bool yes = false;

	if (f->error == ERR_OK)
		f->error = budget_check(f->show->env->budget, f->show->eb);
	if (f->error == ERR_OK)
		f->error = regex_match(f->regex, plain, &yes, f->show->eb);
	return yes;
}

static enum err choose_matching(struct filter *f, const struct tag_key *k, struct view pattern, struct series_set *set)
{
	enum err e = regex_compile(&f->regex, pattern, f->show->eb);

	if (e != ERR_OK)
		return e;
	f->error = ERR_OK;
	if (!tags_choose_matching(k, matches, f, set))
		f->error = no_memory(f->show);
	regex_free(f->regex);
	return f->error;
}

static enum err choose_equal(struct filter *f, const struct tag_key *k, struct view plain, struct series_set *set)
{
	struct buf b;
	enum err e = ERR_OK;

	buf_init(&b, 2 * plain.len + 1);
	lp_escape(plain, false, &b);
	if (b.failed)
		e = no_memory(f->show);
	else
		tags_choose_equal(k, (struct view){ b.p ? b.p : "", b.len }, set);
	buf_fini(&b);
	return e;
}

/* Those that have the key. */
static void choose_having(const struct tag_key *k, struct series_set *set)
{
	tags_choose_equal(k, (struct view){ "", 0 }, set);
	series_set_not(set);
}

static enum err choose_both(
    struct filter *f, const struct tag_key *k, const struct tag_key *other, bool equal, struct series_set *set)
{
	struct series_set second;

	if (f->strict)
		return ERR_OK;
	if (!series_set_init(&second, set->size))
		return no_memory(f->show);
	choose_having(k, set);
	choose_having(other, &second);
	if (!equal)
		series_set_not(&second);
	series_set_and(set, &second);
	series_set_fini(&second);
	return ERR_OK;
}

static enum err choose_name(struct filter *f, enum iql_op op, const struct iql_expr *right, struct series_set *set)
{
	struct regex *r;
	bool yes = false;
	enum err e = ERR_OK;

	if (right->kind == IQL_REGEX) {
		e = regex_compile(&r, right->text, f->show->eb);
		if (e == ERR_OK) {
			e = regex_match(r, f->m->name, &yes, f->show->eb);
			regex_free(r);
		}
	} else if (right->kind == IQL_STRING) {
		yes = view_eq(right->text, f->m->name);
	}
	if (yes == is_equal(op))
		series_set_fill(set);
	return e;
}

static bool is_field(const struct filter *f, struct view plain)
{
	const struct catalogue_layout *l = measurement_layout(f->m->m);
	struct buf b;
	bool found = false;

	buf_init(&b, 2 * plain.len + 1);
	lp_escape(plain, false, &b);
	for (uint32_t i = 0; i < l->count && !found; i++)
		found = view_eq(l->fields[i]->name, (struct view){ b.p, b.len });
	buf_fini(&b);
	return found;
}

static const struct iql_expr *unwrap(const struct iql_expr *e)
{
	while (e->kind == IQL_PAREN)
		e = e->chain.list;
	return e;
}

static enum err compare(
    struct filter *f, const struct iql_expr *left, enum iql_op op, const struct iql_expr *right, struct series_set *set)
{
	enum err e = ERR_OK;

	if (op != IQL_EQ && op != IQL_NEQ && op != IQL_MATCH && op != IQL_NOT_MATCH)
		return f->strict ? ERR_OK : errbuf_set(f->show->eb, ERR_INVALID, "invalid tag comparison operator");
	if (left->kind != IQL_REF && right->kind == IQL_REF) {
		const struct iql_expr *x = left;
		left = right;
		right = x;
	}
	if (left->kind == IQL_CHAIN || right->kind == IQL_CHAIN)
		return f->strict ? ERR_OK : errbuf_set(f->show->eb, ERR_INVALID, "invalid tag comparison operator");
	if (left->kind != IQL_REF || (f->strict && is_field(f, left->text)))
		return ERR_OK;
	if (view_is(left->text, "_name"))
		return choose_name(f, op, right, set);
	if (view_is(left->text, "_tagKey")) { /* show_wants_key looks at it */
		series_set_fill(set);
		return ERR_OK;
	}
	const struct tag_key *k = find_key(f, left->text, &e), *other;
	if (e != ERR_OK)
		return e;
	switch (right->kind) {
	case IQL_REF:
		other = find_key(f, right->text, &e);
		return e == ERR_OK ? choose_both(f, k, other, is_equal(op), set) : e;
	case IQL_STRING:
		e = choose_equal(f, k, right->text, set);
		break;
	case IQL_REGEX:
		e = choose_matching(f, k, right->text, set);
		break;
	default:
		if (!f->strict)
			series_set_fill(set);
		return ERR_OK;
	}
	if (e == ERR_OK && !is_equal(op))
		series_set_not(set);
	return e;
}

static enum err choose(struct filter *f, const struct iql_expr *e, struct series_set *set);

/* a AND b AND …, or OR. The first is in set already. */
static enum err join(struct filter *f, const struct iql_expr *term, struct series_set *set)
{
	struct series_set part;
	enum err e = ERR_OK;

	for (; term && e == ERR_OK; term = term->next) {
		if (!series_set_init(&part, set->size))
			return no_memory(f->show);
		e = choose(f, term, &part);
		if (e == ERR_OK && term->op == IQL_AND)
			series_set_and(set, &part);
		else if (e == ERR_OK)
			series_set_or(set, &part);
		series_set_fini(&part);
		if (e == ERR_OK)
			e = budget_check(f->show->env->budget, f->show->eb);
	}
	return e;
}

static enum err refuse_expr(struct show *s, const struct iql_expr *e)
{
	struct buf b;

	buf_init(&b, 4096);
	iql_print_expr_brief(e, &b);
	enum err error = errbuf_set(s->eb, ERR_INVALID, "invalid condition expression: %.*s",
	    (int)view_cut((struct view){ b.p, b.len }, IQL_SHOWN_MAX), b.p ? b.p : "");
	buf_fini(&b);
	return error;
}

/* Adds to set, which is empty. Nesting is bounded by the parser. */
static enum err choose(struct filter *f, const struct iql_expr *expr, struct series_set *set)
{
	const struct iql_expr *e = unwrap(expr);

	if (e->kind == IQL_BOOLEAN) {
		if (e->b)
			series_set_fill(set);
		return ERR_OK;
	}
	if (e->kind != IQL_CHAIN)
		return refuse_expr(f->show, e);
	const struct iql_expr *first = e->chain.list, *second = first->next;
	if (second->op == IQL_AND || second->op == IQL_OR) {
		enum err error = choose(f, first, set);
		return error == ERR_OK ? join(f, second, set) : error;
	}
	if (second->next) /* a = b = c */
		return f->strict ? ERR_OK : errbuf_set(f->show->eb, ERR_INVALID, "invalid tag comparison operator");
	return compare(f, unwrap(first), (enum iql_op)second->op, unwrap(second), set);
}

enum err show_filter(struct show *s, const struct show_measurement *m, bool strict, struct series_set *set, bool *all)
{
	struct filter f = { .show = s, .m = m, .tags = measurement_tags(m->m), .strict = strict };

	*all = !s->st->filter;
	*set = (struct series_set){ 0 };
	if (!series_set_init(set, m->series))
		return no_memory(s);
	if (s->st->filter)
		return choose(&f, s->st->filter, set);
	series_set_fill(set);
	return ERR_OK;
}

/* ---- SHOW MEASUREMENTS ---- */

struct value_test {
	struct regex *regex;
	struct view equal;
};

/* Whether some series has such a value of the key; *has_key: whether any has the key. */
static enum err has_value(struct show *s, const struct measurement *m, struct view key, const struct value_test *t,
    bool *has_key, bool *found)
{
	struct filter f = { .show = s, .tags = measurement_tags(m) };
	enum err e = ERR_OK;
	const struct tag_key *k = find_key(&f, key, &e);
	uint32_t n = k ? tag_key_value_count(k) : 0;

	*has_key = k && tag_key_series_count(k) > 0;
	*found = false;
	for (uint32_t i = 0; i < n && !*found && e == ERR_OK; i++) {
		const struct tag_value *v = tag_key_value_at(k, i);
		struct view plain;
		if (tag_value_series_count(v) == 0)
			continue;
		e = show_plain(s, tag_value_text(v), false, &plain);
		if (e == ERR_OK && t->regex)
			e = regex_match(t->regex, plain, found, s->eb);
		else if (e == ERR_OK)
			*found = view_eq(plain, t->equal);
		if (e == ERR_OK)
			e = budget_check(s->env->budget, s->eb);
	}
	return e;
}

static enum err name_matches(struct show *s, struct view name, const struct value_test *t, bool *found)
{
	*found = !t->regex && view_eq(name, t->equal);
	return t->regex ? regex_match(t->regex, name, found, s->eb) : ERR_OK;
}

static enum err keep_those(struct show *s, struct view key, enum iql_op op, const struct value_test *t, bool *keep)
{
	enum err e = ERR_OK;

	for (uint32_t i = 0; i < s->count && e == ERR_OK; i++) {
		bool has_key = true, found = false;
		if (view_is(key, "_name"))
			e = name_matches(s, s->list[i].name, t, &found);
		else
			e = has_value(s, s->list[i].m, key, t, &has_key, &found);
		keep[i] = has_key && found == is_equal(op);
	}
	return e;
}

static bool is_system_name(struct view v)
{
	return view_is(v, "_fieldKeys") || view_is(v, "_measurements") || view_is(v, "_name") ||
	    view_is(v, "_series") || view_is(v, "_tagKey") || view_is(v, "_tagKeys") || view_is(v, "_tags");
}

static enum err compare_measurements(
    struct show *s, const struct iql_expr *left, const struct iql_expr *right, bool *keep)
{
	enum iql_op op = (enum iql_op)right->op;
	struct value_test t = { 0 };

	if (op != IQL_EQ && op != IQL_NEQ && op != IQL_MATCH && op != IQL_NOT_MATCH)
		return errbuf_set(s->eb, ERR_INVALID, "invalid tag comparison operator");
	if (left->kind != IQL_REF)
		return errbuf_set(s->eb, ERR_INVALID, "left side of '%s' must be a tag key", iql_op_name(op));
	if ((op == IQL_EQ || op == IQL_NEQ) && right->kind != IQL_STRING)
		return errbuf_set(s->eb, ERR_INVALID, "right side of '%s' must be a tag value string", iql_op_name(op));
	if (is_system_name(left->text) && !view_is(left->text, "_name"))
		return ERR_OK; /* none */
	t.equal = right->text;
	enum err e = right->kind == IQL_REGEX ? regex_compile(&t.regex, right->text, s->eb) : ERR_OK;
	if (e == ERR_OK)
		e = keep_those(s, left->text, op, &t, keep);
	regex_free(t.regex);
	return e;
}

/* keep is all false. */
static enum err choose_measurements(struct show *s, const struct iql_expr *expr, bool *keep)
{
	const struct iql_expr *e = unwrap(expr);
	enum err error = ERR_OK;

	if (e->kind == IQL_REF)
		return errbuf_set(s->eb, ERR_INVALID, "&influxql.VarRef{Val:\"%.*s\", Type:0}",
		    (int)view_cut(e->text, IQL_SHOWN_MAX), e->text.p);
	if (e->kind == IQL_BOOLEAN)
		return errbuf_set(s->eb, ERR_INVALID, "&influxql.BooleanLiteral{Val:%s}", e->b ? "true" : "false");
	if (e->kind != IQL_CHAIN)
		return refuse_expr(s, e);
	const struct iql_expr *first = e->chain.list, *second = first->next;
	if (second->op != IQL_AND && second->op != IQL_OR) {
		const struct iql_expr *last = e->chain.last; /* of a = b = c the left side is (a = b) */
		return compare_measurements(s, second->next ? e : first, last, keep);
	}
	bool *part = show_alloc(s, s->count + 1, 1, &error);
	if (error == ERR_OK)
		error = choose_measurements(s, first, keep);
	for (; second && error == ERR_OK; second = second->next) {
		memset(part, 0, s->count);
		error = choose_measurements(s, second, part);
		for (uint32_t i = 0; i < s->count; i++)
			keep[i] = second->op == IQL_AND ? keep[i] && part[i] : keep[i] || part[i];
	}
	return error;
}

enum err show_filter_measurements(struct show *s, bool *keep)
{
	if (s->st->condition)
		return choose_measurements(s, s->st->condition, keep);
	memset(keep, 1, s->count);
	return ERR_OK;
}
