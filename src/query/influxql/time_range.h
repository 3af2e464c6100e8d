/* A condition taken apart: the range of time it allows, and the rest. */
#ifndef QUERY_INFLUXQL_TIME_RANGE_H
#define QUERY_INFLUXQL_TIME_RANGE_H

#include "base/err.h"
#include "query/influxql/fold.h"

/* As InfluxDB: every comparison with `time`, also one below OR, narrows the range and leaves the condition. Changes the tree
 * of e (NULL is fine); *rest is NULL if nothing is left. ERR_INVALID with InfluxDB's words. */
NODISCARD enum err iql_split_condition(struct iql_expr *e, const struct iql_clock *clock, struct iql_expr **rest,
    struct iql_range *range, struct errbuf *eb);

struct iql_range iql_range_all(void);
void iql_range_narrow(struct iql_range *r, const struct iql_range *other);

#endif
