#include "cli/batches.h"

/* The byte after the line's newline, or NULL if the text ends first. Quotes count in the fields only, where a value can
 * begin: after an equals sign, as InfluxDB sees it. */
static const char *line_end(const char *p, const char *end)
{
	bool quoted = false, fields = false;
	char before = 0;

	for (; p < end; before = *p++) {
		if (*p == '\\' && end - p > 1) {
			p++;
			continue;
		}
		if (*p == '\n' && !quoted)
			return p + 1;
		if (*p == ' ')
			fields = true;
		if (*p == '"' && (quoted || (fields && before == '=')))
			quoted = !quoted;
	}
	return NULL;
}

size_t batch_cut(struct view text, bool end, unsigned *lines)
{
	const char *p = text.p, *stop = text.p + text.len;

	*lines = 0;
	while (p < stop && *lines < BATCH_LINES && p - text.p < BATCH_BYTES) {
		const char *next = line_end(p, stop);
		if (!next && !end)
			break;
		p = next ? next : stop;
		++*lines;
	}
	return (size_t)(p - text.p);
}
