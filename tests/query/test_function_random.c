/* Functions over random points: against models that are slow and plain; as runs with gaps and cell by cell; from rollup rows
 * and from raw ones; and with budgets that are too small. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/aggregate.h"
#include "query/influxql/parser.h"
#include "query/select/function.h"

enum { ROUNDS = 300, POINTS_MAX = 600, SERIES = 4, FIRST_NS = 1000000 };

struct point {
	int64_t time_ns;
	uint64_t bits;
	uint32_t series;
};

struct points {
	enum value_type type;
	uint32_t count;
	struct point of[POINTS_MAX]; /* by time; a series has one of each */
};

static struct arena arena;
static struct errbuf eb;
static uint64_t dice = 88172645463325252u;

static void start(void)
{
	arena_init(&arena, 1 << 14, 1 << 28);
}

static void stop(void)
{
	arena_fini(&arena);
}

TestSuite(function_random, .init = start, .fini = stop);

static uint32_t below(uint32_t n)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (uint32_t)(dice >> 11) % n;
}

/* ---- points ---- */

static uint64_t text(uint32_t n)
{
	static const char *const words[] = { "", "a", "b", "ab", "\\\"q\\\"", "\\\\", "zz" };
	static const char *const *const end = words + sizeof words / sizeof *words;
	const char *w = words[n % (uint32_t)(end - words)];
	struct rows_string *s = arena_alloc(&arena, sizeof *s + strlen(w), 8);

	s->len = (uint32_t)strlen(w);
	memcpy(s->bytes, w, s->len);
	return (uint64_t)(uintptr_t)s;
}

/* Few different values or many. */
static uint64_t value(enum value_type t, uint32_t kinds)
{
	uint32_t n = below(kinds);
	double f = (n - kinds / 2.0) / 8;
	uint64_t bits = n;

	if (t == VALUE_STRING)
		return text(n);
	if (t == VALUE_FLOAT)
		memcpy(&bits, &f, sizeof bits);
	else if (t == VALUE_BOOLEAN)
		bits = n & 1;
	else if (t == VALUE_INTEGER)
		bits = (uint64_t)((int64_t)n - kinds / 2);
	return bits;
}

static void throw_points(struct points *p, enum value_type t)
{
	uint32_t kinds = below(3) ? 1 + below(12) : 5000, n = 1 + below(below(4) ? 40 : POINTS_MAX);
	int64_t time_ns = FIRST_NS;

	*p = (struct points){ .type = t };
	while (p->count < n) {
		uint32_t some = 1 + below(15); /* a set of series that have a point at this time */
		for (uint32_t s = 0; s < SERIES && p->count < n; s++)
			if (some >> s & 1)
				p->of[p->count++] = (struct point){ time_ns, value(t, kinds), s };
		time_ns += 1 + below(3);
	}
}

static struct cell cell_of(enum value_type t, uint64_t bits, char *room)
{
	const struct rows_string *s = (const struct rows_string *)(uintptr_t)bits;
	size_t n = 0;

	if (t != VALUE_STRING)
		return cell_from_bits(t, bits);
	for (uint32_t i = 0; i < s->len; i++) { /* unescaped */
		i += s->bytes[i] == '\\';
		room[n++] = s->bytes[i];
	}
	return (struct cell){ .type = CELL_STRING, .s = { room, n } };
}

static int compare(struct cell a, struct cell b)
{
	switch (a.type) {
	case CELL_FLOAT:
		return (a.f > b.f) - (a.f < b.f);
	case CELL_INTEGER:
		return (a.i > b.i) - (a.i < b.i);
	case CELL_UNSIGNED:
		return (a.u > b.u) - (a.u < b.u);
	case CELL_BOOLEAN:
		return a.b - b.b;
	default:
		return view_cmp(a.s, b.s);
	}
}

/* ---- accumulating ---- */

static bool prepare(struct function_call *c, const char *call, enum value_type in)
{
	struct iql_query query;
	char statement[128];

	snprintf(statement, sizeof statement, "SELECT %s FROM m", call);
	cr_assert_eq(iql_parse(&arena, view_of(statement), NULL, &query, &eb), ERR_OK, "%s", eb.text);
	return function_prepare(c, query.first->select->fields->expr, in, 0, &eb) == ERR_OK;
}

static enum err add_cells(const struct function_call *c, void *acc, const struct points *p, struct budget *b)
{
	enum err e = ERR_OK;
	char room[16];

	for (uint32_t i = 0; e == ERR_OK && i < p->count; i++)
		e = accumulator_add_cell(
		    c, acc, p->of[i].series, p->of[i].time_ns, cell_of(p->type, p->of[i].bits, room), b, &eb);
	return e;
}

/* Each series in pieces, its points with gaps between them or without; of all steps of time one after the other. */
static enum err add_runs(const struct function_call *c, void *acc, const struct points *p, struct budget *b)
{
	int64_t times[POINTS_MAX];
	uint64_t bits[POINTS_MAX];
	uint8_t present[POINTS_MAX];
	enum err e = ERR_OK;

	for (uint32_t from = 0, to; e == ERR_OK && from < p->count; from = to) {
		for (to = from + 1 + below(p->count); to < p->count && p->of[to].time_ns == p->of[to - 1].time_ns;)
			to++;
		to = to < p->count ? to : p->count;
		bool gaps = below(2);
		for (uint32_t s = 0; e == ERR_OK && s < SERIES; s++) {
			uint32_t n = 0;
			for (uint32_t i = from; i < to; i++) {
				if (!gaps && p->of[i].series != s)
					continue;
				times[n] = p->of[i].time_ns;
				bits[n] = p->of[i].bits;
				present[n++] = p->of[i].series == s;
			}
			e = accumulator_add(c, acc, s, times, bits, gaps ? present : NULL, n, b, &eb);
		}
	}
	return e;
}

struct answer {
	uint32_t count;
	struct function_point points[POINTS_MAX];
	char texts[POINTS_MAX][8];
};

/* What came of it, kept beyond fini. */
static void finish(const struct function_call *c, void *acc, struct answer *a, struct budget *b)
{
	struct function_point *points;

	cr_assert_eq(accumulator_finish(c, acc, 7, &points, &a->count, b, &eb), ERR_OK);
	for (uint32_t i = 0; i < a->count; i++) {
		a->points[i] = points[i];
		if (points[i].value.type == CELL_STRING) {
			struct view v = points[i].value.s;
			cr_assert_lt(v.len, sizeof *a->texts);
			if (v.len)
				memcpy(a->texts[i], v.p, v.len);
			a->points[i].value.s.p = a->texts[i];
		}
	}
	accumulator_fini(c, acc, b);
	cr_assert_eq(b->used_bytes, 0, "%s keeps %zu bytes", c->fn->name, b->used_bytes);
}

static void calculate(const struct function_call *c, const struct points *p,
    enum err (*add)(const struct function_call *c, void *acc, const struct points *p, struct budget *b),
    struct answer *a)
{
	struct budget b = { .max_bytes = 1 << 24 };
	void *acc = calloc(1, accumulator_size(c));

	cr_assert_eq(add(c, acc, p, &b), ERR_OK, "%s", eb.text);
	finish(c, acc, a, &b);
	free(acc);
}

/* ---- models ---- */

static struct cell sorted[POINTS_MAX];
static char rooms[POINTS_MAX][8];

static int by_value(const void *a, const void *b)
{
	return compare(*(const struct cell *)a, *(const struct cell *)b);
}

static void sort_values(const struct points *p)
{
	for (uint32_t i = 0; i < p->count; i++)
		sorted[i] = cell_of(p->type, p->of[i].bits, rooms[i]);
	qsort(sorted, p->count, sizeof *sorted, by_value);
}

static double number(struct cell c)
{
	return c.type == CELL_FLOAT ? c.f : c.type == CELL_INTEGER ? (double)c.i : (double)c.u;
}

static void expect_near(double have, double want, const char *what)
{
	cr_expect(fabs(have - want) <= 1e-12 * fmax(fabs(want), 1), "%s: %.17g instead of %.17g", what, have, want);
}

static void check_numbers(const char *call, const struct points *p, const struct answer *a)
{
	double sum = 0, squares = 0, n = p->count, have = a->count ? number(a->points[0].value) : 0;

	for (uint32_t i = 0; i < p->count; i++)
		sum += number(sorted[i]);
	for (uint32_t i = 0; i < p->count; i++)
		squares += pow(number(sorted[i]) - sum / n, 2);
	cr_expect_eq(a->count, 1);
	cr_expect_eq(a->points[0].time_ns, 7);
	if (strcmp(call, "sum(v)") == 0)
		expect_near(have, sum, call);
	else if (strcmp(call, "mean(v)") == 0)
		expect_near(have, sum / n, call);
	else if (strcmp(call, "spread(v)") == 0)
		expect_near(have, number(sorted[p->count - 1]) - number(sorted[0]), call);
	else if (strcmp(call, "median(v)") == 0)
		expect_near(have, (number(sorted[(p->count - 1) / 2]) + number(sorted[p->count / 2])) / 2, call);
	else if (strcmp(call, "stddev(v)") == 0)
		cr_expect(p->count == 1 ? isnan(have) : fabs(have - sqrt(squares / (n - 1))) <= 1e-9 * (1 + have));
}

/* One of the points, with its time and series. */
static const struct point *point_of(const struct points *p, const struct function_point *have)
{
	char room[8];

	for (uint32_t i = 0; i < p->count; i++)
		if (p->of[i].series == have->series && p->of[i].time_ns == have->time_ns &&
		    compare(cell_of(p->type, p->of[i].bits, room), have->value) == 0)
			return &p->of[i];
	cr_assert_fail("it is none of the points");
	return NULL;
}

static void check_selected(const char *call, const struct points *p, const struct answer *a)
{
	bool least = strcmp(call, "min(v)") == 0, most = strcmp(call, "max(v)") == 0,
	     first = strcmp(call, "first(v)") == 0;
	char room[8];

	cr_assert_eq(a->count, 1, "%s", call);
	const struct point *at = point_of(p, a->points);
	struct cell have = a->points[0].value;
	for (uint32_t i = 0; i < p->count; i++) {
		struct cell v = cell_of(p->type, p->of[i].bits, room);
		int c = least ? -compare(v, have) : compare(v, have);
		if (least || most)
			cr_expect(c < 0 || (c == 0 && p->of[i].time_ns >= at->time_ns), "%s", call);
		else
			cr_expect((first ? p->of[i].time_ns > at->time_ns : p->of[i].time_ns < at->time_ns) ||
				(p->of[i].time_ns == at->time_ns && c <= 0),
			    "%s", call);
	}
}

static uint32_t how_often(const struct points *p, struct cell v)
{
	uint32_t n = 0;
	char room[8];

	for (uint32_t i = 0; i < p->count; i++)
		n += compare(cell_of(p->type, p->of[i].bits, room), v) == 0;
	return n;
}

static void check_mode(const struct points *p, const struct answer *a)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < p->count; i++) {
		uint32_t n = how_often(p, sorted[i]);
		most = n > most ? n : most;
	}
	cr_assert_eq(a->count, 1);
	cr_expect_eq(how_often(p, a->points[0].value), most);
}

static void check_distinct(const struct points *p, const struct answer *a)
{
	uint32_t different = 0, at = 0;
	char room[8];

	for (uint32_t i = 0; i < p->count; i++)
		different += i == 0 || compare(sorted[i], sorted[i - 1]) != 0;
	cr_assert_eq(a->count, different);
	for (uint32_t i = 0; i < a->count; i++)
		cr_expect_eq(a->points[i].time_ns, 7);
	/* in the order of their first times */
	for (uint32_t i = 0; i < a->count; i++) {
		uint32_t first = 0;
		while (compare(cell_of(p->type, p->of[first].bits, room), a->points[i].value) != 0)
			first++;
		cr_expect_geq(p->of[first].time_ns, p->of[at].time_ns);
		at = first;
	}
}

/* Those before which no more than the others of them come. */
static void check_best(const struct points *p, const struct answer *a, bool most, uint32_t n)
{
	char room[8];

	cr_assert_eq(a->count, n < p->count ? n : p->count);
	for (uint32_t k = 0; k < a->count; k++) {
		const struct point *at = point_of(p, &a->points[k]);
		uint32_t better = 0;
		for (uint32_t i = 0; i < p->count; i++) {
			int c = compare(cell_of(p->type, p->of[i].bits, room), a->points[k].value);
			better += most ? c > 0 : c < 0;
			better += c == 0 && p->of[i].time_ns < at->time_ns;
		}
		cr_expect_lt(better, n);
		if (k)
			cr_expect_geq(at->time_ns, a->points[k - 1].time_ns);
	}
}

static void check_sample(const struct points *p, const struct answer *a, uint32_t n)
{
	cr_assert_eq(a->count, n < p->count ? n : p->count);
	for (uint32_t i = 0; i < a->count; i++) {
		(void)point_of(p, &a->points[i]);
		for (uint32_t k = 0; k < i; k++)
			cr_expect(
			    a->points[k].time_ns != a->points[i].time_ns || a->points[k].series != a->points[i].series,
			    "twice the same");
		if (i)
			cr_expect_leq(a->points[i - 1].time_ns, a->points[i].time_ns);
	}
}

static void check(const char *call, const struct points *p, const struct answer *a)
{
	double rank = strncmp(call, "percentile", 10) == 0 ? strtod(call + strlen("percentile(v, "), NULL) : 0;
	double place = floor((double)p->count * rank / 100 + 0.5);

	sort_values(p);
	if (strcmp(call, "count(v)") == 0) {
		cr_expect_eq(a->points[0].value.i, p->count);
	} else if (rank > 0) {
		cr_assert_eq(a->count, place >= 1);
		if (a->count) {
			cr_expect_eq(compare(a->points[0].value, sorted[(uint32_t)place - 1]), 0);
			(void)point_of(p, a->points);
		}
	} else if (strcmp(call, "mode(v)") == 0) {
		check_mode(p, a);
	} else if (strcmp(call, "distinct(v)") == 0) {
		check_distinct(p, a);
	} else if (strncmp(call, "top", 3) == 0 || strncmp(call, "bottom", 6) == 0) {
		check_best(p, a, *call == 't', 6);
	} else if (strncmp(call, "sample", 6) == 0) {
		check_sample(p, a, 6);
	} else if (call[1] == 'i' || call[2] == 'x' || *call == 'l') { /* min, first, max, last */
		check_selected(call, p, a);
	} else {
		check_numbers(call, p, a);
	}
}

static const char *const calls[] = { "count(v)", "sum(v)", "mean(v)", "spread(v)", "stddev(v)", "median(v)", "min(v)",
	"max(v)", "first(v)", "last(v)", "mode(v)", "distinct(v)", "percentile(v, 0.3)", "percentile(v, 37)",
	"percentile(v, 50)", "percentile(v, 99.5)", "percentile(v, 100)", "top(v, 6)", "bottom(v, 6)", "sample(v, 6)" };
enum { CALLS = sizeof calls / sizeof *calls };

static const enum value_type types[] = { VALUE_FLOAT, VALUE_INTEGER, VALUE_UNSIGNED, VALUE_BOOLEAN, VALUE_STRING };

static void expect_same(const char *call, const struct answer *a, const struct answer *b)
{
	cr_assert_eq(a->count, b->count, "%s", call);
	for (uint32_t i = 0; i < a->count; i++) {
		struct cell x = a->points[i].value, y = b->points[i].value;
		bool near = x.type == CELL_FLOAT && fabs(x.f - y.f) <= 1e-12 * fmax(fabs(x.f), 1);
		cr_expect(near || (x.type == CELL_FLOAT && isnan(x.f) && isnan(y.f)) || compare(x, y) == 0, "%s", call);
		cr_expect_eq(a->points[i].time_ns, b->points[i].time_ns, "%s", call);
		if (*call != 't' && *call != 'b') /* of points equal in value and time any may be taken */
			cr_expect_eq(a->points[i].series, b->points[i].series, "%s", call);
	}
}

Test(function_random, accumulators_equal_their_models_in_whatever_pieces_points_come, .timeout = 120)
{
	static struct points p;
	static struct answer runs, cells;

	for (int round = 0; round < ROUNDS; round++) {
		throw_points(&p, types[(size_t)round % (sizeof types / sizeof *types)]);
		for (int k = 0; k < CALLS; k++) {
			struct function_call c;
			if (!prepare(&c, calls[k], p.type))
				continue;
			calculate(&c, &p, add_runs, &runs);
			check(calls[k], &p, &runs);
			calculate(&c, &p, add_cells, &cells);
			check(calls[k], &p, &cells);
			if (strncmp(calls[k], "sample", 6) != 0)
				expect_same(calls[k], &runs, &cells);
		}
		arena_clear(&arena);
	}
}

Test(function_random, a_value_alone_is_that_of_the_point)
{
	static struct points p;
	static struct answer point, alone;

	for (int round = 0; round < ROUNDS; round++) {
		struct function_call c;
		throw_points(&p, VALUE_INTEGER);
		cr_assert(prepare(&c, "percentile(v, 63)", p.type));
		calculate(&c, &p, add_runs, &point);
		c.value_only = true;
		calculate(&c, &p, add_runs, &alone);
		cr_expect_eq(compare(point.points[0].value, alone.points[0].value), 0);
		arena_clear(&arena);
	}
}

/* ---- rollups ---- */

enum { BUCKET_NS = 16, BUCKETS = POINTS_MAX };

/* One series' points as a tier has them. */
static uint32_t roll_up(const struct points *p, uint32_t series, int64_t *times, uint64_t (*columns)[BUCKETS])
{
	struct aggregate all[BUCKETS] = { 0 };
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->count; i++)
		if (p->of[i].series == series)
			aggregate_add(
			    &all[(p->of[i].time_ns - FIRST_NS) / BUCKET_NS], p->type, p->of[i].bits, p->of[i].time_ns);
	for (int64_t k = 0; k < BUCKETS; k++) {
		const struct aggregate *a = &all[k];
		if (!a->count)
			continue;
		times[n] = FIRST_NS + k * BUCKET_NS;
		columns[COLUMN_COUNT][n] = a->count;
		columns[COLUMN_SUM][n] = a->sum;
		columns[COLUMN_MIN][n] = a->min;
		columns[COLUMN_MAX][n] = a->max;
		columns[COLUMN_FIRST][n] = a->first;
		columns[COLUMN_FIRST_AT][n] = (uint64_t)(a->first_ns - times[n]);
		columns[COLUMN_LAST][n] = a->last;
		columns[COLUMN_LAST_AT][n] = (uint64_t)(a->last_ns - times[n]);
		n++;
	}
	return n;
}

static enum err add_rollups(const struct function_call *c, void *acc, const struct points *p, struct budget *b)
{
	static uint64_t columns[COLUMN_KINDS][BUCKETS];
	int64_t times[BUCKETS];
	struct rows_column of[COLUMN_KINDS];
	const struct rows_column *by_kind[COLUMN_KINDS] = { 0 };
	enum err e = ERR_OK;

	for (int k = COLUMN_COUNT; k <= COLUMN_LAST_AT; k++) {
		of[k] = (struct rows_column){ .kind = (enum column_kind)k, .type = p->type, .bits = columns[k] };
		by_kind[k] = &of[k];
	}
	for (uint32_t s = 0; e == ERR_OK && s < SERIES; s++) {
		uint32_t n = roll_up(p, s, times, columns), half = n ? below(n + 1) : 0;
		e = accumulator_add_rollup(c, acc, s, times, by_kind, 0, half, b, &eb);
		if (e == ERR_OK)
			e = accumulator_add_rollup(c, acc, s, times, by_kind, half, n, b, &eb);
	}
	return e;
}

Test(function_random, rollup_rows_give_what_raw_rows_give, .timeout = 120)
{
	static struct points p;
	static struct answer raw, rolled;

	for (int round = 0; round < ROUNDS; round++) {
		throw_points(&p, types[round % 3]);
		for (int k = 0; k < CALLS; k++) {
			struct function_call c;
			cr_assert(prepare(&c, calls[k], p.type));
			if (!c.fn->from_rollups)
				continue;
			calculate(&c, &p, add_runs, &raw);
			calculate(&c, &p, add_rollups, &rolled);
			if (c.fn->kind == FUNCTION_SELECTOR && !c.fn->rollups_keep_time)
				rolled.points[0].time_ns = raw.points[0].time_ns;
			if (c.fn->kind == FUNCTION_SELECTOR)
				rolled.points[0].series = raw.points[0].series;
			expect_same(calls[k], &raw, &rolled);
		}
		arena_clear(&arena);
	}
}

/* Sums of magnitudes far apart: to 1e-12 of what they are made of. */
Test(function_random, sums_of_rollups_lose_no_more_than_those_of_raw_rows)
{
	static struct points p;
	static struct answer raw, rolled;
	struct function_call c;

	cr_assert(prepare(&c, "sum(v)", VALUE_FLOAT));
	for (int round = 0; round < ROUNDS; round++) {
		double magnitudes = 0;
		throw_points(&p, VALUE_FLOAT);
		for (uint32_t i = 0; i < p.count; i++) {
			double v = ldexp((double)below(1000000) - 500000, (int)below(80));
			magnitudes += fabs(v);
			memcpy(&p.of[i].bits, &v, sizeof v);
		}
		calculate(&c, &p, add_runs, &raw);
		calculate(&c, &p, add_rollups, &rolled);
		cr_expect_leq(fabs(raw.points[0].value.f - rolled.points[0].value.f), 1e-12 * magnitudes);
	}
}

/* ---- budgets ---- */

Test(function_random, a_budget_that_is_too_small_is_told_and_given_back, .timeout = 120)
{
	static struct points p;
	static struct answer whole;
	unsigned refused = 0;

	for (int round = 0; round < 10; round++) {
		throw_points(&p, types[round % 5]);
		for (int k = 0; k < CALLS; k++) {
			struct function_call c;
			if (!prepare(&c, calls[k], p.type))
				continue;
			calculate(&c, &p, add_cells, &whole);
			for (size_t max = 0, done = 0; !done; max = max + max / 3 + 8) {
				struct budget b = { .max_bytes = max };
				void *acc = calloc(1, accumulator_size(&c));
				struct function_point *points;
				uint32_t count = 0;
				enum err e = add_cells(&c, acc, &p, &b);
				if (e == ERR_OK)
					e = accumulator_finish(&c, acc, 7, &points, &count, &b, &eb);
				cr_expect(e == ERR_OK || e == ERR_TOOBIG, "%s", calls[k]);
				cr_expect_leq(b.used_bytes, max);
				done = e == ERR_OK;
				refused += !done;
				if (done)
					cr_expect_eq(count, whole.count);
				accumulator_fini(&c, acc, &b);
				cr_assert_eq(b.used_bytes, 0, "%s keeps %zu bytes", calls[k], b.used_bytes);
				free(acc);
			}
		}
	}
	cr_expect_gt(refused, 100);
}

/* However many there are, of what is thinned few are kept. */
Test(function_random, top_and_distinct_of_many_values_need_little_memory)
{
	static const char *const thin[] = { "top(v, 3)", "bottom(v, 3)", "distinct(v)", "sample(v, 10)" };
	int64_t times[1000];
	uint64_t bits[1000];

	for (int k = 0; k < 4; k++) {
		struct budget b = { .max_bytes = 1 << 16 };
		struct function_call c;
		struct function_point *points;
		uint32_t count;
		cr_assert(prepare(&c, thin[k], VALUE_INTEGER));
		void *acc = calloc(1, accumulator_size(&c));
		for (int64_t run = 0; run < 300; run++) {
			for (int i = 0; i < 1000; i++) {
				times[i] = run * 1000 + i;
				bits[i] = below(300);
			}
			cr_assert_eq(accumulator_add(&c, acc, (uint32_t)run % 5, times, bits, NULL, 1000, &b, &eb),
			    ERR_OK, "%s", thin[k]);
		}
		cr_assert_eq(accumulator_finish(&c, acc, 0, &points, &count, &b, &eb), ERR_OK, "%s", thin[k]);
		cr_expect_eq(count, k == 2 ? 300 : k == 3 ? 10 : 3);
		accumulator_fini(&c, acc, &b);
		cr_expect_eq(b.used_bytes, 0);
		free(acc);
	}
}
