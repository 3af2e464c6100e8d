#include "query/select/rows_out.h"

#include <stdlib.h>

#include "query/select/merge.h"
#include "query/select/resolve.h"

struct slot_out { /* of a call */
	struct select_chain *chain;
	uint64_t points;
};

struct rows_out {
	struct select_run *run;
	struct slot_out *slots;
	uint32_t *ties; /* references that decide where times are equal, in order */
	uint32_t tie_count;
	uint64_t rows; /* of the group, before LIMIT */
	struct arena step;
	struct buf left, right; /* strings that are compared */
	struct result_column *columns; /* of a run; NULL: rows are made one by one */
	bool is_transformed, done;
};

/* ---- ties ---- */

static bool is_text(const struct select_run *r, const struct select_slot *s)
{
	const struct select_bind *b = &r->binds[s->input];

	return b->is_tag || (b->field >= 0 && b->to == CELL_STRING);
}

static bool sorts_before(const struct select_node *n, uint32_t x, uint32_t y)
{
	int c = view_cmp(n->slots[x].expr->text, n->slots[y].expr->text);

	return c ? c < 0 : n->slots[x].expr->cast < n->slots[y].expr->cast;
}

/* InfluxDB compares what is selected, in order of the names, as long as it is text. */
static void find_ties(struct rows_out *o)
{
	const struct select_node *n = o->run->node;
	uint32_t count = 0;

	for (uint32_t i = 0; i < n->slot_count; i++) {
		if (n->slots[i].call)
			continue;
		uint32_t at = count++;
		for (; at && sorts_before(n, i, o->ties[at - 1]); at--)
			o->ties[at] = o->ties[at - 1];
		o->ties[at] = i;
	}
	while (o->tie_count < count && is_text(o->run, &n->slots[o->ties[o->tie_count]]))
		o->tie_count++;
}

static struct cell text_of(const struct rows_out *o, const struct merge_entry *e, uint32_t slot, struct buf *scratch)
{
	if (o->run->binds[o->run->node->slots[slot].input].is_tag)
		return e->tags[slot];
	if (!e->columns[slot])
		return (struct cell){ .type = CELL_NULL };
	return select_cell_of(e->columns[slot], CELL_STRING, e->row, scratch);
}

static bool comes_before(void *arg, const struct merge_entry *x, const struct merge_entry *y)
{
	struct rows_out *o = arg;

	for (uint32_t i = 0; i < o->tie_count; i++) {
		struct cell a = text_of(o, x, o->ties[i], &o->left), b = text_of(o, y, o->ties[i], &o->right);
		if (a.type != CELL_STRING || b.type != CELL_STRING)
			return false;
		int c = view_cmp(a.s, b.s);
		if (c)
			return (c < 0) != o->run->node->is_descending;
	}
	return false;
}

/* ---- rows ---- */

static bool wants(const struct select_node *n, uint64_t number)
{
	const struct iql_limits *l = &n->select->limits;

	return number > (uint64_t)l->offset && (l->limit == 0 || number - (uint64_t)l->offset <= (uint64_t)l->limit);
}

static bool is_over(const struct select_node *n, uint64_t number)
{
	const struct iql_limits *l = &n->select->limits;

	return l->limit && number >= (uint64_t)l->limit + (uint64_t)l->offset;
}

bool rows_out_suffice(const struct rows_out *o, uint64_t rows)
{
	return !o->run->filter && !o->is_transformed && is_over(o->run->node, rows);
}

bool rows_out_is_done(const struct rows_out *o)
{
	return o->done;
}

static void take_reference(struct rows_out *o, const struct merge_entry *e, uint32_t row, uint32_t slot, bool *any)
{
	struct select_run *r = o->run;
	struct select_emit *emit = r->emit;
	const struct select_bind *b = &r->binds[r->node->slots[slot].input];
	struct cell c = { .type = CELL_NULL };

	if (b->is_tag) {
		c = e->tags[slot];
	} else if (e->columns[slot]) {
		c = select_cell_of(e->columns[slot], b->to, row, &emit->kept[slot]);
		*any |= c.type != CELL_NULL;
	}
	if (c.type == CELL_NULL)
		select_emit_missing(emit, slot);
	else
		emit->slots[slot] = c;
}

static enum err plain_row(struct rows_out *o, const struct merge_entry *e, uint32_t row, int64_t time_ns)
{
	const struct select_node *n = o->run->node;
	bool any = o->run->is_table;

	for (uint32_t i = 0; i < n->slot_count; i++)
		take_reference(o, e, row, i, &any);
	if (!any)
		return ERR_OK;
	bool wanted = wants(n, ++o->rows);
	o->done = is_over(n, o->rows);
	return wanted ? select_emit_row(o->run->emit, time_ns) : ERR_OK;
}

static enum err transformed_row(struct rows_out *o, const struct merge_entry *e, uint32_t row, int64_t time_ns)
{
	struct select_run *r = o->run;
	const struct select_node *n = r->node;
	bool any = false, done = true;

	for (uint32_t i = 0; i < n->slot_count; i++) {
		struct slot_out *s = &o->slots[i];
		struct function_point p = { 0 };
		bool has = false;
		if (e->columns[i]) {
			enum cell_type to = r->binds[n->slots[i].call->field_slot].to;
			struct cell c = select_cell_of(e->columns[i], to, row, &r->emit->kept[i]);
			enum err err = c.type == CELL_NULL ? ERR_OK
							   : select_chain_push(s->chain, time_ns, c, &p, &has, r->eb);
			if (err != ERR_OK)
				return err;
		}
		if (has && !wants(n, ++s->points))
			has = false;
		if (has)
			r->emit->slots[i] = p.value;
		else
			select_emit_missing(r->emit, i);
		any |= has;
		done &= !s->chain || is_over(n, s->points);
	}
	o->done = done;
	return any ? select_emit_row(r->emit, time_ns) : ERR_OK;
}

/* ---- steps ---- */

static bool bind_entry(struct rows_out *o, struct merge_entry *e)
{
	struct select_run *r = o->run;
	const struct select_node *n = r->node;

	e->columns = arena_alloc(&o->step, (n->slot_count + 1) * sizeof *e->columns, 8);
	e->tags = arena_alloc(&o->step, (n->slot_count + 1) * sizeof *e->tags, 8);
	if (!e->columns || !e->tags)
		return false;
	for (uint32_t i = 0; i < n->slot_count; i++) {
		const struct select_slot *s = &n->slots[i];
		uint32_t input = s->call ? s->call->field_slot : s->input;
		if (!r->binds[input].is_tag) {
			e->columns[i] = select_find_column(r, e->rows, input);
			continue;
		}
		struct cell c = select_tag_of(r, e->rows->series, input);
		if (c.type == CELL_STRING) {
			char *copy = arena_copy(&o->step, c.s);
			if (!copy)
				return false;
			c.s.p = copy;
		}
		e->tags[i] = c;
	}
	return true;
}

static enum err make_entry(struct rows_out *o, struct merge_entry *e, bool *any)
{
	struct select_run *r = o->run;
	uint8_t *pass = NULL;

	*any = true;
	e->member = r->groups.member_of[e->rows->series];
	if (r->filter) {
		pass = arena_alloc_raw(&o->step, e->rows->rows.count + 1, 1);
		if (!pass)
			return ERR_TOOBIG;
		enum err err = select_filter_rows(r, e->rows, pass, any);
		if (err != ERR_OK)
			return err;
	}
	e->pass = pass;
	return !*any || bind_entry(o, e) ? ERR_OK : ERR_TOOBIG;
}

static bool is_member_before(void *arg, const struct merge_entry *x, const struct merge_entry *y)
{
	(void)arg;
	return x->member < y->member;
}

static enum err one_row(struct rows_out *o, const struct merge_entry *e, uint32_t row)
{
	int64_t time_ns = e->rows->rows.times[row];

	return o->is_transformed ? transformed_row(o, e, row, time_ns) : plain_row(o, e, row, time_ns);
}

/* One series behind the other. */
static enum err listed_rows(struct rows_out *o, const struct merge_entry *of, uint32_t n)
{
	enum err e = ERR_OK;

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; e == ERR_OK && !o->done && k < of[i].rows->rows.count; k++)
			if (!of[i].pass || of[i].pass[k])
				e = one_row(o, &of[i], k);
	return e;
}

static enum err merged_rows(struct rows_out *o, struct merge_entry *of, uint32_t n)
{
	struct merge m = { .descending = o->run->node->is_descending, .arg = o };
	struct merge_entry *e;
	uint32_t row;
	enum err err = ERR_OK;

	m.heap = arena_alloc_raw(&o->step, (n + 1) * sizeof *m.heap, 8);
	if (!m.heap)
		return ERR_TOOBIG;
	if (o->run->by_bucket)
		m.before = is_member_before;
	else if (o->tie_count)
		m.before = comes_before;
	if (n > 1)
		qsort(of, n, sizeof *of, merge_by_member);
	if (o->run->by_series)
		return listed_rows(o, of, n);
	merge_start(&m, of, n);
	while (err == ERR_OK && !o->done && (e = merge_next(&m, &row)) != NULL)
		err = one_row(o, e, row);
	return err;
}

/* ---- runs: rows of a single series, of which nothing is calculated ---- */

static bool can_run(const struct select_run *r)
{
	const struct select_node *n = r->node;
	bool can = n->call_count == 0 && !r->is_table && r->emit->is_top && n->missing == SLOT_NULL;

	for (uint32_t i = 0; i < n->column_count; i++)
		can &= !n->columns[i].eval;
	return can;
}

/* Is the slot's column one of a run, as it is? */
static bool fits_run(const struct rows_out *o, const struct merge_entry *e, uint32_t slot)
{
	const struct rows_column *c = e->columns[slot];
	const enum cell_type to = o->run->binds[o->run->node->slots[slot].input].to;

	return !c || (c->type != VALUE_STRING && cell_type_of(c->type) == to);
}

/* False: its rows must go one by one. */
static bool make_run(const struct rows_out *o, const struct merge_entry *e, struct result_run *run)
{
	const struct select_node *n = o->run->node;
	struct result_column *columns = o->columns;

	for (uint32_t i = 0; i < n->column_count; i++) {
		const uint32_t slot = n->columns[i].slot;
		const struct rows_column *c = e->columns[slot];
		const bool is_tag = o->run->binds[n->slots[slot].input].is_tag;
		if (!fits_run(o, e, slot))
			return false;
		columns[i] = (struct result_column){ .same = { .type = CELL_NULL } };
		if (is_tag)
			columns[i].same = e->tags[slot];
		else if (c)
			columns[i] = (struct result_column){ .bits = c->bits, .present = c->present, .type = c->type };
	}
	*run = (struct result_run){ .count = e->rows->rows.count,
		.backwards = n->is_descending,
		.times = e->rows->rows.times,
		.columns = columns,
		.column_count = n->column_count,
		.cells = o->run->emit->row };
	return true;
}

/* Has every row some field? Then they need not be looked at. */
static bool all_have_any(const struct rows_out *o, const struct merge_entry *e)
{
	bool all = false;

	for (uint32_t i = 0; i < o->run->node->slot_count; i++)
		all |= e->columns[i] && !e->columns[i]->present;
	return all;
}

static bool goes_out(const struct rows_out *o, const struct merge_entry *e, uint32_t row)
{
	bool any = false;

	if (e->pass && !e->pass[row])
		return false;
	for (uint32_t i = 0; !any && i < o->run->node->slot_count; i++)
		any = e->columns[i] && (!e->columns[i]->present || e->columns[i]->present[row]);
	return any;
}

/* All of these count; OFFSET and LIMIT choose among them. */
static enum err put_part(struct rows_out *o, const struct result_run *run, uint32_t from, uint32_t n)
{
	const struct iql_limits *l = &o->run->node->select->limits;
	const uint64_t offset = (uint64_t)l->offset, limit = (uint64_t)l->limit,
		       skip = offset > o->rows ? offset - o->rows : 0;

	if (limit && n > limit + offset - o->rows)
		n = (uint32_t)(limit + offset - o->rows);
	o->rows += n;
	o->done = is_over(o->run->node, o->rows);
	if (skip >= n)
		return ERR_OK;
	const struct result_run part = result_run_part(run, from + (uint32_t)skip, n - (uint32_t)skip);
	return select_emit_run(o->run->emit, &part);
}

static enum err put_run(struct rows_out *o, const struct merge_entry *e, const struct result_run *run)
{
	const bool all = !e->pass && all_have_any(o, e);
	enum err err = ERR_OK;

	for (uint32_t at = 0, to; err == ERR_OK && !o->done && at < run->count; at = to) {
		to = all ? run->count : at;
		while (to < run->count && goes_out(o, e, result_run_row(run, to)))
			to++;
		if (to > at)
			err = put_part(o, run, at, to - at);
		for (; to < run->count && !all && !goes_out(o, e, result_run_row(run, to));)
			to++;
	}
	return err;
}

/* ---- */

enum err rows_out_step(struct rows_out *o, const struct select_group *g, const struct source_rows **list, uint32_t n)
{
	struct merge_entry *of;
	struct result_run run;
	uint32_t count = 0;
	enum err e = ERR_OK;

	(void)g;
	arena_clear(&o->step);
	of = arena_alloc(&o->step, (n + 1) * sizeof *of, 8);
	for (uint32_t i = 0; of && i < n && e == ERR_OK; i++) {
		bool any;
		of[count] = (struct merge_entry){ .rows = list[i] };
		e = make_entry(o, &of[count], &any);
		count += any;
	}
	if (!of)
		e = ERR_TOOBIG;
	else if (e == ERR_OK && count == 1 && o->columns && make_run(o, of, &run))
		e = put_run(o, of, &run);
	else if (e == ERR_OK)
		e = merged_rows(o, of, count);
	if (e == ERR_TOOBIG && !o->run->eb->text[0])
		errbuf_set(
		    o->run->eb, e, "the query needs more memory than it may take; ask for fewer series or fields");
	return e;
}

void rows_out_begin(struct rows_out *o, const struct select_group *g)
{
	const struct select_node *n = o->run->node;

	o->rows = 0;
	o->done = false;
	for (uint32_t i = 0; i < n->slot_count; i++) {
		o->slots[i].points = 0;
		if (o->slots[i].chain)
			select_chain_reset(o->slots[i].chain);
	}
	select_emit_begin(o->run->emit, o->run->source->name, g);
}

enum err rows_out_new(struct rows_out **out, struct select_run *r)
{
	const struct select_node *n = r->node;
	struct rows_out *o = calloc(1, sizeof *o);

	*out = o;
	if (!o)
		return errbuf_set(r->eb, ERR_NOMEM, "out of memory");
	o->run = r;
	buf_init(&o->left, 1 << 20);
	buf_init(&o->right, 1 << 20);
	budget_arena(r->budget, &o->step, 64 << 10);
	o->slots = arena_alloc(r->work->arena, (n->slot_count + 1) * sizeof *o->slots, 8);
	o->ties = arena_alloc(r->work->arena, (n->slot_count + 1) * sizeof *o->ties, 8);
	if (can_run(r))
		o->columns = arena_alloc(r->work->arena, (n->column_count + 1) * sizeof *o->columns, 8);
	if (!o->slots || !o->ties)
		return select_no_memory(r->work);
	if (!r->is_table) /* there the order was made within */
		find_ties(o);
	o->is_transformed = n->call_count > 0;
	for (uint32_t i = 0; i < n->slot_count; i++) {
		const struct select_call *c = n->slots[i].call;
		enum err e = c && !c->is_absent ? select_chain_new(&o->slots[i].chain, n, c, r->budget, r->eb) : ERR_OK;
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

void rows_out_free(struct rows_out *o)
{
	if (!o)
		return;
	for (uint32_t i = 0; o->slots && i < o->run->node->slot_count; i++)
		select_chain_free(o->slots[i].chain);
	buf_fini(&o->left);
	buf_fini(&o->right);
	arena_fini(&o->step);
	free(o);
}
