/* The buckets of GROUP BY time(interval, offset) in a time zone, as InfluxDB lays them. */
#ifndef QUERY_SELECT_WINDOW_H
#define QUERY_SELECT_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "query/influxql/zone.h"

struct window_grid {
	int64_t interval_ns; /* 0: one bucket, the whole range */
	int64_t offset_ns;
	const struct iql_zone *zone; /* NULL: UTC */
	int64_t from_ns, last_ns; /* the range; both are included */
};

struct window {
	int64_t from_ns, to_ns; /* to is not included; saturated at the ends of time */
};

struct window window_of(const struct window_grid *g, int64_t time_ns);
/* The time an aggregate of that bucket has: its beginning, or 0 where the range has none. */
int64_t window_time(const struct window *w);
/* Offset of the zone in ns. */
int64_t window_zone_ns(const struct window_grid *g, int64_t time_ns);
/* How many buckets the range has, at most UINT64_MAX; 1 without an interval. */
uint64_t window_count(const struct window_grid *g);
/* A width and phase all buckets begin on: what rollups must fit. */
void window_step(const struct window_grid *g, int64_t *step_ns, int64_t *phase_ns);

#endif
