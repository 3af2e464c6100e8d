#include "cli/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct table {
	unsigned columns;
	char **cells;
	size_t count, cap;
	bool failed;
};

struct table *table_new(unsigned columns)
{
	struct table *t = calloc(1, sizeof *t);

	if (t)
		t->columns = columns;
	return t;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->count; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
}

void table_add(struct table *t, const char *cell)
{
	if (t->count == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 64;
		char **more = realloc(t->cells, cap * sizeof *more);
		if (!more) {
			t->failed = true;
			return;
		}
		t->cells = more;
		t->cap = cap;
	}
	char *copy = strdup(cell);
	if (!copy) {
		t->failed = true;
		return;
	}
	t->cells[t->count++] = copy;
}

void table_addf(struct table *t, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	table_add(t, text);
}

static unsigned width_of(const char *s)
{
	unsigned n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xC0) != 0x80;
	return n;
}

static bool is_numeric(const struct table *t, unsigned column)
{
	bool any = false;

	for (size_t i = t->columns + column; i < t->count; i += t->columns) {
		const char *s = t->cells[i];
		if (!*s || !strcmp(s, "-"))
			continue;
		if (!strchr("+-0123456789", *s))
			return false;
		any = true;
	}
	return any;
}

void table_print(const struct table *t, struct buf *out)
{
	unsigned *width = calloc(t->columns, sizeof *width);
	bool *right = calloc(t->columns, sizeof *right);

	if (!width || !right || t->failed)
		out->failed = true;
	for (size_t i = 0; !out->failed && i < t->count; i++) {
		unsigned w = width_of(t->cells[i]), c = (unsigned)(i % t->columns);
		width[c] = w > width[c] ? w : width[c];
	}
	for (unsigned c = 0; !out->failed && c < t->columns; c++)
		right[c] = is_numeric(t, c);
	for (size_t i = 0; !out->failed && i < t->count; i++) {
		unsigned c = (unsigned)(i % t->columns), pad = width[c] - width_of(t->cells[i]);
		bool last = c + 1 == t->columns || i + 1 == t->count;
		for (unsigned k = 0; right[c] && k < pad; k++)
			buf_char(out, ' ');
		buf_str(out, t->cells[i]);
		for (unsigned k = 0; !right[c] && !last && k < pad; k++)
			buf_char(out, ' ');
		buf_str(out, last ? "\n" : "  ");
	}
	free(width);
	free(right);
}

void table_print_csv(const struct table *t, struct buf *out)
{
	out->failed |= t->failed;
	for (size_t i = 0; i < t->count; i++) {
		const char *s = t->cells[i];
		bool quote = s[strcspn(s, ",\"\r\n")];
		if (quote)
			buf_char(out, '"');
		for (; *s; s++) {
			if (*s == '"')
				buf_char(out, '"');
			buf_char(out, *s);
		}
		if (quote)
			buf_char(out, '"');
		buf_str(out, (i + 1) % t->columns ? "," : "\r\n");
	}
}
