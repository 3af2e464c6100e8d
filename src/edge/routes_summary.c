/* GET /api/v1/metrics/summary: one page of numbers, and none over time. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "edge/gathered.h"
#include "edge/machine.h"
#include "edge/process.h"
#include "edge/routes_timers.h"
#include "wire/json_write.h"

enum { LIMIT = 20, LIMIT_MAX = 1000, STATES_MAX = 1000 };

struct page {
	const char *host;
	struct routes_grid range; /* its step is all of it */
	unsigned limit;
	struct read_result machine, states, applications;
	struct timers services, databases;
};

/* One bucket for all of the range. */
static enum err read_timers(const struct services *s, struct page *p, const char *measurement, const char *name,
    const struct read_filter *filter, struct timers *t, struct errbuf *eb)
{
	const char *const names[] = { name };
	struct read_request q = { .from_ns = p->range.from_ns, .to_ns = p->range.to_ns };
	struct timers_wish w = { .measurement = measurement,
		.filters = filter,
		.filter_count = filter != NULL,
		.names = names,
		.name_count = 1,
		.grid = p->range };

	routes_one_bucket(&q);
	w.grid.step_ns = q.step_ns;
	enum err e = timers_read(s, &w, t, eb);
	t->wish.filters = NULL; /* both were ours */
	t->wish.names = NULL;
	if (e == ERR_OK)
		routes_join_sources(&p->machine, &t->result);
	return e;
}

static enum err read_groups(const struct services *s, struct page *p, const char *measurement, const char *const *by,
    unsigned count, const struct read_filter *filter, struct read_result *r, struct errbuf *eb)
{
	struct read_request q = { .database = "metrics",
		.measurement = measurement,
		.filters = filter,
		.filter_count = filter != NULL,
		.group_by = by,
		.group_count = count,
		.from_ns = p->range.from_ns,
		.to_ns = p->range.to_ns };

	routes_one_bucket(&q);
	return routes_read_more(s, &q, &p->machine, r, eb);
}

static enum err read_page(const struct services *s, struct page *p, struct errbuf *eb)
{
	static const char *const query = "query", *const states[] = { "pool", "health" };
	static const char *const by_place[] = { "database", "host", "service" };
	static const char *const by_metric[] = { "metric", "metric_type", "service" };
	const struct read_filter queries = { "metric_type", &query, 1 }, others = { "metric_type", states, 2 };

	enum err e = machine_read(s, p->host, p->range.from_ns, p->range.to_ns, &p->machine, eb);
	if (e == ERR_OK)
		e = read_timers(s, p, "service_performance", "service", NULL, &p->services, eb);
	if (e == ERR_OK)
		e = read_timers(s, p, "database_metrics", "database", &queries, &p->databases, eb);
	if (e == ERR_OK)
		e = read_groups(s, p, "database_metrics", by_place, 3, &others, &p->states, eb);
	if (e == ERR_OK)
		e = read_groups(s, p, "application_metrics", by_metric, 3, NULL, &p->applications, eb);
	return e;
}

static void write_timers(struct buf *b, struct timers *t, const char *name, const char *key, unsigned limit)
{
	timers_sort_busiest(t);
	json_open(b, key, '[');
	for (unsigned i = 0; i < t->line_count && i < limit; i++) {
		json_open(b, NULL, '{');
		json_put_string(b, name, t->lines[i].name[0]);
		timers_put_line(b, t, &t->lines[i], false);
		json_close(b, '}');
	}
	json_close(b, ']');
}

static double last(const struct read_group *g, const char *field)
{
	const struct read_column *c = read_group_column(g, field);

	return c && c->type != VALUE_STRING && c->cells[0].count ? c->cells[0].last : NAN;
}

/* Pools and health, by database, service and host. */
static void write_states(struct buf *b, const struct page *p)
{
	json_put_u64(b, "database_states_total", p->states.group_count);
	json_open(b, "database_states", '[');
	for (unsigned i = 0; i < p->states.group_count && i < STATES_MAX; i++) {
		const struct read_group *g = &p->states.groups[i];
		double size = last(g, "pool_size"), in_use = last(g, "pool_in_use"), up = last(g, "up");
		json_open(b, NULL, '{');
		json_put_string(b, "database", read_group_tag(g, "database"));
		json_put_string_or_null(b, "service", read_group_tag(g, "service"));
		json_put_string_or_null(b, "host", read_group_tag(g, "host"));
		json_put_double(b, "pool_size", size);
		json_put_double(b, "pool_in_use", in_use);
		json_put_double(b, "pool_waiting", last(g, "pool_waiting"));
		json_put_rounded(b, "utilisation", size > 0 ? in_use / size : NAN, 6);
		if (isnan(up))
			json_put_null(b, "up");
		else
			json_put_bool(b, "up", up > 0);
		json_close(b, '}');
	}
	json_close(b, ']');
}

static uint64_t points_of(const struct read_group *g)
{
	uint64_t most = 0;

	for (unsigned i = 0; i < g->column_count; i++)
		if (g->columns[i].type != VALUE_STRING && g->columns[i].cells[0].count > most)
			most = g->columns[i].cells[0].count;
	return most;
}

struct type {
	const char *name;
	uint64_t metrics, points;
};

static struct type *find_type(struct type *types, unsigned *count, const char *name)
{
	for (unsigned i = 0; i < *count; i++)
		if (!strcmp(types[i].name, name))
			return &types[i];
	types[*count].name = name;
	return &types[(*count)++];
}

/* How many metrics of each type there are, and points of them. */
static void write_applications(struct buf *b, const struct page *p)
{
	const struct read_result *r = &p->applications;
	struct type *types = calloc(r->group_count + 1, sizeof *types);
	unsigned n = 0;

	b->failed |= !types;
	for (unsigned i = 0; types && i < r->group_count; i++) {
		struct type *t = find_type(types, &n, read_group_tag(&r->groups[i], "metric_type"));
		t->metrics++;
		t->points += points_of(&r->groups[i]);
	}
	json_open(b, "applications", '[');
	for (unsigned i = 0; i < n; i++) {
		json_open(b, NULL, '{');
		json_put_string(b, "metric_type", types[i].name);
		json_put_u64(b, "metrics", types[i].metrics);
		json_put_u64(b, "points", types[i].points);
		json_close(b, '}');
	}
	json_close(b, ']');
	free(types);
}

static void write_appliance(struct buf *b, struct services *s, const struct gathered *g)
{
	struct process_usage u;

	process_usage(&u);
	json_open(b, "appliance", '{');
	json_put_string(b, "version", s->version);
	json_put_string(b, "state", sentence_state_name(g->sentence.state));
	json_put_string(b, "summary", g->sentence.summary);
	json_put_string(b, "detail", g->sentence.detail);
	json_put_rounded(b, "uptime_s", (double)(clock_mono_ns() - s->started_mono_ns) / 1e9, 1);
	json_put_rounded(b, "cpu_s", u.cpu_s, 3);
	json_put_u64(b, "memory_bytes", u.memory_bytes);
	json_put_rounded(b, "values_per_s", rates_per_s(&s->rates, RATE_VALUES), 2);
	json_put_u64(b, "points_total", counter_get(COUNTER_INGEST_POINTS));
	json_put_u64(b, "rejected_total", gathered_rejected_points());
	json_put_u64(b, "series", catalogue_series_count(s->catalogue));
	json_put_u64(b, "spool_bytes", g->spool.bytes);
	json_put_string(
	    b, "replication", replication_record(s->replication) ? replicator_state_name(g->replicator.state) : "off");
	json_put_u64(b, "lag_points", g->replicator.lag_points);
	json_put_rounded(b, "lag_s", (double)g->replicator.lag_ns / 1e9, 3);
	json_put_u64(b, "alerts", g->alert_count);
	json_close(b, '}');
}

static void answer(struct http_request *rq, struct services *s, struct page *p, const struct gathered *g)
{
	struct buf b;

	buf_init(&b, ROUTES_JSON_MAX);
	json_open(&b, NULL, '{');
	routes_json_head(&b, &p->machine);
	json_put_string(&b, "host", p->host);
	json_put_i64(&b, "from_ms", p->range.from_ns / NS_PER_MS);
	json_put_i64(&b, "to_ms", p->range.to_ns / NS_PER_MS);
	machine_put(&b, "machine", &p->machine, p->range.from_ns, p->range.to_ns);
	json_put_u64(&b, "services_total", p->services.line_count);
	write_timers(&b, &p->services, "service", "services", p->limit);
	json_put_u64(&b, "databases_total", p->databases.line_count);
	write_timers(&b, &p->databases, "database", "databases", p->limit);
	write_states(&b, p);
	write_applications(&b, p);
	write_appliance(&b, s, g);
	json_close(&b, '}');
	http_respond_json(rq, 200, &b);
	buf_fini(&b);
}

void routes_summary(struct http_request *rq, void *arg)
{
	struct services *s = arg;
	const char *host = routes_parameter(rq, "host");
	struct page p = { .host = host ? host : s->host };
	struct errbuf eb = { "" };
	struct gathered *g;

	if (!routes_grid_read(rq, &p.range) || !routes_limit(rq, LIMIT, LIMIT_MAX, &p.limit))
		return;
	g = gathered_or_fail(rq, s);
	if (!g)
		return;
	enum err e = read_page(s, &p, &eb);
	if (e)
		routes_read_failed(rq, e, &eb);
	else
		answer(rq, s, &p, g);
	free(g);
	timers_fini(&p.services);
	timers_fini(&p.databases);
	read_result_fini(&p.machine);
	read_result_fini(&p.states);
	read_result_fini(&p.applications);
}
