/* Delivering lines [from, to) of a parcel, by the answer (flow/answer.h has what counts as which):
 *
 *	delivered	done
 *	refused		one line: quarantine it with the server's words; more: each half by itself. A server that takes no
 *			unsigned integers gets them as integers from then on
 *	too large	as refused
 *	no database	what had been delivered to it is owed; create it, if allowed; else held
 *	held		nothing moves; again in HELD_MS or on request
 *	retry		back off with full jitter, Retry-After obeyed; a server that answers a ping is tried at once. Lines
 *			that draw a 5xx or end the connection POISON_TRIES times, though the server answered a ping before
 *			each, are bisected as if refused; but a single one is set aside only when harmless lines pass in
 *			the same place, POISON_PROOFS times in turn with it, so that a sick server never empties the spool
 *			into the quarantine */
#include <stdio.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "flow/answer.h"
#include "flow/replicator_part.h"
#include "store/targets.h"

enum { POISON_TRIES = 3, POISON_PROOFS = 3 };
#define HELD_MS 60000
#define PING_MS 500
#define PROBE_EVERY_NS NS_PER_S
#define RETRY_AFTER_MAX_MS 600000

/* ---- waiting ---- */

static uint64_t next_random(struct replicator *r)
{
	r->random ^= r->random << 13;
	r->random ^= r->random >> 7;
	r->random ^= r->random << 17;
	return r->random;
}

bool replicator_ping(struct replicator *r)
{
	bool ok = r->opts.record->ping(r->opts.record_ctx, PING_MS, &r->reply) == ERR_OK && r->reply.status < 500;

	r->pinged |= ok;
	return ok;
}

/* False: stopping. With pings the wait ends as soon as the server answers one. */
bool replicator_wait_ms(struct replicator *r, int64_t ms, bool pings)
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
			go_on = !replicator_ping(r);
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
		return replicator_wait_ms(r, ms, false);
	}
	/* a server that answered and failed gets its pause; one that said nothing is used as soon as it is back */
	return replicator_wait_ms(r, (int64_t)(next_random(r) % (uint64_t)ceiling) + 1, r->reply.status == 0);
}

/* ---- the quarantine, through the writer ---- */

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
		if (!replicator_wait_ms(r, 1000, false))
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

/* ---- delivering ---- */

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

/* A database that is not there has lost what was delivered to it. Durable before it is there again; false: stopping. */
static bool owe_lost(struct replicator *r)
{
	struct errbuf eb;

	if (r->sent_seq == 0 || r->lost_db == r->parcel.db)
		return true;
	while (target_lost_database(&r->target, r->parcel.db, r->sent_seq, &eb) != ERR_OK) {
		log_error("cannot note that InfluxDB has lost a database: %s", eb.text);
		if (!replicator_wait_ms(r, 1000, false))
			return false;
	}
	r->lost_db = r->parcel.db;
	return true;
}

/* Does a harmless point pass where the suspect does not? */
static bool harmless_point_passes(struct replicator *r, const char *database)
{
	char line[96];
	struct record_reply suspect = r->reply; /* its words are wanted later */

	buf_init(&r->reply.body, suspect.body.max);
	int n = snprintf(line, sizeof line, "holdfast,part=replication probe=1i %lld\n", (long long)clock_wall_ns());
	bool ok = send_lines(r, database, (struct view){ line, (size_t)n }) == ANSWER_DELIVERED;
	buf_fini(&r->reply.body);
	r->reply = suspect;
	return ok;
}

/* Takes note of a failure; false: stopping. */
static bool hold(struct replicator *r)
{
	char why[REPLICATOR_SHOWN_MAX];

	replicator_explain(r, why);
	breaker_failed(r->opts.breaker);
	replicator_set_state(r, REPLICATOR_HELD, why);
	return replicator_wait_ms(r, HELD_MS, false);
}

static bool retry_later(struct replicator *r, unsigned *strikes)
{
	char why[REPLICATOR_SHOWN_MAX];

	replicator_explain(r, why);
	/* a strike: the request arrived, and the server had been well before */
	if (r->reply.connected && r->reply.status != 429 && !r->reply.retry_after_ms && r->pinged)
		++*strikes;
	breaker_failed(r->opts.breaker);
	replicator_set_state(r, REPLICATOR_DOWN, why);
	r->pinged = false;
	if (!back_off(r))
		return false;
	if (!r->pinged)
		(void)replicator_ping(r);
	return true;
}

static bool deliver_halves(struct replicator *r, const char *database, uint32_t from, uint32_t to)
{
	uint32_t middle = from + (to - from) / 2;

	return replicator_deliver(r, database, from, middle) && replicator_deliver(r, database, middle, to);
}

static bool refused(struct replicator *r, const char *database, uint32_t from, uint32_t to)
{
	static const char number[] = "invalid number";
	char why[REPLICATOR_SHOWN_MAX];
	const struct buf *body = &r->reply.body;

	if (!r->make_signed && body->len && memmem(body->p, body->len, number, sizeof number - 1) &&
	    parcel_make_signed(&r->parcel)) {
		log_info("InfluxDB takes no unsigned integers: they are sent as integers from now on");
		r->make_signed = true;
		return replicator_deliver(r, database, from, to);
	}
	if (to - from > 1)
		return deliver_halves(r, database, from, to);
	replicator_explain(r, why);
	struct view line = parcel_lines(&r->parcel, from, to);
	line.len -= line.len > 0; /* without its newline */
	return set_aside(r, database, line, why);
}

/* False: stopping. The depth is the logarithm of the parcel's lines. */
bool replicator_deliver(struct replicator *r, const char *database, uint32_t from, uint32_t to)
{
	unsigned strikes = 0, proofs = 0;

	while (!replicator_is_stopping(r)) {
		switch (send_lines(r, database, parcel_lines(&r->parcel, from, to))) {
		case ANSWER_DELIVERED:
			replicator_reached(r);
			r->pinged = true;
			r->lost_db = 0;
			r->sent_seq = r->source.seq;
			r->delivered += to - from;
			counter_add(COUNTER_REPL_SENT_POINTS, to - from);
			return true;
		case ANSWER_REFUSED:
		case ANSWER_TOO_LARGE:
			replicator_reached(r);
			return refused(r, database, from, to);
		case ANSWER_NO_DATABASE:
			if (!owe_lost(r))
				return false;
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
