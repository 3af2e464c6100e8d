/* GET /api/v1/export. Points go through one buffer, which is sent whenever it has PIECE bytes: memory does not grow with
 * the answer. Until the first piece an error is answered as anywhere; later it breaks the answer off. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/timetext.h"
#include "edge/routes_internal.h"
#include "query/export.h"
#include "query/export_write.h"

enum { PIECE = 64 << 10, EXPORTS_MAX = 4 };
static const size_t POINT_MAX = (size_t)256 << 20; /* of text; a point was one line of a body once */

struct export
{
	struct http_request *rq;
	enum export_format format;
	struct export_request q;
	struct export_writer *writer;
	struct buf out;
	uint64_t points;
	bool begun, gone, failed; /* gone: the client; failed: this side */
};

static void begin(struct export *x)
{
	char name[64];

	x->begun = true;
	snprintf(name, sizeof name, "attachment; filename=\"holdfast-export.%s\"", export_format_name(x->format));
	http_add_header(x->rq, "Content-Disposition", name);
	http_add_header(x->rq, "Trailer", "X-Holdfast-Complete, X-Holdfast-Points, X-Holdfast-Reason");
	if (!http_stream_begin(x->rq, 200, export_format_media_type(x->format)))
		x->gone = true;
}

static bool flush(struct export *x)
{
	if (!x->begun)
		begin(x);
	if (!x->gone && !http_stream_write(x->rq, (struct view){ x->out.p, x->out.len }))
		x->gone = true;
	if (x->out.cap > 16 * (size_t)PIECE) /* after a point of unusual size */
		buf_fini(&x->out);
	buf_clear(&x->out);
	return !x->gone;
}

static bool take_point(
    void *arg, const struct series *s, int64_t time_ns, const struct batch_value *values, uint32_t count)
{
	struct export *x = arg;

	if (!export_writer_point(x->writer, &x->out, s, time_ns, values, count)) {
		x->failed = true;
		return false;
	}
	x->points++;
	return x->out.len < PIECE || flush(x);
}

static bool is_wanted(void *arg)
{
	struct export *x = arg;

	if (!http_stream_wanted(x->rq))
		x->gone = true;
	return !x->gone;
}

static void finish(struct export *x, bool complete, const char *reason)
{
	char points[24];

	if (!flush(x)) {
		http_stream_end(x->rq, false);
		counter_add(COUNTER_EXPORT_CUT_SHORT, http_method(x->rq) != HTTP_HEAD);
		return;
	}
	snprintf(points, sizeof points, "%llu", (unsigned long long)x->points);
	http_add_trailer(x->rq, "X-Holdfast-Complete", complete ? "yes" : "no");
	http_add_trailer(x->rq, "X-Holdfast-Points", points);
	if (!complete)
		http_add_trailer(x->rq, "X-Holdfast-Reason", reason);
	http_stream_end(x->rq, true);
	counter_add(complete ? COUNTER_EXPORT_COMPLETE : COUNTER_EXPORT_INCOMPLETE, 1);
}

static void fail(struct export *x, enum err e, const char *why)
{
	if (x->begun) {
		if (!x->gone)
			log_error("an export broke off after %llu points: %s", (unsigned long long)x->points, why);
		http_stream_end(x->rq, false);
		counter_add(COUNTER_EXPORT_CUT_SHORT, 1);
	} else if (e == ERR_NOTFOUND) {
		http_fail(x->rq, 404, "not_found", NULL, "%s", why);
	} else {
		counter_add(COUNTER_EXPORT_CUT_SHORT, 1);
		http_fail(
		    x->rq, e == ERR_NOMEM ? 503 : 500, e == ERR_NOMEM ? "overloaded" : "internal", NULL, "%s", why);
	}
}

static void run(struct export *x, const struct services *s)
{
	struct export_sink sink = { take_point, x, is_wanted };
	struct errbuf eb = { "" };
	bool complete = false;
	enum err e = export_writer_new(&x->writer, x->format, &eb);

	if (http_method(x->rq) == HTTP_HEAD) { /* no need to read anything */
		begin(x);
		http_stream_end(x->rq, true);
		export_writer_free(x->writer);
		return;
	}
	buf_init(&x->out, POINT_MAX);
	if (e == ERR_OK)
		e = local_export(s->local, &x->q, &sink, &complete, &eb);
	if (e == ERR_OK && x->failed)
		e = errbuf_set(&eb, ERR_NOMEM, "memory for one point ran out");
	counter_add(COUNTER_EXPORT_POINTS, x->points);
	if (e != ERR_OK)
		fail(x, e, eb.text);
	else
		finish(x, complete, eb.text);
	export_writer_free(x->writer);
	buf_fini(&x->out);
}

/* False: answered. */
static bool read_wish(struct http_request *rq, struct export *x)
{
	const char *db = http_parameter(rq, "db"), *measurement = http_parameter(rq, "measurement"),
		   *format = http_parameter(rq, "format");
	int64_t now = clock_wall_ns();

	*x = (struct export){ .rq = rq,
		.format = EXPORT_LP,
		.q = { .database = db && *db ? db : "metrics",
		    .measurement = measurement && *measurement ? measurement : NULL,
		    .from_ns = INT64_MIN,
		    .to_ns = INT64_MAX } };
	if (format && *format && !export_format_find(format, &x->format)) {
		http_fail(rq, 400, "bad_parameter", "lp, csv or jsonl", "there is no format %.40s", format);
		return false;
	}
	if (!routes_time(rq, "from", routes_parameter(rq, "from"), now, &x->q.from_ns) ||
	    !routes_time(rq, "to", routes_parameter(rq, "to"), now, &x->q.to_ns))
		return false;
	if (x->q.from_ns >= x->q.to_ns) {
		http_fail(rq, 400, "bad_parameter", "from is included, to is not; without them it is all there is",
		    "from must be before to");
		return false;
	}
	return true;
}

void routes_export(struct http_request *rq, void *arg)
{
	struct services *s = arg;
	struct export x;

	if (!read_wish(rq, &x))
		return;
	if (atomic_fetch_add(&s->exports, 1) >= EXPORTS_MAX) {
		counter_add(COUNTER_EXPORT_REFUSED, 1);
		http_fail(rq, 503, "overloaded", "each holds memory; try again when one has ended",
		    "%d exports run already", EXPORTS_MAX);
	} else {
		run(&x, s);
	}
	atomic_fetch_sub(&s->exports, 1);
}
