/* One node over one source: where the names are found there, the filter of rows, and the way through. */
#include <stdlib.h>

#include "query/select/resolve.h"

void *select_take(struct budget *b, size_t bytes, struct errbuf *eb)
{
	if (budget_take(b, bytes, eb) != ERR_OK)
		return NULL;
	void *p = calloc(1, bytes ? bytes : 1);
	if (!p) {
		budget_give(b, bytes);
		errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	return p;
}

void select_give(struct budget *b, void *p, size_t bytes)
{
	if (p)
		budget_give(b, bytes);
	free(p);
}

/* ---- names ---- */

static int32_t find_field(const struct source *s, struct view name)
{
	uint32_t low = 0, high = s->field_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int c = view_cmp(s->fields[middle].name, name);
		if (c == 0)
			return (int32_t)middle;
		if (c < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

static struct select_bind bind(const struct select_run *r, const struct select_input *in)
{
	struct select_bind b = { .field = -1, .to = select_cast_type(in->cast) };

	if (in->cast == IQL_CAST_TAG && !r->is_table) {
		b.is_tag = true;
		return b;
	}
	b.field = find_field(r->source, in->name);
	if (b.field < 0) {
		b.is_tag = in->cast == IQL_CAST_TAG || in->cast == IQL_CAST_NONE;
		return b;
	}
	b.from = cell_type_of(r->source->fields[b.field].type);
	if (b.to == CELL_NULL)
		b.to = b.from;
	if (!r->is_table && b.from != b.to && !(cell_type_is_number(b.from) && cell_type_is_number(b.to)))
		b.field = -1;
	return b;
}

static bool find_filter_slot(void *arg, const struct iql_expr *leaf, unsigned *slot)
{
	const struct select_run *r = arg;

	for (uint32_t i = 0; leaf->kind == IQL_REF && i < r->node->input_count; i++)
		if (view_eq(r->node->inputs[i].name, leaf->text)) {
			r->filter_cells[i].type = CELL_INTEGER; /* it is used */
			*slot = i;
			return true;
		}
	return false;
}

static enum err bind_names(struct select_run *r)
{
	const struct select_node *n = r->node;
	struct arena *a = r->work->arena;
	struct eval_slots slots = {
		.find = find_filter_slot, .arg = r, .whole_division = true, .missing_stays = !r->is_table
	};

	r->binds = arena_alloc(a, (n->input_count + 1) * sizeof *r->binds, 8);
	r->filter_cells = arena_alloc(a, (n->input_count + 1) * sizeof *r->filter_cells, 8);
	r->fields = arena_alloc(a, r->source->field_count + 1, 1);
	r->in_filter = arena_alloc(a, n->input_count + 1, 1);
	if (!r->binds || !r->filter_cells || !r->fields || !r->in_filter)
		return select_no_memory(r->work);
	for (uint32_t i = 0; i < n->input_count; i++)
		r->binds[i] = bind(r, &n->inputs[i]);
	if (r->source->row_filter) {
		enum err e = eval_new(&r->filter, a, r->source->row_filter, &slots, r->eb);
		if (e != ERR_OK)
			return e;
	}
	for (uint32_t i = 0; i < n->input_count; i++)
		r->in_filter[i] = r->filter_cells[i].type != CELL_NULL;
	/* what is not selected is read for the filter alone */
	for (uint32_t i = 0; i < n->slot_count; i++) {
		const struct select_slot *s = &n->slots[i];
		const struct select_bind *b = &r->binds[s->call ? s->call->field_slot : s->input];
		if (b->field >= 0)
			r->fields[b->field] = true;
	}
	for (uint32_t i = 0; i < n->input_count; i++)
		if (r->in_filter[i] && r->binds[i].field >= 0)
			r->fields[r->binds[i].field] = true;
	return ERR_OK;
}

/* ---- values ---- */

static struct cell convert(struct cell c, enum cell_type to)
{
	if (c.type == to || to == CELL_NULL)
		return c;
	if (!cell_type_is_number(c.type) || !cell_type_is_number(to))
		return (struct cell){ .type = CELL_NULL };
	if (to == CELL_FLOAT)
		c.f = c.type == CELL_INTEGER ? (double)c.i : (double)c.u;
	else if (c.type == CELL_FLOAT && to == CELL_INTEGER)
		c.i = select_integer_of(c.f);
	else if (c.type == CELL_FLOAT)
		c.u = select_unsigned_of(c.f);
	c.type = to;
	return c;
}

struct cell select_cell_of(const struct rows_column *c, enum cell_type to, uint32_t row, struct buf *scratch)
{
	if (c->present && !c->present[row])
		return (struct cell){ .type = CELL_NULL };
	if (c->type == VALUE_STRING) {
		const struct rows_string *s = (const struct rows_string *)(uintptr_t)c->bits[row];
		return convert((struct cell){ .type = CELL_STRING, .s = source_string(s, scratch) }, to);
	}
	return convert(cell_from_bits(c->type, c->bits[row]), to);
}

static bool has_tag_key(const struct source *s, struct view name)
{
	for (uint32_t i = 0; i < s->tag_key_count; i++)
		if (view_eq(s->tag_keys[i].name, name))
			return true;
	return false;
}

/* A tag that is not there is missing in a measurement's rows, and empty in a subquery's that was grouped by it. */
struct cell select_tag_of(struct select_run *r, uint32_t series, uint32_t input)
{
	struct view name = r->node->inputs[input].name, v = r->source->ops->tag(r->source, series, name);

	return v.len || (r->is_table && has_tag_key(r->source, name)) ? (struct cell){ .type = CELL_STRING, .s = v }
								      : (struct cell){ .type = CELL_NULL };
}

const struct rows_column *select_find_column(const struct select_run *r, const struct source_rows *rows, uint32_t input)
{
	int32_t field = r->binds[input].field;

	return field < 0 ? NULL : rows_find_column(&rows->rows, (uint32_t)field, COLUMN_VALUE);
}

enum err select_row_room(struct select_run *r, uint32_t n)
{
	if (n <= r->row_room)
		return ERR_OK;
	uint32_t room = r->row_room * 2 > n ? r->row_room * 2 : n;
	size_t bytes = (size_t)room * 10;
	enum err e = budget_take(r->budget, bytes, r->eb);
	if (e != ERR_OK)
		return e;
	budget_give(r->budget, r->taken);
	r->taken = bytes;
	free(r->bits);
	r->bits = malloc(bytes);
	r->row_room = r->bits ? room : 0;
	if (!r->bits)
		return errbuf_set(r->eb, ERR_NOMEM, "out of memory");
	r->present = (uint8_t *)(r->bits + room);
	r->pass = r->present + room;
	return ERR_OK;
}

enum err select_filter_rows(struct select_run *r, const struct source_rows *rows, uint8_t *pass, bool *any)
{
	const struct select_node *n = r->node;
	struct view empty = { "", 0 };

	*any = false;
	for (uint32_t k = 0; k < rows->rows.count; k++) {
		for (uint32_t i = 0; i < n->input_count; i++) {
			if (!r->in_filter[i])
				continue;
			const struct select_bind *b = &r->binds[i];
			const struct rows_column *c = select_find_column(r, rows, i);
			struct cell *cell = &r->filter_cells[i];
			buf_clear(&r->filter_text[i]);
			if (b->is_tag) {
				*cell = select_tag_of(r, rows->series, i);
				buf_view(&r->filter_text[i], cell->type == CELL_STRING ? cell->s : empty);
				*cell = (struct cell){ .type = CELL_STRING,
					.s = {
					    r->filter_text[i].p ? r->filter_text[i].p : "", r->filter_text[i].len } };
			} else if (c) {
				*cell = select_cell_of(c, b->to, k, &r->filter_text[i]);
			} else {
				cell->type = CELL_NULL;
			}
		}
		pass[k] = eval_is_true(r->filter, r->filter_cells);
		*any |= pass[k];
		enum err e = budget_check(r->budget, r->eb);
		if (e != ERR_OK)
			return e;
	}
	if (eval_gave_up(r->filter))
		return errbuf_set(
		    r->eb, ERR_INVALID, "a regular expression of the condition takes too many steps; make it simpler");
	return ERR_OK;
}

/* ---- reading ---- */

struct steps { /* of a read: why they ended it */
	const struct source_read *read;
	struct select_run *run;
	enum err error;
	struct errbuf why;
};

static enum err pass_step(void *arg, const struct source_step *s)
{
	struct steps *x = arg;
	enum err e = x->read->step(x->read->arg, s);

	if (e != ERR_OK && e != ERR_CLOSED) {
		x->error = e;
		x->why = *x->run->eb;
	}
	return e;
}

enum err select_read(struct select_run *r, const struct source_read *rd)
{
	struct steps *x = select_take(r->budget, sizeof *x, r->eb);
	struct source_read passed = *rd;

	if (!x)
		return ERR_TOOBIG;
	x->read = rd;
	x->run = r;
	passed.step = pass_step;
	passed.arg = x;
	enum err e = r->source->ops->read(r->source, &passed, r->budget, r->work->report, r->eb);
	if (x->error != ERR_OK) { /* in its own words, not the source's */
		e = x->error;
		*r->eb = x->why;
	}
	if (e == ERR_OK && r->budget->gone) /* said within a step, where it means: enough */
		e = errbuf_set(r->eb, ERR_CLOSED, "the client has gone");
	select_give(r->budget, x, sizeof *x);
	return e;
}

/* ---- the way through ---- */

static enum err make_filter_texts(struct select_run *r)
{
	r->filter_text = arena_alloc(r->work->arena, (r->node->input_count + 1) * sizeof *r->filter_text, 8);
	if (!r->filter_text)
		return select_no_memory(r->work);
	for (uint32_t i = 0; i < r->node->input_count; i++)
		buf_init(&r->filter_text[i], 1 << 20);
	return ERR_OK;
}

static bool needs_keys(const struct select_run *r)
{
	const struct select_node *n = r->node;
	bool ordered = n->is_raw;

	for (uint32_t i = 0; i < n->slot_count; i++)
		if (n->slots[i].call && n->slots[i].call->stage_count) {
			const struct function *f = n->slots[i].call->stages[0].fn;
			ordered |= f->ordered || strcmp(f->name, "first") == 0 || strcmp(f->name, "last") == 0;
		}
	return (ordered || n->slimit || n->soffset) && r->source->series_count > 1;
}

static enum err run(struct select_run *r)
{
	enum err e = make_filter_texts(r);

	if (e == ERR_OK)
		e = bind_names(r);
	if (e == ERR_OK)
		e = select_groups_make(r, needs_keys(r) && !r->is_table);
	if (e != ERR_OK)
		return e;
	uint64_t most = r->budget->max_series;
	if (most && r->source->series_count > most)
		return errbuf_set(r->eb, ERR_INVALID, "max-select-series limit exceeded: (%u/%llu)",
		    r->source->series_count, (unsigned long long)most);
	r->work->seen.series += r->source->series_count;
	r->work->seen.groups += r->groups.count;
	return r->node->is_raw ? select_run_raw(r) : select_run_buckets(r);
}

enum err select_run_source(
    struct select_work *w, struct select_node *n, struct source *s, bool is_table, struct select_emit *emit)
{
	struct select_run *r = calloc(1, sizeof *r);

	if (!r)
		return select_no_memory(w);
	bool by_bucket = is_table, by_series = is_table;
	for (uint32_t i = 0; is_table && i < n->from_count; i++) {
		const struct select_node *sub = n->from[i].sub;
		by_bucket &= sub && !sub->is_raw;
		by_series &= sub && !sub->is_raw && !sub->grid.interval_ns;
	}
	*r = (struct select_run){ .work = w,
		.node = n,
		.source = s,
		.is_table = is_table,
		.emit = emit,
		.by_bucket = by_bucket,
		.by_series = by_series,
		.budget = w->env->budget,
		.eb = w->eb };
	buf_init(&r->scratch, 1 << 20);
	enum err e = run(r);
	select_groups_free(r);
	eval_free(r->filter);
	for (uint32_t i = 0; r->filter_text && i < n->input_count; i++)
		buf_fini(&r->filter_text[i]);
	buf_fini(&r->scratch);
	budget_give(r->budget, r->taken);
	free(r->bits);
	free(r);
	return e;
}
