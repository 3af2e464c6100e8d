/* From the outside in: ranges of time, tags to group by, and what the columns are calculated from. */
#include <stdlib.h>

#include "query/influxql/fold.h"
#include "query/influxql/time_range.h"
#include "query/select/resolve.h"

/* ---- slots ---- */

static bool is_leaf(const struct iql_expr *e)
{
	return e->kind == IQL_REF || (e->kind == IQL_CALL && iql_math_arguments(e->call.name) == 0);
}

static uint32_t count_leaves(const struct iql_expr *e)
{
	uint32_t n = 0;

	if (is_leaf(e))
		return 1;
	for (const struct iql_expr *part = iql_parts(e); part; part = part->next)
		n += count_leaves(part);
	return n;
}

static uint32_t add_input(struct select_node *n, const struct iql_expr *ref)
{
	for (uint32_t i = 0; i < n->input_count; i++)
		if (view_eq(n->inputs[i].name, ref->text) && n->inputs[i].cast == (enum iql_cast)ref->cast)
			return i;
	n->inputs[n->input_count] = (struct select_input){ ref->text, (enum iql_cast)ref->cast };
	return n->input_count++;
}

static void add_leaf(struct select_node *n, const struct iql_expr *e)
{
	for (uint32_t i = 0; i < n->slot_count; i++)
		if (n->slots[i].expr->cast == e->cast && iql_expr_equal(n->slots[i].expr, e))
			return;
	struct select_slot *s = &n->slots[n->slot_count++];
	s->expr = e;
	s->type = select_leaf_type(e);
	s->is_void = s->type == CELL_NULL;
	if (e->kind == IQL_REF) {
		s->input = add_input(n, e);
		s->is_void = false;
		n->ref_count++;
	}
}

static void add_leaves(struct select_node *n, const struct iql_expr *e)
{
	if (is_leaf(e)) {
		add_leaf(n, e);
		return;
	}
	for (const struct iql_expr *part = iql_parts(e); part; part = part->next)
		add_leaves(n, part);
}

static bool find_slot(void *arg, const struct iql_expr *leaf, unsigned *slot)
{
	const struct select_node *n = arg;

	for (uint32_t i = 0; i < n->slot_count; i++)
		if (n->slots[i].expr->cast == leaf->cast && iql_expr_equal(n->slots[i].expr, leaf)) {
			*slot = i;
			return true;
		}
	return false;
}

static void add_filter_inputs(struct select_node *n, const struct iql_expr *e)
{
	if (e->kind == IQL_REF)
		add_input(n, e);
	for (const struct iql_expr *part = iql_parts(e); part; part = part->next)
		add_filter_inputs(n, part);
}

static uint32_t count_refs(const struct iql_expr *e)
{
	uint32_t count = e->kind == IQL_REF;

	for (const struct iql_expr *part = iql_parts(e); part; part = part->next)
		count += count_refs(part);
	return count;
}

/* ---- calls ---- */

static bool looks_back(const struct function *f)
{
	static const char *const names[] = { "derivative", "non_negative_derivative", "difference",
		"non_negative_difference", "moving_average", "elapsed" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(f->name, names[i]) == 0)
			return true;
	return false;
}

static bool has_subquery(const struct select_node *n)
{
	for (uint32_t i = 0; i < n->from_count; i++)
		if (n->from[i].sub)
			return true;
	return false;
}

static bool field_type(const struct select_node *n, const struct iql_expr *field, enum value_type *out)
{
	enum cell_type t = select_cast_type((enum iql_cast)field->cast);

	if (t == CELL_NULL || (field->cast == IQL_CAST_TAG && !has_subquery(n)))
		return false;
	*out = (enum value_type)((int)t - 1);
	return true;
}

static void look_back(const struct select_node *n, struct select_call *c)
{
	const struct window_grid *g = &n->grid;
	int64_t by = 0;

	c->from_ns = g->from_ns;
	c->to_ns = g->last_ns == INT64_MAX ? INT64_MAX : g->last_ns + 1;
	for (uint32_t i = 0; g->interval_ns && i < c->stage_count; i++)
		if (looks_back(c->stages[i].fn) && __builtin_add_overflow(by, g->interval_ns, &by))
			by = INT64_MAX;
	if (!n->is_descending && c->from_ns != IQL_TIME_MIN &&
	    (__builtin_sub_overflow(c->from_ns, by, &c->from_ns) || c->from_ns < IQL_TIME_MIN))
		c->from_ns = IQL_TIME_MIN;
	if (n->is_descending && __builtin_add_overflow(c->to_ns, by, &c->to_ns))
		c->to_ns = INT64_MAX;
}

static enum err plan_call(struct select_work *w, struct select_node *n, struct select_slot *s)
{
	struct select_call *c = arena_alloc(w->arena, sizeof *c, 8);
	const struct iql_expr *e = s->expr;
	uint32_t count = 0;
	enum value_type in = VALUE_FLOAT;

	for (const struct iql_expr *x = e; x && x->kind == IQL_CALL; x = x->call.list)
		count++;
	if (c) {
		c->stages = arena_alloc(w->arena, count * sizeof *c->stages, 8);
		c->exprs = arena_alloc(w->arena, count * sizeof *c->exprs, 8);
	}
	if (!c || !c->stages || !c->exprs)
		return select_no_memory(w);
	s->call = c;
	n->call_count++;
	c->stage_count = count;
	for (uint32_t i = count; i-- > 0; e = e->call.list)
		c->exprs[i] = e;
	if (!e || e->kind != IQL_REF)
		return errbuf_set(w->eb, ERR_INVALID, "expected field argument in %s()", "function");
	c->field = e;
	c->field_slot = add_input(n, e);
	c->is_absent = !field_type(n, e, &in);
	for (uint32_t i = 0; i < count; i++) {
		enum err err = function_prepare(&c->stages[i], c->exprs[i], in, n->grid.interval_ns, w->eb);
		if (err == ERR_INVALID && c->is_absent) { /* of a name that is no field nothing is known */
			c->stage_count = i;
			break;
		}
		if (err != ERR_OK)
			return err;
		c->stages[i].descending = n->is_descending;
		in = c->stages[i].out;
	}
	if (c->stage_count == 0)
		return ERR_OK;
	c->is_end = !n->grid.interval_ns &&
	    (strcmp(c->stages[0].fn->name, "first") == 0 || strcmp(c->stages[0].fn->name, "last") == 0);
	c->is_area = n->grid.interval_ns && strcmp(c->stages[0].fn->name, "integral") == 0;
	c->is_transform = c->is_area || c->stages[0].fn->kind == FUNCTION_TRANSFORM;
	if (!c->is_absent)
		s->type = cell_type_of(c->stages[c->stage_count - 1].out);
	look_back(n, c);
	return ERR_OK;
}

/* ---- a node ---- */

static bool add_group_by(struct select_node *n, struct view name)
{
	uint32_t at = 0;

	while (at < n->group_by_count && view_cmp(n->group_by[at], name) < 0)
		at++;
	if (at < n->group_by_count && view_eq(n->group_by[at], name))
		return false;
	memmove(n->group_by + at + 1, n->group_by + at, (n->group_by_count - at) * sizeof *n->group_by);
	n->group_by[at] = name;
	n->group_by_count++;
	return true;
}

static enum err plan_groups(struct select_work *w, struct select_node *n)
{
	const struct select_node *outer = n->outer;
	uint32_t most = n->dimension_count + (outer ? outer->group_by_count : 0);

	n->group_by = arena_alloc(w->arena, (most + 1) * sizeof *n->group_by, 8);
	if (!n->group_by)
		return select_no_memory(w);
	for (uint32_t i = 0; i < n->dimension_count; i++)
		add_group_by(n, n->dimensions[i]);
	for (uint32_t i = 0; outer && i < outer->group_by_count; i++)
		add_group_by(n, outer->group_by[i]);
	n->slimit = n->select->limits.slimit + (outer ? outer->slimit : 0);
	n->soffset = n->select->limits.soffset + (outer ? outer->soffset : 0);
	return ERR_OK;
}

static enum err plan_time(struct select_work *w, struct select_node *n)
{
	struct iql_select *s = n->select;
	struct iql_range range = s->range;
	int64_t now_end = w->env->now_ns < INT64_MAX ? w->env->now_ns + 1 : INT64_MAX;

	if (s->interval_ns > 0 && !s->interval_is_inherited && !range.has_to && range.to_ns > now_end)
		range.to_ns = now_end;
	if (n->outer) {
		const struct window_grid *g = &n->outer->grid;
		int64_t end = g->last_ns == INT64_MAX ? INT64_MAX : g->last_ns + 1;
		if (range.from_ns < g->from_ns)
			range.from_ns = g->from_ns;
		if (range.to_ns > end)
			range.to_ns = end;
	}
	enum err e = iql_zone_open(&n->zone, s->zone);
	if (e != ERR_OK)
		return errbuf_set(w->eb, ERR_INVALID, "unable to find time zone %.*s", (int)s->zone.len, s->zone.p);
	n->grid = (struct window_grid){ s->interval_ns > 0 ? s->interval_ns : 0, s->offset_ns, n->zone, range.from_ns,
		range.to_ns == INT64_MIN ? INT64_MIN : range.to_ns - 1 };
	n->fill = n->outer && s->fill == IQL_FILL_NULL ? IQL_FILL_NONE : s->fill;
	n->is_descending = s->is_descending;
	n->missing = n->fill == IQL_FILL_NUMBER ? SLOT_NUMBER
	    : n->fill == IQL_FILL_PREVIOUS	? SLOT_PREVIOUS
						: SLOT_NULL;
	return ERR_OK;
}

/* The number of fill() in a slot's type; where the type takes none, as it is. */
static struct cell fallback_of(const struct iql_expr *value, enum cell_type type)
{
	bool whole = value->kind == IQL_INTEGER;
	struct cell c = { .type = type };

	if (type == CELL_FLOAT)
		c.f = whole ? (double)value->i : value->f;
	else if (type == CELL_INTEGER)
		c.i = whole ? value->i : select_integer_of(value->f);
	else if (type == CELL_UNSIGNED)
		c.u = whole ? (uint64_t)value->i : select_unsigned_of(value->f);
	else if (whole)
		c = (struct cell){ .type = CELL_INTEGER, .i = value->i };
	else
		c = (struct cell){ .type = CELL_FLOAT, .f = value->f };
	return c;
}

static enum err plan_slots(struct select_work *w, struct select_node *n)
{
	uint32_t leaves = 0, refs = n->select->filter ? count_refs(n->select->filter) : 0;

	for (uint32_t i = 0; i < n->column_count; i++)
		leaves += count_leaves(n->columns[i].expr);
	n->slots = arena_alloc(w->arena, (leaves + 1) * sizeof *n->slots, 8);
	n->inputs = arena_alloc(w->arena, (leaves + refs + 1) * sizeof *n->inputs, 8);
	if (!n->slots || !n->inputs)
		return select_no_memory(w);
	for (uint32_t i = 0; i < n->column_count; i++)
		add_leaves(n, n->columns[i].expr);
	for (uint32_t i = 0; i < n->slot_count; i++) {
		struct select_slot *s = &n->slots[i];
		enum err e = s->expr->kind == IQL_CALL ? plan_call(w, n, s) : ERR_OK;
		if (e != ERR_OK)
			return e;
		if (n->fill == IQL_FILL_NUMBER && n->select->fill_value)
			s->fallback = fallback_of(n->select->fill_value, s->type);
	}
	if (n->select->filter)
		add_filter_inputs(n, n->select->filter);
	return ERR_OK;
}

static enum err plan_columns(struct select_work *w, struct select_node *n)
{
	struct eval_slots slots = { .find = find_slot, .arg = n };

	for (uint32_t i = 0; i < n->column_count; i++) {
		struct select_column *c = &n->columns[i];
		const struct iql_expr *e = c->expr;
		unsigned at;
		while (e->kind == IQL_PAREN)
			e = e->chain.list;
		if (is_leaf(e) && find_slot(n, e, &at)) {
			c->slot = at;
			continue;
		}
		enum err err = eval_new(&c->eval, w->arena, c->expr, &slots, w->eb);
		if (err != ERR_OK)
			return err;
	}
	return ERR_OK;
}

static bool is_selector(const struct select_call *c)
{
	const struct function *f = c->stage_count == 1 ? c->stages[0].fn : NULL;

	return f &&
	    (f->kind == FUNCTION_SELECTOR || (f->kind == FUNCTION_MULTIPLE && strcmp(f->name, "distinct") != 0));
}

static void plan_kind(struct select_node *n)
{
	bool typed = false, raw = true;

	n->read_from_ns = n->grid.from_ns;
	n->read_to_ns = n->grid.last_ns == INT64_MAX ? INT64_MAX : n->grid.last_ns + 1;
	for (uint32_t i = 0; i < n->slot_count; i++) {
		const struct select_slot *s = &n->slots[i];
		const struct select_call *c = s->call;
		typed |= c ? !s->is_void : n->call_count == 0 && s->type != CELL_NULL;
		if (!c)
			continue;
		n->is_selector = n->call_count == 1 && is_selector(c);
		raw &= c->is_transform && !c->is_area;
		if (c->stage_count && c->from_ns < n->read_from_ns)
			n->read_from_ns = c->from_ns;
		if (c->stage_count && c->to_ns > n->read_to_ns)
			n->read_to_ns = c->to_ns;
	}
	n->is_raw = raw;
	n->is_empty = !typed;
}

enum err select_refuse_buckets(struct errbuf *eb, uint64_t count, uint64_t most)
{
	return errbuf_set(eb, ERR_INVALID, "max-select-buckets limit exceeded: (%llu/%llu)", (unsigned long long)count,
	    (unsigned long long)most);
}

static enum err check_buckets(struct select_work *w, const struct select_node *n)
{
	const struct budget *b = w->env->budget;
	uint64_t count = window_count(&n->grid), most = b->max_buckets;

	if (!n->call_count || !n->grid.interval_ns || n->grid.from_ns == IQL_TIME_MIN)
		return ERR_OK;
	if (most && count > most)
		return select_refuse_buckets(w->eb, count, most);
	/* Filled buckets are rows, whether there are points or not. */
	most = b->max_rows ? b->max_rows : b->max_bytes / 8;
	if (n->fill != IQL_FILL_NONE && count > most)
		return errbuf_set(w->eb, ERR_TOOBIG,
		    "GROUP BY time makes %llu buckets of that range, more than the %llu there may be; ask for a shorter "
		    "range or a longer interval, or use fill(none)",
		    (unsigned long long)count, (unsigned long long)most);
	return ERR_OK;
}

static enum err plan_node(struct select_work *w, struct select_node *n)
{
	enum err e = plan_time(w, n);

	if (e == ERR_OK)
		e = plan_groups(w, n);
	if (e == ERR_OK)
		e = plan_slots(w, n);
	if (e == ERR_OK)
		e = plan_columns(w, n);
	if (e == ERR_OK)
		plan_kind(n);
	return e == ERR_OK ? check_buckets(w, n) : e;
}

enum err select_plan(struct select_work *w)
{
	w->read_from_ns = INT64_MAX;
	w->read_to_ns = INT64_MIN;
	for (struct select_node *n = w->first; n; n = n->next) {
		enum err e = plan_node(w, n);
		if (e != ERR_OK)
			return e;
		if (n->read_from_ns < w->read_from_ns)
			w->read_from_ns = n->read_from_ns;
		if (n->read_to_ns > w->read_to_ns)
			w->read_to_ns = n->read_to_ns;
	}
	return ERR_OK;
}

void select_unplan(struct select_work *w)
{
	for (struct select_node *n = w->first; n; n = n->next) {
		iql_zone_close(n->zone);
		for (uint32_t i = 0; i < n->column_count; i++)
			eval_free(n->columns[i].eval);
	}
}
