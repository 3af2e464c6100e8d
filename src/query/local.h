/* Reads from the local store: the head, the spool's rows that are in neither head nor store yet, and the store's blocks
 * and rollups. Any thread, several at once. */
#ifndef QUERY_LOCAL_H
#define QUERY_LOCAL_H

#include "query/read.h"
#include "store/catalogue.h"
#include "store/head.h"

struct local;

struct local_opts {
	struct head *head;
	struct catalogue *catalogue;
	const char *spool_path;
	const char *store_path; /* NULL: there is no store */
	size_t query_max_bytes; /* memory of one read; 0: 64 MiB */
};

NODISCARD enum err local_new(struct local **out, const struct local_opts *opts, struct errbuf *eb);
void local_free(struct local *l);
/* Fills r (after read_result_init; groups sorted). complete is false, with a reason, where the history does not reach
 * back to from_ns or memory ran out; both are ERR_OK. ERR_IO, ERR_CORRUPT: the files cannot be read. */
NODISCARD enum err local_read(struct local *l, const struct read_request *q, struct read_result *r, struct errbuf *eb);

#endif
