#include <criterion/criterion.h>
#include <string.h>

#include "base/clock.h"
#include "support/edge_stand.h"

static struct edge_stand e;

static void begin(void)
{
	struct stand_opts o = { .catalogue = { .measurement_series_max = 3, .series_max = 10 } };

	edge_stand_open(&e, &o, false, false);
}

static void end(void)
{
	edge_stand_close(&e);
}

TestSuite(routes_quality, .init = begin, .fini = end, .timeout = 60);

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

static void write_lines(const char *lines)
{
	char message[1024];

	cr_assert_eq(stand_try(&e.stand, "metrics", 1, lines, message), ERR_OK, "%s", message);
}

Test(routes_quality, a_fresh_one_has_every_member_and_nothing_in_it)
{
	static const char *const numbers[] = { "since_ms", "points_total", "values_total", "rejected_total",
		"late_points_total", "other_points", "series.count", "series.max", "series.measurements",
		"series.measurements_max", "series.nearest.have", "series.nearest.max" };
	json_t *q = edge_stand_get(&e, "/api/v1/quality", 200);

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		number(q, numbers[i]);
	cr_assert_eq(json_array_size(edge_stand_at(q, "offenders")), 0);
	cr_assert_eq(json_array_size(edge_stand_at(q, "recent")), 0);
	cr_assert_eq(json_array_size(edge_stand_at(q, "series.top")), 0);
	cr_assert_eq(json_array_size(edge_stand_at(q, "rejected")), REJECT_COUNT);
	cr_assert(json_is_null(edge_stand_at(q, "series.nearest.tag_values")));
	json_decref(q);
}

Test(routes_quality, the_growing_tag_is_named_and_no_value_of_it)
{
	int64_t now_ms = clock_wall_ns() / NS_PER_MS;

	write_lines(
	    "small v=1\nreq\\ uests,host=a,request_id=1 v=1,w=2\nreq\\ uests,host=a,request_id=2 v=1\n"
	    "req\\ uests,host=a,request_id=3 v=1\nreq\\ uests,host=a,request_id=hunter2 v=1,secret=\"hunter2\"\n"
	    "req\\ uests,host=a,request_id=hunter3 v=1\n");
	write_lines("small v=\"hunter2\"\nhunter2\n");
	struct reply r = client_request(e.port, "GET", "/api/v1/quality", "", NULL, 0);
	cr_assert_not(strstr(r.body, "hunter"), "%s", r.body);
	reply_free(&r);

	json_t *q = edge_stand_get(&e, "/api/v1/quality", 200);
	cr_expect_str_eq(text(q, "offenders.0.measurement"), "req uests");
	cr_expect_str_eq(text(q, "offenders.0.database"), "metrics");
	cr_expect_str_eq(text(q, "offenders.0.reason"), "too_many_series");
	cr_expect_str_eq(text(q, "offenders.0.example"), "req\\ uests,host=…,request_id=… v=…,secret=…");
	cr_expect(strstr(text(q, "offenders.0.error"), "whose tag \"request_id\" has 3 different values"));
	cr_expect(strstr(text(q, "offenders.0.error"), "[limits] series_per_measurement"));
	cr_expect_eq(number(q, "offenders.0.points"), 2);
	cr_expect_geq(number(q, "offenders.0.first_ms"), now_ms);
	cr_expect_geq(number(q, "offenders.0.last_ms"), number(q, "offenders.0.first_ms"));
	cr_expect_eq(json_array_size(edge_stand_at(q, "offenders")), 3);
	cr_expect_str_eq(text(q, "recent.0.reason"), "unparsable");
	cr_expect(json_is_null(edge_stand_at(q, "recent.0.measurement")));
	cr_expect(json_is_null(edge_stand_at(q, "recent.0.example")));
	cr_expect_str_eq(text(q, "recent.1.reason"), "type_conflict");
	cr_expect_eq(number(q, "recent.2.points"), 2);

	cr_expect_eq(number(q, "series.count"), 4);
	cr_expect_eq(number(q, "series.max"), 10);
	cr_expect_str_eq(text(q, "series.top.0.measurement"), "req uests");
	cr_expect_eq(number(q, "series.top.0.series"), 3);
	cr_expect_eq(number(q, "series.top.0.series_max"), 3);
	cr_expect_eq(number(q, "series.top.0.fields"), 2);
	cr_expect_str_eq(text(q, "series.top.0.tags.0.key"), "request_id");
	cr_expect_eq(number(q, "series.top.0.tags.0.values"), 3);
	cr_expect_str_eq(text(q, "series.top.0.tags.1.key"), "host");
	cr_expect_eq(number(q, "series.top.0.tags.1.series"), 3);
	cr_expect_str_eq(text(q, "series.top.1.measurement"), "small");
	cr_expect_str_eq(text(q, "series.nearest.limit"), "series_per_measurement");
	cr_expect_str_eq(text(q, "series.nearest.measurement"), "req uests");
	cr_expect_str_eq(text(q, "series.nearest.tag"), "request_id");
	json_decref(q);
}

Test(routes_quality, only_the_largest_measurements_are_listed_in_order)
{
	char lines[4096];
	size_t n = 0;

	edge_stand_close(&e);
	edge_stand_open(&e, NULL, false, false);
	for (unsigned m = 0; m < 30; m++) /* 1 to 5 series */
		for (unsigned s = 0; s <= m % 5; s++)
			n += (size_t)snprintf(lines + n, sizeof lines - n, "m%u,s=%u v=1\n", m, s);
	write_lines(lines);
	json_t *q = edge_stand_get(&e, "/api/v1/quality", 200);
	cr_assert_eq(json_array_size(edge_stand_at(q, "series.top")), 20);
	cr_assert_eq(number(q, "series.measurements"), 30);
	for (unsigned i = 0; i < 20; i++) {
		char path[64];
		snprintf(path, sizeof path, "series.top.%u.series", i);
		cr_assert_eq(number(q, path), 5 - i / 6, "%s", path);
	}
	json_decref(q);
}

Test(routes_quality, a_full_ceiling_is_the_status_sentence)
{
	write_lines("req,id=1 v=1\nreq,id=2 v=1\nreq,id=3 v=1\n");
	json_t *s = edge_stand_get(&e, "/api/v1/status", 200);
	cr_expect_str_eq(text(s, "state"), "warn");
	cr_expect_str_eq(text(s, "summary"), "req has all of its 3 series: new ones are refused.");
	cr_expect(strstr(text(s, "detail"), "Its tag id has 3 different values."));
	cr_expect_eq(number(s, "series.count"), 3);
	cr_expect_eq(number(s, "series.max"), 10);
	cr_expect_str_eq(text(s, "series.nearest.limit"), "series_per_measurement");
	cr_expect_eq(number(s, "series.nearest.have"), 3);
	json_decref(s);
}
