/* The sort against Go 1.19's sort.Sort, which is written down here once more, pair by pair as Go goes through them. */
#include "query/select/pdq.h"

#include <criterion/criterion.h>

enum { ROOM = 3000, ROUNDS = 400 };

/* ---- as Go does it ---- */

enum {
	INSERTION_MAX = 12, /* up to so many are sorted by insertion */
	NINTHER_MIN = 50, /* from so many on a pivot is the median of medians */
	SWAPS_MAX = 12, /* as many as choosing a pivot can take */
	REPAIRS_MAX = 5, /* pairs out of order in what is nearly sorted */
	REPAIR_MIN = 50
};

static uint64_t keys[ROOM];
static uint32_t order[ROOM];

static bool less(uint32_t i, uint32_t j)
{
	return keys[i] < keys[j];
}

static void swap(uint32_t i, uint32_t j)
{
	uint64_t key = keys[i];
	uint32_t from = order[i];

	keys[i] = keys[j];
	order[i] = order[j];
	keys[j] = key;
	order[j] = from;
}

static void insertion_sort(uint32_t a, uint32_t b)
{
	for (uint32_t i = a + 1; i < b; i++)
		for (uint32_t j = i; j > a && less(j, j - 1); j--)
			swap(j, j - 1);
}

static void sift_down(uint32_t root, uint32_t n, uint32_t first)
{
	for (;;) {
		uint64_t child = 2 * (uint64_t)root + 1;
		if (child >= n)
			return;
		if (child + 1 < n && less(first + (uint32_t)child, first + (uint32_t)child + 1))
			child++;
		if (!less(first + root, first + (uint32_t)child))
			return;
		swap(first + root, first + (uint32_t)child);
		root = (uint32_t)child;
	}
}

static void heap_sort(uint32_t a, uint32_t b)
{
	uint32_t n = b - a;

	for (uint32_t i = (n - 1) / 2 + 1; i-- > 0;)
		sift_down(i, n, a);
	for (uint32_t i = n; i-- > 0;) {
		swap(a, a + i);
		sift_down(0, i, a);
	}
}

/* Whether that was enough. */
static bool repair(uint32_t a, uint32_t b)
{
	uint32_t i = a + 1;

	for (int repairs = 0; repairs < REPAIRS_MAX; repairs++) {
		while (i < b && !less(i, i - 1))
			i++;
		if (i == b)
			return true;
		if (b - a < REPAIR_MIN)
			return false;
		swap(i, i - 1);
		for (uint32_t j = i - 1; i - a >= 2 && j >= 1 && less(j, j - 1); j--)
			swap(j, j - 1);
		for (uint32_t j = i + 1; b - i >= 2 && j < b && less(j, j - 1); j++)
			swap(j, j - 1);
	}
	return false;
}

static void order_two(uint32_t *a, uint32_t *b, int *swaps)
{
	if (!less(*b, *a))
		return;
	uint32_t t = *a;
	*a = *b;
	*b = t;
	++*swaps;
}

static uint32_t median(uint32_t a, uint32_t b, uint32_t c, int *swaps)
{
	order_two(&a, &b, swaps);
	order_two(&b, &c, swaps);
	order_two(&a, &b, swaps);
	return b;
}

/* swaps 0: it looks sorted; SWAPS_MAX: in falling order. */
static uint32_t choose_pivot(uint32_t a, uint32_t b, int *swaps)
{
	uint32_t n = b - a, i = a + n / 4, j = a + n / 4 * 2, k = a + n / 4 * 3;

	*swaps = 0;
	if (n >= NINTHER_MIN) {
		i = median(i - 1, i, i + 1, swaps);
		j = median(j - 1, j, j + 1, swaps);
		k = median(k - 1, k, k + 1, swaps);
	}
	return n >= 8 ? median(i, j, k, swaps) : j;
}

static void reverse(uint32_t a, uint32_t b)
{
	for (uint32_t i = a, j = b - 1; i < j; i++, j--)
		swap(i, j);
}

/* Scatters some elements, by dice (xorshift) that the length has thrown. */
static void break_patterns(uint32_t a, uint32_t b)
{
	uint32_t n = b - a;
	uint64_t dice = n;

	if (n < 8)
		return;
	const uint64_t mask = (UINT64_C(1) << (32 - __builtin_clz(n))) - 1;
	const uint32_t at = a + n / 4 * 2 - 1;
	for (uint32_t i = 0; i < 3; i++) {
		dice ^= dice << 13;
		dice ^= dice >> 17;
		dice ^= dice << 5;
		uint64_t other = dice & mask;
		if (other >= n)
			other -= n;
		swap(at + i, a + (uint32_t)other);
	}
}

/* Lesser ones to the left of the pivot, whose place it returns; whether they were there already. */
static uint32_t partition(uint32_t a, uint32_t b, uint32_t pivot, bool *already)
{
	uint32_t i = a + 1, j = b - 1;

	swap(a, pivot);
	for (*already = true;; *already = false, i++, j--) {
		while (i <= j && less(i, a))
			i++;
		while (i <= j && !less(j, a))
			j--;
		if (i > j)
			break;
		swap(i, j);
	}
	swap(j, a);
	return j;
}

/* Equal ones to the left, greater ones to the right; none is less. */
static uint32_t partition_equal(uint32_t a, uint32_t b, uint32_t pivot)
{
	uint32_t i = a + 1, j = b - 1;

	swap(a, pivot);
	for (;; i++, j--) {
		while (i <= j && !less(a, i))
			i++;
		while (i <= j && less(a, j))
			j--;
		if (i > j)
			return i;
		swap(i, j);
	}
}

static void sort(uint32_t a, uint32_t b, int bad_choices)
{
	bool balanced = true, partitioned = true;

	for (;;) {
		uint32_t n = b - a;
		int swaps;
		if (n <= INSERTION_MAX) {
			insertion_sort(a, b);
			return;
		}
		if (bad_choices == 0) {
			heap_sort(a, b);
			return;
		}
		if (!balanced) {
			break_patterns(a, b);
			bad_choices--;
		}
		uint32_t pivot = choose_pivot(a, b, &swaps);
		if (swaps == SWAPS_MAX) {
			reverse(a, b);
			pivot = b - 1 - (pivot - a);
			swaps = 0;
		}
		if (balanced && partitioned && swaps == 0 && repair(a, b))
			return;
		if (a > 0 && !less(a - 1, pivot)) { /* many are the same */
			a = partition_equal(a, b, pivot);
			continue;
		}
		uint32_t middle = partition(a, b, pivot, &partitioned);
		if (middle - a < b - middle) {
			balanced = middle - a >= n / 8;
			sort(a, middle, bad_choices);
			a = middle + 1;
		} else {
			balanced = b - middle >= n / 8;
			sort(middle + 1, b, bad_choices);
			b = middle;
		}
	}
}

/* ---- values that bring each way through it ---- */

static uint64_t dice = 88172645463325252u;

static uint32_t draw(uint32_t below)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (uint32_t)(dice >> 33) % below;
}

static uint64_t value(unsigned form, uint32_t i, uint32_t n)
{
	switch (form) {
	case 0: /* few values */
		return draw(1 + n / 20);
	case 1: /* nearly sorted */
		return draw(50) ? i : draw(n);
	case 2: /* falling, in steps */
		return (n - i) / 3;
	case 3: /* the greatest there is, often */
		return draw(3) ? UINT64_MAX : draw(3);
	case 4: /* a saw, which makes for bad pivots */
		return i % 7 * 1000 + i % 50;
	case 5: /* an organ pipe */
		return i < n / 2 ? i : n - i;
	default:
		return (uint64_t)draw(UINT32_MAX) << 32 | draw(UINT32_MAX);
	}
}

static uint64_t given[ROOM], got_keys[ROOM];
static uint32_t got_order[ROOM];

static void begin(const uint64_t *from, uint64_t *to_keys, uint32_t *to_order, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		to_keys[i] = from[i];
		to_order[i] = i;
	}
}

static uint32_t draw_values(unsigned round)
{
	const uint32_t n = round < 80 ? round : 1 + draw(ROOM);

	for (uint32_t i = 0; i < n; i++)
		given[i] = value(round % 7, i, n);
	begin(given, keys, order, n);
	if (n > 1)
		sort(0, n, 32 - __builtin_clz(n));
	return n;
}

Test(pdq, equal_ones_lie_as_go_leaves_them)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		const uint32_t n = draw_values(round);
		begin(given, got_keys, got_order, n);
		pdq_sort(got_keys, got_order, n);
		cr_assert(memcmp(got_keys, keys, n * sizeof *keys) == 0, "round %u", round);
		cr_assert(memcmp(got_order, order, n * sizeof *order) == 0, "round %u", round);
	}
}

Test(pdq, one_place_is_as_in_the_whole)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		const uint32_t n = draw_values(round);
		for (uint32_t place = 0; place < n; place += 1 + draw(n / 8 + 1)) {
			begin(given, got_keys, got_order, n);
			pdq_select(got_keys, got_order, n, place);
			cr_assert_eq(got_order[place], order[place], "place %u of round %u", place, round);
			cr_assert_eq(got_keys[place], keys[place]);
		}
	}
}
