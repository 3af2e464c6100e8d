/* Where points go, put together as configured: the record and the mirrors, each with its server, connections and what is
 * sent to it; the record's databases, and whether it has what is here. Main thread, but where it says otherwise. */
#ifndef DAEMON_TARGETS_H
#define DAEMON_TARGETS_H

#include "daemon/config.h"
#include "daemon/own_figures.h"
#include "daemon/policy.h"
#include "edge/routes.h"
#include "query/record_access.h"

struct targets;

struct targets_opts { /* borrowed; all of it outlives the targets */
	const struct config *config;
	struct committer *committer;
	struct catalogue *catalogue;
	struct local *local;
	struct spool *spool;
	const char *spool_path, *store_path;
	struct policy *policy;
	struct own_figures *figures; /* which time the deliveries to the record */
};

/* On ERR_OK the caller owns *out; else *out is NULL. */
NODISCARD enum err targets_start(struct targets **out, const struct targets_opts *opts, struct errbuf *eb);
void targets_stop(struct targets *t); /* their threads; NULL is fine */
void targets_free(struct targets *t); /* after the last connection of targets_open_*, and the figures; NULL is fine */

struct replication *targets_replication(const struct targets *t);
struct breaker *targets_breaker(struct targets *t);
struct influx_server *targets_record(const struct targets *t); /* NULL: there is none */
/* Of the record, for jobs and for reads; the second is a context of record_timed_ops, which own_figures_close closes.
 * targets: struct targets. NULL: none could be made, which is logged. Any thread. */
void *targets_open_plain(void *targets);
void targets_close_plain(void *connection);
void *targets_open_timed(void *targets);
/* What the record lacks of what is here, for record_access: points in quarantine, and those older than it keeps. targets:
 * struct targets. Any thread. */
bool targets_find_absent(
    void *targets, struct view database, int64_t from_ns, int64_t to_ns, struct record_absent *out);
/* What the routes show and control of them. */
void targets_serve(struct targets *t, struct services *s);
/* Passwords and tokens again, then all that waits for a server tries at once. */
void targets_reload(struct targets *t);

#endif
