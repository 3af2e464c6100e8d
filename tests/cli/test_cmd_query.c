/* The command against a server that answers as it is told: what only a Holdfast says, and what no server should. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/commands.h"
#include "edge/http.h"

#define ONE_ROW \
	"{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"columns\":[\"time\",\"v\"],\"values\":[[0,1]]}]}]}\n"

static struct {
	int status; /* 0: 200, streamed, with trailers */
	const char *type, *answer;
	bool broken, incomplete;
	char seen[512]; /* the parameters, and the body */
} server;
static struct http *http;
static struct client client;
static char url[64];

static const char *parameter(struct http_request *rq, const char *name)
{
	const char *v = http_parameter(rq, name);

	return v ? v : "(none)";
}

static void on_query(struct http_request *rq, void *arg)
{
	struct view body;

	(void)arg;
	if (http_read_body(rq, &body) != ERR_OK)
		return;
	snprintf(server.seen, sizeof server.seen, "db=%s epoch=%s chunked=%s source=%s %.*s", parameter(rq, "db"),
	    parameter(rq, "epoch"), parameter(rq, "chunked"), parameter(rq, "source"), (int)body.len, body.p);
	if (server.status) {
		http_respond(rq, server.status, server.type, view_of(server.answer));
		return;
	}
	http_add_header(rq, "Trailer", "X-Holdfast-Source, X-Holdfast-Complete, X-Holdfast-Tier, X-Holdfast-Reason");
	http_add_header(rq, "X-Holdfast-Source", "influxdb");
	if (http_stream_begin(rq, 200, "application/json"))
		cr_assert(http_stream_write(rq, view_of(server.answer)));
	http_add_trailer(rq, "X-Holdfast-Source", "influxdb+local");
	http_add_trailer(rq, "X-Holdfast-Complete", server.incomplete ? "no" : "yes");
	http_add_trailer(rq, "X-Holdfast-Tier", "1m");
	if (server.incomplete)
		http_add_trailer(rq, "X-Holdfast-Reason", "influxdb does not answer");
	http_stream_end(rq, !server.broken);
}

static const struct http_route routes[] = { { HTTP_GET | HTTP_POST, "/query", on_query, false, HTTP_FORM_INFLUX1,
						NULL },
	{ 0, NULL, NULL, false, HTTP_FORM_OWN, NULL } };

static void start(void)
{
	struct http_opts o = {
		.host = "127.0.0.1", .threads = 2, .max_body = 1 << 20, .max_queue = 4 << 20, .routes = routes
	};
	struct errbuf eb;

	cr_redirect_stdout();
	cr_redirect_stderr();
	server.answer = ONE_ROW;
	server.type = "application/json";
	cr_assert_eq(http_start(&http, &o, &eb), ERR_OK, "%s", eb.text);
	snprintf(url, sizeof url, "http://127.0.0.1:%u", http_port(http));
	cr_assert_eq(client_open(&client, url, &eb), ERR_OK);
}

static void stop(void)
{
	client_close(&client);
	http_stop(http);
}

TestSuite(cmd_query, .init = start, .fini = stop, .timeout = 60);

static int query(const char *a, const char *b, const char *c)
{
	char *argv[] = { (char *)"query", (char *)a, (char *)b, (char *)c, NULL };

	optind = 0;
	int status = cmd_query(&client, 1 + (a != NULL) + (b != NULL) + (c != NULL), argv);
	fflush(stdout);
	fflush(stderr);
	return status;
}

Test(cmd_query, says_where_the_answer_is_from)
{
	cr_expect_eq(query("select v from m", NULL, NULL), EXIT_GOOD);
	cr_expect_stdout_eq_str("m\ntime                  v\n1970-01-01T00:00:00Z  1\n");
	cr_expect_stderr_eq_str("source: influxdb+local, complete, tier 1m\n");
	cr_expect_str_eq(server.seen, "db=metrics epoch=ns chunked=true source=(none) q=select%20v%20from%20m");
}

Test(cmd_query, says_why_it_is_not_complete)
{
	server.incomplete = true;
	cr_expect_eq(query("select v from m", NULL, NULL), EXIT_GOOD);
	cr_expect_stderr_eq_str("source: influxdb+local, not complete: influxdb does not answer, tier 1m\n");
}

Test(cmd_query, a_source_that_was_not_asked_for_is_bad)
{
	cr_expect_eq(query("--from", "local", "q"), EXIT_BAD);
	cr_expect_str_eq(server.seen, "db=metrics epoch=ns chunked=true source=local q=q");
	cr_expect_stderr_eq_str("holdfast: --from local was not obeyed: the answer is from influxdb+local\n"
				"source: influxdb+local, complete, tier 1m\n");
}

Test(cmd_query, json_is_passed_on_byte_by_byte)
{
	cr_expect_eq(query("--format=json", "--db=d%&", "x=1&y+\"é"), EXIT_GOOD);
	cr_expect_stdout_eq_str(ONE_ROW);
	cr_expect_str_eq(server.seen, "db=d%& epoch=(none) chunked=(none) source=(none) q=x%3D1%26y%2B%22%C3%A9");
}

Test(cmd_query, epoch_is_asked_for)
{
	cr_expect_eq(query("--format=csv", "--epoch=us", "q"), EXIT_GOOD);
	cr_expect_stdout_eq_str("name,time,v\r\nm,0,1\r\n");
	cr_expect_str_eq(server.seen, "db=metrics epoch=u chunked=true source=(none) q=q");
}

Test(cmd_query, a_refused_request_is_told_in_the_servers_words)
{
	server.status = 400;
	server.answer = "{\"error\":\"error parsing query: found x\"}";
	cr_expect_eq(query("x", NULL, NULL), EXIT_BAD);
	cr_expect_stderr_eq_str("holdfast: error parsing query: found x\n");
}

Test(cmd_query, another_server_is_told_to_be_one)
{
	char want[128];

	server.status = 404;
	server.type = "text/html";
	server.answer = "<html>";
	cr_expect_eq(query("x", NULL, NULL), EXIT_UNREACHABLE);
	snprintf(want, sizeof want, "holdfast: %s answers HTTP 404; is it a Holdfast?\n", url);
	cr_expect_stderr_eq_str(want);
}

Test(cmd_query, html_is_no_answer)
{
	server.answer = "<html>hello</html>";
	cr_expect_eq(query("x", NULL, NULL), EXIT_BAD);
	cr_expect_stdout_eq_str("");
	cr_expect_stderr_eq_str("holdfast: the answer is not InfluxDB's JSON, or ends too early\n");
}

Test(cmd_query, an_answer_that_breaks_off_is_bad)
{
	server.broken = true;
	cr_expect_eq(query("--format=csv", "x", NULL), EXIT_BAD);
	cr_expect_stdout_eq_str("name,time,v\r\nm,1970-01-01T00:00:00Z,1\r\n");
}

Test(cmd_query, a_document_that_ends_too_early_is_bad)
{
	server.answer =
	    "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"columns\":[\"v\"],\"values\":[[1],[2";
	cr_expect_eq(query("--format=csv", "x", NULL), EXIT_BAD);
	cr_expect_stdout_eq_str("name,v\r\nm,1\r\n");
}

Test(cmd_query, an_error_of_a_statement_in_json_is_told_too)
{
	server.answer =
	    "{\"results\":[{\"statement_id\":0,\"error\":\"no\"},{\"statement_id\":1,\"error\":\"not executed\"},"
	    "{\"statement_id\":2,\"error\":\"not executed\"}]}";
	cr_expect_eq(query("--format=json", "x", NULL), EXIT_BAD);
	cr_expect_stdout_eq_str(server.answer);
	cr_expect_stderr_eq_str("holdfast: no\nholdfast: not executed\nsource: influxdb+local, complete, tier 1m\n");
}

Test(cmd_query, a_watch_whose_first_answer_is_bad_ends)
{
	server.status = 400;
	server.answer = "{\"error\":\"error parsing query: found x\"}";
	cr_expect_eq(query("--watch", "x", NULL), EXIT_BAD);
}

Test(cmd_query, wrong_usage)
{
	static const char *const wrong[][3] = { { "", NULL, NULL }, { " \n", NULL, NULL }, { "a", "b", NULL },
		{ "--format=xml", "q", NULL }, { "--epoch=d", "q", NULL }, { "--epoch=s", "--utc", "q" },
		{ "--from=-1h", "q", NULL }, { "--watch=0", "q", NULL }, { "--watch=x", "q", NULL },
		{ "--watch=nan", "q", NULL }, { "--step=1m", "q", NULL }, { "--nosuch", "q", NULL },
		{ NULL, NULL, NULL }, { "--db=x", "resources", NULL }, { "--watch", "performance", NULL },
		{ "--format=line", "resources", NULL }, { "--service=x", "performance", NULL },
		{ "performance", "a", "b" } };

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		cr_expect_eq(query(wrong[i][0], wrong[i][1], wrong[i][2]), EXIT_USAGE, "case %zu", i);
	cr_expect_str_empty(server.seen, "nothing was sent");
}
