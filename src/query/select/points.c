/* Accumulators to points of a call's answer, and what calls around the innermost make of them. */
#include <stdlib.h>

#include "query/select/buckets.h"

bool point_list_add(struct point_list *l, struct select_point p, struct budget *b, struct errbuf *eb)
{
	if (l->count == l->room) {
		size_t room = l->room ? l->room * 2 : 8;
		struct select_point *of = select_take(b, room * sizeof *of, eb);
		if (!of)
			return false;
		if (l->count)
			memcpy(of, l->of, l->count * sizeof *of);
		select_give(b, l->of, l->room * sizeof *of);
		l->of = of;
		l->room = room;
	}
	l->of[l->count++] = p;
	return true;
}

void point_list_free(struct point_list *l, struct budget *b)
{
	select_give(b, l->of, l->room * sizeof *l->of);
	*l = (struct point_list){ 0 };
}

static bool keeps_time(const struct buckets *b, const struct function *f)
{
	if (f->kind == FUNCTION_MULTIPLE)
		return strcmp(f->name, "distinct") != 0;
	if (f->ordered)
		return true;
	return f->kind == FUNCTION_SELECTOR && b->run->node->is_selector && !b->run->node->grid.interval_ns;
}

static enum err take_points(
    struct buckets *b, const struct select_call *c, const struct window *w, void *acc, struct point_list *out)
{
	struct select_run *r = b->run;
	const struct function_call *f = &c->stages[0];
	int64_t bucket_ns = window_time(w);
	struct function_point *points;
	uint32_t count;
	enum err e = accumulator_finish(f, acc, bucket_ns, &points, &count, r->budget, r->eb);

	for (uint32_t i = 0; e == ERR_OK && i < count; i++) {
		struct select_point p = { .time_ns = bucket_ns,
			.own_ns = points[i].time_ns,
			.value = points[i].value,
			.series = points[i].series,
			.aux = UINT32_MAX };
		if (keeps_time(b, f->fn))
			p.time_ns = p.own_ns;
		if (!point_list_add(out, p, r->budget, r->eb))
			e = ERR_TOOBIG;
	}
	return e;
}

/* The innermost call's points, bucket after bucket in order of the rows. */
static enum err first_points(struct buckets *b, uint32_t group, const struct select_call *c, struct point_list *out)
{
	const struct bucket_group *g = &b->groups[group];
	uint32_t width = UINT32_C(1) << b->shift;
	bool falling = b->run->node->is_descending;
	enum err e = ERR_OK;

	for (uint32_t i = 0; e == ERR_OK && i < g->count; i++) {
		const struct bucket_page *p = &g->pages[falling ? g->count - 1 - i : i];
		for (uint32_t k = 0; e == ERR_OK && k < width; k++) {
			uint32_t at = falling ? width - 1 - k : k;
			struct window w = bucket_window(b, p->key, at);
			e = take_points(b, c, &w, p->states + at * b->stride + c->state_at, out);
		}
		if (e == ERR_OK)
			e = budget_check(b->run->budget, b->run->eb);
	}
	return e;
}

/* count(distinct(v)): the points of each bucket, counted. */
static enum err aggregate_again(
    struct buckets *b, const struct function_call *f, const struct point_list *in, struct point_list *out)
{
	struct select_run *r = b->run;
	enum err e = ERR_OK;
	size_t size = accumulator_size(f);
	void *acc = select_take(r->budget, size, r->eb);

	if (!acc)
		return ERR_TOOBIG;
	for (size_t i = 0, j; e == ERR_OK && i < in->count; i = j) {
		struct function_point *points;
		uint32_t count = 0;
		memset(acc, 0, size);
		for (j = i; e == ERR_OK && j < in->count && in->of[j].time_ns == in->of[i].time_ns; j++)
			e = accumulator_add_cell(
			    f, acc, in->of[j].series, in->of[j].time_ns, in->of[j].value, r->budget, r->eb);
		if (e == ERR_OK)
			e = accumulator_finish(f, acc, in->of[i].time_ns, &points, &count, r->budget, r->eb);
		for (uint32_t k = 0; e == ERR_OK && k < count; k++)
			if (!point_list_add(out,
				(struct select_point){
				    in->of[i].time_ns, in->of[i].time_ns, points[k].value, UINT32_MAX, UINT32_MAX },
				r->budget, r->eb))
				e = ERR_TOOBIG;
		accumulator_fini(f, acc, r->budget);
	}
	select_give(r->budget, acc, size);
	return e;
}

static bool add_point(struct buckets *b, struct point_list *out, const struct function_point *p)
{
	return point_list_add(out, (struct select_point){ p->time_ns, p->time_ns, p->value, UINT32_MAX, UINT32_MAX },
	    b->run->budget, b->run->eb);
}

static enum err transform_again(
    struct buckets *b, const struct function_call *f, struct filler *in, struct point_list *out)
{
	struct select_run *r = b->run;
	struct transform *t;
	struct select_point p;
	struct function_point made, *rest;
	uint32_t count;
	bool has;
	enum err e = transform_new(&t, f, r->budget, r->eb);

	while (e == ERR_OK && filler_next(in, &p)) {
		e = budget_check(r->budget, r->eb);
		if (p.value.type == CELL_NULL || e != ERR_OK)
			continue;
		e = transform_push(t, p.time_ns, p.value, &made, &has, r->eb);
		if (e == ERR_OK && has && !add_point(b, out, &made))
			e = ERR_TOOBIG;
	}
	if (e == ERR_OK)
		e = transform_finish(t, &rest, &count, r->eb);
	for (uint32_t i = 0; e == ERR_OK && i < count; i++)
		if (!add_point(b, out, &rest[i]))
			e = ERR_TOOBIG;
	transform_free(t);
	return e;
}

/* The chain did all of it, but for what comes at the end. */
static enum err chain_points(struct buckets *b, uint32_t group, uint32_t slot, struct point_list *out)
{
	struct bucket_group *g = &b->groups[group];
	struct point_list *l = &g->transformed[slot];
	struct function_point p, *rest;
	uint32_t count = 0;
	bool has;
	enum err e = select_chain_finish(g->chains[slot], &p, &has, b->run->eb);

	if (e == ERR_OK && has && !add_point(b, l, &p))
		e = ERR_TOOBIG;
	if (e == ERR_OK)
		e = select_chain_rest(g->chains[slot], &rest, &count, b->run->eb);
	for (uint32_t i = 0; e == ERR_OK && i < count; i++)
		if (!add_point(b, l, &rest[i]))
			e = ERR_TOOBIG;
	*out = *l;
	*l = (struct point_list){ 0 };
	return e;
}

enum err buckets_points(struct buckets *b, uint32_t group, uint32_t slot, struct point_list *out)
{
	const struct select_call *c = b->run->node->slots[slot].call;
	struct point_list list = { 0 };
	uint32_t stage = 1;
	enum err e = ERR_OK;

	if (c->is_transform)
		return chain_points(b, group, slot, out);
	e = first_points(b, group, c, &list);
	for (; e == ERR_OK && stage < c->stage_count; stage++) {
		struct point_list next = { 0 };
		const struct function_call *f = &c->stages[stage];
		struct filler in;
		if (f->fn->kind == FUNCTION_TRANSFORM) {
			filler_init(&in, b, slot, stage - 1, &list);
			e = transform_again(b, f, &in, &next);
		} else {
			e = aggregate_again(b, f, &list, &next);
		}
		point_list_free(&list, b->run->budget);
		list = next;
	}
	*out = list;
	return e;
}

void buckets_forget(struct buckets *b, uint32_t group)
{
	struct select_run *r = b->run;
	struct bucket_group *g = &b->groups[group];
	size_t bytes = b->stride << b->shift;

	for (uint32_t i = 0; i < g->count; i++) {
		for (size_t n = 0; n < (size_t)1 << b->shift; n++)
			for (uint32_t k = 0; k < b->call_count; k++) {
				const struct select_call *c = r->node->slots[b->calls[k]].call;
				if (!c->is_transform)
					accumulator_fini(
					    &c->stages[0], g->pages[i].states + n * b->stride + c->state_at, r->budget);
			}
		select_give(r->budget, g->pages[i].states, bytes);
	}
	select_give(r->budget, g->memory, g->room * sizeof *g->memory);
	for (uint32_t k = 0; g->chains && k < b->call_count; k++) {
		select_chain_free(g->chains[b->calls[k]]);
		point_list_free(&g->transformed[b->calls[k]], r->budget);
	}
	*g = (struct bucket_group){ 0 };
}
