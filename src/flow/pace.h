/* How fast a backlog may be sent: a server that comes back is not to be run down by all that have waited for it, and its
 * other users are not to wait for us.
 *
 * After an outage it begins with a random delay (up to a tenth of the outage, at most 30 s) at a low rate, and doubles with
 * each parcel. A refusal (429, 503, a time-out) halves the rate, and so do two slow answers in a row: one alone is a server
 * that stopped for a moment, to compact or to collect garbage. Slow is longer than a second, than four times the shortest of
 * late, and than four times what so many points took at best: a large parcel takes longer. From then on the rate doubles each
 * second up to half of what had been reached, grows by a sixteenth of that each second until it is reached again, and above
 * it by a sixteenth of itself. Never above the ceiling, and never above twice of what really went through, so that halving is
 * felt.
 *
 * Times are the caller's, of one monotonic clock. Owner: one thread. */
#ifndef FLOW_PACE_H
#define FLOW_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace_opts {
	uint64_t ceiling; /* points/s; 0: none */
	uint64_t start; /* points/s; 0: 2000 */
	int64_t delay_max_ns; /* 0: 30 s; below 0: none */
};

struct pace {
	struct pace_opts opts;
	double rate; /* points/s */
	double
	    reached; /* before it was halved, the first time of several in a row; 0: not yet, it doubles with each parcel */
	int64_t halved_ns;
	int64_t next_ns; /* when the next parcel may go */
	int64_t best_ns; /* the shortest answer of late; 0: none yet */
	double point_ns; /* the least a point took of late, in parcels of some size; 0: none yet */
	unsigned slow; /* answers in a row */
	int64_t grown_ns;
};

void pace_init(struct pace *p, const struct pace_opts *opts);
/* The server is back. random: any number. */
void pace_recovered(struct pace *p, int64_t now_ns, int64_t outage_ns, uint64_t random);
bool pace_is_due(const struct pace *p, int64_t now_ns);
/* How many of max points the next parcel may have: a slow pace comes in small steps. At least 1. */
uint32_t pace_points(const struct pace *p, uint32_t max);
/* A parcel was taken. */
void pace_sent(struct pace *p, int64_t begun_ns, int64_t ended_ns, uint32_t points);
/* It was not, for want of strength. retry_after_ns: what the server asked for; 0: nothing. */
void pace_refused(struct pace *p, int64_t now_ns, int64_t retry_after_ns);
uint64_t pace_rate(const struct pace *p); /* points/s */

#endif
