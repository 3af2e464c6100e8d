/* The appliance's own counters: one table (counter.def) names them, for /metrics, the status and the page.
 * Every drop, refusal, retry and fallback adds to one. Any thread; relaxed atomics, never reset. */
#ifndef BASE_COUNTER_H
#define BASE_COUNTER_H

#include <stdint.h>

enum counter {
#define COUNTER(id, name, labels, help) COUNTER_##id,
#include "base/counter.def"
#undef COUNTER
	COUNTER_COUNT
};

struct counter_info {
	const char *name, *labels, *help; /* labels: "reason=\"x\"" or "" */
};

void counter_add(enum counter c, uint64_t n);
uint64_t counter_get(enum counter c);
const struct counter_info *counter_info(enum counter c);

#endif
