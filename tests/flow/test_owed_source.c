/* What is owed, as lines out of the store: every point once with its last value, through pages, restarts and rewrites. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "flow/owed_source.h"
#include "flow/quarantined.h"
#include "store/database.h"
#include "store/owed.h"
#include "store/quarantine.h"
#include "store/targets.h"
#include "support/stand.h"

#define HOUR_NS (3600 * NS_PER_S)

static struct stand st;
static struct parcel_source *source;
static struct parcel parcel;
static size_t max_bytes;
static int64_t keeps;
static char *got; /* all lines that were given */
static size_t got_len;

static int64_t keeps_ns(void *arg, const char *database)
{
	(void)arg;
	cr_assert_str_eq(database, "metrics");
	return keeps;
}

static struct owed_source_opts options(void)
{
	return (struct owed_source_opts){ .committer = st.committer,
		.spool = st.spool,
		.spool_path = st.path,
		.local = st.local,
		.catalogue = st.catalogue,
		.target = "influxdb",
		.database = "metrics",
		.keeps_ns = keeps_ns,
		.max_bytes = max_bytes };
}

static void open_source(void)
{
	const struct owed_source_opts o = options();
	struct errbuf eb;

	cr_assert_eq(owed_source_new(&source, &o, &eb), ERR_OK, "%s", eb.text);
}

static void close_source(void)
{
	if (source)
		source->ops->close(source);
	source = NULL;
}

static void begin(void)
{
	log_set_level(getenv("HF_LOG") ? LOG_INFO : LOG_ERROR);
	stand_open(&st, &(struct stand_opts){ .compactor = true });
	parcel_init(&parcel, 1);
	max_bytes = 0;
	keeps = 0;
	got = calloc(1, 1);
	got_len = 0;
}

static void end(void)
{
	close_source();
	parcel_fini(&parcel);
	stand_remove(&st);
	free(got);
}

TestSuite(owed_source, .init = begin, .fini = end);

static enum err add_job(struct spool *s, void *arg, struct errbuf *eb)
{
	return owed_add(spool_owed(s), spool_db(s), arg, eb);
}

static void owe(int64_t from_ns, int64_t to_ns)
{
	struct owed_range r = { .target = "influxdb",
		.db = CATALOGUE_DEFAULT_DB,
		.cause = OWED_MISSING,
		.from_ns = from_ns,
		.to_ns = to_ns };
	struct errbuf eb;

	cr_assert_eq(committer_call(st.committer, add_job, &r, &eb), ERR_OK, "%s", eb.text);
}

static uint64_t ranges(void)
{
	struct owed_totals t;

	owed_totals(spool_owed(st.spool), "influxdb", &t);
	return t.ranges;
}

static enum err fill(uint32_t points)
{
	const struct parcel_limits limits = { points, 1 << 20, 0 };
	struct errbuf eb;

	parcel_clear(&parcel);
	return source->ops->fill(source, &parcel, &limits, &eb);
}

static void deliver(void)
{
	struct view v = parcel_lines(&parcel.body[0], 0, parcel.body[0].count);

	got = realloc(got, got_len + v.len + 1);
	memcpy(got + got_len, v.p, v.len);
	got_len += v.len;
	got[got_len] = 0;
	source->ops->done(source, &parcel);
}

/* All of it, so many points at a time. */
static void take_all(uint32_t points)
{
	enum err e;

	while ((e = fill(points)) == ERR_OK)
		deliver();
	cr_assert_eq(e, ERR_NOTFOUND);
}

static unsigned lines_with(const char *word)
{
	unsigned n = 0;

	for (const char *p = got; (p = strstr(p, word)); p += strlen(word))
		n++;
	return n;
}

Test(owed_source, gives_every_type_as_it_was_written_and_the_last_value)
{
	open_source();
	cr_assert_eq(fill(10), ERR_NOTFOUND);
	stand_write(&st,
	    "m,tag\\ a=x\\,y f=0.1,i=-7i,u=18446744073709551615u,b=true,s=\"a \\\"b\\\" \\\\ \xc3\xa4\" 1000000001\n"
	    "m,tag\\ a=x\\,y i=1i 2000000002\n"
	    "m,tag\\ a=x\\,y i=2i 3600000000000\n");
	stand_compact(&st);
	stand_write(&st, "m,tag\\ a=x\\,y i=9i 2000000002\n");
	owe(0, HOUR_NS);
	take_all(1000);
	cr_assert_str_eq(got,
	    "m,tag\\ a=x\\,y b=true,f=0.1,i=-7i,s=\"a \\\"b\\\" \\\\ \xc3\xa4\",u=18446744073709551615u 1000000001\n"
	    "m,tag\\ a=x\\,y i=9i 2000000002\n");
	cr_assert_eq(ranges(), 0, "it is paid");
}

static void write_grid(unsigned series, unsigned points, int64_t step_ns)
{
	char line[96];

	for (unsigned i = 0; i < points; i++)
		for (unsigned s = 0; s < series; s++) {
			snprintf(line, sizeof line, "m,s=%u v=%ui %lld\n", s, i, (long long)(i * step_ns));
			stand_write(&st, line);
		}
}

static void expect_each_once(unsigned series, unsigned points, int64_t step_ns)
{
	char line[96];

	for (unsigned i = 0; i < points; i++)
		for (unsigned s = 0; s < series; s++) {
			snprintf(line, sizeof line, "m,s=%u v=%ui %lld\n", s, i, (long long)(i * step_ns));
			cr_assert_eq(lines_with(line), 1, "%s", line);
		}
}

Test(owed_source, a_minute_that_is_too_large_comes_in_pages)
{
	max_bytes = 300;
	open_source();
	write_grid(5, 12, NS_PER_S);
	owe(0, 60 * NS_PER_S);
	take_all(7);
	expect_each_once(5, 12, NS_PER_S);
	cr_assert_eq(ranges(), 0);
}

Test(owed_source, long_windows_are_cut_and_short_ones_joined)
{
	max_bytes = 2000;
	open_source();
	write_grid(3, 60, 600 * NS_PER_S);
	stand_compact(&st);
	owe(0, 60 * 600 * NS_PER_S);
	take_all(1000);
	expect_each_once(3, 60, 600 * NS_PER_S);
	cr_assert_eq(ranges(), 0);
}

Test(owed_source, lines_that_were_not_delivered_are_given_again)
{
	open_source();
	write_grid(2, 5, NS_PER_S);
	owe(0, 60 * NS_PER_S);
	cr_assert_eq(fill(4), ERR_OK);
	cr_assert_eq(fill(4), ERR_OK);
	take_all(4);
	expect_each_once(2, 5, NS_PER_S);
}

Test(owed_source, what_is_paid_is_kept_and_the_rest_goes_on)
{
	max_bytes = 400;
	open_source();
	write_grid(1, 40, 600 * NS_PER_S);
	owe(0, 40 * 600 * NS_PER_S);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(fill(1000), ERR_OK);
		deliver();
	}
	cr_assert_eq(fill(1000), ERR_OK); /* not delivered */
	close_source();
	struct owed_range r;
	cr_assert(owed_find(spool_owed(st.spool), "influxdb", CATALOGUE_DEFAULT_DB, 0, INT64_MAX, &r));
	cr_assert_gt(r.done_until_ns, 0);
	open_source();
	take_all(1000);
	expect_each_once(1, 40, 600 * NS_PER_S);
	cr_assert_eq(ranges(), 0);
}

Test(owed_source, the_newest_range_comes_first)
{
	open_source();
	write_grid(1, 10, HOUR_NS);
	owe(0, 2 * HOUR_NS);
	owe(5 * HOUR_NS, 6 * HOUR_NS);
	take_all(1000);
	cr_assert_eq(strncmp(got, "m,s=0 v=5i ", 11), 0, "%s", got);
	cr_assert_eq(lines_with("\n"), 3);
}

static enum err quarantine_job(struct spool *s, void *arg, struct errbuf *eb)
{
	const struct quarantine_entry q = { .target = "influxdb",
		.database = "metrics",
		.at_ns = 1,
		.status = 400,
		.reason = view_of("no"),
		.line = view_of(arg) };
	const struct quarantine_limits limits = { QUARANTINE_MAX_POINTS, QUARANTINE_MAX_BYTES };
	struct quarantine_change change = { 0 };

	return quarantine_add(spool_db(s), &q, &limits, &change, eb);
}

Test(owed_source, what_is_in_quarantine_is_left_out)
{
	char line[] = "m,b=2,a=1 x=5i,y=2i 1000000000";
	struct errbuf eb;

	open_source();
	stand_write(&st, "m,a=1,b=2 x=5i,y=2i,z=3i 1000000000\nm,a=1,b=2 x=5i 2000000000\nm,a=1,b=3 x=5i 1000000000\n");
	cr_assert_eq(committer_call(st.committer, quarantine_job, line, &eb), ERR_OK);
	owe(0, HOUR_NS);
	take_all(1000);
	cr_assert_str_eq(got, "m,a=1,b=2 z=3i 1000000000\nm,a=1,b=2 x=5i 2000000000\nm,a=1,b=3 x=5i 1000000000\n");
}

static enum err fill_quarantine(struct spool *s, void *arg, struct errbuf *eb)
{
	const struct quarantine_limits limits = { 10000, 1 << 30 };
	struct quarantine_change change = { 0 };
	enum err e = ERR_OK;

	(void)arg;
	for (int i = 0; e == ERR_OK && i < 600; i++) {
		char line[64];
		snprintf(line, sizeof line, "m v=1i %d", i);
		struct quarantine_entry entry = {
			.target = "influxdb", .database = "metrics", .reason = view_of("x"), .line = view_of(line)
		};
		e = quarantine_add(spool_db(s), &entry, &limits, &change, eb);
	}
	return e;
}

/* What is owed must not wait for ever for a quarantine that is too large to be known by heart. */
Test(owed_source, a_quarantine_above_the_ceiling_is_known_in_part)
{
	struct quarantined q = { .max_places = 1024 };
	struct spool_reader *r;
	struct errbuf eb;

	cr_assert_eq(committer_call(st.committer, fill_quarantine, NULL, &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(spool_reader_open(&r, st.path, &eb), ERR_OK);
	cr_assert_eq(quarantined_load(&q, spool_reader_db(r), "influxdb", "metrics", &eb), ERR_OK, "%s", eb.text);
	cr_expect_eq(q.count, 512);
	cr_expect_eq(q.max_places, 1024);
	quarantined_fini(&q);
	spool_reader_close(r);
}

Test(owed_source, a_database_that_is_held_is_passed_by)
{
	const struct parcel_limits limits = { 10, 1000, PARCEL_DB_BIT(CATALOGUE_DEFAULT_DB) };
	struct errbuf eb;

	open_source();
	write_grid(1, 2, NS_PER_S);
	owe(0, HOUR_NS);
	parcel_clear(&parcel);
	cr_assert_eq(source->ops->fill(source, &parcel, &limits, &eb), ERR_NOTFOUND);
	cr_assert_eq(ranges(), 1);
	take_all(10);
	expect_each_once(1, 2, NS_PER_S);
}

Test(owed_source, what_the_target_would_refuse_is_not_sent)
{
	int64_t now = clock_wall_ns() / HOUR_NS * HOUR_NS;
	char lines[128];

	keeps = 10 * HOUR_NS;
	open_source();
	snprintf(lines, sizeof lines, "m v=1i %lld\nm v=2i %lld\n", (long long)(now - 20 * HOUR_NS),
	    (long long)(now - 5 * HOUR_NS));
	stand_write(&st, lines);
	owe(now - 30 * HOUR_NS, now);
	take_all(10);
	cr_assert_eq(strncmp(got, "m v=2i ", 7), 0, "%s", got);
	cr_assert_eq(lines_with("\n"), 1);
	cr_assert_eq(ranges(), 0);
}

Test(owed_source, tells_how_much_there_is)
{
	struct replicator_waiting w;

	open_source();
	source->ops->waits(source, &w);
	cr_assert_eq(w.min_ns, INT64_MAX);
	owe(5 * HOUR_NS, 6 * HOUR_NS);
	owe(2 * HOUR_NS, 3 * HOUR_NS);
	source->ops->waits(source, &w);
	cr_assert_eq(w.min_ns, 2 * HOUR_NS);
}

/* As where the pace is so low that a window takes longer than rows stay once they are delivered and in the store. */
Test(owed_source, a_window_whose_rewrites_have_left_the_spool_is_read_again)
{
	struct errbuf eb;

	open_source();
	for (int i = 0; i < 4; i++) {
		char line[64];
		snprintf(line, sizeof line, "m v=1i %lld\n", (long long)(i * NS_PER_S));
		stand_write(&st, line);
	}
	owe(0, 60 * NS_PER_S);
	cr_assert_eq(fill(2), ERR_OK);
	deliver();
	for (int i = 0; i < 200; i++) /* a row each, so that some are in extents that may go */
		stand_write(&st, "m v=2i 3000000000\n");
	stand_compact(&st);
	committer_set_delivered(st.committer, UINT64_MAX);
	cr_assert_eq(committer_let_go(st.committer, &eb), ERR_OK, "%s", eb.text);
	take_all(2);
	const char *last = NULL;
	for (const char *p = got; (p = strstr(p, "i 3000000000")); p++)
		last = p;
	cr_assert(last && last[-1] == '2', "%s", got);
	cr_assert_eq(ranges(), 0);
}

/* ---- with a replicator, whatever happens: at the end the record has each point's last value ---- */

enum { SERIES = 4, TIMES = 60 };

static struct {
	pthread_mutex_t lock;
	unsigned value[SERIES][TIMES]; /* 0: none */
} record = { .lock = PTHREAD_MUTEX_INITIALIZER };

static enum err keep_lines(
    void *ctx, const char *database, struct view lines, int64_t timeout_ms, struct record_reply *reply)
{
	(void)ctx;
	(void)database;
	(void)timeout_ms;
	pthread_mutex_lock(&record.lock);
	for (const char *p = lines.p, *e = lines.p + lines.len; p < e;
	     p = (const char *)memchr(p, '\n', (size_t)(e - p)) + 1) {
		unsigned s, v;
		long long t;
		cr_assert_eq(sscanf(p, "m,s=%u v=%ui %lld", &s, &v, &t), 3);
		record.value[s][t / (10 * NS_PER_S)] = v;
	}
	pthread_mutex_unlock(&record.lock);
	reply->status = 204;
	buf_clear(&reply->body);
	return ERR_OK;
}

static enum err pong(void *ctx, int64_t timeout_ms, struct record_reply *reply)
{
	(void)ctx;
	(void)timeout_ms;
	reply->status = 204;
	buf_clear(&reply->body);
	return ERR_OK;
}

static void lose(unsigned from, unsigned to)
{
	pthread_mutex_lock(&record.lock);
	for (unsigned s = 0; s < SERIES; s++)
		for (unsigned t = from; t < to; t++)
			record.value[s][t] = 0;
	pthread_mutex_unlock(&record.lock);
	owe(from * 10 * NS_PER_S, to * 10 * NS_PER_S);
	committer_wake(st.committer);
}

static bool is_settled(struct replicator *r)
{
	struct replicator_stats s;

	replicator_stats(r, &s);
	return s.lag_points == 0 && ranges() == 0;
}

static enum err spoil(struct spool *s, void *arg, struct errbuf *eb)
{
	(void)arg;
	return database_exec(spool_db(s), "UPDATE spool SET payload = x'00' WHERE seq = 2", eb);
}

/* Points are here twice: in the spool, and in the head or the store. */
Test(owed_source, a_row_that_cannot_be_read_is_made_again_from_the_store)
{
	static const struct record_ops ops = { .ping = pong, .write = keep_lines };
	struct replicator_opts o = { .committer = st.committer,
		.catalogue = st.catalogue,
		.record = &ops,
		.spool_path = st.path,
		.store_path = st.store_path,
		.target = "influxdb",
		.database = "metrics",
		.connections = 1 };
	struct replicator *r;
	struct errbuf eb;
	char line[96];

	for (unsigned i = 1; i <= 3; i++) {
		snprintf(line, sizeof line, "m,s=0 v=%ui %lld\n", i, (long long)(i * 10 * NS_PER_S));
		stand_write(&st, line);
	}
	cr_assert_eq(committer_call(st.committer, spoil, NULL, &eb), ERR_OK, "%s", eb.text);
	open_source();
	o.owed = source;
	source = NULL;
	cr_assert_eq(replicator_start(&r, &o, &eb), ERR_OK, "%s", eb.text);
	int64_t deadline = clock_mono_ns() + 30 * NS_PER_S;
	while (!is_settled(r) && clock_mono_ns() < deadline)
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	replicator_stop(r);
	for (unsigned i = 1; i <= 3; i++)
		cr_expect_eq(record.value[0][i], i);
}

Test(owed_source, rewrites_end_with_the_last_value)
{
	static const struct record_ops ops = { .ping = pong, .write = keep_lines };
	static unsigned last[SERIES][TIMES];
	struct replicator_opts o = { .committer = st.committer,
		.catalogue = st.catalogue,
		.record = &ops,
		.spool_path = st.path,
		.store_path = st.store_path,
		.target = "influxdb",
		.database = "metrics",
		.batch_points = 8,
		.connections = 1 };
	struct replicator *r;
	struct errbuf eb;
	char line[96];

	srandom(7);
	max_bytes = 600;
	open_source();
	o.owed = source;
	source = NULL; /* the replicator's */
	cr_assert_eq(replicator_start(&r, &o, &eb), ERR_OK, "%s", eb.text);
	for (unsigned i = 1; i < 1500; i++) {
		unsigned s = (unsigned)random() % SERIES, t = (unsigned)random() % TIMES,
			 what = (unsigned)random() % 40;
		if (what == 0)
			stand_compact(&st);
		else if (what < 3)
			lose(t, t + 1 + (unsigned)random() % (TIMES - t));
		snprintf(line, sizeof line, "m,s=%u v=%ui %lld\n", s, i, (long long)(t * 10 * NS_PER_S));
		stand_write(&st, line);
		last[s][t] = i;
	}
	int64_t deadline = clock_mono_ns() + 60 * NS_PER_S;
	while (!is_settled(r) && clock_mono_ns() < deadline)
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	cr_assert(is_settled(r));
	replicator_stop(r);
	for (unsigned s = 0; s < SERIES; s++)
		for (unsigned t = 0; t < TIMES; t++)
			cr_assert_eq(record.value[s][t], last[s][t], "series %u, time %u: %u, not %u", s, t,
			    record.value[s][t], last[s][t]);
}
