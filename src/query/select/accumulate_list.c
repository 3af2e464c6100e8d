/* Values kept one by one: their bits, their times, and which series each run of them came from. top, bottom and distinct thin
 * the list whenever it has doubled, and sample keeps a sample: so of those it stays short. Of the others all are kept, in
 * blocks (accumulate_block.c). */
#include <stdlib.h>

#include "query/select/function_part.h"
#include "query/source.h"

enum { ROOM_MIN = 16, THIN_MIN = 64, TEXT_MAX = 1 << 24 };

static enum err no_memory(struct errbuf *eb)
{
	return errbuf_set(eb, ERR_NOMEM, "out of memory");
}

/* ---- strings ---- */

struct view run_text(const struct run *r, uint32_t i, struct buf *scratch)
{
	return r->plain ? *r->plain : source_string((const struct rows_string *)(uintptr_t)r->bits[i], scratch);
}

enum err text_copy(struct view v, struct rows_string **out, struct budget *b, struct errbuf *eb)
{
	enum err e = budget_take(b, sizeof **out + v.len, eb);

	if (e != ERR_OK)
		return e;
	*out = malloc(sizeof **out + v.len);
	if (!*out) {
		budget_give(b, sizeof **out + v.len);
		return no_memory(eb);
	}
	(*out)->len = (uint32_t)v.len;
	if (v.len)
		memcpy((*out)->bytes, v.p, v.len);
	return ERR_OK;
}

void text_free(uint64_t bits, struct budget *b)
{
	struct rows_string *s = (struct rows_string *)(uintptr_t)bits;

	budget_give(b, sizeof *s + s->len);
	free(s);
}

/* ---- room ---- */

size_t list_value_size(enum function_id id)
{
	return id == FN_MEDIAN ? sizeof(uint64_t) : sizeof(uint64_t) + sizeof(int64_t);
}

/* times lie behind the bits. */
static enum err reserve(enum function_id id, struct list *l, uint32_t n, struct budget *b, struct errbuf *eb)
{
	uint64_t room = l->room ? l->room : ROOM_MIN;

	if (n <= l->room - l->count)
		return ERR_OK;
	while (room - l->count < n)
		room *= 2;
	size_t bytes = room * list_value_size(id), more = bytes - l->room * list_value_size(id);
	enum err e = budget_take(b, room > UINT32_MAX ? SIZE_MAX : more, eb);
	if (e != ERR_OK)
		return e;
	uint64_t *bits = malloc(bytes);
	if (!bits) {
		budget_give(b, more);
		return no_memory(eb);
	}
	int64_t *times = (int64_t *)(bits + room);
	if (l->count) {
		memcpy(bits, l->bits, l->count * sizeof *bits);
		memcpy(times, l->times, l->count * sizeof *times);
	}
	free(l->bits);
	l->bits = bits;
	l->times = times;
	l->room = (uint32_t)room;
	return ERR_OK;
}

enum err list_push_run(struct list *l, uint32_t from, uint32_t series, struct budget *b, struct errbuf *eb)
{
	if (l->run_count == l->run_room) {
		uint32_t room = l->run_room ? l->run_room * 2 : 4;
		enum err e = budget_take(b, (room - l->run_room) * sizeof *l->runs, eb);
		if (e != ERR_OK)
			return e;
		struct list_run *runs = realloc(l->runs, room * sizeof *runs);
		if (!runs) {
			budget_give(b, (room - l->run_room) * sizeof *runs);
			return no_memory(eb);
		}
		l->runs = runs;
		l->run_room = room;
	}
	l->runs[l->run_count++] = (struct list_run){ from, series };
	return ERR_OK;
}

static enum err begin_run(struct list *l, uint32_t series, struct budget *b, struct errbuf *eb)
{
	if (l->run_count && l->runs[l->run_count - 1].series == series)
		return ERR_OK;
	return list_push_run(l, l->count, series, b, eb);
}

uint32_t list_series_of(const struct list *l, uint32_t i)
{
	uint32_t low = 0, n = l->run_count;

	while (n > 1) { /* the last run that begins at or before i */
		uint32_t half = n / 2;
		if (l->runs[low + half].from <= i) {
			low += half;
			n -= half;
		} else {
			n = half;
		}
	}
	return l->run_count ? l->runs[low].series : UINT32_MAX;
}

void list_fini(const struct function_call *c, struct list *l, struct budget *b)
{
	for (uint32_t i = 0; c->in == VALUE_STRING && l->bits && i < l->count; i++)
		text_free(l->bits[i], b);
	blocks_free(l, c->in == VALUE_STRING, b);
	budget_give(b, l->room * list_value_size(function_id(c->fn)) + l->run_room * sizeof *l->runs + l->point_bytes);
	free(l->bits);
	free(l->runs);
	free(l->points);
	*l = (struct list){ 0 };
}

/* ---- adding ---- */

static enum err copy_value(const struct function_call *c, const struct run *r, uint32_t i, struct buf *scratch,
    uint64_t *out, struct budget *b, struct errbuf *eb)
{
	struct rows_string *copy = NULL;

	if (c->in != VALUE_STRING) {
		*out = r->bits[i];
		return ERR_OK;
	}
	enum err e = text_copy(run_text(r, i, scratch), &copy, b, eb);
	*out = (uint64_t)(uintptr_t)copy;
	return e;
}

/* The place of the next value of a sample (Vitter's Algorithm R), or UINT32_MAX: it is passed over. The dice are the same each
 * time: SplitMix64 of the value's number. */
static uint32_t sample_place(const struct function_call *c, struct list *l)
{
	uint64_t n = ++l->seen, x = n * UINT64_C(0x9e3779b97f4a7c15);

	if (l->count < (uint64_t)c->count)
		return l->count;
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	x ^= x >> 31;
	x %= n;
	return x < (uint64_t)c->count ? (uint32_t)x : UINT32_MAX;
}

static enum err add_sample(const struct function_call *c, struct list *l, const struct run *r, uint32_t i,
    struct buf *scratch, struct budget *b, struct errbuf *eb)
{
	uint32_t at = sample_place(c, l);
	uint64_t bits;

	if (at == UINT32_MAX)
		return ERR_OK;
	enum err e = reserve(FN_SAMPLE, l, at == l->count, b, eb);
	if (e == ERR_OK && at == l->run_count) /* each is a run of its own */
		e = list_push_run(l, at, r->series, b, eb);
	if (e == ERR_OK)
		e = copy_value(c, r, i, scratch, &bits, b, eb);
	if (e != ERR_OK)
		return e;
	if (at < l->count && c->in == VALUE_STRING)
		text_free(l->bits[at], b);
	l->count += at == l->count;
	l->bits[at] = bits;
	l->times[at] = r->times[i];
	l->runs[at].series = r->series;
	return ERR_OK;
}

static enum err add_one(const struct function_call *c, enum function_id id, struct list *l, const struct run *r,
    uint32_t i, struct buf *scratch, struct budget *b, struct errbuf *eb)
{
	enum err e = reserve(id, l, 1, b, eb);

	if (e == ERR_OK)
		e = begin_run(l, r->series, b, eb);
	if (e == ERR_OK)
		e = copy_value(c, r, i, scratch, &l->bits[l->count], b, eb);
	if (e != ERR_OK)
		return e;
	l->times[l->count] = r->times[i];
	l->count++;
	return ERR_OK;
}

/* ---- adding to a list that is thinned ---- */

static bool is_thinned(enum function_id id)
{
	return id == FN_TOP || id == FN_BOTTOM || id == FN_DISTINCT;
}

static bool is_worse(const struct function_call *c, enum function_id id, const struct list *l, uint64_t bits)
{
	uint64_t key = value_key(c->in, bits), bound = value_key(c->in, l->bound);

	return l->has_bound && (id == FN_TOP ? key < bound : key > bound);
}

static enum err add_thinned(const struct function_call *c, enum function_id id, struct list *l, const struct run *r,
    uint32_t i, struct buf *scratch, struct budget *b, struct errbuf *eb)
{
	enum err e = ERR_OK;

	if (is_worse(c, id, l, r->bits[i]))
		return ERR_OK;
	if (l->count >= (l->full ? l->full : THIN_MIN)) {
		e = list_thin(c, id, l, b, eb);
		l->full = l->count < THIN_MIN / 2 ? THIN_MIN : l->count * 2;
	}
	return e == ERR_OK ? add_one(c, id, l, r, i, scratch, b, eb) : e;
}

/* ---- adding to a list that is kept whole ---- */

static enum err add_whole(enum function_id id, struct list *l, const struct run *r, struct budget *b, struct errbuf *eb)
{
	enum err e = ERR_OK;

	for (uint32_t i = 0, from; e == ERR_OK && i < r->n;) {
		while (r->present && i < r->n && !r->present[i])
			i++;
		for (from = i; i < r->n && (!r->present || r->present[i]);)
			i++;
		if (i > from)
			e = begin_run(l, r->series, b, eb);
		if (i > from && e == ERR_OK)
			e = blocks_add(id, l, r->bits + from, r->times + from, i - from, b, eb);
	}
	return e;
}

static enum err add_text(const struct function_call *c, enum function_id id, struct list *l, const struct run *r,
    uint32_t i, struct buf *scratch, struct budget *b, struct errbuf *eb)
{
	uint64_t bits = 0;
	enum err e = begin_run(l, r->series, b, eb);

	if (e == ERR_OK)
		e = copy_value(c, r, i, scratch, &bits, b, eb);
	if (e != ERR_OK)
		return e;
	e = blocks_add(id, l, &bits, &r->times[i], 1, b, eb);
	if (e != ERR_OK)
		text_free(bits, b);
	return e;
}

/* ---- adding to any ---- */

enum err list_add(const struct function_call *c, enum function_id id, struct list *l, const struct run *r,
    struct budget *b, struct errbuf *eb)
{
	const bool thinned = is_thinned(id), whole = id != FN_SAMPLE && !thinned;
	enum err e = ERR_OK;
	struct buf scratch;

	if (whole && c->in != VALUE_STRING)
		return add_whole(id, l, r, b, eb);
	buf_init(&scratch, TEXT_MAX);
	for (uint32_t i = 0; e == ERR_OK && i < r->n; i++) {
		if (r->present && !r->present[i])
			continue;
		if (id == FN_SAMPLE)
			e = add_sample(c, l, r, i, &scratch, b, eb);
		else if (thinned)
			e = add_thinned(c, id, l, r, i, &scratch, b, eb);
		else
			e = add_text(c, id, l, r, i, &scratch, b, eb);
	}
	buf_fini(&scratch);
	return e;
}
