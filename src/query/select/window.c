#include "query/select/window.h"

#include "base/clock.h"
#include "query/influxql/tree.h"

int64_t window_zone_ns(const struct window_grid *g, int64_t time_ns)
{
	if (!g->zone)
		return 0;
	return (int64_t)iql_zone_offset(g->zone, time_ns / NS_PER_S - (time_ns % NS_PER_S < 0)) * NS_PER_S;
}

static int64_t magnitude(int64_t v)
{
	return v < 0 ? -v : v;
}

static int64_t add(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? IQL_TIME_MIN : IQL_TIME_MAX) : sum;
}

/* The change of the clocks within a bucket makes it longer or shorter, unless it is no longer than the change. */
static int64_t shift_start(const struct window_grid *g, int64_t start, int64_t zone)
{
	int64_t shift = zone - window_zone_ns(g, start);

	return shift && magnitude(shift) < g->interval_ns ? add(start, shift) : start;
}

static int64_t shift_end(const struct window_grid *g, int64_t end, int64_t zone)
{
	int64_t there = window_zone_ns(g, end), shift = zone - there;

	if (!shift || magnitude(shift) >= g->interval_ns)
		return end;
	/* Time gained goes to this bucket; time skipped comes after the change, and may belong to the next one. */
	if (shift > 0 || window_zone_ns(g, add(end, shift)) == there)
		return add(end, shift);
	return end;
}

struct window window_of(const struct window_grid *g, int64_t time_ns)
{
	struct window w = { g->from_ns, add(g->last_ns, 1) };

	if (!g->interval_ns)
		return w;
	int64_t t = add(time_ns, -g->offset_ns), zone = window_zone_ns(g, t);
	int64_t in = add(t, zone) % g->interval_ns;
	if (in < 0)
		in += g->interval_ns;
	w.from_ns = IQL_TIME_MIN + in >= t ? IQL_TIME_MIN : t - in;
	w.to_ns = IQL_TIME_MAX - (g->interval_ns - in) <= t ? IQL_TIME_MAX : t + (g->interval_ns - in);
	if (g->zone) {
		w.from_ns = shift_start(g, w.from_ns, zone);
		w.to_ns = shift_end(g, w.to_ns, zone);
	}
	if (w.from_ns != IQL_TIME_MIN)
		w.from_ns = add(w.from_ns, g->offset_ns);
	w.to_ns = add(w.to_ns, g->offset_ns);
	if (w.to_ns <= time_ns) /* at the end of time */
		w.to_ns = add(time_ns, 1);
	return w;
}

int64_t window_time(const struct window *w)
{
	return w->from_ns == IQL_TIME_MIN ? 0 : w->from_ns;
}

uint64_t window_count(const struct window_grid *g)
{
	if (!g->interval_ns)
		return 1;
	if (g->from_ns > g->last_ns)
		return 0;
	struct window first = window_of(g, g->from_ns), last = window_of(g, g->last_ns);
	return ((uint64_t)last.from_ns - (uint64_t)first.from_ns) / (uint64_t)g->interval_ns + 1;
}

static int64_t common(int64_t a, int64_t b)
{
	while (b) {
		int64_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

void window_step(const struct window_grid *g, int64_t *step_ns, int64_t *phase_ns)
{
	enum { QUARTER_S = 900 }; /* what clocks are changed by, and stand apart from UTC, is a multiple of it */

	*step_ns = g->interval_ns;
	*phase_ns = g->offset_ns;
	if (!g->interval_ns || !g->zone)
		return;
	*step_ns = common(g->interval_ns, QUARTER_S * NS_PER_S);
	*phase_ns = g->offset_ns % *step_ns;
}
