/* max(v), host, w: the columns beside a selector's point are those of its series at its time. Read after the points are known,
 * and no further than they reach. */
#include <stdlib.h>

#include "query/budget_sort.h"
#include "query/select/buckets.h"

struct winner {
	uint32_t series, aux;
	int64_t time_ns;
};

struct beside {
	struct select_run *run;
	struct winner *of; /* by series, then time */
	uint32_t count;
	struct cell *cells; /* by aux, then slot */
	struct arena texts;
	struct buf scratch;
	size_t bytes;
};

static int by_place(const void *a, const void *b)
{
	const struct winner *x = a, *y = b;

	if (x->series != y->series)
		return x->series < y->series ? -1 : 1;
	return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

const struct cell *beside_cells(const struct beside *x, uint32_t aux)
{
	return x->cells + (size_t)aux * x->run->node->slot_count;
}

static enum err keep_text(struct beside *x, struct cell *c)
{
	struct select_run *r = x->run;
	char *copy = arena_copy(&x->texts, c->s);

	c->s.p = copy;
	return copy ? ERR_OK : budget_refuse(r->budget, r->eb);
}

static uint32_t first_of(const struct beside *x, uint32_t series)
{
	uint32_t low = 0, high = x->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (x->of[middle].series < series)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static enum err take_cells(struct beside *x, const struct source_rows *s, const struct winner *w, uint32_t row)
{
	struct select_run *r = x->run;
	const struct select_node *n = r->node;
	struct cell *cells = x->cells + (size_t)w->aux * n->slot_count;
	enum err e = ERR_OK;

	for (uint32_t i = 0; e == ERR_OK && i < n->slot_count; i++) {
		const struct rows_column *c = n->slots[i].call ? NULL : select_find_column(r, s, n->slots[i].input);
		if (!c)
			continue;
		cells[i] = select_cell_of(c, r->binds[n->slots[i].input].to, row, &x->scratch);
		if (cells[i].type == CELL_STRING)
			e = keep_text(x, &cells[i]);
	}
	return e;
}

static enum err on_step(void *arg, const struct source_step *step)
{
	struct beside *x = arg;
	enum err e = ERR_OK;

	for (uint32_t i = 0; e == ERR_OK && i < step->count; i++) {
		const struct source_rows *s = &step->of[i];
		for (uint32_t k = first_of(x, s->series); e == ERR_OK && k < x->count && x->of[k].series == s->series;
		     k++) {
			uint32_t row = rows_lower_bound(s->rows.times, s->rows.count, x->of[k].time_ns);
			if (row < s->rows.count && s->rows.times[row] == x->of[k].time_ns)
				e = take_cells(x, s, &x->of[k], row);
		}
	}
	return e == ERR_OK ? budget_check(x->run->budget, x->run->eb) : e;
}

static enum err take_tags(struct beside *x)
{
	struct select_run *r = x->run;
	const struct select_node *n = r->node;
	enum err e = ERR_OK;

	for (uint32_t k = 0; k < x->count; k++)
		for (uint32_t i = 0; e == ERR_OK && i < n->slot_count; i++) {
			if (n->slots[i].call || !r->binds[n->slots[i].input].is_tag)
				continue;
			struct cell *c = &x->cells[(size_t)x->of[k].aux * n->slot_count + i];
			*c = select_tag_of(r, x->of[k].series, n->slots[i].input);
			if (c->type == CELL_STRING)
				e = keep_text(x, c);
		}
	return e;
}

static enum err read_fields(struct beside *x)
{
	struct select_run *r = x->run;
	const struct select_node *n = r->node;
	bool *fields = arena_alloc(r->work->arena, r->source->field_count + 1, 1);
	size_t bytes = (x->count + 1) * sizeof(uint32_t);
	uint32_t *series = select_take(r->budget, bytes, r->eb), count = 0;
	int64_t from = INT64_MAX, to = INT64_MIN;
	bool any = false;
	enum err e = ERR_OK;

	if (!fields || !series) {
		select_give(r->budget, series, bytes);
		return ERR_TOOBIG;
	}
	for (uint32_t i = 0; i < n->slot_count; i++)
		if (!n->slots[i].call && r->binds[n->slots[i].input].field >= 0)
			any = fields[r->binds[n->slots[i].input].field] = true;
	for (uint32_t i = 0; i < x->count; i++) {
		if (!count || series[count - 1] != x->of[i].series)
			series[count++] = x->of[i].series;
		from = x->of[i].time_ns < from ? x->of[i].time_ns : from;
		to = x->of[i].time_ns > to ? x->of[i].time_ns : to;
	}
	struct source_read rd = { .series = series,
		.series_count = count,
		.fields = fields,
		.from_ns = from,
		.to_ns = to < INT64_MAX ? to + 1 : to,
		.step = on_step,
		.arg = x };
	if (any && count)
		e = select_read(r, &rd);
	select_give(r->budget, series, bytes);
	return e;
}

static enum err fill_in(struct beside *x, struct buckets *b, struct point_list *lists, uint32_t slot)
{
	uint32_t groups = b->run->groups.count, slots = b->run->node->slot_count;

	for (uint32_t g = 0; g < groups; g++)
		x->count += (uint32_t)lists[(size_t)g * slots + slot].count;
	x->bytes = x->count * (sizeof *x->of + slots * sizeof *x->cells) + 16;
	x->cells = select_take(b->run->budget, x->bytes, b->run->eb);
	if (!x->cells)
		return ERR_TOOBIG;
	x->of = (struct winner *)(x->cells + (size_t)x->count * slots);
	x->count = 0;
	for (uint32_t g = 0; g < groups; g++) {
		struct point_list *l = &lists[(size_t)g * slots + slot];
		for (size_t i = 0; i < l->count; i++) {
			l->of[i].aux = x->count;
			x->of[x->count] = (struct winner){ l->of[i].series, x->count, l->of[i].own_ns };
			x->count++;
		}
	}
	return budget_sort(b->run->budget, x->of, x->count, sizeof *x->of, by_place, b->run->eb);
}

enum err beside_read(struct beside **out, struct buckets *b, struct point_list *lists, uint32_t slot)
{
	struct beside *x = calloc(1, sizeof *x);

	*out = x;
	if (!x)
		return errbuf_set(b->run->eb, ERR_NOMEM, "out of memory");
	x->run = b->run;
	budget_arena(b->run->budget, &x->texts, 16 << 10);
	buf_init(&x->scratch, 1 << 20);
	enum err e = fill_in(x, b, lists, slot);
	if (e == ERR_OK)
		e = take_tags(x);
	return e == ERR_OK ? read_fields(x) : e;
}

void beside_free(struct beside *x)
{
	if (!x)
		return;
	select_give(x->run->budget, x->cells, x->bytes);
	arena_fini(&x->texts);
	buf_fini(&x->scratch);
	free(x);
}
