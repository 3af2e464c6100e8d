#include "edge/collect_scan.h"

#include <string.h>

bool scan_line(struct scan *text, struct scan *line)
{
	const char *newline = text->at < text->end ? memchr(text->at, '\n', (size_t)(text->end - text->at)) : NULL;

	if (!newline)
		return false;
	*line = (struct scan){ text->at, newline };
	text->at = newline + 1;
	return true;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

static void skip_blanks(struct scan *s)
{
	while (s->at < s->end && blank(*s->at))
		s->at++;
}

bool scan_word(struct scan *s, struct view *word)
{
	skip_blanks(s);
	const char *start = s->at;
	while (s->at < s->end && !blank(*s->at))
		s->at++;
	*word = (struct view){ start, (size_t)(s->at - start) };
	return word->len > 0;
}

bool scan_until(struct scan *s, char until, struct view *word)
{
	skip_blanks(s);
	const char *found = s->at < s->end ? memchr(s->at, until, (size_t)(s->end - s->at)) : NULL;
	if (!found)
		return false;
	*word = (struct view){ s->at, (size_t)(found - s->at) };
	s->at = found + 1;
	return true;
}

bool scan_u64(struct scan *s, uint64_t *n)
{
	const char *p = s->at;
	uint64_t v = 0;

	while (p < s->end && blank(*p))
		p++;
	const char *digits = p;
	for (; p < s->end && !blank(*p); p++) {
		unsigned d = (unsigned char)*p - '0';
		if (d > 9 || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, d, &v))
			return false;
	}
	if (p == digits)
		return false;
	s->at = p;
	*n = v;
	return true;
}

unsigned scan_u64s(struct scan *s, uint64_t *n, unsigned max)
{
	unsigned k = 0;

	while (k < max && scan_u64(s, &n[k]))
		k++;
	return k;
}

bool scan_copy(struct view v, char *out, size_t size)
{
	if (v.len == 0 || v.len >= size || memchr(v.p, 0, v.len))
		return false;
	memcpy(out, v.p, v.len);
	out[v.len] = 0;
	return true;
}
