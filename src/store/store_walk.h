/* All blocks and pieces of a store's file that can still be found, whatever has happened to it, the newest writes first:
 * of two with the same series and timestamp the one that comes first counts. Damaged pages are stepped over by number:
 * a search that meets one is repeated with smaller numbers until it gets past, so it always ends.
 * Reads through a read-only connection of its own, one short statement a call. Owner: one thread. */
#ifndef STORE_STORE_WALK_H
#define STORE_STORE_WALK_H

#include "store/store.h"

struct store_walk;

struct store_walk_at { /* where a walk is: {0}: it has not begun */
	int phase; /* pieces; blocks; pieces that lose against them; 3: the end */
	int64_t below; /* of the phase only numbers below are left; 0: all of phases 0 and 1 */
};

struct store_walk_item {
	struct store_place place;
	struct store_item item;
};

struct store_walk_loss { /* stepped over */
	uint64_t items, points; /* at least, about */
	int tier; /* -1: of any */
	int64_t from_ns, to_ns;
};

/* ERR_CORRUPT: not even the table of tables can be read. */
NODISCARD enum err store_walk_open(
    struct store_walk **out, const char *path, const struct store_walk_at *from, struct errbuf *eb);
void store_walk_close(struct store_walk *w);
sqlite3 *store_walk_db(struct store_walk *w);
void store_walk_where(const struct store_walk *w, struct store_walk_at *out); /* what is done with */

/* ERR_OK: the next one. ERR_CORRUPT: *loss is what was stepped over; go on. ERR_NOTFOUND: the end. */
NODISCARD enum err store_walk_next(
    struct store_walk *w, struct store_walk_item *out, struct store_walk_loss *loss, struct errbuf *eb);
/* The item's bytes; good until the next call of either. ERR_NOTFOUND: it has gone since (a file in use).
 * The bytes' own checksums tell whether they are right; pages that cannot be read are ERR_CORRUPT. */
NODISCARD enum err store_walk_source(
    struct store_walk *w, const struct store_walk_item *item, struct block_source *out, struct errbuf *eb);
void store_walk_let_go(struct store_walk *w); /* of the source: nothing holds the file then */
bool store_walk_met_damage(const struct store_walk *w); /* of pages */

#endif
