/* Mathematical functions of numbers; of anything else they give nothing. */
#include <math.h>

#include "query/select/eval_part.h"

enum eval_math eval_find_math(struct view name)
{
	static const char *const names[] = { "", "abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "exp", "floor",
		"ln", "log", "log10", "log2", "pow", "round", "sin", "sqrt", "tan" };
	_Static_assert(sizeof names / sizeof *names == MATH_TAN + 1, "a name each");

	for (int i = 1; i <= MATH_TAN; i++)
		if (view_is(name, names[i]))
			return (enum eval_math)i;
	return MATH_NONE;
}

static double of_one(enum eval_math m, double x)
{
	switch (m) {
	case MATH_ABS:
		return fabs(x);
	case MATH_ACOS:
		return acos(x);
	case MATH_ASIN:
		return asin(x);
	case MATH_ATAN:
		return atan(x);
	case MATH_CEIL:
		return ceil(x);
	case MATH_COS:
		return cos(x);
	case MATH_EXP:
		return exp(x);
	case MATH_FLOOR:
		return floor(x);
	case MATH_LN:
		return log(x);
	case MATH_LOG10:
		return log10(x);
	case MATH_LOG2:
		return log2(x);
	case MATH_ROUND:
		return round(x);
	case MATH_SIN:
		return sin(x);
	case MATH_SQRT:
		return sqrt(x);
	case MATH_TAN:
		return tan(x);
	default:
		return NAN;
	}
}

static double of_two(enum eval_math m, double x, double y)
{
	return m == MATH_ATAN2 ? atan2(x, y) : m == MATH_POW ? pow(x, y) : log(x) / log(y);
}

/* abs() of a negative integer stays negative in InfluxDB 1.6, by mistake; not here. */
static bool keeps_whole(enum eval_math m)
{
	return m == MATH_ABS || m == MATH_CEIL || m == MATH_FLOOR || m == MATH_ROUND;
}

struct cell eval_calculate(enum eval_math m, const struct cell *of, unsigned count)
{
	const struct cell missing = { .type = CELL_NULL };

	if (!cell_type_is_number(of[0].type) || (count == 2 && !cell_type_is_number(of[1].type)))
		return missing;
	const double x = cell_number(of[0]);
	if (count == 2)
		return (struct cell){ .type = CELL_FLOAT, .f = of_two(m, x, cell_number(of[1])) };
	if (of[0].type != CELL_FLOAT && keeps_whole(m)) {
		struct cell whole = of[0];
		if (m == MATH_ABS && whole.type == CELL_INTEGER && whole.i < 0)
			whole.i = (int64_t)(0 - (uint64_t)whole.i);
		return whole;
	}
	return (struct cell){ .type = CELL_FLOAT, .f = of_one(m, x) };
}
