/* The read policy: ask the record while it is healthy, add what it has not got from the local store, fall back to the local
 * store at once when it is down. Any thread, several at once.
 *
 * What the record lacks, undelivered or owed, begins at some timestamp t; or what the local store can add to it does. Buckets
 * before the one that holds t come from the record alone. From there on a group that the local store has comes from the local store (which holds the
 * delivered points of that span too, so nothing is counted twice), any other from the record. */
#ifndef QUERY_READER_H
#define QUERY_READER_H

#include "query/local.h"
#include "query/read.h"
#include "query/record_access.h"

enum read_policy { READ_AUTO, READ_LOCAL, READ_RECORD };

struct reader_opts { /* borrowed */
	struct local *local;
	struct record_access *record; /* NULL: no record */
	enum read_policy policy;
};

struct reader;
NODISCARD enum err reader_new(struct reader **out, const struct reader_opts *opts, struct errbuf *eb);
void reader_free(struct reader *rd);
/* Never fails because the record is down, slow or wrong; with READ_RECORD it says so in r->reason. */
NODISCARD enum err reader_read(
    struct reader *rd, const struct read_request *q, struct read_result *r, struct errbuf *eb);

#endif
