/* Reads where the record lacks what it is owed: what the answer is made of, and what it says of itself. The record is a script
 * here, so that the local store's reach can be set to the nanosecond; tests/integration/test_owed.sh asks a real one. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "query/engine.h"
#include "store/owed.h"
#include "support/stand.h"

#define S NS_PER_S

static struct stand stand;
static struct engine *engine;
static struct reader *reader;
static struct record_access *access_to_record;
static struct breaker breaker;
static const char *answer; /* of the record */
static int64_t undelivered_ns;
static struct record_absent absent; /* why "": nothing is */
static int64_t absent_to_ns;
static struct buf text; /* the answer, in short */
static struct result_report said;

static bool reply(struct record_reply *r, struct buf *into)
{
	r->status = 200;
	r->connected = true;
	if (into)
		buf_str(into, answer);
	return true;
}

static enum err fake_stream(void *ctx, const struct record_stream *q, struct record_reply *r)
{
	(void)ctx;
	reply(r, NULL);
	return q->take(q->arg, view_of(answer)) ? ERR_OK : ERR_CLOSED;
}

static enum err fake_query(
    void *ctx, const char *database, struct view q, bool post, int64_t timeout_ms, struct record_reply *r)
{
	(void)ctx;
	(void)database;
	(void)q;
	(void)post;
	(void)timeout_ms;
	reply(r, &r->body);
	return ERR_OK;
}

static const struct record_ops fake = { .query = fake_query, .stream = fake_stream };

static void *open_fake(void *arg)
{
	return arg;
}

static void close_fake(void *context)
{
	(void)context;
}

static int64_t undelivered(void *arg)
{
	(void)arg;
	return undelivered_ns;
}

static bool find_absent(void *arg, struct view database, int64_t from_ns, int64_t to_ns, struct record_absent *out)
{
	(void)arg;
	if (!*absent.why || !view_is(database, "metrics") || absent.from_ns >= to_ns || absent_to_ns <= from_ns)
		return false;
	*out = absent;
	if (out->from_ns < from_ns)
		out->from_ns = from_ns;
	return true;
}

struct change {
	int64_t from_ns, to_ns, evicted_until_ns;
};

static enum err make_change(struct spool *s, void *arg, struct errbuf *eb)
{
	const struct change *c = arg;
	struct owed_range r = {
		.target = "influxdb", .db = 1, .cause = OWED_OVERFLOW, .from_ns = c->from_ns, .to_ns = c->to_ns
	};
	enum err e = owed_add(spool_owed(s), spool_db(s), &r, eb);

	if (e == ERR_OK && c->evicted_until_ns)
		e = spool_set_evicted_until(s, c->evicted_until_ns, eb);
	return e;
}

/* The record is owed [from, to); the local store is whole after evicted_until (0: altogether). */
static void owe(int64_t from_ns, int64_t to_ns, int64_t evicted_until_ns)
{
	struct change c = { from_ns, to_ns, evicted_until_ns };
	struct errbuf eb;

	cr_assert_eq(committer_call(stand.committer, make_change, &c, &eb), ERR_OK, "%s", eb.text);
}

static void start(void)
{
	struct errbuf eb;

	log_set_level(LOG_ERROR);
	stand_open(&stand, &(struct stand_opts){ .create_databases = true });
	for (int i = 1; i <= 10; i++) {
		char line[64];
		snprintf(line, sizeof line, "m v=%d %d000000000\n", i, i);
		stand_write(&stand, line);
	}
	undelivered_ns = INT64_MAX;
	absent = (struct record_absent){ 0 };
	breaker_init(&breaker, false);
	const struct record_access_opts access = { .breaker = &breaker,
		.ops = &fake,
		.open = open_fake,
		.close = close_fake,
		.open_arg = &stand,
		.database = "metrics",
		.undelivered_from_ns = undelivered,
		.owed = spool_owed(stand.spool),
		.target = "influxdb",
		.catalogue = stand.catalogue,
		.find_absent = find_absent };
	cr_assert_eq(record_access_new(&access_to_record, &access, &eb), ERR_OK);
	const struct engine_opts opts = { .local = stand.local,
		.catalogue = stand.catalogue,
		.record = access_to_record,
		.query_timeout_ms = 60000 };
	cr_assert_eq(engine_new(&engine, &opts, &eb), ERR_OK);
	const struct reader_opts read = { .local = stand.local, .record = access_to_record, .policy = READ_AUTO };
	cr_assert_eq(reader_new(&reader, &read, &eb), ERR_OK);
	buf_init(&text, 1 << 20);
}

static void end(void)
{
	reader_free(reader);
	engine_free(engine);
	record_access_free(access_to_record);
	stand_remove(&stand);
	buf_fini(&text);
}

TestSuite(record_lack, .init = start, .fini = end, .timeout = 60);

static bool on_begin(void *arg, uint32_t n)
{
	(void)arg;
	(void)n;
	return true;
}

static bool on_end(void *arg, const struct result_report *r, const char *error, const char *message)
{
	(void)arg;
	(void)message;
	said = *r;
	if (error)
		buf_printf(&text, "error %s", error);
	return true;
}

static bool on_series(void *arg, const struct result_series *s)
{
	(void)arg;
	(void)s;
	return true;
}

static bool on_row(void *arg, const struct cell *cells) /* "seconds:value " */
{
	(void)arg;
	buf_printf(&text, "%lld:", (long long)(cells[0].i / S));
	if (cells[1].type == CELL_NULL)
		buf_str(&text, "null");
	else if (cells[1].type == CELL_FLOAT)
		buf_double(&text, cells[1].f);
	else
		buf_i64(&text, cells[1].i);
	buf_char(&text, ' ');
	return true;
}

static void ask(enum read_policy policy, const char *influxql, const char *from_record, const char *want)
{
	const struct engine_sink sink = { { on_series, on_row, NULL, NULL }, on_begin, on_end, NULL };
	struct engine_request rq = {
		.text = view_of(influxql), .database = view_of("metrics"), .policy_of_reads = policy
	};
	struct errbuf eb = { "" };

	answer = from_record;
	buf_clear(&text);
	said = (struct result_report){ 0 };
	cr_assert_eq(engine_run(engine, &rq, &sink, &eb), ERR_OK, "%s", eb.text);
	buf_char(&text, 0);
	cr_expect_str_eq(text.p, want, "%s: %s", influxql, text.p);
}

#define ROWS "SELECT v FROM m WHERE time >= 0 AND time < 20s"
#define BUCKETS "SELECT count(v) FROM m WHERE time >= 0 AND time < 12s GROUP BY time(2s)"
/* The record has 1, 2, 9, 10, and of what another wrote 4 and 7; its values are recognised by their sign. */
static const char rows_of_record[] =
    "{\"results\":[{\"series\":[{\"name\":\"m\",\"columns\":[\"time\",\"v\"],\"values\":[[1000000000,-1],[2000000000,-2],"
    "[4000000000,-4],[7000000000,-7],[9000000000,-9],[10000000000,-10]]}]}]}";
static const char buckets_of_record[] =
    "{\"results\":[{\"series\":[{\"name\":\"m\",\"columns\":[\"time\",\"count\"],\"values\":[[0,1],[2000000000,1],"
    "[4000000000,1],[6000000000,1],[8000000000,1],[10000000000,1]]}]}]}";

static void is_complete(unsigned sources)
{
	cr_expect(!said.incomplete, "%s", said.reason);
	cr_expect_eq(said.sources, sources);
}

static void is_lacking(unsigned sources, const char *why)
{
	cr_expect(said.incomplete);
	cr_expect(strstr(said.reason, why), "%s", said.reason);
	cr_expect_eq(said.sources, sources);
}

#define RANGE "InfluxDB has not got all from 1970-01-01T00:00:03Z to 1970-01-01T00:00:08Z (overflow: "

Test(record_lack, what_is_owed_comes_from_the_local_store)
{
	owe(3 * S, 8 * S, 0);
	ask(READ_AUTO, ROWS, rows_of_record, "1:-1 2:-2 3:3 4:4 5:5 6:6 7:7 8:8 9:9 10:10 ");
	is_complete(READ_SOURCE_BOTH);
	ask(READ_AUTO, ROWS " ORDER BY time DESC",
	    "{\"results\":[{\"series\":[{\"name\":\"m\",\"columns\":[\"time\",\"v\"],\"values\":[[10000000000,-10],[2000000000,-2],[1000000000,-1]]}]}]}",
	    "10:10 9:9 8:8 7:7 6:6 5:5 4:4 3:3 2:-2 1:-1 ");
	is_complete(READ_SOURCE_BOTH);
	ask(READ_AUTO, BUCKETS, buckets_of_record, "0:1 2:2 4:2 6:2 8:2 10:1 ");
	is_complete(READ_SOURCE_BOTH);
	ask(READ_AUTO, ROWS " LIMIT 4", rows_of_record, "1:1 2:2 3:3 4:4 ");
	is_complete(READ_SOURCE_LOCAL);
	ask(READ_AUTO, "SELECT count(v) FROM m", rows_of_record, "0:10 ");
	is_complete(READ_SOURCE_LOCAL);
	ask(READ_AUTO, "SELECT v FROM (SELECT v FROM m) WHERE time >= 7s", rows_of_record, "7:7 8:8 9:9 10:10 ");
	is_complete(READ_SOURCE_LOCAL);
}

Test(record_lack, a_range_that_touches_nothing_owed_is_the_records_alone)
{
	owe(3 * S, 8 * S, 0);
	ask(READ_AUTO, "SELECT v FROM m WHERE time >= 8s AND time < 20s", rows_of_record,
	    "1:-1 2:-2 4:-4 7:-7 9:-9 10:-10 ");
	is_complete(READ_SOURCE_RECORD);
	ask(READ_AUTO, "SELECT v FROM m WHERE time < 3s", rows_of_record, "1:-1 2:-2 4:-4 7:-7 9:-9 10:-10 ");
	is_complete(READ_SOURCE_RECORD);
}

Test(record_lack, beyond_the_local_stores_reach_the_record_gives_what_it_has_and_the_answer_says_so)
{
	owe(3 * S, 8 * S, 5 * S);
	ask(READ_AUTO, ROWS, rows_of_record, "1:-1 2:-2 4:-4 6:6 7:7 8:8 9:9 10:10 ");
	is_lacking(READ_SOURCE_BOTH, RANGE);
	ask(READ_AUTO, BUCKETS, buckets_of_record, "0:1 2:1 4:1 6:2 8:2 10:1 ");
	is_lacking(READ_SOURCE_BOTH, RANGE);
	ask(READ_AUTO, ROWS " LIMIT 3", rows_of_record, "1:-1 2:-2 4:-4 7:-7 9:-9 10:-10 ");
	is_lacking(READ_SOURCE_RECORD, RANGE);
	cr_expect(strstr(said.reason, "cannot add"), "%s", said.reason);
	ask(READ_AUTO, "SELECT v FROM m WHERE time >= 6s AND time < 20s LIMIT 2", rows_of_record, "6:6 7:7 ");
	is_complete(READ_SOURCE_LOCAL);
}

Test(record_lack, the_tail_is_the_local_stores_however_far_that_reaches_back)
{
	owe(3 * S, 4 * S, 7 * S);
	undelivered_ns = 6 * S;
	ask(READ_AUTO, ROWS, rows_of_record, "1:-1 2:-2 4:-4 6:6 7:7 8:8 9:9 10:10 ");
	is_lacking(READ_SOURCE_BOTH, "has not got all from 1970-01-01T00:00:03Z to 1970-01-01T00:00:04Z");
	undelivered_ns = 9 * S;
	ask(READ_AUTO, "SELECT v FROM m WHERE time >= 5s AND time < 20s", rows_of_record,
	    "1:-1 2:-2 4:-4 7:-7 9:9 10:10 ");
	is_complete(READ_SOURCE_BOTH);
}

Test(record_lack, the_record_alone_is_told_from_the_whole)
{
	owe(3 * S, 8 * S, 0);
	ask(READ_RECORD, ROWS, rows_of_record, "1:-1 2:-2 4:-4 7:-7 9:-9 10:-10 ");
	is_lacking(READ_SOURCE_RECORD, RANGE);
	undelivered_ns = 9 * S;
	ask(READ_RECORD, "SELECT v FROM m WHERE time >= 8s AND time < 20s", rows_of_record,
	    "1:-1 2:-2 4:-4 7:-7 9:-9 10:-10 ");
	is_lacking(READ_SOURCE_RECORD, "newest points");
}

Test(record_lack, a_record_without_the_database_is_none)
{
	static const char gone[] = "{\"results\":[{\"statement_id\":0,\"error\":\"database not found: metrics\"}]}";

	ask(READ_AUTO, ROWS, gone, "1:1 2:2 3:3 4:4 5:5 6:6 7:7 8:8 9:9 10:10 ");
	is_complete(READ_SOURCE_LOCAL);
	undelivered_ns = 4 * S;
	ask(READ_AUTO, ROWS, gone, "1:1 2:2 3:3 4:4 5:5 6:6 7:7 8:8 9:9 10:10 ");
	is_complete(READ_SOURCE_LOCAL);
	ask(READ_RECORD, ROWS, gone, "1:1 2:2 3:3 4:4 5:5 6:6 7:7 8:8 9:9 10:10 ");
	is_lacking(READ_SOURCE_LOCAL, "does not have the database");
}

Test(record_lack, only_the_database_that_is_owed)
{
	char message[1024];
	struct change c = { 3 * S, 8 * S, 0 };
	struct errbuf eb;

	cr_assert_eq(stand_try(&stand, "other", 1, "m v=1 1000000000\n", message), ERR_OK, "%s", message);
	cr_assert_eq(committer_call(stand.committer, make_change, &c, &eb), ERR_OK);
	ask(READ_AUTO, "SELECT v FROM other..m WHERE time >= 0 AND time < 20s", rows_of_record,
	    "1:-1 2:-2 4:-4 7:-7 9:-9 10:-10 ");
	is_complete(READ_SOURCE_RECORD);
	ask(READ_AUTO, "SELECT v FROM (SELECT v FROM metrics..m) WHERE time >= 9s LIMIT 1", rows_of_record,
	    "1:-1 2:-2 4:-4 7:-7 9:-9 10:-10 ");
	is_complete(READ_SOURCE_RECORD);
	ask(READ_AUTO, "SELECT v FROM (SELECT v FROM metrics..m) WHERE time >= 7s LIMIT 1", rows_of_record, "7:7 ");
	is_complete(READ_SOURCE_LOCAL);
}

Test(record_lack, what_the_record_refused_or_does_not_keep_comes_from_the_local_store)
{
	absent = (struct record_absent){ INT64_MIN, "InfluxDB keeps only 3d" };
	absent_to_ns = 4 * S;
	ask(READ_AUTO, ROWS, rows_of_record, "1:1 2:2 3:3 4:4 5:5 6:6 7:7 8:8 9:9 10:10 ");
	is_complete(READ_SOURCE_BOTH);
	ask(READ_AUTO, ROWS " LIMIT 4", rows_of_record, "1:1 2:2 3:3 4:4 ");
	is_complete(READ_SOURCE_LOCAL);
	ask(READ_RECORD, ROWS, rows_of_record, "1:-1 2:-2 4:-4 7:-7 9:-9 10:-10 ");
	is_lacking(READ_SOURCE_RECORD, "keeps only 3d");
	ask(READ_AUTO, "SELECT v FROM m WHERE time >= 4s AND time < 20s", rows_of_record,
	    "1:-1 2:-2 4:-4 7:-7 9:-9 10:-10 ");
	is_complete(READ_SOURCE_RECORD);
}

Test(record_lack, what_was_refused_and_is_not_here_any_more_is_said_to_lack)
{
	absent = (struct record_absent){ 3 * S, "InfluxDB refused 2 points" };
	absent_to_ns = 8 * S;
	owe(9 * S, 10 * S, 5 * S);
	ask(READ_AUTO, ROWS, rows_of_record, "1:-1 2:-2 4:-4 6:6 7:7 8:8 9:9 10:10 ");
	is_lacking(READ_SOURCE_BOTH, "refused 2 points");
	absent.from_ns = 9 * S + 1;
	absent_to_ns = 12 * S;
	ask(READ_RECORD, ROWS, rows_of_record, "1:-1 2:-2 4:-4 7:-7 9:-9 10:-10 ");
	is_lacking(READ_SOURCE_RECORD, "has not got all from 1970-01-01T00:00:09Z");
}

/* ---- the cells of the REST interface ---- */

static void read_cells(const char *want, bool complete)
{
	struct read_request q = {
		.database = "metrics", .measurement = "m", .from_ns = 0, .to_ns = 12 * S, .step_ns = 2 * S
	};
	struct read_result r;
	struct errbuf eb;
	const struct read_column *v;

	answer =
	    "{\"results\":[{\"series\":[{\"name\":\"m\",\"columns\":[\"time\",\"count_v\",\"sum_v\"],\"values\":["
	    "[0,1,-1],[2000000000,1,-2],[4000000000,1,-4],[6000000000,1,-7],[8000000000,1,-9],[10000000000,1,-10]]}]}]}";
	read_result_init(&r, &q);
	cr_assert_eq(reader_read(reader, &q, &r, &eb), ERR_OK, "%s", eb.text);
	cr_expect_eq(r.complete, complete, "%s", r.reason);
	cr_assert_eq(r.group_count, 1);
	v = read_group_column(&r.groups[0], "v");
	cr_assert(v != NULL);
	buf_clear(&text);
	for (unsigned b = 0; b < r.buckets; b++) {
		buf_double(&text, v->cells[b].sum);
		buf_char(&text, ' ');
	}
	buf_char(&text, 0);
	cr_expect_str_eq(text.p, want);
	read_result_fini(&r);
}

Test(record_lack, cells_of_what_is_owed_are_the_local_stores)
{
	read_cells("-1 -2 -4 -7 -9 -10 ", true);
	absent = (struct record_absent){ 9 * S, "InfluxDB refused 1 points" };
	absent_to_ns = 10 * S;
	read_cells("-1 -2 -4 -7 17 10 ", true);
	absent = (struct record_absent){ 0 };
	owe(3 * S, 8 * S, 0);
	read_cells("-1 5 9 13 17 10 ", true);
	undelivered_ns = 9 * S;
	read_cells("-1 5 9 13 17 10 ", true);
}

Test(record_lack, cells_beyond_the_local_stores_reach_are_the_records_and_said_to_lack)
{
	owe(3 * S, 8 * S, 5 * S);
	read_cells("-1 -2 -4 13 17 10 ", false);
	owe(3 * S, 8 * S, 20 * S);
	read_cells("-1 -2 -4 -7 -9 -10 ", false);
	undelivered_ns = 9 * S;
	read_cells("-1 -2 -4 -7 17 10 ", false);
}
