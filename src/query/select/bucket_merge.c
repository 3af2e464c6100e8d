/* For calls that need the rows of a group in order: those of its series, merged by time. */
#include <stdlib.h>

#include "query/select/buckets.h"
#include "query/select/merge.h"

static enum err add_in_order(
    struct buckets *b, uint32_t group, const struct merge_entry *e, uint32_t row, int64_t time_ns)
{
	struct select_run *r = b->run;
	struct bucket_group *g = &b->groups[group];
	unsigned char *state = NULL;
	enum err err = ERR_OK;

	for (uint32_t k = 0; err == ERR_OK && k < b->call_count; k++) {
		uint32_t slot = b->calls[k];
		const struct select_call *c = r->node->slots[slot].call;
		bool ordered = buckets_is_ordered(c) && (c->is_transform || r->groups.of[group].member_count > 1);
		bool within = r->is_table || (time_ns >= c->from_ns && time_ns < c->to_ns);
		if (!ordered || !e->columns[slot] || !within)
			continue;
		struct cell v = select_cell_of(e->columns[slot], cell_type_of(c->stages[0].in), row, &r->scratch);
		if (v.type == CELL_NULL)
			continue;
		if (c->is_transform) {
			struct function_point p;
			bool has;
			err = select_chain_push(g->chains[slot], time_ns, v, &p, &has, r->eb);
			if (err == ERR_OK && has &&
			    !point_list_add(&g->transformed[slot],
				(struct select_point){ p.time_ns, p.time_ns, p.value, UINT32_MAX, UINT32_MAX },
				r->budget, r->eb))
				err = ERR_TOOBIG;
			continue;
		}
		if (!state)
			state = buckets_state(b, g, window_of(&r->node->grid, time_ns).from_ns);
		err = state ? accumulator_add_cell(
				  &c->stages[0], state + c->state_at, e->rows->series, time_ns, v, r->budget, r->eb)
			    : ERR_TOOBIG;
	}
	return err;
}

static enum err make_entry(struct buckets *b, struct merge_entry *e)
{
	struct select_run *r = b->run;
	uint32_t slots = r->node->slot_count;
	bool any;

	e->member = r->groups.member_of[e->rows->series];
	e->columns = arena_alloc(&b->step, (slots + 1) * sizeof *e->columns, 8);
	if (!e->columns)
		return ERR_NOMEM;
	for (uint32_t k = 0; k < b->call_count; k++)
		e->columns[b->calls[k]] = select_find_column(r, e->rows, r->node->slots[b->calls[k]].call->field_slot);
	if (!r->filter)
		return ERR_OK;
	uint8_t *pass = arena_alloc_raw(&b->step, e->rows->rows.count + 1, 1);
	e->pass = pass;
	return pass ? select_filter_rows(r, e->rows, pass, &any) : ERR_NOMEM;
}

static enum err merge_group(struct buckets *b, uint32_t group, const struct source_step *s, uint32_t first)
{
	struct merge m = { .descending = b->run->node->is_descending };
	struct merge_entry *of, *e;
	uint32_t n = 0, row;
	enum err err = ERR_OK;

	arena_clear(&b->step);
	for (uint32_t i = first; i != UINT32_MAX; i = b->by_group[i])
		n++;
	of = arena_alloc(&b->step, n * sizeof *of, 8);
	m.heap = arena_alloc(&b->step, n * sizeof *m.heap, 8);
	if (!of || !m.heap)
		return ERR_NOMEM;
	n = 0;
	for (uint32_t i = first; err == ERR_OK && i != UINT32_MAX; i = b->by_group[i]) {
		of[n].rows = &s->of[i];
		err = make_entry(b, &of[n++]);
	}
	qsort(of, n, sizeof *of, merge_by_member);
	if (err == ERR_OK)
		merge_start(&m, of, n);
	while (err == ERR_OK && (e = merge_next(&m, &row)) != NULL) {
		err = add_in_order(b, group, e, row, e->rows->rows.times[row]);
		if (err == ERR_OK)
			err = budget_check(b->run->budget, b->run->eb);
	}
	return err;
}

enum err buckets_merge_step(struct buckets *b, const struct source_step *s)
{
	struct select_run *r = b->run;
	size_t bytes = (s->count + r->groups.count) * sizeof(uint32_t);
	uint32_t *links = select_take(r->budget, bytes, r->eb), *heads;
	enum err e = ERR_OK;

	if (!links)
		return ERR_TOOBIG;
	b->by_group = links;
	heads = links + s->count;
	memset(heads, 0xff, r->groups.count * sizeof *heads);
	for (uint32_t i = s->count; i-- > 0;) {
		uint32_t group = r->groups.group_of[s->of[i].series];
		if (group == UINT32_MAX)
			continue;
		links[i] = heads[group];
		heads[group] = i;
	}
	for (uint32_t g = 0; e == ERR_OK && g < r->groups.count; g++)
		if (heads[g] != UINT32_MAX)
			e = merge_group(b, g, s, heads[g]);
	select_give(r->budget, links, bytes);
	return e == ERR_NOMEM ? budget_refuse(r->budget, r->eb) : e;
}
