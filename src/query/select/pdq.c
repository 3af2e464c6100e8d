#include "query/select/pdq.h"

enum {
	INSERTION_MAX = 12, /* up to so many are sorted by insertion */
	NINTHER_MIN = 50, /* from so many on a pivot is the median of medians */
	SWAPS_MAX = 12, /* as many as choosing a pivot can take */
	REPAIRS_MAX = 5, /* pairs out of order in what is nearly sorted */
	REPAIR_MIN = 50,
	STRETCH = 64 /* of keys, looked at at a time */
};

struct sort {
	uint64_t *keys;
	uint32_t *order;
};

static bool less(const struct sort *s, uint32_t i, uint32_t j)
{
	return s->keys[i] < s->keys[j];
}

static void swap(const struct sort *s, uint32_t i, uint32_t j)
{
	uint64_t key = s->keys[i];
	uint32_t from = s->order[i];

	s->keys[i] = s->keys[j];
	s->order[i] = s->order[j];
	s->keys[j] = key;
	s->order[j] = from;
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

/* ---- partitions ----
 *
 * Go looks for a pair to swap from both ends until the two meet. Here the lesser ones are counted first, so that it is known where
 * they meet; then the n-th that is too great on the left is swapped with the n-th that is too small on the right, counted
 * from the ends: the same pairs, found without a branch for each key. */

struct misplaced { /* in a stretch of keys, by distance from its outer end */
	uint8_t at[STRETCH + 1]; /* the last is written past */
	uint32_t n, done;
};

/* Swaps what is not below bound in [a, middle) with what is in [middle, b), of which there is as much. Whether there was any. */
static bool exchange(const struct sort *s, uint32_t a, uint32_t middle, uint32_t b, uint64_t bound)
{
	struct misplaced l = { .n = 0 }, r = { .n = 0 };
	uint32_t left = a, right = b; /* what has been looked at: up to left, and from right on */
	uint32_t l_from = a, r_from = b - 1;
	bool any = false;

	for (;;) {
		if (l.done == l.n) {
			uint32_t n = middle - left < STRETCH ? middle - left : STRETCH;
			l.n = l.done = 0;
			l_from = left;
			for (uint32_t i = 0; i < n; i++) {
				l.at[l.n] = (uint8_t)i;
				l.n += s->keys[left + i] >= bound;
			}
			left += n;
		}
		if (r.done == r.n) {
			uint32_t n = right - middle < STRETCH ? right - middle : STRETCH;
			r.n = r.done = 0;
			r_from = right - 1;
			for (uint32_t i = 0; i < n; i++) {
				r.at[r.n] = (uint8_t)i;
				r.n += s->keys[r_from - i] < bound;
			}
			right -= n;
		}
		while (l.done < l.n && r.done < r.n) {
			swap(s, l_from + l.at[l.done++], r_from - r.at[r.done++]);
			any = true;
		}
		if ((l.done == l.n && left == middle) || (r.done == r.n && right == middle))
			return any;
	}
}

static uint32_t count_below(const struct sort *s, uint32_t a, uint32_t b, uint64_t bound)
{
	uint32_t n = 0;

	for (uint32_t i = a; i < b; i++)
		n += s->keys[i] < bound;
	return n;
}

/* Lesser ones to the left of the pivot, whose place it returns; whether they were there already. */
static uint32_t partition(const struct sort *s, uint32_t a, uint32_t b, uint32_t pivot, bool *already)
{
	swap(s, a, pivot);
	const uint64_t bound = s->keys[a];
	const uint32_t middle = a + count_below(s, a + 1, b, bound);
	*already = !exchange(s, a + 1, middle + 1, b, bound);
	swap(s, middle, a);
	return middle;
}

/* Equal ones to the left, greater ones to the right; none is less. */
static uint32_t partition_equal(const struct sort *s, uint32_t a, uint32_t b, uint32_t pivot)
{
	swap(s, a, pivot);
	if (s->keys[a] == UINT64_MAX)
		return b;
	const uint64_t bound = s->keys[a] + 1;
	const uint32_t middle = a + 1 + count_below(s, a + 1, b, bound);
	(void)exchange(s, a + 1, middle, b, bound);
	return middle;
}

/* ---- all together ---- */

/* A part to be sorted, and how: [a, b) is in its place, so that whatever happens in it stays in it. */
struct part {
	uint32_t a, b;
	int bad_choices;
	bool balanced, partitioned;
};

/* Divides it by a pivot: what is smaller is the other part, which may be empty, and p the rest. False: it is sorted. */
static bool divide(const struct sort *s, struct part *p, struct part *other)
{
	const uint32_t a = p->a, b = p->b, n = b - a;
	int swaps;

	other->a = other->b = 0;
	if (n <= INSERTION_MAX) {
		insertion_sort(s, a, b);
		return false;
	}
	if (p->bad_choices == 0) {
		heap_sort(s, a, b);
		return false;
	}
	if (!p->balanced) {
		break_patterns(s, a, b);
		p->bad_choices--;
	}
	uint32_t pivot = choose_pivot(s, a, b, &swaps);
	if (swaps == SWAPS_MAX) {
		reverse(s, a, b);
		pivot = b - 1 - (pivot - a);
		swaps = 0;
	}
	if (p->balanced && p->partitioned && swaps == 0 && repair(s, a, b))
		return false;
	if (a > 0 && !less(s, a - 1, pivot)) { /* many are the same */
		p->a = partition_equal(s, a, b, pivot);
		return true;
	}
	const uint32_t middle = partition(s, a, b, pivot, &p->partitioned);
	const struct part left = { a, middle, p->bad_choices, true, true },
			  right = { middle + 1, b, p->bad_choices, true, true };
	*other = middle - a < b - middle ? left : right;
	p->balanced = (middle - a < b - middle ? middle - a : b - middle) >= n / 8;
	if (middle - a < b - middle)
		p->a = middle + 1;
	else
		p->b = middle;
	return true;
}

static void sort(const struct sort *s, struct part p)
{
	struct part other;

	while (divide(s, &p, &other))
		if (other.a < other.b)
			sort(s, other);
}

static struct part all(uint32_t n)
{
	return (struct part){ 0, n, 32 - __builtin_clz(n), true, true };
}

void pdq_sort(uint64_t *keys, uint32_t *order, uint32_t n)
{
	const struct sort s = { keys, order };

	if (n > 1)
		sort(&s, all(n));
}

void pdq_select(uint64_t *keys, uint32_t *order, uint32_t n, uint32_t place)
{
	const struct sort s = { keys, order };
	struct part p, other;

	if (n < 2)
		return;
	for (p = all(n); place >= p.a && place < p.b && divide(&s, &p, &other);)
		if (place >= other.a && place < other.b)
			p = other;
}
