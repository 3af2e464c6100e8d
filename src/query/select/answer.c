/* Points of all calls to rows: each call's points are filled and limited by themselves, as InfluxDB does it; those of one time
 * make a row. */
#include "query/select/buckets.h"

struct stream { /* of a call */
	struct filler filler;
	struct select_point point;
	bool has;
	uint64_t passed;
};

struct answer {
	struct buckets *b;
	struct stream *streams; /* by slot */
	struct point_list *lists; /* by group and slot, or of the group at hand */
	struct beside *beside;
	enum err error; /* of the budget, while points were passed over */
};

static bool wanted(const struct iql_limits *l, uint64_t number)
{
	return number > (uint64_t)l->offset && (!l->limit || number - (uint64_t)l->offset <= (uint64_t)l->limit);
}

static void next_point(struct answer *a, struct stream *s)
{
	const struct iql_limits *l = &a->b->run->node->select->limits;

	do {
		a->error = a->error ? a->error : budget_check(a->b->run->budget, a->b->run->eb);
		s->has = !a->error && !(l->limit && s->passed >= (uint64_t)l->limit + (uint64_t)l->offset) &&
		    filler_next(&s->filler, &s->point);
		s->passed += s->has;
	} while (s->has && !wanted(l, s->passed));
}

static bool first_time(const struct answer *a, int64_t *time_ns)
{
	const struct buckets *b = a->b;
	bool falling = b->run->node->is_descending, any = false;

	for (uint32_t k = 0; k < b->call_count; k++) {
		const struct stream *s = &a->streams[b->calls[k]];
		if (!s->has || (any && (falling ? s->point.time_ns <= *time_ns : s->point.time_ns >= *time_ns)))
			continue;
		*time_ns = s->point.time_ns;
		any = true;
	}
	return any;
}

static void take_beside(const struct answer *a, const struct select_point *p)
{
	struct select_emit *emit = a->b->run->emit;
	const struct select_node *n = a->b->run->node;
	const struct cell *cells = p->aux == UINT32_MAX || !a->beside ? NULL : beside_cells(a->beside, p->aux);

	for (uint32_t i = 0; i < n->slot_count; i++) {
		if (n->slots[i].call)
			continue;
		if (cells && cells[i].type != CELL_NULL)
			emit->slots[i] = cells[i];
		else
			select_emit_missing(emit, i);
	}
}

static enum err put_row(struct answer *a, int64_t time_ns)
{
	struct select_run *r = a->b->run;
	const struct select_node *n = r->node;

	for (uint32_t i = 0; i < n->slot_count; i++) {
		struct stream *s = &a->streams[i];
		if (!n->slots[i].call)
			continue;
		if (!s->has || s->point.time_ns != time_ns) {
			select_emit_missing(r->emit, i);
			continue;
		}
		if (s->point.value.type == CELL_NULL)
			select_emit_missing(r->emit, i);
		else
			r->emit->slots[i] = s->point.value;
		if (n->ref_count)
			take_beside(a, &s->point);
		next_point(a, s);
	}
	return select_emit_row(r->emit, time_ns);
}

static enum err put_group(struct answer *a, uint32_t group, const struct point_list *lists)
{
	struct select_run *r = a->b->run;
	struct buckets *b = a->b;
	int64_t time_ns = 0;
	enum err e = ERR_OK;

	select_emit_begin(r->emit, r->source->name, &r->groups.of[group]);
	for (uint32_t k = 0; k < b->call_count; k++) {
		uint32_t slot = b->calls[k];
		struct stream *s = &a->streams[slot];
		*s = (struct stream){ 0 };
		filler_init(&s->filler, b, slot, r->node->slots[slot].call->stage_count - 1, &lists[slot]);
		next_point(a, s);
	}
	while (e == ERR_OK && !a->error && first_time(a, &time_ns))
		e = put_row(a, time_ns);
	return e == ERR_OK ? a->error : e;
}

static enum err group_points(struct answer *a, uint32_t group, struct point_list *lists)
{
	enum err e = ERR_OK;

	for (uint32_t k = 0; e == ERR_OK && k < a->b->call_count; k++)
		e = buckets_points(a->b, group, a->b->calls[k], &lists[a->b->calls[k]]);
	return e;
}

static void free_lists(struct answer *a, struct point_list *lists)
{
	for (uint32_t k = 0; k < a->b->call_count; k++)
		point_list_free(&lists[a->b->calls[k]], a->b->run->budget);
}

static enum err one_by_one(struct answer *a)
{
	struct select_run *r = a->b->run;
	enum err e = ERR_OK;

	for (uint32_t g = 0; e == ERR_OK && g < r->groups.count; g++) {
		e = group_points(a, g, a->lists);
		if (e == ERR_OK)
			e = put_group(a, g, a->lists);
		free_lists(a, a->lists);
		buckets_forget(a->b, g);
	}
	return e;
}

/* All groups' points are known before the columns beside them are read. */
static enum err with_columns_beside(struct answer *a)
{
	struct select_run *r = a->b->run;
	uint32_t slots = r->node->slot_count;
	enum err e = ERR_OK;

	for (uint32_t g = 0; e == ERR_OK && g < r->groups.count; g++)
		e = group_points(a, g, a->lists + (size_t)g * slots);
	if (e == ERR_OK)
		e = beside_read(&a->beside, a->b, a->lists, a->b->calls[0]);
	for (uint32_t g = 0; e == ERR_OK && g < r->groups.count; g++)
		e = put_group(a, g, a->lists + (size_t)g * slots);
	for (uint32_t g = 0; g < r->groups.count; g++)
		free_lists(a, a->lists + (size_t)g * slots);
	beside_free(a->beside);
	return e;
}

enum err buckets_answer(struct buckets *b)
{
	struct select_run *r = b->run;
	uint32_t slots = r->node->slot_count;
	bool beside = r->node->ref_count > 0;
	size_t bytes = (beside ? (size_t)r->groups.count : 1) * slots * sizeof(struct point_list);
	size_t stream_bytes = slots * sizeof(struct stream);
	struct answer a = { .b = b };
	enum err e = ERR_TOOBIG;

	a.lists = select_take(r->budget, bytes, r->eb);
	a.streams = select_take(r->budget, stream_bytes, r->eb);
	if (a.lists && a.streams)
		e = beside ? with_columns_beside(&a) : one_by_one(&a);
	select_give(r->budget, a.lists, bytes);
	select_give(r->budget, a.streams, stream_bytes);
	return e;
}
