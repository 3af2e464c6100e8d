/* What InfluxDB has, back into the local store: POST begins, GET tells, DELETE ends. */
#include <string.h>

#include "base/clock.h"
#include "base/timetext.h"
#include "edge/routes_internal.h"
#include "wire/json_write.h"

static void respond(struct http_request *rq, struct services *s, int status)
{
	struct backfill_stats t;
	struct buf b;

	backfill_stats(s->backfill, &t);
	buf_init(&b, ROUTES_JSON_MAX);
	json_open(&b, NULL, '{');
	json_put_string(&b, "state", backfill_state_name(t.state));
	json_put_time_ms(&b, "from_ms", t.from_ns);
	json_put_time_ms(&b, "to_ms", t.to_ns);
	json_put_string_or_null(&b, "measurement", t.measurement);
	json_put_u64(&b, "measurements", t.measurements);
	json_put_u64(&b, "measurements_done", t.measurements_done);
	json_put_time_ms(&b, "at_ms", t.at_ns);
	json_put_u64(&b, "points", t.points);
	json_put_u64(&b, "values", t.values);
	json_put_u64(&b, "old_points", t.old_points);
	json_put_u64(&b, "refused_values", t.refused_values);
	json_put_time_ms(&b, "started_ms", t.started_ns);
	json_put_time_ms(&b, "ended_ms", t.ended_ns);
	json_put_string_or_null(&b, "error", t.error);
	json_close(&b, '}');
	http_respond_json(rq, status, &b);
	buf_fini(&b);
}

static void begin(struct http_request *rq, struct services *s)
{
	int64_t now = clock_wall_ns(), from = now - s->retention_ns[TIER_RAW], to = now;
	const char *measurement = http_parameter(rq, "measurement");
	struct errbuf eb;

	if (!routes_time(rq, "from", routes_parameter(rq, "from"), now, &from) ||
	    !routes_time(rq, "to", routes_parameter(rq, "to"), now, &to))
		return;
	enum err e = backfill_begin(s->backfill, from, to, measurement, &eb);
	if (e == ERR_OK)
		respond(rq, s, 202);
	else if (e == ERR_EXISTS)
		http_fail(
		    rq, 409, "conflict", "GET /api/v1/backfill tells how far it is, DELETE ends it", "%s", eb.text);
	else
		http_fail(rq, e == ERR_INVALID ? 400 : 503, e == ERR_INVALID ? "bad_parameter" : "unavailable", NULL,
		    "%s", eb.text);
}

void routes_backfill(struct http_request *rq, void *arg)
{
	struct services *s = arg;

	if (!s->backfill) {
		http_fail(
		    rq, 400, "bad_parameter", "set url in [influxdb] and restart", "there is no InfluxDB to read from");
		return;
	}
	if (http_method(rq) == HTTP_POST) {
		begin(rq, s);
		return;
	}
	if (http_method(rq) == HTTP_DELETE)
		(void)backfill_cancel(s->backfill);
	respond(rq, s, 200);
}
