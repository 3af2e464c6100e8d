#include "wire/json_write.h"

#include <math.h>

#include "base/clock.h"

size_t json_utf8_length(const unsigned char *p, size_t left)
{
	static const struct {
		unsigned char first, last, low, high; /* of the lead byte, of the second byte */
		size_t len;
	} rows[] = { { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (*p < rows[i].first || *p > rows[i].last)
			continue;
		if (left < rows[i].len || p[1] < rows[i].low || p[1] > rows[i].high)
			return 0;
		for (size_t k = 2; k < rows[i].len; k++)
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		return rows[i].len;
	}
	return 0;
}

static void escape(struct buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef", from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *at = c ? strchr(from, c) : NULL;

	if (at) {
		char text[2] = { '\\', to[at - from] };
		buf_append(b, text, sizeof text);
	} else {
		char text[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
		buf_append(b, text, sizeof text);
	}
}

void json_put_quoted(struct buf *b, struct view v)
{
	const unsigned char *p = (const unsigned char *)v.p;
	size_t done = 0, i = 0;

	buf_char(b, '"');
	while (i < v.len) {
		if (p[i] >= 0x20 && p[i] < 0x7f && p[i] != '"' && p[i] != '\\') {
			i++;
			continue;
		}
		size_t n = p[i] < 0x80 ? 0 : json_utf8_length(p + i, v.len - i);
		if (n) {
			i += n;
			continue;
		}
		buf_append(b, v.p + done, i - done);
		if (p[i] < 0x80)
			escape(b, p[i]);
		else
			buf_str(b, "\xef\xbf\xbd");
		done = ++i;
	}
	buf_append(b, v.p + done, i - done);
	buf_char(b, '"');
}

/* A value ends with a quote, a digit, a letter or a closing bracket: anything else in front needs no comma. */
static void begin(struct buf *b, const char *key)
{
	if (b->len && !strchr("{[:\n", b->p[b->len - 1]))
		buf_char(b, ',');
	if (key) {
		json_put_quoted(b, view_of(key));
		buf_char(b, ':');
	}
}

void json_open(struct buf *b, const char *key, char bracket)
{
	begin(b, key);
	buf_char(b, bracket);
}

void json_close(struct buf *b, char bracket)
{
	buf_char(b, bracket);
}

void json_put_text(struct buf *b, const char *key, struct view v)
{
	begin(b, key);
	json_put_quoted(b, v);
}

void json_put_string(struct buf *b, const char *key, const char *s)
{
	if (s)
		json_put_text(b, key, view_of(s));
	else
		json_put_null(b, key);
}

void json_put_string_or_null(struct buf *b, const char *key, const char *s)
{
	json_put_string(b, key, s && *s ? s : NULL);
}

void json_put_u64(struct buf *b, const char *key, uint64_t v)
{
	begin(b, key);
	buf_u64(b, v);
}

void json_put_i64(struct buf *b, const char *key, int64_t v)
{
	begin(b, key);
	buf_i64(b, v);
}

void json_put_double(struct buf *b, const char *key, double v)
{
	begin(b, key);
	if (isfinite(v))
		buf_double(b, v);
	else
		buf_str(b, "null");
}

void json_put_rounded(struct buf *b, const char *key, double v, unsigned decimals)
{
	double unit = 1;

	for (unsigned i = 0; i < decimals; i++)
		unit *= 10;
	json_put_double(b, key, fabs(v) < 1e15 / unit ? nearbyint(v * unit) / unit : v);
}

void json_put_bool(struct buf *b, const char *key, bool v)
{
	begin(b, key);
	buf_str(b, v ? "true" : "false");
}

void json_put_null(struct buf *b, const char *key)
{
	begin(b, key);
	buf_str(b, "null");
}

void json_put_time_ms(struct buf *b, const char *key, int64_t ns)
{
	if (ns == 0 || ns == INT64_MIN || ns == INT64_MAX)
		json_put_null(b, key);
	else
		json_put_i64(b, key, ns / NS_PER_MS);
}
