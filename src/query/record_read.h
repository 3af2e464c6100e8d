/* A read from the record: InfluxQL out, InfluxDB's JSON into the shape of query/read.h. Any thread, a context each. */
#ifndef QUERY_RECORD_READ_H
#define QUERY_RECORD_READ_H

#include "query/read.h"
#include "query/record.h"

/* r: after read_result_init. The cells' first_ns and last_ns are the bucket's begin: the record does not say more.
 * ERR_UNAVAILABLE: no answer in time; ERR_IO: an answer that is an error or no result; both leave r without groups. */
NODISCARD enum err record_read(const struct record_ops *ops, void *ctx, const char *database, int64_t timeout_ms,
    const struct read_request *q, struct read_result *r, struct errbuf *eb);

/* The statement, for tests and EXPLAIN. */
void record_read_statement(const struct read_request *q, struct buf *out);

#endif
