#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "support/stand.h"

static struct stand st;

static void close_stand(void)
{
	stand_remove(&st);
	clock_real();
}

TestSuite(ingest, .fini = close_stand);

#define NOW (INT64_C(1700000000) * NS_PER_S)

/* All text of the spool, row after row. */
static char *spool_text(void)
{
	struct spool_reader *r;
	struct spool_row row;
	struct errbuf eb;
	char *out = calloc(1, 1 << 20);
	size_t n = 0;

	cr_assert_eq(spool_reader_open(&r, st.path, &eb), ERR_OK);
	for (uint64_t seq = 0; spool_reader_next(r, seq, &row, &eb) == ERR_OK; seq = row.seq) {
		memcpy(out + n, row.payload.p, row.payload.len);
		n += row.payload.len;
	}
	spool_reader_close(r);
	return out;
}

static void expect_spool(const char *want)
{
	char *have = spool_text();

	cr_expect_str_eq(have, want);
	free(have);
}

Test(ingest, stamped_lines_pass_through_unchanged)
{
	stand_open(&st, NULL);
	cr_assert_eq(stand_write(&st, "m,b=2,a=1 v=1,w=\"x\" 1\nn v=2i 2\n"), 2);
	expect_spool("m,b=2,a=1 v=1,w=\"x\" 1\nn v=2i 2\n");
}

Test(ingest, other_units_missing_stamps_comments_and_line_ends_are_put_right)
{
	char message[1024];

	clock_fake(NOW, 0);
	stand_open(&st, NULL);
	cr_assert_eq(
	    stand_try(&st, "metrics", NS_PER_S, "a v=1 5\n# no\n\nb v=2\n  c v=3 7  \r\nd v=4 8", message), ERR_OK);
	cr_assert_str_eq(message, "");
	expect_spool("a v=1 5000000000\nb v=2 1700000000000000000\nc v=3 7000000000\nd v=4 8000000000\n");
}

Test(ingest, rewriting_begins_where_it_must)
{
	clock_fake(NOW, 0);
	stand_open(&st, NULL);
	stand_write(&st, "a v=1 5\na v=2 6\na v=3\na v=4 8\n");
	expect_spool("a v=1 5\na v=2 6\na v=3 1700000000000000000\na v=4 8\n");
}

static const struct {
	const char *lines, *message;
} refusals[] = {
	/* the words of InfluxDB 1.6.7 */
	{ "bad\n", "unable to parse 'bad': missing fields" },
	{ "m v=1 1\nbad\n", "partial write: unable to parse 'bad': missing fields dropped=0" },
	{ "bad\nworse\n", "unable to parse 'bad': missing fields\nunable to parse 'worse': missing fields" },
	{ "m v=\"s\" 1\n",
	    "partial write: field type conflict: input field \"v\" on measurement \"m\" is type string, already "
	    "exists as type float dropped=1" },
	{ "m v=2 2\nm v=1i 1\n",
	    "partial write: field type conflict: input field \"v\" on measurement \"m\" is type integer, "
	    "already exists as type float dropped=1" },
	{ "m v=nan 1\n", "unable to parse 'm v=nan 1': invalid number" },
	{ "m,a=1,a=2 v=1 1\n", "unable to parse 'm,a=1,a=2 v=1 1': duplicate tags" },
};

Test(ingest, refusals_are_told_in_influxdb_words)
{
	char message[1024];

	stand_open(&st, NULL);
	stand_write(&st, "m v=1 1\n");
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		cr_assert_eq(stand_try(&st, "metrics", 1, refusals[i].lines, message), ERR_OK);
		cr_expect_str_eq(message, refusals[i].message);
	}
}

Test(ingest, a_refused_line_leaves_its_neighbours)
{
	char message[1024];

	stand_open(&st, NULL);
	cr_assert_eq(stand_try(&st, "metrics", 1, "m v=1 1\nm v=x 2\nm v=3 3\n", message), ERR_OK);
	expect_spool("m v=1 1\nm v=3 3\n");
}

/* As InfluxDB 1.6.7 counts: 4 bytes lie between key and name. Each alone may be as long as it likes below that. */
Test(ingest, a_series_key_and_a_field_name_that_are_too_long_together_are_refused)
{
	static char line[140000];
	char message[1024];
	uint64_t before = counter_get(COUNTER_REJECT_TOO_LONG);
	unsigned refused = 0;

	stand_open(&st, NULL);
	for (unsigned known = 0; known < 2; known++) /* the second time the series is there already */
		for (unsigned tag = 10; tag < 65531 - 4; tag += 13103)
			for (int above = 0; above < 2; above++) {
				int name = 65535 - 4 - 4 - (int)tag + above;
				int n = snprintf(line, sizeof line, "m,t=%0*u %0*u", (int)tag, 7u, name, 9u);
				line[n - name] = 'f';
				snprintf(line + n, sizeof line - (size_t)n, "=1 1\n");
				cr_assert_eq(stand_try(&st, "metrics", 1, line, message), ERR_OK);
				cr_assert_eq(!above, !message[0], "tag %u, name %d", tag, name);
				refused += (unsigned)above;
			}
	cr_assert_eq(counter_get(COUNTER_REJECT_TOO_LONG), before + refused);
	stand_write(&st, "m,t=7 v=1 1\n");
}

Test(ingest, too_old_and_too_new_points_are_refused_and_counted)
{
	char message[1024], lines[200];
	struct stand_opts o = { .retention_ns = 3600 * NS_PER_S, .max_future_ns = 600 * NS_PER_S };
	uint64_t old = counter_get(COUNTER_REJECT_TOO_OLD), new = counter_get(COUNTER_REJECT_IN_FUTURE);

	clock_fake(NOW, 0);
	stand_open(&st, &o);
	snprintf(lines, sizeof lines, "m v=1 %lld\nm v=2 %lld\nm v=3 %lld\n", (long long)(NOW - 3601 * NS_PER_S),
	    (long long)NOW, (long long)(NOW + 601 * NS_PER_S));
	cr_assert_eq(stand_try(&st, "metrics", 1, lines, message), ERR_OK);
	cr_assert_str_eq(message,
	    "partial write: points beyond retention policy\n"
	    "points too far in the future ([retention] max_future) dropped=2");
	cr_assert_eq(counter_get(COUNTER_REJECT_TOO_OLD), old + 1);
	cr_assert_eq(counter_get(COUNTER_REJECT_IN_FUTURE), new + 1);
	cr_assert_eq(stand_total(&st, "m", "v", 0, INT64_C(2000000000) * NS_PER_S).count, 1);
}

Test(ingest, a_point_refused_for_its_time_leaves_no_series)
{
	char message[1024];
	struct stand_opts o = { .retention_ns = 3600 * NS_PER_S, .max_future_ns = 600 * NS_PER_S };

	clock_fake(NOW, 0);
	stand_open(&st, &o);
	cr_assert_eq(stand_try(&st, "metrics", 1, "m,id=1 v=1 5\nm,id=2 v=1 1900000000000000000\n", message), ERR_OK);
	cr_assert(strstr(message, "dropped=2"), "%s", message);
	cr_assert_eq(stand_try(&st, "metrics", NS_PER_S, "m,id=3 v=1 9223372036854775807\n", message), ERR_OK);
	cr_assert(strstr(message, "time outside range"), "%s", message);
	cr_assert_eq(catalogue_series_count(st.catalogue), 0);
	stand_write(&st, "m,id=1 v=1\n");
	cr_assert_eq(catalogue_series_count(st.catalogue), 1);
}

Test(ingest, unknown_database_is_not_found_unless_it_may_be_created)
{
	char message[1024];
	struct stand_opts o = { .create_databases = true };

	stand_open(&st, NULL);
	cr_assert_eq(stand_try(&st, "nope", 1, "m v=1 1\n", message), ERR_NOTFOUND);
	cr_assert_str_eq(message, "database not found: \"nope\"");
	stand_close(&st);
	stand_reopen(&st, &o);
	cr_assert_eq(stand_try(&st, "nope", 1, "m v=1 1\n", message), ERR_OK);
	stand_close(&st);
	stand_reopen(&st, NULL); /* and it is still there */
	cr_assert_eq(stand_try(&st, "nope", 1, "m v=1 2\n", message), ERR_OK);
}

Test(ingest, series_above_the_ceiling_are_refused_point_by_point)
{
	char message[1024];
	struct stand_opts o = { .catalogue = { .series_max = 2 } };

	stand_open(&st, &o);
	cr_assert_eq(
	    stand_try(&st, "metrics", 1, "m,a=1 v=1 1\nm,a=2 v=1 1\nm,a=3 v=1 1\nm,a=1 v=2 2\n", message), ERR_OK);
	cr_assert_str_eq(message,
	    "partial write: max-series-per-database limit exceeded (2): no new series for measurement \"m\", whose tag "
	    "\"a\" has 2 different values; stop writing values that never come back, or raise [limits] series dropped=1");
	cr_assert_eq(stand_total(&st, "m", "v", 0, 1000).count, 3);
}

Test(ingest, each_measurement_at_its_ceiling_is_told_once)
{
	char message[1024];
	struct stand_opts o = { .catalogue = { .measurement_series_max = 1 } };

	stand_open(&st, &o);
	cr_assert_eq(stand_try(&st, "metrics", 1,
			 "m,a=1 v=1 1\nn,b=1,c=1 v=1 1\nm,a=2 v=1 1\nn,b=2 v=1 1\nm,a=3 v=1 1\nn,b=3 v=1 1\n", message),
	    ERR_OK);
	cr_assert_str_eq(message,
	    "partial write: max-series-per-measurement limit exceeded (1): no new series for measurement \"m\", whose "
	    "tag \"a\" has 1 different values; stop writing values that never come back, or raise [limits] "
	    "series_per_measurement\n"
	    "max-series-per-measurement limit exceeded (1): no new series for measurement \"n\", whose tag \"b\" has 1 "
	    "different values; stop writing values that never come back, or raise [limits] series_per_measurement "
	    "dropped=4");
}

Test(ingest, fields_and_measurements_have_ceilings_too)
{
	char message[1024];
	struct stand_opts o = { .catalogue = { .measurement_fields_max = 2, .measurements_max = 1 } };
	uint64_t fields = counter_get(COUNTER_REJECT_TOO_MANY_FIELDS);

	stand_open(&st, &o);
	cr_assert_eq(
	    stand_try(&st, "metrics", 1, "m a=1,b=1 1\nm a=1,c=1 2\nm d=1 3\nn a=1 1\nm a=2 4\n", message), ERR_OK);
	cr_assert_str_eq(message,
	    "partial write: max-fields-per-measurement limit exceeded (2): no new field for measurement \"m\"; stop "
	    "writing names made of changing parts, or raise [limits] fields_per_measurement\n"
	    "max-measurements limit exceeded (1): no new measurement \"n\"; stop writing names made of changing parts, or "
	    "raise [limits] measurements dropped=3");
	cr_assert_eq(counter_get(COUNTER_REJECT_TOO_MANY_FIELDS), fields + 2);
	cr_assert_eq(stand_total(&st, "m", "a", 0, 1000).count, 2);
}

Test(ingest, a_start_with_lower_ceilings_keeps_what_was_acknowledged)
{
	char message[1024];
	struct stand_opts low = { .catalogue = { .series_max = 1,
				      .measurement_series_max = 1,
				      .measurements_max = 1,
				      .measurement_fields_max = 1 } };

	stand_open(&st, NULL);
	stand_write(&st, "m,a=1 v=1,w=1 1\nm,a=2 v=1 1\nn,a=1 v=1 1\n");
	stand_close(&st);
	stand_reopen(&st, &low);
	cr_assert_eq(stand_total(&st, "m", "v", 0, 1000).count, 2);
	cr_assert_eq(stand_total(&st, "m", "w", 0, 1000).count, 1);
	cr_assert_eq(stand_total(&st, "n", "v", 0, 1000).count, 1);
	cr_assert_eq(stand_try(&st, "metrics", 1, "m,a=2 v=2 2\nm,a=3 v=2 2\n", message), ERR_OK);
	cr_assert(strstr(message, "(1)") && strstr(message, "dropped=1"), "%s", message);
	cr_assert_eq(stand_total(&st, "m", "v", 0, 1000).count, 3);
}

Test(ingest, field_types_outlive_a_restart_and_the_rows_that_set_them)
{
	char message[1024];
	struct errbuf eb;

	stand_open(&st, NULL);
	stand_write(&st, "m v=1i 1\n");
	stand_close(&st);
	struct spool *s;
	cr_assert_eq(spool_open(&s, st.path, &eb), ERR_OK);
	cr_assert_eq(sqlite3_exec(spool_db(s), "DELETE FROM spool", NULL, NULL, NULL), SQLITE_OK);
	spool_close(s);
	stand_reopen(&st, NULL);
	cr_assert_eq(stand_try(&st, "metrics", 1, "m v=1.5 2\n", message), ERR_OK);
	cr_assert(strstr(message, "already exists as type integer"), "%s", message);
}

struct client {
	pthread_t thread;
	unsigned id, requests;
};

static void *many_writes(void *arg)
{
	struct client *c = arg;
	char line[64];

	for (unsigned i = 0; i < c->requests; i++) {
		snprintf(line, sizeof line, "m,c=%u v=%ui %u\n", c->id, i, i + 1);
		stand_write(&st, line);
	}
	return NULL;
}

Test(ingest, many_callers_share_commits_and_lose_nothing)
{
	struct client c[8];
	uint64_t groups = counter_get(COUNTER_COMMIT_GROUPS);

	stand_open(&st, NULL);
	for (unsigned i = 0; i < 8; i++) {
		c[i] = (struct client){ .id = i, .requests = 200 };
		pthread_create(&c[i].thread, NULL, many_writes, &c[i]);
	}
	for (unsigned i = 0; i < 8; i++)
		pthread_join(c[i].thread, NULL);
	struct stand_total t = stand_total(&st, "m", "v", 0, 1000);
	cr_assert_eq(t.count, 1600);
	cr_assert_eq(t.groups, 8);
	cr_assert_eq(t.sum, 8 * 199 * 200 / 2);
	cr_assert_lt(counter_get(COUNTER_COMMIT_GROUPS) - groups, 1600);
	stand_close(&st);
	stand_reopen(&st, NULL);
	cr_assert_eq(st.recovered, 1600);
	cr_assert_eq(stand_total(&st, "m", "v", 0, 1000).sum, 8 * 199 * 200 / 2);
}

Test(ingest, a_full_disk_refuses_the_request_and_keeps_nothing_of_it)
{
	char message[1024];
	uint64_t refused = counter_get(COUNTER_REFUSED_DISK_FULL);
	size_t size = 4 << 20;
	char *big = malloc(size + 1);
	size_t n = 0;

	stand_open(&st, NULL);
	stand_write(&st, "m v=1 1\n");
	/* the file may not grow any more: what a full disk looks like to SQLite */
	struct errbuf eb;
	(void)eb;
	stand_close(&st);
	struct spool *s;
	cr_assert_eq(spool_open(&s, st.path, &eb), ERR_OK);
	spool_close(s);
	stand_reopen(&st, NULL);
	cr_assert_eq(sqlite3_exec(spool_db(st.spool), "PRAGMA max_page_count = 20", NULL, NULL, NULL), SQLITE_OK);
	srandom(3);
	while (n + 100 < size)
		n += (size_t)snprintf(big + n, size - n, "m v=%ld.%ld %ld\n", random(), random(), random());
	cr_assert_eq(stand_try(&st, "metrics", 1, big, message), ERR_FULL, "%s", message);
	cr_assert_eq(counter_get(COUNTER_REFUSED_DISK_FULL), refused + 1);
	cr_assert_eq(stand_total(&st, "m", "v", 0, INT64_MAX / 2).count, 1);
	cr_assert_eq(sqlite3_exec(spool_db(st.spool), "PRAGMA max_page_count = 1000000", NULL, NULL, NULL), SQLITE_OK);
	cr_assert_gt(stand_write(&st, "m v=2 2\n"), 0); /* it recovers by itself */
	cr_assert_eq(stand_total(&st, "m", "v", 0, 1000).count, 2);
	free(big);
}
