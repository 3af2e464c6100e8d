#include "query/influxql/lexer.h"

enum { RING = 4, REPLACEMENT = 0xFFFD, MICRO = 0xB5 };

void iql_lexer_init(struct iql_lexer *l, struct arena *a, struct view text)
{
	*l = (struct iql_lexer){ .arena = a, .p = (const unsigned char *)(text.len ? text.p : "") };
	l->end = l->p + text.len;
	buf_init(&l->text, text.len * 3 + 16); /* a byte that is no UTF-8 becomes three */
}

void iql_lexer_fini(struct iql_lexer *l)
{
	buf_fini(&l->text);
}

bool iql_lexer_is_sound(const struct iql_lexer *l)
{
	return !l->text.failed;
}

/* ---- characters ---- */

/* How many bytes the character at p takes, its value in *c; bytes that are no UTF-8 are replaced one by one. */
static unsigned decode(const unsigned char *p, const unsigned char *end, uint32_t *c)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t least;
	} forms[] = { { 0xE0, 0xC0, 0x80 }, { 0xF0, 0xE0, 0x800 }, { 0xF8, 0xF0, 0x10000 } };

	*c = *p;
	if (*p < 0x80)
		return 1;
	for (unsigned f = 0; f < 3; f++) {
		if ((*p & forms[f].mask) != forms[f].lead || (size_t)(end - p) < f + 2)
			continue;
		uint32_t v = *p & (unsigned char)~forms[f].mask;
		unsigned i = 1;
		for (; i < f + 2 && (p[i] & 0xC0) == 0x80; i++)
			v = v << 6 | (p[i] & 0x3F);
		if (i == f + 2 && v >= forms[f].least && v <= 0x10FFFF && (v < 0xD800 || v > 0xDFFF)) {
			*c = v;
			return i;
		}
	}
	*c = REPLACEMENT;
	return 1;
}

static struct iql_char current(const struct iql_lexer *l)
{
	return l->last[(l->newest + RING - l->unread) % RING];
}

/* A carriage return, with or without a newline, is a newline. The end is counted as one column, once. A zero byte ends
 * the statement it stands in, as in InfluxDB. */
static uint32_t take(struct iql_lexer *l)
{
	uint32_t c = 0;

	if (l->unread) {
		l->unread--;
		return current(l).c;
	}
	if (l->p < l->end)
		l->p += decode(l->p, l->end, &c);
	if (c == '\r') {
		if (l->p < l->end && *l->p == '\n')
			l->p++;
		c = '\n';
	}
	l->newest = (l->newest + 1) % RING;
	l->last[l->newest] = (struct iql_char){ c, l->pos };
	if (c == '\n') {
		l->pos.line++;
		l->pos.column = 0;
	} else if (!l->at_end) {
		l->pos.column++;
	}
	if (c == 0)
		l->at_end = true;
	return c;
}

static void give_back(struct iql_lexer *l)
{
	l->unread++;
}

uint32_t iql_lexer_peek(struct iql_lexer *l)
{
	uint32_t c = take(l);

	if (c) /* the end, once seen, is behind: the next token stands one column further */
		give_back(l);
	return c;
}

static void keep(struct iql_lexer *l, uint32_t c)
{
	char u[4];
	unsigned n = 0;

	if (c < 0x80) {
		u[n++] = (char)c;
	} else if (c < 0x800) {
		u[n++] = (char)(0xC0 | c >> 6);
	} else if (c < 0x10000) {
		u[n++] = (char)(0xE0 | c >> 12);
		u[n++] = (char)(0x80 | (c >> 6 & 0x3F));
	} else {
		u[n++] = (char)(0xF0 | c >> 18);
		u[n++] = (char)(0x80 | (c >> 12 & 0x3F));
		u[n++] = (char)(0x80 | (c >> 6 & 0x3F));
	}
	if (c >= 0x80)
		u[n++] = (char)(0x80 | (c & 0x3F));
	buf_append(&l->text, u, n);
}

/* ---- tokens ---- */

static struct iql_token mark(enum iql_token_kind kind, struct iql_pos pos)
{
	return (struct iql_token){ kind, pos, { "", 0 } };
}

static struct iql_token with_text(struct iql_lexer *l, enum iql_token_kind kind, struct iql_pos pos)
{
	const char *copy = arena_copy(l->arena, (struct view){ l->text.p, l->text.len });

	if (!copy)
		l->text.failed = true;
	return (struct iql_token){ kind, pos, { copy ? copy : "", copy ? l->text.len : 0 } };
}

static struct iql_token scan_space(struct iql_lexer *l, struct iql_pos pos)
{
	uint32_t c;

	give_back(l);
	while (c = take(l), iql_is_space(c))
		keep(l, c);
	give_back(l);
	return with_text(l, TOK_SPACE, pos);
}

/* From the quote, which was given back: so the position is that of the character before it. */
static struct iql_token scan_quoted(struct iql_lexer *l)
{
	struct iql_pos pos = current(l).pos;
	uint32_t quote = take(l), c;

	l->text.len = 0;
	while ((c = take(l)) != quote) {
		if (c == 0 || c == '\n')
			return with_text(l, TOK_BAD_STRING, pos);
		if (c != '\\') {
			keep(l, c);
			continue;
		}
		uint32_t e = take(l);
		if (e == 'n') {
			keep(l, '\n');
		} else if (e == '\\' || e == '"' || e == '\'') {
			keep(l, e);
		} else {
			l->text.len = 0;
			keep(l, c);
			keep(l, e);
			return with_text(l, TOK_BAD_ESCAPE, current(l).pos);
		}
	}
	return with_text(l, TOK_STRING, pos);
}

/* A word, or a quoted name; a name that follows a word at once takes its place. The end, once read, stays read. */
static struct iql_token scan_ident(struct iql_lexer *l, bool keywords)
{
	uint32_t c = take(l);
	struct iql_pos pos = current(l).pos;
	enum iql_token_kind kind = TOK_IDENT;

	for (;; c = take(l)) {
		if (c == 0)
			break;
		if (c == '"') {
			give_back(l);
			struct iql_token t = scan_quoted(l);
			if (t.kind == TOK_STRING) {
				t.kind = TOK_IDENT;
				t.pos = pos;
			}
			return t;
		}
		if (!iql_is_ident(c)) {
			give_back(l);
			break;
		}
		keep(l, c);
	}
	if (keywords)
		kind = iql_token_lookup((struct view){ l->text.p, l->text.len });
	return kind == TOK_IDENT ? with_text(l, kind, pos) : mark(kind, pos);
}

static void scan_digits(struct iql_lexer *l)
{
	uint32_t c;

	while (c = take(l), iql_is_digit(c))
		keep(l, c);
	give_back(l);
}

/* From the first digit, or the point before it, which was given back. No exponents; letters make it a duration. */
static struct iql_token scan_number(struct iql_lexer *l, struct iql_pos pos)
{
	uint32_t c;

	scan_digits(l);
	if ((c = take(l)) == '.') {
		c = take(l);
		give_back(l);
		if (iql_is_digit(c)) {
			keep(l, '.');
			scan_digits(l);
		}
		return with_text(l, TOK_NUMBER, pos);
	}
	if (!iql_is_letter(c) && c != MICRO) {
		give_back(l);
		return with_text(l, TOK_INTEGER, pos);
	}
	for (; iql_is_letter(c) || iql_is_digit(c) || c == MICRO; c = take(l))
		keep(l, c);
	give_back(l);
	return with_text(l, TOK_DURATION, pos);
}

static struct iql_token scan_param(struct iql_lexer *l, struct iql_pos pos)
{
	struct iql_token t = scan_ident(l, false);

	char *with = arena_alloc(l->arena, t.text.len + 2, 1);
	if (!with) {
		l->text.failed = true;
		return mark(TOK_EOF, pos);
	}
	with[0] = '$';
	memcpy(with + 1, t.text.p, t.text.len);
	return (struct iql_token){ t.kind == TOK_IDENT ? TOK_PARAM : t.kind, pos, { with, t.text.len + 1 } };
}

static struct iql_token scan_line_comment(struct iql_lexer *l, struct iql_pos pos)
{
	uint32_t c;

	do
		c = take(l);
	while (c != 0 && c != '\n');
	return mark(TOK_COMMENT, pos);
}

static struct iql_token scan_comment(struct iql_lexer *l, struct iql_pos pos)
{
	uint32_t c = take(l);

	for (;;) {
		if (c == 0)
			return mark(TOK_ILLEGAL, pos);
		if (c != '*') {
			c = take(l);
			continue;
		}
		if ((c = take(l)) == '/')
			return mark(TOK_COMMENT, pos);
	}
}

static bool follows(struct iql_lexer *l, uint32_t want)
{
	if (take(l) == want)
		return true;
	give_back(l);
	return false;
}

static struct iql_token scan_mark(struct iql_lexer *l, uint32_t c, struct iql_pos pos)
{
	static const struct {
		char c, second;
		unsigned char one, two;
	} marks[] = {
		{ '+', 0, TOK_ADD, 0 },
		{ '*', 0, TOK_MUL, 0 },
		{ '/', 0, TOK_DIV, 0 },
		{ '-', 0, TOK_SUB, 0 },
		{ '%', 0, TOK_MOD, 0 },
		{ '&', 0, TOK_BIT_AND, 0 },
		{ '|', 0, TOK_BIT_OR, 0 },
		{ '^', 0, TOK_BIT_XOR, 0 },
		{ '=', '~', TOK_EQ, TOK_MATCH },
		{ '>', '=', TOK_GT, TOK_GTE },
		{ '(', 0, TOK_LPAREN, 0 },
		{ ')', 0, TOK_RPAREN, 0 },
		{ ',', 0, TOK_COMMA, 0 },
		{ ';', 0, TOK_SEMICOLON, 0 },
		{ ':', ':', TOK_COLON, TOK_DOUBLE_COLON },
		{ '.', 0, TOK_DOT, 0 },
	};

	if (c == '!') {
		if (follows(l, '='))
			return mark(TOK_NEQ, pos);
		if (follows(l, '~'))
			return mark(TOK_NOT_MATCH, pos);
	}
	if (c == '<') {
		if (follows(l, '='))
			return mark(TOK_LTE, pos);
		return mark(follows(l, '>') ? TOK_NEQ : TOK_LT, pos);
	}
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (c == (uint32_t)marks[i].c)
			return mark(
			    marks[i].second && follows(l, (uint32_t)marks[i].second) ? marks[i].two : marks[i].one,
			    pos);
	keep(l, c);
	return with_text(l, TOK_ILLEGAL, pos);
}

struct iql_token iql_lexer_next(struct iql_lexer *l)
{
	uint32_t c = take(l);
	struct iql_pos pos = current(l).pos;

	l->text.len = 0;
	if (c == 0)
		return mark(TOK_EOF, pos);
	if (iql_is_space(c))
		return scan_space(l, pos);
	if (iql_is_letter(c) || c == '_' || c == '"') {
		give_back(l);
		return scan_ident(l, true);
	}
	if (iql_is_digit(c) || (c == '.' && iql_is_digit(iql_lexer_peek(l)))) {
		give_back(l);
		return scan_number(l, pos);
	}
	if (c == '\'') {
		give_back(l);
		return scan_quoted(l);
	}
	if (c == '$')
		return scan_param(l, pos);
	if (c == '-' && follows(l, '-'))
		return scan_line_comment(l, pos);
	if (c == '/' && follows(l, '*'))
		return scan_comment(l, pos);
	return scan_mark(l, c, pos);
}

struct iql_token iql_lexer_next_regex(struct iql_lexer *l)
{
	struct iql_pos pos = current(l).pos;
	uint32_t c;

	l->text.len = 0;
	if (take(l) != '/')
		return mark(TOK_BAD_REGEX, pos);
	while ((c = take(l)) != '/') {
		if (c == 0 || c == '\n')
			return mark(TOK_BAD_REGEX, pos);
		if (c == '\\') {
			c = take(l);
			if (c == 0 || c == '\n')
				return mark(TOK_BAD_REGEX, pos);
			if (c != '/')
				keep(l, '\\');
		}
		keep(l, c);
	}
	return with_text(l, TOK_REGEX, pos);
}
