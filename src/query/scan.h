/* Aggregates one series' rows into buckets. Each timestamp counts once, and of a field that was written more than once
 * for it the last write, as in InfluxDB. Owner: one thread. */
#ifndef QUERY_SCAN_H
#define QUERY_SCAN_H

#include "base/arena.h"
#include "query/read.h"
#include "store/rows.h"

struct scan {
	int64_t from_ns, to_ns; /* from is included, to is not; they lie within the buckets */
	int64_t first_bucket_ns, step_ns;
	unsigned buckets;
	/* The cells of a field's column, by its number, or NULL to leave it out (or for want of memory). */
	struct read_cell *(*cells)(void *arg, uint32_t field);
	void *arg;
	struct arena *arena; /* for rows that must be sorted first */
};

/* list: in the order of writing, raw rows. ERR_NOMEM: rows out of order need more than the arena has. */
NODISCARD enum err scan_series(const struct scan *sc, const struct rows *list, unsigned count);
/* Rows of a rollup tier whose buckets lie within the scan's; each timestamp once. */
void scan_rollup(const struct scan *sc, const struct rows *r);

#endif
