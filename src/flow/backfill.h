/* What the record (InfluxDB) has of a range is read back into the local store, as pieces that lose against all that is
 * there: nothing is overwritten, nothing is sent to the record again, and doing it twice changes nothing.
 * Bounded: a stretch of time is as long as its answer fits into memory; half a core's speed at most.
 * Threads: hf-backfill does the work, one job at a time; all else from any. */
#ifndef FLOW_BACKFILL_H
#define FLOW_BACKFILL_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/compactor.h"
#include "query/record.h"

struct backfill;

struct backfill_opts { /* borrowed */
	struct compactor *compactor;
	struct catalogue *catalogue;
	const struct record_ops *record;
	void *(*open_record)(void *arg); /* a connection of the job's own; NULL: none can be had */
	void (*close_record)(void *record);
	void *open_arg;
	const char *database; /* of the record; its points go to the namespace "metrics" */
	/* How long rows of a measurement stay; what is older is left. Any thread. */
	int64_t (*retention_ns)(void *arg, enum tier tier, struct view measurement);
	void *arg;
	int64_t timeout_ms; /* of a request */
	size_t max_bytes; /* of an answer; 0: 16 MiB */
};

enum backfill_state { BACKFILL_NONE, BACKFILL_RUNNING, BACKFILL_DONE, BACKFILL_CANCELLED, BACKFILL_FAILED };

struct backfill_stats { /* of the job in work, or the last one */
	enum backfill_state state;
	int64_t from_ns, to_ns;
	char measurement[256]; /* in work */
	unsigned measurements, measurements_done;
	int64_t at_ns; /* of its range, done so far */
	uint64_t points, values; /* read and put into the store */
	uint64_t old_points; /* older than retention: left; the most that any field has */
	uint64_t refused_values; /* of another type than the field has here, or without room for their series */
	int64_t started_ns, ended_ns; /* wall clock; 0: not yet */
	char error[256]; /* why it failed */
};

NODISCARD enum err backfill_new(struct backfill **out, const struct backfill_opts *opts, struct errbuf *eb);
void backfill_free(struct backfill *b); /* ends the job; NULL is fine */
/* Begins a job. measurement NULL: all. ERR_EXISTS: one is running; ERR_INVALID: the range is empty. */
NODISCARD enum err backfill_begin(
    struct backfill *b, int64_t from_ns, int64_t to_ns, const char *measurement, struct errbuf *eb);
bool backfill_cancel(struct backfill *b); /* soon; false: none is running */
void backfill_stats(struct backfill *b, struct backfill_stats *out);
const char *backfill_state_name(enum backfill_state s); /* none, running, done, cancelled, failed */

#endif
