/* Aggregates one series' rows into buckets. Rows come from the strips of several generations; each timestamp counts
 * once, and of a field that was written more than once for it the last write, as in InfluxDB. Owner: one thread. */
#ifndef QUERY_SCAN_H
#define QUERY_SCAN_H

#include "query/read.h"
#include "store/generation.h"

struct scan {
	int64_t from_ns, to_ns, first_bucket_ns, step_ns;
	/* The cells of the field's column, or NULL to leave it out (or for want of memory). */
	struct read_cell *(*cells)(void *arg, const struct field *f);
	void *arg;
	size_t max_bytes; /* for rows that must be sorted first */
};

/* strips: oldest generation first. ERR_TOOBIG: rows out of order need more than max_bytes. */
NODISCARD enum err scan_series(const struct scan *sc, const struct head_strip *const *strips, unsigned count);

#endif
