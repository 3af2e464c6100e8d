/* Delivers the spool to the record, row by row in order, for ever; keeps account of what it is owed beside that (flow/target). Own thread, own cursor, at least once: every line
 * carries its timestamp, so that a repeat changes nothing. replicator_deliver.c opens with the table of what each answer does. */
#ifndef FLOW_REPLICATOR_H
#define FLOW_REPLICATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/committer.h"
#include "query/breaker.h"
#include "query/record.h"
#include "store/catalogue.h"

#define REPLICATOR_RECORD "influxdb" /* the record, as a target */

struct replicator;

enum replicator_state {
	REPLICATOR_STARTING,
	REPLICATOR_UP,
	REPLICATOR_CATCHING_UP, /* delivering a backlog */
	REPLICATOR_DOWN, /* no answer, 5xx, 429: backing off */
	REPLICATOR_HELD, /* refused for a reason that a human must mend; retried each minute */
};

struct replicator_opts {
	struct committer *committer;
	const struct catalogue *catalogue;
	struct breaker *breaker;
	const struct record_ops *record;
	void *record_ctx; /* for this thread alone */
	const char *spool_path, *store_path; /* store_path NULL: there is no store */
	const char *target; /* the cursor's name */
	const char *url; /* of the record: with the database it tells one record from another; NULL: not told apart */
	const char *database; /* what the namespace `metrics` is called in the record; others keep their names */
	bool create_database; /* when the record says it is missing */
	uint32_t batch_points; /* 0: 5000 */
	uint32_t batch_bytes; /* 0: 1 MiB */
	int64_t timeout_ms; /* of one request; 0: 10 s */
	int64_t backoff_min_ms, backoff_max_ms; /* 0: 1 s, 60 s */
	uint64_t quarantine_max_points; /* 0: 100,000; the oldest go first, counted */
};

struct replicator_stats {
	enum replicator_state state;
	int64_t since_ns; /* wall clock: when this state began */
	uint64_t cursor_seq, lag_points, delivered_points; /* delivered: since the daemon started */
	int64_t lag_ns; /* age of the oldest undelivered row by its receive time; 0: none */
	int64_t undelivered_from_ns; /* smallest undelivered timestamp; INT64_MAX: none */
	int64_t last_ok_ns, last_error_ns, next_try_ns; /* wall clock; 0: never */
	uint64_t retries, quarantined_points;
	char last_error[512], server_version[32];
};

const char *replicator_state_name(enum replicator_state s); /* starting, up, catching_up, down, held */
NODISCARD enum err replicator_start(struct replicator **out, const struct replicator_opts *opts, struct errbuf *eb);
void replicator_stop(struct replicator *r); /* ends a back-off at once; a request under way is waited for */
void replicator_retry_now(struct replicator *r); /* SIGHUP: do not wait for the back-off */
void replicator_stats(struct replicator *r, struct replicator_stats *out); /* any thread */
int64_t replicator_undelivered_from_ns(void *replicator); /* any thread, cheap: for struct reader_opts */

#endif
