/* percentile, median, mode: values by their order, which is not made if it can be helped.
 *
 * A rank is found by counting the keys' upper bits, which tells the slot it lies in; the keys of that slot are few. Where the
 * point is asked for, not its value alone, and several have the value, which of them InfluxDB gives is up to its unstable
 * sort: then that is gone through (select/pdq), as far as the rank needs it, over the points as InfluxDB has them, by time. */
#include <stdlib.h>

#include "model/aggregate.h"
#include "query/budget_sort.h"
#include "query/select/function_part.h"
#include "query/select/pdq.h"

enum { SLOT_BITS = 11, SLOTS = 1 << SLOT_BITS, FEW = 64 };
enum { PASSES = 8 }; /* over the list, to find a rank or to sort by keys */

static const uint64_t sign = UINT64_C(1) << 63;

/* ---- memory ---- */

static void *take(size_t bytes, struct budget *b, struct errbuf *eb, enum err *e)
{
	*e = budget_take(b, bytes, eb);
	if (*e != ERR_OK)
		return NULL;
	void *p = malloc(bytes);
	if (!p) {
		budget_give(b, bytes);
		*e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	return p;
}

static void give(void *p, size_t bytes, struct budget *b)
{
	free(p);
	budget_give(b, bytes);
}

/* ---- the k-th smallest key ---- */

static int by_key(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* keys: in any order, and afterwards in another. */
static uint64_t kth(uint64_t *keys, uint32_t n, uint32_t k)
{
	uint32_t counts[SLOTS];

	while (n > FEW) {
		uint64_t least = keys[0], most = keys[0], slot = 0;
		for (uint32_t i = 1; i < n; i++) {
			least = keys[i] < least ? keys[i] : least;
			most = keys[i] > most ? keys[i] : most;
		}
		unsigned bits = most == least ? 0 : 64 - (unsigned)__builtin_clzll(most - least);
		unsigned shift = bits > SLOT_BITS ? bits - SLOT_BITS : 0;
		memset(counts, 0, sizeof counts);
		for (uint32_t i = 0; i < n; i++)
			counts[(keys[i] - least) >> shift]++;
		for (; counts[slot] <= k; slot++)
			k -= counts[slot];
		if (shift == 0)
			return least + slot;
		uint32_t kept = 0;
		for (uint32_t i = 0; i < n; i++)
			if ((keys[i] - least) >> shift == slot)
				keys[kept++] = keys[i];
		n = kept;
	}
	qsort(keys, n, sizeof *keys, by_key);
	return keys[k];
}

static void make_keys(const struct function_call *c, const struct list *l, uint64_t *keys)
{
	for (uint32_t i = 0; i < l->count; i++)
		keys[i] = value_key(c->in, l->bits[i]);
}

static uint64_t bits_of_key(enum value_type t, uint64_t key)
{
	return t == VALUE_INTEGER ? key ^ sign : t == VALUE_FLOAT ? (key & sign ? key ^ sign : ~key) : key;
}

/* ---- as InfluxDB has them ---- */

struct times {
	const int64_t *of;
	bool falling;
};

static int by_time(const void *a, const void *b, void *arg)
{
	const struct times *t = arg;
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	const int64_t u = t->of[t->falling ? y : x], v = t->of[t->falling ? x : y];

	return u != v ? (u > v) - (u < v) : (x > y) - (x < y);
}

static bool rises(const int64_t *times, uint32_t n)
{
	bool ok = true;

	for (uint32_t i = 1; i < n; i++)
		ok &= times[i - 1] <= times[i];
	return ok;
}

static bool falls(const int64_t *times, uint32_t n)
{
	bool ok = true;

	for (uint32_t i = 1; i < n; i++)
		ok &= times[i - 1] >= times[i];
	return ok;
}

static enum err order_by_time(
    const struct function_call *c, const struct list *l, uint32_t *order, struct budget *b, struct errbuf *eb)
{
	struct times t = { l->times, c->descending };

	for (uint32_t i = 0; i < l->count; i++)
		order[i] = i;
	if ((t.falling ? falls : rises)(l->times, l->count))
		return ERR_OK;
	return budget_sort_r(b, order, l->count, sizeof *order, by_time, &t, eb);
}

/* ---- percentile, median ---- */

static uint32_t find_key(const struct function_call *c, const struct list *l, uint64_t key)
{
	uint32_t at = 0;

	while (value_key(c->in, l->bits[at]) != key)
		at++;
	return at;
}

enum err rank_find(const struct function_call *c, const struct list *l, uint32_t rank, uint32_t *at, struct budget *b,
    struct errbuf *eb)
{
	const size_t bytes = l->count * (sizeof(uint64_t) + sizeof(uint32_t));
	enum err e;
	uint64_t *keys = take(bytes, b, eb, &e);

	if (!keys)
		return e;
	if (c->value_only) {
		make_keys(c, l, keys);
		*at = find_key(c, l, kth(keys, l->count, rank));
	} else {
		uint32_t *order = (uint32_t *)(keys + l->count);
		e = order_by_time(c, l, order, b, eb);
		for (uint32_t i = 0; i < l->count; i++)
			keys[i] = value_key(c->in, l->bits[order[i]]);
		if (e == ERR_OK)
			pdq_select(keys, order, l->count, rank);
		*at = order[rank];
	}
	give(keys, bytes, b);
	return e == ERR_OK ? budget_work(b, (uint64_t)l->count * PASSES, eb) : e;
}

/* The middle, or what lies between the two. Integers are subtracted as InfluxDB does it, modulo 2^64. */
enum err rank_median(
    const struct function_call *c, const struct list *l, struct cell *out, struct budget *b, struct errbuf *eb)
{
	size_t bytes = l->count * sizeof(uint64_t);
	uint32_t half = l->count / 2;
	enum err e;
	uint64_t *keys = take(bytes, b, eb, &e);

	if (!keys)
		return e;
	make_keys(c, l, keys);
	uint64_t high = bits_of_key(c->in, kth(keys, l->count, half));
	double v = aggregate_number(c->in, high);
	if (l->count % 2 == 0) {
		make_keys(c, l, keys);
		uint64_t low = bits_of_key(c->in, kth(keys, l->count, half - 1));
		double from = aggregate_number(c->in, low);
		v = from + (c->in == VALUE_FLOAT ? v - from : aggregate_number(c->in, high - low)) / 2;
	}
	give(keys, bytes, b);
	*out = (struct cell){ .type = CELL_FLOAT, .f = v };
	return budget_work(b, (uint64_t)l->count * PASSES, eb);
}

/* ---- mode ---- */

struct ranked {
	uint64_t bits;
	int64_t time_ns;
	uint32_t at; /* in the list */
};

static int by_value(const void *a, const void *b, void *arg)
{
	const struct ranked *x = a, *y = b;

	return value_compare(*(const enum value_type *)arg, x->bits, y->bits);
}

/* The most frequent of sorted ones, as InfluxDB finds it: a value beats the best so far when it is there more often, or as often
 * and its first point is not after the best one's last. What is there once is only chosen if it is the least. */
static uint32_t most_frequent(enum value_type type, const struct ranked *of, uint32_t count, bool *tie)
{
	uint32_t best = 0, most = 1, begin = 0, n = 1;

	for (uint32_t i = 1; i < count; i++) {
		if (value_compare(type, of[i].bits, of[i - 1].bits) != 0) {
			begin = i;
			n = 1;
			continue;
		}
		n++;
		if (n > most || (n == most && of[begin].time_ns <= of[best].time_ns)) {
			*tie = n == most;
			most = n;
			best = i;
		} else if (n == most) {
			*tie = true;
		}
	}
	return of[best].at;
}

/* Of as many of each it is true. */
static uint32_t more_often(const struct list *l)
{
	uint32_t of[2] = { 0 }, last[2] = { 0 };

	for (uint32_t i = 0; i < l->count; i++) {
		of[l->bits[i] != 0]++;
		last[l->bits[i] != 0] = i;
	}
	return last[of[1] >= of[0]];
}

/* of: by value already. Texts have no keys; the number of the value among them all is one. */
static enum err sort_as_influxdb(const struct function_call *c, const struct list *l, struct ranked *of, uint64_t *keys,
    struct budget *b, struct errbuf *eb)
{
	const uint32_t n = l->count;
	uint32_t *order = (uint32_t *)(keys + n), *number = order + n, last = 0;

	for (uint32_t i = 0; i < n; i++) {
		last += i && value_compare(c->in, of[i - 1].bits, of[i].bits) != 0;
		number[of[i].at] = last;
	}
	enum err e = order_by_time(c, l, order, b, eb);
	if (e != ERR_OK)
		return e;
	for (uint32_t i = 0; i < n; i++)
		keys[i] = number[order[i]];
	pdq_sort(keys, order, n);
	for (uint32_t i = 0; i < n; i++)
		of[i] = (struct ranked){ l->bits[order[i]], l->times[order[i]], order[i] };
	return budget_work(b, (uint64_t)n * PASSES, eb);
}

enum err rank_mode(
    const struct function_call *c, const struct list *l, uint32_t *at, struct budget *b, struct errbuf *eb)
{
	const size_t bytes = l->count * (sizeof(struct ranked) + sizeof(uint64_t) + 2 * sizeof(uint32_t));
	enum value_type type = c->in;
	bool tie = false;
	enum err e;

	if (type == VALUE_BOOLEAN) {
		*at = more_often(l);
		return ERR_OK;
	}
	struct ranked *of = take(bytes, b, eb, &e);
	if (!of)
		return e;
	for (uint32_t i = 0; i < l->count; i++)
		of[i] = (struct ranked){ l->bits[i], l->times[i], i };
	e = budget_sort_r(b, of, l->count, sizeof *of, by_value, &type, eb);
	if (e == ERR_OK)
		*at = most_frequent(type, of, l->count, &tie);
	if (tie) {
		e = sort_as_influxdb(c, l, of, (uint64_t *)(of + l->count), b, eb);
		*at = most_frequent(type, of, l->count, &tie);
	}
	give(of, bytes, b);
	return e;
}
