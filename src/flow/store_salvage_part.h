/* Between the halves of store_salvage: store_salvage.c has files, progress and pace, store_salvage_take.c the blocks. The
 * salvage's own thread. */
#ifndef FLOW_STORE_SALVAGE_PART_H
#define FLOW_STORE_SALVAGE_PART_H

#include "flow/store_salvage.h"
#include "store/block.h"
#include "store/older.h"
#include "store/store_names.h"
#include "store/store_walk.h"

struct losses { /* by tier; [TIERS]: of any */
	uint64_t points[TIERS + 1];
	int64_t from_ns[TIERS + 1], to_ns[TIERS + 1];
};

struct figures { /* of one file, as they are stored */
	int64_t blocks, points, lost_blocks, lost_points, old_blocks;
	struct losses losses;
};

struct store_salvage {
	struct store_salvage_opts opts;
	struct salvage *salvage;
	struct block_unpacker *unpacker;
	struct older *older;
	struct arena items, rows; /* of a block, of some of its chunks */
	struct salvage_figures before; /* the figures of the files done with */
};

struct salvaged_file { /* the one in work */
	struct store_salvage *of;
	const struct aside_file *is;
	struct store_walk *walk;
	struct store_names *names;
	struct store_walk_at at; /* what lies in `older` reaches to here */
	struct figures now;
	unsigned waiting; /* items since the last flush */
	uint64_t done_bytes, bytes;
};

/* Takes note of what was stepped over. */
void store_salvage_lose(struct salvaged_file *f, const struct store_walk_loss *loss);
/* The block or piece, as far as it can be read, to f->of->older. Errors are not the file's fault. */
NODISCARD enum err store_salvage_take(struct salvaged_file *f, const struct store_walk_item *item, struct errbuf *eb);

#endif
