/* Names: with their segments, and with the type they are cast to. */
#include <strings.h>

#include "query/influxql/parser_part.h"
#include "query/influxql/print.h"

static bool refuse_segments(struct iql_parser *p)
{
	struct buf names;

	buf_init(&names, 400);
	for (unsigned i = 0; i < p->name_count; i++) {
		if (i)
			buf_char(&names, '.');
		if (p->names[i].len || i + 1 == p->name_count)
			iql_print_name(p->names[i], i + 1 < p->name_count, &names);
	}
	iql_refuse_at(p, (struct iql_pos){ 0, 0 }, "too many segments in %.*s", (int)names.len, names.p);
	buf_fini(&names);
	return false;
}

bool iql_parse_segments(struct iql_parser *p)
{
	enum { KEPT = sizeof p->names / sizeof *p->names };
	struct view name;

	p->name_count = 0;
	if (!iql_expect_ident(p, &name))
		return false;
	p->names[p->name_count++] = name;
	while (iql_take(p).kind == TOK_DOT) {
		uint32_t c = iql_lexer_peek(&p->lexer);
		if (c == '/' || c == ':') /* a regex, or :MEASUREMENT: for the caller */
			return p->name_count <= 3 || refuse_segments(p);
		name = (struct view){ "", 0 };
		if (c != '.' && !iql_expect_ident(p, &name))
			return false;
		if (p->name_count < KEPT)
			p->names[p->name_count++] = name;
	}
	iql_give_back(p);
	return p->name_count <= 3 || refuse_segments(p);
}

static bool parse_cast(struct iql_parser *p, enum iql_cast *cast)
{
	static const char *const casts[] = { "", "float", "integer", "unsigned", "string", "boolean" };
	struct iql_token t = iql_take(p);

	if (t.kind == TOK_FIELD || t.kind == TOK_TAG) {
		*cast = t.kind == TOK_TAG ? IQL_CAST_TAG : IQL_CAST_FIELD;
		return true;
	}
	for (unsigned i = IQL_CAST_FLOAT; t.kind == TOK_IDENT && i <= IQL_CAST_BOOLEAN; i++) {
		if (t.text.len == strlen(casts[i]) && strncasecmp(t.text.p, casts[i], t.text.len) == 0) {
			*cast = (enum iql_cast)i;
			return true;
		}
	}
	return iql_refuse_token(p, &t,
	    t.kind == TOK_IDENT ? "float, integer, unsigned, string, boolean, field, tag"
				: "float, integer, string, boolean, field, tag");
}

/* The names, joined by points: a reference may be written a.b.c. */
static bool join_names(struct iql_parser *p, struct view *out)
{
	size_t n = p->name_count - 1;
	char *at;

	*out = p->names[0];
	if (n == 0)
		return true;
	for (unsigned i = 0; i < p->name_count; i++)
		n += p->names[i].len;
	at = iql_new(p, n);
	if (!at)
		return false;
	*out = (struct view){ at, n };
	for (unsigned i = 0; i < p->name_count; i++) {
		if (i)
			*at++ = '.';
		memcpy(at, p->names[i].p, p->names[i].len);
		at += p->names[i].len;
	}
	return true;
}

struct iql_expr *iql_parse_ref(struct iql_parser *p)
{
	struct iql_expr *e = iql_new_expr(p, IQL_REF);
	enum iql_cast cast = IQL_CAST_NONE;

	if (!e || !iql_parse_segments(p) || !join_names(p, &e->text))
		return NULL;
	if (iql_take(p).kind != TOK_DOUBLE_COLON)
		iql_give_back(p);
	else if (!parse_cast(p, &cast))
		return NULL;
	e->cast = (uint8_t)cast;
	return e;
}

struct iql_expr *iql_parse_wildcard(struct iql_parser *p)
{
	struct iql_expr *e = iql_new_expr(p, IQL_WILDCARD);

	if (!e)
		return NULL;
	if (iql_take(p).kind != TOK_DOUBLE_COLON) {
		iql_give_back(p);
		return e;
	}
	struct iql_token t = iql_take(p);
	if (t.kind != TOK_FIELD && t.kind != TOK_TAG)
		return iql_refuse_token(p, &t, "field, tag");
	e->cast = t.kind == TOK_TAG ? IQL_CAST_TAG : IQL_CAST_FIELD;
	return e;
}

bool iql_lower(struct iql_parser *p, struct view v, struct view *out)
{
	char *at = iql_new(p, v.len);

	for (size_t i = 0; at && i < v.len; i++)
		at[i] = v.p[i] >= 'A' && v.p[i] <= 'Z' ? (char)(v.p[i] + 32) : v.p[i];
	*out = (struct view){ at, v.len };
	return at;
}
