#include "flow/tally.h"

#include <criterion/criterion.h>

#define T(h, s) ((int64_t)(h)*TALLY_HOUR_NS + (s))

static struct tally here, there;
static struct tally_difference d;

static void begin(void)
{
	tally_init(&here);
	tally_init(&there);
}

static void end(void)
{
	tally_fini(&here);
	tally_fini(&there);
}

TestSuite(tally, .init = begin, .fini = end);

static void add(
    struct tally *t, const char *field, uint64_t series, int64_t time_ns, enum value_type type, uint64_t bits)
{
	const struct tally_value v = { .series = series, .time_ns = time_ns, .type = type, .bits = bits };
	int32_t f = tally_field(t, view_of(field));

	cr_assert_geq(f, 0);
	tally_add(t, (uint32_t)f, &v);
	tally_time(t, time_ns);
}

Test(tally, the_order_of_values_and_of_fields_does_not_matter)
{
	add(&here, "a", 1, T(0, 5), VALUE_FLOAT, 10);
	add(&here, "b", 2, T(0, 7), VALUE_INTEGER, 11);
	add(&here, "a", 2, T(0, 7), VALUE_FLOAT, 12);
	add(&there, "b", 2, T(0, 7), VALUE_UNSIGNED, 11);
	add(&there, "a", 2, T(0, 7), VALUE_FLOAT, 12);
	add(&there, "a", 1, T(0, 5), VALUE_FLOAT, 10);
	cr_assert_not(tally_differs(&here, &there, 0, true, &d));
	cr_assert(tally_is_empty(&here, 1));
	cr_assert_not(tally_is_empty(&here, 0));
}

Test(tally, tells_values_series_and_times_apart)
{
	add(&here, "a", 1, T(0, 5), VALUE_FLOAT, 10);
	add(&there, "a", 1, T(0, 5), VALUE_FLOAT, 11);
	add(&here, "a", 1, T(1, 5), VALUE_FLOAT, 10);
	add(&there, "a", 2, T(1, 5), VALUE_FLOAT, 10);
	add(&here, "a", 1, T(2, 5), VALUE_FLOAT, 10);
	add(&there, "a", 1, T(2, 6), VALUE_FLOAT, 10);
	for (unsigned h = 0; h < 3; h++) {
		cr_assert(tally_differs(&here, &there, h, true, &d));
		cr_assert(d.values && !d.less && !d.more && d.fields == 1);
		cr_assert_str_eq(d.field, "a");
	}
	cr_assert_not(tally_differs(&here, &there, 0, false, &d), "by count and times they are equal");
	cr_assert(tally_differs(&here, &there, 2, false, &d));
	cr_assert(d.times && d.fields == 0);
}

Test(tally, tells_which_side_lacks_something)
{
	add(&here, "a", 1, T(0, 1), VALUE_FLOAT, 1);
	add(&here, "a", 1, T(0, 2), VALUE_FLOAT, 1);
	add(&there, "a", 1, T(0, 1), VALUE_FLOAT, 1);
	cr_assert(tally_differs(&here, &there, 0, true, &d));
	cr_assert(d.less && !d.more && d.here == 2 && d.there == 1);
	add(&there, "only there", 1, T(0, 2), VALUE_FLOAT, 1);
	cr_assert(tally_differs(&here, &there, 0, true, &d));
	cr_assert(d.less && d.more && d.fields == 2);
}

Test(tally, what_is_not_in_the_stretch_is_not_counted)
{
	tally_begin(&here, T(10, 0));
	add(&here, "a", 1, T(9, 1), VALUE_FLOAT, 1);
	add(&here, "a", 1, T(10 + TALLY_HOURS_MAX, 0), VALUE_FLOAT, 1);
	for (unsigned h = 0; h < TALLY_HOURS_MAX; h++)
		cr_assert(tally_is_empty(&here, h));
}

Test(tally, tags_count_in_any_order)
{
	uint64_t m = tally_name_hash(view_of("m")), a = tally_tag_hash(view_of("a"), view_of("1")),
		 b = tally_tag_hash(view_of("b"), view_of("2"));

	cr_assert_eq(m + a + b, m + b + a);
	cr_assert_neq(tally_tag_hash(view_of("a"), view_of("2")) + tally_tag_hash(view_of("b"), view_of("1")), a + b);
}
