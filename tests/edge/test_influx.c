/* The requests of each API, byte by byte, and what is made of the answers. InfluxDB 2.x and 3.x cannot be installed here:
 * requests and answers are as their documentation has them, from a scripted server. (1.x is the real one in
 * tests/integration/test_record_access.sh.) */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/influx.h"
#include "support/scripted.h"

#define HOUR_NS INT64_C(3600000000000)
#define NO_CONTENT "HTTP/1.1 204 No Content\r\n\r\n"
#define PING(version) "HTTP/1.1 204 No Content\r\nX-Influxdb-Version: " version "\r\n\r\n"
#define HEAD "Host: 127.0.0.1:PORT\r\nUser-Agent: holdfast/" HF_VERSION "\r\nAccept: */*\r\n"

static struct scripted *server;
static struct influx_server *shared;
static struct influx *in;
static struct record_reply reply;
static struct errbuf eb;

static void begin(void)
{
	server = scripted_start();
	buf_init(&reply.body, 1 << 20);
}

static void end(void)
{
	influx_close(in);
	influx_server_free(shared);
	scripted_stop(server);
	buf_fini(&reply.body);
}

TestSuite(influx, .init = begin, .fini = end);

static void connect_to(struct influx_opts o)
{
	o.url = o.url ? o.url : scripted_url(server);
	cr_assert_eq(influx_server_new(&shared, &o, &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(influx_open(&in, shared, &eb), ERR_OK, "%s", eb.text);
}

/* An answer of JSON, or of any text. */
static void will_say(const char *begins, int status, const char *body)
{
	char raw[4096];

	snprintf(raw, sizeof raw, "HTTP/1.1 %d Status\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body), body);
	scripted_answer(server, begins, raw);
}

static enum err write_to(const char *database, const char *lines)
{
	return influx_ops.write(in, database, view_of(lines), 5000, &reply);
}

static const char *body(void)
{
	buf_char(&reply.body, 0);
	reply.body.len--;
	return reply.body.p;
}

#define was_asked(n, text) cr_assert_str_eq(scripted_request(server, n), text)

/* ---- writes ---- */

Test(influx, writes_of_1)
{
	connect_to((struct influx_opts){ .api = RECORD_API_1, .token = "t" });
	scripted_answer(server, "POST", NO_CONTENT);
	cr_assert_eq(write_to("my db&x", "m v=1u 1\n"), ERR_OK);
	cr_assert_eq(reply.status, 204);
	cr_assert_eq(reply.api, RECORD_API_1);
	was_asked(0,
	    "POST /write?db=my%20db%26x&precision=ns HTTP/1.1\r\n" HEAD
	    "Authorization: Token t\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 9\r\n\r\nm v=1u 1\n");
}

Test(influx, writes_of_1_with_a_user)
{
	char file[] = "/tmp/holdfast-secret-XXXXXX";
	int fd = mkstemp(file);

	cr_assert_eq(write(fd, "sesame\n", 7), 7);
	close(fd);
	connect_to((struct influx_opts){ .api = RECORD_API_1, .username = "ali", .password_file = file });
	unlink(file);
	scripted_answer(server, "POST", NO_CONTENT);
	cr_assert_eq(write_to("d", "m v=1 1\n"), ERR_OK);
	was_asked(0,
	    "POST /write?db=d&precision=ns HTTP/1.1\r\n" HEAD "Authorization: Basic YWxpOnNlc2FtZQ==\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 8\r\n\r\nm v=1 1\n");
}

Test(influx, writes_of_2)
{
	connect_to((struct influx_opts){ .api = RECORD_API_2, .org = "my org", .token = "t==" });
	scripted_answer(server, "POST", NO_CONTENT);
	cr_assert_eq(write_to("metrics", "m v=1u 1\n"), ERR_OK);
	was_asked(0,
	    "POST /api/v2/write?org=my%20org&bucket=metrics&precision=ns HTTP/1.1\r\n" HEAD
	    "Authorization: Token t==\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 9\r\n\r\nm v=1u 1\n");
}

Test(influx, writes_of_3)
{
	connect_to((struct influx_opts){ .api = RECORD_API_3, .token = "apiv3_x" });
	scripted_answer(server, "POST", NO_CONTENT);
	cr_assert_eq(write_to("metrics", "m v=1u 1\n"), ERR_OK);
	was_asked(0,
	    "POST /api/v3/write_lp?db=metrics&precision=nanosecond&accept_partial=true HTTP/1.1\r\n" HEAD
	    "Authorization: Bearer apiv3_x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 9\r\n\r\n"
	    "m v=1u 1\n");
}

Test(influx, writes_go_out_at_once_and_their_connections_are_kept)
{
	struct record_write writes[4];
	struct record_reply replies[4] = { 0 };
	static const char *const lines[] = { "a v=1 1\n", "b v=1 1\n", "c v=1 1\n", "d v=1 1\n" };

	connect_to((struct influx_opts){ .api = RECORD_API_1 });
	for (int i = 0; i < 4; i++) {
		writes[i] = (struct record_write){ i == 2 ? "other" : "metrics", view_of(lines[i]) };
		buf_init(&replies[i].body, 4096);
	}
	for (int round = 1; round <= 3; round++) {
		will_say("POST /write?db=other", 400, "{\"error\":\"unable to parse 'c'\"}");
		for (int i = 0; i < 3; i++)
			scripted_answer(server, "POST /write?db=metrics", NO_CONTENT);
		scripted_hold_until(server, 4); /* none is answered before all are there */
		cr_assert_eq(influx_ops.write_many(in, writes, 4, 5000, replies), ERR_OK);
		for (int i = 0; i < 4; i++)
			cr_assert_eq(replies[i].status, i == 2 ? 400 : 204);
		cr_assert_eq(replies[2].body.len, strlen("{\"error\":\"unable to parse 'c'\"}"));
		cr_assert_eq(scripted_count(server), 4);
		scripted_clear(server);
	}
	cr_assert_eq(scripted_connections(server), 4);
	for (int i = 0; i < 4; i++)
		buf_fini(&replies[i].body);
}

Test(influx, one_of_several_without_an_answer_leaves_the_others_theirs)
{
	struct record_write writes[2] = { { "a", view_of("m v=1 1\n") }, { "b", view_of("m v=2 1\n") } };
	struct record_reply replies[2] = { 0 };

	connect_to((struct influx_opts){ .api = RECORD_API_1 });
	scripted_answer(server, "POST /write?db=a", "");
	scripted_answer(server, "POST /write?db=b", NO_CONTENT);
	for (int i = 0; i < 2; i++)
		buf_init(&replies[i].body, 4096);
	cr_assert_eq(influx_ops.write_many(in, writes, 2, 5000, replies), ERR_UNAVAILABLE);
	cr_assert_eq(replies[0].status, 0);
	cr_assert(replies[0].connected);
	cr_assert(*replies[0].error.text);
	cr_assert_eq(replies[1].status, 204);
	for (int i = 0; i < 2; i++)
		buf_fini(&replies[i].body);
}

Test(influx, half_an_answer_is_none)
{
	connect_to((struct influx_opts){ .api = RECORD_API_1 });
	scripted_answer(server, "POST", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":");
	cr_assert_eq(write_to("d", "m v=1 1\n"), ERR_UNAVAILABLE);
	cr_assert_eq(reply.status, 0);
	cr_assert(reply.connected);
}

Test(influx, nobody_there_is_not_connected)
{
	connect_to((struct influx_opts){ .url = "unix:/nonexistent/socket", .api = RECORD_API_1 });
	cr_assert_eq(write_to("d", "m v=1 1\n"), ERR_UNAVAILABLE);
	cr_assert_not(reply.connected);
}

Test(influx, redirects_are_not_followed_and_a_time_to_wait_is_told)
{
	connect_to((struct influx_opts){ .api = RECORD_API_1, .token = "t" });
	scripted_answer(server, "POST", "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
	cr_assert_eq(write_to("d", "m v=1 1\n"), ERR_OK);
	cr_assert_eq(reply.status, 302);
	scripted_answer(server, "POST", "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
	cr_assert_eq(write_to("d", "m v=1 1\n"), ERR_OK);
	cr_assert_eq(reply.retry_after_ms, 7000);
	cr_assert_eq(scripted_count(server), 2);
}

/* ---- which API ---- */

Test(influx, the_api_is_found_by_ping_and_remembered)
{
	static const struct {
		const char *answer;
		enum record_api api;
		const char *version, *path;
	} cases[] = {
		{ PING("1.6.7"), RECORD_API_1, "1.6.7", "POST /write?db=d&" },
		{ PING("1.8.0-holdfast"), RECORD_API_1, "1.8.0-holdfast", "POST /write?db=d&" },
		{ PING("v2.7.12"), RECORD_API_2, "v2.7.12", "POST /api/v2/write?org=o&bucket=d&" },
		{ PING("2.0.4"), RECORD_API_2, "2.0.4", "POST /api/v2/write?org=o&bucket=d&" },
		{ PING("3.2.1"), RECORD_API_3, "3.2.1", "POST /api/v3/write_lp?db=d&" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 41\r\n\r\n{\"revision\":\"83b589\",\"version\":\"3.0.1\"    }",
		    RECORD_API_3, "3.0.1", "POST /api/v3/write_lp?db=d&" },
		{ NO_CONTENT, RECORD_API_LINES, "", "POST /write?db=d&" },
		{ "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", RECORD_API_LINES, "", "POST /write?db=d&" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		connect_to((struct influx_opts){ .org = "o", .token = "t" });
		scripted_answer(server, "GET /ping HTTP/1.1\r\n", cases[i].answer);
		scripted_answer(server, "POST", NO_CONTENT);
		scripted_answer(server, "POST", NO_CONTENT);
		cr_assert_eq(write_to("d", "m v=1 1\n"), ERR_OK, "%s", cases[i].answer);
		cr_assert_eq(reply.api, cases[i].api);
		cr_assert_eq(write_to("d", "m v=1 1\n"), ERR_OK);
		cr_assert_str_eq(reply.server_version, cases[i].version);
		cr_assert_eq(scripted_count(server), 3);
		for (unsigned k = 1; k < 3; k++)
			cr_assert(!strncmp(scripted_request(server, k), cases[i].path, strlen(cases[i].path)), "%s",
			    scripted_request(server, k));
		scripted_clear(server);
		influx_close(in);
		influx_server_free(shared);
		in = NULL;
		shared = NULL;
	}
}

Test(influx, after_an_outage_it_is_asked_again)
{
	connect_to((struct influx_opts){ .token = "t" });
	scripted_answer(server, "GET /ping", PING("1.8.10"));
	scripted_answer(server, "POST /write", NO_CONTENT);
	cr_assert_eq(write_to("d", "m v=1 1\n"), ERR_OK);
	/* it ends, and comes back as another; curl tries once by itself, since an old connection may just have been closed */
	scripted_answer(server, "POST /write", "");
	scripted_answer(server, "POST /write", "");
	cr_assert_eq(write_to("d", "m v=1 1\n"), ERR_UNAVAILABLE);
	scripted_answer(server, "GET /ping", PING("3.0.1"));
	scripted_answer(server, "POST /api/v3/write_lp", NO_CONTENT);
	cr_assert_eq(write_to("d", "m v=1 1\n"), ERR_OK);
	cr_assert_eq(reply.status, 204);
	cr_assert_eq(reply.api, RECORD_API_3);
	cr_assert_str_eq(reply.server_version, "3.0.1");
}

Test(influx, a_ping_that_is_refused_is_the_answer_to_the_write)
{
	connect_to((struct influx_opts){ .token = "wrong-token" });
	will_say("GET /ping", 401, "{\"error\":\"the request was not authenticated: wrong-token\"}");
	cr_assert_eq(write_to("d", "m v=1 1\n"), ERR_OK);
	cr_assert_eq(reply.status, 401);
	cr_assert(strstr(body(), "not authenticated"));
	cr_assert_eq(scripted_count(server), 1);
}

Test(influx, a_2_that_was_found_needs_an_organisation)
{
	connect_to((struct influx_opts){ .token = "t" });
	scripted_answer(server, "GET /ping", PING("v2.7.12"));
	cr_assert_eq(write_to("d", "m v=1 1\n"), ERR_UNAVAILABLE);
	cr_assert(strstr(reply.error.text, "[influxdb] org"), "%s", reply.error.text);
}

static bool take_nothing(void *arg, struct view bytes)
{
	(void)arg;
	(void)bytes;
	return false;
}

Test(influx, an_answer_that_is_not_wanted_any_more_is_no_outage)
{
	const struct record_stream q = { .database = "d",
		.influxql = view_of("SELECT 1"),
		.chunk_size = 10,
		.begin_ms = 5000,
		.timeout_ms = 5000,
		.take = take_nothing };

	connect_to((struct influx_opts){ .token = "t" });
	scripted_answer(server, "GET /ping", PING("1.8.10"));
	will_say("POST /query", 200, "{\"results\":[]}");
	cr_assert_eq(influx_ops.stream(in, &q, &reply), ERR_CLOSED);
	was_asked(1,
	    "POST /query?epoch=ns&chunked=true&chunk_size=10&db=d HTTP/1.1\r\n" HEAD
	    "Authorization: Token t\r\nContent-Length: 12\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\nq=SELECT%201");
	scripted_answer(server, "POST /write", NO_CONTENT);
	cr_assert_eq(write_to("d", "m v=1 1\n"), ERR_OK);
	cr_assert_eq(scripted_count(server), 3); /* without another ping */
	/* and one that follows it is */
	scripted_answer(server, "POST /write", "");
	scripted_answer(server, "POST /write", "");
	cr_assert_eq(write_to("d", "m v=1 1\n"), ERR_UNAVAILABLE);
	scripted_answer(server, "GET /ping", PING("v2.7.12"));
	cr_assert_eq(write_to("d", "m v=1 1\n"), ERR_UNAVAILABLE);
	cr_assert(strstr(reply.error.text, "InfluxDB 2.x"), "%s", reply.error.text);
}

/* ---- secrets ---- */

Test(influx, what_a_server_shows_of_secrets_is_struck_out)
{
	char file[] = "/tmp/holdfast-secret-XXXXXX";
	int fd = mkstemp(file);

	cr_assert_eq(write(fd, "sesame\n", 7), 7);
	close(fd);
	connect_to(
	    (struct influx_opts){ .api = RECORD_API_1, .username = "ali", .password_file = file, .token = "my-token" });
	unlink(file);
	will_say("POST", 400, "you sent Token my-token, password sesame, Basic YWxpOnNlc2FtZQ==, my-token");
	cr_assert_eq(write_to("d", "m v=1 1\n"), ERR_OK);
	cr_assert_str_eq(body(), "you sent Token ********, password ******, Basic ****************, ********");
	will_say("POST", 200, "<html>my-token</html>"); /* a proxy's page */
	cr_assert_eq(write_to("d", "m v=1 1\n"), ERR_OK);
	cr_assert_str_eq(body(), "<html>********</html>");
}

Test(influx, a_token_that_was_changed_in_its_file_is_used_after_a_401)
{
	char file[] = "/tmp/holdfast-secret-XXXXXX";
	int fd = mkstemp(file);

	cr_assert_eq(write(fd, "first", 5), 5);
	connect_to((struct influx_opts){ .api = RECORD_API_3, .token_file = file });
	cr_assert_eq(pwrite(fd, "other", 5, 0), 5);
	close(fd);
	will_say("POST", 401, "");
	cr_assert_eq(write_to("d", "m v=1 1\n"), ERR_OK);
	cr_assert(strstr(scripted_request(server, 0), "Authorization: Bearer first\r\n"));
	scripted_answer(server, "POST", NO_CONTENT);
	cr_assert_eq(write_to("d", "m v=1 1\n"), ERR_OK);
	cr_assert(strstr(scripted_request(server, 1), "Authorization: Bearer other\r\n"));
	/* one that others can read now is not taken, the old one stays */
	chmod(file, 0644);
	cr_assert_eq(influx_server_reload(shared, &eb), ERR_INVALID);
	cr_assert(strstr(eb.text, "token_file: others can read"), "%s", eb.text);
	scripted_answer(server, "POST", NO_CONTENT);
	cr_assert_eq(write_to("d", "m v=1 1\n"), ERR_OK);
	cr_assert(strstr(scripted_request(server, 2), "Authorization: Bearer other\r\n"));
	unlink(file);
}

/* ---- queries and figures ---- */

Test(influx, queries_of_each_api)
{
	static const struct {
		enum record_api api;
		const char *scheme, *figures;
	} cases[] = { { RECORD_API_1, "Token", "/debug/vars" }, { RECORD_API_2, "Token", "/metrics" },
		{ RECORD_API_3, "Bearer", "/metrics" } };
	char want[512];

	for (size_t i = 0; i < 3; i++) {
		connect_to((struct influx_opts){ .api = cases[i].api, .org = "o", .token = "t" });
		will_say("GET /query", 200, "{\"results\":[]}");
		cr_assert_eq(influx_ops.query(in, "d", view_of("SELECT 1"), false, 5000, &reply), ERR_OK);
		cr_assert_str_eq(body(), "{\"results\":[]}");
		snprintf(want, sizeof want,
		    "GET /query?epoch=ns&db=d&q=SELECT%%201 HTTP/1.1\r\n" HEAD
		    "Authorization: %s t\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n",
		    cases[i].scheme);
		was_asked(0, want);
		will_say("GET", 200, "figures");
		cr_assert_eq(influx_ops.figures(in, 5000, &reply), ERR_OK);
		cr_assert_str_eq(body(), "figures");
		snprintf(want, sizeof want, "GET %s HTTP/1.1\r\n", cases[i].figures);
		cr_assert(!strncmp(scripted_request(server, 1), want, strlen(want)));
		scripted_clear(server);
		influx_close(in);
		influx_server_free(shared);
		in = NULL;
		shared = NULL;
	}
}

Test(influx, a_bucket_without_a_mapping_is_told_with_what_to_do)
{
	connect_to((struct influx_opts){ .api = RECORD_API_2, .org = "o", .token = "t" });
	will_say("GET /query", 404, "{\"code\":\"not found\",\"message\":\"database not found: \\\"d\\\"\"}");
	cr_assert_eq(influx_ops.query(in, "d", view_of("SELECT 1"), false, 5000, &reply), ERR_OK);
	cr_assert(strstr(body(), "{\"error\":\"database not found: \\\"d\\\"; InfluxDB 2.x"), "%s", body());
	cr_assert(strstr(body(), "influx v1 dbrp create --default --rp autogen --db d "), "%s", body());
	will_say("GET /query", 401, "{\"code\":\"unauthorized\",\"message\":\"unauthorized access\"}");
	cr_assert_eq(influx_ops.query(in, "d", view_of("SELECT 1"), false, 5000, &reply), ERR_OK);
	cr_assert_str_eq(body(), "{\"error\":\"unauthorized access\"}");
	will_say("GET /query", 200, "{\"results\":[{\"statement_id\":0,\"error\":\"database not found: d\"}]}");
	cr_assert_eq(influx_ops.query(in, "d", view_of("SELECT 1"), false, 5000, &reply), ERR_OK);
	cr_assert(strstr(body(), "{\"error\":\"database not found: d; InfluxDB 2.x"), "%s", body());
	will_say("GET /query", 200, "{\"results\":[{\"statement_id\":0,\"error\":\"of another kind\"}]}");
	cr_assert_eq(influx_ops.query(in, "d", view_of("SELECT 1"), false, 5000, &reply), ERR_OK);
	cr_assert(strstr(body(), "{\"results\":["), "%s", body());
}

/* ---- places ---- */

static struct record_place place;

static enum err find(const char *name)
{
	return influx_ops.find_place(in, name, &place, 5000, &reply);
}

#define JSON_HEAD HEAD "Authorization: Token t\r\nContent-Type: application/json\r\n"

Test(influx, places_of_1)
{
	connect_to((struct influx_opts){ .api = RECORD_API_1 });
	will_say("GET /query", 200,
	    "{\"results\":[{\"statement_id\":0,\"series\":[{\"columns\":[\"name\",\"duration\",\"shardGroupDuration\",\"replicaN\","
	    "\"default\"],\"values\":[[\"autogen\",\"0s\",\"168h0m0s\",1,false],[\"a \\\"b\",\"720h0m0s\",\"24h0m0s\",1,true]]}]}]}");
	cr_assert_eq(find("d"), ERR_OK, "%s", reply.error.text);
	cr_assert_str_eq(place.id, "a \"b");
	cr_assert_str_eq(place.name, "d");
	cr_assert_eq(place.retention_ns, 720 * HOUR_NS);
	cr_assert(strstr(scripted_request(server, 0), "&q=SHOW%20RETENTION%20POLICIES%20ON%20%22d%22 "));

	will_say("POST /query", 200, "{\"results\":[{\"statement_id\":0}]}");
	cr_assert_eq(influx_ops.set_retention(in, &place, 24 * HOUR_NS, 5000, &reply), ERR_OK);
	cr_assert(strstr(scripted_request(server, 1),
	    "&q=ALTER%20RETENTION%20POLICY%20%22a%20%5C%22b%22%20ON%20%22d%22%20DURATION%2086400s%20SHARD%20DURATION%201h "));
	will_say("POST /query", 200, "{\"results\":[{\"statement_id\":0}]}");
	cr_assert_eq(influx_ops.set_retention(in, &place, 0, 5000, &reply), ERR_OK);
	cr_assert(strstr(scripted_request(server, 2), "%20DURATION%20INF HTTP"));

	will_say("POST /query", 200, "{\"results\":[{\"statement_id\":0}]}");
	cr_assert_eq(influx_ops.make_place(in, "d", 720 * HOUR_NS, 5000, &reply), ERR_OK);
	cr_assert(strstr(scripted_request(server, 3), "&q=CREATE%20DATABASE%20%22d%22%20WITH%20DURATION%202592000s "));
	will_say("POST /query", 403, "{\"error\":\"error authorizing query: x not authorized\"}");
	cr_assert_eq(influx_ops.make_place(in, "d", 0, 5000, &reply), ERR_INVALID);
	cr_assert(strstr(reply.error.text, "cannot create the database: HTTP 403: error authorizing query"), "%s",
	    reply.error.text);
	will_say("GET /query", 200, "{\"results\":[{\"statement_id\":0,\"error\":\"database not found: d\"}]}");
	cr_assert_eq(find("d"), ERR_NOTFOUND);
}

Test(influx, places_of_2)
{
	connect_to((struct influx_opts){ .api = RECORD_API_2, .org = "o x", .token = "t" });
	will_say("GET /api/v2/buckets", 200,
	    "{\"links\":{},\"buckets\":[{\"id\":\"59ff889cc36c3c41\",\"orgID\":\"0a\",\"name\":\"b\",\"retentionRules\":[{\"type\":"
	    "\"expire\",\"everySeconds\":2592000,\"shardGroupDurationSeconds\":86400}]}]}");
	will_say("GET /api/v2/dbrps?org=o%20x&db=b HTTP", 200, "{\"content\":[]}");
	cr_assert_eq(find("b"), ERR_OK, "%s", reply.error.text);
	cr_assert(strstr(reply.error.text, "--db b --bucket-id 59ff889cc36c3c41"), "%s", reply.error.text);
	cr_assert_str_eq(place.id, "59ff889cc36c3c41");
	cr_assert_eq(place.retention_ns, 720 * HOUR_NS);
	was_asked(0,
	    "GET /api/v2/buckets?org=o%20x&name=b HTTP/1.1\r\n" HEAD
	    "Authorization: Token t\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n");

	will_say("PATCH", 200, "{\"id\":\"59ff889cc36c3c41\"}");
	cr_assert_eq(influx_ops.set_retention(in, &place, 48 * HOUR_NS, 5000, &reply), ERR_OK);
	was_asked(2,
	    "PATCH /api/v2/buckets/59ff889cc36c3c41 HTTP/1.1\r\n" JSON_HEAD "Content-Length: 60\r\n\r\n"
	    "{\"retentionRules\":[{\"type\":\"expire\",\"everySeconds\":172800}]}");

	will_say("GET /api/v2/orgs", 200, "{\"orgs\":[{\"id\":\"0a1b\",\"name\":\"o x\"}]}");
	will_say("POST /api/v2/buckets", 201, "{\"id\":\"77\",\"name\":\"b\"}");
	will_say("POST /api/v2/dbrps", 201, "{\"id\":\"88\"}");
	cr_assert_eq(influx_ops.make_place(in, "b", 0, 5000, &reply), ERR_OK, "%s", reply.error.text);
	cr_assert(!strncmp(scripted_request(server, 3), "GET /api/v2/orgs?org=o%20x HTTP", 31));
	was_asked(4,
	    "POST /api/v2/buckets HTTP/1.1\r\n" JSON_HEAD "Content-Length: 47\r\n\r\n"
	    "{\"orgID\":\"0a1b\",\"name\":\"b\",\"retentionRules\":[]}");
	was_asked(5,
	    "POST /api/v2/dbrps HTTP/1.1\r\n" JSON_HEAD "Content-Length: 91\r\n\r\n"
	    "{\"bucketID\":\"77\",\"database\":\"b\",\"default\":true,\"orgID\":\"0a1b\",\"retention_policy\":\"autogen\"}");

	will_say("GET /api/v2/buckets", 404, "{\"code\":\"not found\",\"message\":\"bucket \\\"c\\\" not found\"}");
	cr_assert_eq(find("c"), ERR_NOTFOUND);
	will_say("GET /api/v2/buckets", 200, "{\"buckets\":[]}");
	cr_assert_eq(find("c"), ERR_NOTFOUND);
	will_say("GET /api/v2/buckets", 401, "{\"code\":\"unauthorized\",\"message\":\"unauthorized access\"}");
	cr_assert_eq(find("c"), ERR_INVALID);
	cr_assert_str_eq(reply.error.text, "cannot look for the bucket: HTTP 401: unauthorized access");
	will_say("GET /api/v2/buckets", 200, "<html>");
	cr_assert_eq(find("c"), ERR_INVALID);
	will_say("GET /api/v2/orgs", 200, "{\"orgs\":[{\"id\":\"0a1b\",\"name\":\"o x\"}]}");
	will_say(
	    "POST /api/v2/buckets", 422, "{\"code\":\"conflict\",\"message\":\"bucket with name b already exists\"}");
	cr_assert_eq(influx_ops.make_place(in, "b", 0, 5000, &reply), ERR_OK);
}

Test(influx, places_of_3)
{
	connect_to((struct influx_opts){ .api = RECORD_API_3, .token = "t" });
	will_say(
	    "GET /api/v3/configure/database", 200, "[{\"iox::database\":\"_internal\"},{\"iox::database\":\"d\"}]");
	will_say("GET /query", 200,
	    "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"retention_policies\",\"columns\":[\"iox::database\",\"name\","
	    "\"duration\"],\"values\":[[\"d\",\"autogen\",\"168h0m0s\"]]}]}]}");
	cr_assert_eq(find("d"), ERR_OK, "%s", reply.error.text);
	cr_assert_eq(place.retention_ns, 168 * HOUR_NS);
	was_asked(0,
	    "GET /api/v3/configure/database?format=json HTTP/1.1\r\n" HEAD
	    "Authorization: Bearer t\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n");
	will_say("GET /api/v3/configure/database", 200, "[{\"iox::database\":\"_internal\"}]");
	cr_assert_eq(find("d"), ERR_NOTFOUND);

	will_say("PUT", 200, "");
	cr_assert_eq(influx_ops.set_retention(in, &place, 720 * HOUR_NS - 1, 5000, &reply), ERR_OK);
	was_asked(3,
	    "PUT /api/v3/configure/database HTTP/1.1\r\n" HEAD
	    "Authorization: Bearer t\r\nContent-Type: application/json\r\nContent-Length: 36\r\n\r\n"
	    "{\"db\":\"d\",\"retention_period\":\"720h\"}");
	will_say("PUT", 200, "");
	cr_assert_eq(influx_ops.set_retention(in, &place, 0, 5000, &reply), ERR_OK);
	cr_assert(strstr(scripted_request(server, 4), "\r\n\r\n{\"db\":\"d\"}"));
	will_say("POST", 409, "{\"error\":\"attempted to create a resource that already exists\"}");
	cr_assert_eq(influx_ops.make_place(in, "d", HOUR_NS, 5000, &reply), ERR_OK);
	cr_assert(strstr(scripted_request(server, 5), "\r\n\r\n{\"db\":\"d\",\"retention_period\":\"1h\"}"));
	will_say("POST", 400, "{\"error\":\"invalid database name\"}");
	cr_assert_eq(influx_ops.make_place(in, "d_", HOUR_NS, 5000, &reply), ERR_INVALID);
	cr_assert_str_eq(reply.error.text, "cannot create the database: HTTP 400: invalid database name");
}

Test(influx, what_only_takes_lines_has_no_places)
{
	connect_to((struct influx_opts){ .api = RECORD_API_LINES });
	cr_assert_eq(find("d"), ERR_INVALID);
	cr_assert_eq(influx_ops.make_place(in, "d", 0, 5000, &reply), ERR_INVALID);
	cr_assert_eq(scripted_count(server), 0);
}
