/* The appliance itself: status, health, ping. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/counter.h"
#include "edge/gathered.h"
#include "edge/process.h"
#include "edge/replication_view.h"
#include "edge/routes_internal.h"
#include "edge/spool_view.h"
#include "edge/store_view.h"
#include "model/reject.h"
#include "store/owed.h"
#include "wire/json_write.h"

enum { GAPS_SHOWN = 100 };

static void write_process(struct buf *b)
{
	struct process_usage u;

	process_usage(&u);
	json_open(b, "process", '{');
	json_put_rounded(b, "cpu_s", u.cpu_s, 3);
	json_put_u64(b, "memory_bytes", u.memory_bytes);
	json_put_u64(b, "memory_peak_bytes", u.memory_peak_bytes);
	json_close(b, '}');
}

static void write_collect(struct buf *b, const struct services *s, const struct collect_stats *c)
{
	json_open(b, "collect", '{');
	json_put_bool(b, "enabled", s->collect != NULL);
	json_put_rounded(b, "interval_s", (double)s->collect_interval_ns / 1e9, 3);
	json_put_time_ms(b, "last_ms", c->last_ns);
	json_put_rounded(b, "values_per_s", c->values_per_s, 2);
	json_open(b, "failing", '[');
	for (unsigned i = 0; i < c->count; i++)
		if (!c->collector[i].ok)
			json_put_string(b, NULL, c->collector[i].name);
	json_close(b, ']');
	json_open(b, "collectors", '[');
	for (unsigned i = 0; i < c->count; i++) {
		json_open(b, NULL, '{');
		json_put_string(b, "name", c->collector[i].name);
		json_put_bool(b, "ok", c->collector[i].ok);
		json_put_u64(b, "values", c->collector[i].values);
		json_put_u64(b, "took_us", c->collector[i].took_us);
		json_put_string_or_null(b, "error", c->collector[i].error);
		json_close(b, '}');
	}
	json_close(b, ']');
	json_close(b, '}');
}

static void write_ingest(struct buf *b, struct services *s, const struct committer_stats *c)
{
	json_open(b, "ingest", '{');
	json_put_u64(b, "points_total", counter_get(COUNTER_INGEST_POINTS));
	json_put_u64(b, "values_total", counter_get(COUNTER_INGEST_VALUES));
	json_put_rounded(b, "values_per_s", rates_per_s(&s->rates, RATE_VALUES), 2);
	json_put_u64(b, "rejected_total", gathered_rejected_points());
	json_open(b, "rejected", '[');
	for (int r = 0; r < REJECT_COUNT; r++) {
		json_open(b, NULL, '{');
		json_put_string(b, "reason", reject_name((enum reject)r));
		json_put_u64(b, "points", counter_get(reject_counter((enum reject)r)));
		json_close(b, '}');
	}
	json_close(b, ']');
	json_put_rounded(b, "commit_ms", (double)c->commit_ns / 1e6, 3);
	json_put_u64(b, "queue_bytes", c->queue_bytes);
	json_put_u64(b, "refused_requests_total", gathered_refused_requests());
	json_close(b, '}');
}

static void write_spool(struct buf *b, const struct services *s, const struct gathered *g)
{
	const struct spool_totals *t = &g->spool;

	json_open(b, "spool", '{');
	json_put_u64(b, "bytes", t->bytes);
	json_put_u64(b, "max_bytes", s->spool_max_bytes);
	json_put_u64(b, "file_bytes", t->file_bytes);
	json_put_u64(b, "points", t->points);
	json_put_u64(b, "rows", t->rows);
	json_put_u64(b, "first_seq", t->first_seq);
	json_put_u64(b, "last_seq", t->last_seq);
	json_put_time_ms(b, "oldest_ms", t->rows ? t->oldest_ns : 0);
	json_put_time_ms(b, "newest_ms", t->rows ? t->newest_ns : 0);
	json_put_bool(b, "writable", g->committer.writable);
	json_put_string_or_null(b, "error", g->committer.writable ? NULL : g->committer.error);
	json_close(b, '}');
}

static void write_disk(struct buf *b, const struct disk_space_stats *d)
{
	json_open(b, "disk", '{');
	if (d->known)
		json_put_u64(b, "free_bytes", d->free_bytes);
	else
		json_put_string(b, "free_bytes", NULL);
	json_put_u64(b, "reserve_bytes", d->reserve_bytes);
	json_put_bool(b, "full", d->low);
	json_close(b, '}');
}

struct recovery_names { /* of the figures in the answer */
	const char *file, *items, *lost_items, *old_items, *at, *end;
};

static void write_recovery(struct buf *b, const struct recovery_names *n, const struct salvage_stats *r)
{
	json_open(b, n->file, '{');
	json_put_string(b, "state", salvage_state_name(r->state));
	json_put_string_or_null(b, "file", r->file);
	json_put_u64(b, n->items, r->figures.items);
	json_put_u64(b, "points", r->figures.points);
	json_put_u64(b, n->lost_items, r->figures.lost_items);
	json_put_u64(b, "lost_points", r->figures.lost_points);
	json_put_u64(b, n->old_items, r->figures.old_items);
	json_put_u64(b, n->at, r->figures.at);
	json_put_u64(b, n->end, r->figures.end);
	json_put_time_ms(b, "started_ms", r->started_ns);
	json_put_time_ms(b, "ended_ms", r->ended_ns);
	json_put_string_or_null(b, "error", r->error);
	json_close(b, '}');
}

static void write_recoveries(struct buf *b, const struct gathered *g)
{
	static const struct recovery_names spool = { "spool", "rows", "lost_rows", "old_rows", "at_seq", "last_seq" };
	static const struct recovery_names store = { "store", "blocks", "lost_blocks", "old_blocks", "done_bytes",
		"file_bytes" };

	json_open(b, "recovery", '{');
	write_recovery(b, &spool, &g->salvage);
	write_recovery(b, &store, &g->store_salvage);
	json_close(b, '}');
}

static void write_check_end(struct buf *b, const struct check_stats *c)
{
	json_put_bool(b, "restart_mends", c->pages);
	json_put_rounded(b, "took_s", (double)c->took_ns / 1e9, 3);
	json_put_string_or_null(b, "error", c->error);
	json_close(b, '}');
}

static void write_check(struct buf *b, const struct check_stats *spool, const struct check_stats *store)
{
	json_open(b, "check", '{');
	json_open(b, "spool", '{');
	json_put_string(b, "state", check_state_name(spool->state));
	json_put_u64(b, "rows", spool->items);
	json_put_u64(b, "bad_rows", spool->bad_items);
	write_check_end(b, spool);
	json_open(b, "store", '{');
	json_put_string(b, "state", check_state_name(store->state));
	json_put_u64(b, "blocks", store->items);
	json_put_u64(b, "bytes", store->bytes);
	json_put_u64(b, "bad_blocks", store->bad_items);
	write_check_end(b, store);
	json_close(b, '}');
}

static void write_head(struct buf *b, const struct services *s, const struct head_stats *h)
{
	json_open(b, "head", '{');
	json_put_u64(b, "bytes", h->bytes);
	json_put_u64(b, "max_bytes", h->max_bytes);
	json_put_u64(b, "points", h->points);
	json_put_u64(b, "series", catalogue_series_count(s->catalogue));
	json_put_u64(b, "from_seq", h->from_seq);
	json_close(b, '}');
}

static void write_series(struct buf *b, const struct services *s, const struct series_near *near)
{
	json_open(b, "series", '{');
	json_put_u64(b, "count", catalogue_series_count(s->catalogue));
	json_put_u64(b, "max", catalogue_ceilings(s->catalogue)->series_max);
	series_view_put_near(b, "nearest", near);
	json_close(b, '}');
}

static void write_top(struct buf *b, const struct services *s, const struct gathered *g)
{
	json_put_string(b, "version", s->version);
	json_put_string(b, "host", s->host);
	json_put_time_ms(b, "now_ms", g->now_ns);
	json_put_time_ms(b, "started_ms", s->started_ns);
	json_put_rounded(b, "uptime_s", (double)(clock_mono_ns() - s->started_mono_ns) / 1e9, 1);
	json_put_string(b, "state", sentence_state_name(g->sentence.state));
	json_put_string(b, "summary", g->sentence.summary);
	json_put_string(b, "detail", g->sentence.detail);
}

void routes_status(struct http_request *rq, void *arg)
{
	struct services *s = arg;
	struct gathered *g = gathered_or_fail(rq, s);
	struct buf b;

	if (!g)
		return;
	buf_init(&b, ROUTES_JSON_MAX);
	json_open(&b, NULL, '{');
	write_top(&b, s, g);
	write_process(&b);
	write_collect(&b, s, &g->collect);
	write_ingest(&b, s, &g->committer);
	write_spool(&b, s, g);
	write_disk(&b, &g->disk);
	write_recoveries(&b, g);
	write_check(&b, &g->check, &g->store_check);
	write_head(&b, s, &g->head);
	write_series(&b, s, &g->near);
	json_open(&b, "gaps", '[');
	if (spool_view_gaps(s->spool_view, GAPS_SHOWN, &b, &g->gaps_error) != ERR_OK)
		g->gaps.points = 0; /* spool.error says it already */
	if (s->store_view && store_view_gaps(s->store_view, GAPS_SHOWN, &b, &g->gaps_error) != ERR_OK)
		g->store_gaps.points = 0;
	json_close(&b, ']');
	json_open(&b, "replication", '{');
	replication_view(&b, s, g->target, g->target_count, false);
	json_close(&b, '}');
	json_close(&b, '}');
	http_respond_json(rq, 200, &b);
	buf_fini(&b);
	free(g);
}

void routes_health(struct http_request *rq, void *arg)
{
	struct services *s = arg;
	struct committer_stats c;
	struct buf b;

	committer_stats(s->committer, &c);
	buf_init(&b, 4096);
	json_open(&b, NULL, '{');
	json_put_string(&b, "status", c.writable ? "ok" : "unavailable");
	json_put_bool(&b, "live", true);
	json_put_bool(&b, "ready", c.writable);
	json_put_string_or_null(&b, "reason", c.writable ? NULL : *c.error ? c.error : "points cannot be stored");
	json_close(&b, '}');
	http_respond_json(rq, c.writable ? 200 : 503, &b);
	buf_fini(&b);
}

void routes_influx_health(struct http_request *rq, void *arg)
{
	struct services *s = arg;
	struct committer_stats c;
	struct buf b;

	committer_stats(s->committer, &c);
	buf_init(&b, 4096);
	json_open(&b, NULL, '{');
	json_put_string(&b, "name", "holdfast");
	json_put_string(&b, "status", c.writable ? "pass" : "fail");
	json_put_string(&b, "message", c.writable ? "ready for queries and writes" : c.error);
	json_open(&b, "checks", '[');
	json_close(&b, ']');
	json_put_string(&b, "version", s->version);
	json_close(&b, '}');
	http_respond_json(rq, c.writable ? 200 : 503, &b);
	buf_fini(&b);
}

void routes_ping(struct http_request *rq, void *arg)
{
	static const char body[] = "{\"version\":\"" HTTP_INFLUX_VERSION "\"}\n";
	const char *verbose = http_parameter(rq, "verbose");

	(void)arg;
	if (verbose && *verbose && strcmp(verbose, "0") != 0 && strcmp(verbose, "false") != 0)
		http_respond(rq, 200, "application/json", view_of(body));
	else
		http_respond(rq, 204, "application/json", (struct view){ "", 0 });
}
