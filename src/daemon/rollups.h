/* Rollups as something that is delivered to the record, behind what it is owed. Main thread. */
#ifndef DAEMON_ROLLUPS_H
#define DAEMON_ROLLUPS_H

#include "daemon/config.h"
#include "flow/provision.h"
#include "flow/replicator.h"

struct rollups { /* borrowed; lives as long as the replicator */
	const struct config *config;
	struct committer *committer;
	struct catalogue *catalogue;
	struct provision *provision; /* for how long the record keeps points */
	const char *spool_path;
	int64_t late_ns; /* older points are refused, of every measurement */
};

NODISCARD enum err rollups_add(struct rollups *r, struct replicator_opts *record, struct errbuf *eb);

#endif
