/* What each tier of the store holds, and what the store has lost. Adding up walks the table, so that result is kept for
 * some seconds. Any thread. */
#ifndef EDGE_STORE_VIEW_H
#define EDGE_STORE_VIEW_H

#include "base/buf.h"
#include "store/store.h"

struct store_view;

NODISCARD enum err store_view_open(struct store_view **out, const char *store_path, struct errbuf *eb);
void store_view_close(struct store_view *v); /* NULL is fine */
/* fresh: not from what is kept. */
NODISCARD enum err store_view_totals(
    struct store_view *v, bool fresh, struct store_tier_totals out[TIERS], struct errbuf *eb);

struct store_view_gaps {
	uint64_t points; /* raw, of gaps found since the given time */
};
NODISCARD enum err store_view_gap_sum(
    struct store_view *v, int64_t since_ns, struct store_view_gaps *out, struct errbuf *eb);
/* Elements of an array, newest first. */
NODISCARD enum err store_view_gaps(struct store_view *v, unsigned limit, struct buf *json, struct errbuf *eb);

#endif
