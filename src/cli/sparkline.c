#include "cli/sparkline.h"

#include <math.h>

enum { LEVELS = 8 };

void sparkline_init(struct sparkline *s)
{
	*s = (struct sparkline){ .stride = 1, .low = INFINITY, .high = -INFINITY };
}

static void join(struct sparkline *s)
{
	for (unsigned i = 0; i < SPARKLINE_SLOTS; i++) {
		unsigned from = 2 * i;
		bool there = from < SPARKLINE_SLOTS;
		s->sum[i] = there ? s->sum[from] + s->sum[from + 1] : 0;
		s->count[i] = there ? s->count[from] + s->count[from + 1] : 0;
	}
	s->stride *= 2;
}

void sparkline_skip(struct sparkline *s)
{
	if (s->rows == SPARKLINE_SLOTS * s->stride)
		join(s);
	s->rows++;
}

void sparkline_add(struct sparkline *s, double v)
{
	sparkline_skip(s);
	unsigned slot = (unsigned)((s->rows - 1) / s->stride);
	s->sum[slot] += v;
	s->count[slot]++;
	s->values++;
	s->low = fmin(s->low, v);
	s->high = fmax(s->high, v);
	s->last = v;
}

/* The mean of slots [from, to); NAN: no value. */
static double mean(const struct sparkline *s, unsigned from, unsigned to)
{
	double sum = 0;
	uint64_t count = 0;

	for (unsigned i = from; i < to; i++) {
		sum += s->sum[i];
		count += s->count[i];
	}
	return count ? sum / (double)count : NAN;
}

/* Halves, as the span of two doubles may be none. */
static unsigned level(double v, double low, double high)
{
	double span = high / 2 - low / 2;
	double share = span > 0 ? (v / 2 - low / 2) / span : 0.5;

	return isfinite(share) && share > 0 ? (unsigned)fmin(LEVELS - 1, share * LEVELS) : 0;
}

void sparkline_put(const struct sparkline *s, struct buf *out, unsigned width, bool utf8)
{
	static const char *const blocks[2][LEVELS] = { { "_", ".", ",", "-", "=", "+", "*", "#" },
		{ "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" } };
	unsigned used = (unsigned)((s->rows + s->stride - 1) / s->stride), n = used < width ? used : width;
	double low = INFINITY, high = -INFINITY;

	/* of the means, so that a peak among many rows does not make all the rest flat */
	for (unsigned i = 0; i < n; i++) {
		low = fmin(low, mean(s, i * used / n, (i + 1) * used / n));
		high = fmax(high, mean(s, i * used / n, (i + 1) * used / n));
	}
	for (unsigned i = 0; i < n; i++) {
		double v = mean(s, i * used / n, (i + 1) * used / n);
		buf_str(out, isnan(v) ? " " : blocks[utf8][level(v, low, high)]);
	}
}
