#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/digest.h"

enum { N = 20000, RANKS = 8 };

static const double ranks[RANKS] = { 0.01, 1, 25, 50, 90, 95, 99.9, 100 };
static uint64_t random_state = 88172645463325252u;
static uint64_t bits[N];
static double sorted[N];
static struct digest_selector *sel;

static uint64_t rnd(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static double unit(void)
{
	return (double)(rnd() >> 11) / 9007199254740992.0;
}

static double draw(int kind, int i)
{
	switch (kind) {
	case 0:
		return exp(unit() * 20 - 5);
	case 1:
		return 100; /* all the same */
	case 2:
		return (double)(int)(unit() * 10) - 4; /* many the same, zeros */
	case 3:
		return 99 + unit() / 1e9; /* near each other */
	case 4:
		return i % 1000 ? unit() : 1e300; /* far away from the rest */
	case 5:
		return i; /* in order */
	default:
		return (unit() - 0.5) * exp(unit() * 30);
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void fill(int kind, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		sorted[i] = draw(kind, (int)i);
		memcpy(&bits[i], &sorted[i], sizeof bits[i]);
	}
	qsort(sorted, n, sizeof *sorted, by_value);
}

static void check(const struct digest *d, unsigned n, double error, const char *what)
{
	double got[RANKS];

	cr_assert_eq(d->count, n);
	digest_percentiles(d, sel, ranks, RANKS, got);
	for (unsigned i = 0; i < RANKS; i++) {
		unsigned rank = (unsigned)floor(n * ranks[i] / 100 + 0.5);
		if (rank == 0)
			cr_assert(isnan(got[i]), "%s: of %u values there is no p%g", what, n, ranks[i]);
		else
			cr_assert_leq(fabs(got[i] - sorted[rank - 1]), error * fabs(sorted[rank - 1]),
			    "%s: p%g of %u is %.17g, not %.17g", what, ranks[i], n, got[i], sorted[rank - 1]);
	}
}

static void init(void)
{
	cr_assert_eq(digest_selector_new(&sel), ERR_OK);
}

static void fini(void)
{
	digest_selector_free(sel);
}

TestSuite(digest, .init = init, .fini = fini);

Test(digest, few_values_give_their_exact_nearest_ranks)
{
	for (int kind = 0; kind < 7; kind++)
		for (unsigned n = 0; n < 16384; n += n < 40 ? 1 : n / 3) {
			struct digest_memory m = { .max = 1 << 20 };
			struct digest d = { 0 };
			fill(kind, n);
			for (unsigned at = 0; at < n; at += 100)
				cr_assert_eq(
				    digest_add(&d, &m, VALUE_FLOAT, bits + at, n - at < 100 ? n - at : 100), ERR_OK);
			cr_assert(d.sketch == NULL);
			check(&d, n, 0, "exact");
			digest_fini(&d, &m);
			cr_assert_eq(m.used, 0);
		}
}

Test(digest, integers_are_ordered_as_numbers)
{
	struct digest_memory m = { .max = 1 << 20 };
	struct digest d = { 0 };
	uint64_t v[] = { (uint64_t)-5, 7, 0, (uint64_t)INT64_MIN, INT64_MAX };
	double p[2];

	cr_assert_eq(digest_add(&d, &m, VALUE_INTEGER, v, 5), ERR_OK);
	digest_percentiles(&d, sel, (double[]){ 40, 100 }, 2, p);
	cr_assert_eq(p[0], -5);
	cr_assert_eq(p[1], 0x1p63);
	digest_fini(&d, &m);
	cr_assert_eq(digest_add(&d, &m, VALUE_UNSIGNED, v, 5), ERR_OK);
	digest_percentiles(&d, sel, (double[]){ 40, 100 }, 2, p);
	cr_assert_eq(p[0], 7);
	cr_assert_eq(p[1], 0x1p64);
	digest_fini(&d, &m);
}

Test(digest, many_values_or_little_memory_make_it_a_sketch)
{
	for (int kind = 0; kind < 7; kind += kind == 3 ? 2 : 1) /* 4 is beyond a sketch's span */
		for (unsigned n = 3000; n <= N; n += 17000) {
			struct digest_memory m = { .max = n == 3000 ? 500000 : 1 << 20 };
			struct digest d[10] = { 0 };
			fill(kind, n);
			for (unsigned k = 0; k < 10; k++) /* ten with the same values */
				for (unsigned at = 0; at < n; at += 50)
					cr_assert_eq(
					    digest_add(&d[k], &m, VALUE_FLOAT, bits + at, 50), ERR_OK, "kind %d", kind);
			cr_assert(d[9].sketch != NULL, "kind %d", kind);
			cr_assert_leq(m.used, m.max);
			for (unsigned k = 0; k < 10; k++) {
				check(&d[k], n, 0.011, "sketch");
				digest_fini(&d[k], &m);
			}
			cr_assert_eq(m.used, 0);
		}
}

Test(digest, above_the_ceiling_it_refuses)
{
	struct digest_memory m = { .max = 4096 };
	struct digest d = { 0 };
	enum err e = ERR_OK;

	fill(6, N);
	for (unsigned i = 0; e == ERR_OK && i < N; i++)
		e = digest_add(&d, &m, VALUE_FLOAT, bits + i, 1);
	cr_assert_eq(e, ERR_TOOBIG);
	digest_fini(&d, &m);
	cr_assert_eq(m.used, 0);
}

Test(digest, a_packed_sketch_adds_its_values_and_a_wrong_one_spoils)
{
	struct digest_memory m = { .max = 1 << 20 };
	struct digest d = { 0 };
	struct sketch s;
	struct buf b;
	double p;

	fill(0, 3000);
	sketch_init(&s);
	for (unsigned i = 1000; i < 3000; i++) {
		double v;
		memcpy(&v, &bits[i], sizeof v);
		cr_assert_eq(sketch_add(&s, v), ERR_OK);
	}
	buf_init(&b, 1 << 20);
	sketch_pack(&s, &b);
	cr_assert_eq(digest_add(&d, &m, VALUE_FLOAT, bits, 1000), ERR_OK);
	cr_assert_eq(digest_merge_packed(&d, &m, (struct view){ b.p, b.len }, 2000), ERR_OK);
	check(&d, 3000, 0.011, "merged");
	cr_assert_eq(digest_merge_packed(&d, &m, (struct view){ b.p, b.len }, 1999), ERR_CORRUPT);
	digest_percentiles(&d, sel, (double[]){ 50 }, 1, &p);
	cr_assert(isnan(p));
	digest_fini(&d, &m);
	cr_assert_eq(m.used, 0);
	sketch_fini(&s);
	buf_fini(&b);
}
