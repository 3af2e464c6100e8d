#include "flow/server_figures.h"

#include <math.h>
#include <string.h>

#include "base/num.h"
#include "wire/exposition.h"
#include "wire/json_read.h"

enum { NAME_MAX_BYTES = 4096 };

static const struct {
	const char *name;
	bool rises, is_float;
} kinds[SERVER_FIGURES] = {
	[SERVER_UPTIME_S] = { "uptime_s", false, false },
	[SERVER_HEAP_BYTES] = { "heap_bytes", false, false },
	[SERVER_MEMORY_BYTES] = { "memory_bytes", false, false },
	[SERVER_GOROUTINES] = { "goroutines", false, false },
	[SERVER_DISK_BYTES] = { "disk_bytes", false, false },
	[SERVER_SERIES] = { "series", false, false },
	[SERVER_MEASUREMENTS] = { "measurements", false, false },
	[SERVER_POINTS_WRITTEN] = { "points_written", true, false },
	[SERVER_POINTS_FAILED] = { "points_failed", true, false },
	[SERVER_POINTS_DROPPED] = { "points_dropped", true, false },
	[SERVER_WRITE_ERRORS] = { "write_errors", true, false },
	[SERVER_WRITE_REQUESTS] = { "write_requests", true, false },
	[SERVER_WRITE_REQUEST_BYTES] = { "write_request_bytes", true, false },
	[SERVER_WRITE_REQUEST_MS] = { "write_request_ms", true, true },
	[SERVER_QUERIES] = { "queries", true, false },
	[SERVER_QUERY_MS] = { "query_ms", true, true },
	[SERVER_REQUESTS] = { "requests", true, false },
	[SERVER_CLIENT_ERRORS] = { "client_errors", true, false },
	[SERVER_SERVER_ERRORS] = { "server_errors", true, false },
};

const char *server_figure_name(enum server_figure f)
{
	return kinds[f].name;
}

bool server_figure_rises(enum server_figure f)
{
	return kinds[f].rises;
}

bool server_figure_is_float(enum server_figure f)
{
	return kinds[f].is_float;
}

static void add(struct server_figures *out, enum server_figure f, double v)
{
	if (!isfinite(v) || v < 0)
		return;
	out->has[f] = true;
	out->value[f] += v;
}

/* ---- 1.x: {"write": {"name": "write", "tags": …, "values": {"pointReq": 1, …}}, "shard:/path:1": {…}, …} ---- */

static const struct {
	const char *part, *value;
	enum server_figure figure;
	double scale;
} vars[] = {
	{ "runtime", "HeapAlloc", SERVER_HEAP_BYTES, 1 },
	{ "runtime", "Sys", SERVER_MEMORY_BYTES, 1 },
	{ "runtime", "NumGoroutine", SERVER_GOROUTINES, 1 },
	{ "shard", "diskBytes", SERVER_DISK_BYTES, 1 },
	{ "database", "numSeries", SERVER_SERIES, 1 },
	{ "database", "numMeasurements", SERVER_MEASUREMENTS, 1 },
	{ "write", "pointReq", SERVER_POINTS_WRITTEN, 1 },
	{ "write", "writeError", SERVER_WRITE_ERRORS, 1 },
	{ "httpd", "pointsWrittenFail", SERVER_POINTS_FAILED, 1 },
	{ "httpd", "pointsWrittenDropped", SERVER_POINTS_DROPPED, 1 },
	{ "httpd", "writeReq", SERVER_WRITE_REQUESTS, 1 },
	{ "httpd", "writeReqBytes", SERVER_WRITE_REQUEST_BYTES, 1 },
	{ "httpd", "writeReqDurationNs", SERVER_WRITE_REQUEST_MS, 1e-6 },
	{ "httpd", "req", SERVER_REQUESTS, 1 },
	{ "httpd", "clientError", SERVER_CLIENT_ERRORS, 1 },
	{ "httpd", "serverError", SERVER_SERVER_ERRORS, 1 },
	{ "queryExecutor", "queriesExecuted", SERVER_QUERIES, 1 },
	{ "queryExecutor", "queryDurationNs", SERVER_QUERY_MS, 1e-6 },
};
enum { VARS = sizeof vars / sizeof *vars };

struct part { /* a member of the whole, by what its name begins with */
	char name[32]; /* "": none of ours */
};

static struct part part_of(const struct buf *key)
{
	struct part p = { "" };
	const char *colon = key->len ? memchr(key->p, ':', key->len) : NULL;
	size_t len = colon ? (size_t)(colon - key->p) : key->len;

	for (size_t i = 0; i < VARS; i++)
		if (strlen(vars[i].part) == len && !memcmp(vars[i].part, key->p, len))
			memcpy(p.name, vars[i].part, len + 1);
	return p;
}

static void read_number(struct json_in *in, struct view name, const struct part *p, struct server_figures *out)
{
	struct view text;
	double v;

	if (!json_number(in, &text) || !num_parse_double(text, &v))
		return;
	for (size_t i = 0; i < VARS; i++)
		if (view_is(name, vars[i].value) && !strcmp(p->name, vars[i].part))
			add(out, vars[i].figure, v * vars[i].scale);
}

static bool is_number(char c)
{
	return c == '-' || (c >= '0' && c <= '9');
}

static void read_values(struct json_in *in, struct buf *key, const struct part *p, struct server_figures *out)
{
	json_enter(in, '{');
	while (json_more(in, '}')) {
		json_key(in, key);
		if (is_number(json_peek(in)))
			read_number(in, (struct view){ key->p, key->len }, p, out);
		else
			json_skip(in);
	}
}

static void read_part(struct json_in *in, struct buf *key, const struct part *p, struct server_figures *out)
{
	json_enter(in, '{');
	while (json_more(in, '}')) {
		json_key(in, key);
		if (view_is((struct view){ key->p, key->len }, "values") && json_peek(in) == '{')
			read_values(in, key, p, out);
		else
			json_skip(in);
	}
}

static void read_system(struct json_in *in, struct buf *key, struct server_figures *out)
{
	struct view text;
	double v;

	json_enter(in, '{');
	while (json_more(in, '}')) {
		json_key(in, key);
		if (!view_is((struct view){ key->p, key->len }, "uptime") || !is_number(json_peek(in)))
			json_skip(in);
		else if (json_number(in, &text) && num_parse_double(text, &v))
			add(out, SERVER_UPTIME_S, v);
	}
}

static bool read_vars(struct view text, struct server_figures *out)
{
	struct json_in in;
	struct buf key;

	json_in_init(&in, text);
	buf_init(&key, NAME_MAX_BYTES);
	json_enter(&in, '{');
	while (json_more(&in, '}')) {
		json_key(&in, &key);
		struct part p = part_of(&key);
		if (*p.name && json_peek(&in) == '{')
			read_part(&in, &key, &p, out);
		else if (view_is((struct view){ key.p, key.len }, "system") && json_peek(&in) == '{')
			read_system(&in, &key, out);
		else
			json_skip(&in);
	}
	bool whole = !in.failed && json_peek(&in) == 0;
	buf_fini(&key);
	return whole;
}

/* ---- 2.x and 3.x ---- */

static const struct {
	const char *family, *label, *value; /* label NULL: any */
	enum server_figure figure;
	double scale;
} families[] = {
	{ "influxdb_uptime_seconds", NULL, NULL, SERVER_UPTIME_S, 1 },
	{ "go_memstats_heap_alloc_bytes", NULL, NULL, SERVER_HEAP_BYTES, 1 },
	{ "go_memstats_sys_bytes", NULL, NULL, SERVER_MEMORY_BYTES, 1 },
	{ "go_goroutines", NULL, NULL, SERVER_GOROUTINES, 1 },
	{ "storage_shard_disk_size", NULL, NULL, SERVER_DISK_BYTES, 1 },
	{ "storage_bucket_series_num", NULL, NULL, SERVER_SERIES, 1 },
	{ "storage_bucket_measurement_num", NULL, NULL, SERVER_MEASUREMENTS, 1 },
	{ "storage_writer_ok_points_sum", NULL, NULL, SERVER_POINTS_WRITTEN, 1 },
	{ "storage_writer_err_points_sum", NULL, NULL, SERVER_POINTS_FAILED, 1 },
	{ "storage_writer_dropped_points_sum", NULL, NULL, SERVER_POINTS_DROPPED, 1 },
	{ "qc_requests_total", NULL, NULL, SERVER_QUERIES, 1 },
	{ "qc_all_duration_seconds_sum", NULL, NULL, SERVER_QUERY_MS, 1e3 },
	{ "http_api_requests_total", NULL, NULL, SERVER_REQUESTS, 1 },
	{ "http_api_requests_total", "status", "4XX", SERVER_CLIENT_ERRORS, 1 },
	{ "http_api_requests_total", "status", "5XX", SERVER_SERVER_ERRORS, 1 },
	/* 3.x */
	{ "jemalloc_memstats_bytes", "type", "allocated", SERVER_HEAP_BYTES, 1 },
	{ "jemalloc_memstats_bytes", "type", "resident", SERVER_MEMORY_BYTES, 1 },
	{ "influxdb_iox_query_log_end2end_duration_seconds_count", NULL, NULL, SERVER_QUERIES, 1 },
	{ "influxdb_iox_query_log_end2end_duration_seconds_sum", NULL, NULL, SERVER_QUERY_MS, 1e3 },
	{ "http_requests_total", NULL, NULL, SERVER_REQUESTS, 1 },
	{ "http_requests_total", "status", "client_error", SERVER_CLIENT_ERRORS, 1 },
	{ "http_requests_total", "status", "server_error", SERVER_SERVER_ERRORS, 1 },
};

static void take_sample(const struct exposition_sample *s, struct buf *label, struct server_figures *out)
{
	for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
		if (!view_is(s->name, families[i].family))
			continue;
		if (families[i].label &&
		    (!exposition_label(s, families[i].label, label) ||
			!view_is((struct view){ label->p, label->len }, families[i].value)))
			continue;
		add(out, families[i].figure, s->value * families[i].scale);
	}
}

static bool read_exposition(struct view text, struct server_figures *out)
{
	struct exposition_in in;
	struct exposition_sample s;
	struct buf label;
	uint64_t samples = 0;
	enum err e;

	exposition_in_init(&in, text);
	buf_init(&label, NAME_MAX_BYTES);
	while ((e = exposition_next(&in, &s)) != ERR_NOTFOUND) {
		if (e != ERR_OK)
			continue;
		samples++;
		take_sample(&s, &label, out);
	}
	buf_fini(&label);
	return samples > 0;
}

bool server_figures_read(enum record_api api, struct view text, struct server_figures *out)
{
	*out = (struct server_figures){ 0 };
	bool ok = api == RECORD_API_1 ? read_vars(text, out) : read_exposition(text, out);
	if (!ok)
		*out = (struct server_figures){ 0 };
	return ok;
}
