/* What the compactor's files share:
 *
 *   compactor.c        the thread and its round, what others ask of it
 *   compactor_flush.c  the head and the spool to pieces
 *   compactor_merge.c  which pieces are due to become blocks (flow/merger merges them)
 *   compactor_room.c   retention, the ceiling, free pages
 *
 * The compactor's thread, where nothing else is said. */
#ifndef FLOW_COMPACTOR_PART_H
#define FLOW_COMPACTOR_PART_H

#include <pthread.h>

#include "flow/compactor.h"
#include "flow/merger.h"
#include "flow/retention.h"
#include "store/batch_builder.h"
#include "store/compaction.h"

struct compactor_request; /* compactor_call's */

struct compactor {
	struct compactor_opts opts;
	pthread_t thread;
	pthread_mutex_t lock; /* what follows */
	pthread_cond_t work, done;
	bool stopping, pressed;
	uint64_t forced, served; /* numbers of compactor_force */
	struct compactor_request *calls, **last_call;
	struct compactor_stats stats;
	/* the thread alone */
	struct compaction *compaction;
	struct merger merger;
	struct retention retention;
	struct spool_reader *spool;
	struct batch_builder builder;
	int64_t retained_ns, pause_ns;
	bool force;
};

bool compactor_is_stopping(void *c); /* any thread */
void compactor_serve_calls(struct compactor *c); /* between two transactions */
uint64_t compactor_seq(const struct compactor *c); /* what the store has of the spool's rows */
void compactor_tell_flushed(struct compactor *c, uint64_t points); /* head, writer and stats hear of compactor_seq */

NODISCARD enum err compactor_flush(struct compactor *c, struct errbuf *eb); /* all that is due */
NODISCARD enum err compactor_merge(struct compactor *c, struct errbuf *eb); /* the same; flushes in between */
NODISCARD enum err compactor_make_room(struct compactor *c, struct errbuf *eb);

#endif
