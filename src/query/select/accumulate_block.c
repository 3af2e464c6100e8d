/* All values of a bucket, for percentile, median and mode, which want them in one piece when they are all there. Until then they
 * lie in blocks, so that nothing is moved while they come, and as much memory is used as there are values. Times mostly step
 * evenly: then a block has their first and their step. */
#include <stdlib.h>

#include "query/select/function_part.h"

enum { ROOM_MIN = 16, ROOM_MAX = 1024 };

struct list_block {
	struct list_block *next;
	uint32_t count, room;
	uint64_t first_ns, step_ns; /* of the times, modulo 2^64 */
	int64_t *times; /* NULL: they are as those two say */
	uint64_t bits[];
};

static void *take(size_t bytes, struct budget *b, struct errbuf *eb, enum err *e)
{
	*e = budget_take(b, bytes, eb);
	if (*e != ERR_OK)
		return NULL;
	void *p = malloc(bytes);
	if (!p) {
		budget_give(b, bytes);
		*e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	return p;
}

static size_t block_bytes(uint32_t room)
{
	return sizeof(struct list_block) + room * sizeof(uint64_t);
}

/* The next one is as large as all before it. */
static enum err add_block(struct list *l, uint32_t n, struct budget *b, struct errbuf *eb)
{
	uint32_t room = l->count > n ? l->count : n;
	enum err e;

	room = room < ROOM_MIN ? ROOM_MIN : room > ROOM_MAX ? ROOM_MAX : room;
	struct list_block *k = take(block_bytes(room), b, eb, &e);
	if (!k)
		return e;
	*k = (struct list_block){ .room = room };
	*(l->last ? &l->last->next : &l->blocks) = k;
	l->last = k;
	return ERR_OK;
}

/* ---- times ---- */

/* Do n more times go on as the block's do? */
static bool go_on(struct list_block *k, const int64_t *times, uint32_t n)
{
	const uint64_t *t = (const uint64_t *)times;

	if (k->count == 0)
		k->first_ns = t[0];
	if (k->count == 1)
		k->step_ns = t[0] - k->first_ns;
	else if (k->count == 0)
		k->step_ns = n > 1 ? t[1] - t[0] : 0;
	const uint64_t step = k->step_ns;
	bool even = t[0] == k->first_ns + k->count * step;
	for (uint32_t i = 1; i < n; i++)
		even &= t[i] - t[i - 1] == step;
	return even;
}

static void write_times(const struct list_block *k, int64_t *to)
{
	uint64_t t = k->first_ns;

	if (k->times) {
		memcpy(to, k->times, k->count * sizeof *to);
		return;
	}
	for (uint32_t i = 0; i < k->count; i++, t += k->step_ns)
		to[i] = (int64_t)t;
}

static enum err add_times(struct list_block *k, const int64_t *times, uint32_t n, struct budget *b, struct errbuf *eb)
{
	enum err e;

	if (!k->times && go_on(k, times, n))
		return ERR_OK;
	if (!k->times) {
		int64_t *own = take(k->room * sizeof *own, b, eb, &e);
		if (!own)
			return e;
		write_times(k, own);
		k->times = own;
	}
	memcpy(k->times + k->count, times, n * sizeof *times);
	return ERR_OK;
}

/* ---- values ---- */

enum err blocks_add(enum function_id id, struct list *l, const uint64_t *bits, const int64_t *times, uint32_t n,
    struct budget *b, struct errbuf *eb)
{
	enum err e = n > UINT32_MAX - l->count ? budget_take(b, SIZE_MAX, eb) : ERR_OK;

	while (e == ERR_OK && n) {
		if (!l->last || l->last->count == l->last->room)
			e = add_block(l, n, b, eb);
		struct list_block *k = l->last;
		if (e != ERR_OK)
			break;
		uint32_t some = n < k->room - k->count ? n : k->room - k->count;
		if (id != FN_MEDIAN)
			e = add_times(k, times, some, b, eb);
		if (e != ERR_OK)
			break;
		memcpy(k->bits + k->count, bits, some * sizeof *bits);
		k->count += some;
		l->count += some;
		bits += some;
		times += some;
		n -= some;
	}
	return e;
}

static void free_first(struct list *l, struct budget *b)
{
	struct list_block *k = l->blocks;

	l->blocks = k->next;
	if (k->times)
		budget_give(b, k->room * sizeof *k->times);
	free(k->times);
	budget_give(b, block_bytes(k->room));
	free(k);
}

void blocks_free(struct list *l, bool are_texts, struct budget *b)
{
	while (l->blocks) {
		for (uint32_t i = 0; are_texts && i < l->blocks->count; i++)
			text_free(l->blocks->bits[i], b);
		free_first(l, b);
	}
	l->last = NULL;
}

enum err blocks_join(enum function_id id, struct list *l, struct budget *b, struct errbuf *eb)
{
	enum err e;
	uint32_t at = 0;

	if (!l->blocks)
		return ERR_OK;
	uint64_t *bits = take(l->count * list_value_size(id), b, eb, &e);
	if (!bits)
		return e;
	l->bits = bits;
	l->room = l->count;
	l->times = id == FN_MEDIAN ? NULL : (int64_t *)(bits + l->count);
	for (; l->blocks; free_first(l, b)) {
		memcpy(l->bits + at, l->blocks->bits, l->blocks->count * sizeof *l->bits);
		if (l->times)
			write_times(l->blocks, l->times + at);
		at += l->blocks->count;
	}
	l->last = NULL;
	return ERR_OK;
}
