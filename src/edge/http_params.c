#include "edge/http_params.h"

#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool http_percent_decode(char *dst, struct view src, bool plus)
{
	for (size_t i = 0; i < src.len; i++) {
		char c = src.p[i];
		if (c == '%') {
			int high = i + 1 < src.len ? hex_digit(src.p[i + 1]) : -1;
			int low = i + 2 < src.len ? hex_digit(src.p[i + 2]) : -1;
			if (high < 0 || low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		if (c == 0)
			return false;
		*dst++ = c;
	}
	*dst = 0;
	return true;
}

void http_params_init(struct http_params *p)
{
	p->count = 0;
	arena_init(&p->arena, 4096, HTTP_PARAMS_BYTES);
}

void http_params_fini(struct http_params *p)
{
	p->count = 0;
	arena_fini(&p->arena);
}

/* *out is NULL when memory or the ceiling ends. */
static bool decode(struct http_params *p, struct view v, const char **out)
{
	char *text = arena_alloc(&p->arena, v.len + 1, 1);

	*out = text;
	return !text || http_percent_decode(text, v, true);
}

enum err http_params_parse(struct http_params *p, struct view text, struct errbuf *eb)
{
	const char *at = text.p, *end = text.p + text.len;

	while (text.len && at < end) {
		const char *stop = memchr(at, '&', (size_t)(end - at));
		stop = stop ? stop : end;
		const char *equals = memchr(at, '=', (size_t)(stop - at));
		struct view name = { at, (size_t)((equals ? equals : stop) - at) };
		struct view value = { equals ? equals + 1 : stop, equals ? (size_t)(stop - equals - 1) : 0 };
		at = stop + 1;
		if (name.len == 0)
			continue;
		if (p->count == HTTP_PARAMS_MAX)
			return errbuf_set(eb, ERR_TOOBIG, "more than %d parameters", HTTP_PARAMS_MAX);
		if (!decode(p, name, &p->item[p->count].name) || !decode(p, value, &p->item[p->count].value))
			return errbuf_set(eb, ERR_INVALID, "a parameter holds a bad %%-escape");
		if (!p->item[p->count].name || !p->item[p->count].value)
			return errbuf_set(eb, ERR_TOOBIG, "the parameters are too long");
		p->count++;
	}
	return ERR_OK;
}

const char *http_params_get(const struct http_params *p, const char *name)
{
	for (unsigned i = 0; i < p->count; i++)
		if (!strcmp(p->item[i].name, name))
			return p->item[i].value;
	return NULL;
}
