/* What calls take from the rows at hand: the column of their field, in their type, without the rows that do not pass. */
#include "query/select/buckets.h"

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

bool buckets_prepare_columns(struct buckets *b, const struct source_rows *s, const uint8_t *pass)
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
		if (b->run->is_table) /* a bucket of a subquery may begin before the range */
			continue;
		if (r->times[0] < c->from_ns)
			p->from = rows_lower_bound(r->times, r->count, c->from_ns);
		if (r->times[r->count - 1] >= c->to_ns)
			p->to = rows_lower_bound(r->times, r->count, c->to_ns);
	}
	return true;
}
