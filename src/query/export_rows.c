#include "query/export_rows.h"

#include <stdlib.h>

static bool is_present(const struct segment_column *col, uint32_t row)
{
	const uint8_t *p = atomic_load_explicit(&((struct segment_column *)col)->present, memory_order_acquire);

	return !p || p[row];
}

static bool add_row(struct export_rows *er, const struct segment *s, uint32_t at)
{
	if (er->count == er->cap) {
		uint32_t cap = er->cap ? er->cap * 2 : 1024;
		struct export_row *more = cap * sizeof *more <= er->max_bytes
		    ? realloc(er->rows, cap * sizeof(struct export_row))
		    : NULL;
		if (!more)
			return false;
		er->rows = more;
		er->cap = cap;
	}
	er->rows[er->count] = (struct export_row){ s->times[at], s, at, er->count };
	er->count++;
	return true;
}

static bool add_strip(struct export_rows *er, const struct head_strip *strip, int64_t from_ns, int64_t to_ns)
{
	for (const struct segment *s = strip_first(strip); s; s = segment_next(s)) {
		uint32_t n = segment_rows(s);
		bool ordered = !atomic_load_explicit(&((struct segment *)s)->unordered, memory_order_relaxed);
		if (n == 0 || (ordered && (s->times[n - 1] < from_ns || s->times[0] >= to_ns)))
			continue;
		for (uint32_t k = 0; k < n; k++)
			if (s->times[k] >= from_ns && s->times[k] < to_ns && !add_row(er, s, k))
				return false;
	}
	return true;
}

static int by_time(const void *a, const void *b)
{
	const struct export_row *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* Into er->rows, oldest first, of one time in order of arrival. False: they do not fit. */
static bool gather(
    struct export_rows *er, const struct head_strip *const *strips, unsigned count, int64_t from_ns, int64_t to_ns)
{
	bool sorted = true;

	er->count = 0;
	for (unsigned i = 0; i < count; i++)
		if (!add_strip(er, strips[i], from_ns, to_ns))
			return false;
	for (uint32_t i = 1; sorted && i < er->count; i++)
		sorted = er->rows[i - 1].time_ns <= er->rows[i].time_ns;
	if (!sorted)
		qsort(er->rows, er->count, sizeof *er->rows, by_time);
	return true;
}

/* ---- points ---- */

static bool make_room(struct export_rows *er, const struct series *s)
{
	uint32_t n = measurement_layout(s->measurement)->count; /* every field of every row is in it */

	if (n <= er->field_cap)
		return true;
	struct batch_value *values = realloc(er->values, n * sizeof *values);
	if (values)
		er->values = values;
	uint32_t *columns = realloc(er->columns, n * sizeof *columns);
	if (columns)
		er->columns = columns;
	uint64_t *seen = realloc(er->seen, n * sizeof *seen);
	if (seen)
		er->seen = seen;
	if (!values || !columns || !seen)
		return false;
	memset(er->seen, 0, n * sizeof *seen);
	er->stamp = 0;
	er->field_cap = n;
	return true;
}

static struct batch_value value_at(const struct segment_column *col, uint32_t row)
{
	struct batch_value v = { .field = (struct field *)col->field, .bits = col->bits[row] };

	if (col->field->type == VALUE_STRING) {
		const struct rows_string *s = (const struct rows_string *)(uintptr_t)v.bits;
		v.bits = (uint64_t)(uintptr_t)s->bytes;
		v.len = s->len;
	}
	return v;
}

static int by_column_name(const void *a, const void *b, void *segment)
{
	const struct segment *s = segment;

	return view_cmp(s->columns[*(const uint32_t *)a].field->name, s->columns[*(const uint32_t *)b].field->name);
}

static int by_field_name(const void *a, const void *b)
{
	return view_cmp(((const struct batch_value *)a)->field->name, ((const struct batch_value *)b)->field->name);
}

static bool same_columns(const struct segment *a, const struct segment *b)
{
	if (!a || a->column_count != b->column_count)
		return false;
	for (uint32_t i = 0; i < a->column_count; i++)
		if (a->columns[i].field != b->columns[i].field)
			return false;
	return true;
}

/* The usual case: one row, its columns already known in order. */
static uint32_t take_row(struct export_rows *er, const struct export_row *r)
{
	const struct segment *s = r->segment;
	uint32_t n = 0;

	if (s != er->columns_of && !same_columns(er->columns_of, s)) {
		for (uint32_t i = 0; i < s->column_count; i++)
			er->columns[i] = i;
		qsort_r(er->columns, s->column_count, sizeof *er->columns, by_column_name, (void *)s);
	}
	er->columns_of = s;
	for (uint32_t i = 0; i < s->column_count; i++) {
		const struct segment_column *col = &s->columns[er->columns[i]];
		if (is_present(col, r->at))
			er->values[n++] = value_at(col, r->at);
	}
	return n;
}

/* Several rows of one time: of each field the last. */
static uint32_t merge_rows(struct export_rows *er, const struct export_row *rows, uint32_t count)
{
	uint32_t n = 0;

	er->stamp++;
	while (count--) {
		const struct segment *s = rows[count].segment;
		for (uint32_t c = 0; c < s->column_count; c++) {
			const struct segment_column *col = &s->columns[c];
			if (er->seen[col->field->index] == er->stamp || !is_present(col, rows[count].at))
				continue;
			er->seen[col->field->index] = er->stamp;
			er->values[n++] = value_at(col, rows[count].at);
		}
	}
	if (n)
		qsort(er->values, n, sizeof *er->values, by_field_name);
	return n;
}

enum err export_rows_emit(struct export_rows *er, const struct series *s, const struct head_strip *const *strips,
    unsigned count, int64_t from_ns, int64_t to_ns)
{
	if (!gather(er, strips, count, from_ns, to_ns))
		return ERR_TOOBIG;
	if (!make_room(er, s))
		return ERR_NOMEM;
	for (uint32_t i = 0, next; i < er->count && !er->stopped; i = next) {
		for (next = i + 1; next < er->count && er->rows[next].time_ns == er->rows[i].time_ns; next++)
			;
		uint32_t n = next - i == 1 ? take_row(er, &er->rows[i]) : merge_rows(er, &er->rows[i], next - i);
		if (n && !er->sink->point(er->sink->arg, s, er->rows[i].time_ns, er->values, n))
			er->stopped = true;
	}
	return ERR_OK;
}

void export_rows_forget(struct export_rows *er)
{
	er->columns_of = NULL;
}

void export_rows_init(struct export_rows *er, const struct export_sink *sink, size_t max_bytes)
{
	*er = (struct export_rows){ .sink = sink, .max_bytes = max_bytes };
}

void export_rows_fini(struct export_rows *er)
{
	free(er->rows);
	free(er->values);
	free(er->columns);
	free(er->seen);
}
