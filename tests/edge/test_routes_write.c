#include <criterion/criterion.h>
#include <libdeflate.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "support/edge_stand.h"

static struct edge_stand e;

static void start(void)
{
	edge_stand_open(&e, NULL, false, false);
}

static void end(void)
{
	edge_stand_close(&e);
}

TestSuite(routes_write, .init = start, .fini = end, .timeout = 60);

struct row {
	const char *target, *body;
	int status;
	const char *answer; /* NULL: none */
};

static void expect(const struct row *row)
{
	struct reply r = client_request(e.port, "POST", row->target, "", row->body, strlen(row->body));
	char h[256];

	cr_expect_eq(r.status, row->status, "%s: %d %s", row->target, r.status, r.body);
	cr_expect_str_eq(r.body ? r.body : "", row->answer ? row->answer : "");
	cr_expect_str_eq(reply_header(&r, "Content-Type", h), "application/json");
	cr_expect_str_eq(reply_header(&r, "X-Influxdb-Build", h), "OSS");
	cr_expect_str_neq(reply_header(&r, "Request-Id", h), "");
	cr_expect_eq(*reply_header(&r, "X-Influxdb-Error", h) != 0, row->status != 204, "%s", row->target);
	reply_free(&r);
}

/* Bodies as InfluxDB 1.6.7 answered them. */
Test(routes_write, answers_are_those_of_influxdb_1x)
{
	static const struct row rows[] = {
		{ "/write?db=metrics", "m v=1 1700000000000000000\n", 204, NULL },
		{ "/write?db=metrics", "", 204, NULL },
		{ "/write?db=metrics&precision=q", "m v=1 1700000000000000000", 204, NULL },
		{ "/write?db=metrics&rp=", "m v=1 1700000000000000000", 204, NULL },
		{ "/write?db=metrics&rp=autogen&consistency=all", "m v=1 1700000000000000000", 204, NULL },
		{ "/write?db=metrics&rp=default", "m v=1 1700000000000000000", 204, NULL },
		{ "/write", "m v=1", 400, "{\"error\":\"database is required\"}\n" },
		{ "/write?db=", "m v=1", 400, "{\"error\":\"database is required\"}\n" },
		{ "/write?db=nope", "m v=1", 404, "{\"error\":\"database not found: \\\"nope\\\"\"}\n" },
		{ "/write?db=metrics&rp=zz", "m v=1", 500, "{\"error\":\"retention policy not found: zz\"}\n" },
		{ "/write?db=metrics", "m", 400, "{\"error\":\"unable to parse 'm': missing fields\"}\n" },
		{ "/write?db=metrics", "m v=1\nbad\n", 400,
		    "{\"error\":\"partial write: unable to parse 'bad': missing fields dropped=0\"}\n" },
		{ "/api/v1/write", "m v=1 1700000000000000000", 204, NULL },
		{ "/api/v1/write?db=nope", "m v=1", 404, "{\"error\":\"database not found: \\\"nope\\\"\"}\n" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		expect(&rows[i]);
}

Test(routes_write, answers_of_the_2x_path_have_its_form)
{
	static const struct row rows[] = {
		{ "/api/v2/write?org=o&bucket=metrics", "m v=1 1700000000000000000", 204, NULL },
		{ "/api/v2/write?bucket=metrics/autogen&precision=s", "m v=1 1700000000", 204, NULL },
		{ "/api/v2/write?bucket=metrics/", "m v=1", 204, NULL },
		{ "/api/v2/write", "m v=1", 400, "{\"code\":\"invalid\",\"message\":\"bucket is required\"}\n" },
		{ "/api/v2/write?bucket=nope", "m v=1", 404,
		    "{\"code\":\"not found\",\"message\":\"database not found: \\\"nope\\\"\"}\n" },
		{ "/api/v2/write?bucket=metrics/zz", "m v=1", 404,
		    "{\"code\":\"not found\",\"message\":\"retention policy not found: zz\"}\n" },
		{ "/api/v2/write?bucket=metrics&precision=h", "m v=1", 400,
		    "{\"code\":\"invalid\",\"message\":\"precision must be ns, us, ms or s, not h\"}\n" },
		{ "/api/v2/write?bucket=metrics", "m", 400,
		    "{\"code\":\"invalid\",\"message\":\"unable to parse 'm': missing fields\"}\n" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		expect(&rows[i]);
}

Test(routes_write, precisions_scale_the_timestamp)
{
	static const struct {
		const char *precision, *time;
	} rows[] = { { "n", "1699999200000000000" }, { "ns", "1699999200000000000" }, { "u", "1699999200000000" },
		{ "us", "1699999200000000" }, { "%C2%B5", "1699999200000000" }, { "ms", "1699999200000" },
		{ "s", "1699999200" }, { "m", "28333320" }, { "h", "472222" } };
	const int64_t at = INT64_C(1699999200) * NS_PER_S;
	char target[96], line[96];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(target, sizeof target, "/write?db=metrics&precision=%s", rows[i].precision);
		snprintf(line, sizeof line, "p,n=%zu v=1 %s\n", i, rows[i].time);
		expect(&(struct row){ target, line, 204, NULL });
	}
	struct stand_total t = stand_total(&e.stand, "p", "v", at, at + 1);
	cr_expect_eq(t.count, sizeof rows / sizeof *rows, "%lu", (unsigned long)t.count);
}

Test(routes_write, gzip_is_kept_whole_and_broken_gzip_not_at_all)
{
	const char *lines = "z v=1 1700000000000000001\nz v=2 1700000000000000002\n";
	struct libdeflate_compressor *c = libdeflate_alloc_compressor(6);
	char out[1024];
	size_t n = libdeflate_gzip_compress(c, lines, strlen(lines), out, sizeof out);

	libdeflate_free_compressor(c);
	struct reply r = client_request(e.port, "POST", "/write?db=metrics", "Content-Encoding: gzip\r\n", out, n - 9);
	cr_expect_eq(r.status, 400);
	cr_expect(strstr(r.body, "{\"error\":\"") == r.body, "%s", r.body);
	reply_free(&r);
	const int64_t at = INT64_C(1700000000) * NS_PER_S;
	cr_expect_eq(stand_total(&e.stand, "z", "v", at, at + NS_PER_S).count, 0);
	r = client_request(e.port, "POST", "/write?db=metrics", "Content-Encoding: gzip\r\n", out, n);
	cr_expect_eq(r.status, 204);
	reply_free(&r);
	cr_expect_eq(stand_total(&e.stand, "z", "v", at, at + NS_PER_S).sum, 3);
}

Test(routes_write, long_error_texts_arrive_whole)
{
	char body[6000] = "", h[256];

	for (int i = 0; i < 60; i++)
		strcat(body, "a_line_without_any_field,but=with,some=tags,to=make,it=longer_than_usual,and=so_on\n");
	struct reply r = client_request(e.port, "POST", "/write?db=metrics", "", body, strlen(body));
	cr_expect_eq(r.status, 400);
	cr_expect_gt(r.body_len, 1500);
	cr_expect(r.whole);
	cr_expect_str_neq(reply_header(&r, "X-Influxdb-Error", h), "");
	json_t *root = json_loadb(r.body, r.body_len, 0, NULL);
	cr_expect(json_is_string(json_object_get(root, "error")));
	json_decref(root);
	reply_free(&r);
}

Test(routes_write, other_methods_are_refused)
{
	struct reply r = client_request(e.port, "GET", "/write?db=metrics", "", NULL, 0);
	char h[256];

	cr_expect_eq(r.status, 405);
	cr_expect_str_eq(reply_header(&r, "Allow", h), "OPTIONS, POST");
	reply_free(&r);
	r = client_request(e.port, "OPTIONS", "/write", "", NULL, 0);
	cr_expect_eq(r.status, 200); /* as InfluxDB does */
	reply_free(&r);
}

Test(routes_write, ping_is_204_with_the_version_and_verbose_says_it)
{
	static const char *const methods[] = { "GET", "HEAD" };
	char h[256];

	for (int i = 0; i < 2; i++) {
		struct reply r = client_request(e.port, methods[i], "/ping", "", NULL, 0);
		cr_expect_eq(r.status, 204);
		cr_expect_str_eq(reply_header(&r, "X-Influxdb-Version", h), HTTP_INFLUX_VERSION);
		reply_free(&r);
	}
	json_t *root = edge_stand_get(&e, "/ping?verbose=true", 200);
	cr_expect_str_eq(json_string_value(edge_stand_at(root, "version")), HTTP_INFLUX_VERSION);
	json_decref(root);
}
