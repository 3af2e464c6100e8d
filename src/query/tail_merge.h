/* The record's answer with the local one in place of its end: of a series that both have, rows before a point in time come
 * from the record, the others from here; a series that one has comes from that one whole. A sink for the record's answer
 * as it comes, which pushes on into another. Owner: one thread. */
#ifndef QUERY_TAIL_MERGE_H
#define QUERY_TAIL_MERGE_H

#include "query/result_kept.h"

struct tail_merge {
	const struct result_kept *local; /* series in order of result_series_compare */
	int64_t from_ns; /* rows from it on are the local ones' */
	bool descending;
	const struct result_sink *out;
	/* its own */
	uint32_t next; /* of the local series */
	const struct kept_series *at; /* that the record's series at hand has here; or NULL */
	uint32_t row; /* of it */
	uint32_t *column_of; /* of the answer's columns the local one; UINT32_MAX: none */
	struct view *names; /* of the answer's columns: the record's, then those that only the local series has */
	struct cell *cells;
	uint32_t columns, recorded; /* of the answer; of them the record's */
	enum err error;
};

/* Set the first four members, zero the rest. */
struct result_sink tail_merge_sink(struct tail_merge *m);
/* After the record's last row: what is left of the local answer. ERR_CLOSED: out has enough; ERR_NOMEM. */
NODISCARD enum err tail_merge_finish(struct tail_merge *m);
void tail_merge_fini(struct tail_merge *m);

#endif
