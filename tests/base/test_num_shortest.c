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

/* Of a column, whatever stood before, the texts are those of the functions that remember nothing. */
static void expect_like(double v, uint8_t *json_decimals, uint8_t *plain_decimals)
{
	char have[NUM_PLAIN_MAX + 1];

	*num_put_json_like(have, v, json_decimals) = 0;
	cr_assert_str_eq(have, json(v), "%a", v);
	*num_put_plain_like(have, v, plain_decimals) = 0;
	cr_assert_str_eq(have, plain(v), "%a", v);
}

Test(num_shortest, columns_have_the_same_texts)
{
	static const double edges[] = { 0, -0.0, 0x1p-11, 0x1.fffffffffffffp-12, 1e9, 999999999.999999,
		999999999.9999999, 0.999999, 0.9999999, 0.99, 0.994999999999999996, 0.1, 0.01, 1e-6, 5e-7, 64, 64.1,
		63.99999999999999, 0.30000000000000004, 100, 1e15, 1e21, 1e-7, 5e-324, 1e300, 0.5, 0.25, 128.5, 2.675,
		1.005, 57.3, 57.29 };
	const size_t count = sizeof edges / sizeof *edges;
	uint8_t a = 0, b = 0;

	for (size_t i = 0; i < count * count * 2; i++) {
		double v = edges[i % 3 ? i % count : i / count % count];
		expect_like(i & 1 ? v : -v, &a, &b);
		expect_like(nextafter(v, i & 2 ? 1e300 : -1e300), &a, &b);
	}
	for (uint8_t k = 0; k <= 7; k++)
		for (size_t i = 0; i < count; i++) {
			a = b = k;
			expect_like(edges[i], &a, &b);
		}
}

Test(num_shortest, random_columns_have_the_same_texts)
{
	static const double tens[] = { 1, 10, 100, 1000, 1e4, 1e5, 1e6, 1e7 };
	uint64_t s = 88172645463325252u;
	uint8_t a = 0, b = 0;

	for (int i = 0; i < 1000000; i++) {
		s ^= s << 13;
		s ^= s >> 7;
		s ^= s << 17;
		double v = (double)(s >> 20) / tens[s % 8] / tens[s / 8 % 8];
		if (s / 64 % 8 == 0)
			v = nextafter(v, s / 512 % 2 ? 0 : 1e300);
		if (s / 64 % 8 ==
		    1) /* of neighbours of a power of two, where doubles are not equally far on both sides */
			v = ldexp(1, (int)(s / 512 % 42) - 12) + (double)(s / 65536 % 5) / tens[s % 8];
		if (i % 5000 == 0)
			a = b = (uint8_t)(s / 512 % 8);
		expect_like(v, &a, &b);
	}
}

static const char *rising(int64_t v, struct num_head *head)
{
	static char text[25];

	*num_put_rising(text, v, head) = 0;
	return text;
}

Test(num_shortest, integers_are_those_of_printf)
{
	struct num_head head = { 0 };
	uint64_t s = 88172645463325252u;
	char want[32], have[32];

	for (int i = 0; i < 300000; i++) {
		s ^= s << 13;
		s ^= s >> 7;
		s ^= s << 17;
		int64_t v = (int64_t)s >> i % 64;
		snprintf(want, sizeof want, "%lld", (long long)v);
		cr_assert_str_eq(rising(v, &head), want);
		v += i % 64;
		snprintf(want, sizeof want, "%lld", (long long)v);
		cr_assert_str_eq(rising(v, &head), want);
		*num_put_i64(have, v) = 0;
		cr_assert_str_eq(have, want);
		snprintf(want, sizeof want, "%llu", (unsigned long long)v);
		*num_put_u64(have, (uint64_t)v) = 0;
		cr_assert_str_eq(have, want);
	}
	for (uint64_t v = 1, i = 0; i < 20; i++, v *= 10)
		for (int d = -1; d <= 1; d++) {
			snprintf(want, sizeof want, "%llu", (unsigned long long)(v + (uint64_t)d));
			*num_put_u64(have, v + (uint64_t)d) = 0;
			cr_assert_str_eq(have, want);
		}
}
