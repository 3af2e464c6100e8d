/* What is let go, and that an answer never hides it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "support/stand.h"

enum { NOISE_FIELDS = 40 };

static struct errbuf eb;
static uint64_t random_state = 88172645463325252u;

static uint64_t rnd(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Rows of integers that do not compress, every so often. */
static void write_noise(struct stand *s, const char *measurement, int64_t from_ns, int64_t to_ns, int64_t every_ns)
{
	struct buf b;

	buf_init(&b, 32 << 20);
	for (int64_t t = from_ns; t < to_ns; t += every_ns) {
		buf_printf(&b, "%s,a=1 ", measurement);
		for (int f = 0; f < NOISE_FIELDS; f++)
			buf_printf(&b, "%si%d=%llui", f ? "," : "", f, (unsigned long long)(rnd() >> 1));
		buf_printf(&b, " %lld\n", (long long)t);
	}
	buf_char(&b, 0);
	cr_assert(!b.failed);
	stand_write(s, b.p);
	buf_fini(&b);
}

static uint64_t count(
    struct stand *s, const char *measurement, int64_t from_ns, int64_t to_ns, int64_t step_ns, bool *complete)
{
	struct read_request q = { .database = "metrics",
		.measurement = measurement,
		.field = "i0",
		.from_ns = from_ns,
		.to_ns = to_ns,
		.step_ns = step_ns };
	struct read_result r;
	uint64_t n = 0;

	read_result_init(&r, &q);
	cr_assert_eq(local_read(s->local, &q, &r, &eb), ERR_OK, "%s", eb.text);
	for (unsigned g = 0; g < r.group_count; g++)
		for (unsigned k = 0; k < r.buckets; k++)
			n += r.groups[g].columns[0].cells[k].count;
	*complete = r.complete;
	read_result_fini(&r);
	return n;
}

static int64_t window_before(int windows)
{
	int64_t w = tier_window_ns(TIER_RAW);

	return (clock_wall_ns() / w - windows) * w;
}

Test(retention, at_the_ceiling_what_was_just_acknowledged_stays)
{
	struct stand_opts o = { .compactor = true, .max_bytes = 1 << 20 };
	struct stand s;
	int64_t now = clock_wall_ns() / NS_PER_S * NS_PER_S, w = tier_window_ns(TIER_RAW), begin = now / w * w;
	bool complete;

	stand_open(&s, &o);
	write_noise(&s, "m", begin, begin + 7200 * NS_PER_S, 2 * NS_PER_S); /* one open window alone fills it */
	stand_compact(&s);
	write_noise(&s, "fresh", now, now + 1, NS_PER_S);
	cr_assert_eq(count(&s, "fresh", now, now + NS_PER_S, NS_PER_S, &complete), 1);
	stand_compact(&s);
	stand_compact(&s);
	cr_assert_eq(count(&s, "fresh", now, now + NS_PER_S, NS_PER_S, &complete), 1);
	cr_assert(complete);
	stand_remove(&s);
}

Test(retention, at_the_ceiling_rollups_are_made_first_and_what_lacks_minutes_is_told)
{
	struct stand_opts o = { .compactor = true, .max_bytes = 8 << 20 };
	struct stand s;
	int64_t begin = window_before(40), end = begin + 36 * tier_window_ns(TIER_RAW);
	struct store_tier_totals totals[TIERS];
	bool complete;

	stand_open(&s, &o);
	/* about 8.3 MB in all, a little at a time: what waits in the spool must not be what reaches the ceiling */
	for (int64_t t = begin; t < end; t += 3 * tier_window_ns(TIER_RAW)) {
		write_noise(&s, "m", t, t + 3 * tier_window_ns(TIER_RAW), 10 * NS_PER_S);
		stand_compact(&s);
	}
	stand_compact(&s);
	cr_assert_eq(store_reader_totals(store_own_reader(s.store), totals, &eb), ERR_OK);
	cr_assert_lt(totals[TIER_RAW].points, 36 * 720, "something was let go");
	cr_assert_gt(totals[TIER_RAW].points, 36 * 720 / 3, "but not more than had to be");
	cr_assert_eq(count(&s, "m", begin, end, TIER_HOUR_NS, &complete), 36 * 720);
	cr_assert(complete);
	(void)count(&s, "m", begin, begin + TIER_HOUR_NS, TIER_MINUTE_NS, &complete);
	cr_assert(!complete);
	cr_assert_eq(count(&s, "m", end - TIER_HOUR_NS, end, TIER_MINUTE_NS, &complete), 360);
	cr_assert(complete);
	stand_remove(&s);
}

Test(retention, each_measurement_has_its_own)
{
	struct stand_opts o = { .compactor = true,
		.keep_ns = { 4 * TIER_DAY_NS, 8 * TIER_DAY_NS, 800 * TIER_DAY_NS, 800 * TIER_DAY_NS },
		.exception = "short",
		.exception_ns = { TIER_DAY_NS, TIER_DAY_NS, 0, 0 } };
	struct stand s;
	int64_t old = window_before(6 * 12), middle = window_before(3 * 12), hour = TIER_HOUR_NS;
	bool complete;

	stand_open(&s, &o);
	for (int i = 0; i < 2; i++) {
		const char *m = i ? "short" : "long";
		write_noise(&s, m, old, old + hour, 10 * NS_PER_S);
		write_noise(&s, m, middle, middle + hour, 10 * NS_PER_S);
	}
	for (int i = 0; i < 3; i++)
		stand_compact(&s);
	/* long: raw rows of the middle; minutes of the old ones */
	cr_assert_eq(count(&s, "long", middle, middle + hour, 10 * NS_PER_S, &complete), 360);
	cr_assert(complete);
	cr_assert_eq(count(&s, "long", old, old + hour, TIER_MINUTE_NS, &complete), 360);
	cr_assert(complete);
	(void)count(&s, "long", old, old + hour, 10 * NS_PER_S, &complete);
	cr_assert(!complete);
	/* short: raw rows as long as minutes, so there are none; hours stay */
	cr_assert_eq(count(&s, "short", middle, middle + hour, TIER_MINUTE_NS, &complete), 0);
	cr_assert(!complete);
	cr_assert_eq(count(&s, "short", old, old + hour, hour, &complete), 360);
	cr_assert(complete);
	/* nothing is done twice */
	struct store_tier_totals before[TIERS], after[TIERS];
	cr_assert_eq(store_reader_totals(store_own_reader(s.store), before, &eb), ERR_OK);
	stand_compact(&s);
	cr_assert_eq(store_reader_totals(store_own_reader(s.store), after, &eb), ERR_OK);
	for (int t = 0; t < (int)TIERS; t++) {
		cr_assert_eq(after[t].pieces, 0);
		cr_assert_eq(after[t].blocks, before[t].blocks);
		cr_assert_eq(after[t].points, before[t].points);
	}
	stand_remove(&s);
}
