/* Takes over what can be read of spools that were set aside (flow/salvage, store/spool_damage): each readable row above the
 * delivered cursor and inside retention goes through the door again as its line protocol, which changes nothing where a
 * point is there already. Progress is kept in the spool, so a restart goes on where it was. Thread: hf-salvage. */
#ifndef FLOW_SPOOL_SALVAGE_H
#define FLOW_SPOOL_SALVAGE_H

#include "flow/committer.h"
#include "flow/ingest.h"
#include "flow/salvage.h"
#include "store/catalogue.h"

struct spool_salvage_opts { /* borrowed */
	struct ingest *ingest;
	struct committer *committer;
	struct catalogue *catalogue;
	const char *spool_path;
	int64_t retention_ns; /* 0: nothing is too old */
	int64_t retry_ns; /* pause when the spool takes nothing; 0: 1 s */
};

NODISCARD enum err spool_salvage_start(struct salvage **out, const struct spool_salvage_opts *opts, struct errbuf *eb);

#endif
