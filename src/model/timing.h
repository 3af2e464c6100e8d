/* How long things took and how large they were, gathered by any thread and taken once an interval. Bounded: a sketch
 * keeps the percentiles. */
#ifndef MODEL_TIMING_H
#define MODEL_TIMING_H

#include <pthread.h>

#include "model/sketch.h"

struct timing {
	pthread_mutex_t lock; /* all of it */
	struct sketch sketch; /* of milliseconds */
	uint64_t count, bytes;
	double sum_ms, min_ms, max_ms;
};

struct timing_totals {
	uint64_t count, bytes;
	double sum_ms, min_ms, max_ms;
	double p50_ms, p90_ms, p95_ms, p99_ms; /* as near as model/sketch.h says, within [min, max] */
};

void timing_init(struct timing *t);
void timing_fini(struct timing *t);
void timing_add(struct timing *t, int64_t took_ns, uint64_t bytes); /* below 0 counts as 0 */
/* What was added since the call before. False: nothing was, *out is zeroed. */
bool timing_take(struct timing *t, struct timing_totals *out);

#endif
