/* The compactor: the head and the spool to the store's pieces, pieces to blocks and rollups, retention, the ceiling of
 * the disk, free space back to the file system. One thread, hf-compactor, which owns the store.
 * Threads: any may force, wait and ask. */
#ifndef FLOW_COMPACTOR_H
#define FLOW_COMPACTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "flow/committer.h"
#include "store/catalogue.h"
#include "store/head.h"
#include "store/store.h"

struct compactor;

struct compactor_opts { /* all borrowed */
	struct store *store; /* the thread's until compactor_stop */
	struct catalogue *catalogue;
	struct head *head;
	struct committer *committer;
	const struct spool *spool; /* for spool_totals */
	const char *spool_path;
	/* How long rows of a measurement (escaped name) stay in a tier; an empty name: without an exception. Any thread. */
	int64_t (*retention_ns)(void *arg, enum tier tier, struct view measurement);
	bool overridden; /* it does not give the same for all measurements */
	bool (*is_sketched)(void *arg, struct view measurement, struct view field);
	void *arg; /* of both */
	uint64_t max_bytes; /* store and spool together; 0: no ceiling */
	int64_t flush_age_ns; /* points stay in memory alone for so long; 0: 10 min */
	int level; /* of zstd; 0: standard */
};

enum compactor_state { COMPACTOR_IDLE, COMPACTOR_WORKING, COMPACTOR_FAILING };

struct compactor_stats {
	enum compactor_state state;
	uint64_t compacted_seq;
	uint64_t served; /* the last number of compactor_force that is done */
	uint64_t pieces; /* that wait to be merged */
	int64_t last_ns; /* wall clock, of the last work done; 0: none yet */
	uint64_t flushed_points, merged_places, evicted_points; /* since start; evicted: by retention and ceiling */
	uint64_t skipped_places; /* not merged until the next start: damaged, or too large for merging */
	char error[256]; /* while FAILING */
};

NODISCARD enum err compactor_start(struct compactor **out, const struct compactor_opts *opts, struct errbuf *eb);
void compactor_stop(struct compactor *c); /* ends between two transactions; NULL is fine */
/* Everything that can be compacted, now: head, spool, open windows; then retention, and space back to the system. The
 * number to wait for. */
uint64_t compactor_force(struct compactor *c);
/* True: done (or failed, see stats); false: the deadline (monotonic) passed. */
bool compactor_wait(struct compactor *c, uint64_t number, int64_t deadline_ns);
/* Runs fn on the compactor's thread, in a transaction of the store, with the names that the catalogue has by then; its
 * result. Waits for the work at hand. ERR_CLOSED: stopping, fn was not called. */
NODISCARD enum err compactor_call(
    struct compactor *c, enum err (*fn)(struct store *s, void *arg, struct errbuf *eb), void *arg, struct errbuf *eb);
/* The same outside of a transaction, between two. */
NODISCARD enum err compactor_call_between(
    struct compactor *c, enum err (*fn)(struct store *s, void *arg, struct errbuf *eb), void *arg, struct errbuf *eb);
void compactor_stats(struct compactor *c, struct compactor_stats *out);

#endif
