/* The points that a target refused for good, in the spool's file, each with the target's words, until they are sent again,
 * dropped by somebody, or the oldest of too many. The table counts itself (sql/spool/0004-quarantine.sql).
 * Threads: those that take a writer run on the writer thread, inside a transaction (committer_call), and touch no more rows
 * than they are told to; the others take a reader's connection. */
#ifndef STORE_QUARANTINE_H
#define STORE_QUARANTINE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

/* Why, in one word; names are on disk and in the API. */
enum quarantine_reason {
	QUARANTINE_TYPE_CONFLICT, /* the field has another type there */
	QUARANTINE_BEYOND_RETENTION,
	QUARANTINE_TOO_LONG,
	QUARANTINE_UNPARSABLE,
	QUARANTINE_POISON, /* it draws a failure each time */
	QUARANTINE_SKIPPED, /* its database was held, and somebody said to go on without it */
	QUARANTINE_OTHER,
	QUARANTINE_REASONS, /* how many there are; in a filter: any */
};

const char *quarantine_reason_name(enum quarantine_reason r);
bool quarantine_reason_find(struct view name, enum quarantine_reason *out);
/* By the status (HTTP; 0: the server gave none) and the words. */
enum quarantine_reason quarantine_reason_of(int status, struct view words);
/* What the words of ours begin with where there is no answer that says so. */
#define QUARANTINE_POISON_WORDS "poison: "
#define QUARANTINE_SKIPPED_WORDS "skipped: "

struct quarantine_entry {
	uint64_t id; /* rises */
	const char *target;
	const char
	    *database; /* the namespace, as it is called here; before 0004-quarantine.sql, as the target called it */
	int64_t at_ns; /* wall clock: when it was refused, the last time */
	int status; /* HTTP; 0: the server gave none */
	enum quarantine_reason code;
	struct view reason; /* the words */
	struct view line; /* line protocol, without a line end */
	uint32_t attempts; /* how often it was refused */
	bool replay; /* it is to be sent again */
};

struct quarantine_limits {
	uint64_t points, bytes; /* of all targets together; bytes as quarantine_sum counts them */
};
#define QUARANTINE_MAX_POINTS UINT64_C(100000)
#define QUARANTINE_MAX_BYTES (UINT64_C(64) << 20)

/* ---- the writer ---- */

struct quarantine_change {
	uint64_t added, dropped;
};
/* Adds it (id, code, attempts, replay are not looked at) and lets the oldest go above the limits. A line that the target's
 * quarantine has from that database already stays one entry, refused once more, with the newest words. Adds to *change. */
NODISCARD enum err quarantine_add(sqlite3 *writer, const struct quarantine_entry *entry,
    const struct quarantine_limits *limits, struct quarantine_change *change, struct errbuf *eb);
/* The same of several, in their order; the oldest go once all are in. An error: *change stays, the transaction must not. */
NODISCARD enum err quarantine_add_many(sqlite3 *writer, const struct quarantine_entry *entries, uint32_t count,
    const struct quarantine_limits *limits, struct quarantine_change *change, struct errbuf *eb);
/* Entries of these ids; *changed: how many there were, of quarantine_mark: that were not marked yet. */
NODISCARD enum err quarantine_mark(
    sqlite3 *writer, const uint64_t *ids, uint32_t count, uint64_t *changed, struct errbuf *eb);
NODISCARD enum err quarantine_delete(
    sqlite3 *writer, const uint64_t *ids, uint32_t count, uint64_t *changed, struct errbuf *eb);
/* They were refused again, for these words: not to be sent again until somebody says so. */
NODISCARD enum err quarantine_refused_again(sqlite3 *writer, const uint64_t *ids, uint32_t count, int64_t at_ns,
    int status, struct view reason, struct errbuf *eb);
/* It could not be sent: the same without an attempt, and its code stays. */
NODISCARD enum err quarantine_put_back(
    sqlite3 *writer, uint64_t id, int64_t at_ns, struct view reason, struct errbuf *eb);
/* The newest entries of another, perhaps damaged file, as many as can be read. */
void quarantine_copy(sqlite3 *from, sqlite3 *writer);

/* ---- readers ---- */

struct quarantine_filter { /* all of it must hold */
	const char *target, *database; /* NULL: any */
	enum quarantine_reason reason; /* QUARANTINE_REASONS: any */
	int64_t from_ns, to_ns; /* of at_ns; to is not included */
	uint64_t after_id, until_id; /* after_id < id <= until_id */
	bool newest_first; /* else in the order of the ids */
	bool marked; /* only those to be sent again */
};
#define QUARANTINE_ALL \
	{ \
		.reason = QUARANTINE_REASONS, .from_ns = INT64_MIN, .to_ns = INT64_MAX, .until_id = INT64_MAX \
	}

/* Calls take for at most `limit` entries, which live until it returns; false from it: enough. */
NODISCARD enum err quarantine_list(sqlite3 *reader, const struct quarantine_filter *f, uint32_t limit,
    bool (*take)(void *arg, const struct quarantine_entry *e), void *arg, struct errbuf *eb);
/* The first ids, at most max of them. */
NODISCARD enum err quarantine_ids(sqlite3 *reader, const struct quarantine_filter *f, uint64_t *ids, uint32_t max,
    uint32_t *count, struct errbuf *eb);

struct quarantine_sum {
	uint64_t points, bytes, replay; /* replay: points that are to be sent again */
};
/* By target and reason, in the order of the targets. */
NODISCARD enum err quarantine_counts(sqlite3 *reader,
    void (*take)(void *arg, const char *target, enum quarantine_reason code, const struct quarantine_sum *sum),
    void *arg, struct errbuf *eb);
/* target NULL: of all. */
NODISCARD enum err quarantine_count(sqlite3 *reader, const char *target, struct quarantine_sum *out, struct errbuf *eb);
/* The next database, by name, that has entries of the target to be sent again; after "": the first. ERR_NOTFOUND: none. */
NODISCARD enum err quarantine_next_marked(
    sqlite3 *reader, const char *target, const char *after, char *database, size_t size, struct errbuf *eb);

#endif
