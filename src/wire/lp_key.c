#include "wire/lp_key.h"

#include <stdlib.h>

/* The first c in [p, end) that no backslash stands before, or end. */
static const char *find_plain(const char *start, const char *p, const char *end, char c)
{
	while (p < end && (p = memchr(p, c, (size_t)(end - p)))) {
		if (p == start || p[-1] != '\\')
			return p;
		p++;
	}
	return end;
}

static bool fail(enum reject *why, const char **error, enum reject r, const char *text)
{
	*why = r;
	*error = text;
	return false;
}

/* Overlong forms and surrogates are refused too. */
bool lp_name_is_clean(struct view v)
{
	const unsigned char *p = (const unsigned char *)v.p, *end = p + v.len;

	while (p < end) {
		unsigned n = *p < 0x80 ? 0 : *p < 0xC2 ? 9 : *p < 0xE0 ? 1 : *p < 0xF0 ? 2 : *p < 0xF5 ? 3 : 9;
		if (n == 0 && (*p < 0x20 || *p == 0x7F))
			return false;
		if (n > (size_t)(end - p) - 1)
			return false;
		if ((*p == 0xE0 && p[1] < 0xA0) || (*p == 0xED && p[1] > 0x9F) || (*p == 0xF0 && p[1] < 0x90) ||
		    (*p == 0xF4 && p[1] > 0x8F))
			return false;
		for (unsigned i = 1; i <= n; i++)
			if ((p[i] & 0xC0) != 0x80)
				return false;
		p += n + 1;
	}
	return true;
}

bool lp_key_split(struct view key, struct lp_key *out, enum reject *why, const char **error)
{
	const char *p = key.p, *end = key.p + key.len;

	out->tag_count = 0;
	out->sorted = true;
	if (key.len > LP_KEY_MAX)
		return fail(why, error, REJECT_TOO_LONG, "max key length exceeded: 65535");
	if (!lp_name_is_clean(key))
		return fail(why, error, REJECT_BAD_NAME, "names must be UTF-8 without control characters");
	const char *comma = find_plain(key.p, p, end, ',');
	out->measurement = (struct view){ p, (size_t)(comma - p) };
	if (out->measurement.len == 0)
		return fail(why, error, REJECT_UNPARSABLE, "missing measurement");
	while (comma < end) {
		p = comma + 1;
		comma = find_plain(key.p, p, end, ',');
		const char *equals = find_plain(p, p, comma, '=');
		if (equals == p)
			return fail(why, error, REJECT_UNPARSABLE, "missing tag key");
		if (equals == comma || equals + 1 == comma)
			return fail(why, error, REJECT_UNPARSABLE, "missing tag value");
		if (find_plain(p, equals + 1, comma, '=') != comma)
			return fail(why, error, REJECT_UNPARSABLE, "invalid tag format");
		if (out->tag_count == LP_TAGS_MAX)
			return fail(why, error, REJECT_TOO_LONG, "more than 128 tags");
		struct lp_tag_view *t = &out->tags[out->tag_count++];
		t->key = (struct view){ p, (size_t)(equals - p) };
		t->value = (struct view){ equals + 1, (size_t)(comma - equals - 1) };
		if (out->tag_count > 1 && view_cmp(t[-1].key, t->key) >= 0)
			out->sorted = false;
	}
	return true;
}

static int by_key(const void *a, const void *b)
{
	return view_cmp(((const struct lp_tag_view *)a)->key, ((const struct lp_tag_view *)b)->key);
}

bool lp_key_sort(struct lp_key *key)
{
	if (!key->sorted)
		qsort(key->tags, key->tag_count, sizeof *key->tags, by_key);
	key->sorted = true;
	for (unsigned i = 1; i < key->tag_count; i++)
		if (view_eq(key->tags[i - 1].key, key->tags[i].key))
			return false;
	return true;
}

void lp_key_write(const struct lp_key *key, struct buf *out)
{
	buf_view(out, key->measurement);
	for (unsigned i = 0; i < key->tag_count; i++) {
		buf_char(out, ',');
		buf_view(out, key->tags[i].key);
		buf_char(out, '=');
		buf_view(out, key->tags[i].value);
	}
}

static bool is_special(char c, bool measurement)
{
	return c == ',' || c == ' ' || (c == '=' && !measurement);
}

void lp_unescape(struct view raw, bool measurement, struct buf *out)
{
	for (size_t i = 0; i < raw.len; i++)
		if (raw.p[i] != '\\' || i + 1 == raw.len || !is_special(raw.p[i + 1], measurement))
			buf_char(out, raw.p[i]);
}

void lp_escape(struct view name, bool measurement, struct buf *out)
{
	for (size_t i = 0; i < name.len; i++) {
		if (is_special(name.p[i], measurement))
			buf_char(out, '\\');
		buf_char(out, name.p[i]);
	}
}
