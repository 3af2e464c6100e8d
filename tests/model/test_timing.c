#include <criterion/criterion.h>
#include <math.h>

#include "base/clock.h"
#include "model/timing.h"

static struct timing t;
static struct timing_totals out;

static void begin(void)
{
	timing_init(&t);
}

static void end(void)
{
	timing_fini(&t);
}

TestSuite(timing, .init = begin, .fini = end);

Test(timing, nothing_added_is_nothing)
{
	cr_expect_not(timing_take(&t, &out));
	cr_expect_eq(out.count, 0);
}

Test(timing, totals_and_percentiles_of_what_was_added)
{
	for (int i = 1; i <= 1000; i++)
		timing_add(&t, i * NS_PER_MS, 10);
	cr_assert(timing_take(&t, &out));
	cr_expect_eq(out.count, 1000);
	cr_expect_eq(out.bytes, 10000);
	cr_expect_eq(out.sum_ms, 500500);
	cr_expect_eq(out.min_ms, 1);
	cr_expect_eq(out.max_ms, 1000);
	cr_expect_float_eq(out.p50_ms, 500, 500 * 0.011);
	cr_expect_float_eq(out.p90_ms, 900, 900 * 0.011);
	cr_expect_float_eq(out.p95_ms, 950, 950 * 0.011);
	cr_expect_float_eq(out.p99_ms, 990, 990 * 0.011);
}

Test(timing, taken_once)
{
	timing_add(&t, 5 * NS_PER_MS, 1);
	cr_expect(timing_take(&t, &out));
	cr_expect_not(timing_take(&t, &out));
	timing_add(&t, 7 * NS_PER_MS, 1);
	cr_assert(timing_take(&t, &out));
	cr_expect_eq(out.min_ms, 7);
	cr_expect_eq(out.sum_ms, 7);
}

Test(timing, one_value_is_all_percentiles)
{
	timing_add(&t, 123456789, 0);
	cr_assert(timing_take(&t, &out));
	cr_expect_eq(out.p50_ms, 123.456789); /* within [min, max] */
	cr_expect_eq(out.p99_ms, 123.456789);
}

Test(timing, backward_clock_counts_as_nothing_taken)
{
	timing_add(&t, -5, 0);
	cr_assert(timing_take(&t, &out));
	cr_expect_eq(out.count, 1);
	cr_expect_eq(out.max_ms, 0);
	cr_expect_eq(out.p99_ms, 0);
}
