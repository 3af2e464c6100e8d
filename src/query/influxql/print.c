#include "query/influxql/print.h"

#include "base/timetext.h"
#include "query/influxql/literal.h"
#include "query/influxql/print_part.h"
#include "query/influxql/token.h"

/* ---- names and literals ---- */

const char *iql_op_name(enum iql_op op)
{
	return iql_token_name((enum iql_token_kind)(TOK_ADD + op));
}

static void print_escaped(struct view v, char quote, struct buf *out)
{
	buf_char(out, quote);
	for (size_t i = 0; i < v.len; i++) {
		char c = v.p[i];
		if (c == '\n') {
			buf_str(out, "\\n");
			continue;
		}
		if (c == quote || c == '\\')
			buf_char(out, '\\');
		buf_char(out, c);
	}
	buf_char(out, quote);
}

static bool must_quote(struct view name)
{
	if (name.len == 0 || iql_is_digit((unsigned char)name.p[0]))
		return true;
	for (size_t i = 0; i < name.len; i++)
		if (!iql_is_ident((unsigned char)name.p[i]))
			return true;
	return iql_token_lookup(name) != TOK_IDENT;
}

void iql_print_name(struct view name, bool always, struct buf *out)
{
	if (always || must_quote(name))
		print_escaped(name, '"', out);
	else
		buf_view(out, name);
}

void iql_print_string(struct view text, struct buf *out)
{
	print_escaped(text, '\'', out);
}

void iql_print_regex(struct view text, struct buf *out)
{
	buf_char(out, '/');
	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] == '/')
			buf_char(out, '\\');
		buf_char(out, text.p[i]);
	}
	buf_char(out, '/');
}

/* Only folding makes these: InfluxQL has them as strings. */
static void print_time(const struct iql_expr *e, struct buf *out)
{
	char text[32];

	if (e->i > INT64_MAX / 1000000000 - 1 || e->i < INT64_MIN / 1000000000 + 1) {
		buf_str(out, "'(out of range)'");
		return;
	}
	timetext_format(text, e->i * 1000000000 + e->nanos);
	buf_printf(out, "'%s'", text);
}

static void print_cast(enum iql_cast cast, struct buf *out)
{
	static const char *const names[] = { "", "::float", "::integer", "::unsigned", "::string", "::boolean",
		"::field", "::tag" };

	buf_str(out, names[cast]);
}

/* ---- expressions ---- */

static void print_expr(const struct iql_expr *e, bool brief, struct buf *out);

static void print_list(const struct iql_expr *e, bool brief, struct buf *out)
{
	for (; e; e = e->next) {
		print_expr(e, brief, out);
		if (e->next)
			buf_str(out, ", ");
	}
}

static void print_chain(const struct iql_expr *e, bool brief, struct buf *out)
{
	for (const struct iql_expr *t = e->chain.list; t; t = t->next) {
		if (t != e->chain.list) {
			buf_char(out, ' ');
			buf_str(out, iql_op_name((enum iql_op)t->op));
			buf_char(out, ' ');
		}
		print_expr(t, brief, out);
	}
}

static void print_expr(const struct iql_expr *e, bool brief, struct buf *out)
{
	switch ((enum iql_kind)e->kind) {
	case IQL_REF:
		iql_print_name(e->text, false, out);
		print_cast((enum iql_cast)e->cast, out);
		break;
	case IQL_WILDCARD:
		buf_char(out, '*');
		print_cast((enum iql_cast)e->cast, out);
		break;
	case IQL_CALL:
		/* `distinct` is a keyword that may stand for the function's name */
		if (view_is(e->call.name, "distinct"))
			buf_str(out, "distinct");
		else
			iql_print_name(e->call.name, false, out);
		buf_char(out, '(');
		print_list(e->call.list, brief, out);
		buf_char(out, ')');
		break;
	case IQL_DISTINCT:
		buf_str(out, "DISTINCT ");
		iql_print_name(e->text, false, out);
		break;
	case IQL_PAREN:
		buf_char(out, '(');
		print_expr(e->chain.list, brief, out);
		buf_char(out, ')');
		break;
	case IQL_CHAIN:
		print_chain(e, brief, out);
		break;
	case IQL_REGEX:
		iql_print_regex(e->text, out);
		break;
	case IQL_INTEGER:
		buf_i64(out, e->i);
		break;
	case IQL_UNSIGNED:
		buf_u64(out, e->u);
		break;
	case IQL_FLOAT:
		if (brief)
			buf_printf(out, "%.3f", e->f);
		else
			iql_float_print(e->f, 1, out);
		break;
	case IQL_STRING:
		iql_print_string(e->text, out);
		break;
	case IQL_BOOLEAN:
		buf_str(out, e->b ? "true" : "false");
		break;
	case IQL_DURATION:
		iql_duration_print(e->i, out);
		break;
	case IQL_TIME:
		print_time(e, out);
		break;
	}
}

void iql_print_expr(const struct iql_expr *e, struct buf *out)
{
	print_expr(e, false, out);
}

void iql_print_expr_brief(const struct iql_expr *e, struct buf *out)
{
	print_expr(e, true, out);
}
