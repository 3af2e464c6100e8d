/* The command against a server that answers as it is told. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "edge/http.h"

static struct {
	unsigned calls, busy; /* busy: so many are answered 503 first */
	int status; /* of the others; 400 names refused lines */
	size_t longest; /* 413 above; 0: none */
	char body[4096]; /* of all that were taken */
	size_t len;
} server;
static struct http *http;
static struct client client;
static char url[64], file[] = "/tmp/holdfast-test-import-XXXXXX";

static void on_write(struct http_request *rq, void *arg)
{
	struct view body;

	(void)arg;
	if (http_read_body(rq, &body) != ERR_OK)
		return;
	server.calls++;
	if (server.busy) {
		server.busy--;
		http_fail(rq, 503, "overloaded", NULL, "try later");
	} else if (server.longest && body.len > server.longest) {
		http_fail(rq, 413, "too_large", NULL, "too large");
	} else {
		cr_assert(server.len + body.len < sizeof server.body);
		memcpy(server.body + server.len, body.p, body.len);
		server.len += body.len;
		server.body[server.len] = 0;
		if (server.status == 400) {
			http_add_header(rq, "X-Holdfast-Refused", "2");
			http_add_header(rq, "X-Holdfast-Refused-Lines", "2 unparsable, 4 too_old");
			http_fail(
			    rq, 400, "bad_parameter", NULL, "partial write: unable to parse 'x': bad\nmore dropped=1");
		} else if (server.status == 204) {
			http_respond(rq, 204, NULL, (struct view){ "", 0 });
		} else {
			http_fail(rq, server.status, "not_found", NULL, "database not found");
		}
	}
}

static const struct http_route routes[] = { { HTTP_POST, "/write", on_write, false, HTTP_FORM_INFLUX1, NULL },
	{ 0, NULL, NULL, false, HTTP_FORM_OWN, NULL } };

static void start(void)
{
	struct http_opts o = {
		.host = "127.0.0.1", .threads = 2, .max_body = 1 << 20, .max_queue = 4 << 20, .routes = routes
	};
	struct errbuf eb;

	cr_redirect_stderr();
	server.status = 204;
	cr_assert_eq(http_start(&http, &o, &eb), ERR_OK, "%s", eb.text);
	snprintf(url, sizeof url, "http://127.0.0.1:%u", http_port(http));
	cr_assert_eq(client_open(&client, url, &eb), ERR_OK);
}

static void stop(void)
{
	client_close(&client);
	http_stop(http);
	unlink(file);
}

TestSuite(cmd_import, .init = start, .fini = stop, .timeout = 60);

static int import(const char *text, const char *wait)
{
	char *argv[] = { (char *)"import", (char *)"--wait", (char *)wait, file, NULL };
	int fd = mkstemp(file);

	cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	optind = 0;
	int status = cmd_import(&client, 4, argv);
	fflush(stderr);
	return status;
}

Test(cmd_import, busy_daemon_is_asked_again)
{
	server.busy = 2;
	int64_t began = clock_mono_ns();
	cr_expect_eq(import("m v=1 1\n", "30s"), EXIT_GOOD);
	cr_expect_eq(server.calls, 3);
	cr_expect_str_eq(server.body, "m v=1 1\n");
	cr_expect_geq(clock_mono_ns() - began, 2 * NS_PER_S, "Retry-After is obeyed");
	cr_expect_stderr_eq_str("1 points written, 0 refused\n");
}

Test(cmd_import, busy_daemon_is_not_asked_for_ever)
{
	server.busy = 1000;
	cr_expect_eq(import("m v=1 1\n", "0"), EXIT_BAD);
	cr_expect_eq(server.calls, 1);
	cr_expect_stderr_eq_str(
	    "holdfast: try later\nholdfast: stopped at line 1: what was written stays, and importing the whole "
	    "file again does no harm\n0 points written, 0 refused\n");
}

Test(cmd_import, too_large_a_request_goes_in_halves)
{
	server.longest = 20;
	cr_expect_eq(import("m v=1 1\nm v=2 2\nm v=3 3\nm s=\"a long string of its own\" 4\nm v=5 5\n", "0"), EXIT_BAD);
	cr_expect_str_eq(server.body, "m v=1 1\nm v=2 2\nm v=3 3\nm v=5 5\n");
	cr_expect_stderr_eq_str("holdfast: line 4: longer than [server] max_body\n4 points written, 1 refused\n");
}

Test(cmd_import, refused_lines_are_told_by_the_place_in_the_file)
{
	server.status = 400;
	/* line 2 of the body is the file's 4; the string ends on the body's line 4, which is the file's 6 to 7 */
	cr_expect_eq(import("# c\nm v=1 1\n\nm v=2 2\nno time\nm s=\"a\nb\" 3\nm v=4 4\n", "0"), EXIT_BAD);
	cr_expect_str_eq(server.body, "m v=1 1\nm v=2 2\nm s=\"a\nb\" 3\nm v=4 4\n");
	cr_expect_stderr_eq_str("holdfast: line 5: no timestamp\nholdfast: line 4: unable to parse 'x': bad\n"
				"holdfast: line 6: too_old\n2 points written, 3 refused\n");
}

Test(cmd_import, other_refusals_stop_it)
{
	server.status = 404;
	cr_expect_eq(import("m v=1 1\n", "30s"), EXIT_BAD);
	cr_expect_eq(server.calls, 1);
}

Test(cmd_import, empty_file_is_fine)
{
	cr_expect_eq(import("", "0"), EXIT_GOOD);
	cr_expect_eq(server.calls, 0);
}
