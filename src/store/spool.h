/* The spool: acknowledged line protocol in commit groups, durable, in order of acknowledgement; the crash log of the
 * head and the replication queue at once. spool.c opens with the file's description.
 * Threads: `struct spool` belongs to the writer thread (flow/committer), which does every write and every
 * checkpoint; a `struct spool_reader` has a read-only connection of its own and belongs to one thread. */
#ifndef STORE_SPOOL_H
#define STORE_SPOOL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"
#include "store/freeze.h"

struct database_schema;
struct file_figures;
struct owed;
struct spool;
struct spool_reader;

struct spool_row {
	uint64_t seq; /* 1, 2, 3…; given by spool_append */
	uint32_t db; /* namespace, as in the table `database` */
	uint32_t points;
	int64_t received_ns, min_ns, max_ns; /* min and max of the points' timestamps */
	struct view payload; /* append: zstd frames, one after the other; reader: the text, valid until the next call */
};

struct spool_totals {
	uint64_t rows, points, bytes; /* bytes: payloads */
	uint64_t first_seq, last_seq; /* 0: empty */
	int64_t oldest_ns, newest_ns; /* of timestamps */
	uint64_t file_bytes; /* database and write-ahead log */
	uint64_t used_bytes; /* of the database, without free pages */
	int64_t evicted_until_ns; /* the newest timestamp let go before it was compacted; INT64_MIN: none */
};

/* ERR_CORRUPT: the file is damaged (store/spool_damage.h sets it aside); ERR_INVALID: another program's, or newer. */
NODISCARD enum err spool_open(struct spool **out, const char *path, struct errbuf *eb);
/* The same; rows that are appended have numbers from first_seq on, if the file is not there already. */
NODISCARD enum err spool_open_at(struct spool **out, const char *path, uint64_t first_seq, struct errbuf *eb);
void spool_schema(struct database_schema *out); /* of the file */
void spool_close(struct spool *s); /* marks the stop as clean, checkpoints; NULL is fine */
bool spool_was_clean(const struct spool *s); /* false: the process before ended without spool_close */

/* A transaction: begin, append and other writes through spool_db, then commit (synced when it returns ERR_OK) or
 * rollback. ERR_FULL: the disk is full; ERR_IO: a write or sync failed. Nothing of the transaction stays then.
 * After an I/O error the spool is suspect: the next spool_begin closes the connection and opens the file anew; what
 * spool_db gave before is gone then. */
NODISCARD enum err spool_begin(struct spool *s, struct errbuf *eb);
NODISCARD enum err spool_append(struct spool *s, struct spool_row *row, struct errbuf *eb);
NODISCARD enum err spool_commit(struct spool *s, struct errbuf *eb);
void spool_rollback(struct spool *s);
const char *spool_path(const struct spool *s); /* any thread */
uint64_t spool_last_seq(const struct spool *s); /* of the row appended last; the writer */
sqlite3 *spool_db(struct spool *s); /* for the other tables of the file, inside a transaction */

/* Inside a transaction: local history is whole only above ns (INT64_MIN: it is whole). */
NODISCARD enum err spool_set_evicted_until(struct spool *s, int64_t ns, struct errbuf *eb);
bool spool_suspect(const struct spool *s); /* the writer */
NODISCARD enum err spool_probe(struct spool *s, struct errbuf *eb); /* a small transaction: can it be written? */

/* Between transactions. Checkpoints when the log has grown past its step; true if it did. */
bool spool_checkpoint(struct spool *s);
/* How far others have got; rows up to the smaller of the two are no longer needed. */
struct spool_done {
	uint64_t delivered_seq; /* to every target; UINT64_MAX: there is none */
	uint64_t compacted_seq; /* in the store */
};
/* Lets the oldest rows go, whole extents: those nobody needs; those whose newest timestamp is below before_ns; and while
 * the file holds more than max_bytes any, while it holds more than a quarter of that those which the store has. What a
 * target has not got is owed to it from then on, if the store has it (and keeps it: not what is below before_ns); else it
 * is a recorded gap, unless there is no target. */
NODISCARD enum err spool_evict(
    struct spool *s, uint64_t max_bytes, int64_t before_ns, struct spool_done done, struct errbuf *eb);
/* Within a transaction or not: gives up to so many free pages back to the file system; *left: how many remain. */
NODISCARD enum err spool_vacuum(struct spool *s, unsigned pages, uint64_t *left, struct errbuf *eb);
/* Between transactions: everything to the database, and the log cut to nothing if no reader holds it. */
void spool_truncate_log(struct spool *s);
/* Between transactions: holds the file for who wants its bytes (spool_freeze). As freeze_take. */
NODISCARD enum err spool_take_freeze(struct spool *s, struct errbuf *eb);
struct freeze *spool_freeze(struct spool *s); /* any thread; lives as long as the spool */
struct file_figures *spool_file_figures(const struct spool *s); /* likewise; store/file_figures.h */
/* Any thread, and lives as long; what changes it: the writer, with spool_db, inside a transaction. */
struct owed *spool_owed(const struct spool *s);
/* Gives some of the file's free pages, and the log's room, back to the file system. For when that is short of room. */
void spool_release(struct spool *s);
void spool_totals(const struct spool *s, struct spool_totals *out); /* any thread */

NODISCARD enum err spool_reader_open(struct spool_reader **out, const char *path, struct errbuf *eb);
void spool_reader_close(struct spool_reader *r);
sqlite3 *spool_reader_db(struct spool_reader *r);
/* The first row with a seq above after_seq. ERR_NOTFOUND: none yet. ERR_CORRUPT: row->seq tells which to step over. */
NODISCARD enum err spool_reader_next(
    struct spool_reader *r, uint64_t after_seq, struct spool_row *row, struct errbuf *eb);
/* The same among rows that overlap [from_ns, to_ns). Skips whole extents. */
NODISCARD enum err spool_reader_next_in(struct spool_reader *r, uint64_t after_seq, int64_t from_ns, int64_t to_ns,
    struct spool_row *row, struct errbuf *eb);
/* The newest timestamp let go before it was compacted (INT64_MIN: none), and the first row's seq (0: no rows). */
NODISCARD enum err spool_reader_begin(
    struct spool_reader *r, int64_t *evicted_until_ns, uint64_t *first_seq, struct errbuf *eb);
/* The smallest time in [from_ns, to_ns) at which rows may have points (an extent's range counts as a whole).
 * ERR_NOTFOUND: none. */
NODISCARD enum err spool_reader_first_time(
    struct spool_reader *r, int64_t from_ns, int64_t to_ns, int64_t *first_ns, struct errbuf *eb);
struct spool_backlog {
	uint64_t points, bytes; /* bytes: payloads, compressed */
	int64_t min_ns, max_ns; /* of timestamps; INT64_MAX, INT64_MIN: none waits */
	int64_t oldest_received_ns; /* of the first row; 0: none waits */
};
/* What lies in rows above after_seq. */
NODISCARD enum err spool_reader_after(
    struct spool_reader *r, uint64_t after_seq, struct spool_backlog *out, struct errbuf *eb);
/* *gone: of rows above after_seq, up to last_seq, some have left the spool, so that nobody can send them again. */
NODISCARD enum err spool_reader_has_gone(
    struct spool_reader *r, uint64_t after_seq, uint64_t last_seq, bool *gone, struct errbuf *eb);
/* What lies in rows after_seq + 1 to to_seq. Reads what extents say, and single rows at the two ends. */
NODISCARD enum err spool_reader_between(
    struct spool_reader *r, uint64_t after_seq, uint64_t to_seq, struct spool_backlog *out, struct errbuf *eb);
/* The same of one database. Steps over every row between. */
NODISCARD enum err spool_reader_between_of(struct spool_reader *r, uint32_t db, uint64_t after_seq, uint64_t to_seq,
    struct spool_backlog *out, struct errbuf *eb);

#endif
