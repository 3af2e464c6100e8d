#include <stdio.h>

#include "base/clock.h"
#include "base/counter.h"
#include "flow/committer_part.h"

/* ---- the queue ---- */

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

/* ---- how far it is ---- */

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

/* ---- jobs of its own ---- */

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

static enum err shrink_job(struct spool *s, void *arg, struct errbuf *eb)
{
	uint64_t *left = arg;

	return spool_vacuum(s, COMMITTER_VACUUM_PAGES, left, eb);
}

enum err committer_shrink(struct committer *c, struct errbuf *eb)
{
	uint64_t left = UINT64_MAX;
	enum err e = committer_let_go(c, eb);

	for (uint64_t before = 0; e == ERR_OK && left && left != before;) {
		before = left;
		e = committer_call(c, shrink_job, &left, eb);
	}
	atomic_store(&c->truncate_log, true);
	return e == ERR_OK ? committer_let_go(c, eb) : e;
}
