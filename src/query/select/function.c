#include "query/select/function.h"

#include "query/read.h"
#include "query/select/function_part.h"

static const struct function functions[] = {
	{ "bottom", FUNCTION_MULTIPLE, false, 0, false, false },
	{ "count", FUNCTION_AGGREGATE, false, READ_SUM, true, false },
	{ "cumulative_sum", FUNCTION_TRANSFORM, false, 0, false, false },
	{ "derivative", FUNCTION_TRANSFORM, false, 0, false, false },
	{ "difference", FUNCTION_TRANSFORM, false, 0, false, false },
	{ "distinct", FUNCTION_MULTIPLE, false, 0, false, false },
	{ "elapsed", FUNCTION_TRANSFORM, false, 0, false, false },
	{ "first", FUNCTION_SELECTOR, false, READ_FIRST, true, true },
	{ "holt_winters", FUNCTION_TRANSFORM, false, 0, false, false },
	{ "holt_winters_with_fit", FUNCTION_TRANSFORM, false, 0, false, false },
	{ "integral", FUNCTION_AGGREGATE, true, 0, false, false },
	{ "last", FUNCTION_SELECTOR, false, READ_LAST, true, true },
	{ "max", FUNCTION_SELECTOR, false, READ_MAX, true, false },
	{ "mean", FUNCTION_AGGREGATE, false, READ_SUM, true, false },
	{ "median", FUNCTION_AGGREGATE, false, 0, false, false },
	{ "min", FUNCTION_SELECTOR, false, READ_MIN, true, false },
	{ "mode", FUNCTION_AGGREGATE, false, 0, false, false },
	{ "moving_average", FUNCTION_TRANSFORM, false, 0, false, false },
	{ "non_negative_derivative", FUNCTION_TRANSFORM, false, 0, false, false },
	{ "non_negative_difference", FUNCTION_TRANSFORM, false, 0, false, false },
	{ "percentile", FUNCTION_SELECTOR, false, 0, false, false },
	{ "sample", FUNCTION_MULTIPLE, false, 0, false, false },
	{ "spread", FUNCTION_AGGREGATE, false, READ_MIN | READ_MAX, true, false },
	{ "stddev", FUNCTION_AGGREGATE, false, 0, false, false },
	{ "sum", FUNCTION_AGGREGATE, false, READ_SUM, true, false },
	{ "top", FUNCTION_MULTIPLE, false, 0, false, false },
};

/* What each is, in the same order. */
static const struct trait {
	enum function_id id;
	uint8_t takes; /* TAKES_… */
	uint8_t gives; /* GIVES_… */
	const char *in_messages; /* what InfluxDB calls it there; NULL: its name */
} traits[] = {
	{ FN_BOTTOM, TAKES_NUMBERS, GIVES_SAME, NULL },
	{ FN_COUNT, TAKES_ALL, GIVES_INTEGER, NULL },
	{ FN_CUMULATIVE_SUM, TAKES_NUMBERS, GIVES_SAME, "cumulative sum" },
	{ FN_DERIVATIVE, TAKES_NUMBERS, GIVES_FLOAT, NULL },
	{ FN_DIFFERENCE, TAKES_NUMBERS, GIVES_SAME, NULL },
	{ FN_DISTINCT, TAKES_ALL, GIVES_SAME, NULL },
	{ FN_ELAPSED, TAKES_ALL, GIVES_INTEGER, NULL },
	{ FN_FIRST, TAKES_ALL, GIVES_SAME, NULL },
	{ FN_HOLT_WINTERS, TAKES_NUMBERS, GIVES_FLOAT, "elapsed" },
	{ FN_HOLT_WINTERS, TAKES_NUMBERS, GIVES_FLOAT, "elapsed" },
	{ FN_INTEGRAL, TAKES_NUMBERS, GIVES_FLOAT, NULL },
	{ FN_LAST, TAKES_ALL, GIVES_SAME, NULL },
	{ FN_MAX, TAKES_NUMBERS | TAKES_BOOLEANS, GIVES_SAME, NULL },
	{ FN_MEAN, TAKES_NUMBERS, GIVES_FLOAT, NULL },
	{ FN_MEDIAN, TAKES_NUMBERS, GIVES_FLOAT, NULL },
	{ FN_MIN, TAKES_NUMBERS | TAKES_BOOLEANS, GIVES_SAME, NULL },
	{ FN_MODE, TAKES_ALL, GIVES_SAME, NULL },
	{ FN_MOVING_AVERAGE, TAKES_NUMBERS, GIVES_FLOAT, "moving average" },
	{ FN_NON_NEGATIVE_DERIVATIVE, TAKES_NUMBERS, GIVES_FLOAT, "derivative" },
	{ FN_NON_NEGATIVE_DIFFERENCE, TAKES_NUMBERS, GIVES_SAME, "difference" },
	{ FN_PERCENTILE, TAKES_NUMBERS, GIVES_SAME, NULL },
	{ FN_SAMPLE, TAKES_ALL, GIVES_SAME, NULL },
	{ FN_SPREAD, TAKES_NUMBERS, GIVES_SAME, NULL },
	{ FN_STDDEV, TAKES_NUMBERS, GIVES_FLOAT, NULL },
	{ FN_SUM, TAKES_NUMBERS, GIVES_SAME, NULL },
	{ FN_TOP, TAKES_NUMBERS, GIVES_SAME, NULL },
};
_Static_assert(sizeof functions / sizeof *functions == sizeof traits / sizeof *traits, "a row each");

const struct function *function_find(struct view name)
{
	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
		if (view_is(name, functions[i].name))
			return &functions[i];
	return NULL;
}

enum function_id function_id(const struct function *fn)
{
	return traits[fn - functions].id;
}

static const struct iql_expr *last_argument(const struct iql_expr *call)
{
	const struct iql_expr *e = call->call.list;

	while (e && e->next)
		e = e->next;
	return e;
}

static const struct iql_expr *argument(const struct iql_expr *call, unsigned n)
{
	const struct iql_expr *e = call->call.list;

	while (e && n--)
		e = e->next;
	return e;
}

static int64_t whole(const struct iql_expr *e, int64_t standard)
{
	return e && e->kind == IQL_INTEGER ? e->i : standard;
}

static void set_arguments(struct function_call *c, const struct iql_expr *call, enum function_id id)
{
	const struct iql_expr *second = argument(call, 1);
	int64_t unit = second && second->kind == IQL_DURATION ? second->i : 0;

	c->count = whole(last_argument(call), 0);
	c->unit_ns = unit > 0 ? unit : NS_PER_S;
	switch (id) {
	case FN_PERCENTILE:
		c->rank = second && second->kind == IQL_FLOAT ? second->f : (double)whole(second, 0);
		break;
	case FN_DERIVATIVE:
	case FN_NON_NEGATIVE_DERIVATIVE:
		c->unit_ns = unit > 0 ? unit : c->interval_ns > 0 ? c->interval_ns : NS_PER_S;
		break;
	case FN_ELAPSED:
		c->unit_ns = unit > 0 ? unit : 1;
		break;
	case FN_HOLT_WINTERS:
		c->count = whole(second, 0);
		c->seasonal = whole(argument(call, 2), 0);
		break;
	default:
		break;
	}
}

enum err function_prepare(
    struct function_call *out, const struct iql_expr *call, enum value_type in, int64_t interval_ns, struct errbuf *eb)
{
	struct view name = call->kind == IQL_DISTINCT ? view_of("distinct") : call->call.name;

	*out = (struct function_call){ .fn = function_find(name), .in = in, .out = in, .interval_ns = interval_ns };
	if (!out->fn)
		return errbuf_set(
		    eb, ERR_INVALID, "undefined function %.*s()", (int)view_cut(name, IQL_SHOWN_MAX), name.p);
	const struct trait *t = &traits[out->fn - functions];
	if (in >= VALUE_BOOLEAN && !(t->takes & (in == VALUE_BOOLEAN ? TAKES_BOOLEANS : TAKES_STRINGS)))
		return errbuf_set(eb, ERR_INVALID, "unsupported %s iterator type: *query.%sInterruptIterator",
		    t->in_messages ? t->in_messages : out->fn->name, value_type_name(in));
	if (t->gives == GIVES_FLOAT)
		out->out = VALUE_FLOAT;
	else if (t->gives == GIVES_INTEGER)
		out->out = VALUE_INTEGER;
	if (call->kind == IQL_CALL)
		set_arguments(out, call, t->id);
	return ERR_OK;
}
