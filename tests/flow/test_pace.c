#include "flow/pace.h"

#include <criterion/criterion.h>

#include "base/clock.h"

static struct pace p;
static int64_t now;

static void begin_with(uint64_t ceiling)
{
	now = 1000 * NS_PER_S;
	pace_init(&p, &(struct pace_opts){ .ceiling = ceiling });
}

/* Sends parcels of at most `most` points for a while, each answered after as long as the server takes for them; points. */
static uint64_t run_for(int64_t ns, uint32_t most, uint64_t server_points_per_s)
{
	int64_t end = now + ns;
	uint64_t sent = 0;

	while (now < end) {
		if (!pace_is_due(&p, now)) {
			now = p.next_ns;
			continue;
		}
		uint32_t n = pace_points(&p, most);
		int64_t began = now;
		now += NS_PER_MS + (int64_t)(n * UINT64_C(1000000000) / server_points_per_s);
		pace_sent(&p, began, now, n);
		sent += n;
	}
	return sent;
}

Test(pace, begins_low_and_reaches_what_the_server_takes_within_seconds)
{
	begin_with(0);
	cr_assert_leq(run_for(NS_PER_S / 4, 20000, 200000), 5000);
	(void)run_for(5 * NS_PER_S, 20000, 200000);
	uint64_t sent = run_for(10 * NS_PER_S, 20000, 200000);
	cr_assert_geq(sent, 9 * 200000);
}

Test(pace, never_goes_above_its_ceiling)
{
	begin_with(1000);
	uint64_t sent = run_for(60 * NS_PER_S, 20000, 1000000);
	cr_assert_leq(sent, 61000);
	cr_assert_geq(sent, 55000);
}

Test(pace, halves_when_the_server_asks_for_less_and_waits_as_long_as_it_says)
{
	begin_with(0);
	(void)run_for(20 * NS_PER_S, 20000, 100000);
	uint64_t before = pace_rate(&p);
	pace_refused(&p, now, 7 * NS_PER_S);
	cr_assert(pace_rate(&p) <= before / 2 + 1);
	cr_assert_not(pace_is_due(&p, now + 7 * NS_PER_S - 1));
	cr_assert(pace_is_due(&p, now + 7 * NS_PER_S));
}

Test(pace, what_is_lost_by_a_refusal_comes_back_in_steps)
{
	begin_with(100000);
	(void)run_for(20 * NS_PER_S, 20000, 1000000);
	cr_assert_eq(pace_rate(&p), 100000);
	pace_refused(&p, now, 0);
	(void)run_for(2 * NS_PER_S, 20000, 1000000);
	cr_assert_lt(pace_rate(&p), 75000);
	(void)run_for(10 * NS_PER_S, 20000, 1000000);
	cr_assert_geq(pace_rate(&p), 95000);
}

static void send_taking(int64_t took_ns, uint32_t points)
{
	pace_sent(&p, now, now + took_ns, points);
	now += took_ns;
}

Test(pace, halves_when_two_answers_in_a_row_take_four_times_the_best_and_a_second)
{
	begin_with(0);
	(void)run_for(20 * NS_PER_S, 20000, 100000);
	uint64_t before = pace_rate(&p);
	send_taking(5 * NS_PER_S, 20000);
	send_taking(5 * NS_PER_S, 20000);
	cr_assert_leq(pace_rate(&p), before / 2 + 1);
	send_taking(5 * NS_PER_S, 20000); /* and not again before the next pair */
	cr_assert_geq(pace_rate(&p), before / 2 - 1);
	send_taking(5 * NS_PER_S, 20000);
	cr_assert_leq(pace_rate(&p), before / 4 + 1);
	send_taking(NS_PER_S / 2, 200000); /* below a second is never slow */
	send_taking(NS_PER_S / 2, 200000);
	cr_assert_geq(pace_rate(&p), before / 4 - 1);
}

Test(pace, a_server_that_stops_for_a_moment_is_not_overloaded)
{
	begin_with(0);
	(void)run_for(20 * NS_PER_S, 20000, 100000);
	uint64_t before = pace_rate(&p);
	for (unsigned i = 0; i < 10; i++) {
		send_taking(3 * NS_PER_S, 20000);
		cr_assert_eq(pace_rate(&p), before);
		send_taking(NS_PER_S / 5, 20000);
		before = pace_rate(&p);
	}
	cr_assert_geq(before, 100000);
}

Test(pace, a_large_parcel_may_take_as_long_as_its_points_take)
{
	begin_with(0);
	(void)run_for(5 * NS_PER_S, 1000, 20000); /* 50 ms each */
	uint64_t before = pace_rate(&p);
	for (unsigned i = 0; i < 4; i++)
		send_taking(2 * NS_PER_S, 20000); /* twice as long for a point, forty times for a parcel */
	cr_assert_geq(pace_rate(&p), before / 2);
	before = pace_rate(&p);
	send_taking(2 * NS_PER_S, 1000); /* so few take as long only where they wait */
	send_taking(2 * NS_PER_S, 1000);
	cr_assert_leq(pace_rate(&p), before / 2 + 1);
}

Test(pace, a_bad_start_is_made_up_for)
{
	begin_with(0);
	pace_refused(&p, now, 0); /* at the rate it begins with */
	(void)run_for(90 * NS_PER_S, 20000, 100000);
	cr_assert_geq(pace_rate(&p), 100000);
}

Test(pace, many_refusals_in_a_row_do_not_slow_it_down_for_hours)
{
	begin_with(0);
	(void)run_for(20 * NS_PER_S, 20000, 100000);
	for (unsigned i = 0; i < 40; i++) {
		now += NS_PER_S / 10;
		pace_refused(&p, now, 0);
	}
	cr_assert_eq(pace_rate(&p), 100);
	(void)run_for(30 * NS_PER_S, 20000, 100000);
	cr_assert_geq(pace_rate(&p), 95000);
}

Test(pace, starts_after_an_outage_at_random_within_its_tenth_and_thirty_seconds)
{
	int64_t least = INT64_MAX, most = 0;

	for (unsigned i = 0; i < 1000; i++) {
		begin_with(0);
		pace_recovered(&p, now, 100 * NS_PER_S, i * 0x9E3779B97F4A7C15u);
		least = p.next_ns - now < least ? p.next_ns - now : least;
		most = p.next_ns - now > most ? p.next_ns - now : most;
		cr_assert_eq(pace_rate(&p), 2000);
	}
	cr_assert_lt(least, NS_PER_S / 2);
	cr_assert(most > 9 * NS_PER_S && most < 10 * NS_PER_S);
	begin_with(0);
	pace_recovered(&p, now, 86400 * NS_PER_S, UINT64_MAX);
	cr_assert_leq(p.next_ns - now, 30 * NS_PER_S);
	begin_with(0);
	pace_recovered(&p, now, 0, 12345);
	cr_assert(pace_is_due(&p, now));
}
