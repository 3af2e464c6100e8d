/* What answers look like, on a terminal and in a pipe. */
#include <criterion/criterion.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/show.h"
#include "cli/text.h"

static struct terminal pipe_end, terminal;
static struct buf out;
static size_t writes, largest;

static bool take(void *arg, struct view text)
{
	cr_assert_eq(arg, &out);
	buf_view(&out, text);
	writes++;
	largest = text.len > largest ? text.len : largest;
	return true;
}

static void start(void)
{
	cr_assert(setlocale(LC_CTYPE, "C.UTF-8"));
	setenv("TZ", "XXX-05:30", 1);
	tzset();
	buf_init(&out, 64 << 20);
	terminal = (struct terminal){ .is_terminal = true, .width = 60, .height = 24, .utf8 = true };
}

static void stop(void)
{
	buf_fini(&out);
}

TestSuite(query_table, .init = start, .fini = stop, .timeout = 60);

static struct show *begin(enum show_format f, enum show_time time, const struct terminal *t)
{
	struct show_opts o = { f, time, t, take, &out };
	struct show *s = show_new(&o);

	cr_assert(s);
	buf_clear(&out);
	return s;
}

static void ignore(void *arg, struct view text)
{
	(void)arg;
	(void)text;
}

/* results: what stands in "series" of the first statement. */
static void feed(struct show *s, const char *series)
{
	const struct answer_sink sink = { show_answer_series, show_answer_row, show_series_end, ignore, ignore, s };
	struct answer *a = answer_new(&sink);
	struct errbuf eb = { "" };

	cr_assert_eq(answer_take(a, view_of("{\"results\":[{\"series\":["), &eb), ERR_OK);
	cr_assert_eq(answer_take(a, view_of(series), &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(answer_take(a, view_of("]}]}"), &eb), ERR_OK);
	cr_assert_eq(answer_end(a, &eb), ERR_OK);
	answer_free(a);
}

static void expect(const char *want)
{
	buf_char(&out, 0);
	cr_expect_str_eq(out.p, want, "have:\n%s\nwant:\n%s", out.p, want);
	buf_clear(&out);
}

static void shows(
    enum show_format f, enum show_time time, const struct terminal *t, const char *series, const char *want)
{
	struct show *s = begin(f, time, t);

	feed(s, series);
	show_free(s);
	expect(want);
}

#define TWO_SERIES \
	"{\"name\":\"cpu\",\"tags\":{\"host\":\"a b\",\"dc\":\"\"},\"columns\":[\"time\",\"idle\",\"note\"],\"values\":" \
	"[[1700000000000000000,99.5,\"x\"],[1700000001500000000,null,\"long note\"]]}," \
	"{\"name\":\"cpu\",\"tags\":{\"host\":\"c\",\"dc\":\"\"},\"columns\":[\"time\",\"idle\",\"note\"],\"values\":" \
	"[[-1,7,\"-\"]]}"

Test(query_table, a_pipe_gets_plain_words)
{
	shows(SHOW_TABLE, SHOW_TIME_UTC, &pipe_end, TWO_SERIES,
	    "cpu host=\"a b\" dc=\n"
	    "time                    idle  note\n"
	    "2023-11-14T22:13:20Z    99.5  x\n"
	    "2023-11-14T22:13:21.5Z     -  \"long note\"\n"
	    "\n"
	    "cpu host=c dc=\n"
	    "time                            idle  note\n"
	    "1969-12-31T23:59:59.999999999Z     7  \"-\"\n");
}

Test(query_table, a_terminal_gets_local_times)
{
	shows(SHOW_TABLE, SHOW_TIME_LOCAL, &terminal, TWO_SERIES,
	    "cpu host=a b dc=\n"
	    "time                         idle  note\n"
	    "2023-11-15 03:43:20+05:30    99.5  x\n"
	    "2023-11-15 03:43:21.5+05:30     -  long note\n"
	    "\n"
	    "cpu host=c dc=\n"
	    "time                                 idle  note\n"
	    "1970-01-01 05:29:59.999999999+05:30     7  -\n");
}

Test(query_table, times_stay_as_sent_with_an_epoch)
{
	shows(SHOW_TABLE, SHOW_TIME_AS_SENT, &pipe_end,
	    "{\"name\":\"m\",\"columns\":[\"time\",\"v\"],\"values\":[[17,1],[1800,22]]}",
	    "m\ntime   v\n  17   1\n1800  22\n");
}

Test(query_table, only_the_first_column_is_the_time)
{
	shows(SHOW_TABLE, SHOW_TIME_UTC, &pipe_end,
	    "{\"columns\":[\"v\",\"time\"],\"values\":[[1000000000,2000000000]]}",
	    "         v        time\n1000000000  2000000000\n");
}

Test(query_table, numbers_are_as_the_server_wrote_them)
{
	shows(SHOW_TABLE, SHOW_TIME_UTC, &pipe_end,
	    "{\"columns\":[\"v\"],\"values\":[[9223372036854775807],[1e+21],[0.1],[-0.30000000000000004]]}",
	    "                   v\n 9223372036854775807\n               1e+21\n                 0.1\n-0.30000000000000004\n");
}

Test(query_table, a_terminal_sees_the_course_of_numbers)
{
	shows(SHOW_TABLE, SHOW_TIME_LOCAL, &terminal,
	    "{\"name\":\"m\",\"columns\":[\"time\",\"v\",\"count\",\"s\"],\"values\":"
	    "[[0,1,5,\"a\"],[0,null,5,\"b\"],[0,3,5,\"c\"]]}",
	    "m\n"
	    "time                       v  count  s\n"
	    "1970-01-01 05:30:00+05:30  1      5  a\n"
	    "1970-01-01 05:30:00+05:30  -      5  b\n"
	    "1970-01-01 05:30:00+05:30  3      5  c\n"
	    "v      ▁ █  1 to 3, last 3\n"
	    "count  ▅▅▅  5 to 5, last 5\n");
	terminal.utf8 = false;
	shows(SHOW_TABLE, SHOW_TIME_LOCAL, &terminal, "{\"columns\":[\"time\",\"é\"],\"values\":[[0,1],[0,2]]}",
	    "time                       \\u00e9\n"
	    "1970-01-01 05:30:00+05:30       1\n"
	    "1970-01-01 05:30:00+05:30       2\n"
	    "\\u00e9  _#  1 to 2, last 2\n");
}

Test(query_table, one_value_has_no_course_and_text_none)
{
	shows(SHOW_TABLE, SHOW_TIME_UTC, &terminal, "{\"columns\":[\"time\",\"v\",\"s\"],\"values\":[[0,1,\"x\"]]}",
	    "time                  v  s\n1970-01-01T00:00:00Z  1  x\n");
	shows(SHOW_TABLE, SHOW_TIME_UTC, &terminal, "{\"columns\":[\"v\"],\"values\":[[1],[2]]}", "v\n1\n2\n");
}

Test(query_table, long_text_is_cut_so_that_a_row_fits)
{
	shows(SHOW_TABLE, SHOW_TIME_UTC, &terminal,
	    "{\"columns\":[\"time\",\"v\",\"s\",\"t\"],\"values\":"
	    "[[0,12345,\"an uncommonly long text in a cell\",\"short\"],[0,1,\"漢字漢字漢字漢字漢字漢字\",\"x\"]]}",
	    "time                      v  s                         t\n"
	    "1970-01-01T00:00:00Z  12345  an uncommonly long text…  short\n"
	    "1970-01-01T00:00:00Z      1  漢字漢字漢字漢字漢字漢字  x\n"
	    "v  █▁  1 to 12345, last 1\n");
}

Test(query_table, no_row_is_wider_than_the_terminal)
{
	for (terminal.width = 20; terminal.width < 140; terminal.width++) {
		struct show *s = begin(SHOW_TABLE, SHOW_TIME_LOCAL, &terminal);
		feed(s,
		    "{\"columns\":[\"time\",\"a long name of a column\",\"s\",\"t\"],\"values\":"
		    "[[0,1,\"an uncommonly long text in a cell\",\"another one, longer than the first\"]]}");
		show_free(s);
		buf_char(&out, 0);
		bool records = strstr(out.p, " = ");
		cr_expect_eq(records, terminal.width < 25 + 2 + 1 + 2 + 8 + 2 + 8, "width %u", terminal.width);
		for (char *p = out.p; !records && *p; p = strchr(p, '\n') + 1)
			cr_expect_leq(text_width((struct view){ p, strcspn(p, "\n") }), terminal.width, "%s", out.p);
	}
}

Test(query_table, what_cannot_fit_stands_value_by_value)
{
	terminal.width = 30;
	shows(SHOW_TABLE, SHOW_TIME_UTC, &terminal,
	    "{\"name\":\"m\",\"columns\":[\"time\",\"one\",\"two\"],\"values\":[[0,1234567,7654321],[0,1,\"a\\nb\"]]}",
	    "m\n"
	    "time = 1970-01-01T00:00:00Z\n"
	    " one = 1234567\n"
	    " two = 7654321\n"
	    "\n"
	    "time = 1970-01-01T00:00:00Z\n"
	    " one = 1\n"
	    " two = a\\nb\n"
	    "\n"
	    "one  █▁  1 to 1.23457e+06, last 1\n");
}

Test(query_table, color_is_for_terminals_that_have_it)
{
	terminal.color = true;
	shows(SHOW_TABLE, SHOW_TIME_AS_SENT, &terminal,
	    "{\"name\":\"m\",\"tags\":{\"h\":\"a\"},\"columns\":[\"time\",\"v\"],\"values\":[[1,1],[2,2],[3,null]]}",
	    "\033[1;36mm\033[0;36m h=a\033[0m\n"
	    "\033[1mtime  v\033[0m\n"
	    "   1  1\n   2  2\n   3  \033[2m-\033[0m\n"
	    "v  \033[32m▁█ \033[0m  1 to 2, last 2\n");
}

Test(query_table, a_long_series_is_aligned_by_blocks)
{
	const struct answer_series series = { .columns = (struct view[]){ view_of("v"), view_of("s") },
		.column_count = 2 };
	struct show *s = begin(SHOW_TABLE, SHOW_TIME_UTC, &pipe_end);
	char number[16], *p;

	cr_assert(show_answer_series(s, &series));
	for (int i = 0; i < 100000; i++) {
		snprintf(number, sizeof number, "%d", i);
		struct answer_cell cells[2] = { { ANSWER_NUMBER, view_of(number) }, { ANSWER_STRING, view_of("x") } };
		cr_assert(show_answer_row(s, cells));
	}
	cr_assert(show_series_end(s));
	show_free(s);
	cr_expect_eq(writes, 100, "%zu", writes);
	cr_expect_lt(largest, 20000, "%zu", largest);
	buf_char(&out, 0);
	cr_assert_eq(strncmp(out.p, "  v  s\n  0  x\n", 14), 0, "%.60s", out.p);
	p = strstr(out.p, "\n999  x\n1000  x\n");
	cr_assert(p, "the second block is wider");
	cr_assert(strstr(p, "\n99999  x\n"));
	cr_assert_eq(strstr(out.p + 1, "v  s"), out.p + 2, "the head is printed once");
	cr_assert_null(strstr(p, "v  s"));
}

Test(query_table, wide_rows_do_not_pile_up)
{
	static char wide[100000];
	const struct answer_series series = { .columns = (struct view[]){ view_of("s") }, .column_count = 1 };
	struct show *s = begin(SHOW_TABLE, SHOW_TIME_UTC, &pipe_end);

	memset(wide, 'x', sizeof wide);
	cr_assert(show_answer_series(s, &series));
	for (int i = 0; i < 200; i++) {
		struct answer_cell cell = { ANSWER_STRING, { wide, sizeof wide } };
		cr_assert(show_answer_row(s, &cell));
	}
	cr_assert(show_series_end(s));
	show_free(s);
	cr_expect_gt(writes, 3);
	cr_expect_lt(largest, 5 << 20);
	cr_expect_gt(out.len, 200 * sizeof wide);
}

Test(query_table, a_series_without_rows_has_its_head)
{
	shows(SHOW_TABLE, SHOW_TIME_UTC, &pipe_end, "{\"name\":\"m\",\"columns\":[\"a\",\"b\"]}", "m\na  b\n");
}

Test(query_table, csv_is_rfc_4180)
{
	shows(SHOW_CSV, SHOW_TIME_UTC, &pipe_end,
	    "{\"name\":\"c,pu\",\"tags\":{\"host\":\"a\\\"b\",\"dc\":\"\"},\"columns\":[\"time\",\"v\",\"s\"],\"values\":"
	    "[[0,1.5,\"two\\nlines\"],[1,null,\"\"],[2,true,\"é\"]]},"
	    "{\"name\":\"c,pu\",\"tags\":{\"host\":\"c\",\"dc\":\"d\"},\"columns\":[\"time\",\"v\",\"s\"],\"values\":[[3,1,null]]},"
	    "{\"columns\":[\"x\"],\"values\":[[1]]}",
	    "name,host,dc,time,v,s\r\n"
	    "\"c,pu\",\"a\"\"b\",\"\",1970-01-01T00:00:00Z,1.5,\"two\nlines\"\r\n"
	    "\"c,pu\",\"a\"\"b\",\"\",1970-01-01T00:00:00.000000001Z,,\"\"\r\n"
	    "\"c,pu\",\"a\"\"b\",\"\",1970-01-01T00:00:00.000000002Z,true,é\r\n"
	    "\"c,pu\",c,d,1970-01-01T00:00:00.000000003Z,1,\r\n"
	    "\r\n"
	    "name,x\r\n"
	    ",1\r\n");
}

Test(query_table, line_is_a_value_a_line)
{
	shows(SHOW_LINE, SHOW_TIME_UTC, &pipe_end,
	    "{\"name\":\"m\",\"tags\":{\"h\":\"a\"},\"columns\":[\"time\",\"value\"],\"values\":[[0,1],[1,\"a b\"]]}",
	    "m h=a\n"
	    " time = 1970-01-01T00:00:00Z\n"
	    "value = 1\n"
	    "\n"
	    " time = 1970-01-01T00:00:00.000000001Z\n"
	    "value = \"a b\"\n");
}

Test(query_table, knows_the_newest_time)
{
	struct show *s = begin(SHOW_CSV, SHOW_TIME_UTC, &pipe_end);
	int64_t ns;

	cr_expect(!show_newest(s, &ns));
	feed(s, "{\"columns\":[\"time\",\"v\"],\"values\":[[5,1],[7,1],[6,1]]}");
	cr_expect(show_newest(s, &ns));
	cr_expect_eq(ns, 7);
	cr_expect_eq(show_series_count(s), 1);
	show_free(s);
}

Test(query_table, any_time_has_a_local_form)
{
	char text[64];

	show_local_time(text, INT64_MIN);
	cr_expect_str_eq(text, "1677-09-21 05:42:43.145224192+05:30", "%s", text);
	show_local_time(text, INT64_MAX);
	cr_expect_str_eq(text, "2262-04-12 05:17:16.854775807+05:30", "%s", text);
	setenv("TZ", "XXX+03:30", 1);
	tzset();
	show_local_time(text, 0);
	cr_expect_str_eq(text, "1969-12-31 20:30:00-03:30", "%s", text);
}
