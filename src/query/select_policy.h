/* The policy of reads for a SELECT: asks the record while it is healthy, puts what it has not got from the local store into
 * its answer, and falls back to the local store at once. Any thread.
 *
 * The record lacks what is undelivered, from some point in time on, what it is owed (store/owed), has refused or keeps no
 * longer (record_access.h). Where that touches nothing of the range, its answer goes through as it comes. Else, from the first time that it may lack:
 *   - rows, and calls by GROUP BY time: the answer is the record's up to that point (or its bucket), the local store's from
 *     there on, series by series (query/tail_merge). Where the local store does not reach back so far, it is the local
 *     store's from where that is whole, and the answer says what is lacking;
 *   - what cannot be put together from two answers (LIMIT, calls over the whole range, transformations, subqueries) is
 *     answered by the local store, if that has the whole range; else by the record, and the answer says what it lacks. */
#ifndef QUERY_SELECT_POLICY_H
#define QUERY_SELECT_POLICY_H

#include "query/reader.h"
#include "query/select/select.h"

struct select_policy {
	const struct select_env *env;
	struct record_access *record; /* NULL: there is none */
	enum read_policy policy;
	struct view influxql; /* the statement, as it was before it was checked */
	int64_t timeout_ms; /* of the record's whole answer */
};

/* As select_run. */
NODISCARD enum err select_policy_run(const struct select_policy *r, struct arena *a, struct iql_select *s,
    const struct result_sink *sink, struct result_report *report, struct errbuf *eb);

/* Whether the end of an answer may be another's. */
enum select_merge { SELECT_MERGE_NOT, SELECT_MERGE_ROWS, SELECT_MERGE_BUCKETS };
enum select_merge select_merge_kind(const struct iql_select *s); /* checked */

#endif
