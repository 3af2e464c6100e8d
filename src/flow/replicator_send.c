/* One request, or several at once; and what follows from a failure: the back-off, pings, the pace. */
#include <stdio.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "flow/backoff.h"
#include "flow/replicator_part.h"

enum { STRIKES_OF_A_DEATH = 3, BLIND_AFTER = 10 };
#define PING_MS 500
#define PROBE_EVERY_NS NS_PER_S
#define OUTAGE_NS (5 * NS_PER_S) /* shorter ones are no reason to begin slowly */

uint64_t replicator_random(struct replicator *r)
{
	r->random ^= r->random << 13;
	r->random ^= r->random >> 7;
	r->random ^= r->random << 17;
	return r->random;
}

void replicator_explain(const struct record_reply *a, char out[REPLICATOR_SHOWN_MAX])
{
	char words[REPLICATOR_WORDS_MAX];

	answer_words((struct view){ a->body.p, a->body.len }, words, sizeof words);
	if (a->status == 0)
		snprintf(out, REPLICATOR_SHOWN_MAX, "%.399s", a->error.text);
	else
		snprintf(out, REPLICATOR_SHOWN_MAX, "HTTP %d%s%s", a->status, words[0] ? ": " : "", words);
}

/* ---- requests ---- */

static void note_requests(struct replicator *r, unsigned n, unsigned failed, size_t bytes, int64_t took_ns)
{
	pthread_mutex_lock(&r->lock);
	r->stats.requests += n;
	r->stats.failed_requests += failed;
	r->stats.sent_bytes += bytes;
	r->latencies[r->latency_count++ % LATENCIES_MAX] = took_ns;
	pthread_mutex_unlock(&r->lock);
}

static enum answer answer_in(const struct record_reply *reply)
{
	return answer_of(reply->status, (struct view){ reply->body.p, reply->body.len });
}

static bool is_failure(enum answer a)
{
	return a != ANSWER_DELIVERED;
}

static enum answer send_one(struct replicator *r, const char *database, struct view lines, bool alone)
{
	const struct record_ops *record = r->opts.record;
	const struct record_write w = { database, lines, alone };
	int64_t began = clock_mono_ns();

	if (alone && record->write_many)
		(void)record->write_many(r->opts.record_ctx, &w, 1, r->opts.timeout_ms, &r->reply);
	else
		(void)record->write(r->opts.record_ctx, database, lines, r->opts.timeout_ms, &r->reply);
	enum answer a = answer_in(&r->reply);
	note_requests(r, 1, is_failure(a), lines.len, clock_mono_ns() - began);
	return a;
}

static void note_retry(struct replicator *r)
{
	pthread_mutex_lock(&r->lock);
	r->stats.retries++;
	pthread_mutex_unlock(&r->lock);
}

/* What r->reply says is wanted later: in between it is another one. */
static struct record_reply begin_aside(struct replicator *r)
{
	struct record_reply kept = r->reply;

	buf_init(&r->reply.body, kept.body.max);
	return kept;
}

static void end_aside(struct replicator *r, const struct record_reply *kept)
{
	buf_fini(&r->reply.body);
	r->reply = *kept;
}

static bool answers_ping(struct replicator *r)
{
	struct record_reply kept = begin_aside(r);
	bool ok = replicator_ping(r);

	end_aside(r, &kept);
	return ok;
}

bool replicator_was_stale(struct replicator *r)
{
	if (!r->reply.reused || !answers_ping(r))
		return false;
	note_retry(r);
	return true;
}

enum answer replicator_send(struct replicator *r, const char *database, struct view lines, bool alone)
{
	enum answer a = send_one(r, database, lines, alone);

	if (a == ANSWER_RETRY && !alone && replicator_was_stale(r))
		a = send_one(r, database, lines, true);
	return a;
}

void replicator_send_many(
    struct replicator *r, const char *database, const struct parcel *p, enum answer answers[RECORD_WRITES_MAX])
{
	struct record_write writes[RECORD_WRITES_MAX];
	unsigned at[RECORD_WRITES_MAX], n = 0, failed = 0;
	int64_t began = clock_mono_ns();

	for (unsigned i = 0; i < p->bodies; i++)
		if (p->body[i].count) {
			at[n] = i;
			writes[n++] = (struct record_write){ database, parcel_lines(&p->body[i], 0, p->body[i].count),
				false };
		}
	(void)r->opts.record->write_many(r->opts.record_ctx, writes, n, r->opts.timeout_ms, r->replies);
	for (unsigned k = n; k-- > 0;) { /* at[k] >= k: from the end, none is overwritten before it was moved */
		struct record_reply moved = r->replies[at[k]];
		r->replies[at[k]] = r->replies[k];
		if (at[k] != k)
			r->replies[k] = moved;
		answers[at[k]] = answer_in(&r->replies[at[k]]);
		failed += is_failure(answers[at[k]]);
	}
	r->took_ns = clock_mono_ns() - began;
	note_requests(r, n, failed, p->bytes, r->took_ns);
}

bool replicator_ping(struct replicator *r)
{
	bool ok = r->opts.record->ping(r->opts.record_ctx, PING_MS, &r->reply) == ERR_OK && r->reply.status < 500;

	r->pinged |= ok;
	return ok;
}

void replicator_reached(struct replicator *r)
{
	if (r->opts.breaker)
		breaker_succeeded(r->opts.breaker);
	r->failures = 0;
	if (r->down_since_ns) {
		int64_t now = clock_mono_ns(), outage = now - r->down_since_ns;
		if (outage >= OUTAGE_NS)
			pace_recovered(&r->pace, now, outage, replicator_random(r));
		r->down_since_ns = 0;
	}
	pthread_mutex_lock(&r->lock);
	if (r->reply.server_version[0])
		memcpy(r->stats.server_version, r->reply.server_version, sizeof r->stats.server_version);
	if (r->reply.api != RECORD_API_AUTO) {
		r->make_signed &= r->reply.api == r->stats.api; /* another server may take what this one did not */
		r->stats.api = r->reply.api;
	}
	pthread_mutex_unlock(&r->lock);
}

bool replicator_create_database(struct replicator *r, const char *database)
{
	if (!r->opts.create_database || !r->opts.record->make_place)
		return false;
	if (r->opts.record->make_place(
		r->opts.record_ctx, database, r->opts.retention_ns, r->opts.timeout_ms, &r->reply) != ERR_OK)
		return false;
	log_info("created the database %s in %s", database, r->shown);
	return true;
}

bool replicator_harmless_passes(struct replicator *r, const char *database)
{
	char line[96];
	struct record_reply suspect = begin_aside(r);

	int n = snprintf(line, sizeof line, "holdfast,part=replication probe=1i %lld\n", (long long)clock_wall_ns());
	bool ok = replicator_send(r, database, (struct view){ line, (size_t)n }, false) == ANSWER_DELIVERED;
	end_aside(r, &suspect);
	return ok;
}

/* ---- failures ---- */

bool replicator_wait_ms(struct replicator *r, int64_t ms, bool pings)
{
	int64_t end = clock_mono_ns() + ms * NS_PER_MS;
	bool go_on = true;

	pthread_mutex_lock(&r->lock);
	r->stats.next_try_ns = clock_wall_ns() + ms * NS_PER_MS;
	while (go_on && !r->stopping && !r->paused && !r->retry_now && clock_mono_ns() < end) {
		int64_t probe = clock_mono_ns() + PROBE_EVERY_NS;
		while (!r->stopping && !r->paused && !r->retry_now &&
		    clock_cond_wait(&r->wake, &r->lock, pings && probe < end ? probe : end)) {
		}
		if (pings && !r->stopping && !r->paused && !r->retry_now && clock_mono_ns() < end) {
			pthread_mutex_unlock(&r->lock);
			go_on = !replicator_ping(r);
			pthread_mutex_lock(&r->lock);
		}
	}
	bool leave = r->stopping || r->paused, again = r->retry_now;
	r->retry_now = false;
	pthread_mutex_unlock(&r->lock);
	if (again)
		replicator_try_held(r, true);
	return !leave;
}

bool replicator_wait_until_well(struct replicator *r)
{
	int64_t ms = r->opts.backoff_max_ms < 1000 ? r->opts.backoff_max_ms : 1000;

	for (unsigned i = 0; !r->pinged && i < BLIND_AFTER && !replicator_ping(r); i++)
		if (!replicator_wait_ms(r, ms, false))
			return false;
	return true;
}

/* A server that could not be reached at all is used as soon as it is back; one that took the request and failed, or never
 * answered, gets its pause, whatever it says to a ping: a busy one answers those. */
static bool back_off(struct replicator *r)
{
	const struct backoff b = { r->opts.backoff_min_ms, r->opts.backoff_max_ms };
	int64_t ms = backoff_ms(&b, r->failures, r->reply.retry_after_ms, replicator_random(r));

	r->failures++;
	note_retry(r);
	return replicator_wait_ms(r, ms, r->reply.status == 0 && !r->reply.connected);
}

bool replicator_retry_later(struct replicator *r, unsigned *strikes)
{
	const struct record_reply *a = &r->reply;
	/* the request arrived and no answer came; did the server end with it? Connections are lost for other reasons, too */
	bool unanswered = a->connected && a->status == 0;
	bool was_well = r->pinged;
	bool asks_for_less = a->status == 429 || a->status == 503 || a->retry_after_ms;
	int64_t now = clock_mono_ns();
	char why[REPLICATOR_SHOWN_MAX];

	replicator_explain(a, why);
	memcpy(r->failed_why, why, sizeof why);
	r->failed_status = a->status;
	r->failed_dead = unanswered && !answers_ping(r);
	if (a->connected && !asks_for_less && was_well)
		*strikes += r->failed_dead ? STRIKES_OF_A_DEATH : 1;
	if (asks_for_less || unanswered)
		pace_refused(
		    &r->pace, now, a->retry_after_ms < BACKOFF_LEAST_MAX_MS ? a->retry_after_ms * NS_PER_MS : 0);
	if (!asks_for_less && !r->down_since_ns)
		r->down_since_ns = now;
	if (r->opts.breaker)
		breaker_failed(r->opts.breaker);
	replicator_set_state(r, REPLICATOR_DOWN, why);
	r->pinged = false;
	/* what is sent to a server that is not well yet says nothing about what is sent */
	return back_off(r) && replicator_wait_until_well(r);
}
