#include "query/scan.h"

#include <string.h>

#include "model/aggregate.h"

static unsigned bucket_of(const struct scan *sc, int64_t t)
{
	return (unsigned)((t - sc->first_bucket_ns) / sc->step_ns);
}

static void merge_cell(struct read_cell *c, const struct read_cell *more)
{
	if (more->count == 0)
		return;
	if (c->count == 0) {
		*c = *more;
		return;
	}
	c->count += more->count;
	c->sum += more->sum;
	if (more->min < c->min)
		c->min = more->min;
	if (more->max > c->max)
		c->max = more->max;
	if (more->first_ns < c->first_ns) { /* another series of the same group may be older */
		c->first = more->first;
		c->first_ns = more->first_ns;
	}
	if (more->last_ns >= c->last_ns) {
		c->last = more->last;
		c->last_ns = more->last_ns;
	}
}

/* ---- raw rows ---- */

static double float_of(uint64_t bits)
{
	double d;

	memcpy(&d, &bits, sizeof d);
	return d;
}

/* Rows [from, to) of one bucket, all of which have the field: a loop for each type. */
static void sum_run(const struct rows_column *c, uint32_t from, uint32_t to, struct read_cell *out)
{
	const uint64_t *v = c->bits;
	double sum = 0, min = aggregate_number(c->type, v[from]), max = min;

	if (c->type == VALUE_FLOAT)
		for (uint32_t i = from; i < to; i++) {
			double d = float_of(v[i]);
			sum += d;
			min = d < min ? d : min;
			max = d > max ? d : max;
		}
	else if (c->type == VALUE_INTEGER)
		for (uint32_t i = from; i < to; i++) {
			double d = (double)(int64_t)v[i];
			sum += d;
			min = d < min ? d : min;
			max = d > max ? d : max;
		}
	else
		for (uint32_t i = from; i < to; i++) {
			double d = aggregate_number(c->type, v[i]);
			sum += d;
			min = d < min ? d : min;
			max = d > max ? d : max;
		}
	out->count = to - from;
	out->sum = sum;
	out->min = min;
	out->max = max;
}

static void scan_run(
    const struct rows *r, const struct rows_column *c, uint32_t from, uint32_t to, struct read_cell *cell)
{
	struct read_cell run = { 0 };

	if (!c->present) {
		sum_run(c, from, to, &run);
		run.first = aggregate_number(c->type, c->bits[from]);
		run.last = aggregate_number(c->type, c->bits[to - 1]);
		run.first_ns = r->times[from];
		run.last_ns = r->times[to - 1];
		merge_cell(cell, &run);
		return;
	}
	for (uint32_t i = from; i < to; i++) {
		if (!c->present[i])
			continue;
		double d = aggregate_number(c->type, c->bits[i]);
		run = (struct read_cell){ 1, d, d, d, d, d, r->times[i], r->times[i] };
		merge_cell(cell, &run);
	}
}

static void scan_rows(const struct scan *sc, const struct rows *r)
{
	uint32_t from = rows_lower_bound(r->times, r->count, sc->from_ns),
		 to = rows_lower_bound(r->times, r->count, sc->to_ns);

	for (uint32_t k = 0; from < to && k < r->column_count; k++) {
		const struct rows_column *c = &r->columns[k];
		bool numeric = c->kind == COLUMN_VALUE && c->type != VALUE_STRING;
		struct read_cell *cells = numeric ? sc->cells(sc->arg, c->field) : NULL;
		for (uint32_t i = from, end; cells && i < to; i = end) {
			unsigned bucket = bucket_of(sc, r->times[i]);
			int64_t next = sc->first_bucket_ns + ((int64_t)bucket + 1) * sc->step_ns;
			for (end = i + 1; end < to && r->times[end] < next; end++) {
			}
			if (bucket < sc->buckets)
				scan_run(r, c, i, end, &cells[bucket]);
		}
	}
}

static bool in_order(const struct rows *list, unsigned count)
{
	int64_t last = INT64_MIN;

	for (unsigned i = 0; i < count; i++) {
		if (list[i].count == 0)
			continue;
		if (list[i].unordered || (last != INT64_MIN && list[i].times[0] <= last))
			return false;
		last = list[i].times[list[i].count - 1];
	}
	return true;
}

enum err scan_series(const struct scan *sc, const struct rows *list, unsigned count)
{
	struct rows sorted;

	if (!in_order(list, count)) {
		enum err e = rows_merge(list, count, sc->from_ns, sc->to_ns - 1, sc->arena, &sorted);
		if (e != ERR_OK)
			return e;
		list = &sorted;
		count = sorted.count > 0;
	}
	for (unsigned i = 0; i < count; i++)
		scan_rows(sc, &list[i]);
	return ERR_OK;
}

/* ---- rollups ---- */

/* The eight columns of the field that COUNT stands for, which follow it. */
static bool find_columns(const struct rows *r, uint32_t at, const struct rows_column *of[COLUMN_KINDS])
{
	memset(of, 0, COLUMN_KINDS * sizeof *of);
	for (unsigned k = COLUMN_COUNT; k <= COLUMN_LAST_AT; k++) {
		uint32_t guess = at + k - COLUMN_COUNT;
		const struct rows_column *c = guess < r->column_count ? &r->columns[guess] : NULL;
		if (!c || c->field != r->columns[at].field || c->kind != k)
			c = rows_find_column(r, r->columns[at].field, (enum column_kind)k);
		if (!c)
			return false;
		of[k] = c;
	}
	return true;
}

static void scan_rollup_field(const struct scan *sc, const struct rows *r,
    const struct rows_column *const of[COLUMN_KINDS], uint32_t from, uint32_t to)
{
	enum value_type type = of[COLUMN_SUM]->type;
	struct read_cell *cells = sc->cells(sc->arg, of[COLUMN_COUNT]->field);

	for (uint32_t i = from; cells && i < to; i++) {
		unsigned bucket = bucket_of(sc, r->times[i]);
		if (bucket >= sc->buckets || (of[COLUMN_COUNT]->present && !of[COLUMN_COUNT]->present[i]))
			continue;
		struct read_cell one = { of[COLUMN_COUNT]->bits[i], aggregate_number(type, of[COLUMN_SUM]->bits[i]),
			aggregate_number(type, of[COLUMN_MIN]->bits[i]),
			aggregate_number(type, of[COLUMN_MAX]->bits[i]),
			aggregate_number(type, of[COLUMN_FIRST]->bits[i]),
			aggregate_number(type, of[COLUMN_LAST]->bits[i]),
			r->times[i] + (int64_t)of[COLUMN_FIRST_AT]->bits[i],
			r->times[i] + (int64_t)of[COLUMN_LAST_AT]->bits[i] };
		merge_cell(&cells[bucket], &one);
	}
}

void scan_rollup(const struct scan *sc, const struct rows *r)
{
	const struct rows_column *of[COLUMN_KINDS];
	uint32_t from = rows_lower_bound(r->times, r->count, sc->from_ns),
		 to = rows_lower_bound(r->times, r->count, sc->to_ns);

	for (uint32_t k = 0; from < to && k < r->column_count; k++)
		if (r->columns[k].kind == COLUMN_COUNT && find_columns(r, k, of))
			scan_rollup_field(sc, r, of, from, to);
}
