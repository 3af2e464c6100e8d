#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/clock.h"
#include "query/budget_sort.h"

enum { MIB = 1 << 20, MANY = 1000000 };

static uint64_t comparisons;
static struct errbuf eb;

static void end(void)
{
	clock_real();
}

TestSuite(budget, .fini = end, .timeout = 120);

struct pair {
	uint32_t key, number;
};

static int by_key(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	comparisons++;
	return (x->key > y->key) - (x->key < y->key);
}

/* 50 ns each: as of long strings. */
static int slowly(const void *a, const void *b)
{
	int c = by_key(a, b);

	clock_fake(0, (int64_t)comparisons * 50);
	return c;
}

static struct pair *make(size_t n, uint32_t kinds)
{
	struct pair *of = malloc((n + 1) * sizeof *of);
	uint32_t x = 1;

	cr_assert_not_null(of);
	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		of[i] = (struct pair){ (x >> 8) % kinds, (uint32_t)i };
	}
	return of;
}

Test(budget, sorts_any_number_and_keeps_the_order_of_what_is_alike)
{
	static const size_t counts[] = { 0, 1, 2, 4095, 4096, 4097, 8192, 8193, 12289, 100000 };

	for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
		for (uint32_t kinds = 1; kinds < 1000000; kinds = kinds * 40 + 1) {
			struct budget b = { .max_bytes = MIB };
			struct pair *of = make(counts[k], kinds);
			cr_assert_eq(budget_sort(&b, of, counts[k], sizeof *of, by_key, &eb), ERR_OK);
			for (size_t i = 1; i < counts[k]; i++)
				cr_assert(of[i - 1].key < of[i].key ||
					(of[i - 1].key == of[i].key && of[i - 1].number < of[i].number),
				    "%zu of %zu", i, counts[k]);
			cr_assert_eq(b.used_bytes, 0);
			free(of);
		}
}

Test(budget, a_sort_that_does_not_fit_is_refused_and_loses_nothing)
{
	struct budget b = { .max_bytes = MIB };
	struct pair *of = make(MANY, MANY);
	uint64_t sum = 0;

	cr_expect_eq(budget_sort(&b, of, MANY, sizeof *of, by_key, &eb), ERR_TOOBIG);
	for (size_t i = 0; i < MANY; i++)
		sum += of[i].number;
	cr_expect_eq(sum, (uint64_t)MANY * (MANY - 1) / 2);
	cr_expect_eq(b.used_bytes, 0);
	free(of);
}

/* Wherever in the sort the time is up. */
Test(budget, a_long_sort_ends_soon_after_its_time)
{
	for (int64_t deadline_ms = 1; deadline_ms < 1000; deadline_ms = deadline_ms * 2 + 37) {
		struct budget b = { .max_bytes = 64 * MIB, .deadline_ns = deadline_ms * NS_PER_MS };
		struct pair *of = make(MANY, MANY);
		uint64_t sum = 0;
		comparisons = 0;
		clock_fake(0, 0);
		cr_expect_eq(budget_sort(&b, of, MANY, sizeof *of, slowly, &eb), ERR_UNAVAILABLE);
		cr_expect_lt((int64_t)comparisons * 50, (deadline_ms + 20) * NS_PER_MS);
		for (size_t i = 0; i < MANY; i++)
			sum += of[i].number;
		cr_expect_eq(sum, (uint64_t)MANY * (MANY - 1) / 2);
		cr_expect_eq(b.used_bytes, 0);
		free(of);
	}
}

Test(budget, the_clock_is_looked_at_by_the_work_that_was_done)
{
	struct budget b = { .max_bytes = MIB, .deadline_ns = 1 };
	unsigned calls = 0;

	clock_fake(0, 2);
	while (budget_check(&b, &eb) == ERR_OK)
		calls++;
	cr_expect_lt(calls, 1000);
	cr_expect_eq(budget_work(&b, 1000, &eb), ERR_OK);
	cr_expect_eq(budget_work(&b, 1000000, &eb), ERR_UNAVAILABLE);
}

Test(budget, arenas_take_their_blocks_from_it)
{
	struct budget b = { .max_bytes = 100 << 10 };
	struct arena first, second;

	budget_arena(&b, &first, 4 << 10);
	budget_arena(&b, &second, 16 << 10);
	while (arena_alloc(&first, 100, 8))
		;
	cr_expect_gt(b.used_bytes, 95 << 10);
	cr_expect_leq(b.used_bytes, b.max_bytes);
	cr_expect_null(arena_alloc(&second, 1, 1));
	cr_expect_eq(budget_refuse(&b, &eb), ERR_TOOBIG);
	arena_clear(&first); /* kept for what comes next, and given up for a large piece */
	cr_expect_gt(b.used_bytes, 95 << 10);
	cr_expect_not_null(arena_alloc(&first, 80 << 10, 8));
	cr_expect_lt(b.used_bytes, 85 << 10);
	arena_fini(&first);
	cr_expect_eq(b.used_bytes, 0);
	cr_expect_not_null(arena_alloc(&second, 1, 1));
	arena_fini(&second);
	cr_expect_eq(b.used_bytes, 0);
}
