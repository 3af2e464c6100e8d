#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/counter.h"
#include "support/edge_stand.h"

static struct edge_stand e;

static void start(void)
{
	static const struct stand_opts opts = { .create_databases = true };

	edge_stand_open(&e, &opts, false, false);
	stand_write(
	    &e.stand, "cpu,host=a v=1.5 1700000000000000000\ncpu,host=b v=2 1700000000000000000\nmem,host=a n=1i 1\n");
}

static void end(void)
{
	edge_stand_close(&e);
}

TestSuite(routes_query, .init = start, .fini = end, .timeout = 120);

static void expect(
    const char *method, const char *target, const char *headers, const char *body, int status, const char *want)
{
	struct reply r = client_request(e.port, method, target, headers, body, body ? strlen(body) : 0);

	cr_expect_eq(r.status, status, "%s %s: %d", method, target, r.status);
	cr_expect(r.whole);
	cr_expect_str_eq(r.body, want, "%s %s: %s", method, target, r.body);
	reply_free(&r);
}

#define FORM "Content-Type: application/x-www-form-urlencoded\r\n"
#define MEASUREMENTS \
	"{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"measurements\",\"columns\":[\"name\"],\"values\":[[\"cpu\"]," \
	"[\"mem\"]]}]}]}\n"
#define DATABASES \
	"{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"databases\",\"columns\":[\"name\"],\"values\":[[\"metrics\"]]}]}]}\n"

Test(routes_query, parameters_come_from_address_form_and_parts)
{
	expect("GET", "/query?db=metrics&q=SHOW+MEASUREMENTS", "", NULL, 200, MEASUREMENTS);
	expect("POST", "/query?db=metrics&q=SHOW+MEASUREMENTS", "", "", 200, MEASUREMENTS);
	expect("POST", "/query?db=nope&q=x", FORM, "q=SHOW%20MEASUREMENTS&db=metrics", 200, MEASUREMENTS);
	expect("POST", "/query?db=metrics&q=SHOW+DATABASES", "Content-Type: multipart/form-data; boundary=B\r\n",
	    "--B\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\nSHOW MEASUREMENTS\r\n--B--\r\n", 200, DATABASES);
	expect("POST", "/query?db=metrics", "Content-Type: multipart/form-data; boundary=B\r\n",
	    "--B\r\nContent-Disposition: form-data; name=\"q\"; filename=\"f\"\r\n\r\nSHOW MEASUREMENTS\n\r\n--B--\r\n",
	    200, MEASUREMENTS);
	expect("GET", "/query?db=metrics&q=SHOW+MEASUREMENTS&u=a&p=b", "Authorization: Basic eDp5\r\n", NULL, 200,
	    MEASUREMENTS);
}

Test(routes_query, what_is_missing_or_wrong_is_told_as_influxdb_does)
{
	static const char missing[] = "{\"error\":\"missing required parameter \\\"q\\\"\"}\n";

	expect("GET", "/query", "", NULL, 400, missing);
	expect("GET", "/query?q=", "", NULL, 400, missing);
	expect("POST", "/query", "Content-Type: text/plain\r\n", "q=SHOW DATABASES", 400, missing);
	expect("GET", "/query?pretty=true", "", NULL, 400,
	    "{\n    \"error\": \"missing required parameter \\\"q\\\"\"\n}\n");
	expect("GET", "/query", "Accept: text/csv\r\n", NULL, 400, "error\n\"missing required parameter \"\"q\"\"\"\n");
	struct reply r = client_request(e.port, "GET", "/query?q=SELECT", "", NULL, 0);
	char h[256];
	cr_expect_eq(r.status, 400);
	cr_expect(strstr(r.body, "{\"error\":\"error parsing query: "), "%s", r.body);
	cr_expect(strstr(reply_header(&r, "X-Influxdb-Error", h), "error parsing query: "), "%s", h);
	reply_free(&r);
	expect("GET", "/query?q=SHOW+SERIES", "", NULL, 200,
	    "{\"results\":[{\"statement_id\":0,\"error\":\"database name required\"}]}\n");
	expect("GET", "/query?db=x&q=SHOW+SERIES", "", NULL, 200,
	    "{\"results\":[{\"statement_id\":0,\"error\":\"database not found: x\"}]}\n");
	expect("GET", "/query?db=metrics&rp=zz&q=SHOW+SERIES", "", NULL, 200,
	    "{\"results\":[{\"statement_id\":0,\"error\":\"retention policy not found: zz\"}]}\n");
	expect("GET", "/query?q=SHOW+SERIES;SHOW+DATABASES", "", NULL, 200,
	    "{\"results\":[{\"statement_id\":0,\"error\":\"not executed\"}]}\n");
	expect("GET", "/query?q=;", "", NULL, 200, "{}\n");
}

Test(routes_query, methods_are_influxdbs)
{
	struct reply r = client_request(e.port, "OPTIONS", "/query", "", NULL, 0);

	cr_expect_eq(r.status, 200);
	reply_free(&r);
	int fd = client_connect(e.port);
	client_say(fd, "HEAD /query?q=SHOW+DATABASES HTTP/1.1\r\nHost: localhost\r\n\r\n");
	r = client_receive(fd, 20000, true);
	cr_expect_eq(r.status, 405);
	reply_free(&r);
	close(fd);
	r = client_request(e.port, "DELETE", "/query?q=SHOW+DATABASES", "", NULL, 0);
	cr_expect_eq(r.status, 405);
	reply_free(&r);
}

Test(routes_query, a_get_creates_nothing)
{
	expect("GET", "/query?q=CREATE+DATABASE+other", "", NULL, 200,
	    "{\"results\":[{\"statement_id\":0,\"error\":\"CREATE DATABASE needs a POST request\"}]}\n");
	expect("GET", "/query?q=SHOW+DATABASES", "", NULL, 200, DATABASES);
	expect("GET", "/query?q=CREATE+DATABASE+metrics", "", NULL, 200,
	    "{\"results\":[{\"statement_id\":0,\"messages\":[{\"level\":\"warning\",\"text\":\"deprecated use of 'CREATE DATABASE "
	    "metrics' in a read only context, please use a POST request instead\"}]}]}\n");
	expect("POST", "/query?q=CREATE+DATABASE+other", "", "", 200, "{\"results\":[{\"statement_id\":0}]}\n");
	expect("POST", "/write?db=other", "", "m v=1", 204, "");
}

Test(routes_query, headers_tell_the_source)
{
	struct reply r = client_request(e.port, "GET", "/query?db=metrics&q=SHOW+SERIES;SHOW+SERIES+ON+x", "", NULL, 0);
	char h[256];

	cr_expect_str_eq(reply_header(&r, "X-Holdfast-Source", h), "local");
	cr_expect_str_eq(reply_header(&r, "X-Holdfast-Complete", h), "yes");
	cr_expect_str_eq(reply_header(&r, "X-Holdfast-Tier", h), "raw");
	cr_expect_str_eq(reply_header(&r, "X-Holdfast-Error", h), "database not found: x");
	cr_expect_str_eq(reply_header(&r, "Content-Type", h), "application/json");
	cr_expect(*reply_header(&r, "X-Influxdb-Version", h));
	cr_expect(*reply_header(&r, "Request-Id", h));
	reply_free(&r);
}

Test(routes_query, the_own_form_holds_them_in_the_body)
{
	json_t *root = edge_stand_get(&e, "/api/v1/query?q=SHOW+MEASUREMENTS", 200);

	cr_expect_str_eq(json_string_value(edge_stand_at(root, "source")), "local");
	cr_expect(json_is_true(edge_stand_at(root, "complete")));
	cr_expect_str_eq(json_string_value(edge_stand_at(root, "results.0.series.0.values.1.0")), "mem");
	json_decref(root);
	root = edge_stand_get(&e, "/api/v1/query?q=SHOW+FOO", 400);
	cr_expect_str_eq(json_string_value(edge_stand_at(root, "error.code")), "bad_parameter");
	json_decref(root);
}

/* Enough series that the answer is longer than what is gathered. */
static void many_series(void)
{
	static char lines[400000];
	size_t n = 0;

	for (int i = 0; i < 9000; i++)
		n += (size_t)snprintf(lines + n, sizeof lines - n, "many,host=a-rather-long-name-%05d v=1 1\n", i);
	stand_write(&e.stand, lines);
}

static json_t *parse(const char *body, size_t len, size_t rows)
{
	json_error_t error;
	json_t *root = json_loadb(body, len, 0, &error);

	cr_assert(root != NULL, "%s", error.text);
	cr_expect_eq(json_array_size(edge_stand_at(root, "results.0.series.0.values")), rows);
	return root;
}

Test(routes_query, a_long_answer_is_streamed_and_has_trailers)
{
	FILE *p;
	static char text[1 << 20];
	char command[256];

	many_series();
	/* curl reads chunks and trailers */
	snprintf(command, sizeof command,
	    "curl -s -D /dev/stderr 'http://127.0.0.1:%u/query?db=metrics&q=SHOW+SERIES+FROM+many' 2>/dev/null",
	    e.port);
	p = popen(command, "r"); /* NOLINT: a test's own command */
	size_t n = fread(text, 1, sizeof text, p);
	pclose(p);
	cr_assert(n > 300000);
	json_decref(parse(text, n, 9000));
	cr_expect_eq(counter_get(COUNTER_QUERY_OK), 1);
}

Test(routes_query, answers_are_packed_for_those_who_take_it)
{
	static char plain[1 << 20], packed[1 << 20];
	char command[256], h[256];
	struct reply r = client_request(
	    e.port, "GET", "/query?db=metrics&q=SHOW+SERIES", "Accept-Encoding: gzip\r\n", NULL, 0);

	cr_expect_str_eq(reply_header(&r, "Content-Encoding", h), "", "a short answer");
	reply_free(&r);
	many_series();
	for (int limit = 100; limit <= 9000; limit += 8900) {
		snprintf(command, sizeof command, "/query?db=metrics&q=SHOW+SERIES+FROM+many+LIMIT+%d", limit);
		char line[400];
		snprintf(line, sizeof line, "curl -s 'http://127.0.0.1:%u%s'", e.port, command);
		FILE *p = popen(line, "r");
		size_t n = fread(plain, 1, sizeof plain, p), k;
		pclose(p);
		snprintf(line, sizeof line,
		    "curl -s -H 'Accept-Encoding: deflate, gzip;q=1.0' 'http://127.0.0.1:%u%s' | gzip -dc", e.port,
		    command);
		p = popen(line, "r");
		k = fread(packed, 1, sizeof packed, p);
		pclose(p);
		cr_assert_eq(n, k, "%zu and %zu bytes", n, k);
		cr_expect(memcmp(plain, packed, n) == 0);
		json_decref(parse(plain, n, (size_t)limit));
	}
	r = client_request(
	    e.port, "GET", "/query?db=metrics&q=SHOW+SERIES+LIMIT+100", "Accept-Encoding: gzip;q=0\r\n", NULL, 0);
	cr_expect_str_eq(reply_header(&r, "Content-Encoding", h), "");
	cr_expect_str_eq(reply_header(&r, "Vary", h), "Accept-Encoding");
	reply_free(&r);
}

Test(routes_query, more_rows_than_allowed_are_an_error)
{
	struct errbuf eb;

	engine_free(e.engine);
	struct engine_opts opts = { .local = e.stand.local, .catalogue = e.stand.catalogue, .query_max_rows = 1 };
	cr_assert_eq(engine_new(&e.engine, &opts, &eb), ERR_OK);
	e.services.engine = e.engine;
	expect("GET", "/query?db=metrics&q=SHOW+MEASUREMENTS", "", NULL, 200,
	    "{\"results\":[{\"statement_id\":0,\"error\":\"the answer has more than 1 rows ([query] max_rows); ask for a shorter range, "
	    "fewer series, or use LIMIT\"}]}\n");
}
