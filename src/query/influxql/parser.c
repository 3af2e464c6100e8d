#include "query/influxql/parser.h"

#include <stdio.h>

#include "base/num.h"
#include "query/influxql/parser_part.h"

enum { RING = 4 };
#define PREFIX "error parsing query: "

/* ---- refusals ---- */

void *iql_refuse(struct iql_parser *p, const char *fmt, ...)
{
	va_list ap;
	char whole[200] = PREFIX; /* the formats are ours, and short */

	if (p->error)
		return NULL;
	snprintf(whole + sizeof PREFIX - 1, sizeof whole - sizeof PREFIX + 1, "%s", fmt);
	va_start(ap, fmt);
	p->error = errbuf_vset(p->eb, ERR_INVALID, whole, ap);
	va_end(ap);
	return NULL;
}

/* A text that is too long for an error loses its end, not the position. */
static int shown(struct view v)
{
	return (int)view_cut(v, IQL_SHOWN_MAX);
}

void *iql_refuse_token(struct iql_parser *p, const struct iql_token *t, const char *expected)
{
	const char *name = t->text.len ? t->text.p : iql_token_name(t->kind);
	int n = t->text.len ? shown(t->text) : (int)strlen(name);

	return iql_refuse(
	    p, "found %.*s, expected %s at line %u, char %u", n, name, expected, t->pos.line + 1, t->pos.column + 1);
}

void *iql_refuse_at(struct iql_parser *p, struct iql_pos pos, const char *fmt, ...)
{
	va_list ap;
	char whole[200];

	if (p->error)
		return NULL;
	snprintf(whole, sizeof whole, PREFIX "%s at line %u, char %u", fmt, pos.line + 1, pos.column + 1);
	va_start(ap, fmt);
	p->error = errbuf_vset(p->eb, ERR_INVALID, whole, ap);
	va_end(ap);
	return NULL;
}

void *iql_refuse_memory(struct iql_parser *p)
{
	if (!p->error)
		p->error = errbuf_set(p->eb, ERR_TOOBIG,
		    PREFIX "the statements need more than the %zu bytes there are for them", p->arena->max);
	return NULL;
}

void *iql_refuse_depth(struct iql_parser *p)
{
	if (!p->error)
		p->error = errbuf_set(p->eb, ERR_TOOBIG,
		    PREFIX "parentheses, calls and subqueries are nested more than %d deep", IQL_NESTING_MAX);
	return NULL;
}

bool iql_enter(struct iql_parser *p)
{
	if (p->nesting < IQL_NESTING_MAX) {
		p->nesting++;
		return true;
	}
	return iql_refuse_depth(p);
}

void iql_leave(struct iql_parser *p)
{
	p->nesting--;
}

void *iql_new(struct iql_parser *p, size_t n)
{
	void *v = arena_alloc(p->arena, n, 8);

	return v ? v : iql_refuse_memory(p);
}

/* ---- tokens ---- */

/* A parameter's value takes the place of its name. */
static void bind_param(const struct iql_parser *p, struct iql_token *t)
{
	const struct iql_param *v = iql_params_find(p->params, (struct view){ t->text.p + 1, t->text.len - 1 });

	if (v) {
		t->kind = v->kind;
		t->text = v->text;
	}
}

static void keep_token(struct iql_parser *p, struct iql_token t)
{
	p->newest = (p->newest + 1) % RING;
	p->last[p->newest] = t;
}

struct iql_token iql_take(struct iql_parser *p)
{
	if (p->unread) {
		p->unread--;
	} else {
		struct iql_token t = iql_lexer_next(&p->lexer);
		if (t.kind == TOK_PARAM && p->params)
			bind_param(p, &t);
		keep_token(p, t);
	}
	return p->last[(p->newest + RING - p->unread) % RING];
}

struct iql_token iql_take_regex(struct iql_parser *p)
{
	if (p->unread)
		return iql_take(p);
	keep_token(p, iql_lexer_next_regex(&p->lexer));
	return p->last[p->newest];
}

struct iql_token iql_take_solid(struct iql_parser *p)
{
	struct iql_token t;

	do
		t = iql_take(p);
	while (t.kind == TOK_SPACE || t.kind == TOK_COMMENT);
	return t;
}

void iql_give_back(struct iql_parser *p)
{
	p->unread++;
}

void iql_skip_space(struct iql_parser *p)
{
	if (iql_take(p).kind != TOK_SPACE)
		iql_give_back(p);
}

bool iql_take_if(struct iql_parser *p, enum iql_token_kind kind)
{
	if (iql_take_solid(p).kind == kind)
		return true;
	iql_give_back(p);
	return false;
}

bool iql_expect(struct iql_parser *p, enum iql_token_kind kind)
{
	struct iql_token t = iql_take_solid(p);

	if (t.kind != kind)
		iql_refuse_token(p, &t, iql_token_name(kind));
	return t.kind == kind;
}

bool iql_expect_ident(struct iql_parser *p, struct view *name)
{
	struct iql_token t = iql_take_solid(p);

	if (t.kind != TOK_IDENT)
		return iql_refuse_token(p, &t, "identifier");
	*name = t.text;
	return true;
}

bool iql_expect_string(struct iql_parser *p, struct view *text)
{
	struct iql_token t = iql_take_solid(p);

	if (t.kind != TOK_STRING)
		return iql_refuse_token(p, &t, "string");
	*text = t.text;
	return true;
}

bool iql_parse_number(struct iql_parser *p, uint64_t *out)
{
	struct iql_token t = iql_take_solid(p);

	if (t.kind != TOK_INTEGER)
		return iql_refuse_token(p, &t, "integer");
	return num_parse_u64(iql_digits(t.text), out) ||
	    iql_refuse_at(p, t.pos, "strconv.ParseUint: parsing \"%.*s\": value out of range", shown(t.text), t.text.p);
}

bool iql_parse_choice(struct iql_parser *p, struct iql_statement *s, const struct iql_choice *choices, size_t count)
{
	struct iql_token t = iql_take_solid(p);
	struct buf expected;

	for (size_t i = 0; i < count; i++)
		if (choices[i].kind == t.kind)
			return choices[i].parse(p, s);
	buf_init(&expected, 400);
	for (size_t i = 0; i < count; i++)
		buf_printf(&expected, "%s%s", i ? ", " : "", iql_token_name(choices[i].kind));
	buf_char(&expected, 0);
	iql_refuse_token(p, &t, expected.failed ? "another word" : expected.p);
	buf_fini(&expected);
	return false;
}

/* ---- statements ---- */

static bool parse_select(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_SELECT;
	s->select = iql_parse_select(p, IQL_INTO_OPTIONAL);
	return s->select;
}

static bool parse_explain(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_EXPLAIN;
	s->flag = iql_take_if(p, TOK_ANALYZE);
	if (!iql_expect(p, TOK_SELECT))
		return false;
	s->select = iql_parse_select(p, IQL_INTO_OPTIONAL);
	return s->select;
}

/* FROM sources [WHERE …], or WHERE …: of DELETE and DROP SERIES, which reach every retention policy. */
bool iql_parse_what_to_delete(struct iql_parser *p, struct iql_statement *s)
{
	struct iql_token t = iql_take_solid(p);

	iql_give_back(p);
	if (t.kind != TOK_FROM && t.kind != TOK_WHERE)
		return iql_refuse_token(p, &t, "FROM, WHERE");
	if (!iql_parse_from(p, &s->sources))
		return false;
	for (const struct iql_source *x = s->sources; x; x = x->next) {
		if (x->policy.len)
			return iql_refuse_at(p, (struct iql_pos){ 0, 0 }, "retention policy not supported");
		if (x->database.len)
			return iql_refuse_at(p, (struct iql_pos){ 0, 0 }, "database not supported");
	}
	return iql_parse_condition(p, &s->condition);
}

static bool parse_delete(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_DELETE;
	return iql_parse_what_to_delete(p, s);
}

static bool parse_set(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_SET_PASSWORD;
	return iql_expect(p, TOK_PASSWORD) && iql_expect(p, TOK_FOR) && iql_expect_ident(p, &s->name) &&
	    iql_expect(p, TOK_EQ) && iql_expect_string(p, &s->secret);
}

static bool parse_kill(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_KILL_QUERY;
	return iql_expect(p, TOK_QUERY) && iql_parse_number(p, &s->number) &&
	    (!iql_take_if(p, TOK_ON) || iql_expect_ident(p, &s->host));
}

static bool parse_statement(struct iql_parser *p, struct iql_statement *s)
{
	static const struct iql_choice choices[] = {
		{ TOK_SELECT, parse_select },
		{ TOK_DELETE, parse_delete },
		{ TOK_SHOW, iql_parse_show },
		{ TOK_CREATE, iql_parse_create },
		{ TOK_DROP, iql_parse_drop },
		{ TOK_EXPLAIN, parse_explain },
		{ TOK_GRANT, iql_parse_grant },
		{ TOK_REVOKE, iql_parse_revoke },
		{ TOK_ALTER, iql_parse_alter },
		{ TOK_SET, parse_set },
		{ TOK_KILL, parse_kill },
	};

	return iql_parse_choice(p, s, choices, sizeof choices / sizeof *choices);
}

static bool parse_all(struct iql_parser *p, struct iql_query *out)
{
	struct iql_statement **end = &out->first;
	bool separated = true;

	for (;;) {
		struct iql_token t = iql_take_solid(p);
		if (t.kind == TOK_EOF)
			return true;
		if (t.kind == TOK_SEMICOLON) {
			separated = true;
			continue;
		}
		if (!separated)
			return iql_refuse_token(p, &t, ";");
		iql_give_back(p);
		struct iql_statement *s = IQL_NEW(p, struct iql_statement);
		if (!s || !parse_statement(p, s))
			return false;
		*end = s;
		end = &s->next;
		out->count++;
		separated = false;
	}
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* InfluxDB does so before it parses, which shows in the positions of what is missing at the end. */
static struct view trim(struct view v)
{
	while (v.len && is_blank(v.p[v.len - 1]))
		v.len--;
	while (v.len && is_blank(*v.p)) {
		v.p++;
		v.len--;
	}
	return v;
}

enum err iql_parse(
    struct arena *a, struct view text, const struct iql_params *params, struct iql_query *out, struct errbuf *eb)
{
	struct iql_parser p = { .arena = a, .params = params, .eb = eb };

	*out = (struct iql_query){ 0 };
	if (text.len > IQL_TEXT_MAX)
		return errbuf_set(eb, ERR_TOOBIG, PREFIX "the text is longer than %u bytes", IQL_TEXT_MAX);
	iql_lexer_init(&p.lexer, a, trim(text));
	bool parsed = parse_all(&p, out);
	if (!iql_lexer_is_sound(&p.lexer)) {
		p.error = ERR_OK;
		iql_refuse_memory(&p);
		parsed = false;
	}
	iql_lexer_fini(&p.lexer);
	if (!parsed)
		*out = (struct iql_query){ 0 };
	return parsed ? ERR_OK : p.error;
}
