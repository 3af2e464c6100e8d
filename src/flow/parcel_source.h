/* Where a replicator takes its lines from (flow/replicator.h has the order of preference). All of it on the replicator's
 * thread, but `waits`. */
#ifndef FLOW_PARCEL_SOURCE_H
#define FLOW_PARCEL_SOURCE_H

#include "flow/parcel.h"

struct replicator;

struct parcel_source {
	const struct parcel_source_ops *ops;
};

/* Lines [from, to) of a body that the target refused for good. */
struct parcel_refusal {
	const struct parcel *parcel;
	const struct parcel_body *body;
	uint32_t from, to;
	const char *database; /* as the target calls it */
	int status; /* HTTP; 0: the server gave none */
	const char *reason; /* the server's words, or ours */
	bool poison; /* it never said so: they drew a failure each time */
	bool skipped; /* somebody asked for it (replicator_skip_held) */
};

struct replicator_waiting {
	uint64_t points, bytes;
	int64_t min_ns; /* the smallest timestamp; INT64_MAX: nothing waits */
	int64_t oldest_received_ns; /* 0: not known, or nothing waits */
};

struct parcel_source_ops {
	const char *name; /* live, replay, backlog, owed */
	/* Fills p (cleared, its bodies set) with the next lines of one database, none that limits->held has. Lines that were
	 * filled in but not `done` are given again. ERR_NOTFOUND: none now. Any other error was logged: it is tried again
	 * by and by. */
	enum err (*fill)(
	    struct parcel_source *s, struct parcel *p, const struct parcel_limits *limits, struct errbuf *eb);
	/* Every line of the parcel filled last is delivered or set aside. The source makes that durable by and by: what came
	 * since about a second may be sent again. */
	void (*done)(struct parcel_source *s, const struct parcel *p);
	/* NULL: the quarantine takes them as new. Durable on ERR_OK; else asked again after a while. */
	enum err (*refused)(struct parcel_source *s, const struct parcel_refusal *refusal, struct errbuf *eb);
	/* Any thread, several at once. */
	void (*waits)(struct parcel_source *s, struct replicator_waiting *out);
	/* NULL, or told whose it is, before the thread starts. */
	void (*attach)(struct parcel_source *s, struct replicator *r);
	void (*close)(struct parcel_source *s);
};

#endif
