/* SQLite as the store uses it: how a file is opened, its version, errors in this project's terms. */
#ifndef STORE_DATABASE_H
#define STORE_DATABASE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/migrations.h"

struct database_schema {
	const char *what; /* for messages: "a Holdfast spool" */
	int application_id; /* marks the file as ours */
	int page_size; /* of a new file */
	const struct migration *migrations;
	size_t count;
};

/* The one connection that writes. Creates the file, or brings it up to the newest version. ERR_INVALID: the file
 * belongs to another program or a newer version; it is not touched. ERR_CORRUPT: it is damaged or no database. */
NODISCARD enum err database_open(
    sqlite3 **out, const char *path, const struct database_schema *schema, struct errbuf *eb);
/* ERR_OK: the file is of this schema; *version: 0 for a new one. Else as database_open. */
NODISCARD enum err database_identify(
    sqlite3 *db, const char *path, const struct database_schema *schema, int *version, struct errbuf *eb);
NODISCARD enum err database_open_reader(sqlite3 **out, const char *path, struct errbuf *eb);
/* A file that nobody has open: without a log beside it nothing is locked, created or left in its folder, which may be
 * read-only. */
NODISCARD enum err database_open_still(sqlite3 **out, const char *path, struct errbuf *eb);
/* ERR_FULL, ERR_IO, ERR_CORRUPT, ERR_NOMEM… of the connection's last failure, with its text. */
enum err database_error(sqlite3 *db, const char *doing, struct errbuf *eb);
/* Runs a statement that gives no rows, and finalizes it. */
NODISCARD enum err database_finish(sqlite3 *db, sqlite3_stmt *st, const char *doing, struct errbuf *eb);
NODISCARD enum err database_exec(sqlite3 *db, const char *sql, struct errbuf *eb);
NODISCARD enum err database_prepare(sqlite3 *db, sqlite3_stmt **out, const char *sql, struct errbuf *eb);
/* Gives up to so many free pages back to the file system; *left: free pages that remain. Between transactions. */
NODISCARD enum err database_vacuum(sqlite3 *db, unsigned pages, uint64_t *left, struct errbuf *eb);

/* Checkpoints, between transactions of the one connection that writes. */
/* As much as readers allow, without waiting for any. *cut: in: the log's file is to be cut to nothing as well; out: still
 * to be done. *whole: no reader kept it from doing all of the log. */
NODISCARD enum err database_checkpoint(sqlite3 *db, bool *cut, bool *whole, struct errbuf *eb);
/* The whole log, and its file is cut if nobody reads it. ERR_UNAVAILABLE: readers of older states were still there after
 * so long. */
NODISCARD enum err database_flush_log(sqlite3 *db, int wait_ms, struct errbuf *eb);

#endif
