#include "query/select/simplex.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { STEPS = 1000 };

struct search {
	const struct simplex *s;
	uint32_t n;
	double *vertices; /* n + 1 rows of n */
	double *values; /* of each */
	double *reflected, *tried, *centre;
	uint32_t worst, best, second;
};

static double *vertex(const struct search *q, uint32_t i)
{
	return q->vertices + (size_t)i * q->n;
}

static double value_of(const struct search *q, double *x)
{
	return q->s->of(q->s->arg, x);
}

static void begin(struct search *q, const double *start)
{
	const double n = q->n, scale = q->s->scale;
	const double p = scale * (sqrt(n + 1) - 1 + n) / (n * M_SQRT2), o = scale * (sqrt(n + 1) - 1) / (n * M_SQRT2);

	memcpy(vertex(q, 0), start, q->n * sizeof *start);
	for (uint32_t i = 1; i <= q->n; i++)
		for (uint32_t k = 0; k < q->n; k++)
			vertex(q, i)[k] = start[k] + (i - 1 == k ? p : o);
	for (uint32_t i = 0; i <= q->n; i++)
		q->values[i] = value_of(q, vertex(q, i));
}

static void rank(struct search *q)
{
	q->worst = q->best = 0;
	for (uint32_t i = 0; i <= q->n; i++) {
		if (q->values[i] > q->values[q->worst])
			q->worst = i;
		if (q->values[i] < q->values[q->best])
			q->best = i;
	}
	q->second = q->best;
	for (uint32_t i = 0; i <= q->n; i++)
		if (q->values[i] > q->values[q->second] && q->values[i] < q->values[q->worst])
			q->second = i;
}

static void find_centre(struct search *q)
{
	for (uint32_t k = 0; k < q->n; k++) {
		double sum = 0;
		for (uint32_t i = 0; i <= q->n; i++)
			if (i != q->worst)
				sum += vertex(q, i)[k];
		q->centre[k] = sum / q->n;
	}
}

/* to = centre + by * (from - centre) */
static void move(const struct search *q, double *to, double by, const double *from)
{
	for (uint32_t k = 0; k < q->n; k++)
		to[k] = q->centre[k] + by * (from[k] - q->centre[k]);
}

static void replace_worst(struct search *q, const double *x, double value)
{
	memcpy(vertex(q, q->worst), x, q->n * sizeof *x);
	q->values[q->worst] = value;
}

static void shrink(struct search *q)
{
	const double *best = vertex(q, q->best);

	for (uint32_t i = 0; i <= q->n; i++)
		for (uint32_t k = 0; k < q->n && i != q->best; k++)
			vertex(q, i)[k] = best[k] + (vertex(q, i)[k] - best[k]) / 2;
	q->values[q->worst] = value_of(q, vertex(q, q->worst));
	q->values[q->second] = value_of(q, vertex(q, q->second));
}

static void contract(struct search *q, double reflected)
{
	bool outside = reflected < q->values[q->worst] && reflected >= q->values[q->second];

	move(q, q->tried, 0.5, outside ? q->reflected : vertex(q, q->worst));
	double value = value_of(q, q->tried);
	if (value < q->values[q->worst])
		replace_worst(q, q->tried, value);
	else
		shrink(q);
}

static void step(struct search *q)
{
	rank(q);
	find_centre(q);
	for (uint32_t k = 0; k < q->n; k++)
		q->reflected[k] = q->centre[k] + (q->centre[k] - vertex(q, q->worst)[k]);
	double value = value_of(q, q->reflected);
	const double least = q->values[q->best], second = q->values[q->second];
	if (value < second && value >= least)
		replace_worst(q, q->reflected, value);
	if (value < least) {
		move(q, q->tried, 2, q->reflected);
		double further = value_of(q, q->tried);
		if (further < value)
			replace_worst(q, q->tried, further);
		else
			replace_worst(q, q->reflected, value);
	}
	if (value >= second)
		contract(q, value);
}

static double spread(const struct search *q)
{
	double mean = 0, squares = 0;

	for (uint32_t i = 0; i <= q->n; i++)
		mean += q->values[i];
	mean /= q->n + 1;
	for (uint32_t i = 0; i <= q->n; i++)
		squares += (q->values[i] - mean) * (q->values[i] - mean) / q->n;
	return sqrt(squares);
}

double simplex_minimize(const struct simplex *s, const double *start, double *best)
{
	struct search q = { .s = s, .n = s->n };
	const size_t n = s->n;

	q.vertices = s->memory;
	q.values = q.vertices + (n + 1) * n;
	q.reflected = q.values + n + 1;
	q.tried = q.reflected + n;
	q.centre = q.tried + n;
	begin(&q, start);
	for (int i = 0; i < STEPS; i++) {
		step(&q);
		if (spread(&q) < s->epsilon)
			break;
	}
	q.best = 0;
	for (uint32_t i = 0; i <= q.n; i++)
		if (q.values[i] < q.values[q.best])
			q.best = i;
	memcpy(best, vertex(&q, q.best), n * sizeof *best);
	return value_of(&q, vertex(&q, q.best)); /* which may change it */
}
