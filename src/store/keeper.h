/* A database file as the one that writes it keeps it: opened, its log checkpointed in small steps, held for a reader of its
 * bytes (store/freeze), and after an I/O error closed and opened anew; keeper.c opens with why. The spool and the store
 * have one each, and say by a table of functions what they know of their file.
 * Threads: the writer's; path and file_bytes any. */
#ifndef STORE_KEEPER_H
#define STORE_KEEPER_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/counter.h"
#include "base/err.h"
#include "store/database.h"
#include "store/file_figures.h"
#include "store/freeze.h"

struct keeper_kind {
	const char *name; /* for people: "the spool" */
	void (*schema)(struct database_schema *out);
	int checkpoint_pages; /* a checkpoint is due once the log is that long */
	enum counter reopened;
	/* A connection has been opened: reads what the file holds, prepares statements. closing follows, also if it fails. */
	enum err (*opened)(void *arg, sqlite3 *db, struct errbuf *eb);
	void (*closing)(void *arg);
	/* The file was opened anew after an I/O error, its log is part of it: ERR_OK if all that was committed is there; it may
	 * delete what was refused. An error closes it again. */
	enum err (*compare)(void *arg, struct errbuf *eb);
};

struct keeper {
	sqlite3 *db; /* NULL: an I/O error closed it, and it could not be opened again yet */
	char *path;
	struct freeze *freeze;
	struct file_figures *figures; /* of this file; lives as long; any thread */
	unsigned openings; /* another number: what was learnt from the file before is out of date */
	/* private */
	const struct keeper_kind *kind;
	void *arg; /* of its functions */
	sqlite3_stmt *pages, *set_meta;
	bool suspect; /* an I/O error */
	int log_pages;
	bool log_long; /* it grew while the file was held: its file is to be cut */
	uint64_t page_size, used_bytes;
};

/* Opens or creates the file. fini in any case; of a zeroed one too. Errors as database_open. */
NODISCARD enum err keeper_open(
    struct keeper *k, const struct keeper_kind *kind, void *arg, const char *path, struct errbuf *eb);
void keeper_close(struct keeper *k); /* checkpoints */

bool keeper_is_suspect(const struct keeper *k);
/* If it is suspect: closes and opens anew. ERR_IO: that failed, by whatever the file says now; the next call tries again. */
NODISCARD enum err keeper_ready(struct keeper *k, struct errbuf *eb);
/* A transaction: begin is ready first. A commit that fails has rolled back. */
NODISCARD enum err keeper_begin(struct keeper *k, struct errbuf *eb);
NODISCARD enum err keeper_commit(struct keeper *k, struct errbuf *eb);
void keeper_rollback(struct keeper *k); /* also without one */
/* Right after a call failed, before another: was it the disk? e: what the caller made of it; ERR_OK: only SQLite is asked. */
void keeper_note_failure(struct keeper *k, enum err e);

/* Runs a statement that gives no rows, and resets it. */
NODISCARD enum err keeper_run(struct keeper *k, sqlite3_stmt *st, const char *doing, struct errbuf *eb);
NODISCARD enum err keeper_set_meta(struct keeper *k, const char *key, int64_t value, struct errbuf *eb);

/* Between transactions; nothing happens while it is suspect. */
bool keeper_checkpoint(struct keeper *k); /* where it is due; true: it was, and was tried */
void keeper_truncate_log(struct keeper *k); /* all of it, and the log is cut to nothing if no reader holds it */
/* The same at once, whoever waits. */
NODISCARD enum err keeper_settle_log(struct keeper *k, struct errbuf *eb);
NODISCARD enum err keeper_take_freeze(struct keeper *k, struct errbuf *eb); /* ready first; as freeze_take */
/* Gives up to so many free pages back to the file system; *left: how many remain. Within a transaction or not. */
NODISCARD enum err keeper_vacuum(struct keeper *k, unsigned pages, uint64_t *left, struct errbuf *eb);

uint64_t keeper_used_bytes(struct keeper *k); /* what the file holds, free pages not counted: they are used again */
uint64_t keeper_file_bytes(const struct keeper *k); /* database and write-ahead log */

#endif
