/* A merge in two steps. First the times: the list is taken as runs that rise, and the runs are walked through together, from
 * the earliest time on. What lies alone is taken as one strip, however long it is; rows of one time are strips of a row
 * each, in order of the list, that give the same row. Pieces mostly overlap at their ends alone, so strips are few. Then
 * each column is copied strip by strip, and rows of one time by the rule of the tier. */
#include "store/rows.h"

#include <stdlib.h>
#include <string.h>

enum { LONG = 16 }; /* rows of a strip that are worth a part of their own */

struct run { /* of rows whose times rise, of one of the list */
	int64_t time_ns; /* of row `at` */
	uint32_t source, at, end;
	uint32_t number; /* its place in order of writing */
};

struct strip { /* rows that come one after the other in the list and in the result */
	uint32_t source, from, count;
	bool again; /* of the time of the strip before: one row, the same row of the result */
};

struct merge {
	const struct rows *list;
	uint32_t count;
	int64_t from_ns, to_ns;
	bool rollups;
	struct arena *arena;
	struct rows_column *columns; /* of the result */
	uint32_t column_count, column_room;
	struct run *runs; /* a heap: the first begins earliest */
	uint32_t run_count, run_room;
	struct strip *strips;
	uint32_t strip_count, strip_room;
	uint32_t rows; /* of the result */
	struct picked *picked;
};

struct picked { /* a column in one of the list; counts: of the same field, where they matter */
	const struct rows_column *column, *counts;
};

uint32_t rows_lower_bound(const int64_t *times, uint32_t n, int64_t t)
{
	uint32_t low = 0;

	while (n) {
		uint32_t half = n / 2;
		if (times[low + half] < t) {
			low += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return low;
}

const struct rows_column *rows_find_column(const struct rows *r, uint32_t field, enum column_kind kind)
{
	for (uint32_t i = 0; i < r->column_count; i++)
		if (r->columns[i].field == field && r->columns[i].kind == kind)
			return &r->columns[i];
	return NULL;
}

/* The same with a guess where it is. */
static const struct rows_column *column_of(const struct rows *r, const struct rows_column *like, uint32_t guess)
{
	if (guess < r->column_count && r->columns[guess].field == like->field && r->columns[guess].kind == like->kind)
		return &r->columns[guess];
	return rows_find_column(r, like->field, like->kind);
}

/* Every column of the list once. Lists mostly have the same columns in the same order. */
static bool gather_columns(struct merge *m)
{
	struct rows known = { 0 };

	for (uint32_t i = 0; i < m->count; i++)
		for (uint32_t k = 0; k < m->list[i].column_count; k++) {
			const struct rows_column *c = &m->list[i].columns[k];
			known.columns = m->columns;
			known.column_count = m->column_count;
			if (column_of(&known, c, k))
				continue;
			if (m->column_count == m->column_room) {
				uint32_t room = m->column_room ? m->column_room * 2 : m->list[i].column_count;
				struct rows_column *p = arena_alloc(m->arena, room * sizeof *p, 16);
				if (!p)
					return false;
				if (m->column_count)
					memcpy(p, m->columns, m->column_count * sizeof *p);
				m->columns = p;
				m->column_room = room;
			}
			m->columns[m->column_count++] = (struct rows_column){ c->field, c->kind, c->type, NULL, NULL };
		}
	return true;
}

static void range_of(const struct merge *m, const struct rows *r, uint32_t *from, uint32_t *to)
{
	const uint32_t n = r->count;

	*from = n && r->times[0] < m->from_ns ? rows_lower_bound(r->times, n, m->from_ns) : 0;
	*to = n && r->times[n - 1] > m->to_ns ? rows_lower_bound(r->times, n, m->to_ns + 1) : n;
}

/* Room for one more of them; NULL: out of memory. */
static void *grow(void *of, uint32_t count, uint32_t *room, size_t size)
{
	if (count < *room)
		return of;
	uint32_t more = *room ? *room * 2 : 32;
	void *p = realloc(of, more * size);
	if (p)
		*room = more;
	return p;
}

/* ---- runs ---- */

static bool add_run(struct merge *m, uint32_t source, uint32_t at, uint32_t end)
{
	struct run *p = grow(m->runs, m->run_count, &m->run_room, sizeof *p);

	if (!p)
		return false;
	m->runs = p;
	p[m->run_count] = (struct run){ m->list[source].times[at], source, at, end, m->run_count };
	m->run_count++;
	return true;
}

/* Where the rows from `at` on that lie in the range cease to rise. */
static uint32_t end_of_run(const struct merge *m, const int64_t *times, uint32_t at, uint32_t n)
{
	uint32_t end = at + 1;

	while (end < n && times[end] > times[end - 1] && times[end] <= m->to_ns)
		end++;
	return end;
}

static bool split(struct merge *m, uint32_t source)
{
	const struct rows *r = &m->list[source];

	for (uint32_t at = 0; at < r->count;) {
		if (r->times[at] < m->from_ns || r->times[at] > m->to_ns) {
			at++;
			continue;
		}
		uint32_t end = end_of_run(m, r->times, at, r->count);
		if (!add_run(m, source, at, end))
			return false;
		at = end;
	}
	return true;
}

static bool find_runs(struct merge *m)
{
	uint32_t from, to;

	for (uint32_t i = 0; i < m->count; i++) {
		if (m->list[i].unordered) {
			if (!split(m, i))
				return false;
			continue;
		}
		range_of(m, &m->list[i], &from, &to);
		if (from < to && !add_run(m, i, from, to))
			return false;
	}
	return true;
}

/* ---- the heap of runs ---- */

static bool is_before(const struct run *a, const struct run *b)
{
	return a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a->number < b->number;
}

static void sink(struct run *of, uint32_t n, uint32_t i)
{
	const struct run r = of[i];

	for (uint32_t child; (child = 2 * i + 1) < n; i = child) {
		child += child + 1 < n && is_before(&of[child + 1], &of[child]);
		if (!is_before(&of[child], &r))
			break;
		of[i] = of[child];
	}
	of[i] = r;
}

/* The first run has been taken up to a row. */
static void go_on(struct merge *m, uint32_t at)
{
	struct run *r = m->runs;

	if (at == r->end)
		*r = m->runs[--m->run_count];
	else
		*r = (struct run){ m->list[r->source].times[at], r->source, at, r->end, r->number };
	if (m->run_count)
		sink(m->runs, m->run_count, 0);
}

/* When the next of the other runs begins. */
static int64_t next_time(const struct merge *m)
{
	int64_t t = m->run_count > 1 ? m->runs[1].time_ns : INT64_MAX;

	return m->run_count > 2 && m->runs[2].time_ns < t ? m->runs[2].time_ns : t;
}

/* ---- strips ---- */

static bool add_strip(struct merge *m, const struct strip *s)
{
	struct strip *p = grow(m->strips, m->strip_count, &m->strip_room, sizeof *p);

	if (!p)
		return false;
	m->strips = p;
	p[m->strip_count++] = *s;
	m->rows += s->again ? 0 : s->count;
	return true;
}

/* The first row that is not below t, of a run whose row `at` is: mostly near. */
static uint32_t gallop(const int64_t *times, uint32_t at, uint32_t end, int64_t t)
{
	uint32_t step = 1;

	while (step < end - at && times[at + step] < t) {
		at += step;
		step *= 2;
	}
	uint32_t high = step < end - at ? at + step : end;
	return at + 1 + rows_lower_bound(times + at + 1, high - at - 1, t);
}

static bool find_strips(struct merge *m)
{
	int64_t last = 0;

	for (uint32_t i = m->run_count / 2; i--;)
		sink(m->runs, m->run_count, i);
	while (m->run_count) {
		const struct run r = m->runs[0];
		const int64_t *times = m->list[r.source].times, next = next_time(m);
		uint32_t to = r.at + 1;
		bool again = m->strip_count && r.time_ns == last;
		if (m->run_count == 1 && !again)
			to = r.end;
		else if (r.time_ns < next && !again)
			to = gallop(times, r.at, r.end, next);
		if (!add_strip(m, &(struct strip){ r.source, r.at, to - r.at, again }))
			return false;
		last = times[to - 1];
		go_on(m, to);
	}
	return true;
}

/* ---- columns ---- */

struct copy { /* of a column, in work */
	struct rows_column *column;
	uint64_t *bits;
	uint8_t *present; /* NULL: all rows so far have it */
	uint32_t at; /* rows so far */
};

static bool has_row(const struct rows_column *c, uint32_t row)
{
	return c && (!c->present || c->present[row]);
}

static bool need_present(const struct merge *m, struct copy *c)
{
	if (c->present)
		return true;
	c->present = arena_alloc_raw(m->arena, m->rows, 1);
	if (c->present)
		memset(c->present, 1, c->at);
	return c->present;
}

static bool copy_strip(const struct merge *m, struct copy *c, const struct rows_column *s, const struct strip *x)
{
	const uint32_t n = x->count;

	if ((!s || s->present) && !need_present(m, c))
		return false;
	if (s)
		memcpy(c->bits + c->at, s->bits + x->from, n * sizeof *c->bits);
	else
		memset(c->bits + c->at, 0, n * sizeof *c->bits);
	if (c->present && s && s->present)
		memcpy(c->present + c->at, s->present + x->from, n);
	else if (c->present)
		memset(c->present + c->at, s != NULL, n);
	c->at += n;
	return true;
}

static bool put(const struct merge *m, struct copy *c, uint32_t row, bool has, uint64_t bits)
{
	if (!has && !need_present(m, c))
		return false;
	c->bits[row] = bits;
	if (c->present)
		c->present[row] = has;
	return true;
}

/* Strips of one time, a row each. Of raw rows the last that has the column; but a sketch goes with the count beside it. */
static bool pick_last(const struct merge *m, struct copy *c, const struct strip *x, uint32_t n)
{
	uint64_t bits = 0;
	bool has = false;

	for (uint32_t i = 0; i < n; i++) {
		const struct picked *p = &m->picked[x[i].source];
		uint32_t row = x[i].from;
		if (has_row(p->column, row)) {
			bits = p->column->bits[row];
			has = true;
		} else if (c->column->kind == COLUMN_SKETCH && has_row(p->counts, row)) {
			has = false;
		}
	}
	return put(m, c, c->at - 1, has, bits);
}

/* Of rollups all of the one that counts the most rows of the field. */
static bool pick_most(const struct merge *m, struct copy *c, const struct strip *x, uint32_t n)
{
	const struct rows_column *column = NULL;
	uint64_t most = 0;
	uint32_t of = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct picked *p = &m->picked[x[i].source];
		uint32_t row = x[i].from;
		if (!has_row(p->counts, row) || p->counts->bits[row] < most)
			continue;
		most = p->counts->bits[row];
		column = p->column;
		of = row;
	}
	bool has = has_row(column, of);
	return put(m, c, c->at - 1, has, has ? column->bits[of] : 0);
}

static bool copy_column(const struct merge *m, struct rows_column *to, uint32_t at_column)
{
	struct copy c = { to, arena_alloc_raw(m->arena, m->rows * sizeof *c.bits, 16), NULL, 0 };

	if (!c.bits)
		return false;
	for (uint32_t i = 0; i < m->count; i++) {
		m->picked[i].column = column_of(&m->list[i], to, at_column);
		if (m->rollups || to->kind == COLUMN_SKETCH)
			m->picked[i].counts = rows_find_column(&m->list[i], to->field, COLUMN_COUNT);
	}
	for (uint32_t i = 0, end; i < m->strip_count; i = end) {
		const struct strip *x = &m->strips[i];
		if (!copy_strip(m, &c, m->picked[x->source].column, x))
			return false;
		for (end = i + 1; end < m->strip_count && m->strips[end].again;)
			end++;
		if (end > i + 1 && !(m->rollups ? pick_most : pick_last)(m, &c, x, end - i))
			return false;
	}
	to->bits = c.bits;
	to->present = c.present && memchr(c.present, 0, m->rows) ? c.present : NULL;
	return true;
}

static bool copy_all(const struct merge *m, struct rows *out)
{
	int64_t *times = arena_alloc_raw(m->arena, m->rows * sizeof *times, 16);
	uint32_t at = 0;

	for (uint32_t i = 0; times && i < m->strip_count; i++) {
		const struct strip *x = &m->strips[i];
		if (x->again)
			continue;
		memcpy(times + at, m->list[x->source].times + x->from, x->count * sizeof *times);
		at += x->count;
	}
	for (uint32_t k = 0; times && k < m->column_count; k++)
		if (!copy_column(m, &m->columns[k], k))
			return false;
	*out = (struct rows){ m->rows, false, times, m->column_count, m->columns };
	return times;
}

/* ---- in parts ---- */

/* The strip as it lies in the list. */
static bool slice(const struct merge *m, const struct strip *x, struct rows *out)
{
	const struct rows *r = &m->list[x->source];
	struct rows_column *columns = arena_alloc_raw(m->arena, (r->column_count + 1) * sizeof *columns, 16);

	if (!columns)
		return false;
	for (uint32_t i = 0; i < r->column_count; i++) {
		columns[i] = r->columns[i];
		columns[i].bits += x->from;
		if (columns[i].present)
			columns[i].present += x->from;
	}
	*out = (struct rows){ x->count, false, r->times + x->from, r->column_count, columns };
	return true;
}

/* Strips [from, to), all of them short. */
static bool copy_some(const struct merge *m, uint32_t from, uint32_t to, struct rows *out)
{
	struct merge some = *m;

	some.strips = m->strips + from;
	some.strip_count = to - from;
	some.rows = 0;
	for (uint32_t i = from; i < to; i++)
		some.rows += m->strips[i].again ? 0 : m->strips[i].count;
	some.columns = arena_alloc_raw(m->arena, (m->column_count + 1) * sizeof *some.columns, 16);
	if (some.columns && m->column_count)
		memcpy(some.columns, m->columns, m->column_count * sizeof *some.columns);
	return some.columns && copy_all(&some, out);
}

static bool is_long(const struct strip *x)
{
	return x->count >= LONG;
}

static bool part_all(const struct merge *m, struct rows **out, uint32_t *count)
{
	uint32_t parts = 0, end;

	for (uint32_t i = 0; i < m->strip_count; i++)
		parts += i == 0 || is_long(&m->strips[i]) || is_long(&m->strips[i - 1]);
	*out = arena_alloc_raw(m->arena, (parts + 1) * sizeof **out, 16);
	if (!*out)
		return false;
	for (uint32_t i = 0; i < m->strip_count; i = end) {
		const struct strip *x = &m->strips[i];
		for (end = i + 1; !is_long(x) && end < m->strip_count && !is_long(&m->strips[end]);)
			end++;
		struct rows *part = &(*out)[(*count)++];
		if (is_long(x) ? !slice(m, x, part) : !copy_some(m, i, end, part))
			return false;
	}
	return true;
}

/* ---- all together ---- */

static bool find_all(struct merge *m)
{
	m->picked = calloc(m->count + 1, sizeof *m->picked);
	return m->picked && gather_columns(m) && find_runs(m) && find_strips(m);
}

static void forget(struct merge *m)
{
	free(m->runs);
	free(m->strips);
	free(m->picked);
}

static enum err merge(struct merge *m, struct rows *out)
{
	*out = (struct rows){ 0 };
	bool ok = find_all(m) && (!m->rows || copy_all(m, out));
	forget(m);
	return ok ? ERR_OK : ERR_NOMEM;
}

enum err rows_merge(
    const struct rows *list, uint32_t count, int64_t from_ns, int64_t to_ns, struct arena *a, struct rows *out)
{
	struct merge m = { .list = list, .count = count, .from_ns = from_ns, .to_ns = to_ns, .arena = a };

	return merge(&m, out);
}

enum err rows_merge_rollups(
    const struct rows *list, uint32_t count, int64_t from_ns, int64_t to_ns, struct arena *a, struct rows *out)
{
	struct merge m = {
		.list = list, .count = count, .from_ns = from_ns, .to_ns = to_ns, .rollups = true, .arena = a
	};

	return merge(&m, out);
}

enum err rows_merge_parts(const struct rows *list, uint32_t count, int64_t from_ns, int64_t to_ns, struct arena *a,
    struct rows **parts, uint32_t *part_count)
{
	struct merge m = { .list = list, .count = count, .from_ns = from_ns, .to_ns = to_ns, .arena = a };

	*part_count = 0;
	bool ok = find_all(&m) && part_all(&m, parts, part_count);
	forget(&m);
	return ok ? ERR_OK : ERR_NOMEM;
}
