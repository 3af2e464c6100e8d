/* Holdfast's own measurement of the databases it works with, as points of `database_metrics` each collection interval:
 * of the record (flow/record_figures.c, database=influxdb) and of its own two files (flow/store_figures.c,
 * database=sqlite). docs/figures.md has the table of tags, fields and units. Own thread, hf-figures; a server that is slow
 * delays nothing but the next round, which is left out. */
#ifndef FLOW_FIGURES_H
#define FLOW_FIGURES_H

#include "flow/committer.h"
#include "flow/compactor.h"
#include "flow/replicator.h"
#include "query/record_timed.h"

struct figures;

struct figures_opts { /* borrowed */
	const char *host; /* the tag */
	int64_t interval_ns;
	/* Takes line protocol; false if it could not be kept, which is counted. On this thread. */
	bool (*sink)(void *arg, struct view lines, uint64_t points);
	void *sink_arg;
	const struct spool *spool;
	const struct store *store;
	struct committer *committer;
	struct compactor *compactor;
	/* Of the record; NULL: there is none, or it is not measured. */
	const struct record_ops *record;
	void *record_ctx; /* for this thread alone */
	struct record_times *times;
	const struct breaker *breaker; /* while it is open nothing is asked of the record */
	struct replicator *replicator;
	int64_t timeout_ms; /* of one request; 0: 2 s */
};

/* The first round comes within an interval. */
NODISCARD enum err figures_start(struct figures **out, const struct figures_opts *opts, struct errbuf *eb);
void figures_stop(struct figures *f); /* waits for a request under way; NULL is fine */

#endif
