/* Finished rollups of the tiers 1h and 1d as lines for a target (flow/rollup_lines.h has their form), the oldest first, each
 * once: a bucket is sent when no point can come into it any more, since then what is sent can never be sent with another
 * value. That is when
 *
 *	its end is older than every point that ingest takes      (late_ns, raw retention)
 *	and the store has merged all that lies in it             (no raw pieces; for 1d none of 1h either; no rows of the spool)
 *
 * How far it has got is remembered for each place (server and database): a part that was sent before a crash is sent again, with
 * the same values. What the target does not keep any more (keeps_ns) is passed by. */
#ifndef FLOW_ROLLUP_SOURCE_H
#define FLOW_ROLLUP_SOURCE_H

#include "flow/committer.h"
#include "flow/parcel_source.h"
#include "store/catalogue.h"

struct rollup_source_opts { /* borrowed, but before */
	struct parcel_source *
	    before; /* taken over, also on failure: goes first (what is owed, refusals of which are new ones); NULL: none */
	struct committer *committer;
	struct catalogue *catalogue;
	const char *spool_path, *store_path;
	const char *place; /* the target's server and database, as remembered; no secrets */
	int64_t late_ns; /* older points are refused */
	/* How long the target keeps points of a database, by our name for it; 0: for ever, or not known. NULL: likewise */
	int64_t (*keeps_ns)(void *arg, uint32_t db);
	void *arg;
	int64_t look_ns; /* how often it looks for more; 0: a minute */
	size_t max_bytes; /* of memory for reading; 0: 64 MiB */
};

NODISCARD enum err rollup_source_new(
    struct parcel_source **out, const struct rollup_source_opts *opts, struct errbuf *eb);

#endif
