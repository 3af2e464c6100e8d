/* Values kept one by one: their bits, their times, and which series each run of them came from. top, bottom and distinct thin
 * the list whenever it has doubled, and sample keeps a sample: so of those it stays short. */
#include <stdlib.h>

#include "base/buf.h"
#include "query/select/function_part.h"
#include "wire/lp_parse.h"

enum { ROOM_MIN = 16 };

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

static bool is_text(const struct function_call *c)
{
	return c->in == VALUE_STRING;
}

static size_t text_room(const struct rows_string *s)
{
	return sizeof *s + s->len;
}

static void free_text(struct list *l, uint64_t bits, struct budget *b)
{
	struct rows_string *s = (struct rows_string *)(uintptr_t)bits;

	l->text_bytes -= text_room(s);
	budget_give(b, text_room(s));
	free(s);
}

void list_fini(const struct function_call *c, struct list *l, struct budget *b)
{
	for (uint32_t i = 0; is_text(c) && i < l->count; i++)
		free_text(l, l->bits[i], b);
	budget_give(b, l->room * (sizeof *l->bits + sizeof *l->times) + l->run_room * sizeof *l->runs);
	free(l->bits);
	free(l->times);
	free(l->runs);
	*l = (struct list){ 0 };
}

static enum err reserve(struct list *l, uint32_t n, struct budget *b, struct errbuf *eb)
{
	if (n <= l->room - l->count)
		return ERR_OK;
	uint64_t room = l->room ? (uint64_t)l->room * 2 : ROOM_MIN;
	while (room - l->count < n)
		room *= 2;
	if (room > UINT32_MAX)
		return budget_take(b, SIZE_MAX, eb);
	enum err e = budget_take(b, (room - l->room) * (sizeof *l->bits + sizeof *l->times), eb);
	if (e != ERR_OK)
		return e;
	uint64_t *bits = realloc(l->bits, room * sizeof *bits);
	l->bits = bits ? bits : l->bits;
	int64_t *times = realloc(l->times, room * sizeof *times);
	l->times = times ? times : l->times;
	if (!bits || !times) {
		budget_give(b, (room - l->room) * (sizeof *l->bits + sizeof *l->times));
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	l->room = (uint32_t)room;
	return ERR_OK;
}

static enum err begin_run(struct list *l, uint32_t series, struct budget *b, struct errbuf *eb)
{
	if (l->run_count && l->runs[l->run_count - 1].series == series)
		return ERR_OK;
	if (l->run_count == l->run_room) {
		uint32_t room = l->run_room ? l->run_room * 2 : 4;
		enum err e = budget_take(b, (room - l->run_room) * sizeof *l->runs, eb);
		if (e != ERR_OK)
			return e;
		struct list_run *runs = realloc(l->runs, room * sizeof *runs);
		if (!runs) {
			budget_give(b, (room - l->run_room) * sizeof *runs);
			return errbuf_set(eb, ERR_NOMEM, "out of memory");
		}
		l->runs = runs;
		l->run_room = room;
	}
	l->runs[l->run_count++] = (struct list_run){ l->count, series };
	return ERR_OK;
}

/* A plain copy of a text. */
static enum err copy_text(
    struct list *l, const struct run *r, uint32_t i, uint64_t *out, struct budget *b, struct errbuf *eb)
{
	const struct rows_string *from = (const struct rows_string *)(uintptr_t)r->bits[i];
	struct buf plain;
	enum err e = budget_take(b, text_room(from), eb);

	if (e != ERR_OK)
		return e;
	struct rows_string *to = malloc(text_room(from));
	buf_init(&plain, (size_t)from->len + 1);
	if (to && !r->plain && memchr(from->bytes, '\\', from->len))
		lp_unescape_string((struct view){ from->bytes, from->len }, &plain);
	else
		buf_append(&plain, from->bytes, from->len);
	if (!to || plain.failed) {
		budget_give(b, text_room(from));
		buf_fini(&plain);
		free(to);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	to->len = (uint32_t)plain.len;
	if (plain.len)
		memcpy(to->bytes, plain.p, plain.len);
	budget_give(b, from->len - plain.len);
	l->text_bytes += text_room(to);
	buf_fini(&plain);
	*out = (uint64_t)(uintptr_t)to;
	return ERR_OK;
}

/* ---- thinning ---- */

struct entry { /* a value with all that is known of it */
	uint64_t bits;
	int64_t time_ns;
	uint32_t series, at;
};

static int compare_values(enum value_type t, uint64_t a, uint64_t b)
{
	if (t == VALUE_STRING) {
		const struct rows_string *x = (const struct rows_string *)(uintptr_t)a,
					 *y = (const struct rows_string *)(uintptr_t)b;
		return view_cmp((struct view){ x->bytes, x->len }, (struct view){ y->bytes, y->len });
	}
	uint64_t x = value_key(t, a), y = value_key(t, b);
	return (x > y) - (x < y);
}

static int by_value_then_time(const void *a, const void *b, void *arg)
{
	const struct entry *x = a, *y = b;
	int c = compare_values(*(const enum value_type *)arg, x->bits, y->bits);

	if (c == 0)
		c = (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
	return c ? c : (x->at > y->at) - (x->at < y->at);
}

static int by_falling_value_then_time(const void *a, const void *b, void *arg)
{
	const struct entry *x = a, *y = b;
	int c = compare_values(*(const enum value_type *)arg, y->bits, x->bits);

	if (c == 0)
		c = (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
	return c ? c : (x->at > y->at) - (x->at < y->at);
}

static void drop(const struct function_call *c, struct list *l, uint64_t bits, struct budget *b)
{
	if (is_text(c))
		free_text(l, bits, b);
}

/* Which of the sorted entries stay; how many. */
static uint32_t choose(
    const struct function_call *c, enum function_id id, struct list *l, struct entry *e, uint32_t n, struct budget *b)
{
	uint8_t *seen = id != FN_DISTINCT && c->combination_of ? calloc(c->combinations + 1, 1) : NULL;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++) {
		bool keep;
		if (id == FN_DISTINCT) {
			keep = kept == 0 || compare_values(c->in, e[i].bits, e[kept - 1].bits) != 0;
		} else {
			keep = kept < (uint64_t)c->count;
			if (seen && keep) {
				uint8_t *s = &seen[c->combination_of[e[i].series]];
				keep = !*s;
				*s = 1;
			}
		}
		if (keep)
			e[kept++] = e[i];
		else
			drop(c, l, e[i].bits, b);
	}
	free(seen);
	return kept;
}

/* Leaves what may be in the answer, in order of time. */
static enum err thin(
    const struct function_call *c, enum function_id id, struct list *l, struct budget *b, struct errbuf *eb)
{
	struct entry *e = calloc(l->count + 1, sizeof *e);
	enum value_type type = c->in;
	const uint32_t n = l->count;

	if (!e)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	for (uint32_t i = 0, run = 0; i < n; i++) {
		while (run + 1 < l->run_count && l->runs[run + 1].from <= i)
			run++;
		e[i] = (struct entry){ l->bits[i], l->times[i], l->runs[run].series, i };
	}
	qsort_r(e, n, sizeof *e, id == FN_TOP ? by_falling_value_then_time : by_value_then_time, &type);
	l->count = 0; /* what is dropped is freed once */
	uint32_t kept = choose(c, id, l, e, n, b);
	l->run_count = 0;
	enum err err = ERR_OK;
	for (uint32_t i = 0; i < kept; i++) {
		if (err == ERR_OK)
			err = begin_run(l, e[i].series, b, eb);
		l->bits[l->count] = e[i].bits;
		l->times[l->count++] = e[i].time_ns;
	}
	free(e);
	return err;
}

static bool is_thinned(enum function_id id)
{
	return id == FN_TOP || id == FN_BOTTOM || id == FN_DISTINCT;
}

enum err list_thin(
    const struct function_call *c, enum function_id id, struct list *l, struct budget *b, struct errbuf *eb)
{
	return is_thinned(id) ? thin(c, id, l, b, eb) : ERR_OK;
}

/* ---- adding ---- */

/* The place of the next value of a sample (Algorithm R), or UINT32_MAX: it is passed over. */
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

static enum err add_sample(
    const struct function_call *c, struct list *l, const struct run *r, uint32_t i, struct budget *b, struct errbuf *eb)
{
	uint32_t at = sample_place(c, l);
	uint64_t bits = r->bits[i];
	enum err e = ERR_OK;

	if (at == UINT32_MAX)
		return ERR_OK;
	if (is_text(c))
		e = copy_text(l, r, i, &bits, b, eb);
	if (e == ERR_OK && at == l->count)
		e = reserve(l, 1, b, eb);
	if (e != ERR_OK)
		return e;
	if (at < l->count)
		drop(c, l, l->bits[at], b);
	else
		e = begin_run(l, UINT32_MAX - 1 - at, b, eb); /* a run for each: any two differ until it is set below */
	if (e != ERR_OK) {
		drop(c, l, bits, b);
		return e;
	}
	l->count += at == l->count;
	l->bits[at] = bits;
	l->times[at] = r->times[i];
	l->runs[at].series = r->series;
	return ERR_OK;
}

static enum err add_dense(
    const struct function_call *c, struct list *l, const struct run *r, struct budget *b, struct errbuf *eb)
{
	enum err e = reserve(l, r->n, b, eb);

	if (e == ERR_OK)
		e = begin_run(l, r->series, b, eb);
	if (e != ERR_OK)
		return e;
	if (!r->present && !is_text(c)) {
		memcpy(l->bits + l->count, r->bits, r->n * sizeof *r->bits);
		memcpy(l->times + l->count, r->times, r->n * sizeof *r->times);
		l->count += r->n;
		return ERR_OK;
	}
	for (uint32_t i = 0; e == ERR_OK && i < r->n; i++) {
		if (r->present && !r->present[i])
			continue;
		l->bits[l->count] = r->bits[i];
		l->times[l->count] = r->times[i];
		if (is_text(c))
			e = copy_text(l, r, i, &l->bits[l->count], b, eb);
		l->count += e == ERR_OK;
	}
	return e;
}

enum err list_add(const struct function_call *c, enum function_id id, struct list *l, const struct run *r,
    struct budget *b, struct errbuf *eb)
{
	enum err e = ERR_OK;

	if (id == FN_SAMPLE) {
		for (uint32_t i = 0; e == ERR_OK && i < r->n; i++)
			if (!r->present || r->present[i])
				e = add_sample(c, l, r, i, b, eb);
		return e;
	}
	if (is_thinned(id) && l->count && r->n > l->room - l->count)
		e = thin(c, id, l, b, eb);
	return e == ERR_OK ? add_dense(c, l, r, b, eb) : e;
}
