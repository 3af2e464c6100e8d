#include <criterion/criterion.h>
#include <sqlite3.h>
#include <string.h>

#include "base/clock.h"
#include "support/edge_stand.h"

static struct edge_stand e;

static void end(void)
{
	edge_stand_close(&e);
}

TestSuite(routes_status, .fini = end, .timeout = 60);

static json_int_t number(json_t *root, const char *path)
{
	json_t *at = edge_stand_at(root, path);

	cr_assert(json_is_integer(at), "%s is no whole number", path);
	return json_integer_value(at);
}

static const char *text(json_t *root, const char *path)
{
	json_t *at = edge_stand_at(root, path);

	cr_assert(json_is_string(at), "%s is no text", path);
	return json_string_value(at);
}

static enum err run_sql(struct spool *s, void *arg, struct errbuf *eb)
{
	char *why = NULL;
	enum err e1 = sqlite3_exec(spool_db(s), arg, NULL, NULL, &why) == SQLITE_OK ? ERR_OK : ERR_IO;

	if (e1)
		errbuf_set(eb, e1, "%s", why);
	sqlite3_free(why);
	return e1;
}

static void sql(const char *statements)
{
	struct errbuf eb;

	cr_assert_eq(
	    committer_call(e.stand.committer, run_sql, (void *)(uintptr_t)statements, &eb), ERR_OK, "%s", eb.text);
}

Test(routes_status, fresh_appliance_is_well_and_every_member_is_there)
{
	static const char *const members[] = { "version", "host", "now_ms", "started_ms", "uptime_s", "state",
		"summary", "detail", "process.cpu_s", "process.memory_bytes", "process.memory_peak_bytes",
		"collect.enabled", "collect.interval_s", "collect.last_ms", "collect.values_per_s", "collect.failing",
		"collect.collectors", "ingest.points_total", "ingest.values_total", "ingest.values_per_s",
		"ingest.rejected_total", "ingest.rejected.0.reason", "ingest.rejected.0.points", "ingest.commit_ms",
		"ingest.queue_bytes", "ingest.refused_requests_total", "series.count", "series.max",
		"series.nearest.limit", "spool.bytes", "spool.max_bytes", "spool.file_bytes", "spool.points",
		"spool.rows", "spool.first_seq", "spool.last_seq", "spool.oldest_ms", "spool.newest_ms",
		"spool.writable", "spool.error", "disk.free_bytes", "disk.reserve_bytes", "disk.full",
		"recovery.spool.state", "recovery.spool.file", "recovery.spool.rows", "recovery.spool.points",
		"recovery.spool.lost_rows", "recovery.spool.lost_points", "recovery.spool.old_rows",
		"recovery.spool.at_seq", "recovery.spool.last_seq", "recovery.spool.started_ms",
		"recovery.spool.ended_ms", "recovery.spool.error", "recovery.store.state", "recovery.store.file",
		"recovery.store.blocks", "recovery.store.points", "recovery.store.lost_blocks",
		"recovery.store.lost_points", "recovery.store.old_blocks", "recovery.store.done_bytes",
		"recovery.store.file_bytes", "recovery.store.started_ms", "recovery.store.ended_ms",
		"recovery.store.error", "check.spool.state", "check.spool.rows", "check.spool.bad_rows",
		"check.spool.restart_mends", "check.spool.took_s", "check.spool.error", "check.store.state",
		"check.store.blocks", "check.store.bytes", "check.store.bad_blocks", "check.store.restart_mends",
		"check.store.took_s", "check.store.error", "head.bytes", "head.max_bytes", "head.points", "head.series",
		"head.from_seq", "gaps", "replication.targets" };

	edge_stand_open(&e, NULL, false, false);
	json_t *root = edge_stand_get(&e, "/api/v1/status", 200);
	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		edge_stand_at(root, members[i]);
	cr_expect_str_eq(text(root, "state"), "ok");
	cr_expect_str_eq(text(root, "summary"), "All is well.");
	cr_expect_str_eq(text(root, "version"), "1.2.3");
	cr_expect_eq(json_array_size(edge_stand_at(root, "replication.targets")), 0);
	cr_expect(json_is_null(edge_stand_at(root, "spool.oldest_ms")));
	cr_expect(json_is_true(edge_stand_at(root, "spool.writable")));
	cr_expect_gt(number(root, "process.memory_bytes"), 100000);
	json_decref(root);
}

Test(routes_status, figures_follow_what_was_written)
{
	edge_stand_open(&e, NULL, false, false);
	stand_write(&e.stand, "m,a=1 v=1,w=2 1700000000000000000\nm,a=2 v=1 1700000001000000000\n");
	json_t *root = edge_stand_get(&e, "/api/v1/status", 200);
	cr_expect_eq(number(root, "ingest.points_total"), 2);
	cr_expect_eq(number(root, "ingest.values_total"), 3);
	cr_expect_eq(number(root, "spool.points"), 2);
	cr_expect_eq(number(root, "spool.rows"), 1);
	cr_expect_eq(number(root, "spool.oldest_ms"), 1700000000000);
	cr_expect_eq(number(root, "spool.newest_ms"), 1700000001000);
	cr_expect_eq(number(root, "head.points"), 2);
	cr_expect_eq(number(root, "head.series"), 2);
	json_decref(root);
}

Test(routes_status, rejected_points_are_told_by_reason)
{
	char message[1024];

	edge_stand_open(&e, NULL, false, false);
	cr_assert_eq(stand_try(&e.stand, "metrics", 1, "m v=1\nm v=\"text\"\n", message), ERR_OK);
	json_t *root = NULL;
	int64_t until = clock_mono_ns() + 10 * NS_PER_S;
	do { /* the figures of the last minute are renewed once a second */
		json_decref(root);
		root = edge_stand_get(&e, "/api/v1/status", 200);
	} while (strcmp(text(root, "state"), "ok") == 0 && clock_mono_ns() < until);
	cr_expect_eq(number(root, "ingest.rejected_total"), 1);
	cr_expect_str_eq(text(root, "state"), "warn");
	cr_expect(strstr(text(root, "detail"), "type_conflict") != NULL, "%s", text(root, "detail"));
	json_decref(root);
}

Test(routes_status, replication_down_is_told)
{
	edge_stand_open(&e, NULL, true, false);
	edge_stand_has_mirror = true;
	edge_stand_replicator.state = REPLICATOR_DOWN;
	edge_stand_replicator.since_ns = clock_wall_ns() - 725 * NS_PER_S;
	json_t *root = edge_stand_get(&e, "/api/v1/status", 200);
	cr_expect_str_eq(text(root, "state"), "warn");
	cr_expect_str_eq(text(root, "summary"), "InfluxDB has been down for 12 minutes. Nothing is lost.");
	cr_expect_str_eq(text(root, "replication.targets.0.state"), "down");
	cr_expect_str_eq(text(root, "replication.targets.0.breaker"), "closed");
	cr_expect_str_eq(text(root, "replication.targets.1.target"), "mirror:far");
	cr_expect_str_eq(text(root, "replication.targets.1.state"), "up");
	json_decref(root);
}

Test(routes_status, failing_collector_is_named)
{
	edge_stand_open(&e, NULL, false, true);
	edge_stand_collect = (struct collect_stats){ .last_ns = INT64_C(1700000000) * NS_PER_S,
		.values_per_s = 20.125,
		.count = 2,
		.collector = { { "cpu", true, 33, 80, "" }, { "pressure", false, 0, 10, "no \"such\" file" } } };
	json_t *root = edge_stand_get(&e, "/api/v1/status", 200);
	cr_expect_str_eq(text(root, "summary"), "The collector of pressure fails; all else is well.");
	cr_expect_str_eq(text(root, "collect.failing.0"), "pressure");
	cr_expect_str_eq(text(root, "collect.collectors.1.error"), "no \"such\" file");
	cr_expect(json_is_null(edge_stand_at(root, "collect.collectors.0.error")));
	cr_expect_eq(number(root, "collect.last_ms"), 1700000000000);
	json_decref(root);
}

Test(routes_status, gaps_are_listed_and_recent_ones_are_bad)
{
	char statement[300];

	edge_stand_open(&e, NULL, true, false);
	sql("INSERT INTO gap (at_ns, from_ns, to_ns, points, cause) VALUES (1000000000, 5000000, 6000000, 10, 'retention')");
	json_t *root = edge_stand_get(&e, "/api/v1/status", 200);
	cr_expect_str_eq(text(root, "state"), "ok"); /* long ago */
	cr_expect_eq(number(root, "gaps.0.points"), 10);
	json_decref(root);
	snprintf(statement, sizeof statement,
	    "INSERT INTO gap (at_ns, from_ns, to_ns, points, cause) VALUES (%lld, 7000000, 8000000, 20, 'spool_full')",
	    (long long)clock_wall_ns());
	sql(statement);
	root = edge_stand_get(&e, "/api/v1/status", 200);
	cr_expect_str_eq(text(root, "state"), "bad");
	cr_expect_str_eq(text(root, "summary"), "20 points of the last day were lost before delivery.");
	cr_expect_eq(number(root, "gaps.0.points"), 20);
	cr_expect_eq(number(root, "gaps.0.from_ms"), 7);
	cr_expect_str_eq(text(root, "gaps.0.cause"), "spool_full");
	cr_expect_eq(json_array_size(edge_stand_at(root, "gaps")), 2);
	json_decref(root);
}

Test(routes_status, health_is_ready)
{
	edge_stand_open(&e, NULL, false, false);
	json_t *root = edge_stand_get(&e, "/api/v1/health", 200);
	cr_expect_str_eq(text(root, "status"), "ok");
	cr_expect(json_is_true(edge_stand_at(root, "ready")));
	cr_expect(json_is_null(edge_stand_at(root, "reason")));
	json_decref(root);
	root = edge_stand_get(&e, "/health", 200);
	cr_expect_str_eq(text(root, "name"), "holdfast");
	cr_expect_str_eq(text(root, "status"), "pass");
	cr_expect_str_eq(text(root, "version"), "1.2.3");
	json_decref(root);
}

Test(routes_status, failed_commit_makes_it_unready_and_bad)
{
	char message[1024];

	edge_stand_open(&e, NULL, false, false);
	sql("CREATE TRIGGER no_more BEFORE INSERT ON spool BEGIN SELECT RAISE(ABORT, 'no more'); END");
	cr_assert_neq(stand_try(&e.stand, "metrics", 1, "m v=1\n", message), ERR_OK);
	json_t *root = edge_stand_get(&e, "/api/v1/health", 503);
	cr_expect(json_is_false(edge_stand_at(root, "ready")));
	cr_expect(json_is_string(edge_stand_at(root, "reason")));
	json_decref(root);
	root = edge_stand_get(&e, "/health", 503);
	cr_expect_str_eq(text(root, "status"), "fail");
	json_decref(root);
	root = edge_stand_get(&e, "/api/v1/status", 200);
	cr_expect_str_eq(text(root, "state"), "bad");
	cr_expect(json_is_false(edge_stand_at(root, "spool.writable")));
	cr_expect(json_is_string(edge_stand_at(root, "spool.error")));
	json_decref(root);
	struct reply r = client_request(e.port, "POST", "/write?db=metrics", "", "m v=1", 5);
	cr_expect_eq(r.status, 503);
	cr_expect(strstr(r.head, "\r\nRetry-After: 1\r\n") != NULL);
	reply_free(&r);
}

Test(routes_status, page_is_sent_packed_if_asked_and_not_twice)
{
	char tag[256], h[256], header[512];

	edge_stand_open(&e, NULL, false, false);
	struct reply r = client_request(e.port, "GET", "/", "", NULL, 0);
	cr_assert_eq(r.status, 200);
	cr_expect(strstr(r.body, "<!doctype html>") != NULL || strstr(r.body, "<!DOCTYPE html>") != NULL);
	cr_expect_str_eq(reply_header(&r, "Content-Security-Policy", h), "default-src 'self'");
	cr_expect_str_eq(reply_header(&r, "Cache-Control", h), "no-cache");
	cr_expect_str_neq(reply_header(&r, "ETag", tag), "");
	size_t plain = r.body_len;
	reply_free(&r);
	r = client_request(e.port, "GET", "/index.html", "Accept-Encoding: deflate, gzip\r\n", NULL, 0);
	cr_expect_str_eq(reply_header(&r, "Content-Encoding", h), "gzip");
	cr_expect_eq((unsigned char)r.body[0], 0x1f);
	cr_expect_neq(r.body_len, plain);
	reply_free(&r);
	r = client_request(e.port, "GET", "/", "Accept-Encoding: gzip;q=0, br\r\n", NULL, 0);
	cr_expect_str_eq(reply_header(&r, "Content-Encoding", h), "");
	reply_free(&r);
	snprintf(header, sizeof header, "If-None-Match: %s\r\n", tag);
	r = client_request(e.port, "GET", "/", header, NULL, 0);
	cr_expect_eq(r.status, 304);
	reply_free(&r);
	json_t *root = edge_stand_get(&e, "/no/such/file", 404);
	cr_expect_str_eq(text(root, "error.code"), "not_found");
	json_decref(root);
	json_decref(edge_stand_get(&e, "/../../etc/passwd", 404));
}
