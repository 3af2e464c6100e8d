/* A series' rows to accumulators, a run of each bucket at a time. */
#include "query/select/buckets.h"

enum { BUCKET_WORK = 16 }; /* to find and touch a bucket is as much as so many rows */

static void note_seen(
    struct buckets *b, uint32_t group, uint32_t call, const struct point_columns *p, uint32_t i, uint32_t j)
{
	uint8_t *seen = &b->seen[(size_t)group * b->call_count + call];
	const uint8_t *present = p->present;

	if (*seen)
		return;
	if (b->tier != TIER_RAW)
		present = p->by_kind[COLUMN_COUNT] ? p->by_kind[COLUMN_COUNT]->present : NULL;
	while (present && i < j && !present[i])
		i++;
	if (i < j) {
		*seen = 1;
		b->unseen--;
	}
}

static enum err add_run(
    struct buckets *b, uint32_t group, const struct source_rows *s, uint32_t from, uint32_t to, unsigned char *state)
{
	struct select_run *r = b->run;
	const int64_t *times = s->rows.times;
	bool alone = r->groups.of[group].member_count == 1;
	unsigned char *own = b->ends && !alone ? ends_state(b, s->series) : NULL;

	if (b->ends && !alone && !own)
		return ERR_TOOBIG;

	for (uint32_t k = 0; k < b->call_count; k++) {
		const struct select_call *c = r->node->slots[b->calls[k]].call;
		const struct point_columns *p = &b->columns[k];
		uint32_t i = from > p->from ? from : p->from, j = to < p->to ? to : p->to;
		if (!p->there || i >= j || c->is_transform || (buckets_is_ordered(c) && !alone))
			continue;
		void *acc = (c->is_end && own ? own : state) + c->state_at;
		enum err e;
		if (b->tier != TIER_RAW)
			e = accumulator_add_rollup(
			    &c->stages[0], acc, s->series, times, p->by_kind, i, j, r->budget, r->eb);
		else
			e = accumulator_add(&c->stages[0], acc, s->series, times + i, p->bits + i,
			    p->present ? p->present + i : NULL, j - i, r->budget, r->eb);
		if (e != ERR_OK)
			return e;
		if (b->ends_early)
			note_seen(b, group, k, p, i, j);
	}
	return ERR_OK;
}

static uint32_t run_end(const int64_t *times, uint32_t i, uint32_t n, int64_t to_ns)
{
	uint32_t step = 1, low = i + 1;

	if (times[n - 1] < to_ns)
		return n;
	while (low + step < n && times[low + step - 1] < to_ns) {
		low += step;
		step *= 2;
	}
	uint32_t high = low + step < n ? low + step : n;
	return low + rows_lower_bound(times + low, high - low, to_ns);
}

/* Where the bucket begins that the row before `end` is in. */
static uint32_t run_begin(const int64_t *times, uint32_t end, int64_t from_ns)
{
	uint32_t step = 1, high = end - 1;

	while (high > step && times[high - step] >= from_ns) {
		high -= step;
		step *= 2;
	}
	uint32_t low = high > step ? high - step : 0;
	return low + rows_lower_bound(times + low, high - low, from_ns);
}

static enum err add_bucket(
    struct buckets *b, uint32_t group, const struct source_rows *s, uint32_t from, uint32_t to, int64_t begins_ns)
{
	struct select_run *r = b->run;
	unsigned char *state = buckets_state(b, &b->groups[group], begins_ns);
	enum err e = state ? add_run(b, group, s, from, to, state) : ERR_TOOBIG;

	return e == ERR_OK ? budget_work(r->budget, (to - from) * (uint64_t)b->call_count + BUCKET_WORK, r->eb) : e;
}

static enum err add_runs(struct buckets *b, uint32_t group, const struct source_rows *s)
{
	const struct window_grid *grid = &b->run->node->grid;
	uint32_t n = s->rows.count;
	enum err e = ERR_OK;

	for (uint32_t i = 0, j; e == ERR_OK && i < n; i = j) {
		struct window w = window_of(grid, s->rows.times[i]);
		j = grid->interval_ns ? run_end(s->rows.times, i, n, w.to_ns) : n;
		e = add_bucket(b, group, s, i, j, w.from_ns);
	}
	return e;
}

/* Each new bucket comes before all others then, as the steps do. */
static enum err add_runs_falling(struct buckets *b, uint32_t group, const struct source_rows *s)
{
	enum err e = ERR_OK;

	for (uint32_t i, j = s->rows.count; e == ERR_OK && j > 0; j = i) {
		struct window w = window_of(&b->run->node->grid, s->rows.times[j - 1]);
		i = run_begin(s->rows.times, j, w.from_ns);
		e = add_bucket(b, group, s, i, j, w.from_ns);
	}
	return e;
}

enum err buckets_add_series(struct buckets *b, const struct source_rows *s)
{
	struct select_run *r = b->run;
	uint32_t n = s->rows.count, group = r->groups.group_of[s->series];
	uint8_t *pass = NULL;
	bool any = true;
	enum err e = ERR_OK;

	if (n == 0 || group == UINT32_MAX)
		return ERR_OK;
	arena_clear(&b->step);
	if (r->filter && b->tier == TIER_RAW) {
		e = select_row_room(r, n);
		if (e == ERR_OK)
			e = select_filter_rows(r, s, pass = r->pass, &any);
	}
	if (e != ERR_OK || !any)
		return e;
	if (!buckets_prepare_columns(b, s, pass))
		return budget_refuse(r->budget, r->eb);
	return b->descending_read && r->node->grid.interval_ns ? add_runs_falling(b, group, s) : add_runs(b, group, s);
}
