#include "cli/import.h"

#include <stdlib.h>

#include "base/num.h"
#include "base/timetext.h"

static const char *const names[] = { [IMPORT_LP] = "lp", [IMPORT_CSV] = "csv", [IMPORT_JSONL] = "jsonl" };

bool import_format_find(const char *name, enum import_format *out)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(names[i], name)) {
			*out = (enum import_format)i;
			return true;
		}
	return false;
}

const char *import_format_name(enum import_format f)
{
	return names[f];
}

static bool starts_with(struct view v, const char *s)
{
	size_t n = strlen(s);

	return v.len >= n && !memcmp(v.p, s, n);
}

static void skip(struct view *v, size_t n)
{
	v->p += n;
	v->len -= n;
}

enum import_format import_detect(struct view text)
{
	if (starts_with(text, "\xef\xbb\xbf"))
		skip(&text, 3);
	while (text.len && strchr(" \t\r\n", *text.p) && *text.p)
		skip(&text, 1);
	if (text.len && *text.p == '{')
		return IMPORT_JSONL;
	/* with any separator, and quoted as some programs do: measurement,time */
	bool quoted = starts_with(text, "\"measurement\"");
	if (!quoted && !starts_with(text, "measurement"))
		return IMPORT_LP;
	skip(&text, quoted ? 13 : 11);
	if (text.len == 0 || !strchr(",;\t", *text.p))
		return IMPORT_LP;
	skip(&text, 1);
	if (starts_with(text, "\"time\""))
		return IMPORT_CSV;
	/* `measurement,time=x v=1 1` is line protocol */
	return starts_with(text, "time") && (text.len == 4 || strchr(",;\t\r\n", text.p[4])) ? IMPORT_CSV : IMPORT_LP;
}

void import_init(struct import *im, enum import_format f)
{
	*im = (struct import){ .format = f, .line = 1, .next_line = 1, .separator = ',' };
	buf_init(&im->header, IMPORT_RECORD_MAX);
	buf_init(&im->cells, IMPORT_RECORD_MAX);
}

void import_fini(struct import *im)
{
	buf_fini(&im->header);
	buf_fini(&im->cells);
	free(im->columns);
	free(im->cell);
	free(im->quoted);
}

static uint64_t count_lines(struct view v)
{
	const char *p = v.p, *end = v.p + v.len, *newline;
	uint64_t n = 0;

	while (p < end && (newline = memchr(p, '\n', (size_t)(end - p)))) {
		p = newline + 1;
		n++;
	}
	return n;
}

enum import_step import_next(
    struct import *im, struct view text, bool end, size_t *used, struct buf *out, struct errbuf *why)
{
	enum import_step s;

	*used = 0;
	im->line = im->next_line;
	if (im->line == 1 && text.len < 3 && !end)
		return IMPORT_MORE;
	if (im->line == 1 && starts_with(text, "\xef\xbb\xbf")) { /* a byte order mark */
		*used = 3;
		return IMPORT_NOTHING;
	}
	if (text.len == 0)
		return end ? IMPORT_NOTHING : IMPORT_MORE;
	if (im->format == IMPORT_LP)
		s = import_next_lp(im, text, end, used, out, why);
	else if (im->format == IMPORT_CSV)
		s = import_next_csv(im, text, end, used, out, why);
	else
		s = import_next_jsonl(im, text, end, used, out, why);
	im->next_line += count_lines((struct view){ text.p, *used });
	return s;
}

bool import_time(struct view v, int64_t *out_ns)
{
	/* 2026-01-31T…: anything else that timetext knows is relative or guesses its unit */
	if (v.len > 10 && v.p[4] == '-' && v.p[7] == '-')
		return timetext_parse(v, 0, out_ns);
	return num_parse_i64(v, out_ns);
}
