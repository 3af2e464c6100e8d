/* Rollups for a target: what is finished, once, with the values that a naive count gives, and never with others. Times lie days
 * before the present, whatever that is. */
#include "flow/rollup_source.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/stand.h"

enum { HOURS = 24 * 5, STEP_S = 600, TEXT = 4 << 20 };

static struct stand stand;
static const struct stand_opts stand_opts = { .compactor = true, .create_databases = true };
static struct parcel_source *source;
static struct rollup_source_opts opts;
static int64_t base_ns; /* a day's beginning, seven days ago */
static struct errbuf eb;
static char *text; /* what was sent since clear() */
static size_t text_len;

static void begin(void)
{
	stand_open(&stand, &stand_opts);
	base_ns = clock_wall_ns() / TIER_DAY_NS * TIER_DAY_NS - 7 * TIER_DAY_NS;
	opts = (struct rollup_source_opts){ .committer = stand.committer,
		.catalogue = stand.catalogue,
		.spool_path = stand.path,
		.store_path = stand.store_path,
		.place = "http://one/metrics",
		.late_ns = TIER_DAY_NS,
		.look_ns = 1 };
	text = malloc(TEXT);
	cr_assert(text != NULL);
}

static void end(void)
{
	if (source)
		source->ops->close(source);
	stand_remove(&stand);
	free(text);
}

TestSuite(rollup_source, .init = begin, .fini = end);

static void open_source(void)
{
	if (source)
		source->ops->close(source);
	source = NULL;
	cr_assert_eq(rollup_source_new(&source, &opts, &eb), ERR_OK, "%s", eb.text);
}

/* One parcel's lines behind the text; how many. 0: there are none now. */
static uint32_t take(bool is_done, uint32_t points)
{
	struct parcel p;
	struct parcel_limits limits = { .points = points, .bytes = 1 << 20 };

	parcel_init(&p, 1);
	enum err e = source->ops->fill(source, &p, &limits, &eb);
	cr_assert(e == ERR_OK || e == ERR_NOTFOUND, "%s", eb.text);
	cr_assert_eq(e == ERR_OK, p.count > 0);
	cr_assert_lt(text_len + p.body[0].text.len, TEXT);
	memcpy(text + text_len, p.body[0].text.p ? p.body[0].text.p : "", p.body[0].text.len);
	text_len += p.body[0].text.len;
	text[text_len] = 0;
	uint32_t n = p.count;
	if (n && is_done)
		source->ops->done(source, &p);
	parcel_fini(&p);
	return n;
}

static uint32_t take_all(void)
{
	uint32_t n = 0, some, empty = 0;

	text_len = 0;
	text[0] = 0;
	while (empty < 3) { /* it gives others their turn in between */
		some = take(true, 7);
		empty = some ? 0 : empty + 1;
		n += some;
	}
	return n;
}

static double value(unsigned series, int64_t t)
{
	return (double)((t / 7 + series * 13) % 1009) / 8; /* exact in sums */
}

/* Two series in each of two databases: every ten minutes for five days. */
static void write_days(void)
{
	static char lines[64 << 10];
	char message[1024];

	for (int hour = 0; hour < HOURS; hour++) {
		size_t n = 0;
		for (int s = 0; s < 3600; s += STEP_S)
			for (unsigned k = 0; k < 2; k++) {
				int64_t t = hour * 3600 + s;
				n += (size_t)snprintf(lines + n, sizeof lines - n,
				    "a\\ b,host=h%u v=%.3f,i=%lldi,ok=%s,s=\"x\" %lld000000000\n", k, value(k, t),
				    (long long)(t / 600), t % 1200 ? "true" : "false",
				    (long long)(base_ns / NS_PER_S + t));
			}
		stand_write(&stand, lines);
		cr_assert_eq(stand_try(&stand, "other", 1, lines, message), ERR_OK, "%s", message);
	}
}

static unsigned count_of(const char *needle)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, needle)); p++)
		n++;
	return n;
}

/* The number of the line's field. */
static double field(const char *line, const char *name)
{
	char key[64];
	const char *end = strchr(line, '\n');

	snprintf(key, sizeof key, "%s=", name);
	const char *at = strstr(line, key);
	cr_assert(at && at < end, "%s is not in %.*s", name, (int)(end - line), line);
	return strtod(at + strlen(key), NULL);
}

static void expect_line(const char *measurement, unsigned series, int64_t from_s, int64_t span_s)
{
	char ends[40], begins[40];
	double sum = 0, min = 1e9, max = -1;
	const char *line = text;

	snprintf(begins, sizeof begins, "%s,host=h%u ", measurement, series);
	snprintf(ends, sizeof ends, " %lld000000000", (long long)(base_ns / NS_PER_S + from_s));
	for (;; line = strchr(line, '\n') + 1) {
		cr_assert(*line, "no line %s…%s", begins, ends);
		const char *e = strchr(line, '\n');
		if (!strncmp(line, begins, strlen(begins)) && !memcmp(e - strlen(ends), ends, strlen(ends)))
			break;
	}
	for (int64_t t = from_s; t < from_s + span_s; t += STEP_S) {
		double v = value(series, t);
		sum += v;
		min = v < min ? v : min;
		max = v > max ? v : max;
	}
	double n = (double)(span_s / STEP_S);
	cr_expect_eq(field(line, "v_count"), n);
	cr_expect_eq(field(line, "v_sum"), sum);
	cr_expect_eq(field(line, "v_min"), min);
	cr_expect_eq(field(line, "v_max"), max);
	cr_expect_eq(field(line, "v_mean"), sum / n);
	cr_expect_eq(field(line, "v_first"), value(series, from_s));
	cr_expect_eq(field(line, "v_last"), value(series, from_s + span_s - STEP_S));
	cr_expect_eq(field(line, "i_first"), (double)(from_s / 600));
	cr_expect_eq(field(line, "i_last"), (double)((from_s + span_s - STEP_S) / 600));
	cr_expect_eq(field(line, "ok_sum"), n / 2);
}

Test(rollup_source, finished_buckets_once_with_the_right_values)
{
	write_days();
	stand_compact(&stand);
	open_source();
	uint32_t n = take_all();
	cr_expect_eq(n, 2 * 2 * (HOURS + 5));
	cr_expect_eq(count_of("a\\ b_1h,host=h1 "), 2 * HOURS);
	cr_expect_eq(count_of("a\\ b_1d,host=h0 "), 2 * 5);
	for (int hour = 0; hour < HOURS; hour += 17)
		expect_line("a\\ b_1h", hour % 2, hour * 3600, 3600);
	for (int day = 0; day < 5; day++)
		expect_line("a\\ b_1d", 1, day * 86400, 86400);
	cr_expect_eq(count_of("i_count=6i"), 2 * 2 * HOURS);
	cr_expect_eq(count_of("s_"), 0); /* text has none */
	cr_expect_eq(take_all(), 0);
	open_source(); /* it is remembered */
	cr_expect_eq(take_all(), 0);
	opts.place = "http://two/metrics"; /* another target has none of it */
	open_source();
	cr_expect_eq(take_all(), n);
}

Test(rollup_source, what_may_still_change_is_not_sent)
{
	opts.late_ns = 4 * TIER_DAY_NS;
	write_days();
	stand_compact(&stand);
	open_source();
	take_all();
	char newest[40] = "";
	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		const char *end = strchr(line, '\n');
		bool is_day = strstr(line, "_1d,") && strstr(line, "_1d,") < end;
		int64_t t = strtoll(end - 19, NULL, 10);
		cr_assert_leq(t + (is_day ? TIER_DAY_NS : TIER_HOUR_NS), clock_wall_ns() - opts.late_ns);
		snprintf(newest, sizeof newest, "%.19s", end - 19);
	}
	cr_expect(*newest);
	opts.late_ns = 30 * TIER_DAY_NS;
	opts.place = "http://three/metrics";
	open_source();
	cr_expect_eq(take_all(), 0);
}

Test(rollup_source, what_the_store_has_not_merged_waits)
{
	char line[128];

	write_days();
	stand_compact(&stand);
	/* in the spool alone: the second day waits, and all behind it */
	snprintf(line, sizeof line, "a\\ b,host=h0 v=1 %lld", (long long)(base_ns + TIER_DAY_NS + TIER_HOUR_NS + 1));
	stand_write(&stand, line);
	open_source();
	cr_expect_eq(take_all(), 2 * 2 * (25 + 1));
	stand_compact(&stand);
	cr_expect_eq(take_all(), 2 * 2 * (HOURS - 25 + 4));
	cr_expect_eq(count_of("v_count=7i"), 1);
	cr_expect_eq(count_of("v_count=145i"), 1);
}

Test(rollup_source, what_came_too_late_changes_nothing_that_was_sent)
{
	char line[128];

	write_days();
	stand_compact(&stand);
	open_source();
	take_all();
	snprintf(line, sizeof line, "a\\ b,host=h0 v=1 %lld", (long long)(base_ns + 1));
	stand_write(&stand, line); /* ingest lets it in here: it has no retention */
	stand_compact(&stand);
	cr_expect_eq(take_all(), 0);
	open_source();
	cr_expect_eq(take_all(), 0);
}

Test(rollup_source, lines_not_done_are_given_again_and_alike_after_a_crash)
{
	write_days();
	stand_compact(&stand);
	open_source();
	cr_assert_eq(take(false, 5), 5);
	char *first = strdup(text);
	text_len = 0;
	cr_assert_eq(take(true, 5), 5);
	cr_expect_str_eq(text, first);
	cr_assert_gt(take(true, 100), 0);
	cr_assert_gt(take(true, 100), 0);
	char *all = strdup(text);
	open_source(); /* without an end of the step */
	text_len = 0;
	while (text_len < strlen(all))
		cr_assert_gt(take(true, 5), 0);
	cr_expect_eq(strncmp(text, all, strlen(all)), 0);
	free(first);
	free(all);
}

static int64_t keeps_three_days(void *arg, uint32_t db)
{
	(void)arg;
	return db == CATALOGUE_DEFAULT_DB ? 3 * TIER_DAY_NS : 0;
}

Test(rollup_source, what_the_target_does_not_keep_is_passed_by)
{
	opts.keeps_ns = keeps_three_days;
	write_days();
	stand_compact(&stand);
	open_source();
	uint32_t n = take_all();
	cr_expect_geq(n, 2 * (HOURS + 5)); /* all of the other database */
	cr_expect_lt(n, 2 * (HOURS + 5) + 2 * (24 * 1 + 1) + 50);
}

Test(rollup_source, a_held_database_is_left_alone)
{
	struct parcel p;
	struct parcel_limits limits = { .points = 5, .bytes = 1 << 20, .held = UINT64_MAX };

	write_days();
	stand_compact(&stand);
	open_source();
	parcel_init(&p, 1);
	cr_expect_eq(source->ops->fill(source, &p, &limits, &eb), ERR_NOTFOUND);
	cr_expect_eq(p.count, 0);
	limits.held = 0;
	cr_expect_eq(source->ops->fill(source, &p, &limits, &eb), ERR_OK);
	cr_expect_eq(p.count, 5);
	parcel_fini(&p);
}

Test(rollup_source, little_memory_takes_fewer_series_at_a_time)
{
	opts.max_bytes = 1 << 20;
	write_days();
	stand_compact(&stand);
	open_source();
	cr_expect_eq(take_all(), 2 * 2 * (HOURS + 5));
}
