/* What a replicator shows. Any thread. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "flow/replicator_part.h"

uint64_t replicator_stored_seq(const struct replicator *r)
{
	return atomic_load(&r->stored_seq);
}

void replicator_note_rate(struct replicator *r, uint32_t points, bool backlog)
{
	int64_t now = clock_mono_ns();

	pthread_mutex_lock(&r->lock);
	if (r->rate_count == 0 || now - r->rates[(r->rate_count - 1) % RATES_MAX].at_ns >= NS_PER_S) {
		uint32_t at = r->rate_count++ % RATES_MAX;
		r->rates[at].at_ns = now;
		r->rates[at].points = r->stats.delivered_points;
		r->rates[at].backlog_points = r->backlog_delivered;
	}
	r->stats.delivered_points += points;
	if (backlog)
		r->backlog_delivered += points;
	r->stats.pace_points_per_s = pace_rate(&r->pace);
	pthread_mutex_unlock(&r->lock);
}

static void wait_of(struct parcel_source *s, struct replicator_waiting *out)
{
	*out = (struct replicator_waiting){ .min_ns = INT64_MAX };
	if (s)
		s->ops->waits(s, out);
}

int64_t replicator_undelivered_from_ns(void *replicator)
{
	struct replicator *r = replicator;
	struct committer_stats c;
	struct spool_backlog b;
	struct errbuf eb;

	committer_stats(r->opts.committer, &c);
	pthread_mutex_lock(&r->lock);
	uint64_t first = pending_set_first(&r->pending), live_seq = atomic_load(&r->live_seq);
	pthread_mutex_unlock(&r->lock);
	uint64_t low = first <= live_seq ? first - 1 : live_seq;
	if (c.last_seq <= low) /* no look into the file is needed */
		return INT64_MAX;
	pthread_mutex_lock(&r->first_lock);
	enum err e = spool_reader_after(r->first, low, &b, &eb);
	pthread_mutex_unlock(&r->first_lock);
	return e == ERR_OK ? b.min_ns : INT64_MIN;
}

static int by_value(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Under the lock: copies them out. */
static uint32_t copy_latencies(const struct replicator *r, int64_t out[LATENCIES_MAX])
{
	uint32_t n = r->latency_count < LATENCIES_MAX ? r->latency_count : LATENCIES_MAX;

	memcpy(out, r->latencies, n * sizeof *out);
	return n;
}

/* Over the last ten seconds or so; what was before a pause does not count. Under the lock. */
static double rate_of(const struct replicator *r, int64_t now_ns, bool backlog)
{
	uint32_t n = r->rate_count < RATES_MAX ? r->rate_count : RATES_MAX;

	for (uint32_t i = r->rate_count - n; i < r->rate_count; i++) {
		int64_t ns = now_ns - r->rates[i % RATES_MAX].at_ns;
		uint64_t points = backlog ? r->backlog_delivered - r->rates[i % RATES_MAX].backlog_points
					  : r->stats.delivered_points - r->rates[i % RATES_MAX].points;
		if (ns > 0 && ns <= (RATES_MAX + 2) * NS_PER_S)
			return (double)points * 1e9 / (double)ns;
	}
	return 0;
}

/* Nobody knows when what is held, or waits for a server that is away, can go on. */
static int64_t eta_of(const struct replicator_stats *s, double backlog_rate)
{
	if (s->backlog_points == 0)
		return s->live_lag_points && s->state != REPLICATOR_UP ? -1 : 0;
	return s->state == REPLICATOR_CATCHING_UP && backlog_rate >= 1
	    ? (int64_t)((double)s->backlog_points / backlog_rate * 1e9)
	    : -1;
}

static void add_older(struct replicator_stats *s, const struct replicator_waiting *w)
{
	int64_t age = w->oldest_received_ns ? clock_wall_ns() - w->oldest_received_ns : 0;

	s->lag_points += w->points;
	s->lag_bytes += w->bytes;
	if (w->min_ns < s->undelivered_from_ns)
		s->undelivered_from_ns = w->min_ns;
	if (age > s->lag_ns)
		s->lag_ns = age;
}

static void count_quarantined(struct replicator *r, struct quarantine_sum *out)
{
	struct errbuf eb;

	pthread_mutex_lock(&r->look_lock);
	if (quarantine_count(spool_reader_db(r->look), r->target, out, &eb) != ERR_OK)
		log_warn("cannot tell what of %s is in quarantine: %s", r->shown, eb.text);
	pthread_mutex_unlock(&r->look_lock);
}

void replicator_stats(struct replicator *r, struct replicator_stats *out)
{
	struct replicator_waiting live, backlog, replay, owed;
	int64_t latencies[LATENCIES_MAX], now = clock_mono_ns();
	struct quarantine_sum quarantined;

	count_quarantined(r, &quarantined);
	wait_of(&r->live.base, &live);
	wait_of(&r->backlog.base, &backlog);
	wait_of(r->opts.replay, &replay);
	wait_of(r->opts.owed, &owed);
	pthread_mutex_lock(&r->lock);
	*out = r->stats;
	out->paused = r->paused;
	out->quarantined_points = quarantined.points;
	uint64_t first = pending_set_first(&r->pending);
	uint32_t n = copy_latencies(r, latencies);
	out->points_per_s = rate_of(r, now, false);
	double backlog_rate = rate_of(r, now, true);
	pthread_mutex_unlock(&r->lock);
	out->live_seq = atomic_load(&r->live_seq);
	out->cursor_seq = first <= out->live_seq ? first - 1 : out->live_seq;
	out->undelivered_from_ns = INT64_MAX;
	add_older(out, &live);
	out->live_lag_ns = out->lag_ns;
	add_older(out, &backlog);
	out->live_lag_points = live.points;
	out->backlog_points = backlog.points;
	out->backlog_bytes = backlog.bytes;
	out->replay_points = replay.points;
	out->lag_points += replay.points;
	out->lag_bytes += replay.bytes;
	out->owed_points_estimate = owed.points;
	out->owed_span_ns = owed.min_ns < INT64_MAX ? clock_wall_ns() - owed.min_ns : 0;
	out->eta_ns = eta_of(out, backlog_rate);
	if (n) {
		qsort(latencies, n, sizeof *latencies, by_value);
		out->write_latency_ns = latencies[n / 2];
		out->write_latency_p99_ns = latencies[(n - 1) * 99 / 100];
	}
}
