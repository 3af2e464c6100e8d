#include <criterion/criterion.h>
#include <float.h>
#include <math.h>

#include "cli/sparkline.h"

static struct sparkline s;
static struct buf out;

static void start(void)
{
	sparkline_init(&s);
	buf_init(&out, 4096);
}

static void stop(void)
{
	buf_fini(&out);
}

TestSuite(sparkline, .init = start, .fini = stop);

static void expect(unsigned width, bool utf8, const char *want)
{
	buf_clear(&out);
	sparkline_put(&s, &out, width, utf8);
	buf_char(&out, 0);
	cr_expect_str_eq(out.p, want, "have %s, want %s", out.p, want);
}

Test(sparkline, each_value_has_its_level)
{
	for (int i = 0; i < 8; i++)
		sparkline_add(&s, i);
	expect(8, true, "▁▂▃▄▅▆▇█");
	expect(100, false, "_.,-=+*#");
	cr_expect_eq(s.low, 0);
	cr_expect_eq(s.high, 7);
	cr_expect_eq(s.last, 7);
}

Test(sparkline, a_width_that_is_too_small_shows_means)
{
	for (int i = 0; i < 8; i++)
		sparkline_add(&s, i);
	expect(4, true, "▁▃▆█");
	expect(0, true, "");
}

Test(sparkline, rows_without_a_value_are_blanks)
{
	sparkline_skip(&s);
	sparkline_add(&s, 1);
	sparkline_skip(&s);
	sparkline_add(&s, 2);
	expect(10, true, " ▁ █");
}

Test(sparkline, what_never_changes_is_in_the_middle)
{
	for (int i = 0; i < 3; i++)
		sparkline_add(&s, -4.5);
	expect(10, true, "▅▅▅");
	expect(10, false, "===");
}

Test(sparkline, nothing_is_nothing)
{
	expect(10, true, "");
	sparkline_skip(&s);
	expect(10, true, " ");
}

Test(sparkline, any_number_of_rows_keeps_its_course)
{
	for (int i = 0; i < 1000000; i++)
		sparkline_add(&s, i < 500000 ? 0 : 1);
	cr_expect_eq(s.rows, 1000000);
	cr_expect_leq(s.rows, SPARKLINE_SLOTS * s.stride);
	buf_clear(&out);
	sparkline_put(&s, &out, 2, false);
	cr_expect_eq(out.len, 2);
	cr_expect_eq(out.p[0], '_');
	cr_expect_eq(out.p[1], '#');
}

Test(sparkline, a_slot_is_the_mean_of_its_rows)
{
	for (int i = 0; i < 2 * SPARKLINE_SLOTS; i++)
		sparkline_add(&s, i % 2 ? 10 : 0);
	cr_expect_eq(s.stride, 2);
	for (int i = 0; i < SPARKLINE_SLOTS; i++) {
		cr_expect_eq(s.sum[i], 10);
		cr_expect_eq(s.count[i], 2);
	}
}

Test(sparkline, the_largest_doubles_do_no_harm)
{
	sparkline_add(&s, -DBL_MAX);
	sparkline_add(&s, 0);
	sparkline_add(&s, DBL_MAX);
	expect(3, false, "_=#");
	sparkline_init(&s);
	for (int i = 0; i < 1000; i++)
		sparkline_add(&s, DBL_MAX);
	buf_clear(&out);
	sparkline_put(&s, &out, 10, true); /* sums overflow: whatever is shown, nothing breaks */
	cr_expect(!out.failed);
}
