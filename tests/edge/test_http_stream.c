#include <criterion/criterion.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counter.h"
#include "edge/http.h"
#include "support/client.h"

enum { WAIT_MS = 20000 };

static struct http *server;
static atomic_uint pieces, ended;

static void count_up(struct http_request *rq, void *arg)
{
	char text[32];

	(void)arg;
	http_add_header(rq, "Trailer", "X-Sum");
	bool wanted = http_stream_begin(rq, 200, "text/plain");
	for (int i = 0; wanted && i < 3; i++) {
		snprintf(text, sizeof text, "piece %d\n", i);
		wanted = http_stream_write(rq, view_of(text)) && http_stream_write(rq, view_of(""));
	}
	http_add_trailer(rq, "X-Sum", "three");
	http_stream_end(rq, true);
}

/* As count_up, each piece with room for its frame; one of several sizes that the length of the frame depends on. */
static void framed(struct http_request *rq, void *arg)
{
	static const size_t sizes[] = { 1, 15, 16, 0, 4095, 4096, 70000 };
	struct buf b;

	(void)arg;
	buf_init(&b, 1 << 20);
	http_stream_allow_gzip(rq);
	bool wanted = http_stream_begin(rq, 200, "text/plain");
	for (size_t i = 0; wanted && i < sizeof sizes / sizeof *sizes; i++) {
		buf_clear(&b);
		for (size_t k = 0; k < HTTP_FRAME_FRONT; k++)
			buf_char(&b, '?');
		for (size_t k = 0; k < sizes[i]; k++)
			buf_char(&b, (char)('a' + i));
		wanted = http_stream_write_framed(rq, &b);
		cr_assert(b.len == HTTP_FRAME_FRONT + sizes[i]);
	}
	buf_fini(&b);
	http_stream_end(rq, true);
}

static void break_off(struct http_request *rq, void *arg)
{
	(void)arg;
	bool wanted = http_stream_begin(rq, 200, "text/plain") && http_stream_write(rq, view_of("some"));
	http_stream_end(rq, wanted && false);
}

static void for_ever(struct http_request *rq, void *arg)
{
	static char piece[65536];

	(void)arg;
	bool wanted = http_stream_begin(rq, 200, "text/plain");
	while (wanted) {
		wanted = http_stream_write(rq, (struct view){ piece, sizeof piece });
		atomic_fetch_add(&pieces, 1);
	}
	http_stream_end(rq, false);
	atomic_fetch_add(&ended, 1);
}

/* Works without a word, as long as somebody waits. */
static void silent(struct http_request *rq, void *arg)
{
	(void)arg;
	while (http_stream_wanted(rq)) {
		atomic_fetch_add(&pieces, 1);
		poll(NULL, 0, 5);
	}
	http_stream_end(rq, http_stream_begin(rq, 200, NULL));
	atomic_fetch_add(&ended, 1);
}

static const struct http_route routes[] = {
	{ HTTP_GET, "/count", count_up, false, HTTP_FORM_OWN, NULL },
	{ HTTP_GET, "/framed", framed, false, HTTP_FORM_OWN, NULL },
	{ HTTP_GET, "/break", break_off, false, HTTP_FORM_OWN, NULL },
	{ HTTP_GET, "/ever", for_ever, false, HTTP_FORM_OWN, NULL },
	{ HTTP_GET, "/silent", silent, false, HTTP_FORM_OWN, NULL },
	{ 0, NULL, NULL, false, HTTP_FORM_OWN, NULL },
};

static uint16_t start(int64_t silence_ms)
{
	struct http_opts o = { .host = "127.0.0.1",
		.threads = 4,
		.max_body = 1000,
		.max_queue = 10000,
		.silence_ms = silence_ms,
		.routes = routes };
	struct errbuf eb;

	cr_assert_eq(http_start(&server, &o, &eb), ERR_OK, "%s", eb.text);
	return http_port(server);
}

static void stop(void)
{
	http_stop(server);
	server = NULL;
}

TestSuite(http_stream, .fini = stop, .timeout = 120);

/* All that comes until the other side closes; *reset: it did not close in the usual way. */
static const char *receive_all(int fd, bool *reset)
{
	static char text[128 << 10];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t n = 0;
	ssize_t k = 0;

	while (n < sizeof text - 1 && poll(&p, 1, WAIT_MS) == 1 && (k = recv(fd, text + n, sizeof text - 1 - n, 0)) > 0)
		n += (size_t)k;
	text[n] = 0;
	*reset = k < 0;
	return text;
}

static int ask(uint16_t port, const char *line, const char *headers)
{
	int fd = client_connect(port);

	client_say(fd, line);
	client_say(fd, "\r\nHost: localhost\r\n");
	client_say(fd, headers);
	client_say(fd, "\r\n");
	return fd;
}

static bool until(atomic_uint *what, unsigned least)
{
	for (int i = 0; i < WAIT_MS / 5 && atomic_load(what) < least; i++)
		poll(NULL, 0, 5);
	return atomic_load(what) >= least;
}

Test(http_stream, comes_in_chunks_with_trailers_and_leaves_the_connection_open)
{
	int fd = ask(start(0), "GET /count HTTP/1.1", "");
	static const char body[] =
	    "\r\n\r\n8\r\npiece 0\n\r\n8\r\npiece 1\n\r\n8\r\npiece 2\n\r\n0\r\nX-Sum: three\r\n\r\n";
	bool reset;

	client_say(fd, "GET /count HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
	const char *text = receive_all(fd, &reset), *first = strstr(text, body);
	cr_assert(first, "%s", text);
	cr_expect(strstr(text, "Transfer-Encoding: chunked\r\n") && !strstr(text, "Content-Length"));
	cr_expect(strstr(text, "X-Content-Type-Options: nosniff\r\n"));
	cr_expect(strstr(first + 1, body), "the second request is answered too");
	close(fd);
}

/* The rest of a framed answer must be n times c, and what stands behind it. */
static const char *skip_run(const char *p, char c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(p[i], c);
	return p + n;
}

static const char *skip_text(const char *p, const char *text)
{
	cr_assert(strncmp(p, text, strlen(text)) == 0, "%.20s", p);
	return p + strlen(text);
}

Test(http_stream, framed_pieces_are_chunks_of_their_size)
{
	static const struct {
		const char *line;
		char c;
		size_t n;
	} want[] = { { "1\r\n", 'a', 1 }, { "f\r\n", 'b', 15 }, { "10\r\n", 'c', 16 }, { "fff\r\n", 'e', 4095 },
		{ "1000\r\n", 'f', 4096 }, { "11170\r\n", 'g', 70000 } };
	int fd = ask(start(0), "GET /framed HTTP/1.1", "Connection: close\r\n");
	bool reset;
	const char *p = receive_all(fd, &reset);

	cr_assert(p = strstr(p, "\r\n\r\n"));
	p += 4;
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		p = skip_text(skip_run(skip_text(p, want[i].line), want[i].c, want[i].n), "\r\n");
	cr_expect_str_eq(p, "0\r\n\r\n");
	close(fd);
}

Test(http_stream, framed_pieces_have_no_frames_for_an_old_client)
{
	int fd = ask(start(0), "GET /framed HTTP/1.0", "");
	bool reset;
	const char *p = receive_all(fd, &reset);

	cr_assert(p = strstr(p, "\r\n\r\n"));
	p = skip_run(skip_run(skip_run(p + 4, 'a', 1), 'b', 15), 'c', 16);
	p = skip_run(skip_run(skip_run(p, 'e', 4095), 'f', 4096), 'g', 70000);
	cr_expect_str_eq(p, "");
	close(fd);
}

Test(http_stream, old_client_gets_it_until_the_connection_ends)
{
	bool reset;
	int fd = ask(start(0), "GET /count HTTP/1.0", "");
	const char *text = receive_all(fd, &reset);

	cr_expect(strstr(text, "\r\n\r\npiece 0\npiece 1\npiece 2\n") && !strstr(text, "chunked"), "%s", text);
	cr_expect(strstr(text, "Connection: close\r\n"));
	cr_expect(!reset);
	close(fd);
}

Test(http_stream, head_has_no_body)
{
	bool reset;
	int fd = ask(start(0), "HEAD /count HTTP/1.1", "Connection: close\r\n");
	const char *text = receive_all(fd, &reset), *end = strstr(text, "\r\n\r\n");

	cr_assert(end);
	cr_expect_str_eq(end, "\r\n\r\n");
	close(fd);
}

Test(http_stream, broken_answer_cannot_be_taken_for_whole)
{
	uint16_t port = start(0);
	bool reset;
	int fd = ask(port, "GET /break HTTP/1.1", "");

	cr_expect(strstr(receive_all(fd, &reset), "\r\n\r\n4\r\nsome\r\n"));
	cr_expect(!strstr(receive_all(fd, &reset), "0\r\n\r\n"));
	close(fd);
	fd = ask(port, "GET /break HTTP/1.0", "");
	receive_all(fd, &reset);
	cr_expect(reset);
	close(fd);
}

Test(http_stream, client_that_leaves_ends_the_work)
{
	int fd = ask(start(0), "GET /ever HTTP/1.1", "");

	cr_assert(until(&pieces, 3));
	close(fd);
	cr_expect(until(&ended, 1));
	cr_expect_eq(counter_get(COUNTER_HTTP_CUT_OFF), 0, "who leaves is not cut off");
}

Test(http_stream, client_that_leaves_ends_silent_work_too)
{
	int fd = ask(start(0), "GET /silent HTTP/1.1", "");

	cr_assert(until(&pieces, 3));
	close(fd);
	cr_expect(until(&ended, 1));
}

Test(http_stream, client_that_does_not_read_is_cut_off)
{
	const uint64_t before = counter_get(COUNTER_HTTP_CUT_OFF);
	int fd = ask(start(300), "GET /ever HTTP/1.1", "");

	cr_expect(until(&ended, 1), "%u pieces", atomic_load(&pieces));
	cr_expect_eq(counter_get(COUNTER_HTTP_CUT_OFF), before + 1);
	close(fd);
}

Test(http_stream, stop_of_the_server_ends_streams)
{
	int fd = ask(start(0), "GET /silent HTTP/1.1", "");

	cr_assert(until(&pieces, 3));
	stop();
	cr_expect_eq(atomic_load(&ended), 1);
	close(fd);
}
