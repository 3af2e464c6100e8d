/* Shared by the files of the engine. */
#ifndef QUERY_ENGINE_PART_H
#define QUERY_ENGINE_PART_H

#include "base/arena.h"
#include "query/budget.h"
#include "query/engine.h"
#include "query/influxql/tree.h"

/* One statement under way. */
struct engine_statement {
	const struct engine_opts *opts;
	const struct engine_request *rq;
	struct iql_statement *st;
	struct arena *arena;
	struct budget *budget;
	const struct result_sink *sink;
	struct result_report *report;
	int64_t now_ns;
};

/* engine_names.c: the databases that a SELECT names are there; after the statement has been checked, the policies. */
NODISCARD enum err engine_check_names(const struct engine_statement *x, struct errbuf *eb);
NODISCARD enum err engine_check_policies(const struct engine_statement *x, struct errbuf *eb);
bool engine_policy_is_known(struct view policy);
/* engine_manage.c: everything but SELECT, EXPLAIN and the SHOW of names. */
NODISCARD enum err engine_manage(const struct engine_statement *x, struct errbuf *eb);
/* Whether InfluxDB says of such a statement in a GET that it is deprecated. */
bool engine_is_for_post(enum iql_statement_kind k);

#endif
