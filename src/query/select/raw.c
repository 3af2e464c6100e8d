/* Rows as they are, and transformations of them: merged by time within a group, groups one after the other.
 *
 * Steps of a read bring all series' rows side by side, the answer wants one group behind the other. So a batch of groups is
 * read at a time: the first one's rows go out at once, those of the others wait in pieces. A batch begins with all groups
 * that are left; where the pieces get too large it is cut in half, and what was cut off is read again later. A single group
 * needs no pieces at all. */
#include <stdlib.h>

#include "query/select/merge.h"
#include "query/select/rows_out.h"

struct piece { /* a series' rows of one step */
	struct piece *next;
	uint32_t step;
	size_t bytes;
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
	size_t waiting_bytes, waiting_max;
	const struct source_rows **live;
	uint32_t live_room;
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

static struct piece *copy_rows(struct select_run *r, const struct source_rows *s)
{
	const struct rows *rows = &s->rows;
	size_t bytes = sizeof(struct piece) + rows->count * sizeof *rows->times;

	for (uint32_t i = 0; i < rows->column_count; i++)
		bytes += column_bytes(rows, &rows->columns[i]);
	struct piece *p = select_take(r->budget, bytes, r->eb);
	if (!p)
		return NULL;
	p->bytes = bytes;
	p->rows = *s;
	struct rows_column *columns = (struct rows_column *)(p + 1);
	char *at = (char *)(columns + rows->column_count);
	p->rows.rows.columns = columns;
	p->rows.rows.times = memcpy(at, rows->times, rows->count * sizeof *rows->times);
	at += rows->count * sizeof *rows->times;
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

static void drop_pieces(struct raw *w, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		struct waiting *g = &w->groups[i];
		while (g->first) {
			struct piece *p = g->first;
			g->first = p->next;
			w->waiting_bytes -= p->bytes;
			select_give(w->run->budget, p, p->bytes);
		}
		g->last = &g->first;
		g->rows = 0;
		if (!g->done)
			w->left--;
		g->done = true;
	}
}

/* False: there is nothing to cut. */
static bool cut_batch(struct raw *w)
{
	uint32_t count = w->last - w->first;

	if (count < 2)
		return false;
	uint32_t keep = w->first + (count > 3 ? count / 2 : 1);
	drop_pieces(w, keep, w->last);
	w->last = keep;
	return true;
}

static enum err keep_rows(struct raw *w, uint32_t group, const struct source_rows *rows)
{
	struct waiting *g = &w->groups[group];
	struct piece *p;

	for (;;) {
		p = w->waiting_bytes < w->waiting_max ? copy_rows(w->run, rows) : NULL;
		if (p)
			break;
		if (!cut_batch(w))
			return ERR_TOOBIG;
		if (group >= w->last)
			return ERR_OK; /* its turn comes later */
	}
	p->step = w->step;
	*g->last = p;
	g->last = &p->next;
	g->rows += rows->rows.count;
	w->waiting_bytes += p->bytes;
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

	for (uint32_t i = 0; e == ERR_OK && i < s->count; i++) {
		uint32_t group = w->run->groups.group_of[s->of[i].series];
		const struct waiting *g = &w->groups[group];
		if (group < w->first || group >= w->last || (g->done && g->done_step != w->step))
			continue;
		if (group == w->first)
			w->live[live++] = &s->of[i];
		else
			e = keep_rows(w, group, &s->of[i]);
	}
	if (e == ERR_OK && live)
		e = rows_out_step(w->out, &w->run->groups.of[w->first], w->live, live);
	w->step++;
	if (e == ERR_OK && !w->groups[w->first].done && rows_out_is_done(w->out)) {
		w->groups[w->first].done = true;
		w->groups[w->first].done_step = UINT32_MAX;
		w->left--;
	}
	return e == ERR_OK && w->left == 0 ? ERR_CLOSED : e;
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
		for (uint32_t step = p->step; e == ERR_OK && p && p->step == step; p = p->next)
			w->live[n++] = &p->rows;
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

static enum err read_batch(struct raw *w)
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
		.from_ns = r->node->read_from_ns,
		.to_ns = r->node->read_to_ns,
		.descending = r->node->is_descending,
		.step = on_step,
		.arg = w };
	enum err e = select_read(r, &rd);
	select_give(r->budget, series, bytes);
	return e;
}

static enum err run_batch(struct raw *w)
{
	struct select_run *r = w->run;

	w->step = 0;
	w->left = w->last - w->first;
	w->waiting_max = (r->budget->max_bytes - r->budget->used_bytes) / 2;
	for (uint32_t i = w->first; i < w->last; i++)
		w->groups[i] = (struct waiting){ .last = &w->groups[i].first };
	rows_out_begin(w->out, &r->groups.of[w->first]);
	enum err e = read_batch(w);
	for (uint32_t i = w->first + 1; e == ERR_OK && !r->emit->stopped && i < w->last; i++) {
		e = replay(w, i);
		drop_pieces(w, i, i + 1);
	}
	drop_pieces(w, w->first, w->last);
	return e;
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
	e = rows_out_new(&w.out, r);
	uint32_t batch = r->groups.count;
	while (e == ERR_OK && !r->emit->stopped && w.first < r->groups.count) {
		w.last = r->groups.count - w.first > batch ? w.first + batch : r->groups.count;
		e = run_batch(&w);
		batch = w.last - w.first;
		w.first = w.last;
	}
	rows_out_free(w.out);
	free(w.live);
	select_give(r->budget, w.groups, bytes);
	return e;
}
