#include <criterion/criterion.h>
#include <stdio.h>

#include "cli/jstream.h"

static struct buf seen;
static unsigned stop_after; /* events; 0: never */

static bool on(void *arg, enum jstream_event e, struct view text)
{
	static const char *const names[] = { "{", "}", "[", "]", "key:", "string:", "number:", "true", "false",
		"null" };

	cr_assert_eq(arg, &seen);
	buf_str(&seen, names[e]);
	if (text.len)
		buf_view(&seen, text);
	buf_char(&seen, ' ');
	return !stop_after || --stop_after;
}

static void start(void)
{
	buf_init(&seen, 1 << 26);
}

static void stop(void)
{
	buf_fini(&seen);
}

TestSuite(jstream, .init = start, .fini = stop, .timeout = 60);

/* In pieces of n bytes; true: it was whole documents. */
static bool feed(struct view text, size_t n)
{
	struct jstream j;
	bool good = true;

	buf_clear(&seen);
	jstream_init(&j, on, &seen);
	for (size_t at = 0; at < text.len && good; at += n)
		good = jstream_take(&j, (struct view){ text.p + at, text.len - at < n ? text.len - at : n });
	good = jstream_end(&j) && good;
	jstream_fini(&j);
	return good;
}

static void expect(const char *text, const char *want)
{
	size_t len = strlen(text);

	for (size_t n = 1; n <= len + 1; n++) {
		cr_assert(feed(view_of(text), n), "%s in pieces of %zu", text, n);
		buf_char(&seen, 0);
		cr_assert_str_eq(seen.p, want, "%s in pieces of %zu: %s", text, n, seen.p);
	}
}

Test(jstream, tells_each_value_whatever_the_pieces)
{
	expect(" {\"a\" : [1, -2.5e+3,true ,false,null,\"x\"], \"b\":{}, \"c\":[ ] }\n",
	    "{ key:a [ number:1 number:-2.5e+3 true false null string:x ] key:b { } key:c [ ] } ");
}

Test(jstream, documents_follow_each_other)
{
	expect("{}\n{\"a\":0}[]1 2", "{ } { key:a number:0 } [ ] number:1 number:2 ");
}

Test(jstream, strings_are_decoded)
{
	expect("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\",\"é\",\"\"]",
	    "[ string:\"\\/\b\f\n\r\t string:Aé€😀 string:é string: ] ");
}

Test(jstream, lone_surrogates_become_a_replacement)
{
	expect("[\"\\ud83d\",\"\\ud83dx\",\"\\ude00\",\"\\ud83d\\ud83d\\ude00\",\"\\ud83d\\n\"]",
	    "[ string:\xef\xbf\xbd string:\xef\xbf\xbdx string:\xef\xbf\xbd string:\xef\xbf\xbd😀 string:\xef\xbf\xbd\n ] ");
}

Test(jstream, integers_of_64_bits_stay_exact)
{
	expect("[9223372036854775807,-9223372036854775808,18446744073709551615]",
	    "[ number:9223372036854775807 number:-9223372036854775808 number:18446744073709551615 ] ");
}

Test(jstream, what_is_no_json_is_refused)
{
	static const char *const wrong[] = { "{", "[", "[1", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
		"{1:2}", "[1 2]", "]", "}", "[}", "{]", "[1}", "\"a", "[\"\\x\"]", "[\"\\u00g0\"]", "nul", "nulll",
		"[tru]", "-", "[1e]", "[1.2.3]", "[+]", "<html>", "{\"a\":1 \"b\":2}", "{\"a\"::1}", ",", ":",
		"[\"a\":1]", "{,}", "{\"a\",1}", "[e5]", "\x01" };

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		cr_expect(!feed(view_of(wrong[i]), 1), "%s byte by byte", wrong[i]);
		cr_expect(!feed(view_of(wrong[i]), 100), "%s", wrong[i]);
	}
}

Test(jstream, depth_has_a_ceiling)
{
	struct buf deep;

	buf_init(&deep, 1024);
	for (int i = 0; i < JSTREAM_DEPTH_MAX; i++)
		buf_char(&deep, '[');
	for (int i = 0; i < JSTREAM_DEPTH_MAX; i++)
		buf_char(&deep, ']');
	cr_assert(feed((struct view){ deep.p, deep.len }, 7));
	buf_char(&deep, '[');
	memmove(deep.p + 1, deep.p, deep.len - 1);
	deep.p[0] = '[';
	cr_assert(!feed((struct view){ deep.p, deep.len }, 7));
	buf_fini(&deep);
}

Test(jstream, a_text_has_a_ceiling)
{
	struct buf large;

	buf_init(&large, JSTREAM_TEXT_MAX + 16);
	buf_char(&large, '"');
	for (size_t i = 0; i < JSTREAM_TEXT_MAX; i++)
		buf_char(&large, 'x');
	buf_char(&large, '"');
	cr_assert(feed((struct view){ large.p, large.len }, 65536));
	large.p[large.len - 1] = 'x';
	buf_char(&large, '"');
	cr_assert(!feed((struct view){ large.p, large.len }, 65536));
	buf_fini(&large);
}

Test(jstream, stops_where_it_is_told_to)
{
	stop_after = 2;
	cr_assert(!feed(view_of("[1,2,3]"), 100));
	buf_char(&seen, 0);
	cr_assert_str_eq(seen.p, "[ number:1 ");
}
