/* What each tier of the store holds. Adding it up walks the table, so the result is kept for some seconds. Any thread. */
#ifndef EDGE_STORE_VIEW_H
#define EDGE_STORE_VIEW_H

#include "store/store.h"

struct store_view;

NODISCARD enum err store_view_open(struct store_view **out, const char *store_path, struct errbuf *eb);
void store_view_close(struct store_view *v); /* NULL is fine */
/* fresh: not from what is kept. */
NODISCARD enum err store_view_totals(
    struct store_view *v, bool fresh, struct store_tier_totals out[TIERS], struct errbuf *eb);

#endif
