#include <criterion/criterion.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counter.h"
#include "edge/http.h"
#include "support/client.h"

enum { MAX_BODY = 100000, WAIT_MS = 20000 };

struct seen { /* what the handlers saw */
	pthread_mutex_t lock;
	unsigned calls;
	char body[MAX_BODY + 1];
	size_t len;
	char path[256], rest[64], parameter[64];
};

static struct seen seen = { .lock = PTHREAD_MUTEX_INITIALIZER };
static struct http *server;

static void take_body(struct http_request *rq, void *arg)
{
	struct view body;

	(void)arg;
	if (http_read_body(rq, &body) != ERR_OK)
		return;
	pthread_mutex_lock(&seen.lock);
	seen.calls++;
	seen.len = body.len;
	memcpy(seen.body, body.p, body.len);
	pthread_mutex_unlock(&seen.lock);
	http_respond(rq, 204, NULL, (struct view){ "", 0 });
}

static void show(struct http_request *rq, void *arg)
{
	const char *rest = http_rest(rq), *q = http_parameter(rq, "q");

	(void)arg;
	pthread_mutex_lock(&seen.lock);
	seen.calls++;
	snprintf(seen.path, sizeof seen.path, "%s", http_path(rq));
	snprintf(seen.rest, sizeof seen.rest, "%s", rest ? rest : "(none)");
	snprintf(seen.parameter, sizeof seen.parameter, "%s", q ? q : "(none)");
	pthread_mutex_unlock(&seen.lock);
	http_respond(rq, 200, "text/plain", view_of("hello"));
}

static void forget(struct http_request *rq, void *arg)
{
	(void)rq;
	(void)arg;
}

static void page(struct http_request *rq, void *arg)
{
	static char large[200000];

	(void)arg;
	memset(large, 'x', sizeof large);
	http_respond(rq, 200, "text/html", (struct view){ large, sizeof large });
}

static const struct http_route routes[] = {
	{ HTTP_POST, "/body", take_body, false, HTTP_FORM_OWN, NULL },
	{ HTTP_POST, "/influx", take_body, false, HTTP_FORM_INFLUX1, NULL },
	{ HTTP_GET, "/show", show, true, HTTP_FORM_OWN, NULL },
	{ HTTP_GET | HTTP_POST, "/both", show, false, HTTP_FORM_OWN, NULL },
	{ HTTP_GET, "/forget", forget, false, HTTP_FORM_OWN, NULL },
	{ HTTP_GET, "/page", page, false, HTTP_FORM_OWN, NULL },
	{ 0, NULL, NULL, false, HTTP_FORM_OWN, NULL },
};

static uint16_t start_with(struct http_opts o)
{
	struct errbuf eb;

	o.host = o.host ? o.host : "127.0.0.1";
	o.threads = o.threads ? o.threads : 4;
	o.max_body = MAX_BODY;
	o.max_queue = o.max_queue ? o.max_queue : 10 * MAX_BODY;
	o.routes = routes;
	cr_assert_eq(http_start(&server, &o, &eb), ERR_OK, "%s", eb.text);
	return http_port(server);
}

static uint16_t start(void)
{
	return start_with((struct http_opts){ 0 });
}

static void stop(void)
{
	http_stop(server);
	server = NULL;
}

static void expect(uint16_t port, const char *request, int status)
{
	int fd = client_connect(port);

	client_say(fd, request);
	struct reply r = client_receive(fd, WAIT_MS, false);
	cr_expect_eq(r.status, status, "%d instead of %d for\n%s", r.status, status, request);
	cr_expect(r.status == 0 || r.whole);
	reply_free(&r);
	close(fd);
}

static struct view packed(const void *p, size_t n, char *out, size_t room)
{
	struct libdeflate_compressor *c = libdeflate_alloc_compressor(6);
	size_t k = libdeflate_gzip_compress(c, p, n, out, room);

	libdeflate_free_compressor(c);
	cr_assert(k > 0);
	return (struct view){ out, k };
}

TestSuite(http, .fini = stop, .timeout = 120);

Test(http, get_answers_with_length_date_and_security_headers)
{
	uint16_t port = start();
	struct reply r = client_request(port, "GET", "/show", "", NULL, 0);
	char h[256];

	cr_expect_eq(r.status, 200);
	cr_expect_str_eq(r.body, "hello");
	cr_expect_str_eq(reply_header(&r, "Content-Length", h), "5");
	cr_expect_str_eq(reply_header(&r, "X-Content-Type-Options", h), "nosniff");
	cr_expect_str_eq(reply_header(&r, "X-Frame-Options", h), "DENY");
	cr_expect_str_eq(reply_header(&r, "Referrer-Policy", h), "no-referrer");
	cr_expect_str_eq(reply_header(&r, "Cache-Control", h), "no-store");
	cr_expect_str_eq(reply_header(&r, "Connection", h), "keep-alive");
	cr_expect_eq(strlen(reply_header(&r, "Date", h)), 29, "%s", h);
	cr_expect_str_eq(reply_header(&r, "Content-Security-Policy", h), "");
	reply_free(&r);
}

Test(http, date_is_that_of_the_clock)
{
	uint16_t port = start();
	char h[256];

	clock_fake(INT64_C(784111777) * NS_PER_S, clock_mono_ns());
	struct reply r = client_request(port, "GET", "/show", "", NULL, 0);
	clock_real();
	cr_expect_str_eq(reply_header(&r, "Date", h), "Sun, 06 Nov 1994 08:49:37 GMT");
	reply_free(&r);
}

Test(http, large_page_arrives_whole_with_its_policy)
{
	uint16_t port = start();
	struct reply r = client_request(port, "GET", "/page", "", NULL, 0);
	char h[256];

	cr_expect_eq(r.body_len, 200000);
	cr_expect(r.whole);
	cr_expect_str_eq(reply_header(&r, "Content-Security-Policy", h), "default-src 'self'");
	reply_free(&r);
}

Test(http, head_is_get_without_the_body)
{
	uint16_t port = start();
	int fd = client_connect(port);
	char h[256];

	client_say(fd, "HEAD /show HTTP/1.1\r\nHost: localhost\r\n\r\nGET /show HTTP/1.1\r\nHost: localhost\r\n\r\n");
	struct reply r = client_receive(fd, WAIT_MS, true);
	cr_expect_eq(r.status, 200);
	cr_expect_str_eq(reply_header(&r, "Content-Length", h), "5");
	reply_free(&r);
	r = client_receive(fd, WAIT_MS, false); /* what follows is the next answer: HEAD sent no body */
	cr_expect_eq(r.status, 200);
	cr_expect_str_eq(r.body, "hello");
	reply_free(&r);
	close(fd);
}

Test(http, unknown_path_is_404_and_wrong_method_405_with_allow)
{
	uint16_t port = start();
	struct reply r = client_request(port, "GET", "/nowhere", "", NULL, 0);
	char h[256];

	cr_expect_eq(r.status, 404);
	cr_expect(strstr(r.body, "\"code\":\"not_found\"") != NULL, "%s", r.body);
	reply_free(&r);
	r = client_request(port, "POST", "/show", "", "x", 1);
	cr_expect_eq(r.status, 405);
	cr_expect_str_eq(reply_header(&r, "Allow", h), "OPTIONS, GET, HEAD");
	cr_expect(strstr(r.body, "\"code\":\"method_not_allowed\"") != NULL, "%s", r.body);
	reply_free(&r);
	r = client_request(port, "OPTIONS", "/both", "", NULL, 0);
	cr_expect_eq(r.status, 204);
	cr_expect_str_eq(reply_header(&r, "Allow", h), "OPTIONS, GET, HEAD, POST");
	reply_free(&r);
	r = client_request(port, "DELETE", "/show", "", NULL, 0);
	cr_expect_eq(r.status, 405);
	reply_free(&r);
	cr_expect_eq(seen.calls, 0);
}

Test(http, prefix_route_gives_the_rest_decoded)
{
	uint16_t port = start();
	struct reply r = client_request(port, "GET", "/show/a%20b%2Fc?q=1%2B1+x&q=2", "", NULL, 0);

	cr_expect_eq(r.status, 200);
	cr_expect_str_eq(seen.rest, "a b/c");
	cr_expect_str_eq(seen.parameter, "1+1 x");
	reply_free(&r);
	r = client_request(port, "GET", "/shows", "", NULL, 0);
	cr_expect_eq(r.status, 404);
	reply_free(&r);
}

Test(http, bad_escapes_are_refused)
{
	uint16_t port = start();

	expect(port, "GET /show/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400);
	expect(port, "GET /show/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400);
	expect(port, "GET /show?q=%4 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400);
	expect(port, "GET /show?q=%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400);
	cr_expect_eq(seen.calls, 0);
}

Test(http, handler_without_an_answer_is_500_and_counted)
{
	uint16_t port = start();
	uint64_t before = counter_get(COUNTER_HTTP_ERRORS);
	struct reply r = client_request(port, "GET", "/forget", "", NULL, 0);

	cr_expect_eq(r.status, 500);
	cr_expect_eq(counter_get(COUNTER_HTTP_ERRORS), before + 1);
	reply_free(&r);
}

Test(http, body_that_ends_early_is_refused_and_nothing_kept)
{
	uint16_t port = start();
	uint64_t before = counter_get(COUNTER_REFUSED_CUT_SHORT);
	static const char *const cut[] = { "POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabcde",
		"POST /body HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\nhel",
		"POST /body HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n" };

	for (size_t i = 0; i < 4; i++) {
		int fd = client_connect(port);
		client_say(fd, cut[i]);
		shutdown(fd, SHUT_WR);
		struct reply r = client_receive(fd, WAIT_MS, false);
		cr_expect_eq(r.status, 400, "%d: %s", r.status, cut[i]);
		reply_free(&r);
		close(fd);
	}
	cr_expect_eq(seen.calls, 0);
	cr_expect_eq(counter_get(COUNTER_REFUSED_CUT_SHORT), before + 4);
}

Test(http, malformed_chunks_are_refused)
{
	uint16_t port = start();

	expect(port,
	    "POST /body HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n", 400);
	expect(port,
	    "POST /body HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcde\r\n0\r\n\r\n", 400);
	cr_expect_eq(seen.calls, 0);
}

Test(http, ambiguous_lengths_are_refused)
{
	uint16_t port = start();

	expect(port,
	    "POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "3\r\nabc\r\n0\r\n\r\n",
	    400);
	expect(
	    port, "POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400);
	expect(port, "POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3x\r\n\r\nabc", 400);
	expect(port, "POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: +3\r\n\r\nabc", 400);
	expect(
	    port, "POST /body HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400);
	cr_expect_eq(seen.calls, 0);
}

Test(http, chunked_body_arrives_whole_and_the_connection_goes_on)
{
	uint16_t port = start();
	int fd = client_connect(port);

	for (int i = 0; i < 3; i++) {
		client_say(fd,
		    "POST /body HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "3\r\nabc\r\n5\r\nhello\r\n0\r\n\r\n");
		struct reply r = client_receive(fd, WAIT_MS, false);
		cr_expect_eq(r.status, 204);
		reply_free(&r);
	}
	cr_expect_eq(seen.calls, 3);
	cr_expect_eq(seen.len, 8);
	cr_expect_eq(memcmp(seen.body, "abchello", 8), 0);
	close(fd);
}

Test(http, empty_body_is_a_body)
{
	uint16_t port = start();

	expect(port, "POST /body HTTP/1.1\r\nHost: localhost\r\n\r\n", 204);
	expect(port, "POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 204);
	expect(port, "POST /body HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 204);
	cr_expect_eq(seen.calls, 3);
	cr_expect_eq(seen.len, 0);
}

Test(http, expect_continue_is_answered_before_the_body)
{
	uint16_t port = start();
	int fd = client_connect(port);

	client_say(fd, "POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
	struct reply r = client_receive(fd, WAIT_MS, false);
	cr_expect_eq(r.status, 100);
	reply_free(&r);
	client_say(fd, "hello");
	r = client_receive(fd, WAIT_MS, false);
	cr_expect_eq(r.status, 204);
	reply_free(&r);
	close(fd);
}

Test(http, expect_continue_of_too_large_a_body_is_refused_at_once)
{
	uint16_t port = start();

	expect(port,
	    "POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n", 413);
}

Test(http, body_of_max_body_passes_and_one_byte_more_does_not)
{
	uint16_t port = start();
	char *body = calloc(1, MAX_BODY + 1);
	uint64_t before = counter_get(COUNTER_REFUSED_TOO_LARGE);

	memset(body, 'a', MAX_BODY + 1);
	struct reply r = client_request(port, "POST", "/body", "", body, MAX_BODY);
	cr_expect_eq(r.status, 204);
	cr_expect_eq(seen.len, MAX_BODY);
	reply_free(&r);
	r = client_request(port, "POST", "/body", "", body, MAX_BODY + 1);
	cr_expect_eq(r.status, 413);
	cr_expect_eq(counter_get(COUNTER_REFUSED_TOO_LARGE), before + 1);
	reply_free(&r);
	r = client_request(port, "POST", "/influx", "", body, MAX_BODY + 1);
	cr_expect_eq(r.status, 413);
	cr_expect_str_eq(r.body, "{\"error\":\"Request Entity Too Large\"}\n");
	reply_free(&r);
	free(body);
}

Test(http, chunked_body_of_max_body_passes_and_one_byte_more_does_not)
{
	uint16_t port = start();
	char *body = calloc(1, MAX_BODY + 1), size[32];

	for (int more = 0; more <= 1; more++) {
		int fd = client_connect(port);
		client_say(fd, "POST /body HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
		snprintf(size, sizeof size, "%x\r\n", MAX_BODY + more);
		client_say(fd, size);
		client_send(fd, body, (size_t)MAX_BODY + (size_t)more);
		client_say(fd, "\r\n0\r\n\r\n");
		struct reply r = client_receive(fd, WAIT_MS, false);
		cr_expect_eq(r.status, more ? 413 : 204, "%d", r.status);
		reply_free(&r);
		close(fd);
	}
	cr_expect_eq(seen.calls, 1);
	free(body);
}

Test(http, gzip_body_is_unpacked_also_of_several_members)
{
	uint16_t port = start();
	char out[4096];
	struct view a = packed("hello ", 6, out, 1024), b = packed("world", 5, out + a.len, 1024);

	struct reply r = client_request(port, "POST", "/body", "Content-Encoding: gzip\r\n", out, a.len + b.len);
	cr_expect_eq(r.status, 204);
	cr_expect_eq(seen.len, 11);
	cr_expect_eq(memcmp(seen.body, "hello world", 11), 0);
	reply_free(&r);
}

Test(http, gzip_that_unpacks_above_the_ceiling_is_413)
{
	uint16_t port = start();
	size_t n = 50 << 20, room = 1 << 20;
	char *zeros = calloc(1, n), *out = malloc(room);

	struct view bomb = packed(zeros, n, out, room);
	cr_assert(bomb.len < MAX_BODY, "%zu", bomb.len);
	struct reply r = client_request(port, "POST", "/body", "Content-Encoding: gzip\r\n", bomb.p, bomb.len);
	cr_expect_eq(r.status, 413);
	reply_free(&r);
	bomb = packed(zeros, MAX_BODY, out, room);
	r = client_request(port, "POST", "/body", "Content-Encoding: gzip\r\n", bomb.p, bomb.len);
	cr_expect_eq(r.status, 204);
	cr_expect_eq(seen.len, MAX_BODY);
	reply_free(&r);
	free(zeros);
	free(out);
}

Test(http, broken_gzip_is_400_and_counted)
{
	uint16_t port = start();
	uint64_t before = counter_get(COUNTER_REFUSED_BAD_ENCODING);
	char out[4096];
	struct view a = packed("hello hello hello hello", 23, out, sizeof out);

	struct reply r = client_request(
	    port, "POST", "/body", "Content-Encoding: gzip\r\n", "not gzip at all, surely", 23);
	cr_expect_eq(r.status, 400);
	reply_free(&r);
	r = client_request(port, "POST", "/body", "Content-Encoding: gzip\r\n", out, a.len - 4);
	cr_expect_eq(r.status, 400);
	reply_free(&r);
	out[a.len - 6] = (char)(out[a.len - 6] ^ 1); /* the checksum */
	r = client_request(port, "POST", "/body", "Content-Encoding: gzip\r\n", out, a.len);
	cr_expect_eq(r.status, 400);
	reply_free(&r);
	r = client_request(port, "POST", "/body", "Content-Encoding: br\r\n", out, a.len);
	cr_expect_eq(r.status, 415);
	reply_free(&r);
	cr_expect_eq(seen.calls, 0);
	cr_expect_eq(counter_get(COUNTER_REFUSED_BAD_ENCODING), before + 4);
}

Test(http, bodies_beyond_the_budget_are_503_and_the_budget_comes_back)
{
	uint16_t port = start_with((struct http_opts){ .max_queue = 50000 });
	char *body = calloc(1, 60000), h[256];
	uint64_t before = counter_get(COUNTER_REFUSED_QUEUE_FULL);

	struct reply r = client_request(port, "POST", "/influx", "", body, 60000);
	cr_expect_eq(r.status, 503);
	cr_expect_str_eq(reply_header(&r, "Retry-After", h), "1");
	reply_free(&r);
	cr_expect_eq(counter_get(COUNTER_REFUSED_QUEUE_FULL), before + 1);
	for (int i = 0; i < 5; i++) {
		r = client_request(port, "POST", "/body", "", body, 40000);
		cr_expect_eq(r.status, 204);
		reply_free(&r);
	}
	free(body);
}

Test(http, header_floods_are_refused)
{
	uint16_t port = start();
	char *text = calloc(1, 100000);
	size_t n = (size_t)snprintf(text, 100000, "GET /show HTTP/1.1\r\nHost: localhost\r\n");

	for (int i = 0; i < 80; i++)
		n += (size_t)snprintf(text + n, 100000 - n, "X-%d: y\r\n", i);
	snprintf(text + n, 100000 - n, "\r\n");
	expect(port, text, 431);
	n = (size_t)snprintf(text, 100000, "GET /show HTTP/1.1\r\nHost: localhost\r\nX: ");
	memset(text + n, 'x', 50000);
	snprintf(text + n + 50000, 100000 - n - 50000, "\r\n\r\n");
	int fd = client_connect(port);
	client_say(fd, text);
	struct reply r = client_receive(fd, WAIT_MS, false);
	cr_expect(r.status == 0 || r.status >= 400, "%d", r.status); /* civetweb hangs up, with or without a word */
	reply_free(&r);
	close(fd);
	cr_expect_eq(seen.calls, 0);
	free(text);
}

Test(http, parameter_flood_is_refused)
{
	uint16_t port = start();
	char text[2048];
	size_t n = (size_t)snprintf(text, sizeof text, "GET /show?q=1");

	for (int i = 0; i < 100; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "&a%d=b", i);
	snprintf(text + n, sizeof text - n, " HTTP/1.1\r\nHost: localhost\r\n\r\n");
	expect(port, text, 400);
}

Test(http, foreign_host_name_is_refused_on_loopback)
{
	uint16_t port = start();

	expect(port, "GET /show HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403);
	expect(port, "GET /show HTTP/1.1\r\nHost: 127.0.0.1.evil.example:8686\r\n\r\n", 403);
	expect(port, "GET /show HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n", 403);
	expect(port, "GET /show HTTP/1.1\r\nHost: 192.168.1.1\r\n\r\n", 403);
	expect(port, "GET /show HTTP/1.1\r\nHost: \r\n\r\n", 403);
	cr_expect_eq(seen.calls, 0);
	expect(port, "GET /show HTTP/1.1\r\nHost: localhost\r\n\r\n", 200);
	expect(port, "GET /show HTTP/1.1\r\nHost: LOCALHOST:1234\r\n\r\n", 200);
	expect(port, "GET /show HTTP/1.1\r\nHost: 127.0.0.1:8686\r\n\r\n", 200);
	expect(port, "GET /show HTTP/1.1\r\nHost: [::1]:8686\r\n\r\n", 200);
}

Test(http, any_host_name_is_taken_on_another_address)
{
	uint16_t port = start_with((struct http_opts){ .host = "0.0.0.0" });

	expect(port, "GET /show HTTP/1.1\r\nHost: metrics.example\r\n\r\n", 200);
}

Test(http, page_of_another_origin_may_not_write)
{
	uint16_t port = start();

	expect(port,
	    "POST /body HTTP/1.1\r\nHost: localhost:8686\r\nOrigin: http://evil.example\r\nContent-Length: 1\r\n\r\nx",
	    403);
	expect(port, "POST /body HTTP/1.1\r\nHost: localhost:8686\r\nOrigin: null\r\nContent-Length: 1\r\n\r\nx", 403);
	expect(port,
	    "POST /body HTTP/1.1\r\nHost: localhost:8686\r\nOrigin: http://localhost:3000\r\nContent-Length: 1\r\n\r\nx",
	    403);
	expect(port,
	    "POST /body HTTP/1.1\r\nHost: localhost:8686\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 1\r\n\r\nx",
	    403);
	cr_expect_eq(seen.calls, 0);
	expect(port,
	    "POST /body HTTP/1.1\r\nHost: localhost:8686\r\nOrigin: http://localhost:8686\r\nContent-Length: 1\r\n\r\nx",
	    204);
	cr_expect_eq(seen.calls, 1);
}

Test(http, connection_is_kept_for_1_1_and_closed_on_request)
{
	uint16_t port = start();
	int fd = client_connect(port);
	char h[256], byte;

	for (int i = 0; i < 20; i++) {
		client_say(fd, "GET /show HTTP/1.1\r\nHost: localhost\r\n\r\n");
		struct reply r = client_receive(fd, WAIT_MS, false);
		cr_assert_eq(r.status, 200);
		reply_free(&r);
	}
	client_say(fd, "GET /show HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
	struct reply r = client_receive(fd, WAIT_MS, false);
	cr_expect_str_eq(reply_header(&r, "Connection", h), "close");
	reply_free(&r);
	cr_expect_eq(recv(fd, &byte, 1, 0), 0);
	close(fd);
}

Test(http, refused_body_is_not_read_for_ever)
{
	uint16_t port = start_with((struct http_opts){ .threads = 1 });
	int fd = client_connect(port);

	client_say(fd, "POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000\r\n\r\n");
	struct reply r = client_receive(fd, WAIT_MS, false);
	cr_expect_eq(r.status, 413);
	reply_free(&r);
	/* the one worker would otherwise wait for the rest of that body */
	expect(port, "GET /show HTTP/1.1\r\nHost: localhost\r\n\r\n", 200);
	close(fd);
	fd = client_connect(port); /* the same for a body that no handler asked for */
	client_say(fd, "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000\r\n\r\n");
	r = client_receive(fd, WAIT_MS, false);
	cr_expect_eq(r.status, 404);
	reply_free(&r);
	expect(port, "GET /show HTTP/1.1\r\nHost: localhost\r\n\r\n", 200);
	close(fd);
}

Test(http, sender_of_a_much_too_large_body_hears_why)
{
	uint16_t port = start();
	size_t n = 3 << 20;
	char *body = calloc(1, n);

	for (int i = 0; i < 20; i++) {
		struct reply r = client_request(port, "POST", "/body", "", body, n);
		cr_expect_eq(r.status, 413, "%d", r.status);
		reply_free(&r);
	}
	free(body);
}

Test(http, silent_client_loses_its_worker)
{
	uint16_t port = start_with((struct http_opts){ .threads = 1, .silence_ms = 500 });
	int fd = client_connect(port);

	client_say(fd, "POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc");
	struct reply r = client_receive(fd, WAIT_MS, false);
	cr_expect(r.status == 400 || r.status == 0, "%d", r.status);
	reply_free(&r);
	close(fd);
	fd = client_connect(port);
	client_say(fd, "GET /sh"); /* never ends its head */
	expect(port, "GET /show HTTP/1.1\r\nHost: localhost\r\n\r\n", 200);
	close(fd);
	cr_expect_eq(seen.calls, 1);
}

static void *trickle(void *arg)
{
	int fd = *(int *)arg;

	for (int i = 0; i < 600 && send(fd, "a", 1, MSG_NOSIGNAL) == 1; i++)
		usleep(100000);
	return NULL;
}

Test(http, trickling_client_is_cut_off)
{
	uint16_t port = start_with((struct http_opts){ .threads = 1, .silence_ms = 1000 });
	int fd = client_connect(port);
	int64_t began = clock_mono_ns();
	pthread_t thread;

	client_say(fd, "POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000\r\n\r\n");
	pthread_create(&thread, NULL, trickle, &fd);
	expect(port, "GET /show HTTP/1.1\r\nHost: localhost\r\n\r\n", 200);
	cr_expect_lt(clock_mono_ns() - began, 15 * NS_PER_S);
	pthread_join(thread, NULL);
	close(fd);
}

Test(http, connections_beyond_the_threads_are_served_in_turn)
{
	enum { THREADS = 4, MORE = 12 };
	uint16_t port = start_with((struct http_opts){ .threads = THREADS });
	int fds[THREADS + MORE];

	for (int i = 0; i < THREADS + MORE; i++) {
		fds[i] = client_connect(port);
		client_say(fds[i], "GET /show HTTP/1.1\r\nHost: localhost\r\n\r\n");
	}
	for (int i = 0; i < THREADS + MORE; i++) { /* all of them stay open */
		struct reply r = client_receive(fds[i], WAIT_MS, false);
		cr_expect_eq(r.status, 200, "connection %d", i);
		reply_free(&r);
	}
	for (int i = 0; i < THREADS + MORE; i++)
		close(fds[i]);
}

Test(http, port_in_use_is_said)
{
	uint16_t port = start();
	struct http_opts o = { .host = "127.0.0.1", .port = port, .threads = 1, .routes = routes };
	struct http *second;
	struct errbuf eb;

	cr_expect_eq(http_start(&second, &o, &eb), ERR_EXISTS);
	cr_expect(strstr(eb.text, "port in use") != NULL, "%s", eb.text);
	cr_expect_null(second);
	o.host = "203.0.113.1";
	cr_expect_eq(http_start(&second, &o, &eb), ERR_IO);
	cr_expect(strstr(eb.text, "assign") != NULL, "%s", eb.text);
	o.host = "no address";
	cr_expect_eq(http_start(&second, &o, &eb), ERR_INVALID);
	expect(port, "GET /show HTTP/1.1\r\nHost: localhost\r\n\r\n", 200); /* the first goes on */
}

Test(http, influx_form_carries_its_headers)
{
	uint16_t port = start();
	struct reply r = client_request(port, "POST", "/influx", "X-Request-Id: mine\r\n", "x", 1);
	char h[256];

	cr_expect_eq(r.status, 204);
	cr_expect_str_eq(reply_header(&r, "X-Influxdb-Version", h), HTTP_INFLUX_VERSION);
	cr_expect_str_eq(reply_header(&r, "X-Influxdb-Build", h), "OSS");
	cr_expect_str_eq(reply_header(&r, "Request-Id", h), "mine");
	cr_expect_str_eq(reply_header(&r, "X-Request-Id", h), "mine");
	reply_free(&r);
	r = client_request(port, "POST", "/influx", "", "x", 1);
	cr_expect_eq(strlen(reply_header(&r, "X-Request-Id", h)), 36);
	reply_free(&r);
}

Test(http, stop_does_not_wait_for_idle_connections)
{
	uint16_t port = start();
	int fd = client_connect(port);

	client_say(fd, "GET /show HTTP/1.1\r\nHost: localhost\r\n\r\n");
	struct reply r = client_receive(fd, WAIT_MS, false);
	cr_expect_eq(r.status, 200);
	reply_free(&r);
	int64_t began = clock_mono_ns();
	stop();
	cr_expect_lt(clock_mono_ns() - began, 8 * NS_PER_S);
	close(fd);
}
