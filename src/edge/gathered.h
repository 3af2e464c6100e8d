/* How the appliance is, gathered once for an answer so that its parts agree. Any thread; on the heap: worker stacks are
 * small. */
#ifndef EDGE_GATHERED_H
#define EDGE_GATHERED_H

#include "edge/routes_internal.h"
#include "edge/sentence.h"
#include "edge/spool_view.h"
#include "edge/store_view.h"
#include "model/reject.h"
#include "store/quarantine.h"

struct gathered {
	int64_t now_ns;
	struct committer_stats committer;
	struct spool_totals spool;
	struct disk_space_stats disk;
	struct salvage_stats salvage;
	struct check_stats check;
	struct salvage_stats store_salvage;
	struct check_stats store_check;
	struct head_stats head;
	struct collect_stats collect;
	struct replicator_stats target[REPLICATION_TARGETS_MAX]; /* the record first, if there is one */
	unsigned target_count;
	const char *record_state; /* off: there is none */
	uint64_t record_lag_points;
	int64_t record_lag_ns;
	struct spool_view_gaps gaps;
	struct store_view_gaps store_gaps;
	struct errbuf gaps_error;
	struct {
		uint64_t points, elsewhere; /* elsewhere: refused by mirrors */
		uint64_t by_reason[QUARANTINE_REASONS];
	} quarantine;
	struct series_near near;
	struct sentence sentence;
	struct sentence alerts[SENTENCE_MATTERS]; /* the worst first */
	unsigned alert_count;
};

struct gathered *gathered_new(struct services *s); /* free() it. NULL: out of memory */
struct gathered *gathered_or_fail(struct http_request *rq, struct services *s); /* NULL: answered 503 */
void gathered_sample_rates(struct services *s); /* where a second has passed since the last sample */
uint64_t gathered_rejected_points(void); /* since the start, of all reasons */
uint64_t gathered_refused_requests(void);

#endif
