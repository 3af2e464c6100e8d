#include "flow/backoff.h"

#include <criterion/criterion.h>

static const struct backoff b = { 1000, 60000 };

Test(backoff, the_ceiling_doubles_up_to_the_most)
{
	static const int64_t most[] = { 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000 };

	for (unsigned i = 0; i < sizeof most / sizeof *most; i++) {
		cr_assert_eq(backoff_ms(&b, i, 0, (uint64_t)most[i] - 1), most[i]);
		cr_assert_eq(backoff_ms(&b, i, 0, (uint64_t)most[i]), 1, "anything below it, too");
	}
	cr_assert_eq(backoff_ms(&b, 4000000000u, 0, 59999), 60000);
}

Test(backoff, what_the_server_asks_for_is_the_least_and_half_of_it_the_jitter)
{
	cr_assert_eq(backoff_ms(&b, 0, 30000, 0), 30001);
	cr_assert_eq(backoff_ms(&b, 0, 30000, 14999), 45000);
	cr_assert_eq(backoff_ms(&b, 0, 30000, 15000), 30001);
	cr_assert_eq(backoff_ms(&b, 6, 500, 59999), 60500, "once it has failed often the ceiling is more");
	cr_assert_eq(
	    backoff_ms(&b, 0, INT64_MAX, 0), BACKOFF_LEAST_MAX_MS + 1, "nobody is believed who asks for a year");
}
