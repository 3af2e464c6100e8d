#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "query/result_csv.h"
#include "query/result_json.h"

static struct result_out out;
static struct buf sent; /* what flush took */

static bool take(void *arg, struct result_out *o)
{
	(void)arg;
	buf_append(&sent, o->buf.p, o->buf.len);
	o->sent += o->buf.len;
	buf_clear(&o->buf);
	return true;
}

static void start(void)
{
	out = (struct result_out){ .flush_at = SIZE_MAX, .flush = take };
	buf_init(&out.buf, 1 << 24);
	buf_init(&sent, 1 << 24);
}

static void end(void)
{
	buf_fini(&out.buf);
	buf_fini(&sent);
}

TestSuite(result_json, .init = start, .fini = end);
TestSuite(result_csv, .init = start, .fini = end);

static const struct view columns[] = { { "time", 4 }, { "v", 1 }, { "s", 1 } };
static const struct result_tag tags[] = { { { "host", 4 }, { "a<b", 3 } }, { { "z", 1 }, { "", 0 } } };
static const struct result_series with_time = {
	.name = { "m", 1 }, .columns = columns, .column_count = 3, .first_is_time = true
};
static const struct result_series tagged = {
	.name = { "m", 1 }, .tags = tags, .tag_count = 2, .columns = columns, .column_count = 3, .first_is_time = true
};
static const struct result_series of_show = { .columns = columns + 1, .column_count = 1, .undivided = true };
static const struct result_report nothing = { 0 };

static struct cell text(const char *s)
{
	return (struct cell){ .type = CELL_STRING, .s = view_of(s) };
}

static void put(const struct engine_sink *s, int64_t time_ns, double v, struct cell last)
{
	struct cell cells[3] = { { .type = CELL_INTEGER, .i = time_ns }, { .type = CELL_FLOAT, .f = v }, last };

	cr_assert(s->rows.row(s->rows.arg, cells));
}

static void begin(const struct engine_sink *s, uint32_t statement)
{
	cr_assert(s->begin(s->arg, statement));
}

static void series(const struct engine_sink *s, const struct result_series *x)
{
	cr_assert(s->rows.series(s->rows.arg, x));
}

static void finish_statement(const struct engine_sink *s, const char *error)
{
	cr_assert(s->end(s->arg, &nothing, error, NULL));
}

static void expect(const char *want)
{
	buf_append(&sent, out.buf.p, out.buf.len);
	buf_char(&sent, 0);
	cr_assert(!sent.failed && !out.buf.failed);
	cr_expect_str_eq(sent.p, want);
}

static struct result_json j;

static struct engine_sink json(void)
{
	result_json_init(&j, &out, RESULT_EPOCH_TEXT);
	return result_json_sink(&j);
}

static void finish(void)
{
	result_json_finish(&j, NULL);
	result_json_fini(&j);
}

Test(result_json, series_rows_and_statements)
{
	struct engine_sink s = json();

	begin(&s, 0);
	series(&s, &tagged);
	put(&s, 1700000000000000000, 1.5, text("x"));
	put(&s, 1700000000100000001, -0.0, (struct cell){ .type = CELL_NULL });
	series(&s, &with_time);
	put(&s, -1, 1e21, (struct cell){ .type = CELL_BOOLEAN, .b = true });
	finish_statement(&s, NULL);
	begin(&s, 1);
	finish_statement(&s, NULL);
	begin(&s, 2);
	finish_statement(&s, "no \"luck\"");
	finish();
	expect(
	    "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"tags\":{\"host\":\"a\\u003cb\",\"z\":\"\"},"
	    "\"columns\":[\"time\",\"v\",\"s\"],\"values\":[[\"2023-11-14T22:13:20Z\",1.5,\"x\"],"
	    "[\"2023-11-14T22:13:20.100000001Z\",-0,null]]},{\"name\":\"m\",\"columns\":[\"time\",\"v\",\"s\"],"
	    "\"values\":[[\"1969-12-31T23:59:59.999999999Z\",1e+21,true]]}]},{\"statement_id\":1},"
	    "{\"statement_id\":2,\"error\":\"no \\\"luck\\\"\"}]}\n");
}

Test(result_json, strings_are_escaped_as_go_does)
{
	struct engine_sink s = json();

	begin(&s, 0);
	series(&s, &with_time);
	put(&s, 0, NAN, text("a\x01\x7f\xff\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa\xf0\x9f\x98\x80\"\\\t\n\r\b\f<>&'/"));
	finish_statement(&s, NULL);
	finish();
	expect(
	    "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"columns\":[\"time\",\"v\",\"s\"],\"values\":"
	    "[[\"1970-01-01T00:00:00Z\",null,\"a\\u0001\x7f\\ufffd\\u2028\\u2029\xe2\x80\xaa\xf0\x9f\x98\x80\\\"\\\\"
	    "\\t\\n\\r\\u0008\\u000c\\u003c\\u003e\\u0026'/\"]]}]}]}\n");
}

Test(result_json, pretty_is_indented_by_four)
{
	struct engine_sink s = json();

	j.pretty = true;
	begin(&s, 0);
	series(&s, &of_show);
	cr_assert(s.rows.row(s.rows.arg, (struct cell[]){ text("x") }));
	cr_assert(s.end(s.arg, &nothing, NULL, "old"));
	begin(&s, 1);
	finish_statement(&s, "e");
	finish();
	expect("{\n    \"results\": [\n        {\n            \"statement_id\": 0,\n            \"series\": [\n"
	       "                {\n                    \"columns\": [\n                        \"v\"\n"
	       "                    ],\n                    \"values\": [\n                        [\n"
	       "                            \"x\"\n                        ]\n                    ]\n"
	       "                }\n            ],\n            \"messages\": [\n                {\n"
	       "                    \"level\": \"warning\",\n                    \"text\": \"old\"\n"
	       "                }\n            ]\n        },\n        {\n            \"statement_id\": 1,\n"
	       "            \"error\": \"e\"\n        }\n    ]\n}\n");
}

Test(result_json, chunks_hold_one_series_and_so_many_rows)
{
	struct engine_sink s = json();

	j.chunk_rows = 2;
	j.epoch = RESULT_EPOCH_S;
	begin(&s, 0);
	series(&s, &with_time);
	for (int i = 0; i < 3; i++)
		put(&s, i * INT64_C(1000000000), i, text("x"));
	series(&s, &with_time);
	put(&s, -1500000000, 4, text("y"));
	finish_statement(&s, NULL);
	begin(&s, 1);
	series(&s, &of_show);
	for (int i = 0; i < 3; i++)
		cr_assert(s.rows.row(s.rows.arg, (struct cell[]){ text("x") }));
	finish_statement(&s, NULL);
	begin(&s, 2);
	finish_statement(&s, "e");
	finish();
#define HEAD0 \
	"{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"columns\":[\"time\",\"v\",\"s\"],\"values\":"
	expect(HEAD0
	    "[[0,0,\"x\"],[1,1,\"x\"]],\"partial\":true}],\"partial\":true}]}\n" HEAD0
	    "[[2,2,\"x\"]]}],\"partial\":true}]}\n" HEAD0 "[[-1,4,\"y\"]]}]}]}\n"
	    "{\"results\":[{\"statement_id\":1,\"series\":[{\"columns\":[\"v\"],\"values\":[[\"x\"],[\"x\"],[\"x\"]]}]}]}\n"
	    "{\"results\":[{\"statement_id\":2,\"error\":\"e\"}]}\n");
}

Test(result_json, an_error_takes_the_place_of_the_rows)
{
	struct engine_sink s = json();

	begin(&s, 0);
	finish_statement(&s, NULL);
	begin(&s, 1);
	series(&s, &with_time);
	put(&s, 0, 1, text("x"));
	finish_statement(&s, "too late");
	begin(&s, 1);
	finish_statement(&s, "not executed");
	finish();
	expect("{\"results\":[{\"statement_id\":0},{\"statement_id\":1,\"error\":\"not executed\"}]}\n");
}

Test(result_json, an_error_behind_rows_that_have_left_stands_beside_them)
{
	struct engine_sink s = json();

	out.flush_at = 1;
	begin(&s, 0);
	series(&s, &with_time);
	put(&s, 0, 1, text("x"));
	finish_statement(&s, "too late");
	finish();
	expect(
	    "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"columns\":[\"time\",\"v\",\"s\"],\"values\":"
	    "[[\"1970-01-01T00:00:00Z\",1,\"x\"]]}],\"error\":\"too late\"}]}\n");
}

Test(result_json, no_statement_is_an_empty_object)
{
	(void)json();
	finish();
	expect("{}\n");
}

Test(result_json, more_than_ten_thousand_rows_are_marked_as_influxdb_does)
{
	struct engine_sink s = json();
	static const char tail[] = "]],\"partial\":true}]}]}\n";

	begin(&s, 0);
	series(&s, &with_time);
	for (int i = 0; i < 10001; i++)
		put(&s, i, i, (struct cell){ .type = CELL_UNSIGNED, .u = UINT64_MAX });
	finish_statement(&s, NULL);
	finish();
	cr_assert(out.buf.len > sizeof tail);
	cr_expect(memcmp(out.buf.p + out.buf.len - (sizeof tail - 1), tail, sizeof tail - 1) == 0);
}

Test(result_json, the_own_form_tells_the_source)
{
	struct engine_sink s = json();
	struct result_report r = { .sources = READ_SOURCE_LOCAL, .incomplete = true, .reason = "why", .tiers = 1 << 2 };

	begin(&s, 0);
	finish_statement(&s, NULL);
	result_json_finish(&j, &r);
	result_json_fini(&j);
	expect(
	    "{\"results\":[{\"statement_id\":0}],\"source\":\"local\",\"complete\":false,\"reason\":\"why\",\"tier\":\"1h\","
	    "\"percentiles\":\"exact\"}\n");
}

/* ---- CSV ---- */

/* ---- runs ---- */

enum { RUN = 50 };
static int64_t run_times[RUN];
static uint64_t run_bits[3][RUN];
static uint8_t run_present[RUN];
static struct cell run_cells[8];
static struct result_column run_columns[] = { { .bits = run_bits[0], .type = VALUE_FLOAT },
	{ .bits = run_bits[1], .type = VALUE_INTEGER, .present = run_present },
	{ .same = { .type = CELL_STRING, .s = { "<a\"b>", 5 } } }, { .bits = run_bits[2], .type = VALUE_BOOLEAN },
	{ .same = { .type = CELL_NULL } }, { .bits = run_bits[1], .type = VALUE_UNSIGNED } };
static const struct view run_names[] = { { "time", 4 }, { "f", 1 }, { "i", 1 }, { "h", 1 }, { "b", 1 }, { "x", 1 },
	{ "u", 1 } };
static const struct result_series of_run = {
	.name = { "m", 1 }, .tags = tags, .tag_count = 2, .columns = run_names, .column_count = 7, .first_is_time = true
};

static void make_run(void)
{
	for (int i = 0; i < RUN; i++) {
		double f = i % 11 == 5 ? NAN : i % 7 == 3 ? 1e300 / (i + 1) : i * 1.25;
		run_times[i] = INT64_C(1700000000123456789) + i * INT64_C(777777777777);
		memcpy(&run_bits[0][i], &f, sizeof f);
		run_bits[1][i] = (uint64_t)(i - 25) * 1234567;
		run_bits[2][i] = i & 1;
		run_present[i] = i % 3 != 0;
	}
}

/* All of it: in runs of n rows, or (0) row by row. */
static char *written(bool as_csv, bool pretty, uint64_t chunk_rows, enum result_epoch epoch, bool backwards, uint32_t n)
{
	struct result_csv c;

	buf_clear(&sent);
	buf_clear(&out.buf);
	out.sent = 0;
	result_json_init(&j, &out, epoch);
	result_csv_init(&c, &out, epoch);
	j.pretty = pretty;
	j.chunk_rows = chunk_rows;
	const struct engine_sink s = as_csv ? result_csv_sink(&c) : result_json_sink(&j);
	const struct result_sink rows = { .series = s.rows.series, .row = s.rows.row, .arg = s.rows.arg };
	const struct result_run all = { .first = 1,
		.count = RUN - 2,
		.backwards = backwards,
		.times = run_times,
		.columns = run_columns,
		.column_count = 6,
		.cells = run_cells };
	begin(&s, 0);
	for (int k = 0; k < 2; k++) {
		series(&s, &of_run);
		for (uint32_t at = 0; at < all.count; at += n ? n : 1) {
			const uint32_t left = all.count - at;
			const struct result_run part = result_run_part(&all, at, n == 0 ? 1 : n < left ? n : left);
			cr_assert(result_sink_run(n ? &s.rows : &rows, &part));
		}
	}
	finish_statement(&s, NULL);
	if (!as_csv)
		result_json_finish(&j, NULL);
	buf_append(&sent, out.buf.p, out.buf.len);
	buf_char(&sent, 0);
	result_json_fini(&j);
	result_csv_fini(&c);
	return strdup(sent.p);
}

Test(result_json, runs_are_written_as_their_rows)
{
	static const uint64_t chunks[] = { 0, 1, 7, 48, 49, 10000 };
	static const size_t flushes[] = { 1, 100, SIZE_MAX };

	make_run();
	for (unsigned k = 0; k < 6 * 7 * 8 * 3; k++) {
		const bool as_csv = k & 1, pretty = k & 2, backwards = k & 4;
		const uint64_t chunk = chunks[k / 8 % 6];
		const enum result_epoch epoch = (enum result_epoch)(k / 48 % 7);
		out.flush_at = flushes[k / 336];
		char *want = written(as_csv, pretty, chunk, epoch, backwards, 0);
		cr_assert(strlen(want) > 1000);
		for (uint32_t n = 1; n <= RUN; n = n * 2 + 1) {
			char *have = written(as_csv, pretty, chunk, epoch, backwards, n);
			cr_assert_str_eq(have, want);
			free(have);
		}
		free(want);
	}
}

Test(result_csv, headers_come_with_statements_and_columns)
{
	struct result_csv c;

	result_csv_init(&c, &out, RESULT_EPOCH_TEXT);
	struct engine_sink s = result_csv_sink(&c);
	begin(&s, 0);
	series(&s, &tagged);
	put(&s, 1700000000000000001, 1e-7, text("a,\"b\"\n"));
	series(&s, &with_time);
	put(&s, 5, 1e22, text(" x"));
	put(&s, 6, -0.5, (struct cell){ .type = CELL_NULL });
	finish_statement(&s, NULL);
	begin(&s, 1);
	finish_statement(&s, "gone");
	begin(&s, 2);
	series(&s, &of_show);
	cr_assert(s.rows.row(s.rows.arg, (struct cell[]){ text("x") }));
	finish_statement(&s, "taken back");
	begin(&s, 3);
	series(&s, &of_show);
	cr_assert(s.rows.row(s.rows.arg, (struct cell[]){ text("y") }));
	finish_statement(&s, NULL);
	result_csv_fini(&c);
	expect("name,tags,time,v,s\nm,host=a<b,1700000000000000001,0.0000001,\"a,\"\"b\"\"\n\"\n"
	       "m,,5,10000000000000000000000,\" x\"\nm,,6,-0.5,\n\nname,tags,v\n,,y\n");
}

Test(result_csv, errors_have_a_header)
{
	result_csv_error(&out.buf, view_of("no \"q\""));
	expect("error\n\"no \"\"q\"\"\"\n");
}
