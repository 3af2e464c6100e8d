#include <criterion/criterion.h>

#include "base/clock.h"
#include "edge/rates.h"

static struct rates r;

static void start(void)
{
	rates_init(&r);
}

static void end(void)
{
	rates_fini(&r);
}

TestSuite(rates, .init = start, .fini = end);

static void add(int64_t s, uint64_t values)
{
	rates_add(&r, &(struct rates_sample){ .at_ns = s * NS_PER_S, .value = { [RATE_VALUES] = values } });
}

Test(rates, one_sample_is_no_rate)
{
	cr_expect(rates_due(&r, NS_PER_S));
	cr_expect_eq(rates_per_s(&r, RATE_VALUES), 0);
	add(1, 100);
	cr_expect_eq(rates_per_s(&r, RATE_VALUES), 0);
	cr_expect_not(rates_due(&r, NS_PER_S + NS_PER_MS));
	cr_expect(rates_due(&r, 2 * NS_PER_S));
}

Test(rates, rise_over_the_time_between)
{
	add(1, 100);
	add(3, 300);
	cr_expect_eq(rates_per_s(&r, RATE_VALUES), 100);
	cr_expect_eq(rates_rise(&r, RATE_VALUES), 200);
	cr_expect_eq(rates_per_s(&r, RATE_SPOOL_BYTES), 0);
}

Test(rates, the_last_minute_counts)
{
	for (int64_t s = 1; s <= 200; s++)
		add(s, s <= 140 ? 1000 : 1000 + (uint64_t)(s - 140) * 5);
	cr_expect_eq(rates_rise(&r, RATE_VALUES), 300);
	cr_expect_eq(rates_per_s(&r, RATE_VALUES), 5);
}

Test(rates, a_fall_and_a_second_sample_of_the_same_time_are_nothing)
{
	add(1, 500);
	add(1, 900);
	add(2, 100);
	cr_expect_eq(rates_per_s(&r, RATE_VALUES), 0);
	cr_expect_eq(r.count, 2);
}
