#include "query/scan.h"

#include <stdlib.h>

struct row {
	int64_t time_ns;
	const struct segment *segment;
	uint32_t at, order;
};

static uint32_t rows_of(const struct segment *seg)
{
	return atomic_load_explicit(&((struct segment *)seg)->count, memory_order_acquire);
}

static const struct segment *first_of(const struct head_strip *strip)
{
	return atomic_load_explicit(&((struct head_strip *)strip)->first, memory_order_acquire);
}

static const struct segment *next_of(const struct segment *seg)
{
	return atomic_load_explicit(&((struct segment *)seg)->next, memory_order_acquire);
}

static const uint8_t *presence_of(const struct segment_column *col)
{
	return atomic_load_explicit(&((struct segment_column *)col)->present, memory_order_acquire);
}

static double number_of(enum value_type type, uint64_t bits)
{
	double d = 0;

	switch (type) {
	case VALUE_FLOAT:
		memcpy(&d, &bits, sizeof d);
		break;
	case VALUE_INTEGER:
		d = (double)(int64_t)bits;
		break;
	case VALUE_UNSIGNED:
	case VALUE_BOOLEAN:
		d = (double)bits;
		break;
	case VALUE_STRING:
		break;
	}
	return d;
}

static void add(const struct scan *sc, struct read_cell *cells, int64_t t, enum value_type type, uint64_t bits)
{
	struct read_cell *c = &cells[(t - sc->first_bucket_ns) / sc->step_ns];
	double v = number_of(type, bits);

	if (c->count++ == 0) {
		*c = (struct read_cell){ 1, v, v, v, v, v, t, t };
		return;
	}
	c->sum += v;
	if (v < c->min)
		c->min = v;
	if (v > c->max)
		c->max = v;
	if (t < c->first_ns) { /* another series of the same group may be older */
		c->first = v;
		c->first_ns = t;
	}
	if (t >= c->last_ns) {
		c->last = v;
		c->last_ns = t;
	}
}

/* ---- rows in order, the usual case ---- */

static bool in_order(const struct head_strip *const *strips, unsigned count)
{
	int64_t last = INT64_MIN;

	for (unsigned i = 0; i < count; i++)
		for (const struct segment *s = first_of(strips[i]); s; s = next_of(s)) {
			uint32_t n = rows_of(s);
			if (n == 0)
				continue;
			if (s->times[0] <= last ||
			    atomic_load_explicit(&((struct segment *)s)->unordered, memory_order_relaxed))
				return false;
			last = s->times[n - 1];
		}
	return true;
}

/* The first of n rising times that is not below t. */
static uint32_t lower_bound(const int64_t *times, uint32_t n, int64_t t)
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

static void scan_segment(const struct scan *sc, const struct segment *s)
{
	uint32_t n = rows_of(s), from = lower_bound(s->times, n, sc->from_ns), to = lower_bound(s->times, n, sc->to_ns);

	for (uint32_t c = 0; from < to && c < s->column_count; c++) {
		const struct segment_column *col = &s->columns[c];
		const uint8_t *present = presence_of(col);
		struct read_cell *cells = sc->cells(sc->arg, col->field);
		for (uint32_t i = from; cells && i < to; i++)
			if (!present || present[i])
				add(sc, cells, s->times[i], col->field->type, col->bits[i]);
	}
}

/* ---- rows out of order ---- */

static int by_time(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static enum err gather(const struct scan *sc, const struct head_strip *const *strips, unsigned count, struct row **out,
    uint32_t *out_count)
{
	struct row *rows = NULL;
	size_t n = 0, cap = 0;

	for (unsigned i = 0; i < count; i++)
		for (const struct segment *s = first_of(strips[i]); s; s = next_of(s)) {
			uint32_t have = rows_of(s);
			for (uint32_t k = 0; k < have; k++) {
				if (s->times[k] < sc->from_ns || s->times[k] >= sc->to_ns)
					continue;
				if (n == cap) {
					cap = cap ? cap * 2 : 1024;
					struct row *more = cap * sizeof *rows <= sc->max_bytes
					    ? realloc(rows, cap * sizeof *rows)
					    : NULL;
					if (!more) {
						free(rows);
						return ERR_TOOBIG;
					}
					rows = more;
				}
				rows[n] = (struct row){ s->times[k], s, k, (uint32_t)n };
				n++;
			}
		}
	if (n)
		qsort(rows, n, sizeof *rows, by_time);
	*out = rows;
	*out_count = (uint32_t)n;
	return ERR_OK;
}

static bool value_of(const struct row *r, const struct field *f, uint64_t *bits)
{
	for (uint32_t c = 0; c < r->segment->column_count; c++) {
		const struct segment_column *col = &r->segment->columns[c];
		if (col->field != f)
			continue;
		const uint8_t *present = presence_of(col);
		*bits = col->bits[r->at];
		return !present || present[r->at];
	}
	return false;
}

/* One field of the sorted rows: of equal timestamps the last that has it. */
static void scan_field(
    const struct scan *sc, const struct row *rows, uint32_t count, const struct field *f, struct read_cell *cells)
{
	uint64_t bits = 0, b;
	bool pending = false;

	for (uint32_t i = 0; i < count; i++) {
		if (value_of(&rows[i], f, &b)) {
			bits = b;
			pending = true;
		}
		if (pending && (i + 1 == count || rows[i + 1].time_ns != rows[i].time_ns)) {
			add(sc, cells, rows[i].time_ns, f->type, bits);
			pending = false;
		}
	}
}

static enum err scan_sorted(const struct scan *sc, const struct head_strip *const *strips, unsigned count)
{
	struct row *rows;
	uint32_t n;
	enum err e = gather(sc, strips, count, &rows, &n);

	if (e != ERR_OK)
		return e;
	if (n) {
		/* a strip's last segment has every field of those before it in the same generation; a generation may lack
		 * some, so each field is taken at the first segment that shows it */
		const struct catalogue_layout *layout = measurement_layout(strips[0]->series->measurement);
		for (uint32_t k = 0; k < layout->count; k++) {
			bool used = false;
			for (unsigned i = 0; i < count && !used; i++)
				for (const struct segment *s = first_of(strips[i]); s && !used; s = next_of(s))
					for (uint32_t c = 0; c < s->column_count && !used; c++)
						used = s->columns[c].field == layout->fields[k];
			struct read_cell *cells = used ? sc->cells(sc->arg, layout->fields[k]) : NULL;
			if (cells)
				scan_field(sc, rows, n, layout->fields[k], cells);
		}
	}
	free(rows);
	return ERR_OK;
}

enum err scan_series(const struct scan *sc, const struct head_strip *const *strips, unsigned count)
{
	if (count == 0)
		return ERR_OK;
	if (!in_order(strips, count))
		return scan_sorted(sc, strips, count);
	for (unsigned i = 0; i < count; i++)
		for (const struct segment *s = first_of(strips[i]); s; s = next_of(s))
			scan_segment(sc, s);
	return ERR_OK;
}
