/* Live, backlog and what is held, against a record that keeps what comes last: whatever fails in between, in the end it
 * holds the last value that was acknowledged of every point. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "flow/replicator.h"
#include "store/pending.h"
#include "store/targets.h"
#include "support/stand.h"

enum { SERIES = 6, FIELDS = 2, TIMES = 40, DATABASES = 2 };

static struct stand st;
static struct replicator *rp;
static struct breaker breaker;
static unsigned long long seed;
static int64_t held_ms = 3;
static uint64_t backlog_rate;
static unsigned truth[DATABASES][SERIES][FIELDS][TIMES];

/* ---- the record ---- */

static struct {
	pthread_mutex_t lock;
	unsigned values[DATABASES][SERIES][FIELDS][TIMES];
	unsigned long long random;
	int fails; /* so many requests, pings included */
	unsigned how; /* they fail */
	bool steady; /* nothing fails any more */
	bool no_other; /* the second database is missing */
	int after; /* requests until the next trouble */
	unsigned requests, many;
	uint64_t largest; /* lines of a request */
} record = { .lock = PTHREAD_MUTEX_INITIALIZER };

static unsigned record_random(unsigned n)
{
	record.random = record.random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(record.random >> 33) % n;
}

static enum err reply_with(struct record_reply *r, int status, bool connected, const char *body)
{
	buf_clear(&r->body);
	buf_str(&r->body, body);
	r->status = status;
	r->connected = connected;
	r->retry_after_ms = 0;
	r->api = RECORD_API_1;
	if (status)
		return ERR_OK;
	return errbuf_set(&r->error, ERR_UNAVAILABLE, "no answer");
}

/* Under the lock. Trouble comes in stretches, so that nothing passes beside what fails. */
static bool in_trouble(void)
{
	if (record.steady)
		return false;
	if (record.fails > 0) {
		record.fails--;
		return true;
	}
	if (record.after-- > 0)
		return false;
	record.after = (int)record_random(60);
	record.fails = (int)record_random(12);
	record.how = record_random(4);
	record.no_other = record_random(3) == 0;
	return record.fails > 0;
}

static void keep(struct view lines, unsigned db, uint32_t upto)
{
	char line[128];
	uint32_t n = 0;

	for (const char *p = lines.p, *e; p < lines.p + lines.len && n < upto; p = e + 1, n++) {
		unsigned series, field, value, time;
		e = memchr(p, '\n', (size_t)(lines.p + lines.len - p));
		snprintf(line, sizeof line, "%.*s", (int)(e - p), p);
		if (!strncmp(line, "holdfast,", 9))
			continue;
		cr_assert_eq(sscanf(line, "m,s=%u f%u=%ui %u", &series, &field, &value, &time), 4, "%s", line);
		record.values[db][series][field][time - 1] = value;
	}
	if (n > record.largest)
		record.largest = n;
}

/* Under the lock. */
static enum err write_one(const char *database, struct view lines, struct record_reply *r)
{
	unsigned db = strcmp(database, "metrics") != 0;

	record.requests++;
	if (in_trouble()) {
		if (record.how == 0)
			return reply_with(r, 0, false, "");
		if (record.how == 1)
			return reply_with(r, 503, true, "");
		if (record.how == 2) /* it takes some, or all, and cannot say so any more */
			keep(lines, db, record_random(20));
		return reply_with(r, record.how == 2 ? 0 : 500, true, "");
	}
	if (db && record.no_other && !record.steady)
		return reply_with(r, 404, true, "{\"error\":\"database not found: \\\"other\\\"\"}");
	keep(lines, db, UINT32_MAX);
	return reply_with(r, 204, true, "");
}

static enum err fake_write(
    void *ctx, const char *database, struct view lines, int64_t timeout_ms, struct record_reply *r)
{
	(void)ctx;
	(void)timeout_ms;
	pthread_mutex_lock(&record.lock);
	enum err e = write_one(database, lines, r);
	pthread_mutex_unlock(&record.lock);
	return e;
}

/* In any order. */
static enum err fake_write_many(
    void *ctx, const struct record_write *writes, unsigned n, int64_t timeout_ms, struct record_reply *replies)
{
	enum err result = ERR_OK;

	(void)ctx;
	(void)timeout_ms;
	cr_assert_leq(n, RECORD_WRITES_MAX);
	pthread_mutex_lock(&record.lock);
	record.many++;
	unsigned first = record_random(n);
	for (unsigned i = 0; i < n; i++) {
		unsigned k = (first + i) % n;
		enum err e = write_one(writes[k].database, writes[k].lines, &replies[k]);
		result = e != ERR_OK ? e : result;
	}
	pthread_mutex_unlock(&record.lock);
	return result;
}

static enum err fake_ping(void *ctx, int64_t timeout_ms, struct record_reply *r)
{
	(void)ctx;
	(void)timeout_ms;
	pthread_mutex_lock(&record.lock);
	bool fails = record.how < 3 && in_trouble();
	pthread_mutex_unlock(&record.lock);
	return reply_with(r, fails ? 0 : 204, !fails, "");
}

static const struct record_ops fake = { .ping = fake_ping, .write = fake_write, .write_many = fake_write_many };

/* ---- */

static void start(void)
{
	struct errbuf eb;
	struct replicator_opts o = { .committer = st.committer,
		.catalogue = st.catalogue,
		.breaker = &breaker,
		.record = &fake,
		.spool_path = st.path,
		.target = "influxdb",
		.database = "metrics",
		.batch_points = 4,
		.split_points = 1,
		.jump_age_ns = 1,
		.held_ms = held_ms,
		.backlog_rate = backlog_rate,
		.backoff_min_ms = 1,
		.backoff_max_ms = 3 };

	breaker_init(&breaker, true);
	cr_assert_eq(replicator_start(&rp, &o, &eb), ERR_OK, "%s", eb.text);
}

static void begin(void)
{
	log_set_level(LOG_ERROR);
	freopen("/dev/null", "w", stderr); /* what is held is an error each time */
	stand_open(&st, &(struct stand_opts){ .create_databases = true });
	memset(truth, 0, sizeof truth);
	memset(record.values, 0, sizeof record.values);
}

static void end(void)
{
	replicator_stop(rp);
	stand_remove(&st);
}

TestSuite(replicator_lanes, .init = begin, .fini = end);

static unsigned rnd(unsigned n)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(seed >> 33) % n;
}

static void write_some(unsigned *value)
{
	char lines[1024], out[1024];
	unsigned db = rnd(4) == 0, n = 1 + rnd(8), around = rnd(TIMES);
	size_t len = 0;

	for (unsigned i = 0; i < n; i++) {
		unsigned series = rnd(SERIES), field = rnd(FIELDS), time = (around + rnd(4)) % TIMES;
		truth[db][series][field][time] = ++*value;
		len += (size_t)snprintf(
		    lines + len, sizeof lines - len, "m,s=%u f%u=%ui %u\n", series, field, *value, time + 1);
	}
	cr_assert_eq(stand_try(&st, db ? "other" : "metrics", 1, lines, out), ERR_OK, "%s", out);
}

static bool is_in_step(void)
{
	struct replicator_stats s;

	replicator_stats(rp, &s);
	return s.lag_points == 0 && s.cursor_seq == spool_last_seq(st.spool) && s.held_databases == 0;
}

/* Polls; the deadline only bounds a failing test. */
static bool within_deadline(bool (*done)(void))
{
	int64_t end_ns = clock_mono_ns() + 60 * NS_PER_S;

	while (!done()) {
		if (clock_mono_ns() > end_ns)
			return false;
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	}
	return true;
}

struct state {
	struct target_cursor cursor;
	struct pending_set pending;
};

static struct state saved;

static void look_at_disk(void)
{
	struct spool_reader *r;
	struct errbuf eb;

	cr_assert_eq(spool_reader_open(&r, st.path, &eb), ERR_OK);
	cr_assert_eq(target_load(spool_reader_db(r), "influxdb", &saved.cursor, NULL, &eb), ERR_OK);
	cr_assert_eq(pending_load(spool_reader_db(r), "influxdb", &saved.pending, &eb), ERR_OK);
	spool_reader_close(r);
}

static enum err put_back(struct spool *s, void *arg, struct errbuf *eb)
{
	struct state *state = arg;
	enum err e = target_store(spool_db(s), "influxdb", &state->cursor, eb);

	return e == ERR_OK ? pending_store(spool_db(s), "influxdb", &state->pending, eb) : e;
}

/* As after kill -9: what was on disk some time before is there, not what a stop writes. */
static void crash(void)
{
	struct errbuf eb;

	replicator_stop(rp);
	cr_assert_eq(committer_call(st.committer, put_back, &saved, &eb), ERR_OK, "%s", eb.text);
	start();
}

static void expect_truth(unsigned long long run)
{
	for (unsigned d = 0; d < DATABASES; d++)
		for (unsigned s = 0; s < SERIES; s++)
			for (unsigned f = 0; f < FIELDS; f++)
				for (unsigned t = 0; t < TIMES; t++)
					cr_assert_eq(record.values[d][s][f][t], truth[d][s][f][t],
					    "run %llu: database %u series %u field %u time %u is %u, not %u", run, d, s,
					    f, t, record.values[d][s][f][t], truth[d][s][f][t]);
}

Test(replicator_lanes, rewrites_outages_holds_and_crashes_end_with_the_last_values, .timeout = 300)
{
	unsigned value = 0;
	struct replicator_stats s;

	start();
	look_at_disk();
	for (unsigned long long run = 1; run <= 4; run++) {
		seed = record.random = run;
		record.steady = false;
		for (unsigned step = 0; step < 300; step++) {
			write_some(&value);
			if (rnd(40) == 0)
				look_at_disk();
			if (rnd(80) == 0)
				crash();
			if (rnd(100) == 0)
				replicator_pause(rp);
			if (rnd(20) == 0)
				replicator_resume(rp);
			if (rnd(30) == 0)
				nanosleep(&(struct timespec){ .tv_nsec = 3000000 }, NULL);
		}
		replicator_resume(rp);
		pthread_mutex_lock(&record.lock);
		record.steady = true;
		pthread_mutex_unlock(&record.lock);
		cr_assert(within_deadline(is_in_step), "run %llu", run);
		expect_truth(run);
		look_at_disk();
	}
	replicator_stats(rp, &s);
	cr_assert_eq(s.quarantined_points, 0);
	cr_assert_gt(record.many, 0, "bodies were sent at once");
}

Test(replicator_lanes, a_held_database_holds_no_other)
{
	char out[1024];
	struct replicator_stats s;
	struct errbuf eb;

	record.steady = false;
	record.after = 1 << 30;
	record.no_other = true;
	for (unsigned i = 0; i < 20; i++) {
		char line[64];
		snprintf(line, sizeof line, "m,s=0 f0=%ui 1\n", i + 1);
		cr_assert_eq(stand_try(&st, i % 2 ? "other" : "metrics", 1, line, out), ERR_OK);
	}
	start();
	for (int64_t end_ns = clock_mono_ns() + 30 * NS_PER_S; clock_mono_ns() < end_ns;) {
		replicator_stats(rp, &s);
		if (s.held_databases == 1 && s.live_seq == spool_last_seq(st.spool))
			break;
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	}
	cr_assert_eq(s.held_databases, 1);
	cr_assert_eq(s.state, REPLICATOR_HELD);
	cr_assert(strstr(s.last_error, "database not found"), "%s", s.last_error);
	cr_assert_eq(s.live_seq, spool_last_seq(st.spool));
	cr_assert_eq(
	    s.lag_points, 10, "what is delivered of others waits for nobody: %llu", (unsigned long long)s.lag_points);
	cr_assert_eq(s.eta_ns, -1, "nobody knows when somebody mends it");
	pthread_mutex_lock(&record.lock);
	cr_assert_eq(record.values[0][0][0][0], 19, "the other database goes on");
	cr_assert_eq(record.values[1][0][0][0], 0);
	record.steady = true;
	pthread_mutex_unlock(&record.lock);
	cr_assert(within_deadline(is_in_step), "it is tried again by itself");
	cr_assert_eq(record.values[1][0][0][0], 20);
	cr_assert_eq(replicator_skip_held(rp, &eb), ERR_NOTFOUND);
}

static bool nothing_is_held_back(void)
{
	struct replicator_stats s;

	replicator_stats(rp, &s);
	return s.quarantined_points == 3;
}

Test(replicator_lanes, what_is_held_can_be_skipped_into_the_quarantine)
{
	char out[1024];
	struct errbuf eb;
	struct replicator_stats s = { 0 };

	record.steady = false;
	record.after = 1 << 30;
	record.no_other = true;
	cr_assert_eq(stand_try(&st, "other", 1, "m,s=0 f0=1i 1\nm,s=0 f0=2i 2\nm,s=0 f0=3i 3\n", out), ERR_OK);
	start();
	while (s.held_databases == 0)
		replicator_stats(rp, &s);
	cr_assert_eq(replicator_skip_held(rp, &eb), ERR_OK);
	cr_assert(within_deadline(nothing_is_held_back));
	cr_assert_eq(record.values[1][0][0][0], 0);
}

static bool is_held(void)
{
	struct replicator_stats s;

	replicator_stats(rp, &s);
	return s.held_databases > 0;
}

static bool is_judged(void)
{
	struct replicator_stats s;

	replicator_stats(rp, &s);
	return s.held_databases > 0 || s.quarantined_points > 0;
}

static void other_is_missing(bool missing)
{
	pthread_mutex_lock(&record.lock);
	record.steady = !missing;
	record.no_other = missing;
	record.after = 1 << 30;
	pthread_mutex_unlock(&record.lock);
}

Test(replicator_lanes, a_skip_that_came_too_late_skips_nothing_afterwards)
{
	char out[1024];
	struct errbuf eb;
	struct replicator_stats s;

	held_ms = 600000;
	other_is_missing(true);
	cr_assert_eq(stand_try(&st, "other", 1, "m,s=0 f0=1i 1\n", out), ERR_OK);
	start();
	cr_assert(within_deadline(is_held));
	other_is_missing(false);
	cr_assert_eq(replicator_skip_held(rp, &eb), ERR_OK);
	cr_assert(within_deadline(is_in_step));
	other_is_missing(true);
	cr_assert_eq(stand_try(&st, "other", 1, "m,s=0 f0=2i 2\n", out), ERR_OK);
	cr_assert(within_deadline(is_judged));
	replicator_stats(rp, &s);
	cr_assert_eq(s.quarantined_points, 0);
	cr_assert_eq(s.held_databases, 1);
}

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

Test(replicator_lanes, a_held_database_whose_time_has_come_is_waited_for_in_peace)
{
	char out[1024];

	backlog_rate = 1; /* so that it is seldom the backlog's turn */
	other_is_missing(true);
	for (unsigned i = 0; i < 40; i++)
		cr_assert_eq(stand_try(&st, i % 2 ? "metrics" : "other", 1, "m,s=0 f0=1i 1\n", out), ERR_OK);
	start();
	cr_assert(within_deadline(is_held));
	nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
	int64_t before = cpu_ns();
	nanosleep(&(struct timespec){ .tv_nsec = 600000000 }, NULL);
	cr_assert_lt(cpu_ns() - before, 200000000);
}

Test(replicator_lanes, a_paused_target_stays_paused_over_a_restart)
{
	struct replicator_stats s;
	unsigned value = 0;

	record.steady = true;
	start();
	cr_assert(within_deadline(is_in_step));
	replicator_pause(rp);
	replicator_stop(rp);
	start();
	write_some(&value);
	for (unsigned i = 0; i < 20; i++) {
		replicator_stats(rp, &s);
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	}
	cr_assert(s.paused && s.state == REPLICATOR_PAUSED && s.lag_points > 0);
	replicator_resume(rp);
	cr_assert(within_deadline(is_in_step));
	expect_truth(0);
}
