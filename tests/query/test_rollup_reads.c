/* A read over rollups, pieces, head and spool in any mixture equals the same read over raw rows alone, and a naive
 * model: counts, ends and sums of integers exactly, sums of floats to 1e-12 of the sum of magnitudes, percentiles
 * within 1.1 % of the nearest rank. Random data in random order, compaction at random moments; fixed seeds. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "support/stand.h"

enum { SERIES = 5, SLOTS = 6000, RANKS = 5 };
enum { FLOAT, INTEGER, UNSIGNED, BOOLEAN, LATE, FIELDS }; /* and a string; LATE: a float that appears in later writes */
#define SPAN_NS (3 * TIER_DAY_NS)

static const char *const names[FIELDS] = { "f", "i", "u", "b", "late" };
static const double ranks[RANKS] = { 0.1, 50, 95, 99.9, 100 };
static const char *const by_host[] = { "host" };
static uint64_t random_state;
static int64_t base_ns;
static bool has_late; /* from now on */
static struct errbuf eb;

static uint64_t rnd(uint64_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % n;
}

union number {
	double f;
	int64_t i;
	uint64_t u;
};

struct point { /* of one series; the last write of each field */
	int64_t t;
	bool has[FIELDS];
	union number v[FIELDS];
};

static struct point points[SERIES][SLOTS];
static unsigned point_count[SERIES];

static void forget(uint64_t seed, int64_t base)
{
	random_state = seed;
	base_ns = base;
	has_late = false;
	memset(point_count, 0, sizeof point_count);
}

static struct point *point_at(unsigned series, int64_t t)
{
	for (unsigned i = 0; i < point_count[series]; i++)
		if (points[series][i].t == t)
			return &points[series][i];
	cr_assert_lt(point_count[series], SLOTS);
	struct point *p = &points[series][point_count[series]++];
	*p = (struct point){ .t = t };
	return p;
}

/* ---- writing ---- */

static double any_float(void)
{
	switch (rnd(8)) {
	case 0:
		return rnd(2) ? 0.0 : -0.0;
	case 1: /* sums cancel */
		return rnd(2) ? 1e15 + (double)rnd(1000) : -1e15 - (double)rnd(1000);
	case 2:
		return ((double)rnd(1u << 30) - (1 << 29)) * exp2((double)rnd(60) - 50);
	default:
		return (double)(int64_t)(rnd(200001) - 50000) / 100;
	}
}

static union number any_number(unsigned field)
{
	union number n = { 0 };

	if (field == FLOAT || field == LATE)
		n.f = any_float();
	else if (field == INTEGER)
		n.i = rnd(5) ? (int64_t)rnd(2000) - 1000 : (int64_t)(rnd(UINT64_MAX) >> 4) - (INT64_MAX >> 4);
	else if (field == UNSIGNED)
		n.u = rnd(5) ? rnd(3000) : rnd(UINT64_MAX) >> 4;
	else
		n.u = rnd(2);
	return n;
}

static void put_field(struct buf *b, unsigned field, union number n)
{
	buf_printf(b, "%s=", names[field]);
	if (field == FLOAT || field == LATE)
		buf_double(b, n.f);
	else if (field == INTEGER)
		buf_printf(b, "%lldi", (long long)n.i);
	else if (field == UNSIGNED)
		buf_printf(b, "%lluu", (unsigned long long)n.u);
	else
		buf_str(b, n.u ? "true" : "false");
}

/* A line with some of the fields; the model gets the same. */
static void add_point(struct buf *b, unsigned series, int64_t t)
{
	struct point *p = point_at(series, t);
	unsigned which = 1 + (unsigned)rnd((1u << (has_late ? FIELDS : LATE)) - 1);

	buf_printf(b, "m,a=%u,host=h%u ", series, series % 2);
	for (unsigned f = 0; f < FIELDS; f++) {
		if (!(which >> f & 1))
			continue;
		p->has[f] = true;
		p->v[f] = any_number(f);
		put_field(b, f, p->v[f]);
		buf_char(b, ',');
	}
	buf_printf(b, "s=\"%llu\" %lld\n", (unsigned long long)rnd(9), (long long)t);
}

/* To both stands. */
static void write_some(struct stand *a, struct stand *raw, unsigned count)
{
	struct buf b;
	int64_t at = base_ns + (int64_t)rnd(SPAN_NS), step = rnd(2) ? 60 * NS_PER_S : 700 * NS_PER_MS;

	buf_init(&b, 4 << 20);
	for (unsigned i = 0; i < count; i++) {
		unsigned series = (unsigned)rnd(SERIES);
		if (rnd(20) == 0)
			at = base_ns + (int64_t)rnd(SPAN_NS);
		else if (rnd(10) == 0 && point_count[series]) /* the same again */
			at = points[series][rnd(point_count[series])].t;
		else if (rnd(10))
			at += (int64_t)rnd((uint64_t)step);
		if (at >= base_ns + SPAN_NS)
			at = base_ns;
		add_point(&b, series, at);
	}
	buf_char(&b, 0);
	cr_assert(!b.failed);
	stand_write(a, b.p);
	stand_write(raw, b.p);
	buf_fini(&b);
}

/* Every series once, so that their order is known. */
static void write_first(struct stand *a, struct stand *raw)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	for (unsigned i = 0; i < SERIES; i++)
		add_point(&b, i, base_ns + i);
	buf_char(&b, 0);
	stand_write(a, b.p);
	stand_write(raw, b.p);
	buf_fini(&b);
}

/* ---- the model's answer ---- */

struct expected { /* of one bucket */
	uint64_t count;
	double sum, magnitude, min, max, first, last;
	int64_t first_ns, last_ns;
	double *values; /* count of them, not sorted */
	uint64_t whole;
	long double float_sum;
};

static double as_double(unsigned field, union number n)
{
	return field == FLOAT || field == LATE ? n.f : field == INTEGER ? (double)n.i : (double)n.u;
}

static void expect_value(struct expected *e, unsigned field, int64_t t, union number n)
{
	double v = as_double(field, n);

	if ((e->count & (e->count - 1)) == 0)
		e->values = realloc(e->values, (e->count ? e->count * 2 : 1) * sizeof *e->values);
	e->values[e->count] = v;
	if (e->count++ == 0) {
		e->min = e->max = e->first = e->last = v;
		e->first_ns = e->last_ns = t;
	}
	e->min = v < e->min ? v : e->min;
	e->max = v > e->max ? v : e->max;
	if (t < e->first_ns) {
		e->first = v;
		e->first_ns = t;
	}
	if (t >= e->last_ns) {
		e->last = v;
		e->last_ns = t;
	}
	e->float_sum += v;
	e->magnitude += fabs(v);
	e->whole += n.u;
	e->sum = field == FLOAT || field == LATE ? (double)e->float_sum
	    : field == INTEGER			 ? (double)(int64_t)e->whole
						 : (double)e->whole;
}

static bool in_group(const struct read_group *g, unsigned series)
{
	const char *a = read_group_tag(g, "a"), *host = read_group_tag(g, "host");

	return (!*a || *a == (char)('0' + series)) && (!*host || host[1] == (char)('0' + series % 2));
}

static struct expected *expect(
    const struct read_request *q, const struct read_result *r, const struct read_group *g, unsigned field)
{
	struct expected *e = calloc(r->buckets, sizeof *e);

	for (unsigned s = 0; s < SERIES; s++)
		for (unsigned i = 0; in_group(g, s) && i < point_count[s]; i++) {
			const struct point *p = &points[s][i];
			if (p->has[field] && p->t >= q->from_ns && p->t < q->to_ns)
				expect_value(&e[(p->t - r->first_bucket_ns) / r->step_ns], field, p->t, p->v[field]);
		}
	return e;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void check_percentiles(
    const struct read_result *r, const struct read_column *col, unsigned bucket, struct expected *e, const char *where)
{
	if (e->count)
		qsort(e->values, e->count, sizeof *e->values, by_value);
	for (unsigned i = 0; i < RANKS; i++) {
		uint64_t rank = (uint64_t)floor((double)e->count * ranks[i] / 100 + 0.5);
		double got = col->percentiles[i * r->buckets + bucket];
		if (rank == 0) {
			cr_assert(isnan(got), "%s: p%g", where, ranks[i]);
			continue;
		}
		double want = e->values[rank - 1], error = r->sketched ? 0.011 * fabs(want) : 0;
		cr_assert_leq(fabs(got - want), error, "%s: p%g is %.17g, not %.17g", where, ranks[i], got, want);
	}
}

static void check_cell(const struct read_cell *got, unsigned field, const struct expected *want, const char *where)
{
	double error = field == FLOAT || field == LATE ? 1e-12 * want->magnitude : 0;

	cr_assert_eq(got->count, want->count, "%s: count %llu, not %llu", where, (unsigned long long)got->count,
	    (unsigned long long)want->count);
	if (want->count == 0)
		return;
	cr_assert_eq(got->min, want->min, "%s: min %.17g, not %.17g", where, got->min, want->min);
	cr_assert_eq(got->max, want->max, "%s: max %.17g, not %.17g", where, got->max, want->max);
	cr_assert_eq(got->first, want->first, "%s: first %.17g, not %.17g", where, got->first, want->first);
	cr_assert_eq(got->last, want->last, "%s: last %.17g, not %.17g", where, got->last, want->last);
	cr_assert_eq(got->first_ns, want->first_ns, "%s: time of first", where);
	cr_assert_eq(got->last_ns, want->last_ns, "%s: time of last", where);
	cr_assert_leq(fabs(got->sum - want->sum), error, "%s: sum %.17g, not %.17g", where, got->sum, want->sum);
}

static void check_group(
    const struct read_request *q, const struct read_result *r, const struct read_group *g, const char *stage)
{
	const struct read_cell none = { 0 };
	char where[256];

	for (unsigned f = 0; f < FIELDS; f++) {
		const struct read_column *col = read_group_column(g, names[f]);
		if (q->field && strcmp(q->field, names[f]) != 0) {
			cr_assert(col == NULL);
			continue;
		}
		struct expected *e = expect(q, r, g, f);
		for (unsigned b = 0; b < r->buckets; b++) {
			snprintf(where, sizeof where, "%s: a=%s host=%s %s bucket %u of %lld s, %lld to %lld", stage,
			    read_group_tag(g, "a"), read_group_tag(g, "host"), names[f], b,
			    (long long)(q->step_ns / NS_PER_S), (long long)(q->from_ns - base_ns),
			    (long long)(q->to_ns - base_ns));
			check_cell(col ? &col->cells[b] : &none, f, &e[b], where);
			if (col && col->percentiles)
				check_percentiles(r, col, b, &e[b], where);
			free(e[b].values);
		}
		bool wanted = q->percentile_count && f != BOOLEAN;
		cr_assert(!col || (col->percentiles != NULL) == wanted);
		free(e);
	}
}

static void check_read(struct stand *s, const struct read_request *q, const char *stage)
{
	struct read_result r;

	read_result_init(&r, q);
	cr_assert_eq(local_read(s->local, q, &r, &eb), ERR_OK, "%s", eb.text);
	cr_assert(r.complete, "%s: %s", stage, r.reason);
	for (unsigned i = 0; i < r.group_count; i++)
		check_group(q, &r, &r.groups[i], stage);
	read_result_fini(&r);
}

/* A read of any shape, which both must answer as the model does. unit_ns: what its ends and steps are multiples of. */
static void check_any(struct stand *a, struct stand *raw, int64_t unit_ns, const char *stage)
{
	static const int64_t steps[] = { TIER_MINUTE_NS, TIER_HOUR_NS, TIER_DAY_NS, 7 * TIER_MINUTE_NS, TIER_HOUR_NS,
		TIER_DAY_NS, 5 * TIER_HOUR_NS, 2 * TIER_DAY_NS, 1234567 * NS_PER_MS };
	int64_t span = SPAN_NS / unit_ns, from = (int64_t)rnd((uint64_t)span), to = (int64_t)rnd((uint64_t)span);
	struct read_request q = { .database = "metrics", .measurement = "m", .percentiles = ranks };

	q.step_ns = steps[rnd(unit_ns == 1 ? 9 : 8)];
	if (rnd(3) == 0)
		from = 0;
	if (rnd(3) == 0)
		to = span;
	if (from > to) {
		int64_t swap = from;
		from = to;
		to = swap;
	}
	q.from_ns = base_ns + from * unit_ns;
	q.to_ns = base_ns + (to + 1) * unit_ns;
	if (q.step_ns < TIER_HOUR_NS && q.to_ns - q.from_ns > 300 * q.step_ns)
		q.to_ns = q.from_ns + 300 * q.step_ns;
	q.percentile_count = rnd(4) ? RANKS : 0;
	q.field = rnd(3) ? NULL : names[rnd(FIELDS)];
	if (rnd(3)) {
		q.group_by = by_host;
		q.group_count = (unsigned)rnd(2);
	}
	check_read(a, &q, stage);
	check_read(raw, &q, "raw only");
}

static void check_many(struct stand *a, struct stand *raw, unsigned count, int64_t unit_ns, const char *stage)
{
	for (unsigned i = 0; i < count; i++)
		check_any(a, raw, unit_ns, stage);
}

/* ---- tests ---- */

static void run(uint64_t seed, bool sketches)
{
	struct stand_opts o = { .compactor = true, .sketches = sketches };
	struct stand a, raw;

	forget(seed, INT64_C(1795000000) * NS_PER_S / TIER_DAY_NS * TIER_DAY_NS - 5 * TIER_HOUR_NS);
	stand_open(&a, &o);
	stand_open(&raw, NULL);
	write_first(&a, &raw);
	for (int round = 0; round < 12; round++) {
		has_late = round >= 3;
		write_some(&a, &raw, 50 + (unsigned)rnd(round < 2 ? 3000 : 300));
		check_many(&a, &raw, 3, 1, "before compaction");
		if (rnd(3) == 0)
			continue;
		stand_compact(&a);
		check_many(&a, &raw, 8, 1, "after compaction");
		if (rnd(3) == 0) {
			stand_close(&a);
			if (sketches) /* the configuration changes now and then */
				o.sketches = rnd(2);
			stand_reopen(&a, &o);
			check_many(&a, &raw, 2, 1, "after a restart");
		}
	}
	stand_compact(&a);
	check_many(&a, &raw, 20, 1, "at the end");
	stand_remove(&a);
	stand_remove(&raw);
}

TestSuite(rollup_reads, .timeout = 300);

Test(rollup_reads, equal_reads_of_raw_rows_with_sketches)
{
	for (uint64_t seed = 1; seed <= 6; seed++)
		run(seed * UINT64_C(88172645463325252), true);
}

Test(rollup_reads, equal_reads_of_raw_rows_without_sketches)
{
	run(UINT64_C(2463534242), false);
}

/* Raw rows let go, one minute rollups instead: reads on whole minutes are as before. */
Test(rollup_reads, of_minutes_that_stand_in_for_raw_rows_are_the_same)
{
	struct stand_opts o = { .compactor = true, .sketches = true };
	struct stand a, raw;

	forget(UINT64_C(362436069), (clock_wall_ns() - 12 * TIER_DAY_NS) / TIER_DAY_NS * TIER_DAY_NS);
	stand_open(&a, &o);
	stand_open(&raw, NULL);
	write_first(&a, &raw);
	for (int round = 0; round < 4; round++) {
		has_late = round > 1;
		write_some(&a, &raw, 800);
		stand_compact(&a);
	}
	stand_close(&a);
	for (int t = 0; t < (int)TIERS; t++)
		o.keep_ns[t] = (t == TIER_RAW ? 2 : 400) * TIER_DAY_NS;
	stand_reopen(&a, &o);
	stand_compact(&a);
	check_many(&a, &raw, 40, TIER_MINUTE_NS, "minutes that wait");
	stand_compact(&a);
	check_many(&a, &raw, 40, TIER_MINUTE_NS, "minutes");
	stand_remove(&a);
	stand_remove(&raw);
}

/* Whatever memory a read has: it says that it has too little, or it is right; never a wrong number. */
Test(rollup_reads, with_little_memory_are_right_or_not_complete)
{
	struct stand_opts o = { .compactor = true, .sketches = true };
	struct stand a, raw;
	unsigned complete = 0, not_complete = 0;

	forget(UINT64_C(88675123), INT64_C(1795000000) * NS_PER_S / TIER_DAY_NS * TIER_DAY_NS);
	stand_open(&a, &o);
	stand_open(&raw, NULL);
	write_first(&a, &raw);
	write_some(&a, &raw, 4000);
	stand_compact(&a);
	for (size_t max = 300 << 10; max < 4 << 20; max += max / 2) {
		struct local_opts lo = { a.head, a.catalogue, a.path, a.store_path, max };
		struct local *small;
		cr_assert_eq(local_new(&small, &lo, &eb), ERR_OK);
		for (int64_t step = 10 * TIER_MINUTE_NS; step <= TIER_DAY_NS; step *= 144) {
			struct read_request q = { .database = "metrics",
				.measurement = "m",
				.from_ns = base_ns,
				.to_ns = base_ns + SPAN_NS,
				.step_ns = step,
				.percentiles = ranks,
				.percentile_count = RANKS };
			struct read_result r;
			read_result_init(&r, &q);
			cr_assert_eq(local_read(small, &q, &r, &eb), ERR_OK, "%s", eb.text);
			cr_assert(r.complete || strstr(r.reason, "memory"), "%s", r.reason);
			for (unsigned i = 0; r.complete && i < r.group_count; i++)
				check_group(&q, &r, &r.groups[i], "little memory");
			complete += r.complete;
			not_complete += !r.complete;
			read_result_fini(&r);
		}
		local_free(small);
	}
	cr_assert(complete && not_complete, "%u complete, %u not", complete, not_complete);
	stand_remove(&a);
	stand_remove(&raw);
}

/* Without sketches and without raw rows a percentile is unknown, and that is said. */
Test(rollup_reads, percentiles_that_nothing_holds_are_unknown)
{
	struct stand_opts o = { .compactor = true,
		.keep_ns = { 2 * TIER_DAY_NS, 400 * TIER_DAY_NS, 400 * TIER_DAY_NS, 400 * TIER_DAY_NS } };
	struct stand a, raw;

	forget(UINT64_C(521288629), (clock_wall_ns() - 12 * TIER_DAY_NS) / TIER_DAY_NS * TIER_DAY_NS);
	stand_open(&a, &o);
	stand_open(&raw, NULL);
	write_first(&a, &raw);
	write_some(&a, &raw, 500);
	stand_compact(&a);
	stand_compact(&a);
	for (int64_t step = TIER_MINUTE_NS; step <= TIER_DAY_NS; step *= step == TIER_MINUTE_NS ? 60 : 24) {
		struct read_request q = { .database = "metrics",
			.measurement = "m",
			.from_ns = base_ns,
			.to_ns = base_ns + TIER_DAY_NS,
			.step_ns = step,
			.percentiles = ranks,
			.percentile_count = RANKS };
		struct read_result r;
		read_result_init(&r, &q);
		cr_assert_eq(local_read(a.local, &q, &r, &eb), ERR_OK, "%s", eb.text);
		cr_assert_not(r.complete);
		cr_assert(strstr(r.reason, "percentiles"), "%s", r.reason);
		const struct read_column *col = read_group_column(&r.groups[0], "f");
		for (unsigned b = 0; b < r.buckets * RANKS; b++)
			cr_assert(isnan(col->percentiles[b]));
		read_result_fini(&r);
		q.percentile_count = 0;
		check_read(&a, &q, "the rest");
	}
	stand_remove(&a);
	stand_remove(&raw);
}
