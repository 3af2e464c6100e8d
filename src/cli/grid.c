#include "cli/grid.h"

#include <stdlib.h>

#include "cli/text.h"

enum { GAP = 2, NARROW = 8, BLOCK_BYTES = 4 << 20, BLOCK_CELLS = 1 << 18, TEXT_MAX = 256 << 20 };

struct cell {
	size_t at, len;
	unsigned width;
	enum grid_kind kind;
};

struct column {
	struct cell name;
	unsigned widest; /* of the name and all cells so far */
	unsigned least; /* what it needs: numbers and times are never cut */
	unsigned width; /* as printed */
	bool is_text;
};

struct grid {
	const struct terminal *terminal;
	bool records_always, records; /* records: of this series */
	struct buf text, names;
	struct cell *cells;
	size_t count, cap;
	struct column *columns;
	unsigned column_count;
	bool head_printed, row_printed, failed;
};

struct grid *grid_new(const struct terminal *t, bool records)
{
	struct grid *g = calloc(1, sizeof *g);

	if (!g)
		return NULL;
	g->terminal = t;
	g->records_always = records;
	buf_init(&g->text, TEXT_MAX);
	buf_init(&g->names, TEXT_MAX);
	return g;
}

void grid_free(struct grid *g)
{
	if (!g)
		return;
	buf_fini(&g->text);
	buf_fini(&g->names);
	free(g->cells);
	free(g->columns);
	free(g);
}

bool grid_has_records(const struct grid *g)
{
	return g->records;
}

void grid_put(const struct grid *g, struct buf *out, struct view text)
{
	if (g->terminal->is_terminal)
		text_put_clean(out, text, g->terminal->utf8);
	else
		text_put_plain(out, text);
}

static void style(const struct grid *g, struct buf *out, const char *code)
{
	if (g->terminal->color)
		buf_printf(out, "\033[%sm", code);
}

static void blanks(struct buf *out, unsigned n)
{
	while (n--)
		buf_char(out, ' ');
}

/* Cleaned text at the end of b. */
static struct cell make_cell(const struct grid *g, struct buf *b, enum grid_kind kind, struct view text)
{
	struct cell c = { .at = b->len, .kind = kind };

	if (kind == GRID_TEXT)
		grid_put(g, b, text);
	else if (kind == GRID_NULL)
		buf_char(b, '-');
	else
		buf_view(b, text);
	c.len = b->len - c.at;
	c.width = c.len ? text_width((struct view){ b->p + c.at, c.len }) : 0;
	return c;
}

void grid_begin(struct grid *g, const struct view *columns, unsigned count)
{
	free(g->columns);
	g->columns = calloc(count + 1, sizeof *g->columns);
	g->failed |= !g->columns;
	g->column_count = g->columns ? count : 0;
	g->records = g->records_always;
	g->head_printed = g->row_printed = false;
	buf_clear(&g->names);
	for (unsigned i = 0; i < g->column_count; i++) {
		g->columns[i].name = make_cell(g, &g->names, GRID_TEXT, columns[i]);
		g->columns[i].widest = g->columns[i].name.width;
	}
}

static bool room(struct grid *g)
{
	if (g->count < g->cap)
		return true;
	size_t cap = g->cap ? g->cap * 2 : 256;
	struct cell *more = realloc(g->cells, cap * sizeof *more);
	if (!more)
		return false;
	g->cells = more;
	g->cap = cap;
	return true;
}

void grid_add(struct grid *g, enum grid_kind kind, struct view text, struct buf *out)
{
	if (!g->column_count || !room(g)) {
		g->failed = true;
		out->failed = true;
		return;
	}
	struct column *c = &g->columns[g->count % g->column_count];
	struct cell cell = make_cell(g, &g->text, kind, text);
	g->cells[g->count++] = cell;
	c->widest = cell.width > c->widest ? cell.width : c->widest;
	c->is_text |= kind == GRID_TEXT || kind == GRID_WORD;
	if (kind != GRID_TEXT || cell.width < NARROW)
		c->least = cell.width > c->least ? cell.width : c->least;
	else if (c->least < NARROW)
		c->least = NARROW;
	bool row_ends = g->count % g->column_count == 0;
	size_t rows = g->records_always ? 1 : GRID_ROWS;
	if (row_ends && (g->count / g->column_count >= rows || g->text.len >= BLOCK_BYTES || g->count >= BLOCK_CELLS))
		grid_flush(g, out);
}

/* ---- columns ---- */

/* The widest that may give something, narrower by one; false: none may. */
static bool narrow(struct grid *g)
{
	struct column *found = NULL;

	for (unsigned i = 0; i < g->column_count; i++) {
		struct column *c = &g->columns[i];
		if (c->width > c->least && (!found || c->width > found->width))
			found = c;
	}
	if (found)
		found->width--;
	return found;
}

/* False: the columns cannot be brought into the terminal's width. */
static bool choose_widths(struct grid *g)
{
	unsigned room_for = g->terminal->width;
	uint64_t all = 0, least = 0;

	for (unsigned i = 0; i < g->column_count; i++) {
		struct column *c = &g->columns[i];
		c->width = room_for && c->widest > room_for ? room_for : c->widest;
		c->width = c->width < c->least ? c->least : c->width;
		all += c->width + (i ? GAP : 0);
		least += c->least + (i ? GAP : 0);
	}
	if (room_for && least > room_for)
		return false;
	for (; room_for && all > room_for; all--)
		if (!narrow(g))
			return false;
	return true;
}

static void put_cell(const struct grid *g, struct buf *out, const struct cell *c, const char *text, unsigned column)
{
	const struct column *of = &g->columns[column];
	unsigned shown = c->width < of->width ? c->width : of->width, pad = of->width - shown;
	bool last = column + 1 == g->column_count, right = !of->is_text;
	bool faint = c->kind == GRID_NULL;

	if (right)
		blanks(out, pad);
	if (faint)
		style(g, out, "2");
	text_put_cut(out, (struct view){ text + c->at, c->len }, of->width, g->terminal->utf8);
	if (faint)
		style(g, out, "0");
	if (!last)
		blanks(out, (right ? 0 : pad) + GAP);
}

static void put_columns(struct grid *g, struct buf *out)
{
	if (!g->head_printed) {
		style(g, out, "1");
		for (unsigned i = 0; i < g->column_count; i++)
			put_cell(g, out, &g->columns[i].name, g->names.p, i);
		style(g, out, "0");
		buf_char(out, '\n');
		g->head_printed = true;
	}
	for (size_t i = 0; i < g->count; i++) {
		unsigned column = (unsigned)(i % g->column_count);
		put_cell(g, out, &g->cells[i], g->text.p, column);
		if (column + 1 == g->column_count)
			buf_char(out, '\n');
	}
}

/* ---- records ---- */

static void put_records(struct grid *g, struct buf *out)
{
	unsigned widest = 0;

	for (unsigned i = 0; i < g->column_count; i++)
		widest = g->columns[i].name.width > widest ? g->columns[i].name.width : widest;
	for (size_t i = 0; i < g->count; i++) {
		unsigned column = (unsigned)(i % g->column_count);
		const struct cell *name = &g->columns[column].name, *c = &g->cells[i];
		if (column == 0 && g->row_printed)
			buf_char(out, '\n');
		g->row_printed = true;
		blanks(out, widest - name->width);
		style(g, out, "1");
		buf_append(out, g->names.p + name->at, name->len);
		style(g, out, "0");
		buf_str(out, " = ");
		if (c->len)
			buf_append(out, g->text.p + c->at, c->len);
		buf_char(out, '\n');
	}
}

void grid_flush(struct grid *g, struct buf *out)
{
	if (g->text.failed || g->names.failed || g->failed)
		out->failed = true;
	if (!out->failed && g->column_count && (g->count || !g->head_printed)) {
		/* once too wide it stays so, to the end of the series */
		g->records = g->records || !choose_widths(g);
		if (g->records)
			put_records(g, out);
		else
			put_columns(g, out);
	}
	g->count = 0;
	buf_clear(&g->text);
}
