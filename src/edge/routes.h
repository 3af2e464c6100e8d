/* What the HTTP server answers: the table of routes (routes.c) and the services behind them. docs/api.md is the
 * contract. Threads: all handlers, on civetweb's workers, several at once. */
#ifndef EDGE_ROUTES_H
#define EDGE_ROUTES_H

#include <stdatomic.h>

#include "edge/collect.h"
#include "edge/http.h"
#include "edge/rates.h"
#include "flow/backfill.h"
#include "flow/backup.h"
#include "flow/check.h"
#include "flow/committer.h"
#include "flow/compactor.h"
#include "flow/ingest.h"
#include "flow/provision.h"
#include "flow/replication.h"
#include "flow/salvage.h"
#include "flow/verifier.h"
#include "query/engine.h"
#include "query/reader.h"
#include "store/catalogue.h"
#include "store/disk_space.h"
#include "store/head.h"
#include "store/spool.h"

struct spool_view; /* quarantine and gaps, read from the spool's file */
struct store_view; /* what each tier holds, read from the store's file */

/* Borrowed, and outlive the server. All but those that may be NULL must be there. */
struct services {
	struct ingest *ingest;
	struct reader *reader;
	struct local *local; /* for export */
	struct engine *engine;
	enum read_policy read_policy; /* of statements */ /* of /query */
	struct committer *committer;
	const struct spool *spool; /* for spool_totals alone */
	const char *spool_path;
	struct disk_space *disk; /* NULL: not looked at */
	const char *missing; /* store.db or spool.db, if it was not there at the start, though it had been; or NULL */
	struct salvage *salvage; /* NULL: there is none */
	struct check *check; /* NULL: there is none */
	struct salvage *store_salvage; /* NULL: there is none */
	struct check *store_check; /* NULL: there is none */
	const struct store *store; /* for store_totals alone; NULL: there is none */
	const char *store_path;
	struct compactor *compactor; /* NULL: there is none */
	struct backfill *backfill; /* NULL: there is no record */
	struct verifier *verifier; /* NULL: there is no record */
	struct backup *backup; /* NULL: there is no store */
	int64_t retention_ns[TIERS];
	struct head *head;
	struct catalogue *catalogue;
	struct collect *collect; /* NULL: collection is off */
	struct replication *replication; /* NULL: there are no targets */
	struct provision *provision; /* NULL: there is no record */
	const struct breaker *breaker; /* NULL: there is no record */
	const char *host, *version;
	int64_t started_ns; /* wall clock */
	int64_t started_mono_ns;
	int64_t collect_interval_ns;
	const char *record_url; /* NULL: there is no record */
	struct services_target { /* where the targets of replication are, in its order; without secrets */
		const char *url, *database;
	} target[REPLICATION_TARGETS_MAX];
	/* Passwords and tokens of all targets anew, for a retry. Any thread. NULL: there are none. */
	void (*read_secrets)(void *arg);
	void *read_secrets_arg;
	uint64_t spool_max_bytes;
	bool create_databases;
	atomic_uint exports; /* that run */
	unsigned events_max; /* streams of events at a time: each holds a worker */
	atomic_uint events; /* that run */
	/* routes_open fills these */
	struct rates rates;
	struct spool_view *spool_view;
	struct store_view *store_view; /* NULL: there is no store */
};

/* Before http_start, with opts.routes = routes_table(), opts.arg = s and opts.each_second = routes_each_second. */
NODISCARD enum err routes_open(struct services *s, struct errbuf *eb);
void routes_close(struct services *s); /* after http_stop */
const struct http_route *routes_table(void);
void routes_each_second(void *services);

#endif
