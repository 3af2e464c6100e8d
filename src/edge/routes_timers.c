/* Percentiles of intervals can't be added: the largest is an upper bound, and the answer says so. Where points carry the
 * duration of a request each, duration_ms, they are read once more for the percentiles of each name: over time, and of
 * the whole range. */
#include "edge/routes_timers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "wire/json_write.h"

static const char *const percentile_fields[TIMERS_PERCENTILES] = { "duration_ms_p50", "duration_ms_p90",
	"duration_ms_p95", "duration_ms_p99" };

static const struct timers_figures nothing = { 0, 0, 0, 0, 0, NAN, NAN, { NAN, NAN, NAN, NAN } };

static void take_min(double *to, double v)
{
	if (isnan(*to) || v < *to)
		*to = v;
}

static void take_max(double *to, double v)
{
	if (isnan(*to) || v > *to)
		*to = v;
}

static const struct read_cell *cell(const struct read_column *c, unsigned i)
{
	return c && c->type != VALUE_STRING && c->cells[i].count ? &c->cells[i] : NULL;
}

/* The requests' own durations, where no interval's sums are there. */
static const struct read_cell *own_durations(const struct read_group *g, unsigned i)
{
	bool sums = cell(read_group_column(g, "duration_ms_sum"), i) ||
	    cell(read_group_column(g, "duration_ms_mean"), i);

	return sums ? NULL : cell(read_group_column(g, "duration_ms"), i);
}

static void fold_times(struct timers_figures *f, const struct read_group *g, unsigned i, double count)
{
	const struct read_cell *own = own_durations(g, i);
	const struct read_cell *sum = cell(read_group_column(g, "duration_ms_sum"), i);
	const struct read_cell *mean = cell(read_group_column(g, "duration_ms_mean"), i);
	const struct read_cell *min = cell(read_group_column(g, "duration_ms_min"), i);
	const struct read_cell *max = cell(read_group_column(g, "duration_ms_max"), i);

	if (sum) {
		f->sum += sum->sum;
		f->timed += count;
	} else if (mean) { /* the intervals' means, as if each had as many requests */
		f->sum += mean->sum / (double)mean->count * count;
		f->timed += count;
	}
	if (own) {
		f->sum += own->sum;
		f->timed += (double)own->count;
		f->own += (double)own->count;
		take_min(&f->min, own->min);
		take_max(&f->max, own->max);
	}
	if (min)
		take_min(&f->min, min->min);
	if (max)
		take_max(&f->max, max->max);
	for (int p = 0; p < TIMERS_PERCENTILES; p++) {
		const struct read_cell *c = cell(read_group_column(g, percentile_fields[p]), i);
		if (c)
			take_max(&f->percentile[p], c->max);
	}
}

static void fold_group(struct timers_figures *f, const struct read_group *g, unsigned i)
{
	const struct read_cell *count = cell(read_group_column(g, "count"), i);
	const struct read_cell *errors = cell(read_group_column(g, "errors"), i);
	const struct read_cell *own = own_durations(g, i);
	double n = count ? count->sum : own ? (double)own->count : 0;

	f->count += n;
	if (!strcmp(read_group_tag(g, "status"), "error"))
		f->errors += n;
	if (errors)
		f->errors += errors->sum;
	fold_times(f, g, i, n);
}

static void add_figures(struct timers_figures *to, const struct timers_figures *f)
{
	to->count += f->count;
	to->errors += f->errors;
	to->timed += f->timed;
	to->own += f->own;
	to->sum += f->sum;
	if (!isnan(f->min))
		take_min(&to->min, f->min);
	if (!isnan(f->max))
		take_max(&to->max, f->max);
	for (int p = 0; p < TIMERS_PERCENTILES; p++)
		if (!isnan(f->percentile[p]))
			take_max(&to->percentile[p], f->percentile[p]);
}

static void take_percentiles(struct timers_figures *f, const struct read_column *c, unsigned buckets, unsigned bucket)
{
	for (unsigned p = 0; p < TIMERS_PERCENTILES; p++) {
		double v = c ? c->percentiles[(size_t)p * buckets + bucket] : NAN;
		if (!isnan(v))
			take_max(&f->percentile[p], v);
	}
}

/* Percentiles of part of the requests are none of all. */
static bool speak_for_all(const struct timers_line *l, const struct timers_figures *f)
{
	return l->timed && (f->own >= f->timed || l->bounds);
}

static void fold_line(struct timers *t, struct timers_line *l)
{
	l->total = nothing;
	for (unsigned i = 0; i < t->result.buckets; i++) {
		struct timers_figures *f = &t->buckets[i];
		*f = nothing;
		for (unsigned g = 0; g < l->group_count; g++)
			fold_group(f, &l->groups[g], i);
		add_figures(&l->total, f);
		for (int p = 0; p < TIMERS_PERCENTILES; p++)
			l->bounds |= !isnan(f->percentile[p]);
		if (speak_for_all(l, f))
			take_percentiles(f, l->timed, t->timed.buckets, i);
	}
	if (speak_for_all(l, &l->total))
		take_percentiles(&l->total, l->whole, t->whole.buckets, 0);
}

static const char *percentiles_kind(const struct timers *t, const struct timers_line *l)
{
	return l->bounds || !l->timed ? "upper_bound" : routes_percentiles_kind(t->timed.sketched || t->whole.sketched);
}

static double mean_of(const struct timers_figures *f, double seconds)
{
	(void)seconds;
	return f->timed > 0 ? f->sum / f->timed : NAN;
}

static double count_of(const struct timers_figures *f, double seconds)
{
	(void)seconds;
	return f->count;
}

static double throughput_of(const struct timers_figures *f, double seconds)
{
	return f->count / seconds;
}

static double errors_of(const struct timers_figures *f, double seconds)
{
	(void)seconds;
	return f->errors;
}

static double error_rate_of(const struct timers_figures *f, double seconds)
{
	(void)seconds;
	return f->count > 0 ? f->errors / f->count : NAN;
}

static double success_rate_of(const struct timers_figures *f, double seconds)
{
	(void)seconds;
	return f->count > 0 ? 1 - f->errors / f->count : NAN;
}

static double min_of(const struct timers_figures *f, double seconds)
{
	(void)seconds;
	return f->min;
}

static double max_of(const struct timers_figures *f, double seconds)
{
	(void)seconds;
	return f->max;
}

static const struct {
	const char *name;
	double (*value)(const struct timers_figures *f, double seconds);
} shown[] = { { "count", count_of }, { "throughput_per_s", throughput_of }, { "errors", errors_of },
	{ "error_rate", error_rate_of }, { "success_rate", success_rate_of }, { "mean_ms", mean_of },
	{ "min_ms", min_of }, { "max_ms", max_of } };

static const char *const percentile_names[TIMERS_PERCENTILES] = { "p50_ms", "p90_ms", "p95_ms", "p99_ms" };

static void write_series(struct buf *b, const struct timers *t)
{
	const double step_s = (double)t->result.step_ns / 1e9;

	json_open(b, "series", '{');
	for (size_t k = 0; k < sizeof shown / sizeof *shown; k++) {
		json_open(b, shown[k].name, '[');
		for (unsigned i = 0; i < t->result.buckets; i++)
			json_put_rounded(b, NULL, shown[k].value(&t->buckets[i], step_s), 6);
		json_close(b, ']');
	}
	for (unsigned p = 0; p < TIMERS_PERCENTILES; p++) {
		json_open(b, percentile_names[p], '[');
		for (unsigned i = 0; i < t->result.buckets; i++)
			json_put_rounded(b, NULL, t->buckets[i].percentile[p], 6);
		json_close(b, ']');
	}
	json_close(b, '}');
}

void timers_put_line(struct buf *b, struct timers *t, struct timers_line *l, bool series)
{
	double seconds = (double)(t->wish.grid.to_ns - t->wish.grid.from_ns) / 1e9;

	for (size_t k = 0; k < sizeof shown / sizeof *shown; k++)
		json_put_rounded(b, shown[k].name, shown[k].value(&l->total, seconds), 6);
	json_put_string(b, "percentiles", percentiles_kind(t, l));
	for (unsigned p = 0; p < TIMERS_PERCENTILES; p++)
		json_put_rounded(b, percentile_names[p], l->total.percentile[p], 6);
	if (!series)
		return;
	fold_line(t, l); /* the scratch may hold another line's */
	write_series(b, t);
}

static int busiest_first(const void *x, const void *y)
{
	const struct timers_line *a = x, *b = y;
	int c = 0;

	if (a->total.count != b->total.count)
		return a->total.count < b->total.count ? 1 : -1;
	for (unsigned i = 0; !c && i < TIMERS_NAMES_MAX && a->name[i]; i++)
		c = strcmp(a->name[i], b->name[i]);
	return c;
}

void timers_sort_busiest(struct timers *t)
{
	if (t->line_count)
		qsort(t->lines, t->line_count, sizeof *t->lines, busiest_first);
}

bool timers_has_field(const char *field)
{
	static const char *const names[] = { "count", "errors", "duration_ms" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(field, names[i]))
			return true;
	return !strncmp(field, "duration_ms_", 12);
}

bool timers_is_timed(const struct timers_line *l)
{
	for (unsigned g = 0; g < l->group_count; g++)
		for (unsigned i = 0; i < l->groups[g].column_count; i++)
			if (timers_has_field(l->groups[g].columns[i].field))
				return true;
	return false;
}

static bool has_names(const struct timers *t, const struct read_group *g, const struct timers_line *l)
{
	for (unsigned i = 0; i < t->wish.name_count; i++)
		if (strcmp(read_group_tag(g, t->wish.names[i]), l->name[i]) != 0)
			return false;
	return true;
}

/* The groups of r lie in the order of the lines: the next one is looked for from *at on. */
static const struct read_column *durations_of(
    const struct timers *t, const struct read_result *r, const struct timers_line *l, unsigned *at)
{
	for (unsigned n = 0; n < r->group_count; n++) {
		unsigned i = (*at + n) % r->group_count;
		if (!has_names(t, &r->groups[i], l))
			continue;
		*at = i + 1;
		const struct read_column *c = read_group_column(&r->groups[i], "duration_ms");
		return c && c->percentiles ? c : NULL;
	}
	return NULL;
}

/* The groups come in order of their tags, those of the name first: those of a name are neighbours. */
static bool make_lines(struct timers *t)
{
	struct read_result *r = &t->result;
	unsigned timed = 0, whole = 0;

	t->lines = calloc(r->group_count + 1, sizeof *t->lines);
	t->buckets = calloc(r->buckets + 1, sizeof *t->buckets);
	if (!t->lines || !t->buckets)
		return false;
	for (unsigned i = 0; i < r->group_count; i++) {
		struct timers_line *last = t->line_count ? &t->lines[t->line_count - 1] : NULL;
		if (!last || !has_names(t, &r->groups[i], last)) {
			last = &t->lines[t->line_count++];
			last->groups = &r->groups[i];
			for (unsigned k = 0; k < t->wish.name_count; k++)
				last->name[k] = read_group_tag(&r->groups[i], t->wish.names[k]);
			last->timed = durations_of(t, &t->timed, last, &timed);
			last->whole = durations_of(t, &t->whole, last, &whole);
		}
		last->group_count++;
	}
	for (unsigned i = 0; i < t->line_count; i++)
		fold_line(t, &t->lines[i]);
	return true;
}

const char *timers_kind(const struct timers *t)
{
	for (unsigned i = 0; i < t->line_count; i++)
		if (t->lines[i].bounds || !t->lines[i].timed)
			return "upper_bound";
	return t->line_count ? percentiles_kind(t, t->lines) : "upper_bound";
}

/* Once more for duration_ms, if any group has it. */
static enum err read_durations(const struct services *s, struct read_request q, struct timers *t, struct errbuf *eb)
{
	static const double ranks[TIMERS_PERCENTILES] = { 50, 90, 95, 99 };
	bool any = false;

	for (unsigned i = 0; !any && i < t->result.group_count; i++)
		any = read_group_column(&t->result.groups[i], "duration_ms") != NULL;
	if (!any)
		return ERR_OK;
	q.group_count = t->wish.name_count;
	q.field = "duration_ms";
	q.percentiles = ranks;
	q.percentile_count = TIMERS_PERCENTILES;
	enum err e = routes_read_more(s, &q, &t->result, &t->timed, eb);
	if (e != ERR_OK)
		return e;
	routes_one_bucket(&q);
	return routes_read_more(s, &q, &t->result, &t->whole, eb);
}

enum err timers_read(const struct services *s, const struct timers_wish *w, struct timers *t, struct errbuf *eb)
{
	const char *by[TIMERS_NAMES_MAX + 1];

	*t = (struct timers){ .wish = *w };
	for (unsigned i = 0; i < w->name_count; i++)
		by[i] = w->names[i];
	by[w->name_count] = "status"; /* last, so that without it the order stays */
	struct read_request q = { .database = "metrics",
		.measurement = w->measurement,
		.filters = w->filters,
		.filter_count = w->filter_count,
		.group_by = by,
		.group_count = w->name_count + 1,
		.from_ns = w->grid.from_ns,
		.to_ns = w->grid.to_ns,
		.step_ns = w->grid.step_ns };
	read_result_init(&t->result, &q);
	enum err e = reader_read(s->reader, &q, &t->result, eb);
	if (e == ERR_OK)
		e = read_durations(s, q, t, eb);
	if (e == ERR_OK && !make_lines(t))
		e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	return e;
}

void timers_fini(struct timers *t)
{
	free(t->lines);
	free(t->buckets);
	read_result_fini(&t->result);
	read_result_fini(&t->timed);
	read_result_fini(&t->whole);
}
