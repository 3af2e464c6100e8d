/* What two types come to is what their zeros come to: so InfluxDB finds it. */
#include "query/influxql/fold.h"
#include "query/influxql/print.h"
#include "query/select/eval_part.h"

enum { SHOWN_BYTES = 4096 };

struct typing {
	enum cell_type (*type_of)(void *arg, const struct iql_expr *leaf);
	void *arg;
	struct errbuf *eb;
	enum err error;
};

struct type {
	enum cell_type is;
	bool of_tag, literal;
};

static const char *name_of(struct type t)
{
	static const char *const names[] = { "unknown", "float", "integer", "unsigned", "boolean", "string" };

	return t.of_tag ? "tag" : names[t.is];
}

/* The chain up to the term that does not go together with those before it. */
static void print_until(const struct iql_expr *chain, const struct iql_expr *last, struct buf *out)
{
	for (const struct iql_expr *x = chain->chain.list; x; x = x == last ? NULL : x->next) {
		if (x != chain->chain.list) {
			buf_char(out, ' ');
			buf_str(out, iql_op_name((enum iql_op)x->op));
			buf_char(out, ' ');
		}
		iql_print_expr_brief(x, out);
	}
}

static void refuse(
    struct typing *t, const struct iql_expr *chain, const struct iql_expr *last, struct type a, struct type b)
{
	const char *op = iql_op_name((enum iql_op)last->op);
	struct buf text;

	buf_init(&text, SHOWN_BYTES);
	print_until(chain, last, &text);
	struct view v = { text.p ? text.p : "", text.len };
	int shown = (int)view_cut(v, IQL_SHOWN_MAX);
	if ((a.is == CELL_INTEGER && b.is == CELL_UNSIGNED) || (a.is == CELL_UNSIGNED && b.is == CELL_INTEGER))
		t->error = errbuf_set(t->eb, ERR_INVALID,
		    a.literal || b.literal
			? "type error: %.*s: cannot use %s with an integer and unsigned literal"
			: "type error: %.*s: cannot use %s between an integer and unsigned, an explicit cast is required",
		    shown, v.p, op);
	else
		t->error = errbuf_set(t->eb, ERR_INVALID, "type error: %.*s: incompatible types: %s and %s", shown, v.p,
		    name_of(a), name_of(b));
	buf_fini(&text);
}

/* Whether an integer may stand beside an unsigned number: only if it is written there. */
static bool signs_fit(struct type a, struct type b)
{
	if (a.is == CELL_UNSIGNED && b.is == CELL_INTEGER)
		return !a.literal && b.literal;
	if (a.is == CELL_INTEGER && b.is == CELL_UNSIGNED)
		return !b.literal && a.literal;
	return true;
}

/* False: they do not go together. */
static bool combine(enum iql_op op, struct type a, struct type b, struct type *out)
{
	if (!signs_fit(a, b))
		return false;
	if (a.is == CELL_NULL || b.is == CELL_NULL) {
		*out = a.is == CELL_NULL ? b : a;
		out->literal = false;
		return true;
	}
	const struct cell zero_a = { .type = a.is }, zero_b = { .type = b.is };
	*out = (struct type){ .is = eval_binary(op, zero_a, zero_b, true).type };
	return out->is != CELL_NULL;
}

static struct type type_of(struct typing *t, const struct iql_expr *e);

static struct type type_of_chain(struct typing *t, const struct iql_expr *e)
{
	const struct iql_expr *first = e->chain.list;
	struct type a = type_of(t, first);

	for (const struct iql_expr *part = first->next; part && t->error == ERR_OK; part = part->next) {
		enum iql_op op = (enum iql_op)part->op;
		struct type b = type_of(t, part), both = { .is = CELL_BOOLEAN };
		if (t->error == ERR_OK && op != IQL_MATCH && op != IQL_NOT_MATCH && !combine(op, a, b, &both))
			refuse(t, e, part, a, b);
		a = both;
	}
	return a;
}

/* As its first argument, whatever it calculates; the others must be sound too. */
static struct type type_of_math(struct typing *t, const struct iql_expr *call)
{
	struct type first = { .is = CELL_NULL };

	for (const struct iql_expr *e = call->call.list; e && t->error == ERR_OK; e = e->next) {
		struct type of = type_of(t, e);
		if (e == call->call.list)
			first = of;
	}
	first.literal = false;
	return first;
}

static struct type type_of(struct typing *t, const struct iql_expr *e)
{
	while (e->kind == IQL_PAREN)
		e = e->chain.list;
	switch (e->kind) {
	case IQL_CHAIN:
		return type_of_chain(t, e);
	case IQL_CALL:
		if (iql_math_arguments(e->call.name))
			return type_of_math(t, e);
		return (struct type){ .is = t->type_of(t->arg, e) };
	case IQL_INTEGER:
		return (struct type){ .is = CELL_INTEGER, .literal = true };
	case IQL_UNSIGNED:
		return (struct type){ .is = CELL_UNSIGNED, .literal = true };
	case IQL_FLOAT:
		return (struct type){ .is = CELL_FLOAT, .literal = true };
	case IQL_BOOLEAN:
		return (struct type){ .is = CELL_BOOLEAN, .literal = true };
	case IQL_STRING:
		return (struct type){ .is = CELL_STRING, .literal = true };
	case IQL_DURATION:
	case IQL_TIME:
	case IQL_REGEX:
		return (struct type){ .is = CELL_NULL };
	default:
		return (struct type){ .is = t->type_of(t->arg, e),
			.of_tag = e->kind == IQL_REF && e->cast == IQL_CAST_TAG };
	}
}

enum err eval_type(enum cell_type *out, const struct iql_expr *e,
    enum cell_type (*leaf)(void *arg, const struct iql_expr *leaf), void *arg, struct errbuf *eb)
{
	struct typing t = { .type_of = leaf, .arg = arg, .eb = eb };

	*out = type_of(&t, e).is;
	return t.error;
}
