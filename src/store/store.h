/* store.db: blocks of rows that have left memory, in tiers, and the names they number. sql/store has the schema,
 * docs/format.md the bytes, store.c how the file is kept.
 * Threads: `struct store` belongs to the compactor's thread, which does every write and every checkpoint; a
 * `struct store_reader` has a read-only connection of its own and belongs to one thread at a time. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/block.h"
#include "store/catalogue.h"
#include "store/freeze.h"
#include "store/tier.h"

#define STORE_WINDOWS_MAX (INT64_C(1) << 20) /* windows are 0 to this; the last of raw begins in the year 2209 */

struct database_schema;
struct file_figures;
struct store;
struct store_reader;

struct store_place { /* of a block or piece */
	enum tier tier;
	int64_t window;
	uint32_t measurement;
};

struct store_item { /* a block or a piece, without its bytes */
	int64_t id;
	bool piece;
	uint32_t first_ordinal, last_ordinal;
	int64_t min_ns, max_ns;
	uint64_t points;
};

struct store_totals {
	uint64_t file_bytes; /* database and write-ahead log */
	uint64_t used_bytes; /* of the database, without free pages */
	uint64_t compacted_seq;
};

/* ERR_CORRUPT: the file is damaged (store/store_damage.h sets it aside); ERR_INVALID: another program's, or newer. */
NODISCARD enum err store_open(struct store **out, const char *path, struct errbuf *eb);
void store_schema(struct database_schema *out); /* of the file */
void store_close(struct store *s); /* checkpoints; NULL is fine */
const char *store_path(const struct store *s); /* any thread */
/* After an I/O error the connection is closed and the file opened anew, by this or the next store_begin. What store_db
 * gave before is gone then, and store_openings is another number. */
NODISCARD enum err store_ready(struct store *s, struct errbuf *eb);
unsigned store_openings(const struct store *s);
sqlite3 *store_db(struct store *s); /* after store_ready or store_begin, until the next of them */
struct store_reader *store_own_reader(struct store *s); /* on the writing connection: sees what is not committed */
void store_totals(const struct store *s, struct store_totals *out); /* any thread; as of the last commit */

/* A transaction. What is not committed is undone by rollback, and by a failure. ERR_FULL: the disk is full. */
NODISCARD enum err store_begin(struct store *s, struct errbuf *eb);
NODISCARD enum err store_commit(struct store *s, struct errbuf *eb);
void store_rollback(struct store *s);
/* Commits where e is ERR_OK, else rolls back; what happened. */
NODISCARD enum err store_end(struct store *s, enum err e, struct errbuf *eb);
/* Within a transaction: */
NODISCARD enum err store_set_compacted(struct store *s, uint64_t seq, struct errbuf *eb);
NODISCARD enum err store_add_piece(struct store *s, const struct store_place *place, const struct store_item *item,
    struct view data, struct errbuf *eb); /* item->id is given by the store */
/* The same for rows from elsewhere: it loses against every block and piece that is there. */
NODISCARD enum err store_add_older(struct store *s, const struct store_place *place, const struct store_item *item,
    struct view data, struct errbuf *eb);
NODISCARD enum err store_add_block(struct store *s, const struct store_place *place, unsigned part,
    const struct store_item *item, struct view data, struct errbuf *eb); /* replaces one of the same place */
NODISCARD enum err store_delete(struct store *s, const struct store_item *item, struct errbuf *eb);
/* Everything of the tier in windows [from, to), of one measurement or of all (measurement < 0); *points: how many. */
NODISCARD enum err store_delete_windows(struct store *s, enum tier tier, int64_t from, int64_t to, int64_t measurement,
    uint64_t *points, struct errbuf *eb);
NODISCARD enum err store_set_figure(struct store *s, const char *key, int64_t value, struct errbuf *eb); /* in meta */
/* Rows of the tier before time_ns are gone, of one measurement or of all (measurement < 0). A later mark stays. */
NODISCARD enum err store_set_evicted(
    struct store *s, enum tier tier, int64_t measurement, int64_t time_ns, struct errbuf *eb);
/* Some of the rows before time_ns were let go without rollups by the minute. */
NODISCARD enum err store_set_without_minutes(struct store *s, int64_t measurement, int64_t time_ns, struct errbuf *eb);

/* Between transactions: checkpoints when the log has grown past its step. */
void store_checkpoint(struct store *s);
/* The same at once, and cuts the log to nothing if no reader holds it. */
void store_truncate_log(struct store *s);
/* Holds the file for who wants its bytes (store_freeze). As freeze_take. */
NODISCARD enum err store_take_freeze(struct store *s, struct errbuf *eb);
struct freeze *store_freeze(struct store *s); /* any thread; lives as long as the store */
struct file_figures *store_file_figures(const struct store *s); /* likewise; store/file_figures.h */
/* Gives up to so many free pages back to the file system; *left: free pages that remain. */
NODISCARD enum err store_vacuum(struct store *s, unsigned pages, uint64_t *left, struct errbuf *eb);

NODISCARD enum err store_reader_open(struct store_reader **out, const char *path, struct errbuf *eb);
void store_reader_close(struct store_reader *r);
sqlite3 *store_reader_db(struct store_reader *r);
/* Has it met pages of the file that cannot be read? (A block whose own checksum is wrong does not count.) */
bool store_reader_met_damage(const struct store_reader *r);
/* All that is read until end is of one moment. Keep it short: it holds the log back. */
NODISCARD enum err store_reader_begin(struct store_reader *r, uint64_t *compacted_seq, struct errbuf *eb);
void store_reader_end(struct store_reader *r);
/* What the place has of the ordinals, in the arena: first the pieces that lose against all else, the blocks in order,
 * then the pieces in order of writing. Of two with the same timestamp the later one in the list counts. */
NODISCARD enum err store_reader_list(struct store_reader *r, const struct store_place *place, uint32_t first_ordinal,
    uint32_t last_ordinal, struct arena *a, struct store_item **items, uint32_t *count, struct errbuf *eb);
/* The item's bytes; good until the next call of this or end. */
NODISCARD enum err store_reader_source(
    struct store_reader *r, const struct store_item *item, struct block_source *out, struct errbuf *eb);
/* The first window of the tier from `from` on that has a block or piece of the measurement (< 0: of any).
 * ERR_NOTFOUND: none. */
NODISCARD enum err store_reader_next_window(
    struct store_reader *r, enum tier tier, int64_t from, int64_t measurement, int64_t *window, struct errbuf *eb);
/* The last one up to `to`, of a measurement. */
NODISCARD enum err store_reader_last_window(
    struct store_reader *r, enum tier tier, int64_t to, uint32_t measurement, int64_t *window, struct errbuf *eb);
/* The pieces of a measurement, all tiers, without their bytes. */
struct store_piece_range {
	enum tier tier;
	int64_t window, min_ns, max_ns;
};
NODISCARD enum err store_reader_pieces(struct store_reader *r, uint32_t measurement, struct arena *a,
    struct store_piece_range **out, uint32_t *count, struct errbuf *eb);
/* The measurement's rows of the tier before *time_ns were let go; INT64_MIN: none. */
NODISCARD enum err store_reader_evicted(
    struct store_reader *r, enum tier tier, uint32_t measurement, int64_t *time_ns, struct errbuf *eb);
/* The same of those that went without rollups by the minute. */
NODISCARD enum err store_reader_without_minutes(
    struct store_reader *r, uint32_t measurement, int64_t *time_ns, struct errbuf *eb);
/* Is anything of the tier's rows in [from, to) lost, or not known to be there? */
NODISCARD enum err store_reader_gap(
    struct store_reader *r, enum tier tier, int64_t from_ns, int64_t to_ns, bool *any, struct errbuf *eb);
/* What waits to be merged. */
struct store_pending {
	struct store_place place;
	uint32_t pieces;
	uint64_t points;
	int64_t oldest_ns, newest_ns; /* when the pieces were written; wall clock */
};
NODISCARD enum err store_reader_pending(
    struct store_reader *r, struct arena *a, struct store_pending **out, uint32_t *count, struct errbuf *eb);

struct store_tier_totals {
	uint64_t blocks, pieces, points, bytes; /* bytes: of blocks and pieces */
	int64_t oldest_ns, newest_ns; /* of timestamps; 0, 0: nothing there */
};
struct store_span {
	uint32_t db;
	int64_t from_ns, to_ns; /* to is not included */
};
/* Of each database that has anything, in any tier, from when to when: what was lost, or is still taken over, included. Up to
 * `max` of them. Walks the table as the next. */
NODISCARD enum err store_reader_spans(
    struct store_reader *r, struct store_span *out, uint32_t max, uint32_t *count, struct errbuf *eb);
/* Walks the table: some milliseconds a gigabyte. */
NODISCARD enum err store_reader_totals(struct store_reader *r, struct store_tier_totals out[TIERS], struct errbuf *eb);

#endif
