/* The replicator against a scripted record: what each kind of answer does. (The real server is in tests/integration.) */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "flow/replicator.h"
#include "store/database.h"
#include "store/owed.h"
#include "support/stand.h"

static struct stand st;
static const char *url = "http://one";
static struct replicator *rp;
static struct breaker breaker;
static uint32_t batch = 8;
static int64_t backoff_min_ms = 1, backoff_max_ms = 5, jump_age_ns;

/* ---- the record: keeps the lines it takes ---- */

static struct {
	pthread_mutex_t lock;
	bool down; /* no answer to anything */
	int status; /* of every write, unless 0 */
	bool sick; /* every write draws a 500, though it answers pings */
	size_t too_large; /* bodies above it are 413 */
	bool no_database;
	bool refuses_unsigned;
	bool drops_all; /* a request with "bad" in it loses all its lines */
	bool names; /* as 3.x: says which lines are bad, and takes the others */
	bool silent; /* as one that is too busy: writes end without an answer, pings are answered */
	uint64_t flaky; /* half of the writes, by these dice, end without an answer, though nothing died; 0: none */
	bool stale; /* the next write meets a connection that the server has closed */
	bool reuses; /* every connection is an old one, unless a write is to be alone */
	unsigned pings;
	const char *killer; /* a request with it ends the server, which is back after some pings */
	unsigned deaths, absent; /* absent: pings that it misses */
	char *kept;
	size_t len;
	unsigned requests, databases;
	enum record_api api;
	int64_t retry_after_ms; /* of what is 503 */
} record = { .lock = PTHREAD_MUTEX_INITIALIZER, .api = RECORD_API_1 };

static enum err reply_with(struct record_reply *r, int status, const char *body)
{
	buf_clear(&r->body);
	buf_str(&r->body, body);
	r->status = status > 0 ? status : 0;
	r->connected = status != 0; /* below 0: the connection ended */
	r->retry_after_ms = status == 503 ? record.retry_after_ms : 0;
	r->reused = false;
	r->api = record.api;
	snprintf(r->server_version, sizeof r->server_version, "1.6.7");
	if (status > 0)
		return ERR_OK;
	return errbuf_set(&r->error, ERR_UNAVAILABLE, status ? "empty reply" : "connection refused");
}

static bool has(struct view lines, const char *word)
{
	return memmem(lines.p, lines.len, word, strlen(word));
}

static int judge(struct view lines, const char **body)
{
	*body = "";
	if (record.down || record.absent)
		return 0;
	if (record.silent || record.stale)
		return -1;
	if (record.flaky) {
		record.flaky ^= record.flaky << 13;
		record.flaky ^= record.flaky >> 7;
		record.flaky ^= record.flaky << 17;
		if (record.flaky >> 32 & 1)
			return -1;
	}
	if (record.killer && has(lines, record.killer)) {
		record.deaths++;
		record.absent = 3;
		return -1;
	}
	if (record.status) {
		*body = record.status == 401 ? "{\"error\":\"authorization failed\"}" : "";
		return record.status;
	}
	if (record.sick || has(lines, "poison"))
		return 500;
	if (record.no_database) {
		*body = "{\"error\":\"database not found: \\\"metrics\\\"\"}";
		return 404;
	}
	if (record.too_large && lines.len > record.too_large)
		return 413;
	if (record.refuses_unsigned && has(lines, "=7u")) {
		*body = "{\"error\":\"unable to parse 'x': invalid number\"}";
		return 400;
	}
	if (record.drops_all && has(lines, "bad")) {
		static char dropped[96];
		unsigned bad = 0;
		for (const char *at = lines.p; (at = memmem(at, (size_t)(lines.p + lines.len - at), "bad", 3)); at += 3)
			bad++;
		snprintf(dropped, sizeof dropped, "{\"error\":\"partial write: field type conflict dropped=%u\"}", bad);
		*body = dropped;
		return 400;
	}
	if (has(lines, "bad")) {
		*body = "{\"error\":\"partial write: field type conflict dropped=1\"}";
		return 400;
	}
	return 204;
}

/* Keeps what is good of them. */
static int name_bad(struct view lines, const char **body)
{
	static char text[4096];
	size_t n = (size_t)snprintf(
	    text, sizeof text, "{\"error\":\"partial write of line protocol occurred\",\"data\":[");
	unsigned number = 0, bad = 0;

	record.kept = realloc(record.kept, record.len + lines.len + 1);
	for (const char *p = lines.p, *e; p < lines.p + lines.len; p = e + 1) {
		e = memchr(p, '\n', (size_t)(lines.p + lines.len - p));
		struct view line = { p, (size_t)(e + 1 - p) };
		number++;
		if (has(line, "bad")) {
			n += (size_t)snprintf(text + n, sizeof text - n,
			    "%s{\"original_line\":\"%.*s\",\"line_number\":%u,\"error_message\":\"line %u is bad\"}",
			    bad++ ? "," : "", (int)line.len - 1, p, number, number);
		} else {
			memcpy(record.kept + record.len, line.p, line.len);
			record.len += line.len;
		}
	}
	record.kept[record.len] = 0;
	snprintf(text + n, sizeof text - n, "]}");
	*body = bad ? text : "";
	return bad ? 400 : 200;
}

static enum err fake_write(
    void *ctx, const char *database, struct view lines, int64_t timeout_ms, struct record_reply *r)
{
	const char *body;

	(void)ctx;
	(void)database;
	(void)timeout_ms;
	pthread_mutex_lock(&record.lock);
	record.requests++;
	int status = record.names ? name_bad(lines, &body) : judge(lines, &body);
	if (status == 204) {
		record.kept = realloc(record.kept, record.len + lines.len + 1);
		memcpy(record.kept + record.len, lines.p, lines.len);
		record.len += lines.len;
		record.kept[record.len] = 0;
	}
	bool reused = record.stale || (record.reuses && status < 0);
	record.stale = false;
	pthread_mutex_unlock(&record.lock);
	enum err e = reply_with(r, status, body);
	r->reused = reused;
	return e;
}

static enum err fake_ping(void *ctx, int64_t timeout_ms, struct record_reply *r)
{
	(void)ctx;
	(void)timeout_ms;
	pthread_mutex_lock(&record.lock);
	record.pings++;
	bool down = record.down || record.absent;
	if (record.absent)
		record.absent--;
	pthread_mutex_unlock(&record.lock);
	return reply_with(r, down ? 0 : 204, "");
}

static enum err fake_make_place(
    void *ctx, const char *database, int64_t retention_ns, int64_t timeout_ms, struct record_reply *r)
{
	(void)ctx;
	(void)retention_ns;
	(void)timeout_ms;
	pthread_mutex_lock(&record.lock);
	cr_assert_str_eq(database, "metrics");
	record.no_database = false;
	record.databases++;
	pthread_mutex_unlock(&record.lock);
	return reply_with(r, 200, "{\"results\":[{\"statement_id\":0}]}");
}

static const struct record_ops fake = { .ping = fake_ping, .write = fake_write, .make_place = fake_make_place };

/* ---- */

static void start(void)
{
	struct errbuf eb;
	struct replicator_opts o = { .committer = st.committer,
		.catalogue = st.catalogue,
		.breaker = &breaker,
		.record = &fake,
		.spool_path = st.path,
		.store_path = st.store ? st.store_path : NULL,
		.target = "influxdb",
		.url = url,
		.database = "metrics",
		.create_database = true,
		.batch_points = batch,
		.jump_age_ns = jump_age_ns,
		.backoff_min_ms = backoff_min_ms,
		.backoff_max_ms = backoff_max_ms };

	breaker_init(&breaker, true);
	cr_assert_eq(replicator_start(&rp, &o, &eb), ERR_OK, "%s", eb.text);
}

static void begin(void)
{
	log_set_level(getenv("HF_LOG") ? LOG_INFO : LOG_ERROR);
	stand_open(&st, NULL);
}

static void end(void)
{
	replicator_stop(rp);
	stand_remove(&st);
	free(record.kept);
}

TestSuite(replicator, .init = begin, .fini = end);

static struct replicator_stats stats(void)
{
	struct replicator_stats s;

	replicator_stats(rp, &s);
	return s;
}

/* Polls; the deadline only bounds a failing test. */
static bool within_deadline(bool (*done)(void))
{
	int64_t end_ns = clock_mono_ns() + 30 * NS_PER_S;

	while (!done()) {
		if (clock_mono_ns() > end_ns)
			return false;
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	}
	return true;
}

static bool in_step(void)
{
	return stats().lag_points == 0;
}

static bool is_down(void)
{
	return stats().state == REPLICATOR_DOWN;
}

static bool is_held(void)
{
	return stats().state == REPLICATOR_HELD;
}

static void write_lines(unsigned from, unsigned to, const char *special, unsigned which)
{
	char line[64];

	for (unsigned i = from; i < to; i++) {
		snprintf(line, sizeof line, "m%s v=%ui %u\n", i == which ? special : "", i, i + 1);
		stand_write(&st, line);
	}
}

static unsigned kept_lines(const char *word)
{
	unsigned n = 0;

	pthread_mutex_lock(&record.lock);
	for (const char *p = record.kept; p && (p = strstr(p, word)); p++)
		n++;
	pthread_mutex_unlock(&record.lock);
	return n;
}

Test(replicator, delivers_all_and_closes_the_breaker)
{
	write_lines(0, 100, "", 0);
	start();
	cr_assert(within_deadline(in_step));
	cr_assert_eq(kept_lines("m v="), 100);
	cr_assert(breaker_allows(&breaker));
	cr_assert_eq(replicator_undelivered_from_ns(rp), INT64_MAX);
	cr_assert_str_eq(stats().server_version, "1.6.7");
}

Test(replicator, a_refused_point_is_quarantined_and_its_neighbours_arrive)
{
	write_lines(0, 30, ",t=bad", 13);
	start();
	cr_assert(within_deadline(in_step));
	cr_assert_eq(kept_lines("m v="), 29);
	cr_assert_eq(stats().quarantined_points, 1);
}

Test(replicator, a_point_that_draws_a_500_each_time_is_set_aside_once_others_pass)
{
	write_lines(0, 30, ",t=poison", 13);
	start();
	cr_assert(within_deadline(in_step));
	cr_assert_eq(kept_lines("m v="), 29);
	cr_assert_eq(stats().quarantined_points, 1);
}

Test(replicator, a_sick_server_fills_no_quarantine)
{
	record.sick = true;
	write_lines(0, 10, "", 0);
	start();
	cr_assert(within_deadline(is_down));
	for (int i = 0; i < 50; i++) /* plenty of tries at 1 to 5 ms */
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	cr_assert_eq(stats().quarantined_points, 0);
	cr_assert_eq(stats().lag_points, 10);
	cr_assert_not(breaker_allows(&breaker));
	pthread_mutex_lock(&record.lock);
	record.sick = false;
	pthread_mutex_unlock(&record.lock);
	cr_assert(within_deadline(in_step));
	cr_assert_eq(stats().quarantined_points, 0);
	cr_assert_geq(kept_lines("m v="), 10);
}

Test(replicator, an_absent_server_is_waited_for_and_nothing_is_dropped)
{
	record.down = true;
	write_lines(0, 20, "", 0);
	start();
	cr_assert(within_deadline(is_down));
	cr_assert_not(breaker_allows(&breaker));
	cr_assert_eq(replicator_undelivered_from_ns(rp), 1);
	write_lines(20, 40, "", 0);
	cr_assert_eq(stats().lag_points, 40);
	pthread_mutex_lock(&record.lock);
	record.down = false;
	pthread_mutex_unlock(&record.lock);
	cr_assert(within_deadline(in_step));
	cr_assert_eq(kept_lines("m v="), 40);
}

Test(replicator, a_wrong_token_holds_until_it_is_mended_and_asked_again)
{
	record.status = 401;
	write_lines(0, 5, "", 0);
	start();
	cr_assert(within_deadline(is_held));
	cr_assert(strstr(stats().last_error, "authorization failed"));
	pthread_mutex_lock(&record.lock);
	record.status = 0;
	pthread_mutex_unlock(&record.lock);
	replicator_retry_now(rp);
	cr_assert(within_deadline(in_step));
	cr_assert_eq(kept_lines("m v="), 5);
	cr_assert_eq(stats().quarantined_points, 0);
}

Test(replicator, a_missing_database_is_created)
{
	record.no_database = true;
	write_lines(0, 5, "", 0);
	start();
	cr_assert(within_deadline(in_step));
	cr_assert_eq(record.databases, 1);
	cr_assert_eq(kept_lines("m v="), 5);
}

/* ---- what it is owed ---- */

static uint32_t owed(struct owed_range *first)
{
	struct owed_range all[8];
	uint32_t n = owed_list(spool_owed(st.spool), "influxdb", all, 8);

	*first = n ? all[0] : (struct owed_range){ 0 };
	return n;
}

/* A spool that keeps nothing that the store has. */
static void open_with_store(void)
{
	stand_remove(&st);
	stand_open(&st, &(struct stand_opts){ .compactor = true });
	committer_set_delivered(st.committer, UINT64_MAX);
	write_lines(0, 128, "", 0); /* a row each: two extents */
	stand_compact(&st);
	struct errbuf eb;
	cr_assert_eq(committer_let_go(st.committer, &eb), ERR_OK, "%s", eb.text);
	committer_set_delivered(st.committer, 0);
}

static void restart(const char *at)
{
	replicator_stop(rp);
	url = at;
	start();
	cr_assert(within_deadline(in_step));
}

Test(replicator, a_target_that_is_met_first_is_owed_what_only_the_store_has)
{
	struct owed_range r;

	open_with_store();
	write_lines(128, 130, "", 0);
	start();
	cr_assert(within_deadline(in_step));
	cr_expect_eq(kept_lines("m v="), 2);
	cr_assert_eq(owed(&r), 1);
	cr_expect_eq(r.cause, OWED_BEFORE);
	cr_expect_eq(r.db, 1);
	cr_expect_eq(r.from_ns, 1);
	cr_expect_eq(r.to_ns, 129);
	restart("http://one");
	cr_expect_eq(owed(&r), 1);
	cr_expect_eq(r.to_ns, 129, "and met once");
}

Test(replicator, another_record_is_owed_all_and_gets_what_the_spool_has)
{
	struct owed_range r;

	write_lines(0, 5, "", 0);
	start();
	cr_assert(within_deadline(in_step));
	cr_expect_eq(owed(&r), 0, "there is nothing but the spool");
	restart("http://two");
	cr_expect_eq(kept_lines("m v="), 10);
	cr_expect_eq(owed(&r), 0);
	replicator_stop(rp);
	rp = NULL;
	open_with_store();
	start();
	cr_assert(within_deadline(in_step));
	cr_assert_eq(owed(&r), 1);
}

static enum err write_old_cursor(struct spool *s, void *arg, struct errbuf *eb)
{
	(void)arg;
	return database_exec(spool_db(s), "INSERT INTO cursor (target, seq, points) VALUES ('influxdb', 129, 7)", eb);
}

Test(replicator, a_cursor_of_an_older_version_goes_on_and_owes_nothing)
{
	struct owed_range r;
	struct errbuf eb;

	open_with_store();
	write_lines(128, 130, "", 0);
	cr_assert_eq(committer_call(st.committer, write_old_cursor, NULL, &eb), ERR_OK, "%s", eb.text);
	start();
	cr_assert(within_deadline(in_step));
	cr_expect_eq(kept_lines("m v="), 1);
	cr_expect_eq(owed(&r), 0);
	restart("http://one");
	cr_expect_eq(kept_lines("m v="), 1, "its record is remembered");
	restart("http://two");
	cr_expect_eq(owed(&r), 1);
}

Test(replicator, a_database_that_is_gone_is_owed_what_was_delivered_to_it)
{
	struct owed_range r;

	write_lines(0, 5, "", 0);
	start();
	cr_assert(within_deadline(in_step));
	pthread_mutex_lock(&record.lock);
	record.no_database = true;
	pthread_mutex_unlock(&record.lock);
	write_lines(10, 12, "", 0);
	cr_assert(within_deadline(in_step));
	cr_expect_eq(record.databases, 1);
	cr_assert_eq(owed(&r), 1);
	cr_expect_eq(r.cause, OWED_MISSING);
	cr_expect_eq(r.from_ns, 1);
	cr_expect_eq(r.to_ns, 6, "what comes afterwards is delivered");
}

Test(replicator, a_database_that_is_gone_is_owed_what_the_backlog_had_brought_it)
{
	struct owed_range r;

	jump_age_ns = 1;
	write_lines(0, 5, "", 0);
	start();
	cr_assert(within_deadline(in_step));
	pthread_mutex_lock(&record.lock);
	record.no_database = true;
	pthread_mutex_unlock(&record.lock);
	write_lines(10, 11, "", 0);
	cr_assert(within_deadline(in_step));
	cr_assert_eq(owed(&r), 1);
	cr_expect_eq(r.from_ns, 1);
	cr_expect_eq(r.to_ns, 6);
}

Test(replicator, too_large_requests_are_halved)
{
	record.too_large = 30;
	write_lines(0, 24, "", 0);
	start();
	cr_assert(within_deadline(in_step));
	cr_assert_eq(kept_lines("m v="), 24);
	cr_assert_eq(stats().quarantined_points, 0);
}

Test(replicator, unsigned_integers_are_sent_as_integers_where_they_are_refused)
{
	record.refuses_unsigned = true;
	stand_write(&st, "n v=7u 1\nn v=7u 2\n");
	start();
	cr_assert(within_deadline(in_step));
	cr_assert_eq(kept_lines("n v=7i"), 2);
	cr_assert_eq(stats().quarantined_points, 0);
}

Test(replicator, the_cursor_outlives_a_stop)
{
	write_lines(0, 10, "", 0);
	start();
	cr_assert(within_deadline(in_step));
	uint64_t cursor = stats().cursor_seq;
	replicator_stop(rp);
	unsigned before = record.requests;
	start();
	cr_assert_eq(stats().cursor_seq, cursor);
	write_lines(10, 11, "", 0);
	cr_assert(within_deadline(in_step));
	cr_assert_eq(kept_lines("m v="), 11);
	cr_assert_eq(record.requests, before + 1);
}

Test(replicator, lines_that_the_server_names_are_set_aside_in_one_request)
{
	record.names = true;
	stand_write(&st, "m v=1i 1\nm,t=bad v=2i 2\nm v=3i 3\nm,t=bad v=4i 4\nm v=5i 5\n");
	start();
	cr_assert(within_deadline(in_step));
	cr_assert_eq(record.requests, 1);
	cr_assert_eq(kept_lines("m v="), 3);
	cr_assert_eq(stats().quarantined_points, 2);
}

Test(replicator, a_request_that_lost_all_its_lines_is_set_aside_in_one)
{
	record.drops_all = true;
	write_lines(0, 8, "", 0);
	stand_write(&st,
	    "m,t=bad v=1i 1\nm,t=bad v=2i 2\nm,t=bad v=3i 3\nm,t=bad v=4i 4\n"
	    "m,t=bad v=5i 5\nm,t=bad v=6i 6\nm,t=bad v=7i 7\nm,t=bad v=8i 8\n");
	start();
	cr_assert(within_deadline(in_step));
	cr_assert_eq(kept_lines("m v="), 8);
	cr_assert_eq(stats().quarantined_points, 8);
	cr_assert_leq(record.requests, 3);
}

/* More than one transaction takes. */
Test(replicator, thousands_of_refused_lines_are_set_aside_once_each)
{
	static char lines[1203 * 32];
	size_t n = 0;

	batch = 5000;
	record.drops_all = true;
	for (unsigned i = 0; i < 1203; i++)
		n += (size_t)snprintf(lines + n, sizeof lines - n, "m,t=bad v=%ui %u\n", i, i + 1);
	stand_write(&st, lines);
	start();
	cr_assert(within_deadline(in_step));
	cr_assert_eq(stats().quarantined_points, 1203);
	cr_assert_leq(record.requests, 2, "one had more than 500 of them");
}

static void write_5000(const char *special)
{
	static char lines[5000 * 40];
	size_t n = 0;

	for (unsigned i = 0; i < 5000; i++)
		n += (size_t)snprintf(
		    lines + n, sizeof lines - n, "m,h=%u%s v=%ui %u\n", i % 100, i == 3333 ? special : "", i, i + 1);
	stand_write(&st, lines);
}

/* The costs: the server's users are without it each time. */
Test(replicator, a_point_that_ends_the_server_is_found_at_the_cost_of_a_handful_of_deaths)
{
	batch = 5000;
	record.killer = "t=killer";
	write_5000(",t=killer");
	start();
	cr_assert(within_deadline(in_step));
	cr_assert_eq(kept_lines("m,h="), 4999);
	cr_assert_eq(stats().quarantined_points, 1);
	cr_assert_leq(record.deaths, 5, "%u deaths", record.deaths);
}

Test(replicator, a_killer_of_unusual_shape_is_found_sooner)
{
	batch = 5000;
	record.killer = "t=k\\ ller";
	write_5000(",t=k\\ ller");
	start();
	cr_assert(within_deadline(in_step));
	cr_assert_eq(kept_lines("m,h="), 4999);
	cr_assert_eq(stats().quarantined_points, 1);
	cr_assert_leq(record.deaths, 3, "%u deaths", record.deaths);
}

/* One end of the server is no reason to suspect anything for good. */
Test(replicator, a_server_that_ends_once_costs_no_point)
{
	batch = 5000;
	write_5000("");
	record.killer = "m,h=";
	start();
	while (!record.deaths)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	pthread_mutex_lock(&record.lock);
	record.killer = NULL;
	pthread_mutex_unlock(&record.lock);
	cr_assert(within_deadline(in_step));
	cr_assert_eq(kept_lines("m,h="), 5000);
	cr_assert_eq(stats().quarantined_points, 0);
}

/* Requests that are lost on their way now and then say nothing about what is in them. */
Test(replicator, a_bad_line_fills_no_quarantine, .timeout = 120)
{
	record.flaky = 88172645463325252;
	batch = 4;
	start();
	for (unsigned i = 0; i < 150; i++) {
		write_lines(2 * i, 2 * i + 2, "", 0);
		cr_assert(within_deadline(in_step));
	}
	cr_assert_eq(kept_lines("m v="), 300);
	cr_assert_eq(stats().quarantined_points, 0);
}

/* ---- pauses ---- */

/* A busy server answers pings: its pause must not end with one. */
Test(replicator, a_ping_does_not_end_the_pause_of_a_server_that_left_a_request_unanswered)
{
	record.silent = true;
	backoff_min_ms = backoff_max_ms = INT64_C(1) << 40;
	write_lines(0, 1, "", 0);
	start();
	cr_assert(within_deadline(is_down));
	pthread_mutex_lock(&record.lock);
	record.silent = false;
	unsigned pings = record.pings;
	pthread_mutex_unlock(&record.lock);
	nanosleep(&(struct timespec){ .tv_sec = 2 }, NULL); /* two pings' time */
	cr_assert_eq(record.pings, pings);
	cr_assert_eq(record.requests, 1);
	replicator_retry_now(rp);
	cr_assert(within_deadline(in_step));
}

Test(replicator, nobody_there_is_asked_until_somebody_is)
{
	record.down = true;
	backoff_min_ms = backoff_max_ms = INT64_C(1) << 40;
	write_lines(0, 1, "", 0);
	start();
	cr_assert(within_deadline(is_down));
	pthread_mutex_lock(&record.lock);
	record.down = false;
	pthread_mutex_unlock(&record.lock);
	cr_assert(within_deadline(in_step));
}

static bool knows_when(void)
{
	return stats().next_try_ns;
}

Test(replicator, what_the_server_asks_for_is_the_least_it_gets)
{
	record.status = 503;
	record.retry_after_ms = 600000;
	write_lines(0, 1, "", 0);
	start();
	cr_assert(within_deadline(knows_when));
	struct replicator_stats s = stats();
	cr_assert_gt(s.next_try_ns, s.last_error_ns + 600 * NS_PER_S);
	record.status = 0;
	replicator_retry_now(rp);
	cr_assert(within_deadline(in_step));
}

/* ---- connections that had been used before ---- */

Test(replicator, a_stale_connection_is_no_failure_of_a_server_that_is_well)
{
	write_lines(0, 1, "", 0);
	start();
	cr_assert(within_deadline(in_step));
	pthread_mutex_lock(&record.lock);
	record.stale = true;
	pthread_mutex_unlock(&record.lock);
	write_lines(1, 2, "", 0);
	cr_assert(within_deadline(in_step));
	cr_assert_eq(record.requests, 3, "sent again once");
	cr_assert_eq(stats().retries, 1, "and counted");
	cr_assert_eq(stats().last_error_ns, 0, "it was never down");
	cr_assert(breaker_allows(&breaker));
}

Test(replicator, a_point_that_ends_the_server_is_not_sent_again_for_the_age_of_its_connection)
{
	batch = 5000;
	record.killer = "t=k\\ ller";
	record.reuses = true;
	write_5000(",t=k\\ ller");
	start();
	cr_assert(within_deadline(in_step));
	cr_assert_eq(stats().quarantined_points, 1);
	cr_assert_leq(record.deaths, 3, "%u deaths", record.deaths);
}

/* ---- and the rest ---- */

Test(replicator, a_server_that_does_not_tell_its_version_may_take_none_either)
{
	record.refuses_unsigned = true;
	record.api = RECORD_API_LINES;
	stand_write(&st, "m v=7u 1\n");
	start();
	cr_assert(within_deadline(in_step));
	cr_assert_eq(kept_lines("v=7i"), 1);
	cr_assert_eq(stats().quarantined_points, 0);
}

Test(replicator, another_server_gets_unsigned_integers_as_they_are)
{
	record.refuses_unsigned = true;
	stand_write(&st, "m v=7u 1\n");
	start();
	cr_assert(within_deadline(in_step));
	cr_assert_eq(kept_lines("v=7i"), 1);
	pthread_mutex_lock(&record.lock);
	record.refuses_unsigned = false;
	record.api = RECORD_API_2;
	pthread_mutex_unlock(&record.lock);
	replicator_pause(rp); /* it is pinged when it goes on */
	replicator_resume(rp);
	stand_write(&st, "m v=1u 2\n");
	cr_assert(within_deadline(in_step));
	stand_write(&st, "m v=7u 3\n");
	cr_assert(within_deadline(in_step));
	cr_assert_eq(kept_lines("v=7u"), 1);
}

static enum err rewind_cursor(struct spool *s, void *arg, struct errbuf *e)
{
	(void)arg;
	return database_exec(spool_db(s), "UPDATE cursor SET seq = 0, live_seq = 0", e);
}

/* As after a kill -9 in the middle of bisecting. */
Test(replicator, a_point_that_is_refused_again_is_in_quarantine_once)
{
	struct errbuf eb;

	write_lines(0, 30, ",t=bad", 13);
	start();
	cr_assert(within_deadline(in_step));
	replicator_stop(rp);
	cr_assert_eq(committer_call(st.committer, rewind_cursor, NULL, &eb), ERR_OK);
	start();
	cr_assert(within_deadline(in_step));
	cr_assert_eq(stats().quarantined_points, 1);
	write_lines(13, 14, ",t=bad", 13);
	stand_write(&st, "m,t=bad v=99i 14\n");
	cr_assert(within_deadline(in_step));
	cr_assert_eq(stats().quarantined_points, 2, "another line is another entry");
}

static enum err spoil(struct spool *s, void *arg, struct errbuf *e)
{
	(void)arg;
	return database_exec(spool_db(s),
	    "UPDATE spool SET payload = x'00' WHERE seq = 5;"
	    "CREATE TRIGGER spoil AFTER INSERT ON spool WHEN new.seq = 9 BEGIN "
	    "UPDATE spool SET payload = x'00' WHERE seq = new.seq; END",
	    e);
}

static int gap_points(void)
{
	struct spool_reader *r;
	struct errbuf eb;
	sqlite3_stmt *q;

	cr_assert_eq(spool_reader_open(&r, st.path, &eb), ERR_OK);
	cr_assert_eq(database_prepare(spool_reader_db(r), &q, "SELECT total(points) FROM gap", &eb), ERR_OK);
	cr_assert_eq(sqlite3_step(q), SQLITE_ROW);
	int n = sqlite3_column_int(q, 0);
	sqlite3_finalize(q);
	spool_reader_close(r);
	return n;
}

static bool waits_as_backlog(void)
{
	return is_down() && stats().backlog_points == 8;
}

static bool has_met_the_live_one(void)
{
	return gap_points() == 1;
}

/* A live row is met before older ones. */
Test(replicator, each_damaged_row_is_a_gap_whichever_lane_meets_it_first)
{
	struct errbuf eb;

	batch = 1; /* so that the backlog's first parcel ends before the row */
	jump_age_ns = 1;
	record.down = true;
	write_lines(0, 8, "", 0);
	cr_assert_eq(committer_call(st.committer, spoil, NULL, &eb), ERR_OK, "%s", eb.text);
	start();
	cr_assert(within_deadline(waits_as_backlog));
	write_lines(8, 10, "", 0);
	cr_assert(within_deadline(has_met_the_live_one));
	pthread_mutex_lock(&record.lock);
	record.down = false;
	pthread_mutex_unlock(&record.lock);
	cr_assert(within_deadline(in_step));
	cr_assert_eq(kept_lines("m v="), 8);
	cr_assert_eq(gap_points(), 2);
}

static bool has_looked(void)
{
	return stats().backlog_points == 5001;
}

/* A fleet restarts as one when its power comes back. */
Test(replicator, a_backlog_found_at_the_start_is_none_of_the_live_lane_s)
{
	batch = 5000;
	jump_age_ns = 1;
	write_5000("");
	write_lines(0, 1, "", 0);
	record.down = true;
	start();
	cr_assert(within_deadline(has_looked));
	cr_assert_eq(stats().live_lag_points, 0);
	pthread_mutex_lock(&record.lock);
	record.down = false;
	pthread_mutex_unlock(&record.lock);
	cr_assert(within_deadline(in_step));
	cr_assert_gt(record.requests, 2, "it began in small steps");
}
