#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/num_shortest.h"

static const char *json(double v)
{
	static char text[NUM_JSON_MAX + 1];

	*num_put_json(text, v) = 0;
	return text;
}

static const char *plain(double v)
{
	static char text[NUM_PLAIN_MAX + 1];

	*num_put_plain(text, v) = 0;
	return text;
}

Test(num_shortest, texts_are_those_of_go)
{
	static const struct {
		double v;
		const char *json, *plain;
	} rows[] = { { 0, "0", "0" }, { -0.0, "-0", "-0" }, { 1, "1", "1" }, { -1.5, "-1.5", "-1.5" },
		{ 100, "100", "100" }, { 0.1, "0.1", "0.1" }, { 1e-6, "0.000001", "0.000001" },
		{ 1e-7, "1e-7", "0.0000001" }, { -1.25e-9, "-1.25e-9", "-0.00000000125" },
		{ 1.5e-10, "1.5e-10", "0.00000000015" }, { 1e20, "100000000000000000000", "100000000000000000000" },
		{ 1e21, "1e+21", "1000000000000000000000" }, { 123456789012345680000.0, "123456789012345680000", NULL },
		{ 1e23, "1e+23", NULL }, { 9007199254740993.0, "9007199254740992", NULL },
		{ 1.7976931348623157e308, "1.7976931348623157e+308", NULL }, { 5e-324, "5e-324", NULL },
		{ 2.2250738585072014e-308, "2.2250738585072014e-308", NULL }, { 1.0 / 3, "0.3333333333333333", NULL },
		{ 2.0 / 3, "0.6666666666666666", NULL }, { 9007199254740991.0, "9007199254740991", NULL },
		{ 0.30000000000000004, "0.30000000000000004", NULL }, { 123456789.5, "123456789.5", "123456789.5" } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		cr_expect_str_eq(json(rows[i].v), rows[i].json);
		if (rows[i].plain)
			cr_expect_str_eq(plain(rows[i].v), rows[i].plain);
	}
}

/* The digits are as few as printf needs at least, and read back as the same bits. */
Test(num_shortest, random_doubles_read_back_and_are_shortest)
{
	uint64_t s = 88172645463325252u, bits;

	for (int i = 0; i < 200000; i++) {
		double v, back;
		char text[64];
		uint64_t digits;
		int needed = 1;
		s ^= s << 13;
		s ^= s >> 7;
		s ^= s << 17;
		bits = s;
		memcpy(&v, &bits, sizeof v);
		if (i % 3 == 1)
			v = ldexp(1, (int)(s % 2098) - 1074);
		if (i % 3 == 2)
			v = (double)(s % 10000000) / 1000;
		if (!isfinite(v))
			continue;
		*num_put_json(text, v) = 0;
		back = strtod(text, NULL);
		cr_assert(memcmp(&back, &v, sizeof v) == 0, "%s of %a", text, v);
		(void)num_shortest(v, &digits);
		int have = snprintf(text, sizeof text, "%llu", (unsigned long long)digits);
		for (; needed < 17; needed++) {
			snprintf(text, sizeof text, "%.*e", needed - 1, v);
			if (strtod(text, NULL) == v)
				break;
		}
		cr_assert(have <= needed, "%a: %d digits, %d would do", v, have, needed);
	}
}

Test(num_shortest, integers_of_all_lengths)
{
	char text[24], want[24];
	int64_t v = 7;

	for (int i = 0; i < 18; i++, v = v * 10 + i % 10) {
		*num_put_i64(text, -v) = 0;
		snprintf(want, sizeof want, "%lld", (long long)-v);
		cr_expect_str_eq(text, want);
	}
	*num_put_i64(text, INT64_MIN) = 0;
	cr_expect_str_eq(text, "-9223372036854775808");
	*num_put_u64(text, UINT64_MAX) = 0;
	cr_expect_str_eq(text, "18446744073709551615");
	*num_put_u64(text, 0) = 0;
	cr_expect_str_eq(text, "0");
	for (uint64_t p = 1; p < UINT64_C(10000000000000000000); p *= 10) {
		*num_put_u64(text, p) = 0;
		snprintf(want, sizeof want, "%llu", (unsigned long long)p);
		cr_expect_str_eq(text, want);
		*num_put_u64(text, p - 1) = 0;
		snprintf(want, sizeof want, "%llu", (unsigned long long)p - 1);
		cr_expect_str_eq(text, want);
	}
}
