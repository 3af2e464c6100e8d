/* The read policy: ask the record while it is healthy, add what it has not got yet from the local store, fall back to
 * the local store at once when it is down. Any thread, several at once.
 *
 * The undelivered tail: points not yet delivered begin at some timestamp t. Buckets before the one that holds t come
 * from the record alone. From there on a group that the local store has comes from the local store (which holds the
 * delivered points of that span too, so nothing is counted twice), any other from the record. */
#ifndef QUERY_READER_H
#define QUERY_READER_H

#include "query/breaker.h"
#include "query/local.h"
#include "query/read.h"
#include "query/record.h"

enum read_policy { READ_AUTO, READ_LOCAL, READ_RECORD };

struct reader_opts {
	struct local *local;
	struct breaker *breaker; /* NULL: no record */
	const struct record_ops *record; /* NULL: no record */
	void *(*open_record)(void *arg); /* a record context for one thread at a time; NULL on failure */
	void (*close_record)(void *record);
	void *open_arg;
	const char *database; /* what `metrics` is called in the record; others keep their names */
	int64_t record_timeout_ms; /* of one read; 0: 1000 */
	enum read_policy policy;
	/* The smallest timestamp not yet delivered, INT64_MAX if the record has all. Any thread. */
	int64_t (*undelivered_from_ns)(void *arg);
	void *undelivered_arg;
};

struct reader;
NODISCARD enum err reader_new(struct reader **out, const struct reader_opts *opts, struct errbuf *eb);
void reader_free(struct reader *rd);
/* Never fails because the record is down, slow or wrong; with READ_RECORD it says so in r->reason. */
NODISCARD enum err reader_read(
    struct reader *rd, const struct read_request *q, struct read_result *r, struct errbuf *eb);

#endif
