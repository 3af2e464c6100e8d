/* A hash index from names to small numbers that is read without a lock while one writer at a time adds. Entries are
 * never removed. It keeps 32 bits of each hash beside the number, so that nearly every probe that is not the one sought
 * ends without touching the thing itself. A table that has been outgrown stays where it is for those still reading it:
 * all old ones together are as large as the present one. */
#ifndef STORE_INDEX_H
#define STORE_INDEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

struct index_slots {
	uint64_t mask;
	_Atomic uint64_t slot[]; /* hash >> 32 << 32 | number + 1; 0: empty */
};

struct index {
	_Atomic(struct index_slots *) slots;
	uint32_t count;
};

struct index_probe {
	const struct index_slots *slots;
	uint64_t at, tag;
};

static inline struct index_probe index_probe(struct index *ix, uint64_t hash)
{
	return (struct index_probe){ atomic_load_explicit(&ix->slots, memory_order_acquire), hash, hash >> 32 };
}

/* The next number whose hash fits; false when there is no more. The caller compares the names. */
static inline bool index_next(struct index_probe *p, uint32_t *number)
{
	if (!p->slots)
		return false;
	for (;;) {
		uint64_t s = atomic_load_explicit(&p->slots->slot[p->at++ & p->slots->mask], memory_order_acquire);
		if (s == 0)
			return false;
		if (s >> 32 == p->tag) {
			*number = (uint32_t)s - 1;
			return true;
		}
	}
}

/* Under the writer's lock. hash_of gives a number's hash again when the table grows. False: out of memory. */
bool index_add(struct index *ix, struct arena *a, uint64_t hash, uint32_t number,
    uint64_t (*hash_of)(const void *owner, uint32_t number), const void *owner);

#endif
