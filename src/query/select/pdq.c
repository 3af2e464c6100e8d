#include "query/select/pdq.h"

enum {
	INSERTION_MAX = 12, /* up to so many are sorted by insertion */
	NINTHER_MIN = 50, /* from so many on a pivot is the median of medians */
	SWAPS_MAX = 12, /* as many as choosing a pivot can take */
	REPAIRS_MAX = 5, /* pairs out of order in what is nearly sorted */
	REPAIR_MIN = 50
};

struct sort {
	bool (*is_less)(void *arg, uint32_t i, uint32_t j);
	void (*swap)(void *arg, uint32_t i, uint32_t j);
	void *arg;
};

static bool less(const struct sort *s, uint32_t i, uint32_t j)
{
	return s->is_less(s->arg, i, j);
}

static void swap(const struct sort *s, uint32_t i, uint32_t j)
{
	s->swap(s->arg, i, j);
}

/* ---- simple sorts ---- */

static void insertion_sort(const struct sort *s, uint32_t a, uint32_t b)
{
	for (uint32_t i = a + 1; i < b; i++)
		for (uint32_t j = i; j > a && less(s, j, j - 1); j--)
			swap(s, j, j - 1);
}

static void sift_down(const struct sort *s, uint32_t root, uint32_t n, uint32_t first)
{
	for (;;) {
		uint64_t child = 2 * (uint64_t)root + 1;
		if (child >= n)
			return;
		if (child + 1 < n && less(s, first + (uint32_t)child, first + (uint32_t)child + 1))
			child++;
		if (!less(s, first + root, first + (uint32_t)child))
			return;
		swap(s, first + root, first + (uint32_t)child);
		root = (uint32_t)child;
	}
}

static void heap_sort(const struct sort *s, uint32_t a, uint32_t b)
{
	uint32_t n = b - a;

	for (uint32_t i = (n - 1) / 2 + 1; i-- > 0;)
		sift_down(s, i, n, a);
	for (uint32_t i = n; i-- > 0;) {
		swap(s, a, a + i);
		sift_down(s, 0, i, a);
	}
}

/* Whether that was enough. */
static bool repair(const struct sort *s, uint32_t a, uint32_t b)
{
	uint32_t i = a + 1;

	for (int repairs = 0; repairs < REPAIRS_MAX; repairs++) {
		while (i < b && !less(s, i, i - 1))
			i++;
		if (i == b)
			return true;
		if (b - a < REPAIR_MIN)
			return false;
		swap(s, i, i - 1);
		for (uint32_t j = i - 1; i - a >= 2 && j >= 1 && less(s, j, j - 1); j--)
			swap(s, j, j - 1);
		for (uint32_t j = i + 1; b - i >= 2 && j < b && less(s, j, j - 1); j++)
			swap(s, j, j - 1);
	}
	return false;
}

/* ---- pivots ---- */

static void order_two(const struct sort *s, uint32_t *a, uint32_t *b, int *swaps)
{
	if (!less(s, *b, *a))
		return;
	uint32_t t = *a;
	*a = *b;
	*b = t;
	++*swaps;
}

static uint32_t median(const struct sort *s, uint32_t a, uint32_t b, uint32_t c, int *swaps)
{
	order_two(s, &a, &b, swaps);
	order_two(s, &b, &c, swaps);
	order_two(s, &a, &b, swaps);
	return b;
}

/* swaps 0: it looks sorted; SWAPS_MAX: in falling order. */
static uint32_t choose_pivot(const struct sort *s, uint32_t a, uint32_t b, int *swaps)
{
	uint32_t n = b - a, i = a + n / 4, j = a + n / 4 * 2, k = a + n / 4 * 3;

	*swaps = 0;
	if (n >= NINTHER_MIN) {
		i = median(s, i - 1, i, i + 1, swaps);
		j = median(s, j - 1, j, j + 1, swaps);
		k = median(s, k - 1, k, k + 1, swaps);
	}
	return n >= 8 ? median(s, i, j, k, swaps) : j;
}

static void reverse(const struct sort *s, uint32_t a, uint32_t b)
{
	for (uint32_t i = a, j = b - 1; i < j; i++, j--)
		swap(s, i, j);
}

/* Scatters some elements, by dice (xorshift) that the length has thrown. */
static void break_patterns(const struct sort *s, uint32_t a, uint32_t b)
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
		swap(s, at + i, a + (uint32_t)other);
	}
}

/* ---- partitions ---- */

/* Lesser ones to the left of the pivot, whose place it returns; whether they were there already. */
static uint32_t partition(const struct sort *s, uint32_t a, uint32_t b, uint32_t pivot, bool *already)
{
	uint32_t i = a + 1, j = b - 1;

	swap(s, a, pivot);
	for (*already = true;; *already = false, i++, j--) {
		while (i <= j && less(s, i, a))
			i++;
		while (i <= j && !less(s, j, a))
			j--;
		if (i > j)
			break;
		swap(s, i, j);
	}
	swap(s, j, a);
	return j;
}

/* Equal ones to the left, greater ones to the right; none is less. */
static uint32_t partition_equal(const struct sort *s, uint32_t a, uint32_t b, uint32_t pivot)
{
	uint32_t i = a + 1, j = b - 1;

	swap(s, a, pivot);
	for (;; i++, j--) {
		while (i <= j && !less(s, a, i))
			i++;
		while (i <= j && less(s, a, j))
			j--;
		if (i > j)
			return i;
		swap(s, i, j);
	}
}

/* ---- all together ---- */

static void sort(const struct sort *s, uint32_t a, uint32_t b, int bad_choices)
{
	bool balanced = true, partitioned = true;

	for (;;) {
		uint32_t n = b - a;
		int swaps;
		if (n <= INSERTION_MAX) {
			insertion_sort(s, a, b);
			return;
		}
		if (bad_choices == 0) {
			heap_sort(s, a, b);
			return;
		}
		if (!balanced) {
			break_patterns(s, a, b);
			bad_choices--;
		}
		uint32_t pivot = choose_pivot(s, a, b, &swaps);
		if (swaps == SWAPS_MAX) {
			reverse(s, a, b);
			pivot = b - 1 - (pivot - a);
			swaps = 0;
		}
		if (balanced && partitioned && swaps == 0 && repair(s, a, b))
			return;
		if (a > 0 && !less(s, a - 1, pivot)) { /* many are the same */
			a = partition_equal(s, a, b, pivot);
			continue;
		}
		uint32_t middle = partition(s, a, b, pivot, &partitioned);
		if (middle - a < b - middle) {
			balanced = middle - a >= n / 8;
			sort(s, a, middle, bad_choices);
			a = middle + 1;
		} else {
			balanced = b - middle >= n / 8;
			sort(s, middle + 1, b, bad_choices);
			b = middle;
		}
	}
}

void pdq_sort(uint32_t n, bool (*is_less)(void *arg, uint32_t i, uint32_t j),
    void (*swap_two)(void *arg, uint32_t i, uint32_t j), void *arg)
{
	const struct sort s = { is_less, swap_two, arg };

	if (n > 1)
		sort(&s, 0, n, 32 - __builtin_clz(n));
}
