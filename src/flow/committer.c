/* The writer's round:
 *
 *   take      the jobs, and requests in order of arrival up to GROUP_BYTES of text
 *   pack      neighbouring parts of one namespace into rows (flow/row_packer)
 *   commit    one transaction, one sync; a group that fails by an I/O error is written once more through a file opened
 *             anew (store/keeper.c says why); if that fails too it is refused as a whole, nobody is told 2xx
 *   head      the points become readable
 *   wake      the callers, each by its own semaphore
 *   tidy      checkpoint, eviction (committer_chores.c)
 *
 * Jobs (cursors, quarantine…) run in transactions of their own, before the group; some between transactions. */
#include "flow/committer.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/thread.h"
#include "flow/committer_part.h"
#include "store/catalogue_store.h"

enum { GROUP_BYTES = 4 << 20 };

struct group {
	struct request *first;
	uint64_t points, values, bytes;
};

/* ---- a group ---- */

static enum err write_group(struct committer *c, const struct group *g, struct errbuf *eb)
{
	uint64_t additions = 0;
	enum err e = spool_begin(c->opts.spool, eb);

	if (e != ERR_OK)
		return e;
	row_packer_begin(c->packer);
	e = catalogue_store_additions(c->opts.catalogue, spool_db(c->opts.spool), &additions, eb);
	for (struct request *r = g->first; e == ERR_OK && r; r = r->next)
		e = row_packer_add(c->packer, r->batch, &r->first_seq, &r->last_seq, eb);
	if (e == ERR_OK)
		e = row_packer_end(c->packer, eb);
	if (e == ERR_OK)
		e = spool_commit(c->opts.spool, eb);
	if (e != ERR_OK) {
		row_packer_drop(c->packer);
		spool_rollback(c->opts.spool);
		return e;
	}
	catalogue_additions_stored(c->opts.catalogue, additions);
	return ERR_OK;
}

/* A disk that has failed and not recovered is asked once only: all that wait would wait twice as long. */
static enum err write_group_again(struct committer *c, const struct group *g, struct errbuf *eb)
{
	enum err e = write_group(c, g, eb);

	if (e == ERR_OK || c->failing || !spool_suspect(c->opts.spool))
		return e;
	log_warn("cannot write the spool, trying once more: %s", eb->text);
	return write_group(c, g, eb);
}

static void publish_group(
    struct committer *c, const struct group *g, enum err e, const struct errbuf *eb, int64_t took_ns)
{
	pthread_mutex_lock(&c->lock);
	c->stats.queue_bytes -= g->bytes;
	if (e == ERR_OK) {
		c->stats.last_seq = spool_last_seq(c->opts.spool);
		c->stats.points_total += g->points;
		c->stats.values_total += g->values;
		c->stats.commit_ns = took_ns;
		pthread_cond_broadcast(&c->news);
	}
	pthread_mutex_unlock(&c->lock);
	if (e != ERR_OK || c->failing)
		committer_set_failing(c, e, eb);
}

static void wake_all(struct request *r, enum err e, const struct errbuf *eb)
{
	while (r) {
		struct request *next = r->next; /* r is gone once its owner wakes */
		r->result = e;
		if (e != ERR_OK)
			errbuf_set(r->eb, e, "%s", eb->text);
		sem_post(&r->done);
		r = next;
	}
}

static void commit_group(struct committer *c, const struct group *g)
{
	struct errbuf eb = { "" };
	int64_t began = clock_mono_ns();
	enum err e = write_group_again(c, g, &eb);
	int64_t done = clock_mono_ns();

	if (e == ERR_OK) {
		for (struct request *r = g->first; r; r = r->next)
			head_append(c->opts.head, r->batch, r->first_seq, r->last_seq, done);
		counter_add(COUNTER_COMMIT_GROUPS, 1);
		counter_add(COUNTER_COMMIT_NS, (uint64_t)(done - began));
	} else {
		counter_add(COUNTER_COMMIT_ERRORS, 1);
		for (const struct request *r = g->first; r; r = r->next)
			counter_add(e == ERR_FULL ? COUNTER_REFUSED_DISK_FULL : COUNTER_REFUSED_STORE_ERROR, 1);
		log_error("cannot write the spool, writes are refused: %s", eb.text);
	}
	publish_group(c, g, e, &eb, done - began);
	wake_all(g->first, e, &eb);
}

/* ---- jobs ---- */

static enum err try_job(struct committer *c, const struct request *r, struct errbuf *eb)
{
	enum err e = spool_begin(c->opts.spool, eb);

	if (e != ERR_OK)
		return e;
	e = r->job(c->opts.spool, r->arg, eb);
	if (e == ERR_OK)
		return spool_commit(c->opts.spool, eb);
	spool_rollback(c->opts.spool);
	return e;
}

static void run_job(struct committer *c, struct request *r)
{
	struct errbuf eb = { "" };

	if (r->between) {
		wake_all(r, r->job(c->opts.spool, r->arg, &eb), &eb);
		return;
	}
	enum err e = try_job(c, r, &eb);
	if (e != ERR_OK && !c->failing && spool_suspect(c->opts.spool))
		e = try_job(c, r, &eb);
	if (e != ERR_OK && (e == ERR_FULL || spool_suspect(c->opts.spool)))
		committer_set_failing(c, e, &eb);
	wake_all(r, e, &eb); /* a success may have written nothing: it says nothing about the disk */
}

/* ---- the thread ---- */

/* Under the lock: the first jobs one by one, else requests up to a group's size. */
static struct group take_group(struct committer *c)
{
	struct group g = { .first = c->first };
	struct request *r = c->first, *end = NULL;

	for (; r && (r == c->first || (r->batch && g.first->batch && g.bytes + r->bytes <= GROUP_BYTES)); r = r->next) {
		g.bytes += r->bytes;
		g.points += r->batch ? r->batch->point_count : 0;
		g.values += r->batch ? r->batch->value_count : 0;
		end = r;
	}
	if (end) {
		c->first = end->next;
		end->next = NULL;
		if (!c->first)
			c->last = &c->first;
	}
	return g;
}

static void *run(void *arg)
{
	struct committer *c = arg;

	pthread_mutex_lock(&c->lock);
	for (;;) {
		if (!committer_wait_for_work(c))
			break;
		committer_do_chores(c);
		if (!c->first)
			continue;
		struct group g = take_group(c);
		pthread_mutex_unlock(&c->lock);
		if (g.first->batch)
			commit_group(c, &g);
		else
			run_job(c, g.first);
		committer_tidy(c);
		pthread_mutex_lock(&c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static void finish(struct committer *c)
{
	row_packer_free(c->packer);
	pthread_cond_destroy(&c->work);
	pthread_cond_destroy(&c->news);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

enum err committer_start(struct committer **out, const struct committer_opts *opts, struct errbuf *eb)
{
	struct committer *c = calloc(1, sizeof *c);

	*out = NULL;
	if (!c)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	c->opts = *opts;
	c->last = &c->first;
	c->stats.last_seq = spool_last_seq(opts->spool);
	c->stats.writable = true;
	atomic_init(&c->spool_max, opts->spool_max_bytes);
	pthread_mutex_init(&c->lock, NULL);
	clock_cond_init(&c->work);
	clock_cond_init(&c->news);
	enum err e = row_packer_new(&c->packer, opts->spool, eb);
	if (e == ERR_OK)
		e = thread_start(&c->thread, "hf-writer", run, c, eb);
	if (e != ERR_OK) {
		finish(c);
		return e;
	}
	*out = c;
	return ERR_OK;
}

void committer_stop(struct committer *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	pthread_cond_broadcast(&c->work);
	pthread_cond_broadcast(&c->news);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	finish(c);
}
