#include "query/tail_merge.h"

#include <stdlib.h>

static int64_t time_of(const struct kept_series *s, uint32_t row)
{
	return s->cells[(size_t)row * s->head.column_count].i;
}

/* A series that only the local store has. */
static bool push_whole(struct tail_merge *m, const struct kept_series *s)
{
	bool ok = s->row_count == 0 || m->out->series(m->out->arg, &s->head);

	for (uint32_t i = 0; ok && i < s->row_count; i++)
		ok = m->out->row(m->out->arg, s->cells + (size_t)i * s->head.column_count);
	return ok;
}

static bool push_local_row(struct tail_merge *m)
{
	const struct kept_series *s = m->at;
	const struct cell *row = s->cells + (size_t)m->row++ * s->head.column_count;

	for (uint32_t i = 0; i < m->columns; i++)
		m->cells[i] = m->column_of[i] == UINT32_MAX ? (struct cell){ 0 } : row[m->column_of[i]];
	return m->out->row(m->out->arg, m->cells);
}

/* The local rows of the series at hand that belong to the end. */
static bool push_end(struct tail_merge *m)
{
	const struct kept_series *s = m->at;
	bool ok = true;

	while (ok && s && m->row < s->row_count && (time_of(s, m->row) >= m->from_ns || !m->descending))
		if (time_of(s, m->row) < m->from_ns)
			m->row++;
		else
			ok = push_local_row(m);
	return ok;
}

static bool finish_series(struct tail_merge *m)
{
	bool ok = m->descending || push_end(m); /* falling: they were first */

	m->at = NULL;
	return ok;
}

static bool make_room(struct tail_merge *m, size_t columns)
{
	uint32_t *of = realloc(m->column_of, columns * sizeof *of);
	m->column_of = of ? of : m->column_of;
	struct view *names = realloc(m->names, columns * sizeof *names);
	m->names = names ? names : m->names;
	struct cell *cells = realloc(m->cells, columns * sizeof *cells);
	m->cells = cells ? cells : m->cells;
	if (of && names && cells)
		return true;
	m->error = ERR_NOMEM;
	return false;
}

static uint32_t find_column(const struct view *columns, uint32_t count, struct view name)
{
	for (uint32_t i = 0; i < count; i++)
		if (view_eq(columns[i], name))
			return i;
	return UINT32_MAX;
}

/* A field that was just written first is unknown to the record: its column comes behind the others. */
static bool match_columns(struct tail_merge *m, const struct result_series *s)
{
	const struct result_series none = { 0 }, *mine = m->at ? &m->at->head : &none;

	if (!make_room(m, (size_t)s->column_count + mine->column_count))
		return false;
	m->columns = m->recorded = s->column_count;
	for (uint32_t i = 0; i < s->column_count; i++) {
		m->names[i] = s->columns[i];
		m->column_of[i] = find_column(mine->columns, mine->column_count, s->columns[i]);
	}
	for (uint32_t i = 0; i < mine->column_count; i++)
		if (find_column(s->columns, s->column_count, mine->columns[i]) == UINT32_MAX) {
			m->names[m->columns] = mine->columns[i];
			m->column_of[m->columns++] = i;
		}
	return true;
}

static bool push_head(struct tail_merge *m, const struct result_series *s)
{
	struct result_series head = *s;

	head.columns = m->names;
	head.column_count = m->columns;
	return m->out->series(m->out->arg, &head);
}

/* Falling answers have their series falling, too. */
static int order(const struct tail_merge *m, const struct result_series *a, const struct result_series *b)
{
	return m->descending ? result_series_compare(b, a) : result_series_compare(a, b);
}

static bool on_series(void *arg, const struct result_series *s)
{
	struct tail_merge *m = arg;
	int c = -1;

	if (!finish_series(m))
		return false;
	while (m->next < m->local->count && (c = order(m, &m->local->series[m->next].head, s)) < 0)
		if (!push_whole(m, &m->local->series[m->next++]))
			return false;
	if (m->next < m->local->count && c == 0)
		m->at = &m->local->series[m->next++];
	m->row = 0;
	return match_columns(m, s) && push_head(m, s) && (!m->descending || push_end(m));
}

static bool on_row(void *arg, const struct cell *cells)
{
	struct tail_merge *m = arg;

	if (m->at && cells[0].i >= m->from_ns)
		return true;
	if (m->columns == m->recorded)
		return m->out->row(m->out->arg, cells);
	memcpy(m->cells, cells, m->recorded * sizeof *cells);
	memset(m->cells + m->recorded, 0, (m->columns - m->recorded) * sizeof *cells);
	return m->out->row(m->out->arg, m->cells);
}

struct result_sink tail_merge_sink(struct tail_merge *m)
{
	return (struct result_sink){ .series = on_series, .row = on_row, .arg = m };
}

enum err tail_merge_finish(struct tail_merge *m)
{
	bool ok = finish_series(m);

	while (ok && m->next < m->local->count)
		ok = push_whole(m, &m->local->series[m->next++]);
	return ok ? ERR_OK : m->error ? m->error : ERR_CLOSED;
}

void tail_merge_fini(struct tail_merge *m)
{
	free(m->column_of);
	free(m->names);
	free(m->cells);
	*m = (struct tail_merge){ 0 };
}
