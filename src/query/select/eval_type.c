#include "query/influxql/fold.h"
#include "query/influxql/print.h"
#include "query/select/eval.h"

enum { SHOWN_BYTES = 4096 };

struct typing {
	enum cell_type (*type_of)(void *arg, const struct iql_expr *leaf);
	void *arg;
	struct errbuf *eb;
	enum err error;
};

static bool is_number(enum cell_type t)
{
	return t == CELL_FLOAT || t == CELL_INTEGER || t == CELL_UNSIGNED;
}

static bool is_bitwise(enum iql_op op)
{
	return op == IQL_BIT_AND || op == IQL_BIT_OR || op == IQL_BIT_XOR;
}

/* False: they do not go together. */
static bool combine(enum iql_op op, enum cell_type a, enum cell_type b, enum cell_type *out)
{
	if (op >= IQL_AND) { /* and all comparisons */
		*out = CELL_BOOLEAN;
		return true;
	}
	if (a == CELL_NULL || b == CELL_NULL) {
		*out = a == CELL_NULL ? b : a;
		return true;
	}
	*out = a;
	if (a == CELL_BOOLEAN && b == CELL_BOOLEAN)
		return is_bitwise(op);
	if (!is_number(a) || !is_number(b))
		return false;
	if (a == CELL_FLOAT || b == CELL_FLOAT) {
		*out = CELL_FLOAT;
		return !is_bitwise(op);
	}
	if (a != b)
		*out = CELL_UNSIGNED;
	if (*out == CELL_INTEGER && op == IQL_DIV)
		*out = CELL_FLOAT;
	return true;
}

static const char *name_of(enum cell_type t, const struct iql_expr *e)
{
	static const char *const names[] = { "unknown", "float", "integer", "unsigned", "boolean", "string" };

	return e->kind == IQL_REF && e->cast == IQL_CAST_TAG ? "tag" : names[t];
}

static void refuse(
    struct typing *t, const struct iql_expr *chain, const struct iql_expr *part, enum cell_type a, enum cell_type b)
{
	const struct iql_expr *left = chain->chain.list;
	struct buf text;

	buf_init(&text, SHOWN_BYTES);
	iql_print_expr_brief(chain, &text);
	/* the left side by its type alone where it is itself a chain */
	const struct iql_expr *before = left->next == part ? left : chain;
	t->error = errbuf_set(t->eb, ERR_INVALID, "type error: %.*s: incompatible types: %s and %s",
	    text.len < IQL_SHOWN_MAX ? (int)text.len : (int)IQL_SHOWN_MAX, text.p ? text.p : "", name_of(a, before),
	    name_of(b, part));
	buf_fini(&text);
}

static void refuse_unsigned(struct typing *t, const struct iql_expr *chain, const struct iql_expr *part)
{
	struct buf text;

	buf_init(&text, SHOWN_BYTES);
	iql_print_expr_brief(chain, &text);
	t->error = errbuf_set(t->eb, ERR_INVALID,
	    "type error: %.*s: cannot use %s with an integer and unsigned literal",
	    text.len < IQL_SHOWN_MAX ? (int)text.len : (int)IQL_SHOWN_MAX, text.p ? text.p : "",
	    iql_op_name((enum iql_op)part->op));
	buf_fini(&text);
}

static enum cell_type type_of(struct typing *t, const struct iql_expr *e);

static enum cell_type type_of_chain(struct typing *t, const struct iql_expr *e)
{
	const struct iql_expr *first = e->chain.list;
	enum cell_type a = type_of(t, first);

	for (const struct iql_expr *part = first->next; part && t->error == ERR_OK; part = part->next) {
		enum cell_type b = type_of(t, part), both = CELL_NULL;
		if (t->error == ERR_OK && a == CELL_INTEGER && part->kind == IQL_UNSIGNED && part->op < IQL_AND)
			refuse_unsigned(t, e, part);
		else if (t->error == ERR_OK && !combine((enum iql_op)part->op, a, b, &both))
			refuse(t, e, part, a, b);
		a = both;
	}
	return a;
}

static bool keeps_type(struct view name)
{
	return view_is(name, "abs") || view_is(name, "ceil") || view_is(name, "floor") || view_is(name, "round");
}

static enum cell_type type_of(struct typing *t, const struct iql_expr *e)
{
	while (e->kind == IQL_PAREN)
		e = e->chain.list;
	switch (e->kind) {
	case IQL_CHAIN:
		return type_of_chain(t, e);
	case IQL_CALL:
		if (!iql_math_arguments(e->call.name))
			return t->type_of(t->arg, e);
		for (const struct iql_expr *a = e->call.list; a && t->error == ERR_OK; a = a->next) {
			enum cell_type of = type_of(t, a);
			if (a == e->call.list && keeps_type(e->call.name))
				return of;
		}
		return CELL_FLOAT;
	case IQL_INTEGER:
	case IQL_DURATION:
	case IQL_TIME:
		return CELL_INTEGER;
	case IQL_UNSIGNED:
		return CELL_UNSIGNED;
	case IQL_FLOAT:
		return CELL_FLOAT;
	case IQL_BOOLEAN:
		return CELL_BOOLEAN;
	case IQL_STRING:
		return CELL_STRING;
	case IQL_REGEX:
		return CELL_NULL;
	default:
		return t->type_of(t->arg, e);
	}
}

enum err eval_type(enum cell_type *out, const struct iql_expr *e,
    enum cell_type (*leaf)(void *arg, const struct iql_expr *leaf), void *arg, struct errbuf *eb)
{
	struct typing t = { .type_of = leaf, .arg = arg, .eb = eb };

	*out = type_of(&t, e);
	return t.error;
}
