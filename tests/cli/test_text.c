#include <criterion/criterion.h>
#include <locale.h>

#include "cli/text.h"

static struct buf out;

static void start(void)
{
	cr_assert(setlocale(LC_CTYPE, "C.UTF-8"));
	buf_init(&out, 1 << 16);
}

static void stop(void)
{
	buf_fini(&out);
}

TestSuite(text, .init = start, .fini = stop);

static void expect(const char *want)
{
	buf_char(&out, 0);
	cr_expect_str_eq(out.p, want, "have %s, want %s", out.p, want);
	buf_clear(&out);
}

Test(text, the_locale_says_whether_it_is_utf8)
{
	cr_expect(text_is_utf8());
	setlocale(LC_CTYPE, "C");
	cr_expect(!text_is_utf8());
}

Test(text, widths_are_columns_of_a_terminal)
{
	cr_expect_eq(text_width(view_of("")), 0);
	cr_expect_eq(text_width(view_of("abc")), 3);
	cr_expect_eq(text_width(view_of("é€")), 2);
	cr_expect_eq(text_width(view_of("漢字")), 4);
	cr_expect_eq(text_width(view_of("e\xcc\x81")), 1, "a combining accent takes none");
	cr_expect_eq(text_width(view_of("\xff\xfe")), 2, "broken bytes take one each");
}

Test(text, is_cut_at_whole_characters)
{
	text_put_cut(&out, view_of("abcdef"), 6, true);
	expect("abcdef");
	text_put_cut(&out, view_of("abcdef"), 5, true);
	expect("abcd…");
	text_put_cut(&out, view_of("abcdef"), 5, false);
	expect("abcd~");
	text_put_cut(&out, view_of("漢字漢字"), 6, true);
	expect("漢字…");
	text_put_cut(&out, view_of("éa"), 1, true);
	expect("…");
	text_put_cut(&out, view_of("abc"), 0, true);
	expect("");
}

Test(text, nothing_that_moves_a_cursor_gets_to_a_terminal)
{
	text_put_clean(&out, view_of("a\033[2Jb\r\n\tc\\d\x7f"), true);
	expect("a\\x1b[2Jb\\r\\n\\tc\\\\d\\x7f");
	text_put_clean(&out,
	    view_of("\xc2\x9b"
		    "2J \xe2\x80\xae"
		    "x"),
	    true);
	expect("\\u009b2J \\u202ex");
	text_put_clean(&out, (struct view){ "a\0b", 3 }, true);
	expect("a\\x00b");
}

Test(text, broken_utf8_is_shown_by_its_bytes)
{
	text_put_clean(&out, view_of("a\xff\xc3(\xe2\x82"), true);
	expect("a\\xff\\xc3(\\xe2\\x82");
	text_put_clean(&out, view_of("\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80"), true);
	expect("\\xc0\\xaf\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80");
}

Test(text, a_terminal_without_utf8_gets_ascii)
{
	text_put_clean(&out, view_of("é😀"), false);
	expect("\\u00e9\\U0001f600");
}

Test(text, a_plain_cell_is_one_word_or_stands_in_quotes)
{
	static const char *const cases[][2] = { { "abc", "abc" }, { "", "\"\"" }, { "-", "\"-\"" },
		{ "a b", "\"a b\"" }, { "a\nb", "\"a\\nb\"" }, { "\"a", "\"\\\"a\"" }, { "a\"b", "a\"b" },
		{ "a\" b", "\"a\\\" b\"" }, { "é", "é" }, { "C:\\x", "C:\\\\x" }, { "a\033b", "\"a\\x1bb\"" } };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		text_put_plain(&out, view_of(cases[i][0]));
		expect(cases[i][1]);
	}
}
