/* Line protocol passes as it is; here only a line's end is found and that it has a timestamp: without one the daemon
 * would take the time of its arrival, and an import done twice would be there twice. */
#include "cli/import.h"

enum { STRING_MAX = 65536 }; /* the daemon's: a longer one is a quote too few */

struct cursor {
	const char *p, *end;
	bool more; /* the text ended within the line, and may go on */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* To the space that ends the key, or the line's end. */
static void pass_key(struct cursor *c)
{
	for (char before = 0; c->p < c->end && *c->p != '\n'; before = *c->p++)
		if (*c->p == ' ' && before != '\\')
			return;
}

/* From the opening quote behind the closing one. False: none within reach. */
static bool pass_string(struct cursor *c)
{
	const char *start = c->p++;

	for (; c->p < c->end && c->p - start <= STRING_MAX + 1; c->p++) {
		if (*c->p == '"') {
			c->p++;
			return true;
		}
		if (*c->p == '\\' && c->p + 1 < c->end)
			c->p++;
	}
	return false;
}

/* To the space behind the fields, or the line's end. False: a string does not end. */
static bool pass_fields(struct cursor *c)
{
	for (char before = 0; c->p < c->end && *c->p != '\n';) {
		if (*c->p == ' ' && before != '\\')
			return true;
		if (*c->p == '"' && before == '=') {
			if (!pass_string(c))
				return false;
			before = '"';
			continue;
		}
		before = before == '\\' && *c->p == '=' ? 'x' : *c->p; /* an escaped one begins no value */
		c->p++;
	}
	return true;
}

static void pass_blanks(struct cursor *c)
{
	while (c->p < c->end && is_blank(*c->p))
		c->p++;
}

static void pass_line(struct cursor *c)
{
	const char *newline = c->p < c->end ? memchr(c->p, '\n', (size_t)(c->end - c->p)) : NULL;

	c->p = newline ? newline : c->end;
}

enum import_step import_next_lp(
    struct import *im, struct view text, bool end, size_t *used, struct buf *out, struct errbuf *why)
{
	struct cursor c = { .p = text.p, .end = text.p + text.len };
	bool closed = true, timed = false;

	(void)im;
	pass_blanks(&c);
	const char *start = c.p;
	if (c.p < c.end && *c.p != '\n' && *c.p != '#') {
		pass_key(&c);
		pass_blanks(&c);
		closed = pass_fields(&c);
		pass_blanks(&c);
		timed = closed && c.p < c.end && *c.p != '\n';
	}
	if (!closed && c.p >= c.end && !end)
		return IMPORT_MORE;
	if (!closed)
		c.p = start; /* what follows the first line end may be good */
	pass_line(&c);
	if (c.p == c.end && !end)
		return IMPORT_MORE;
	const char *stop = c.p;
	*used = (size_t)(c.p - text.p) + (c.p < c.end);
	if (start == stop || *start == '#')
		return IMPORT_NOTHING;
	if (!closed) {
		(void)errbuf_set(why, ERR_INVALID, "a string without its closing quote, or above 65536 bytes");
		return IMPORT_BAD;
	}
	if (!timed) {
		(void)errbuf_set(why, ERR_INVALID, "no timestamp");
		return IMPORT_BAD;
	}
	while (stop > start && is_blank(stop[-1]))
		stop--;
	buf_append(out, start, (size_t)(stop - start));
	buf_char(out, '\n');
	return IMPORT_POINT;
}
