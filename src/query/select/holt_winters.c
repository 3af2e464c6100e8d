#include "query/select/holt_winters.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "query/select/simplex.h"

enum { ALPHA, BETA, GAMMA, PHI, LEVEL, TREND, SEASONS, VALUES_MAX = 1 << 20, SEASON_MAX = 1024 };

struct model {
	const struct holt_winters *hw;
	double *y; /* a value an interval; NAN: missing */
	uint32_t count;
	uint32_t season; /* 0: none */
	double *forecast; /* count + horizon */
	struct budget *budget;
	struct errbuf *eb;
	enum err error;
};

/* The nearest multiple of the interval, halves down. */
static int64_t round_time(const struct holt_winters *hw, int64_t t)
{
	int64_t rest = t % hw->interval_ns;

	return (int64_t)((uint64_t)(t / hw->interval_ns + (rest > hw->interval_ns / 2)) * (uint64_t)hw->interval_ns);
}

/* Ranges that no integer holds have none: they come out negative. */
static int64_t steps_between(const struct holt_winters *hw, int64_t from, int64_t to)
{
	return (int64_t)((uint64_t)to - (uint64_t)from) / hw->interval_ns;
}

static int64_t later(const struct holt_winters *hw, int64_t t, uint32_t steps)
{
	return (int64_t)((uint64_t)t + (uint64_t)hw->interval_ns * steps);
}

/* ---- the model ---- */

static void bound(double *x)
{
	for (int i = ALPHA; i <= PHI; i++)
		x[i] = x[i] > 1 ? 1 : x[i] < 0 ? 0 : x[i];
}

/* x^n of [0, 1] by squaring the mantissa, which rounds as InfluxDB's does: the last bit may send the search elsewhere. */
static double power(double x, uint32_t n)
{
	int exponent, sum = 0;
	double square = frexp(x, &exponent), product = 1;

	for (; n && x > 0; n >>= 1) {
		if (n & 1) {
			product *= square;
			sum += exponent;
		}
		square *= square;
		exponent *= 2;
		if (square < 0.5) {
			square += square;
			exponent--;
		}
		if (exponent < -4096 || sum < -4096)
			return 0;
	}
	return x > 0 ? ldexp(product, sum) : 0;
}

/* Into m->forecast: what the model says of the past and of `horizon` values more. Each value follows from the one that it
 * forecast before. */
static void run_model(struct model *m, double *x, uint32_t horizon)
{
	const uint32_t season = m->season;
	double *seasons = x + SEASONS;
	double y = m->y[0], level = x[LEVEL], trend = x[TREND], phi_sum = 0;
	uint64_t turn = season ? season - 1 : 0; /* where the ring of seasons is */

	bound(x);
	const double phi = x[PHI];
	phi_sum = phi;
	m->forecast[0] = y;
	for (uint32_t t = 1; t < m->count + horizon; t++) {
		double before = 1, ahead = 1;
		if (season) {
			uint64_t h = t % season;
			before = seasons[(t + turn) % season]; /* t - season, in a ring of that size */
			ahead = seasons[(t + h + turn) % season];
		}
		double was = level, was_trend = trend;
		level = x[ALPHA] * (y / before) + (1 - x[ALPHA]) * (was + phi * was_trend);
		trend = x[BETA] * (level - was) + (1 - x[BETA]) * phi * was_trend;
		double now = x[GAMMA] * (y / (was + phi * was_trend)) + (1 - x[GAMMA]) * before;
		y = (level + phi_sum * trend) * ahead;
		phi_sum += power(phi, t);
		if (season) {
			seasons[(t + turn) % season] = now;
			turn++;
		}
		m->forecast[t] = y;
	}
}

static double squared_errors(void *arg, double *x)
{
	struct model *m = arg;
	double sum = 0;

	if (m->error == ERR_OK)
		m->error = budget_check_now(m->budget, m->eb);
	if (m->error != ERR_OK)
		return 0;
	run_model(m, x, 0);
	for (uint32_t i = 0; i < m->count; i++) {
		if (isnan(m->y[i]))
			continue;
		if (isnan(m->forecast[i]))
			return INFINITY;
		sum += (m->forecast[i] - m->y[i]) * (m->forecast[i] - m->y[i]);
	}
	return sum;
}

/* ---- the beginning ---- */

static bool fill_values(struct model *m)
{
	const struct holt_winters *hw = m->hw;
	int64_t t = round_time(hw, hw->times[0]),
		steps = steps_between(hw, t, round_time(hw, hw->times[hw->count - 1]));

	if (steps <= 0 || steps >= VALUES_MAX)
		return false;
	m->y[0] = hw->values[0];
	m->count = 1;
	for (uint32_t i = 1; i < hw->count; i++) {
		int64_t at = round_time(hw, hw->times[i]);
		if (at <= t)
			continue;
		for (t += hw->interval_ns; t != at; t += hw->interval_ns)
			m->y[m->count++] = NAN;
		m->y[m->count++] = hw->values[i];
	}
	return true;
}

static void guess(const struct model *m, double *x)
{
	const uint32_t s = m->season;
	const double *y = m->y;
	double level = 0, trend = 0;

	if (s) {
		for (uint32_t i = 0; i < s; i++)
			level += isnan(y[i]) ? 0 : 1.0 / s * y[i];
		for (uint32_t i = 0; i < s && s + i < m->count; i++)
			trend += isnan(y[i]) || isnan(y[s + i]) ? 0 : 1.0 / ((double)s * s) * (y[s + i] - y[i]);
	} else {
		level = 0.5 * y[0];
		trend = isnan(y[1]) ? 0 : 0.5 * (y[1] - y[0]);
	}
	x[LEVEL] = level;
	x[TREND] = trend;
	for (uint32_t i = 0; i < s; i++)
		x[SEASONS + i] = isnan(y[i]) ? 0 : y[i] / level;
}

static void fit(struct model *m, double *start, double *best, double *tried, double *memory)
{
	const uint32_t n = SEASONS + m->season;
	const struct simplex s = { squared_errors, m, n, 1.0e-4, 1, memory };
	double least = INFINITY;
	bool any = false;

	for (double alpha = 0.3; alpha < 1; alpha += 0.4)
		for (double beta = 0.3; beta < 1; beta += 0.4)
			for (double gamma = 0.3; gamma < 1; gamma += 0.4)
				for (double phi = 0.3; phi < 1 && m->error == ERR_OK; phi += 0.4) {
					start[ALPHA] = alpha;
					start[BETA] = beta;
					start[GAMMA] = gamma;
					start[PHI] = phi;
					double sum = simplex_minimize(&s, start, tried);
					if (sum < least || !any) {
						least = sum;
						any = true;
						memcpy(best, tried, n * sizeof *best);
					}
				}
}

static enum err give(struct model *m, int64_t **out_times, double **out_values, uint32_t *out_count)
{
	const struct holt_winters *hw = m->hw;
	const uint32_t all = m->count + hw->horizon, from = hw->with_fit ? 0 : m->count;
	const int64_t first = hw->times[0], last = hw->times[hw->count - 1];

	*out_times = malloc(((size_t)all + 1) * sizeof **out_times);
	*out_values = malloc(((size_t)all + 1) * sizeof **out_values);
	if (!*out_times || !*out_values)
		return errbuf_set(m->eb, ERR_NOMEM, "out of memory");
	for (uint32_t i = from; i < all; i++) {
		if (isnan(m->forecast[i]))
			continue;
		(*out_times)[*out_count] = hw->with_fit ? later(hw, first, i) : later(hw, last, i - from + 1);
		(*out_values)[(*out_count)++] = m->forecast[i];
	}
	return ERR_OK;
}

enum err holt_winters(const struct holt_winters *hw, int64_t **out_times, double **out_values, uint32_t *out_count,
    struct budget *b, struct errbuf *eb)
{
	struct model m = { .hw = hw, .season = hw->season < 2 ? 0 : hw->season, .budget = b, .eb = eb };
	const uint32_t n = SEASONS + m.season;

	*out_times = NULL;
	*out_values = NULL;
	*out_count = 0;
	if (hw->count < 2 || hw->count < m.season || !hw->horizon)
		return ERR_OK;
	if (m.season > SEASON_MAX || hw->horizon > VALUES_MAX)
		return errbuf_set(eb, ERR_TOOBIG,
		    "holt_winters() takes seasons of up to %d values and forecasts up to %d", SEASON_MAX, VALUES_MAX);
	int64_t steps = steps_between(hw, round_time(hw, hw->times[0]), round_time(hw, hw->times[hw->count - 1]));
	size_t values = steps > 0 && steps < VALUES_MAX ? (size_t)steps + 2 : 2;
	size_t words = 2 * values + hw->horizon + 3 * (size_t)n + SIMPLEX_ROOM(n);
	enum err e = budget_take(b, words * sizeof(double), eb);
	if (e != ERR_OK)
		return e;
	double *memory = calloc(words, sizeof *memory);
	if (!memory) {
		budget_give(b, words * sizeof(double));
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	m.y = memory;
	m.forecast = m.y + values;
	double *start = m.forecast + values + hw->horizon, *best = start + n, *tried = best + n;
	if (fill_values(&m) && m.count >= m.season) {
		guess(&m, start);
		fit(&m, start, best, tried, tried + n);
		run_model(&m, best, hw->horizon);
		e = m.error != ERR_OK ? m.error : give(&m, out_times, out_values, out_count);
	}
	free(memory);
	budget_give(b, words * sizeof(double));
	return e;
}
