/* Rows as they are, and transformations of them: merged by time within a group, groups one after the other.
 *
 * Steps of a read bring all series' rows side by side, the answer wants one group behind the other. So a batch of groups is
 * read at a time: the first one's rows go out at once, those of the others wait in pieces. How many groups a batch has
 * comes from the size of the one before; where the pieces get too large all the same it is cut to what will find room as far as
 * can be told, the read goes on with those, and what was cut off is read again later. A single group needs no pieces at all. */
#include <stdlib.h>

#include "query/select/merge.h"
#include "query/select/raw_pieces.h"
#include "query/select/rows_out.h"

enum {
	FIRST_GROUPS = 128, /* of the first batch */
	GROWTH = 8, /* from batch to batch, at most */
	TIMES_BLOCK = 64 << 10
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
	struct pieces pieces;
	size_t most_bytes; /* that waited at once, of the batch */
	const struct source_rows **live;
	uint32_t live_room;
	int64_t from_ns, to_ns; /* not read yet */
	bool cut; /* groups were cut off during the step */
	struct arena times; /* of the pieces that are replayed */
};

/* ---- pieces ---- */

/* Their memory stays until the batch ends, or is cut. */
static void drop_pieces(struct raw *w, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		struct waiting *g = &w->groups[i];
		for (const struct piece *p = g->first; p; p = p->next)
			w->pieces.bytes -= p->bytes;
		if (!g->done)
			w->left--;
		*g = (struct waiting){ .last = &g->first, .done = true };
	}
}

/* Of group i. False: there is no room. */
static bool move_pieces(struct raw *w, uint32_t i)
{
	struct waiting *g = &w->groups[i];
	const struct piece *from = g->first;

	g->first = NULL;
	g->last = &g->first;
	for (; from; from = from->next) {
		struct piece *p = pieces_move(&w->pieces, from);
		if (!p)
			return false;
		*g->last = p;
		g->last = &p->next;
	}
	return true;
}

/* Puts the pieces that are left into memory of their own, so that what was dropped is free. Groups that find no room there are
 * cut off too; the first of a batch needs none. */
static void gather_pieces(struct raw *w)
{
	struct pieces old = w->pieces;
	uint32_t i = w->first;

	pieces_open(&w->pieces, old.max, old.budget, old.eb);
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
	pieces_close(&old);
}

static enum err too_big(struct raw *w)
{
	return budget_take(w->run->budget, w->run->budget->max_bytes + 1, w->run->eb);
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
	const double fit = w->pieces.bytes ? (double)w->pieces.max * covered(w, s) / (double)w->pieces.bytes : 1;
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

	while (!(p = pieces_add(&w->pieces, rows))) {
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
	w->most_bytes = w->pieces.bytes > w->most_bytes ? w->pieces.bytes : w->most_bytes;
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
			e = piece_restore_times(p, &w->times) ? ERR_OK : too_big(w);
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
	pieces_clear(&w->pieces);
	return e;
}

/* As many groups as find room if they are like those of this batch. */
static uint32_t next_batch(const struct raw *w)
{
	const uint64_t count = w->last - w->first, room = (uint64_t)w->pieces.max / 8 * 7;
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
	/* a quarter: a window's rows need room beside them */
	pieces_open(&w.pieces, (r->budget->max_bytes - r->budget->used_bytes) / 4, r->budget, r->eb);
	budget_arena(r->budget, &w.times, TIMES_BLOCK);
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
	pieces_close(&w.pieces);
	select_give(r->budget, w.groups, bytes);
	return e;
}
