#include <criterion/criterion.h>
#include <stdio.h>

#include "cli/answer.h"

static struct buf seen;
static bool refuse_rows;

static void put(struct view v)
{
	if (v.len)
		buf_view(&seen, v);
}

static bool on_series(void *arg, const struct answer_series *s)
{
	(void)arg;
	buf_printf(&seen, "<%u ", s->statement);
	put(s->name);
	for (unsigned i = 0; i < s->tag_count; i++) {
		buf_char(&seen, ',');
		put(s->tags[i].key);
		buf_char(&seen, '=');
		put(s->tags[i].value);
	}
	for (unsigned i = 0; i < s->column_count; i++) {
		buf_char(&seen, i ? '|' : ':');
		put(s->columns[i]);
	}
	buf_char(&seen, '>');
	return true;
}

static bool on_row(void *arg, const struct answer_cell *cells)
{
	(void)arg;
	buf_str(&seen, "(");
	for (int i = 0; i < 2; i++) {
		buf_char(&seen, "0bns"[cells[i].kind]);
		put(cells[i].text);
	}
	buf_str(&seen, ")");
	return !refuse_rows;
}

static bool on_series_end(void *arg)
{
	(void)arg;
	buf_str(&seen, "</>");
	return true;
}

static void on_error(void *arg, struct view text)
{
	(void)arg;
	buf_str(&seen, "!");
	put(text);
}

static void on_warning(void *arg, struct view text)
{
	(void)arg;
	buf_str(&seen, "?");
	put(text);
}

static const struct answer_sink sink = { on_series, on_row, on_series_end, on_error, on_warning, NULL };

static void start(void)
{
	buf_init(&seen, 1 << 20);
}

static void stop(void)
{
	buf_fini(&seen);
}

TestSuite(answer, .init = start, .fini = stop, .timeout = 60);

static enum err feed(const char *text, size_t n, bool *cut)
{
	struct answer *a = answer_new(&sink);
	size_t len = strlen(text);
	struct errbuf eb = { "" };
	enum err e = ERR_OK;

	cr_assert(a);
	buf_clear(&seen);
	for (size_t at = 0; at < len && e == ERR_OK; at += n)
		e = answer_take(a, (struct view){ text + at, len - at < n ? len - at : n }, &eb);
	if (e == ERR_OK)
		e = answer_end(a, &eb);
	cr_assert_eq(e == ERR_OK, !*eb.text);
	*cut = answer_is_cut(a);
	answer_free(a);
	buf_char(&seen, 0);
	return e;
}

static void expect(const char *text, const char *want)
{
	bool cut;

	for (size_t n = 1; n <= strlen(text); n += n < 8 ? 1 : 17) {
		cr_assert_eq(feed(text, n, &cut), ERR_OK);
		cr_assert_str_eq(seen.p, want, "in pieces of %zu: %s", n, seen.p);
		cr_assert(!cut);
	}
}

Test(answer, series_and_rows_of_one_document)
{
	expect(
	    "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"cpu\",\"tags\":{\"host\":\"a\",\"dc\":\"\"},"
	    "\"columns\":[\"time\",\"v\"],\"values\":[[1,2.5],[2,null]]},{\"name\":\"mem\",\"columns\":[\"time\",\"v\"],"
	    "\"values\":[[3,\"x\"],[4,true]]}]},{\"statement_id\":12},{\"statement_id\":13,\"series\":[{\"columns\":"
	    "[\"a\",\"b\"]}]}]}\n",
	    "<0 cpu,host=a,dc=:time|v>(n1n2.5)(n20)</><0 mem:time|v>(n3sx)(n4btrue)</><13 :a|b></>");
}

Test(answer, a_series_goes_on_in_the_next_document)
{
	expect(
	    "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"c\",\"tags\":{\"h\":\"a\"},\"columns\":[\"t\",\"v\"],"
	    "\"values\":[[1,1]],\"partial\":true}],\"partial\":true}]}\n"
	    "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"c\",\"tags\":{\"h\":\"a\"},\"columns\":[\"t\",\"v\"],"
	    "\"values\":[[2,2]]}],\"partial\":true}]}\n"
	    "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"c\",\"tags\":{\"h\":\"b\"},\"columns\":[\"t\",\"v\"],"
	    "\"values\":[[3,3]]}]}]}\n",
	    "<0 c,h=a:t|v>(n1n1)(n2n2)</><0 c,h=b:t|v>(n3n3)</>");
}

Test(answer, the_same_name_in_another_statement_is_another_series)
{
	expect(
	    "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"c\",\"columns\":[\"t\",\"v\"],\"values\":[[1,1]]}]}]}"
	    "{\"results\":[{\"statement_id\":1,\"series\":[{\"name\":\"c\",\"columns\":[\"t\",\"v\"],\"values\":[[2,2]]}]}]}",
	    "<0 c:t|v>(n1n1)</><1 c:t|v>(n2n2)</>");
}

Test(answer, errors_and_messages)
{
	expect("{\"results\":[{\"statement_id\":0,\"messages\":[{\"level\":\"warning\",\"text\":\"old\"}]},"
	       "{\"statement_id\":1,\"error\":\"database not found: x\"}]}{\"error\":\"timeout\"}",
	    "?old!database not found: x!timeout");
}

Test(answer, what_is_not_known_is_skipped)
{
	expect(
	    "{\"new\":[{\"results\":[{\"error\":\"no\"}]}],\"results\":[{\"series\":[{\"stats\":{\"name\":\"no\",\"columns\":[]},"
	    "\"name\":\"c\",\"columns\":[\"t\",\"v\"],\"a_name_that_is_longer\":\"no\",\"values\":[[1,2]]}]}]}",
	    "<0 c:t|v>(n1n2)</>");
}

Test(answer, nothing_is_an_answer_of_no_statement)
{
	bool cut;

	cr_assert_eq(feed("", 1, &cut), ERR_OK);
}

Test(answer, what_is_no_answer_is_refused)
{
	static const char *const wrong[] = { "<html>", "[1]", "\"x\"",
		"{\"results\":[{\"series\":[{\"values\":[[1]]}]}]}",
		"{\"results\":[{\"series\":[{\"columns\":[\"a\",\"b\"],\"values\":[[1]]}]}]}",
		"{\"results\":[{\"series\":[{\"columns\":[\"a\",\"b\"],\"values\":[[1,2,3]]}]}]}",
		"{\"results\":[{\"series\":[{\"columns\":[\"a\",\"b\"],\"values\":[[1,[2]]]}]}]}",
		"{\"results\":[{\"series\":[{\"tags\":{\"a\":{}},\"columns\":[\"a\",\"b\"],\"values\":[[1,2]]}]}]}",
		"{\"results\":[{\"series\":[" };
	bool cut;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		cr_expect_eq(feed(wrong[i], 1000, &cut), ERR_INVALID, "%s", wrong[i]);
}

Test(answer, stops_when_the_sink_has_enough)
{
	bool cut;

	refuse_rows = true;
	cr_assert_eq(
	    feed("{\"results\":[{\"series\":[{\"columns\":[\"a\",\"b\"],\"values\":[[1,2],[3,4]]}]}]}", 1000, &cut),
	    ERR_CLOSED);
	cr_assert_str_eq(seen.p, "<0 :a|b>(n1n2)");
}

Test(answer, says_that_the_server_cut_it_short)
{
	bool cut;

	cr_assert_eq(
	    feed("{\"results\":[{\"series\":[{\"columns\":[\"a\",\"b\"],\"values\":[[1,2]],\"partial\":true}]}]}", 9,
		&cut),
	    ERR_OK);
	cr_assert(cut);
	cr_assert_str_eq(seen.p, "<0 :a|b>(n1n2)</>");
}
