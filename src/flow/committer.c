/* The writer's round:
 *
 *   take      the jobs, and requests in order of arrival up to GROUP_BYTES of text
 *   pack      neighbouring parts of one namespace into rows of up to ROW_BYTES: ready frames are laid end to end,
 *             small texts are gathered into one frame
 *   commit    one transaction, one sync; a group that fails by an I/O error is written once more through a file opened
 *             anew (store/spool.c says why); if that fails too it is refused as a whole, nobody is told 2xx
 *   head      the points become readable
 *   wake      the callers, each by its own semaphore
 *   tidy      checkpoint, eviction
 *
 * Jobs (cursors, quarantine…) run in transactions of their own, before the group; some between transactions. */
#include "flow/committer.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/thread.h"
#include "store/aside.h"
#include "store/catalogue_store.h"
#include "store/frame.h"

enum {
	GROUP_BYTES = 4 << 20,
	ROW_BYTES = 4 << 20,
	BUFFER_KEEP = 1 << 20,
	PROBE_DOUBLINGS = 6,
	VACUUM_PAGES = 32,
	FREE_PAGES_KEPT = 256
};
#define TIDY_NS NS_PER_S
#define BUFFER_MAX ((size_t)256 << 20) /* a request's text is bounded long before */

struct request {
	struct request *next;
	struct batch *batch; /* NULL: a job */
	enum err (*job)(struct spool *s, void *arg, struct errbuf *eb);
	void *arg;
	bool between; /* the job needs no transaction */
	size_t bytes;
	uint64_t first_seq, last_seq;
	enum err result;
	struct errbuf *eb;
	sem_t done;
};

struct group {
	struct request *first;
	uint64_t points, values, bytes;
};

struct committer {
	struct committer_opts opts;
	pthread_t thread;
	pthread_mutex_t lock; /* the queue, wakes and stats */
	pthread_cond_t work, news;
	struct request *first, **last;
	bool stopping;
	uint64_t wakes;
	struct committer_stats stats;
	_Atomic uint64_t delivered, compacted, spool_max;
	atomic_bool tidy_now, truncate_log;
	/* the writer alone */
	struct frame_packer *packer;
	struct buf frames, small; /* of the row being packed: its frames, and text behind them not framed yet */
	struct spool_row row;
	uint64_t row_seq; /* the number it will get */
	int64_t tidied_ns;
	bool failing; /* the last commit failed: as stats.writable, which the disk's reserve doesn't touch */
	unsigned probes; /* that failed in a row */
	int64_t probe_at_ns;
	bool probe_now; /* the pause is over */
	bool tidy_due;
	bool low; /* under the lock: a batch was refused for want of room, and there is none yet */
};

/* ---- a group into rows ---- */

static enum err frame_small(struct committer *c)
{
	enum err e = ERR_OK;

	if (c->small.len)
		e = frame_pack(c->packer, (struct view){ c->small.p, c->small.len }, &c->frames);
	buf_clear(&c->small);
	return e;
}

static void forget_row(struct committer *c)
{
	if (c->frames.cap > BUFFER_KEEP)
		buf_fini(&c->frames);
	if (c->small.cap > BUFFER_KEEP)
		buf_fini(&c->small);
	buf_clear(&c->frames);
	buf_clear(&c->small);
	c->row = (struct spool_row){ 0 };
}

static enum err flush_row(struct committer *c, struct errbuf *eb)
{
	enum err e = ERR_OK;

	if (c->row.points == 0)
		return ERR_OK;
	e = frame_small(c);
	c->row.payload = (struct view){ c->frames.p, c->frames.len };
	if (e == ERR_OK)
		e = spool_append(c->opts.spool, &c->row, eb);
	c->row_seq = c->row.seq + 1;
	forget_row(c);
	return e;
}

static enum err pack_part(struct committer *c, const struct batch *b, const struct batch_part *part, struct errbuf *eb)
{
	struct spool_row *row = &c->row;

	if (row->points && (row->db != b->db || c->frames.len + c->small.len + part->text.len > ROW_BYTES)) {
		enum err e = flush_row(c, eb);
		if (e != ERR_OK)
			return e;
	}
	if (row->points == 0)
		*row = (struct spool_row){
			.db = b->db, .received_ns = b->received_ns, .min_ns = part->min_ns, .max_ns = part->max_ns
		};
	row->points += part->points;
	if (part->min_ns < row->min_ns)
		row->min_ns = part->min_ns;
	if (part->max_ns > row->max_ns)
		row->max_ns = part->max_ns;
	enum err e = ERR_OK;
	if (part->frame.len) {
		e = frame_small(c); /* order is kept: the last write of a timestamp wins */
		buf_view(&c->frames, part->frame);
	} else {
		buf_view(&c->small, part->text);
	}
	if (e != ERR_OK || c->frames.failed || c->small.failed)
		return errbuf_set(eb, ERR_NOMEM, "out of memory for a commit");
	return ERR_OK;
}

static enum err pack_request(struct committer *c, struct request *r, struct errbuf *eb)
{
	for (uint32_t i = 0; i < r->batch->part_count; i++) {
		enum err e = pack_part(c, r->batch, &r->batch->parts[i], eb);
		if (e != ERR_OK)
			return e;
		if (i == 0)
			r->first_seq = c->row_seq;
		r->last_seq = c->row_seq;
	}
	return ERR_OK;
}

static enum err write_group(struct committer *c, const struct group *g, struct errbuf *eb)
{
	uint64_t additions = 0;
	enum err e = spool_begin(c->opts.spool, eb);

	if (e != ERR_OK)
		return e;
	c->row_seq = spool_last_seq(c->opts.spool) + 1;
	e = catalogue_store_additions(c->opts.catalogue, spool_db(c->opts.spool), &additions, eb);
	for (struct request *r = g->first; e == ERR_OK && r; r = r->next)
		e = pack_request(c, r, eb);
	if (e == ERR_OK)
		e = flush_row(c, eb);
	if (e == ERR_OK)
		e = spool_commit(c->opts.spool, eb);
	if (e != ERR_OK) {
		forget_row(c);
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

/* ---- the writer ---- */

static int64_t probe_pause_ns(const struct committer *c)
{
	int64_t ns = c->opts.probe_ns ? c->opts.probe_ns : NS_PER_S;

	return ns << (c->probes < PROBE_DOUBLINGS ? c->probes : PROBE_DOUBLINGS);
}

/* What a commit says about the disk. */
static void set_failing(struct committer *c, enum err e, const struct errbuf *eb)
{
	struct errbuf why;

	if (e == ERR_OK && c->failing)
		log_info("the spool can be written again");
	pthread_mutex_lock(&c->lock);
	c->stats.writable = e == ERR_OK;
	snprintf(c->stats.error, sizeof c->stats.error, "%.255s", e == ERR_OK ? "" : eb->text);
	pthread_mutex_unlock(&c->lock);
	if (e == ERR_CORRUPT && aside_mark(spool_path(c->opts.spool), eb->text, &why) != ERR_OK)
		log_error("%s", why.text);
	if (e == ERR_OK)
		c->probes = 0;
	c->failing = e != ERR_OK;
	c->probe_at_ns = clock_mono_ns() + probe_pause_ns(c);
	c->probe_now = false;
}

static void probe(struct committer *c)
{
	struct errbuf eb = { "" };
	enum err e = spool_probe(c->opts.spool, &eb);

	if (e != ERR_OK) {
		c->probes++;
		log_error("the spool still cannot be written: %s", eb.text);
	}
	set_failing(c, e, &eb);
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
		set_failing(c, e, eb);
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
		set_failing(c, e, &eb);
	wake_all(r, e, &eb); /* a success may have written nothing: it says nothing about the disk */
}

static bool disk_is_low(const struct committer *c)
{
	struct errbuf eb;

	return disk_space_check(c->opts.disk, &eb) != ERR_OK;
}

static enum err evict(struct committer *c, struct errbuf *eb)
{
	int64_t before = c->opts.retention_ns ? clock_wall_ns() - c->opts.retention_ns : INT64_MIN;
	struct spool_done done = { atomic_load(&c->delivered), atomic_load(&c->compacted) };

	return spool_evict(c->opts.spool, atomic_load(&c->spool_max), before, done, eb);
}

static void tidy(struct committer *c)
{
	struct errbuf eb;
	uint64_t left;
	int64_t now = clock_mono_ns();

	/* with each step of the log too: at full rate a second is much room */
	if (!spool_checkpoint(c->opts.spool) && now - c->tidied_ns < TIDY_NS && !atomic_exchange(&c->tidy_now, false) &&
	    !atomic_load(&c->truncate_log))
		return;
	c->tidied_ns = now;
	if (atomic_exchange(&c->truncate_log, false))
		spool_truncate_log(c->opts.spool);
	if (evict(c, &eb) != ERR_OK)
		log_error("cannot let old rows go: %s", eb.text);
	else if (spool_vacuum(c->opts.spool, 0, &left, &eb) == ERR_OK && left > FREE_PAGES_KEPT &&
	    spool_vacuum(c->opts.spool, VACUUM_PAGES, &left, &eb) != ERR_OK)
		log_error("cannot give free space back: %s", eb.text);
	if (disk_is_low(c))
		spool_release(c->opts.spool);
}

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

/* A group that waits tries the disk by itself. */
static bool probe_is_due(const struct committer *c)
{
	return c->failing && !c->stopping && (!c->first || !c->first->batch) &&
	    (c->probe_now || clock_mono_ns() >= c->probe_at_ns);
}

/* Under the lock: until there is a request, a probe is due, or, while the disk is short of room, it is time to tidy.
 * False: stopping, and nothing is left to do. */
static bool wait_for_work(struct committer *c)
{
	while (!c->first && !c->stopping && !c->probe_now && !c->tidy_due) {
		if (c->failing)
			c->probe_now = !clock_cond_wait(&c->work, &c->lock, c->probe_at_ns);
		else if (c->low)
			c->tidy_due = !clock_cond_wait(&c->work, &c->lock, clock_mono_ns() + TIDY_NS);
		else
			pthread_cond_wait(&c->work, &c->lock);
	}
	return c->first || !c->stopping;
}

/* Nobody writes: what a request's turn would have done besides. */
static void do_chores(struct committer *c)
{
	if (probe_is_due(c)) {
		pthread_mutex_unlock(&c->lock);
		probe(c);
		pthread_mutex_lock(&c->lock);
	}
	if (c->tidy_due) {
		pthread_mutex_unlock(&c->lock);
		tidy(c);
		bool low = disk_is_low(c);
		pthread_mutex_lock(&c->lock);
		c->low = low;
		c->tidy_due = false;
	}
}

static void *run(void *arg)
{
	struct committer *c = arg;

	pthread_mutex_lock(&c->lock);
	for (;;) {
		if (!wait_for_work(c))
			break;
		do_chores(c);
		if (!c->first)
			continue;
		struct group g = take_group(c);
		pthread_mutex_unlock(&c->lock);
		if (g.first->batch)
			commit_group(c, &g);
		else
			run_job(c, g.first);
		tidy(c);
		pthread_mutex_lock(&c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* ---- any thread ---- */

enum err committer_start(struct committer **out, const struct committer_opts *opts, struct errbuf *eb)
{
	struct committer *c = calloc(1, sizeof *c);

	*out = NULL;
	if (!c || frame_packer_new(&c->packer) != ERR_OK) {
		free(c);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	c->opts = *opts;
	c->last = &c->first;
	c->stats.last_seq = spool_last_seq(opts->spool);
	c->stats.writable = true;
	atomic_init(&c->spool_max, opts->spool_max_bytes);
	buf_init(&c->frames, BUFFER_MAX);
	buf_init(&c->small, BUFFER_MAX);
	pthread_mutex_init(&c->lock, NULL);
	clock_cond_init(&c->work);
	clock_cond_init(&c->news);
	enum err e = thread_start(&c->thread, "hf-writer", run, c, eb);
	if (e != ERR_OK) {
		frame_packer_free(c->packer);
		free(c);
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
	frame_packer_free(c->packer);
	buf_fini(&c->frames);
	buf_fini(&c->small);
	pthread_cond_destroy(&c->work);
	pthread_cond_destroy(&c->news);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static enum err submit(struct committer *c, struct request *r, struct errbuf *eb)
{
	enum err refused = ERR_OK;

	pthread_mutex_lock(&c->lock);
	if (c->stopping)
		refused = errbuf_set(eb, ERR_CLOSED, "shutting down");
	else if (r->batch && c->stats.queue_bytes && c->stats.queue_bytes + r->bytes > c->opts.queue_max_bytes)
		refused = errbuf_set(eb, ERR_FULL, "too many writes are waiting for the disk");
	if (refused == ERR_OK) {
		sem_init(&r->done, 0, 0);
		c->stats.queue_bytes += r->bytes;
		*c->last = r;
		c->last = &r->next;
		pthread_cond_signal(&c->work);
	}
	pthread_mutex_unlock(&c->lock);
	if (refused == ERR_FULL)
		counter_add(COUNTER_REFUSED_QUEUE_FULL, 1);
	if (refused != ERR_OK)
		return refused;
	while (sem_wait(&r->done)) {
		/* interrupted by a signal: go on waiting */
	}
	sem_destroy(&r->done);
	return r->result;
}

enum err committer_submit(struct committer *c, struct batch *b, struct errbuf *eb)
{
	struct request r = { .batch = b, .eb = eb };

	if (disk_space_check(c->opts.disk, eb) != ERR_OK) {
		counter_add(COUNTER_REFUSED_DISK_FULL, 1);
		pthread_mutex_lock(&c->lock);
		if (!c->low)
			pthread_cond_signal(&c->work); /* the writer sees to old rows from now on */
		c->low = true;
		pthread_mutex_unlock(&c->lock);
		return ERR_FULL;
	}
	for (uint32_t i = 0; i < b->part_count; i++)
		r.bytes += b->parts[i].text.len;
	return submit(c, &r, eb);
}

enum err committer_call(
    struct committer *c, enum err (*fn)(struct spool *, void *, struct errbuf *), void *arg, struct errbuf *eb)
{
	struct request r = { .job = fn, .arg = arg, .eb = eb };

	return submit(c, &r, eb);
}

enum err committer_call_between(
    struct committer *c, enum err (*fn)(struct spool *, void *, struct errbuf *), void *arg, struct errbuf *eb)
{
	struct request r = { .job = fn, .arg = arg, .between = true, .eb = eb };

	return submit(c, &r, eb);
}

uint64_t committer_wakes(struct committer *c)
{
	pthread_mutex_lock(&c->lock);
	uint64_t wakes = c->wakes;
	pthread_mutex_unlock(&c->lock);
	return wakes;
}

uint64_t committer_wait(struct committer *c, uint64_t after_seq, int64_t deadline_ns, uint64_t wakes)
{
	pthread_mutex_lock(&c->lock);
	while (c->stats.last_seq <= after_seq && c->wakes == wakes && !c->stopping)
		if (!clock_cond_wait(&c->news, &c->lock, deadline_ns))
			break;
	uint64_t last = c->stats.last_seq;
	pthread_mutex_unlock(&c->lock);
	return last;
}

void committer_wake(struct committer *c)
{
	pthread_mutex_lock(&c->lock);
	c->wakes++;
	pthread_cond_broadcast(&c->news);
	pthread_mutex_unlock(&c->lock);
}

void committer_set_delivered(struct committer *c, uint64_t seq)
{
	atomic_store(&c->delivered, seq);
}

void committer_set_compacted(struct committer *c, uint64_t seq)
{
	atomic_store(&c->compacted, seq);
}

void committer_set_spool_max(struct committer *c, uint64_t bytes)
{
	atomic_store(&c->spool_max, bytes);
}

static enum err seal_job(struct spool *s, void *arg, struct errbuf *eb)
{
	(void)s;
	(void)eb;
	head_seal(arg);
	return ERR_OK;
}

enum err committer_seal_head(struct committer *c, struct errbuf *eb)
{
	return committer_call(c, seal_job, c->opts.head, eb);
}

struct shrink {
	uint64_t left;
};

static enum err shrink_job(struct spool *s, void *arg, struct errbuf *eb)
{
	struct shrink *k = arg;

	return spool_vacuum(s, VACUUM_PAGES, &k->left, eb);
}

static enum err do_nothing(struct spool *s, void *arg, struct errbuf *eb)
{
	(void)s;
	(void)arg;
	(void)eb;
	return ERR_OK;
}

enum err committer_let_go(struct committer *c, struct errbuf *eb)
{
	atomic_store(&c->tidy_now, true);
	enum err e = committer_call(c, do_nothing, NULL, eb);

	return e == ERR_OK ? committer_call(c, do_nothing, NULL, eb) : e; /* the first one's turn tidies behind it */
}

enum err committer_shrink(struct committer *c, struct errbuf *eb)
{
	struct shrink k = { .left = UINT64_MAX };
	enum err e = committer_let_go(c, eb);

	for (uint64_t before = 0; e == ERR_OK && k.left && k.left != before;) {
		before = k.left;
		e = committer_call(c, shrink_job, &k, eb);
	}
	atomic_store(&c->truncate_log, true);
	return e == ERR_OK ? committer_let_go(c, eb) : e;
}

void committer_stats(struct committer *c, struct committer_stats *out)
{
	pthread_mutex_lock(&c->lock);
	*out = c->stats;
	pthread_mutex_unlock(&c->lock);
	struct errbuf eb;
	if (out->writable && disk_space_check(c->opts.disk, &eb) != ERR_OK) {
		out->writable = false;
		snprintf(out->error, sizeof out->error, "%.255s", eb.text);
	}
}
