/* GET /api/v1/events: server-sent events for the page. An event `status` at once and with every collection: how the
 * appliance is, and the host's newest figures. Between two, a comment once in a while keeps the connection alive and finds
 * out whether anybody is there. Nothing is kept for a client that was away: each event says all of it, so Last-Event-ID
 * has nothing to ask for. A stream holds a worker, hence a ceiling (services.events_max). */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "edge/gathered.h"
#include "edge/machine.h"
#include "wire/json_write.h"

enum { HEARTBEAT_S = 15, POLL_MS = 100, COLLECTIONS_BACK = 3 };

static void write_machine(struct buf *b, const struct services *s, const struct gathered *g)
{
	struct errbuf eb = { "" };
	struct read_result r;
	int64_t from = g->now_ns - COLLECTIONS_BACK * s->collect_interval_ns;

	enum err e = s->collect ? machine_read(s, s->host, from, g->now_ns + 1, &r, &eb) : ERR_NOTFOUND;
	if (e == ERR_OK)
		machine_put(b, "machine", &r, from, g->now_ns + 1);
	else
		json_put_null(b, "machine");
	if (s->collect)
		read_result_fini(&r);
	if (e != ERR_OK && s->collect)
		log_debug("events: the host's figures cannot be read: %s", eb.text);
}

/* One line of data: our JSON has no line ends. */
static void write_status(struct buf *b, struct services *s, const struct gathered *g)
{
	buf_printf(b, "event: status\nid: %lld\ndata: ", (long long)(g->now_ns / NS_PER_MS));
	buf_char(b, '{');
	json_put_time_ms(b, "now_ms", g->now_ns);
	json_put_string(b, "state", sentence_state_name(g->sentence.state));
	json_put_string(b, "summary", g->sentence.summary);
	json_put_string(b, "detail", g->sentence.detail);
	json_put_u64(b, "alerts", g->alert_count);
	json_put_rounded(b, "values_per_s", rates_per_s(&s->rates, RATE_VALUES), 2);
	json_put_u64(b, "points_total", counter_get(COUNTER_INGEST_POINTS));
	json_put_string(b, "replication", g->record_state);
	json_put_u64(b, "lag_points", g->record_lag_points);
	write_machine(b, s, g);
	json_close(b, '}');
	buf_str(b, "\n\n");
}

static bool send_status(struct http_request *rq, struct services *s)
{
	struct gathered *g = gathered_new(s);
	struct buf b;

	if (!g)
		return false;
	buf_init(&b, 1 << 20);
	write_status(&b, s, g);
	bool sent = !b.failed && http_stream_write(rq, (struct view){ b.p, b.len });
	buf_fini(&b);
	free(g);
	return sent;
}

/* When the collector was last at work; without one its interval is ours. */
static int64_t collection(const struct services *s, int64_t now_mono)
{
	struct collect_stats c;

	if (!s->collect)
		return now_mono / s->collect_interval_ns;
	collect_stats(s->collect, &c);
	return c.last_ns;
}

/* Until the next collection, a heartbeat's time, or the end of the stream. */
static void wait_for_news(struct http_request *rq, const struct services *s, int64_t seen, int64_t until_mono)
{
	const struct timespec step = { 0, POLL_MS * NS_PER_MS };

	for (int64_t now; (now = clock_mono_ns()) < until_mono && collection(s, now) == seen && http_stream_wanted(rq);)
		nanosleep(&step, NULL);
}

static void run(struct http_request *rq, struct services *s)
{
	http_add_header(rq, "X-Accel-Buffering", "no");
	bool going = http_stream_begin(rq, 200, "text/event-stream") &&
	    http_stream_write(rq, view_of("retry: 5000\n\n"));

	while (going) {
		int64_t now = clock_mono_ns(), seen = collection(s, now);
		going = send_status(rq, s);
		while (going && collection(s, clock_mono_ns()) == seen) {
			wait_for_news(rq, s, seen, clock_mono_ns() + HEARTBEAT_S * NS_PER_S);
			going = http_stream_wanted(rq);
			if (going && collection(s, clock_mono_ns()) == seen)
				going = http_stream_write(rq, view_of(":\n\n"));
		}
	}
	http_stream_end(rq, true);
}

void routes_events(struct http_request *rq, void *arg)
{
	struct services *s = arg;

	if (atomic_fetch_add(&s->events, 1) >= s->events_max) {
		counter_add(COUNTER_EVENTS_REFUSED, 1);
		http_fail(rq, 503, "overloaded",
		    "each holds a worker; ask GET /api/v1/status now and then, or raise [server] threads",
		    "%u streams of events run already", s->events_max);
	} else {
		counter_add(COUNTER_EVENTS_STREAMS, 1);
		run(rq, s);
	}
	atomic_fetch_sub(&s->events, 1);
}
