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

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/thread.h"
#include "flow/compactor_part.h"
#include "store/aside.h"

#define ROUND_NS NS_PER_S
#define PAUSE_MAX_NS (60 * NS_PER_S)

struct compactor_request {
	struct compactor_request *next;
	enum err (*fn)(struct store *s, void *arg, struct errbuf *eb);
	void *arg;
	bool between; /* it needs no transaction */
	struct errbuf *eb;
	enum err result;
	bool done;
};

bool compactor_is_stopping(void *arg)
{
	struct compactor *c = arg;

	pthread_mutex_lock(&c->lock);
	bool stopping = c->stopping;
	pthread_mutex_unlock(&c->lock);
	return stopping;
}

/* ---- what others ask ---- */

void compactor_serve_calls(struct compactor *c)
{
	pthread_mutex_lock(&c->lock);
	while (c->calls) {
		struct compactor_request *call = c->calls;
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

static enum err wait_for_call(struct compactor *c, struct compactor_request *call)
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
	struct compactor_request call = { .fn = fn, .arg = arg, .eb = eb };

	return wait_for_call(c, &call);
}

enum err compactor_call_between(
    struct compactor *c, enum err (*fn)(struct store *s, void *arg, struct errbuf *eb), void *arg, struct errbuf *eb)
{
	struct compactor_request call = { .fn = fn, .arg = arg, .between = true, .eb = eb };

	return wait_for_call(c, &call);
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

/* ---- the thread ---- */

static void tell_evicted(void *arg, uint64_t points)
{
	struct compactor *c = arg;

	pthread_mutex_lock(&c->lock);
	c->stats.evicted_points += points;
	pthread_mutex_unlock(&c->lock);
	counter_add(COUNTER_STORE_EVICTED_POINTS, points);
}

static enum err round_of_work(struct compactor *c, struct errbuf *eb)
{
	struct errbuf other;
	enum err e = store_ready(c->opts.store, eb);

	if (e == ERR_OK && compactor_seq(c) != c->stats.compacted_seq) /* a commit that failed has come back */
		compactor_tell_flushed(c, 0);
	if (e == ERR_OK)
		e = compactor_flush(c, eb);
	if (e == ERR_OK)
		e = compactor_merge(c, eb);
	if (e == ERR_OK)
		return compactor_make_room(c, eb);
	if (e == ERR_FULL || e == ERR_NOMEM) /* letting go may be what helps */
		(void)!compactor_make_room(c, &other);
	return e;
}

static void end_round(struct compactor *c, uint64_t forced, enum err e, const struct errbuf *eb)
{
	pthread_mutex_lock(&c->lock);
	c->stats.state = e == ERR_OK || e == ERR_CLOSED ? COMPACTOR_IDLE : COMPACTOR_FAILING;
	snprintf(c->stats.error, sizeof c->stats.error, "%.255s", c->stats.state == COMPACTOR_FAILING ? eb->text : "");
	c->stats.skipped_places = c->merger.left_count;
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
		aside_mark(store_path(c->opts.store), eb->text);
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
			compactor_serve_calls(c);
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
		compactor_serve_calls(c);
		end_round(c, forced, e, &eb);
		pthread_mutex_lock(&c->lock);
	}
	pthread_cond_broadcast(&c->done);
	pthread_mutex_unlock(&c->lock);
	compactor_serve_calls(c); /* that came before */
	return NULL;
}

static void finish(struct compactor *c)
{
	compaction_free(c->compaction);
	spool_reader_close(c->spool);
	batch_builder_fini(&c->builder);
	merger_fini(&c->merger);
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
	batch_builder_init(&c->builder, opts->catalogue);
	struct compaction_opts co = { .store = opts->store,
		.catalogue = opts->catalogue,
		.level = opts->level,
		.is_sketched = opts->is_sketched,
		.sketched_arg = opts->arg,
		.should_stop = compactor_is_stopping,
		.stop_arg = c };
	enum err e = compaction_new(&c->compaction, &co, eb);
	merger_init(&c->merger, opts->store, c->compaction);
	if (e == ERR_OK) {
		c->retention = (struct retention){ .store = opts->store,
			.compaction = c->compaction,
			.merger = &c->merger,
			.catalogue = opts->catalogue,
			.keep_ns = opts->retention_ns,
			.overridden = opts->overridden,
			.arg = opts->arg,
			.max_bytes = opts->max_bytes,
			.should_stop = compactor_is_stopping,
			.stop_arg = c,
			.gone = tell_evicted,
			.gone_arg = c };
		compactor_tell_flushed(c, 0);
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
