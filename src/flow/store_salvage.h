/* Takes over what can be read of stores that were set aside (flow/salvage, store/store_damage): blocks and pieces of all tiers, series
 * by series and column by column, as pieces that lose against all that is there. Progress is kept in the store, in the
 * transaction that adds the pieces. Thread: hf-store-salv, at half a core's speed at most. */
#ifndef FLOW_STORE_SALVAGE_H
#define FLOW_STORE_SALVAGE_H

#include <stdint.h>

#include "flow/compactor.h"
#include "flow/salvage.h"
#include "store/disk_space.h"

struct store_salvage_opts { /* borrowed */
	struct compactor *compactor;
	struct catalogue *catalogue;
	const char *store_path;
	/* How long rows of a measurement stay in a tier; what is older is left. Any thread. */
	int64_t (*retention_ns)(void *arg, enum tier tier, struct view measurement);
	void *arg;
	struct disk_space *disk; /* while it is short of room nothing is taken over; NULL: not looked at */
	int64_t retry_ns; /* pause when the store takes nothing; 0: 1 s */
};

NODISCARD enum err store_salvage_start(struct salvage **out, const struct store_salvage_opts *opts, struct errbuf *eb);

#endif
