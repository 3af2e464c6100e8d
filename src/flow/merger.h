/* The places of the store that wait to be merged, one at a time. What damage or want of memory keeps from one place must
 * not keep others: such a place is left as it is until the next start, its pieces are read as they are. The file is marked
 * where it was damage (store/aside).
 * Owner: the compactor's thread, which owns the store. */
#ifndef FLOW_MERGER_H
#define FLOW_MERGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/compaction.h"
#include "store/store.h"

enum { MERGER_LEFT_MAX = 256 };

struct merger {
	struct store *store; /* borrowed, as compaction */
	struct compaction *compaction;
	struct arena arena; /* of the list */
	struct store_place left[MERGER_LEFT_MAX];
	unsigned left_count;
};

void merger_init(struct merger *m, struct store *s, struct compaction *c);
void merger_fini(struct merger *m);

/* What waits now, also what is left alone. Good until the next call; the caller may note in it what is done. */
NODISCARD enum err merger_list(struct merger *m, struct store_pending **pending, uint32_t *count, struct errbuf *eb);
/* Is it left alone? So is every place once there are too many of them. */
bool merger_leaves(const struct merger *m, const struct store_place *place);
/* ERR_OK: merged, or *left: it is left alone, from now on or already. ERR_FULL, ERR_IO, ERR_CLOSED: try again. */
NODISCARD enum err merger_merge(struct merger *m, const struct store_place *place, bool *left, struct errbuf *eb);

#endif
