#include "query/influxql/time_range.h"

#include <strings.h>

#include "query/influxql/print.h"

enum { NS = 1000000000 };

struct split {
	const struct iql_clock *clock;
	struct iql_range *range;
	struct errbuf *eb;
};

/* ---- ranges ---- */

struct iql_range iql_range_all(void)
{
	return (struct iql_range){ IQL_TIME_MIN, IQL_TIME_MAX + 1, false, false };
}

void iql_range_narrow(struct iql_range *r, const struct iql_range *other)
{
	if (other->has_from && (!r->has_from || other->from_ns > r->from_ns)) {
		r->from_ns = other->from_ns;
		r->has_from = true;
	}
	if (other->has_to && (!r->has_to || other->to_ns < r->to_ns)) {
		r->to_ns = other->to_ns;
		r->has_to = true;
	}
}

static int64_t after(int64_t ns)
{
	return ns == INT64_MAX ? ns : ns + 1;
}

static enum err narrow(struct split *s, enum iql_op op, int64_t ns)
{
	struct iql_range r = { 0 };

	switch (op) {
	case IQL_GT:
	case IQL_GTE:
		r.has_from = true;
		r.from_ns = op == IQL_GT ? after(ns) : ns;
		break;
	case IQL_LT:
	case IQL_LTE:
		r.has_to = true;
		r.to_ns = op == IQL_LT ? ns : after(ns);
		break;
	case IQL_EQ:
		r.has_from = r.has_to = true;
		r.from_ns = ns;
		r.to_ns = after(ns);
		break;
	default:
		return errbuf_set(s->eb, ERR_INVALID, "invalid time comparison operator: %s", iql_op_name(op));
	}
	iql_range_narrow(s->range, &r);
	return ERR_OK;
}

/* ---- a comparison with time ---- */

static enum err refuse_time(struct split *s, const struct iql_expr *t, const char *what)
{
	int64_t days = t->i / 86400 - (t->i % 86400 < 0), in_day = t->i - days * 86400;
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365,
		doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153, month = mp < 10 ? mp + 3 : mp - 9, year = yoe + era * 400 + (month <= 2);

	return errbuf_set(s->eb, ERR_INVALID, "time %04lld-%02lld-%02lldT%02lld:%02lld:%02lldZ %s time literal",
	    (long long)year, (long long)month, (long long)(doy - (153 * mp + 2) / 5 + 1), (long long)(in_day / 3600),
	    (long long)(in_day / 60 % 60), (long long)(in_day % 60), what);
}

static enum err time_to_ns(struct split *s, const struct iql_expr *t, int64_t *ns)
{
	__int128 exact = (__int128)t->i * NS + t->nanos;

	if (exact > IQL_TIME_MAX)
		return refuse_time(s, t, "overflows");
	if (exact < IQL_TIME_MIN + 1)
		return refuse_time(s, t, "underflows");
	*ns = (int64_t)exact;
	return ERR_OK;
}

static enum err compare_time(struct split *s, enum iql_op op, struct iql_expr *e)
{
	enum err r = ERR_OK;
	int64_t ns = 0;

	if (e->kind == IQL_STRING && iql_time_is_text(e->text)) {
		int64_t seconds;
		uint32_t nanos;
		if (!iql_time_parse(e->text, s->clock->zone, &seconds, &nanos))
			return errbuf_set(s->eb, ERR_INVALID, "invalid timestamp string");
		e->kind = IQL_TIME;
		e->i = seconds;
		e->nanos = nanos;
	}
	e = iql_fold(e, s->clock);
	switch (e->kind) {
	case IQL_TIME:
		r = time_to_ns(s, e, &ns);
		break;
	case IQL_DURATION:
	case IQL_INTEGER:
		ns = e->i;
		break;
	case IQL_FLOAT:
		ns = e->f >= 9.2e18 ? INT64_MAX : e->f <= -9.2e18 ? INT64_MIN : (int64_t)e->f;
		break;
	default:
		return errbuf_set(s->eb, ERR_INVALID, "invalid operation: time and *influxql.%s are not compatible",
		    iql_kind_name(e));
	}
	return r == ERR_OK ? narrow(s, op, ns) : r;
}

static enum iql_op mirror(enum iql_op op)
{
	switch (op) {
	case IQL_LT:
		return IQL_GT;
	case IQL_LTE:
		return IQL_GTE;
	case IQL_GT:
		return IQL_LT;
	case IQL_GTE:
		return IQL_LTE;
	default:
		return op;
	}
}

static bool is_time(const struct iql_expr *e)
{
	return e->kind == IQL_REF && e->text.len == 4 && strncasecmp(e->text.p, "time", 4) == 0;
}

/* ---- the tree ---- */

static enum err split(struct split *s, struct iql_expr *e, struct iql_expr **rest);

/* AND, OR: the terms that are left, which may be one or none. */
static enum err split_terms(struct split *s, struct iql_expr *e, struct iql_expr **rest)
{
	struct iql_expr *next, **end = &e->chain.list, *last = NULL;
	enum err r;

	for (struct iql_expr *t = e->chain.list; t; t = next) {
		struct iql_expr *left;
		uint8_t op = t->op;
		next = t->next;
		if ((r = split(s, t, &left)) != ERR_OK)
			return r;
		if (!left)
			continue;
		left->op = op;
		left->next = NULL;
		*end = last = left;
		end = &left->next;
	}
	*end = NULL;
	e->chain.last = last;
	*rest = !last ? NULL : last == e->chain.list ? last : e;
	return ERR_OK;
}

static enum err refuse_condition(struct split *s, const struct iql_expr *e)
{
	struct buf text;

	buf_init(&text, 2000);
	iql_print_expr_brief(e, &text);
	errbuf_set(s->eb, ERR_INVALID, "invalid condition expression: %.*s", (int)text.len, text.p ? text.p : "");
	buf_fini(&text);
	return ERR_INVALID;
}

/* Any other operator: with `time` on one side, or a condition on values. */
static enum err split_comparison(struct split *s, struct iql_expr *e, struct iql_expr **rest)
{
	struct iql_expr *first = e->chain.list, *last = e->chain.last;
	enum iql_op op = (enum iql_op)last->op;

	*rest = NULL;
	if (first->next == last && is_time(first))
		return compare_time(s, op, last);
	if (first->next == last && is_time(last)) {
		first->next = NULL;
		return compare_time(s, mirror(op), first);
	}
	if (is_time(last)) {
		for (e->chain.last = first; e->chain.last->next != last;)
			e->chain.last = e->chain.last->next;
		e->chain.last->next = NULL;
		return compare_time(s, mirror(op), e);
	}
	e = iql_fold(e, s->clock);
	if (e->kind != IQL_CHAIN && e->kind != IQL_BOOLEAN)
		return refuse_condition(s, e);
	*rest = e;
	return ERR_OK;
}

static enum err split_paren(struct split *s, struct iql_expr *e, struct iql_expr **rest)
{
	struct iql_expr *inner;
	enum err r = split(s, e->chain.list, &inner);

	if (r == ERR_OK && inner) {
		e->chain.list = inner;
		inner->next = NULL;
	}
	*rest = !inner ? NULL : inner->kind == IQL_CHAIN ? e : inner;
	return r;
}

static enum err split(struct split *s, struct iql_expr *e, struct iql_expr **rest)
{
	*rest = NULL;
	switch (e->kind) {
	case IQL_CHAIN:
		if (e->chain.last->op == IQL_AND || e->chain.last->op == IQL_OR)
			return split_terms(s, e, rest);
		return split_comparison(s, e, rest);
	case IQL_PAREN:
		return split_paren(s, e, rest);
	case IQL_BOOLEAN:
		*rest = e;
		return ERR_OK;
	default:
		return refuse_condition(s, e);
	}
}

enum err iql_split_condition(struct iql_expr *e, const struct iql_clock *clock, struct iql_expr **rest,
    struct iql_range *range, struct errbuf *eb)
{
	struct split s = { clock, range, eb };

	*rest = NULL;
	*range = iql_range_all();
	return e ? split(&s, e, rest) : ERR_OK;
}
