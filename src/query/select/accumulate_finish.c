/* What lists of values come to. */
#include <math.h>
#include <stdlib.h>

#include "query/budget_sort.h"
#include "query/select/function_part.h"

static struct cell cell_of(const struct function_call *c, uint64_t bits)
{
	if (c->in != VALUE_STRING)
		return cell_from_bits(c->in, bits);
	return (struct cell){ .type = CELL_STRING, .s = text_of(bits) };
}

static enum err take_points(struct list *l, uint32_t n, struct budget *b, struct errbuf *eb)
{
	size_t bytes = n * sizeof *l->points;
	enum err e = budget_take(b, bytes, eb);

	if (e != ERR_OK)
		return e;
	l->points = malloc(bytes);
	if (!l->points) {
		budget_give(b, bytes);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	l->point_bytes = bytes;
	return ERR_OK;
}

/* ---- several ---- */

struct order {
	const struct list *list;
	enum value_type type;
	bool by_falling_value;
};

/* By time; at one time the better first. */
static int by_time(const void *a, const void *b, void *arg)
{
	const struct order *o = arg;
	const struct list *l = o->list;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int c = (l->times[x] > l->times[y]) - (l->times[x] < l->times[y]);

	if (c == 0)
		c = value_compare(o->type, l->bits[x], l->bits[y]) * (o->by_falling_value ? -1 : 1);
	return c ? c : (x > y) - (x < y);
}

/* top, bottom, sample: with their own times; distinct: at the bucket's. */
static enum err several(const struct function_call *c, enum function_id id, struct list *l, int64_t bucket_ns,
    struct budget *b, struct errbuf *eb)
{
	struct order o = { l, c->in, id == FN_TOP };
	size_t bytes = l->count * sizeof(uint32_t);
	enum err e = take_points(l, l->count, b, eb);

	if (e == ERR_OK)
		e = budget_take(b, bytes, eb);
	if (e != ERR_OK)
		return e;
	uint32_t *order = malloc(bytes);
	if (!order) {
		budget_give(b, bytes);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	for (uint32_t i = 0; i < l->count; i++)
		order[i] = i;
	e = budget_sort_r(b, order, l->count, sizeof *order, by_time, &o, eb);
	for (uint32_t i = 0; e == ERR_OK && i < l->count; i++) {
		uint32_t at = order[i];
		l->points[i] = id == FN_DISTINCT
		    ? (struct function_point){ bucket_ns, cell_of(c, l->bits[at]), UINT32_MAX }
		    : (struct function_point){ l->times[at], cell_of(c, l->bits[at]), list_series_of(l, at) };
	}
	free(order);
	budget_give(b, bytes);
	return e;
}

/* ---- one ---- */

/* The nearest rank, as InfluxDB counts it. */
static bool rank_of(const struct function_call *c, const struct list *l, uint32_t *rank)
{
	double r = floor((double)l->count * c->rank / 100 + 0.5) - 1;

	if (!(r >= 0) || r >= (double)l->count)
		return false;
	*rank = (uint32_t)r;
	return true;
}

static enum err one(const struct function_call *c, enum function_id id, struct list *l, int64_t bucket_ns,
    struct budget *b, struct errbuf *eb)
{
	uint32_t at = 0;
	enum err e = take_points(l, 1, b, eb);

	if (e != ERR_OK)
		return e;
	*l->points = (struct function_point){ .time_ns = bucket_ns, .series = UINT32_MAX };
	if (id == FN_MEDIAN)
		return rank_median(c, l, &l->points->value, b, eb);
	if (id == FN_MODE) {
		e = rank_mode(c, l, &at, b, eb);
	} else {
		(void)rank_of(c, l, &at);
		e = rank_find(c, l, at, &at, b, eb);
		l->points->time_ns = l->times[at];
		l->points->series = list_series_of(l, at);
	}
	l->points->value = cell_of(c, l->bits[at]);
	return e;
}

enum err list_finish(const struct function_call *c, enum function_id id, struct list *l, int64_t bucket_ns,
    uint32_t *count, struct budget *b, struct errbuf *eb)
{
	uint32_t rank;
	enum err e = ERR_OK;

	*count = 0;
	if (id == FN_PERCENTILE && !rank_of(c, l, &rank))
		return ERR_OK;
	e = blocks_join(id, l, b, eb);
	if (e != ERR_OK)
		return e;
	if (id == FN_PERCENTILE || id == FN_MEDIAN || id == FN_MODE) {
		e = one(c, id, l, bucket_ns, b, eb);
		*count = e == ERR_OK;
		return e;
	}
	if (id != FN_SAMPLE)
		e = list_thin(c, id, l, b, eb);
	if (e == ERR_OK)
		e = several(c, id, l, bucket_ns, b, eb);
	*count = e == ERR_OK ? l->count : 0;
	return e;
}
