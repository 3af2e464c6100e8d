#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "support/edge_stand.h"

static struct edge_stand e;
static json_t *root;

static void end(void)
{
	json_decref(root);
	edge_stand_close(&e);
}

TestSuite(routes_replication, .fini = end, .timeout = 60);

static void get(const char *target)
{
	json_decref(root);
	root = edge_stand_get(&e, target, 200);
}

static void post(const char *target, int status)
{
	struct reply r = client_request(e.port, "POST", target, "", "", 0);

	cr_assert_eq(r.status, status, "%s: %d %s", target, r.status, r.body ? r.body : "");
	json_decref(root);
	root = json_loadb(r.body, r.body_len, 0, NULL);
	cr_assert(root != NULL);
	reply_free(&r);
}

static const char *text(const char *path)
{
	json_t *at = edge_stand_at(root, path);

	cr_assert(json_is_string(at), "%s is no text", path);
	return json_string_value(at);
}

static double figure(const char *path)
{
	json_t *at = edge_stand_at(root, path);

	cr_assert(json_is_number(at), "%s is no number", path);
	return json_number_value(at);
}

static bool is_null(const char *path)
{
	return json_is_null(edge_stand_at(root, path));
}

Test(routes_replication, without_targets_the_list_is_empty_and_there_is_nothing_to_control)
{
	edge_stand_open(&e, NULL, false, false);
	get("/api/v1/replication");
	cr_expect_eq(json_array_size(edge_stand_at(root, "targets")), 0);
	cr_expect(json_is_array(edge_stand_at(root, "verified")));
	cr_expect(is_null("verify"));
	post("/api/v1/replication/pause", 400);
	cr_expect_str_eq(text("error.hint"), "set url in [influxdb], or add a section [mirror \"name\"], and restart");
}

Test(routes_replication, every_figure_of_each_target_is_told)
{
	int64_t now = clock_wall_ns();

	edge_stand_open(&e, NULL, true, false);
	edge_stand_has_mirror = true;
	edge_stand_replicator = (struct replicator_stats){ .target = "influxdb",
		.state = REPLICATOR_HELD,
		.api = RECORD_API_2,
		.server_version = "2.7.12",
		.held_databases = 1,
		.since_ns = now - 725 * NS_PER_S,
		.cursor_seq = 7,
		.live_seq = 9,
		.delivered_points = 99,
		.sent_bytes = 1000,
		.requests = 12,
		.failed_requests = 4,
		.retries = 5,
		.lag_points = 321,
		.lag_bytes = 4000,
		.live_lag_points = 21,
		.live_lag_ns = NS_PER_S,
		.backlog_points = 300,
		.backlog_bytes = 3900,
		.replay_points = 3,
		.owed_points_estimate = 8,
		.owed_span_ns = 3600 * NS_PER_S,
		.lag_ns = 725 * NS_PER_S,
		.points_per_s = 12.5,
		.eta_ns = 90 * NS_PER_S,
		.write_latency_ns = 2 * NS_PER_MS,
		.write_latency_p99_ns = 30 * NS_PER_MS,
		.pace_points_per_s = 5000,
		.last_error_ns = now - NS_PER_S,
		.next_try_ns = now + 30 * NS_PER_S,
		.last_error = "HTTP 401: unauthorized",
		.quarantined_points = 2 };
	edge_stand_mirror.state = REPLICATOR_PAUSED;
	edge_stand_mirror.paused = true;
	edge_stand_mirror.eta_ns = -1;
	get("/api/v1/replication");
	cr_expect_str_eq(text("targets.0.target"), "influxdb");
	cr_expect_str_eq(text("targets.0.name"), "InfluxDB");
	cr_expect_str_eq(text("targets.0.kind"), "record");
	cr_expect_str_eq(text("targets.0.url"), "http://127.0.0.1:8086");
	cr_expect_str_eq(text("targets.0.api"), "2.x");
	cr_expect_str_eq(text("targets.0.state"), "held");
	cr_expect_str_eq(text("targets.0.breaker"), "closed");
	cr_expect_str_eq(text("targets.0.last_error"), "HTTP 401: unauthorized");
	cr_expect(strstr(text("targets.0.advice"), "[influxdb]") != NULL, "%s", text("targets.0.advice"));
	cr_expect(is_null("targets.0.last_ok_ms"));
	static const struct {
		const char *path;
		double value;
	} figures[] = { { "held_databases", 1 }, { "cursor_seq", 7 }, { "live_seq", 9 }, { "lag_points", 321 },
		{ "lag_bytes", 4000 }, { "lag_s", 725 }, { "live.points", 21 }, { "live.lag_s", 1 },
		{ "backlog.points", 300 }, { "backlog.bytes", 3900 }, { "replay.points", 3 },
		{ "owed.points_estimate", 8 }, { "owed.span_s", 3600 }, { "delivered_points_total", 99 },
		{ "points_per_s", 12.5 }, { "eta_s", 90 }, { "pace_points_per_s", 5000 }, { "latency_ms.p50", 2 },
		{ "latency_ms.p99", 30 }, { "requests_total", 12 }, { "failed_requests_total", 4 },
		{ "retries_total", 5 }, { "sent_bytes_total", 1000 }, { "quarantined_points", 2 } };
	for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
		char path[64];
		snprintf(path, sizeof path, "targets.0.%s", figures[i].path);
		cr_expect_eq(figure(path), figures[i].value, "%s: %g", path, figure(path));
	}
	cr_expect_str_eq(text("targets.1.target"), "mirror:far");
	cr_expect_str_eq(text("targets.1.name"), "the mirror far");
	cr_expect_str_eq(text("targets.1.kind"), "mirror");
	cr_expect_str_eq(text("targets.1.database"), "copies");
	cr_expect_str_eq(text("targets.1.state"), "paused");
	cr_expect(json_is_true(edge_stand_at(root, "targets.1.paused")));
	cr_expect(is_null("targets.1.api"));
	cr_expect(is_null("targets.1.eta_s"));
	cr_expect(is_null("targets.1.pace_points_per_s"));
	cr_expect(is_null("targets.1.latency_ms.p50"));
	cr_expect(is_null("targets.1.breaker"));
	cr_expect(is_null("targets.1.last_error"));
	cr_expect_eq(json_array_size(edge_stand_at(root, "targets.1.places")), 0);
}

Test(routes_replication, control_reaches_one_target_or_all)
{
	edge_stand_open(&e, NULL, true, false);
	edge_stand_has_mirror = true;
	post("/api/v1/replication/pause?target=mirror:far", 200);
	cr_expect_eq(json_array_size(edge_stand_at(root, "targets")), 2);
	post("/api/v1/replication/resume", 200);
	struct reply r = client_request(e.port, "POST", "/api/v1/replication/retry",
	    "Content-Type: application/x-www-form-urlencoded\r\n", "target=influxdb", 15);
	cr_expect_eq(r.status, 200);
	reply_free(&r);
	cr_expect_str_eq(edge_stand_asked, "pause mirror:far;resume influxdb;resume mirror:far;retry influxdb;", "%s",
	    edge_stand_asked);
}

Test(routes_replication, what_is_held_is_skipped_where_there_is_any)
{
	edge_stand_open(&e, NULL, true, false);
	edge_stand_has_mirror = true;
	post("/api/v1/replication/skip-held", 409);
	cr_expect_str_eq(text("error.code"), "conflict");
	edge_stand_mirror.state = REPLICATOR_HELD;
	post("/api/v1/replication/skip-held?target=influxdb", 409);
	post("/api/v1/replication/skip-held", 200);
	cr_expect_str_eq(edge_stand_asked, "skip-held mirror:far;");
}

Test(routes_replication, a_target_that_is_not_there_is_told_with_those_that_are)
{
	edge_stand_open(&e, NULL, true, false);
	edge_stand_has_mirror = true;
	post("/api/v1/replication/pause?target=mirror:fra", 404);
	cr_expect_str_eq(text("error.code"), "not_found");
	cr_expect_str_eq(text("error.message"), "there is no target mirror:fra");
	cr_expect_str_eq(text("error.hint"), "there are: influxdb, mirror:far");
	post("/api/v1/replication/pause?tarqet=x", 400);
	struct reply r = client_request(e.port, "POST", "/api/v1/replication/pause",
	    "Content-Type: application/x-www-form-urlencoded\r\n", "tarqet=x", 8);
	cr_expect_eq(r.status, 400); /* and not: all of them */
	reply_free(&r);
	cr_expect_str_eq(edge_stand_asked, "");
}

Test(routes_replication, control_is_a_post_of_no_other_site)
{
	edge_stand_open(&e, NULL, true, false);
	struct reply r = client_request(e.port, "GET", "/api/v1/replication/pause", "", NULL, 0);
	cr_expect_eq(r.status, 405);
	reply_free(&r);
	r = client_request(e.port, "POST", "/api/v1/replication/pause", "Origin: http://elsewhere.example\r\n", "", 0);
	cr_expect_eq(r.status, 403);
	reply_free(&r);
	cr_expect_str_eq(edge_stand_asked, "");
}

Test(routes_replication, figures_for_prometheus_carry_the_target)
{
	static const char *const lines[] = { "holdfast_replication_targets 2",
		"holdfast_replication_lag_points{target=\"influxdb\"} 5",
		"holdfast_replication_lag_seconds{target=\"influxdb\"} 2.5",
		"holdfast_replication_eta_seconds{target=\"influxdb\"} NaN",
		"holdfast_replication_state{target=\"influxdb\",state=\"down\"} 1",
		"holdfast_replication_state{target=\"influxdb\",state=\"up\"} 0",
		"holdfast_replication_state{target=\"mirror:far\",state=\"paused\"} 1",
		"holdfast_replication_write_latency_seconds{target=\"mirror:far\",quantile=\"0.99\"} 0.25",
		"holdfast_replication_points_per_second{target=\"mirror:far\"} 1.5",
		"holdfast_replication_requests_total{target=\"mirror:far\"} 3" };
	char line[200];

	edge_stand_open(&e, NULL, true, false);
	edge_stand_has_mirror = true;
	edge_stand_replicator.state = REPLICATOR_DOWN;
	edge_stand_replicator.lag_points = 5;
	edge_stand_replicator.lag_ns = 2500 * NS_PER_MS;
	edge_stand_replicator.eta_ns = -1;
	edge_stand_mirror.state = REPLICATOR_PAUSED;
	edge_stand_mirror.write_latency_p99_ns = 250 * NS_PER_MS;
	edge_stand_mirror.points_per_s = 1.5;
	edge_stand_mirror.requests = 3;
	struct reply r = client_request(e.port, "GET", "/metrics", "", NULL, 0);
	cr_assert_eq(r.status, 200);
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		snprintf(line, sizeof line, "\n%s\n", lines[i]);
		cr_expect(strstr(r.body, line) != NULL, "no %s", lines[i]);
	}
	reply_free(&r);
}
