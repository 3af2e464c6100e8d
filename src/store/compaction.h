/* The work of the compactor, without its thread or its policy: generations of the head to pieces, pieces to blocks with
 * their rollups. Each call is one or more transactions of the store; a crash between or within them repeats work and
 * changes nothing. Owner: the thread that owns the store. */
#ifndef STORE_COMPACTION_H
#define STORE_COMPACTION_H

#include "store/catalogue.h"
#include "store/generation.h"
#include "store/store.h"

struct compaction;

struct compaction_opts {
	struct store *store; /* borrowed */
	struct catalogue *catalogue;
	int level; /* of zstd, for blocks; 0: 3 */
	size_t batch_bytes; /* memory for rows that are merged at a time, about; 0: 16 MiB */
	/* Which fields get a sketch in their rollups; NULL: none. Names are escaped. */
	bool (*is_sketched)(void *arg, struct view measurement, struct view field);
	void *sketched_arg;
	/* Between transactions: true ends the work early, with ERR_CLOSED. May be NULL. */
	bool (*should_stop)(void *arg);
	void *stop_arg;
};

NODISCARD enum err compaction_new(struct compaction **out, const struct compaction_opts *opts, struct errbuf *eb);
void compaction_free(struct compaction *c);

/* Every row of the generation, which nobody appends to any more, to pieces; the names it uses; compacted_seq = last_seq.
 * One transaction. Rows whose window is gone are counted and left out. */
NODISCARD enum err compaction_flush(
    struct compaction *c, const struct generation *g, uint64_t last_seq, struct errbuf *eb);
/* compacted_seq = last_seq when there was nothing to flush. */
NODISCARD enum err compaction_skip(struct compaction *c, uint64_t last_seq, struct errbuf *eb);
/* fn in a transaction of its own, with what it writes the names that the catalogue has by then. */
NODISCARD enum err compaction_transact(
    struct compaction *c, enum err (*fn)(struct store *s, void *arg, struct errbuf *eb), void *arg, struct errbuf *eb);
/* The place's pieces into its blocks; the rollups of what changed as pieces of the next tier. */
NODISCARD enum err compaction_merge(struct compaction *c, const struct store_place *place, struct errbuf *eb);
/* One minute rollups of a measurement's blocks of a raw window, before it is let go; its pieces are to be merged first.
 * What damage has taken is recorded as a gap. */
NODISCARD enum err compaction_minutes(
    struct compaction *c, int64_t raw_window, uint32_t measurement, struct errbuf *eb);

#endif
