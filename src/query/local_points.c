/* Measurement by measurement, so that its reader (query/local_part.h) is opened once; then point by point, a read of one
 * nanosecond each. */
#include "query/local_points.h"

#include <stdlib.h>

#include "query/local_part.h"

enum { ROWS_BLOCK = 16 << 10 };

struct numbered {
	const struct local_point *point;
	uint32_t number;
};

struct look {
	const struct numbered *points; /* of the measurement at work */
	uint32_t count;
	struct local_reader reader;
	bool *fields; /* of its layout: all */
	struct batch_value *values;
	const struct local_point *at;
	uint32_t number; /* of the point at work */
	struct result_report report;
	void (*take)(void *arg, uint32_t point, const struct batch_value *values, uint32_t value_count);
	void *arg;
};

static int by_series(const void *a, const void *b)
{
	const struct series *x = ((const struct numbered *)a)->point->series,
			    *y = ((const struct numbered *)b)->point->series;
	uint32_t m = measurement_id(x->measurement), n = measurement_id(y->measurement);

	if (m != n)
		return m < n ? -1 : 1;
	return (x->ordinal > y->ordinal) - (x->ordinal < y->ordinal);
}

static enum err choose(void *arg, struct measurement *m, struct series_set *set, struct errbuf *eb)
{
	const struct look *k = arg;

	(void)m;
	(void)eb;
	for (uint32_t i = 0; i < k->count; i++)
		series_set_add(set, k->points[i].point->series->ordinal);
	return ERR_OK;
}

static uint32_t values_of(struct look *k, const struct rows *r)
{
	uint32_t n = 0;

	for (uint32_t i = 0; r->count && i < r->column_count; i++) {
		const struct rows_column *c = &r->columns[i];
		if (c->kind != COLUMN_VALUE || c->field >= k->reader.layout->count || (c->present && !c->present[0]))
			continue;
		struct batch_value *v = &k->values[n++];
		*v = (struct batch_value){ .field = k->reader.layout->fields[c->field], .bits = c->bits[0] };
		if (v->field->type == VALUE_STRING) {
			const struct rows_string *s = (const struct rows_string *)(uintptr_t)c->bits[0];
			v->bits = (uint64_t)(uintptr_t)s->bytes;
			v->len = s->len;
		}
	}
	return n;
}

static enum err give(void *arg, struct reading *rd, const struct local_window *w, bool *given, struct errbuf *eb)
{
	struct look *k = arg;
	uint32_t n;
	struct rows merged, *list = local_gather(rd, rd->wanted[0], w, &n);
	enum err e = list ? ERR_OK : ERR_NOMEM;

	(void)eb;
	if (e == ERR_OK && n)
		e = rows_merge(list, n, k->at->time_ns, k->at->time_ns, &rd->reader->rows, &merged);
	if (e != ERR_OK || n == 0)
		return e;
	*given = true;
	uint32_t values = values_of(k, &merged);
	if (values)
		k->take(k->arg, k->number, k->values, values);
	return ERR_OK;
}

static enum err read_point(struct look *k, uint32_t series, struct errbuf *eb)
{
	const struct local_request q = { .series = &series,
		.series_count = 1,
		.from_ns = k->at->time_ns,
		.to_ns = k->at->time_ns + 1,
		.fields = k->fields,
		.with_strings = true,
		.only_rows = true,
		.report = &k->report,
		.window = give,
		.arg = k };

	return local_reader_read(&k->reader, &q, eb);
}

static enum err read_points(struct look *k, struct errbuf *eb)
{
	const uint32_t n = k->reader.layout->count;
	enum err e = ERR_OK;
	uint32_t series = 0;

	k->fields = malloc(n + 1);
	k->values = calloc(n + 1, sizeof *k->values);
	if (!k->fields || !k->values)
		e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	else
		memset(k->fields, true, n);
	for (uint32_t i = 0; e == ERR_OK && i < k->count; i++) {
		k->at = k->points[i].point;
		k->number = k->points[i].number;
		while (series < k->reader.count && k->reader.all[series].series->ordinal < k->at->series->ordinal)
			series++;
		if (series < k->reader.count && k->reader.all[series].series == k->at->series)
			e = read_point(k, series, eb);
	}
	free(k->fields);
	free(k->values);
	return e;
}

static enum err read_measurement(struct look *k, struct local_moment *m, struct budget *b, struct errbuf *eb)
{
	const struct local_chooser chooser = { choose, k };
	struct view name = measurement_name(k->points[0].point->series->measurement);
	enum err e = local_reader_open(&k->reader, m, name, &chooser, ROWS_BLOCK, b, eb);

	if (e != ERR_OK)
		return e == ERR_NOTFOUND ? ERR_OK : e;
	e = read_points(k, eb);
	local_reader_close(&k->reader);
	return e;
}

static enum err open_moment(
    struct local_moment **out, struct local *l, const struct local_point *points, uint32_t count, struct errbuf *eb)
{
	const char *db = catalogue_database_name(l->opts.catalogue, measurement_db(points[0].series->measurement));
	int64_t from = points[0].time_ns, last = from;

	for (uint32_t i = 1; i < count; i++) {
		from = points[i].time_ns < from ? points[i].time_ns : from;
		last = points[i].time_ns > last ? points[i].time_ns : last;
	}
	return local_moment_open(out, l, view_of(db ? db : ""), from, last < INT64_MAX ? last + 1 : last, eb);
}

enum err local_points_read(struct local *l, const struct local_point *points, uint32_t count,
    void (*take)(void *arg, uint32_t point, const struct batch_value *values, uint32_t value_count), void *arg,
    struct errbuf *eb)
{
	struct numbered *sorted = count ? malloc(count * sizeof *sorted) : NULL;
	struct look *k = calloc(1, sizeof *k);
	struct budget budget = { .max_bytes = l->opts.query_max_bytes };
	struct local_moment *m = NULL;
	enum err e = (sorted || !count) && k ? ERR_OK : errbuf_set(eb, ERR_NOMEM, "out of memory");

	for (uint32_t i = 0; e == ERR_OK && i < count; i++)
		sorted[i] = (struct numbered){ &points[i], i };
	if (e == ERR_OK && count) {
		qsort(sorted, count, sizeof *sorted, by_series);
		k->take = take;
		k->arg = arg;
		e = open_moment(&m, l, points, count, eb);
	}
	for (uint32_t from = 0, to; e == ERR_OK && from < count; from = to) {
		for (to = from + 1; to < count; to++)
			if (sorted[to].point->series->measurement != sorted[from].point->series->measurement)
				break;
		k->points = sorted + from;
		k->count = to - from;
		e = read_measurement(k, m, &budget, eb);
	}
	if (e == ERR_OK && m && m->store_damaged)
		e = errbuf_set(eb, ERR_CORRUPT, "%s", local_store_damaged);
	local_moment_close(m);
	free(sorted);
	free(k);
	return e;
}
