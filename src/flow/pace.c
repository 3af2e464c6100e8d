#include "flow/pace.h"

#include "base/clock.h"

enum { START = 2000, FLOOR = 100, CEILING = 50000000, STEPS_PER_S = 4, SLOW_MAX = 2 };
enum { LARGE = 1000 }; /* points: from there on it is they that take the time, not the request */
#define DELAY_MAX_NS (30 * NS_PER_S)
#define SLOW_NS NS_PER_S
#define EPISODE_NS (10 * NS_PER_S) /* refusals that come closer have one cause */

static double clamp(const struct pace *p, double rate)
{
	double ceiling = p->opts.ceiling ? (double)p->opts.ceiling : CEILING;

	if (rate < FLOOR)
		rate = FLOOR;
	return rate > ceiling ? ceiling : rate;
}

static void begin(struct pace *p)
{
	p->rate = clamp(p, (double)p->opts.start);
	p->reached = 0;
	p->best_ns = 0;
	p->point_ns = 0;
	p->slow = 0;
}

void pace_init(struct pace *p, const struct pace_opts *opts)
{
	*p = (struct pace){ .opts = *opts };
	if (!p->opts.start)
		p->opts.start = START;
	if (!p->opts.delay_max_ns)
		p->opts.delay_max_ns = DELAY_MAX_NS;
	begin(p);
}

void pace_recovered(struct pace *p, int64_t now_ns, int64_t outage_ns, uint64_t random)
{
	int64_t most = outage_ns / 10 < p->opts.delay_max_ns ? outage_ns / 10 : p->opts.delay_max_ns;

	begin(p);
	int64_t at = most > 0 ? now_ns + (int64_t)(random % (uint64_t)most) : now_ns;
	if (at > p->next_ns) /* the server may have asked for more */
		p->next_ns = at;
}

bool pace_is_due(const struct pace *p, int64_t now_ns)
{
	return now_ns >= p->next_ns;
}

uint32_t pace_points(const struct pace *p, uint32_t max)
{
	double n = p->rate / STEPS_PER_S;

	return n >= max ? max : n < 1 ? 1 : (uint32_t)n;
}

static void halve(struct pace *p, int64_t now_ns)
{
	if (p->reached == 0 || p->rate > p->reached || now_ns - p->halved_ns > EPISODE_NS)
		p->reached = p->rate;
	p->halved_ns = now_ns;
	p->rate = clamp(p, p->rate / 2);
	p->grown_ns = now_ns;
	p->slow = 0;
}

static void grow(struct pace *p, int64_t now_ns)
{
	int64_t dt = now_ns - p->grown_ns < NS_PER_S ? now_ns - p->grown_ns : NS_PER_S;

	p->grown_ns = now_ns;
	double s = (double)(dt > 0 ? dt : 0) / 1e9;
	if (p->reached == 0)
		p->rate = clamp(p, p->rate * 2);
	else if (p->rate < p->reached / 2)
		p->rate = clamp(p, p->rate + p->rate * s);
	else /* above it by a part of itself: what a bad start had reached says nothing about the server */
		p->rate = clamp(p, p->rate + (p->rate > p->reached ? p->rate : p->reached) / 16 * s);
}

/* The bests are forgotten by and by: servers grow slower for good, too. */
static double least_of_late(double best, double now)
{
	return best == 0 || now < best ? now : best + (now - best) / 64;
}

static bool is_slow(struct pace *p, int64_t took_ns, uint32_t points)
{
	p->best_ns = (int64_t)least_of_late((double)p->best_ns, (double)took_ns);
	if (points >= LARGE)
		p->point_ns = least_of_late(p->point_ns, (double)took_ns / points);
	return took_ns > SLOW_NS && took_ns > 4 * p->best_ns && (double)took_ns > 4 * p->point_ns * points;
}

void pace_sent(struct pace *p, int64_t begun_ns, int64_t ended_ns, uint32_t points)
{
	int64_t took = ended_ns > begun_ns ? ended_ns - begun_ns : 1;
	double through = (double)points * 1e9 / (double)took;

	int64_t from = p->next_ns > begun_ns ? p->next_ns : begun_ns;
	p->next_ns = from + (int64_t)((double)points * 1e9 / p->rate);
	if (is_slow(p, took, points)) {
		if (++p->slow >= SLOW_MAX)
			halve(p, ended_ns);
		return;
	}
	p->slow = 0;
	grow(p, ended_ns);
	/* it is the server or the line that sets the speed: what is above it would only delay the halving */
	if (p->rate > 2 * through)
		p->rate = clamp(p, 2 * through);
}

void pace_refused(struct pace *p, int64_t now_ns, int64_t retry_after_ns)
{
	halve(p, now_ns);
	if (now_ns + retry_after_ns > p->next_ns)
		p->next_ns = now_ns + retry_after_ns;
}

uint64_t pace_rate(const struct pace *p)
{
	return (uint64_t)p->rate;
}
