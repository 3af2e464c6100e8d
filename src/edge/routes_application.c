/* GET /api/v1/metrics/application[/{metric_type}]: what applications count and measure, by type, service and metric. A
 * field of whole numbers is a counter, which holds the rise since the point before: its values add up. Booleans are states, others gauges. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/word.h"
#include "edge/routes_timers.h"
#include "wire/json_write.h"

enum { LIMIT = 100, LIMIT_MAX = 10000 };

static const char measurement[] = "application_metrics";
/* As docs/api.md lists them: known without any data. */
static const char types[] = "business user_activity data_processing custom";

struct wish {
	const char *type, *service, *metric, *host; /* NULL: all */
	unsigned limit;
	struct read_filter filters[4];
	struct timers_wish timers;
};

static void add_filter(struct wish *w, const char *tag, const char *const *value)
{
	if (*value)
		w->filters[w->timers.filter_count++] = (struct read_filter){ tag, value, 1 };
}

/* False: answered. */
static bool read_wish(struct http_request *rq, struct wish *w)
{
	static const char *const names[] = { "metric", "metric_type", "service" };

	*w = (struct wish){ .type = routes_rest(rq),
		.service = routes_parameter(rq, "service"),
		.metric = routes_parameter(rq, "metric"),
		.host = routes_parameter(rq, "host") };
	if (w->host && !strcmp(w->host, "*"))
		w->host = NULL;
	w->timers =
	    (struct timers_wish){ .measurement = measurement, .filters = w->filters, .names = names, .name_count = 3 };
	add_filter(w, "metric_type", &w->type);
	add_filter(w, "service", &w->service);
	add_filter(w, "metric", &w->metric);
	add_filter(w, "host", &w->host);
	return routes_grid_read(rq, &w->timers.grid) && routes_limit(rq, LIMIT, LIMIT_MAX, &w->limit);
}

static void add_cell(struct read_cell *to, const struct read_cell *c)
{
	if (!c->count)
		return;
	if (!to->count) {
		*to = *c;
		return;
	}
	to->count += c->count;
	to->sum += c->sum;
	to->min = fmin(to->min, c->min);
	to->max = fmax(to->max, c->max);
	if (c->last_ns >= to->last_ns) {
		to->last = c->last;
		to->last_ns = c->last_ns;
	}
}

/* One bucket of a field, all groups of the line together. */
static struct read_cell bucket_of(const struct timers_line *l, const char *field, unsigned i)
{
	struct read_cell all = { 0 };

	for (unsigned g = 0; g < l->group_count; g++) {
		const struct read_column *c = read_group_column(&l->groups[g], field);
		if (c && c->type != VALUE_STRING)
			add_cell(&all, &c->cells[i]);
	}
	return all;
}

static double sum_of(const struct read_cell *c, double seconds)
{
	(void)seconds;
	return c->count ? c->sum : NAN;
}

static double rate_of(const struct read_cell *c, double seconds)
{
	return c->count ? c->sum / seconds : NAN;
}

static double mean_of(const struct read_cell *c, double seconds)
{
	(void)seconds;
	return c->count ? c->sum / (double)c->count : NAN;
}

static double min_of(const struct read_cell *c, double seconds)
{
	(void)seconds;
	return c->count ? c->min : NAN;
}

static double max_of(const struct read_cell *c, double seconds)
{
	(void)seconds;
	return c->count ? c->max : NAN;
}

static double last_of(const struct read_cell *c, double seconds)
{
	(void)seconds;
	return c->count ? c->last : NAN;
}

static const struct shown {
	const char *name;
	double (*value)(const struct read_cell *c, double seconds);
} of_counter[] = { { "sum", sum_of }, { "rate_per_s", rate_of }, { NULL, NULL } },
  of_boolean[] = { { "last", last_of }, { NULL, NULL } },
  of_gauge[] = { { "mean", mean_of }, { "min", min_of }, { "max", max_of }, { "last", last_of }, { NULL, NULL } };

static void write_over_time(
    struct buf *b, const struct timers *t, const struct timers_line *l, const char *field, const struct shown *shown)
{
	double step_s = (double)t->result.step_ns / 1e9;

	json_open(b, "series", '{');
	for (; shown->name; shown++) {
		json_open(b, shown->name, '[');
		for (unsigned i = 0; i < t->result.buckets; i++) {
			struct read_cell c = bucket_of(l, field, i);
			json_put_rounded(b, NULL, shown->value(&c, step_s), 6);
		}
		json_close(b, ']');
	}
	json_close(b, '}');
}

/* The record does not tell of what type its sums were made. */
static enum value_type type_of(const struct services *s, const struct read_column *c)
{
	struct measurement *m = catalogue_find_measurement(s->catalogue, CATALOGUE_DEFAULT_DB, view_of(measurement));
	const struct field *f = m ? measurement_find_field(m, view_of(c->field)) : NULL;

	return f ? f->type : c->type;
}

static void write_field(struct buf *b, const struct services *s, const struct timers *t, const struct timers_line *l,
    const struct read_column *column)
{
	double seconds = (double)(t->wish.grid.to_ns - t->wish.grid.from_ns) / 1e9;
	enum value_type type = type_of(s, column);
	bool counter = type == VALUE_INTEGER || type == VALUE_UNSIGNED;
	bool state = type == VALUE_BOOLEAN; /* InfluxDB does not add those up, nor does it order them */
	struct read_cell all = { 0 };

	for (unsigned i = 0; i < t->result.buckets; i++) {
		struct read_cell c = bucket_of(l, column->field, i);
		add_cell(&all, &c);
	}
	json_open(b, column->field, '{');
	json_put_string(b, "kind", counter ? "counter" : state ? "state" : "gauge");
	json_put_u64(b, "points", all.count);
	json_put_rounded(b, "sum", counter ? sum_of(&all, seconds) : NAN, 6);
	json_put_rounded(b, "rate_per_s", counter ? rate_of(&all, seconds) : NAN, 6);
	json_put_rounded(b, "mean", state ? NAN : mean_of(&all, seconds), 6);
	json_put_rounded(b, "min", state ? NAN : min_of(&all, seconds), 6);
	json_put_rounded(b, "max", state ? NAN : max_of(&all, seconds), 6);
	json_put_double(b, "last", last_of(&all, seconds));
	routes_json_last(b, &t->result, all.count ? all.last_ns : 0);
	write_over_time(b, t, l, column->field, counter ? of_counter : state ? of_boolean : of_gauge);
	json_close(b, '}');
}

static bool was_written(const struct timers_line *l, unsigned group, const char *field)
{
	for (unsigned g = 0; g < group; g++)
		if (read_group_column(&l->groups[g], field))
			return true;
	return false;
}

static void write_values(struct buf *b, const struct services *s, const struct timers *t, const struct timers_line *l)
{
	json_open(b, "values", '{');
	for (unsigned g = 0; g < l->group_count; g++)
		for (unsigned i = 0; i < l->groups[g].column_count; i++) {
			const struct read_column *c = &l->groups[g].columns[i];
			if (c->type != VALUE_STRING && !timers_has_field(c->field) && !was_written(l, g, c->field))
				write_field(b, s, t, l, c);
		}
	json_close(b, '}');
}

static void write_metric(struct buf *b, const struct services *s, struct timers *t, struct timers_line *l)
{
	json_open(b, NULL, '{');
	json_put_string(b, "metric_type", l->name[1]);
	json_put_string(b, "service", l->name[2]);
	json_put_string(b, "metric", l->name[0]);
	write_values(b, s, t, l);
	if (timers_is_timed(l)) {
		json_open(b, "timer", '{');
		timers_put_line(b, t, l, true);
		json_close(b, '}');
	} else {
		json_put_null(b, "timer");
	}
	json_close(b, '}');
}

static void answer(struct http_request *rq, const struct services *s, const struct wish *w, struct timers *t)
{
	struct buf b;

	buf_init(&b, ROUTES_JSON_MAX);
	json_open(&b, NULL, '{');
	routes_json_head(&b, &t->result);
	json_put_string(&b, "metric_type", w->type);
	routes_json_grid(&b, &w->timers.grid, &t->result, 0);
	json_put_u64(&b, "total", t->line_count);
	json_open(&b, "metrics", '[');
	for (unsigned i = 0; i < t->line_count && i < w->limit; i++)
		write_metric(&b, s, t, &t->lines[i]);
	json_close(&b, ']');
	json_close(&b, '}');
	http_respond_json(rq, 200, &b);
	buf_fini(&b);
}

static bool type_is_known(const struct services *s, const char *type, char *hint, size_t size)
{
	char near[WORD_BYTES + 1];

	if (word_is_in(types, type) || routes_name_known(s, measurement, "metric_type", type, hint, size))
		return true;
	if (word_nearest(types, type, near, sizeof near))
		snprintf(hint, size, "did you mean %s?", near);
	return false;
}

/* What was asked for by name and is not known at all. False: answered. */
static bool names_are_known(struct http_request *rq, const struct services *s, const struct wish *w)
{
	char hint[256];

	if (w->type && !type_is_known(s, w->type, hint, sizeof hint))
		http_fail(rq, 404, "not_found", hint, "there is no metric type %.100s", w->type);
	else if (w->service && !routes_name_known(s, measurement, "service", w->service, hint, sizeof hint))
		http_fail(rq, 404, "not_found", hint, "no metrics of a service %.100s", w->service);
	else if (w->metric && !routes_name_known(s, measurement, "metric", w->metric, hint, sizeof hint))
		http_fail(rq, 404, "not_found", hint, "there is no metric %.100s", w->metric);
	else
		return true;
	return false;
}

void routes_application(struct http_request *rq, void *arg)
{
	const struct services *s = arg;
	struct errbuf eb = { "" };
	struct timers t;
	struct wish w;

	if (!read_wish(rq, &w))
		return;
	enum err e = timers_read(s, &w.timers, &t, &eb);
	if (e)
		routes_read_failed(rq, e, &eb);
	else if (t.line_count || names_are_known(rq, s, &w))
		answer(rq, s, &w, &t);
	timers_fini(&t);
}
