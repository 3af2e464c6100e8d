#include "query/select/buckets.h"

#include <stdlib.h>

#include "query/select/merge.h"
#include "query/select/resolve.h"

enum { PAGE_BYTES = 16 << 10, PAGE_SHIFT_MAX = 6 };

struct point_columns { /* a call's input among the rows at hand */
	bool there;
	const uint64_t *bits;
	const uint8_t *present;
	const struct rows_column *by_kind[COLUMN_KINDS];
	uint32_t from, to; /* the rows in the call's range */
};

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

static struct bucket_page *add_page(struct buckets *b, struct bucket_group *g, uint32_t at, int64_t key)
{
	struct budget *budget = b->run->budget;

	if (g->count == g->room) {
		uint32_t room = g->room ? g->room * 2 : 4;
		struct bucket_page *pages = select_take(budget, room * sizeof *pages, b->run->eb);
		if (!pages)
			return NULL;
		if (g->count)
			memcpy(pages, g->pages, g->count * sizeof *pages);
		select_give(budget, g->pages, g->room * sizeof *pages);
		g->pages = pages;
		g->room = room;
	}
	unsigned char *states = select_take(budget, b->stride << b->shift, b->run->eb);
	if (!states)
		return NULL;
	memmove(g->pages + at + 1, g->pages + at, (g->count - at) * sizeof *g->pages);
	g->pages[at] = (struct bucket_page){ key, states };
	g->count++;
	return &g->pages[at];
}

static unsigned char *state_of(struct buckets *b, struct bucket_group *g, int64_t from_ns)
{
	int64_t key;
	uint32_t n, low = 0, high = g->count;

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

/* ---- columns ---- */

static bool is_ordered(const struct select_call *c)
{
	return c->is_transform || c->stages[0].fn->ordered;
}

/* Numbers in another type, by the cell: rare. */
static bool cast_column(struct buckets *b, const struct rows_column *c, enum cell_type to, uint32_t n, uint64_t **bits)
{
	*bits = arena_alloc_raw(&b->step, (n + 1) * sizeof **bits, 8);
	for (uint32_t i = 0; *bits && i < n; i++) {
		struct cell v = select_cell_of(c, to, i, &b->run->scratch);
		memcpy(&(*bits)[i], &v.u, sizeof v.u);
	}
	return *bits != NULL;
}

static bool mask_column(
    struct buckets *b, const uint8_t *pass, const struct rows_column *c, uint32_t n, const uint8_t **out)
{
	if (!pass || !c->present) {
		*out = pass ? pass : c->present;
		return true;
	}
	uint8_t *both = arena_alloc_raw(&b->step, n + 1, 1);
	for (uint32_t i = 0; both && i < n; i++)
		both[i] = pass[i] & c->present[i];
	*out = both;
	return both != NULL;
}

/* A tag of a subquery's answer that a function is asked for: the same string in each row. */
static bool tag_column(struct buckets *b, const struct source_rows *s, uint32_t input, struct point_columns *out)
{
	struct cell v = select_tag_of(b->run, s->series, input);
	uint32_t n = s->rows.count;

	if (v.type != CELL_STRING)
		return true;
	uint64_t *bits = arena_alloc_raw(&b->step, (n + 1) * sizeof *bits, 8);
	struct rows_string *text = arena_alloc_raw(&b->step, sizeof *text + 2 * v.s.len + 1, 8);
	if (!bits || !text)
		return false;
	text->len = 0;
	for (size_t i = 0; i < v.s.len; i++) {
		if (v.s.p[i] == '\\' || v.s.p[i] == '"')
			text->bytes[text->len++] = '\\';
		text->bytes[text->len++] = v.s.p[i];
	}
	for (uint32_t i = 0; i < n; i++)
		bits[i] = (uintptr_t)text;
	out->bits = bits;
	out->there = true;
	return true;
}

static bool prepare_raw(struct buckets *b, const struct select_call *c, const struct source_rows *s,
    const uint8_t *pass, struct point_columns *out)
{
	const struct select_bind *bind = &b->run->binds[c->field_slot];
	enum cell_type to = cell_type_of(c->stages[0].in);
	const struct rows_column *column = select_find_column(b->run, s, c->field_slot);

	if (bind->is_tag && b->run->is_table)
		return tag_column(b, s, c->field_slot, out);
	if (!column)
		return true;
	out->bits = column->bits;
	if (cell_type_of(column->type) != to) {
		uint64_t *bits;
		if (column->type == VALUE_STRING || to == CELL_STRING || column->type == VALUE_BOOLEAN ||
		    to == CELL_BOOLEAN)
			return true;
		if (!cast_column(b, column, to, s->rows.count, &bits))
			return false;
		out->bits = bits;
	}
	out->there = true;
	return mask_column(b, pass, column, s->rows.count, &out->present);
}

static void prepare_rollup(
    struct buckets *b, const struct select_call *c, const struct source_rows *s, struct point_columns *out)
{
	int32_t field = b->run->binds[c->field_slot].field;

	for (uint32_t i = 0; i < s->rows.column_count; i++) {
		const struct rows_column *x = &s->rows.columns[i];
		if (field >= 0 && x->field == (uint32_t)field) {
			out->by_kind[x->kind] = x;
			out->there = true;
		}
	}
}

static bool prepare_columns(struct buckets *b, const struct source_rows *s, const uint8_t *pass)
{
	const struct rows *r = &s->rows;

	for (uint32_t i = 0; i < b->call_count; i++) {
		const struct select_call *c = b->run->node->slots[b->calls[i]].call;
		struct point_columns *p = &b->columns[i];
		*p = (struct point_columns){ .to = r->count };
		if (b->tier != TIER_RAW)
			prepare_rollup(b, c, s, p);
		else if (!prepare_raw(b, c, s, pass, p))
			return false;
		if (!p->there || r->count == 0)
			continue;
		if (r->times[0] < c->from_ns)
			p->from = rows_lower_bound(r->times, r->count, c->from_ns);
		if (r->times[r->count - 1] >= c->to_ns)
			p->to = rows_lower_bound(r->times, r->count, c->to_ns);
	}
	return true;
}

/* ---- rows to accumulators ---- */

static void note_seen(
    struct buckets *b, uint32_t group, uint32_t call, const struct point_columns *p, uint32_t i, uint32_t j)
{
	uint8_t *seen = &b->seen[(size_t)group * b->call_count + call];
	const uint8_t *present = p->present;

	if (*seen)
		return;
	if (b->tier != TIER_RAW)
		present = p->by_kind[COLUMN_COUNT] ? p->by_kind[COLUMN_COUNT]->present : NULL;
	while (present && i < j && !present[i])
		i++;
	if (i < j) {
		*seen = 1;
		b->unseen--;
	}
}

static enum err add_run(
    struct buckets *b, uint32_t group, const struct source_rows *s, uint32_t from, uint32_t to, unsigned char *state)
{
	struct select_run *r = b->run;
	const int64_t *times = s->rows.times;
	bool alone = r->groups.of[group].member_count == 1;

	for (uint32_t k = 0; k < b->call_count; k++) {
		const struct select_call *c = r->node->slots[b->calls[k]].call;
		const struct point_columns *p = &b->columns[k];
		uint32_t i = from > p->from ? from : p->from, j = to < p->to ? to : p->to;
		if (!p->there || i >= j || c->is_transform || (is_ordered(c) && !alone))
			continue;
		void *acc = state + c->state_at;
		enum err e;
		if (b->tier != TIER_RAW)
			e = accumulator_add_rollup(
			    &c->stages[0], acc, s->series, times, p->by_kind, i, j, r->budget, r->eb);
		else
			e = accumulator_add(&c->stages[0], acc, s->series, times + i, p->bits + i,
			    p->present ? p->present + i : NULL, j - i, r->budget, r->eb);
		if (e != ERR_OK)
			return e;
		if (b->ends_early)
			note_seen(b, group, k, p, i, j);
	}
	return ERR_OK;
}

static uint32_t run_end(const int64_t *times, uint32_t i, uint32_t n, int64_t to_ns)
{
	uint32_t step = 1, low = i + 1;

	if (times[n - 1] < to_ns)
		return n;
	while (low + step < n && times[low + step - 1] < to_ns) {
		low += step;
		step *= 2;
	}
	uint32_t high = low + step < n ? low + step : n;
	return low + rows_lower_bound(times + low, high - low, to_ns);
}

static enum err add_series(struct buckets *b, const struct source_rows *s)
{
	struct select_run *r = b->run;
	uint32_t n = s->rows.count, group = r->groups.group_of[s->series];
	uint8_t *pass = NULL;
	bool any = true;
	enum err e = ERR_OK;

	arena_clear(&b->step);
	if (r->filter && b->tier == TIER_RAW) {
		e = select_row_room(r, n);
		if (e == ERR_OK)
			e = select_filter_rows(r, s, pass = r->pass, &any);
	}
	if (e != ERR_OK || !any)
		return e;
	if (!prepare_columns(b, s, pass))
		return errbuf_set(r->eb, ERR_NOMEM, "out of memory");
	for (uint32_t i = 0, j; e == ERR_OK && i < n; i = j) {
		struct window w = window_of(&r->node->grid, s->rows.times[i]);
		j = r->node->grid.interval_ns ? run_end(s->rows.times, i, n, w.to_ns) : n;
		unsigned char *state = state_of(b, &b->groups[group], w.from_ns);
		e = state ? add_run(b, group, s, i, j, state) : ERR_TOOBIG;
		if (e == ERR_OK)
			e = budget_check(r->budget, r->eb);
	}
	return e;
}

/* ---- what needs the rows of a group in order ---- */

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
		bool ordered = is_ordered(c) && (c->is_transform || r->groups.of[group].member_count > 1);
		if (!ordered || !e->columns[slot] || time_ns < c->from_ns || time_ns >= c->to_ns)
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
			state = state_of(b, g, window_of(&r->node->grid, time_ns).from_ns);
		err = state ? accumulator_add_cell(
				  &c->stages[0], state + c->state_at, e->rows->series, time_ns, v, r->budget, r->eb)
			    : ERR_TOOBIG;
	}
	return err;
}

static int by_member(const void *a, const void *b)
{
	const struct merge_entry *x = a, *y = b;

	return (x->member > y->member) - (x->member < y->member);
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
	qsort(of, n, sizeof *of, by_member);
	if (err == ERR_OK)
		merge_start(&m, of, n);
	while (err == ERR_OK && (e = merge_next(&m, &row)) != NULL) {
		err = add_in_order(b, group, e, row, e->rows->rows.times[row]);
		if (err == ERR_OK)
			err = budget_check(b->run->budget, b->run->eb);
	}
	return err;
}

static enum err merge_step(struct buckets *b, const struct source_step *s)
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
	return e == ERR_NOMEM ? errbuf_set(r->eb, e, "out of memory") : e;
}

static enum err on_step(void *arg, const struct source_step *s)
{
	struct buckets *b = arg;
	enum err e = ERR_OK;

	b->tier = s->tier;
	for (uint32_t i = 0; e == ERR_OK && i < s->count; i++)
		if (s->of[i].rows.count && b->run->groups.group_of[s->of[i].series] != UINT32_MAX)
			e = add_series(b, &s->of[i]);
	if (e == ERR_OK && b->is_merged && s->tier == TIER_RAW)
		e = merge_step(b, s);
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
	enum err e = r->source->ops->read(r->source, &rd, r->budget, r->work->report, r->eb);
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

/* ---- from beginning to end ---- */

static enum err number_combinations(struct select_run *r, struct function_call *f, const struct iql_expr *call);

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
		b->is_merged |= is_ordered(c);
		if (c->is_transform)
			continue;
		c->state_at = b->stride;
		b->stride += (accumulator_size(&c->stages[0]) + 15) / 16 * 16;
		enum err e = number_combinations(r, &c->stages[0], c->exprs[0]);
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
			enum err e = select_chain_new(&x->chains[b->calls[k]], c, 0, r->budget, r->eb);
			if (e != ERR_OK)
				return e;
		}
	return ERR_OK;
}

struct combination {
	struct view key;
	uint32_t series;
};

static int by_combination(const void *a, const void *b)
{
	const struct combination *x = a, *y = b;

	return view_cmp(x->key, y->key);
}

/* top(v, host, 3): of each host only the best; which series are of one host. */
static enum err number_combinations(struct select_run *r, struct function_call *f, const struct iql_expr *call)
{
	struct source *s = r->source;
	struct arena *a = &r->groups.arena;
	uint32_t count = s->series_count, number = 0;
	struct buf text;
	bool fine = true;

	f->combination_of = NULL;
	if (f->fn->kind != FUNCTION_MULTIPLE || call->call.count < 3)
		return ERR_OK;
	struct combination *of = arena_alloc(a, (count + 1) * sizeof *of, 8);
	uint32_t *numbers = arena_alloc(a, (count + 1) * sizeof *numbers, 8);
	buf_init(&text, 1 << 20);
	for (uint32_t i = 0; of && numbers && fine && i < count; i++) {
		buf_clear(&text);
		for (const struct iql_expr *x = call->call.list->next; x && x->kind == IQL_REF; x = x->next) {
			buf_view(&text, s->ops->tag(s, i, x->text));
			buf_char(&text, 0);
		}
		char *copy = text.failed ? NULL : arena_copy(a, (struct view){ text.p, text.len });
		fine = copy != NULL;
		of[i] = (struct combination){ { copy, text.len }, i };
	}
	buf_fini(&text);
	if (!of || !numbers || !fine)
		return errbuf_set(
		    r->eb, ERR_TOOBIG, "the query has more series than fit into its memory; ask for fewer series");
	if (count > 1)
		qsort(of, count, sizeof *of, by_combination);
	for (uint32_t i = 0; i < count; i++) {
		number += i && !view_eq(of[i].key, of[i - 1].key);
		numbers[of[i].series] = number;
	}
	f->combination_of = numbers;
	f->combinations = number + 1;
	return ERR_OK;
}

enum err select_run_buckets(struct select_run *r)
{
	struct buckets b = { .run = r };
	size_t bytes = r->groups.count * sizeof *b.groups;
	enum err e = ERR_OK;

	if (r->groups.count == 0)
		return ERR_OK;
	arena_init(&b.step, 64 << 10, r->budget->max_bytes);
	b.groups = select_take(r->budget, bytes, r->eb);
	if (!b.groups)
		return ERR_TOOBIG;
	e = lay_out(&b);
	if (e == ERR_OK)
		e = make_chains(&b);
	if (e == ERR_OK && b.call_count)
		e = buckets_read(&b);
	if (e == ERR_OK && b.call_count)
		e = buckets_answer(&b);
	for (uint32_t i = 0; i < r->groups.count; i++)
		buckets_forget(&b, i);
	select_give(r->budget, b.groups, bytes);
	arena_fini(&b.step);
	return e;
}
