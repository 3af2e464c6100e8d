/* A set of series of one measurement, by ordinal: a bit each, below a size that is fixed at birth. So a set is of one
 * moment: series that are added later are not in it, and no operation puts them there. Owner: one thread. */
#ifndef STORE_SERIES_SET_H
#define STORE_SERIES_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct series_set {
	uint32_t size; /* ordinals are below it */
	uint64_t *words;
};

/* Without members. False: out of memory; fini is fine. */
NODISCARD bool series_set_init(struct series_set *s, uint32_t size);
void series_set_fini(struct series_set *s); /* of a zeroed one too */

void series_set_fill(struct series_set *s); /* all below size */
void series_set_not(struct series_set *s);
/* With another set of the same size. */
void series_set_and(struct series_set *s, const struct series_set *other);
void series_set_or(struct series_set *s, const struct series_set *other);

uint32_t series_set_count(const struct series_set *s);
/* The first member from *at on, into *at; false: none. Begin with 0, go on with the member + 1. */
bool series_set_next(const struct series_set *s, uint32_t *at);

static inline bool series_set_has(const struct series_set *s, uint32_t ordinal)
{
	return ordinal < s->size && s->words[ordinal / 64] >> ordinal % 64 & 1;
}

static inline void series_set_add(struct series_set *s, uint32_t ordinal) /* of size or above: nothing */
{
	if (ordinal < s->size)
		s->words[ordinal / 64] |= UINT64_C(1) << ordinal % 64;
}

static inline void series_set_remove(struct series_set *s, uint32_t ordinal)
{
	if (ordinal < s->size)
		s->words[ordinal / 64] &= ~(UINT64_C(1) << ordinal % 64);
}

#endif
