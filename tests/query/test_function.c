/* Functions over points. The tables (function_tables.h) hold what InfluxDB 1.6.7 answered. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "query/function_tables.h"
#include "query/influxql/parser.h"
#include "query/select/function.h"

enum { POINTS_MAX = 100, ANSWER_MAX = 4096, MS = 1000000 };

static struct arena arena;
static struct errbuf eb;
static struct budget budget;

static void start(void)
{
	arena_init(&arena, 1 << 14, 1 << 26);
	budget = (struct budget){ .max_bytes = 1 << 20 };
}

static void stop(void)
{
	cr_expect_eq(budget.used_bytes, 0, "%zu bytes were not given back", budget.used_bytes);
	arena_fini(&arena);
}

TestSuite(function, .init = start, .fini = stop);

/* ---- points ---- */

struct points {
	uint32_t count;
	enum value_type type;
	uint32_t series[POINTS_MAX];
	int64_t times[POINTS_MAX];
	struct cell values[POINTS_MAX];
	uint64_t bits[POINTS_MAX];
};

static struct cell read_value(const char **at)
{
	struct cell c = { .type = CELL_FLOAT };
	char *end;

	if (**at == '"') {
		const char *close = strchr(*at + 1, '"');
		c = (struct cell){ .type = CELL_STRING, .s = { *at + 1, (size_t)(close - *at - 1) } };
		*at = close + 1;
	} else if (**at == 't' || **at == 'f') {
		c = (struct cell){ .type = CELL_BOOLEAN, .b = **at == 't' };
		*at += strcspn(*at, " ");
	} else if ((*at)[strcspn(*at, "i ")] == 'i') {
		c = (struct cell){ .type = CELL_INTEGER, .i = strtoll(*at, &end, 10) };
		*at = end + 1;
	} else {
		c.f = strtod(*at, &end);
		*at = end;
	}
	return c;
}

static uint64_t bits_of(struct cell c)
{
	uint64_t bits;

	if (c.type == CELL_STRING) { /* none of these has anything to escape */
		struct rows_string *s = arena_alloc(&arena, sizeof *s + c.s.len, 8);
		s->len = (uint32_t)c.s.len;
		memcpy(s->bytes, c.s.p, c.s.len);
		return (uint64_t)(uintptr_t)s;
	}
	if (c.type == CELL_BOOLEAN)
		return c.b;
	memcpy(&bits, &c.u, sizeof bits);
	return bits;
}

static struct points read_points(const char *name)
{
	struct points p = { 0 };
	const char *at = NULL;

	for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
		if (strcmp(sets[i].name, name) == 0)
			at = sets[i].points;
	cr_assert_not_null(at, "%s", name);
	for (; *at; at += *at == ' ') {
		char *end;
		p.series[p.count] = (uint32_t)(*at - 'a');
		p.times[p.count] = strtoll(at + 2, &end, 10) * MS;
		at = end + 1;
		p.values[p.count] = read_value(&at);
		p.bits[p.count] = bits_of(p.values[p.count]);
		p.type = (enum value_type)((int)p.values[p.count].type - 1);
		p.count++;
	}
	return p;
}

/* ---- calls ---- */

/* Of four series each is a combination of its own. */
static const uint32_t combinations[] = { 0, 1, 2, 3 };

static enum err prepare(struct function_call *c, const char *text, enum value_type in, int64_t interval_ns)
{
	struct iql_query query;
	char statement[256];

	snprintf(statement, sizeof statement, "SELECT %s FROM m", text);
	cr_assert_eq(iql_parse(&arena, view_of(statement), NULL, &query, &eb), ERR_OK, "%s: %s", text, eb.text);
	enum err e = function_prepare(c, query.first->select->fields->expr, in, interval_ns, &eb);
	if (strstr(text, ", k,")) {
		c->combination_of = combinations;
		c->combinations = 4;
	}
	return e;
}

static void add_answer(char *out, const struct function_point *p)
{
	size_t n = strlen(out);
	char *at = out + n;
	size_t room = ANSWER_MAX - n;
	struct cell v = p->value;
	int m = snprintf(at, room, "%s%lld=", n ? " " : "", (long long)(p->time_ns / MS));

	at += m;
	room -= (size_t)m;
	if (v.type == CELL_STRING)
		snprintf(at, room, "%.*s", (int)v.s.len, v.s.p);
	else if (v.type == CELL_BOOLEAN)
		snprintf(at, room, "%s", v.b ? "true" : "false");
	else if (v.type == CELL_INTEGER)
		snprintf(at, room, "%lld", (long long)v.i);
	else if (v.type == CELL_FLOAT && isnan(v.f))
		snprintf(at, room, "-");
	else
		snprintf(at, room, "%.17g", v.f);
}

/* Numbers with a point or an exponent to 1e-12 of their size (holt_winters 1e-9, which searches), others to the digit. */
static bool is_same(const char *have, const char *want, double tolerance)
{
	while (*have && *want) {
		size_t n = strcspn(have, "="), m = strcspn(want, "=");
		if (n != m || memcmp(have, want, n) != 0)
			return false;
		have += n + (have[n] == '=');
		want += n + (want[n] == '=');
		n = strcspn(have, " ");
		m = strcspn(want, " ");
		bool equal = n == m && memcmp(have, want, n) == 0, number = strchr("0123456789-", *want) != NULL;
		double x = strtod(have, NULL), y = strtod(want, NULL);
		if (!equal && !(number && (*want != '-' || m > 1) && fabs(x - y) <= tolerance * fabs(y)))
			return false;
		have += n + (have[n] == ' ');
		want += m + (want[m] == ' ');
	}
	return !*have && !*want;
}

/* ---- accumulators ---- */

static void finish(const struct function_call *c, void *acc, char *out)
{
	struct function_point *points;
	uint32_t count;

	cr_assert_eq(accumulator_finish(c, acc, 0, &points, &count, &budget, &eb), ERR_OK, "%s", eb.text);
	*out = '\0';
	for (uint32_t i = 0; i < count; i++)
		add_answer(out, &points[i]);
	accumulator_fini(c, acc, &budget);
}

/* By time, a cell at a time. */
static void accumulate_cells(const struct function_call *c, const struct points *p, char *out)
{
	void *acc = calloc(1, accumulator_size(c));

	for (uint32_t i = 0; i < p->count; i++)
		cr_assert_eq(
		    accumulator_add_cell(c, acc, p->series[i], p->times[i], p->values[i], &budget, &eb), ERR_OK);
	finish(c, acc, out);
	free(acc);
}

/* A series at a time, as runs with gaps where the others' points are. */
static void accumulate_runs(const struct function_call *c, const struct points *p, char *out)
{
	void *acc = calloc(1, accumulator_size(c));

	for (uint32_t series = 0; series < 4; series++) {
		uint8_t present[POINTS_MAX];
		for (uint32_t i = 0; i < p->count; i++)
			present[i] = p->series[i] == series;
		cr_assert_eq(
		    accumulator_add(c, acc, series, p->times, p->bits, present, p->count, &budget, &eb), ERR_OK);
	}
	finish(c, acc, out);
	free(acc);
}

Test(function, accumulators_give_what_influxdb_gives)
{
	char have[ANSWER_MAX];

	for (size_t n = 0; n < sizeof accumulated / sizeof *accumulated; n++) {
		const char *set = accumulated[n].set, *call = accumulated[n].call, *want = accumulated[n].want;
		struct points p = read_points(set);
		struct function_call c;
		cr_assert_eq(prepare(&c, call, p.type, 0), ERR_OK, "%s", eb.text);
		cr_expect_leq(accumulator_size(&c), 48);
		accumulate_cells(&c, &p, have);
		cr_expect(is_same(have, want, 1e-12), "%s of %s: %s instead of %s", call, set, have, want);
		if (c.fn->ordered)
			continue;
		accumulate_runs(&c, &p, have);
		cr_expect(is_same(have, want, 1e-12), "%s of %s, by series: %s instead of %s", call, set, have, want);
	}
}

Test(function, the_area_of_falling_points_is_negative)
{
	struct points p = read_points("curve");
	struct function_call c;
	char have[ANSWER_MAX];

	cr_assert_eq(prepare(&c, "integral(v)", p.type, 0), ERR_OK);
	c.descending = true;
	void *acc = calloc(1, accumulator_size(&c));
	for (uint32_t i = p.count; i-- > 0;)
		cr_assert_eq(accumulator_add_cell(&c, acc, 0, p.times[i], p.values[i], &budget, &eb), ERR_OK);
	finish(&c, acc, have);
	cr_expect_str_eq(have, "0=-53.25");
	memset(acc, 0, accumulator_size(&c));
	for (uint32_t i = p.count; i; i -= 2) /* in falling runs of rising points */
		cr_assert_eq(
		    accumulator_add(&c, acc, 0, p.times + i - 2, p.bits + i - 2, NULL, 2, &budget, &eb), ERR_OK);
	finish(&c, acc, have);
	cr_expect_str_eq(have, "0=-53.25");
	free(acc);
}

Test(function, distinct_of_falling_points_is_ordered_by_their_last_times)
{
	struct points p = read_points("ties");
	struct function_call c;
	char have[ANSWER_MAX];

	cr_assert_eq(prepare(&c, "distinct(v)", p.type, 0), ERR_OK);
	c.descending = true;
	accumulate_runs(&c, &p, have);
	cr_expect_str_eq(have, "0=2 0=1 0=3");
}

/* Which of equal values is where: asked by percentile() for each of 60 ranks. */
Test(function, equal_values_lie_where_the_sort_of_influxdb_leaves_them)
{
	const char *at = "9 2 3 1 27 17 16 31 33 10 40 8 43 30 28 5 26 25 55 24 23 53 4 45 54 6 7 15 29 56 18 20 58 "
			 "13 50 36 37 38 47 59 32 34 42 44 41 46 39 48 49 35 51 52 22 21 19 14 57 12 11 60";
	struct points p = read_points("many");

	for (int rank = 1; rank <= 60; rank++) {
		char text[64], have[ANSWER_MAX], *end;
		struct function_call c;
		snprintf(text, sizeof text, "percentile(v, %.9f)", rank * 100.0 / 60);
		cr_assert_eq(prepare(&c, text, p.type, 0), ERR_OK);
		accumulate_cells(&c, &p, have);
		cr_expect_eq(strtol(have, NULL, 10), 1000 * strtol(at, &end, 10), "rank %d: %s", rank, have);
		at = end;
	}
}

Test(function, nothing_comes_of_nothing)
{
	static const char *const calls[] = { "count(v)", "mean(v)", "first(v)", "percentile(v, 50)", "mode(v)",
		"distinct(v)", "top(v, 2)", "sample(v, 2)", "integral(v)", "stddev(v)", "median(v)" };

	for (size_t n = 0; n < sizeof calls / sizeof *calls; n++) {
		struct function_call c;
		struct function_point *points;
		uint32_t count = 1;
		uint8_t absent[2] = { 0 };
		int64_t times[2] = { 1, 2 };
		uint64_t bits[2] = { 0 };
		cr_assert_eq(prepare(&c, calls[n], VALUE_FLOAT, 0), ERR_OK);
		void *acc = calloc(1, accumulator_size(&c));
		cr_expect_eq(accumulator_finish(&c, acc, 0, &points, &count, &budget, &eb), ERR_OK);
		cr_expect_eq(count, 0, "%s", calls[n]);
		memset(acc, 0, accumulator_size(&c));
		cr_expect_eq(accumulator_add(&c, acc, 0, times, bits, absent, 2, &budget, &eb), ERR_OK);
		cr_expect_eq(accumulator_finish(&c, acc, 0, &points, &count, &budget, &eb), ERR_OK);
		cr_expect_eq(count, 0, "%s", calls[n]);
		accumulator_fini(&c, acc, &budget);
		free(acc);
	}
}

/* ---- transformations ---- */

static void transform_points(struct transform *t, const struct points *p, bool falls, char *out)
{
	struct function_point one, *rest;
	uint32_t count;

	*out = '\0';
	for (uint32_t k = 0; k < p->count; k++) {
		uint32_t i = falls ? p->count - 1 - k : k;
		bool has;
		cr_assert_eq(transform_push(t, p->times[i], p->values[i], &one, &has, &eb), ERR_OK, "%s", eb.text);
		if (has)
			add_answer(out, &one);
	}
	cr_assert_eq(transform_finish(t, &rest, &count, &eb), ERR_OK);
	for (uint32_t i = 0; i < count; i++)
		add_answer(out, &rest[i]);
}

Test(function, transformations_give_what_influxdb_gives)
{
	char have[ANSWER_MAX];

	for (size_t n = 0; n < sizeof transformed / sizeof *transformed; n++) {
		const char *call = transformed[n].call, *want = transformed[n].want;
		struct points p = read_points(transformed[n].set);
		bool searches = strncmp(call, "holt", 4) == 0;
		struct function_call c;
		struct transform *t;
		cr_assert_eq(prepare(&c, call, p.type, searches ? NS_PER_S : 0), ERR_OK, "%s", eb.text);
		c.descending = transformed[n].descending;
		cr_assert_eq(transform_new(&t, &c, &budget, &eb), ERR_OK);
		for (int group = 0; group < 2; group++) { /* each begins anew */
			transform_points(t, &p, c.descending, have);
			cr_expect(is_same(have, want, searches ? 1e-9 : 1e-12), "%s of %s%s: %s instead of %s", call,
			    transformed[n].set, c.descending ? ", falling" : "", have, want);
			transform_reset(t);
		}
		transform_free(t);
	}
}

Test(function, a_moving_average_wider_than_the_budget_is_refused)
{
	struct function_call c;
	struct transform *t;
	struct function_point out;
	bool has;

	cr_assert_eq(prepare(&c, "moving_average(v, 1000000000)", VALUE_FLOAT, 0), ERR_OK);
	cr_assert_eq(transform_new(&t, &c, &budget, &eb), ERR_OK);
	cr_expect_eq(transform_push(t, 1, (struct cell){ .type = CELL_FLOAT, .f = 1 }, &out, &has, &eb), ERR_TOOBIG);
	transform_free(t);
}

/* ---- the table ---- */

Test(function, types_that_a_function_does_not_take_are_refused_in_the_words_of_influxdb)
{
	static const struct {
		const char *call;
		enum value_type in;
		const char *error;
	} refused[] = {
#define REFUSED(call, in, name, type) \
	{ call, in, "unsupported " name " iterator type: *query." type "InterruptIterator" }
		REFUSED("sum(v)", VALUE_STRING, "sum", "string"),
		REFUSED("sum(v)", VALUE_BOOLEAN, "sum", "boolean"),
		REFUSED("mean(v)", VALUE_STRING, "mean", "string"),
		REFUSED("mean(v)", VALUE_BOOLEAN, "mean", "boolean"),
		REFUSED("min(v)", VALUE_STRING, "min", "string"),
		REFUSED("max(v)", VALUE_STRING, "max", "string"),
		REFUSED("median(v)", VALUE_STRING, "median", "string"),
		REFUSED("median(v)", VALUE_BOOLEAN, "median", "boolean"),
		REFUSED("stddev(v)", VALUE_STRING, "stddev", "string"),
		REFUSED("spread(v)", VALUE_BOOLEAN, "spread", "boolean"),
		REFUSED("percentile(v, 50)", VALUE_STRING, "percentile", "string"),
		REFUSED("top(v, 1)", VALUE_BOOLEAN, "top", "boolean"),
		REFUSED("bottom(v, 1)", VALUE_STRING, "bottom", "string"),
		REFUSED("integral(v)", VALUE_STRING, "integral", "string"),
		REFUSED("derivative(v)", VALUE_STRING, "derivative", "string"),
		REFUSED("non_negative_derivative(v)", VALUE_BOOLEAN, "derivative", "boolean"),
		REFUSED("difference(v)", VALUE_STRING, "difference", "string"),
		REFUSED("non_negative_difference(v)", VALUE_STRING, "difference", "string"),
		REFUSED("cumulative_sum(v)", VALUE_BOOLEAN, "cumulative sum", "boolean"),
		REFUSED("moving_average(v, 2)", VALUE_STRING, "moving average", "string"),
		REFUSED("holt_winters(first(v), 2, 2)", VALUE_STRING, "elapsed", "string"),
		REFUSED("holt_winters_with_fit(first(v), 2, 2)", VALUE_BOOLEAN, "elapsed", "boolean"),
	};

	for (size_t n = 0; n < sizeof refused / sizeof *refused; n++) {
		struct function_call c;
		cr_expect_eq(prepare(&c, refused[n].call, refused[n].in, 0), ERR_INVALID, "%s", refused[n].call);
		cr_expect_str_eq(eb.text, refused[n].error);
	}
}

Test(function, types_and_arguments_of_calls)
{
	static const struct {
		const char *call;
		enum value_type in, out;
		int64_t interval_ns, unit_ns, count;
	} calls[] = {
		{ "count(v)", VALUE_STRING, VALUE_INTEGER, 0, 0, 0 },
		{ "sum(v)", VALUE_INTEGER, VALUE_INTEGER, 0, 0, 0 },
		{ "sum(v)", VALUE_UNSIGNED, VALUE_UNSIGNED, 0, 0, 0 },
		{ "mean(v)", VALUE_INTEGER, VALUE_FLOAT, 0, 0, 0 },
		{ "median(v)", VALUE_INTEGER, VALUE_FLOAT, 0, 0, 0 },
		{ "spread(v)", VALUE_INTEGER, VALUE_INTEGER, 0, 0, 0 },
		{ "max(v)", VALUE_BOOLEAN, VALUE_BOOLEAN, 0, 0, 0 },
		{ "mode(v)", VALUE_STRING, VALUE_STRING, 0, 0, 0 },
		{ "percentile(v, 50)", VALUE_INTEGER, VALUE_INTEGER, 0, 0, 0 },
		{ "top(v, 3)", VALUE_FLOAT, VALUE_FLOAT, 0, 0, 3 },
		{ "top(v, k, 4)", VALUE_FLOAT, VALUE_FLOAT, 0, 0, 4 },
		{ "sample(v, 5)", VALUE_BOOLEAN, VALUE_BOOLEAN, 0, 0, 5 },
		{ "integral(v)", VALUE_INTEGER, VALUE_FLOAT, 0, NS_PER_S, 0 },
		{ "integral(v, 1m)", VALUE_INTEGER, VALUE_FLOAT, 0, 60 * NS_PER_S, 0 },
		{ "derivative(v)", VALUE_INTEGER, VALUE_FLOAT, 0, NS_PER_S, 0 },
		{ "derivative(mean(v))", VALUE_FLOAT, VALUE_FLOAT, 10 * NS_PER_S, 10 * NS_PER_S, 0 },
		{ "derivative(mean(v), 2s)", VALUE_FLOAT, VALUE_FLOAT, 10 * NS_PER_S, 2 * NS_PER_S, 0 },
		{ "difference(v)", VALUE_INTEGER, VALUE_INTEGER, 0, 0, 0 },
		{ "elapsed(v)", VALUE_STRING, VALUE_INTEGER, 0, 1, 0 },
		{ "elapsed(v, 1m)", VALUE_BOOLEAN, VALUE_INTEGER, 0, 60 * NS_PER_S, 0 },
		{ "moving_average(v, 7)", VALUE_INTEGER, VALUE_FLOAT, 0, 0, 7 },
		{ "holt_winters(max(v), 6, 4)", VALUE_INTEGER, VALUE_FLOAT, NS_PER_S, 0, 6 },
		{ "distinct(v)", VALUE_STRING, VALUE_STRING, 0, 0, 0 },
	};

	for (size_t n = 0; n < sizeof calls / sizeof *calls; n++) {
		struct function_call c;
		cr_assert_eq(prepare(&c, calls[n].call, calls[n].in, calls[n].interval_ns), ERR_OK, "%s", eb.text);
		cr_expect_eq(c.out, calls[n].out, "%s", calls[n].call);
		if (calls[n].unit_ns)
			cr_expect_eq(c.unit_ns, calls[n].unit_ns, "%s", calls[n].call);
		if (calls[n].count)
			cr_expect_eq(c.count, calls[n].count, "%s", calls[n].call);
	}
	cr_expect_null(function_find(view_of("abs")));
	cr_expect_null(function_find(view_of("MEAN")));
}
