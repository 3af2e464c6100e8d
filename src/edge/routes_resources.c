/* GET /api/v1/metrics/resources[/{service}]. A counter's rate needs the value before: some buckets before `from` are
 * read and not shown. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/routes_internal.h"
#include "model/resource_fields.h"
#include "wire/json_write.h"

enum { LEAD_MAX = 120, TYPES_MAX = 32, TYPES_TEXT = 512 };

struct wish { /* the request's parameters as filters */
	struct routes_grid grid;
	const char *service, *host;
	char text[TYPES_TEXT];
	const char *types[TYPES_MAX];
	struct read_filter filters[3];
	unsigned filter_count, type_count;
	double percentiles[READ_PERCENTILES_MAX];
	unsigned percentile_count;
};

struct answer {
	const struct wish *wish;
	const struct read_result *result, *whole; /* whole: the range as one bucket; NULL without percentiles */
	unsigned skip; /* buckets that are not shown */
};

static void add_filter(struct wish *w, const char *tag, const char *const *values, unsigned count)
{
	w->filters[w->filter_count++] = (struct read_filter){ .tag = tag, .values = values, .count = count };
}

/* False: answered. */
static bool read_wish(struct http_request *rq, const struct services *s, struct wish *w)
{
	const char *resource = http_parameter(rq, "resource"), *host = http_parameter(rq, "host");
	unsigned types = 0;
	char *save = NULL;

	*w = (struct wish){ .service = http_rest(rq), .host = host && *host ? host : s->host };
	if (!routes_grid_read(rq, &w->grid) || !routes_percentiles(rq, w->percentiles, &w->percentile_count))
		return false;
	if (w->service && *w->service)
		add_filter(w, "service", &w->service, 1);
	if (strcmp(w->host, "*") != 0)
		add_filter(w, "host", &w->host, 1);
	if (!resource || !*resource)
		return true;
	if (strlen(resource) >= sizeof w->text) {
		http_fail(rq, 400, "bad_parameter", NULL, "resource is too long");
		return false;
	}
	memcpy(w->text, resource, strlen(resource) + 1);
	for (char *p = strtok_r(w->text, ",", &save); p && types < TYPES_MAX; p = strtok_r(NULL, ",", &save))
		w->types[types++] = p;
	add_filter(w, "resource_type", w->types, types);
	w->type_count = types;
	return true;
}

static double rounded(double v)
{
	return fabs(v) < 1e-3 || fabs(v) > 1e9 ? v : nearbyint(v * 1e6) / 1e6;
}

static double mean(const struct read_cell *c)
{
	return c->count == 1 ? c->last : rounded(c->sum / (double)c->count);
}

static bool is_shown(const struct read_column *c, unsigned skip, unsigned buckets)
{
	if (c->type == VALUE_STRING)
		return false;
	for (unsigned i = skip; i < buckets; i++)
		if (c->cells[i].count)
			return true;
	return false;
}

/* The mean; of counters the last, and of booleans, which InfluxDB does not add up. */
static void write_field(struct buf *b, const struct read_column *c, bool counter, unsigned skip, unsigned buckets)
{
	bool last = counter || c->type == VALUE_BOOLEAN;

	json_open(b, c->field, '[');
	for (unsigned i = skip; i < buckets; i++)
		json_put_double(b, NULL, !c->cells[i].count ? NAN : last ? c->cells[i].last : mean(&c->cells[i]));
	json_close(b, ']');
}

/* From the last value of the bucket before that has one to this one's, over the time between the two. */
static double rate(const struct read_result *r, const struct read_column *c, unsigned before, unsigned now)
{
	const struct read_cell *a = &c->cells[before], *z = &c->cells[now];
	double rise = z->last - a->last;
	int64_t dt = z->last_ns - a->last_ns;

	if (dt <= 0)
		dt = (int64_t)(now - before) * r->step_ns;
	return rise < 0 ? NAN : nearbyint(rise / ((double)dt / 1e9) * 1e6) / 1e6;
}

static void write_rate(struct buf *b, const struct read_result *r, const struct read_column *c, unsigned skip)
{
	unsigned before = r->buckets; /* none yet */

	json_open(b, c->field, '[');
	for (unsigned i = 0; i < r->buckets; i++) {
		double v = c->cells[i].count && before < r->buckets ? rate(r, c, before, i) : NAN;
		if (i >= skip)
			json_put_double(b, NULL, v);
		if (c->cells[i].count)
			before = i;
	}
	json_close(b, ']');
}

/* Of gauges; a counter's values say nothing by their rank. */
static bool has_percentiles(const struct read_group *g, const struct read_column *c)
{
	return c->percentiles && !resource_field_is_counter(read_group_tag(g, "resource_type"), c->field);
}

static void rank_name(double rank, char name[32])
{
	snprintf(name, 32, "p%.10g", rank);
}

static void write_percentiles(
    struct buf *b, const struct read_result *r, const struct read_group *g, const struct wish *w, unsigned skip)
{
	char name[32];

	json_open(b, "percentiles", '{');
	for (unsigned i = 0; i < g->column_count; i++) {
		const struct read_column *c = &g->columns[i];
		if (!has_percentiles(g, c) || !is_shown(c, skip, r->buckets))
			continue;
		json_open(b, c->field, '{');
		for (unsigned k = 0; k < w->percentile_count; k++) {
			rank_name(w->percentiles[k], name);
			json_open(b, name, '[');
			for (unsigned n = skip; n < r->buckets; n++) {
				double v = c->percentiles[(size_t)k * r->buckets + n];
				json_put_double(b, NULL, r->sketched ? rounded(v) : v);
			}
			json_close(b, ']');
		}
		json_close(b, '}');
	}
	json_close(b, '}');
}

static const struct read_group *same_group(const struct read_result *r, const struct read_group *like)
{
	for (unsigned i = 0; i < r->group_count; i++)
		if (read_group_compare(&r->groups[i], like) == 0)
			return &r->groups[i];
	return NULL;
}

static void write_range_percentiles(struct buf *b, const struct answer *a, const struct read_group *like)
{
	const struct wish *w = a->wish;
	const struct read_group *g = same_group(a->whole, like);
	char name[32];

	json_open(b, "range_percentiles", '{');
	for (unsigned i = 0; g && i < g->column_count; i++) {
		const struct read_column *c = &g->columns[i];
		if (!has_percentiles(g, c) || !is_shown(c, 0, a->whole->buckets))
			continue;
		json_open(b, c->field, '{');
		for (unsigned k = 0; k < w->percentile_count; k++) {
			double v = c->percentiles[(size_t)k * a->whole->buckets];
			rank_name(w->percentiles[k], name);
			json_put_double(b, name, a->whole->sketched ? rounded(v) : v);
		}
		json_close(b, '}');
	}
	json_close(b, '}');
}

static void write_group(struct buf *b, const struct answer *a, const struct read_group *g)
{
	const char *type = read_group_tag(g, "resource_type");
	const struct read_result *r = a->result;
	const struct wish *w = a->wish;
	unsigned skip = a->skip;

	json_open(b, NULL, '{');
	json_open(b, "tags", '{');
	for (unsigned i = 0; i < g->tag_count; i++) {
		const char *key = g->tags[i].key;
		bool said = !strcmp(key, "resource_type") || (!strcmp(key, "host") && strcmp(w->host, "*") != 0);
		if (!said && *g->tags[i].value)
			json_put_string(b, key, g->tags[i].value);
	}
	json_close(b, '}');
	json_open(b, "fields", '{');
	for (unsigned i = 0; i < g->column_count; i++)
		if (is_shown(&g->columns[i], skip, r->buckets))
			write_field(
			    b, &g->columns[i], resource_field_is_counter(type, g->columns[i].field), skip, r->buckets);
	json_close(b, '}');
	json_open(b, "rates", '{');
	for (unsigned i = 0; i < g->column_count; i++)
		if (is_shown(&g->columns[i], skip, r->buckets) && resource_field_is_counter(type, g->columns[i].field))
			write_rate(b, r, &g->columns[i], skip);
	json_close(b, '}');
	if (a->whole) {
		write_percentiles(b, r, g, w, skip);
		write_range_percentiles(b, a, g);
	}
	json_close(b, '}');
}

static int by_type(const void *x, const void *y)
{
	const struct read_group *const *a = x, *const *b = y;
	int c = strcmp(read_group_tag(*a, "resource_type"), read_group_tag(*b, "resource_type"));

	return c ? c : (*a > *b) - (*a < *b); /* else as they came */
}

static bool group_is_shown(const struct read_result *r, const struct read_group *g, unsigned skip)
{
	for (unsigned i = 0; i < g->column_count; i++)
		if (is_shown(&g->columns[i], skip, r->buckets))
			return true;
	return false;
}

static void write_resources(struct buf *b, const struct answer *a)
{
	const struct read_result *r = a->result;
	const struct read_group **groups = malloc((r->group_count + 1) * sizeof *groups);
	const char *type = NULL;
	unsigned n = 0;

	b->failed |= !groups;
	for (unsigned i = 0; groups && i < r->group_count; i++)
		if (group_is_shown(r, &r->groups[i], a->skip))
			groups[n++] = &r->groups[i];
	if (n)
		qsort(groups, n, sizeof *groups, by_type);
	json_open(b, "resources", '{');
	for (unsigned i = 0; i < n; i++) {
		const char *next = read_group_tag(groups[i], "resource_type");
		if (!type || strcmp(type, next) != 0) {
			if (type)
				json_close(b, ']');
			json_open(b, next, '[');
			type = next;
		}
		write_group(b, a, groups[i]);
	}
	if (type)
		json_close(b, ']');
	json_close(b, '}');
	free(groups);
}

static void answer(struct http_request *rq, const struct answer *a)
{
	const struct read_result *r = a->result;
	const struct wish *w = a->wish;
	struct buf b;

	buf_init(&b, ROUTES_JSON_MAX);
	json_open(&b, NULL, '{');
	routes_json_head(&b, r);
	json_put_string(&b, "host", w->host);
	if (w->service && *w->service)
		json_put_string(&b, "service", w->service);
	if (a->whole)
		json_put_string(&b, "percentiles", routes_percentiles_kind(r->sketched || a->whole->sketched));
	routes_json_grid(&b, &w->grid, r, a->skip);
	write_resources(&b, a);
	json_close(&b, '}');
	http_respond_json(rq, 200, &b);
	buf_fini(&b);
}

/* So many buckets before `from` that a sample should be among them. */
static unsigned lead_buckets(const struct services *s, const struct routes_grid *g)
{
	int64_t n = (s->collect_interval_ns + g->step_ns - 1) / g->step_ns;
	int64_t room = READ_BUCKETS_MAX - 2 - (g->to_ns - g->from_ns) / g->step_ns;

	n = n < 1 ? 1 : n > LEAD_MAX ? LEAD_MAX : n;
	return (unsigned)(n < room ? n : room);
}

static bool has_type(const struct read_result *r, const char *type)
{
	for (unsigned i = 0; i < r->group_count; i++)
		if (!strcmp(read_group_tag(&r->groups[i], "resource_type"), type))
			return true;
	return false;
}

/* Nothing of it is answered, collected here, or was ever written. NULL: there is none such. */
static const char *unknown_type(const struct services *s, const struct wish *w, const struct read_result *r)
{
	char hint[256];

	static const char *const ours[] = { "cpu", "disk", "diskio", "kernel", "mem", "net", "netstat", "pressure",
		"process", "processes", "service", "swap", "system", "temp" };

	for (unsigned i = 0; i < w->type_count; i++) {
		bool known = has_type(r, w->types[i]);
		for (size_t k = 0; !known && k < sizeof ours / sizeof *ours; k++)
			known = !strcmp(ours[k], w->types[i]);
		if (!known &&
		    !routes_name_known(s, "system_resources", "resource_type", w->types[i], hint, sizeof hint))
			return w->types[i];
	}
	return NULL;
}

static const char *const known_types = "known are: cpu, disk, diskio, kernel, mem, net, netstat, pressure, process, "
				       "processes, service, swap, system, temp, and what was written";

void routes_resources(struct http_request *rq, void *arg)
{
	const struct services *s = arg;
	struct errbuf eb = { "" };
	struct read_result r, whole = { 0 };
	struct wish w;
	char hint[256];
	const char *type;

	if (!read_wish(rq, s, &w))
		return;
	unsigned skip = lead_buckets(s, &w.grid);
	struct read_request q = { .database = "metrics",
		.measurement = "system_resources",
		.filters = w.filters,
		.filter_count = w.filter_count,
		.from_ns = w.grid.from_ns - (int64_t)skip * w.grid.step_ns,
		.to_ns = w.grid.to_ns,
		.step_ns = w.grid.step_ns,
		.percentiles = w.percentiles,
		.percentile_count = w.percentile_count };
	int64_t rest = q.from_ns % q.step_ns;
	q.from_ns -= rest < 0 ? rest + q.step_ns : rest; /* whole buckets */
	read_result_init(&r, &q);
	enum err e = reader_read(s->reader, &q, &r, &eb);
	if (e == ERR_OK && w.percentile_count) {
		q.from_ns = w.grid.from_ns;
		routes_one_bucket(&q);
		e = routes_read_more(s, &q, &r, &whole, &eb);
	}
	const struct answer a = { &w, &r, w.percentile_count ? &whole : NULL, skip };
	if (e)
		http_fail(rq, 500, "internal", NULL, "%s", eb.text);
	else if (w.service && *w.service && r.group_count == 0 &&
	    !routes_name_known(s, q.measurement, "service", w.service, hint, sizeof hint))
		http_fail(rq, 404, "not_found", hint, "no resources of a service %.100s", w.service);
	else if ((type = unknown_type(s, &w, &r)) != NULL)
		http_fail(rq, 400, "bad_parameter", known_types, "there is no resource %.100s", type);
	else
		answer(rq, &a);
	read_result_fini(&r);
	read_result_fini(&whole);
}
