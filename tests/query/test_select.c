/* What SELECT answers equals what InfluxDB 1.6.7 answered for the same points (tests/query/select: points.lp, and answers.txt with a
 * statement and its answer in turn), from memory and from blocks and rollups; and it stays within its budget. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "support/select_json.h"

enum { MIB = 1 << 20 };

static struct stand stand;
static struct buf text;

/* ---- comparing ---- */

static bool same(const json_t *a, const json_t *b);

static bool same_objects(const json_t *a, const json_t *b)
{
	const char *key;
	json_t *value;

	if (json_object_size(a) != json_object_size(b))
		return false;
	json_object_foreach((json_t *)a, key, value)
	{
		const json_t *other = json_object_get(b, key);
		if (!other || !same(value, other))
			return false;
	}
	return true;
}

/* Sums of floats depend on the order of adding. */
static bool same(const json_t *a, const json_t *b)
{
	if (json_is_number(a) && json_is_number(b)) {
		double x = json_number_value(a), y = json_number_value(b);
		if (json_is_integer(a) && json_is_integer(b))
			return json_integer_value(a) == json_integer_value(b);
		return fabs(x - y) <= 1e-12 * fmax(fmax(fabs(x), fabs(y)), 1e-3);
	}
	if (json_typeof(a) != json_typeof(b))
		return false;
	if (json_is_object(a))
		return same_objects(a, b);
	if (!json_is_array(a))
		return json_equal((json_t *)a, (json_t *)b);
	if (json_array_size(a) != json_array_size(b))
		return false;
	for (size_t i = 0; i < json_array_size(a); i++)
		if (!same(json_array_get(a, i), json_array_get(b, i)))
			return false;
	return true;
}

/* ---- the store ---- */

static FILE *open_data(const char *name)
{
	char path[512];

	snprintf(path, sizeof path, TEST_SRCDIR "/query/select/%s", name);
	FILE *f = fopen(path, "r");
	cr_assert_not_null(f, "%s", path);
	return f;
}

static void set_up(void)
{
	struct stand_opts opts = { .compactor = true };
	char *lines = calloc(1, MIB);
	FILE *f = open_data("points.lp");

	stand_open(&stand, &opts);
	cr_assert_not_null(lines);
	size_t n = fread(lines, 1, MIB - 1, f);
	cr_assert_gt(n, 1000);
	stand_write(&stand, lines);
	fclose(f);
	free(lines);
	buf_init(&text, 64 * MIB);
}

static void tear_down(void)
{
	buf_fini(&text);
	stand_remove(&stand);
}

static enum err ask_with(const char *statement, struct budget *b)
{
	buf_clear(&text);
	enum err e = select_json(&stand, statement, b, &text);
	buf_char(&text, '\0');
	cr_assert(!text.failed);
	cr_expect_eq(b->used_bytes, 0, "%zu bytes were not given back by %s", b->used_bytes, statement);
	return e;
}

static enum err ask(const char *statement)
{
	struct budget b = { .max_bytes = 64 * MIB };

	return ask_with(statement, &b);
}

static void compare_all(void)
{
	char *statement = NULL, *answer = NULL;
	size_t room = 0, answer_room = 0;
	unsigned count = 0;
	FILE *f = open_data("answers.txt");

	while (getline(&statement, &room, f) > 0 && getline(&answer, &answer_room, f) > 0) {
		statement[strcspn(statement, "\n")] = '\0';
		(void)!ask(statement);
		json_t *want = json_loads(answer, JSON_ALLOW_NUL, NULL),
		       *have = json_loads(text.p, JSON_ALLOW_NUL, NULL);
		cr_assert_not_null(want, "%s", answer);
		cr_expect(have && same(want, have), "%s\nwant %.2000shave %.2000s", statement, answer, text.p);
		json_decref(want);
		json_decref(have);
		count++;
	}
	cr_expect_gt(count, 160);
	free(statement);
	free(answer);
	fclose(f);
}

TestSuite(select, .init = set_up, .fini = tear_down);

Test(select, answers_from_memory_as_influxdb)
{
	compare_all();
}

Test(select, answers_from_blocks_and_rollups_as_influxdb)
{
	stand_compact(&stand);
	compare_all();
}

/* ---- within the budget ---- */

static void write_many(unsigned series, unsigned points)
{
	struct buf lines;

	buf_init(&lines, 64 * MIB);
	for (unsigned i = 0; i < points; i++)
		for (unsigned k = 0; k < series; k++)
			buf_printf(&lines, "many,h=h%03u v=%u,s=\"text %u\" %llu\n", k, i * 1000 + k, i,
			    1700000000000000000ull + i * 10000000000ull);
	buf_char(&lines, '\0');
	cr_assert(!lines.failed);
	stand_write(&stand, lines.p);
	buf_fini(&lines);
}

Test(select, groups_that_do_not_fit_at_once_come_in_batches)
{
	struct budget b = { .max_bytes = 2 * MIB };

	write_many(40, 1500);
	cr_assert_eq(ask("select v, s from many group by h"), ERR_OK);
	char *whole = strdup(text.p);
	cr_assert_eq(ask_with("select v, s from many group by h", &b), ERR_OK, "%s", text.p);
	cr_expect_eq(strcmp(whole, text.p), 0);
	free(whole);
}

/* However little memory there is, and whatever the order and the limits. */
Test(select, batches_that_are_cut_answer_the_same)
{
	static const char *const statements[] = { "select v, s from many group by h order by time desc",
		"select v from many group by h", "select v, h, s from many where v % 7 != 3 group by h",
		"select v from many group by h limit 700 offset 600", "select s from many group by h limit 3",
		"select v from many where time >= 1700000005s and time < 1700010000s group by h order by time desc",
		"select v from many group by h slimit 3 soffset 30", "select difference(v) from many group by h" };

	write_many(40, 1500);
	for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
		cr_assert_eq(ask(statements[i]), ERR_OK, "%s", text.p);
		char *whole = strdup(text.p);
		cr_expect(strlen(whole) > 1000);
		for (size_t kib = 900; kib < 4000; kib += 700) {
			struct budget b = { .max_bytes = kib << 10 };
			cr_assert_eq(ask_with(statements[i], &b), ERR_OK, "%s: %s", statements[i], text.p);
			cr_expect_eq(strcmp(whole, text.p), 0, "%s in %zu KiB", statements[i], kib);
			cr_expect_eq(b.used_bytes, 0);
		}
		free(whole);
	}
}

Test(select, rows_of_single_series_keep_to_the_time)
{
	struct budget late = { .max_bytes = 16 * MIB, .deadline_ns = 1, .time_limit_ns = NS_PER_S };

	write_many(2, 1300);
	cr_expect_eq(ask_with("select v from many group by h", &late), ERR_UNAVAILABLE);
}

Test(select, a_subquery_that_does_not_fit_is_refused)
{
	struct budget b = { .max_bytes = MIB };

	write_many(40, 1500);
	cr_expect_eq(ask_with("select count(v) from (select v, s from many)", &b), ERR_TOOBIG);
	cr_expect_not_null(strstr(text.p, "MiB of memory"), "%s", text.p);
}

Test(select, buckets_without_number_are_refused_at_once)
{
	cr_expect_eq(ask("select mean(v) from m where time >= '2022-01-01' and time < '2023-01-01' group by time(1ns)"),
	    ERR_TOOBIG);
	cr_expect_not_null(strstr(text.p, "ask for a shorter range or a longer interval"), "%s", text.p);
}

Test(select, ceilings_of_buckets_and_series_are_told)
{
	struct budget buckets = { .max_bytes = MIB, .max_buckets = 2 };
	struct budget series = { .max_bytes = MIB, .max_series = 2 };

	cr_expect_eq(ask_with("select mean(v) from m where time >= 0s and time < 180s group by time(1m)", &buckets),
	    ERR_INVALID);
	cr_expect_not_null(strstr(text.p, "max-select-buckets limit exceeded: (3/2)"), "%s", text.p);
	cr_expect_eq(ask_with("select v from m", &series), ERR_INVALID);
	cr_expect_not_null(strstr(text.p, "max-select-series limit exceeded: (3/2)"), "%s", text.p);
}

Test(select, the_ceiling_of_buckets_holds_where_the_range_has_no_beginning)
{
	static const char *const forms[] = {
		"select mean(v) from many where time < '2023-11-15' group by time(1m)",
		"select mean(v) from many where time < '2023-11-15' group by time(1m) fill(none)",
		"select integral(v) from many where time < '2023-11-15' group by time(1m), h",
		"select max(v) from many where time < '2023-11-15' group by time(1m) order by time desc",
		"select count(v) from (select v from many) where time < '2023-11-15' group by time(1m) tz('Europe/Berlin')"
	};

	write_many(2, 66); /* 11 minutes and 20 s, in 12 buckets */
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		struct budget enough = { .max_bytes = 4 * MIB, .max_buckets = 12 },
			      few = { .max_bytes = 4 * MIB, .max_buckets = 11 };
		cr_expect_eq(ask_with(forms[i], &enough), ERR_OK, "%s: %s", forms[i], text.p);
		(void)!ask_with(forms[i], &few);
		cr_expect_not_null(
		    strstr(text.p, "max-select-buckets limit exceeded: (12/11)"), "%s: %s", forms[i], text.p);
	}
}

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* A zone's buckets are kept one by one: to put each in front of all others took a time by the square of their number. */
Test(select, very_many_buckets_of_a_zone_cost_as_much_falling_as_rising, .timeout = 300)
{
	enum { BUCKETS = 150000 };
	struct buf lines;
	struct budget b = { .max_bytes = 256 * MIB };
	const char *const q =
	    "select count(x) from (select max(v) as x from long where time >= '2023-11-14' and time < "
	    "'2023-11-17' group by time(1s) fill(none) tz('Europe/Berlin'))";
	char falling[512];

	buf_init(&lines, 64 * MIB);
	for (unsigned i = 0; i < BUCKETS; i++)
		buf_printf(&lines, "long v=%u %llu\n", i, 1700000000000000000ull + i * 1000000000ull);
	buf_char(&lines, '\0');
	cr_assert(!lines.failed);
	stand_write(&stand, lines.p);
	buf_fini(&lines);
	snprintf(falling, sizeof falling, "%.*s order by time desc tz('Europe/Berlin')) order by time desc",
	    (int)(strstr(q, " tz") - q), q);
	int64_t began = cpu_ns();
	cr_assert_eq(ask_with(q, &b), ERR_OK, "%s", text.p);
	int64_t middle = cpu_ns();
	cr_expect_not_null(strstr(text.p, "[0,150000]"), "%s", text.p);
	cr_assert_eq(ask_with(falling, &b), ERR_OK, "%s", text.p);
	int64_t end = cpu_ns();
	cr_expect_not_null(strstr(text.p, "[0,150000]"), "%s", text.p);
	cr_expect_lt(end - middle, 3 * (middle - began), "%lld ms, %lld ms", (long long)((middle - began) / NS_PER_MS),
	    (long long)((end - middle) / NS_PER_MS));
}

Test(select, time_that_is_up_ends_the_statement)
{
	struct budget b = { .max_bytes = 64 * MIB, .deadline_ns = 1, .time_limit_ns = NS_PER_S };

	write_many(40, 100);
	cr_expect_eq(ask_with("select v from many", &b), ERR_UNAVAILABLE);
	b.work = 0;
	cr_expect_eq(ask_with("select mean(v) from many group by time(1m), h", &b), ERR_UNAVAILABLE);
}

Test(select, subqueries_as_deep_as_the_parser_takes_them)
{
	struct buf q;

	buf_init(&q, MIB);
	for (int i = 0; i < 60; i++)
		buf_str(&q, "select mean(v) as v from (");
	buf_str(&q, "select v from m where host = 'a'");
	for (int i = 0; i < 60; i++)
		buf_char(&q, ')');
	buf_char(&q, '\0');
	cr_expect_eq(ask(q.p), ERR_OK, "%s", text.p);
	cr_expect_not_null(strstr(text.p, "[0,-0.45"), "%s", text.p);
	buf_fini(&q);
}

Test(select, explain_names_what_was_read)
{
	cr_expect_eq(ask("explain analyze select mean(v) from m group by host"), ERR_OK);
	cr_expect_not_null(strstr(text.p, "MEASUREMENT: m"), "%s", text.p);
	cr_expect_not_null(strstr(text.p, "GROUPS: 3"), "%s", text.p);
	cr_expect_not_null(strstr(text.p, "ROWS OF THE ANSWER: 3"), "%s", text.p);
}
