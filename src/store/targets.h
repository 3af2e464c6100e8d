/* What the spool's file remembers of each target: the cursor, and the points it refused.
 * Threads: target_* and quarantine_* that take a sqlite3 of the writer run on the writer thread, inside a transaction
 * (committer_call); the others take a reader's. */
#ifndef STORE_TARGETS_H
#define STORE_TARGETS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

enum { TARGET_RECORD_BYTES = 512 };

struct target_cursor {
	uint64_t seq; /* every row up to it is delivered or in quarantine */
	uint64_t
	    live_seq; /* the newest row that is; what lies between is delivered but for what is pending (store/pending.h) */
	uint64_t points; /* delivered since the cursor began */
	bool paused; /* somebody stopped it, and has not resumed it yet */
	char record[TARGET_RECORD_BYTES]; /* where it was, and its database; "": not remembered */
};

struct quarantine_entry {
	const char *target, *database;
	int64_t at_ns;
	int status; /* HTTP; 0: the server gave none */
	struct view reason, line;
};

/* A target that is not known yet begins at 0. *known, unless NULL, tells. */
NODISCARD enum err target_load(
    sqlite3 *reader, const char *target, struct target_cursor *out, bool *known, struct errbuf *eb);
NODISCARD enum err target_store(sqlite3 *writer, const char *target, const struct target_cursor *c, struct errbuf *eb);

/* Of one that has a cursor. */
NODISCARD enum err target_set_paused(sqlite3 *writer, const char *target, bool paused, struct errbuf *eb);
/* Cursor and pending rows of the target go: the spool keeps nothing for it any more. */
NODISCARD enum err target_forget(sqlite3 *writer, const char *target, struct errbuf *eb);
/* Calls take for each target that has a cursor. */
NODISCARD enum err target_each(
    sqlite3 *reader, void (*take)(void *arg, const char *target), void *arg, struct errbuf *eb);
/* No target is what it was any more: each is met anew. */
NODISCARD enum err target_forget_records(sqlite3 *writer, struct errbuf *eb);

/* Lets the oldest go above max_points; *dropped says how many. */
NODISCARD enum err quarantine_add(
    sqlite3 *writer, const struct quarantine_entry *entry, uint64_t max_points, uint64_t *dropped, struct errbuf *eb);
NODISCARD enum err quarantine_count(sqlite3 *reader, const char *target, uint64_t *points, struct errbuf *eb);

/* A row that could not be read back: a gap of its size. */
NODISCARD enum err gap_add(
    sqlite3 *writer, int64_t from_ns, int64_t to_ns, uint64_t points, const char *cause, struct errbuf *eb);

#endif
