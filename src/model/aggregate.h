/* What a bucket of one numeric field comes to. Exact: integers stay integers (sums modulo 2^64), times break ties. */
#ifndef MODEL_AGGREGATE_H
#define MODEL_AGGREGATE_H

#include <stdint.h>

#include "model/value.h"

struct aggregate { /* the five in the bits of the field's type; booleans count as integers 0 and 1 */
	uint64_t count; /* 0: the rest means nothing */
	uint64_t sum, min, max, first, last;
	int64_t first_ns, last_ns;
};

/* type: not a string. Of equal times the first to come stays first, the last to come becomes last. */
void aggregate_add(struct aggregate *a, enum value_type type, uint64_t bits, int64_t time_ns);
void aggregate_merge(struct aggregate *a, enum value_type type, const struct aggregate *b);
double aggregate_number(enum value_type type, uint64_t bits); /* 0 for a string */

#endif
