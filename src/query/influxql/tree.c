#include "query/influxql/tree.h"

#include "base/arena.h"

struct iql_expr *iql_parts(const struct iql_expr *e)
{
	if (e->kind == IQL_CALL)
		return e->call.list;
	return e->kind == IQL_CHAIN || e->kind == IQL_PAREN ? e->chain.list : NULL;
}

static struct iql_expr *clone_list(struct arena *a, const struct iql_expr *e, struct iql_expr **last)
{
	struct iql_expr *first = NULL, **end = &first;

	*last = NULL;
	for (; e; e = e->next) {
		*last = *end = iql_clone(a, e);
		if (!*end)
			return NULL;
		end = &(*end)->next;
	}
	return first;
}

struct iql_expr *iql_clone(struct arena *a, const struct iql_expr *e)
{
	struct iql_expr *copy = arena_alloc(a, sizeof *copy, 8), *last;

	if (!copy)
		return NULL;
	*copy = *e;
	copy->next = NULL;
	if (e->kind == IQL_CALL && e->call.list) {
		copy->call.list = clone_list(a, e->call.list, &last);
		if (!copy->call.list)
			return NULL;
	} else if (e->kind == IQL_PAREN || e->kind == IQL_CHAIN) {
		copy->chain.list = clone_list(a, e->chain.list, &last);
		if (!copy->chain.list)
			return NULL;
		copy->chain.last = last;
	}
	return copy;
}

static bool lists_are_equal(const struct iql_expr *a, const struct iql_expr *b, bool ops)
{
	for (bool first = true; a && b; first = false, a = a->next, b = b->next)
		if (!iql_expr_equal(a, b) || (ops && !first && a->op != b->op))
			return false;
	return !a && !b;
}

bool iql_expr_equal(const struct iql_expr *a, const struct iql_expr *b)
{
	if (a->kind != b->kind || a->cast != b->cast)
		return false;
	switch ((enum iql_kind)a->kind) {
	case IQL_WILDCARD:
		return true;
	case IQL_REF:
	case IQL_DISTINCT:
	case IQL_REGEX:
	case IQL_STRING:
		return view_eq(a->text, b->text);
	case IQL_CALL:
		return view_eq(a->call.name, b->call.name) && lists_are_equal(a->call.list, b->call.list, false);
	case IQL_PAREN:
	case IQL_CHAIN:
		return lists_are_equal(a->chain.list, b->chain.list, a->kind == IQL_CHAIN);
	case IQL_FLOAT:
		return memcmp(&a->f, &b->f, sizeof a->f) == 0;
	case IQL_BOOLEAN:
		return a->b == b->b;
	case IQL_TIME:
		return a->i == b->i && a->nanos == b->nanos;
	case IQL_INTEGER:
	case IQL_UNSIGNED:
	case IQL_DURATION:
		return a->i == b->i;
	}
	return false;
}

const char *iql_kind_name(const struct iql_expr *e)
{
	static const char *const names[] = {
		[IQL_REF] = "VarRef",
		[IQL_WILDCARD] = "Wildcard",
		[IQL_CALL] = "Call",
		[IQL_DISTINCT] = "Distinct",
		[IQL_PAREN] = "ParenExpr",
		[IQL_CHAIN] = "BinaryExpr",
		[IQL_REGEX] = "RegexLiteral",
		[IQL_INTEGER] = "IntegerLiteral",
		[IQL_UNSIGNED] = "UnsignedLiteral",
		[IQL_FLOAT] = "NumberLiteral",
		[IQL_STRING] = "StringLiteral",
		[IQL_BOOLEAN] = "BooleanLiteral",
		[IQL_DURATION] = "DurationLiteral",
		[IQL_TIME] = "TimeLiteral",
	};

	return names[e->kind];
}
