/* Takes over what can be read of spools that were set aside (store/spool_damage): each readable row above the delivered
 * cursor and inside retention goes through the door again as its line protocol, which changes nothing where a point is
 * there already. Progress is kept in the spool, so a restart goes on where it was. Files stay until a human removes them.
 * Threads: hf-salvage does the work, started only if there is some; salvage_stats from any thread. */
#ifndef FLOW_SALVAGE_H
#define FLOW_SALVAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/committer.h"
#include "flow/ingest.h"
#include "store/catalogue.h"

struct salvage;

struct salvage_opts {
	struct ingest *ingest;
	struct committer *committer;
	struct catalogue *catalogue;
	const char *spool_path;
	int64_t retention_ns; /* 0: nothing is too old */
	int64_t retry_ns; /* pause when the spool takes nothing; 0: 1 s */
};

enum salvage_state { SALVAGE_NONE, SALVAGE_RUNNING, SALVAGE_DONE, SALVAGE_FAILED };

struct salvage_stats {
	enum salvage_state state;
	char file[256]; /* the one in work or done last, without its folder */
	uint64_t rows, points; /* taken over, of all files since the start */
	uint64_t lost_rows, lost_points; /* could not be read; points where the row is lost too: about */
	uint64_t old_rows; /* older than retention: left */
	uint64_t at_seq, last_seq; /* of the file in work */
	int64_t started_ns, ended_ns; /* wall clock; 0: not yet */
	bool over; /* all files were looked at, if only to find that they are done with */
	char error[256]; /* why it failed */
};

NODISCARD enum err salvage_start(struct salvage **out, const struct salvage_opts *opts, struct errbuf *eb);
void salvage_stop(struct salvage *s); /* after the row at hand; NULL is fine */
void salvage_stats(struct salvage *s, struct salvage_stats *out);
const char *salvage_state_name(enum salvage_state s); /* none, running, done, failed */

#endif
