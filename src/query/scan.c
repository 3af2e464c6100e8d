#include "query/scan.h"

#include <string.h>

#include "model/aggregate.h"
#include "model/sum.h"

enum { BATCH = 256 };

static unsigned bucket_of(const struct scan *sc, int64_t t)
{
	return (unsigned)((t - sc->first_bucket_ns) / sc->step_ns);
}

static void merge_cell(struct read_cell *c, enum value_type type, const struct read_cell *more)
{
	if (more->count == 0)
		return;
	if (c->count == 0) {
		*c = *more;
		return;
	}
	c->count += more->count;
	if (type == VALUE_FLOAT) {
		struct sum sum = { c->sum, c->rest };
		sum_add(&sum, more->sum);
		c->sum = sum.value;
		c->rest = sum.rest + more->rest;
	} else {
		c->whole += more->whole;
	}
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

void scan_settle(struct read_cell *c, enum value_type type)
{
	const struct sum sum = { c->sum, c->rest };

	if (c->count)
		c->sum = type == VALUE_FLOAT ? sum_value(&sum) : aggregate_number(type, c->whole);
}

/* ---- raw rows ---- */

/* n values of one bucket: a loop for each type. */
static void sum_values(enum value_type type, const uint64_t *v, uint32_t n, struct read_cell *out)
{
	if (type == VALUE_FLOAT) {
		struct sum sum = { 0 };
		double min = value_float(v[0]), max = min;
		sum_add_run(&sum, v, n);
		for (uint32_t i = 1; i < n; i++) {
			double d = value_float(v[i]);
			min = d < min ? d : min;
			max = d > max ? d : max;
		}
		out->sum = sum.value;
		out->rest = sum.rest;
		out->min = min;
		out->max = max;
	} else {
		/* with its sign turned an unsigned orders as an integer does */
		uint64_t whole = 0, turn = type == VALUE_INTEGER ? 0 : (uint64_t)1 << 63;
		int64_t min = INT64_MAX, max = INT64_MIN;
		for (uint32_t i = 0; i < n; i++) {
			int64_t d = (int64_t)(v[i] ^ turn);
			whole += v[i];
			min = d < min ? d : min;
			max = d > max ? d : max;
		}
		out->whole = whole;
		out->min = aggregate_number(type, (uint64_t)min ^ turn);
		out->max = aggregate_number(type, (uint64_t)max ^ turn);
	}
	out->count = n;
	out->first = aggregate_number(type, v[0]);
	out->last = aggregate_number(type, v[n - 1]);
}

/* n values of one bucket, the first and the last of these times. */
static enum err add_values(const struct scan *sc, const struct scan_target *to, unsigned bucket, enum value_type type,
    const uint64_t *v, uint32_t n, int64_t first_ns, int64_t last_ns)
{
	struct read_cell run = { .first_ns = first_ns, .last_ns = last_ns };

	sum_values(type, v, n, &run);
	merge_cell(&to->cells[bucket], type, &run);
	return to->digests ? digest_add(&to->digests[bucket], sc->memory, type, v, n) : ERR_OK;
}

/* Rows [from, to) of one bucket. */
static enum err scan_run(const struct scan *sc, const struct scan_target *target, unsigned bucket, const struct rows *r,
    const struct rows_column *c, uint32_t from, uint32_t to)
{
	uint64_t batch[BATCH];
	enum err e = ERR_OK;

	if (!c->present)
		return add_values(
		    sc, target, bucket, c->type, c->bits + from, to - from, r->times[from], r->times[to - 1]);
	while (e == ERR_OK && from < to) {
		int64_t first_ns = 0, last_ns = 0;
		uint32_t n = 0;
		for (; from < to && n < BATCH; from++) {
			if (!c->present[from])
				continue;
			last_ns = r->times[from];
			first_ns = n ? first_ns : last_ns;
			batch[n++] = c->bits[from];
		}
		if (n)
			e = add_values(sc, target, bucket, c->type, batch, n, first_ns, last_ns);
	}
	return e;
}

static enum err scan_column(
    const struct scan *sc, const struct rows *r, const struct rows_column *c, uint32_t from, uint32_t to)
{
	struct scan_target target;
	enum err e = ERR_OK;

	if (c->kind != COLUMN_VALUE || c->type == VALUE_STRING || !sc->target(sc->arg, c->field, &target))
		return ERR_OK;
	for (uint32_t i = from, end; e == ERR_OK && i < to; i = end) {
		unsigned bucket = bucket_of(sc, r->times[i]);
		int64_t next = sc->first_bucket_ns + ((int64_t)bucket + 1) * sc->step_ns;
		end = i + rows_lower_bound(r->times + i, to - i, next);
		if (bucket < sc->buckets)
			e = scan_run(sc, &target, bucket, r, c, i, end);
	}
	return e;
}

static enum err scan_rows(const struct scan *sc, const struct rows *r)
{
	uint32_t from = rows_lower_bound(r->times, r->count, sc->from_ns),
		 to = rows_lower_bound(r->times, r->count, sc->to_ns);
	enum err e = ERR_OK;

	for (uint32_t k = 0; e == ERR_OK && from < to && k < r->column_count; k++)
		e = scan_column(sc, r, &r->columns[k], from, to);
	return e;
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
	enum err e = ERR_OK;
	for (unsigned i = 0; e == ERR_OK && i < count; i++)
		e = scan_rows(sc, &list[i]);
	return e;
}

/* ---- rollups ---- */

unsigned scan_needs(enum column_kind kind)
{
	static const unsigned of[COLUMN_KINDS] = { [COLUMN_SUM] = READ_SUM,
		[COLUMN_MIN] = READ_MIN,
		[COLUMN_MAX] = READ_MAX,
		[COLUMN_FIRST] = READ_FIRST,
		[COLUMN_FIRST_AT] = READ_FIRST,
		[COLUMN_LAST] = READ_LAST,
		[COLUMN_LAST_AT] = READ_LAST };

	return of[kind];
}

/* The columns of the field that COUNT stands for, which follow it, as far as they are wanted. */
static bool find_columns(
    const struct scan *sc, const struct rows *r, uint32_t at, const struct rows_column *of[COLUMN_KINDS])
{
	uint32_t guess = at;

	memset(of, 0, COLUMN_KINDS * sizeof *of);
	for (unsigned k = COLUMN_COUNT; k <= COLUMN_LAST_AT; k++) {
		if (k != COLUMN_COUNT && !(scan_needs((enum column_kind)k) & sc->aggregates))
			continue;
		const struct rows_column *c = guess < r->column_count ? &r->columns[guess] : NULL;
		if (!c || c->field != r->columns[at].field || c->kind != k)
			c = rows_find_column(r, r->columns[at].field, (enum column_kind)k);
		if (!c)
			return false;
		of[k] = c;
		guess = (uint32_t)(c - r->columns) + 1;
	}
	return true;
}

/* The bucket of a time that comes after those before: mostly theirs, or the one behind it. */
struct walk {
	unsigned bucket;
	int64_t end_ns; /* of it */
};

static unsigned walk_to(const struct scan *sc, struct walk *w, int64_t t)
{
	if (t < w->end_ns)
		return w->bucket;
	if (t - w->end_ns < sc->step_ns) {
		w->bucket++;
		w->end_ns += sc->step_ns;
	} else {
		w->bucket = bucket_of(sc, t);
		w->end_ns = sc->first_bucket_ns + ((int64_t)w->bucket + 1) * sc->step_ns;
	}
	return w->bucket;
}

/* The row's sketch into the digest, if it has one. */
static enum err add_sketch(
    const struct scan *sc, struct digest *d, const struct rows_column *sketches, uint32_t row, uint64_t count)
{
	if (!sketches || (sketches->present && !sketches->present[row]))
		return ERR_OK;
	const struct rows_string *s = (const struct rows_string *)(uintptr_t)sketches->bits[row];
	return digest_merge_packed(d, sc->memory, (struct view){ s->bytes, s->len }, count);
}

/* Counts and sums alone, which is what means need. */
static void add_sums(const struct scan *sc, struct read_cell *cells, const struct rows *r,
    const struct rows_column *const of[COLUMN_KINDS], uint32_t from, uint32_t to)
{
	const uint64_t *counts = of[COLUMN_COUNT]->bits, *sums = of[COLUMN_SUM]->bits;
	const uint8_t *present = of[COLUMN_COUNT]->present;
	bool is_float = of[COLUMN_SUM]->type == VALUE_FLOAT;
	struct walk w = { bucket_of(sc, r->times[from]), INT64_MIN };

	w.end_ns = sc->first_bucket_ns + ((int64_t)w.bucket + 1) * sc->step_ns;
	for (uint32_t i = from; i < to; i++) {
		unsigned bucket = walk_to(sc, &w, r->times[i]);
		if (bucket >= sc->buckets || (present && !present[i]))
			continue;
		struct read_cell *c = &cells[bucket];
		c->count += counts[i];
		if (is_float) {
			struct sum sum = { c->sum, c->rest };
			sum_add(&sum, value_float(sums[i]));
			c->sum = sum.value;
			c->rest = sum.rest;
		} else {
			c->whole += sums[i];
		}
	}
}

static uint64_t bits_at(const struct rows_column *c, uint32_t row)
{
	return c ? c->bits[row] : 0;
}

static double number_at(const struct rows_column *c, enum value_type type, uint32_t row)
{
	return c ? aggregate_number(type, c->bits[row]) : 0;
}

/* All but the count have the field's. */
static enum value_type type_of(const struct rows_column *const of[COLUMN_KINDS])
{
	unsigned k = COLUMN_SUM;

	while (!of[k] && k < COLUMN_LAST)
		k++;
	return of[k]->type;
}

/* One bucket of the tier as a cell. */
static struct read_cell cell_at(
    const struct rows *r, const struct rows_column *const of[COLUMN_KINDS], enum value_type type, uint32_t i)
{
	struct read_cell one = { .count = of[COLUMN_COUNT]->bits[i],
		.sum = number_at(of[COLUMN_SUM], type, i),
		.min = number_at(of[COLUMN_MIN], type, i),
		.max = number_at(of[COLUMN_MAX], type, i),
		.first = number_at(of[COLUMN_FIRST], type, i),
		.last = number_at(of[COLUMN_LAST], type, i),
		.first_ns = (int64_t)((uint64_t)r->times[i] + bits_at(of[COLUMN_FIRST_AT], i)),
		.last_ns = (int64_t)((uint64_t)r->times[i] + bits_at(of[COLUMN_LAST_AT], i)) };

	if (type != VALUE_FLOAT)
		one.whole = bits_at(of[COLUMN_SUM], i);
	return one;
}

static enum err scan_rollup_field(const struct scan *sc, const struct rows *r,
    const struct rows_column *const of[COLUMN_KINDS], uint32_t from, uint32_t to)
{
	const enum value_type type = type_of(of);
	const struct rows_column *sketches = rows_find_column(r, of[COLUMN_COUNT]->field, COLUMN_SKETCH);
	struct scan_target target;
	bool corrupt = false;
	enum err e = ERR_OK;

	if (!sc->target(sc->arg, of[COLUMN_COUNT]->field, &target))
		return ERR_OK;
	if (sc->aggregates == READ_SUM && !target.digests) {
		add_sums(sc, target.cells, r, of, from, to);
		return ERR_OK;
	}
	for (uint32_t i = from; e == ERR_OK && i < to; i++) {
		unsigned bucket = bucket_of(sc, r->times[i]);
		if (bucket >= sc->buckets || (of[COLUMN_COUNT]->present && !of[COLUMN_COUNT]->present[i]))
			continue;
		struct read_cell one = cell_at(r, of, type, i);
		merge_cell(&target.cells[bucket], type, &one);
		if (target.digests)
			e = add_sketch(sc, &target.digests[bucket], sketches, i, one.count);
		corrupt |= e == ERR_CORRUPT;
		e = e == ERR_CORRUPT ? ERR_OK : e;
	}
	return e == ERR_OK && corrupt ? ERR_CORRUPT : e;
}

enum err scan_rollup(const struct scan *sc, const struct rows *r)
{
	const struct rows_column *of[COLUMN_KINDS];
	uint32_t from = rows_lower_bound(r->times, r->count, sc->from_ns),
		 to = rows_lower_bound(r->times, r->count, sc->to_ns);
	bool corrupt = false;
	enum err e = ERR_OK;

	for (uint32_t k = 0; e == ERR_OK && from < to && k < r->column_count; k++) {
		if (r->columns[k].kind == COLUMN_COUNT && find_columns(sc, r, k, of))
			e = scan_rollup_field(sc, r, of, from, to);
		corrupt |= e == ERR_CORRUPT;
		e = e == ERR_CORRUPT ? ERR_OK : e;
	}
	return e == ERR_OK && corrupt ? ERR_CORRUPT : e;
}
