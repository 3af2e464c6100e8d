#include "wire/json_read.h"

#include <stdint.h>
#include <string.h>

enum { DEPTH_MAX = 64 };

void json_in_init(struct json_in *in, struct view text)
{
	*in = (struct json_in){ .at = text.p, .end = text.p + text.len };
}

static bool fail(struct json_in *in)
{
	in->failed = true;
	in->at = in->end;
	return false;
}

char json_peek(struct json_in *in)
{
	while (in->at < in->end && (*in->at == ' ' || *in->at == '\n' || *in->at == '\t' || *in->at == '\r'))
		in->at++;
	return in->at < in->end ? *in->at : 0;
}

static bool take(struct json_in *in, char c)
{
	if (in->failed || json_peek(in) != c)
		return fail(in);
	in->at++;
	return true;
}

bool json_enter(struct json_in *in, char bracket)
{
	in->first = true;
	return take(in, bracket);
}

bool json_more(struct json_in *in, char bracket)
{
	bool first = in->first;

	if (in->failed)
		return false;
	in->first = false;
	if (json_peek(in) == bracket) {
		in->at++;
		return false;
	}
	return first ? json_peek(in) != 0 || fail(in) : take(in, ',');
}

/* ---- strings ---- */

static bool hex4(struct json_in *in, uint32_t *out)
{
	*out = 0;
	if (in->end - in->at < 4)
		return fail(in);
	for (int i = 0; i < 4; i++) {
		char c = *in->at++;
		char low = (char)(c | 32);
		if (c >= '0' && c <= '9')
			*out = *out << 4 | (uint32_t)(c - '0');
		else if (low >= 'a' && low <= 'f')
			*out = *out << 4 | (uint32_t)(low - 'a' + 10);
		else
			return fail(in);
	}
	return true;
}

static void put_utf8(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_char(b, (char)c);
	} else if (c < 0x800) {
		buf_char(b, (char)(0xc0 | c >> 6));
		buf_char(b, (char)(0x80 | (c & 63)));
	} else if (c < 0x10000) {
		buf_char(b, (char)(0xe0 | c >> 12));
		buf_char(b, (char)(0x80 | (c >> 6 & 63)));
		buf_char(b, (char)(0x80 | (c & 63)));
	} else {
		buf_char(b, (char)(0xf0 | c >> 18));
		buf_char(b, (char)(0x80 | (c >> 12 & 63)));
		buf_char(b, (char)(0x80 | (c >> 6 & 63)));
		buf_char(b, (char)(0x80 | (c & 63)));
	}
}

/* Behind \u; a pair of surrogates is one character, a single one becomes U+FFFD. */
static bool unicode(struct json_in *in, struct buf *out)
{
	uint32_t c, low;

	if (!hex4(in, &c))
		return false;
	if (c >= 0xd800 && c < 0xdc00 && in->end - in->at >= 6 && in->at[0] == '\\' && in->at[1] == 'u') {
		const char *before = in->at;
		in->at += 2;
		if (!hex4(in, &low))
			return false;
		if (low >= 0xdc00 && low < 0xe000)
			c = 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00));
		else
			in->at = before;
	}
	put_utf8(out, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
	return true;
}

static bool escape(struct json_in *in, struct buf *out)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	char c = in->at < in->end ? *in->at++ : 0;
	const char *found = c ? strchr(names, c) : NULL;

	if (c == 'u')
		return unicode(in, out);
	if (!found)
		return fail(in);
	buf_char(out, values[found - names]);
	return true;
}

bool json_string(struct json_in *in, struct buf *out)
{
	buf_clear(out);
	if (!take(in, '"'))
		return false;
	for (;;) {
		const char *p = in->at;
		while (p < in->end && *p != '"' && *p != '\\')
			p++;
		if (p > in->at)
			buf_append(out, in->at, (size_t)(p - in->at));
		in->at = p;
		if (p == in->end)
			return fail(in);
		in->at++;
		if (*p == '"')
			return !out->failed || fail(in);
		if (!escape(in, out))
			return false;
	}
}

bool json_key(struct json_in *in, struct buf *out)
{
	return json_string(in, out) && take(in, ':');
}

/* ---- the rest ---- */

bool json_number(struct json_in *in, struct view *out)
{
	json_peek(in);
	const char *p = in->at;

	while (
	    p < in->end && ((*p >= '0' && *p <= '9') || *p == '-' || *p == '+' || *p == '.' || *p == 'e' || *p == 'E'))
		p++;
	*out = (struct view){ in->at, (size_t)(p - in->at) };
	in->at = p;
	return out->len || fail(in);
}

bool json_literal(struct json_in *in, const char *word)
{
	size_t n = strlen(word);

	json_peek(in);
	if ((size_t)(in->end - in->at) < n || memcmp(in->at, word, n) != 0)
		return false;
	in->at += n;
	return true;
}

static bool skip_string(struct json_in *in)
{
	in->at++;
	while (in->at < in->end && *in->at != '"')
		in->at += *in->at == '\\' && in->end - in->at > 1 ? 2 : 1;
	if (in->at >= in->end)
		return fail(in);
	in->at++;
	return true;
}

/* Brackets need only balance: whoever wants what is within reads it. */
bool json_skip(struct json_in *in)
{
	int depth = 0;

	do {
		char c = json_peek(in);
		struct view number;
		bool ok = true;
		if (c == '{' || c == '[') {
			in->at++;
			ok = ++depth <= DEPTH_MAX;
		} else if (c == '}' || c == ']') {
			in->at++;
			ok = --depth >= 0;
		} else if (c == '"') {
			ok = skip_string(in);
		} else if ((c == ',' || c == ':') && depth) {
			in->at++;
		} else if (!json_literal(in, "true") && !json_literal(in, "false") && !json_literal(in, "null")) {
			ok = json_number(in, &number);
		}
		if (!ok || in->failed)
			return fail(in);
	} while (depth);
	return true;
}
