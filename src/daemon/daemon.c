/* Order of start, and in reverse of stop:
 *
 *   folder, lock      one holdfastd a folder; a restore that was cut short is completed
 *   disk space        how much room there is
 *   spool, store      one that is damaged is set aside here, and a fresh one takes its place
 *   catalogue         the names that blocks number, then what the spool knows beside them
 *   head              rebuilt from the spool's rows that are not in the store
 *   writer, compactor from here on the spool belongs to one, the store to the other
 *   local, targets    what answers reads; the record and the mirrors
 *   door, collectors  what brings points; figures of the databases
 *   salvage, check    what is taken over from damaged files; whether these are whole after an unclean stop
 *   HTTP              last to open, first to close */
#include "daemon/daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "daemon/own_figures.h"
#include "daemon/policy.h"
#include "daemon/restore.h"
#include "daemon/start.h"
#include "daemon/targets.h"
#include "edge/influx.h"
#include "edge/routes.h"
#include "flow/backfill.h"
#include "flow/backup.h"
#include "flow/compactor.h"
#include "flow/recovery.h"
#include "flow/spool_check.h"
#include "flow/spool_salvage.h"
#include "flow/store_check.h"
#include "flow/store_salvage.h"
#include "query/engine.h"
#include "store/catalogue_store.h"
#include "store/disk_space.h"
#include "store/owed.h"
#include "store/series_store.h"
#include "store/spool_damage.h"
#include "store/store_damage.h"
#include "store/store_names.h"

struct daemon {
	const struct config *config;
	int folder_fd; /* locked */
	char host[256];
	char spool_path[4096], store_path[4096];
	struct policy *policy;
	struct store *store;
	struct disk_space *disk;
	struct spool *spool;
	struct catalogue *catalogue;
	struct head *head;
	struct committer *committer;
	struct compactor *compactor;
	struct backup *backup;
	struct local *local;
	struct targets *targets;
	struct reader *reader;
	struct engine *engine;
	struct record_access *record; /* NULL: there is none */
	struct ingest *ingest;
	struct collect *collect;
	struct own_figures *figures;
	struct salvage *salvage;
	struct check *check;
	struct salvage *store_salvage;
	struct check *store_check;
	const char *missing; /* the file that was not there at the start, though it had been; or NULL */
	bool replaced; /* a damaged file, at this start */
	struct backfill *backfill;
	struct services services;
	bool routes_open;
	struct http *http;
};

static void close_tables(struct daemon *d)
{
	head_free(d->head);
	spool_close(d->spool);
	store_close(d->store);
	catalogue_free(d->catalogue);
	d->head = NULL;
	d->spool = NULL;
	d->store = NULL;
	d->catalogue = NULL;
}

/* A spool that someone removed, or put an older one in its place: rows must not get numbers that the store has passed,
 * since they would be taken for compacted. */
static enum err number_behind(struct daemon *d, uint64_t compacted_seq, struct errbuf *eb)
{
	if (compacted_seq <= spool_last_seq(d->spool))
		return ERR_OK;
	log_error(
	    "%s is missing, or ends before what has been compacted of it: what else it held is lost; new rows are "
	    "numbered from %llu on",
	    d->spool_path, (unsigned long long)compacted_seq + 1);
	spool_close(d->spool);
	d->spool = NULL;
	enum err e = spool_open_at(&d->spool, d->spool_path, compacted_seq + 1, eb);
	if (e != ERR_OK || d->replaced)
		return e;
	d->missing = "spool.db";
	return spool_tell_missing(d->spool, eb);
}

/* A store that someone removed: the spool begins behind rows that were compacted into it. */
static enum err tell_missing_store(struct daemon *d, uint64_t compacted_seq, struct errbuf *eb)
{
	struct spool_totals spool;
	bool told = false;

	spool_totals(d->spool, &spool);
	if (compacted_seq || spool.first_seq <= 1 || d->replaced)
		return ERR_OK;
	enum err e = store_reader_gap(store_own_reader(d->store), TIER_RAW, 0, clock_wall_ns(), &told, eb);
	if (e != ERR_OK || told)
		return e;
	log_error("%s is missing, or empty: what it held is lost", d->store_path);
	d->missing = "store.db";
	return store_tell_missing(d->store, eb);
}

enum damaged { DAMAGED_NONE, DAMAGED_SPOOL, DAMAGED_STORE };

/* Spool, store, catalogue, head. ERR_CORRUPT: *which file is damaged. */
static enum err open_tables(struct daemon *d, uint64_t *points, enum damaged *which, struct errbuf *eb)
{
	const struct config *c = d->config;
	struct catalogue_opts catalogue = { .series_max = c->limits.series,
		.measurement_series_max = (uint32_t)c->limits.series_per_measurement,
		.measurement_fields_max = (uint32_t)c->limits.fields_per_measurement,
		.measurements_max = (uint32_t)c->limits.measurements,
		.create_databases = c->server.create_databases };
	struct head_opts head = { .max_bytes = c->server.head_bytes };
	struct store_totals totals = { 0 };
	enum err e = spool_prepare(d->spool_path, eb);

	*which = DAMAGED_SPOOL;
	if (e == ERR_OK)
		e = spool_open(&d->spool, d->spool_path, eb);
	if (e != ERR_OK)
		return e;
	*which = DAMAGED_STORE;
	e = store_prepare(d->store_path, eb);
	if (e == ERR_OK)
		e = store_open(&d->store, d->store_path, eb);
	if (e == ERR_OK)
		e = catalogue_new(&d->catalogue, &catalogue, eb);
	if (e == ERR_OK)
		e = series_store_load(d->catalogue, store_db(d->store), eb);
	if (e != ERR_OK)
		return e;
	*which = DAMAGED_SPOOL;
	store_totals(d->store, &totals);
	e = number_behind(d, totals.compacted_seq, eb);
	if (e == ERR_OK)
		e = tell_missing_store(d, totals.compacted_seq, eb);
	if (e == ERR_OK)
		e = catalogue_load(d->catalogue, spool_db(d->spool), eb);
	if (e == ERR_OK)
		e = head_new(&d->head, &head, eb);
	if (e == ERR_OK) /* a compressed value is about as large as one in the head */
		e = recovery_fill_head(
		    d->head, d->catalogue, d->spool_path, c->server.head_bytes / 2, totals.compacted_seq, points, eb);
	return e;
}

/* A damaged file is set aside and a fresh one takes its place: each of the two at most once. */
static enum err open_or_replace_tables(struct daemon *d, uint64_t *points, struct errbuf *eb)
{
	enum damaged which;
	enum err e = open_tables(d, points, &which, eb);

	for (int i = 0; e == ERR_CORRUPT && i < 2; i++) {
		struct errbuf why = *eb;
		d->replaced = true;
		close_tables(d);
		if (which == DAMAGED_SPOOL)
			e = spool_replace(d->spool_path, why.text, store_read_compacted(d->store_path) + 1, eb);
		else
			e = store_replace(d->store_path, why.text, eb);
		if (e == ERR_OK)
			e = open_tables(d, points, &which, eb);
	}
	if (e == ERR_OK)
		e = store_salvage_names(d->catalogue, store_db(d->store), d->store_path, eb);
	return e;
}

static enum err open_store(struct daemon *d, struct errbuf *eb)
{
	const struct config *c = d->config;
	struct disk_space_opts disk = { .reserve_bytes = c->server.min_free_disk };
	struct committer_opts committer = { .queue_max_bytes = c->server.max_queue,
		.spool_max_bytes = c->retention.max_bytes };
	uint64_t points = 0;
	int64_t began = clock_mono_ns();
	enum err e = policy_new(&d->policy, c, eb);

	if (e == ERR_OK)
		e = disk_space_new(&d->disk, c->server.data_dir, &disk, eb);
	if (e == ERR_OK)
		e = open_or_replace_tables(d, &points, eb);
	if (e == ERR_OK)
		committer.retention_ns = policy_longest_raw_ns(d->policy);
	committer.spool = d->spool;
	committer.head = d->head;
	committer.catalogue = d->catalogue;
	committer.disk = d->disk;
	if (e == ERR_OK)
		e = committer_start(&d->committer, &committer, eb);
	if (e == ERR_OK)
		log_info("%s opened in %lld ms, %llu points in memory again", d->spool_path,
		    (long long)((clock_mono_ns() - began) / NS_PER_MS), (unsigned long long)points);
	return e;
}

static enum err start_compactor(struct daemon *d, struct errbuf *eb)
{
	struct compactor_opts opts = { .store = d->store,
		.catalogue = d->catalogue,
		.head = d->head,
		.committer = d->committer,
		.spool = d->spool,
		.spool_path = d->spool_path,
		.retention_ns = policy_retention_ns,
		.overridden = policy_has_exceptions(d->policy),
		.is_sketched = policy_is_sketched,
		.arg = d->policy,
		.max_bytes = d->config->retention.max_bytes };

	enum err e = compactor_start(&d->compactor, &opts, eb);
	if (e != ERR_OK)
		return e;
	struct backup_opts backup = { .committer = d->committer,
		.compactor = d->compactor,
		.spool = d->spool,
		.store = d->store,
		.disk = d->disk,
		.host = d->host,
		.version = HF_VERSION,
		.log_max_bytes = d->config->server.backup_log };
	return backup_new(&d->backup, &backup, eb);
}

static enum err open_reads(struct daemon *d, struct errbuf *eb)
{
	const struct config *c = d->config;
	bool record = *c->influxdb.url;
	struct local_opts local = {
		.head = d->head, .catalogue = d->catalogue, .spool_path = d->spool_path, .store_path = d->store_path
	};
	enum err e = local_new(&d->local, &local, eb);

	if (e == ERR_OK)
		e = own_figures_new(&d->figures, eb);
	const struct targets_opts targets = { .config = c,
		.committer = d->committer,
		.catalogue = d->catalogue,
		.local = d->local,
		.spool = d->spool,
		.spool_path = d->spool_path,
		.store_path = d->store_path,
		.policy = d->policy,
		.figures = d->figures };
	if (e == ERR_OK)
		e = targets_start(&d->targets, &targets, eb);
	if (e != ERR_OK)
		return e;
	const struct record_access_opts access = { .breaker = targets_breaker(d->targets),
		.ops = &record_timed_ops,
		.open = targets_open_timed,
		.close = own_figures_close,
		.open_arg = d->targets,
		.database = c->influxdb.database,
		.timeout_ms = c->read.timeout_ns / NS_PER_MS,
		.undelivered_from_ns = replicator_undelivered_from_ns,
		.undelivered_arg = replication_record(targets_replication(d->targets)),
		.owed = spool_owed(d->spool),
		.target = REPLICATOR_RECORD,
		.catalogue = d->catalogue,
		.find_absent = targets_find_absent,
		.absent_arg = d->targets };
	if (record)
		e = record_access_new(&d->record, &access, eb);
	const struct reader_opts reader = {
		.local = d->local, .record = d->record, .policy = record ? (enum read_policy)c->read.from : READ_LOCAL
	};
	if (e == ERR_OK)
		e = reader_new(&d->reader, &reader, eb);
	struct engine_opts engine = { .local = d->local,
		.record = d->record,
		.catalogue = d->catalogue,
		.retention_ns = c->retention.raw_ns,
		.query_max_bytes = c->query.max_memory,
		.query_timeout_ms = c->query.timeout_ns / NS_PER_MS,
		.query_max_rows = c->query.max_rows,
		.query_max_series = c->query.max_series,
		.query_max_buckets = c->query.max_buckets,
		.max_concurrent = (unsigned)c->query.max_concurrent,
		.version = HF_VERSION };
	return e == ERR_OK ? engine_new(&d->engine, &engine, eb) : e;
}

static bool take_collected(void *arg, struct view lines, uint64_t points)
{
	struct daemon *d = arg;
	struct ingest_request rq = { .database = "metrics", .precision_ns = 1, .body = lines };
	struct ingest_result result;
	struct errbuf eb;

	ingest_result_init(&result);
	enum err e = ingest_write(d->ingest, &rq, &result, &eb);
	if (e != ERR_OK)
		log_error("%llu collected points could not be kept: %s", (unsigned long long)points, eb.text);
	else if (result.rejected)
		log_error("%llu collected points were refused: %.*s", (unsigned long long)result.rejected,
		    (int)result.message.len, result.message.p);
	bool kept = e == ERR_OK && result.rejected == 0;
	ingest_result_fini(&result);
	return kept;
}

static enum err open_door(struct daemon *d, struct errbuf *eb)
{
	const struct config *c = d->config;
	struct ingest_opts ingest = { .committer = d->committer,
		.catalogue = d->catalogue,
		.retention_ns = policy_longest_raw_ns(d->policy),
		.max_future_ns = c->retention.max_future_ns };
	enum err e = ingest_new(&d->ingest, &ingest, eb);

	if (e != ERR_OK || !c->collect.enabled)
		return e;
	struct collect_opts collect = { .proc = c->collect.proc,
		.host = d->host,
		.interval_ns = c->collect.interval_ns,
		.sink = take_collected,
		.sink_arg = d };
	e = collect_start(&d->collect, &collect, eb);
	const struct figures_opts figures = { .host = d->host,
		.interval_ns = c->collect.interval_ns,
		.sink = take_collected,
		.sink_arg = d,
		.spool = d->spool,
		.store = d->store,
		.committer = d->committer,
		.compactor = d->compactor,
		.breaker = targets_breaker(d->targets),
		.replicator = replication_record(targets_replication(d->targets)) };
	return e == ERR_OK
	    ? own_figures_start(d->figures, &figures, c->influxdb.figures ? targets_record(d->targets) : NULL, eb)
	    : e;
}

static enum err make_backfill(struct daemon *d, struct errbuf *eb)
{
	const struct config *c = d->config;
	struct backfill_opts opts = { .compactor = d->compactor,
		.catalogue = d->catalogue,
		.record = &influx_ops,
		.open_record = targets_open_plain,
		.close_record = targets_close_plain,
		.open_arg = d->targets,
		.database = c->influxdb.database,
		.retention_ns = policy_retention_ns,
		.arg = d->policy,
		.timeout_ms = c->influxdb.timeout_ns / NS_PER_MS };

	return *c->influxdb.url ? backfill_new(&d->backfill, &opts, eb) : ERR_OK;
}

/* What is taken over from files that were set aside, and whether those in use are whole. */
static enum err mend_files(struct daemon *d, struct errbuf *eb)
{
	struct spool_salvage_opts spool = { .ingest = d->ingest,
		.committer = d->committer,
		.catalogue = d->catalogue,
		.spool_path = d->spool_path,
		.retention_ns = policy_longest_raw_ns(d->policy) };
	struct store_salvage_opts store = { .compactor = d->compactor,
		.catalogue = d->catalogue,
		.store_path = d->store_path,
		.retention_ns = policy_retention_ns,
		.arg = d->policy,
		.disk = d->disk };
	bool check = !spool_was_clean(d->spool) || d->replaced;
	enum err e = spool_salvage_start(&d->salvage, &spool, eb);

	if (e == ERR_OK)
		e = store_salvage_start(&d->store_salvage, &store, eb);
	if (e == ERR_OK)
		e = check_start(&d->check, &spool_check, d->spool_path, check, eb);
	return e == ERR_OK ? check_start(&d->store_check, &store_check, d->store_path, check, eb) : e;
}

static enum err open_http(struct daemon *d, struct errbuf *eb)
{
	const struct config *c = d->config;

	d->services = (struct services){ .ingest = d->ingest,
		.reader = d->reader,
		.local = d->local,
		.engine = d->engine,
		.read_policy = *d->config->influxdb.url ? (enum read_policy)d->config->read.from : READ_LOCAL,
		.committer = d->committer,
		.spool = d->spool,
		.spool_path = d->spool_path,
		.disk = d->disk,
		.missing = d->missing,
		.salvage = d->salvage,
		.check = d->check,
		.store_salvage = d->store_salvage,
		.store_check = d->store_check,
		.backfill = d->backfill,
		.store = d->store,
		.store_path = d->store_path,
		.compactor = d->compactor,
		.backup = d->backup,
		.retention_ns = { c->retention.raw_ns, c->retention.minutes_ns, c->retention.hours_ns,
		    c->retention.days_ns },
		.head = d->head,
		.catalogue = d->catalogue,
		.collect = d->collect,
		.host = d->host,
		.version = HF_VERSION,
		.started_ns = clock_wall_ns(),
		.started_mono_ns = clock_mono_ns(),
		.collect_interval_ns = c->collect.interval_ns,
		.spool_max_bytes = c->retention.max_bytes,
		.create_databases = c->server.create_databases,
		.events_max = (unsigned)(c->server.threads >= 8 ? c->server.threads / 4 : 1) };
	targets_serve(d->targets, &d->services);
	enum err e = routes_open(&d->services, eb);
	if (e != ERR_OK)
		return e;
	d->routes_open = true;
	struct http_opts http = { .host = c->server.listen_host,
		.port = (uint16_t)c->server.listen_port,
		.threads = (unsigned)c->server.threads,
		.max_body = c->server.max_body,
		.max_queue = c->server.max_queue,
		.cors_origins = c->server.cors_origin,
		.routes = routes_table(),
		.arg = &d->services,
		.each_second = routes_each_second };
	return http_start(&d->http, &http, eb);
}

static enum err start(struct daemon *d, struct errbuf *eb)
{
	const struct config *c = d->config;
	enum err e = start_find_host(c, d->host, sizeof d->host, eb);

	if (e == ERR_OK)
		e = start_try_port(c, eb);
	if (e == ERR_OK)
		e = file_make_dirs(c->server.data_dir, 0700, eb);
	if (e == ERR_OK)
		e = file_lock_dir(c->server.data_dir, &d->folder_fd, eb);
	if (e == ERR_OK)
		e = restore_finish(c->server.data_dir, eb);
	if (e == ERR_OK)
		e = open_store(d, eb);
	if (e == ERR_OK)
		e = start_compactor(d, eb);
	if (e == ERR_OK)
		e = open_reads(d, eb);
	if (e == ERR_OK)
		e = open_door(d, eb);
	if (e == ERR_OK)
		e = mend_files(d, eb);
	if (e == ERR_OK)
		e = make_backfill(d, eb);
	if (e == ERR_OK)
		e = open_http(d, eb);
	return e;
}

enum err daemon_start(struct daemon **out, const struct config *config, struct errbuf *eb)
{
	struct daemon *d = calloc(1, sizeof *d);

	*out = NULL;
	if (!d)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	d->config = config;
	d->folder_fd = -1;
	snprintf(d->spool_path, sizeof d->spool_path, "%s/spool.db", config->server.data_dir);
	snprintf(d->store_path, sizeof d->store_path, "%s/store.db", config->server.data_dir);
	enum err e = start(d, eb);
	if (e != ERR_OK) {
		daemon_stop(d);
		return e;
	}
	*out = d;
	return ERR_OK;
}

void daemon_stop(struct daemon *d)
{
	if (!d)
		return;
	http_stop(d->http);
	if (d->routes_open)
		routes_close(&d->services);
	backfill_free(d->backfill);
	check_stop(d->store_check);
	check_stop(d->check);
	salvage_stop(d->store_salvage);
	salvage_stop(d->salvage);
	collect_stop(d->collect);
	own_figures_stop(d->figures);
	targets_stop(d->targets);
	engine_free(d->engine);
	reader_free(d->reader);
	record_access_free(d->record);
	compactor_stop(d->compactor);
	committer_stop(d->committer);
	own_figures_free(d->figures);
	targets_free(d->targets);
	backup_free(d->backup);
	local_free(d->local);
	ingest_free(d->ingest);
	close_tables(d);
	policy_free(d->policy);
	disk_space_free(d->disk);
	if (d->folder_fd >= 0)
		close(d->folder_fd);
	free(d);
}

uint16_t daemon_port(const struct daemon *d)
{
	return http_port(d->http);
}

void daemon_reload(struct daemon *d)
{
	targets_reload(d->targets);
}
