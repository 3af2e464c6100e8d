/* Our CSV (see query/export_write.h and docs/api.md). Also with semicolons or tabs, and with quotes where none were: the
 * first header tells. A string cell that is empty and unquoted is no value; without quotes and not empty it is a string. */
#include <stdlib.h>
#include <strings.h>

#include "base/num.h"
#include "cli/import.h"
#include "cli/lpline.h"

static const struct {
	const char *name;
	char kind;
} kinds[] = { { "tag", 't' }, { "float", 'f' }, { "integer", 'i' }, { "unsigned", 'u' }, { "boolean", 'b' },
	{ "string", 's' } };

/* ---- rows ---- */

static bool new_cell(struct import *im)
{
	if (im->cell_count == im->cell_cap) {
		unsigned cap = im->cell_cap ? im->cell_cap * 2 : 64;
		struct view *cell = realloc(im->cell, cap * sizeof *cell);
		if (cell)
			im->cell = cell;
		bool *quoted = realloc(im->quoted, cap * sizeof *quoted);
		if (quoted)
			im->quoted = quoted;
		if (!cell || !quoted)
			return false;
		im->cell_cap = cap;
	}
	im->cell[im->cell_count] = (struct view){ (const char *)(uintptr_t)im->cells.len,
		0 }; /* an offset until the end */
	im->quoted[im->cell_count++] = false;
	return true;
}

static bool is_end(const struct import *im, char c)
{
	return c == im->separator || c == '\n' || c == '\r';
}

/* A quoted cell's text; returns what follows the closing quote, or NULL if that is not there. */
static const char *take_quoted(struct import *im, const char *p, const char *end)
{
	for (p++; p < end;) {
		const char *quote = memchr(p, '"', (size_t)(end - p));
		if (!quote)
			return NULL;
		buf_append(&im->cells, p, (size_t)(quote - p));
		if (quote + 1 == end || quote[1] != '"')
			return quote + 1;
		buf_char(&im->cells, '"');
		p = quote + 2;
	}
	return NULL;
}

enum row { ROW_WHOLE, ROW_OPEN, ROW_BAD };

/* Splits the row at text into im->cell. ROW_OPEN: the text ends before the row does. */
static enum row split(struct import *im, struct view text, bool end, size_t *used)
{
	const char *p = text.p, *stop = text.p + text.len;

	im->cell_count = 0;
	buf_clear(&im->cells);
	for (;;) {
		if (!new_cell(im))
			return ROW_BAD;
		if (p < stop && *p == '"') {
			im->quoted[im->cell_count - 1] = true;
			p = take_quoted(im, p, stop);
			if (!p)
				return ROW_OPEN;
			if (p < stop && !is_end(im, *p))
				return ROW_BAD;
		} else {
			const char *start = p;
			while (p < stop && !is_end(im, *p))
				p++;
			buf_append(&im->cells, start, (size_t)(p - start));
		}
		struct view *v = &im->cell[im->cell_count - 1];
		v->len = im->cells.len - (size_t)(uintptr_t)v->p;
		if (p == stop && !end)
			return ROW_OPEN;
		if (p == stop || *p != im->separator)
			break;
		p++;
	}
	if (p < stop && *p == '\r')
		p++;
	if (p == stop && !end)
		return ROW_OPEN;
	if (p < stop && *p != '\n')
		return ROW_BAD;
	*used = (size_t)(p - text.p) + (p < stop);
	for (unsigned i = 0; i < im->cell_count; i++)
		im->cell[i].p = im->cells.p ? im->cells.p + (size_t)(uintptr_t)im->cell[i].p : "";
	return im->cells.failed ? ROW_BAD : ROW_WHOLE;
}

/* ---- the header ---- */

static bool read_column(struct csv_column *c, struct view cell)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		size_t n = strlen(kinds[i].name);
		if (cell.len <= n + 1 || memcmp(cell.p, kinds[i].name, n) != 0 || cell.p[n] != ':')
			continue;
		*c = (struct csv_column){ kinds[i].kind, { cell.p + n + 1, cell.len - n - 1 } };
		return true;
	}
	return false;
}

static enum import_step take_header(struct import *im, struct errbuf *why)
{
	free(im->columns);
	im->column_count = im->cell_count - 2;
	im->columns = malloc((im->column_count + 1) * sizeof *im->columns);
	struct buf old = im->header; /* the cells stay where they are: the two buffers change places */
	im->header = im->cells;
	im->cells = old;
	for (unsigned i = 0; im->columns && i < im->column_count; i++) {
		if (read_column(&im->columns[i], im->cell[i + 2]))
			continue;
		(void)errbuf_set(why, ERR_INVALID,
		    "column %u of the header, %.*s, is none of tag:, float:, integer:, unsigned:, boolean:, string:",
		    i + 3, im->cell[i + 2].len < 100 ? (int)im->cell[i + 2].len : 100, im->cell[i + 2].p);
		free(im->columns);
		im->columns = NULL;
		return IMPORT_BAD;
	}
	return IMPORT_NOTHING;
}

static bool is_header(const struct import *im)
{
	return im->cell_count >= 2 && view_is(im->cell[0], "measurement") && view_is(im->cell[1], "time");
}

/* ---- points ---- */

static bool read_boolean(struct view v, bool *out)
{
	static const char *const words[] = { "false", "true", "f", "t" };

	for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
		if (v.len == strlen(words[i]) && strncasecmp(v.p, words[i], v.len) == 0) {
			*out = i & 1;
			return true;
		}
	return false;
}

static bool put_value(struct lpline *l, const struct csv_column *c, struct view v)
{
	double d;
	int64_t i;
	uint64_t u;
	bool b, good = true;

	switch (c->kind) {
	case 'f':
		good = num_parse_double(v, &d);
		if (good)
			lpline_float(l, c->name, d);
		break;
	case 'i':
		good = num_parse_i64(v, &i);
		if (good)
			lpline_integer(l, c->name, i);
		break;
	case 'u':
		good = num_parse_u64(v, &u);
		if (good)
			lpline_unsigned(l, c->name, u);
		break;
	case 'b':
		good = read_boolean(v, &b);
		if (good)
			lpline_boolean(l, c->name, b);
		break;
	default:
		lpline_string(l, c->name, v);
	}
	return good;
}

static const char *kind_name(char kind)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (kinds[i].kind == kind)
			return kinds[i].name;
	return "";
}

static bool put_row(struct import *im, struct buf *out, struct errbuf *why)
{
	struct lpline l;
	int64_t time_ns = 0;

	lpline_begin(&l, out, im->cell[0], why);
	for (unsigned i = 0; i < im->column_count; i++)
		if (im->columns[i].kind == 't')
			lpline_tag(&l, im->columns[i].name, im->cell[i + 2]);
	for (unsigned i = 0; i < im->column_count; i++) {
		const struct csv_column *c = &im->columns[i];
		struct view v = im->cell[i + 2];
		bool none = v.len == 0 && !(c->kind == 's' && im->quoted[i + 2]);
		if (c->kind != 't' && !none && !put_value(&l, c, v))
			lpline_fail(&l, "%.*s is no %s (column %u)", v.len < 100 ? (int)v.len : 100, v.p,
			    kind_name(c->kind), i + 3);
	}
	if (im->cell[1].len == 0)
		lpline_fail(&l, "no timestamp");
	else if (!import_time(im->cell[1], &time_ns))
		lpline_fail(&l, "%.*s is not a time as 2026-01-31T12:00:00Z or nanoseconds since the epoch",
		    im->cell[1].len < 100 ? (int)im->cell[1].len : 100, im->cell[1].p);
	return lpline_end(&l, time_ns);
}

static enum import_step bad_row(struct view text, bool end, size_t *used, struct errbuf *why)
{
	const char *newline = memchr(text.p, '\n', text.len);

	if (!newline && !end)
		return IMPORT_MORE;
	*used = newline ? (size_t)(newline - text.p) + 1 : text.len;
	(void)errbuf_set(why, ERR_INVALID, "a quote within a cell, or one that is not closed");
	return IMPORT_BAD;
}

/* The first row says how cells are separated. */
static void find_separator(struct import *im, struct view text)
{
	for (size_t i = 0; i < text.len && i < 14 && text.p[i] != '\n'; i++)
		if (strchr(",;\t", text.p[i]) && text.p[i]) {
			im->separator = text.p[i];
			return;
		}
}

enum import_step import_next_csv(
    struct import *im, struct view text, bool end, size_t *used, struct buf *out, struct errbuf *why)
{
	if (!im->columns)
		find_separator(im, text);
	enum row r = split(im, text, end, used);
	if (r == ROW_OPEN && !end)
		return IMPORT_MORE;
	if (r != ROW_WHOLE)
		return bad_row(text, end, used, why);
	if (im->cell_count == 1 && im->cell[0].len == 0)
		return IMPORT_NOTHING;
	if (is_header(im))
		return take_header(im, why);
	if (!im->columns) {
		(void)errbuf_set(why, ERR_INVALID, "a row without a header above it (measurement,time,tag:…,float:…)");
		return IMPORT_BAD;
	}
	if (im->cell_count != im->column_count + 2) {
		(void)errbuf_set(
		    why, ERR_INVALID, "%u cells under a header of %u", im->cell_count, im->column_count + 2);
		return IMPORT_BAD;
	}
	return put_row(im, out, why) ? IMPORT_POINT : IMPORT_BAD;
}
