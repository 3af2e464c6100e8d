#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>

#include "wire/json_write.h"

static struct buf b;

static void start(void)
{
	buf_init(&b, 1 << 20);
}

static void end(void)
{
	buf_fini(&b);
}

TestSuite(json_write, .init = start, .fini = end);

static void expect(const char *text)
{
	buf_char(&b, 0);
	cr_expect_str_eq(b.p, text);
	buf_clear(&b);
}

Test(json_write, commas_stand_between_members_and_nowhere_else)
{
	json_open(&b, NULL, '{');
	json_put_u64(&b, "a", 1);
	json_open(&b, "b", '[');
	json_open(&b, NULL, '[');
	json_close(&b, ']');
	json_open(&b, NULL, '{');
	json_close(&b, '}');
	json_put_string(&b, NULL, "{[:");
	json_put_string(&b, NULL, "");
	json_close(&b, ']');
	json_put_bool(&b, "c", false);
	json_put_null(&b, "d");
	json_put_i64(&b, "e", INT64_MIN);
	json_close(&b, '}');
	expect("{\"a\":1,\"b\":[[],{},\"{[:\",\"\"],\"c\":false,\"d\":null,\"e\":-9223372036854775808}");
}

Test(json_write, text_is_escaped)
{
	json_put_text(&b, NULL, (struct view){ "a\"\\/\b\f\n\r\t\x01\x1f\x7f\0z", 14 });
	expect("\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\\u0000z\"");
}

Test(json_write, good_utf8_stays_and_bad_becomes_the_replacement)
{
	json_put_string(&b, NULL, "\xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf");
	expect("\"\xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf\"");
	static const char *const bad[] = { "\xff", "\x80", "\xc3", "\xc0", "\xe2\x82", "\xed", "\xf5" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		json_put_string(&b, NULL, bad[i]);
		cr_expect_eq(b.p[0], '"');
		cr_expect_eq(memcmp(b.p + 1, "\xef\xbf\xbd", 3), 0, "%zu", i);
		buf_clear(&b);
	}
	json_put_string(&b, NULL, "\xed\xa0\x80"); /* half of a surrogate pair: each byte alone is wrong */
	expect("\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	json_put_string(&b, NULL, "\xc0\x80!"); /* an overlong NUL */
	expect("\"\xef\xbf\xbd\xef\xbf\xbd!\"");
}

Test(json_write, any_bytes_make_a_text_that_a_parser_takes)
{
	char text[3];

	for (unsigned i = 0; i < 65536; i++) {
		text[0] = (char)(i >> 8);
		text[1] = (char)i;
		text[2] = (char)(i * 7);
		buf_clear(&b);
		json_open(&b, NULL, '[');
		json_put_text(&b, NULL, (struct view){ text, 3 });
		json_close(&b, ']');
		json_error_t error;
		json_t *back = json_loadb(b.p, b.len, JSON_ALLOW_NUL, &error);
		cr_assert(back != NULL, "%02x %02x: %s", (unsigned char)text[0], (unsigned char)text[1], error.text);
		json_decref(back);
	}
}

Test(json_write, numbers_that_json_lacks_are_null)
{
	json_open(&b, NULL, '[');
	json_put_double(&b, NULL, NAN);
	json_put_double(&b, NULL, INFINITY);
	json_put_double(&b, NULL, -INFINITY);
	json_put_double(&b, NULL, 0.1);
	json_put_rounded(&b, NULL, 2.0 / 3, 3);
	json_put_rounded(&b, NULL, 1e300, 3);
	json_put_rounded(&b, NULL, NAN, 3);
	json_put_time_ms(&b, NULL, 0);
	json_put_time_ms(&b, NULL, INT64_MAX);
	json_put_time_ms(&b, NULL, INT64_C(1700000000123456789));
	json_close(&b, ']');
	expect("[null,null,null,0.1,0.667,1e+300,null,null,null,1700000000123]");
}

Test(json_write, ceiling_is_noticed)
{
	struct buf small;

	buf_init(&small, 8);
	json_open(&small, NULL, '{');
	json_put_string(&small, "key", "a long text");
	json_close(&small, '}');
	cr_expect(small.failed);
	buf_fini(&small);
}
