#include "query/breaker.h"

#include "base/counter.h"

void breaker_init(struct breaker *b, bool open)
{
	atomic_init(&b->open, open);
}

void breaker_failed(struct breaker *b)
{
	if (!atomic_exchange(&b->open, true))
		counter_add(COUNTER_BREAKER_OPENED, 1);
}

void breaker_succeeded(struct breaker *b)
{
	atomic_store(&b->open, false);
}
