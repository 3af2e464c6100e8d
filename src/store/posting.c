#include "store/posting.h"

#include "base/varint.h"

enum { CHUNK_FIRST = 8, CHUNK_MAX = 1024, NUMBER_BYTES_MAX = 5 };

bool posting_prepare(struct posting *p, struct arena *a)
{
	uint32_t count = atomic_load_explicit(&p->count, memory_order_relaxed);

	if (count == 0 || p->room - p->used >= NUMBER_BYTES_MAX)
		return true;
	uint16_t room = p->room == 0 ? CHUNK_FIRST : p->room >= CHUNK_MAX ? CHUNK_MAX : (uint16_t)(p->room * 2);
	struct posting_chunk *k = arena_alloc(a, sizeof *k + room, 8);
	if (!k)
		return false;
	k->base = p->last;
	k->before = count;
	if (p->tail)
		atomic_store_explicit(&p->tail->next, k, memory_order_release);
	else
		p->chunks = k;
	p->tail = k;
	p->used = 0;
	p->room = room;
	return true;
}

void posting_add(struct posting *p, uint32_t number)
{
	uint32_t count = atomic_load_explicit(&p->count, memory_order_relaxed);

	if (count == 0) {
		p->first = number;
	} else {
		p->used = (uint16_t)(p->used + varint_put(p->tail->bytes + p->used, number - p->last));
	}
	p->last = number;
	atomic_store_explicit(&p->count, count + 1, memory_order_release);
}

/* A chunk that begins at or behind the cursor's end was made later, and is not looked into. */
static const struct posting_chunk *chunk_after(const struct posting_cursor *c)
{
	const struct posting_chunk *next = atomic_load_explicit(
	    &((struct posting_chunk *)c->chunk)->next, memory_order_acquire);

	return next && next->before < c->count ? next : NULL;
}

static void enter(struct posting_cursor *c, const struct posting_chunk *k)
{
	c->chunk = k;
	c->at = k->bytes;
	c->index = k->before;
	c->value = k->base;
	const struct posting_chunk *next = chunk_after(c);
	c->chunk_end = next ? next->before : c->count;
}

struct posting_cursor posting_begin(const struct posting *p)
{
	struct posting_cursor c = { .count = posting_count(p) };

	if (c.count > 0)
		c.value = p->first; /* of index 0: not in a chunk */
	if (c.count > 1)
		c.chunk = p->chunks;
	return c;
}

bool posting_next(struct posting_cursor *c, uint32_t *number)
{
	if (c->index >= c->count)
		return false;
	if (c->index == 0) {
		*number = c->value;
		if (c->chunk)
			enter(c, c->chunk);
		c->index = 1;
		return true;
	}
	if (c->index == c->chunk_end)
		enter(c, chunk_after(c));
	/* not varint_get: these were written here and are whole, and this is read for every number of a list */
	uint32_t d = *c->at & 0x7F;
	for (unsigned shift = 7; *c->at++ & 0x80; shift += 7)
		d |= (uint32_t)(*c->at & 0x7F) << shift;
	c->value += d;
	c->index++;
	*number = c->value;
	return true;
}

bool posting_seek(struct posting_cursor *c, uint32_t least, uint32_t *number)
{
	const struct posting_chunk *next;

	while (c->index > 0 && c->index < c->count && (next = chunk_after(c)) && next->base < least)
		enter(c, next);
	while (posting_next(c, number)) {
		if (*number >= least)
			return true;
		while (c->index < c->count && (next = chunk_after(c)) && next->base < least)
			enter(c, next);
	}
	return false;
}
