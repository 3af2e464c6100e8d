/* Shared by the files of eval alone. */
#ifndef QUERY_SELECT_EVAL_PART_H
#define QUERY_SELECT_EVAL_PART_H

#include "query/select/eval.h"

/* a op b, as InfluxDB 1.6 works it out; op is neither =~ nor !~. whole_division: integers divided give an integer. */
struct cell eval_binary(enum iql_op op, struct cell a, struct cell b, bool whole_division);

/* ---- eval_math.c ---- */

enum eval_math {
	MATH_NONE,
	MATH_ABS,
	MATH_ACOS,
	MATH_ASIN,
	MATH_ATAN,
	MATH_ATAN2,
	MATH_CEIL,
	MATH_COS,
	MATH_EXP,
	MATH_FLOOR,
	MATH_LN,
	MATH_LOG,
	MATH_LOG10,
	MATH_LOG2,
	MATH_POW,
	MATH_ROUND,
	MATH_SIN,
	MATH_SQRT,
	MATH_TAN
};
enum eval_math eval_find_math(struct view name);
struct cell eval_calculate(enum eval_math m, const struct cell *of, unsigned count); /* of one or two */

#endif
