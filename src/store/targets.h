/* What the spool's file remembers of each target: how far it has got. store/quarantine.h has what it refused.
 * Threads: those that take a sqlite3 of the writer run on the writer thread, inside a transaction (committer_call); the others
 * take a reader's. */
#ifndef STORE_TARGETS_H
#define STORE_TARGETS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { TARGET_RECORD_BYTES = 512 };

struct target_cursor {
	uint64_t seq; /* every row up to it is delivered or in quarantine */
	uint64_t
	    live_seq; /* the newest row that is; what lies between is delivered but for what is pending (store/pending.h) */
	uint64_t points; /* delivered since the cursor began */
	bool paused; /* somebody stopped it, and has not resumed it yet */
	char record[TARGET_RECORD_BYTES]; /* where it was, and its database; "": not remembered */
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

/* A row that could not be read back: a gap of its size. */
NODISCARD enum err gap_add(
    sqlite3 *writer, int64_t from_ns, int64_t to_ns, uint64_t points, const char *cause, struct errbuf *eb);

#endif
