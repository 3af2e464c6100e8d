/* The record's operations with a clock beside them: what each write and query took, by whether the server did it. */
#ifndef QUERY_RECORD_TIMED_H
#define QUERY_RECORD_TIMED_H

#include "model/timing.h"
#include "query/record.h"

enum record_timing { RECORD_WRITE_OK, RECORD_WRITE_FAILED, RECORD_QUERY_OK, RECORD_QUERY_FAILED, RECORD_TIMINGS };

/* Bytes: of writes, line protocol before it is compressed; of queries, of the answer. Failed: any status but 2xx, or
 * none. A read that was left because it was not wanted any more does not count. Any thread. */
struct record_times {
	struct timing timing[RECORD_TIMINGS];
};

void record_times_init(struct record_times *t);
void record_times_fini(struct record_times *t);

struct record_timed { /* the context of record_timed_ops */
	const struct record_ops *ops;
	void *ctx; /* of ops */
	struct record_times *times; /* borrowed */
};
extern const struct record_ops record_timed_ops;

#endif
