/* The thread's round: a live parcel, then one of the first other source that has one, if its time has come; without any it
 * waits for the committer, and pings now and then so that an outage shows without writes too.
 *
 * Everything is sent again after a restart from what was stored last: lines carry their timestamps, so that what arrives
 * twice is there once. */
#include "flow/replicator.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "flow/replicator_part.h"

enum { REPLY_MAX = 64 << 10, CONNECTIONS = 4 };
enum { BACKLOG_BODIES = 2 }; /* a body of a backlog is so many of the usual */
#define PROBE_EVERY_NS NS_PER_S
#define IDLE_PING_NS (5 * NS_PER_S)
#define JUMP_AGE_NS (20 * NS_PER_S)

const char *replicator_state_name(enum replicator_state s)
{
	static const char *const names[] = { "starting", "up", "catching_up", "down", "held", "paused" };

	return names[s];
}

const char *replicator_target(const struct replicator *r)
{
	return r->target;
}

const char *replicator_shown_name(const struct replicator *r)
{
	return r->shown;
}

const char *replicator_database(const struct replicator *r, uint32_t db)
{
	const char *name = catalogue_database_name(r->opts.catalogue, db);

	return db == CATALOGUE_DEFAULT_DB || !name ? r->opts.database : name;
}

/* ---- state ---- */

bool replicator_is_stopping(struct replicator *r)
{
	pthread_mutex_lock(&r->lock);
	bool s = r->stopping;
	pthread_mutex_unlock(&r->lock);
	return s;
}

bool replicator_must_leave(struct replicator *r)
{
	pthread_mutex_lock(&r->lock);
	bool leave = r->stopping || r->paused;
	pthread_mutex_unlock(&r->lock);
	return leave;
}

void replicator_set_state(struct replicator *r, enum replicator_state state, const char *why)
{
	int64_t now = clock_wall_ns();

	pthread_mutex_lock(&r->lock);
	enum replicator_state before = r->stats.state;
	if (state != before) {
		r->stats.state = state;
		r->stats.since_ns = now;
	}
	if (why) {
		snprintf(r->stats.last_error, sizeof r->stats.last_error, "%.*s", REPLICATOR_SHOWN_MAX, why);
		r->stats.last_error_ns = now;
	} else if (state != REPLICATOR_PAUSED) {
		r->stats.last_ok_ns = now;
		r->stats.next_try_ns = 0;
	}
	pthread_mutex_unlock(&r->lock);
	if (state == before)
		return;
	if (state == REPLICATOR_DOWN)
		log_warn(
		    "%s does not take writes (%s); they are kept here and delivered later", r->shown, why ? why : "");
	else if (state == REPLICATOR_PAUSED)
		log_warn("replication to %s is paused; what comes is kept here", r->shown);
	else if (state == REPLICATOR_UP || state == REPLICATOR_CATCHING_UP)
		if (before == REPLICATOR_DOWN || before == REPLICATOR_STARTING || before == REPLICATOR_PAUSED)
			log_info("%s takes writes%s", r->shown, state == REPLICATOR_CATCHING_UP ? ", catching up" : "");
}

void replicator_look_at_backlog(struct replicator *r)
{
	struct committer_stats c;

	committer_stats(r->opts.committer, &c);
	/* a few commit groups are always on their way */
	bool behind = c.last_seq > atomic_load(&r->live_seq) + 16 || r->pending.list[0].count ||
	    r->pending.count - 1 > r->held_count;
	replicator_set_state(r,
	    r->held_count ? REPLICATOR_HELD
		: behind  ? REPLICATOR_CATCHING_UP
			  : REPLICATOR_UP,
	    NULL);
}

/* ---- the thread ---- */

bool replicator_run_source(struct replicator *r, struct parcel_source *source, struct parcel *p)
{
	bool live = source == &r->live.base;
	uint32_t bodies = p->bodies * (live ? 1 : BACKLOG_BODIES);
	struct parcel_limits limits = { r->limits.points * bodies, r->limits.bytes * bodies, replicator_held_bits(r) };
	struct errbuf eb;

	if (!live)
		limits.points = pace_points(&r->pace, limits.points);
	parcel_clear(p);
	enum err e = source->ops->fill(source, p, &limits, &eb);
	if (e == ERR_NOTFOUND)
		return false;
	if (e != ERR_OK) {
		replicator_wait_ms(r, 1000, false);
		return true;
	}
	if (p->count == 0) {
		source->ops->done(source, p);
		return true;
	}
	parcel_gather(p, parcel_worth(p, r->opts.split_points));
	for (unsigned i = 0; r->make_signed && i < p->bodies; i++)
		(void)parcel_make_signed(&p->body[i]);
	int64_t began = clock_mono_ns();
	enum outcome o = replicator_deliver(r, source, p);
	if (o == OUTCOME_HELD)
		replicator_hold_database(r, p->db);
	if (o != OUTCOME_DONE)
		return true;
	source->ops->done(source, p);
	if (!live)
		pace_sent(&r->pace, began, began + r->took_ns, p->count);
	replicator_store_cursor(r, false);
	replicator_look_at_backlog(r);
	return true;
}

/* One parcel of the others. False: none has any now, or it is not time yet; *waits tells these apart. */
static bool run_others(struct replicator *r, bool *waits)
{
	struct parcel_source *others[] = { r->opts.replay, &r->backlog.base, r->opts.owed };

	*waits = !pace_is_due(&r->pace, clock_mono_ns());
	if (*waits)
		return false;
	for (unsigned i = 0; i < sizeof others / sizeof *others; i++)
		if (others[i] && replicator_run_source(r, others[i], &r->parcel))
			return true;
	return false;
}

/* The server is asked each second until it answers, or there is something to deliver, which has its own back-off. */
static void probe(struct replicator *r)
{
	uint64_t seq = r->live.rows.seq;
	char why[REPLICATOR_SHOWN_MAX];

	while (!replicator_must_leave(r)) {
		if (replicator_ping(r)) {
			if (r->held_count == 0) /* pings need no rights: they say nothing about what is held */
				replicator_reached(r);
			replicator_look_at_backlog(r);
			return;
		}
		replicator_explain(&r->reply, why);
		if (!r->down_since_ns)
			r->down_since_ns = clock_mono_ns();
		if (r->opts.breaker)
			breaker_failed(r->opts.breaker);
		replicator_set_state(r, REPLICATOR_DOWN, why);
		struct committer_stats c;
		committer_stats(r->opts.committer, &c);
		if (c.last_seq > seq)
			return;
		replicator_wait_ms(r, PROBE_EVERY_NS / NS_PER_MS, false);
	}
}

static bool take_retry(struct replicator *r)
{
	pthread_mutex_lock(&r->lock);
	bool again = r->retry_now;
	r->retry_now = false;
	pthread_mutex_unlock(&r->lock);
	return again;
}

/* Nothing to deliver now. waits: there is, but its time has not come. */
static void idle(struct replicator *r, bool waits, uint64_t wakes)
{
	uint64_t seq = r->live.rows.seq;
	int64_t ping_at = clock_mono_ns() + IDLE_PING_NS, until = ping_at;

	if (waits && r->pace.next_ns < until)
		until = r->pace.next_ns;
	if (replicator_next_try_ns(r) < until)
		until = replicator_next_try_ns(r);
	replicator_store_cursor(r, !waits);
	bool news = committer_wait(r->opts.committer, seq, until, wakes) > seq;
	if (!news && clock_mono_ns() >= ping_at)
		probe(r);
}

static void wait_while_paused(struct replicator *r)
{
	replicator_store_cursor(r, true);
	replicator_set_state(r, REPLICATOR_PAUSED, NULL);
	pthread_mutex_lock(&r->lock);
	while (r->paused && !r->stopping)
		pthread_cond_wait(&r->wake, &r->lock);
	bool go_on = !r->stopping;
	pthread_mutex_unlock(&r->lock);
	if (go_on && replicator_ping(r)) {
		replicator_reached(r);
		replicator_look_at_backlog(r);
	}
}

/* Nothing is delivered, and no read asks the record, before it is known what that lacks. False: stopping. */
static bool meet(struct replicator *r)
{
	struct errbuf eb;

	while (!r->met && !replicator_is_stopping(r)) {
		replicator_wait_ms(r, 1000, false);
		if (replicator_meet(r, &eb) != ERR_OK)
			log_warn("what %s lacks still cannot be noted: %s", r->shown, eb.text);
	}
	return r->met;
}

/* A fleet that gets its power back restarts as one, and what waits is as old as the power cut was long: to the server it is
 * an outage that has ended. */
static void begin_slowly(struct replicator *r)
{
	struct replicator_waiting w;

	replicator_jump(r);
	r->backlog.base.ops->waits(&r->backlog.base, &w);
	if (w.points && w.oldest_received_ns)
		pace_recovered(&r->pace, clock_mono_ns(), clock_wall_ns() - w.oldest_received_ns, replicator_random(r));
}

static void *run(void *arg)
{
	struct replicator *r = arg;

	if (!meet(r))
		return NULL;
	begin_slowly(r);
	if (!replicator_must_leave(r) && replicator_ping(r)) {
		replicator_reached(r);
		replicator_look_at_backlog(r);
	}
	for (;;) {
		bool waits = false;
		uint64_t wakes = committer_wakes(r->opts.committer); /* before the flags are looked at */
		if (replicator_is_stopping(r))
			break;
		if (replicator_must_leave(r)) {
			wait_while_paused(r);
			continue;
		}
		replicator_try_held(r, take_retry(r));
		bool sent = replicator_run_source(r, &r->live.base, &r->live_parcel);
		if (sent && !replicator_must_leave(r))
			replicator_jump(r);
		if (!replicator_must_leave(r))
			sent |= run_others(r, &waits);
		if (!sent)
			idle(r, waits, wakes);
	}
	replicator_store_cursor(r, true);
	return NULL;
}

/* ---- starting and stopping ---- */

static void set_defaults(struct replicator_opts *o)
{
	if (!o->batch_points)
		o->batch_points = 5000;
	if (!o->batch_bytes)
		o->batch_bytes = 1 << 20;
	if (!o->connections)
		o->connections = CONNECTIONS;
	if (o->connections > RECORD_WRITES_MAX || !o->record->write_many)
		o->connections = o->record->write_many ? RECORD_WRITES_MAX : 1;
	if (!o->split_points)
		o->split_points = PARCEL_BODY_POINTS;
	if (!o->jump_age_ns)
		o->jump_age_ns = JUMP_AGE_NS;
	if (!o->timeout_ms)
		o->timeout_ms = 10000;
	if (!o->backoff_min_ms)
		o->backoff_min_ms = 1000;
	if (!o->backoff_max_ms)
		o->backoff_max_ms = 60000;
	if (!o->held_ms)
		o->held_ms = 60000;
	if (!o->quarantine_max_points)
		o->quarantine_max_points = QUARANTINE_MAX_POINTS;
	if (!o->quarantine_max_bytes)
		o->quarantine_max_bytes = QUARANTINE_MAX_BYTES;
}

void replicator_close_sources(const struct replicator_opts *opts)
{
	struct parcel_source *all[] = { opts->replay, opts->owed };

	for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i])
			all[i]->ops->close(all[i]);
}

static void attach_sources(struct replicator *r)
{
	struct parcel_source *all[] = { r->opts.replay, r->opts.owed };

	for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i] && all[i]->ops->attach)
			all[i]->ops->attach(all[i], r);
}

static void replicator_free(struct replicator *r)
{
	replicator_spool_fini(r);
	replicator_close_sources(&r->opts);
	parcel_fini(&r->live_parcel);
	parcel_fini(&r->parcel);
	answer_lines_fini(&r->named);
	buf_fini(&r->reply.body);
	for (unsigned i = 0; i < RECORD_WRITES_MAX; i++)
		buf_fini(&r->replies[i].body);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
	pthread_mutex_destroy(&r->look_lock);
	pthread_mutex_destroy(&r->first_lock);
	free(r);
}

static void replicator_init(struct replicator *r, const struct replicator_opts *opts)
{
	static const char mirror[] = "mirror:";

	r->opts = *opts;
	set_defaults(&r->opts);
	snprintf(r->target, sizeof r->target, "%s", opts->target);
	if (strncmp(opts->target, mirror, sizeof mirror - 1) == 0)
		snprintf(r->shown, sizeof r->shown, "the mirror %s", opts->target + sizeof mirror - 1);
	else
		snprintf(r->shown, sizeof r->shown, "InfluxDB");
	snprintf(r->stats.target, sizeof r->stats.target, "%s", r->target);
	if (opts->url)
		snprintf(r->record, sizeof r->record, "%s %s", opts->url, opts->database);
	r->meeting = (struct target_opts){ .committer = opts->committer,
		.spool_path = opts->spool_path,
		.store_path = opts->store_path,
		.name = r->target,
		.record = r->record };
	r->limits = (struct parcel_limits){ r->opts.batch_points, r->opts.batch_bytes, 0 };
	r->stats.since_ns = clock_wall_ns();
	pace_init(&r->pace, &(struct pace_opts){ .ceiling = r->opts.backlog_rate });
	replicator_spool_init(r);
	parcel_init(&r->live_parcel, r->opts.connections);
	parcel_init(&r->parcel, r->opts.connections);
	answer_lines_init(&r->named);
	buf_init(&r->reply.body, REPLY_MAX);
	for (unsigned i = 0; i < RECORD_WRITES_MAX; i++)
		buf_init(&r->replies[i].body, REPLY_MAX);
	pthread_mutex_init(&r->lock, NULL);
	pthread_mutex_init(&r->look_lock, NULL);
	pthread_mutex_init(&r->first_lock, NULL);
	clock_cond_init(&r->wake);
	if (getrandom(&r->random, sizeof r->random, 0) != sizeof r->random || !r->random)
		r->random = (uint64_t)clock_wall_ns() | 1;
}

enum err replicator_start(struct replicator **out, const struct replicator_opts *opts, struct errbuf *eb)
{
	struct replicator *r = calloc(1, sizeof *r);

	*out = NULL;
	if (!r) {
		replicator_close_sources(opts);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	replicator_init(r, opts);
	attach_sources(r);
	enum err e = replicator_spool_load(r, eb);
	if (e == ERR_OK)
		e = thread_start(&r->thread, "hf-replicator", run, r, eb);
	if (e != ERR_OK) {
		replicator_free(r);
		return e;
	}
	*out = r;
	return ERR_OK;
}

void replicator_ask_to_stop(struct replicator *r)
{
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
	committer_wake(r->opts.committer);
}

void replicator_join(struct replicator *r)
{
	if (!r->joined)
		pthread_join(r->thread, NULL);
	r->joined = true;
}

void replicator_stop(struct replicator *r)
{
	if (!r)
		return;
	replicator_ask_to_stop(r);
	replicator_join(r);
	replicator_free(r);
}

/* ---- control, any thread ---- */

void replicator_retry_now(struct replicator *r)
{
	pthread_mutex_lock(&r->lock);
	r->retry_now = true;
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
	committer_wake(r->opts.committer);
}

static enum err pause_job(struct spool *s, void *arg, struct errbuf *eb)
{
	struct replicator *r = arg;

	pthread_mutex_lock(&r->lock);
	bool paused = r->paused;
	pthread_mutex_unlock(&r->lock);
	return target_set_paused(spool_db(s), r->target, paused, eb);
}

static void set_paused(struct replicator *r, bool paused)
{
	struct errbuf eb;

	pthread_mutex_lock(&r->lock);
	r->paused = paused;
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
	committer_wake(r->opts.committer);
	enum err e = committer_call(r->opts.committer, pause_job, r, &eb);
	if (e != ERR_OK && e != ERR_CLOSED)
		log_warn("that %s is %s could not be stored: %s", r->shown, paused ? "paused" : "resumed", eb.text);
}

void replicator_pause(struct replicator *r)
{
	set_paused(r, true);
}

void replicator_resume(struct replicator *r)
{
	set_paused(r, false);
}

enum err replicator_skip_held(struct replicator *r, struct errbuf *eb)
{
	pthread_mutex_lock(&r->lock);
	bool held = r->stats.held_databases > 0;
	r->skip_held |= held;
	pthread_mutex_unlock(&r->lock);
	if (!held)
		return errbuf_set(eb, ERR_NOTFOUND, "nothing is held for %s", r->shown);
	replicator_retry_now(r);
	return ERR_OK;
}

enum err replicator_replay(struct replicator *r, struct errbuf *eb)
{
	if (!r->opts.replay)
		return errbuf_set(eb, ERR_NOTFOUND, "%s replays nothing", r->shown);
	committer_wake(r->opts.committer);
	return ERR_OK;
}
