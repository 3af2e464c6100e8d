/* Points out of the quarantine on their way to targets that keep what comes last: whatever was written since they were
 * refused, in the end each target holds the last value that was acknowledged. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "flow/quarantine_control.h"
#include "flow/replay_source.h"
#include "store/pending.h"
#include "store/targets.h"
#include "support/stand.h"

enum { TARGETS = 2, SERIES = 4, FIELDS = 2, TIMES = 20 };

static struct stand st;
static struct replication *rs;
static struct breaker breaker;
static unsigned long long seed;
static int truth[SERIES][FIELDS][TIMES];

/* ---- the targets ---- */

static struct server {
	pthread_mutex_t lock;
	int values[SERIES][FIELDS][TIMES];
	bool conflict[SERIES]; /* its points are refused */
	bool no_database;
	unsigned long long random;
	bool troubled; /* now and then a request fails, or arrives without an answer */
	unsigned requests;
	char last[256]; /* the last line */
} servers[TARGETS];

static enum err reply_with(struct record_reply *r, int status, bool connected, const char *body)
{
	buf_clear(&r->body);
	buf_str(&r->body, body);
	r->status = status;
	r->connected = connected;
	r->retry_after_ms = 0;
	r->api = RECORD_API_1;
	return status ? ERR_OK : errbuf_set(&r->error, ERR_UNAVAILABLE, "no answer");
}

static unsigned next_random(unsigned long long *state, unsigned n)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(*state >> 33) % n;
}

/* m,s=1 f0=3i,f1=4i 17; false: refused. */
static bool keep(struct server *sv, const char *line)
{
	unsigned series, field, time;
	const char *tag = strstr(line, ",s="), *fields = strstr(line, " f");
	int value;

	if (!tag || !fields || sscanf(tag, ",s=%u", &series) != 1)
		return true; /* a harmless one of the replicator's own */
	if (sv->conflict[series])
		return false;
	snprintf(sv->last, sizeof sv->last, "%s", line);
	const char *blank = strrchr(line, ' ');
	cr_assert_eq(sscanf(blank, "%u", &time), 1, "%s", line);
	for (const char *p = fields + 1; p < blank; p = strchr(p, 'i') + 2) {
		cr_assert_eq(sscanf(p, "f%u=%di", &field, &value), 2, "%s", line);
		sv->values[series][field][time - 1] = value;
	}
	return true;
}

/* Under the lock. */
static enum err write_lines(struct server *sv, struct view lines, struct record_reply *r)
{
	char line[256], body[256];
	unsigned refused = 0, trouble = sv->troubled ? next_random(&sv->random, 8) : 8;

	sv->requests++;
	if (trouble == 0)
		return reply_with(r, 503, true, "");
	if (sv->no_database)
		return reply_with(r, 404, true, "{\"error\":\"database not found: \\\"metrics\\\"\"}");
	for (const char *p = lines.p, *e; p < lines.p + lines.len; p = e + 1) {
		e = memchr(p, '\n', (size_t)(lines.p + lines.len - p));
		snprintf(line, sizeof line, "%.*s", (int)(e - p), p);
		refused += !keep(sv, line);
	}
	if (trouble == 1)
		return reply_with(r, 0, true, "");
	if (!refused)
		return reply_with(r, 204, true, "");
	snprintf(body, sizeof body, "{\"error\":\"partial write: field type conflict dropped=%u\"}", refused);
	return reply_with(r, 400, true, body);
}

static enum err fake_write(
    void *ctx, const char *database, struct view lines, int64_t timeout_ms, struct record_reply *r)
{
	struct server *sv = ctx;

	(void)database;
	(void)timeout_ms;
	pthread_mutex_lock(&sv->lock);
	enum err e = write_lines(sv, lines, r);
	pthread_mutex_unlock(&sv->lock);
	return e;
}

static enum err fake_write_many(
    void *ctx, const struct record_write *writes, unsigned n, int64_t timeout_ms, struct record_reply *replies)
{
	enum err result = ERR_OK;

	for (unsigned i = 0; i < n; i++) {
		enum err e = fake_write(ctx, writes[i].database, writes[i].lines, timeout_ms, &replies[i]);
		result = e != ERR_OK ? e : result;
	}
	return result;
}

static enum err fake_ping(void *ctx, int64_t timeout_ms, struct record_reply *r)
{
	(void)ctx;
	(void)timeout_ms;
	return reply_with(r, 204, true, "");
}

static const struct record_ops fake = { .ping = fake_ping, .write = fake_write, .write_many = fake_write_many };

static void set_conflict(unsigned target, unsigned series, bool conflict)
{
	pthread_mutex_lock(&servers[target].lock);
	servers[target].conflict[series] = conflict;
	pthread_mutex_unlock(&servers[target].lock);
}

static int value_at(unsigned target, unsigned series, unsigned field, unsigned time)
{
	pthread_mutex_lock(&servers[target].lock);
	int v = servers[target].values[series][field][time - 1];
	pthread_mutex_unlock(&servers[target].lock);
	return v;
}

/* ---- */

static const char *const names[TARGETS] = { "influxdb", "mirror:two" };

static void start(unsigned count)
{
	struct replication_opts opts = {
		.committer = st.committer, .spool_path = st.path, .has_record = true, .count = count
	};
	struct errbuf eb;

	for (unsigned i = 0; i < count; i++) {
		struct replay_source_opts replay = { .committer = st.committer,
			.catalogue = st.catalogue,
			.local = st.local,
			.spool_path = st.path,
			.target = names[i],
			.database = "metrics" };
		opts.target[i] = (struct replicator_opts){ .catalogue = st.catalogue,
			.breaker = i ? NULL : &breaker,
			.record = &fake,
			.record_ctx = &servers[i],
			.target = names[i],
			.database = "metrics",
			.batch_points = 8,
			.held_ms = 3,
			.backoff_min_ms = 1,
			.backoff_max_ms = 3 };
		cr_assert_eq(replay_source_new(&opts.target[i].replay, &replay, &eb), ERR_OK, "%s", eb.text);
	}
	breaker_init(&breaker, true);
	cr_assert_eq(replication_start(&rs, &opts, &eb), ERR_OK, "%s", eb.text);
}

static void begin(void)
{
	log_set_level(LOG_ERROR);
	freopen("/dev/null", "w", stderr); /* what is held is an error each time */
	memset(truth, 0, sizeof truth);
	memset(servers, 0, sizeof servers);
	for (unsigned i = 0; i < TARGETS; i++)
		pthread_mutex_init(&servers[i].lock, NULL);
}

static void end(void)
{
	replication_stop(rs);
	rs = NULL;
	stand_remove(&st);
}

TestSuite(replay_source, .init = begin, .fini = end);

static unsigned rnd(unsigned n)
{
	return next_random(&seed, n);
}

static bool is_in_step(void)
{
	struct replicator_stats s;
	bool all = true;

	for (unsigned i = 0; i < replication_count(rs); i++) {
		replicator_stats(replication_at(rs, i), &s);
		all &= s.lag_points == 0 && s.replay_points == 0 && s.cursor_seq == spool_last_seq(st.spool);
	}
	return all;
}

/* Polls; the deadline only bounds a failing test. */
static void wait_for(bool (*reached)(void))
{
	int64_t end_ns = clock_mono_ns() + 60 * NS_PER_S;

	while (!reached()) {
		cr_assert_lt(clock_mono_ns(), end_ns, "it does not come to an end");
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	}
}

static void write_one(const char *line)
{
	char out[1024];

	cr_assert_eq(stand_try(&st, "metrics", 1, line, out), ERR_OK, "%s", out);
}

static uint64_t quarantined(const char *target)
{
	struct quarantine_sum sum;
	struct spool_reader *r;
	struct errbuf eb;

	cr_assert_eq(spool_reader_open(&r, st.path, &eb), ERR_OK);
	cr_assert_eq(quarantine_count(spool_reader_db(r), target, &sum, &eb), ERR_OK);
	spool_reader_close(r);
	return sum.points;
}

static struct quarantine_replayed replay(const char *target)
{
	const struct quarantine_control q = { st.committer, rs, st.path };
	struct quarantine_filter f = QUARANTINE_ALL;
	struct quarantine_replayed out;
	struct errbuf eb;

	f.target = target;
	cr_assert_eq(quarantine_control_replay(&q, &f, &out, &eb), ERR_OK, "%s", eb.text);
	return out;
}

static bool take_entry(void *arg, const struct quarantine_entry *e)
{
	*(struct quarantine_entry *)arg = *e;
	return false;
}

static struct quarantine_entry first_entry(void)
{
	struct quarantine_filter f = QUARANTINE_ALL;
	struct quarantine_entry e = { 0 };
	struct spool_reader *r;
	struct errbuf eb;

	cr_assert_eq(spool_reader_open(&r, st.path, &eb), ERR_OK);
	cr_assert_eq(quarantine_list(spool_reader_db(r), &f, 1, take_entry, &e, &eb), ERR_OK);
	spool_reader_close(r); /* texts are gone */
	return e;
}

Test(replay_source, a_point_that_is_delivered_leaves_the_quarantine)
{
	stand_open(&st, &(struct stand_opts){ 0 });
	set_conflict(0, 1, true);
	start(1);
	write_one("m,s=1 f0=1i 1\nm,s=2 f0=2i 1");
	wait_for(is_in_step);
	cr_expect_eq(quarantined("influxdb"), 1);
	set_conflict(0, 1, false);
	cr_expect_eq(replay(NULL).marked, 1);
	wait_for(is_in_step);
	cr_expect_eq(quarantined("influxdb"), 0);
	cr_expect_eq(value_at(0, 1, 0, 1), 1);
	cr_expect_str_eq(servers[0].last, "m,s=1 f0=1i 1", "as it was written");
	cr_expect_eq(replay(NULL).marked, 0);
}

Test(replay_source, a_point_that_is_refused_again_waits_for_the_next_time)
{
	stand_open(&st, &(struct stand_opts){ 0 });
	set_conflict(0, 1, true);
	start(1);
	write_one("m,s=1 f0=1i 1");
	wait_for(is_in_step);
	struct quarantine_entry e = first_entry();
	cr_expect_eq(e.attempts, 1);
	cr_expect_eq(e.code, QUARANTINE_TYPE_CONFLICT);
	cr_expect_eq(replay("influxdb").marked, 1);
	wait_for(is_in_step);
	e = first_entry();
	cr_expect_eq(e.attempts, 2);
	cr_expect_not(e.replay);
	cr_expect_eq(quarantined("influxdb"), 1);
	cr_expect_eq(counter_get(COUNTER_REPL_QUARANTINED), 1, "it is not counted twice");
}

static void expect_newer_value(void)
{
	set_conflict(0, 1, true);
	start(1);
	write_one("m,s=1 f0=1i,f1=2i 7");
	wait_for(is_in_step);
	cr_expect_eq(quarantined("influxdb"), 1);
	set_conflict(0, 1, false);
	write_one("m,s=1 f0=10i 7");
	wait_for(is_in_step);
	if (st.compactor)
		stand_compact(&st);
	cr_expect_eq(replay("influxdb").marked, 1);
	wait_for(is_in_step);
	cr_expect_eq(value_at(0, 1, 0, 7), 10, "the value that was acknowledged last");
	cr_expect_eq(value_at(0, 1, 1, 7), 2, "the field that nobody has written since");
	cr_expect_eq(quarantined("influxdb"), 0);
}

Test(replay_source, an_old_value_never_replaces_a_newer_one)
{
	stand_open(&st, &(struct stand_opts){ 0 });
	expect_newer_value();
}

Test(replay_source, an_old_value_never_replaces_a_newer_one_that_is_compacted)
{
	stand_open(&st, &(struct stand_opts){ .compactor = true });
	expect_newer_value();
}

Test(replay_source, tags_in_another_order_are_the_same_series)
{
	stand_open(&st, &(struct stand_opts){ 0 });
	set_conflict(0, 1, true);
	start(1);
	write_one("m,s=1\\ 0,a=b f0=1i 7");
	wait_for(is_in_step);
	cr_expect_eq(quarantined("influxdb"), 1);
	set_conflict(0, 1, false);
	write_one("m,a=b,s=1\\ 0 f0=10i 7");
	replay("influxdb");
	wait_for(is_in_step);
	cr_expect_eq(quarantined("influxdb"), 0);
	cr_expect_not_null(strstr(servers[0].last, "f0=10i 7"), "%s", servers[0].last);
}

Test(replay_source, targets_have_their_own_entries)
{
	stand_open(&st, &(struct stand_opts){ 0 });
	set_conflict(0, 1, true);
	set_conflict(1, 1, true);
	start(2);
	write_one("m,s=1 f0=1i 1");
	wait_for(is_in_step);
	cr_expect_eq(quarantined("influxdb"), 1);
	cr_expect_eq(quarantined("mirror:two"), 1);
	set_conflict(0, 1, false);
	set_conflict(1, 1, false);
	cr_expect_eq(replay("mirror:two").marked, 1);
	wait_for(is_in_step);
	cr_expect_eq(value_at(0, 1, 0, 1), 0);
	cr_expect_eq(value_at(1, 1, 0, 1), 1);
	cr_expect_eq(quarantined("influxdb"), 1);
	cr_expect_eq(quarantined("mirror:two"), 0);
}

Test(replay_source, entries_of_a_target_that_is_gone_stay)
{
	stand_open(&st, &(struct stand_opts){ 0 });
	set_conflict(0, 1, true);
	set_conflict(1, 1, true);
	start(2);
	write_one("m,s=1 f0=1i 1");
	wait_for(is_in_step);
	replication_stop(rs);
	set_conflict(0, 1, false);
	start(1);
	struct quarantine_replayed r = replay(NULL);
	cr_expect_eq(r.marked, 1);
	cr_expect_eq(r.not_configured, 1);
	wait_for(is_in_step);
	cr_expect_eq(quarantined("influxdb"), 0);
	cr_expect_eq(quarantined("mirror:two"), 1);
}

/* One point a time, so that more than one parcel is needed. */
Test(replay_source, more_than_a_parcel_and_more_than_a_step)
{
	enum { POINTS = 1203 };
	char line[64];

	stand_open(&st, &(struct stand_opts){ 0 });
	set_conflict(0, 1, true);
	start(1);
	for (unsigned i = 0; i < POINTS; i++) {
		snprintf(line, sizeof line, "m,s=1,n=%u f0=%ui %u", i, i, 1 + i % TIMES);
		write_one(line);
	}
	wait_for(is_in_step);
	cr_expect_eq(quarantined("influxdb"), POINTS);
	set_conflict(0, 1, false);
	cr_expect_eq(replay(NULL).marked, POINTS);
	wait_for(is_in_step);
	cr_expect_eq(quarantined("influxdb"), 0);
}

/* ---- anything goes ---- */

static struct target_cursor saved_cursor[TARGETS];
static struct pending_set saved_pending[TARGETS];

static void look_at_disk(void)
{
	struct spool_reader *r;
	struct errbuf eb;

	cr_assert_eq(spool_reader_open(&r, st.path, &eb), ERR_OK);
	for (unsigned i = 0; i < TARGETS; i++) {
		cr_assert_eq(target_load(spool_reader_db(r), names[i], &saved_cursor[i], NULL, &eb), ERR_OK);
		cr_assert_eq(pending_load(spool_reader_db(r), names[i], &saved_pending[i], &eb), ERR_OK);
	}
	spool_reader_close(r);
}

static enum err restore_cursors(struct spool *s, void *arg, struct errbuf *eb)
{
	enum err e = ERR_OK;

	(void)arg;
	for (unsigned i = 0; e == ERR_OK && i < TARGETS; i++) {
		e = target_store(spool_db(s), names[i], &saved_cursor[i], eb);
		if (e == ERR_OK)
			e = pending_store(spool_db(s), names[i], &saved_pending[i], eb);
	}
	return e;
}

/* As after kill -9: the cursors are what they were on disk some time before. */
static void crash(void)
{
	struct errbuf eb;

	replication_stop(rs);
	cr_assert_eq(committer_call(st.committer, restore_cursors, NULL, &eb), ERR_OK, "%s", eb.text);
	start(TARGETS);
}

static void write_some(int *value)
{
	unsigned series = rnd(SERIES), field = rnd(FIELDS), time = rnd(TIMES);
	char line[128];

	truth[series][field][time] = ++*value;
	if (rnd(2)) {
		snprintf(line, sizeof line, "m,s=%u f%u=%di %u", series, field, *value, time + 1);
	} else {
		truth[series][1 - field][time] = *value;
		snprintf(
		    line, sizeof line, "m,s=%u f%u=%di,f%u=%di %u", series, field, *value, 1 - field, *value, time + 1);
	}
	write_one(line);
}

/* Trouble ends too: by chance alone it can look as if a point were poison. */
static void mend(void)
{
	for (unsigned i = 0; i < TARGETS; i++) {
		for (unsigned k = 0; k < SERIES; k++)
			set_conflict(i, k, false);
		pthread_mutex_lock(&servers[i].lock);
		servers[i].troubled = false;
		pthread_mutex_unlock(&servers[i].lock);
	}
}

Test(replay_source, rewrites_refusals_replays_and_crashes_end_with_the_last_values, .timeout = 300)
{
	int value = 0;

	stand_open(&st, &(struct stand_opts){ .compactor = true });
	start(TARGETS);
	look_at_disk();
	for (unsigned long long run = 1; run <= 3; run++) {
		seed = run;
		for (unsigned i = 0; i < TARGETS; i++) {
			servers[i].random = run + i;
			servers[i].troubled = true;
		}
		for (unsigned step = 0; step < 400; step++) {
			write_some(&value);
			if (rnd(20) == 0)
				set_conflict(rnd(TARGETS), rnd(SERIES), rnd(2));
			if (rnd(25) == 0)
				(void)replay(rnd(2) ? NULL : names[rnd(TARGETS)]);
			if (rnd(60) == 0)
				look_at_disk();
			if (rnd(80) == 0)
				crash();
			if (rnd(150) == 0)
				stand_compact(&st);
		}
		mend();
		wait_for(is_in_step);
		(void)replay(NULL);
		wait_for(is_in_step);
		for (unsigned i = 0; i < TARGETS; i++) {
			cr_assert_eq(quarantined(names[i]), 0);
			for (unsigned s = 0; s < SERIES; s++)
				for (unsigned f = 0; f < FIELDS; f++)
					for (unsigned t = 0; t < TIMES; t++)
						cr_assert_eq(value_at(i, s, f, t + 1), truth[s][f][t],
						    "run %llu: target %u series %u field %u time %u is %d, not %d", run,
						    i, s, f, t, value_at(i, s, f, t + 1), truth[s][f][t]);
		}
		look_at_disk();
	}
	cr_expect_gt(counter_get(COUNTER_QUARANTINE_DELIVERED), 0);
	cr_expect_gt(counter_get(COUNTER_QUARANTINE_REFUSED), 0);
}
