/* The values of one field in one bucket of a read, for percentiles: each of them while that is cheap, then a sketch
 * (model/sketch). Percentiles are by the nearest rank, as InfluxDB counts it: of n values the percentile p is the
 * floor(n p / 100 + 1/2)-th smallest, and none if that is the zeroth. Owner: one thread. */
#ifndef MODEL_DIGEST_H
#define MODEL_DIGEST_H

#include "model/sketch.h"
#include "model/value.h"

/* Of so many values a sketch is smaller and no slower. */
#define DIGEST_EXACT_MAX 16384

struct digest_memory { /* of all digests of a read together */
	size_t used, max; /* above half of max they become sketches, where that saves any */
};

struct digest {
	uint64_t count;
	uint64_t *keys; /* count of them, ordered as the values are; not if there is a sketch */
	uint32_t room;
	bool spoilt; /* nothing can be told of it any more */
	struct sketch *sketch;
};

/* type: not a string. ERR_TOOBIG: above the ceiling; ERR_NOMEM. */
NODISCARD enum err digest_add(
    struct digest *d, struct digest_memory *m, enum value_type type, const uint64_t *bits, uint32_t n);
/* A packed sketch. ERR_CORRUPT: not one, or not of so many values; d is spoilt. */
NODISCARD enum err digest_merge_packed(struct digest *d, struct digest_memory *m, struct view packed, uint64_t count);
void digest_fini(struct digest *d, struct digest_memory *m);

struct digest_selector; /* memory for finding percentiles, reused */
NODISCARD enum err digest_selector_new(struct digest_selector **out);
void digest_selector_free(struct digest_selector *s);
/* out[i]: the percentile ranks[i] of (0, 100], NAN if there is none; exact, or within a sketch's error. */
void digest_percentiles(
    const struct digest *d, struct digest_selector *s, const double *ranks, unsigned count, double *out);

#endif
