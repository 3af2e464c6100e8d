/* Takes over what can be read of stores that were set aside (store/store_damage): blocks and pieces of all tiers, series
 * by series and column by column, as pieces that lose against all that is there. Progress is kept in the store, in the
 * transaction that adds the pieces. Files stay until a human removes them.
 * Threads: hf-store-salv does the work, at half a core's speed at most, started only if there is some; stats from any. */
#ifndef FLOW_STORE_SALVAGE_H
#define FLOW_STORE_SALVAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/compactor.h"
#include "flow/salvage.h"
#include "store/disk_space.h"

struct store_salvage;

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

struct store_salvage_stats {
	enum salvage_state state;
	char file[256]; /* the one in work or done last, without its folder */
	uint64_t blocks, points; /* taken over, pieces and all tiers included, of all files */
	uint64_t lost_blocks, lost_points; /* could not be read, or not whole; where pages are lost at least, about */
	uint64_t old_blocks; /* older than retention: left */
	uint64_t done_bytes, file_bytes; /* of the file in work, about */
	int64_t started_ns, ended_ns; /* wall clock; 0: not yet */
	bool over; /* all files were looked at, if only to find that they are done with */
	char error[256]; /* why it failed */
};

NODISCARD enum err store_salvage_start(
    struct store_salvage **out, const struct store_salvage_opts *opts, struct errbuf *eb);
void store_salvage_stop(struct store_salvage *s); /* after the block at hand; NULL is fine */
void store_salvage_stats(struct store_salvage *s, struct store_salvage_stats *out);

#endif
