/* Expressions. One call of iql_parse_expr holds at most one open chain for each of the five precedences: an operator closes
 * the tighter ones, which become the last term of its own. Recursion is by parentheses and calls alone. */
#include "base/num.h"
#include "query/influxql/literal.h"
#include "query/influxql/parser_part.h"
#include "query/regex.h"

enum { LEVELS = 6 };

static unsigned level_of(enum iql_op op)
{
	switch (op) {
	case IQL_OR:
		return 1;
	case IQL_AND:
		return 2;
	case IQL_ADD:
	case IQL_SUB:
	case IQL_BIT_OR:
	case IQL_BIT_XOR:
		return 4;
	case IQL_MUL:
	case IQL_DIV:
	case IQL_MOD:
	case IQL_BIT_AND:
		return 5;
	default:
		return 3;
	}
}

/* ---- nodes ---- */

struct iql_expr *iql_new_expr(struct iql_parser *p, enum iql_kind kind)
{
	struct iql_expr *e = IQL_NEW(p, struct iql_expr);

	if (e) {
		e->kind = (uint8_t)kind;
		e->depth = 1;
	}
	return e;
}

static bool deepen(struct iql_parser *p, struct iql_expr *e, const struct iql_expr *part)
{
	if (part->depth >= e->depth)
		e->depth = (uint16_t)(part->depth + 1);
	return e->depth <= IQL_DEPTH_MAX || iql_refuse_depth(p);
}

static bool append_term(struct iql_parser *p, struct iql_expr *chain, enum iql_op op, struct iql_expr *term)
{
	term->op = (uint8_t)op;
	if (chain->chain.last)
		chain->chain.last->next = term;
	else
		chain->chain.list = term;
	chain->chain.last = term;
	return deepen(p, chain, term);
}

static struct iql_expr *text_expr(struct iql_parser *p, enum iql_kind kind, struct view text)
{
	struct iql_expr *e = iql_new_expr(p, kind);

	if (e)
		e->text = text;
	return e;
}

/* ---- literals ---- */

static struct iql_expr *parse_integer(struct iql_parser *p, struct iql_token t)
{
	struct iql_expr *e = iql_new_expr(p, IQL_INTEGER);

	if (!e || num_parse_i64(iql_digits(t.text), &e->i))
		return e;
	e->kind = IQL_UNSIGNED;
	if (num_parse_u64(iql_digits(t.text), &e->u))
		return e;
	return iql_refuse_at(p, t.pos, "unable to parse integer");
}

static struct iql_expr *parse_float(struct iql_parser *p, struct iql_token t)
{
	struct iql_expr *e = iql_new_expr(p, IQL_FLOAT);

	if (!e || num_parse_double(t.text, &e->f))
		return e;
	return iql_refuse_at(p, t.pos, "unable to parse number");
}

bool iql_parse_duration(struct iql_parser *p, struct iql_token t, int64_t *ns)
{
	struct view part;

	if (iql_duration_parse(t.text, ns, &part))
		return true;
	if (part.len == 0)
		return iql_refuse(p, "invalid duration");
	return iql_refuse(p, "overflowed duration %.*s: choose a smaller duration or INF",
	    (int)view_cut(part, IQL_SHOWN_MAX), part.p);
}

static struct iql_expr *parse_duration(struct iql_parser *p, struct iql_token t)
{
	struct iql_expr *e = iql_new_expr(p, IQL_DURATION);

	return e && iql_parse_duration(p, t, &e->i) ? e : NULL;
}

static struct iql_expr *parse_boolean(struct iql_parser *p, bool b)
{
	struct iql_expr *e = iql_new_expr(p, IQL_BOOLEAN);

	if (e)
		e->b = b;
	return e;
}

static struct iql_expr *regex_expr(struct iql_parser *p, struct iql_token t)
{
	struct errbuf why;

	if (regex_check(t.text, &why) != ERR_OK)
		return iql_refuse_at(p, t.pos, "%s", why.text);
	return text_expr(p, IQL_REGEX, t.text);
}

bool iql_parse_regex(struct iql_parser *p, struct iql_expr **out)
{
	uint32_t c = iql_lexer_peek(&p->lexer);

	*out = NULL;
	if (iql_is_space(c)) {
		iql_skip_space(p);
		c = iql_lexer_peek(&p->lexer);
	}
	if (c == '$') {
		enum iql_token_kind kind = iql_take(p).kind;
		iql_give_back(p);
		if (kind != TOK_REGEX)
			return true;
	} else if (c != '/') {
		return true;
	}
	struct iql_token t = iql_take_regex(p);
	if (t.kind == TOK_BAD_REGEX)
		return iql_refuse_at(p, t.pos, "bad regex: %.*s", (int)view_cut(t.text, IQL_SHOWN_MAX), t.text.p);
	if (t.kind != TOK_REGEX)
		return iql_refuse_token(p, &t, "regex");
	*out = regex_expr(p, t);
	return *out;
}

/* ---- calls ---- */

static struct iql_expr *parse_argument(struct iql_parser *p)
{
	struct iql_expr *e;

	if (!iql_parse_regex(p, &e))
		return NULL;
	return e ? e : iql_parse_expr(p);
}

/* After the opening parenthesis. */
static struct iql_expr *parse_call(struct iql_parser *p, struct view name)
{
	struct iql_expr *call = iql_new_expr(p, IQL_CALL), **end, *arg;

	if (!call || !iql_lower(p, name, &call->call.name) || !iql_parse_regex(p, &arg))
		return NULL;
	if (!arg) {
		if (iql_take(p).kind == TOK_RPAREN)
			return call;
		iql_give_back(p);
		if (!(arg = iql_parse_expr(p)))
			return NULL;
	}
	end = &call->call.list;
	for (;;) {
		*end = arg;
		end = &arg->next;
		call->call.count++;
		if (!deepen(p, call, arg))
			return NULL;
		if (!iql_take_if(p, TOK_COMMA))
			break;
		if (!(arg = parse_argument(p)))
			return NULL;
	}
	struct iql_token t = iql_take(p);
	return t.kind == TOK_RPAREN ? call : iql_refuse_token(p, &t, ")");
}

/* DISTINCT name, or DISTINCT(…), after the word. */
static struct iql_expr *parse_distinct(struct iql_parser *p)
{
	struct iql_token t = iql_take(p);

	if (t.kind == TOK_LPAREN)
		return parse_call(p, view_of("distinct"));
	if (t.kind != TOK_SPACE)
		return iql_refuse_token(p, &t, "(, identifier");
	t = iql_take_solid(p);
	if (t.kind != TOK_IDENT)
		return iql_refuse_token(p, &t, "identifier");
	return text_expr(p, IQL_DISTINCT, t.text);
}

static struct iql_expr *parse_paren(struct iql_parser *p)
{
	struct iql_expr *e = iql_new_expr(p, IQL_PAREN);

	if (!e || !(e->chain.list = iql_parse_expr(p)) || !deepen(p, e, e->chain.list))
		return NULL;
	struct iql_token t = iql_take_solid(p);
	return t.kind == TOK_RPAREN ? e : iql_refuse_token(p, &t, ")");
}

static struct iql_expr *refuse_param(struct iql_parser *p, struct iql_token t)
{
	if (t.text.len && t.text.p[0] == '$')
		t.text = (struct view){ t.text.p + 1, t.text.len - 1 };
	if (t.text.len == 0)
		return iql_refuse(p, "empty bound parameter");
	return iql_refuse(p, "missing parameter: %.*s", (int)view_cut(t.text, IQL_SHOWN_MAX), t.text.p);
}

/* ---- operands ---- */

/* -x is -1 * x unless x is a number. */
static struct iql_expr *times(struct iql_parser *p, int64_t sign, struct iql_expr *e)
{
	struct iql_expr *chain = iql_new_expr(p, IQL_CHAIN), *one = iql_new_expr(p, IQL_INTEGER);

	if (!chain || !one || !append_term(p, chain, IQL_MUL, one) || !append_term(p, chain, IQL_MUL, e))
		return NULL;
	one->i = sign;
	return chain;
}

static struct iql_expr *apply_sign(struct iql_parser *p, bool minus, struct iql_expr *e)
{
	switch (e->kind) {
	case IQL_FLOAT:
		e->f = minus ? -e->f : e->f;
		return e;
	case IQL_INTEGER:
	case IQL_DURATION:
		e->i = minus ? -e->i : e->i;
		return e;
	case IQL_UNSIGNED:
		if (!minus)
			return e;
		if (e->u != (uint64_t)INT64_MAX + 1)
			return iql_refuse(p, "constant -%llu underflows int64", (unsigned long long)e->u);
		e->kind = IQL_INTEGER;
		e->i = INT64_MIN;
		return e;
	default:
		return times(p, minus ? -1 : 1, e);
	}
}

static struct iql_expr *parse_operand(struct iql_parser *p, struct iql_token t);

static struct iql_expr *parse_signed(struct iql_parser *p, bool minus)
{
	struct iql_token t = iql_take_solid(p);

	switch (t.kind) {
	case TOK_NUMBER:
	case TOK_INTEGER:
	case TOK_DURATION:
	case TOK_LPAREN:
	case TOK_IDENT:
		break;
	default:
		return iql_refuse_token(p, &t, "identifier, number, duration, (");
	}
	struct iql_expr *e = parse_operand(p, t);
	return e ? apply_sign(p, minus, e) : NULL;
}

static struct iql_expr *parse_ref_or_call(struct iql_parser *p, struct view name)
{
	if (iql_take(p).kind == TOK_LPAREN)
		return parse_call(p, name);
	iql_give_back(p);
	iql_give_back(p);
	return iql_parse_ref(p);
}

static struct iql_expr *parse_operand(struct iql_parser *p, struct iql_token t)
{
	switch (t.kind) {
	case TOK_LPAREN:
		return parse_paren(p);
	case TOK_IDENT:
		return parse_ref_or_call(p, t.text);
	case TOK_DISTINCT:
		return parse_distinct(p);
	case TOK_STRING:
		return text_expr(p, IQL_STRING, t.text);
	case TOK_NUMBER:
		return parse_float(p, t);
	case TOK_INTEGER:
		return parse_integer(p, t);
	case TOK_DURATION:
		return parse_duration(p, t);
	case TOK_TRUE:
	case TOK_FALSE:
		return parse_boolean(p, t.kind == TOK_TRUE);
	case TOK_MUL:
		return iql_parse_wildcard(p);
	case TOK_REGEX:
		return regex_expr(p, t);
	case TOK_ADD:
	case TOK_SUB:
		return parse_signed(p, t.kind == TOK_SUB);
	case TOK_PARAM:
		return refuse_param(p, t);
	default:
		return iql_refuse_token(p, &t, "identifier, string, number, bool");
	}
}

/* What follows =~ or !~. */
static struct iql_expr *parse_pattern(struct iql_parser *p)
{
	struct iql_expr *e;

	if (!iql_parse_regex(p, &e) || e)
		return e;
	struct iql_token t = iql_take_solid(p);
	return iql_refuse_token(p, &t, "regex");
}

/* ---- chains ---- */

/* One more term for the chain of a level. -x is a chain itself, of the tightest level: as the first term of such a chain it
 * is its beginning, and later it is put in parentheses, which a / -x would need if it were written out. */
static bool add_term(
    struct iql_parser *p, struct iql_expr **chain, unsigned level, enum iql_op op, struct iql_expr *term)
{
	if (level == LEVELS - 1 && term->kind == IQL_CHAIN) {
		if (!*chain) {
			*chain = term;
			return true;
		}
		struct iql_expr *paren = iql_new_expr(p, IQL_PAREN);
		if (!paren || !deepen(p, paren, term))
			return false;
		paren->chain.list = term;
		term = paren;
	}
	if (!*chain)
		*chain = iql_new_expr(p, IQL_CHAIN);
	return *chain && append_term(p, *chain, op, term);
}

/* The open chains; those tighter than `level` are closed into *operand. */
static bool close_chains(struct iql_parser *p, struct iql_expr *open[LEVELS], const uint8_t ops[LEVELS], unsigned level,
    struct iql_expr **operand)
{
	for (unsigned i = LEVELS - 1; i > level; i--) {
		if (!open[i])
			continue;
		if (!add_term(p, &open[i], i, (enum iql_op)ops[i], *operand))
			return false;
		*operand = open[i];
		open[i] = NULL;
	}
	return true;
}

/* One more operator, whose left side ends with the operand. */
static bool open_chain(
    struct iql_parser *p, struct iql_expr *open[LEVELS], uint8_t ops[LEVELS], enum iql_op op, struct iql_expr *operand)
{
	unsigned level = level_of(op);

	if (!close_chains(p, open, ops, level, &operand) ||
	    !add_term(p, &open[level], level, (enum iql_op)ops[level], operand))
		return false;
	ops[level] = (uint8_t)op;
	return true;
}

static struct iql_expr *parse_terms(struct iql_parser *p)
{
	struct iql_expr *open[LEVELS] = { NULL };
	uint8_t ops[LEVELS] = { 0 };
	struct iql_expr *operand = parse_operand(p, iql_take_solid(p));

	while (operand) {
		enum iql_token_kind kind = iql_take_solid(p).kind;
		if (kind < TOK_ADD || kind > TOK_GTE) {
			iql_give_back(p);
			return close_chains(p, open, ops, 0, &operand) ? operand : NULL;
		}
		enum iql_op op = (enum iql_op)(kind - TOK_ADD);
		if (!open_chain(p, open, ops, op, operand))
			return NULL;
		if (op == IQL_MATCH || op == IQL_NOT_MATCH)
			operand = parse_pattern(p);
		else
			operand = parse_operand(p, iql_take_solid(p));
	}
	return NULL;
}

struct iql_expr *iql_parse_expr(struct iql_parser *p)
{
	struct iql_expr *e;

	if (!iql_enter(p))
		return NULL;
	e = parse_terms(p);
	iql_leave(p);
	return e;
}
