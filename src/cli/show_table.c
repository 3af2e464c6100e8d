/* A series: its name and tags as a heading, its rows, and on a terminal the course of each numeric column. */
#include <math.h>
#include <stdio.h>

#include "base/num.h"
#include "cli/show_part.h"
#include "cli/text.h"

enum { SPARKLINE_WIDTH = 60, NAME_WIDTH = 30, RANGE_WIDTH = 40 };

static void style(struct show *s, const char *code)
{
	if (s->o.terminal->color)
		buf_printf(&s->out, "\033[%sm", code);
}

static void put_heading(struct show *s, const struct answer_series *series)
{
	if (!series->name.len && !series->tag_count)
		return;
	style(s, "1;36");
	if (series->name.len)
		grid_put(s->grid, &s->out, series->name);
	style(s, "0;36");
	for (unsigned i = 0; i < series->tag_count; i++) {
		if (i || series->name.len)
			buf_char(&s->out, ' ');
		grid_put(s->grid, &s->out, series->tags[i].key);
		buf_char(&s->out, '=');
		if (series->tags[i].value.len)
			grid_put(s->grid, &s->out, series->tags[i].value);
	}
	style(s, "0");
	buf_char(&s->out, '\n');
}

void show_table_series(struct show *s, const struct answer_series *series)
{
	if (s->series)
		buf_char(&s->out, '\n');
	put_heading(s, series);
	grid_begin(s->grid, series->columns, series->column_count);
	buf_clear(&s->names);
	for (unsigned i = 0; i < series->column_count && i < SHOW_SPARKLINES_MAX; i++) {
		sparkline_init(&s->sparklines[i]);
		text_put_clean(&s->names, series->columns[i], s->o.terminal->utf8);
		buf_char(&s->names, 0);
	}
}

static void add_to_sparkline(struct show *s, unsigned column, const struct answer_cell *c)
{
	double v;

	if (column >= SHOW_SPARKLINES_MAX)
		return;
	if (c->kind == ANSWER_NUMBER && num_parse_double(c->text, &v))
		sparkline_add(&s->sparklines[column], v);
	else
		sparkline_skip(&s->sparklines[column]);
}

void show_table_row(struct show *s, const struct answer_cell *cells)
{
	static const enum grid_kind kinds[] = { [ANSWER_NULL] = GRID_NULL,
		[ANSWER_BOOLEAN] = GRID_WORD,
		[ANSWER_NUMBER] = GRID_NUMBER,
		[ANSWER_STRING] = GRID_TEXT };
	char scratch[64];

	for (unsigned i = 0; i < s->columns; i++) {
		if (show_time(s, i, &cells[i], scratch))
			grid_add(s->grid, GRID_WORD, view_of(scratch), &s->out);
		else
			grid_add(s->grid, kinds[cells[i].kind], cells[i].text, &s->out);
		if (s->o.terminal->is_terminal && s->time_first && i)
			add_to_sparkline(s, i, &cells[i]);
	}
}

static void put_sparkline(struct show *s, const struct sparkline *line, struct view name, unsigned name_width)
{
	unsigned width = s->o.terminal->width, taken = name_width + 2 + RANGE_WIDTH;
	unsigned room = width > taken + 8 ? width - taken : 8;

	text_put_cut(&s->out, name, name_width, s->o.terminal->utf8);
	for (unsigned i = text_width(name); i < name_width + 2; i++)
		buf_char(&s->out, ' ');
	style(s, "32");
	sparkline_put(line, &s->out, room < SPARKLINE_WIDTH ? room : SPARKLINE_WIDTH, s->o.terminal->utf8);
	style(s, "0");
	buf_printf(&s->out, "  %.6g to %.6g, last %.6g\n", line->low, line->high, line->last);
}

static void put_sparklines(struct show *s)
{
	unsigned shown = s->columns < SHOW_SPARKLINES_MAX ? s->columns : SHOW_SPARKLINES_MAX, widest = 0;
	const char *name = s->names.p;

	for (unsigned i = 0; i < shown; i++, name += strlen(name) + 1) {
		unsigned w = s->sparklines[i].values > 1 ? text_width(view_of(name)) : 0;
		widest = w > widest ? w : widest;
	}
	widest = widest < NAME_WIDTH ? widest : NAME_WIDTH;
	if (widest && grid_has_records(s->grid))
		buf_char(&s->out, '\n');
	name = s->names.p;
	for (unsigned i = 0; i < shown; i++, name += strlen(name) + 1)
		if (s->sparklines[i].values > 1)
			put_sparkline(s, &s->sparklines[i], view_of(name), widest);
}

void show_table_end(struct show *s)
{
	grid_flush(s->grid, &s->out);
	s->out.failed |= s->names.failed;
	if (s->o.format == SHOW_TABLE && s->o.terminal->is_terminal && s->time_first && !s->out.failed)
		put_sparklines(s);
}
