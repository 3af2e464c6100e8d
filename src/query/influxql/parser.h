/* InfluxQL text to its tree. Any thread; linear in the text. What is valid, and the words of each refusal, are InfluxDB
 * 1.6's: compared with a real server by tests/integration/test_influxql_parser.sh; docs/influxql.md lists the differences. */
#ifndef QUERY_INFLUXQL_PARSER_H
#define QUERY_INFLUXQL_PARSER_H

#include "base/arena.h"
#include "base/err.h"
#include "query/influxql/params.h"
#include "query/influxql/tree.h"

#define IQL_TEXT_MAX (1u << 20)

/* Statements separated by semicolons; none at all is fine too. The tree lies in the arena, whose ceiling bounds it: 96 bytes
 * of arena for a byte of text always suffice. params may be NULL. On ERR_INVALID eb has what InfluxDB answers as "error", to
 * be sent with status 400; ERR_TOOBIG: above IQL_TEXT_MAX, nested too deeply, or above the arena's ceiling. */
NODISCARD enum err iql_parse(
    struct arena *a, struct view text, const struct iql_params *params, struct iql_query *out, struct errbuf *eb);

#endif
