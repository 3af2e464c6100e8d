/* Holt-Winters with a damped trend and multiplicative seasons (Hyndman et al., "Forecasting with Exponential Smoothing"),
 * fitted as InfluxDB does: the weights that make the sum of squared errors least, sought from a grid of starts. Pure. */
#ifndef QUERY_SELECT_HOLT_WINTERS_H
#define QUERY_SELECT_HOLT_WINTERS_H

#include "query/budget.h"

struct holt_winters {
	const int64_t *times; /* of points, rising */
	const double *values;
	uint32_t count;
	int64_t interval_ns;
	uint32_t horizon; /* how many values to forecast */
	uint32_t season; /* values of one; below 2: none */
	bool with_fit; /* the values of the past as the model has them, too */
};

/* *out_count of each, to be freed by the caller. None where there are too few points. */
NODISCARD enum err holt_winters(const struct holt_winters *hw, int64_t **out_times, double **out_values,
    uint32_t *out_count, struct budget *b, struct errbuf *eb);

#endif
