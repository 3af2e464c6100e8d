#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/exposition.h"

static struct exposition_in in;
static struct exposition_sample s;

static enum err next_of(const char *text)
{
	exposition_in_init(&in, view_of(text));
	return exposition_next(&in, &s);
}

static bool name_is(const char *name)
{
	return view_is(s.name, name);
}

static const char *label(const char *name)
{
	static char out[64];
	struct buf b;

	buf_init(&b, sizeof out - 1);
	snprintf(out, sizeof out, "none");
	if (exposition_label(&s, name, &b))
		snprintf(out, sizeof out, "%.*s", (int)b.len, b.p);
	buf_fini(&b);
	return out;
}

Test(exposition, samples_between_comments)
{
	exposition_in_init(
	    &in, view_of("# HELP up Is it?\n# TYPE up gauge\nup 1\n\n  go_x 2.27988488e+08 1700000000123\r\na:b{} -4"));
	cr_assert_eq(exposition_next(&in, &s), ERR_OK);
	cr_expect(name_is("up"));
	cr_expect_eq(s.value, 1);
	cr_expect_not(s.has_time);
	cr_assert_eq(exposition_next(&in, &s), ERR_OK);
	cr_expect(name_is("go_x"));
	cr_expect_eq(s.value, 227988488);
	cr_expect(s.has_time);
	cr_expect_eq(s.time_ms, 1700000000123);
	cr_assert_eq(exposition_next(&in, &s), ERR_OK);
	cr_expect(name_is("a:b"));
	cr_expect_eq(s.labels.len, 0);
	cr_expect_eq(s.value, -4);
	cr_expect_eq(exposition_next(&in, &s), ERR_NOTFOUND);
	cr_expect_eq(in.line, 6);
}

Test(exposition, labels_are_found_and_unescaped)
{
	cr_assert_eq(next_of("r{path=\"C:\\\\d\\\"q\\\"\\n\", status = \"5XX\",le=\"+Inf\",} 3"), ERR_OK);
	cr_expect_str_eq(label("path"), "C:\\d\"q\"\n");
	cr_expect_str_eq(label("status"), "5XX");
	cr_expect_str_eq(label("le"), "+Inf");
	cr_expect_str_eq(label("stat"), "none");
	cr_assert_eq(next_of("r{a=\"} 1\"} 2"), ERR_OK);
	cr_expect_str_eq(label("a"), "} 1");
	cr_expect_eq(s.value, 2);
}

Test(exposition, values_without_a_number)
{
	cr_assert_eq(next_of("a NaN"), ERR_OK);
	cr_expect(isnan(s.value));
	cr_assert_eq(next_of("a +Inf"), ERR_OK);
	cr_expect(isinf(s.value) && s.value > 0);
	cr_assert_eq(next_of("a -Inf"), ERR_OK);
	cr_expect(isinf(s.value) && s.value < 0);
}

Test(exposition, lines_that_are_not_right_are_told_of_and_left_out)
{
	static const char *const bad[] = { "1a 2", "a", "a ", "a{", "a{b} 1", "a{b=c} 1", "a{b=\"c} 1", "a{b=\"c\"",
		"a{b=\"c\"}", "a{b=\"\\x\"} 1", "a{b=\"c\",,} 1", "a{b=\"c\" d=\"e\"} 1", "a 1 2 3", "a 1 x", "a 0x10",
		"a 1e999", "a one", "a{b=\"c\\", "a 1 1.5", "\xff 1", "a-b 1" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char text[64];
		snprintf(text, sizeof text, "%s\nok 7\n", bad[i]);
		cr_expect_eq(next_of(text), ERR_INVALID, "%s", bad[i]);
		cr_expect_eq(exposition_next(&in, &s), ERR_OK);
		cr_expect(name_is("ok") && s.value == 7);
	}
}

/* Every piece of a text, in memory that ends where it ends. */
Test(exposition, any_cut_is_safe)
{
	static const char text[] = "# x\na{b=\"c\\\"\",d=\"e\"} 1.5e3 17\nb NaN\n{\n";

	for (size_t from = 0; from < sizeof text; from++)
		for (size_t n = 0; n < sizeof text - from; n++) {
			char *piece = malloc(n + 1);
			unsigned lines = 0;
			memcpy(piece, text + from, n);
			exposition_in_init(&in, (struct view){ piece, n });
			while (exposition_next(&in, &s) != ERR_NOTFOUND)
				cr_assert_leq(++lines, 5);
			free(piece);
		}
}

Test(exposition, too_many_labels_or_too_long_a_line_are_refused)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_str(&b, "a{");
	for (int i = 0; i <= EXPOSITION_LABELS_MAX; i++)
		buf_printf(&b, "l%d=\"v\",", i);
	buf_str(&b, "} 1");
	buf_char(&b, 0);
	cr_expect_eq(next_of(b.p), ERR_INVALID);
	buf_clear(&b);
	buf_str(&b, "a{b=\"");
	for (int i = 0; i < EXPOSITION_LINE_MAX; i++)
		buf_char(&b, 'x');
	buf_str(&b, "\"} 1");
	buf_char(&b, 0);
	cr_expect_eq(next_of(b.p), ERR_INVALID);
	buf_fini(&b);
}
