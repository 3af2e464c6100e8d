/* Runs a SELECT over sources of rows and pushes its answer. Any thread. */
#ifndef QUERY_SELECT_SELECT_H
#define QUERY_SELECT_SELECT_H

#include "query/budget.h"
#include "query/influxql/tree.h"
#include "query/local.h"
#include "query/result.h"

struct select_env {
	struct local *local;
	struct catalogue *catalogue;
	struct view database, policy; /* of the request; a source may name others */
	struct budget *budget;
	int64_t now_ns; /* wall clock: the end of a range that has none, where there is GROUP BY time */
};

/* s: checked (influxql/check.h). ERR_OK: the answer was pushed, whole or as far as the sink wanted it. ERR_INVALID: eb has
 * InfluxDB's words, for "error" under status 200; part of the answer may have been pushed before. ERR_TOOBIG,
 * ERR_UNAVAILABLE: above its budget, with a message that says what to do. ERR_CLOSED: the client has gone. */
NODISCARD enum err select_run(const struct select_env *env, struct arena *a, struct iql_select *s,
    const struct result_sink *sink, struct result_report *report, struct errbuf *eb);

/* EXPLAIN: lines of text into the sink, as one column "QUERY PLAN": what would be read, of which tiers, how much. analyze: runs it,
 * and says what was read and how long it took. */
NODISCARD enum err select_explain(const struct select_env *env, struct arena *a, struct iql_select *s, bool analyze,
    const struct result_sink *sink, struct result_report *report, struct errbuf *eb);

#endif
