/* A target when it is met: what it is owed of what was written before, and where its cursor begins. And when it turns out to
 * have lost a database. Any thread; each call has connections of its own, and writes through the committer. */
#ifndef FLOW_TARGET_H
#define FLOW_TARGET_H

#include "flow/committer.h"
#include "store/targets.h"

struct target_opts {
	struct committer *committer;
	const char *spool_path, *store_path; /* store_path NULL: there is no store */
	const char *name; /* of the cursor */
	const char *record; /* where it is and its database; no secrets. NULL: not told apart */
};

/* Before anything is delivered to it. The cursor as it is durable then:
 *
 *	known, and the same record	goes on
 *	known to an older version	goes on, and the record is remembered
 *	not known			begins at 0: what the spool still has is delivered, what the store has is owed
 *	known, but another record	the same, since that one has nothing of what the other got */
NODISCARD enum err target_meet(const struct target_opts *o, struct target_cursor *out, struct errbuf *eb);

/* All that was delivered of a database is owed again: what the store has, and rows of the spool up to delivered_seq. */
NODISCARD enum err target_lost_database(
    const struct target_opts *o, uint32_t db, uint64_t delivered_seq, struct errbuf *eb);

#endif
