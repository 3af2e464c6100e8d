/* All rows of a spool's file that can still be read, whatever has happened to it: damaged pages and rows are stepped
 * over and counted. Rows are found by their number, never by the order that damaged pages claim, so it always ends.
 * Reads through a read-only connection of its own, one short statement a call. Owner: one thread. */
#ifndef STORE_SPOOL_WALK_H
#define STORE_SPOOL_WALK_H

#include "store/spool.h"

struct spool_walk;

/* What the other tables say; what cannot be read is 0, INT64_MAX or INT64_MIN. */
struct spool_facts {
	uint64_t last_seq; /* no row is known above it; at least first_seq - 1 was given */
	uint64_t cursor_seq; /* the least of all targets': what lies above it has not been delivered to all */
	uint64_t first_seq; /* where numbering began */
	uint64_t evicted_until_seq;
	int64_t evicted_until_ns; /* INT64_MIN: none, or unknown */
	int64_t oldest_ns, newest_ns; /* of the extents */
	bool readable; /* at least the table of tables */
};

struct spool_walk_opts {
	uint64_t after_seq;
	bool live; /* the file is in use: rows go from its front meanwhile */
};

/* ERR_CORRUPT: not even the table of tables can be read. */
NODISCARD enum err spool_walk_open(
    struct spool_walk **out, const char *path, const struct spool_walk_opts *opts, struct errbuf *eb);
void spool_walk_close(struct spool_walk *w);
sqlite3 *spool_walk_db(struct spool_walk *w);
const struct spool_facts *spool_walk_facts(const struct spool_walk *w);

struct spool_damage {
	uint64_t rows, points; /* points: of the row, or the mean of its extent, or at least one a row */
	bool pages; /* of the file; otherwise the payload of a row that can be stepped over */
};

/* ERR_OK: the next row, its payload until the next call. ERR_CORRUPT: *damage is what was stepped over; go on.
 * ERR_NOTFOUND: the end. Anything else is not the file's fault (memory). A call looks at a bounded number of rows. */
NODISCARD enum err spool_walk_next(
    struct spool_walk *w, struct spool_row *row, struct spool_damage *damage, struct errbuf *eb);

/* Reads the facts of a file; never fails, reads what it can. */
void spool_facts_read(const char *path, struct spool_facts *out);

#endif
