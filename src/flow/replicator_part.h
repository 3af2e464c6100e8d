/* What the replicator's files share. The replicator's thread, where nothing else is said.
 *
 *	replicator.c            the round, state, starting and stopping, control
 *	replicator_spool.c      live and backlog as sources, what is pending, the stored cursor
 *	replicator_deliver.c    one parcel, come what may
 *	replicator_poison.c     lines that draw a failure each time
 *	replicator_send.c       one request, pings, the back-off
 *	replicator_stats.c      what is shown */
#ifndef FLOW_REPLICATOR_PART_H
#define FLOW_REPLICATOR_PART_H

#include <pthread.h>
#include <stdatomic.h>

#include "flow/answer.h"
#include "flow/pace.h"
#include "flow/parcel_rows.h"
#include "flow/replicator.h"
#include "flow/target.h"
#include "store/pending.h"
#include "store/quarantine.h"
#include "store/targets.h"

enum { REPLICATOR_SHOWN_MAX = 400 }; /* bytes of an error that are kept, with its terminator */
enum { REPLICATOR_WORDS_MAX = 360 }; /* of it the server's own words */
enum { LATENCIES_MAX = 256, RATES_MAX = 10, DAMAGED_MAX = 32 };

/* A source of the replicator's own. */
struct spool_source {
	struct parcel_source base;
	struct replicator *r;
	struct parcel_rows rows;
	bool in_step; /* what was read is done with: rows goes on where it is */
	/* of the backlog */
	bool stale; /* its lists changed since a parcel was filled */
	uint32_t db; /* whose list the parcel is from */
	bool again; /* its lines had been sent before: they do not count as backlog */
	uint32_t turn; /* the list to begin with */
};

struct held_database {
	uint32_t db;
	int64_t next_try_ns; /* monotonic; 0: it is being tried */
};

struct replicator {
	struct replicator_opts opts;
	char target[REPLICATOR_TARGET_BYTES], shown[REPLICATOR_TARGET_BYTES + 16];
	char record[TARGET_RECORD_BYTES]; /* where it is */
	struct target_opts meeting;
	pthread_t thread;
	bool joined; /* whoever stops it */
	pthread_mutex_t lock; /* all down to backlog_delivered */
	pthread_cond_t wake;
	bool stopping, retry_now, paused, skip_held;
	struct replicator_stats stats;
	struct pending_set pending; /* the thread changes it, under the lock, and reads it without */
	int64_t latencies[LATENCIES_MAX]; /* of requests, a ring */
	uint32_t latency_count;
	struct {
		int64_t at_ns; /* monotonic */
		uint64_t points, backlog_points;
	} rates[RATES_MAX]; /* what was delivered until then, about once a second; a ring */
	uint32_t rate_count;
	uint64_t backlog_delivered; /* points, since the start */
	_Atomic uint64_t live_seq, stored_seq;
	pthread_mutex_t look_lock; /* look, counted */
	struct spool_reader *look; /* for stats, by any thread */
	struct {
		struct replicator_waiting backlog;
		int64_t at_ns, took_ns; /* monotonic; how long counting took */
	} counted; /* the last time it was */
	pthread_mutex_t first_lock; /* first */
	struct spool_reader *first; /* for undelivered_from, which reads ask for: it waits for nobody's counting */
	/* the thread alone */
	struct spool_source live, backlog;
	struct parcel live_parcel, parcel;
	struct parcel_limits limits; /* of a body */
	struct pace pace;
	struct record_reply reply, replies[RECORD_WRITES_MAX];
	struct answer_lines named;
	int failed_status; /* of the failure seen last (replicator_retry_later) */
	bool failed_dead; /* the server has ended with it: it answered no ping afterwards */
	char failed_why[REPLICATOR_SHOWN_MAX];
	struct held_database held[CATALOGUE_DATABASES_MAX];
	uint32_t held_count;
	uint64_t delivered; /* points, ever */
	uint64_t damaged[DAMAGED_MAX]; /* rows that are, and have been told of; a ring */
	uint32_t damaged_count;
	bool pending_changed; /* since it was stored */
	uint64_t stored_live_seq;
	int64_t stored_ns, looked_ns;
	int64_t down_since_ns; /* of an outage; 0: there is none */
	int64_t took_ns; /* the requests of the parcel at work, live ones in between not counted */

	bool met; /* what it is owed is noted */
	uint64_t sent_seq; /* of rows above it nothing was ever delivered */
	uint64_t lost_bits; /* databases found missing in it, and told; until something of them is delivered */
	unsigned failures; /* in a row, for the back-off */
	bool make_signed, pinged; /* pinged: the server answered one since the last failure */
	uint64_t random;
};

/* ---- state ---- */

bool replicator_is_stopping(struct replicator *r); /* any thread */
bool replicator_must_leave(struct replicator *r); /* stopping or paused: what is at work is put back */
void replicator_set_state(struct replicator *r, enum replicator_state state, const char *why); /* NULL: it works */
void replicator_look_at_backlog(struct replicator *r); /* up or catching up */

/* ---- requests ---- */

/* Into r->reply. alone: on a connection of its own. Sent twice only where the first time was on a stale connection. */
enum answer replicator_send(struct replicator *r, const char *database, struct view lines, bool alone);
/* Did the last request fail for nothing but the age of its connection? That is, the server is well. Then it may be sent
 * again at once, which is counted as a retry. */
bool replicator_was_stale(struct replicator *r);
/* All bodies of a parcel that have lines, at once: answers[i] and r->replies[i] are body i's. */
void replicator_send_many(
    struct replicator *r, const char *database, const struct parcel *p, enum answer answers[RECORD_WRITES_MAX]);
bool replicator_ping(struct replicator *r);
void replicator_reached(struct replicator *r); /* the last answer came from a server that is well */
/* The server's words, or what kept it from saying any. */
void replicator_explain(const struct record_reply *reply, char out[REPLICATOR_SHOWN_MAX]);
/* False: to be left (replicator_must_leave). With pings the wait ends as soon as the server answers one. */
bool replicator_wait_ms(struct replicator *r, int64_t ms, bool pings);
/* Until the server answers a ping, after a failure; not for ever, since some may answer none. False: to be left. */
bool replicator_wait_until_well(struct replicator *r);
/* The last answer was a failure: takes note and waits. *strikes counts failures of requests that arrived at a server that
 * had been well before. False: to be left. */
bool replicator_retry_later(struct replicator *r, unsigned *strikes);
bool replicator_create_database(struct replicator *r, const char *database);
/* Does a harmless point pass where the suspect, whose answer is in r->reply and stays there, does not? */
bool replicator_harmless_passes(struct replicator *r, const char *database);
uint64_t replicator_random(struct replicator *r);

void replicator_note_rate(struct replicator *r, uint32_t points, bool backlog); /* that were delivered */

/* ---- delivering ---- */

enum outcome {
	OUTCOME_DONE, /* all lines are delivered or set aside */
	OUTCOME_LEAVE, /* stopping or paused: not all of it */
	OUTCOME_HELD, /* the database takes nothing */
};

struct delivery {
	struct replicator *r;
	struct parcel_source *source;
	struct parcel *parcel;
	struct parcel_body *body; /* the one at work */
	const struct parcel_body *shaped; /* whose lines were put in another order (replicator_poison.c) */
	const char *database;
	bool live; /* else a live parcel goes before each request */
	bool alone; /* its lines are suspects: each request on a connection of its own */
	bool skip; /* what is held goes into the quarantine */
};

enum outcome replicator_deliver(struct replicator *r, struct parcel_source *source, struct parcel *p);
/* One request with lines [from, to) of d->body, and what follows from its answer. False: it failed for want of strength; it
 * has been waited for, and strikes are counted. */
bool replicator_try(struct delivery *d, uint32_t from, uint32_t to, unsigned *strikes, enum outcome *out);
/* Lines [from, to) of d->body. strikes: failures that these lines, among others, have drawn already. */
enum outcome replicator_deliver_range(struct delivery *d, uint32_t from, uint32_t to, unsigned strikes);
/* Lines of which one or more drew a failure, as far as is known. */
enum outcome replicator_narrow_down(struct delivery *d, uint32_t from, uint32_t to);
/* False: to be left. */
bool replicator_set_aside(
    struct delivery *d, uint32_t from, uint32_t to, int status, const char *reason, bool poison, bool skipped);

/* ---- sources ---- */

/* One parcel of the source into p and out again. False: it has nothing now. */
bool replicator_run_source(struct replicator *r, struct parcel_source *source, struct parcel *p);
void replicator_spool_init(struct replicator *r);
void replicator_spool_fini(struct replicator *r);
NODISCARD enum err replicator_spool_load(struct replicator *r, struct errbuf *eb);
/* What it is owed is noted, and where it goes on is known: nothing is delivered before. */
NODISCARD enum err replicator_meet(struct replicator *r, struct errbuf *eb);
void replicator_store_cursor(struct replicator *r, bool now);
/* What is old is left to the backlog. */
void replicator_jump(struct replicator *r);
const char *replicator_database(const struct replicator *r, uint32_t db); /* as the target calls it */
void replicator_hold_database(struct replicator *r, uint32_t db); /* for the reason in last_error */
void replicator_took(struct replicator *r, uint32_t db); /* something of it: it is not held any more */
/* Those whose time has come, or all, are tried again. */
void replicator_try_held(struct replicator *r, bool all);
uint64_t replicator_held_bits(const struct replicator *r); /* those that are not tried now */
NODISCARD enum err replicator_write_cursor(struct replicator *r, struct errbuf *eb);
int64_t replicator_next_try_ns(const struct replicator *r); /* of those held that still wait; INT64_MAX: none does */

#endif
