/* A damaged store: it is set aside (store/aside), a fresh one starts in its place at once, and flow/store_salvage takes
 * over what can be read. At start, before the store is opened, one thread, but for the figures and the gap. */
#ifndef STORE_STORE_DAMAGE_H
#define STORE_STORE_DAMAGE_H

#include "store/aside.h"
#include "store/store.h"

/* Before every store_open of a start: as aside_prepare. */
NODISCARD enum err store_prepare(const char *path, struct errbuf *eb);
/* As aside_replace. The fresh file has compacted_seq 0: nothing is pretended, whatever the spool still has is compacted
 * again. Until salvage knows better its gap says that all before now may be missing. */
NODISCARD enum err store_replace(const char *path, const char *why, struct errbuf *eb);

/* compacted_seq of a file, as far as it can be read; 0 otherwise. */
uint64_t store_read_compacted(const char *path);
/* A figure of the table meta. */
NODISCARD enum err store_read_figure(sqlite3 *db, const char *key, int64_t otherwise, int64_t *out, struct errbuf *eb);

struct store_gap {
	int64_t at_ns, from_ns, to_ns;
	int tier; /* enum tier; -1: any */
	uint64_t points;
};
#define STORE_GAP_CAUSE "store_damaged"
/* Within a transaction. */
/* A fresh store stands where one was that is missing: a gap of everything before now, of unknown size. */
NODISCARD enum err store_tell_missing(struct store *s, struct errbuf *eb);
NODISCARD enum err store_insert_gap(struct store *s, const struct store_gap *gap, struct errbuf *eb);
/* Those found within an hour in one tier are one; the newest 1,000 are kept. */
NODISCARD enum err store_add_gap(struct store *s, const struct store_gap *gap, struct errbuf *eb);

#endif
