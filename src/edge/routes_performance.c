/* GET /api/v1/metrics/performance[/{service}]: the calls of services, or of one service by operation. */
#include <string.h>

#include "edge/routes_timers.h"
#include "wire/json_write.h"

enum { LIMIT = 100, LIMIT_MAX = 10000 };

struct wish {
	const char *service, *operation, *host; /* NULL: all */
	const char *name_tag;
	unsigned limit;
	struct read_filter filters[3];
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
	*w = (struct wish){ .service = routes_rest(rq),
		.operation = routes_parameter(rq, "operation"),
		.host = routes_parameter(rq, "host") };
	if (w->host && !strcmp(w->host, "*"))
		w->host = NULL;
	w->name_tag = w->service ? "operation" : "service";
	w->timers = (struct timers_wish){
		.measurement = "service_performance", .filters = w->filters, .names = &w->name_tag, .name_count = 1
	};
	add_filter(w, "service", &w->service);
	add_filter(w, "operation", &w->operation);
	add_filter(w, "host", &w->host);
	return routes_grid_read(rq, &w->timers.grid) && routes_limit(rq, LIMIT, LIMIT_MAX, &w->limit);
}

static void answer(struct http_request *rq, const struct wish *w, struct timers *t)
{
	struct buf b;

	timers_sort_busiest(t);
	buf_init(&b, ROUTES_JSON_MAX);
	json_open(&b, NULL, '{');
	routes_json_head(&b, &t->result);
	json_put_string(&b, "percentiles", timers_kind(t));
	if (w->service)
		json_put_string(&b, "service", w->service);
	routes_json_grid(&b, &w->timers.grid, &t->result, 0);
	json_put_u64(&b, "total", t->line_count);
	json_open(&b, w->service ? "operations" : "services", '[');
	for (unsigned i = 0; i < t->line_count && i < w->limit; i++) {
		json_open(&b, NULL, '{');
		json_put_string(&b, w->name_tag, t->lines[i].name[0]);
		timers_put_line(&b, t, &t->lines[i], true);
		json_close(&b, '}');
	}
	json_close(&b, ']');
	json_close(&b, '}');
	http_respond_json(rq, 200, &b);
	buf_fini(&b);
}

void routes_performance(struct http_request *rq, void *arg)
{
	const struct services *s = arg;
	struct errbuf eb = { "" };
	struct timers t;
	struct wish w;
	char hint[256];

	if (!read_wish(rq, &w))
		return;
	enum err e = timers_read(s, &w.timers, &t, &eb);
	if (e)
		routes_read_failed(rq, e, &eb);
	else if (w.service && t.line_count == 0 &&
	    !routes_name_known(s, w.timers.measurement, "service", w.service, hint, sizeof hint))
		http_fail(rq, 404, "not_found", hint, "no performance of a service %.100s", w.service);
	else
		answer(rq, &w, &t);
	timers_fini(&t);
}
