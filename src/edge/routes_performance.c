/* GET /api/v1/metrics/performance[/{service}]. The groups of one name (a service, or an operation of one) are folded
 * into one row of buckets, and those into one row of totals. Percentiles of intervals can't be added: the largest is an
 * upper bound, and the answer says so. Where points carry the duration of a request each, duration_ms, they are read once
 * more for the percentiles of each name: over time, and of the whole range. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "edge/routes_internal.h"
#include "wire/json_write.h"

enum { P50, P90, P95, P99, PERCENTILES };
enum { LIMIT = 100, LIMIT_MAX = 10000 };

static const char *const percentile_fields[PERCENTILES] = { "duration_ms_p50", "duration_ms_p90", "duration_ms_p95",
	"duration_ms_p99" };

struct figures { /* NAN where unknown */
	/* timed: requests behind sum; own: those of them whose durations are there one by one */
	double count, errors, timed, own, sum, min, max, percentile[PERCENTILES];
};

struct line { /* one service or operation: neighbouring groups of the result */
	const char *name;
	const struct read_group *groups;
	unsigned group_count;
	const struct read_column *timed, *whole; /* of duration_ms: over time, of the range; NULL: there is none */
	bool bounds; /* some percentiles are the intervals' own */
	struct figures total;
};

struct report {
	struct routes_grid grid;
	const char *service, *operation, *host, *name_tag;
	unsigned limit, line_count;
	struct read_result result, timed, whole;
	struct line *lines;
	struct figures *buckets; /* scratch, of one line */
};

static const struct figures nothing = { 0, 0, 0, 0, 0, NAN, NAN, { NAN, NAN, NAN, NAN } };

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

static void fold_times(struct figures *f, const struct read_group *g, unsigned i, double count)
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
	for (int p = 0; p < PERCENTILES; p++) {
		const struct read_cell *c = cell(read_group_column(g, percentile_fields[p]), i);
		if (c)
			take_max(&f->percentile[p], c->max);
	}
}

static void fold_group(struct figures *f, const struct read_group *g, unsigned i)
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

static void add_figures(struct figures *to, const struct figures *f)
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
	for (int p = 0; p < PERCENTILES; p++)
		if (!isnan(f->percentile[p]))
			take_max(&to->percentile[p], f->percentile[p]);
}

static void take_percentiles(struct figures *f, const struct read_column *c, unsigned buckets, unsigned bucket)
{
	for (unsigned p = 0; p < PERCENTILES; p++) {
		double v = c ? c->percentiles[(size_t)p * buckets + bucket] : NAN;
		if (!isnan(v))
			take_max(&f->percentile[p], v);
	}
}

/* Percentiles of part of the requests are none of all. */
static bool speak_for_all(const struct line *l, const struct figures *f)
{
	return l->timed && (f->own >= f->timed || l->bounds);
}

static void fold_line(struct report *rp, struct line *l)
{
	l->total = nothing;
	for (unsigned i = 0; i < rp->result.buckets; i++) {
		struct figures *f = &rp->buckets[i];
		*f = nothing;
		for (unsigned g = 0; g < l->group_count; g++)
			fold_group(f, &l->groups[g], i);
		add_figures(&l->total, f);
		for (int p = 0; p < PERCENTILES; p++)
			l->bounds |= !isnan(f->percentile[p]);
		if (speak_for_all(l, f))
			take_percentiles(f, l->timed, rp->timed.buckets, i);
	}
	if (speak_for_all(l, &l->total))
		take_percentiles(&l->total, l->whole, rp->whole.buckets, 0);
}

static const char *percentiles_kind(const struct report *rp, const struct line *l)
{
	return l->bounds || !l->timed ? "upper_bound"
				      : routes_percentiles_kind(rp->timed.sketched || rp->whole.sketched);
}

static double mean_of(const struct figures *f)
{
	return f->timed > 0 ? f->sum / f->timed : NAN;
}

static void write_series(
    struct buf *b, const struct report *rp, const char *name, double (*value)(const struct figures *f))
{
	json_open(b, name, '[');
	for (unsigned i = 0; i < rp->result.buckets; i++)
		json_put_rounded(b, NULL, value(&rp->buckets[i]), 6);
	json_close(b, ']');
}

static double count_of(const struct figures *f)
{
	return f->count;
}

static double errors_of(const struct figures *f)
{
	return f->errors;
}

static double p50_of(const struct figures *f)
{
	return f->percentile[P50];
}

static double p95_of(const struct figures *f)
{
	return f->percentile[P95];
}

static double p99_of(const struct figures *f)
{
	return f->percentile[P99];
}

static void write_line(struct buf *b, struct report *rp, struct line *l)
{
	const struct figures *t = &l->total;
	double seconds = (double)(rp->grid.to_ns - rp->grid.from_ns) / 1e9;

	fold_line(rp, l); /* the scratch may hold another line's */
	json_open(b, NULL, '{');
	json_put_string(b, rp->name_tag, l->name);
	json_put_rounded(b, "count", t->count, 6);
	json_put_rounded(b, "throughput_per_s", t->count / seconds, 6);
	json_put_rounded(b, "errors", t->errors, 6);
	json_put_rounded(b, "error_rate", t->count > 0 ? t->errors / t->count : NAN, 6);
	json_put_rounded(b, "success_rate", t->count > 0 ? 1 - t->errors / t->count : NAN, 6);
	json_put_rounded(b, "mean_ms", mean_of(t), 6);
	json_put_rounded(b, "min_ms", t->min, 6);
	json_put_rounded(b, "max_ms", t->max, 6);
	json_put_string(b, "percentiles", percentiles_kind(rp, l));
	json_put_rounded(b, "p50_ms", t->percentile[P50], 6);
	json_put_rounded(b, "p90_ms", t->percentile[P90], 6);
	json_put_rounded(b, "p95_ms", t->percentile[P95], 6);
	json_put_rounded(b, "p99_ms", t->percentile[P99], 6);
	json_open(b, "series", '{');
	write_series(b, rp, "count", count_of);
	write_series(b, rp, "errors", errors_of);
	write_series(b, rp, "mean_ms", mean_of);
	write_series(b, rp, "p50_ms", p50_of);
	write_series(b, rp, "p95_ms", p95_of);
	write_series(b, rp, "p99_ms", p99_of);
	json_close(b, '}');
	json_close(b, '}');
}

static int busiest_first(const void *x, const void *y)
{
	const struct line *a = x, *b = y;

	if (a->total.count != b->total.count)
		return a->total.count < b->total.count ? 1 : -1;
	return strcmp(a->name, b->name);
}

static const struct read_column *durations_of(const struct report *rp, const struct read_result *r, const char *name)
{
	for (unsigned i = 0; i < r->group_count; i++)
		if (!strcmp(read_group_tag(&r->groups[i], rp->name_tag), name)) {
			const struct read_column *c = read_group_column(&r->groups[i], "duration_ms");
			return c && c->percentiles ? c : NULL;
		}
	return NULL;
}

/* The groups come in order of their tags, the name's first or after the service's: those of a name are neighbours. */
static bool make_lines(struct report *rp)
{
	struct read_result *r = &rp->result;

	rp->lines = calloc(r->group_count + 1, sizeof *rp->lines);
	rp->buckets = calloc(r->buckets + 1, sizeof *rp->buckets);
	if (!rp->lines || !rp->buckets)
		return false;
	for (unsigned i = 0; i < r->group_count; i++) {
		const char *name = read_group_tag(&r->groups[i], rp->name_tag);
		struct line *last = rp->line_count ? &rp->lines[rp->line_count - 1] : NULL;
		if (!last || strcmp(last->name, name) != 0) {
			last = &rp->lines[rp->line_count++];
			*last = (struct line){ .name = name,
				.groups = &r->groups[i],
				.timed = durations_of(rp, &rp->timed, name),
				.whole = durations_of(rp, &rp->whole, name) };
		}
		last->group_count++;
	}
	for (unsigned i = 0; i < rp->line_count; i++)
		fold_line(rp, &rp->lines[i]);
	qsort(rp->lines, rp->line_count, sizeof *rp->lines, busiest_first);
	return true;
}

/* Of all lines: what can be said of every percentile. */
static const char *worst_kind(const struct report *rp)
{
	for (unsigned i = 0; i < rp->line_count; i++)
		if (rp->lines[i].bounds || !rp->lines[i].timed)
			return "upper_bound";
	return rp->line_count ? percentiles_kind(rp, rp->lines) : "upper_bound";
}

static void answer(struct http_request *rq, struct report *rp)
{
	struct buf b;

	if (!make_lines(rp)) {
		http_fail(rq, 503, "overloaded", NULL, "out of memory");
		return;
	}
	buf_init(&b, ROUTES_JSON_MAX);
	json_open(&b, NULL, '{');
	routes_json_head(&b, &rp->result);
	json_put_string(&b, "percentiles", worst_kind(rp));
	if (rp->service)
		json_put_string(&b, "service", rp->service);
	routes_json_grid(&b, &rp->grid, &rp->result, 0);
	json_open(&b, rp->service ? "operations" : "services", '[');
	for (unsigned i = 0; i < rp->line_count && i < rp->limit; i++)
		write_line(&b, rp, &rp->lines[i]);
	json_close(&b, ']');
	json_close(&b, '}');
	http_respond_json(rq, 200, &b);
	buf_fini(&b);
}

/* False: answered. */
static bool read_wish(struct http_request *rq, struct report *rp)
{
	const char *service = http_rest(rq), *operation = http_parameter(rq, "operation"),
		   *host = http_parameter(rq, "host");

	*rp = (struct report){ .service = service && *service ? service : NULL,
		.operation = operation && *operation ? operation : NULL,
		.host = host && *host && strcmp(host, "*") != 0 ? host : NULL };
	rp->name_tag = rp->service ? "operation" : "service";
	return routes_grid_read(rq, &rp->grid) && routes_limit(rq, LIMIT, LIMIT_MAX, &rp->limit);
}

static unsigned make_filters(const struct report *rp, struct read_filter *filters)
{
	unsigned n = 0;

	if (rp->service)
		filters[n++] = (struct read_filter){ "service", &rp->service, 1 };
	if (rp->operation)
		filters[n++] = (struct read_filter){ "operation", &rp->operation, 1 };
	if (rp->host)
		filters[n++] = (struct read_filter){ "host", &rp->host, 1 };
	return n;
}

/* Once more for duration_ms, if any group has it. */
static enum err read_durations(
    const struct services *s, const struct read_request *first, struct report *rp, struct errbuf *eb)
{
	static const double ranks[PERCENTILES] = { 50, 90, 95, 99 };
	const char *by = rp->name_tag;
	struct read_request q = *first;
	bool any = false;

	for (unsigned i = 0; !any && i < rp->result.group_count; i++)
		any = read_group_column(&rp->result.groups[i], "duration_ms") != NULL;
	if (!any)
		return ERR_OK;
	q.group_by = &by;
	q.group_count = 1;
	q.field = "duration_ms";
	q.percentiles = ranks;
	q.percentile_count = PERCENTILES;
	enum err e = routes_read_more(s, &q, &rp->result, &rp->timed, eb);
	if (e != ERR_OK)
		return e;
	routes_one_bucket(&q);
	return routes_read_more(s, &q, &rp->result, &rp->whole, eb);
}

void routes_performance(struct http_request *rq, void *arg)
{
	static const char *const by_operation[] = { "operation", "status" },
				 *const by_service[] = { "service", "status" };
	const struct services *s = arg;
	struct read_filter filters[3];
	struct errbuf eb = { "" };
	struct report rp;
	char hint[256];

	if (!read_wish(rq, &rp))
		return;
	struct read_request q = { .database = "metrics",
		.measurement = "service_performance",
		.filters = filters,
		.filter_count = make_filters(&rp, filters),
		.group_by = rp.service ? by_operation : by_service,
		.group_count = 2,
		.from_ns = rp.grid.from_ns,
		.to_ns = rp.grid.to_ns,
		.step_ns = rp.grid.step_ns };
	read_result_init(&rp.result, &q);
	enum err e = reader_read(s->reader, &q, &rp.result, &eb);
	if (e == ERR_OK)
		e = read_durations(s, &q, &rp, &eb);
	if (e)
		http_fail(rq, 500, "internal", NULL, "%s", eb.text);
	else if (rp.service && rp.result.group_count == 0 &&
	    !routes_service_known(s, q.measurement, rp.service, hint, sizeof hint))
		http_fail(rq, 404, "not_found", hint, "no performance of a service %.100s", rp.service);
	else
		answer(rq, &rp);
	free(rp.lines);
	free(rp.buckets);
	read_result_fini(&rp.result);
	read_result_fini(&rp.timed);
	read_result_fini(&rp.whole);
}
