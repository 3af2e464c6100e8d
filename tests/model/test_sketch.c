#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/sketch.h"

enum { N = 20000 };

static uint64_t random_state = 88172645463325252u;

static double unit(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (double)(random_state >> 11) / 9007199254740992.0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double draw(int kind)
{
	switch (kind) {
	case 0:
		return exp(unit() * 20 - 5);
	case 1:
		return unit() * 100;
	case 2:
		return (double)(int)(unit() * 10) - 4;
	default:
		return (unit() - 0.5) * exp(unit() * 30);
	}
}

static void check(struct sketch *s, double *sorted, int n, const char *what)
{
	qsort(sorted, (size_t)n, sizeof *sorted, by_value);
	cr_assert_eq(s->count, (uint64_t)n);
	for (int i = 1; i <= 100; i++) {
		uint64_t rank = (uint64_t)((double)n * i / 100);
		double want = sorted[rank - 1], got = sketch_value(s, rank);
		cr_assert_leq(
		    fabs(got - want), fabs(want) * 0.0109 + 1e-300, "%s: p%d is %g, not %g", what, i, got, want);
	}
}

Test(sketch, quantiles_are_within_the_promised_error)
{
	static double v[N];

	for (int kind = 0; kind < 4; kind++) {
		struct sketch s;
		sketch_init(&s);
		for (int i = 0; i < N; i++) {
			v[i] = draw(kind);
			cr_assert_eq(sketch_add(&s, v[i]), ERR_OK);
		}
		check(&s, v, N, "one");
		sketch_fini(&s);
	}
}

Test(sketch, merging_packed_sketches_in_any_order_is_as_good_as_one)
{
	static double v[N];
	struct sketch part[10], sum;

	for (int kind = 0; kind < 4; kind++) {
		sketch_init(&sum);
		for (int p = 0; p < 10; p++)
			sketch_init(&part[p]);
		for (int i = 0; i < N; i++) {
			v[i] = draw(kind);
			cr_assert_eq(sketch_add(&part[(int)(unit() * 10)], v[i]), ERR_OK);
		}
		for (int p = 9; p >= 0; p--) {
			struct buf b;
			buf_init(&b, 1 << 20);
			sketch_pack(&part[p], &b);
			cr_assert(!b.failed);
			cr_assert_eq(sketch_merge_packed(&sum, (struct view){ b.p, b.len }), ERR_OK);
			for (size_t cut = 0; cut < b.len; cut++) { /* never a crash */
				struct sketch t;
				sketch_init(&t);
				cr_assert_neq(sketch_merge_packed(&t, (struct view){ b.p, cut }), ERR_OK);
				sketch_fini(&t);
			}
			buf_fini(&b);
			sketch_fini(&part[p]);
		}
		check(&sum, v, N, "merged");
		sketch_fini(&sum);
	}
}

/* By the definition, in numbers of 64 bits: 2^(bucket/32) < v <= 2^((bucket+1)/32). */
static void check_bucket(double v)
{
	int32_t bucket = sketch_bucket(v);
	long double low = exp2l(bucket / 32.0L), high = exp2l((bucket + 1) / 32.0L);

	cr_assert(low < (long double)v && (long double)v <= high, "%a is in bucket %d", v, bucket);
}

Test(sketch, the_bucket_is_the_one_of_the_definition)
{
	for (int i = 0; i < 300000; i++) {
		uint64_t bits;
		double v;
		unit();
		bits = random_state & INT64_MAX;
		if (i % 4 == 0)
			bits &= (UINT64_C(1) << 52) - 1; /* subnormal */
		memcpy(&v, &bits, sizeof v);
		if (v > 0 && isfinite(v))
			check_bucket(v);
	}
	for (int e = -1074; e < 1024; e += e < -1000 || e > 1000 ? 1 : 37)
		for (int i = 0; i < 32; i++) {
			double v = ldexp(exp2(i / 32.0), e);
			double from = v;
			for (int k = 0; k < 3; k++)
				from = nextafter(from, 0);
			for (int k = 0; k < 7; k++, from = nextafter(from, INFINITY))
				if (from > 0 && isfinite(from))
					check_bucket(from);
		}
	check_bucket(4.9e-324);
	check_bucket(1.7976931348623157e308);
}

Test(sketch, powers_of_two_lie_at_the_upper_end_of_their_bucket)
{
	for (int e = -1074; e < 1024; e++) {
		struct sketch s;
		sketch_init(&s);
		cr_assert_eq(sketch_add(&s, ldexp(1, e)), ERR_OK);
		cr_assert_eq(s.positive.first, e * 32 - 1, "2^%d", e);
		sketch_fini(&s);
	}
}

/* The bytes of schema 5, once written, must be read for ever; tests/fixtures/sketch-v1.bin. */
Test(sketch, golden_bytes_are_read_and_written)
{
	static const double v[] = { 0, -0.0, 1, 1, 1.5, 100, 1e6, 3e-5, -2, -7.25, -7.25 };
	static char bytes[256];
	FILE *f = fopen(TEST_SRCDIR "/fixtures/sketch-v1.bin", "rb");
	struct sketch s, read;
	struct buf b;

	cr_assert(f != NULL);
	size_t n = fread(bytes, 1, sizeof bytes, f);
	fclose(f);
	sketch_init(&s);
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		cr_assert_eq(sketch_add(&s, v[i]), ERR_OK);
	buf_init(&b, 1 << 20);
	sketch_pack(&s, &b);
	cr_assert_eq(b.len, n);
	cr_assert_arr_eq(b.p, bytes, n);
	sketch_init(&read);
	cr_assert_eq(sketch_merge_packed(&read, (struct view){ bytes, n }), ERR_OK);
	cr_assert_eq(read.count, sizeof v / sizeof *v);
	cr_assert_eq(sketch_value(&read, 4), 0);
	cr_assert_float_eq(sketch_value(&read, 1), -7.25, 0.08);
	cr_assert_float_eq(sketch_value(&read, 11), 1e6, 11000);
	sketch_fini(&s);
	sketch_fini(&read);
	buf_fini(&b);
}

Test(sketch, a_range_beyond_its_span_folds_the_smallest)
{
	struct sketch s;

	sketch_init(&s);
	cr_assert_eq(sketch_add(&s, 1e-300), ERR_OK);
	cr_assert_eq(sketch_add(&s, 1e300), ERR_OK);
	cr_assert_eq(sketch_add(&s, 1e-200), ERR_OK);
	cr_assert_eq(s.count, 3);
	cr_assert_leq(s.positive.n, SKETCH_SPAN);
	cr_assert_float_eq(sketch_value(&s, 3) / 1e300, 1, 0.011);
	sketch_fini(&s);
}
