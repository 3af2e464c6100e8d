#include "query/influxql/check.h"

#include <stdarg.h>
#include <strings.h>

#include "query/influxql/check_part.h"
#include "query/influxql/print.h"
#include "query/influxql/time_range.h"

bool iql_check_refuse(struct iql_check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	c->error = errbuf_vset(c->eb, ERR_INVALID, fmt, ap);
	va_end(ap);
	return false;
}

static bool refuse_memory(struct iql_check *c)
{
	c->error = errbuf_set(c->eb, ERR_NOMEM, "the statement needs more memory than there is for it");
	return false;
}

/* ---- fields ---- */

static bool check_chain(struct iql_check *c, struct iql_expr *e)
{
	struct iql_expr *first = e->chain.list;

	c->no_wildcards = true;
	if (iql_is_literal(first) && iql_is_literal(first->next))
		return iql_check_refuse(c, "cannot perform a binary expression on two literals");
	for (struct iql_expr *t = first; t; t = t->next)
		if (!iql_check_is_constant(t) && !iql_check_expr(c, t))
			return false;
	return true;
}

bool iql_check_expr(struct iql_check *c, struct iql_expr *e)
{
	if (iql_check_is_constant(e))
		return iql_check_refuse(c, "field must contain at least one variable");
	switch (e->kind) {
	case IQL_REF:
		c->has_plain = true;
		return true;
	case IQL_WILDCARD:
	case IQL_REGEX:
		c->has_plain = true;
		return !c->no_wildcards ||
		    iql_check_refuse(
			c, "unable to use %s in a binary expression", e->kind == IQL_WILDCARD ? "wildcard" : "regex");
	case IQL_CALL:
		return iql_check_call(c, e);
	case IQL_DISTINCT:
		c->calls++;
		c->has_distinct = true;
		c->only_selectors = false;
		return true;
	case IQL_CHAIN:
		return check_chain(c, e);
	case IQL_PAREN:
		return iql_check_expr(c, e->chain.list);
	default:
		return iql_check_refuse(c, "unimplemented");
	}
}

static bool check_fields(struct iql_check *c, struct arena *a)
{
	struct iql_clock clock = { .arena = a };
	bool any = false;

	for (struct iql_field *f = c->select->fields; f; f = f->next) {
		f->is_time = f->expr->kind == IQL_REF && view_is(f->expr->text, "time");
		if (f->is_time)
			continue;
		any = true;
		f->expr = iql_fold(f->expr, &clock);
		c->no_wildcards = false;
		if (!iql_check_expr(c, f->expr))
			return false;
	}
	return any || iql_check_refuse(c, "at least 1 non-time field must be queried");
}

static bool check_together(struct iql_check *c)
{
	const struct iql_select *s = c->select;

	if (c->calls > 1 && c->top_bottom.len)
		return iql_check_refuse(c, "selector function %.*s() cannot be combined with other functions",
		    (int)view_cut(c->top_bottom, IQL_SHOWN_MAX), c->top_bottom.p);
	if (c->calls == 0 && s->fill == IQL_FILL_NONE)
		return iql_check_refuse(c, "fill(none) must be used with a function");
	if (c->calls == 0 && s->fill == IQL_FILL_LINEAR)
		return iql_check_refuse(c, "fill(linear) must be used with a function");
	if (c->calls == 0 && s->interval_ns && !s->interval_is_inherited)
		return iql_check_refuse(c, "GROUP BY requires at least one aggregate function");
	if (c->has_distinct && (c->calls != 1 || c->has_plain))
		return iql_check_refuse(
		    c, "aggregate function distinct() cannot be combined with other functions or fields");
	if (c->has_plain && !c->only_selectors)
		return iql_check_refuse(c, "mixing aggregate and non-aggregate queries is not supported");
	if (c->has_plain && c->calls > 1)
		return iql_check_refuse(c, "mixing multiple selector functions with tags or fields is not supported");
	return true;
}

/* ---- condition ---- */

static bool check_condition_call(struct iql_check *c, const struct iql_expr *e)
{
	struct view n = e->call.name;
	unsigned want = iql_math_arguments(n);

	if (!want) {
		struct buf text;
		buf_init(&text, 2000);
		iql_print_expr_brief(e, &text);
		iql_check_refuse(c, "invalid function call in condition: %.*s", (int)text.len, text.p ? text.p : "");
		buf_fini(&text);
		return false;
	}
	return e->call.count == want ||
	    iql_check_refuse(c, "invalid number of arguments for %.*s, expected %u, got %u",
		(int)view_cut(n, IQL_SHOWN_MAX), n.p, want, e->call.count);
}

static bool check_condition(struct iql_check *c, const struct iql_expr *e)
{
	const struct iql_expr *part = NULL;

	if (e->kind == IQL_CALL) {
		if (!check_condition_call(c, e))
			return false;
		part = e->call.list;
	} else if (e->kind == IQL_CHAIN || e->kind == IQL_PAREN) {
		part = e->chain.list;
	}
	for (; part; part = part->next) {
		bool after_match = part->op == IQL_MATCH || part->op == IQL_NOT_MATCH;
		bool is_term = e->kind == IQL_CHAIN && part != e->chain.list;
		if ((part->kind == IQL_REGEX) != (is_term && after_match))
			return iql_check_refuse(c, "a regular expression stands after =~ or !~, and nothing else does");
		if (!check_condition(c, part))
			return false;
	}
	return true;
}

static bool take_condition(struct iql_check *c, struct arena *a, const struct iql_clock *clock, bool functions)
{
	struct iql_select *s = c->select;
	struct iql_expr *copy = s->condition ? iql_clone(a, s->condition) : NULL;

	if (s->condition && !copy)
		return refuse_memory(c);
	c->error = iql_split_condition(copy, clock, &s->filter, &s->range, c->eb);
	return c->error == ERR_OK && (!s->filter || !functions || check_condition(c, s->filter));
}

/* ---- GROUP BY ---- */

static int64_t remainder_of(int64_t a, int64_t b)
{
	return b == 0 || b == -1 ? 0 : a % b;
}

static bool check_offset(struct iql_check *c, struct iql_expr *e, int64_t now_ns)
{
	struct iql_select *s = c->select;
	struct buf text;

	if (e->kind == IQL_CALL) {
		if (!view_is(e->call.name, "now"))
			return iql_check_refuse(c, "time dimension offset function must be now()");
		if (e->call.count)
			return iql_check_refuse(c, "time dimension offset now() function requires no arguments");
		e->kind = IQL_DURATION;
		e->i = remainder_of(now_ns, s->interval_ns);
	} else if (e->kind == IQL_STRING && iql_time_is_text(e->text)) {
		/* InfluxDB 1.6 parses it, and then has no use for it */
		int64_t seconds;
		uint32_t nanos;
		if (!iql_time_parse(e->text, NULL, &seconds, &nanos))
			return iql_check_refuse(c, "invalid timestamp string");
		buf_init(&text, 400);
		iql_print_expr_brief(e, &text);
		iql_check_refuse(c, "invalid time dimension offset: %.*s", (int)text.len, text.p ? text.p : "");
		buf_fini(&text);
		return false;
	} else if (e->kind != IQL_DURATION) {
		return iql_check_refuse(c, "time dimension offset must be duration or now()");
	}
	s->offset_ns = remainder_of(e->i, s->interval_ns);
	return true;
}

static bool check_time_dimension(struct iql_check *c, struct iql_expr *e, int64_t now_ns)
{
	if (!view_is(e->call.name, "time"))
		return iql_check_refuse(c, "only time() calls allowed in dimensions");
	if (e->call.count < 1 || e->call.count > 2)
		return iql_check_refuse(c, "time dimension expected 1 or 2 arguments");
	if (e->call.list->kind != IQL_DURATION)
		return iql_check_refuse(c, "time dimension must have duration argument");
	if (c->select->interval_ns)
		return iql_check_refuse(c, "multiple time dimensions not allowed");
	c->select->interval_ns = e->call.list->i;
	if (e->call.count == 1)
		return true;
	return check_offset(c, e->call.list->next, now_ns);
}

static bool check_dimensions(struct iql_check *c, struct arena *a, int64_t now_ns)
{
	struct iql_clock clock = { .arena = a };

	for (struct iql_dimension *d = c->select->dimensions; d; d = d->next) {
		d->expr = iql_fold(d->expr, &clock);
		switch (d->expr->kind) {
		case IQL_REF:
			if (d->expr->text.len == 4 && strncasecmp(d->expr->text.p, "time", 4) == 0)
				return iql_check_refuse(c, "time() is a function and expects at least one argument");
			break;
		case IQL_CALL:
			if (!check_time_dimension(c, d->expr, now_ns))
				return false;
			break;
		case IQL_WILDCARD:
		case IQL_REGEX:
			break;
		default:
			return iql_check_refuse(c, "only time and tag dimensions allowed");
		}
	}
	return true;
}

/* ---- the whole ---- */

struct around {
	struct arena *arena;
	int64_t now_ns;
	struct errbuf *eb;
};

static bool prepare(struct iql_check *c, const struct around *w, bool functions)
{
	struct iql_select *s = c->select;
	struct iql_clock clock = { w->arena, true, w->now_ns, NULL };
	struct iql_zone *zone;

	c->error = iql_zone_open(&zone, s->zone);
	if (c->error != ERR_OK) {
		errbuf_set(c->eb, c->error, "unable to find time zone %.*s", (int)s->zone.len, s->zone.p);
		return false;
	}
	clock.zone = zone;
	s->interval_ns = s->offset_ns = 0;
	s->interval_is_inherited = false;
	s->is_descending = iql_order_is_descending(s->order);
	bool fine = take_condition(c, w->arena, &clock, functions) && check_dimensions(c, w->arena, w->now_ns);
	iql_zone_close(zone);
	return fine;
}

static enum err check(struct iql_select *s, const struct iql_select *outer, const struct around *w);

static enum err check_subqueries(struct iql_select *s, const struct around *w)
{
	for (struct iql_source *x = s->sources; x; x = x->next) {
		enum err e = x->subquery ? check(x->subquery, s, w) : ERR_OK;
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

static bool inherit(struct iql_check *c, const struct iql_select *outer)
{
	struct iql_select *s = c->select;

	if (s->order != IQL_ORDER_NONE && s->is_descending != outer->is_descending)
		return iql_check_refuse(c, "subqueries must be ordered in the same direction as the query itself");
	s->is_descending = outer->is_descending;
	iql_range_narrow(&s->range, &outer->range);
	if (s->interval_ns && s->fill == IQL_FILL_NULL)
		s->fill = IQL_FILL_NONE; /* empty buckets of a subquery are no points */
	if (outer->interval_ns && !s->interval_ns) {
		s->interval_ns = outer->interval_ns;
		s->offset_ns = outer->offset_ns;
		s->interval_is_inherited = true;
	}
	return true;
}

static enum err check(struct iql_select *s, const struct iql_select *outer, const struct around *w)
{
	struct iql_check c = { .select = s, .eb = w->eb, .only_selectors = true };

	if (!prepare(&c, w, true) || (outer && !inherit(&c, outer)) || !check_fields(&c, w->arena) ||
	    !check_together(&c))
		return c.error;
	enum err e = check_subqueries(s, w);
	if (e == ERR_OK && c.of_tags.len)
		e = errbuf_set(w->eb, ERR_INVALID, "unable to use tag wildcard in %.*s()",
		    (int)view_cut(c.of_tags, IQL_SHOWN_MAX), c.of_tags.p);
	return e;
}

enum err iql_check_select(struct arena *a, struct iql_select *s, int64_t now_ns, struct errbuf *eb)
{
	struct around w = { a, now_ns, eb };

	return check(s, NULL, &w);
}

enum err iql_check_scope(struct arena *a, struct iql_statement *s, bool functions, int64_t now_ns, struct errbuf *eb)
{
	struct around w = { a, now_ns, eb };
	struct iql_select scope = { .condition = s->condition, .dimensions = s->dimensions };
	struct iql_check c = { .select = &scope, .eb = eb };

	if (!prepare(&c, &w, functions))
		return c.error;
	s->filter = scope.filter;
	s->range = scope.range;
	return ERR_OK;
}
