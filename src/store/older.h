/* Rows from elsewhere (a damaged store, the record), made into pieces that lose against all that the store has. They are
 * encoded by the thread that has them, and put by the one that owns the store. Owner: one thread at a time. */
#ifndef STORE_OLDER_H
#define STORE_OLDER_H

#include "store/rows.h"
#include "store/store.h"

struct older;

struct older_chunk {
	uint32_t ordinal;
	struct rows rows; /* sorted, within the window */
};

NODISCARD enum err older_new(struct older **out, struct errbuf *eb);
void older_free(struct older *o);
/* One piece. The chunks get sorted by ordinal, of which none stands twice. Of two pieces with the same series and timestamp
 * the one that is added first counts. */
NODISCARD enum err older_add(
    struct older *o, const struct store_place *place, struct older_chunk *chunks, uint32_t count, struct errbuf *eb);
size_t older_bytes(const struct older *o); /* that wait */
uint64_t older_points(const struct older *o);
/* In a transaction. Pieces whose window has been let go are left out; *late: their points. */
NODISCARD enum err older_put(struct store *s, const struct older *o, uint64_t *late, struct errbuf *eb);
void older_clear(struct older *o);

#endif
