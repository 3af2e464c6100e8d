/* Rollups: rows of a series, by buckets of time. The result has, for each numeric field, the columns COUNT to LAST_AT
 * of store/rows.h (and SKETCH where wanted); its times are the buckets' beginnings, multiples of bucket_ns. Exact but
 * for the sums of floats: model/sum.h says how near those are. A row has a sketch only of all its values. Owner: one
 * thread. */
#ifndef STORE_ROLLUP_H
#define STORE_ROLLUP_H

#include "model/sketch.h"
#include "store/rows.h"

struct rollup_opts {
	int64_t bucket_ns;
	const bool *sketched; /* by field number, of fields that get a sketch; NULL: none */
	uint32_t sketched_count;
};

/* Of raw rows, ordered; out in the arena. Strings have no rollup. */
NODISCARD enum err rollup_rows(
    const struct rows *raw, const struct rollup_opts *opts, struct arena *a, struct rows *out);
/* Of rows of a finer tier, whose buckets lie within those of this one. */
NODISCARD enum err rollup_coarser(
    const struct rows *finer, const struct rollup_opts *opts, struct arena *a, struct rows *out);

#endif
