/* Bump allocation with a ceiling: many small pieces, freed at one stroke. Memory is zeroed. Owner: one thread. An arena may
 * take its blocks from an account that others take from, too; then that account is its ceiling. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/view.h"

struct arena_block;
struct arena_meter {
	bool (*take)(void *account, size_t bytes); /* false: it has no more */
	void (*give)(void *account, size_t bytes);
};
struct arena {
	struct arena_block *blocks, *spare; /* spare: of block_size, from before arena_clear */
	char *at, *end;
	size_t used, max, block_size; /* used: what was taken from the system */
	bool dirty; /* the block at hand was used before */
	const struct arena_meter *meter; /* NULL: none */
	void *account;
};

void arena_init(struct arena *a, size_t block_size, size_t max);
/* The meter and the account outlive it. */
void arena_init_metered(struct arena *a, size_t block_size, const struct arena_meter *meter, void *account);
void arena_fini(struct arena *a);
/* Forgets everything, and keeps the blocks for what comes next. */
void arena_clear(struct arena *a);
/* NULL above the ceiling or without memory. align is a power of two, at most 16. */
void *arena_alloc(struct arena *a, size_t n, size_t align);
/* The same without the zeros, for what is written whole at once. */
void *arena_alloc_raw(struct arena *a, size_t n, size_t align);
/* A terminated copy, or NULL. */
char *arena_copy(struct arena *a, struct view v);

#endif
