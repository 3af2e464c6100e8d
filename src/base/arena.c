#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>

struct arena_block {
	struct arena_block *next;
	char bytes[] __attribute__((aligned(16)));
};

void arena_init(struct arena *a, size_t block_size, size_t max)
{
	*a = (struct arena){ .block_size = block_size, .max = max };
}

void arena_fini(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *b = a->blocks;
		a->blocks = b->next;
		free(b);
	}
	*a = (struct arena){ .block_size = a->block_size, .max = a->max };
}

static char *new_block(struct arena *a, size_t n)
{
	size_t size = sizeof(struct arena_block) + n;

	if (n > a->max || size > a->max - a->used)
		return NULL;
	struct arena_block *b = calloc(1, size);
	if (!b)
		return NULL;
	b->next = a->blocks;
	a->blocks = b;
	a->used += size;
	return b->bytes;
}

void *arena_alloc(struct arena *a, size_t n, size_t align)
{
	uintptr_t at = ((uintptr_t)a->at + align - 1) & ~(uintptr_t)(align - 1);

	if (a->at && at <= (uintptr_t)a->end && n <= (uintptr_t)a->end - at) {
		a->at = (char *)at + n;
		return (char *)at;
	}
	if (n > a->block_size / 4) /* a large piece gets a block of its own; the present one goes on */
		return new_block(a, n);
	char *p = new_block(a, a->block_size);
	if (!p)
		return NULL;
	a->at = p + n;
	a->end = p + a->block_size;
	return p;
}

char *arena_copy(struct arena *a, struct view v)
{
	char *p = arena_alloc(a, v.len + 1, 1);

	if (p && v.len)
		memcpy(p, v.p, v.len);
	return p;
}
