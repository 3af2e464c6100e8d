/* The thread's round: fill a parcel from the rows after the cursor, deliver it, move the cursor; without rows wait for
 * the committer, and ping now and then so that an outage shows without writes too.
 *
 * Delivering lines [from, to) of a parcel, by the answer (flow/answer.h has what counts as which):
 *
 *	delivered	done
 *	refused		one line: quarantine it with the server's words; more: each half by itself. A server that takes no
 *			unsigned integers gets them as integers from then on
 *	too large	as refused
 *	no database	create it, if allowed; else held
 *	held		nothing moves; again in HELD_MS or on request
 *	retry		back off with full jitter, Retry-After obeyed; a server that answers a ping is tried at once. Lines
 *			that draw a 5xx or end the connection POISON_TRIES times, though the server answered a ping before
 *			each, are bisected as if refused; but a single one is set aside only when harmless lines pass in
 *			the same place, POISON_PROOFS times in turn with it, so that a sick server never empties the spool
 *			into the quarantine
 *
 * Everything is sent again after a restart from the last stored cursor on: lines carry their timestamps, so that what
 * arrives twice is there once. */
#include "flow/replicator.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/thread.h"
#include "flow/answer.h"
#include "flow/parcel.h"
#include "store/targets.h"

enum { REPLY_MAX = 64 << 10, POISON_TRIES = 3, POISON_PROOFS = 3, SHOWN_MAX = 400 };
#define HELD_MS 60000
#define PING_MS 500
#define PROBE_EVERY_NS NS_PER_S
#define IDLE_PING_NS (5 * NS_PER_S)
#define RETRY_AFTER_MAX_MS 600000
#define STORE_CURSOR_NS NS_PER_S

struct replicator {
	struct replicator_opts opts;
	pthread_t thread;
	pthread_mutex_t lock; /* stats, wakes */
	pthread_cond_t wake;
	bool stopping, retry_now;
	struct replicator_stats stats;
	_Atomic uint64_t cursor;
	pthread_mutex_t look_lock; /* look */
	struct spool_reader *look; /* for stats and undelivered_from, by any thread */
	/* the thread alone */
	struct spool_reader *reader;
	struct parcel_source source;
	struct parcel parcel;
	struct parcel_limits limits;
	struct record_reply reply;
	uint64_t delivered, stored_seq;
	int64_t stored_ns;
	unsigned failures; /* in a row, for the back-off */
	bool make_signed, pinged; /* pinged: the server answered one since the last failure */
	uint64_t random;
};

const char *replicator_state_name(enum replicator_state s)
{
	static const char *const names[] = { "starting", "up", "catching_up", "down", "held" };

	return names[s];
}

/* ---- state ---- */

static bool is_stopping(struct replicator *r)
{
	pthread_mutex_lock(&r->lock);
	bool s = r->stopping;
	pthread_mutex_unlock(&r->lock);
	return s;
}

static void set_state(struct replicator *r, enum replicator_state state, const char *why)
{
	int64_t now = clock_wall_ns();

	pthread_mutex_lock(&r->lock);
	enum replicator_state before = r->stats.state;
	if (state != before) {
		r->stats.state = state;
		/* up and catching up are one stretch for those who ask since when it works */
		r->stats.since_ns = now;
	}
	if (why) {
		snprintf(r->stats.last_error, sizeof r->stats.last_error, "%.*s", SHOWN_MAX, why);
		r->stats.last_error_ns = now;
	} else {
		r->stats.last_ok_ns = now;
		r->stats.next_try_ns = 0;
	}
	pthread_mutex_unlock(&r->lock);
	if (state == before)
		return;
	if (state == REPLICATOR_DOWN)
		log_warn("InfluxDB does not take writes (%s); they are kept here and delivered later", why ? why : "");
	else if (state == REPLICATOR_HELD)
		log_error(
		    "InfluxDB refuses all writes until somebody mends it (%s); they are kept here", why ? why : "");
	else if (before == REPLICATOR_DOWN || before == REPLICATOR_HELD || before == REPLICATOR_STARTING)
		log_info("InfluxDB takes writes%s", state == REPLICATOR_CATCHING_UP ? ", catching up" : "");
}

static void reached(struct replicator *r)
{
	breaker_succeeded(r->opts.breaker);
	r->failures = 0;
	if (!r->reply.server_version[0])
		return;
	pthread_mutex_lock(&r->lock);
	memcpy(r->stats.server_version, r->reply.server_version, sizeof r->stats.server_version);
	pthread_mutex_unlock(&r->lock);
}

/* The server's words, or what kept it from saying any. */
static void explain(struct replicator *r, char out[SHOWN_MAX])
{
	const struct record_reply *a = &r->reply;
	struct view body = { a->body.p, a->body.len };

	while (body.len && (body.p[body.len - 1] == '\n' || body.p[body.len - 1] == ' '))
		body.len--;
	if (a->status == 0)
		snprintf(out, SHOWN_MAX, "%.399s", a->error.text);
	else if (body.len)
		snprintf(out, SHOWN_MAX, "HTTP %d: %.*s", a->status, (int)(body.len < 360 ? body.len : 360), body.p);
	else
		snprintf(out, SHOWN_MAX, "HTTP %d", a->status);
}

/* ---- waiting ---- */

static uint64_t next_random(struct replicator *r)
{
	r->random ^= r->random << 13;
	r->random ^= r->random >> 7;
	r->random ^= r->random << 17;
	return r->random;
}

static bool ping(struct replicator *r)
{
	bool ok = r->opts.record->ping(r->opts.record_ctx, PING_MS, &r->reply) == ERR_OK && r->reply.status < 500;

	r->pinged |= ok;
	return ok;
}

/* False: stopping. With pings the wait ends as soon as the server answers one. */
static bool wait_ms(struct replicator *r, int64_t ms, bool pings)
{
	int64_t end = clock_mono_ns() + ms * NS_PER_MS;
	bool go_on = true;

	pthread_mutex_lock(&r->lock);
	r->stats.next_try_ns = clock_wall_ns() + ms * NS_PER_MS;
	while (go_on && !r->stopping && !r->retry_now && clock_mono_ns() < end) {
		int64_t probe = clock_mono_ns() + PROBE_EVERY_NS;
		while (!r->stopping && !r->retry_now &&
		    clock_cond_wait(&r->wake, &r->lock, pings && probe < end ? probe : end)) {
		}
		if (pings && !r->stopping && !r->retry_now && clock_mono_ns() < end) {
			pthread_mutex_unlock(&r->lock);
			go_on = !ping(r);
			pthread_mutex_lock(&r->lock);
		}
	}
	r->retry_now = false;
	bool stopping = r->stopping;
	pthread_mutex_unlock(&r->lock);
	return !stopping;
}

/* Full jitter: anything between 0 and the ceiling, which doubles, so that many senders do not come back as one. */
static bool back_off(struct replicator *r)
{
	int64_t ceiling = r->opts.backoff_min_ms;

	for (unsigned i = 0; i < r->failures && ceiling < r->opts.backoff_max_ms; i++)
		ceiling *= 2;
	if (ceiling > r->opts.backoff_max_ms)
		ceiling = r->opts.backoff_max_ms;
	r->failures++;
	counter_add(COUNTER_REPL_RETRIES, 1);
	pthread_mutex_lock(&r->lock);
	r->stats.retries++;
	pthread_mutex_unlock(&r->lock);
	if (r->reply.retry_after_ms) {
		int64_t ms = r->reply.retry_after_ms < RETRY_AFTER_MAX_MS ? r->reply.retry_after_ms
									  : RETRY_AFTER_MAX_MS;
		return wait_ms(r, ms, false);
	}
	/* a server that answered and failed gets its pause; one that said nothing is used as soon as it is back */
	return wait_ms(r, (int64_t)(next_random(r) % (uint64_t)ceiling) + 1, r->reply.status == 0);
}

/* ---- the cursor and the quarantine, through the writer ---- */

static enum err store_cursor_job(struct spool *s, void *arg, struct errbuf *eb)
{
	struct replicator *r = arg;
	struct target_cursor c = { atomic_load(&r->cursor), r->delivered };

	return target_store(spool_db(s), r->opts.target, &c, eb);
}

static void store_cursor(struct replicator *r, bool now)
{
	struct errbuf eb;
	uint64_t seq = atomic_load(&r->cursor);
	int64_t t = clock_mono_ns();

	if (seq == r->stored_seq || (!now && t - r->stored_ns < STORE_CURSOR_NS))
		return;
	enum err e = committer_call(r->opts.committer, store_cursor_job, r, &eb);
	r->stored_ns = t;
	if (e == ERR_OK) {
		r->stored_seq = seq;
		committer_set_delivered(r->opts.committer, seq);
	} else if (e != ERR_CLOSED) {
		log_warn("the replication cursor could not be stored, points may be sent again: %s", eb.text);
	}
}

struct quarantine_job {
	struct quarantine_entry entry;
	uint64_t max_points, dropped;
};

static enum err quarantine_job(struct spool *s, void *arg, struct errbuf *eb)
{
	struct quarantine_job *j = arg;

	return quarantine_add(spool_db(s), &j->entry, j->max_points, &j->dropped, eb);
}

/* Durable before the cursor passes the point. False: stopping; then it is sent and refused again. */
static bool set_aside(struct replicator *r, const char *database, struct view line, const char *reason)
{
	struct errbuf eb;
	struct quarantine_job j = { .entry = { .target = r->opts.target,
					.database = database,
					.at_ns = clock_wall_ns(),
					.status = r->reply.status,
					.reason = view_of(reason),
					.line = line },
		.max_points = r->opts.quarantine_max_points };

	while (committer_call(r->opts.committer, quarantine_job, &j, &eb) != ERR_OK) {
		log_error("a refused point could not be put into the quarantine: %s", eb.text);
		if (!wait_ms(r, 1000, false))
			return false;
	}
	log_warn("InfluxDB refused a point, it is in quarantine (GET /api/v1/quarantine): %s", reason);
	counter_add(COUNTER_REPL_QUARANTINED, 1);
	if (j.dropped)
		counter_add(COUNTER_QUARANTINE_DROPPED, j.dropped);
	pthread_mutex_lock(&r->lock);
	r->stats.quarantined_points++;
	pthread_mutex_unlock(&r->lock);
	return true;
}

struct gap_job {
	const struct spool_row *row;
};

static enum err gap_job(struct spool *s, void *arg, struct errbuf *eb)
{
	const struct spool_row *row = ((struct gap_job *)arg)->row;

	return gap_add(spool_db(s), row->min_ns, row->max_ns, row->points, "damaged", eb);
}

static void on_damaged(void *arg, const struct spool_row *row, const char *why)
{
	struct replicator *r = arg;
	struct gap_job j = { row };
	struct errbuf eb;

	log_error("%s: its %u points cannot be delivered", why, row->points);
	counter_add(COUNTER_GAP_POINTS, row->points);
	if (committer_call(r->opts.committer, gap_job, &j, &eb) != ERR_OK)
		log_error("the gap could not be recorded: %s", eb.text);
}

/* ---- delivering ---- */

static const char *database_of(const struct replicator *r, uint32_t db)
{
	const char *name = catalogue_database_name(r->opts.catalogue, db);

	return db == CATALOGUE_DEFAULT_DB || !name ? r->opts.database : name;
}

static enum answer send_lines(struct replicator *r, const char *database, struct view lines)
{
	(void)r->opts.record->write(r->opts.record_ctx, database, lines, r->opts.timeout_ms, &r->reply);
	counter_add(COUNTER_REPL_REQUESTS, 1);
	return answer_of(r->reply.status, (struct view){ r->reply.body.p, r->reply.body.len });
}

static bool create_database(struct replicator *r, const char *database)
{
	struct buf q;

	if (!r->opts.create_database)
		return false;
	buf_init(&q, 4096);
	buf_str(&q, "CREATE DATABASE \"");
	for (const char *p = database; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_char(&q, '\\');
		buf_char(&q, *p);
	}
	buf_char(&q, '"');
	bool ok = !q.failed &&
	    r->opts.record->query(
		r->opts.record_ctx, "", (struct view){ q.p, q.len }, true, r->opts.timeout_ms, &r->reply) == ERR_OK &&
	    r->reply.status == 200 &&
	    !(r->reply.body.len && memmem(r->reply.body.p, r->reply.body.len, "\"error\"", 7));
	buf_fini(&q);
	if (ok)
		log_info("created the database %s in InfluxDB", database);
	return ok;
}

/* Does a harmless point pass where the suspect does not? */
static bool harmless_point_passes(struct replicator *r, const char *database)
{
	char line[96];
	struct record_reply suspect = r->reply; /* its words are wanted later */

	buf_init(&r->reply.body, REPLY_MAX);
	int n = snprintf(line, sizeof line, "holdfast,part=replication probe=1i %lld\n", (long long)clock_wall_ns());
	bool ok = send_lines(r, database, (struct view){ line, (size_t)n }) == ANSWER_DELIVERED;
	buf_fini(&r->reply.body);
	r->reply = suspect;
	return ok;
}

/* Takes note of a failure; false: stopping. */
static bool hold(struct replicator *r)
{
	char why[SHOWN_MAX];

	explain(r, why);
	breaker_failed(r->opts.breaker);
	set_state(r, REPLICATOR_HELD, why);
	return wait_ms(r, HELD_MS, false);
}

static bool retry_later(struct replicator *r, unsigned *strikes)
{
	char why[SHOWN_MAX];

	explain(r, why);
	/* a strike: the request arrived, and the server had been well before */
	if (r->reply.connected && r->reply.status != 429 && !r->reply.retry_after_ms && r->pinged)
		++*strikes;
	breaker_failed(r->opts.breaker);
	set_state(r, REPLICATOR_DOWN, why);
	r->pinged = false;
	if (!back_off(r))
		return false;
	if (!r->pinged)
		(void)ping(r);
	return true;
}

static bool deliver(struct replicator *r, const char *database, uint32_t from, uint32_t to);

static bool deliver_halves(struct replicator *r, const char *database, uint32_t from, uint32_t to)
{
	uint32_t middle = from + (to - from) / 2;

	return deliver(r, database, from, middle) && deliver(r, database, middle, to);
}

static bool refused(struct replicator *r, const char *database, uint32_t from, uint32_t to)
{
	static const char number[] = "invalid number";
	char why[SHOWN_MAX];
	const struct buf *body = &r->reply.body;

	if (!r->make_signed && body->len && memmem(body->p, body->len, number, sizeof number - 1) &&
	    parcel_make_signed(&r->parcel)) {
		log_info("InfluxDB takes no unsigned integers: they are sent as integers from now on");
		r->make_signed = true;
		return deliver(r, database, from, to);
	}
	if (to - from > 1)
		return deliver_halves(r, database, from, to);
	explain(r, why);
	struct view line = parcel_lines(&r->parcel, from, to);
	line.len -= line.len > 0; /* without its newline */
	return set_aside(r, database, line, why);
}

/* False: stopping. The depth is the logarithm of the parcel's lines. */
static bool deliver(struct replicator *r, const char *database, uint32_t from, uint32_t to)
{
	unsigned strikes = 0, proofs = 0;

	while (!is_stopping(r)) {
		switch (send_lines(r, database, parcel_lines(&r->parcel, from, to))) {
		case ANSWER_DELIVERED:
			reached(r);
			r->pinged = true;
			r->delivered += to - from;
			counter_add(COUNTER_REPL_SENT_POINTS, to - from);
			return true;
		case ANSWER_REFUSED:
		case ANSWER_TOO_LARGE:
			reached(r);
			return refused(r, database, from, to);
		case ANSWER_NO_DATABASE:
			if (create_database(r, database))
				continue;
			if (r->reply.status == 0 ? !retry_later(r, &strikes) : !hold(r))
				return false;
			continue;
		case ANSWER_HELD:
			if (!hold(r))
				return false;
			continue;
		case ANSWER_RETRY:
			if (!retry_later(r, &strikes))
				return false;
			if (strikes < POISON_TRIES)
				continue;
			if (to - from > 1)
				return deliver_halves(r, database, from, to);
			/* in turns, so that a server that has just recovered is not taken for the point's fault */
			proofs = harmless_point_passes(r, database) ? proofs + 1 : 0;
			if (proofs == POISON_PROOFS)
				return refused(r, database, from, to);
			strikes = proofs ? POISON_TRIES - 1 : 0;
			continue;
		}
	}
	return false;
}

/* ---- the thread ---- */

static void look_at_backlog(struct replicator *r)
{
	struct committer_stats c;

	committer_stats(r->opts.committer, &c);
	/* a few commit groups are always on their way */
	bool behind = c.last_seq > atomic_load(&r->cursor) + 16;
	set_state(r, behind ? REPLICATOR_CATCHING_UP : REPLICATOR_UP, NULL);
}

/* Nothing to deliver: waits for rows, and sees to it that an outage shows. */
static void idle(struct replicator *r)
{
	uint64_t seq = r->source.seq;
	char why[SHOWN_MAX];

	store_cursor(r, true);
	if (committer_wait(r->opts.committer, seq, clock_mono_ns() + IDLE_PING_NS) > seq || is_stopping(r))
		return;
	while (!is_stopping(r)) {
		if (ping(r)) {
			reached(r);
			look_at_backlog(r);
			return;
		}
		explain(r, why);
		breaker_failed(r->opts.breaker);
		set_state(r, REPLICATOR_DOWN, why);
		struct committer_stats c;
		committer_stats(r->opts.committer, &c);
		if (c.last_seq > seq) /* delivering has its own back-off */
			return;
		wait_ms(r, PROBE_EVERY_NS / NS_PER_MS, false);
	}
}

static void *run(void *arg)
{
	struct replicator *r = arg;
	struct errbuf eb;

	if (ping(r)) {
		reached(r);
		look_at_backlog(r);
	}
	while (!is_stopping(r)) {
		enum err e = parcel_fill(&r->parcel, &r->source, &r->limits, &eb);
		if (e == ERR_NOTFOUND) {
			atomic_store(&r->cursor, r->source.seq);
			idle(r);
			continue;
		}
		if (e != ERR_OK) {
			log_error("cannot read the spool for InfluxDB: %s", eb.text);
			parcel_source_seek(&r->source, atomic_load(&r->cursor));
			wait_ms(r, 1000, false);
			continue;
		}
		if (r->make_signed)
			(void)parcel_make_signed(&r->parcel);
		if (!deliver(r, database_of(r, r->parcel.db), 0, r->parcel.count))
			break;
		atomic_store(&r->cursor, r->parcel.end_seq);
		store_cursor(r, false);
		look_at_backlog(r);
	}
	store_cursor(r, true);
	return NULL;
}

/* ---- any thread ---- */

static void set_defaults(struct replicator_opts *o)
{
	if (!o->batch_points)
		o->batch_points = 5000;
	if (!o->batch_bytes)
		o->batch_bytes = 1 << 20;
	if (!o->timeout_ms)
		o->timeout_ms = 10000;
	if (!o->backoff_min_ms)
		o->backoff_min_ms = 1000;
	if (!o->backoff_max_ms)
		o->backoff_max_ms = 60000;
	if (!o->quarantine_max_points)
		o->quarantine_max_points = 100000;
}

static void replicator_free(struct replicator *r)
{
	spool_reader_close(r->reader);
	spool_reader_close(r->look);
	parcel_fini(&r->parcel);
	lp_fini(&r->source.parser);
	buf_fini(&r->reply.body);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
	pthread_mutex_destroy(&r->look_lock);
	free(r);
}

static enum err load(struct replicator *r, struct errbuf *eb)
{
	struct target_cursor c = { 0 };
	enum err e = spool_reader_open(&r->reader, r->opts.spool_path, eb);

	if (e == ERR_OK)
		e = spool_reader_open(&r->look, r->opts.spool_path, eb);
	if (e == ERR_OK)
		e = target_load(spool_reader_db(r->reader), r->opts.target, &c, eb);
	if (e == ERR_OK)
		e = quarantine_count(spool_reader_db(r->reader), r->opts.target, &r->stats.quarantined_points, eb);
	atomic_init(&r->cursor, c.seq);
	r->delivered = c.points;
	r->stored_seq = c.seq;
	r->source.reader = r->reader;
	parcel_source_seek(&r->source, c.seq);
	committer_set_delivered(r->opts.committer, c.seq);
	return e;
}

enum err replicator_start(struct replicator **out, const struct replicator_opts *opts, struct errbuf *eb)
{
	struct replicator *r = calloc(1, sizeof *r);

	*out = NULL;
	if (!r)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	r->opts = *opts;
	set_defaults(&r->opts);
	r->limits = (struct parcel_limits){ r->opts.batch_points, r->opts.batch_bytes };
	r->stats.since_ns = clock_wall_ns();
	r->source.damaged = on_damaged;
	r->source.arg = r;
	parcel_init(&r->parcel);
	buf_init(&r->reply.body, REPLY_MAX);
	pthread_mutex_init(&r->lock, NULL);
	pthread_mutex_init(&r->look_lock, NULL);
	clock_cond_init(&r->wake);
	if (getrandom(&r->random, sizeof r->random, 0) != sizeof r->random || !r->random)
		r->random = (uint64_t)clock_wall_ns() | 1;
	enum err e = load(r, eb);
	if (e == ERR_OK)
		e = thread_start(&r->thread, "hf-record", run, r, eb);
	if (e != ERR_OK) {
		replicator_free(r);
		return e;
	}
	*out = r;
	return ERR_OK;
}

void replicator_stop(struct replicator *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
	committer_wake(r->opts.committer);
	pthread_join(r->thread, NULL);
	replicator_free(r);
}

void replicator_retry_now(struct replicator *r)
{
	pthread_mutex_lock(&r->lock);
	r->retry_now = true;
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
	committer_wake(r->opts.committer);
}

/* What the record has not got. Without rows above the cursor that needs no look into the file. */
static bool backlog(struct replicator *r, struct spool_backlog *out)
{
	struct committer_stats c;
	struct errbuf eb;
	uint64_t cursor = atomic_load(&r->cursor);

	committer_stats(r->opts.committer, &c);
	*out = (struct spool_backlog){ .min_ns = INT64_MAX };
	if (c.last_seq <= cursor)
		return true;
	pthread_mutex_lock(&r->look_lock);
	enum err e = spool_reader_after(r->look, cursor, out, &eb);
	pthread_mutex_unlock(&r->look_lock);
	if (e != ERR_OK)
		log_warn("cannot tell what waits for InfluxDB: %s", eb.text);
	return e == ERR_OK;
}

int64_t replicator_undelivered_from_ns(void *replicator)
{
	struct spool_backlog b;

	return backlog(replicator, &b) ? b.min_ns : INT64_MIN;
}

void replicator_stats(struct replicator *r, struct replicator_stats *out)
{
	struct spool_backlog b;

	(void)backlog(r, &b);
	pthread_mutex_lock(&r->lock);
	*out = r->stats;
	pthread_mutex_unlock(&r->lock);
	out->cursor_seq = atomic_load(&r->cursor);
	out->delivered_points = counter_get(COUNTER_REPL_SENT_POINTS);
	out->lag_points = b.points;
	out->undelivered_from_ns = b.min_ns;
	int64_t age = b.oldest_received_ns ? clock_wall_ns() - b.oldest_received_ns : 0;
	out->lag_ns = age > 0 ? age : 0;
}
