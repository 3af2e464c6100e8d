#include "store/rows.h"

#include <stdlib.h>
#include <string.h>

struct entry { /* a row of the list, for sorting */
	int64_t time_ns;
	uint32_t source, row;
};

struct merge {
	const struct rows *list;
	uint32_t count;
	int64_t from_ns, to_ns;
	bool rollups;
	struct arena *arena;
	struct rows_column *columns; /* of the result */
	uint32_t column_count, column_room;
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
	*from = rows_lower_bound(r->times, r->count, m->from_ns);
	*to = m->to_ns == INT64_MAX ? r->count : rows_lower_bound(r->times, r->count, m->to_ns + 1);
}

/* ---- one list behind the other ---- */

/* Is that all there is to do? *total: rows in the range. */
static bool in_order(const struct merge *m, uint32_t *total)
{
	int64_t last = INT64_MIN;
	bool any = false;

	*total = 0;
	for (uint32_t i = 0; i < m->count; i++) {
		const struct rows *r = &m->list[i];
		uint32_t from, to;
		if (r->unordered)
			return false;
		range_of(m, r, &from, &to);
		if (from == to)
			continue;
		if (any && r->times[from] <= last)
			return false;
		last = r->times[to - 1];
		any = true;
		*total += to - from;
	}
	return true;
}

static bool concatenate_column(const struct merge *m, struct rows_column *c, uint32_t at_column, uint32_t total)
{
	uint64_t *bits = arena_alloc(m->arena, total * sizeof *bits, 16);
	uint8_t *present = NULL;
	uint32_t at = 0, from, to;

	for (uint32_t i = 0; bits && i < m->count; i++) {
		const struct rows *r = &m->list[i];
		const struct rows_column *s = column_of(r, c, at_column);
		range_of(m, r, &from, &to);
		uint32_t n = to - from;
		if (n == 0)
			continue;
		if ((!s || s->present) && !present) {
			present = arena_alloc(m->arena, total, 1);
			if (!present)
				return false;
			memset(present, 1, at);
		}
		if (s)
			memcpy(bits + at, s->bits + from, n * sizeof *bits);
		if (present && s && s->present)
			memcpy(present + at, s->present + from, n);
		else if (present)
			memset(present + at, s != NULL, n);
		at += n;
	}
	c->bits = bits;
	c->present = present;
	return bits;
}

static bool concatenate(const struct merge *m, uint32_t total, struct rows *out)
{
	int64_t *times = arena_alloc_raw(m->arena, total * sizeof *times, 16);
	uint32_t at = 0, from, to;

	for (uint32_t i = 0; times && i < m->count; i++) {
		range_of(m, &m->list[i], &from, &to);
		memcpy(times + at, m->list[i].times + from, (to - from) * sizeof *times);
		at += to - from;
	}
	for (uint32_t k = 0; times && k < m->column_count; k++)
		if (!concatenate_column(m, &m->columns[k], k, total))
			return false;
	*out = (struct rows){ total, false, times, m->column_count, m->columns };
	return times;
}

/* ---- sorted ---- */

/* Rows mostly come in a few runs that rise: batches that overtook each other. Merges neighbouring runs until one is
 * left; of equal times the earlier entry stays first. tmp: as long as e. The sorted entries, in either. */
static struct entry *merge_runs(struct entry *e, struct entry *tmp, uint32_t n)
{
	for (bool sorted = false; !sorted;) {
		uint32_t out = 0;
		sorted = true;
		for (uint32_t left = 0; left < n;) {
			uint32_t mid = left + 1, end;
			while (mid < n && e[mid].time_ns >= e[mid - 1].time_ns)
				mid++;
			for (end = mid + (mid < n); end < n && e[end].time_ns >= e[end - 1].time_ns;)
				end++;
			sorted = sorted && left == 0 && end == n;
			for (uint32_t i = left, k = mid; i < mid || k < end;)
				tmp[out++] = k == end || (i < mid && e[i].time_ns <= e[k].time_ns) ? e[i++] : e[k++];
			left = end;
		}
		struct entry *swap = e;
		e = tmp;
		tmp = swap;
	}
	return e;
}

/* *memory: what to free. */
static struct entry *sort_entries(const struct merge *m, uint32_t *count, struct entry **memory)
{
	size_t room = 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->count; i++)
		room += m->list[i].count;
	struct entry *e = *memory = malloc((room + 1) * 2 * sizeof *e);
	for (uint32_t i = 0; e && i < m->count; i++)
		for (uint32_t k = 0; k < m->list[i].count; k++) {
			int64_t t = m->list[i].times[k];
			if (t >= m->from_ns && t <= m->to_ns)
				e[n++] = (struct entry){ t, i, k };
		}
	*count = n;
	return e && n ? merge_runs(e, e + room + 1, n) : e;
}

static bool has_row(const struct rows_column *c, uint32_t row)
{
	return c && (!c->present || c->present[row]);
}

/* Of equal timestamps the last entry that has the column. */
static bool pick_column(
    const struct merge *m, const struct entry *e, uint32_t n, uint32_t total, struct rows_column *c, uint32_t at_column)
{
	struct picked { /* of each source; counts: what goes with a sketch */
		const struct rows_column *column, *counts;
	} *of = calloc(m->count + 1, sizeof *of);
	uint64_t *bits = arena_alloc(m->arena, total * sizeof *bits, 16);
	uint8_t *present = arena_alloc(m->arena, total, 1);
	uint32_t row = 0;

	for (uint32_t i = 0; of && i < m->count; i++) {
		of[i].column = column_of(&m->list[i], c, at_column);
		if (c->kind == COLUMN_SKETCH)
			of[i].counts = rows_find_column(&m->list[i], c->field, COLUMN_COUNT);
	}
	for (uint32_t i = 0; of && bits && present && i < n; i++) {
		const struct picked *s = &of[e[i].source];
		if (i && e[i].time_ns != e[i - 1].time_ns)
			row++;
		if (has_row(s->column, e[i].row)) {
			bits[row] = s->column->bits[e[i].row];
			present[row] = 1;
		} else if (has_row(s->counts, e[i].row)) {
			present[row] = 0;
		}
	}
	bool ok = of && bits && present;
	free(of);
	c->bits = bits;
	c->present = ok && memchr(present, 0, total) ? present : NULL;
	return ok;
}

struct winners { /* by row: the entry that counts */
	const struct entry **of;
	uint64_t *counts;
};

/* Of the field's buckets at each time the one with the most rows. */
static void find_winners(
    const struct merge *m, const struct entry *e, uint32_t n, uint32_t total, uint32_t field, struct winners *w)
{
	uint32_t row = 0;

	memset(w->of, 0, total * sizeof *w->of);
	for (uint32_t i = 0; i < n; i++) {
		const struct rows_column *c = rows_find_column(&m->list[e[i].source], field, COLUMN_COUNT);
		if (i && e[i].time_ns != e[i - 1].time_ns)
			row++;
		if (!c || (c->present && !c->present[e[i].row]) || (w->of[row] && c->bits[e[i].row] < w->counts[row]))
			continue;
		w->of[row] = &e[i];
		w->counts[row] = c->bits[e[i].row];
	}
}

static bool pick_winners(const struct merge *m, const struct winners *w, uint32_t total, struct rows_column *c)
{
	uint64_t *bits = arena_alloc(m->arena, total * sizeof *bits, 16);
	uint8_t *present = arena_alloc(m->arena, total, 1);

	for (uint32_t row = 0; bits && present && row < total; row++) {
		const struct entry *e = w->of[row];
		const struct rows_column *s = e ? rows_find_column(&m->list[e->source], c->field, c->kind) : NULL;
		if (s && (!s->present || s->present[e->row])) {
			bits[row] = s->bits[e->row];
			present[row] = 1;
		}
	}
	c->bits = bits;
	c->present = present && memchr(present, 0, total) ? present : NULL;
	return bits && present;
}

static bool pick_rollups(const struct merge *m, const struct entry *e, uint32_t n, uint32_t total)
{
	struct winners w = { malloc((total + 1) * sizeof *w.of), malloc((total + 1) * sizeof *w.counts) };
	bool ok = w.of && w.counts;

	for (uint32_t k = 0; ok && k < m->column_count; k++) {
		if (k == 0 || m->columns[k].field != m->columns[k - 1].field)
			find_winners(m, e, n, total, m->columns[k].field, &w);
		ok = pick_winners(m, &w, total, &m->columns[k]);
	}
	free(w.of);
	free(w.counts);
	return ok;
}

static bool pick_columns(const struct merge *m, const struct entry *e, uint32_t n, uint32_t total)
{
	if (m->rollups)
		return pick_rollups(m, e, n, total);
	for (uint32_t k = 0; k < m->column_count; k++)
		if (!pick_column(m, e, n, total, &m->columns[k], k))
			return false;
	return true;
}

static bool sort(const struct merge *m, struct rows *out)
{
	uint32_t n, total = 0;
	struct entry *memory, *e = sort_entries(m, &n, &memory);
	int64_t *times = NULL;
	bool ok = e;

	for (uint32_t i = 0; ok && i < n; i++)
		total += i == 0 || e[i].time_ns != e[i - 1].time_ns;
	if (ok && total) {
		times = arena_alloc_raw(m->arena, total * sizeof *times, 16);
		ok = times;
	}
	for (uint32_t i = 0, row = 0; ok && i < n; i++)
		if (i == 0 || e[i].time_ns != e[i - 1].time_ns)
			times[row++] = e[i].time_ns;
	if (ok && total)
		ok = pick_columns(m, e, n, total);
	free(memory);
	*out = (struct rows){ total, false, times, m->column_count, m->columns };
	return ok;
}

static enum err merge(struct merge *m, struct rows *out)
{
	uint32_t total;

	*out = (struct rows){ 0 };
	if (!gather_columns(m))
		return ERR_NOMEM;
	if (!in_order(m, &total))
		return sort(m, out) ? ERR_OK : ERR_NOMEM;
	if (total == 0)
		return ERR_OK;
	return concatenate(m, total, out) ? ERR_OK : ERR_NOMEM;
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
