/* first() and last() of all the range, over several series: where their points are of one time InfluxDB's answer follows from how it
 * reads. Of each shard (a week) it merges the series, by a heap in order of their keys, last() from the end; takes two points of
 * that, and of these the nearer one, or the one of the larger value. So each series has an accumulator of its own here, and
 * of what they come to the two are found by the same heap. */
#include "base/clock.h"
#include "query/select/buckets.h"
#include "query/select/merge.h"
#include "query/select/resolve.h"

enum { DAY_S = 86400, WEEK_DAYS = 7, MONDAY = 3 /* days from the one before the epoch to it */ };

struct choice { /* of a group and call */
	struct buckets *b;
	const struct select_call *call;
	struct merge merge;
	struct merge_entry *entries;
	struct function_point *points; /* of the entries */
	uint32_t count;
	uint32_t *tags, tag_count; /* slots of tags beside the call, by name: they decide between equal times */
};

unsigned char *ends_state(struct buckets *b, uint32_t series)
{
	unsigned char **at = &b->ends[series];

	if (!*at)
		*at = arena_alloc(&b->ends_arena, b->stride, 16);
	if (!*at)
		(void)!budget_refuse(b->run->budget, b->run->eb);
	return *at;
}

enum err ends_begin(struct buckets *b)
{
	struct select_run *r = b->run;
	bool any = false;

	for (uint32_t k = 0; k < b->call_count; k++)
		any |= r->node->slots[b->calls[k]].call->is_end;
	if (r->is_table || !any || r->groups.count == r->source->series_count)
		return ERR_OK;
	budget_arena(r->budget, &b->ends_arena, 64 << 10);
	b->ends = arena_alloc(&b->ends_arena, (r->source->series_count + 1) * sizeof *b->ends, 8);
	return b->ends ? ERR_OK : budget_refuse(r->budget, r->eb);
}

void ends_free(struct buckets *b)
{
	struct select_run *r = b->run;

	for (uint32_t i = 0; b->ends && i < r->source->series_count; i++)
		for (uint32_t k = 0; b->ends[i] && k < b->call_count; k++) {
			const struct select_call *c = r->node->slots[b->calls[k]].call;
			if (c->is_end)
				accumulator_fini(&c->stages[0], b->ends[i] + c->state_at, r->budget);
		}
	if (b->ends)
		arena_fini(&b->ends_arena);
	b->ends = NULL;
}

/* ---- the choice ---- */

static int64_t shard_of(int64_t time_ns)
{
	const int64_t week = WEEK_DAYS * DAY_S, t = time_ns / NS_PER_S - (time_ns % NS_PER_S < 0) + MONDAY * DAY_S;

	return t / week - (t % week < 0);
}

static bool sorts_before(const struct select_node *n, uint32_t x, uint32_t y)
{
	return view_cmp(n->slots[x].expr->text, n->slots[y].expr->text) < 0;
}

/* As far as what is selected beside the call is text: of fields that is not known here. */
static void find_tags(struct choice *c)
{
	const struct select_run *r = c->b->run;
	const struct select_node *n = r->node;
	uint32_t count = 0;

	for (uint32_t i = 0; i < n->slot_count; i++) {
		uint32_t at = count;
		if (n->slots[i].call)
			continue;
		for (count++; at && sorts_before(n, i, c->tags[at - 1]); at--)
			c->tags[at] = c->tags[at - 1];
		c->tags[at] = i;
	}
	while (c->tag_count < count && r->binds[n->slots[c->tags[c->tag_count]].input].is_tag)
		c->tag_count++;
}

static bool comes_before(void *arg, const struct merge_entry *x, const struct merge_entry *y)
{
	struct choice *c = arg;
	struct select_run *r = c->b->run;

	for (uint32_t i = 0; i < c->tag_count; i++) {
		const uint32_t input = r->node->slots[c->tags[i]].input;
		struct cell a = select_tag_of(r, c->points[x->member].series, input);
		buf_clear(&r->scratch); /* the next tag may take the place of this one */
		buf_view(&r->scratch, a.type == CELL_STRING ? a.s : (struct view){ "", 0 });
		struct cell b = select_tag_of(r, c->points[y->member].series, input);
		if (a.type != CELL_STRING || b.type != CELL_STRING || r->scratch.failed)
			return false;
		int order = view_cmp((struct view){ r->scratch.p, r->scratch.len }, b.s);
		if (order)
			return (order < 0) != c->merge.descending;
	}
	return false;
}

/* The points of the series, in order of the series; then those of the shard alone that has the nearest. */
static enum err gather(struct choice *c, const struct select_group *g)
{
	struct select_run *r = c->b->run;
	const bool from_end = c->merge.descending != r->node->is_descending; /* members are in the answer's order */
	int64_t nearest = 0;
	uint32_t kept = 0;

	c->count = 0;
	for (uint32_t i = 0; i < g->member_count; i++) {
		uint32_t series = g->members[from_end ? g->member_count - 1 - i : i].series, n;
		struct function_point *p;
		if (!c->b->ends[series])
			continue;
		enum err e = accumulator_finish(
		    &c->call->stages[0], c->b->ends[series] + c->call->state_at, 0, &p, &n, r->budget, r->eb);
		if (e != ERR_OK)
			return e;
		if (!n)
			continue;
		if (!c->count || (c->merge.descending ? p->time_ns > nearest : p->time_ns < nearest))
			nearest = p->time_ns;
		c->points[c->count] = *p;
		c->points[c->count++].series = series;
	}
	for (uint32_t i = 0; i < c->count; i++) {
		if (shard_of(c->points[i].time_ns) != shard_of(nearest))
			continue;
		c->points[kept] = c->points[i];
		c->entries[kept] = (struct merge_entry){ .member = kept, .time_ns = c->points[kept].time_ns };
		c->merge.heap[kept] = &c->entries[kept];
		kept++;
	}
	c->merge.count = kept;
	return ERR_OK;
}

static enum err choose(struct choice *c, uint32_t group)
{
	struct select_run *r = c->b->run;
	enum err e = gather(c, &r->groups.of[group]);

	if (e != ERR_OK || !c->merge.count)
		return e;
	merge_order(&c->merge);
	for (int i = 0; i < 2 && e == ERR_OK && c->merge.count; i++) {
		const struct function_point *p = &c->points[merge_pop(&c->merge)->member];
		unsigned char *state = buckets_state(
		    c->b, &c->b->groups[group], window_of(&r->node->grid, p->time_ns).from_ns);
		e = state ? accumulator_add_cell(&c->call->stages[0], state + c->call->state_at, p->series, p->time_ns,
				p->value, r->budget, r->eb)
			  : ERR_TOOBIG;
	}
	return e == ERR_OK ? budget_work(r->budget, r->groups.of[group].member_count, r->eb) : e;
}

enum err ends_settle(struct buckets *b)
{
	struct select_run *r = b->run;
	struct choice c = { .b = b };
	uint32_t most = 0;
	enum err e = ERR_OK;

	if (!b->ends)
		return ERR_OK;
	for (uint32_t g = 0; g < r->groups.count; g++)
		most = r->groups.of[g].member_count > most ? r->groups.of[g].member_count : most;
	c.entries = arena_alloc(&b->ends_arena, most * sizeof *c.entries, 8);
	c.points = arena_alloc(&b->ends_arena, most * sizeof *c.points, 8);
	c.merge.heap = arena_alloc(&b->ends_arena, most * sizeof(struct merge_entry *), 8);
	c.tags = arena_alloc(&b->ends_arena, (r->node->slot_count + 1) * sizeof *c.tags, 8);
	if (!c.entries || !c.points || !c.merge.heap || !c.tags)
		return budget_refuse(r->budget, r->eb);
	find_tags(&c);
	c.merge.before = comes_before;
	c.merge.arg = &c;
	for (uint32_t k = 0; k < b->call_count; k++) {
		c.call = r->node->slots[b->calls[k]].call;
		c.merge.descending = c.call->is_end && strcmp(c.call->stages[0].fn->name, "last") == 0;
		for (uint32_t g = 0; c.call->is_end && e == ERR_OK && g < r->groups.count; g++)
			if (r->groups.of[g].member_count > 1)
				e = choose(&c, g);
	}
	return e;
}
