#include "edge/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/timetext.h"
#include "edge/routes_internal.h"
#include "edge/spool_view.h"
#include "edge/store_view.h"
#include "wire/json_write.h"

enum { BUCKETS_WISHED = 360 };

#define GRID "from to step"
#define QUARANTINED "target reason db from to"
#define ANY NULL /* InfluxDB takes any parameter, and its clients send some */
/* clang-format off */
static const struct http_route table[] = {
	{ HTTP_POST, "/write", routes_write_1x, false, HTTP_FORM_INFLUX1, ANY },
	{ HTTP_GET | HTTP_POST | HTTP_DELETE, "/api/v1/verify", routes_verify, false, HTTP_FORM_OWN,
	  "since until deep repair" },
	{ HTTP_POST, "/api/v1/write", routes_write_own, false, HTTP_FORM_INFLUX1, ANY },
	{ HTTP_POST, "/api/v2/write", routes_write_2x, false, HTTP_FORM_INFLUX2, ANY },
	{ HTTP_GET | HTTP_POST, "/query", routes_query_1x, false, HTTP_FORM_INFLUX1, ANY },
	{ HTTP_GET, "/ping", routes_ping, false, HTTP_FORM_INFLUX1, ANY },
	{ HTTP_GET, "/health", routes_influx_health, false, HTTP_FORM_INFLUX2, ANY },
	{ HTTP_GET, "/metrics", routes_prometheus, false, HTTP_FORM_OWN, ANY },
	{ HTTP_GET, "/api/v1/alerts", routes_alerts, false, HTTP_FORM_OWN, "" },
	{ HTTP_GET | HTTP_POST | HTTP_DELETE, "/api/v1/backfill", routes_backfill, false, HTTP_FORM_OWN,
	  "from to measurement" },
	{ HTTP_GET, "/api/v1/backup", routes_backup, false, HTTP_FORM_OWN, "" },
	{ HTTP_POST, "/api/v1/compact", routes_compact, false, HTTP_FORM_OWN, "" },
	{ HTTP_GET, "/api/v1/events", routes_events, false, HTTP_FORM_OWN, "" },
	{ HTTP_GET, "/api/v1/export", routes_export, false, HTTP_FORM_OWN, "db measurement from to format" },
	{ HTTP_GET, "/api/v1/fields", routes_fields, false, HTTP_FORM_OWN, "db measurement limit cursor" },
	{ HTTP_GET, "/api/v1/health", routes_health, false, HTTP_FORM_OWN, "" },
	{ HTTP_GET, "/api/v1/measurements", routes_measurements, false, HTTP_FORM_OWN, "db measurement limit cursor" },
	{ HTTP_GET, "/api/v1/metrics/application", routes_application, true, HTTP_FORM_OWN,
	  GRID " service metric host limit" },
	{ HTTP_GET, "/api/v1/metrics/database", routes_database, true, HTTP_FORM_OWN,
	  GRID " service operation host limit" },
	{ HTTP_GET, "/api/v1/metrics/performance", routes_performance, true, HTTP_FORM_OWN,
	  GRID " operation host limit" },
	{ HTTP_GET, "/api/v1/metrics/resources", routes_resources, true, HTTP_FORM_OWN,
	  GRID " resource host percentiles" },
	{ HTTP_GET, "/api/v1/metrics/summary", routes_summary, false, HTTP_FORM_OWN, "from to host limit" },
	{ HTTP_GET, "/api/v1/openapi.json", routes_openapi, false, HTTP_FORM_OWN, "" },
	{ HTTP_GET, "/api/v1/quality", routes_quality, false, HTTP_FORM_OWN, "" },
	{ HTTP_GET, "/api/v1/quarantine", routes_quarantine, false, HTTP_FORM_OWN, QUARANTINED " after limit" },
	{ HTTP_POST, "/api/v1/quarantine/drop", routes_quarantine_drop, false, HTTP_FORM_OWN, QUARANTINED " all" },
	{ HTTP_GET, "/api/v1/quarantine/export", routes_quarantine_export, false, HTTP_FORM_OWN, QUARANTINED },
	{ HTTP_POST, "/api/v1/quarantine/replay", routes_quarantine_replay, false, HTTP_FORM_OWN, QUARANTINED " all" },
	{ HTTP_GET | HTTP_POST, "/api/v1/query", routes_query_own, false, HTTP_FORM_OWN,
	  "q db rp epoch pretty params source" },
	{ HTTP_GET, "/api/v1/replication", routes_replication, false, HTTP_FORM_OWN, "" },
	{ HTTP_POST, "/api/v1/replication/pause", routes_replication_control, false, HTTP_FORM_OWN, "target" },
	{ HTTP_POST, "/api/v1/replication/resume", routes_replication_control, false, HTTP_FORM_OWN, "target" },
	{ HTTP_POST, "/api/v1/replication/retry", routes_replication_control, false, HTTP_FORM_OWN, "target" },
	{ HTTP_POST, "/api/v1/replication/skip-held", routes_replication_control, false, HTTP_FORM_OWN, "target" },
	{ HTTP_GET, "/api/v1/series", routes_series, false, HTTP_FORM_OWN, "db measurement tag limit cursor" },
	{ HTTP_GET, "/api/v1/status", routes_status, false, HTTP_FORM_OWN, "" },
	{ HTTP_GET, "/api/v1/storage", routes_storage, false, HTTP_FORM_OWN, "fresh" },
	{ HTTP_GET, "/api/v1/tags", routes_tags, false, HTTP_FORM_OWN, "db measurement tag limit cursor" },
	{ HTTP_GET, "/", routes_asset, true, HTTP_FORM_OWN, ANY },
	{ 0, NULL, NULL, false, HTTP_FORM_OWN, ANY },
};
/* clang-format on */

const struct http_route *routes_table(void)
{
	return table;
}

enum err routes_open(struct services *s, struct errbuf *eb)
{
	rates_init(&s->rates);
	enum err e = spool_view_open(&s->spool_view, s->spool_path, eb);
	if (e) {
		rates_fini(&s->rates);
		return e;
	}
	if (s->store)
		e = store_view_open(&s->store_view, s->store_path, eb);
	if (e) {
		routes_close(s);
		return e;
	}
	routes_each_second(s); /* the first sample */
	return ERR_OK;
}

void routes_close(struct services *s)
{
	spool_view_close(s->spool_view);
	s->spool_view = NULL;
	store_view_close(s->store_view);
	s->store_view = NULL;
	rates_fini(&s->rates);
}

/* ---- what reads have in common ---- */

const char *routes_parameter(const struct http_request *rq, const char *name)
{
	const char *value = http_parameter(rq, name);

	return value && *value ? value : NULL;
}

const char *routes_rest(const struct http_request *rq)
{
	const char *rest = http_rest(rq);

	return rest && *rest ? rest : NULL;
}

void routes_read_failed(struct http_request *rq, enum err e, const struct errbuf *eb)
{
	http_fail(rq, e == ERR_NOMEM ? 503 : 500, e == ERR_NOMEM ? "overloaded" : "internal", NULL, "%s", eb->text);
}

static bool bad(struct http_request *rq, const char *name, const char *value, const char *what, const char *hint)
{
	http_fail(rq, 400, "bad_parameter", hint, "%s=%.100s %s", name, value, what);
	return false;
}

/* The smallest round step that gives at most BUCKETS_WISHED buckets. */
static int64_t round_step(int64_t span_ns)
{
	static const int64_t steps_s[] = { 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600,
		43200, 86400, 172800, 604800, 2592000, 7776000, 31536000 };
	size_t n = sizeof steps_s / sizeof *steps_s;

	for (size_t i = 0; i < n; i++)
		if (span_ns / (steps_s[i] * NS_PER_S) < BUCKETS_WISHED)
			return steps_s[i] * NS_PER_S;
	return steps_s[n - 1] * NS_PER_S;
}

bool routes_time(struct http_request *rq, const char *name, const char *text, int64_t now_ns, int64_t *out)
{
	if (!text || timetext_parse(view_of(text), now_ns, out))
		return true;
	return bad(rq, name, text, "is not a time",
	    "write 2026-01-31T12:00:00Z, seconds or milliseconds since the epoch, or -1h");
}

bool routes_grid_read(struct http_request *rq, struct routes_grid *g)
{
	const char *step = http_parameter(rq, "step");
	int64_t now = clock_wall_ns(), span;
	/* two centuries on either side of the epoch, so that no sum below overflows */
	const int64_t end = INT64_C(200) * 365 * 86400 * NS_PER_S;

	g->to_ns = now;
	if (!routes_time(rq, "to", routes_parameter(rq, "to"), now, &g->to_ns))
		return false;
	g->from_ns = (g->to_ns > -end ? g->to_ns : -end) - 3600 * NS_PER_S;
	if (!routes_time(rq, "from", routes_parameter(rq, "from"), now, &g->from_ns))
		return false;
	if (g->from_ns < -end || g->to_ns > end || __builtin_sub_overflow(g->to_ns, g->from_ns, &span)) {
		http_fail(rq, 400, "bad_parameter", NULL, "from and to must lie between 1770 and 2169");
		return false;
	}
	if (span <= 0) {
		http_fail(rq, 400, "bad_parameter", "from is included, to is not; without them it is the last hour",
		    "from must be before to");
		return false;
	}
	g->step_ns = round_step(span);
	if (step && *step && (!num_parse_duration_ns(view_of(step), &g->step_ns) || g->step_ns <= 0))
		return bad(rq, "step", step, "is not a duration", "write 10s, 1m, 1h or 1d");
	if (g->step_ns < NS_PER_MS)
		return bad(rq, "step", step, "is too small", "1ms is the smallest step");
	if (g->step_ns > end)
		return bad(rq, "step", step, "is too large", "write 10s, 1m, 1h or 1d");
	if (span / g->step_ns + 2 >= READ_BUCKETS_MAX) {
		char hint[80];
		snprintf(hint, sizeof hint, "a step of %llds would do", (long long)(round_step(span) / NS_PER_S));
		http_fail(rq, 400, "bad_parameter", hint, "that would be %lld buckets, more than %d",
		    (long long)(span / g->step_ns), READ_BUCKETS_MAX - 2);
		return false;
	}
	return true;
}

bool routes_limit(struct http_request *rq, unsigned standard, unsigned max, unsigned *out)
{
	const char *text = http_parameter(rq, "limit");
	uint64_t n = standard;

	if (text && *text && (!num_parse_u64(view_of(text), &n) || n < 1 || n > max)) {
		http_fail(rq, 400, "bad_parameter", NULL, "limit=%.40s is not a number from 1 to %u", text, max);
		return false;
	}
	*out = (unsigned)n;
	return true;
}

bool routes_percentiles(struct http_request *rq, double ranks[READ_PERCENTILES_MAX], unsigned *count)
{
	const char *text = http_parameter(rq, "percentiles");
	char copy[256], *save = NULL;
	double v;

	*count = 0;
	if (!text || !*text)
		return true;
	snprintf(copy, sizeof copy, "%s", text);
	for (char *p = strtok_r(copy, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
		if (*count == READ_PERCENTILES_MAX || strlen(text) >= sizeof copy) {
			http_fail(rq, 400, "bad_parameter", NULL, "at most %d percentiles can be asked for at a time",
			    READ_PERCENTILES_MAX);
			return false;
		}
		if (!num_parse_double(view_of(p), &v) || !(v > 0 && v <= 100))
			return bad(
			    rq, "percentiles", text, "are not numbers above 0 and up to 100", "write 50,95,99.9");
		ranks[(*count)++] = v;
	}
	return true;
}

const char *routes_percentiles_kind(bool sketched)
{
	return sketched ? "sketch" : "exact";
}

void routes_one_bucket(struct read_request *q)
{
	const int64_t day = 86400 * NS_PER_S;
	int64_t reach;

	if (q->from_ns < 0 && q->to_ns > 0)
		q->from_ns = 0;
	reach = q->to_ns > 0 ? q->to_ns : -q->from_ns;
	q->step_ns = (reach + day - 1) / day * day;
}

void routes_join_sources(struct read_result *r, const struct read_result *more)
{
	r->source |= more->source;
	if (!more->complete)
		read_result_not_complete(r, more->reason);
}

enum err routes_read_more(const struct services *s, const struct read_request *q, struct read_result *r,
    struct read_result *more, struct errbuf *eb)
{
	read_result_init(more, q);
	enum err e = reader_read(s->reader, q, more, eb);
	routes_join_sources(r, more);
	return e;
}

void routes_json_head(struct buf *b, const struct read_result *r)
{
	json_put_string(b, "source", read_source_name(r->source));
	json_put_bool(b, "complete", r->complete);
	json_put_string(b, "tier", r->tier);
	json_put_string_or_null(b, "reason", r->complete ? NULL : r->reason);
}

void routes_json_last(struct buf *b, const struct read_result *r, int64_t last_ns)
{
	json_put_time_ms(b, "last_ms", r->source & READ_SOURCE_RECORD ? 0 : last_ns);
}

void routes_json_grid(struct buf *b, const struct routes_grid *g, const struct read_result *r, unsigned skip)
{
	json_put_i64(b, "from_ms", g->from_ns / NS_PER_MS);
	json_put_i64(b, "to_ms", g->to_ns / NS_PER_MS);
	json_put_i64(b, "step_ms", g->step_ns / NS_PER_MS);
	json_open(b, "time_ms", '[');
	for (unsigned i = skip; i < r->buckets; i++)
		json_put_i64(b, NULL, (r->first_bucket_ns + (int64_t)i * r->step_ns) / NS_PER_MS);
	json_close(b, ']');
}
