#include <criterion/criterion.h>

#include "flow/answer.h"

/* The words are those of the servers: InfluxDB 1.6.7 as it was seen to answer, 2.x and 3.x as documented. */
Test(answer, table_of_status_and_words)
{
	static const struct {
		int status;
		const char *body;
		enum answer want;
	} cases[] = {
		/* any API */
		{ 204, "", ANSWER_DELIVERED },
		{ 200, "", ANSWER_DELIVERED },
		{ 202, "\r\n", ANSWER_DELIVERED },
		{ 0, "", ANSWER_RETRY },
		{ 0, "{\"error\":\"half an ans", ANSWER_RETRY },
		{ 408, "", ANSWER_RETRY },
		{ 425, "", ANSWER_RETRY },
		{ 429, "", ANSWER_RETRY },
		{ 500, "{\"error\":\"timeout\"}", ANSWER_RETRY },
		{ 502, "<html><h1>502 Bad Gateway</h1></html>", ANSWER_RETRY },
		{ 503, "", ANSWER_RETRY },
		{ 413, "", ANSWER_TOO_LARGE },
		{ 413, "{\"error\":\"Request Entity Too Large\"}", ANSWER_TOO_LARGE },
		/* something between here and there */
		{ 200, "<!doctype html><html><title>Log in to the network</title></html>", ANSWER_HELD },
		{ 200, "{}", ANSWER_HELD },
		{ 205, "", ANSWER_HELD },
		{ 301, "", ANSWER_HELD },
		{ 302, "<a href=\"https://login.example/\">Found</a>", ANSWER_HELD },
		{ 307, "unable to parse", ANSWER_HELD },
		{ 400, "<html>The plain HTTP request was sent to HTTPS port</html>", ANSWER_HELD },
		{ 400, "Client sent an HTTP request to an HTTPS server.\n", ANSWER_HELD },
		{ 404, "404 page not found", ANSWER_HELD },
		{ 405, "Method Not Allowed", ANSWER_HELD },
		{ 407, "", ANSWER_HELD },
		{ 400, "", ANSWER_UNCLEAR },
		{ 422, "", ANSWER_UNCLEAR },
		/* 1.x */
		{ 401, "{\"error\":\"authorization failed\"}", ANSWER_HELD },
		{ 401, "{\"error\":\"unable to parse authentication credentials\"}", ANSWER_HELD },
		{ 403, "{\"error\":\"\\\"u\\\" user is not authorized to write to database \\\"x\\\"\"}", ANSWER_HELD },
		{ 404, "{\"error\":\"database not found: \\\"x\\\"\"}", ANSWER_NO_DATABASE },
		{ 500, "{\"error\":\"retention policy not found: zz\"}", ANSWER_HELD },
		{ 400, "{\"error\":\"unable to parse 'x'\"}", ANSWER_REFUSED },
		{ 400, "{\"error\":\"unable to parse 'm v=1u': invalid number\"}", ANSWER_REFUSED },
		{ 400,
		    "{\"error\":\"partial write: field type conflict: input field \\\"v\\\" on measurement \\\"m\\\" is "
		    "type float, already exists as type string dropped=1\"}",
		    ANSWER_REFUSED },
		{ 400, "{\"error\":\"partial write: points beyond retention policy dropped=1\"}", ANSWER_REFUSED },
		{ 500, "{\"error\":\"partial write: points beyond retention policy dropped=1\"}", ANSWER_REFUSED },
		{ 400, "{\"error\":\"partial write: max key length exceeded: 70000 > 65535 dropped=1\"}",
		    ANSWER_REFUSED },
		/* 2.x */
		{ 401, "{\"code\":\"unauthorized\",\"message\":\"unauthorized access\"}", ANSWER_HELD },
		{ 404, "{\"code\":\"not found\",\"message\":\"bucket \\\"no-bucket\\\" not found\"}",
		    ANSWER_NO_DATABASE },
		{ 404, "{\"code\":\"not found\",\"message\":\"organization name \\\"x\\\" not found\"}", ANSWER_HELD },
		{ 400, "{\"code\":\"invalid\",\"message\":\"unable to parse 'm v=': missing field value\"}",
		    ANSWER_REFUSED },
		{ 400, "{\"code\":\"invalid\",\"message\":\"Please provide either orgID or org\"}", ANSWER_HELD },
		{ 422,
		    "{\"code\":\"unprocessable entity\",\"message\":\"failure writing points to database: partial write: "
		    "field type conflict: input field \\\"v\\\" on measurement \\\"m\\\" is type float, already exists as "
		    "type integer dropped=1\"}",
		    ANSWER_REFUSED },
		{ 413,
		    "{\"code\":\"request too large\",\"message\":\"unable to read data: points batch is too large\"}",
		    ANSWER_TOO_LARGE },
		{ 429, "{\"code\":\"too many requests\",\"message\":\"exceeded rate limit\"}", ANSWER_RETRY },
		{ 500,
		    "{\"code\":\"internal error\",\"message\":\"unexpected error writing points to database: timeout\"}",
		    ANSWER_RETRY },
		{ 503, "{\"code\":\"unavailable\",\"message\":\"\"}", ANSWER_RETRY },
		/* 3.x */
		{ 400,
		    "{\"error\":\"partial write of line protocol occurred\",\"data\":[{\"original_line\":\"m v= 1\","
		    "\"line_number\":2,\"error_message\":\"No fields were provided\"}]}",
		    ANSWER_REFUSED },
		{ 400,
		    "{\"error\":\"parsing failed for write_lp endpoint\",\"data\":{\"original_line\":\"m v= 1\","
		    "\"line_number\":1,\"error_message\":\"No fields were provided\"}}",
		    ANSWER_REFUSED },
		{ 403, "{\"error\":\"the token has no permission\"}", ANSWER_HELD },
		{ 422, "{\"error\":\"Update to schema would exceed number of columns per table limit of 500 columns\"}",
		    ANSWER_UNCLEAR },
		/* Telegraf's listener */
		{ 400, "{\"error\":\"metric parse error: expected field at 1:12: \\\"bucket x\\\"\"}", ANSWER_REFUSED },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		cr_expect_eq(answer_of(cases[i].status, view_of(cases[i].body)), cases[i].want, "%d %s",
		    cases[i].status, cases[i].body);
}

/* ---- lines that are named ---- */

static struct answer_lines l;

static void begin(void)
{
	answer_lines_init(&l);
}

static void end(void)
{
	answer_lines_fini(&l);
}

TestSuite(answer_lines, .init = begin, .fini = end);

#define ENTRY(number, line, why) \
	"{\"original_line\":\"" line "\",\"line_number\":" number ",\"error_message\":\"" why "\"}"

static bool read_body(const char *data, uint32_t sent)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_printf(&b, "{\"error\":\"partial write of line protocol occurred\",\"data\":%s", data);
	bool named = answer_lines_read(&l, (struct view){ b.p, b.len }, sent);
	buf_fini(&b);
	return named;
}

Test(answer_lines, are_read_in_order_each_once)
{
	cr_assert(read_body("[" ENTRY("7", "m,h=b v=hi 1", "a \\\"type\\\"") "," ENTRY("2", "m v= 1", "none") "," ENTRY(
				"7", "m,h=b v=hi 1", "again") "]}",
	    10));
	cr_assert_eq(l.count, 2);
	cr_assert(l.complete);
	cr_assert_eq(l.lines[0].number, 2);
	cr_assert(view_is(l.lines[0].reason, "none"));
	cr_assert_eq(l.lines[1].number, 7);
	cr_assert(view_is(l.lines[1].original, "m,h=b v=hi 1"));
}

Test(answer_lines, one_object_is_one_line)
{
	cr_assert(read_body(ENTRY("1", "m v= 1", "none") "}", 1));
	cr_assert_eq(l.count, 1);
	cr_assert(l.complete);
}

Test(answer_lines, a_body_that_is_cut_off_still_names_those_before)
{
	cr_assert(read_body("[" ENTRY("2", "m v= 1", "none") "," ENTRY("3", "m v= 2", "none") ",{\"original_li", 10));
	cr_assert_eq(l.count, 2);
	cr_assert_not(l.complete);
}

Test(answer_lines, a_list_as_long_as_they_get_may_not_be_all)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_str(&b, "[");
	for (int i = 0; i < 100; i++)
		buf_printf(&b, "%s{\"line_number\":%d}", i ? "," : "", i + 1);
	buf_append(&b, "]}", 3);
	cr_assert(read_body(b.p, 5000));
	cr_assert_eq(l.count, 100);
	cr_assert_not(l.complete);
	buf_fini(&b);
}

Test(answer_lines, numbers_that_were_not_sent_name_nothing)
{
	cr_assert_not(read_body("[" ENTRY("0", "m", "x") "," ENTRY("11", "m", "x") "," ENTRY("-1", "m", "x") "," ENTRY(
				    "4294967297", "m", "x") "," ENTRY("1.5", "m", "x") ",{\"error_message\":\"x\"}]}",
	    10));
}

Test(answer_lines, other_servers_name_none)
{
	static const char *const bodies[] = { "", "{}", "null", "[]", "<html>",
		"{\"error\":\"partial write: field type conflict dropped=1\"}",
		"{\"code\":\"invalid\",\"message\":\"unable to parse\",\"line\":2}", "{\"data\":null}",
		"{\"data\":[1,[]]}", "{\"data\":[{\"line_number\":\"2\"}]}" };

	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
		cr_expect_not(answer_lines_read(&l, view_of(bodies[i]), 10), "%s", bodies[i]);
}

Test(answer_lines, a_line_is_known_again_by_what_comes_before_its_strings)
{
	struct answer_line a = { .number = 1, .original = view_of("home,room=Sunroom temp=hi 1735549200") };

	cr_expect(answer_line_is(&a, view_of("home,room=Sunroom temp=\"hi\" 1735549200")));
	cr_expect_not(answer_line_is(&a, view_of("home,room=Sunset temp=\"hi\" 1735549200")));
	a.original = view_of("home,room=Sun");
	cr_expect(answer_line_is(&a, view_of("home,room=Sunroom temp=1 1")));
	a.original = view_of("my home v=1");
	cr_expect(answer_line_is(&a, view_of("my\\ home v=1")));
	a.original = view_of("");
	cr_expect(answer_line_is(&a, view_of("m v=1")));
}

/* ---- for people ---- */

static char words[120];

static const char *words_of(const char *body)
{
	answer_words(view_of(body), words, sizeof words);
	return words;
}

Test(answer_words, the_line_shown_goes_and_the_reason_stays)
{
	cr_assert_str_eq(words_of("{\"error\":\"unable to parse 'm,t=x v=1 1': max key length exceeded: 7 > 6\"}\n"),
	    "{\"error\":\"unable to parse: max key length exceeded: 7 > 6\"}");
	/* the line may have anything in it */
	cr_assert_str_eq(
	    words_of("unable to parse 'm v=\"a': b\" 1': missing fields"), "unable to parse: missing fields");
	cr_assert_str_eq(words_of(""), "");
	cr_assert_str_eq(words_of(" \n"), "");
	answer_words((struct view){ NULL, 0 }, words, sizeof words);
	cr_assert_str_eq(words, "");
}

Test(answer_words, what_is_too_long_keeps_its_beginning_and_its_end)
{
	char body[1000], ends[] = "beyond retention policy dropped=1";

	for (size_t n = 80; n < sizeof body; n += 7) {
		memset(body, 'x', n);
		memcpy(body, "partial write", 13);
		memcpy(body + n - sizeof ends, ends, sizeof ends);
		words_of(body);
		cr_assert(strncmp(words, "partial write", 13) == 0, "%zu: %s", n, words);
		cr_assert_str_eq(words + strlen(words) - strlen(ends), ends, "%zu: %s", n, words);
	}
}

Test(answer_words, half_a_letter_is_left_out)
{
	char body[300];

	for (size_t shift = 0; shift < 3; shift++) {
		memset(body, 'x', shift);
		for (size_t i = shift; i + 3 < sizeof body; i += 3)
			memcpy(body + i, "\xe2\x82\xac\0", 4);
		words_of(body);
		for (const char *p = words; *p; p++)
			if ((unsigned char)*p == 0xe2)
				cr_assert((unsigned char)p[1] == 0x82 && (unsigned char)p[2] == 0xac, "%s", words);
			else
				cr_assert((unsigned char)*p < 128 || (p > words && (unsigned char)p[-1] >= 0x82));
	}
}
