/* Circuit breaker for reads from the record. Open: no read asks it. It opens when a read gets no answer or the
 * replicator finds the record down, and closes when the replicator gets through again; so no read ever pays for a
 * probe. Any thread; lock-free. */
#ifndef QUERY_BREAKER_H
#define QUERY_BREAKER_H

#include <stdatomic.h>
#include <stdbool.h>

struct breaker {
	atomic_bool open;
};

static inline bool breaker_allows(const struct breaker *b)
{
	return !atomic_load_explicit(&b->open, memory_order_acquire);
}

void breaker_init(struct breaker *b, bool open);
void breaker_failed(struct breaker *b);
void breaker_succeeded(struct breaker *b); /* by the replicator only: a read may have been lucky */

#endif
