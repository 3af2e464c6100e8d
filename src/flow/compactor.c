/* A round, each second and when forced:
 *
 *   flush    generations of the head that are sealed and old, or any if the head fills; what the head no longer has is
 *            read from the spool. Then the writer may let those rows go
 *   merge    the places with pieces that are due: their window is over and nothing came lately, or they have many
 *   retain   windows older than their retention, each ten minutes; at the ceiling the oldest (flow/retention)
 *   vacuum   free pages back to the file system, a few at a time
 *
 * Between rounds, the runs of a flush, the places of a merge and the steps of vacuum, it does what others ask of the
 * store (compactor_call).
 * A place with pages that cannot be read is left alone, and the file is marked: the next start sets it aside.
 * After a failure the round ends, the state says why, and the next begins after a pause that doubles up to a minute. */
#include "flow/compactor.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/thread.h"
#include "flow/retention.h"
#include "store/aside.h"
#include "store/batch_builder.h"
#include "store/compaction.h"

enum {
	RUN_BYTES = 8 << 20, /* of a generation made from the spool */
	RUN_MAX = 256 << 20, /* with one huge row */
	BUILDER_KEEP = 4 << 20,
	PIECES_MANY = 64, /* raw */
	PIECES_MANY_ROLLUP = 12,
	VACUUM_PAGES = 64,
	VACUUM_KEEP_PAGES = 512,
	SKIPPED_MAX = 256,
};
#define ROUND_NS NS_PER_S
#define PAUSE_MAX_NS (60 * NS_PER_S)
#define RETAIN_NS (600 * NS_PER_S)
#define CLOSED_AFTER_NS (15 * 60 * NS_PER_S) /* a window is over so long after its end */
#define QUIET_NS (60 * NS_PER_S)
#define WAIT_MOST_NS (15 * 60 * NS_PER_S)

struct call {
	struct call *next;
	enum err (*fn)(struct store *s, void *arg, struct errbuf *eb);
	void *arg;
	bool between; /* it needs no transaction */
	struct errbuf *eb;
	enum err result;
	bool done;
};

struct compactor {
	struct compactor_opts opts;
	pthread_t thread;
	pthread_mutex_t lock; /* what follows */
	pthread_cond_t work, done;
	bool stopping, pressed;
	uint64_t forced, served; /* numbers of compactor_force */
	struct call *calls, **last_call;
	struct compactor_stats stats;
	/* the thread alone */
	struct compaction *compaction;
	struct retention retention;
	struct spool_reader *spool;
	struct batch_builder builder;
	struct arena arena;
	int64_t retained_ns, pause_ns;
	bool force;
	struct store_place skipped[SKIPPED_MAX];
	unsigned skipped_count;
};

static bool is_stopping(void *arg)
{
	struct compactor *c = arg;

	pthread_mutex_lock(&c->lock);
	bool stopping = c->stopping;
	pthread_mutex_unlock(&c->lock);
	return stopping;
}

static uint64_t compacted_seq(struct compactor *c)
{
	struct store_totals t;

	store_totals(c->opts.store, &t);
	return t.compacted_seq;
}

static void tell_compacted(struct compactor *c, uint64_t points)
{
	uint64_t seq = compacted_seq(c);

	head_compacted(c->opts.head, seq);
	committer_set_compacted(c->opts.committer, seq);
	pthread_mutex_lock(&c->lock);
	c->stats.compacted_seq = seq;
	c->stats.flushed_points += points;
	c->stats.last_ns = clock_wall_ns();
	pthread_mutex_unlock(&c->lock);
}

/* ---- what others ask ---- */

static void serve_calls(struct compactor *c)
{
	pthread_mutex_lock(&c->lock);
	while (c->calls) {
		struct call *call = c->calls;
		c->calls = call->next;
		if (!c->calls)
			c->last_call = &c->calls;
		pthread_mutex_unlock(&c->lock);
		enum err e = call->between ? call->fn(c->opts.store, call->arg, call->eb)
					   : compaction_transact(c->compaction, call->fn, call->arg, call->eb);
		pthread_mutex_lock(&c->lock);
		call->result = e;
		call->done = true;
		pthread_cond_broadcast(&c->done);
	}
	pthread_mutex_unlock(&c->lock);
}

static enum err wait_for_call(struct compactor *c, struct call *call)
{
	pthread_mutex_lock(&c->lock);
	if (c->stopping) {
		pthread_mutex_unlock(&c->lock);
		return errbuf_set(call->eb, ERR_CLOSED, "shutting down");
	}
	*c->last_call = call;
	c->last_call = &call->next;
	pthread_cond_signal(&c->work);
	while (!call->done)
		pthread_cond_wait(&c->done, &c->lock);
	pthread_mutex_unlock(&c->lock);
	return call->result;
}

enum err compactor_call(
    struct compactor *c, enum err (*fn)(struct store *s, void *arg, struct errbuf *eb), void *arg, struct errbuf *eb)
{
	struct call call = { .fn = fn, .arg = arg, .eb = eb };

	return wait_for_call(c, &call);
}

enum err compactor_call_between(
    struct compactor *c, enum err (*fn)(struct store *s, void *arg, struct errbuf *eb), void *arg, struct errbuf *eb)
{
	struct call call = { .fn = fn, .arg = arg, .between = true, .eb = eb };

	return wait_for_call(c, &call);
}

/* ---- damage ---- */

static void mark_store(struct compactor *c, const char *why)
{
	struct errbuf eb;

	if (aside_mark(store_path(c->opts.store), why, &eb) != ERR_OK)
		log_error("%s", eb.text);
}

static bool is_skipped(const struct compactor *c, const struct store_place *p)
{
	for (unsigned i = 0; i < c->skipped_count; i++) {
		const struct store_place *s = &c->skipped[i];
		if (s->tier == p->tier && s->window == p->window && s->measurement == p->measurement)
			return true;
	}
	return c->skipped_count == SKIPPED_MAX;
}

/* Its pieces stay, and are read as they are: what damage or want of memory keeps from one place must not keep others. */
static void skip_place(struct compactor *c, const struct store_place *p, enum err e, const struct errbuf *eb)
{
	log_error("compaction: %s; its place is left as it is until the next start", eb->text);
	if (e == ERR_CORRUPT)
		mark_store(c, eb->text);
	if (c->skipped_count < SKIPPED_MAX)
		c->skipped[c->skipped_count++] = *p;
	pthread_mutex_lock(&c->lock);
	c->stats.skipped_places = c->skipped_count;
	pthread_mutex_unlock(&c->lock);
}

/* ---- flush ---- */

static bool append_row(struct compactor *c, struct generation *g, const struct spool_row *row)
{
	enum lp_result r;

	batch_builder_start(&c->builder, row->payload, BUILDER_KEEP);
	while ((r = batch_builder_next(&c->builder, row->db)) != LP_END) {
		if (c->builder.out_of_memory)
			return false;
		if (r != LP_OK) /* it was good when it was written, and is logged when the head is rebuilt */
			continue;
		const struct batch_point *p = &c->builder.points[c->builder.point_count - 1];
		if (!generation_append(
			g, p->series, c->builder.parser.time, c->builder.values + p->first_value, p->values))
			return false;
		batch_builder_drop(&c->builder);
	}
	return true;
}

/* Rows (after, to] of the spool, as many as make a generation. *last: the last that is in it. */
static enum err build_run(
    struct compactor *c, uint64_t after, uint64_t to, struct generation **out, uint64_t *last, struct errbuf *eb)
{
	struct spool_row row;
	enum err e = c->spool ? ERR_OK : spool_reader_open(&c->spool, c->opts.spool_path, eb);

	if (e != ERR_OK)
		return e;
	e = generation_new(out, 0, RUN_MAX);
	if (e != ERR_OK)
		return errbuf_set(eb, e, "out of memory");
	*last = after;
	while (*last < to && generation_bytes(*out) < RUN_BYTES) {
		e = spool_reader_next(c->spool, *last, &row, eb);
		if (e == ERR_NOTFOUND || (e == ERR_OK && row.seq > to)) {
			*last = to; /* they were let go */
			return ERR_OK;
		}
		if (e == ERR_CORRUPT && row.seq) {
			log_error("%s; its points are not in the store", eb->text);
			counter_add(COUNTER_COMPACT_DAMAGED_ROWS, 1);
		} else if (e != ERR_OK) {
			return e;
		} else if (!append_row(c, *out, &row)) {
			return errbuf_set(eb, ERR_NOMEM, "out of memory for row %llu", (unsigned long long)row.seq);
		}
		*last = row.seq;
	}
	return ERR_OK;
}

static enum err flush_spool(struct compactor *c, uint64_t after, uint64_t to, struct errbuf *eb)
{
	struct generation *g = NULL;
	uint64_t last = after, points = 0;
	enum err e = build_run(c, after, to, &g, &last, eb);

	if (e == ERR_OK) {
		points = generation_points(g);
		e = points ? compaction_flush(c->compaction, g, last, eb) : compaction_skip(c->compaction, last, eb);
	}
	generation_unref(g);
	if (e == ERR_OK)
		tell_compacted(c, points);
	return e;
}

static bool is_due(struct compactor *c, const struct head_run *run)
{
	return c->force || clock_mono_ns() - run->began_ns >= c->opts.flush_age_ns || head_is_pressed(c->opts.head);
}

/* One step. ERR_NOTFOUND: nothing is due. */
static enum err flush_next(struct compactor *c, struct errbuf *eb)
{
	struct head_run run;
	uint64_t seq = compacted_seq(c);
	enum err e = ERR_NOTFOUND;

	head_next_run(c->opts.head, seq, &run);
	if (run.first_seq > seq + 1) {
		e = flush_spool(c, seq, run.first_seq - 1, eb);
	} else if (run.generation && is_due(c, &run)) {
		if (run.sealed) {
			uint64_t points = generation_points(run.generation);
			e = compaction_flush(c->compaction, run.generation, run.last_seq, eb);
			if (e == ERR_OK)
				tell_compacted(c, points);
		} else if (c->force || clock_mono_ns() - run.began_ns >= c->opts.flush_age_ns) {
			e = committer_seal_head(c->opts.committer, eb);
		}
	}
	generation_unref(run.generation);
	return e;
}

static enum err flush(struct compactor *c, struct errbuf *eb)
{
	enum err e = ERR_OK;

	while (e == ERR_OK && !is_stopping(c)) {
		serve_calls(c);
		e = flush_next(c, eb);
	}
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

/* ---- merge ---- */

static bool place_is_due(const struct compactor *c, const struct store_pending *p, int64_t now)
{
	int64_t end = tier_window_start(p->place.tier, p->place.window + 1);

	if (c->force)
		return true;
	if (p->place.tier != TIER_RAW)
		return p->pieces >= PIECES_MANY_ROLLUP ||
		    (now > end + CLOSED_AFTER_NS && now - p->oldest_ns > TIER_HOUR_NS);
	return p->pieces >= PIECES_MANY ||
	    (now > end + CLOSED_AFTER_NS && (now - p->newest_ns > QUIET_NS || now - p->oldest_ns > WAIT_MOST_NS));
}

static enum err find_pending(struct compactor *c, struct store_pending **pending, uint32_t *count, struct errbuf *eb)
{
	arena_clear(&c->arena);
	return store_reader_pending(store_own_reader(c->opts.store), &c->arena, pending, count, eb);
}

static void tell_merged(struct compactor *c, uint64_t pieces_left)
{
	pthread_mutex_lock(&c->lock);
	c->stats.merged_places++;
	c->stats.pieces = pieces_left;
	c->stats.last_ns = clock_wall_ns();
	pthread_mutex_unlock(&c->lock);
}

/* What is due now, once; *any: there was something. */
static enum err merge_round(struct compactor *c, bool *any, struct errbuf *eb)
{
	struct store_pending *pending;
	uint32_t count;
	uint64_t pieces = 0;
	int64_t now = clock_wall_ns();
	enum err e = find_pending(c, &pending, &count, eb);

	*any = false;
	for (uint32_t i = 0; e == ERR_OK && i < count; i++)
		pieces += pending[i].pieces;
	pthread_mutex_lock(&c->lock);
	c->stats.pieces = pieces;
	pthread_mutex_unlock(&c->lock);
	for (uint32_t i = 0; e == ERR_OK && i < count && !is_stopping(c); i++) {
		if (!place_is_due(c, &pending[i], now) || is_skipped(c, &pending[i].place))
			continue;
		*any = true;
		e = compaction_merge(c->compaction, &pending[i].place, eb);
		serve_calls(c);
		if (e == ERR_CORRUPT || e == ERR_NOMEM) {
			skip_place(c, &pending[i].place, e, eb);
			e = ERR_OK;
			continue;
		}
		pieces -= pending[i].pieces;
		if (e == ERR_OK) {
			tell_merged(c, pieces);
			e = flush(c, eb); /* the head must not wait for a long list */
		}
	}
	return e;
}

static enum err merge(struct compactor *c, struct errbuf *eb)
{
	bool any = true;
	enum err e = ERR_OK;

	/* merging makes pieces of the tier above; four tiers, so this ends */
	for (int i = 0; e == ERR_OK && any && i < (int)TIERS; i++)
		e = merge_round(c, &any, eb);
	return e;
}

/* ---- retention ---- */

static void tell_evicted(void *arg, uint64_t points)
{
	struct compactor *c = arg;

	pthread_mutex_lock(&c->lock);
	c->stats.evicted_points += points;
	pthread_mutex_unlock(&c->lock);
	counter_add(COUNTER_STORE_EVICTED_POINTS, points);
}

static void tell_damaged(void *arg, const char *why)
{
	mark_store(arg, why);
}

static enum err retain(struct compactor *c, struct errbuf *eb)
{
	int64_t now = clock_mono_ns();

	if (!c->force && c->retained_ns && now - c->retained_ns < RETAIN_NS)
		return ERR_OK;
	c->retained_ns = now;
	return retention_by_age(&c->retention, clock_wall_ns(), eb);
}

static enum err keep_below_ceiling(struct compactor *c, struct errbuf *eb)
{
	uint64_t max = c->opts.max_bytes / 20 * 19;
	struct spool_totals spool;
	struct store_totals s;
	bool at_rest;

	spool_totals(c->opts.spool, &spool);
	store_totals(c->opts.store, &s);
	enum err e = ERR_OK;
	if (max && s.used_bytes + spool.used_bytes > max) { /* what it has and nobody needs must cost no other rows */
		e = committer_let_go(c->opts.committer, eb);
		spool_totals(c->opts.spool, &spool);
	}
	if (e == ERR_OK)
		e = retention_at_ceiling(&c->retention, spool.used_bytes, clock_wall_ns(), &at_rest, eb);
	if (!max || e != ERR_OK)
		return e;
	/* undelivered rows go last: only when the store has nothing more to give */
	store_totals(c->opts.store, &s);
	uint64_t rest = max > s.used_bytes ? max - s.used_bytes : 0;
	committer_set_spool_max(c->opts.committer, at_rest ? c->opts.max_bytes : rest);
	return ERR_OK;
}

static enum err vacuum(struct compactor *c, struct errbuf *eb)
{
	uint64_t left = 0, before = UINT64_MAX;
	enum err e = store_vacuum(c->opts.store, 0, &left, eb);

	while (e == ERR_OK && left < before && left > (c->force ? 0 : VACUUM_KEEP_PAGES) && !is_stopping(c)) {
		before = left;
		serve_calls(c);
		e = store_vacuum(c->opts.store, VACUUM_PAGES, &left, eb);
		store_checkpoint(c->opts.store);
	}
	return e;
}

/* ---- the thread ---- */

/* What makes room, and what shows that there is some. */
static enum err tidy(struct compactor *c, struct errbuf *eb)
{
	enum err e = retain(c, eb);

	if (e == ERR_OK)
		e = keep_below_ceiling(c, eb);
	if (e == ERR_OK)
		e = vacuum(c, eb);
	if (e == ERR_OK && c->force) {
		store_truncate_log(c->opts.store);
		e = committer_shrink(c->opts.committer, eb);
	}
	return e;
}

static enum err round_of_work(struct compactor *c, struct errbuf *eb)
{
	struct errbuf other;
	enum err e = store_ready(c->opts.store, eb);

	if (e == ERR_OK && compacted_seq(c) != c->stats.compacted_seq) /* a commit that failed has come back */
		tell_compacted(c, 0);
	if (e == ERR_OK)
		e = flush(c, eb);
	if (e == ERR_OK)
		e = merge(c, eb);
	if (e == ERR_OK)
		return tidy(c, eb);
	if (e == ERR_FULL || e == ERR_NOMEM) /* letting go may be what helps */
		(void)!tidy(c, &other);
	return e;
}

static void end_round(struct compactor *c, uint64_t forced, enum err e, const struct errbuf *eb)
{
	pthread_mutex_lock(&c->lock);
	c->stats.state = e == ERR_OK || e == ERR_CLOSED ? COMPACTOR_IDLE : COMPACTOR_FAILING;
	snprintf(c->stats.error, sizeof c->stats.error, "%.255s", c->stats.state == COMPACTOR_FAILING ? eb->text : "");
	c->served = c->stats.served = forced;
	pthread_cond_broadcast(&c->done);
	pthread_mutex_unlock(&c->lock);
	if (e == ERR_OK || e == ERR_CLOSED) {
		c->pause_ns = ROUND_NS;
		return;
	}
	counter_add(COUNTER_COMPACT_ERRORS, 1);
	log_error("compaction: %s", eb->text);
	if (e == ERR_CORRUPT)
		mark_store(c, eb->text);
	c->pause_ns = c->pause_ns * 2 < PAUSE_MAX_NS ? c->pause_ns * 2 : PAUSE_MAX_NS;
}

/* The writer: the head fills. */
static void on_pressure(void *arg)
{
	struct compactor *c = arg;

	pthread_mutex_lock(&c->lock);
	c->pressed = true;
	pthread_cond_signal(&c->work);
	pthread_mutex_unlock(&c->lock);
}

static void *run(void *arg)
{
	struct compactor *c = arg;

	c->pause_ns = ROUND_NS;
	pthread_mutex_lock(&c->lock);
	while (!c->stopping) {
		int64_t deadline = clock_mono_ns() + c->pause_ns;
		/* after a failure there is a pause, however full the head */
		while (!c->stopping && !(c->pressed && c->pause_ns == ROUND_NS) && c->forced == c->served) {
			if (!c->calls) {
				if (!clock_cond_wait(&c->work, &c->lock, deadline))
					break;
				continue;
			}
			pthread_mutex_unlock(&c->lock);
			serve_calls(c);
			pthread_mutex_lock(&c->lock);
		}
		if (c->stopping)
			break;
		uint64_t forced = c->forced;
		c->pressed = false;
		c->force = forced != c->served;
		c->stats.state = COMPACTOR_WORKING;
		pthread_mutex_unlock(&c->lock);
		struct errbuf eb = { "" };
		enum err e = round_of_work(c, &eb);
		serve_calls(c);
		end_round(c, forced, e, &eb);
		pthread_mutex_lock(&c->lock);
	}
	pthread_cond_broadcast(&c->done);
	pthread_mutex_unlock(&c->lock);
	serve_calls(c); /* that came before */
	return NULL;
}

static void finish(struct compactor *c)
{
	compaction_free(c->compaction);
	spool_reader_close(c->spool);
	batch_builder_fini(&c->builder);
	arena_fini(&c->arena);
	pthread_cond_destroy(&c->work);
	pthread_cond_destroy(&c->done);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

enum err compactor_start(struct compactor **out, const struct compactor_opts *opts, struct errbuf *eb)
{
	struct compactor *c = calloc(1, sizeof *c);

	*out = NULL;
	if (!c)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	c->opts = *opts;
	c->last_call = &c->calls;
	if (!c->opts.flush_age_ns)
		c->opts.flush_age_ns = 10 * 60 * NS_PER_S;
	pthread_mutex_init(&c->lock, NULL);
	clock_cond_init(&c->work);
	clock_cond_init(&c->done);
	arena_init(&c->arena, 64 << 10, (size_t)256 << 20);
	batch_builder_init(&c->builder, opts->catalogue);
	struct compaction_opts co = { .store = opts->store,
		.catalogue = opts->catalogue,
		.level = opts->level,
		.is_sketched = opts->is_sketched,
		.sketched_arg = opts->arg,
		.should_stop = is_stopping,
		.stop_arg = c };
	enum err e = compaction_new(&c->compaction, &co, eb);
	if (e == ERR_OK) {
		c->retention = (struct retention){ .store = opts->store,
			.compaction = c->compaction,
			.catalogue = opts->catalogue,
			.keep_ns = opts->retention_ns,
			.overridden = opts->overridden,
			.arg = opts->arg,
			.max_bytes = opts->max_bytes,
			.should_stop = is_stopping,
			.stop_arg = c,
			.gone = tell_evicted,
			.damaged = tell_damaged,
			.tell_arg = c };
		tell_compacted(c, 0);
		head_on_pressure(opts->head, on_pressure, c);
		e = thread_start(&c->thread, "hf-compactor", run, c, eb);
	}
	if (e != ERR_OK) {
		head_on_pressure(opts->head, NULL, NULL);
		finish(c);
		return e;
	}
	*out = c;
	return ERR_OK;
}

void compactor_stop(struct compactor *c)
{
	if (!c)
		return;
	head_on_pressure(c->opts.head, NULL, NULL);
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	finish(c);
}

uint64_t compactor_force(struct compactor *c)
{
	pthread_mutex_lock(&c->lock);
	uint64_t number = ++c->forced;
	pthread_cond_signal(&c->work);
	pthread_mutex_unlock(&c->lock);
	return number;
}

bool compactor_wait(struct compactor *c, uint64_t number, int64_t deadline_ns)
{
	bool in_time = true;

	pthread_mutex_lock(&c->lock);
	while (c->served < number && !c->stopping && in_time)
		in_time = clock_cond_wait(&c->done, &c->lock, deadline_ns);
	bool served = c->served >= number;
	pthread_mutex_unlock(&c->lock);
	return served;
}

void compactor_stats(struct compactor *c, struct compactor_stats *out)
{
	pthread_mutex_lock(&c->lock);
	*out = c->stats;
	pthread_mutex_unlock(&c->lock);
}
