/* An expression becomes nodes that refer to their parts; leaves take their cells from slots. Parts of a chain are taken from
 * left to right. Recursion is as deep as the tree, which the parser bounds. */
#include "query/select/eval.h"

#include <math.h>

#include "query/regex.h"
#include "query/select/eval_part.h"

enum node_kind { NODE_CONSTANT, NODE_SLOT, NODE_CHAIN, NODE_MATH, NODE_REGEX };

struct node {
	uint8_t kind, op; /* op: before this part of its chain */
	uint8_t math; /* enum math */
	unsigned slot;
	struct node *next, *parts;
	struct cell constant;
	struct regex *regex;
	struct node *next_regex; /* of all in the expression */
};

struct eval {
	struct node *root, *regexes;
	bool gave_up;
};

enum math {
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
	MATH_TAN,
	MATHS
};
static const char *const math_names[MATHS] = { "", "abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "exp",
	"floor", "ln", "log", "log10", "log2", "pow", "round", "sin", "sqrt", "tan" };

static enum math find_math(struct view name)
{
	for (int i = 1; i < MATHS; i++)
		if (view_is(name, math_names[i]))
			return (enum math)i;
	return MATH_NONE;
}

/* ---- compiling ---- */

struct compiling {
	struct eval *eval;
	struct arena *arena;
	const struct eval_slots *slots;
	struct errbuf *eb;
	enum err error;
};

static struct node *refuse(struct compiling *c, enum err e)
{
	c->error = e;
	return NULL;
}

static bool constant_of(const struct iql_expr *e, struct cell *out)
{
	*out = (struct cell){ .type = CELL_NULL };
	switch (e->kind) {
	case IQL_INTEGER:
	case IQL_DURATION:
		*out = (struct cell){ .type = CELL_INTEGER, .i = e->i };
		return true;
	case IQL_TIME:
		*out = (struct cell){ .type = CELL_INTEGER, .i = (int64_t)((uint64_t)e->i * 1000000000u + e->nanos) };
		return true;
	case IQL_UNSIGNED:
		*out = (struct cell){ .type = CELL_UNSIGNED, .u = e->u };
		return true;
	case IQL_FLOAT:
		*out = (struct cell){ .type = CELL_FLOAT, .f = e->f };
		return true;
	case IQL_BOOLEAN:
		*out = (struct cell){ .type = CELL_BOOLEAN, .b = e->b };
		return true;
	case IQL_STRING:
		*out = (struct cell){ .type = CELL_STRING, .s = e->text };
		return true;
	default:
		return false;
	}
}

static struct node *compile(struct compiling *c, const struct iql_expr *e);

static struct node *compile_parts(struct compiling *c, struct node *n, const struct iql_expr *list)
{
	struct node **at = &n->parts;

	for (const struct iql_expr *e = list; e; e = e->next) {
		*at = compile(c, e);
		if (!*at)
			return NULL;
		(*at)->op = e->op;
		at = &(*at)->next;
	}
	return n;
}

static struct node *compile(struct compiling *c, const struct iql_expr *e)
{
	while (e->kind == IQL_PAREN)
		e = e->chain.list;
	struct node *n = arena_alloc(c->arena, sizeof *n, 16);
	if (!n)
		return refuse(c, errbuf_set(c->eb, ERR_NOMEM, "out of memory"));
	if (e->kind == IQL_CHAIN) {
		n->kind = NODE_CHAIN;
		return compile_parts(c, n, e->chain.list);
	}
	if (e->kind == IQL_REGEX) {
		enum err err = regex_compile(&n->regex, e->text, c->eb);
		if (err != ERR_OK)
			return refuse(c, err);
		n->kind = NODE_REGEX;
		n->next_regex = c->eval->regexes;
		c->eval->regexes = n;
		return n;
	}
	if (e->kind == IQL_CALL && (n->math = (uint8_t)find_math(e->call.name)) != MATH_NONE) {
		n->kind = NODE_MATH;
		return compile_parts(c, n, e->call.list);
	}
	if (constant_of(e, &n->constant)) {
		n->kind = NODE_CONSTANT;
		return n;
	}
	n->kind = NODE_SLOT;
	if (c->slots->find(c->slots->arg, e, &n->slot))
		return n;
	return refuse(c, errbuf_set(c->eb, ERR_INVALID, "invalid expression"));
}

enum err eval_new(
    struct eval **out, struct arena *a, const struct iql_expr *e, const struct eval_slots *slots, struct errbuf *eb)
{
	struct compiling c = { .arena = a, .slots = slots, .eb = eb };

	*out = NULL;
	c.eval = arena_alloc(a, sizeof *c.eval, 16);
	if (!c.eval)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	c.eval->root = compile(&c, e);
	if (c.error == ERR_OK)
		*out = c.eval;
	else
		eval_free(c.eval);
	return c.error;
}

void eval_free(struct eval *e)
{
	for (struct node *n = e ? e->regexes : NULL; n; n = n->next_regex) {
		regex_free(n->regex);
		n->regex = NULL;
	}
}

/* ---- calculating ---- */

static bool as_float(struct cell c, double *out)
{
	*out = c.type == CELL_FLOAT ? c.f : c.type == CELL_INTEGER ? (double)c.i : (double)c.u;
	return c.type == CELL_FLOAT || c.type == CELL_INTEGER || c.type == CELL_UNSIGNED;
}

static double of_one(enum math m, double x)
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

static double of_two(enum math m, double x, double y)
{
	return m == MATH_ATAN2 ? atan2(x, y) : m == MATH_POW ? pow(x, y) : log(x) / log(y);
}

/* abs, ceil, floor and round leave whole numbers what they are. */
static bool keeps_whole(enum math m)
{
	return m == MATH_ABS || m == MATH_CEIL || m == MATH_FLOOR || m == MATH_ROUND;
}

static struct cell calculate(const struct node *n, struct cell a, struct cell b)
{
	const enum math m = (enum math)n->math;
	double x, y;

	if (!as_float(a, &x))
		return (struct cell){ .type = CELL_NULL };
	if (n->parts->next)
		return as_float(b, &y) ? (struct cell){ .type = CELL_FLOAT, .f = of_two(m, x, y) }
				       : (struct cell){ .type = CELL_NULL };
	if (a.type != CELL_FLOAT && keeps_whole(m)) {
		if (m == MATH_ABS && a.type == CELL_INTEGER && a.i < 0)
			a.i = (int64_t)(0 - (uint64_t)a.i);
		return a;
	}
	return (struct cell){ .type = CELL_FLOAT, .f = of_one(m, x) };
}

static struct cell match(struct eval *e, struct cell a, const struct node *pattern, enum iql_op op)
{
	struct errbuf eb;
	bool yes = false;

	if (a.type != CELL_STRING || pattern->kind != NODE_REGEX)
		return (struct cell){ .type = CELL_NULL };
	if (regex_match(pattern->regex, a.s, &yes, &eb) != ERR_OK) {
		e->gave_up = true;
		return (struct cell){ .type = CELL_NULL };
	}
	return (struct cell){ .type = CELL_BOOLEAN, .b = yes == (op == IQL_MATCH) };
}

static struct cell work_out(struct eval *e, const struct node *n, const struct cell *slots, struct buf *scratch)
{
	struct cell a;

	switch (n->kind) {
	case NODE_CONSTANT:
		return n->constant;
	case NODE_SLOT:
		return slots[n->slot];
	case NODE_REGEX:
		return (struct cell){ .type = CELL_NULL };
	case NODE_MATH:
		a = n->parts ? work_out(e, n->parts, slots, scratch) : (struct cell){ .type = CELL_NULL };
		return calculate(n, a,
		    n->parts && n->parts->next ? work_out(e, n->parts->next, slots, scratch)
					       : (struct cell){ .type = CELL_NULL });
	default:
		break;
	}
	a = work_out(e, n->parts, slots, scratch);
	for (const struct node *part = n->parts->next; part; part = part->next) {
		enum iql_op op = (enum iql_op)part->op;
		/* nothing that follows can change it */
		if (a.type == CELL_BOOLEAN && ((op == IQL_OR && a.b) || (op == IQL_AND && !a.b)))
			continue;
		if (op == IQL_MATCH || op == IQL_NOT_MATCH)
			a = match(e, a, part, op);
		else
			a = eval_binary(op, a, work_out(e, part, slots, scratch), scratch);
	}
	return a;
}

struct cell eval_cell(struct eval *e, const struct cell *slots, struct buf *scratch)
{
	return work_out(e, e->root, slots, scratch);
}

bool eval_is_true(struct eval *e, const struct cell *slots, struct buf *scratch)
{
	struct cell c = work_out(e, e->root, slots, scratch);

	return c.type == CELL_BOOLEAN && c.b;
}

bool eval_gave_up(const struct eval *e)
{
	return e->gave_up;
}
