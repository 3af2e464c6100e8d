#include <strings.h>

#include "base/num.h"
#include "query/influxql/parser_part.h"
#include "query/influxql/zone.h"

static bool is_word(const struct iql_token *t, const char *word)
{
	return t->kind == TOK_IDENT && t->text.len == strlen(word) && strncasecmp(t->text.p, word, t->text.len) == 0;
}

/* ---- fields ---- */

/* A comparison or AND, OR among the fields: InfluxDB names the last it meets from the top. */
static void find_condition(const struct iql_expr *e, int *op)
{
	if (e->kind == IQL_CHAIN) {
		enum iql_op last = (enum iql_op)e->chain.last->op;
		if (last >= IQL_AND) {
			*op = (int)last;
			return;
		}
	}
	const struct iql_expr *part = NULL;
	if (e->kind == IQL_CHAIN || e->kind == IQL_PAREN)
		part = e->chain.list;
	else if (e->kind == IQL_CALL)
		part = e->call.list;
	for (; part; part = part->next)
		find_condition(part, op);
}

static bool has_call(const struct iql_expr *e)
{
	const struct iql_expr *part = NULL;

	if (e->kind == IQL_CALL)
		return true;
	if (e->kind == IQL_CHAIN || e->kind == IQL_PAREN)
		part = e->chain.list;
	for (; part; part = part->next)
		if (has_call(part))
			return true;
	return false;
}

static bool parse_alias(struct iql_parser *p, struct view *alias)
{
	if (!iql_take_if(p, TOK_AS))
		return true;
	return iql_expect_ident(p, alias);
}

static struct iql_field *parse_field(struct iql_parser *p)
{
	struct iql_field *f = IQL_NEW(p, struct iql_field);
	int op = -1;

	if (!f || !iql_parse_regex(p, &f->expr))
		return NULL;
	if (!f->expr) {
		struct iql_pos pos = iql_take_solid(p).pos;
		iql_give_back(p);
		f->expr = iql_parse_expr(p);
		if (!f->expr)
			return NULL;
		find_condition(f->expr, &op);
		if (op >= 0)
			return iql_refuse(p,
			    "invalid operator %s in SELECT clause at line %u, char %u; operator is intended for WHERE clause",
			    iql_token_name((enum iql_token_kind)(TOK_ADD + op)), pos.line + 1, pos.column + 1);
	}
	if (!parse_alias(p, &f->alias))
		return NULL;
	iql_skip_space(p);
	return f;
}

static bool parse_fields(struct iql_parser *p, struct iql_select *s)
{
	struct iql_field **end = &s->fields;

	s->is_raw = true;
	do {
		struct iql_field *f = parse_field(p);
		if (!f)
			return false;
		*end = f;
		end = &f->next;
		if (has_call(f->expr))
			s->is_raw = false;
	} while (iql_take_if(p, TOK_COMMA));
	return true;
}

/* ---- INTO ---- */

static bool parse_into(struct iql_parser *p, enum iql_into into, struct iql_select *s)
{
	struct iql_token t = iql_take_solid(p);
	struct iql_source *target;

	if (t.kind != TOK_INTO) {
		iql_give_back(p);
		return into != IQL_INTO_REQUIRED || iql_refuse_token(p, &t, "INTO");
	}
	target = s->into = IQL_NEW(p, struct iql_source);
	if (!target || !iql_parse_segments(p))
		return false;
	unsigned n = p->name_count;
	if (n < 3 && iql_lexer_peek(&p->lexer) == ':') {
		if (!iql_expect(p, TOK_COLON) || !iql_expect(p, TOK_MEASUREMENT))
			return false;
		s->into_backreference = true;
		target->database = n == 2 ? p->names[0] : target->database;
		target->policy = p->names[n - 1];
		return true;
	}
	target->name = p->names[n - 1];
	target->policy = n > 1 ? p->names[n - 2] : target->policy;
	target->database = n > 2 ? p->names[0] : target->database;
	target->has_policy_gap = n > 2 && target->policy.len == 0;
	return true;
}

/* ---- clauses ---- */

bool iql_parse_condition(struct iql_parser *p, struct iql_expr **out)
{
	if (!iql_take_if(p, TOK_WHERE))
		return true;
	*out = iql_parse_expr(p);
	return *out;
}

bool iql_parse_dimensions(struct iql_parser *p, struct iql_dimension **out)
{
	if (!iql_take_if(p, TOK_GROUP))
		return true;
	if (!iql_expect(p, TOK_BY))
		return false;
	do {
		struct iql_dimension *d = IQL_NEW(p, struct iql_dimension);
		if (!d || !iql_parse_regex(p, &d->expr))
			return false;
		if (!d->expr && !(d->expr = iql_parse_expr(p)))
			return false;
		iql_skip_space(p);
		*out = d;
		out = &d->next;
	} while (iql_take_if(p, TOK_COMMA));
	return true;
}

/* fill and tz are no keywords: a name in their place that is followed by anything but a call is refused. */
static bool parse_word_call(struct iql_parser *p, const char *word, struct iql_expr **out)
{
	struct iql_token t = iql_take_solid(p);

	iql_give_back(p);
	*out = NULL;
	if (!is_word(&t, word))
		return true;
	*out = iql_parse_expr(p);
	return *out && ((*out)->kind == IQL_CALL || iql_refuse(p, "%s must be a function call", word));
}

static bool parse_fill(struct iql_parser *p, struct iql_select *s)
{
	static const struct {
		const char *name;
		enum iql_fill fill;
	} fills[] = {
		{ "null", IQL_FILL_NULL },
		{ "none", IQL_FILL_NONE },
		{ "previous", IQL_FILL_PREVIOUS },
		{ "linear", IQL_FILL_LINEAR },
	};
	struct iql_expr *call, *e;

	if (!parse_word_call(p, "fill", &call) || !call)
		return !call && !p->error;
	if (call->call.count != 1)
		return iql_refuse(p, "fill requires an argument, e.g.: 0, null, none, previous, linear");
	e = call->call.list;
	s->fill_is_set = true;
	for (size_t i = 0; e->kind == IQL_REF && !e->cast && i < sizeof fills / sizeof *fills; i++) {
		if (view_is(e->text, fills[i].name)) {
			s->fill = fills[i].fill;
			return true;
		}
	}
	if (e->kind != IQL_INTEGER && e->kind != IQL_FLOAT)
		return iql_refuse(p, "expected number argument in fill()");
	s->fill = IQL_FILL_NUMBER;
	s->fill_value = e;
	return true;
}

static bool parse_zone(struct iql_parser *p, struct iql_select *s)
{
	struct iql_expr *call, *e;

	if (!parse_word_call(p, "tz", &call) || !call)
		return !call && !p->error;
	if (call->call.count != 1)
		return iql_refuse(p, "tz requires exactly one argument");
	e = call->call.list;
	if (e->kind != IQL_STRING)
		return iql_refuse(p, "expected string argument in tz()");
	if (!iql_zone_exists(e->text))
		return iql_refuse(p, "unable to find time zone %.*s", (int)view_cut(e->text, IQL_SHOWN_MAX), e->text.p);
	s->zone = e->text;
	return true;
}

static bool parse_direction(struct iql_parser *p, enum iql_order asc, enum iql_order *out)
{
	*out = asc;
	if (iql_take_if(p, TOK_DESC))
		*out = asc == IQL_ORDER_ASC ? IQL_ORDER_DESC : IQL_ORDER_TIME_DESC;
	else
		iql_take_if(p, TOK_ASC);
	return true;
}

/* [ORDER BY [time] [ASC | DESC]] */
bool iql_parse_order(struct iql_parser *p, enum iql_order *out)
{
	bool more = false;

	if (!iql_take_if(p, TOK_ORDER))
		return true;
	if (!iql_expect(p, TOK_BY))
		return false;
	struct iql_token t = iql_take_solid(p);
	if (t.kind == TOK_ASC || t.kind == TOK_DESC) {
		*out = t.kind == TOK_ASC ? IQL_ORDER_ASC : IQL_ORDER_DESC;
	} else if (t.kind == TOK_IDENT) {
		parse_direction(p, IQL_ORDER_TIME_ASC, out);
		if (!view_is(t.text, "time"))
			return iql_refuse(p, "only ORDER BY time supported at this time");
	} else {
		return iql_refuse_token(p, &t, "identifier, ASC, DESC");
	}
	while (iql_take_if(p, TOK_COMMA)) {
		enum iql_order ignored;
		struct view name;
		if (!iql_expect_ident(p, &name) || !parse_direction(p, IQL_ORDER_TIME_ASC, &ignored))
			return false;
		more = true;
	}
	return !more || iql_refuse(p, "only ORDER BY time supported at this time");
}

/* [word integer]; a number too large for 64 bits is the largest. */
bool iql_parse_limit(struct iql_parser *p, enum iql_token_kind word, int64_t *out)
{
	if (!iql_take_if(p, word))
		return true;
	struct iql_token t = iql_take_solid(p);
	if (t.kind != TOK_INTEGER)
		return iql_refuse_token(p, &t, "integer");
	if (!num_parse_i64(iql_digits(t.text), out))
		*out = INT64_MAX;
	return *out >= 0 || iql_refuse_at(p, t.pos, "%s must be >= 0", iql_token_name(word));
}

struct iql_select *iql_parse_select(struct iql_parser *p, enum iql_into into)
{
	struct iql_select *s = IQL_NEW(p, struct iql_select);

	if (!s || !parse_fields(p, s) || !parse_into(p, into, s) || !iql_expect(p, TOK_FROM))
		return NULL;
	s->sources = iql_parse_sources(p, true);
	if (!s->sources)
		return NULL;
	bool done = iql_parse_condition(p, &s->condition) && iql_parse_dimensions(p, &s->dimensions) &&
	    parse_fill(p, s) && iql_parse_order(p, &s->order) && iql_parse_limit(p, TOK_LIMIT, &s->limits.limit) &&
	    iql_parse_limit(p, TOK_OFFSET, &s->limits.offset) && iql_parse_limit(p, TOK_SLIMIT, &s->limits.slimit) &&
	    iql_parse_limit(p, TOK_SOFFSET, &s->limits.soffset) && parse_zone(p, s);
	return done ? s : NULL;
}
