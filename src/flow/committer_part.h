/* What the committer's files share:
 *
 *   committer.c        the writer's thread and its round: groups and jobs
 *   committer_calls.c  what any thread asks of it: the queue, waiting, figures
 *   committer_chores.c between groups: can the disk be written, what may the spool let go */
#ifndef FLOW_COMMITTER_PART_H
#define FLOW_COMMITTER_PART_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "flow/committer.h"
#include "flow/row_packer.h"

enum { COMMITTER_VACUUM_PAGES = 32 }; /* at a time: between two groups */

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

struct committer {
	struct committer_opts opts;
	pthread_t thread;
	pthread_mutex_t lock; /* the queue, wakes, stats, low */
	pthread_cond_t work, news;
	struct request *first, **last;
	bool stopping;
	bool low; /* a batch was refused for want of room, and there is none yet */
	uint64_t wakes;
	struct committer_stats stats;
	_Atomic uint64_t delivered, compacted, spool_max;
	atomic_bool tidy_now, truncate_log;
	/* the writer alone */
	struct row_packer *packer;
	int64_t tidied_ns;
	bool failing; /* the last commit failed: as stats.writable, which the disk's reserve doesn't touch */
	unsigned probes; /* that failed in a row */
	int64_t probe_at_ns;
	bool probe_now; /* the pause is over */
	bool tidy_due;
};

/* The writer's thread, not under the lock. */
void committer_set_failing(
    struct committer *c, enum err e, const struct errbuf *eb); /* what a commit says of the disk */
void committer_tidy(struct committer *c); /* checkpoint, eviction, free pages, where they are due */
/* Under the lock, which is let go meanwhile. Nobody writes: what a request's turn would have done besides. */
void committer_do_chores(struct committer *c);
/* Under the lock: until there is a request or a chore. False: stopping, and nothing is left to do. */
bool committer_wait_for_work(struct committer *c);

#endif
