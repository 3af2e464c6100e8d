/* An expression becomes nodes that refer to their parts; leaves take their cells from slots. Parts of a chain are taken from
 * left to right. Recursion is as deep as the tree, which the parser bounds. */
#include "query/select/eval.h"

#include "query/regex.h"
#include "query/select/eval_part.h"

enum node_kind { NODE_CONSTANT, NODE_SLOT, NODE_CHAIN, NODE_MATH, NODE_REGEX };

struct node {
	uint8_t kind, op; /* op: before this part of its chain */
	uint8_t math; /* enum eval_math */
	bool is_condition; /* true, false or missing, never anything else */
	unsigned slot;
	struct node *next, *parts;
	struct cell constant;
	struct regex *regex;
	struct node *next_regex; /* of all in the expression */
};

struct eval {
	struct node *root, *regexes;
	bool whole_division, missing_stays, gave_up;
};

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
	case IQL_DURATION: /* these go together with nothing */
	case IQL_TIME:
		return true;
	case IQL_INTEGER:
		*out = (struct cell){ .type = CELL_INTEGER, .i = e->i };
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
		n->is_condition = n->kind == NODE_CHAIN && e->op >= IQL_AND;
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
		return refuse(c,
		    errbuf_set(c->eb, ERR_TOOBIG,
			"the query needs more memory than it may take; make its expressions shorter"));
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
	if (e->kind == IQL_CALL && (n->math = (uint8_t)eval_find_math(e->call.name)) != MATH_NONE) {
		n->kind = NODE_MATH;
		return compile_parts(c, n, e->call.list);
	}
	if (constant_of(e, &n->constant)) {
		n->kind = NODE_CONSTANT;
		n->is_condition = n->constant.type == CELL_BOOLEAN;
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
		return errbuf_set(
		    eb, ERR_TOOBIG, "the query needs more memory than it may take; make its expressions shorter");
	c.eval->whole_division = slots->whole_division;
	c.eval->missing_stays = slots->missing_stays;
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

static struct cell work_out(struct eval *e, const struct node *n, const struct cell *slots);

static struct cell call(struct eval *e, const struct node *n, const struct cell *slots)
{
	struct cell of[2] = { { .type = CELL_NULL }, { .type = CELL_NULL } };
	unsigned count = 0;

	for (const struct node *part = n->parts; part && count < 2; part = part->next)
		of[count++] = work_out(e, part, slots);
	return eval_calculate((enum eval_math)n->math, of, count);
}

/* What is missing beside a boolean is false. */
static struct cell join(const struct eval *e, const struct node *x, struct cell a, const struct node *y, struct cell b)
{
	const struct cell no = { .type = CELL_BOOLEAN };

	if (a.type == CELL_NULL && b.type == CELL_BOOLEAN && !(e->missing_stays && x->kind == NODE_SLOT))
		a = no;
	else if (b.type == CELL_NULL && a.type == CELL_BOOLEAN && !(e->missing_stays && y->kind == NODE_SLOT))
		b = no;
	return eval_binary((enum iql_op)y->op, a, b, e->whole_division);
}

static struct cell work_out(struct eval *e, const struct node *n, const struct cell *slots)
{
	switch (n->kind) {
	case NODE_CONSTANT:
		return n->constant;
	case NODE_SLOT:
		return slots[n->slot];
	case NODE_REGEX:
		return (struct cell){ .type = CELL_NULL };
	case NODE_MATH:
		return call(e, n, slots);
	default:
		break;
	}
	const struct node *before = n->parts;
	struct cell a = work_out(e, before, slots);
	for (const struct node *part = before->next; part; before = n, part = part->next) {
		enum iql_op op = (enum iql_op)part->op;
		/* what follows cannot change it */
		if (part->is_condition && a.type == CELL_BOOLEAN && (op == IQL_OR ? a.b : op == IQL_AND && !a.b))
			continue;
		if (op == IQL_MATCH || op == IQL_NOT_MATCH)
			a = match(e, a, part, op);
		else
			a = join(e, before, a, part, work_out(e, part, slots));
	}
	return a;
}

struct cell eval_cell(struct eval *e, const struct cell *slots)
{
	return work_out(e, e->root, slots);
}

bool eval_is_true(struct eval *e, const struct cell *slots)
{
	struct cell c = work_out(e, e->root, slots);

	return c.type == CELL_BOOLEAN && c.b;
}

bool eval_gave_up(const struct eval *e)
{
	return e->gave_up;
}
