#include "query/result_kept.h"

#include <stdlib.h>

enum { BLOCK_BYTES = 16 << 10 };

void result_kept_init(struct result_kept *k, struct budget *b, struct errbuf *eb)
{
	*k = (struct result_kept){ .budget = b, .eb = eb };
	arena_init(&k->arena, BLOCK_BYTES, SIZE_MAX); /* what is taken from it is taken from the budget first */
}

void result_kept_fini(struct result_kept *k)
{
	for (uint32_t i = 0; i < k->count; i++)
		free(k->series[i].cells);
	free(k->series);
	arena_fini(&k->arena);
	budget_give(k->budget, k->taken);
	*k = (struct result_kept){ .budget = k->budget };
}

static bool fail(struct result_kept *k, enum err e)
{
	k->error = e;
	return false;
}

static bool take(struct result_kept *k, size_t bytes)
{
	enum err e = budget_take(k->budget, bytes, k->eb);

	if (e != ERR_OK)
		return fail(k, e);
	k->taken += bytes;
	return true;
}

static bool no_memory(struct result_kept *k)
{
	return fail(k, errbuf_set(k->eb, ERR_NOMEM, "out of memory"));
}

static bool copy(struct result_kept *k, struct view from, struct view *to)
{
	if (!take(k, from.len + 1))
		return false;
	to->p = arena_copy(&k->arena, from);
	to->len = from.len;
	return to->p || no_memory(k);
}

static bool copy_head(struct result_kept *k, const struct result_series *from, struct result_series *to)
{
	size_t tag_bytes = (from->tag_count + 1) * sizeof(struct result_tag),
	       column_bytes = (from->column_count + 1) * sizeof(struct view);

	if (!take(k, tag_bytes + column_bytes))
		return false;
	struct result_tag *tags = arena_alloc(&k->arena, tag_bytes, 16);
	struct view *columns = arena_alloc(&k->arena, column_bytes, 16);
	bool ok = (tags && columns) || no_memory(k);

	*to = *from;
	ok = ok && copy(k, from->name, &to->name);
	for (uint32_t i = 0; ok && i < from->tag_count; i++)
		ok = copy(k, from->tags[i].key, &tags[i].key) && copy(k, from->tags[i].value, &tags[i].value);
	for (uint32_t i = 0; ok && i < from->column_count; i++)
		ok = copy(k, from->columns[i], &columns[i]);
	to->tags = tags;
	to->columns = columns;
	return ok;
}

static bool on_series(void *arg, const struct result_series *s)
{
	struct result_kept *k = arg;

	if (k->count == k->room) {
		uint32_t room = k->room ? k->room * 2 : 16;
		if (!take(k, (room - k->room) * sizeof *k->series))
			return false;
		struct kept_series *list = realloc(k->series, room * sizeof *list);
		if (!list)
			return no_memory(k);
		k->series = list;
		k->room = room;
	}
	k->series[k->count] = (struct kept_series){ 0 };
	return copy_head(k, s, &k->series[k->count++].head);
}

static bool on_row(void *arg, const struct cell *cells)
{
	struct result_kept *k = arg;
	struct kept_series *s = &k->series[k->count - 1];
	size_t width = s->head.column_count;

	if (s->row_count == s->row_room) {
		uint32_t room = s->row_room ? s->row_room * 2 : 16;
		if (!take(k, (room - s->row_room) * width * sizeof *s->cells))
			return false;
		struct cell *list = realloc(s->cells, room * width * sizeof *list);
		if (!list)
			return no_memory(k);
		s->cells = list;
		s->row_room = room;
	}
	struct cell *row = s->cells + s->row_count * width;
	for (size_t i = 0; i < width; i++) {
		row[i] = cells[i];
		if (cells[i].type == CELL_STRING && !copy(k, cells[i].s, &row[i].s))
			return false;
	}
	s->row_count++;
	return true;
}

struct result_sink result_kept_sink(struct result_kept *k)
{
	return (struct result_sink){ .series = on_series, .row = on_row, .arg = k };
}

int result_series_compare(const struct result_series *a, const struct result_series *b)
{
	int c = view_cmp(a->name, b->name);

	for (uint32_t i = 0; c == 0 && i < a->tag_count && i < b->tag_count; i++) {
		c = view_cmp(a->tags[i].key, b->tags[i].key);
		c = c ? c : view_cmp(a->tags[i].value, b->tags[i].value);
	}
	return c ? c : (a->tag_count > b->tag_count) - (a->tag_count < b->tag_count);
}
