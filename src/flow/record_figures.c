/* Each round of the record: what its requests took since the round before, whether it answers a ping, what it says of
 * itself. While the breaker is open it is not asked: up is false. */
#include "base/clock.h"
#include "base/log.h"
#include "flow/figures_part.h"

#define DATABASE "influxdb"
#define SERVICE "holdfast"

static void of_requests(struct figures *f)
{
	static const struct {
		const char *operation, *status, *bytes;
	} kinds[RECORD_TIMINGS] = {
		[RECORD_WRITE_OK] = { "write", "success", "request_bytes" },
		[RECORD_WRITE_FAILED] = { "write", "error", "request_bytes" },
		[RECORD_QUERY_OK] = { "query", "success", "response_bytes" },
		[RECORD_QUERY_FAILED] = { "query", "error", "response_bytes" },
	};
	struct timing_totals t;

	for (int i = 0; i < RECORD_TIMINGS; i++) {
		struct figures_point p = { DATABASE, "query", kinds[i].operation, SERVICE, kinds[i].status };
		if (!timing_take(&f->opts.times->timing[i], &t))
			continue;
		figures_begin(f, &p);
		figures_timer(f, &t);
		figures_count(f, kinds[i].bytes, t.bytes);
		figures_end(f);
	}
}

/* False: it does not answer. */
static bool of_ping(struct figures *f)
{
	static const struct figures_point point = { DATABASE, "health", "ping", SERVICE, NULL };
	struct replicator_stats stats;
	bool asked = breaker_allows(f->opts.breaker), up = false;
	int64_t began = clock_mono_ns();

	f->reply.took_ns = 0;
	if (asked)
		up = f->opts.record->ping(f->opts.record_ctx, f->opts.timeout_ms, &f->reply) == ERR_OK &&
		    f->reply.status / 100 == 2;
	int64_t took_ns = f->reply.took_ns ? f->reply.took_ns : clock_mono_ns() - began;
	replicator_stats(f->opts.replicator, &stats);
	uint64_t retries = figures_rise(&f->record.retries, stats.retries);
	figures_begin(f, &point);
	lp_bool(&f->w, "up", up);
	if (up)
		lp_float(&f->w, "response_time_ms", (double)took_ns / 1e6);
	figures_count(f, "retries", retries);
	figures_end(f);
	return up;
}

static void write_server(struct figures *f, const struct server_figures *now)
{
	static const struct figures_point point = { DATABASE, "health", "server", SERVICE, NULL };
	const struct server_figures *before = &f->record.server;

	figures_begin(f, &point);
	for (enum server_figure i = 0; i < SERVER_FIGURES; i++) {
		double v = now->value[i];
		bool rises = server_figure_rises(i);
		if (!now->has[i] || (rises && !before->has[i]))
			continue;
		if (rises && v >= before->value[i]) /* else the server began anew, from nothing */
			v -= before->value[i];
		if (server_figure_is_float(i))
			lp_float(&f->w, server_figure_name(i), v);
		else
			figures_count(f, server_figure_name(i), v < 9e18 ? (uint64_t)(v + 0.5) : INT64_MAX);
	}
	figures_end(f);
}

static void of_server(struct figures *f)
{
	struct server_figures now = { 0 };
	struct record_reply *r = &f->reply;
	bool answered = f->opts.record->figures(f->opts.record_ctx, f->opts.timeout_ms, r) == ERR_OK;
	bool whole = answered && r->status == 200 && r->body.len < r->body.max &&
	    server_figures_read(r->api, (struct view){ r->body.p, r->body.len }, &now);

	if (whole) {
		write_server(f, &now);
		f->record.server = now;
	}
	if (!whole && !f->unreadable)
		log_info("InfluxDB's own figures cannot be read and are left out (status %d%s%s)", r->status,
		    *r->error.text ? ": " : "", r->error.text);
	f->unreadable = !whole;
}

void figures_of_record(struct figures *f)
{
	of_requests(f);
	if (of_ping(f))
		of_server(f);
}
