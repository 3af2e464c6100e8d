#include "model/timing.h"

#include <math.h>

void timing_init(struct timing *t)
{
	*t = (struct timing){ 0 };
	pthread_mutex_init(&t->lock, NULL);
	sketch_init(&t->sketch);
}

void timing_fini(struct timing *t)
{
	sketch_fini(&t->sketch);
	pthread_mutex_destroy(&t->lock);
}

void timing_add(struct timing *t, int64_t took_ns, uint64_t bytes)
{
	double ms = took_ns > 0 ? (double)took_ns / 1e6 : 0;

	pthread_mutex_lock(&t->lock);
	if (sketch_add(&t->sketch, ms) == ERR_OK) { /* without memory it is left out as a whole */
		t->min_ms = t->count && t->min_ms < ms ? t->min_ms : ms;
		t->max_ms = t->count && t->max_ms > ms ? t->max_ms : ms;
		t->sum_ms += ms;
		t->bytes += bytes;
		t->count++;
	}
	pthread_mutex_unlock(&t->lock);
}

static double percentile(const struct timing *t, double p)
{
	double v = sketch_value(&t->sketch, (uint64_t)ceil(p * (double)t->count));

	return v < t->min_ms ? t->min_ms : v > t->max_ms ? t->max_ms : v;
}

bool timing_take(struct timing *t, struct timing_totals *out)
{
	pthread_mutex_lock(&t->lock);
	*out = (struct timing_totals){ 0 };
	bool any = t->count > 0;
	if (any)
		*out = (struct timing_totals){ .count = t->count,
			.bytes = t->bytes,
			.sum_ms = t->sum_ms,
			.min_ms = t->min_ms,
			.max_ms = t->max_ms,
			.p50_ms = percentile(t, 0.5),
			.p90_ms = percentile(t, 0.9),
			.p95_ms = percentile(t, 0.95),
			.p99_ms = percentile(t, 0.99) };
	sketch_clear(&t->sketch);
	t->count = t->bytes = 0;
	t->sum_ms = t->min_ms = t->max_ms = 0;
	pthread_mutex_unlock(&t->lock);
	return any;
}
