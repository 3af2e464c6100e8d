/* Numbers of InfluxQL to and from text. Durations: 90s, 1h30m, 10ms, 5u, 5µ, 7ns, 1w. Floats have no exponent. Any thread. */
#ifndef QUERY_INFLUXQL_LITERAL_H
#define QUERY_INFLUXQL_LITERAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* A sign is taken too. False if it is none; if it is one but too large, *overflowed is the part that made it so ("99999w"),
 * else empty. */
bool iql_duration_parse(struct view v, int64_t *ns, struct view *overflowed);
/* In the largest unit that divides it. */
void iql_duration_print(int64_t ns, struct buf *out);
/* The fewest digits after the point, but at least so many, that read back as f. */
void iql_float_print(double f, int least, struct buf *out);

#endif
