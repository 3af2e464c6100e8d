/* The thread's round: fill a parcel from the rows after the cursor, deliver it, move the cursor; without rows wait for
 * the committer, and ping now and then so that an outage shows without writes too.
 *
 * What is done about each answer: replicator_deliver.c.
 *
 * Everything is sent again after a restart from the last stored cursor on: lines carry their timestamps, so that what
 * arrives twice is there once. */
#include "flow/replicator.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/thread.h"
#include "flow/replicator_part.h"
#include "store/aside.h"
#include "store/targets.h"

enum { REPLY_MAX = 64 << 10 };
#define PROBE_EVERY_NS NS_PER_S
#define IDLE_PING_NS (5 * NS_PER_S)
#define STORE_CURSOR_NS NS_PER_S

const char *replicator_state_name(enum replicator_state s)
{
	static const char *const names[] = { "starting", "up", "catching_up", "down", "held" };

	return names[s];
}

/* ---- state ---- */

bool replicator_is_stopping(struct replicator *r)
{
	pthread_mutex_lock(&r->lock);
	bool s = r->stopping;
	pthread_mutex_unlock(&r->lock);
	return s;
}

void replicator_set_state(struct replicator *r, enum replicator_state state, const char *why)
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
		snprintf(r->stats.last_error, sizeof r->stats.last_error, "%.*s", REPLICATOR_SHOWN_MAX, why);
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

void replicator_reached(struct replicator *r)
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
void replicator_explain(struct replicator *r, char out[REPLICATOR_SHOWN_MAX])
{
	const struct record_reply *a = &r->reply;
	struct view body = { a->body.p, a->body.len };

	while (body.len && (body.p[body.len - 1] == '\n' || body.p[body.len - 1] == ' '))
		body.len--;
	if (a->status == 0)
		snprintf(out, REPLICATOR_SHOWN_MAX, "%.399s", a->error.text);
	else if (body.len)
		snprintf(out, REPLICATOR_SHOWN_MAX, "HTTP %d: %.*s", a->status, (int)(body.len < 360 ? body.len : 360),
		    body.p);
	else
		snprintf(out, REPLICATOR_SHOWN_MAX, "HTTP %d", a->status);
}

/* ---- the cursor and gaps, through the writer ---- */

static enum err store_cursor_job(struct spool *s, void *arg, struct errbuf *eb)
{
	struct replicator *r = arg;
	struct target_cursor c = { .seq = atomic_load(&r->cursor), .points = r->delivered };

	snprintf(c.record, sizeof c.record, "%s", r->record);
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

/* ---- the thread ---- */

static const char *database_of(const struct replicator *r, uint32_t db)
{
	const char *name = catalogue_database_name(r->opts.catalogue, db);

	return db == CATALOGUE_DEFAULT_DB || !name ? r->opts.database : name;
}

static void look_at_backlog(struct replicator *r)
{
	struct committer_stats c;

	committer_stats(r->opts.committer, &c);
	/* a few commit groups are always on their way */
	bool behind = c.last_seq > atomic_load(&r->cursor) + 16;
	replicator_set_state(r, behind ? REPLICATOR_CATCHING_UP : REPLICATOR_UP, NULL);
}

/* Nothing to deliver: waits for rows, and sees to it that an outage shows. */
static void idle(struct replicator *r)
{
	uint64_t seq = r->source.seq;
	char why[REPLICATOR_SHOWN_MAX];

	store_cursor(r, true);
	if (committer_wait(r->opts.committer, seq, clock_mono_ns() + IDLE_PING_NS) > seq || replicator_is_stopping(r))
		return;
	while (!replicator_is_stopping(r)) {
		if (replicator_ping(r)) {
			replicator_reached(r);
			look_at_backlog(r);
			return;
		}
		replicator_explain(r, why);
		breaker_failed(r->opts.breaker);
		replicator_set_state(r, REPLICATOR_DOWN, why);
		struct committer_stats c;
		committer_stats(r->opts.committer, &c);
		if (c.last_seq > seq) /* delivering has its own back-off */
			return;
		replicator_wait_ms(r, PROBE_EVERY_NS / NS_PER_MS, false);
	}
}

static void begin_at(struct replicator *r, const struct target_cursor *c)
{
	atomic_store(&r->cursor, c->seq);
	r->delivered = c->points;
	r->stored_seq = r->sent_seq = c->seq;
	parcel_source_seek(&r->source, c->seq);
	committer_set_delivered(r->opts.committer, c->seq);
}

/* Nothing is delivered, and no read asks the record, before it is known what that lacks. False: stopping. */
static bool meet(struct replicator *r)
{
	struct target_cursor c;
	struct errbuf eb;

	while (!r->met && replicator_wait_ms(r, 1000, false)) {
		r->met = target_meet(&r->target, &c, &eb) == ERR_OK;
		if (r->met)
			begin_at(r, &c);
		else
			log_warn("what InfluxDB lacks still cannot be noted: %s", eb.text);
	}
	return r->met;
}

static void *run(void *arg)
{
	struct replicator *r = arg;
	struct errbuf eb;

	if (!meet(r))
		return NULL;
	if (replicator_ping(r)) {
		replicator_reached(r);
		look_at_backlog(r);
	}
	while (!replicator_is_stopping(r)) {
		enum err e = parcel_fill(&r->parcel, &r->source, &r->limits, &eb);
		if (e == ERR_NOTFOUND) {
			atomic_store(&r->cursor, r->source.seq);
			idle(r);
			continue;
		}
		if (e != ERR_OK) {
			log_error("cannot read the spool for InfluxDB: %s", eb.text);
			if (e == ERR_CORRUPT)
				aside_mark(r->opts.spool_path, eb.text);
			parcel_source_seek(&r->source, atomic_load(&r->cursor));
			replicator_wait_ms(r, 1000, false);
			continue;
		}
		if (r->make_signed)
			(void)parcel_make_signed(&r->parcel);
		if (!replicator_deliver(r, database_of(r, r->parcel.db), 0, r->parcel.count))
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
	if (r->opts.url)
		snprintf(r->record, sizeof r->record, "%s %s", r->opts.url, r->opts.database);
	r->target = (struct target_opts){ .committer = r->opts.committer,
		.spool_path = r->opts.spool_path,
		.store_path = r->opts.store_path,
		.name = r->opts.target,
		.record = r->record };
	enum err e = spool_reader_open(&r->reader, r->opts.spool_path, eb);

	if (e == ERR_OK)
		e = spool_reader_open(&r->look, r->opts.spool_path, eb);
	if (e == ERR_OK)
		e = target_meet(&r->target, &c, eb);
	r->met = e == ERR_OK;
	if (e == ERR_FULL || e == ERR_IO || e == ERR_UNAVAILABLE) { /* the disk; the thread tries again */
		log_warn("what InfluxDB lacks cannot be noted yet: %s", eb->text);
		e = ERR_OK;
	}
	if (e == ERR_OK)
		e = quarantine_count(spool_reader_db(r->reader), r->opts.target, &r->stats.quarantined_points, eb);
	r->source.reader = r->reader;
	begin_at(r, &c);
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
