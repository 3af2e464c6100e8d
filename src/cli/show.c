#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/timetext.h"
#include "cli/show_part.h"

enum { OUT_MAX = 512 << 20 };

bool show_format_find(const char *name, enum show_format *out)
{
	static const char *const names[] = { "table", "csv", "json", "line" };

	for (int i = 0; i < 4; i++) {
		if (strcmp(name, names[i]) != 0)
			continue;
		*out = (enum show_format)i;
		return true;
	}
	return false;
}

struct show *show_new(const struct show_opts *o)
{
	struct show *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->o = *o;
	buf_init(&s->out, OUT_MAX);
	buf_init(&s->names, 1 << 20);
	buf_init(&s->head, 16 << 20);
	buf_init(&s->tags, 16 << 20);
	if (o->format == SHOW_CSV)
		return s;
	s->grid = grid_new(o->terminal, o->format == SHOW_LINE);
	s->sparklines = calloc(SHOW_SPARKLINES_MAX, sizeof *s->sparklines);
	if (s->grid && s->sparklines)
		return s;
	show_free(s);
	return NULL;
}

void show_free(struct show *s)
{
	if (!s)
		return;
	buf_fini(&s->out);
	buf_fini(&s->names);
	buf_fini(&s->head);
	buf_fini(&s->tags);
	grid_free(s->grid);
	free(s->sparklines);
	free(s);
}

static bool give(struct show *s)
{
	bool good = !s->out.failed && (!s->out.len || s->o.write(s->o.arg, (struct view){ s->out.p, s->out.len }));

	buf_clear(&s->out);
	return good;
}

bool show_answer_series(void *arg, const struct answer_series *series)
{
	struct show *s = arg;

	s->time_first = series->column_count && view_is(series->columns[0], "time");
	s->columns = series->column_count;
	if (s->o.format == SHOW_CSV)
		show_csv_series(s, series);
	else
		show_table_series(s, series);
	s->series++;
	return give(s);
}

bool show_answer_row(void *arg, const struct answer_cell *cells)
{
	struct show *s = arg;

	if (s->o.format == SHOW_CSV)
		show_csv_row(s, cells);
	else
		show_table_row(s, cells);
	return give(s);
}

bool show_series_end(void *arg)
{
	struct show *s = arg;

	if (s->o.format != SHOW_CSV)
		show_table_end(s);
	return give(s);
}

uint64_t show_series_count(const struct show *s)
{
	return s->series;
}

bool show_newest(const struct show *s, int64_t *out_ns)
{
	*out_ns = s->newest_ns;
	return s->has_newest;
}

/* ---- times ---- */

void show_local_time(char out[64], int64_t ns)
{
	int64_t seconds = ns / NS_PER_S - (ns % NS_PER_S < 0);
	unsigned fraction = (unsigned)((ns % NS_PER_S + NS_PER_S) % NS_PER_S);
	time_t t = (time_t)seconds;
	char digits[16] = "";
	struct tm tm;

	if (!localtime_r(&t, &tm)) {
		timetext_format(out, ns);
		return;
	}
	int n = fraction ? snprintf(digits, sizeof digits, ".%09u", fraction) : 0;
	while (n && digits[n - 1] == '0')
		digits[--n] = 0;
	int offset = (int)(tm.tm_gmtoff / 60), size = abs(offset);
	snprintf(out, 64, "%04d-%02d-%02d %02d:%02d:%02d%s%c%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
	    tm.tm_hour, tm.tm_min, tm.tm_sec, digits, offset < 0 ? '-' : '+', size / 60, size % 60);
}

bool show_time(struct show *s, unsigned column, const struct answer_cell *c, char scratch[64])
{
	int64_t ns;

	if (column || !s->time_first || s->o.time == SHOW_TIME_AS_SENT || c->kind != ANSWER_NUMBER ||
	    !num_parse_i64(c->text, &ns))
		return false;
	s->newest_ns = s->has_newest && s->newest_ns > ns ? s->newest_ns : ns;
	s->has_newest = true;
	if (s->o.time == SHOW_TIME_LOCAL)
		show_local_time(scratch, ns);
	else
		timetext_format(scratch, ns);
	return true;
}
