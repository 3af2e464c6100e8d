/* Which series of a measurement an InfluxQL condition leaves, and what of it must be tried on each row. Any thread. */
#ifndef QUERY_TAG_FILTER_H
#define QUERY_TAG_FILTER_H

#include "query/budget.h"
#include "query/influxql/tree.h"
#include "store/catalogue.h"
#include "store/series_set.h"

/* chosen: initialised by the caller to measurement_series_count; becomes the series that may have rows which pass. filter: an
 * iql_select.filter, or NULL. *rest: what decides row by row (fields, and tags beside them under OR), to be tried with a
 * tag that the series does not have as ""; it is in the arena, and shares parts with filter; NULL: nothing. As InfluxDB
 * 1.6: tag_filter.c has the rules. Linear in the length of filter, as deep as the tree.
 * ERR_INVALID: a regular expression that is none, or gives up; ERR_TOOBIG, ERR_UNAVAILABLE, ERR_CLOSED: the budget's;
 * ERR_NOMEM. */
NODISCARD enum err tag_filter_choose(struct arena *a, const struct measurement *m, const struct iql_expr *filter,
    struct series_set *chosen, const struct iql_expr **rest, struct budget *b, struct errbuf *eb);

#endif
