/* Delivers what was acknowledged to one target, the record or a mirror, for ever. Own thread, own connections, own cursor,
 * at least once: every line carries its timestamp, so that a repeat changes nothing.
 *
 * Lines come from sources, in this order of preference:
 *
 *	live      rows of the spool above the live cursor
 *	replay    points out of the quarantine that somebody asked to send again
 *	backlog   rows of the spool that the live cursor left behind (store/pending.h)
 *	owed      what only the store has
 *
 * A live parcel goes between any two requests of the others, so that new points never wait longer than one request. The
 * others keep to a pace (flow/pace.h). The order of rewrites: store/pending.h.
 *
 * replicator.c has the round, replicator_spool.c live and backlog, replicator_deliver.c what each answer does. */
#ifndef FLOW_REPLICATOR_H
#define FLOW_REPLICATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/committer.h"
#include "flow/parcel_source.h"
#include "query/breaker.h"
#include "query/record.h"
#include "store/catalogue.h"

#define REPLICATOR_RECORD "influxdb" /* the record, as a target */

struct replicator;

enum { REPLICATOR_TARGET_BYTES = 64 }; /* of a target's name, with its terminator */

enum replicator_state {
	REPLICATOR_STARTING,
	REPLICATOR_UP,
	REPLICATOR_CATCHING_UP, /* delivering a backlog */
	REPLICATOR_DOWN, /* no answer, 5xx, 429: backing off */
	REPLICATOR_HELD, /* refused, all or one database, for a reason that a human must mend; retried each minute */
	REPLICATOR_PAUSED, /* by somebody, who must resume it */
};

struct replicator_opts { /* strings and what is pointed to: borrowed */
	struct committer *committer;
	const struct catalogue *catalogue;
	struct breaker *breaker; /* NULL: no reads depend on the target */
	const struct record_ops *record;
	void *record_ctx; /* for this thread alone */
	struct parcel_source *replay, *owed; /* taken over, also on failure; NULL: none */
	const char *spool_path, *store_path; /* store_path NULL: there is no store */
	const char *target; /* "influxdb", "mirror:NAME": the cursor's name */
	const char *url; /* with the database it tells one server from another; no secrets. NULL: not told apart */
	const char *database; /* what the namespace `metrics` is called in the target; others keep their names */
	bool create_database; /* when the target says it is missing */
	int64_t retention_ns; /* of a database that is created; 0: for ever */
	uint32_t batch_points; /* of a body, of a backlog twice as many; 0: 5000 */
	uint32_t batch_bytes; /* likewise; 0: 1 MiB */
	unsigned connections; /* bodies sent at once; 0: 4, at most RECORD_WRITES_MAX */
	uint32_t split_points; /* a body with so many is worth a request of its own; 0: PARCEL_BODY_POINTS */
	uint64_t backlog_rate; /* points/s of all but live; 0: no ceiling of its own */
	int64_t jump_age_ns; /* a live row older than that makes all that waits a backlog; 0: 20 s */
	int64_t timeout_ms; /* of one request; 0: 10 s */
	int64_t backoff_min_ms, backoff_max_ms, held_ms; /* 0: 1 s, 60 s, 60 s */
	uint64_t quarantine_max_points,
	    quarantine_max_bytes; /* 0: as store/quarantine.h; the oldest go first, counted */
	/* After the stored cursor moved (replicator_stored_seq). NULL: the committer is told of it. */
	void (*stored)(void *arg);
	void *stored_arg;
};

struct replicator_stats {
	char target[REPLICATOR_TARGET_BYTES];
	enum record_api api; /* AUTO: not known yet */
	char server_version[32];
	enum replicator_state state;
	bool paused;
	uint32_t held_databases; /* that take nothing now, while others may */
	int64_t since_ns; /* wall clock: when this state began */
	uint64_t cursor_seq, live_seq; /* every row up to it is delivered; the newest row that is */
	uint64_t delivered_points, sent_bytes, requests, failed_requests, retries; /* since the daemon started */
	/* What waits: lag is all of it but the owed, which only an estimate counts. */
	uint64_t lag_points, lag_bytes; /* bytes: as the spool keeps them, compressed */
	uint64_t live_lag_points, backlog_points, backlog_bytes, replay_points, owed_points_estimate;
	int64_t owed_span_ns; /* from the oldest owed timestamp to now; 0: nothing is owed */
	int64_t lag_ns; /* age of the oldest undelivered row by its receive time; 0: none */
	int64_t live_lag_ns; /* the same of what is above the live cursor: how old what is newest in the target is */
	int64_t undelivered_from_ns; /* smallest undelivered timestamp in the spool; INT64_MAX: none */
	int64_t last_ok_ns, last_error_ns, next_try_ns; /* wall clock; 0: never */
	double points_per_s; /* delivered, over the last ten seconds or so */
	int64_t eta_ns; /* until the backlog is delivered, at the rate at which it shrinks; -1: not known */
	int64_t write_latency_ns, write_latency_p99_ns; /* of the last 256 requests: the median, and p99; 0: none yet */
	uint64_t pace_points_per_s; /* what the backlog may take now; 0: as much as it can */
	uint64_t quarantined_points;
	char last_error[512];
};

const char *replicator_state_name(enum replicator_state s); /* starting, up, catching_up, down, held, paused */
/* "InfluxDB", "the mirror NAME": for people. */
const char *replicator_shown_name(const struct replicator *r);
const char *replicator_target(const struct replicator *r);
NODISCARD enum err replicator_start(struct replicator **out, const struct replicator_opts *opts, struct errbuf *eb);
/* In parts, for stopping several side by side: asking does not wait; the join does, and keeps what others may look at. */
void replicator_ask_to_stop(struct replicator *r);
void replicator_join(struct replicator *r);
void replicator_close_sources(const struct replicator_opts *opts); /* of a replicator that is not started after all */
void replicator_stop(
    struct replicator *r); /* ends a back-off at once; a request under way is waited for; NULL is fine */

/* ---- any thread ---- */

void replicator_retry_now(struct replicator *r); /* SIGHUP: do not wait for the back-off */
/* A paused target stays paused over restarts; its request under way is waited for by nobody. */
void replicator_pause(struct replicator *r);
void replicator_resume(struct replicator *r);
/* The parcel that is held goes into the quarantine with the reason, the next may be held again. ERR_NOTFOUND: nothing is
 * held. It happens at the next refusal, which is provoked at once. */
NODISCARD enum err replicator_skip_held(struct replicator *r, struct errbuf *eb);
/* The quarantine has points to send again. ERR_NOTFOUND: this target has no such source. */
NODISCARD enum err replicator_replay(struct replicator *r, struct errbuf *eb);
void replicator_stats(struct replicator *r, struct replicator_stats *out);
int64_t replicator_undelivered_from_ns(void *replicator); /* cheap: for struct reader_opts */
uint64_t replicator_stored_seq(const struct replicator *r); /* every row up to it is delivered, and that is on disk */

/* ---- the replicator's thread, for its sources ---- */

/* Lines with times in [min_ns, max_ns] were sent with values as of the row after_seq or earlier: what rows above it that are
 * delivered already have in that span is sent once more. Before the source forgets those lines. Durable on ERR_OK. */
NODISCARD enum err replicator_send_again(
    struct replicator *r, uint64_t after_seq, int64_t min_ns, int64_t max_ns, struct errbuf *eb);

#endif
