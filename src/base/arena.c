#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>

struct arena_block {
	struct arena_block *next;
	size_t size;
	char bytes[] __attribute__((aligned(16)));
};

void arena_init(struct arena *a, size_t block_size, size_t max)
{
	*a = (struct arena){ .block_size = block_size, .max = max };
}

void arena_init_metered(struct arena *a, size_t block_size, const struct arena_meter *meter, void *account)
{
	arena_init(a, block_size, SIZE_MAX);
	a->meter = meter;
	a->account = account;
}

static void free_block(struct arena *a, struct arena_block *b)
{
	size_t size = sizeof *b + b->size;

	free(b);
	a->used -= size;
	if (a->meter)
		a->meter->give(a->account, size);
}

static void free_all(struct arena *a, struct arena_block **list)
{
	while (*list) {
		struct arena_block *b = *list;
		*list = b->next;
		free_block(a, b);
	}
}

void arena_fini(struct arena *a)
{
	free_all(a, &a->blocks);
	free_all(a, &a->spare);
	a->at = a->end = NULL;
	a->dirty = false;
}

void arena_clear(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *b = a->blocks;
		a->blocks = b->next;
		if (b->size == a->block_size) {
			b->next = a->spare;
			a->spare = b;
		} else {
			free_block(a, b);
		}
	}
	a->at = a->end = NULL;
}

static bool take_room(struct arena *a, size_t size)
{
	if (size > a->max - a->used || (a->meter && !a->meter->take(a->account, size)))
		return false;
	a->used += size;
	return true;
}

/* What was kept for later makes room for what is needed now. */
static struct arena_block *make_block(struct arena *a, size_t n)
{
	size_t size = sizeof(struct arena_block) + n;

	if (size < n)
		return NULL;
	if (!take_room(a, size)) {
		free_all(a, &a->spare);
		if (!take_room(a, size))
			return NULL;
	}
	struct arena_block *b = calloc(1, size);
	if (b) {
		b->size = n;
		return b;
	}
	a->used -= size;
	if (a->meter)
		a->meter->give(a->account, size);
	return NULL;
}

/* *dirty: it was used before. */
static char *new_block(struct arena *a, size_t n, bool *dirty)
{
	struct arena_block *b = n == a->block_size ? a->spare : NULL;

	*dirty = b;
	if (b)
		a->spare = b->next;
	else if ((b = make_block(a, n)) == NULL)
		return NULL;
	b->next = a->blocks;
	a->blocks = b;
	return b->bytes;
}

/* *dirty: the piece is not zeros. */
static void *take(struct arena *a, size_t n, size_t align, bool *dirty)
{
	uintptr_t at = ((uintptr_t)a->at + align - 1) & ~(uintptr_t)(align - 1);

	*dirty = a->dirty;
	if (a->at && at <= (uintptr_t)a->end && n <= (uintptr_t)a->end - at) {
		a->at = (char *)at + n;
		return (char *)at;
	}
	if (n > a->block_size / 4) /* a large piece gets a block of its own; the present one goes on */
		return new_block(a, n, dirty);
	char *p = new_block(a, a->block_size, dirty);
	if (!p)
		return NULL;
	a->dirty = *dirty;
	a->at = p + n;
	a->end = p + a->block_size;
	return p;
}

void *arena_alloc(struct arena *a, size_t n, size_t align)
{
	bool dirty;
	void *p = take(a, n, align, &dirty);

	return p && dirty ? memset(p, 0, n) : p;
}

void *arena_alloc_raw(struct arena *a, size_t n, size_t align)
{
	bool dirty;

	return take(a, n, align, &dirty);
}

char *arena_copy(struct arena *a, struct view v)
{
	char *p = arena_alloc_raw(a, v.len + 1, 1);

	if (p && v.len)
		memcpy(p, v.p, v.len);
	if (p)
		p[v.len] = 0;
	return p;
}
