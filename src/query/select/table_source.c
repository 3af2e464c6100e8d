/* Subqueries' answers as a source of rows: their columns are the fields, their groups' tags the tags. Those of one name are one
 * source. */
#include <stdlib.h>

#include "query/select/resolve.h"
#include "query/select/table.h"

struct member { /* a series */
	struct select_tables *tables;
	struct table_series *series;
	const int32_t *fields; /* by column: its number in the source, or -1 */
};

struct table_source {
	struct source source; /* first */
	struct arena arena;
	struct member *members;
	struct source_field *fields;
	struct source_tag_key *keys;
	struct budget *budget;
};

static struct view tag_of(struct source *s, uint32_t series, struct view key)
{
	const struct member *m = &((struct table_source *)s)->members[series];
	const struct select_node *n = m->tables->node;

	for (uint32_t i = 0; i < n->group_by_count; i++)
		if (view_eq(n->group_by[i], key))
			return m->series->tags[i];
	return (struct view){ "", 0 };
}

static uint32_t fill_rows(
    const struct member *m, const bool *wanted, struct source_rows *out, struct rows_column *columns)
{
	uint32_t used = 0, n = m->tables->node->column_count;

	for (uint32_t i = 0; i < n; i++) {
		const struct table_column *c = &m->series->columns[i];
		if (m->fields[i] < 0 || !c->is_used || (wanted && !wanted[m->fields[i]]))
			continue;
		columns[used++] = (struct rows_column){ .field = (uint32_t)m->fields[i],
			.kind = COLUMN_VALUE,
			.type = c->type,
			.bits = c->bits,
			.present = c->present };
	}
	out->rows = (struct rows){
		.count = m->series->count, .times = m->series->times, .column_count = used, .columns = columns
	};
	return used;
}

/* All in one step: the rows are in memory. */
static enum err read_all(
    struct source *s, const struct source_read *r, struct budget *b, struct result_report *report, struct errbuf *eb)
{
	struct table_source *t = (struct table_source *)s;
	size_t columns = 0;

	(void)report;
	for (uint32_t i = 0; i < r->series_count; i++)
		columns += t->members[r->series[i]].tables->node->column_count;
	size_t bytes = r->series_count * sizeof(struct source_rows) + columns * sizeof(struct rows_column);
	struct source_rows *rows = select_take(b, bytes, eb);
	if (!rows)
		return ERR_TOOBIG;
	struct rows_column *at = (struct rows_column *)(rows + r->series_count);
	for (uint32_t i = 0; i < r->series_count; i++) {
		rows[i].series = r->series[i];
		at += fill_rows(&t->members[r->series[i]], r->fields, &rows[i], at);
	}
	struct source_step step = { TIER_RAW, r->from_ns, r->to_ns, rows, r->series_count };
	enum err e = r->step(r->arg, &step);
	select_give(b, rows, bytes);
	return e == ERR_CLOSED ? ERR_OK : e;
}

static void close_source(struct source *s)
{
	struct table_source *t = (struct table_source *)s;

	arena_fini(&t->arena);
	free(t);
}

static const struct source_ops ops = { tag_of, read_all, close_source };

/* ---- what it has ---- */

static int by_name(const void *a, const void *b)
{
	return view_cmp(((const struct source_field *)a)->name, ((const struct source_field *)b)->name);
}

static int by_key(const void *a, const void *b)
{
	return view_cmp(((const struct source_tag_key *)a)->name, ((const struct source_tag_key *)b)->name);
}

static bool has_key(const struct table_source *t, struct view name)
{
	for (uint32_t i = 0; i < t->source.tag_key_count; i++)
		if (view_eq(t->keys[i].name, name))
			return true;
	return false;
}

static struct source_field *find_field(struct table_source *t, struct view name)
{
	for (uint32_t i = 0; i < t->source.field_count; i++)
		if (view_eq(t->fields[i].name, name))
			return &t->fields[i];
	return NULL;
}

static bool collect(struct table_source *t, struct select_tables *const *of, uint32_t count)
{
	uint32_t fields = 1, keys = 1;

	for (uint32_t i = 0; i < count; i++) {
		fields += of[i]->node->column_count;
		keys += of[i]->node->group_by_count;
	}
	t->fields = arena_alloc(&t->arena, fields * sizeof *t->fields, 8);
	t->keys = arena_alloc(&t->arena, keys * sizeof *t->keys, 8);
	if (!t->fields || !t->keys)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		const struct select_node *n = of[i]->node;
		for (uint32_t k = 0; k < n->column_count; k++) {
			const struct select_column *c = &n->columns[k];
			struct source_field *f = find_field(t, c->field_name);
			enum value_type type = c->type == CELL_NULL ? VALUE_FLOAT : (enum value_type)((int)c->type - 1);
			if (!f)
				t->fields[t->source.field_count++] = (struct source_field){ c->field_name, type };
			else if (type < f->type)
				f->type = type;
		}
		for (uint32_t k = 0; k < n->group_by_count; k++)
			if (!has_key(t, n->group_by[k]))
				t->keys[t->source.tag_key_count++].name = n->group_by[k];
	}
	qsort(t->fields, t->source.field_count, sizeof *t->fields, by_name);
	qsort(t->keys, t->source.tag_key_count, sizeof *t->keys, by_key);
	return true;
}

/* Of columns of one name the first one counts. */
static int32_t *number_columns(struct table_source *t, const struct select_node *n)
{
	int32_t *numbers = arena_alloc(&t->arena, (n->column_count + 1) * sizeof *numbers, 8);

	for (uint32_t i = 0; numbers && i < n->column_count; i++) {
		numbers[i] = (int32_t)(find_field(t, n->columns[i].field_name) - t->fields);
		for (uint32_t k = 0; k < i; k++)
			if (numbers[k] == numbers[i])
				numbers[i] = -1;
	}
	return numbers;
}

static enum err add_members(struct table_source *t, struct select_tables *const *of, uint32_t count, struct view name)
{
	uint32_t most = 1;

	for (uint32_t i = 0; i < count; i++)
		for (uint32_t k = 0; k < of[i]->count; k++)
			most += view_eq(of[i]->of[k].name, name) ? of[i]->of[k].count : 0;
	t->members = arena_alloc(&t->arena, most * sizeof *t->members, 8);
	if (!t->members)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < count; i++) {
		int32_t *fields = number_columns(t, of[i]->node);
		if (!fields)
			return ERR_NOMEM;
		for (uint32_t k = 0; k < of[i]->count; k++) {
			struct table *x = &of[i]->of[k];
			for (uint32_t m = 0; view_eq(x->name, name) && m < x->count; m++) {
				uint32_t at = of[i]->node->is_descending ? x->count - 1 - m
									 : m; /* rising, as all sources */
				enum err e = table_sort(of[i], x->series[at]);
				if (e != ERR_OK)
					return e;
				t->members[t->source.series_count++] = (struct member){ of[i], x->series[at], fields };
			}
		}
	}
	return ERR_OK;
}

enum err select_tables_open(struct source **out, struct select_work *w, struct select_tables *const *of, uint32_t count,
    struct view name, const struct iql_expr *filter)
{
	struct table_source *t = calloc(1, sizeof *t);

	*out = NULL;
	if (!t)
		return select_no_memory(w);
	t->budget = w->env->budget;
	budget_arena(t->budget, &t->arena, 4 << 10);
	enum err e = collect(t, of, count) ? add_members(t, of, count, name) : ERR_NOMEM;
	if (e != ERR_OK) {
		close_source(&t->source);
		return e == ERR_NOMEM ? select_no_memory(w) : e;
	}
	t->source.ops = &ops;
	t->source.name = name;
	t->source.fields = t->fields;
	t->source.tag_keys = t->keys;
	t->source.row_filter = filter;
	*out = &t->source;
	return ERR_OK;
}
