/* Two machines: `within` says what kind of token the bytes belong to, `expects` which tokens may come next.
 *
 *	expects        may come                 then
 *	VALUE          a value                  NEXT (VALUE again between documents)
 *	FIRST_VALUE    a value or ]             NEXT
 *	KEY            a name                   COLON
 *	FIRST_KEY      a name or }              COLON
 *	COLON          :                        VALUE
 *	NEXT           , or the closing bracket KEY or VALUE; NEXT */
#include "cli/jstream.h"

#include "base/num.h"

enum expects { VALUE, FIRST_VALUE, KEY, FIRST_KEY, COLON, NEXT };
enum within { NOTHING, STRING, ESCAPE, UNICODE, NUMBER, WORD };

void jstream_init(struct jstream *j, bool (*on)(void *, enum jstream_event, struct view), void *arg)
{
	*j = (struct jstream){ .on = on, .arg = arg };
	buf_init(&j->text, JSTREAM_TEXT_MAX);
}

void jstream_fini(struct jstream *j)
{
	buf_fini(&j->text);
}

static bool in_object(const struct jstream *j)
{
	return j->objects >> j->depth & 1;
}

static void tell(struct jstream *j, enum jstream_event e)
{
	j->failed |= j->text.failed || !j->on(j->arg, e, (struct view){ j->text.p, j->text.len });
	buf_clear(&j->text);
}

static void value_done(struct jstream *j)
{
	j->expects = j->depth ? NEXT : VALUE;
}

static bool may_be_value(const struct jstream *j)
{
	return j->expects == VALUE || j->expects == FIRST_VALUE;
}

/* ---- brackets ---- */

static void open_bracket(struct jstream *j, bool object)
{
	if (!may_be_value(j) || j->depth == JSTREAM_DEPTH_MAX) {
		j->failed = true;
		return;
	}
	j->depth++;
	j->objects = (j->objects & ~(UINT64_C(1) << j->depth)) | (uint64_t)object << j->depth;
	j->expects = object ? FIRST_KEY : FIRST_VALUE;
	tell(j, object ? JSTREAM_OBJECT : JSTREAM_ARRAY);
}

static void close_bracket(struct jstream *j, bool object)
{
	if (!j->depth || in_object(j) != object ||
	    (j->expects != NEXT && j->expects != (object ? FIRST_KEY : FIRST_VALUE))) {
		j->failed = true;
		return;
	}
	j->depth--;
	value_done(j);
	tell(j, object ? JSTREAM_OBJECT_END : JSTREAM_ARRAY_END);
}

static void comma(struct jstream *j)
{
	j->failed |= j->expects != NEXT;
	j->expects = in_object(j) ? KEY : VALUE;
}

static void colon(struct jstream *j)
{
	j->failed |= j->expects != COLON;
	j->expects = VALUE;
}

/* ---- strings ---- */

static void put_utf8(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_char(b, (char)c);
		return;
	}
	if (c < 0x800) {
		buf_char(b, (char)(0xc0 | c >> 6));
	} else if (c < 0x10000) {
		buf_char(b, (char)(0xe0 | c >> 12));
		buf_char(b, (char)(0x80 | (c >> 6 & 63)));
	} else {
		buf_char(b, (char)(0xf0 | c >> 18));
		buf_char(b, (char)(0x80 | (c >> 12 & 63)));
		buf_char(b, (char)(0x80 | (c >> 6 & 63)));
	}
	buf_char(b, (char)(0x80 | (c & 63)));
}

/* A pair of surrogates is one character, a single one becomes U+FFFD. */
static void lone_surrogate(struct jstream *j)
{
	if (j->high)
		put_utf8(&j->text, 0xfffd);
	j->high = 0;
}

static void unicode_done(struct jstream *j)
{
	uint32_t c = j->code;

	if (j->high && c >= 0xdc00 && c < 0xe000) {
		put_utf8(&j->text, 0x10000 + ((j->high - 0xd800) << 10 | (c - 0xdc00)));
		j->high = 0;
		return;
	}
	lone_surrogate(j);
	if (c >= 0xd800 && c < 0xdc00)
		j->high = c;
	else
		put_utf8(&j->text, c >= 0xdc00 && c < 0xe000 ? 0xfffd : c);
}

static void unicode_digit(struct jstream *j, char c)
{
	char low = (char)(c | 32);

	if (c >= '0' && c <= '9')
		j->code = j->code << 4 | (uint32_t)(c - '0');
	else if (low >= 'a' && low <= 'f')
		j->code = j->code << 4 | (uint32_t)(low - 'a' + 10);
	else
		j->failed = true;
	if (++j->digits < 4)
		return;
	unicode_done(j);
	j->within = STRING;
}

static void escaped(struct jstream *j, char c)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *found = c ? strchr(names, c) : NULL;

	if (c == 'u') {
		j->within = UNICODE;
		j->code = j->digits = 0;
		return;
	}
	lone_surrogate(j);
	j->failed |= !found;
	if (found)
		buf_char(&j->text, values[found - names]);
	j->within = STRING;
}

static void string_done(struct jstream *j)
{
	lone_surrogate(j);
	j->within = NOTHING;
	if (j->expects == KEY || j->expects == FIRST_KEY) {
		j->expects = COLON;
		tell(j, JSTREAM_KEY);
	} else {
		value_done(j);
		tell(j, JSTREAM_STRING);
	}
}

/* Of a string, as much as stands in p; returns what follows. */
static const char *in_string(struct jstream *j, const char *p, const char *end)
{
	const char *from = p;

	while (p < end && *p != '"' && *p != '\\')
		p++;
	if (p > from) {
		lone_surrogate(j);
		buf_append(&j->text, from, (size_t)(p - from));
	}
	if (p == end)
		return p;
	if (*p == '"')
		string_done(j);
	else
		j->within = ESCAPE;
	return p + 1;
}

/* ---- numbers and words ---- */

static bool is_number_char(char c)
{
	return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

static void number_done(struct jstream *j)
{
	const char *end = j->text.p + j->text.len;
	struct num_decimal d;

	j->within = NOTHING;
	if (j->text.failed || num_scan_decimal(j->text.p, end, &d) != end) {
		j->failed = true;
		return;
	}
	value_done(j);
	tell(j, JSTREAM_NUMBER);
}

static void word_done(struct jstream *j)
{
	struct view word = { j->text.p, j->text.len };
	enum jstream_event e = view_is(word, "true") ? JSTREAM_TRUE
	    : view_is(word, "false")		     ? JSTREAM_FALSE
						     : JSTREAM_NULL;

	j->within = NOTHING;
	if (e == JSTREAM_NULL && !view_is(word, "null")) {
		j->failed = true;
		return;
	}
	value_done(j);
	buf_clear(&j->text);
	tell(j, e);
}

static const char *in_run(struct jstream *j, const char *p, const char *end)
{
	const char *from = p;
	bool number = j->within == NUMBER;

	while (p < end && (number ? is_number_char(*p) : *p >= 'a' && *p <= 'z'))
		p++;
	buf_append(&j->text, from, (size_t)(p - from));
	if (p == end)
		return p;
	if (number)
		number_done(j);
	else
		word_done(j);
	return p;
}

/* ---- all of it ---- */

static const char *begin_token(struct jstream *j, const char *p)
{
	char c = *p++;

	if (c == ' ' || c == '\n' || c == '\t' || c == '\r')
		return p;
	if (c == '{' || c == '[') {
		open_bracket(j, c == '{');
	} else if (c == '}' || c == ']') {
		close_bracket(j, c == '}');
	} else if (c == ',') {
		comma(j);
	} else if (c == ':') {
		colon(j);
	} else if (c == '"') {
		j->failed |= !may_be_value(j) && j->expects != KEY && j->expects != FIRST_KEY;
		j->within = STRING;
	} else {
		j->failed |= !may_be_value(j);
		j->within = is_number_char(c) && c != 'e' ? NUMBER : WORD;
		j->failed |= j->within == WORD && (c < 'a' || c > 'z');
		return p - 1;
	}
	return p;
}

bool jstream_take(struct jstream *j, struct view piece)
{
	const char *p = piece.p, *end = p + piece.len;

	while (!j->failed && p < end) {
		switch ((enum within)j->within) {
		case NOTHING:
			p = begin_token(j, p);
			break;
		case STRING:
			p = in_string(j, p, end);
			break;
		case ESCAPE:
			escaped(j, *p++);
			break;
		case UNICODE:
			unicode_digit(j, *p++);
			break;
		case NUMBER:
		case WORD:
			p = in_run(j, p, end);
			break;
		}
		j->failed |= j->text.failed;
	}
	return !j->failed;
}

bool jstream_end(struct jstream *j)
{
	if (!j->failed && j->within == NUMBER)
		number_done(j);
	else if (!j->failed && j->within == WORD)
		word_done(j);
	return !j->failed && j->depth == 0 && j->within == NOTHING && j->expects == VALUE;
}
