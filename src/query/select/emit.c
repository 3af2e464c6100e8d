/* Rows on their way out: columns are calculated from the slots; a group's header goes before its first row. */
#include <math.h>

#include "query/select/resolve.h"

enum {
	KEPT_MAX = 1 << 20,
	RUN_ROWS = 1024,
	ROW_WORK = 64
}; /* a row that is written costs as much as so many that are read */

enum err select_emit_init(struct select_emit *e, struct select_work *w, const struct select_node *n,
    const struct result_sink *sink, bool is_top)
{
	struct arena *a = w->arena;

	*e = (struct select_emit){ .node = n, .sink = sink, .budget = w->env->budget, .eb = w->eb, .is_top = is_top };
	e->slots = arena_alloc(a, (n->slot_count + 1) * sizeof *e->slots, 8);
	e->row = arena_alloc(a, (n->column_count + 1) * sizeof *e->row, 8);
	e->names = arena_alloc(a, (n->column_count + 1) * sizeof *e->names, 8);
	e->tags = arena_alloc(a, (n->group_by_count + 1) * sizeof *e->tags, 8);
	e->kept = arena_alloc(a, (n->slot_count + 1) * sizeof *e->kept, 8);
	if (!e->slots || !e->row || !e->names || !e->tags || !e->kept)
		return select_no_memory(w);
	for (uint32_t i = 0; i < n->slot_count; i++)
		buf_init(&e->kept[i], KEPT_MAX);
	e->names[0] = n->time_name;
	for (uint32_t i = 0; i < n->column_count; i++)
		e->names[i + 1] = n->columns[i].name;
	return ERR_OK;
}

void select_emit_fini(struct select_emit *e)
{
	for (uint32_t i = 0; e->kept && i < e->node->slot_count; i++)
		buf_fini(&e->kept[i]);
}

void select_emit_begin(struct select_emit *e, struct view name, const struct select_group *g)
{
	e->name = name;
	e->group = g;
	e->has_header = false;
	for (uint32_t i = 0; i < e->node->slot_count; i++)
		e->slots[i].type = CELL_NULL;
}

void select_emit_missing(struct select_emit *e, uint32_t slot)
{
	const struct select_slot *s = &e->node->slots[slot];
	struct cell *c = &e->slots[slot];

	if (e->node->missing == SLOT_NUMBER && !s->is_void) {
		*c = s->fallback;
	} else if (e->node->missing != SLOT_PREVIOUS) {
		c->type = CELL_NULL;
	} else if (c->type == CELL_STRING && c->s.p != e->kept[slot].p) {
		c->type = CELL_NULL; /* kept before it went: see keep_strings */
	}
}

/* What fill(previous) may ask for later must outlive its row. */
static void keep_strings(struct select_emit *e)
{
	for (uint32_t i = 0; i < e->node->slot_count; i++) {
		struct cell *c = &e->slots[i];
		if (c->type != CELL_STRING || c->s.p == e->kept[i].p)
			continue;
		buf_clear(&e->kept[i]);
		buf_view(&e->kept[i], c->s);
		if (e->kept[i].failed)
			c->type = CELL_NULL;
		else
			c->s = (struct view){ e->kept[i].p ? e->kept[i].p : "", c->s.len };
	}
}

static bool put_header(struct select_emit *e)
{
	const struct select_node *n = e->node;
	struct result_series s = { .name = e->name,
		.tags = e->tags,
		.tag_count = n->group_by_count,
		.columns = e->names,
		.column_count = n->column_count + 1,
		.first_is_time = true };

	for (uint32_t i = 0; i < n->group_by_count; i++)
		e->tags[i] = (struct result_tag){ n->group_by[i], e->group->tags[i] };
	e->has_header = true;
	return e->sink->series(e->sink->arg, &s);
}

static enum err stop(struct select_emit *e)
{
	e->stopped = true;
	return ERR_CLOSED;
}

enum err select_emit_run(struct select_emit *e, const struct result_run *r)
{
	for (uint32_t done = 0, n; done < r->count; done += n) {
		n = r->count - done < RUN_ROWS ? r->count - done : RUN_ROWS;
		enum err err = budget_work(e->budget, (uint64_t)n * ROW_WORK, e->eb);
		if (err != ERR_OK)
			return err;
		if (!e->has_header && !put_header(e))
			return stop(e);
		const struct result_run part = result_run_part(r, done, n);
		e->rows += n;
		if (!result_sink_run(e->sink, &part))
			return stop(e);
	}
	return ERR_OK;
}

enum err select_emit_row(struct select_emit *e, int64_t time_ns)
{
	const struct select_node *n = e->node;
	enum err err = budget_check(e->budget, e->eb);

	if (err != ERR_OK)
		return err;
	if (!e->has_header && !put_header(e))
		return stop(e);
	if (n->missing == SLOT_PREVIOUS)
		keep_strings(e);
	e->row[0] = (struct cell){ .type = CELL_INTEGER, .i = time_ns };
	for (uint32_t i = 0; i < n->column_count; i++) {
		const struct select_column *c = &n->columns[i];
		struct cell v = c->eval ? eval_cell(c->eval, e->slots) : e->slots[c->slot];
		if (e->is_top && v.type == CELL_FLOAT && isnan(v.f))
			v.type = CELL_NULL;
		e->row[i + 1] = v;
	}
	e->rows++;
	return e->sink->row(e->sink->arg, e->row) ? ERR_OK : stop(e);
}
