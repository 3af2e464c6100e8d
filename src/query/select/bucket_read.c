/* The read that fills the accumulators: of which tiers, in which direction, and when it may end. */
#include <stdlib.h>

#include "query/select/buckets.h"

struct turn { /* of a series of a step */
	uint32_t member, at;
};

static int by_turn(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;

	return (x->member > y->member) - (x->member < y->member);
}

/* Of a subquery's series: where times and values are equal first() is that of the first series, last() that of the last one. */
static enum err add_in_turn(struct buckets *b, const struct source_step *s)
{
	struct select_run *r = b->run;
	bool from_end = b->descending_read != r->node->is_descending; /* members are in the order of the answer */
	size_t bytes = s->count * sizeof(struct turn);
	struct turn *turns = select_take(r->budget, bytes, r->eb);
	enum err e = turns ? ERR_OK : ERR_TOOBIG;

	for (uint32_t i = 0; turns && i < s->count; i++) {
		uint32_t member = r->groups.member_of[s->of[i].series];
		turns[i] = (struct turn){ from_end ? UINT32_MAX - member : member, i };
	}
	if (turns)
		qsort(turns, s->count, sizeof *turns, by_turn);
	for (uint32_t i = 0; e == ERR_OK && i < s->count; i++)
		e = buckets_add_series(b, &s->of[turns[i].at]);
	select_give(r->budget, turns, bytes);
	return e;
}

static enum err on_step(void *arg, const struct source_step *s)
{
	struct buckets *b = arg;
	enum err e = ERR_OK;

	b->tier = s->tier;
	const bool in_turn = b->ends_early && b->run->is_table && s->count > 1;
	if (in_turn)
		e = add_in_turn(b, s);
	for (uint32_t i = 0; !in_turn && e == ERR_OK && i < s->count; i++)
		e = buckets_add_series(b, &s->of[i]);
	if (e == ERR_OK && b->is_merged && s->tier == TIER_RAW)
		e = buckets_merge_step(b, s);
	return e == ERR_OK && b->ends_early && b->unseen == 0 ? ERR_CLOSED : e;
}

/* ---- the read ---- */

/* Which aggregates of the rollups are enough; 0: raw rows are needed. */
static unsigned rollup_needs(const struct buckets *b, bool *percentiles)
{
	const struct select_run *r = b->run;
	const struct select_node *n = r->node;
	unsigned needs = 0;

	*percentiles = false;
	if (r->filter || r->is_table || n->ref_count || b->is_merged)
		return 0;
	for (uint32_t i = 0; i < b->call_count; i++) {
		const struct select_call *c = n->slots[b->calls[i]].call;
		const struct function *f = c->stages[0].fn;
		bool numeric = c->stages[0].in == VALUE_FLOAT || c->stages[0].in == VALUE_INTEGER ||
		    c->stages[0].in == VALUE_UNSIGNED;
		bool own_time = n->is_selector && !n->grid.interval_ns;
		const struct select_bind *bind = &r->binds[c->field_slot];
		if (!f->from_rollups || !numeric || (own_time && !f->rollups_keep_time) || bind->from != bind->to ||
		    c->from_ns != n->read_from_ns || c->to_ns != n->read_to_ns)
			return 0;
		needs |= f->aggregates;
		*percentiles |= strcmp(f->name, "percentile") == 0 || strcmp(f->name, "median") == 0;
	}
	return needs ? needs : READ_SUM;
}

static enum err read_rows(struct buckets *b)
{
	struct select_run *r = b->run;
	uint32_t n = 0;
	size_t bytes = (r->source->series_count + 1) * sizeof(uint32_t);
	uint32_t *series = select_take(r->budget, bytes, r->eb);
	struct source_read rd = { .series = series,
		.fields = r->fields,
		.from_ns = r->node->read_from_ns,
		.to_ns = r->node->read_to_ns,
		.descending = b->descending_read,
		.in_parts = !b->descending_read && !b->is_merged,
		.step = on_step,
		.arg = b };

	if (!series)
		return ERR_TOOBIG;
	for (uint32_t i = 0; i < r->source->series_count; i++)
		if (r->groups.group_of[i] != UINT32_MAX)
			series[n++] = i;
	rd.series_count = n;
	rd.aggregates = rollup_needs(b, &rd.percentiles);
	window_step(&r->node->grid, &rd.grid_ns, &rd.grid_offset_ns);
	enum err e = select_read(r, &rd);
	select_give(r->budget, series, bytes);
	return e;
}

enum err buckets_read(struct buckets *b)
{
	const struct select_run *r = b->run;
	const struct select_node *n = r->node;
	const char *only = NULL;

	b->descending_read = n->is_descending;
	b->ends_early = !n->grid.interval_ns;
	for (uint32_t i = 0; i < b->call_count; i++)
		n->slots[b->calls[i]].call->stages[0].value_only = !n->is_selector ||
		    (n->grid.interval_ns && !n->ref_count);
	for (uint32_t i = 0; i < b->call_count; i++) {
		const struct select_call *c = n->slots[b->calls[i]].call;
		const char *name = c->stages[0].fn->name;
		bool fits = (strcmp(name, "first") == 0 || strcmp(name, "last") == 0) &&
		    (!only || strcmp(only, name) == 0);
		b->ends_early &= fits;
		only = name;
	}
	if (b->ends_early && only)
		b->descending_read = strcmp(only, "last") == 0;
	b->ends_early &= only != NULL;
	b->unseen = (size_t)r->groups.count * b->call_count;
	b->seen = select_take(r->budget, b->unseen, r->eb);
	size_t bytes = b->unseen;
	if (!b->seen)
		return ERR_TOOBIG;
	enum err e = read_rows(b);
	select_give(r->budget, b->seen, bytes);
	return e;
}
