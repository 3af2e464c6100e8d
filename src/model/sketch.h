/* A base-2 exponential histogram of schema 5, as in OpenTelemetry's exponential and Prometheus' native histograms: bucket
 * i holds values above 2^(i/32) up to 2^((i+1)/32), zero and each sign apart. Merging adds counts; a quantile is off by
 * at most (2^(1/32) - 1) / (2^(1/32) + 1) = 1.084 % of itself. Memory is bounded: a sign spans SKETCH_SPAN buckets (a
 * factor of 2^128); what is smaller than that beside larger values counts in the smallest bucket. Owner: one thread. */
#ifndef MODEL_SKETCH_H
#define MODEL_SKETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/view.h"

enum { SKETCH_PER_OCTAVE = 32, SKETCH_SPAN = 4096 };

struct sketch_side {
	uint64_t *counts; /* of buckets first … first + n - 1 */
	int32_t first;
	uint32_t n, room;
};

struct sketch {
	uint64_t count, zeros;
	struct sketch_side positive, negative;
};

void sketch_init(struct sketch *s);
void sketch_fini(struct sketch *s);
void sketch_clear(struct sketch *s); /* keeps the memory */
/* v is finite. */
NODISCARD enum err sketch_add(struct sketch *s, double v);
NODISCARD enum err sketch_merge(struct sketch *s, const struct sketch *other);
size_t sketch_bytes(const struct sketch *s); /* of memory, beside the struct itself */
int32_t sketch_bucket(double v); /* the bucket of v > 0 */
/* The rank-th smallest value, from 1 to count, within the error above; 0 if there is none. */
double sketch_value(const struct sketch *s, uint64_t rank);

/* Appends a version byte, the zeros, and each sign's buckets that are not empty, as varints. */
void sketch_pack(const struct sketch *s, struct buf *out);
/* Adds a packed sketch. ERR_CORRUPT: s is as it was, or has a part of it: throw it away. */
NODISCARD enum err sketch_merge_packed(struct sketch *s, struct view packed);

#endif
