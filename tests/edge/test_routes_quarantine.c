#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/counter.h"
#include "store/quarantine.h"
#include "support/client.h"
#include "support/edge_stand.h"

static struct edge_stand e;
static json_t *root;

static void start(void)
{
	root = NULL;
	edge_stand_open(&e, NULL, true, false);
}

static void end(void)
{
	json_decref(root);
	edge_stand_close(&e);
}

TestSuite(routes_quarantine, .init = start, .fini = end, .timeout = 60);

static enum err add_job(struct spool *s, void *arg, struct errbuf *eb)
{
	const struct quarantine_limits limits = { QUARANTINE_MAX_POINTS, QUARANTINE_MAX_BYTES };
	struct quarantine_change change = { 0 };

	return quarantine_add(spool_db(s), arg, &limits, &change, eb);
}

static void add(const char *target, int64_t at_ns, const char *database, const char *words, const char *line)
{
	struct quarantine_entry q = { .target = target,
		.database = database,
		.at_ns = at_ns,
		.status = 400,
		.reason = view_of(words),
		.line = view_of(line) };
	struct errbuf eb;

	cr_assert_eq(committer_call(e.stand.committer, add_job, &q, &eb), ERR_OK, "%s", eb.text);
}

static void add_three(void)
{
	add("influxdb", 1000000, "metrics", "partial write: field type conflict", "m v=1 1");
	add("mirror:gone", 2000000, "metrics", "unable to parse", "m v=2 2");
	add("influxdb", 3000000, "metrics", "sec\"ond\nline", "m\xff n");
}

static void get(const char *target, int status)
{
	json_decref(root);
	root = edge_stand_get(&e, target, status);
}

static struct reply post(const char *target, const char *form)
{
	return client_request(e.port, "POST", target, form ? "Content-Type: application/x-www-form-urlencoded\r\n" : "",
	    form ? form : "", form ? strlen(form) : 0);
}

static void expect_post(const char *target, const char *form, int status, const char *body)
{
	struct reply r = post(target, form);

	cr_expect_eq(r.status, status, "%s: %d %s", target, r.status, r.body);
	cr_expect(strstr(r.body, body), "%s: %s", target, r.body);
	reply_free(&r);
}

static json_int_t number(const char *path)
{
	json_t *at = edge_stand_at(root, path);

	cr_assert(json_is_integer(at), "%s is no whole number", path);
	return json_integer_value(at);
}

Test(routes_quarantine, the_newest_comes_first_page_by_page)
{
	get("/api/v1/quarantine", 200);
	cr_expect_eq(number("points"), 0);
	cr_expect_eq(json_array_size(edge_stand_at(root, "counts")), 0);
	add_three();
	get("/api/v1/quarantine?limit=1", 200);
	cr_expect_eq(number("points"), 3);
	cr_expect_eq(json_array_size(edge_stand_at(root, "entries")), 1);
	cr_expect_str_eq(edge_stand_text(root, "entries.0.reason"), "sec\"ond\nline");
	cr_expect_str_eq(edge_stand_text(root, "entries.0.reason_code"), "other");
	cr_expect_str_eq(edge_stand_text(root, "entries.0.line"), "m\xef\xbf\xbd n");
	cr_expect_eq(number("entries.0.at_ms"), 3);
	cr_expect_eq(number("entries.0.attempts"), 1);
	cr_expect_eq(number("next"), 3);
	get("/api/v1/quarantine?limit=2&after=3", 200);
	cr_expect_eq(json_array_size(edge_stand_at(root, "entries")), 2);
	cr_expect_str_eq(edge_stand_text(root, "entries.0.target"), "mirror:gone");
	cr_expect_str_eq(edge_stand_text(root, "entries.1.reason_code"), "type_conflict");
	cr_expect(json_is_null(edge_stand_at(root, "next")));
}

Test(routes_quarantine, counts_say_whose_target_is_not_configured)
{
	add_three();
	get("/api/v1/quarantine?target=nobody", 200);
	cr_expect_eq(json_array_size(edge_stand_at(root, "entries")), 0);
	cr_expect_eq(json_array_size(edge_stand_at(root, "counts")), 3, "of all, whatever the filter");
	cr_expect_str_eq(edge_stand_text(root, "counts.2.target"), "mirror:gone");
	cr_expect(json_is_false(edge_stand_at(root, "counts.2.configured")));
	cr_expect(json_is_true(edge_stand_at(root, "counts.0.configured")));
	cr_expect_eq(number("counts.2.points"), 1);
}

Test(routes_quarantine, filters_and_what_is_none)
{
	static const struct {
		const char *target;
		unsigned entries;
	} good[] = { { "?target=influxdb", 2 }, { "?reason=unparsable", 1 }, { "?reason=", 3 }, { "?db=metrics", 3 },
		{ "?db=other", 0 }, { "?from=1970-01-01T00:00:00.002Z", 2 }, { "?to=1970-01-01T00:00:00.002Z", 1 },
		{ "?target=influxdb&reason=other", 1 } };
	static const char *const bad[] = { "?limit=0", "?limit=-1", "?limit=x", "?limit=1001", "?after=0", "?after=x",
		"?reason=bad", "?from=never", "?to=x", "?all=yes", "?targets=influxdb" };
	char target[96];

	add_three();
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		snprintf(target, sizeof target, "/api/v1/quarantine%s", good[i].target);
		get(target, 200);
		cr_expect_eq(json_array_size(edge_stand_at(root, "entries")), good[i].entries, "%s", target);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(target, sizeof target, "/api/v1/quarantine%s", bad[i]);
		get(target, 400);
		cr_expect_str_eq(edge_stand_text(root, "error.code"), "bad_parameter", "%s", target);
	}
}

/* The whole answer of HTTP/1.0, where the body is not in chunks. */
static const char *get_whole(const char *target)
{
	static char answer[64 << 10];
	int fd = client_connect(e.port);
	size_t n = 0;
	ssize_t k;

	client_say(fd, "GET ");
	client_say(fd, target);
	client_say(fd, " HTTP/1.0\r\nHost: localhost\r\n\r\n");
	while ((k = recv(fd, answer + n, sizeof answer - 1 - n, 0)) > 0)
		n += (size_t)k;
	answer[n] = 0;
	close(fd);
	return answer;
}

Test(routes_quarantine, an_export_is_line_protocol_with_comments)
{
	add_three();
	const char *answer = get_whole("/api/v1/quarantine/export");
	cr_expect(strstr(answer, "Trailer: X-Holdfast-Complete, X-Holdfast-Points\r\n"), "%s", answer);
	cr_expect(
	    strstr(answer,
		"\r\n\r\n# type_conflict, refused 1970-01-01T00:00:00.001Z by influxdb: partial write: field type "
		"conflict\nm v=1 1\n"),
	    "%s", answer);
	cr_expect(strstr(answer, "by influxdb: sec\"ond line\nm\xff n\n"), "a comment is one line: %s", answer);
	answer = get_whole("/api/v1/quarantine/export?reason=poison");
	cr_expect(strstr(answer, "200 OK"));
	cr_expect_str_eq(strstr(answer, "\r\n\r\n"), "\r\n\r\n", "nothing is an empty file");
	add("influxdb", 4000000, "other", "x", "m v=1 1");
	get("/api/v1/quarantine/export", 400); /* lines of two databases in a file could not be told apart */
	answer = get_whole("/api/v1/quarantine/export?db=other");
	cr_expect(strstr(answer, ": x\nm v=1 1\n"), "%s", answer);
}

Test(routes_quarantine, nothing_changes_without_a_filter_or_all)
{
	add_three();
	expect_post("/api/v1/quarantine/drop", NULL, 400, "all=yes");
	expect_post("/api/v1/quarantine/replay", "", 400, "all=yes");
	expect_post("/api/v1/quarantine/drop?all=no", NULL, 400, "is not yes");
	expect_post("/api/v1/quarantine/drop?target=", NULL, 400, "all=yes");
	expect_post("/api/v1/quarantine/drop", "targets=influxdb", 400, "no parameter targets");
	get("/api/v1/quarantine", 200);
	cr_expect_eq(number("points"), 3);
	struct reply r = client_request(
	    e.port, "POST", "/api/v1/quarantine/drop?all=yes", "Origin: http://elsewhere.example\r\n", "", 0);
	cr_expect_eq(r.status, 403);
	reply_free(&r);
	get("/api/v1/quarantine/drop", 405);
}

Test(routes_quarantine, what_is_dropped_is_counted)
{
	add_three();
	expect_post("/api/v1/quarantine/drop?reason=unparsable", NULL, 200, "{\"dropped\":1}");
	expect_post("/api/v1/quarantine/drop", "target=influxdb&reason=other", 200, "{\"dropped\":1}");
	expect_post("/api/v1/quarantine/drop?all=yes", NULL, 200, "{\"dropped\":1}");
	expect_post("/api/v1/quarantine/drop?all=yes", NULL, 200, "{\"dropped\":0}");
	cr_expect_eq(counter_get(COUNTER_QUARANTINE_DROPPED_ASKED), 3);
}

Test(routes_quarantine, a_replay_marks_what_has_a_target_and_wakes_it)
{
	add_three();
	expect_post("/api/v1/quarantine/replay?all=yes", NULL, 202, "{\"marked\":2,\"not_configured\":1}");
	cr_expect_str_eq(edge_stand_asked, "replay influxdb;");
	expect_post("/api/v1/quarantine/replay?target=influxdb", NULL, 202, "{\"marked\":0,\"not_configured\":0}");
	get("/api/v1/quarantine", 200);
	cr_expect_eq(number("replay_points"), 2);
	cr_expect(json_is_true(edge_stand_at(root, "entries.0.replay_requested")));
	cr_expect(json_is_false(edge_stand_at(root, "entries.1.replay_requested")));
}

Test(routes_quarantine, metrics_have_all_reasons_of_each_target)
{
	add_three();
	struct reply r = client_request(e.port, "GET", "/metrics", "", NULL, 0);
	static const char *const lines[] = { "{target=\"influxdb\",reason=\"type_conflict\"} 1\n",
		"{target=\"influxdb\",reason=\"poison\"} 0\n", "{target=\"mirror:gone\",reason=\"unparsable\"} 1\n" };
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		cr_expect(strstr(r.body, lines[i]), "%s", lines[i]);
	reply_free(&r);
}
