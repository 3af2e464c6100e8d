#include "flow/backoff.h"

int64_t backoff_ms(const struct backoff *b, unsigned failures, int64_t least_ms, uint64_t random)
{
	int64_t ceiling = b->min_ms;

	for (unsigned i = 0; i < failures && ceiling < b->max_ms; i++)
		ceiling *= 2;
	if (ceiling > b->max_ms)
		ceiling = b->max_ms;
	if (least_ms > BACKOFF_LEAST_MAX_MS)
		least_ms = BACKOFF_LEAST_MAX_MS;
	if (ceiling < least_ms / 2)
		ceiling = least_ms / 2;
	return least_ms + (int64_t)(random % (uint64_t)ceiling) + 1;
}
