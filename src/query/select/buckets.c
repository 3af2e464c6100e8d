#include "query/select/buckets.h"

#include <stdlib.h>

#include "query/select/resolve.h"

enum { PAGE_BYTES = 16 << 10, PAGE_SHIFT_MAX = 6 };

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* ---- states ---- */

static void place_of(const struct buckets *b, int64_t from_ns, int64_t *key, uint32_t *n)
{
	const struct window_grid *g = &b->run->node->grid;
	int64_t index;

	*n = 0;
	*key = 0;
	if (!g->interval_ns)
		return;
	*key = from_ns;
	if (g->zone)
		return;
	if (__builtin_sub_overflow(from_ns, g->offset_ns, &index))
		index = from_ns;
	index = floor_div(index, g->interval_ns);
	*key = index >> b->shift;
	*n = (uint32_t)(index & ((1 << b->shift) - 1));
}

struct window bucket_window(const struct buckets *b, int64_t key, uint32_t n)
{
	const struct window_grid *g = &b->run->node->grid;
	int64_t from;

	if (!g->interval_ns || g->zone)
		return window_of(g, key);
	int64_t index = key * (1 << b->shift) + n;
	if (__builtin_mul_overflow(index, g->interval_ns, &from) || __builtin_add_overflow(from, g->offset_ns, &from) ||
	    from < IQL_TIME_MIN)
		from = IQL_TIME_MIN;
	return window_of(g, from);
}

/* Room for one more before the page `at` or behind the one in front of it, wherever fewer must move: reads go up or down. */
static bool make_room(struct buckets *b, struct bucket_group *g, uint32_t at)
{
	const bool in_front = at < g->count / 2 || (at == 0 && b->descending_read);
	uint32_t before = (uint32_t)(g->pages - g->memory);

	if (in_front ? before == 0 : before + g->count == g->room) {
		uint32_t room = g->room ? g->room * 2 : 4;
		struct bucket_page *memory = select_take(b->run->budget, room * sizeof *memory, b->run->eb);
		if (!memory)
			return false;
		before = in_front ? room - g->room : 0;
		if (g->count)
			memcpy(memory + before, g->pages, g->count * sizeof *memory);
		select_give(b->run->budget, g->memory, g->room * sizeof *memory);
		g->memory = memory;
		g->pages = memory + before;
		g->room = room;
	}
	if (in_front) {
		g->pages--;
		memmove(g->pages, g->pages + 1, at * sizeof *g->pages);
	} else {
		memmove(g->pages + at + 1, g->pages + at, (g->count - at) * sizeof *g->pages);
	}
	g->count++;
	return true;
}

static struct bucket_page *add_page(struct buckets *b, struct bucket_group *g, uint32_t at, int64_t key)
{
	unsigned char *states = select_take(b->run->budget, b->stride << b->shift, b->run->eb);

	if (!states)
		return NULL;
	if (!make_room(b, g, at)) {
		select_give(b->run->budget, states, b->stride << b->shift);
		return NULL;
	}
	g->pages[at] = (struct bucket_page){ key, states };
	return &g->pages[at];
}

/* Where the range has no beginning, how many buckets there are is known when they are made: from the first to the last. */
static bool extend(struct buckets *b, int64_t from_ns)
{
	struct select_run *r = b->run;
	const uint64_t most = r->budget->max_buckets;

	if (b->first_ns > b->last_ns)
		b->first_ns = b->last_ns = from_ns;
	b->first_ns = from_ns < b->first_ns ? from_ns : b->first_ns;
	b->last_ns = from_ns > b->last_ns ? from_ns : b->last_ns;
	if (!most || !r->node->grid.interval_ns)
		return true;
	uint64_t count = ((uint64_t)b->last_ns - (uint64_t)b->first_ns) / (uint64_t)r->node->grid.interval_ns + 1;
	return count <= most || select_refuse_buckets(r->eb, count, most) == ERR_OK;
}

unsigned char *buckets_state(struct buckets *b, struct bucket_group *g, int64_t from_ns)
{
	int64_t key;
	uint32_t n, low = 0, high = g->count;

	if ((from_ns < b->first_ns || from_ns > b->last_ns) && !extend(b, from_ns))
		return NULL;
	place_of(b, from_ns, &key, &n);
	if (g->at < g->count && g->pages[g->at].key == key)
		return g->pages[g->at].states + n * b->stride;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (g->pages[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	g->at = low;
	if (low < g->count && g->pages[low].key == key)
		return g->pages[low].states + n * b->stride;
	struct bucket_page *p = add_page(b, g, low, key);
	return p ? p->states + n * b->stride : NULL;
}

/* ---- from beginning to end ---- */

bool buckets_is_ordered(const struct select_call *c)
{
	return c->is_transform || c->stages[0].fn->ordered;
}

static enum err lay_out(struct buckets *b)
{
	struct select_run *r = b->run;
	const struct select_node *n = r->node;

	b->calls = arena_alloc(r->work->arena, (n->slot_count + 1) * sizeof *b->calls, 8);
	b->columns = arena_alloc(r->work->arena, (n->slot_count + 1) * sizeof *b->columns, 8);
	if (!b->calls || !b->columns)
		return select_no_memory(r->work);
	for (uint32_t i = 0; i < n->slot_count; i++) {
		struct select_call *c = n->slots[i].call;
		if (!c || c->is_absent || !c->stage_count)
			continue;
		b->calls[b->call_count++] = i;
		b->is_merged |= buckets_is_ordered(c);
		if (c->is_transform)
			continue;
		c->state_at = b->stride;
		b->stride += (accumulator_size(&c->stages[0]) + 15) / 16 * 16;
		enum err e = buckets_number_combinations(r, &c->stages[0], c->exprs[0]);
		if (e != ERR_OK)
			return e;
	}
	uint64_t buckets = n->grid.zone ? 1 : window_count(&n->grid);
	while (b->shift < PAGE_SHIFT_MAX && (UINT64_C(1) << b->shift) < buckets &&
	    (b->stride << b->shift) < PAGE_BYTES / 2)
		b->shift++;
	return ERR_OK;
}

static enum err make_chains(struct buckets *b)
{
	struct select_run *r = b->run;
	uint32_t slots = r->node->slot_count;

	for (uint32_t g = 0; g < r->groups.count; g++)
		for (uint32_t k = 0; k < b->call_count; k++) {
			const struct select_call *c = r->node->slots[b->calls[k]].call;
			struct bucket_group *x = &b->groups[g];
			if (!c->is_transform)
				continue;
			if (!x->chains) {
				x->chains = arena_alloc(
				    &r->groups.arena, (slots + 1) * sizeof(struct select_chain *), 8);
				x->transformed = arena_alloc(&r->groups.arena, (slots + 1) * sizeof *x->transformed, 8);
			}
			if (!x->chains || !x->transformed)
				return errbuf_set(
				    r->eb, ERR_TOOBIG, "the query has more groups than fit into its memory");
			enum err e = select_chain_new(&x->chains[b->calls[k]], r->node, c, r->budget, r->eb);
			if (e != ERR_OK)
				return e;
		}
	return ERR_OK;
}

enum err select_run_buckets(struct select_run *r)
{
	struct buckets b = { .run = r, .first_ns = INT64_MAX, .last_ns = INT64_MIN };
	size_t bytes = r->groups.count * sizeof *b.groups;
	enum err e = ERR_OK;

	if (r->groups.count == 0)
		return ERR_OK;
	budget_arena(r->budget, &b.step, 64 << 10);
	b.groups = select_take(r->budget, bytes, r->eb);
	if (!b.groups)
		return ERR_TOOBIG;
	e = lay_out(&b);
	if (e == ERR_OK)
		e = make_chains(&b);
	if (e == ERR_OK)
		e = ends_begin(&b);
	if (e == ERR_OK && b.call_count)
		e = buckets_read(&b);
	if (e == ERR_OK)
		e = ends_settle(&b);
	if (e == ERR_OK && b.call_count)
		e = buckets_answer(&b);
	for (uint32_t i = 0; i < r->groups.count; i++)
		buckets_forget(&b, i);
	ends_free(&b);
	select_give(r->budget, b.groups, bytes);
	arena_fini(&b.step);
	return e;
}
