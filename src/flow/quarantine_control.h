/* What people do with points in quarantine: send them again, drop them. In short transactions, so that no write waits for
 * many of them; entries that come meanwhile are not touched. Any thread. */
#ifndef FLOW_QUARANTINE_CONTROL_H
#define FLOW_QUARANTINE_CONTROL_H

#include "flow/replication.h"
#include "store/quarantine.h"

struct quarantine_control {
	struct committer *committer;
	struct replication *replication; /* NULL: there are no targets */
	const char *spool_path;
};

struct quarantine_replayed {
	uint64_t marked; /* points that were not marked before */
	uint64_t not_configured; /* points that stay: there is no such target */
};

/* On failure some may have been marked, or dropped: out tells how many. */
NODISCARD enum err quarantine_control_replay(const struct quarantine_control *q, const struct quarantine_filter *f,
    struct quarantine_replayed *out, struct errbuf *eb);
NODISCARD enum err quarantine_control_drop(
    const struct quarantine_control *q, const struct quarantine_filter *f, uint64_t *dropped, struct errbuf *eb);

#endif
