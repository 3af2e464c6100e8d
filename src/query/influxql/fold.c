#include "query/influxql/fold.h"

#include <math.h>

enum { NS = 1000000000 };

/* ---- points in time ---- */

static void set_time(struct iql_expr *e, int64_t seconds, int64_t nanos)
{
	e->kind = IQL_TIME;
	e->i = seconds + nanos / NS - (nanos % NS < 0);
	e->nanos = (uint32_t)((nanos % NS + NS) % NS);
}

static void shift_time(struct iql_expr *e, int64_t ns, int sign)
{
	set_time(e, e->i + sign * (ns / NS), (int64_t)e->nanos + sign * (ns % NS));
}

/* Nanoseconds from b to a, held inside 64 bits as Go holds a duration. */
static int64_t time_between(const struct iql_expr *a, const struct iql_expr *b)
{
	int64_t ns;

	if (__builtin_mul_overflow(a->i - b->i, (int64_t)NS, &ns) ||
	    __builtin_add_overflow(ns, (int64_t)a->nanos - (int64_t)b->nanos, &ns))
		return a->i < b->i ? INT64_MIN : INT64_MAX;
	return ns;
}

static int compare_times(const struct iql_expr *a, const struct iql_expr *b)
{
	if (a->i != b->i)
		return a->i < b->i ? -1 : 1;
	return (a->nanos > b->nanos) - (a->nanos < b->nanos);
}

static bool make_time(struct iql_expr *e, const struct iql_clock *clock)
{
	int64_t seconds;
	uint32_t nanos;

	if (e->kind != IQL_STRING || !iql_time_is_text(e->text) ||
	    !iql_time_parse(e->text, clock->zone, &seconds, &nanos))
		return false;
	set_time(e, seconds, nanos);
	return true;
}

/* ---- one operator on two literals: true if a now holds the result ---- */

static bool set_bool(struct iql_expr *a, bool b)
{
	a->kind = IQL_BOOLEAN;
	a->b = b;
	return true;
}

static bool set_comparison(struct iql_expr *a, enum iql_op op, int order)
{
	switch (op) {
	case IQL_EQ:
		return set_bool(a, order == 0);
	case IQL_NEQ:
		return set_bool(a, order != 0);
	case IQL_LT:
		return set_bool(a, order < 0);
	case IQL_LTE:
		return set_bool(a, order <= 0);
	case IQL_GT:
		return set_bool(a, order > 0);
	case IQL_GTE:
		return set_bool(a, order >= 0);
	default:
		return false;
	}
}

static bool fold_booleans(struct iql_expr *a, enum iql_op op, const struct iql_expr *b)
{
	switch (op) {
	case IQL_AND:
	case IQL_BIT_AND:
		return set_bool(a, a->b && b->b);
	case IQL_OR:
	case IQL_BIT_OR:
		return set_bool(a, a->b || b->b);
	case IQL_BIT_XOR:
	case IQL_NEQ:
		return set_bool(a, a->b != b->b);
	case IQL_EQ:
		return set_bool(a, a->b == b->b);
	default:
		return false;
	}
}

/* What is not finite cannot be written in InfluxQL: the operation stays for the one who evaluates it. */
static bool set_float(struct iql_expr *a, double f)
{
	if (!isfinite(f))
		return false;
	a->kind = IQL_FLOAT;
	a->f = f;
	return true;
}

static bool fold_floats(struct iql_expr *a, double x, enum iql_op op, double y)
{
	switch (op) {
	case IQL_ADD:
		return set_float(a, x + y);
	case IQL_SUB:
		return set_float(a, x - y);
	case IQL_MUL:
		return set_float(a, x * y);
	case IQL_DIV:
		return set_float(a, y == 0 ? 0 : x / y);
	case IQL_MOD:
		return set_float(a, fmod(x, y));
	default:
		return set_comparison(a, op, (x > y) - (x < y));
	}
}

/* Sums and products wrap around, as in InfluxDB. */
static bool fold_integers(struct iql_expr *a, enum iql_op op, int64_t y)
{
	int64_t x = a->i;
	uint64_t ux = (uint64_t)x, uy = (uint64_t)y;

	switch (op) {
	case IQL_ADD:
		a->i = (int64_t)(ux + uy);
		return true;
	case IQL_SUB:
		a->i = (int64_t)(ux - uy);
		return true;
	case IQL_MUL:
		a->i = (int64_t)(ux * uy);
		return true;
	case IQL_DIV:
		return set_float(a, y == 0 ? 0 : (double)x / (double)y);
	case IQL_MOD:
		a->i = y == 0 || y == -1 ? 0 : x % y;
		return true;
	case IQL_BIT_AND:
		a->i = x & y;
		return true;
	case IQL_BIT_OR:
		a->i = x | y;
		return true;
	case IQL_BIT_XOR:
		a->i = x ^ y;
		return true;
	default:
		return set_comparison(a, op, (x > y) - (x < y));
	}
}

static bool fold_unsigned(struct iql_expr *a, enum iql_op op, uint64_t y)
{
	uint64_t x = a->u;

	a->kind = IQL_UNSIGNED;
	switch (op) {
	case IQL_ADD:
		a->u = x + y;
		return true;
	case IQL_SUB:
		a->u = x - y;
		return true;
	case IQL_MUL:
		a->u = x * y;
		return true;
	case IQL_DIV:
		a->u = y ? x / y : 0;
		return true;
	case IQL_MOD:
		a->u = y ? x % y : 0;
		return true;
	default:
		return set_comparison(a, op, (x > y) - (x < y));
	}
}

static bool is_number(const struct iql_expr *e)
{
	return e->kind == IQL_INTEGER || e->kind == IQL_UNSIGNED || e->kind == IQL_FLOAT;
}

static double number_of(const struct iql_expr *e)
{
	return e->kind == IQL_FLOAT ? e->f : e->kind == IQL_INTEGER ? (double)e->i : (double)e->u;
}

static bool fold_numbers(struct iql_expr *a, enum iql_op op, const struct iql_expr *b)
{
	if (a->kind == IQL_FLOAT || b->kind == IQL_FLOAT)
		return fold_floats(a, number_of(a), op, number_of(b));
	if (a->kind == IQL_INTEGER && b->kind == IQL_INTEGER)
		return fold_integers(a, op, b->i);
	if ((a->kind == IQL_INTEGER && a->i < 0) || (b->kind == IQL_INTEGER && b->i < 0))
		return false;
	return fold_unsigned(a, op, b->u);
}

static int64_t clamp(double ns)
{
	return isnan(ns) ? 0 : ns >= 9.2e18 ? INT64_MAX : ns <= -9.2e18 ? INT64_MIN : (int64_t)ns;
}

/* b: a number, duration or time */
static bool fold_duration(struct iql_expr *a, enum iql_op op, const struct iql_expr *b)
{
	int64_t x = a->i, y = b->i;

	if (b->kind == IQL_TIME && op == IQL_ADD) {
		set_time(a, y, b->nanos);
		shift_time(a, x, 1);
		return true;
	}
	if (b->kind == IQL_DURATION) {
		if (op == IQL_ADD || op == IQL_SUB)
			a->i = (int64_t)(op == IQL_ADD ? (uint64_t)x + (uint64_t)y : (uint64_t)x - (uint64_t)y);
		else
			return set_comparison(a, op, (x > y) - (x < y));
		return true;
	}
	if (b->kind == IQL_INTEGER && op == IQL_MUL)
		a->i = (int64_t)((uint64_t)x * (uint64_t)y);
	else if (b->kind == IQL_INTEGER && op == IQL_DIV)
		a->i = y == 0 ? 0 : y == -1 ? (int64_t)(0 - (uint64_t)x) : x / y;
	else if (b->kind == IQL_FLOAT && op == IQL_MUL)
		a->i = clamp((double)x * b->f);
	else if (b->kind == IQL_FLOAT && op == IQL_DIV)
		a->i = b->f == 0 ? 0 : clamp((double)x / b->f);
	else
		return false;
	return true;
}

/* b: an integer (ns), duration or time */
static bool fold_time(struct iql_expr *a, enum iql_op op, const struct iql_expr *b)
{
	if (b->kind == IQL_TIME) {
		if (op != IQL_SUB)
			return set_comparison(a, op, compare_times(a, b));
		int64_t ns = time_between(a, b);
		a->kind = IQL_DURATION;
		a->i = ns;
		return true;
	}
	if ((b->kind != IQL_DURATION && b->kind != IQL_INTEGER) || (op != IQL_ADD && op != IQL_SUB))
		return false;
	shift_time(a, b->i, op == IQL_ADD ? 1 : -1);
	return true;
}

static bool join_strings(struct iql_expr *a, const struct iql_expr *b, struct arena *arena)
{
	size_t n = a->text.len + b->text.len;
	char *whole = arena_alloc(arena, n + 1, 1);

	if (!whole)
		return false;
	memcpy(whole, a->text.p, a->text.len);
	memcpy(whole + a->text.len, b->text.p, b->text.len);
	a->text = (struct view){ whole, n };
	return true;
}

static bool fold_strings(struct iql_expr *a, enum iql_op op, struct iql_expr *b, const struct iql_clock *clock)
{
	struct iql_expr ta = *a, tb = *b;

	if (op == IQL_ADD)
		return join_strings(a, b, clock->arena);
	if (make_time(&ta, clock) && make_time(&tb, clock)) {
		*a = ta;
		return fold_time(a, op, &tb);
	}
	if (op == IQL_EQ || op == IQL_NEQ)
		return set_bool(a, view_eq(a->text, b->text) == (op == IQL_EQ));
	return false;
}

static bool is_temporal(const struct iql_expr *e)
{
	return e->kind == IQL_DURATION || e->kind == IQL_TIME;
}

static bool fold_pair(struct iql_expr *a, enum iql_op op, struct iql_expr *b, const struct iql_clock *clock)
{
	if (a->kind == IQL_STRING && b->kind == IQL_STRING)
		return fold_strings(a, op, b, clock);
	if (a->kind == IQL_STRING && (is_temporal(b) || b->kind == IQL_INTEGER) && !make_time(a, clock))
		return false;
	if (b->kind == IQL_STRING && (is_temporal(a) || a->kind == IQL_INTEGER) && !make_time(b, clock))
		return false;
	if (a->kind == IQL_BOOLEAN && b->kind == IQL_BOOLEAN)
		return fold_booleans(a, op, b);
	if (is_number(a) && is_number(b))
		return fold_numbers(a, op, b);
	if (a->kind == IQL_INTEGER && b->kind == IQL_DURATION) {
		if (op != IQL_ADD && op != IQL_SUB)
			return false;
		set_time(a, a->i / NS, a->i % NS); /* ns since the epoch */
		return fold_time(a, op, b);
	}
	if (a->kind == IQL_INTEGER && b->kind == IQL_TIME)
		a->kind = IQL_DURATION;
	if (a->kind == IQL_DURATION)
		return fold_duration(a, op, b);
	return a->kind == IQL_TIME && fold_time(a, op, b);
}

/* ---- trees ---- */

static struct iql_expr *fold_node(struct iql_expr *e, const struct iql_clock *clock);

static void fold_list(struct iql_expr **at, const struct iql_clock *clock)
{
	for (; *at; at = &(*at)->next)
		*at = iql_fold(*at, clock);
}

/* While both sides are literals the first term takes the second in. */
static struct iql_expr *fold_chain(struct iql_expr *e, const struct iql_clock *clock)
{
	struct iql_expr *first;

	fold_list(&e->chain.list, clock);
	first = e->chain.list;
	while (first->next && iql_is_literal(first) && iql_is_literal(first->next)) {
		struct iql_expr *second = first->next, old = *first;
		if (!fold_pair(first, (enum iql_op)second->op, second, clock)) {
			*first = old;
			break;
		}
		first->next = second->next;
	}
	for (e->chain.last = first; e->chain.last->next;)
		e->chain.last = e->chain.last->next;
	return first->next ? e : first;
}

static struct iql_expr *fold_call(struct iql_expr *e, const struct iql_clock *clock)
{
	if (clock->has_now && e->call.count == 0 && view_is(e->call.name, "now"))
		set_time(e, clock->now_ns / NS, clock->now_ns % NS);
	else
		fold_list(&e->call.list, clock);
	return e;
}

static struct iql_expr *fold_node(struct iql_expr *e, const struct iql_clock *clock)
{
	switch (e->kind) {
	case IQL_CALL:
		return fold_call(e, clock);
	case IQL_CHAIN:
		return fold_chain(e, clock);
	case IQL_PAREN:
		e->chain.list = iql_fold(e->chain.list, clock);
		return e->chain.list->kind == IQL_CHAIN ? e : e->chain.list;
	default:
		return e;
	}
}

struct iql_expr *iql_fold(struct iql_expr *e, const struct iql_clock *clock)
{
	struct iql_expr *next = e->next;
	uint8_t op = e->op;

	e = fold_node(e, clock);
	e->next = next;
	e->op = op;
	return e;
}

unsigned iql_math_arguments(struct view function)
{
	static const char *const names[] = { "abs", "acos", "asin", "atan", "ceil", "cos", "exp", "floor", "ln",
		"log10", "log2", "round", "sin", "sqrt", "tan", "atan2", "log", "pow" };
	enum { NAMES = sizeof names / sizeof *names, OF_TWO = 3 };

	for (size_t i = 0; i < NAMES; i++)
		if (view_is(function, names[i]))
			return i + OF_TWO < NAMES ? 1 : 2;
	return 0;
}
