#include "wire/json_read.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct json_in in;
static struct buf text;

static void open_text(const char *json)
{
	json_in_init(&in, view_of(json));
	buf_init(&text, 1 << 16);
}

static void string_is(const char *json, const char *want)
{
	open_text(json);
	cr_assert(json_string(&in, &text), "%s", json);
	cr_assert(
	    view_is((struct view){ text.p ? text.p : "", text.len }, want), "%s: %.*s", json, (int)text.len, text.p);
	buf_fini(&text);
}

Test(json_read, strings_are_decoded)
{
	string_is("\"\"", "");
	string_is(" \"a\\\"b\\\\c\\/d\\n\\t\"", "a\"b\\c/d\n\t");
	string_is("\"\\u003c\\u00e4\\u20ac\\ud83d\\ude00\"", "<\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	string_is("\"\\ud83dx\\ude00\"", "\xef\xbf\xbdx\xef\xbf\xbd");
}

Test(json_read, numbers_stay_text)
{
	struct view v;

	open_text("[9223372036854775807,-0.1e-300,100000000000000000000]");
	cr_assert(json_enter(&in, '['));
	cr_assert(json_more(&in, ']') && json_number(&in, &v) && view_is(v, "9223372036854775807"));
	cr_assert(json_more(&in, ']') && json_number(&in, &v) && view_is(v, "-0.1e-300"));
	cr_assert(json_more(&in, ']') && json_number(&in, &v) && view_is(v, "100000000000000000000"));
	cr_assert_not(json_more(&in, ']'));
	cr_assert_not(in.failed);
}

Test(json_read, values_are_skipped_whole)
{
	open_text("{\"a\":{\"x\":[1,{\"y\":\"}]\\\"\"},[]],\"z\":null},\"b\":true,\"c\":[]}");
	cr_assert(json_enter(&in, '{'));
	for (const char *want = "abc"; *want; want++) {
		cr_assert(json_more(&in, '}') && json_key(&in, &text), "%c", *want);
		cr_assert(text.len == 1 && text.p[0] == *want);
		cr_assert(json_skip(&in));
	}
	cr_assert_not(json_more(&in, '}'));
	cr_assert_not(in.failed);
	buf_fini(&text);
}

/* Every beginning of a text fails or ends; nothing is read beyond it. */
Test(json_read, any_cut_is_safe)
{
	static const char whole[] =
	    "{\"results\":[{\"series\":[{\"values\":[[1,\"\\u00e4\\ud83d\\ude00\",null,-1.5]]}]}]}";

	for (size_t n = 0; n < sizeof whole - 1; n++) {
		char *cut = malloc(n + 1);
		memcpy(cut, whole, n);
		json_in_init(&in, (struct view){ cut, n });
		cr_assert_not(json_skip(&in), "%zu", n);
		cr_assert(in.failed);
		free(cut);
	}
	open_text(whole);
	cr_assert(json_skip(&in));
	char deep[200];
	memset(deep, '[', sizeof deep);
	json_in_init(&in, (struct view){ deep, sizeof deep });
	cr_assert_not(json_skip(&in));
}
