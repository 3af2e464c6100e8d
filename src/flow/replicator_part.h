/* What replicator.c (the thread, its state, its cursor) and replicator_deliver.c (one parcel, come what may) share. The
 * replicator's thread, where nothing else is said. */
#ifndef FLOW_REPLICATOR_PART_H
#define FLOW_REPLICATOR_PART_H

#include <pthread.h>
#include <stdatomic.h>

#include "flow/parcel.h"
#include "flow/replicator.h"
#include "flow/target.h"

enum { REPLICATOR_SHOWN_MAX = 400 }; /* bytes of an error that are kept, with its terminator */

struct replicator {
	struct replicator_opts opts;
	struct target_opts target;
	char record[TARGET_RECORD_BYTES];
	pthread_t thread;
	pthread_mutex_t lock; /* stats, wakes */
	pthread_cond_t wake;
	bool stopping, retry_now;
	struct replicator_stats stats;
	_Atomic uint64_t cursor;
	pthread_mutex_t look_lock; /* look */
	struct spool_reader *look; /* for stats and undelivered_from, by any thread */
	/* the thread alone */
	struct spool_reader *reader;
	struct parcel_source source;
	struct parcel parcel;
	struct parcel_limits limits;
	struct record_reply reply;
	uint64_t delivered, stored_seq;
	int64_t stored_ns;
	unsigned failures; /* in a row, for the back-off */
	uint64_t sent_seq; /* of rows above it nothing was ever delivered */
	uint32_t lost_db; /* found missing in the record, and told; 0: none since the last delivery */
	bool met; /* what it is owed is noted */
	bool make_signed, pinged; /* pinged: the server answered one since the last failure */
	uint64_t random;
};

bool replicator_is_stopping(struct replicator *r); /* any thread */
void replicator_set_state(struct replicator *r, enum replicator_state state, const char *why); /* NULL: it works */
void replicator_reached(struct replicator *r); /* the last answer came from a server that is well */
/* The server's words, or what kept it from saying any. */
void replicator_explain(struct replicator *r, char out[REPLICATOR_SHOWN_MAX]);

bool replicator_ping(struct replicator *r);
/* False: stopping. With pings the wait ends as soon as the server answers one. */
bool replicator_wait_ms(struct replicator *r, int64_t ms, bool pings);
/* Lines [from, to) of r->parcel: delivered or in quarantine when it returns true; false: stopping. */
bool replicator_deliver(struct replicator *r, const char *database, uint32_t from, uint32_t to);

#endif
