#include "store/rollup.h"

#include <string.h>

#include "model/aggregate.h"
#include "model/sum.h"

struct buckets { /* runs of rows of one bucket */
	uint32_t count;
	uint32_t *first; /* count + 1 of them */
	int64_t *starts;
};

struct target { /* of one field */
	uint64_t *bits[COLUMN_KINDS];
	uint8_t *present; /* one for all of its columns but the sketch */
	uint8_t *sketched;
	bool holes, sketch_holes;
};

/* The bucket's beginning and end; at the ends of time they are where time ends. */
static int64_t bucket_of(int64_t t, int64_t step, int64_t *end)
{
	int64_t rest = t % step, start;

	if (__builtin_sub_overflow(t, rest < 0 ? rest + step : rest, &start))
		start = INT64_MIN;
	if (__builtin_add_overflow(start, step, end))
		*end = INT64_MAX;
	return start;
}

static bool find_buckets(const struct rows *r, int64_t bucket_ns, struct arena *a, struct buckets *b)
{
	int64_t end = INT64_MIN;

	b->count = 0;
	for (uint32_t i = 0; i < r->count; i++)
		if (i == 0 || r->times[i] >= end) {
			bucket_of(r->times[i], bucket_ns, &end);
			b->count++;
		}
	b->first = arena_alloc(a, (b->count + 1) * sizeof *b->first, 16);
	b->starts = arena_alloc(a, (b->count + 1) * sizeof *b->starts, 16);
	if (!b->first || !b->starts)
		return false;
	b->count = 0;
	for (uint32_t i = 0; i < r->count; i++)
		if (i == 0 || r->times[i] >= end) {
			b->starts[b->count] = bucket_of(r->times[i], bucket_ns, &end);
			b->first[b->count++] = i;
		}
	b->first[b->count] = r->count;
	return true;
}

static bool new_target(struct target *t, uint32_t buckets, bool sketched, struct arena *a)
{
	*t = (struct target){ .present = arena_alloc(a, buckets, 1), .sketched = arena_alloc(a, buckets, 1) };
	for (unsigned k = COLUMN_COUNT; k <= (unsigned)(sketched ? COLUMN_SKETCH : COLUMN_LAST_AT); k++) {
		t->bits[k] = arena_alloc(a, buckets * sizeof *t->bits[k], 16);
		if (!t->bits[k])
			return false;
	}
	return t->present && t->sketched;
}

static void put_aggregate(struct target *t, uint32_t bucket, int64_t start, const struct aggregate *g)
{
	if (g->count == 0) {
		t->holes = true;
		return;
	}
	t->present[bucket] = 1;
	t->bits[COLUMN_COUNT][bucket] = g->count;
	t->bits[COLUMN_SUM][bucket] = g->sum;
	t->bits[COLUMN_MIN][bucket] = g->min;
	t->bits[COLUMN_MAX][bucket] = g->max;
	t->bits[COLUMN_FIRST][bucket] = g->first;
	t->bits[COLUMN_LAST][bucket] = g->last;
	t->bits[COLUMN_FIRST_AT][bucket] = (uint64_t)g->first_ns - (uint64_t)start;
	t->bits[COLUMN_LAST_AT][bucket] = (uint64_t)g->last_ns - (uint64_t)start;
}

/* Of so many values; a sketch that has not all of them is left out. */
static bool put_sketch(struct target *t, uint32_t bucket, uint64_t count, const struct sketch *sk, struct arena *a)
{
	struct buf b;

	if (count == 0 || sk->count != count) {
		t->sketch_holes = true;
		return true;
	}
	buf_init(&b, (size_t)1 << 20);
	sketch_pack(sk, &b);
	struct rows_string *s = b.failed ? NULL : arena_alloc(a, sizeof *s + b.len, 8);
	if (s) {
		s->len = (uint32_t)b.len;
		memcpy(s->bytes, b.p, b.len);
		t->bits[COLUMN_SKETCH][bucket] = (uint64_t)(uintptr_t)s;
		t->sketched[bucket] = 1;
	}
	buf_fini(&b);
	return s;
}

/* The columns of one field, behind those that are there. */
static void put_columns(struct rows *out, uint32_t field, enum value_type type, const struct target *t)
{
	struct rows_column *c = (struct rows_column *)out->columns + out->column_count;
	/* a boolean's sums are integers */
	enum value_type own = type == VALUE_BOOLEAN ? VALUE_INTEGER : type;

	for (unsigned k = COLUMN_COUNT; k < COLUMN_KINDS; k++) {
		if (!t->bits[k])
			continue;
		enum value_type kind_type = k == COLUMN_COUNT	  ? VALUE_UNSIGNED
		    : k == COLUMN_FIRST_AT || k == COLUMN_LAST_AT ? VALUE_INTEGER
		    : k == COLUMN_SKETCH			  ? VALUE_STRING
								  : own;
		const uint8_t *present = k == COLUMN_SKETCH ? (t->sketch_holes ? t->sketched : NULL)
							    : (t->holes ? t->present : NULL);
		*c++ = (struct rows_column){ field, (enum column_kind)k, kind_type, t->bits[k], present };
		out->column_count++;
	}
}

/* ---- raw rows ---- */

static double float_of(uint64_t bits)
{
	double d;

	memcpy(&d, &bits, sizeof d);
	return d;
}

static uint64_t bits_of(double d)
{
	uint64_t bits;

	memcpy(&bits, &d, sizeof bits);
	return bits;
}

/* All of [from, to) have the field: loops a compiler can unroll. */
static void aggregate_run(
    const struct rows *r, const struct rows_column *c, uint32_t from, uint32_t to, struct aggregate *g)
{
	const uint64_t *v = c->bits;

	*g = (struct aggregate){ .count = to - from,
		.first = v[from],
		.last = v[to - 1],
		.first_ns = r->times[from],
		.last_ns = r->times[to - 1] };
	if (c->type == VALUE_FLOAT) {
		struct sum sum = { 0 };
		double min = float_of(v[from]), max = min;
		sum_add_run(&sum, v + from, to - from);
		for (uint32_t i = from; i < to; i++) {
			double d = float_of(v[i]);
			min = d < min ? d : min;
			max = d > max ? d : max;
		}
		g->sum = bits_of(sum_value(&sum));
		g->min = bits_of(min);
		g->max = bits_of(max);
	} else {
		/* with its sign turned an unsigned orders as an integer does */
		uint64_t sum = 0, turn = c->type == VALUE_INTEGER ? 0 : (uint64_t)1 << 63;
		int64_t min = INT64_MAX, max = INT64_MIN;
		for (uint32_t i = from; i < to; i++) {
			int64_t d = (int64_t)(v[i] ^ turn);
			sum += v[i];
			min = d < min ? d : min;
			max = d > max ? d : max;
		}
		g->sum = sum;
		g->min = (uint64_t)min ^ turn;
		g->max = (uint64_t)max ^ turn;
	}
}

static void aggregate_some(
    const struct rows *r, const struct rows_column *c, uint32_t from, uint32_t to, struct aggregate *g)
{
	struct sum sum = { 0 };

	*g = (struct aggregate){ 0 };
	for (uint32_t i = from; i < to; i++) {
		if (!c->present[i])
			continue;
		aggregate_add(g, c->type, c->bits[i], r->times[i]);
		if (c->type == VALUE_FLOAT)
			sum_add(&sum, float_of(c->bits[i]));
	}
	if (c->type == VALUE_FLOAT)
		g->sum = bits_of(sum_value(&sum));
}

static bool sketch_run(const struct rows_column *c, uint32_t from, uint32_t to, struct sketch *sk)
{
	sketch_clear(sk);
	for (uint32_t i = from; i < to; i++)
		if ((!c->present || c->present[i]) && sketch_add(sk, aggregate_number(c->type, c->bits[i])) != ERR_OK)
			return false;
	return true;
}

static bool is_sketched(const struct rollup_opts *o, uint32_t field)
{
	return o->sketched && field < o->sketched_count && o->sketched[field];
}

static bool roll_field(const struct rows *r, const struct rows_column *c, const struct buckets *b, bool sketched,
    struct arena *a, struct rows *out)
{
	struct target t;
	struct sketch sk;
	bool ok = new_target(&t, b->count, sketched, a);

	sketch_init(&sk);
	for (uint32_t i = 0; ok && i < b->count; i++) {
		struct aggregate g;
		if (c->present)
			aggregate_some(r, c, b->first[i], b->first[i + 1], &g);
		else
			aggregate_run(r, c, b->first[i], b->first[i + 1], &g);
		put_aggregate(&t, i, b->starts[i], &g);
		if (sketched)
			ok = sketch_run(c, b->first[i], b->first[i + 1], &sk) && put_sketch(&t, i, g.count, &sk, a);
	}
	sketch_fini(&sk);
	if (ok)
		put_columns(out, c->field, c->type, &t);
	return ok;
}

enum err rollup_rows(const struct rows *raw, const struct rollup_opts *o, struct arena *a, struct rows *out)
{
	struct buckets b;

	*out = (struct rows){ 0 };
	if (!find_buckets(raw, o->bucket_ns, a, &b))
		return ERR_NOMEM;
	out->count = b.count;
	out->times = b.starts;
	out->columns = arena_alloc(a, (raw->column_count * (size_t)COLUMN_KINDS + 1) * sizeof *out->columns, 16);
	if (!out->columns)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < raw->column_count; i++) {
		const struct rows_column *c = &raw->columns[i];
		if (c->type != VALUE_STRING && !roll_field(raw, c, &b, is_sketched(o, c->field), a, out))
			return ERR_NOMEM;
	}
	if (out->column_count == 0)
		out->count = 0;
	return ERR_OK;
}

/* ---- rows of a finer tier ---- */

struct fine { /* the columns of one field */
	const struct rows_column *of[COLUMN_KINDS];
};

static void read_fine(const struct rows *r, const struct fine *f, uint32_t row, struct aggregate *g)
{
	*g = (struct aggregate){ 0 };
	if (f->of[COLUMN_COUNT]->present && !f->of[COLUMN_COUNT]->present[row])
		return;
	*g = (struct aggregate){ .count = f->of[COLUMN_COUNT]->bits[row],
		.sum = f->of[COLUMN_SUM]->bits[row],
		.min = f->of[COLUMN_MIN]->bits[row],
		.max = f->of[COLUMN_MAX]->bits[row],
		.first = f->of[COLUMN_FIRST]->bits[row],
		.last = f->of[COLUMN_LAST]->bits[row],
		.first_ns = (int64_t)((uint64_t)r->times[row] + f->of[COLUMN_FIRST_AT]->bits[row]),
		.last_ns = (int64_t)((uint64_t)r->times[row] + f->of[COLUMN_LAST_AT]->bits[row]) };
}

static enum err merge_sketches(const struct fine *f, uint32_t from, uint32_t to, struct sketch *sk)
{
	const struct rows_column *c = f->of[COLUMN_SKETCH];

	sketch_clear(sk);
	for (uint32_t i = from; i < to; i++) {
		const struct rows_string *s = (const struct rows_string *)(uintptr_t)c->bits[i];
		if (c->present && !c->present[i])
			continue;
		enum err e = sketch_merge_packed(sk, (struct view){ s->bytes, s->len });
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

static enum err coarsen_field(
    const struct rows *r, const struct fine *f, const struct buckets *b, struct arena *a, struct rows *out)
{
	enum value_type type = f->of[COLUMN_SUM]->type;
	bool sketched = f->of[COLUMN_SKETCH];
	struct target t;
	struct sketch sk;
	enum err e = new_target(&t, b->count, sketched, a) ? ERR_OK : ERR_NOMEM;

	sketch_init(&sk);
	for (uint32_t i = 0; e == ERR_OK && i < b->count; i++) {
		struct aggregate sum = { 0 }, one;
		for (uint32_t k = b->first[i]; k < b->first[i + 1]; k++) {
			read_fine(r, f, k, &one);
			aggregate_merge(&sum, type, &one);
		}
		put_aggregate(&t, i, b->starts[i], &sum);
		if (!sketched)
			continue;
		e = merge_sketches(f, b->first[i], b->first[i + 1], &sk);
		if (e == ERR_OK && !put_sketch(&t, i, sum.count, &sk, a))
			e = ERR_NOMEM;
	}
	sketch_fini(&sk);
	if (e == ERR_OK)
		put_columns(out, f->of[COLUMN_SUM]->field, type, &t);
	return e;
}

enum err rollup_coarser(const struct rows *finer, const struct rollup_opts *o, struct arena *a, struct rows *out)
{
	struct buckets b;

	*out = (struct rows){ 0 };
	if (!find_buckets(finer, o->bucket_ns, a, &b))
		return ERR_NOMEM;
	out->count = b.count;
	out->times = b.starts;
	out->columns = arena_alloc(a, (finer->column_count + (size_t)COLUMN_KINDS) * sizeof *out->columns, 16);
	if (!out->columns)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < finer->column_count; i++) {
		struct fine f = { 0 };
		if (finer->columns[i].kind != COLUMN_COUNT)
			continue;
		for (unsigned k = COLUMN_COUNT; k < COLUMN_KINDS; k++)
			f.of[k] = rows_find_column(finer, finer->columns[i].field, (enum column_kind)k);
		for (unsigned k = COLUMN_COUNT; k < COLUMN_SKETCH; k++)
			if (!f.of[k])
				return ERR_CORRUPT;
		enum err e = coarsen_field(finer, &f, &b, a, out);
		if (e != ERR_OK)
			return e;
	}
	if (out->column_count == 0)
		out->count = 0;
	return ERR_OK;
}
