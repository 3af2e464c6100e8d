/* Rates of some counters over the last minute: a ring of samples, one a second at most, taken by whoever calls. Any
 * thread. */
#ifndef EDGE_RATES_H
#define EDGE_RATES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum rate { RATE_VALUES, RATE_SPOOL_BYTES, RATE_REJECTED, RATE_COUNT };
enum { RATES_SECONDS = 60 };

struct rates_sample {
	int64_t at_ns; /* monotonic */
	uint64_t value[RATE_COUNT];
};

struct rates {
	pthread_mutex_t lock; /* guards all below */
	struct rates_sample ring[RATES_SECONDS + 1];
	unsigned count, next;
};

void rates_init(struct rates *r);
void rates_fini(struct rates *r);
/* True if a second has passed since the last sample: then make one and add it. */
bool rates_due(struct rates *r, int64_t now_ns);
void rates_add(struct rates *r, const struct rates_sample *s);
/* A second's rise between the oldest and the newest sample; 0 with fewer than two, or after a fall. */
double rates_per_s(struct rates *r, enum rate which);
/* The rise itself over that span. */
uint64_t rates_rise(struct rates *r, enum rate which);

#endif
