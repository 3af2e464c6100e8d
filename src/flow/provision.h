/* The record's databases (1.x with their default retention policy, 2.x buckets, 3.x databases): there, and with the
 * retention that is configured. Looked at on start and every hour, each minute while that fails; own thread, own
 * connection, never in the way of delivery. provision.c opens with the table of what is done. */
#ifndef FLOW_PROVISION_H
#define FLOW_PROVISION_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/committer.h"
#include "query/record.h"
#include "store/catalogue.h"

struct provision;

struct provision_opts { /* borrowed */
	struct committer *committer; /* where what was set is remembered */
	const struct catalogue *catalogue; /* whose databases the record has */
	const struct record_ops *record;
	void *record_ctx; /* for this thread alone */
	const char *database; /* what `metrics` is called in the record; others keep their names */
	bool create; /* one that is missing */
	bool manage; /* retention; else it is only looked at */
	bool shorten; /* also one that was not set by Holdfast */
	int64_t retention_ns; /* whole hours */
	int64_t timeout_ms; /* of a request; 0: 10 s */
	int64_t every_ns, retry_ns; /* 0: an hour, a minute */
};

enum provision_state {
	PROVISION_UNKNOWN, /* nobody has answered yet; or it cannot be told, and need not, since it is not managed */
	PROVISION_OK, /* there, and as configured or not managed */
	PROVISION_MISSING, /* and not to be created */
	PROVISION_HELD, /* it would have to be shortened, and is not Holdfast's own */
	PROVISION_FAILED, /* the server refuses, or does not answer */
};

struct provision_stats { /* of one database */
	enum provision_state state;
	char database[256]; /* the record's name */
	int64_t want_ns; /* 0: not managed */
	int64_t found_ns; /* 0: for ever; -1: not known */
	bool set_by_us; /* found_ns is what Holdfast gave it */
	bool created; /* by this process */
	int64_t looked_ns, changed_ns; /* wall clock; 0: never. changed: by this process */
	char error[512]; /* what is wrong, and what to do */
};

NODISCARD enum err provision_start(struct provision **out, const struct provision_opts *opts, struct errbuf *eb);
void provision_stop(struct provision *p); /* a request under way is waited for; NULL is fine */
void provision_look_now(struct provision *p); /* any thread */
const char *provision_state_name(enum provision_state s); /* unknown, ok, missing, held, failed */
unsigned provision_count(struct provision *p); /* any thread */
bool provision_stats(struct provision *p, unsigned i, struct provision_stats *out); /* false: there are fewer */
/* How long a database keeps points, by the record's name for it; 0: for ever, or not known. p NULL: not known. Any thread. */
int64_t provision_keeps_ns(struct provision *p, const char *database);
/* Somebody else, the replicator, made a place with this retention: it is Holdfast's own. Any thread; a write. */
void provision_made(void *provision, const char *database, int64_t retention_ns);
/* "30d", "36h", "ever" */
void provision_duration(char out[32], int64_t ns);

#endif
