/* Sums of doubles that do not lose what rounding takes: the error is below 2^-48 of the sum of the magnitudes for any
 * number of values in any order, so that sums over rollups equal those over raw rows to 1e-12 of it. */
#ifndef MODEL_SUM_H
#define MODEL_SUM_H

#include <math.h>
#include <stdint.h>
#include <string.h>

struct sum {
	double value, rest;
};

static inline void sum_add(struct sum *s, double v)
{
	double t = s->value + v, back = t - s->value;

	s->rest += (s->value - (t - back)) + (v - back);
	s->value = t;
}

static inline double sum_value(const struct sum *s)
{
	return isfinite(s->value) ? s->value + s->rest : s->value;
}

/* n doubles, given by their bits. Four at a time for the processor's sake; short runs plainly, their sums with care. */
static inline void sum_add_run(struct sum *s, const uint64_t *bits, uint32_t n)
{
	enum { RUN = 64 };

	for (uint32_t at = 0; at < n; at += RUN) {
		uint32_t end = n - at < RUN ? n : at + RUN, i = at;
		double lane[4] = { 0 }, v[4];
		for (; i + 4 <= end; i += 4) {
			memcpy(v, bits + i, sizeof v);
			for (unsigned k = 0; k < 4; k++)
				lane[k] += v[k];
		}
		for (; i < end; i++) {
			memcpy(v, bits + i, sizeof *v);
			lane[0] += v[0];
		}
		sum_add(s, (lane[0] + lane[1]) + (lane[2] + lane[3]));
	}
}

#endif
