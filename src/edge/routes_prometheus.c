/* GET /metrics: text exposition format 0.0.4 of the counter table and some gauges. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/counter.h"
#include "edge/process.h"
#include "edge/replication_view.h"
#include "edge/routes_internal.h"
#include "edge/spool_view.h"
#include "store/owed.h"
#include "store/quarantine.h"

enum { TEXT_MAX = 1 << 20 };

static void head(struct buf *b, const char *name, const char *type, const char *help)
{
	buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void gauge(struct buf *b, const char *name, const char *help, double value)
{
	head(b, name, "gauge", help);
	buf_printf(b, "%s ", name);
	buf_double(b, value);
	buf_char(b, '\n');
}

/* A label's value: backslash, quote and line end are escaped. */
static void label(struct buf *b, const char *value)
{
	for (const char *p = value; *p; p++) {
		if (*p == '\\' || *p == '"')
			buf_char(b, '\\');
		if (*p == '\n')
			buf_str(b, "\\n");
		else
			buf_char(b, *p);
	}
}

static void write_counters(struct buf *b)
{
	const char *last = "";

	for (int c = 0; c < COUNTER_COUNT; c++) {
		const struct counter_info *i = counter_info((enum counter)c);
		if (strcmp(i->name, last) != 0)
			head(b, i->name, "counter", i->help);
		last = i->name;
		buf_str(b, i->name);
		if (*i->labels)
			buf_printf(b, "{%s}", i->labels);
		buf_char(b, ' ');
		buf_u64(b, counter_get((enum counter)c));
		buf_char(b, '\n');
	}
}

static void write_storage(struct buf *b, const struct services *s)
{
	struct committer_stats c;
	struct spool_totals t;
	struct head_stats h;

	committer_stats(s->committer, &c);
	spool_totals(s->spool, &t);
	head_stats(s->head, &h);
	gauge(b, "holdfast_spool_bytes", "Payload bytes in the spool", (double)t.bytes);
	gauge(b, "holdfast_spool_max_bytes", "Ceiling of the spool's payload bytes", (double)s->spool_max_bytes);
	gauge(b, "holdfast_spool_file_bytes", "Bytes of the spool's files", (double)t.file_bytes);
	gauge(b, "holdfast_spool_rows", "Commit groups in the spool", (double)t.rows);
	gauge(b, "holdfast_spool_points", "Points in the spool", (double)t.points);
	gauge(b, "holdfast_spool_writable", "1 if the last commit went well and there is room", c.writable);
	if (s->disk) {
		struct disk_space_stats d;
		disk_space_stats(s->disk, &d);
		if (d.known)
			gauge(b, "holdfast_disk_free_bytes", "Room left under the data folder", (double)d.free_bytes);
		gauge(b, "holdfast_disk_reserve_bytes", "Room that must stay free; below it writes are refused",
		    (double)d.reserve_bytes);
	}
	gauge(b, "holdfast_queue_bytes", "Bytes that wait to be committed", (double)c.queue_bytes);
	gauge(b, "holdfast_head_bytes", "Memory of the newest points", (double)h.bytes);
	gauge(b, "holdfast_head_max_bytes", "Ceiling of that memory", (double)h.max_bytes);
	gauge(b, "holdfast_head_points", "Points in memory", (double)h.points);
	gauge(b, "holdfast_series", "Series known", (double)catalogue_series_count(s->catalogue));
	gauge(b, "holdfast_series_max", "Ceiling of the series known",
	    (double)catalogue_ceilings(s->catalogue)->series_max);
}

static void write_backup(struct buf *b, const struct services *s)
{
	struct backup_stats t;

	if (!s->backup)
		return;
	backup_stats(s->backup, &t);
	gauge(b, "holdfast_backup_running", "1 while a backup is sent", t.running);
	gauge(b, "holdfast_backup_log_bytes", "How far the logs have grown while it is sent", (double)t.log_bytes);
	gauge(b, "holdfast_backup_last_ok_timestamp_seconds",
	    "The moment of the last good backup since the start; 0: none", (double)t.last_ok_ns / 1e9);
	gauge(b, "holdfast_backup_last_seconds", "How long the last backup took", (double)t.last_took_ns / 1e9);
	gauge(b, "holdfast_backup_last_bytes", "How much of the last backup was sent", (double)t.last_bytes);
	gauge(b, "holdfast_backup_last_failed", "1 if the last backup failed", t.last == BACKUP_FAILED);
}

/* ---- each target ---- */

enum figure_kind { FIGURE_U64, FIGURE_DOUBLE, FIGURE_NS }; /* of the member; ns are shown as seconds, below 0 as NaN */

#define FIGURE(member) offsetof(struct replicator_stats, member)
static const struct target_figure {
	const char *name, *type, *help;
	enum figure_kind kind;
	size_t at; /* in struct replicator_stats */
} target_figures[] = {
	{ "lag_points", "gauge", "Points acknowledged and not delivered yet", FIGURE_U64, FIGURE(lag_points) },
	{ "lag_bytes", "gauge", "What they take in the spool", FIGURE_U64, FIGURE(lag_bytes) },
	{ "lag_seconds", "gauge", "Age of the oldest of them", FIGURE_NS, FIGURE(lag_ns) },
	{ "live_lag_seconds", "gauge", "The same without the backlog", FIGURE_NS, FIGURE(live_lag_ns) },
	{ "backlog_points", "gauge", "Points left behind by an outage", FIGURE_U64, FIGURE(backlog_points) },
	{ "replay_points", "gauge", "Points out of quarantine to send again", FIGURE_U64, FIGURE(replay_points) },
	{ "owed_points", "gauge", "About how many only the store has", FIGURE_U64, FIGURE(owed_points_estimate) },
	{ "points_per_second", "gauge", "Delivered in the last ten seconds or so", FIGURE_DOUBLE,
	    FIGURE(points_per_s) },
	{ "eta_seconds", "gauge", "Until the backlog is delivered; NaN: not known", FIGURE_NS, FIGURE(eta_ns) },
	{ "pace_points_per_second", "gauge", "What the backlog may take; 0: all it can", FIGURE_U64,
	    FIGURE(pace_points_per_s) },
	{ "last_ok_timestamp_seconds", "gauge", "When it last answered well; 0: never", FIGURE_NS, FIGURE(last_ok_ns) },
	{ "points_total", "counter", "Points delivered", FIGURE_U64, FIGURE(delivered_points) },
	{ "sent_bytes_total", "counter", "Bytes sent, before packing", FIGURE_U64, FIGURE(sent_bytes) },
	{ "requests_total", "counter", "Write requests sent", FIGURE_U64, FIGURE(requests) },
	{ "failed_requests_total", "counter", "Those without a good answer", FIGURE_U64, FIGURE(failed_requests) },
	{ "retries_total", "counter", "Those that must be repeated", FIGURE_U64, FIGURE(retries) },
};

static double figure_of(const struct target_figure *f, const struct replicator_stats *t)
{
	const void *at = (const char *)t + f->at;

	if (f->kind == FIGURE_U64)
		return (double)*(const uint64_t *)at;
	if (f->kind == FIGURE_DOUBLE)
		return *(const double *)at;
	return *(const int64_t *)at < 0 ? (double)NAN : (double)*(const int64_t *)at / 1e9;
}

#define REPLICATION "holdfast_replication_"

static void sample(struct buf *b, const char *name, const struct replicator_stats *t, const char *more, double value)
{
	buf_printf(b, REPLICATION "%s{target=\"", name);
	label(b, t->target);
	buf_printf(b, "\"%s} ", more);
	if (isnan(value))
		buf_str(b, "NaN");
	else
		buf_double(b, value);
	buf_char(b, '\n');
}

static void write_states(struct buf *b, const struct replicator_stats *targets, unsigned count)
{
	static const enum replicator_state states[] = { REPLICATOR_STARTING, REPLICATOR_UP, REPLICATOR_CATCHING_UP,
		REPLICATOR_DOWN, REPLICATOR_HELD, REPLICATOR_PAUSED };
	char more[64];

	head(b, REPLICATION "state", "gauge", "1 for the state that the target is in");
	for (unsigned i = 0; i < count; i++)
		for (size_t k = 0; k < sizeof states / sizeof *states; k++) {
			snprintf(more, sizeof more, ",state=\"%s\"", replicator_state_name(states[k]));
			sample(b, "state", &targets[i], more, targets[i].state == states[k]);
		}
}

static void write_latencies(struct buf *b, const struct replicator_stats *targets, unsigned count)
{
	static const char name[] = "write_latency_seconds";

	head(b, REPLICATION "write_latency_seconds", "gauge", "How long the last 256 writes took");
	for (unsigned i = 0; i < count; i++) {
		sample(b, name, &targets[i], ",quantile=\"0.5\"", (double)targets[i].write_latency_ns / 1e9);
		sample(b, name, &targets[i], ",quantile=\"0.99\"", (double)targets[i].write_latency_p99_ns / 1e9);
	}
}

static void write_replication(struct buf *b, const struct services *s, struct replicator_stats *targets)
{
	unsigned count = replication_view_stats(s, targets);
	char name[64];

	gauge(b, REPLICATION "targets", "The record, if there is one, and the mirrors", count);
	if (count == 0)
		return;
	for (size_t k = 0; k < sizeof target_figures / sizeof *target_figures; k++) {
		const struct target_figure *f = &target_figures[k];
		snprintf(name, sizeof name, REPLICATION "%s", f->name);
		head(b, name, f->type, f->help);
		for (unsigned i = 0; i < count; i++)
			sample(b, f->name, &targets[i], "", figure_of(f, &targets[i]));
	}
	write_states(b, targets, count);
	write_latencies(b, targets, count);
}

/* ---- what the record has of it ---- */

static void write_owed(struct buf *b, const struct services *s)
{
	struct owed_totals owed;

	owed_totals(spool_owed(s->spool), REPLICATOR_RECORD, &owed);
	gauge(b, "holdfast_owed_ranges", "Ranges of time of which InfluxDB lacks points that are here",
	    (double)owed.ranges);
	gauge(b, "holdfast_owed_seconds", "How long they are together", owed.seconds);
}

static void write_verified(struct buf *b, const struct services *s)
{
	struct verified list[CATALOGUE_DATABASES_MAX];
	struct verifier_stats t = { 0 };
	uint32_t n = s->verifier ? verifier_verified(s->verifier, list) : 0;
	int64_t now_ns = clock_wall_ns();

	if (s->verifier)
		verifier_stats(s->verifier, &t);
	head(b, "holdfast_verified_age_seconds", "gauge", "Since the time up to which InfluxDB was found to have all");
	for (uint32_t i = 0; i < n; i++) {
		const char *database = catalogue_database_name(s->catalogue, list[i].db);
		if (!database)
			continue;
		buf_str(b, "holdfast_verified_age_seconds{database=\"");
		label(b, database);
		buf_str(b, "\"} ");
		buf_i64(b, (now_ns - list[i].until_ns) / NS_PER_S);
		buf_char(b, '\n');
	}
	head(b, "holdfast_verify_differences", "gauge",
	    "Hours of measurements that differ from InfluxDB, by the last look");
	for (int k = 0; k < VERIFIER_KINDS; k++) {
		buf_printf(b, "holdfast_verify_differences{kind=\"%s\"} ", verifier_kind_name((enum verifier_kind)k));
		buf_u64(b, t.differences[k]);
		buf_char(b, '\n');
	}
}

/* ---- what was refused ---- */

struct quarantined {
	uint64_t points[QUARANTINE_REASONS];
	const char *target;
	struct buf *out;
	const struct services *s;
};

static void write_quarantined(struct buf *b, const char *target, int code, uint64_t points)
{
	buf_str(b, "holdfast_quarantine_points{target=\"");
	label(b, target);
	buf_printf(b, "\",reason=\"%s\"} ", quarantine_reason_name((enum quarantine_reason)code));
	buf_u64(b, points);
	buf_char(b, '\n');
}

static void take_quarantined(
    void *arg, const char *target, enum quarantine_reason code, const struct quarantine_sum *sum)
{
	struct quarantined *q = arg;

	if (q->target && !strcmp(target, q->target))
		q->points[code] = sum->points;
	if (!q->target && !replication_find(q->s->replication, target))
		write_quarantined(q->out, target, (int)code, sum->points);
}

/* All reasons of each target that is configured, what there is of others. */
static void write_quarantine(struct buf *b, const struct services *s)
{
	struct errbuf ignored;

	head(b, "holdfast_quarantine_points", "gauge", "Points that a target refused, by target and reason");
	sqlite3 *db = spool_view_lock(s->spool_view);
	for (unsigned i = 0; i <= replication_count(s->replication); i++) {
		bool others = i == replication_count(s->replication);
		struct quarantined q = { .out = b, .s = s };
		q.target = others ? NULL : replicator_target(replication_at(s->replication, i));
		if (quarantine_counts(db, take_quarantined, &q, &ignored) != ERR_OK)
			break;
		for (int r = 0; !others && r < QUARANTINE_REASONS; r++)
			write_quarantined(b, q.target, r, q.points[r]);
	}
	spool_view_unlock(s->spool_view);
}

static void write_process(struct buf *b, const struct services *s)
{
	struct process_usage u;

	process_usage(&u);
	head(b, "process_cpu_seconds_total", "counter", "CPU time used by this process");
	buf_str(b, "process_cpu_seconds_total ");
	buf_double(b, u.cpu_s);
	buf_char(b, '\n');
	gauge(b, "process_resident_memory_bytes", "Resident memory of this process", (double)u.memory_bytes);
	gauge(b, "process_start_time_seconds", "Start of this process since the epoch", (double)s->started_ns / 1e9);
	head(b, "holdfast_build_info", "gauge", "Always 1, with the version as label");
	buf_str(b, "holdfast_build_info{version=\"");
	label(b, s->version);
	buf_str(b, "\"} 1\n");
}

void routes_prometheus(struct http_request *rq, void *arg)
{
	const struct services *s = arg;
	struct replicator_stats *targets = calloc(REPLICATION_TARGETS_MAX, sizeof *targets);
	struct buf b;

	if (!targets) {
		http_fail(rq, 503, "overloaded", NULL, "out of memory");
		return;
	}
	buf_init(&b, TEXT_MAX);
	write_counters(&b);
	write_storage(&b, s);
	write_backup(&b, s);
	write_owed(&b, s);
	write_verified(&b, s);
	write_replication(&b, s, targets);
	write_quarantine(&b, s);
	write_process(&b, s);
	if (b.failed)
		http_fail(rq, 500, "internal", NULL, "the answer is too large");
	else
		http_respond(rq, 200, "text/plain; version=0.0.4; charset=utf-8", (struct view){ b.p, b.len });
	buf_fini(&b);
	free(targets);
}
