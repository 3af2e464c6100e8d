/* Which series of a measurement an InfluxQL condition leaves, and what of it must be tried on each row. Any thread. */
#ifndef QUERY_TAG_FILTER_H
#define QUERY_TAG_FILTER_H

#include "query/budget.h"
#include "query/influxql/tree.h"
#include "store/catalogue.h"
#include "store/series_set.h"

/* chosen: initialised by the caller to measurement_series_count; gets every series that may have rows which pass. filter: an
 * iql_select.filter, or NULL. *rest: what decides row by row (fields, and tags beside them under OR), parts of filter
 * copied into the arena where need be; NULL: nothing. As InfluxDB 1.6: a name that is a field of the measurement is the
 * field; a tag that a series does not have is "". ERR_INVALID: a regular expression that gives up; ERR_NOMEM. */
NODISCARD enum err tag_filter_choose(struct arena *a, const struct measurement *m, const struct iql_expr *filter,
    struct series_set *chosen, const struct iql_expr **rest, struct budget *b, struct errbuf *eb);

#endif
