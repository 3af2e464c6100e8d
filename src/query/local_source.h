/* The local store's measurements as sources of rows (query/source.h): head, spool and store as of one moment, the series that a
 * filter chooses, tiers as query/local_plan chooses them. Any thread, a source each. */
#ifndef QUERY_LOCAL_SOURCE_H
#define QUERY_LOCAL_SOURCE_H

#include "query/influxql/tree.h"
#include "query/local.h"
#include "query/source.h"

/* All sources of one statement are of one moment. */
struct local_moment;

/* from_ns, to_ns: nothing outside of it is read. */
NODISCARD enum err local_moment_open(struct local_moment **out, struct local *l, struct view database, int64_t from_ns,
    int64_t to_ns, struct errbuf *eb);
void local_moment_close(struct local_moment *m); /* after its sources */

/* filter: of iql_select.filter, or NULL. ERR_NOTFOUND: no such measurement. ERR_INVALID: the filter makes no sense with what
 * names there are, in InfluxDB's words; a regular expression that gives up. */
NODISCARD enum err local_source_open(struct source **out, struct local_moment *m, struct view measurement,
    const struct iql_expr *filter, struct budget *b, struct errbuf *eb);

#endif
