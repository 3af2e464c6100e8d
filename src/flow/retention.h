/* What the store lets go: windows older than their retention, and at the ceiling of the disk the oldest. A raw window's
 * pieces are merged first, so that the rollups have everything; minutes are made of it where they are kept longer than
 * raw rows. Owner: the compactor's thread, which owns the store. */
#ifndef FLOW_RETENTION_H
#define FLOW_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "flow/merger.h"
#include "store/catalogue.h"
#include "store/compaction.h"
#include "store/store.h"

struct retention {
	/* borrowed */
	struct store *store;
	struct compaction *compaction;
	struct merger *merger;
	struct catalogue *catalogue;
	/* How long rows of a measurement (escaped name) stay in a tier; an empty name: of those without an exception. */
	int64_t (*keep_ns)(void *arg, enum tier tier, struct view measurement);
	bool overridden; /* there are exceptions */
	void *arg;
	uint64_t max_bytes; /* of store and spool together; 0: no ceiling */
	bool (*should_stop)(void *arg); /* asked between two windows */
	void *stop_arg;
	void (*gone)(void *arg, uint64_t points); /* of what is let go */
	void *gone_arg;
	/* of the pass at hand */
	struct store_pending *pending; /* what waited when it began; without pieces: merged since */
	uint32_t pending_count;
};

/* By age; now_ns: wall clock. A raw window with a place that is not merged (flow/merger), or that cannot be read, is left
 * alone, for the next start to mend. */
NODISCARD enum err retention_by_age(struct retention *r, int64_t now_ns, struct errbuf *eb);
/* Above 19/20 of the ceiling, which leaves room for what comes within a round: the oldest raw windows go, then the
 * oldest of 1m, but none that is not over yet. spool_bytes: what the spool uses. *at_rest is false if that was not
 * enough: then the spool itself must give. Nothing is left alone here. */
NODISCARD enum err retention_at_ceiling(
    struct retention *r, uint64_t spool_bytes, int64_t now_ns, bool *at_rest, struct errbuf *eb);

#endif
