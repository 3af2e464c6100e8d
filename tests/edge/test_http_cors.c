/* Which parameters a route takes, and what pages of other origins may do. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "edge/http.h"
#include "support/client.h"

static struct http *server;

static void show(struct http_request *rq, void *arg)
{
	const char *second = http_parameter_at(rq, "tag", 1);

	(void)arg;
	http_respond(rq, 200, "text/plain", view_of(second ? second : "none"));
}

static const struct http_route routes[] = { { HTTP_GET, "/none", show, false, HTTP_FORM_OWN, "" },
	{ HTTP_GET, "/some", show, true, HTTP_FORM_OWN, "from limit tag" },
	{ HTTP_GET | HTTP_POST, "/any", show, false, HTTP_FORM_INFLUX1, NULL },
	{ 0, NULL, NULL, false, HTTP_FORM_OWN, NULL } };

static uint16_t start(const char *origins)
{
	struct http_opts o = { .host = "127.0.0.1",
		.threads = 4,
		.max_body = 1 << 16,
		.max_queue = 1 << 20,
		.routes = routes,
		.cors_origins = origins };
	struct errbuf eb;

	cr_assert_eq(http_start(&server, &o, &eb), ERR_OK, "%s", eb.text);
	return http_port(server);
}

static void stop(void)
{
	http_stop(server);
	server = NULL;
}

TestSuite(http_cors, .fini = stop, .timeout = 30);

static void expect_refusal(uint16_t port, const char *target, const char *message, const char *hint)
{
	struct reply r = client_request(port, "GET", target, "", NULL, 0);

	cr_expect_eq(r.status, 400, "%s: %d", target, r.status);
	cr_expect(r.body && strstr(r.body, message), "%s: %s", target, r.body);
	cr_expect(r.body && strstr(r.body, hint), "%s: %s", target, r.body);
	reply_free(&r);
}

static int status_of(uint16_t port, const char *method, const char *target, const char *headers)
{
	struct reply r = client_request(port, method, target, headers, NULL, 0);
	int status = r.status;

	reply_free(&r);
	return status;
}

Test(http_cors, parameter_that_a_route_does_not_take_is_refused_by_name)
{
	uint16_t port = start(NULL);

	expect_refusal(port, "/none?x=1", "/none has no parameter x", "it takes none");
	expect_refusal(port, "/some?form=-1h", "/some has no parameter form", "did you mean from?");
	expect_refusal(port, "/some/deeper?from=1&zzzzzzzz=1", "no parameter zzzzzzzz", "known are: from limit tag");
	expect_refusal(port, "/some?limi=3&from=1", "no parameter limi", "did you mean limit?");
	cr_expect_eq(status_of(port, "GET", "/some?from=1&limit=2", ""), 200);
	cr_expect_eq(status_of(port, "HEAD", "/some?form=1", ""), 400);
	cr_expect_eq(status_of(port, "GET", "/none?", ""), 200);
	cr_expect_eq(status_of(port, "GET", "/any?whatever=1", ""), 200);
}

Test(http_cors, parameters_given_twice_are_both_there)
{
	uint16_t port = start(NULL);
	struct reply r = client_request(port, "GET", "/some?tag=a&from=1&tag=b%3Dc", "", NULL, 0);

	cr_expect_str_eq(r.body, "b=c");
	reply_free(&r);
	r = client_request(port, "GET", "/some?tag=a", "", NULL, 0);
	cr_expect_str_eq(r.body, "none");
	reply_free(&r);
}

static void expect_header(uint16_t port, const char *method, const char *headers, const char *name, const char *value)
{
	struct reply r = client_request(port, method, "/any", headers, NULL, 0);
	char have[256];

	cr_expect_str_eq(reply_header(&r, name, have), value, "%s %s: %s is %s", method, headers, name, have);
	reply_free(&r);
}

#define ALLOW_ORIGIN "Access-Control-Allow-Origin"
#define FROM(origin) "Origin: " origin "\r\n"
#define PREFLIGHT(origin, method) "Origin: " origin "\r\nAccess-Control-Request-Method: " method "\r\n"

Test(http_cors, nothing_is_allowed_unless_configured)
{
	uint16_t port = start("");

	expect_header(port, "GET", FROM("https://a.example"), ALLOW_ORIGIN, "");
	expect_header(port, "OPTIONS", PREFLIGHT("https://a.example", "GET"), ALLOW_ORIGIN, "");
	expect_header(port, "OPTIONS", PREFLIGHT("https://a.example", "GET"), "Access-Control-Allow-Methods", "");
	expect_header(port, "GET", FROM("https://a.example"), "Vary", "");
	cr_expect_eq(status_of(port, "POST", "/any", FROM("https://a.example")), 403);
}

Test(http_cors, pages_of_a_named_origin_may_read_and_write)
{
	uint16_t port = start("https://a.example, http://localhost:5173");

	expect_header(port, "GET", FROM("https://a.example"), ALLOW_ORIGIN, "https://a.example");
	expect_header(port, "GET", FROM("http://localhost:5173"), ALLOW_ORIGIN, "http://localhost:5173");
	expect_header(port, "GET", FROM("https://a.example"), "Vary", "Origin");
	expect_header(port, "GET", "", "Vary", "Origin");
	expect_header(port, "GET", FROM("https://a.example"), "Access-Control-Allow-Credentials", "");
	expect_header(port, "OPTIONS", PREFLIGHT("https://a.example", "POST"), "Access-Control-Allow-Methods",
	    "OPTIONS, GET, HEAD, POST");
	expect_header(port, "OPTIONS", PREFLIGHT("https://a.example", "POST"), "Access-Control-Max-Age", "600");
	cr_expect_eq(status_of(port, "POST", "/any", FROM("https://a.example") "Sec-Fetch-Site: cross-site\r\n"), 200);
}

Test(http_cors, pages_of_other_origins_stay_out)
{
	static const char *const others[] = { FROM("https://b.example"), FROM("https://a.example.evil"),
		FROM("https://a.exampl"), FROM("http://a.example"), FROM("null"), FROM(""), FROM("*"), FROM(",") };
	uint16_t port = start("https://a.example");

	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		expect_header(port, "GET", others[i], ALLOW_ORIGIN, "");
		cr_expect_neq(status_of(port, "POST", "/any", others[i]), 200, "%s", others[i]);
	}
	expect_header(port, "OPTIONS", PREFLIGHT("https://b.example", "POST"), "Access-Control-Allow-Methods", "");
}

Test(http_cors, with_a_star_any_page_may_read_and_none_write)
{
	uint16_t port = start("*");

	expect_header(port, "GET", FROM("https://b.example"), ALLOW_ORIGIN, "*");
	expect_header(port, "OPTIONS", PREFLIGHT("https://b.example", "POST"), "Access-Control-Allow-Methods",
	    "GET, HEAD, OPTIONS");
	cr_expect_eq(status_of(port, "POST", "/any", FROM("https://b.example")), 403);
	cr_expect_eq(status_of(port, "POST", "/any", FROM("*")), 403);
}

Test(http_cors, a_name_that_is_not_ours_is_refused_whatever_the_origin)
{
	uint16_t port = start("https://a.example *");
	int fd = client_connect(port);

	client_say(fd, "GET /any HTTP/1.1\r\nHost: evil.example\r\nOrigin: https://a.example\r\n\r\n");
	struct reply r = client_receive(fd, 5000, false);
	cr_expect_eq(r.status, 403);
	reply_free(&r);
}
