/* What the files of the figures share, and what tests drive. The thread that runs the rounds. */
#ifndef FLOW_FIGURES_PART_H
#define FLOW_FIGURES_PART_H

#include "base/worker.h"
#include "flow/figures.h"
#include "flow/server_figures.h"
#include "wire/lp_write.h"

struct file_rises { /* of one file, since the round before */
	uint64_t rollbacks, busy, cache_hits, cache_misses;
};

struct record_rises {
	uint64_t retries;
	struct server_figures server;
};

struct figures {
	struct figures_opts opts;
	struct worker worker;
	struct buf out;
	struct lp_writer w;
	int64_t now_ns; /* the round's timestamp */
	bool sink_failed, unreadable; /* told of */
	struct file_rises spool, store;
	struct record_rises record;
	struct record_reply reply;
};

/* figures_start without the thread: the caller runs the rounds. */
NODISCARD enum err figures_new(struct figures **out, const struct figures_opts *opts, struct errbuf *eb);
void figures_free(struct figures *f);
void figures_run_once(struct figures *f, int64_t now_ns);

struct figures_point { /* the tags; NULL: left out */
	const char *database, *metric_type, *operation, *service, *status;
};
void figures_begin(struct figures *f, const struct figures_point *p);
void figures_count(struct figures *f, const char *field, uint64_t v);
void figures_timer(struct figures *f, const struct timing_totals *t); /* count, duration_ms_… */
void figures_end(struct figures *f);
/* v - *before, and v there; after the counter began anew, v. */
uint64_t figures_rise(uint64_t *before, uint64_t v);

void figures_of_store(struct figures *f);
void figures_of_record(struct figures *f);

#endif
