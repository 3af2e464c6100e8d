#include "query/select/raw_pieces.h"

#include <string.h>

enum { BLOCK_MIN = 4 << 10, BLOCK_MAX = 256 << 10 }; /* the latter so large that the system has it back at once */

void pieces_open(struct pieces *w, size_t max, struct budget *b, struct errbuf *eb)
{
	const size_t part = max / 16, block = part < BLOCK_MIN ? BLOCK_MIN : part > BLOCK_MAX ? BLOCK_MAX : part;

	*w = (struct pieces){ .max = max, .budget = b, .eb = eb };
	arena_init(&w->arena, block, max + block);
}

void pieces_close(struct pieces *w)
{
	arena_fini(&w->arena);
	budget_give(w->budget, w->charged);
	w->bytes = w->charged = 0;
}

void pieces_clear(struct pieces *w)
{
	arena_clear(&w->arena);
	w->bytes = 0;
}

static size_t column_bytes(const struct rows *r, const struct rows_column *c)
{
	size_t bytes = sizeof *c + r->count * sizeof *c->bits + (c->present ? (r->count + 7u) / 8 * 8 : 0);

	if (c->type == VALUE_STRING)
		for (uint32_t i = 0; i < r->count; i++)
			if (!c->present || c->present[i])
				bytes += (sizeof(struct rows_string) +
					     ((const struct rows_string *)(uintptr_t)c->bits[i])->len + 7) /
				    8 * 8;
	return bytes;
}

static char *copy_strings(char *at, uint64_t *bits, const struct rows_column *c, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (c->present && !c->present[i])
			continue;
		const struct rows_string *s = (const struct rows_string *)(uintptr_t)c->bits[i];
		memcpy(at, s, sizeof *s + s->len);
		bits[i] = (uintptr_t)at;
		at += (sizeof *s + s->len + 7) / 8 * 8;
	}
	return at;
}

static bool are_even(const struct rows *r)
{
	const uint64_t apart = r->count > 1 ? (uint64_t)r->times[1] - (uint64_t)r->times[0] : 0;
	uint64_t odd = 0;

	for (uint32_t i = 1; i < r->count; i++)
		odd |= ((uint64_t)r->times[i] - (uint64_t)r->times[i - 1]) ^ apart;
	return odd == 0;
}

/* Not zeroed. NULL: there is no room for more. */
static struct piece *new_piece(struct pieces *w, size_t bytes)
{
	struct piece *p = w->bytes < w->max ? arena_alloc_raw(&w->arena, bytes, 16) : NULL;
	const size_t used = w->arena.used;

	if (p && used > w->charged) {
		if (budget_take(w->budget, used - w->charged, w->eb) != ERR_OK)
			return NULL;
		w->charged = used;
	}
	w->bytes += p ? bytes : 0;
	return p;
}

struct piece *pieces_add(struct pieces *w, const struct source_rows *s)
{
	const struct rows *rows = &s->rows;
	const bool even = are_even(rows);
	const size_t time_bytes = even ? 0 : rows->count * sizeof *rows->times;
	size_t bytes = sizeof(struct piece) + time_bytes;

	for (uint32_t i = 0; i < rows->column_count; i++)
		bytes += column_bytes(rows, &rows->columns[i]);
	struct piece *p = new_piece(w, bytes);
	if (!p)
		return NULL;
	*p = (struct piece){ .bytes = bytes, .rows = *s };
	struct rows_column *columns = (struct rows_column *)(p + 1);
	char *at = (char *)(columns + rows->column_count);
	p->rows.rows.columns = columns;
	p->first_ns = rows->times[0];
	p->apart_ns = rows->count > 1 ? (int64_t)((uint64_t)rows->times[1] - (uint64_t)rows->times[0]) : 0;
	p->rows.rows.times = even ? NULL : memcpy(at, rows->times, time_bytes);
	at += time_bytes;
	for (uint32_t i = 0; i < rows->column_count; i++) {
		const struct rows_column *c = &rows->columns[i];
		uint64_t *bits = memcpy(at, c->bits, rows->count * sizeof *bits);
		at += rows->count * sizeof *bits;
		columns[i] = *c;
		columns[i].bits = bits;
		if (c->present) {
			columns[i].present = memcpy(at, c->present, rows->count);
			at += (rows->count + 7u) / 8 * 8;
		}
		if (c->type == VALUE_STRING)
			at = copy_strings(at, bits, c, rows->count);
	}
	return p;
}

static void *moved(const void *p, ptrdiff_t by)
{
	return p ? (char *)(uintptr_t)p + by : NULL;
}

/* All that it points to lies within it. */
struct piece *pieces_move(struct pieces *w, const struct piece *from)
{
	struct piece *p = new_piece(w, from->bytes);

	if (!p)
		return NULL;
	memcpy(p, from, from->bytes);
	p->next = NULL;
	const ptrdiff_t by = (char *)p - (const char *)from;
	struct rows_column *columns = moved(p->rows.rows.columns, by);
	p->rows.rows.columns = columns;
	p->rows.rows.times = moved(p->rows.rows.times, by);
	for (uint32_t i = 0; i < p->rows.rows.column_count; i++) {
		struct rows_column *c = &columns[i];
		uint64_t *bits = moved(c->bits, by);
		c->bits = bits;
		c->present = moved(c->present, by);
		for (uint32_t k = 0; c->type == VALUE_STRING && k < p->rows.rows.count; k++)
			if (!c->present || c->present[k])
				bits[k] += (uint64_t)by;
	}
	return p;
}

bool piece_restore_times(struct piece *p, struct arena *a)
{
	const uint32_t n = p->rows.rows.count;
	int64_t *times;

	if (p->rows.rows.times)
		return true;
	times = arena_alloc_raw(a, n * sizeof *times, 8);
	if (!times)
		return false;
	for (uint32_t i = 0; i < n; i++)
		times[i] = (int64_t)((uint64_t)p->first_ns + i * (uint64_t)p->apart_ns);
	p->rows.rows.times = times;
	return true;
}
