/* Rows as they are, and transformations of them: merged by time within a group, groups one after the other.
 *
 * Steps of a read bring all series' rows side by side, the answer wants one group behind the other. So a batch of groups is
 * read at a time: the first one's rows go out at once, those of the others wait in pieces. How many groups a batch has
 * comes from the size of the one before; where the pieces get too large all the same it is cut to what will find room as far as
 * can be told, the read goes on with those, and what was cut off is read again later. A single group needs no pieces at all. */
#include <stdlib.h>

#include "query/select/merge.h"
#include "query/select/rows_out.h"

enum {
	FIRST_GROUPS = 128, /* of the first batch */
	GROWTH = 8, /* from batch to batch, at most */
	TIMES_BLOCK = 64 << 10,
	PIECES_BLOCK_MIN = 4 << 10,
	PIECES_BLOCK_MAX = 256 << 10 /* so large that the system has it back at once */
};

struct piece { /* a series' rows of one step */
	struct piece *next;
	uint32_t step;
	size_t bytes;
	int64_t first_ns, apart_ns; /* where rows.times is NULL, as the times are evenly spaced */
	struct source_rows rows;
};

struct waiting { /* a group's */
	struct piece *first, **last;
	uint64_t rows;
	bool done;
	uint32_t done_step; /* all series' rows of that step count: which come first is seen when they are merged */
};

struct raw {
	struct select_run *run;
	struct rows_out *out;
	uint32_t first, last; /* the batch */
	uint32_t step, left; /* left: groups that want more rows */
	struct waiting *groups;
	size_t waiting_bytes, waiting_max, most_bytes; /* most: of the batch */
	const struct source_rows **live;
	uint32_t live_room;
	int64_t from_ns, to_ns; /* not read yet */
	bool cut; /* groups were cut off during the step */
	struct arena pieces, times; /* times: of those that are replayed */
	size_t charged; /* of the budget, for the pieces */
};

/* ---- pieces ---- */

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
static struct piece *new_piece(struct raw *w, size_t bytes)
{
	struct piece *p = w->waiting_bytes < w->waiting_max ? arena_alloc_raw(&w->pieces, bytes, 16) : NULL;
	const size_t used = w->pieces.used;

	if (p && used > w->charged) {
		if (budget_take(w->run->budget, used - w->charged, w->run->eb) != ERR_OK)
			return NULL;
		w->charged = used;
	}
	return p;
}

static struct piece *copy_rows(struct raw *w, const struct source_rows *s)
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

/* Their memory stays until the batch ends, or is cut. */
static void drop_pieces(struct raw *w, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		struct waiting *g = &w->groups[i];
		for (const struct piece *p = g->first; p; p = p->next)
			w->waiting_bytes -= p->bytes;
		if (!g->done)
			w->left--;
		*g = (struct waiting){ .last = &g->first, .done = true };
	}
}

static void *moved(const void *p, ptrdiff_t by)
{
	return p ? (char *)(uintptr_t)p + by : NULL;
}

/* A copy elsewhere; all that it points to lies within it. */
static struct piece *move_piece(struct raw *w, const struct piece *from)
{
	struct piece *p = new_piece(w, from->bytes);

	if (!p)
		return NULL;
	memcpy(p, from, from->bytes);
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

static void open_pieces(struct raw *w)
{
	size_t block = w->waiting_max / 16;

	block = block < PIECES_BLOCK_MIN ? PIECES_BLOCK_MIN : block > PIECES_BLOCK_MAX ? PIECES_BLOCK_MAX : block;
	arena_init(&w->pieces, block, w->waiting_max + block);
	w->waiting_bytes = w->charged = 0;
}

/* Of group i. False: there is no room. */
static bool move_pieces(struct raw *w, uint32_t i)
{
	struct waiting *g = &w->groups[i];
	const struct piece *from = g->first;

	g->first = NULL;
	g->last = &g->first;
	for (; from; from = from->next) {
		struct piece *p = move_piece(w, from);
		if (!p)
			return false;
		p->next = NULL;
		w->waiting_bytes += p->bytes;
		*g->last = p;
		g->last = &p->next;
	}
	return true;
}

/* Puts the pieces that are left into memory of their own, so that what was dropped is free. Groups that find no room there are
 * cut off too; the first of a batch needs none. */
static void gather_pieces(struct raw *w)
{
	const size_t charged = w->charged;
	struct arena old = w->pieces;
	uint32_t i = w->first;

	open_pieces(w);
	while (i < w->last && move_pieces(w, i))
		i++;
	if (i < w->last) {
		drop_pieces(w, i, i + 1);
		for (uint32_t k = i + 1; k < w->last; k++) {
			w->left -= !w->groups[k].done;
			w->groups[k] = (struct waiting){ .done = true };
		}
		w->last = i;
	}
	arena_fini(&old);
	budget_give(w->run->budget, charged);
}

static enum err too_big(struct raw *w)
{
	return budget_take(w->run->budget, w->run->budget->max_bytes + 1, w->run->eb);
}

/* The times of an evenly spaced piece. */
static enum err restore_times(struct raw *w, struct piece *p)
{
	const uint32_t n = p->rows.rows.count;
	int64_t *times;

	if (p->rows.rows.times)
		return ERR_OK;
	times = arena_alloc_raw(&w->times, n * sizeof *times, 8);
	if (!times)
		return too_big(w);
	for (uint32_t i = 0; i < n; i++)
		times[i] = (int64_t)((uint64_t)p->first_ns + i * (uint64_t)p->apart_ns);
	p->rows.rows.times = times;
	return ERR_OK;
}

/* How much of the range has been read when this step is over, of 1. */
static double covered(const struct raw *w, const struct source_step *s)
{
	const double from = (double)w->run->node->read_from_ns, to = (double)w->run->node->read_to_ns,
		     here = (double)(w->run->node->is_descending ? s->from_ns : s->to_ns);
	const double part = w->run->node->is_descending ? (to - here) / (to - from) : (here - from) / (to - from);

	return part > 0 && part < 1 ? part : 1;
}

/* To as many groups as will find room, if the rest of the range is like what was read; to half at most,
 * since what stays is copied. */
static enum err cut_batch(struct raw *w, const struct source_step *s)
{
	const uint32_t count = w->last - w->first, most = count > 3 ? count / 2 : 1;

	if (count < 2)
		return too_big(w);
	const double fit = w->waiting_bytes ? (double)w->waiting_max * covered(w, s) / (double)w->waiting_bytes : 1;
	const uint32_t fits = fit < 1 ? (uint32_t)(fit * count) : count, keep = fits < most ? fits : most;
	const uint32_t last = w->first + (keep ? keep : 1);
	drop_pieces(w, last, w->last);
	w->last = last;
	w->cut = true;
	gather_pieces(w);
	return ERR_OK;
}

static enum err keep_rows(struct raw *w, uint32_t group, const struct source_rows *rows, const struct source_step *s)
{
	struct waiting *g = &w->groups[group];
	struct piece *p;

	while (!(p = copy_rows(w, rows))) {
		enum err e = cut_batch(w, s);
		if (e != ERR_OK)
			return e;
		if (group >= w->last)
			return ERR_OK; /* its turn comes later */
	}
	p->step = w->step;
	*g->last = p;
	g->last = &p->next;
	g->rows += rows->rows.count;
	w->waiting_bytes += p->bytes;
	w->most_bytes = w->waiting_bytes > w->most_bytes ? w->waiting_bytes : w->most_bytes;
	if (!g->done && rows_out_suffice(w->out, g->rows)) {
		g->done = true;
		g->done_step = w->step;
		w->left--;
	}
	return ERR_OK;
}

/* ---- steps ---- */

static enum err live_room(struct raw *w, uint32_t n)
{
	if (n <= w->live_room)
		return ERR_OK;
	free(w->live);
	w->live = malloc(n * sizeof *w->live);
	w->live_room = w->live ? n : 0;
	return w->live ? ERR_OK : errbuf_set(w->run->eb, ERR_NOMEM, "out of memory");
}

static enum err on_step(void *arg, const struct source_step *s)
{
	struct raw *w = arg;
	uint32_t live = 0;
	enum err e = live_room(w, s->count);

	w->cut = false;
	if (w->run->node->is_descending)
		w->to_ns = s->from_ns;
	else
		w->from_ns = s->to_ns;

	for (uint32_t i = 0; e == ERR_OK && i < s->count; i++) {
		uint32_t group = w->run->groups.group_of[s->of[i].series];
		const struct waiting *g = &w->groups[group];
		if (group < w->first || group >= w->last || (g->done && g->done_step != w->step))
			continue;
		if (group == w->first)
			w->live[live++] = &s->of[i];
		else
			e = keep_rows(w, group, &s->of[i], s);
	}
	if (e == ERR_OK && live)
		e = rows_out_step(w->out, &w->run->groups.of[w->first], w->live, live);
	w->step++;
	if (e == ERR_OK && !w->groups[w->first].done && rows_out_is_done(w->out)) {
		w->groups[w->first].done = true;
		w->groups[w->first].done_step = UINT32_MAX;
		w->left--;
	}
	return e == ERR_OK && (w->left == 0 || w->cut) ? ERR_CLOSED : e;
}

static enum err replay(struct raw *w, uint32_t group)
{
	struct piece *p = w->groups[group].first;
	enum err e = ERR_OK;

	rows_out_begin(w->out, &w->run->groups.of[group]);
	while (p && e == ERR_OK && !rows_out_is_done(w->out)) {
		uint32_t n = 0;
		for (struct piece *x = p; x && x->step == p->step; x = x->next)
			n++;
		e = live_room(w, n);
		n = 0;
		arena_clear(&w->times);
		for (uint32_t step = p->step; e == ERR_OK && p && p->step == step; p = p->next) {
			e = restore_times(w, p);
			w->live[n++] = &p->rows;
		}
		if (e == ERR_OK)
			e = rows_out_step(w->out, &w->run->groups.of[group], w->live, n);
	}
	return e;
}

/* ---- batches ---- */

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* What is left of the range, of the batch's series; until the end or a cut. */
static enum err read_rest(struct raw *w)
{
	struct select_run *r = w->run;
	uint32_t n = 0;
	size_t bytes = r->source->series_count * sizeof(uint32_t);
	uint32_t *series = select_take(r->budget, bytes, r->eb);

	if (!series)
		return ERR_TOOBIG;
	for (uint32_t i = w->first; i < w->last; i++)
		for (uint32_t k = 0; k < r->groups.of[i].member_count; k++)
			series[n++] = r->groups.of[i].members[k].series;
	qsort(series, n, sizeof *series, by_number);
	struct source_read rd = { .series = series,
		.series_count = n,
		.fields = r->fields,
		.from_ns = w->from_ns,
		.to_ns = w->to_ns,
		.descending = r->node->is_descending,
		.step = on_step,
		.arg = w };
	enum err e = select_read(r, &rd);
	select_give(r->budget, series, bytes);
	return e;
}

static enum err read_batch(struct raw *w)
{
	enum err e;

	w->from_ns = w->run->node->read_from_ns;
	w->to_ns = w->run->node->read_to_ns;
	do {
		w->cut = false;
		e = read_rest(w);
	} while (e == ERR_OK && w->cut && w->left && !w->run->emit->stopped && w->from_ns < w->to_ns);
	return e;
}

static enum err run_batch(struct raw *w)
{
	struct select_run *r = w->run;

	w->step = 0;
	w->left = w->last - w->first;
	w->most_bytes = 0;
	for (uint32_t i = w->first; i < w->last; i++)
		w->groups[i] = (struct waiting){ .last = &w->groups[i].first };
	rows_out_begin(w->out, &r->groups.of[w->first]);
	enum err e = read_batch(w);
	for (uint32_t i = w->first + 1; e == ERR_OK && !r->emit->stopped && i < w->last; i++) {
		e = replay(w, i);
		drop_pieces(w, i, i + 1);
	}
	w->waiting_bytes = 0;
	arena_clear(&w->pieces);
	return e;
}

/* As many groups as find room if they are like those of this batch. */
static uint32_t next_batch(const struct raw *w)
{
	const uint64_t count = w->last - w->first, room = (uint64_t)w->waiting_max / 8 * 7;
	const uint64_t fit = w->most_bytes ? count * room / w->most_bytes : UINT32_MAX;

	return (uint32_t)(fit < count ? count : fit < count * GROWTH ? fit : count * GROWTH);
}

enum err select_run_raw(struct select_run *r)
{
	struct raw w = { .run = r };
	size_t bytes = r->groups.count * sizeof *w.groups;
	enum err e = ERR_OK;

	if (r->groups.count == 0)
		return ERR_OK;
	w.groups = select_take(r->budget, bytes, r->eb);
	if (!w.groups)
		return ERR_TOOBIG;
	w.waiting_max = (r->budget->max_bytes - r->budget->used_bytes) / 4; /* a window's rows need room beside them */
	open_pieces(&w);
	arena_init(&w.times, TIMES_BLOCK, r->budget->max_bytes / 4);
	e = rows_out_new(&w.out, r);
	uint32_t batch = FIRST_GROUPS;
	while (e == ERR_OK && !r->emit->stopped && w.first < r->groups.count) {
		w.last = r->groups.count - w.first > batch ? w.first + batch : r->groups.count;
		e = run_batch(&w);
		batch = next_batch(&w);
		w.first = w.last;
	}
	rows_out_free(w.out);
	free(w.live);
	arena_fini(&w.times);
	arena_fini(&w.pieces);
	budget_give(r->budget, w.charged);
	select_give(r->budget, w.groups, bytes);
	return e;
}
