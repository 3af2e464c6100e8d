#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/counter.h"
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

TestSuite(routes_export, .init = start, .fini = end, .timeout = 60);

/* The whole answer of HTTP/1.0, where the body is not in chunks. */
static const char *get(const char *target)
{
	static char text[1 << 20];
	int fd = client_connect(e.port);
	size_t n = 0;
	ssize_t k;

	client_say(fd, "GET ");
	client_say(fd, target);
	client_say(fd, " HTTP/1.0\r\nHost: localhost\r\n\r\n");
	while ((k = recv(fd, text + n, sizeof text - 1 - n, 0)) > 0)
		n += (size_t)k;
	text[n] = 0;
	close(fd);
	return text;
}

static void expect_body(const char *target, const char *type, const char *body)
{
	const char *text = get(target), *at = strstr(text, "\r\n\r\n");

	cr_assert(strstr(text, "HTTP/1.1 200 OK") == text && at, "%s", text);
	cr_expect(strstr(text, type), "%s", text);
	cr_expect_str_eq(at + 4, body, "%s", target);
}

Test(routes_export, each_format_has_its_type_and_text)
{
	stand_write(&e.stand, "m,h=a v=1.5,n=2i 1700000000000000001\nother s=\"x\" 1700000000000000000\n");
	expect_body("/api/v1/export", "Content-Type: text/plain; charset=utf-8\r\n",
	    "m,h=a n=2i,v=1.5 1700000000000000001\nother s=\"x\" 1700000000000000000\n");
	expect_body("/api/v1/export?format=jsonl&measurement=m&db=metrics", "Content-Type: application/x-ndjson\r\n",
	    "{\"measurement\":\"m\",\"tags\":{\"h\":\"a\"},\"fields\":{\"n\":2,\"v\":1.5},\"types\":{\"n\":\"integer\"},"
	    "\"time\":\"2023-11-14T22:13:20.000000001Z\"}\n");
	expect_body("/api/v1/export?format=csv&measurement=other", "Content-Type: text/csv; charset=utf-8\r\n",
	    "measurement,time,string:s\r\nother,2023-11-14T22:13:20Z,\"x\"\r\n");
	expect_body("/api/v1/export?from=1700000000000000001", "", "m,h=a n=2i,v=1.5 1700000000000000001\n");
	expect_body("/api/v1/export?to=1700000000000000001", "", "other s=\"x\" 1700000000000000000\n");
	cr_expect_eq(counter_get(COUNTER_EXPORT_COMPLETE), 5);
	cr_expect_eq(counter_get(COUNTER_EXPORT_POINTS), 6);
}

Test(routes_export, an_answer_longer_than_a_piece_is_whole)
{
	static char lines[400000], want[400000];
	size_t n = 0;

	for (int i = 0; i < 9000; i++)
		n += (size_t)snprintf(lines + n, sizeof lines - n, "m v=%d.5 %d\n", i, i);
	stand_write(&e.stand, lines);
	memcpy(want, lines, n + 1);
	expect_body("/api/v1/export", "", want);
}

Test(routes_export, nothing_there_is_an_empty_answer)
{
	expect_body("/api/v1/export", "", "");
}

Test(routes_export, wrong_wishes_are_refused)
{
	static const struct {
		const char *target;
		int status;
	} rows[] = { { "/api/v1/export?format=xml", 400 }, { "/api/v1/export?from=yesterday", 400 },
		{ "/api/v1/export?from=20&to=10", 400 }, { "/api/v1/export?db=nope", 404 },
		{ "/api/v1/export?measurement=nope", 404 } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		json_decref(edge_stand_get(&e, rows[i].target, rows[i].status));
}

Test(routes_export, a_fifth_at_a_time_is_told_to_wait)
{
	atomic_fetch_add(&e.services.exports, 4);
	json_t *root = edge_stand_get(&e, "/api/v1/export", 503);
	cr_expect_str_eq(json_string_value(edge_stand_at(root, "error.code")), "overloaded");
	json_decref(root);
	atomic_fetch_sub(&e.services.exports, 4);
	cr_expect_eq(counter_get(COUNTER_EXPORT_REFUSED), 1);
	expect_body("/api/v1/export", "", "");
}

Test(routes_export, refused_lines_are_named_by_a_write)
{
	static const char body[] = "m v=1 1\nbad\nm s=\"a\nb\" 2\nm v=2i 3\n\nworse\n";
	struct reply r = client_request(e.port, "POST", "/write?db=metrics", "", body, sizeof body - 1);
	char h[256];

	cr_expect_eq(r.status, 400);
	cr_expect_str_eq(reply_header(&r, "X-Holdfast-Refused", h), "3");
	cr_expect_str_eq(
	    reply_header(&r, "X-Holdfast-Refused-Lines", h), "2 unparsable, 5 type_conflict, 7 unparsable");
	reply_free(&r);
}
