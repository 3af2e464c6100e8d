#include "edge/replication_view.h"

#include "base/clock.h"
#include "edge/provision_view.h"
#include "edge/target_words.h"
#include "edge/verify_view.h"
#include "store/owed.h"
#include "wire/json_write.h"

enum { OWED_SHOWN = 20 };

unsigned replication_view_stats(const struct services *s, struct replicator_stats out[REPLICATION_TARGETS_MAX])
{
	unsigned count = replication_count(s->replication);

	for (unsigned i = 0; i < count; i++)
		replicator_stats(replication_at(s->replication, i), &out[i]);
	return count;
}

static const char *api_name(enum record_api api) /* NULL: nobody has answered yet */
{
	static const char *const names[] = { NULL, "1.x", "2.x", "3.x", "lines" };

	return names[api];
}

/* What of it only the store has. */
static void write_owed_to(struct buf *b, const struct services *s, const struct replicator_stats *t)
{
	struct owed_totals totals;

	owed_totals(spool_owed(s->spool), t->target, &totals);
	json_open(b, "owed", '{');
	json_put_u64(b, "ranges", totals.ranges);
	json_put_rounded(b, "seconds", totals.seconds, 3);
	json_put_u64(b, "points_estimate", t->owed_points_estimate);
	json_put_rounded(b, "span_s", (double)t->owed_span_ns / 1e9, 0);
	json_close(b, '}');
}

static void write_waiting(struct buf *b, const struct services *s, const struct replicator_stats *t)
{
	json_put_u64(b, "lag_points", t->lag_points);
	json_put_u64(b, "lag_bytes", t->lag_bytes);
	json_put_rounded(b, "lag_s", (double)t->lag_ns / 1e9, 3);
	json_open(b, "live", '{');
	json_put_u64(b, "points", t->live_lag_points);
	json_put_rounded(b, "lag_s", (double)t->live_lag_ns / 1e9, 3);
	json_close(b, '}');
	json_open(b, "backlog", '{');
	json_put_u64(b, "points", t->backlog_points);
	json_put_u64(b, "bytes", t->backlog_bytes);
	json_close(b, '}');
	json_open(b, "replay", '{');
	json_put_u64(b, "points", t->replay_points);
	json_close(b, '}');
	write_owed_to(b, s, t);
}

static void put_figure_or_null(struct buf *b, const char *key, double v, bool known)
{
	if (known)
		json_put_rounded(b, key, v, 3);
	else
		json_put_null(b, key);
}

static void write_speed(struct buf *b, const struct replicator_stats *t)
{
	bool answered = t->write_latency_ns > 0;

	json_put_u64(b, "delivered_points_total", t->delivered_points);
	json_put_rounded(b, "points_per_s", t->points_per_s, 2);
	put_figure_or_null(b, "eta_s", (double)t->eta_ns / 1e9, t->eta_ns >= 0);
	put_figure_or_null(b, "pace_points_per_s", (double)t->pace_points_per_s, t->pace_points_per_s > 0);
	json_open(b, "latency_ms", '{');
	put_figure_or_null(b, "p50", (double)t->write_latency_ns / 1e6, answered);
	put_figure_or_null(b, "p99", (double)t->write_latency_p99_ns / 1e6, answered);
	json_close(b, '}');
	json_put_u64(b, "requests_total", t->requests);
	json_put_u64(b, "failed_requests_total", t->failed_requests);
	json_put_u64(b, "retries_total", t->retries);
	json_put_u64(b, "sent_bytes_total", t->sent_bytes);
}

static void write_errors(struct buf *b, const struct replicator_stats *t)
{
	char advice[TARGET_WORDS_ADVICE];

	target_words_advice(t, advice);
	json_put_time_ms(b, "last_ok_ms", t->last_ok_ns);
	json_put_string_or_null(b, "last_error", t->last_error);
	json_put_time_ms(b, "last_error_ms", t->last_error_ns);
	json_put_time_ms(b, "next_try_ms", t->next_try_ns);
	json_put_string_or_null(b, "advice", advice);
	json_put_u64(b, "quarantined_points", t->quarantined_points);
}

static void write_target(
    struct buf *b, const struct services *s, const struct services_target *where, const struct replicator_stats *t)
{
	bool record = target_words_is_record(t->target);
	char name[TARGET_WORDS_NAME];

	target_words_name(t->target, name);
	json_put_string(b, "target", t->target);
	json_put_string(b, "name", name);
	json_put_string(b, "kind", record ? "record" : "mirror");
	json_put_string_or_null(b, "url", where->url);
	json_put_string(b, "api", api_name(t->api));
	json_put_string_or_null(b, "database", where->database);
	json_put_string_or_null(b, "server_version", t->server_version);
	json_put_string(b, "state", replicator_state_name(t->state));
	json_put_bool(b, "paused", t->paused);
	json_put_time_ms(b, "since_ms", t->since_ns);
	json_put_u64(b, "held_databases", t->held_databases);
	json_put_u64(b, "cursor_seq", t->cursor_seq);
	json_put_u64(b, "live_seq", t->live_seq);
	write_waiting(b, s, t);
	write_speed(b, t);
	write_errors(b, t);
	json_put_string(b, "breaker", !record || !s->breaker ? NULL : breaker_allows(s->breaker) ? "closed" : "open");
}

/* What the record has not got though it is here, beside what is on its way. There may be no record now. */
static void write_owed(struct buf *b, const struct services *s)
{
	const struct owed *o = spool_owed(s->spool);
	struct owed_range list[OWED_SHOWN];
	struct owed_totals t;

	owed_totals(o, REPLICATOR_RECORD, &t);
	uint32_t n = t.ranges ? owed_list(o, REPLICATOR_RECORD, list, OWED_SHOWN) : 0;
	json_open(b, "owed", '{');
	json_put_u64(b, "ranges", t.ranges);
	json_put_rounded(b, "seconds", t.seconds, 3);
	json_open(b, "newest", '[');
	for (uint32_t i = 0; i < n; i++) {
		json_open(b, NULL, '{');
		json_put_string(b, "database", catalogue_database_name(s->catalogue, list[i].db));
		json_put_time_ms(b, "from_ms", list[i].from_ns);
		json_put_time_ms(b, "to_ms", list[i].to_ns);
		json_put_time_ms(b, "done_until_ms", list[i].done_until_ns);
		json_put_string(b, "cause", owed_cause_name(list[i].cause));
		json_put_time_ms(b, "added_ms", list[i].added_ns);
		json_close(b, '}');
	}
	json_close(b, ']');
	json_close(b, '}');
}

void replication_view(
    struct buf *b, const struct services *s, const struct replicator_stats *targets, unsigned count, bool places)
{
	json_open(b, "targets", '[');
	for (unsigned i = 0; i < count; i++) {
		json_open(b, NULL, '{');
		write_target(b, s, &s->target[i], &targets[i]);
		if (places)
			provision_view(b, target_words_is_record(targets[i].target) ? s->provision : NULL);
		json_close(b, '}');
	}
	json_close(b, ']');
	write_owed(b, s);
	verify_view_verified(b, s);
	verify_view_last(b, s);
}
