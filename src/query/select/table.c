#include "query/select/table.h"

#include <stdlib.h>

#include "query/budget_sort.h"
#include "query/select/resolve.h"

static bool fail(struct select_tables *t, enum err e)
{
	if (t->error == ERR_OK)
		t->error = e;
	return false;
}

static void *keep(struct select_tables *t, size_t n)
{
	void *p = arena_alloc(&t->arena, n, 8);

	if (!p) {
		errbuf_set(t->eb, ERR_TOOBIG,
		    "a subquery's answer does not fit into the memory of the query; ask for a shorter range or fewer series");
		fail(t, ERR_TOOBIG);
		return NULL;
	}
	return p;
}

static bool keep_view(struct select_tables *t, struct view v, struct view *out)
{
	char *p = keep(t, v.len + 1);

	if (!p)
		return false;
	memcpy(p, v.p ? v.p : "", v.len);
	*out = (struct view){ p, v.len };
	return true;
}

/* ---- series ---- */

static struct table *find_table(struct select_tables *t, struct view name)
{
	for (uint32_t i = t->count; i-- > 0;)
		if (view_eq(t->of[i].name, name))
			return &t->of[i];
	if (t->count == t->room) {
		uint32_t room = t->room ? t->room * 2 : 4;
		struct table *of = keep(t, room * sizeof *of);
		if (!of)
			return NULL;
		if (t->count)
			memcpy(of, t->of, t->count * sizeof *of);
		t->of = of;
		t->room = room;
	}
	struct table *x = &t->of[t->count];
	*x = (struct table){ 0 };
	if (!keep_view(t, name, &x->name))
		return NULL;
	t->count++;
	return x;
}

static bool on_series(void *arg, const struct result_series *s)
{
	struct select_tables *t = arg;
	struct table *x = find_table(t, s->name);

	if (!x)
		return false;
	if (x->count == x->room) {
		uint32_t room = x->room ? x->room * 2 : 8;
		struct table_series **of = keep(t, room * sizeof(struct table_series *));
		if (!of)
			return false;
		if (x->count)
			memcpy(of, x->series, x->count * sizeof(struct table_series *));
		x->series = of;
		x->room = room;
	}
	struct table_series *n = keep(t, sizeof *n);
	if (!n)
		return false;
	n->tags = keep(t, (s->tag_count + 1) * sizeof *n->tags);
	n->columns = keep(t, (t->node->column_count + 1) * sizeof *n->columns);
	if (!n->tags || !n->columns)
		return false;
	for (uint32_t i = 0; i < s->tag_count; i++)
		if (!keep_view(t, s->tags[i].value, &n->tags[i]))
			return false;
	for (uint32_t i = 0; i < t->node->column_count; i++) {
		enum cell_type type = t->node->columns[i].type;
		if (type != CELL_NULL)
			n->columns[i].type = (enum value_type)((int)type - 1);
	}
	x->series[x->count++] = n;
	t->series = n;
	return true;
}

/* ---- rows ---- */

static size_t row_bytes(const struct select_tables *t)
{
	return sizeof(int64_t) + t->node->column_count * (sizeof(uint64_t) + 1);
}

/* One piece: times, then each column's bits, then each column's marks. */
static bool grow(struct select_tables *t, struct table_series *s)
{
	uint32_t room = s->room ? s->room * 2 : 4, n = t->node->column_count;
	int64_t *times = select_take(t->budget, room * row_bytes(t), t->eb);

	if (!times)
		return fail(t, ERR_TOOBIG);
	uint64_t *bits = (uint64_t *)(times + room);
	uint8_t *marks = (uint8_t *)(bits + (size_t)room * n);
	if (s->count)
		memcpy(times, s->times, s->count * sizeof *times);
	for (uint32_t i = 0; i < n; i++, bits += room, marks += room) {
		if (s->count) {
			memcpy(bits, s->columns[i].bits, s->count * sizeof *bits);
			memcpy(marks, s->columns[i].present, s->count);
		}
		s->columns[i].bits = bits;
		s->columns[i].present = marks;
	}
	select_give(t->budget, s->times, s->room * row_bytes(t));
	s->times = times;
	s->room = room;
	return true;
}

static bool put_text(struct select_tables *t, uint64_t *bits, struct view v)
{
	size_t len = v.len;

	for (size_t i = 0; i < v.len; i++)
		len += v.p[i] == '\\' || v.p[i] == '"';
	struct rows_string *s = keep(t, sizeof *s + len + 1);
	if (!s)
		return false;
	for (size_t i = 0; i < v.len; i++) {
		if (v.p[i] == '\\' || v.p[i] == '"')
			s->bytes[s->len++] = '\\';
		s->bytes[s->len++] = v.p[i];
	}
	*bits = (uintptr_t)s;
	return true;
}

/* The type of a column is that of its first value where it could not be told before; what is of another is missing. */
static bool put_cell(struct select_tables *t, struct table_column *c, bool untyped, uint32_t row, const struct cell *v)
{
	c->bits[row] = 0;
	c->present[row] = 0;
	if (v->type == CELL_NULL)
		return true;
	enum value_type type = (enum value_type)((int)v->type - 1);
	if (untyped && !c->is_used)
		c->type = type;
	if (type != c->type) {
		if (c->type != VALUE_FLOAT || (type != VALUE_INTEGER && type != VALUE_UNSIGNED))
			return true;
		double f = type == VALUE_INTEGER ? (double)v->i : (double)v->u;
		memcpy(&c->bits[row], &f, sizeof f);
	} else if (type == VALUE_STRING) {
		if (!put_text(t, &c->bits[row], v->s))
			return false;
	} else if (type == VALUE_BOOLEAN) {
		c->bits[row] = v->b;
	} else {
		memcpy(&c->bits[row], &v->u, sizeof v->u);
	}
	c->present[row] = 1;
	c->is_used = true;
	return true;
}

static bool on_row(void *arg, const struct cell *cells)
{
	struct select_tables *t = arg;
	struct table_series *s = t->series;

	if (s->count == s->room && !grow(t, s))
		return false;
	s->times[s->count] = cells[0].i;
	for (uint32_t i = 0; i < t->node->column_count; i++)
		if (!put_cell(t, &s->columns[i], t->node->columns[i].type == CELL_NULL, s->count, &cells[i + 1]))
			return false;
	s->count++;
	return true;
}

/* ---- order ---- */

struct place {
	int64_t time_ns;
	uint32_t row;
};

static int by_time(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return (x->row > y->row) - (x->row < y->row);
}

static bool is_rising(const struct table_series *s)
{
	for (uint32_t i = 1; i < s->count; i++)
		if (s->times[i] < s->times[i - 1])
			return false;
	return true;
}

enum err table_sort(struct select_tables *t, struct table_series *s)
{
	struct table_series old = *s;
	uint32_t n = t->node->column_count;

	if (is_rising(s))
		return ERR_OK;
	size_t bytes = s->count * sizeof(struct place), column_bytes = (n + 1) * sizeof *old.columns;
	struct place *places = select_take(t->budget, bytes + column_bytes, t->eb);
	int64_t *times = select_take(t->budget, s->room * row_bytes(t), t->eb);
	if (!places || !times) {
		select_give(t->budget, places, bytes + column_bytes);
		select_give(t->budget, times, s->room * row_bytes(t));
		return ERR_TOOBIG;
	}
	for (uint32_t i = 0; i < s->count; i++) /* of one time the last comes first: reading falls through them again */
		places[i] = (struct place){ s->times[i], t->node->is_descending ? s->count - 1 - i : i };
	enum err e = budget_sort(t->budget, places, s->count, sizeof *places, by_time, t->eb);
	if (e != ERR_OK) {
		select_give(t->budget, places, bytes + column_bytes);
		select_give(t->budget, times, s->room * row_bytes(t));
		return e;
	}
	uint64_t *bits = (uint64_t *)(times + s->room);
	uint8_t *marks = (uint8_t *)(bits + (size_t)s->room * n);
	for (uint32_t i = 0; i < s->count; i++)
		times[i] = places[i].time_ns;
	for (uint32_t c = 0; c < n; c++, bits += s->room, marks += s->room) {
		for (uint32_t i = 0; i < s->count; i++) {
			uint32_t row = t->node->is_descending ? s->count - 1 - places[i].row : places[i].row;
			bits[i] = s->columns[c].bits[row];
			marks[i] = s->columns[c].present[row];
		}
		s->columns[c].bits = bits;
		s->columns[c].present = marks;
	}
	s->times = times;
	select_give(t->budget, old.times, old.room * row_bytes(t));
	select_give(t->budget, places, bytes + column_bytes);
	return ERR_OK;
}

/* ---- from beginning to end ---- */

enum err select_tables_new(struct select_tables **out, struct select_work *w, const struct select_node *n)
{
	struct select_tables *t = calloc(1, sizeof *t);

	*out = t;
	if (!t)
		return select_no_memory(w);
	t->node = n;
	t->budget = w->env->budget;
	t->eb = w->eb;
	budget_arena(t->budget, &t->arena, 16 << 10);
	return ERR_OK;
}

void select_tables_free(struct select_tables *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->count; i++)
		for (uint32_t k = 0; k < t->of[i].count; k++) {
			struct table_series *s = t->of[i].series[k];
			select_give(t->budget, s->times, s->room * row_bytes(t));
		}
	arena_fini(&t->arena);
	free(t);
}

struct result_sink select_tables_sink(struct select_tables *t)
{
	return (struct result_sink){ .series = on_series, .row = on_row, .arg = t };
}

enum err select_tables_error(const struct select_tables *t)
{
	return t->error;
}

uint32_t select_tables_count(const struct select_tables *t)
{
	return t->count;
}

struct view select_tables_name(const struct select_tables *t, uint32_t i)
{
	return t->of[i].name;
}
