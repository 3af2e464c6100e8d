/* Group commit: many callers hand in batches, one writer thread commits all that wait in one transaction with one
 * sync, puts them into the head, then wakes the callers. First come, first served, no artificial delay.
 * Threads: any thread submits and blocks until its batch is durable; the writer alone touches `struct spool`. */
#ifndef FLOW_COMMITTER_H
#define FLOW_COMMITTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/batch.h"
#include "store/disk_space.h"
#include "store/head.h"
#include "store/spool.h"

struct committer;

struct committer_opts {
	struct spool *spool; /* taken over until committer_stop */
	struct head *head;
	struct catalogue *catalogue;
	uint64_t queue_max_bytes; /* of text that waits */
	uint64_t spool_max_bytes;
	int64_t retention_ns;
	struct disk_space *disk; /* below its reserve no batch is taken; NULL: not looked at */
	int64_t probe_ns; /* the first pause before a disk that failed is tried again, doubled up to 64 times; 0: 1 s */
};

struct committer_stats {
	uint64_t last_seq, points_total, values_total; /* since start */
	uint64_t queue_bytes;
	int64_t commit_ns; /* the last group's, sync included */
	bool writable; /* false: the last commit failed, or too little disk is free */
	char error[256]; /* why */
};

NODISCARD enum err committer_start(struct committer **out, const struct committer_opts *opts, struct errbuf *eb);
/* Refuses new batches, commits those that wait, joins the thread. NULL is fine. */
void committer_stop(struct committer *c);

/* ERR_OK: durable and in the head. ERR_FULL: queue or disk is full, ERR_IO: the disk failed, ERR_CLOSED: stopping;
 * nothing of the batch was kept then. The batch stays the caller's.
 * A group whose write or sync failed is tried once more after the file was opened anew. While nothing writes, a disk
 * that failed is probed by and by, so that stats.writable becomes true again by itself. */
NODISCARD enum err committer_submit(struct committer *c, struct batch *b, struct errbuf *eb);

/* Runs fn on the writer thread inside a transaction of its own and returns its result; what fn wrote is undone if it
 * fails. ERR_CLOSED: stopping, fn was not called. */
NODISCARD enum err committer_call(
    struct committer *c, enum err (*fn)(struct spool *s, void *arg, struct errbuf *eb), void *arg, struct errbuf *eb);
/* The same outside of a transaction, between two. */
NODISCARD enum err committer_call_between(
    struct committer *c, enum err (*fn)(struct spool *s, void *arg, struct errbuf *eb), void *arg, struct errbuf *eb);

/* Waits until a row above after_seq is committed, the deadline (monotonic) passes, the committer stops or somebody wakes
 * since committer_wakes gave `wakes`; the last seq. */
uint64_t committer_wait(struct committer *c, uint64_t after_seq, int64_t deadline_ns, uint64_t wakes);
void committer_wake(struct committer *c); /* ends all committer_wait at once */
uint64_t committer_wakes(struct committer *c); /* ask before what a wake would be for is looked at */

/* Rows up to seq have reached the record (without one: UINT64_MAX), are in the store. Those that are both may go. */
void committer_set_delivered(struct committer *c, uint64_t seq);
void committer_set_compacted(struct committer *c, uint64_t seq);
/* Instead of opts.spool_max_bytes. */
void committer_set_spool_max(struct committer *c, uint64_t bytes);
/* Waits until the head's newest generation is sealed. */
NODISCARD enum err committer_seal_head(struct committer *c, struct errbuf *eb);
/* Lets go what nobody needs of the spool, now. */
NODISCARD enum err committer_let_go(struct committer *c, struct errbuf *eb);
/* The same, and gives all free pages back to the file system, in short steps between the commits. */
NODISCARD enum err committer_shrink(struct committer *c, struct errbuf *eb);
void committer_stats(struct committer *c, struct committer_stats *out);

#endif
