/* An array that grows without moving what it holds: pieces of 8, 8, 16, 32… elements, each twice as large as the one
 * before. One writer at a time appends; readers take no lock and see what was published. Memory: the writer's arena. */
#ifndef STORE_GROWING_H
#define STORE_GROWING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

enum { GROWING_FIRST = 8, GROWING_PIECES = 18 };
#define GROWING_MAX (UINT32_C(1) << 20) /* elements */

struct growing { /* zeroed: empty */
	_Atomic(char *) piece[GROWING_PIECES];
	_Atomic uint32_t count;
};

static inline uint32_t growing_count(const struct growing *g)
{
	return atomic_load_explicit(&g->count, memory_order_acquire);
}

/* i < growing_count, or the one made by growing_prepare. size: of an element, always the same. */
static inline void *growing_at(const struct growing *g, uint32_t i, size_t size)
{
	uint32_t piece = i < GROWING_FIRST ? 0 : 29 - (uint32_t)__builtin_clz(i);
	uint32_t start = piece ? (uint32_t)GROWING_FIRST << (piece - 1) : 0;

	return atomic_load_explicit(&g->piece[piece], memory_order_relaxed) + (i - start) * size;
}

/* Room for one more behind the last, zeroed the first time; NULL: out of memory, or GROWING_MAX are there. */
void *growing_prepare(struct growing *g, struct arena *a, size_t size);
/* Publishes it; what it holds must be complete. */
static inline void growing_publish(struct growing *g)
{
	atomic_store_explicit(
	    &g->count, atomic_load_explicit(&g->count, memory_order_relaxed) + 1, memory_order_release);
}

#endif
