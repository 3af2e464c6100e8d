/* What is owed to each target: ranges of time of which it lacks points, or may lack them, that are in the local store. They
 * lie in the spool's file; store/spool.h has the one of a spool (spool_owed).
 *
 * Ranges of one target, database and cause neither overlap nor touch. Above a ceiling the two closest become one, hole
 * included: what is owed may be said to be more than it is, never less. For the same reason what is added is seen by all
 * readers at once, and what is taken off when it is committed.
 *
 * Threads: the writer changes, inside a transaction of its connection, and tells how that ended; all others read. */
#ifndef STORE_OWED_H
#define STORE_OWED_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { OWED_RANGES_MAX = 10000, OWED_TARGET_BYTES = 64, OWED_CAUSES = 3 };

enum owed_cause {
	OWED_BEFORE, /* written while the target was not configured */
	OWED_OVERFLOW, /* let go by the spool before it was delivered */
	OWED_MISSING, /* lost by the target */
};

struct owed_range {
	int64_t id; /* never used again; given by owed_add */
	char target[OWED_TARGET_BYTES];
	uint32_t db;
	enum owed_cause cause;
	int64_t from_ns, to_ns; /* timestamps; to is not included */
	int64_t done_until_ns; /* [from, done_until) has been sent since: owed is [done_until, to) */
	int64_t added_ns; /* wall clock */
};

struct owed;
const char *owed_cause_name(enum owed_cause cause); /* before, overflow, missing */
NODISCARD enum err owed_new(struct owed **out, uint32_t max_ranges, struct errbuf *eb); /* 0: OWED_RANGES_MAX */
void owed_free(struct owed *o); /* NULL is fine */

/* ---- the writer ---- */

/* From the file, in place of what was there. */
NODISCARD enum err owed_load(struct owed *o, sqlite3 *writer, struct errbuf *eb);
/* r: target, db, cause, from_ns, to_ns. An empty range is nothing. */
NODISCARD enum err owed_add(struct owed *o, sqlite3 *writer, const struct owed_range *r, struct errbuf *eb);
/* The range that owed_next gave last is paid up to until_ns, but not beyond what was added to it since then. At its end it
 * goes. Nothing happens if it is another, or not there any more. Not in one transaction with owed_add. */
NODISCARD enum err owed_advance(struct owed *o, sqlite3 *writer, int64_t id, int64_t until_ns, struct errbuf *eb);
void owed_committed(struct owed *o);
void owed_rolled_back(
    struct owed *o, sqlite3 *writer); /* NULL: the connection is gone; owed_load comes before more changes */

/* ---- any thread ---- */

/* Is any of [from, to) owed? *first, unless NULL: the range whose owed part begins first. Cheap where nothing is owed. */
bool owed_find(
    const struct owed *o, const char *target, uint32_t db, int64_t from_ns, int64_t to_ns, struct owed_range *first);
struct owed_totals {
	uint64_t ranges;
	double seconds; /* of time that is owed; of two causes it counts twice */
	double seconds_by_cause[OWED_CAUSES];
};
void owed_totals(const struct owed *o, const char *target, struct owed_totals *out);
/* Copies up to max of the target's ranges, those that begin last first; how many. */
uint32_t owed_list(const struct owed *o, const char *target, struct owed_range *out, uint32_t max);
/* The range to be paid next, the newest first, of those of which wanted (NULL: of all) says yes: for the one thread that
 * pays. False: nothing is owed. */
bool owed_next(
    struct owed *o, const char *target, bool (*wanted)(void *arg, uint32_t db), void *arg, struct owed_range *out);

#endif
