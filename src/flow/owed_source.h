/* What a target is owed (store/owed.h) as lines out of the local store: every point of its ranges with the last value that
 * was written, the newest range first, each from its begin on, a window at a time. What lies in quarantine for the target is
 * left out, and so is what the target's own retention would refuse. Memory: the lines of a window, at most max_bytes. */
#ifndef FLOW_OWED_SOURCE_H
#define FLOW_OWED_SOURCE_H

#include "flow/replicator.h"
#include "query/local.h"

struct owed_source_opts { /* borrowed */
	struct committer *committer;
	const struct spool *spool; /* for what is owed */
	const char *spool_path;
	struct local *local;
	const struct catalogue *catalogue;
	const char *target, *database; /* as in replicator_opts */
	/* How long the target keeps points of a database, by its own name for it; 0: for ever, or not known. NULL: likewise */
	int64_t (*keeps_ns)(void *arg, const char *database);
	void *arg;
	size_t max_bytes; /* of lines that wait; 0: 16 MiB */
};

NODISCARD enum err owed_source_new(struct parcel_source **out, const struct owed_source_opts *opts, struct errbuf *eb);

#endif
