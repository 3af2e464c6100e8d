#include "query/source.h"

#include "wire/lp_parse.h"

void source_close(struct source *s)
{
	if (s)
		s->ops->close(s);
}

struct view source_string(const struct rows_string *s, struct buf *scratch)
{
	struct view raw = { s->bytes, s->len };

	if (!memchr(raw.p, '\\', raw.len))
		return raw;
	buf_clear(scratch);
	lp_unescape_string(raw, scratch);
	return (struct view){ scratch->p, scratch->len };
}
