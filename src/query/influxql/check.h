/* What InfluxDB checks before it runs a SELECT, whatever the data: calls and their arguments, which of them go together,
 * GROUP BY, fill, subqueries. Types are not known here: the executor finds those conflicts. */
#ifndef QUERY_INFLUXQL_CHECK_H
#define QUERY_INFLUXQL_CHECK_H

#include "base/arena.h"
#include "base/err.h"
#include "query/influxql/tree.h"

/* Checks s and its subqueries and sets what tree.h says is set by the checks. Folds the constants of fields and dimensions
 * in place; the condition stays as it was written. ERR_INVALID: eb has InfluxDB's words, to be sent with status 200 as the
 * statement's "error". ERR_NOTFOUND: the time zone has gone meanwhile. ERR_NOMEM: above the arena's ceiling. */
NODISCARD enum err iql_check_select(struct arena *a, struct iql_select *s, int64_t now_ns, struct errbuf *eb);

/* Any statement: that, and what this server does not do (docs/influxql.md). */
NODISCARD enum err iql_check_statement(struct arena *a, struct iql_statement *s, int64_t now_ns, struct errbuf *eb);

#endif
