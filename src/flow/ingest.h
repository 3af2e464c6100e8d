/* The door: line protocol in, validated point by point, committed, answered. Any thread; blocks until durable. */
#ifndef FLOW_INGEST_H
#define FLOW_INGEST_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "flow/committer.h"
#include "model/reject.h"
#include "store/catalogue.h"

struct ingest;
struct refusals;

struct ingest_opts {
	struct committer *committer;
	struct catalogue *catalogue;
	int64_t retention_ns; /* older points are refused; 0: none is too old */
	int64_t max_future_ns; /* newer than now + this are refused */
};

struct ingest_request {
	const char *database;
	int64_t precision_ns; /* what one unit of a timestamp is: 1, 1000, … */
	struct view body;
};

#define INGEST_REFUSED_SHOWN 10

struct ingest_refused {
	uint64_t line; /* of the body, from 1, as an editor counts: a newline in a string counts too */
	enum reject why;
};

struct ingest_result {
	uint64_t points, values; /* kept: durable when ingest_write returns ERR_OK */
	uint64_t rejected;
	struct buf
	    message; /* InfluxDB's error text if rejected > 0: "partial write: … dropped=1" or "unable to parse …" */
	struct ingest_refused refused[INGEST_REFUSED_SHOWN]; /* the first of them */
	unsigned refused_count;
};

NODISCARD enum err ingest_new(struct ingest **out, const struct ingest_opts *opts, struct errbuf *eb);
void ingest_free(struct ingest *in);
struct refusals *ingest_refusals(struct ingest *in); /* what was refused here */

/* ERR_OK: all good points are durable, possibly none, and result tells the rest. ERR_NOTFOUND: no such database.
 * ERR_FULL, ERR_IO, ERR_CLOSED, ERR_NOMEM: nothing was kept, try again (eb says why). Counts refusals by reason. */
NODISCARD enum err ingest_write(
    struct ingest *in, const struct ingest_request *rq, struct ingest_result *result, struct errbuf *eb);
/* Any thread, now and then: frees the memory that no request used since the call before. */
void ingest_trim(struct ingest *in);
void ingest_result_init(struct ingest_result *r);
void ingest_result_fini(struct ingest_result *r);

#endif
