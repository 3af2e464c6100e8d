/* Aggregates one series' rows into buckets. Each timestamp counts once, and of a field that was written more than once
 * for it the last write, as in InfluxDB. Owner: one thread. */
#ifndef QUERY_SCAN_H
#define QUERY_SCAN_H

#include "base/arena.h"
#include "model/digest.h"
#include "query/read.h"
#include "store/rows.h"

struct scan_target { /* of a field: one of each for a bucket */
	struct read_cell *cells; /* their sums are to be settled at the end */
	struct digest *digests; /* NULL: no percentiles are wanted */
};

struct scan {
	int64_t from_ns, to_ns; /* from is included, to is not; they lie within the buckets */
	int64_t first_bucket_ns, step_ns;
	unsigned buckets;
	unsigned aggregates; /* of enum read_aggregate; not 0 */
	/* Where a field, by its number, goes; false: leave it out (or there is no memory). */
	bool (*target)(void *arg, uint32_t field, struct scan_target *out);
	void *arg;
	struct arena *arena; /* for rows that must be sorted first */
	struct digest_memory *memory; /* of the digests */
};

/* list: in the order of writing, raw rows. ERR_NOMEM: rows out of order need more than the arena has; ERR_TOOBIG,
 * ERR_NOMEM: the digests do. */
NODISCARD enum err scan_series(const struct scan *sc, const struct rows *list, unsigned count);
/* Rows of a rollup tier whose buckets lie within the scan's; each timestamp once. Of a bucket with rows that have no
 * sketch the digest has not every value: its count is below the cell's. ERR_CORRUPT: a sketch that is none; the rest is
 * there. */
NODISCARD enum err scan_rollup(const struct scan *sc, const struct rows *r);
/* Which of read_aggregate needs such a column; 0: all do, or none. */
unsigned scan_needs(enum column_kind kind);
/* The sum of a cell that is finished. */
void scan_settle(struct read_cell *c, enum value_type type);

#endif
