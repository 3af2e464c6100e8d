#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"

static double parsed(const char *text)
{
	double d = NAN;

	cr_assert(num_parse_double(view_of(text), &d), "%s", text);
	return d;
}

Test(num, decimal_agrees_with_strtod_bit_for_bit)
{
	char text[64];

	srandom(7);
	for (int i = 0; i < 300000; i++) {
		uint64_t bits = (uint64_t)random() << 42 ^ (uint64_t)random() << 21 ^ (uint64_t)random();
		double d, ours;
		memcpy(&d, &bits, sizeof d);
		if (i % 2)
			d = (double)(random() % 1000000) / (double)(1 + random() % 100000);
		if (!isfinite(d))
			continue;
		snprintf(text, sizeof text, "%.*g", 1 + (int)(random() % 19), d);
		double theirs = strtod(text, NULL);
		if (!num_parse_double(view_of(text), &ours)) {
			cr_assert(!isfinite(theirs), "%s", text);
			continue;
		}
		cr_assert(memcmp(&ours, &theirs, sizeof ours) == 0, "%s: %a, not %a", text, ours, theirs);
	}
}

Test(num, formatted_double_reads_back)
{
	char text[NUM_DOUBLE_MAX];

	srandom(11);
	for (int i = 0; i < 300000; i++) {
		uint64_t bits = (uint64_t)random() << 42 ^ (uint64_t)random() << 21 ^ (uint64_t)random();
		double d;
		memcpy(&d, &bits, sizeof d);
		if (i % 3 == 0)
			d = (double)(random() % 100000) / 100;
		if (!isfinite(d))
			continue;
		num_format_double(text, d);
		double back = strtod(text, NULL);
		cr_assert(memcmp(&back, &d, sizeof d) == 0, "%s", text);
	}
}

Test(num, format_is_short)
{
	static const struct {
		double v;
		const char *text;
	} cases[] = { { 0, "0" }, { -0.0, "-0" }, { 1.5, "1.5" }, { -12.25, "-12.25" }, { 0.001, "0.001" },
		{ 100, "100" }, { 1e300, "1e+300" }, { 5e-324, "5e-324" }, { 1e-320, "1e-320" } };
	char text[NUM_DOUBLE_MAX];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		num_format_double(text, cases[i].v);
		cr_assert_str_eq(text, cases[i].text);
	}
}

Test(num, extremes)
{
	int64_t i;
	uint64_t u;
	double d;

	cr_assert(num_parse_i64(view_of("-9223372036854775808"), &i) && i == INT64_MIN);
	cr_assert(num_parse_i64(view_of("9223372036854775807"), &i) && i == INT64_MAX);
	cr_assert_not(num_parse_i64(view_of("9223372036854775808"), &i));
	cr_assert(num_parse_u64(view_of("18446744073709551615"), &u) && u == UINT64_MAX);
	cr_assert_not(num_parse_u64(view_of("18446744073709551616"), &u));
	cr_assert_not(num_parse_double(view_of("1e999"), &d));
	cr_assert_eq(parsed("1e-999"), 0);
	cr_assert_eq(parsed(".5"), 0.5);
	cr_assert_eq(parsed("5."), 5);
	static const char *const bad[] = { "", "-", ".", "e1", "1e", "1e+", "0x1", "nan", "inf", "1 ", " 1", "+1",
		"1.2.3" };
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
		cr_assert_not(num_parse_double(view_of(bad[k]), &d), "'%s'", bad[k]);
}

Test(num, durations_and_sizes)
{
	int64_t ns;
	uint64_t bytes;

	cr_assert(num_parse_duration_ns(view_of("1h30m"), &ns) && ns == INT64_C(5400000000000));
	cr_assert(num_parse_duration_ns(view_of("250ms"), &ns) && ns == 250000000);
	cr_assert(num_parse_duration_ns(view_of("0"), &ns) && ns == 0);
	cr_assert_not(num_parse_duration_ns(view_of("10"), &ns));
	cr_assert_not(num_parse_duration_ns(view_of("10q"), &ns));
	cr_assert_not(num_parse_duration_ns(view_of("400y"), &ns));
	cr_assert_not(num_parse_duration_ns(view_of(""), &ns));
	cr_assert(num_parse_size(view_of("25MiB"), &bytes) && bytes == 26214400);
	cr_assert(num_parse_size(view_of("1GB"), &bytes) && bytes == 1000000000);
	cr_assert(num_parse_size(view_of("512"), &bytes) && bytes == 512);
	cr_assert_not(num_parse_size(view_of("1 GB"), &bytes));
	cr_assert_not(num_parse_size(view_of("99999999999TiB"), &bytes));
}
