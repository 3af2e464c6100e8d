/* Points out of the quarantine that somebody asked to send again, as a source of a replicator (flow/parcel_source.h).
 *
 * What is sent is the point as it is here now: each of its fields with the value that was acknowledged last for that time, or
 * as the line has it where nothing is here any more. So an old value never comes after a newer one, whatever was written
 * since the point was refused. What is written while a parcel is under way is sent once more behind it
 * (replicator_send_again).
 *
 * An entry goes when its point is delivered, and not before: after a crash in between it is sent again. One that is refused
 * again stays, with the new words, and waits until it is asked for again. Of each database in the order of the ids. */
#ifndef FLOW_REPLAY_SOURCE_H
#define FLOW_REPLAY_SOURCE_H

#include "flow/committer.h"
#include "flow/parcel_source.h"
#include "query/local.h"
#include "store/catalogue.h"

struct replay_source_opts { /* strings and what is pointed to: borrowed */
	struct committer *committer;
	struct catalogue *catalogue;
	struct local *local;
	const char *spool_path;
	const char *target; /* whose entries */
	const char *database; /* what the namespace `metrics` is called there */
};

NODISCARD enum err replay_source_new(
    struct parcel_source **out, const struct replay_source_opts *opts, struct errbuf *eb);

#endif
