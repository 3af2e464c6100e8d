/* What lies on the disk, and the compactor. */
#include <stdlib.h>

#include "edge/routes_internal.h"
#include "edge/spool_view.h"
#include "edge/store_view.h"
#include "wire/json_write.h"

enum { GAPS_SHOWN = 100 };

static const char *state_name(enum compactor_state s)
{
	static const char *const names[] = { "idle", "working", "failing" };

	return names[s];
}

static void write_tiers(struct buf *b, const struct services *s, const struct store_tier_totals totals[TIERS])
{
	json_open(b, "tiers", '[');
	for (int t = 0; t < (int)TIERS; t++) {
		const struct store_tier_totals *x = &totals[t];
		bool any = x->blocks + x->pieces > 0;
		json_open(b, NULL, '{');
		json_put_string(b, "tier", tier_name((enum tier)t));
		json_put_rounded(b, "retention_s", (double)s->retention_ns[t] / 1e9, 0);
		json_put_u64(b, "bytes", x->bytes);
		json_put_u64(b, "points", x->points);
		json_put_u64(b, "blocks", x->blocks);
		json_put_u64(b, "pieces", x->pieces);
		json_put_time_ms(b, "oldest_ms", any ? x->oldest_ns : 0);
		json_put_time_ms(b, "newest_ms", any ? x->newest_ns : 0);
		json_close(b, '}');
	}
	json_close(b, ']');
}

static void write_compactor(struct buf *b, const struct compactor_stats *c)
{
	json_open(b, "compaction", '{');
	json_put_string(b, "state", state_name(c->state));
	json_put_string_or_null(b, "error", c->error);
	json_put_u64(b, "done_request", c->served);
	json_put_u64(b, "compacted_seq", c->compacted_seq);
	json_put_u64(b, "pieces", c->pieces);
	json_put_u64(b, "skipped_places", c->skipped_places);
	json_put_u64(b, "flushed_points_total", c->flushed_points);
	json_put_u64(b, "merged_places_total", c->merged_places);
	json_put_u64(b, "evicted_points_total", c->evicted_points);
	json_put_time_ms(b, "last_ms", c->last_ns);
	json_close(b, '}');
}

static void write_files(struct buf *b, const struct services *s)
{
	struct store_totals st;
	struct spool_totals sp;

	store_totals(s->store, &st);
	spool_totals(s->spool, &sp);
	json_put_u64(b, "max_bytes", s->spool_max_bytes);
	json_put_u64(b, "used_bytes", st.used_bytes + sp.used_bytes);
	json_open(b, "files", '[');
	json_open(b, NULL, '{');
	json_put_string(b, "file", "store.db");
	json_put_u64(b, "file_bytes", st.file_bytes);
	json_put_u64(b, "used_bytes", st.used_bytes);
	json_close(b, '}');
	json_open(b, NULL, '{');
	json_put_string(b, "file", "spool.db");
	json_put_u64(b, "file_bytes", sp.file_bytes);
	json_put_u64(b, "used_bytes", sp.used_bytes);
	json_close(b, '}');
	json_close(b, ']');
}

static void write_backup(struct buf *b, struct backup *k)
{
	struct backup_stats t;
	bool any;

	backup_stats(k, &t);
	any = t.last != BACKUP_NONE;
	json_open(b, "backup", '{');
	json_put_bool(b, "running", t.running);
	json_put_time_ms(b, "began_ms", t.running ? t.began_ns : 0);
	json_put_u64(b, "bytes", t.bytes);
	json_put_u64(b, "size_bytes", t.size_bytes);
	json_put_u64(b, "log_bytes", t.log_bytes);
	json_put_string(b, "last", !any ? NULL : t.last == BACKUP_OK ? "ok" : "failed");
	json_put_string_or_null(b, "error", t.error);
	json_put_time_ms(b, "last_ms", t.last_ns);
	json_put_rounded(b, "last_took_s", (double)t.last_took_ns / 1e9, 3);
	json_put_u64(b, "last_bytes", t.last_bytes);
	json_put_time_ms(b, "last_ok_ms", t.last_ok_ns);
	json_close(b, '}');
}

void routes_storage(struct http_request *rq, void *arg)
{
	struct services *s = arg;
	struct store_tier_totals *totals = calloc(TIERS, sizeof *totals);
	struct compactor_stats c;
	struct errbuf eb = { "" };
	const char *fresh = http_parameter(rq, "fresh");
	struct buf b;

	if (!totals || !s->store_view) {
		free(totals);
		http_fail(rq, 503, "unavailable", NULL, "there is no store");
		return;
	}
	enum err e = store_view_totals(s->store_view, fresh && *fresh, totals, &eb);
	compactor_stats(s->compactor, &c);
	buf_init(&b, ROUTES_JSON_MAX);
	json_open(&b, NULL, '{');
	write_files(&b, s);
	write_tiers(&b, s, totals);
	write_compactor(&b, &c);
	if (s->backup)
		write_backup(&b, s->backup);
	json_open(&b, "gaps", '[');
	if (e == ERR_OK)
		e = spool_view_gaps(s->spool_view, GAPS_SHOWN, &b, &eb);
	if (e == ERR_OK)
		e = store_view_gaps(s->store_view, GAPS_SHOWN, &b, &eb);
	json_close(&b, ']');
	json_close(&b, '}');
	if (e == ERR_OK)
		http_respond_json(rq, 200, &b);
	else
		http_fail(rq, 500, "internal", NULL, "%s", eb.text);
	buf_fini(&b);
	free(totals);
}

/* Only begins: whoever waits asks /api/v1/storage until compaction.done_request is there. */
void routes_compact(struct http_request *rq, void *arg)
{
	struct services *s = arg;
	struct buf b;

	if (!s->compactor) {
		http_fail(rq, 503, "unavailable", NULL, "there is no store");
		return;
	}
	uint64_t number = compactor_force(s->compactor);
	buf_init(&b, 4096);
	json_open(&b, NULL, '{');
	json_put_u64(&b, "request", number);
	json_close(&b, '}');
	http_respond_json(rq, 202, &b);
	buf_fini(&b);
}
