#include "store/growing.h"

void *growing_prepare(struct growing *g, struct arena *a, size_t size)
{
	uint32_t i = atomic_load_explicit(&g->count, memory_order_relaxed);

	if (i == GROWING_MAX)
		return NULL;
	if (i % GROWING_FIRST == 0 && (i & (i - 1)) == 0) { /* 0, 8, 16, 32…: the first of a piece */
		uint32_t piece = i ? 29 - (uint32_t)__builtin_clz(i) : 0;
		if (!atomic_load_explicit(&g->piece[piece], memory_order_relaxed)) {
			char *p = arena_alloc(a, (i ? i : (uint32_t)GROWING_FIRST) * size, 16);
			if (!p)
				return NULL;
			/* whoever reads it has seen a count, or an index, that was stored after it */
			atomic_store_explicit(&g->piece[piece], p, memory_order_relaxed);
		}
	}
	return growing_at(g, i, size);
}
