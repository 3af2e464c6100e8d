/* After a stop that was not in order: is a file whole? Looked at beside all other work, off the start's path, at half a
 * core's speed at most, each step short, so that the write-ahead log is never pinned. What is the same for every file is
 * here; flow/spool_check and flow/store_check know what there is to look at.
 * Threads: one of its own does the work; check_stats from any. */
#ifndef FLOW_CHECK_H
#define FLOW_CHECK_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct check;

enum check_state {
	CHECK_NONE, /* the last stop was in order */
	CHECK_RUNNING,
	CHECK_OK,
	CHECK_DAMAGED, /* items or pages cannot be read */
	CHECK_FAILED, /* the check itself could not be done */
};

struct check_stats {
	enum check_state state;
	uint64_t items, bytes; /* read so far; bytes: of the store only */
	uint64_t bad_items; /* their bytes are not what was written */
	bool pages; /* the file's structure is damaged: the next start sets it aside and takes over what can be read */
	int64_t took_ns;
	char error[256]; /* what was found first */
};

struct check_kind {
	const char *thread; /* its name */
	const char *items; /* for the log: "rows" */
	const char *lost; /* what the bad ones mean: "cannot be read and are stepped over" */
	/* Looks at all of the file. Anything but ERR_OK and ERR_CLOSED: the check could not be done. */
	enum err (*look)(struct check *c, const char *path, struct errbuf *eb);
};

/* wanted = false: nothing is done, state NONE. */
NODISCARD enum err check_start(
    struct check **out, const struct check_kind *kind, const char *path, bool wanted, struct errbuf *eb);
void check_stop(struct check *c); /* soon; NULL is fine */
void check_stats(struct check *c, struct check_stats *out);
const char *check_state_name(enum check_state s); /* not_needed, running, ok, damaged, failed */

/* ---- for look ---- */

bool check_go_on(struct check *c); /* after each step: a pause where it is due. False: stopping, return ERR_CLOSED */
void check_read(struct check *c, uint64_t items, uint64_t bytes);
void check_found(struct check *c, uint64_t bad_items, bool pages, const char *what);
/* ERR_CORRUPT is a finding, of pages, and no reason to end: ERR_OK. Anything else as it is. */
NODISCARD enum err check_took(struct check *c, enum err e, const struct errbuf *eb);
/* PRAGMA quick_check of small tables, one by one. */
NODISCARD enum err check_tables(
    struct check *c, sqlite3 *db, const char *const *tables, size_t count, struct errbuf *eb);

#endif
