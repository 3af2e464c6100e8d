/* Operators over two values. Beside a float all numbers are floats; an integer beside an unsigned number is taken for one,
 * its bits as they are, but compared as the number it is. Anything divided by zero gives 0. Strings are compared, never
 * joined: InfluxDB 1.6 cannot. */
#include <math.h>

#include "query/select/eval_part.h"

static struct cell of_bool(bool b)
{
	return (struct cell){ .type = CELL_BOOLEAN, .b = b };
}

static struct cell of_float(double f)
{
	return (struct cell){ .type = CELL_FLOAT, .f = f };
}

static struct cell of_integer(uint64_t bits)
{
	return (struct cell){ .type = CELL_INTEGER, .i = (int64_t)bits };
}

static struct cell of_unsigned(uint64_t u)
{
	return (struct cell){ .type = CELL_UNSIGNED, .u = u };
}

static bool is_comparison(enum iql_op op)
{
	return op >= IQL_EQ;
}

/* What does not fit together: not equal, not unequal either; of no value elsewhere. */
static struct cell no_fit(enum iql_op op)
{
	return is_comparison(op) ? of_bool(false) : (struct cell){ .type = CELL_NULL };
}

static struct cell compare(enum iql_op op, bool less, bool equal, bool greater)
{
	switch (op) {
	case IQL_EQ:
		return of_bool(equal);
	case IQL_NEQ:
		return of_bool(!equal);
	case IQL_LT:
		return of_bool(less);
	case IQL_LTE:
		return of_bool(less || equal);
	case IQL_GT:
		return of_bool(greater);
	case IQL_GTE:
		return of_bool(greater || equal);
	default:
		return no_fit(op);
	}
}

static struct cell booleans(enum iql_op op, bool a, bool b)
{
	switch (op) {
	case IQL_AND:
	case IQL_BIT_AND:
		return of_bool(a && b);
	case IQL_OR:
	case IQL_BIT_OR:
		return of_bool(a || b);
	case IQL_BIT_XOR:
	case IQL_NEQ:
		return of_bool(a != b);
	case IQL_EQ:
		return of_bool(a == b);
	default:
		return no_fit(op);
	}
}

static struct cell floats(enum iql_op op, double a, double b)
{
	switch (op) {
	case IQL_ADD:
		return of_float(a + b);
	case IQL_SUB:
		return of_float(a - b);
	case IQL_MUL:
		return of_float(a * b);
	case IQL_DIV:
		return of_float(b == 0 ? 0 : a / b);
	case IQL_MOD:
		return of_float(fmod(a, b));
	default:
		return compare(op, a<b, a == b, a> b);
	}
}

/* Sums, products and bits are the same for both kinds of integers. */
static bool wrapping(enum iql_op op, uint64_t a, uint64_t b, uint64_t *out)
{
	switch (op) {
	case IQL_ADD:
		*out = a + b;
		return true;
	case IQL_SUB:
		*out = a - b;
		return true;
	case IQL_MUL:
		*out = a * b;
		return true;
	case IQL_BIT_AND:
		*out = a & b;
		return true;
	case IQL_BIT_OR:
		*out = a | b;
		return true;
	case IQL_BIT_XOR:
		*out = a ^ b;
		return true;
	default:
		return false;
	}
}

static struct cell integers(enum iql_op op, int64_t a, int64_t b, bool whole_division)
{
	uint64_t bits;

	if (wrapping(op, (uint64_t)a, (uint64_t)b, &bits))
		return of_integer(bits);
	if (op == IQL_DIV && whole_division)
		return of_integer(b == 0 ? 0 : b == -1 ? 0 - (uint64_t)a : (uint64_t)(a / b));
	if (op == IQL_DIV)
		return of_float(b == 0 ? 0 : (double)a / (double)b);
	if (op == IQL_MOD)
		return of_integer(b == 0 || b == -1 ? 0 : (uint64_t)(a % b));
	return compare(op, a<b, a == b, a> b);
}

static struct cell unsigneds(enum iql_op op, uint64_t a, uint64_t b)
{
	uint64_t bits;

	if (wrapping(op, a, b, &bits))
		return of_unsigned(bits);
	if (op == IQL_DIV)
		return of_unsigned(b == 0 ? 0 : a / b);
	if (op == IQL_MOD)
		return of_unsigned(b == 0 ? 0 : a % b);
	return compare(op, a<b, a == b, a> b);
}

static struct cell strings(enum iql_op op, struct view a, struct view b)
{
	return op == IQL_EQ || op == IQL_NEQ ? of_bool(view_eq(a, b) == (op == IQL_EQ)) : no_fit(op);
}

/* A negative integer is below every unsigned number. */
static struct cell mixed(enum iql_op op, struct cell a, struct cell b)
{
	if (is_comparison(op) && a.type == CELL_INTEGER && a.i < 0)
		return compare(op, true, false, false);
	if (is_comparison(op) && b.type == CELL_INTEGER && b.i < 0)
		return compare(op, false, false, true);
	return unsigneds(op, a.u, b.u);
}

/* A boolean on the left side makes these false where the right side is none. */
static bool is_logical(enum iql_op op)
{
	return op == IQL_AND || op == IQL_OR || op == IQL_BIT_AND || op == IQL_BIT_OR || op == IQL_BIT_XOR;
}

struct cell eval_binary(enum iql_op op, struct cell a, struct cell b, bool whole_division)
{
	if (a.type == CELL_BOOLEAN && b.type == CELL_BOOLEAN)
		return booleans(op, a.b, b.b);
	if (a.type == CELL_BOOLEAN && is_logical(op))
		return of_bool(false);
	if (a.type == CELL_STRING && b.type == CELL_STRING)
		return strings(op, a.s, b.s);
	if (!cell_type_is_number(a.type) || !cell_type_is_number(b.type))
		return no_fit(op);
	if (a.type == CELL_FLOAT || b.type == CELL_FLOAT)
		return floats(op, cell_number(a), cell_number(b));
	if (a.type != b.type)
		return mixed(op, a, b);
	return a.type == CELL_INTEGER ? integers(op, a.i, b.i, whole_division) : unsigneds(op, a.u, b.u);
}
