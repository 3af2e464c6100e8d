/* Functions and their arguments, in InfluxDB's words. */
#include "query/influxql/check_part.h"
#include "query/influxql/fold.h"
#include "query/influxql/literal.h"
#include "query/influxql/print.h"

static int shown(struct view v)
{
	return (int)view_cut(v, IQL_SHOWN_MAX);
}

static struct iql_expr *argument(const struct iql_expr *call, unsigned n)
{
	struct iql_expr *e = call->call.list;

	while (n--)
		e = e->next;
	return e;
}

static bool refuse_with(struct iql_check *c, const char *fmt, struct view name, const struct iql_expr *e)
{
	struct buf text;

	buf_init(&text, 2000);
	iql_print_expr_brief(e, &text);
	iql_check_refuse(c, fmt, shown(name), name.p, (int)text.len, text.p ? text.p : "");
	buf_fini(&text);
	return false;
}

static bool has_count(struct iql_check *c, const struct iql_expr *call, unsigned want)
{
	struct view n = call->call.name;

	return call->call.count == want ||
	    iql_check_refuse(
		c, "invalid number of arguments for %.*s, expected %u, got %u", shown(n), n.p, want, call->call.count);
}

static bool has_one_or_two(struct iql_check *c, const struct iql_expr *call)
{
	struct view n = call->call.name;

	if (call->call.count == 1 || call->call.count == 2)
		return true;
	return iql_check_refuse(c,
	    "invalid number of arguments for %.*s, expected at least 1 but no more than 2, got %u", shown(n), n.p,
	    call->call.count);
}

/* A field, all of them, or those that match. */
static bool check_symbol(struct iql_check *c, struct view function, const struct iql_expr *e)
{
	switch (e->kind) {
	case IQL_REF:
		return true;
	case IQL_WILDCARD:
		c->only_selectors = false;
		if (e->cast == IQL_CAST_TAG && !c->of_tags.len)
			c->of_tags = function;
		return !c->no_wildcards ||
		    iql_check_refuse(c, "unsupported expression with wildcard: %.*s()", shown(function), function.p);
	case IQL_REGEX:
		c->only_selectors = false;
		return !c->no_wildcards ||
		    iql_check_refuse(c, "unsupported expression with regex field: %.*s()", shown(function), function.p);
	default:
		return iql_check_refuse(c, "expected field argument in %.*s()", shown(function), function.p);
	}
}

static bool check_positive(struct iql_check *c, const struct iql_expr *duration)
{
	struct buf text;

	if (duration->i > 0)
		return true;
	buf_init(&text, 64);
	iql_duration_print(duration->i, &text);
	iql_check_refuse(c, "duration argument must be positive, got %.*s", (int)text.len, text.p ? text.p : "");
	buf_fini(&text);
	return false;
}

/* An aggregate inside, and then GROUP BY time; or a field. */
static bool check_inner(struct iql_check *c, const struct iql_expr *call)
{
	struct view n = call->call.name;
	struct iql_expr *e = call->call.list;

	c->only_selectors = false;
	if (e->kind == IQL_CALL) {
		if (!c->select->interval_ns)
			return iql_check_refuse(c, "%.*s aggregate requires a GROUP BY interval", shown(n), n.p);
		if (view_is(e->call.name, "distinct"))
			return iql_check_distinct(c, e->call.count, e->call.list, true);
		return iql_check_expr(c, e);
	}
	if (c->select->interval_ns && !c->select->interval_is_inherited)
		return iql_check_refuse(c, "aggregate function required inside the call to %.*s", shown(n), n.p);
	return check_symbol(c, n, e);
}

static bool check_unit(struct iql_check *c, const struct iql_expr *call)
{
	const struct iql_expr *unit = call->call.count == 2 ? argument(call, 1) : NULL;
	struct view n = call->call.name;

	if (!unit)
		return true;
	if (unit->kind == IQL_DURATION)
		return check_positive(c, unit);
	return iql_check_refuse(
	    c, "second argument to %.*s must be a duration, got *influxql.%s", shown(n), n.p, iql_kind_name(unit));
}

static bool check_derivative(struct iql_check *c, struct iql_expr *call)
{
	return has_one_or_two(c, call) && check_unit(c, call) && check_inner(c, call);
}

static bool check_difference(struct iql_check *c, struct iql_expr *call)
{
	return has_count(c, call, 1) && check_inner(c, call);
}

static bool check_moving_average(struct iql_check *c, struct iql_expr *call)
{
	if (!has_count(c, call, 2))
		return false;
	const struct iql_expr *n = argument(call, 1);
	if (n->kind != IQL_INTEGER)
		return iql_check_refuse(
		    c, "second argument for moving_average must be an integer, got *influxql.%s", iql_kind_name(n));
	if (n->i <= 1)
		return iql_check_refuse(c, "moving_average window must be greater than 1, got %lld", (long long)n->i);
	return check_inner(c, call);
}

static bool check_integral(struct iql_check *c, struct iql_expr *call)
{
	if (!has_one_or_two(c, call))
		return false;
	const struct iql_expr *unit = call->call.count == 2 ? argument(call, 1) : NULL;
	if (unit && unit->kind != IQL_DURATION)
		return iql_check_refuse(c, "second argument must be a duration");
	if (unit && !check_positive(c, unit))
		return false;
	c->only_selectors = false;
	return check_symbol(c, call->call.name, call->call.list);
}

static bool check_holt_winters(struct iql_check *c, struct iql_expr *call)
{
	struct view n = call->call.name;

	if (!has_count(c, call, 3))
		return false;
	const struct iql_expr *h = argument(call, 1), *m = argument(call, 2), *inner = call->call.list;
	if (h->kind != IQL_INTEGER)
		return iql_check_refuse(c, "expected integer argument as second arg in %.*s", shown(n), n.p);
	if (h->i <= 0)
		return iql_check_refuse(
		    c, "second arg to %.*s must be greater than 0, got %lld", shown(n), n.p, (long long)h->i);
	if (m->kind != IQL_INTEGER)
		return iql_check_refuse(c, "expected integer argument as third arg in %.*s", shown(n), n.p);
	if (m->i < 0)
		return iql_check_refuse(
		    c, "third arg to %.*s cannot be negative, got %lld", shown(n), n.p, (long long)m->i);
	c->only_selectors = false;
	if (inner->kind != IQL_CALL)
		return iql_check_refuse(c, "must use aggregate function with %.*s", shown(n), n.p);
	return check_inner(c, call);
}

static bool check_percentile(struct iql_check *c, struct iql_expr *call)
{
	if (!has_count(c, call, 2))
		return false;
	const struct iql_expr *p = argument(call, 1);
	if (p->kind != IQL_INTEGER && p->kind != IQL_FLOAT)
		return iql_check_refuse(c, "expected float argument in percentile()");
	return check_symbol(c, call->call.name, call->call.list);
}

static bool check_sample(struct iql_check *c, struct iql_expr *call)
{
	if (!has_count(c, call, 2))
		return false;
	const struct iql_expr *n = argument(call, 1);
	if (n->kind != IQL_INTEGER)
		return iql_check_refuse(c, "expected integer argument in sample()");
	if (n->i <= 0)
		return iql_check_refuse(c, "sample window must be greater than 1, got %lld", (long long)n->i);
	return check_symbol(c, call->call.name, call->call.list);
}

static bool check_distinct_call(struct iql_check *c, struct iql_expr *call)
{
	return iql_check_distinct(c, call->call.count, call->call.list, false);
}

/* top(field, tag…, n) */
static bool check_top_bottom(struct iql_check *c, struct iql_expr *call)
{
	struct view n = call->call.name;
	int64_t most = c->select->limits.limit;

	if (c->top_bottom.len)
		return iql_check_refuse(c, "selector function %.*s() cannot be combined with other functions",
		    shown(c->top_bottom), c->top_bottom.p);
	if (call->call.count < 2)
		return iql_check_refuse(c, "invalid number of arguments for %.*s, expected at least 2, got %u",
		    shown(n), n.p, call->call.count);
	const struct iql_expr *last = argument(call, call->call.count - 1);
	if (last->kind != IQL_INTEGER)
		return refuse_with(c, "expected integer as last argument in %.*s(), found %.*s", n, last);
	if (last->i <= 0)
		return iql_check_refuse(
		    c, "limit (%lld) in %.*s function must be at least 1", (long long)last->i, shown(n), n.p);
	if (most > 0 && last->i > most)
		return iql_check_refuse(c,
		    "limit (%lld) in %.*s function can not be larger than the LIMIT (%lld) in the select statement",
		    (long long)last->i, shown(n), n.p, (long long)most);
	if (call->call.list->kind != IQL_REF)
		return refuse_with(
		    c, "expected first argument to be a field in %.*s(), found %.*s", n, call->call.list);
	for (const struct iql_expr *e = call->call.list->next; e != last; e = e->next)
		if (e->kind != IQL_REF)
			return refuse_with(c, "only fields or tags are allowed in %.*s(), found %.*s", n, e);
	c->top_bottom = n;
	return true;
}

bool iql_check_distinct(struct iql_check *c, unsigned count, const struct iql_expr *args, bool nested)
{
	if (count == 0)
		return iql_check_refuse(c, "distinct function requires at least one argument");
	if (count != 1)
		return iql_check_refuse(c, "distinct function can only have one argument");
	if (args->kind != IQL_REF)
		return iql_check_refuse(c, "expected field argument in distinct()");
	if (!nested)
		c->has_distinct = true;
	c->only_selectors = false;
	return true;
}

/* One field, and for count() a distinct() too. */
static bool check_simple(struct iql_check *c, struct iql_expr *call)
{
	struct iql_expr *e;

	if (!has_count(c, call, 1))
		return false;
	e = call->call.list;
	if (view_is(call->call.name, "count")) {
		if (e->kind == IQL_CALL && view_is(e->call.name, "distinct"))
			return iql_check_distinct(c, e->call.count, e->call.list, true);
		if (e->kind == IQL_DISTINCT) {
			c->only_selectors = false;
			return true;
		}
	}
	return check_symbol(c, call->call.name, e);
}

static bool check_aggregate(struct iql_check *c, struct iql_expr *call)
{
	c->only_selectors = false;
	return check_simple(c, call);
}

/* ---- mathematical functions ---- */

/* InfluxDB works such calls out when it folds; here it is enough to know. */
static bool is_constant_call(const struct iql_expr *e)
{
	if (e->call.count == 0 || e->call.count != iql_math_arguments(e->call.name))
		return false;
	for (const struct iql_expr *x = e->call.list; x; x = x->next)
		if (!iql_is_literal(x) && !iql_check_is_constant(x))
			return false;
	return true;
}

bool iql_check_is_constant(const struct iql_expr *e)
{
	bool calls = false;

	if (e->kind == IQL_CALL)
		return is_constant_call(e);
	if (e->kind == IQL_PAREN)
		return iql_check_is_constant(e->chain.list);
	if (e->kind != IQL_CHAIN)
		return iql_is_literal(e) && e->kind != IQL_REGEX;
	for (const struct iql_expr *x = e->chain.list; x; x = x->next) {
		if (!iql_check_is_constant(x))
			return false;
		calls |= !iql_is_literal(x);
	}
	return calls; /* literals alone that folding could not join stay two */
}

static bool check_math(struct iql_check *c, struct iql_expr *call)
{
	if (!has_count(c, call, iql_math_arguments(call->call.name)))
		return false;
	for (struct iql_expr *e = call->call.list; e; e = e->next) {
		if (!iql_is_literal(e) && !iql_check_is_constant(e) && !iql_check_expr(c, e))
			return false;
		if (e->kind == IQL_WILDCARD && e->cast == IQL_CAST_TAG && !c->of_tags.len)
			c->of_tags = call->call.name;
	}
	return true;
}

bool iql_check_call(struct iql_check *c, struct iql_expr *call)
{
	static const struct {
		const char *name;
		bool (*check)(struct iql_check *c, struct iql_expr *call);
	} functions[] = {
		{ "max", check_simple },
		{ "min", check_simple },
		{ "first", check_simple },
		{ "last", check_simple },
		{ "count", check_aggregate },
		{ "sum", check_aggregate },
		{ "mean", check_aggregate },
		{ "median", check_aggregate },
		{ "mode", check_aggregate },
		{ "stddev", check_aggregate },
		{ "spread", check_aggregate },
		{ "percentile", check_percentile },
		{ "sample", check_sample },
		{ "distinct", check_distinct_call },
		{ "top", check_top_bottom },
		{ "bottom", check_top_bottom },
		{ "derivative", check_derivative },
		{ "non_negative_derivative", check_derivative },
		{ "difference", check_difference },
		{ "non_negative_difference", check_difference },
		{ "cumulative_sum", check_difference },
		{ "moving_average", check_moving_average },
		{ "elapsed", check_derivative },
		{ "integral", check_integral },
		{ "holt_winters", check_holt_winters },
		{ "holt_winters_with_fit", check_holt_winters },
	};
	struct view n = call->call.name;

	if (iql_math_arguments(n))
		return check_math(c, call);
	c->calls++;
	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
		if (view_is(n, functions[i].name))
			return functions[i].check(c, call);
	return iql_check_refuse(c, "undefined function %.*s()", shown(n), n.p);
}
