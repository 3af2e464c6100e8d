/* Several targets: one that does not work delays no other, and the spool keeps what any of them lacks. */
#include "flow/replication.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/targets.h"
#include "support/stand.h"

enum { TARGETS = 3 };

static struct stand st;
static struct replication *rs;
static struct breaker breaker;
static struct errbuf eb;

static struct server {
	atomic_bool down, hangs; /* hangs: a request ends when it is over */
	_Atomic unsigned lines;
} server[TARGETS];

static enum err reply_with(struct record_reply *r, int status)
{
	buf_clear(&r->body);
	r->status = status;
	r->connected = status != 0;
	r->retry_after_ms = 0;
	return status ? ERR_OK : errbuf_set(&r->error, ERR_UNAVAILABLE, "connection refused");
}

static enum err fake_write(void *ctx, const char *db, struct view lines, int64_t timeout_ms, struct record_reply *r)
{
	struct server *s = ctx;

	(void)db;
	(void)timeout_ms;
	while (s->hangs)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	if (s->down)
		return reply_with(r, 0);
	for (size_t i = 0; i < lines.len; i++)
		s->lines += lines.p[i] == '\n';
	return reply_with(r, 204);
}

static enum err fake_ping(void *ctx, int64_t timeout_ms, struct record_reply *r)
{
	(void)timeout_ms;
	return reply_with(r, ((struct server *)ctx)->down ? 0 : 204);
}

static const struct record_ops fake = { .ping = fake_ping, .write = fake_write };

static void start(unsigned count)
{
	static const char *const names[] = { "influxdb", "mirror:a", "mirror:b" };
	struct replication_opts o = {
		.committer = st.committer, .spool_path = st.path, .count = count, .has_record = true
	};

	breaker_init(&breaker, true);
	for (unsigned i = 0; i < count; i++)
		o.target[i] = (struct replicator_opts){ .catalogue = st.catalogue,
			.breaker = i ? NULL : &breaker,
			.record = &fake,
			.record_ctx = &server[i],
			.target = names[i],
			.database = "metrics",
			.backoff_min_ms = 1,
			.backoff_max_ms = 5 };
	cr_assert_eq(replication_start(&rs, &o, &eb), ERR_OK, "%s", eb.text);
}

static void begin(void)
{
	log_set_level(LOG_ERROR);
	stand_open(&st, NULL);
	for (unsigned i = 0; i < TARGETS; i++) {
		server[i].down = server[i].hangs = false;
		server[i].lines = 0;
	}
}

static void end(void)
{
	replication_stop(rs);
	stand_remove(&st);
}

TestSuite(replication, .init = begin, .fini = end);

static void write_rows(unsigned from, unsigned to)
{
	char line[64];

	for (unsigned i = from; i < to; i++) {
		snprintf(line, sizeof line, "m v=%ui %u\n", i, i + 1);
		stand_write(&st, line);
	}
}

/* The deadline only bounds a failing test. */
static bool gets(unsigned i, unsigned lines)
{
	for (int64_t end_ns = clock_mono_ns() + 30 * NS_PER_S; server[i].lines != lines;) {
		if (clock_mono_ns() > end_ns)
			return false;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return true;
}

static bool forgotten(const char *target)
{
	struct spool_reader *r;
	struct target_cursor c;
	bool known;

	cr_assert_eq(spool_reader_open(&r, st.path, &eb), ERR_OK);
	cr_assert_eq(target_load(spool_reader_db(r), target, &c, &known, &eb), ERR_OK);
	spool_reader_close(r);
	return !known;
}

Test(replication, one_that_is_away_or_hangs_delays_no_other)
{
	server[1].down = true;
	server[2].hangs = true;
	start(3);
	write_rows(0, 50);
	cr_assert(gets(0, 50));
	cr_assert_eq(server[1].lines + server[2].lines, 0);
	server[1].down = false;
	cr_assert(gets(1, 50));
	server[2].hangs = false;
	cr_assert(gets(2, 50));
}

Test(replication, the_spool_keeps_what_any_of_them_lacks)
{
	struct spool_totals t;

	server[1].down = true;
	start(2);
	committer_set_compacted(st.committer, UINT64_MAX);
	write_rows(0, 200); /* more than an extent */
	cr_assert(gets(0, 200));
	replicator_pause(replication_record(rs)); /* stores its cursor */
	cr_assert_eq(committer_let_go(st.committer, &eb), ERR_OK);
	spool_totals(st.spool, &t);
	cr_assert_eq(t.first_seq, 1);
	server[1].down = false;
	cr_assert(gets(1, 200));
	while (replicator_stored_seq(replication_at(rs, 1)) < 200 || replicator_stored_seq(replication_at(rs, 0)) < 200)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	cr_assert_eq(committer_let_go(st.committer, &eb), ERR_OK);
	spool_totals(st.spool, &t);
	cr_assert_gt(t.first_seq, 1);
}

Test(replication, one_that_is_not_configured_any_more_is_forgotten)
{
	start(3);
	write_rows(0, 10);
	cr_assert(gets(2, 10));
	replication_stop(rs);
	cr_assert_not(forgotten("mirror:b"));
	start(2);
	cr_assert(forgotten("mirror:b"));
	cr_assert_not(forgotten("mirror:a"));
	replication_stop(rs);
	start(3);
	cr_assert(gets(2, 20), "it begins with what the spool holds");
}

Test(replication, they_are_found_by_their_names)
{
	start(3);
	cr_assert_eq(replication_count(rs), 3);
	cr_assert_eq(replication_find(rs, "mirror:b"), replication_at(rs, 2));
	cr_assert_eq(replication_find(rs, "influxdb"), replication_record(rs));
	cr_assert_null(replication_find(rs, "b"));
	cr_assert_str_eq(replicator_shown_name(replication_at(rs, 1)), "the mirror a");
	cr_assert_eq(replication_count(NULL), 0);
	cr_assert_null(replication_record(NULL));
}
