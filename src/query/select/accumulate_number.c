/* count, sum, mean, stddev, spread, integral. Sums of floats by model/sum, so that those over rollups equal those over raw
 * rows; of integers modulo 2^64; stddev by Welford's method. */
#include <math.h>

#include "model/aggregate.h"
#include "model/sum.h"
#include "query/select/function_part.h"

static void add_sum(const struct function_call *c, struct simple *s, const uint64_t *bits, uint32_t n)
{
	if (c->in == VALUE_FLOAT) {
		struct sum sum = { s->sum, s->rest };
		sum_add_run(&sum, bits, n);
		s->sum = sum.value;
		s->rest = sum.rest;
		return;
	}
	uint64_t whole = 0;
	for (uint32_t i = 0; i < n; i++)
		whole += bits[i];
	s->whole += whole;
}

static void add_deviation(const struct function_call *c, struct simple *s, const uint64_t *bits, uint32_t n)
{
	double count = (double)s->count;

	for (uint32_t i = 0; i < n; i++) {
		double v = aggregate_number(c->in, bits[i]), delta = v - s->sum;
		count += 1;
		s->sum += delta / count;
		s->rest += delta * (v - s->sum);
	}
}

static double strip(const struct function_call *c, int64_t from_ns, double from, int64_t to_ns, double to)
{
	return 0.5 * (to + from) * ((double)(to_ns - from_ns) / (double)c->unit_ns);
}

/* The area under the lines from point to point. Of points at one time the first to come ends a line, the last begins the
 * next. Points come by time, or falling: then run by run, each of them rising. */
static void add_area(
    const struct function_call *c, struct simple *s, const uint64_t *bits, const int64_t *times, uint32_t n)
{
	bool has = s->count > 0;

	for (uint32_t k = 0; k < n; k++) {
		uint32_t i = c->descending ? n - 1 - k : k;
		double v = aggregate_number(c->in, bits[i]);
		int64_t t = times[i];
		if (!has) {
			s->first_ns = s->time_ns = t;
			s->first = s->last = v;
		} else if (c->descending) {
			s->area += strip(c, s->first_ns, s->first, t, v);
			s->first_ns = t;
			s->first = v;
		} else {
			s->area += strip(c, s->time_ns, s->last, t, v);
			s->time_ns = t;
			s->last = v;
		}
		has = true;
	}
}

/* ---- spread ---- */

/* An order of integers for all that is no float. */
static inline uint64_t turn_of(enum value_type t)
{
	return t == VALUE_INTEGER ? 0 : UINT64_C(1) << 63;
}

static void find_ends(enum value_type t, const uint64_t *bits, uint32_t n, uint64_t *least, uint64_t *most)
{
	if (t == VALUE_FLOAT) {
		double min = value_float(bits[0]), max = min;
		for (uint32_t i = 1; i < n; i++) {
			double v = value_float(bits[i]);
			min = v < min ? v : min;
			max = v > max ? v : max;
		}
		memcpy(least, &min, sizeof min);
		memcpy(most, &max, sizeof max);
		return;
	}
	const uint64_t turn = turn_of(t);
	int64_t min = INT64_MAX, max = INT64_MIN;
	for (uint32_t i = 0; i < n; i++) {
		int64_t v = (int64_t)(bits[i] ^ turn);
		min = v < min ? v : min;
		max = v > max ? v : max;
	}
	*least = (uint64_t)min ^ turn;
	*most = (uint64_t)max ^ turn;
}

static bool is_less(enum value_type t, uint64_t a, uint64_t b)
{
	if (t == VALUE_FLOAT)
		return value_float(a) < value_float(b);
	return (int64_t)(a ^ turn_of(t)) < (int64_t)(b ^ turn_of(t));
}

static void add_spread(enum value_type t, struct simple *s, uint64_t least, uint64_t most)
{
	if (s->count == 0 || is_less(t, least, s->bits))
		s->bits = least;
	if (s->count == 0 || is_less(t, s->most, most))
		s->most = most;
}

/* ---- any ---- */

void number_add(const struct function_call *c, enum function_id id, struct simple *s, const uint64_t *bits,
    const int64_t *times, uint32_t n)
{
	uint64_t least, most;

	switch (id) {
	case FN_SUM:
	case FN_MEAN:
		add_sum(c, s, bits, n);
		break;
	case FN_STDDEV:
		add_deviation(c, s, bits, n);
		break;
	case FN_INTEGRAL:
		add_area(c, s, bits, times, n);
		break;
	case FN_SPREAD:
		find_ends(c->in, bits, n, &least, &most);
		add_spread(c->in, s, least, most);
		break;
	default:
		break;
	}
	s->count += n;
}

void number_add_rollup(const struct function_call *c, enum function_id id, struct simple *s,
    const struct rows_column *const of[COLUMN_KINDS], uint32_t row)
{
	struct sum sum = { s->sum, s->rest };

	if (id == FN_SPREAD) {
		add_spread(c->in, s, of[COLUMN_MIN]->bits[row], of[COLUMN_MAX]->bits[row]);
	} else if (id != FN_COUNT && c->in == VALUE_FLOAT) {
		sum_add(&sum, value_float(of[COLUMN_SUM]->bits[row]));
		s->sum = sum.value;
		s->rest = sum.rest;
	} else if (id != FN_COUNT) {
		s->whole += of[COLUMN_SUM]->bits[row];
	}
}

static struct cell of_float(double f)
{
	return (struct cell){ .type = CELL_FLOAT, .f = f };
}

struct cell number_value(const struct function_call *c, enum function_id id, const struct simple *s)
{
	const struct sum sum = { s->sum, s->rest };

	switch (id) {
	case FN_COUNT:
		return (struct cell){ .type = CELL_INTEGER, .i = (int64_t)s->count };
	case FN_SUM:
		return c->in == VALUE_FLOAT ? of_float(sum_value(&sum)) : cell_from_bits(c->in, s->whole);
	case FN_MEAN: /* whole numbers add up modulo 2^64, so that parts may wrap around where the whole does not */
		return of_float(
		    (c->in == VALUE_FLOAT ? sum_value(&sum) : aggregate_number(c->in, s->whole)) / (double)s->count);
	case FN_STDDEV: /* of one value: NAN */
		return of_float(sqrt(s->rest / (double)(s->count - 1)));
	case FN_SPREAD:
		return c->in == VALUE_FLOAT ? of_float(value_float(s->most) - value_float(s->bits))
					    : cell_from_bits(c->in, s->most - s->bits);
	default:
		return of_float(s->area);
	}
}
