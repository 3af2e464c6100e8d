/* Constants worked out, by InfluxDB's rules: from the left, one operator at a time, so `1 + 2 + v` becomes `3 + v` and
 * `v + 1 + 2` stays. Strings that look like a date and stand beside a time or duration are points in time. */
#ifndef QUERY_INFLUXQL_FOLD_H
#define QUERY_INFLUXQL_FOLD_H

#include "base/arena.h"
#include "query/influxql/tree.h"
#include "query/influxql/zone.h"

struct iql_clock {
	struct arena *arena; /* for strings joined by + */
	bool has_now; /* else now() stays a call */
	int64_t now_ns;
	const struct iql_zone *zone; /* of dates without an offset; NULL: UTC */
};

/* Changes the tree of e; what is returned takes its place, and has next and op of e. */
struct iql_expr *iql_fold(struct iql_expr *e, const struct iql_clock *clock);

/* A date, date and time, or RFC 3339. iql_time_is_text: it begins like one, and must then be one. */
bool iql_time_is_text(struct view text);
bool iql_time_parse(struct view text, const struct iql_zone *zone, int64_t *seconds, uint32_t *nanos);
/* How many arguments a function has that works value by value (abs, atan2, …), or 0: it is none. */
unsigned iql_math_arguments(struct view function);

#endif
