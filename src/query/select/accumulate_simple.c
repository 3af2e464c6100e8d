/* count, sum, mean, stddev, spread, min, max, first, last, integral. Of equal ones min and max take the earliest; at equal times first and
 * last take the larger value. stddev by Welford's method. */
#include <math.h>
#include <stdlib.h>

#include "base/buf.h"
#include "model/aggregate.h"
#include "model/sum.h"
#include "query/select/function_part.h"
#include "wire/lp_parse.h"

static double number(enum value_type t, uint64_t bits)
{
	return aggregate_number(t, bits);
}

/* ---- runs without a gap ---- */

static void add_sum(const struct function_call *c, struct simple *s, const uint64_t *bits, uint32_t n)
{
	if (c->in == VALUE_FLOAT) {
		struct sum sum = { s->sum, s->rest };
		sum_add_run(&sum, bits, n);
		s->sum = sum.value;
		s->rest = sum.rest;
	} else {
		uint64_t whole = 0;
		for (uint32_t i = 0; i < n; i++)
			whole += bits[i];
		s->whole += whole;
	}
	s->count += n;
}

static void add_deviation(const struct function_call *c, struct simple *s, const uint64_t *bits, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		double v = number(c->in, bits[i]), delta = v - s->sum;
		s->count++;
		s->sum += delta / (double)s->count;
		s->rest += delta * (v - s->sum);
	}
}

/* The area under the lines from point to point, which come by time; of points at one time the last goes on. */
static void add_area(
    const struct function_call *c, struct simple *s, const uint64_t *bits, const int64_t *times, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		double v = number(c->in, bits[i]);
		if (s->count++)
			s->sum += 0.5 * (v + s->previous) * (double)(times[i] - s->time_ns) / (double)c->unit_ns;
		s->previous = v;
		s->time_ns = times[i];
	}
}

/* Whether a is before b where the least (or the largest) is sought. */
static inline bool is_less(enum value_type t, uint64_t a, uint64_t b)
{
	double x, y;

	switch (t) {
	case VALUE_FLOAT:
		memcpy(&x, &a, sizeof x);
		memcpy(&y, &b, sizeof y);
		return x < y;
	case VALUE_INTEGER:
		return (int64_t)a < (int64_t)b;
	default:
		return a < b;
	}
}

/* The number of the least, or largest, the first of equal ones. */
static uint32_t find_end(enum value_type t, const uint64_t *bits, uint32_t n, bool largest)
{
	uint32_t best = 0;

	if (t == VALUE_FLOAT) { /* in a loop of its own, for the processor's sake */
		double at, v;
		memcpy(&at, &bits[0], sizeof at);
		for (uint32_t i = 1; i < n; i++) {
			memcpy(&v, &bits[i], sizeof v);
			if (largest ? v > at : v < at) {
				at = v;
				best = i;
			}
		}
		return best;
	}
	for (uint32_t i = 1; i < n; i++)
		if (largest ? is_less(t, bits[best], bits[i]) : is_less(t, bits[i], bits[best]))
			best = i;
	return best;
}

static void select_point(struct simple *s, uint64_t bits, int64_t t, uint32_t series)
{
	s->bits = bits;
	s->time_ns = t;
	s->series = series;
}

/* Offers one point. */
static void offer(
    const struct function_call *c, enum function_id id, struct simple *s, uint64_t bits, int64_t t, uint32_t series)
{
	enum value_type type = c->in;
	bool take = s->count == 0;

	if (!take && (id == FN_MIN || id == FN_MAX)) {
		bool better = id == FN_MIN ? is_less(type, bits, s->bits) : is_less(type, s->bits, bits);
		bool worse = id == FN_MIN ? is_less(type, s->bits, bits) : is_less(type, bits, s->bits);
		take = better || (!worse && t < s->time_ns);
	} else if (!take) {
		bool nearer = id == FN_FIRST ? t < s->time_ns : t > s->time_ns;
		take = nearer || (t == s->time_ns && !c->keeps_first && is_less(type, s->bits, bits));
	}
	if (take)
		select_point(s, bits, t, series);
}

static void add_spread(enum value_type t, struct simple *s, uint64_t least, uint64_t most)
{
	if (s->count == 0 || is_less(t, least, s->bits))
		s->bits = least;
	if (s->count == 0 || is_less(t, s->most, most))
		s->most = most;
}

static void add_dense(const struct function_call *c, enum function_id id, struct simple *s, const struct run *r,
    uint32_t from, uint32_t n)
{
	const uint64_t *bits = r->bits + from;
	const int64_t *times = r->times + from;
	uint32_t i;

	switch (id) {
	case FN_COUNT:
		break;
	case FN_SUM:
	case FN_MEAN:
		add_sum(c, s, bits, n);
		return;
	case FN_STDDEV:
		add_deviation(c, s, bits, n);
		return;
	case FN_INTEGRAL:
		add_area(c, s, bits, times, n);
		return;
	case FN_SPREAD:
		add_spread(c->in, s, bits[find_end(c->in, bits, n, false)], bits[find_end(c->in, bits, n, true)]);
		break;
	default:
		i = id == FN_FIRST ? 0 : id == FN_LAST ? n - 1 : find_end(c->in, bits, n, id == FN_MAX);
		offer(c, id, s, bits[i], times[i], r->series);
		break;
	}
	s->count += n;
}

void simple_add(const struct function_call *c, enum function_id id, struct simple *s, const struct run *r)
{
	if (!r->present) {
		add_dense(c, id, s, r, 0, r->n);
		return;
	}
	for (uint32_t i = 0; i < r->n;) {
		uint32_t from;
		while (i < r->n && !r->present[i])
			i++;
		from = i;
		while (i < r->n && r->present[i])
			i++;
		if (i > from)
			add_dense(c, id, s, r, from, i - from);
	}
}

/* ---- strings: count, first, last ---- */

static enum err keep_text(struct simple *s, struct view text, struct budget *b, struct errbuf *eb)
{
	enum err e = budget_take(b, text.len + 1, eb);

	if (e != ERR_OK)
		return e;
	char *copy = malloc(text.len + 1);
	if (!copy) {
		budget_give(b, text.len + 1);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	memcpy(copy, text.p, text.len);
	if (s->text)
		budget_give(b, (size_t)s->text_len + 1);
	free(s->text);
	s->text = copy;
	s->text_len = (uint32_t)text.len;
	return ERR_OK;
}

enum err simple_add_text(const struct function_call *c, enum function_id id, struct simple *s, const struct run *r,
    struct budget *b, struct errbuf *eb)
{
	enum err e = ERR_OK;

	for (uint32_t i = 0; e == ERR_OK && i < r->n; i++) {
		if (r->present && !r->present[i])
			continue;
		const struct rows_string *t = (const struct rows_string *)(uintptr_t)r->bits[i];
		struct buf plain;
		if (id != FN_COUNT) {
			bool nearer = id == FN_FIRST ? r->times[i] < s->time_ns : r->times[i] > s->time_ns;
			if (s->count && !nearer && (r->times[i] != s->time_ns || c->keeps_first)) {
				s->count++;
				continue;
			}
			buf_init(&plain, (size_t)t->len + 1);
			if (r->plain)
				buf_append(&plain, t->bytes, t->len);
			else
				lp_unescape_string((struct view){ t->bytes, t->len }, &plain);
			struct view text = { plain.p ? plain.p : "", plain.len };
			if (s->count == 0 || nearer || view_cmp((struct view){ s->text, s->text_len }, text) < 0) {
				e = keep_text(s, text, b, eb);
				s->time_ns = r->times[i];
				s->series = r->series;
			}
			buf_fini(&plain);
		}
		s->count++;
	}
	return e;
}

/* ---- rollups ---- */

static uint64_t bits_at(const struct rows_column *c, uint32_t i)
{
	return c ? c->bits[i] : 0;
}

static void add_bucket(const struct function_call *c, enum function_id id, struct simple *s, uint32_t series, int64_t t,
    const struct rows_column *const of[COLUMN_KINDS], uint32_t i)
{
	struct sum sum = { s->sum, s->rest };

	switch (id) {
	case FN_SUM:
	case FN_MEAN:
		if (c->in == VALUE_FLOAT) {
			sum_add(&sum, number(c->in, bits_at(of[COLUMN_SUM], i)));
			s->sum = sum.value;
			s->rest = sum.rest;
		} else {
			s->whole += bits_at(of[COLUMN_SUM], i);
		}
		break;
	case FN_SPREAD:
		add_spread(c->in, s, bits_at(of[COLUMN_MIN], i), bits_at(of[COLUMN_MAX], i));
		break;
	case FN_MIN:
		offer(c, id, s, bits_at(of[COLUMN_MIN], i), t, series);
		break;
	case FN_MAX:
		offer(c, id, s, bits_at(of[COLUMN_MAX], i), t, series);
		break;
	case FN_FIRST:
		offer(c, id, s, bits_at(of[COLUMN_FIRST], i), t + (int64_t)bits_at(of[COLUMN_FIRST_AT], i), series);
		break;
	case FN_LAST:
		offer(c, id, s, bits_at(of[COLUMN_LAST], i), t + (int64_t)bits_at(of[COLUMN_LAST_AT], i), series);
		break;
	default:
		break;
	}
	s->count += of[COLUMN_COUNT]->bits[i];
}

void simple_add_rollup(const struct function_call *c, enum function_id id, struct simple *s, uint32_t series,
    const int64_t *times, const struct rows_column *const by_kind[COLUMN_KINDS], uint32_t from, uint32_t to)
{
	const struct rows_column *counts = by_kind[COLUMN_COUNT];

	for (uint32_t i = from; counts && i < to; i++)
		if ((!counts->present || counts->present[i]) && counts->bits[i])
			add_bucket(c, id, s, series, times[i], by_kind, i);
}

/* ---- the end ---- */

static struct cell difference(enum value_type t, uint64_t most, uint64_t least)
{
	if (t == VALUE_FLOAT)
		return (struct cell){ .type = CELL_FLOAT, .f = number(t, most) - number(t, least) };
	return cell_from_bits(t, most - least);
}

bool simple_point(const struct function_call *c, enum function_id id, const struct simple *s, int64_t bucket_ns,
    struct function_point *out)
{
	const struct sum sum = { s->sum, s->rest };

	*out = (struct function_point){ .time_ns = bucket_ns, .series = UINT32_MAX };
	if (s->count == 0)
		return false;
	switch (id) {
	case FN_COUNT:
		out->value = (struct cell){ .type = CELL_INTEGER, .i = (int64_t)s->count };
		return true;
	case FN_SUM:
		out->value = c->in == VALUE_FLOAT ? (struct cell){ .type = CELL_FLOAT, .f = sum_value(&sum) }
						  : cell_from_bits(c->in, s->whole);
		return true;
	case FN_MEAN: /* whole numbers add up modulo 2^64, so that parts may wrap around where the whole does not */
		out->value = (struct cell){ .type = CELL_FLOAT,
			.f = (c->in == VALUE_FLOAT ? sum_value(&sum) : number(c->in, s->whole)) / (double)s->count };
		return true;
	case FN_STDDEV:
		if (s->count == 1) /* a point all the same, without a value */
			return true;
		out->value = (struct cell){ .type = CELL_FLOAT, .f = sqrt(s->rest / (double)(s->count - 1)) };
		return true;
	case FN_INTEGRAL:
		out->value = (struct cell){ .type = CELL_FLOAT, .f = s->sum };
		return true;
	case FN_SPREAD:
		out->value = difference(c->in, s->most, s->bits);
		return true;
	default:
		out->value = c->in == VALUE_STRING ? (struct cell){ .type = CELL_STRING, .s = { s->text, s->text_len } }
						   : cell_from_bits(c->in, s->bits);
		out->time_ns = s->time_ns;
		out->series = s->series;
		return true;
	}
}
