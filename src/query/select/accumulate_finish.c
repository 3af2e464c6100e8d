/* What lists of values come to. */
#include <math.h>
#include <stdlib.h>

#include "model/aggregate.h"
#include "query/select/function_part.h"

static struct cell cell_of(const struct function_call *c, uint64_t bits)
{
	if (c->in != VALUE_STRING)
		return cell_from_bits(c->in, bits);
	const struct rows_string *s = (const struct rows_string *)(uintptr_t)bits;
	return (struct cell){ .type = CELL_STRING, .s = { s->bytes, s->len } };
}

/* ---- the k-th smallest ---- */

static void swap(uint64_t *a, uint64_t *b)
{
	uint64_t t = *a;

	*a = *b;
	*b = t;
}

/* Hoare's selection with a pivot of three, or of a fixed scramble where that does badly: keys[k] is then the k-th smallest,
 * from 0, what is before it is not larger. */
static uint64_t nth(uint64_t *keys, uint32_t n, uint32_t k)
{
	uint32_t low = 0, high = n - 1;
	uint64_t scramble = n;

	for (unsigned round = 0; low < high; round++) {
		uint32_t middle = low + (high - low) / 2;
		if (round > 16) {
			scramble = scramble * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			middle = low + (uint32_t)((scramble >> 33) % (high - low + 1));
		}
		if (keys[middle] < keys[low])
			swap(&keys[middle], &keys[low]);
		if (keys[high] < keys[low])
			swap(&keys[high], &keys[low]);
		if (keys[high] < keys[middle])
			swap(&keys[high], &keys[middle]);
		uint64_t pivot = keys[middle];
		uint32_t i = low, j = high;
		while (i <= j) {
			while (keys[i] < pivot)
				i++;
			while (keys[j] > pivot)
				j--;
			if (i > j)
				break;
			swap(&keys[i], &keys[j]);
			i++;
			if (j == 0)
				break;
			j--;
		}
		if (k <= j && j < high)
			high = j;
		else if (k >= i)
			low = i;
		else
			break; /* between the two: equal to the pivot */
	}
	return keys[k];
}

static uint64_t *make_keys(const struct function_call *c, const struct list *l)
{
	uint64_t *keys = malloc(l->count * sizeof *keys);

	for (uint32_t i = 0; keys && i < l->count; i++)
		keys[i] = value_key(c->in, l->bits[i]);
	return keys;
}

static double number_of_key(enum value_type t, uint64_t key)
{
	const uint64_t sign = UINT64_C(1) << 63;
	uint64_t bits = t == VALUE_INTEGER ? key ^ sign : t == VALUE_FLOAT ? (key & sign ? key ^ sign : ~key) : key;

	return aggregate_number(t, bits);
}

static enum err no_memory(struct errbuf *eb)
{
	return errbuf_set(eb, ERR_NOMEM, "out of memory");
}

/* ---- each function ---- */

/* The nearest rank, as InfluxDB counts it; of equal values the earliest. */
static enum err percentile(
    const struct function_call *c, const struct list *l, struct function_point *out, uint32_t *count, struct errbuf *eb)
{
	double rank = floor((double)l->count * c->rank / 100 + 0.5) - 1;

	if (!(rank >= 0) || rank >= (double)l->count)
		return ERR_OK;
	uint64_t *keys = make_keys(c, l);
	if (!keys)
		return no_memory(eb);
	uint64_t key = nth(keys, l->count, (uint32_t)rank);
	free(keys);
	uint32_t best = UINT32_MAX;
	for (uint32_t i = 0; i < l->count; i++)
		if (value_key(c->in, l->bits[i]) == key && (best == UINT32_MAX || l->times[i] < l->times[best]))
			best = i;
	*out = (struct function_point){ l->times[best], cell_of(c, l->bits[best]), list_series_of(l, best) };
	*count = 1;
	return ERR_OK;
}

static enum err median(const struct function_call *c, const struct list *l, struct cell *out, struct errbuf *eb)
{
	uint64_t *keys = make_keys(c, l);
	uint32_t half = l->count / 2;

	if (!keys)
		return no_memory(eb);
	double high = number_of_key(c->in, nth(keys, l->count, half)), v = high;
	if (l->count % 2 == 0) {
		uint64_t below = 0;
		for (uint32_t i = 0; i < half; i++)
			below = keys[i] > below ? keys[i] : below;
		double low = number_of_key(c->in, below);
		v = low + (high - low) / 2;
	}
	free(keys);
	*out = (struct cell){ .type = CELL_FLOAT, .f = v };
	return ERR_OK;
}

struct counted {
	uint64_t bits;
	int64_t time_ns;
};

static int compare(enum value_type t, uint64_t a, uint64_t b)
{
	if (t == VALUE_STRING) {
		const struct rows_string *x = (const struct rows_string *)(uintptr_t)a,
					 *y = (const struct rows_string *)(uintptr_t)b;
		return view_cmp((struct view){ x->bytes, x->len }, (struct view){ y->bytes, y->len });
	}
	uint64_t x = value_key(t, a), y = value_key(t, b);
	return (x > y) - (x < y);
}

static int by_value_then_time(const void *a, const void *b, void *arg)
{
	const struct counted *x = a, *y = b;
	int c = compare(*(const enum value_type *)arg, x->bits, y->bits);

	return c ? c : (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

/* The most frequent, as InfluxDB finds it: a value's run in order beats the best so far when it is longer, or as long and began
 * before the best one's end. So a value that is there once is chosen only if it is the least. */
static enum err mode(const struct function_call *c, const struct list *l, struct cell *out, struct errbuf *eb)
{
	struct counted *all = malloc(l->count * sizeof *all);
	enum value_type type = c->in;
	uint32_t best = 0, most = 1, begin = 0, n = 1;

	if (!all)
		return no_memory(eb);
	for (uint32_t i = 0; i < l->count; i++)
		all[i] = (struct counted){ l->bits[i], l->times[i] };
	qsort_r(all, l->count, sizeof *all, by_value_then_time, &type);
	for (uint32_t i = 1; i < l->count; i++) {
		if (compare(type, all[i].bits, all[i - 1].bits) != 0) {
			begin = i;
			n = 1;
			continue;
		}
		n++;
		if (n > most || (n == most && all[begin].time_ns <= all[best].time_ns)) {
			most = n;
			best = i;
		}
	}
	*out = cell_of(c, all[best].bits);
	free(all);
	return ERR_OK;
}

static int by_value(const struct function_point *x, const struct function_point *y)
{
	switch (x->value.type) {
	case CELL_FLOAT:
		return (x->value.f > y->value.f) - (x->value.f < y->value.f);
	case CELL_INTEGER:
		return (x->value.i > y->value.i) - (x->value.i < y->value.i);
	case CELL_STRING:
		return view_cmp(x->value.s, y->value.s);
	default:
		return (x->value.u > y->value.u) - (x->value.u < y->value.u);
	}
}

static int by_time_then_value(const void *a, const void *b)
{
	const struct function_point *x = a, *y = b;
	int c = (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);

	return c ? c : by_value(x, y);
}

static int by_time_then_falling_value(const void *a, const void *b)
{
	const struct function_point *x = a, *y = b;
	int c = (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);

	return c ? c : by_value(y, x);
}

/* top, bottom, sample: with their own times; distinct: at the bucket's. */
static uint32_t several(const struct function_call *c, enum function_id id, const struct list *l, int64_t bucket_ns,
    struct function_point *out)
{
	for (uint32_t i = 0; i < l->count; i++)
		out[i] = (struct function_point){ l->times[i], cell_of(c, l->bits[i]), list_series_of(l, i) };
	if (l->count)
		qsort(out, l->count, sizeof *out, id == FN_TOP ? by_time_then_falling_value : by_time_then_value);
	for (uint32_t i = 0; id == FN_DISTINCT && i < l->count; i++) {
		out[i].time_ns = bucket_ns;
		out[i].series = UINT32_MAX;
	}
	return l->count;
}

enum err list_points(const struct function_call *c, enum function_id id, struct list *l, int64_t bucket_ns,
    struct function_point **out, uint32_t *count, struct errbuf *eb)
{
	bool one = id == FN_PERCENTILE || id == FN_MEDIAN || id == FN_MODE;

	*count = 0;
	if (l->count == 0)
		return ERR_OK;
	*out = calloc(one ? 1 : l->count, sizeof **out);
	if (!*out)
		return no_memory(eb);
	**out = (struct function_point){ .time_ns = bucket_ns, .series = UINT32_MAX };
	enum err e = ERR_OK;
	if (id == FN_PERCENTILE) {
		e = percentile(c, l, *out, count, eb);
	} else if (one) {
		e = id == FN_MEDIAN ? median(c, l, &(*out)->value, eb) : mode(c, l, &(*out)->value, eb);
		*count = e == ERR_OK;
	} else {
		*count = several(c, id, l, bucket_ns, *out);
	}
	return e;
}
