#include <criterion/criterion.h>
#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/counter.h"
#include "edge/collect_part.h"

struct seen {
	_Atomic int64_t first_ns, last_ns; /* timestamps of lines */
	_Atomic uint64_t rounds;
	_Atomic int64_t hold_ms; /* how long a round takes the sink */
};

static bool take(void *arg, struct view lines, uint64_t points)
{
	struct seen *s = arg;
	size_t space = lines.len - 1;
	int64_t stamp = 0;

	(void)points;
	while (lines.p[space - 1] != ' ')
		space--;
	for (size_t i = space; i < lines.len - 1; i++)
		stamp = stamp * 10 + (lines.p[i] - '0');
	if (s->rounds == 0)
		s->first_ns = stamp;
	s->last_ns = stamp;
	int64_t until = clock_mono_ns() + s->hold_ms * NS_PER_MS;
	while (clock_mono_ns() < until) {
		/* as a slow disk would */
	}
	s->rounds++;
	return true;
}

static struct collect *start(struct seen *s, int64_t interval_ns)
{
	struct collect_opts opts = { .host = "web-01", .interval_ns = interval_ns, .sink = take, .sink_arg = s };
	struct collect *c;
	struct errbuf eb;

	cr_assert_eq(collect_start(&c, &opts, &eb), ERR_OK, "%s", eb.text);
	return c;
}

static void await_rounds(struct seen *s, uint64_t n)
{
	struct timespec pause = { .tv_nsec = NS_PER_MS };

	for (int i = 0; s->rounds < n; i++) {
		cr_assert_lt(i, 10000, "only %d rounds", (int)s->rounds);
		nanosleep(&pause, NULL);
	}
}

Test(collect_schedule, stamps_are_rounded_down_from_a_second_on)
{
	cr_expect_eq(collect_stamp_ns(1700000019999999999, 10 * NS_PER_S), 1700000010000000000);
	cr_expect_eq(collect_stamp_ns(1700000010000000000, 10 * NS_PER_S), 1700000010000000000);
	cr_expect_eq(collect_stamp_ns(1700000010999999999, NS_PER_S), 1700000010000000000);
	cr_expect_eq(collect_stamp_ns(1700000010123456789, 500 * NS_PER_MS), 1700000010123456789);
}

Test(collect_schedule, deadlines_keep_their_grid_and_missed_rounds_are_left_out)
{
	uint64_t missed;

	cr_expect_eq(collect_next_ns(1000, 100, 1000, &missed), 1100);
	cr_expect_eq(missed, 0);
	cr_expect_eq(collect_next_ns(1000, 100, 1099, &missed), 1100);
	cr_expect_eq(missed, 0);
	cr_expect_eq(collect_next_ns(1000, 100, 1100, &missed), 1200);
	cr_expect_eq(missed, 1);
	cr_expect_eq(collect_next_ns(1000, 100, 1399, &missed), 1400);
	cr_expect_eq(missed, 3);
	cr_expect_eq(collect_next_ns(1000, 100, 990, &missed), 1100);
	cr_expect_eq(missed, 0);
}

Test(collect_schedule, rounds_run_and_stop, .timeout = 30)
{
	struct seen s = { 0 };
	struct collect *c = start(&s, 20 * NS_PER_MS);

	await_rounds(&s, 3);
	collect_stop(c);
	uint64_t rounds = s.rounds;
	cr_expect_gt(s.last_ns, s.first_ns);
	cr_expect_geq(s.last_ns - s.first_ns, (int64_t)(rounds - 2) * 20 * NS_PER_MS, "rounds are piled up");
}

/* Until the thread sleeps, as it does only when it waits for its deadline. */
static void await_sleep(void)
{
	struct timespec pause = { .tv_nsec = NS_PER_MS };

	for (int i = 0; i < 10000; i++) {
		DIR *tasks = opendir("/proc/self/task");
		bool sleeps = false;
		for (struct dirent *d; (d = readdir(tasks));) {
			char path[300], text[256];
			snprintf(path, sizeof path, "/proc/self/task/%s/stat", d->d_name);
			FILE *f = fopen(path, "r");
			sleeps |= f && fgets(text, sizeof text, f) && strstr(text, "(hf-collect) S");
			if (f)
				fclose(f);
		}
		closedir(tasks);
		if (sleeps)
			return;
		nanosleep(&pause, NULL);
	}
	cr_assert_fail("the thread never waits");
}

Test(collect_schedule, stop_does_not_wait_for_the_interval, .timeout = 30)
{
	struct seen s = { 0 };
	struct collect *c = start(&s, INT64_C(3600) * 1000 * NS_PER_S);

	await_sleep();
	collect_stop(c);
	cr_expect_eq(s.rounds, 0);
	collect_stop(NULL);
}

Test(collect_schedule, slow_rounds_leave_others_out, .timeout = 30)
{
	uint64_t late = counter_get(COUNTER_COLLECT_LATE);
	struct seen s = { .hold_ms = 100 };
	struct collect *c = start(&s, 10 * NS_PER_MS);

	await_rounds(&s, 2);
	collect_stop(c);
	cr_expect_geq(counter_get(COUNTER_COLLECT_LATE) - late, 2 * 10);
}

Test(collect_schedule, wall_clock_steps_do_not_stop_it, .timeout = 30)
{
	struct seen s = { 0 };

	clock_fake(2000 * NS_PER_S, NS_PER_S); /* deadlines lie in the past: each round follows at once */
	struct collect *c = start(&s, NS_PER_S);
	await_rounds(&s, 2);
	cr_expect_eq(s.last_ns, 2000 * NS_PER_S);
	clock_fake(500 * NS_PER_S + 1, NS_PER_S);
	await_rounds(&s, s.rounds + 2);
	cr_expect_eq(s.last_ns, 500 * NS_PER_S);
	clock_fake(9000 * NS_PER_S + 1, NS_PER_S);
	await_rounds(&s, s.rounds + 2);
	cr_expect_eq(s.last_ns, 9000 * NS_PER_S);
	collect_stop(c);
	clock_real();
}

Test(collect_schedule, wrong_options_are_refused)
{
	struct collect *c = (struct collect *)1;
	struct collect_opts opts = { .host = "web-01", .sink = take };
	struct errbuf eb;

	cr_expect_eq(collect_start(&c, &opts, &eb), ERR_INVALID);
	cr_expect_null(c);
}
