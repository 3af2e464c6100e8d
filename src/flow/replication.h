/* The targets: the record, if there is one, and up to REPLICATION_MIRRORS_MAX mirrors. Each has a replicator of its own and
 * waits for no other; the spool keeps a row until all have it. A target that is not configured any more is forgotten. */
#ifndef FLOW_REPLICATION_H
#define FLOW_REPLICATION_H

#include "flow/replicator.h"

enum { REPLICATION_MIRRORS_MAX = 8, REPLICATION_TARGETS_MAX = REPLICATION_MIRRORS_MAX + 1 };

struct replication; /* the record and the mirrors */

struct replication_opts {
	struct committer *committer; /* is told how far all targets have got */
	const char *spool_path;
	/* The record first, if there is one. Of each, committer, spool_path and stored are set by replication_start. */
	struct replicator_opts target[REPLICATION_TARGETS_MAX];
	unsigned count;
	bool has_record;
};

NODISCARD enum err replication_start(struct replication **out, const struct replication_opts *opts, struct errbuf *eb);
void replication_stop(struct replication *rs); /* NULL is fine */
unsigned replication_count(const struct replication *rs); /* NULL: 0 */
struct replicator *replication_at(const struct replication *rs, unsigned i); /* the record first, if there is one */
struct replicator *replication_record(const struct replication *rs); /* NULL: there is none, or rs is NULL */
struct replicator *replication_find(const struct replication *rs, const char *target); /* NULL: no such target */
void replication_retry_now(struct replication *rs); /* all of them; NULL is fine */

#endif
