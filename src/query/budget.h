/* What one statement may cost, fixed when it begins: memory, time, rows; and whether anybody still waits for it.
 * Owner: the thread that runs it. */
#ifndef QUERY_BUDGET_H
#define QUERY_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct budget {
	size_t max_bytes; /* of memory, all parts of the statement together */
	size_t used_bytes;
	int64_t deadline_ns; /* monotonic; 0: none */
	int64_t time_limit_ns; /* for the message */
	uint64_t max_rows; /* of the answer; 0: as many as there are */
	uint64_t max_series, max_buckets; /* of one SELECT; 0: as many as fit into the memory */
	bool (*is_wanted)(void *arg); /* false: the client has gone. NULL: never asked */
	void *arg;
	uint32_t calls, rows; /* since the last look */
	bool gone; /* it was said that the client has gone */
};

/* Often, in every loop over data: cheap, looks at clock and client only now and then. ERR_UNAVAILABLE: the time is up, with
 * a message that says what to do; ERR_CLOSED: the client has gone. */
NODISCARD enum err budget_check(struct budget *b, struct errbuf *eb);
/* The same for n rows at once. */
NODISCARD enum err budget_check_rows(struct budget *b, uint32_t n, struct errbuf *eb);
/* The same, looking now: for what takes long from one call to the next. */
NODISCARD enum err budget_check_now(struct budget *b, struct errbuf *eb);
/* ERR_TOOBIG with a message that says what to do: nothing was taken. */
NODISCARD enum err budget_take(struct budget *b, size_t bytes, struct errbuf *eb);
void budget_give(struct budget *b, size_t bytes);

#endif
