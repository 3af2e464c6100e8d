/* Does the record hold what is here? Hour by hour, of each measurement of each database: how many values each field has, the
 * first and the last time; deep: a checksum of every value, bit for bit. What differs is listed, and sent again if wanted.
 *
 * Not a difference: an hour with points that are not delivered yet, or are owed, or were written while it was looked at (it
 * is left for the next time); points in quarantine, which are left out on both sides; what retention let go on either.
 *
 * The record is asked one question at a time, with a pause after each as long as its answer took, and none while it is down
 * or slow to answer a ping. Memory: two tallies of a day, and the places of quarantined values.
 *
 * Threads: hf-verify does the work, one job at a time, by itself once a day; all else from any. */
#ifndef FLOW_VERIFIER_H
#define FLOW_VERIFIER_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/committer.h"
#include "flow/replicator.h"
#include "query/local.h"
#include "store/tier.h"
#include "store/verified.h"

struct verifier;

enum { VERIFIER_DIFFERENCES_MAX = 1000, VERIFIER_NAME_BYTES = 128 };

struct verifier_opts { /* borrowed */
	struct committer *committer;
	struct catalogue *catalogue;
	struct local *local;
	const struct spool *spool; /* for what is owed */
	const char *spool_path;
	struct replicator *replicator; /* the record's */
	const struct breaker *breaker;
	const struct record_ops *record;
	void *(*open_record)(void *arg); /* a connection of the job's own; NULL: none can be had */
	void (*close_record)(void *record);
	void *open_arg;
	const char *database; /* what the namespace `metrics` is called in the record */
	/* How long rows of a measurement stay here. Any thread. */
	int64_t (*retention_ns)(void *arg, enum tier tier, struct view measurement);
	void *arg;
	int64_t longest_ns; /* of raw rows: what a job looks at unless it says otherwise */
	int64_t timeout_ms; /* of a question */
	int64_t settle_ns; /* points newer than that are left out: they are on their way */
	int64_t nightly_s; /* seconds after midnight, local time; negative: only when asked */
	int64_t busy_ms; /* a ping that takes longer means that the record is busy; 0: 250 ms */
};

enum verifier_state { VERIFIER_NONE, VERIFIER_RUNNING, VERIFIER_DONE, VERIFIER_CANCELLED, VERIFIER_FAILED };

enum verifier_kind {
	VERIFIER_MISSING_IN_RECORD, /* the record has fewer values */
	VERIFIER_MISSING_HERE, /* it has more; holdfast backfill fetches them */
	VERIFIER_DIFFERS, /* of some fields fewer and of some more, other times or other values */
	VERIFIER_RETENTION_HERE, /* more there, since retention let go of it here */
	VERIFIER_RETENTION_RECORD, /* fewer there, since the record's retention lets go of it */
	VERIFIER_KINDS,
};

struct verifier_difference {
	char database[VERIFIER_NAME_BYTES],
	    measurement[VERIFIER_NAME_BYTES]; /* as they are known here; longer ones cut off */
	char field[64]; /* the first that differs; "": only times do */
	uint32_t fields; /* that differ */
	int64_t hour_ns; /* its begin */
	enum verifier_kind kind;
	uint64_t here, there; /* values of all fields */
	int64_t first_here_ns, last_here_ns, first_there_ns,
	    last_there_ns; /* INT64_MAX, INT64_MIN: none, or not asked for */
	bool repaired; /* it is owed from now on, so that it is sent again */
};

struct verifier_request {
	int64_t from_ns, to_ns; /* INT64_MIN, INT64_MAX: all that raw retention keeps, up to settle_ns ago */
	bool deep, repair;
};

struct verifier_stats { /* of the job in work, or the last one */
	int64_t next_ns; /* wall clock: when the next nightly one begins; 0: none will */
	enum verifier_state state;
	struct verifier_request request; /* with the range that it came to */
	bool nightly;
	char database[VERIFIER_NAME_BYTES], measurement[VERIFIER_NAME_BYTES]; /* in work */
	int64_t at_ns; /* of its database's range, done so far */
	uint64_t databases, databases_done;
	uint64_t hours; /* of measurements, that were compared */
	uint64_t hours_waiting; /* left for the next time: not all of them delivered yet, or written to meanwhile */
	uint64_t quarantined; /* values left out because they are in quarantine */
	uint64_t questions; /* that the record was asked */
	uint64_t waited_ns; /* for a record that was down or slow */
	uint64_t differences[VERIFIER_KINDS];
	uint64_t listed; /* differences that verifier_list gives; others are only counted */
	uint64_t repaired; /* hours that are owed since */
	int64_t started_ns, ended_ns; /* wall clock; 0: not yet */
	char error[256]; /* why it failed */
};

NODISCARD enum err verifier_start(struct verifier **out, const struct verifier_opts *opts, struct errbuf *eb);
void verifier_stop(struct verifier *v); /* ends the job; NULL is fine */
/* Begins a job. ERR_EXISTS: one is running; ERR_INVALID: the range is empty. */
NODISCARD enum err verifier_begin(struct verifier *v, const struct verifier_request *rq, struct errbuf *eb);
bool verifier_cancel(struct verifier *v); /* soon; false: none is running */
void verifier_stats(struct verifier *v, struct verifier_stats *out);
/* Copies up to max differences from the first-th on, in order of database, time, measurement; how many. */
uint32_t verifier_list(struct verifier *v, uint32_t first, struct verifier_difference *out, uint32_t max);
/* Of each database how far it was found equal last. Copies up to CATALOGUE_DATABASES_MAX; how many. */
uint32_t verifier_verified(struct verifier *v, struct verified *out);
const char *verifier_state_name(enum verifier_state s); /* none, running, done, cancelled, failed */
const char *verifier_kind_name(enum verifier_kind k); /* missing_in_record, missing_here, … */

#endif
