/* The minimum of a function of n parameters by the method of Nelder and Mead ("A simplex method for function minimization",
 * Computer Journal 7, 1965), with the coefficients and the order of steps of Hutt's well-known implementation, which
 * InfluxDB follows: so that both stop at the same point. */
#ifndef QUERY_SELECT_SIMPLEX_H
#define QUERY_SELECT_SIMPLEX_H

#include <stdint.h>

#include "base/err.h"

struct simplex {
	double (*of)(void *arg, double *x); /* may put x within its bounds */
	void *arg;
	uint32_t n;
	double epsilon, scale;
	double *memory; /* SIMPLEX_ROOM(n) of them */
};
#define SIMPLEX_ROOM(n) (((size_t)(n) + 1) * ((size_t)(n) + 1) + 4 * (size_t)(n))

/* start: n parameters; best: the same number. Returns the least value; at most 1,000 steps. */
double simplex_minimize(const struct simplex *s, const double *start, double *best);

#endif
