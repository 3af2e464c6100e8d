#include "edge/rates.h"

#include "base/clock.h"

enum { RING = RATES_SECONDS + 1 };

void rates_init(struct rates *r)
{
	*r = (struct rates){ .count = 0 };
	pthread_mutex_init(&r->lock, NULL);
}

void rates_fini(struct rates *r)
{
	pthread_mutex_destroy(&r->lock);
}

static const struct rates_sample *newest(const struct rates *r)
{
	return &r->ring[(r->next + RING - 1) % RING];
}

static const struct rates_sample *oldest(const struct rates *r)
{
	return &r->ring[(r->next + RING - r->count) % RING];
}

bool rates_due(struct rates *r, int64_t now_ns)
{
	pthread_mutex_lock(&r->lock);
	bool due = r->count == 0 || now_ns - newest(r)->at_ns >= NS_PER_S * 9 / 10;
	pthread_mutex_unlock(&r->lock);
	return due;
}

void rates_add(struct rates *r, const struct rates_sample *s)
{
	pthread_mutex_lock(&r->lock);
	if (r->count == 0 || s->at_ns > newest(r)->at_ns) { /* two callers may have been due at once */
		r->ring[r->next] = *s;
		r->next = (r->next + 1) % RING;
		if (r->count < RING)
			r->count++;
	}
	pthread_mutex_unlock(&r->lock);
}

static uint64_t rise(const struct rates *r, enum rate which, int64_t *span_ns)
{
	*span_ns = r->count < 2 ? 0 : newest(r)->at_ns - oldest(r)->at_ns;
	if (*span_ns <= 0 || newest(r)->value[which] < oldest(r)->value[which])
		return 0;
	return newest(r)->value[which] - oldest(r)->value[which];
}

double rates_per_s(struct rates *r, enum rate which)
{
	int64_t span_ns;

	pthread_mutex_lock(&r->lock);
	uint64_t n = rise(r, which, &span_ns);
	pthread_mutex_unlock(&r->lock);
	return span_ns > 0 ? (double)n * 1e9 / (double)span_ns : 0;
}

uint64_t rates_rise(struct rates *r, enum rate which)
{
	int64_t span_ns;

	pthread_mutex_lock(&r->lock);
	uint64_t n = rise(r, which, &span_ns);
	pthread_mutex_unlock(&r->lock);
	return n;
}
