/* How long to wait after a failure: anything between 0 and a ceiling that doubles with each failure in a row (full jitter),
 * so that many senders do not come back as one. What the server asks for is the least, with the jitter on top: whoever is
 * told "30 s" comes back anywhere between 30 and 45 s after. Pure. */
#ifndef FLOW_BACKOFF_H
#define FLOW_BACKOFF_H

#include <stdint.h>

struct backoff {
	int64_t min_ms, max_ms; /* the ceiling after the first failure, and after many */
};

#define BACKOFF_LEAST_MAX_MS INT64_C(600000) /* no server is believed more */

/* failures: in a row, before this one. least_ms: what the server asked for; 0: nothing. random: any number. Above 0. */
int64_t backoff_ms(const struct backoff *b, unsigned failures, int64_t least_ms, uint64_t random);

#endif
