/* GET /api/v1/metrics/database[/{database}]: queries as services' calls are, pools and health by service and host,
 * transactions of all together, those that were timed by operation. `performance` in place of a name means all of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "edge/routes_timers.h"
#include "wire/json_write.h"

enum { LIMIT = 100, LIMIT_MAX = 10000 };

static const char measurement[] = "database_metrics";

struct wish {
	const char *database, *service, *operation, *host; /* NULL: all */
	unsigned limit;
	struct routes_grid grid;
	struct read_filter filters[6];
	unsigned filter_count; /* without those of metric_type and operation */
};

struct report {
	const struct wish *wish;
	struct timers all, by_operation; /* the queries of each database, and of each operation */
	struct timers steps; /* of transactions, by operation */
	struct read_result states; /* pools, transactions and health: by database, host, metric_type, service */
	const char **names;
	unsigned name_count;
};

static void add_filter(struct wish *w, const char *tag, const char *const *value)
{
	if (*value)
		w->filters[w->filter_count++] = (struct read_filter){ tag, value, 1 };
}

/* False: answered. */
static bool read_wish(struct http_request *rq, struct wish *w)
{
	*w = (struct wish){ .database = routes_rest(rq),
		.service = routes_parameter(rq, "service"),
		.operation = routes_parameter(rq, "operation"),
		.host = routes_parameter(rq, "host") };
	if (w->database && !strcmp(w->database, "performance"))
		w->database = NULL;
	if (w->host && !strcmp(w->host, "*"))
		w->host = NULL;
	add_filter(w, "database", &w->database);
	add_filter(w, "service", &w->service);
	add_filter(w, "host", &w->host);
	return routes_grid_read(rq, &w->grid) && routes_limit(rq, LIMIT, LIMIT_MAX, &w->limit);
}

/* ---- reading ---- */

static const char *const queries = "query", *const transactions = "transaction";

/* Timed work of a metric_type: by database (names 1), or by database and operation (names 2). */
static enum err read_timed(const struct services *s, struct wish *w, const char *const *type, unsigned names,
    struct timers *t, struct errbuf *eb)
{
	static const char *const by[] = { "database", "operation" };
	unsigned n = w->filter_count;

	w->filters[n++] = (struct read_filter){ "metric_type", type, 1 };
	if (w->operation)
		w->filters[n++] = (struct read_filter){ "operation", &w->operation, 1 };
	struct timers_wish q = { .measurement = measurement,
		.filters = w->filters,
		.filter_count = n,
		.names = by,
		.name_count = names,
		.grid = w->grid };
	return timers_read(s, &q, t, eb);
}

static enum err read_states(const struct services *s, struct wish *w, struct report *rp, struct errbuf *eb)
{
	static const char *const types[] = { "pool", "transaction", "health" },
				 *const by[] = { "database", "host", "metric_type", "service" };
	unsigned n = w->filter_count;

	w->filters[n++] = (struct read_filter){ "metric_type", types, 3 };
	struct read_request q = { .database = "metrics",
		.measurement = measurement,
		.filters = w->filters,
		.filter_count = n,
		.group_by = by,
		.group_count = 4,
		.from_ns = w->grid.from_ns,
		.to_ns = w->grid.to_ns,
		.step_ns = w->grid.step_ns };
	return routes_read_more(s, &q, &rp->all.result, &rp->states, eb);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The databases that have anything, each once. */
static bool list_names(struct report *rp)
{
	unsigned n = 0, kept = 0;

	rp->names = calloc(rp->all.line_count + rp->states.group_count + 1, sizeof *rp->names);
	if (!rp->names)
		return false;
	for (unsigned i = 0; i < rp->all.line_count; i++)
		rp->names[n++] = rp->all.lines[i].name[0];
	for (unsigned i = 0; i < rp->states.group_count; i++)
		rp->names[n++] = read_group_tag(&rp->states.groups[i], "database");
	if (n)
		qsort(rp->names, n, sizeof *rp->names, by_name);
	for (unsigned i = 0; i < n; i++)
		if (!kept || strcmp(rp->names[kept - 1], rp->names[i]) != 0)
			rp->names[kept++] = rp->names[i];
	rp->name_count = kept;
	return true;
}

/* ---- writing ---- */

static const struct read_cell *cell(const struct read_group *g, const char *field, unsigned i)
{
	const struct read_column *c = read_group_column(g, field);

	return c && c->type != VALUE_STRING && c->cells[i].count ? &c->cells[i] : NULL;
}

static double mean(const struct read_cell *c)
{
	return c ? c->sum / (double)c->count : NAN;
}

/* Of a check: found it up or not. InfluxDB adds up no booleans, so of those the last of a bucket speaks for it. */
static double up_of(const struct read_group *g, unsigned i)
{
	const struct read_column *c = read_group_column(g, "up");
	const struct read_cell *x = cell(g, "up", i);

	return x && c->type == VALUE_BOOLEAN ? x->last : mean(x);
}

/* The newest cell of a field, or NULL. */
static const struct read_cell *last_cell(const struct report *rp, const struct read_group *g, const char *field)
{
	for (unsigned i = rp->states.buckets; i-- > 0;)
		if (cell(g, field, i))
			return cell(g, field, i);
	return NULL;
}

static double last(const struct report *rp, const struct read_group *g, const char *field)
{
	const struct read_cell *c = last_cell(rp, g, field);

	return c ? c->last : NAN;
}

static double ratio(double part, double whole)
{
	return whole > 0 ? part / whole : NAN;
}

static void write_means(
    struct buf *b, const struct report *rp, const struct read_group *g, const char *name, const char *field)
{
	json_open(b, name, '[');
	for (unsigned i = 0; i < rp->states.buckets; i++)
		json_put_rounded(b, NULL, mean(cell(g, field, i)), 6);
	json_close(b, ']');
}

static void write_place(struct buf *b, const struct read_group *g)
{
	json_put_string_or_null(b, "service", read_group_tag(g, "service"));
	json_put_string_or_null(b, "host", read_group_tag(g, "host"));
}

static void write_pool(struct buf *b, const struct report *rp, const struct read_group *g)
{
	static const char *const fields[][2] = { { "size", "pool_size" }, { "in_use", "pool_in_use" },
		{ "idle", "pool_idle" }, { "waiting", "pool_waiting" } };
	const struct read_cell *newest = last_cell(rp, g, "pool_in_use");

	json_open(b, NULL, '{');
	write_place(b, g);
	routes_json_last(b, &rp->states, newest ? newest->last_ns : 0);
	for (size_t f = 0; f < 4; f++)
		json_put_double(b, fields[f][0], last(rp, g, fields[f][1]));
	json_put_rounded(b, "utilisation", ratio(last(rp, g, "pool_in_use"), last(rp, g, "pool_size")), 6);
	json_open(b, "series", '{');
	for (size_t f = 0; f < 4; f++)
		write_means(b, rp, g, fields[f][0], fields[f][1]);
	json_open(b, "utilisation", '[');
	for (unsigned i = 0; i < rp->states.buckets; i++)
		json_put_rounded(b, NULL, ratio(mean(cell(g, "pool_in_use", i)), mean(cell(g, "pool_size", i))), 6);
	json_close(b, ']');
	json_close(b, '}');
	json_close(b, '}');
}

/* The newest of each number beside `up`. */
static void write_figures(struct buf *b, const struct report *rp, const struct read_group *g)
{
	json_open(b, "figures", '{');
	for (unsigned i = 0; i < g->column_count; i++) {
		const struct read_column *c = &g->columns[i];
		if (strcmp(c->field, "up") != 0 && (c->type == VALUE_FLOAT || c->type == VALUE_INTEGER) &&
		    last_cell(rp, g, c->field))
			json_put_double(b, c->field, last(rp, g, c->field));
	}
	json_close(b, '}');
}

static void write_health(struct buf *b, const struct report *rp, const struct read_group *g)
{
	const struct read_cell *newest = last_cell(rp, g, "up");
	double sum = 0, count = 0;

	for (unsigned i = 0; i < rp->states.buckets; i++)
		if (cell(g, "up", i)) {
			sum += up_of(g, i);
			count++;
		}
	json_open(b, NULL, '{');
	write_place(b, g);
	routes_json_last(b, &rp->states, newest ? newest->last_ns : 0);
	if (newest)
		json_put_bool(b, "up", newest->last > 0);
	else
		json_put_null(b, "up");
	json_put_rounded(b, "availability", ratio(sum, count), 6);
	write_figures(b, rp, g);
	json_open(b, "series", '{');
	json_open(b, "up", '[');
	for (unsigned i = 0; i < rp->states.buckets; i++)
		json_put_rounded(b, NULL, up_of(g, i), 6);
	json_close(b, ']');
	json_close(b, '}');
	json_close(b, '}');
}

struct span { /* groups of one database: neighbours, since their order begins with it */
	const struct read_group *first, *end;
};

static struct span find_states(const struct report *rp, const char *database)
{
	struct span s = { rp->states.groups, rp->states.groups + rp->states.group_count };

	while (s.first < s.end && strcmp(read_group_tag(s.first, "database"), database) != 0)
		s.first++;
	for (const struct read_group *g = s.first; g < s.end; g++)
		if (strcmp(read_group_tag(g, "database"), database) != 0)
			s.end = g;
	return s;
}

static bool is_of(const struct read_group *g, const char *type)
{
	return !strcmp(read_group_tag(g, "metric_type"), type);
}

static void write_each(struct buf *b, const struct report *rp, const char *name, struct span s, const char *type,
    void (*write)(struct buf *, const struct report *, const struct read_group *))
{
	json_open(b, name, '[');
	for (const struct read_group *g = s.first; g < s.end; g++)
		if (is_of(g, type))
			write(b, rp, g);
	json_close(b, ']');
}

/* Of all services and hosts in one bucket; NAN: none there. */
static double rise(struct span s, const char *field, unsigned i)
{
	double sum = NAN;

	for (const struct read_group *g = s.first; g < s.end; g++) {
		const struct read_cell *c = is_of(g, "transaction") ? cell(g, field, i) : NULL;
		if (c)
			sum = isnan(sum) ? c->sum : sum + c->sum;
	}
	return sum;
}

static void write_operations(struct buf *b, struct timers *ops, const char *database, unsigned limit, unsigned *total)
{
	*total = 0;
	json_open(b, "operations", '[');
	for (unsigned i = 0; i < ops->line_count; i++) { /* the busiest first */
		if (strcmp(ops->lines[i].name[0], database) != 0 || !timers_is_timed(&ops->lines[i]) ||
		    (*total)++ >= limit)
			continue;
		json_open(b, NULL, '{');
		json_put_string(b, "operation", ops->lines[i].name[1]);
		timers_put_line(b, ops, &ops->lines[i], true);
		json_close(b, '}');
	}
	json_close(b, ']');
}

static void write_transactions(struct buf *b, struct report *rp, const char *database, struct span s)
{
	unsigned timed;

	static const char *const fields[] = { "transactions", "commits", "rollbacks" };
	double seconds = (double)(rp->wish->grid.to_ns - rp->wish->grid.from_ns) / 1e9, total[3] = { NAN, NAN, NAN };

	for (size_t f = 0; f < 3; f++)
		for (unsigned i = 0; i < rp->states.buckets; i++) {
			double v = rise(s, fields[f], i);
			if (!isnan(v))
				total[f] = isnan(total[f]) ? v : total[f] + v;
		}
	if (isnan(total[0]) && isnan(total[1]) && isnan(total[2])) {
		json_put_null(b, "transactions");
		return;
	}
	json_open(b, "transactions", '{');
	for (size_t f = 0; f < 3; f++)
		json_put_rounded(b, fields[f], total[f], 6);
	json_put_rounded(b, "commits_per_s", total[1] / seconds, 6);
	json_put_rounded(b, "rollback_rate", ratio(total[2], total[1] + total[2]), 6);
	write_operations(b, &rp->steps, database, rp->wish->limit, &timed);
	json_open(b, "series", '{');
	for (size_t f = 0; f < 3; f++) {
		json_open(b, fields[f], '[');
		for (unsigned i = 0; i < rp->states.buckets; i++)
			json_put_rounded(b, NULL, rise(s, fields[f], i), 6);
		json_close(b, ']');
	}
	json_close(b, '}');
	json_close(b, '}');
}

static void write_queries(struct buf *b, struct report *rp, const char *database)
{
	unsigned total = 0;

	for (unsigned i = 0; i < rp->all.line_count; i++)
		if (!strcmp(rp->all.lines[i].name[0], database)) {
			json_open(b, "queries", '{');
			timers_put_line(b, &rp->all, &rp->all.lines[i], true);
			json_close(b, '}');
			total = 1;
		}
	if (!total)
		json_put_null(b, "queries");
	write_operations(b, &rp->by_operation, database, rp->wish->limit, &total);
	json_put_u64(b, "operations_total", total);
}

static void answer(struct http_request *rq, struct report *rp)
{
	const struct wish *w = rp->wish;
	struct buf b;

	timers_sort_busiest(&rp->by_operation);
	timers_sort_busiest(&rp->steps);
	buf_init(&b, ROUTES_JSON_MAX);
	json_open(&b, NULL, '{');
	routes_json_head(&b, &rp->all.result);
	json_put_string(&b, "percentiles", timers_kind(&rp->all));
	json_put_string(&b, "database", w->database);
	routes_json_grid(&b, &w->grid, &rp->all.result, 0);
	json_put_u64(&b, "total", rp->name_count);
	json_open(&b, "databases", '[');
	for (unsigned i = 0; i < rp->name_count && i < w->limit; i++) {
		struct span states = find_states(rp, rp->names[i]);
		json_open(&b, NULL, '{');
		json_put_string(&b, "database", rp->names[i]);
		write_queries(&b, rp, rp->names[i]);
		write_each(&b, rp, "pools", states, "pool", write_pool);
		write_transactions(&b, rp, rp->names[i], states);
		write_each(&b, rp, "health", states, "health", write_health);
		json_close(&b, '}');
	}
	json_close(&b, ']');
	json_close(&b, '}');
	http_respond_json(rq, 200, &b);
	buf_fini(&b);
}

/* False: answered. */
static bool names_are_known(struct http_request *rq, const struct services *s, const struct wish *w)
{
	char hint[256];

	if (w->database && !routes_name_known(s, measurement, "database", w->database, hint, sizeof hint))
		http_fail(rq, 404, "not_found", hint, "no metrics of a database %.100s", w->database);
	else if (w->service && !routes_name_known(s, measurement, "service", w->service, hint, sizeof hint))
		http_fail(rq, 404, "not_found", hint, "no database metrics of a service %.100s", w->service);
	else
		return true;
	return false;
}

void routes_database(struct http_request *rq, void *arg)
{
	const struct services *s = arg;
	struct errbuf eb = { "" };
	struct wish w;

	if (!read_wish(rq, &w))
		return;
	struct report rp = { .wish = &w };
	enum err e = read_timed(s, &w, &queries, 1, &rp.all, &eb);
	if (e == ERR_OK)
		e = read_timed(s, &w, &queries, 2, &rp.by_operation, &eb);
	if (e == ERR_OK)
		e = read_timed(s, &w, &transactions, 2, &rp.steps, &eb);
	if (e == ERR_OK)
		routes_join_sources(&rp.all.result, &rp.by_operation.result);
	if (e == ERR_OK)
		routes_join_sources(&rp.all.result, &rp.steps.result);
	if (e == ERR_OK)
		e = read_states(s, &w, &rp, &eb);
	if (e == ERR_OK && !list_names(&rp))
		e = errbuf_set(&eb, ERR_NOMEM, "out of memory");
	if (e)
		routes_read_failed(rq, e, &eb);
	else if (rp.name_count || names_are_known(rq, s, &w))
		answer(rq, &rp);
	free(rp.names);
	timers_fini(&rp.all);
	timers_fini(&rp.by_operation);
	timers_fini(&rp.steps);
	read_result_fini(&rp.states);
}
