/* A list of ascending numbers that only grows: the series that carry a tag. The first number lies in the list itself,
 * the others as differences (varint: 7 bits a byte, the lowest first) in chunks that double up to 1 KiB; each chunk
 * says what came before it, so that a search steps over whole chunks. A list of neighbours costs a byte a number.
 * Threads: one writer at a time appends; readers take no lock and see what was published before their cursor was made. */
#ifndef STORE_POSTING_H
#define STORE_POSTING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct posting_chunk {
	_Atomic(struct posting_chunk *) next;
	uint32_t base; /* the number before its first */
	uint32_t before; /* how many numbers precede it */
	uint8_t bytes[];
};

struct posting { /* zeroed: empty */
	_Atomic uint32_t count;
	uint32_t first;
	struct posting_chunk *chunks; /* where count > 1 */
	struct posting_chunk *tail; /* from here on the writer's alone */
	uint32_t last;
	uint16_t used, room; /* bytes of tail */
};

/* Makes room for one more number, so that posting_add cannot fail. False: out of memory; the list is as it was. */
NODISCARD bool posting_prepare(struct posting *p, struct arena *a);
/* After posting_prepare. number is above all before it. */
void posting_add(struct posting *p, uint32_t number);

static inline uint32_t posting_count(const struct posting *p)
{
	return atomic_load_explicit(&p->count, memory_order_acquire);
}

struct posting_cursor {
	const struct posting_chunk *chunk;
	const uint8_t *at;
	uint32_t index, chunk_end, count; /* of numbers: given out, before the next chunk, in all */
	uint32_t value;
};

struct posting_cursor posting_begin(const struct posting *p);
/* The next number; false at the end. */
bool posting_next(struct posting_cursor *c, uint32_t *number);
/* The first number from least on that has not been given out; false if there is none. */
bool posting_seek(struct posting_cursor *c, uint32_t least, uint32_t *number);

#endif
