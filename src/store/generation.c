#include "store/generation.h"

#include <stdlib.h>

enum { ARENA_BLOCK = 256 << 10, PER_CHUNK = 1024, CHUNKS = 1024, ROWS_FIRST = 8, ROWS_MAX = 64 };

_Static_assert((size_t)PER_CHUNK *CHUNKS >= CATALOGUE_SERIES_MAX, "every series has a place");

struct strip_chunk {
	_Atomic(struct head_strip *) strip[PER_CHUNK];
};

struct generation {
	atomic_uint refs;
	uint64_t number;
	struct arena arena;
	_Atomic uint64_t points;
	_Atomic size_t bytes;
	_Atomic(struct strip_chunk *) chunk[CHUNKS]; /* strips by series id */
};

enum err generation_new(struct generation **out, uint64_t number, size_t max_bytes)
{
	struct generation *g = calloc(1, sizeof *g);

	*out = g;
	if (!g)
		return ERR_NOMEM;
	atomic_init(&g->refs, 1);
	g->number = number;
	arena_init(&g->arena, ARENA_BLOCK, max_bytes);
	return ERR_OK;
}

struct generation *generation_ref(struct generation *g)
{
	atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
	return g;
}

void generation_unref(struct generation *g)
{
	if (!g || atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) != 1)
		return;
	arena_fini(&g->arena);
	free(g);
}

size_t generation_bytes(const struct generation *g)
{
	return atomic_load_explicit(&g->bytes, memory_order_relaxed);
}

uint64_t generation_points(const struct generation *g)
{
	return atomic_load_explicit(&g->points, memory_order_relaxed);
}

uint64_t generation_number(const struct generation *g)
{
	return g->number;
}

const struct head_strip *generation_strip(const struct generation *g, const struct series *s)
{
	uint32_t i = s->id / PER_CHUNK;
	const struct strip_chunk *k = i < CHUNKS ? atomic_load_explicit(&g->chunk[i], memory_order_acquire) : NULL;

	return k ? atomic_load_explicit(&k->strip[s->id % PER_CHUNK], memory_order_acquire) : NULL;
}

static struct head_strip *find_or_add_strip(struct generation *g, struct series *s)
{
	struct head_strip *strip = (struct head_strip *)generation_strip(g, s);
	uint32_t i = s->id / PER_CHUNK;

	if (strip || i >= CHUNKS)
		return strip;
	struct strip_chunk *k = atomic_load_explicit(&g->chunk[i], memory_order_relaxed);
	if (!k) {
		k = arena_alloc(&g->arena, sizeof *k, 16);
		if (!k)
			return NULL;
		atomic_store_explicit(&g->chunk[i], k, memory_order_release);
	}
	strip = arena_alloc(&g->arena, sizeof *strip, 16);
	if (!strip)
		return NULL;
	strip->series = s;
	atomic_store_explicit(&k->strip[s->id % PER_CHUNK], strip, memory_order_release);
	return strip;
}

static int column_of(const struct segment *seg, const struct field *f, uint32_t guess)
{
	if (guess < seg->column_count && seg->columns[guess].field == f)
		return (int)guess;
	for (uint32_t i = 0; i < seg->column_count; i++)
		if (seg->columns[i].field == f)
			return (int)i;
	return -1;
}

static bool has_all_columns(const struct segment *seg, const struct batch_value *values, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (column_of(seg, values[i].field, i) < 0)
			return false;
	return true;
}

/* A segment with the columns of the one before and those of this row, so that rows with changing fields settle. */
static struct segment *new_segment(
    struct generation *g, const struct head_strip *strip, const struct batch_value *values, uint32_t count)
{
	const struct segment *last = strip->last;
	uint32_t columns = last ? last->column_count : 0, cap = last ? last->cap * 2 : ROWS_FIRST;

	cap = cap > ROWS_MAX ? ROWS_MAX : cap;
	struct segment *seg = arena_alloc(&g->arena, sizeof *seg + (columns + count) * sizeof seg->columns[0], 16);
	if (!seg)
		return NULL;
	for (uint32_t i = 0; i < columns; i++)
		seg->columns[i].field = last->columns[i].field;
	seg->column_count = columns;
	for (uint32_t i = 0; i < count; i++)
		if (column_of(seg, values[i].field, i) < 0)
			seg->columns[seg->column_count++].field = values[i].field;
	seg->cap = cap;
	char *room = arena_alloc(&g->arena, (1 + (size_t)seg->column_count) * cap * 8, 16);
	if (!room)
		return NULL;
	seg->times = (int64_t *)room;
	for (uint32_t i = 0; i < seg->column_count; i++)
		seg->columns[i].bits = (uint64_t *)(room + (1 + (size_t)i) * cap * 8);
	return seg;
}

/* The presence bytes of a column that has lacked no row so far. */
static uint8_t *presence(struct generation *g, struct segment *seg, struct segment_column *col, uint32_t rows)
{
	uint8_t *p = atomic_load_explicit(&col->present, memory_order_relaxed);

	if (p)
		return p;
	p = arena_alloc(&g->arena, seg->cap, 1);
	if (p) {
		memset(p, 1, rows);
		atomic_store_explicit(&col->present, p, memory_order_release);
	}
	return p;
}

static bool keep_string(struct generation *g, const struct batch_value *v, uint64_t *bits)
{
	struct rows_string *s = arena_alloc(&g->arena, sizeof *s + v->len, 8);

	if (!s)
		return false;
	s->len = v->len;
	memcpy(s->bytes, (const char *)(uintptr_t)v->bits, v->len);
	*bits = (uint64_t)(uintptr_t)s;
	return true;
}

static bool fill_row(
    struct generation *g, struct segment *seg, uint32_t row, const struct batch_value *values, uint32_t count)
{
	bool aligned = count == seg->column_count;

	for (uint32_t i = 0; i < count; i++) {
		int c = column_of(seg, values[i].field, i);
		struct segment_column *col = &seg->columns[c];
		uint8_t *p = atomic_load_explicit(&col->present, memory_order_relaxed);
		if (values[i].field->type == VALUE_STRING) {
			if (!keep_string(g, &values[i], &col->bits[row]))
				return false;
		} else {
			col->bits[row] = values[i].bits;
		}
		if (p)
			p[row] = 1;
		aligned &= (uint32_t)c == i;
	}
	if (aligned)
		return true;
	for (uint32_t c = 0; c < seg->column_count; c++) {
		struct segment_column *col = &seg->columns[c];
		bool here = false;
		for (uint32_t i = 0; i < count && !here; i++)
			here = values[i].field == col->field;
		if (here)
			continue;
		uint8_t *p = presence(g, seg, col, row);
		if (!p)
			return false;
		p[row] = 0;
	}
	return true;
}

bool generation_append(
    struct generation *g, struct series *s, int64_t time_ns, const struct batch_value *values, uint32_t count)
{
	struct head_strip *strip;

	if (g->number && s->head_generation == g->number) {
		strip = s->head_strip;
	} else {
		strip = find_or_add_strip(g, s);
		if (!strip)
			return false;
		if (g->number) { /* 0: not the head's, whose writer alone owns these two */
			s->head_generation = g->number;
			s->head_strip = strip;
		}
	}
	struct segment *seg = strip->last;
	uint32_t row = seg ? atomic_load_explicit(&seg->count, memory_order_relaxed) : 0;
	if (!seg || row == seg->cap || !has_all_columns(seg, values, count)) {
		struct segment *fresh = new_segment(g, strip, values, count);
		if (!fresh)
			return false;
		atomic_store_explicit(seg ? &seg->next : &strip->first, fresh, memory_order_release);
		strip->last = seg = fresh;
		row = 0;
	}
	if (!fill_row(g, seg, row, values, count))
		return false;
	seg->times[row] = time_ns;
	if (row && time_ns <= seg->times[row - 1])
		atomic_store_explicit(&seg->unordered, true, memory_order_relaxed);
	atomic_store_explicit(&seg->count, row + 1, memory_order_release);
	atomic_store_explicit(&g->points, generation_points(g) + 1, memory_order_relaxed);
	atomic_store_explicit(&g->bytes, g->arena.used, memory_order_relaxed);
	return true;
}

const struct segment *generation_first_segment(const struct head_strip *strip)
{
	return atomic_load_explicit(&((struct head_strip *)strip)->first, memory_order_acquire);
}

const struct segment *generation_next_segment(const struct segment *s)
{
	return atomic_load_explicit(&((struct segment *)s)->next, memory_order_acquire);
}

bool generation_segment_rows(const struct segment *cs, struct arena *a, struct rows *out)
{
	struct segment *s = (struct segment *)cs; /* atomics are read through it */
	struct rows_column *columns = arena_alloc(a, (s->column_count + 1) * sizeof *columns, 16);

	*out = (struct rows){ .count = atomic_load_explicit(&s->count, memory_order_acquire) };
	if (!columns)
		return false;
	for (uint32_t i = 0; i < s->column_count; i++)
		columns[i] = (struct rows_column){ s->columns[i].field->index, COLUMN_VALUE, s->columns[i].field->type,
			s->columns[i].bits, atomic_load_explicit(&s->columns[i].present, memory_order_acquire) };
	out->unordered = atomic_load_explicit(&s->unordered, memory_order_relaxed);
	out->times = s->times;
	out->column_count = s->column_count;
	out->columns = columns;
	return true;
}
