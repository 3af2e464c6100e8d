#include "cli/text.h"

#include <langinfo.h>
#include <wchar.h>

bool text_is_utf8(void)
{
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

/* The character at p and how many bytes it has; 0: broken there. */
static unsigned decode(const char *p, size_t len, uint32_t *out)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char c = (unsigned char)*p;
	unsigned n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;

	if (n == 0 || n > len)
		return 0;
	*out = n == 1 ? c : c & (0x7fu >> n);
	for (unsigned i = 1; i < n; i++) {
		if (((unsigned char)p[i] & 0xc0) != 0x80)
			return 0;
		*out = *out << 6 | ((unsigned char)p[i] & 0x3f);
	}
	return *out < least[n] || *out > 0x10ffff || (*out >= 0xd800 && *out < 0xe000) ? 0 : n;
}

/* Columns of the character at p, -1: not printable; *len: its bytes. */
static int measure(const char *p, size_t left, unsigned *len, uint32_t *c)
{
	*len = decode(p, left, c);
	if (*len == 0) {
		*len = 1;
		*c = (unsigned char)*p;
		return -1;
	}
	/* marks of direction move what stands beside them: wcwidth takes them for nothing */
	if ((*c >= 0x200e && *c <= 0x200f) || (*c >= 0x2028 && *c <= 0x202e) || (*c >= 0x2066 && *c <= 0x2069))
		return -1;
	return *c < 0x80 ? (*c >= 0x20 && *c < 0x7f ? 1 : -1) : wcwidth((wchar_t)*c);
}

static size_t fit(struct view v, unsigned width, unsigned *used)
{
	size_t at = 0;
	unsigned len;
	uint32_t c;

	*used = 0;
	while (at < v.len) {
		int w = measure(v.p + at, v.len - at, &len, &c);
		unsigned columns = w < 0 ? 1 : (unsigned)w;
		if (*used + columns > width)
			break;
		*used += columns;
		at += len;
	}
	return at;
}

unsigned text_width(struct view v)
{
	unsigned used;

	fit(v, UINT32_MAX / 2, &used);
	return used;
}

size_t text_fit(struct view v, unsigned width)
{
	unsigned used;

	return fit(v, width, &used);
}

void text_put_cut(struct buf *out, struct view v, unsigned width, bool utf8)
{
	size_t n = text_fit(v, width);

	if (n < v.len && width)
		n = text_fit(v, width - 1);
	if (n)
		buf_append(out, v.p, n);
	if (n < v.len && width)
		buf_str(out, utf8 ? "…" : "~");
}

/* Of \n and its like the letter; else 0. */
static char short_escape(uint32_t c)
{
	return c == '\n' ? 'n' : c == '\t' ? 't' : c == '\r' ? 'r' : c == '\\' ? '\\' : 0;
}

static void put_escape(struct buf *out, uint32_t c, bool broken)
{
	char letter = short_escape(c);

	if (letter && !broken)
		buf_printf(out, "\\%c", letter);
	else if (c < 0x80 || broken)
		buf_printf(out, "\\x%02x", (unsigned)c);
	else
		buf_printf(out, c > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)c);
}

void text_put_clean(struct buf *out, struct view v, bool utf8)
{
	unsigned len;
	uint32_t c;

	for (size_t at = 0; at < v.len; at += len) {
		int w = measure(v.p + at, v.len - at, &len, &c);
		if (w < 0 || c == '\\' || (c >= 0x80 && !utf8))
			put_escape(out, c, len == 1 && c >= 0x80);
		else
			buf_append(out, v.p + at, len);
	}
}

static bool needs_quotes(struct view v)
{
	if (v.len == 0 || view_is(v, "-") || *v.p == '"')
		return true;
	for (size_t i = 0; i < v.len; i++)
		if ((unsigned char)v.p[i] <= ' ' || v.p[i] == 0x7f)
			return true;
	return false;
}

void text_put_plain(struct buf *out, struct view v)
{
	bool quotes = needs_quotes(v);

	if (quotes)
		buf_char(out, '"');
	for (size_t i = 0; i < v.len; i++) {
		unsigned char c = (unsigned char)v.p[i];
		if (c < ' ' || c == 0x7f || c == '\\')
			put_escape(out, c, false);
		else if (c == '"' && quotes)
			buf_str(out, "\\\"");
		else
			buf_char(out, (char)c);
	}
	if (quotes)
		buf_char(out, '"');
}
