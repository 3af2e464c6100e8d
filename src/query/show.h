/* SHOW DATABASES, RETENTION POLICIES, MEASUREMENTS, SERIES, TAG KEYS, TAG VALUES, FIELD KEYS and their cardinalities, from the
 * catalogue. Any thread. */
#ifndef QUERY_SHOW_H
#define QUERY_SHOW_H

#include "query/budget.h"
#include "query/influxql/tree.h"
#include "query/result.h"
#include "store/catalogue.h"

struct show_env {
	struct catalogue *catalogue;
	struct view database; /* of the request; empty: none */
	int64_t retention_ns; /* of raw points, for SHOW RETENTION POLICIES; 0: for ever */
	struct budget *budget;
};

/* Whether a cardinality is one figure for the whole database. */
bool show_is_estimate(const struct iql_statement *st);
/* st: checked. As select_run. */
NODISCARD enum err show_run(const struct show_env *env, const struct iql_statement *st, const struct result_sink *sink,
    struct result_report *report, struct errbuf *eb);

#endif
