#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "flow/committer_part.h"
#include "store/aside.h"

enum { PROBE_DOUBLINGS = 6, FREE_PAGES_KEPT = 256 };
#define TIDY_NS NS_PER_S

/* ---- can it be written? ---- */

static int64_t probe_pause_ns(const struct committer *c)
{
	int64_t ns = c->opts.probe_ns ? c->opts.probe_ns : NS_PER_S;

	return ns << (c->probes < PROBE_DOUBLINGS ? c->probes : PROBE_DOUBLINGS);
}

void committer_set_failing(struct committer *c, enum err e, const struct errbuf *eb)
{
	if (e == ERR_OK && c->failing)
		log_info("the spool can be written again");
	pthread_mutex_lock(&c->lock);
	c->stats.writable = e == ERR_OK;
	snprintf(c->stats.error, sizeof c->stats.error, "%.255s", e == ERR_OK ? "" : eb->text);
	pthread_mutex_unlock(&c->lock);
	if (e == ERR_CORRUPT)
		aside_mark(spool_path(c->opts.spool), eb->text);
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
	committer_set_failing(c, e, &eb);
}

/* ---- what may go ---- */

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

void committer_tidy(struct committer *c)
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
	    spool_vacuum(c->opts.spool, COMMITTER_VACUUM_PAGES, &left, &eb) != ERR_OK)
		log_error("cannot give free space back: %s", eb.text);
	if (disk_is_low(c))
		spool_release(c->opts.spool);
}

/* ---- while nobody writes ---- */

/* A group that waits tries the disk by itself. */
static bool probe_is_due(const struct committer *c)
{
	return c->failing && !c->stopping && (!c->first || !c->first->batch) &&
	    (c->probe_now || clock_mono_ns() >= c->probe_at_ns);
}

bool committer_wait_for_work(struct committer *c)
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

void committer_do_chores(struct committer *c)
{
	if (probe_is_due(c)) {
		pthread_mutex_unlock(&c->lock);
		probe(c);
		pthread_mutex_lock(&c->lock);
	}
	if (c->tidy_due) {
		pthread_mutex_unlock(&c->lock);
		committer_tidy(c);
		bool low = disk_is_low(c);
		pthread_mutex_lock(&c->lock);
		c->low = low;
		c->tidy_due = false;
	}
}
