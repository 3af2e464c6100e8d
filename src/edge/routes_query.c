/* /query as InfluxDB 1.x answers it, and /api/v1/query. The answer is gathered until it has HEAD bytes: one that ends before
 * that has a Content-Length, and all that is known of it in its headers. A longer one is sent in pieces while it is made, in
 * bounded memory, and says how it ended in trailers. */
#include <stdio.h>
#include <string.h>

#include "base/counter.h"
#include "base/num.h"
#include "edge/http_form.h"
#include "edge/routes_internal.h"
#include "query/influxql/parser.h"
#include "query/result_csv.h"
#include "query/result_json.h"

enum { HEAD = 256 << 10, PIECE = 128 << 10 };
static const size_t text_max = (size_t)IQL_TEXT_MAX * 2; /* of all parameters */
static const size_t answer_max = (size_t)256 << 20; /* gathered at a time: one row, in the worst case */

struct query {
	struct http_request *rq;
	struct result_out out;
	struct result_json json;
	struct result_csv csv;
	bool own, as_csv, pretty;
	bool streaming, gone;
	struct engine_sink writer;
	struct result_report report; /* of all statements */
	char error[512]; /* of the first statement that failed */
};

/* ---- headers ---- */

static void tell(struct query *q, void (*add)(struct http_request *, const char *, const char *))
{
	const struct result_report *r = &q->report;

	add(q->rq, "X-Holdfast-Source", read_source_name((enum read_source)r->sources));
	add(q->rq, "X-Holdfast-Complete", r->incomplete ? "no" : "yes");
	add(q->rq, "X-Holdfast-Tier", result_report_tier(r));
	if (r->incomplete)
		add(q->rq, "X-Holdfast-Reason", r->reason);
	if (*q->error)
		add(q->rq, "X-Holdfast-Error", q->error);
}

static const char *media_type(const struct query *q)
{
	return q->as_csv ? "text/csv" : "application/json";
}

/* ---- the way out ---- */

/* Empty, but for the room that a piece's frame needs. */
static void leave_front(struct result_out *out)
{
	buf_clear(&out->buf);
	if (buf_reserve(&out->buf, out->front))
		out->buf.len = out->front;
}

static bool flush(void *arg, struct result_out *out)
{
	struct query *q = arg;

	if (q->gone)
		return false;
	if (!q->streaming) {
		q->streaming = true;
		out->flush_at = PIECE;
		http_add_header(q->rq, "Trailer",
		    "X-Holdfast-Source, X-Holdfast-Complete, X-Holdfast-Tier, X-Holdfast-Reason, X-Holdfast-Error");
		http_stream_allow_gzip(q->rq);
		q->gone = !http_stream_begin(q->rq, 200, media_type(q));
	}
	if (!q->gone)
		q->gone = !http_stream_write_framed(q->rq, &out->buf);
	out->sent += result_out_length(out);
	if (out->buf.cap > 8 * (size_t)PIECE) /* after a row of unusual size */
		buf_fini(&out->buf);
	leave_front(out);
	return !q->gone;
}

static bool is_wanted(void *arg)
{
	struct query *q = arg;

	q->gone |= !http_stream_wanted(q->rq);
	return !q->gone;
}

static bool on_begin(void *arg, uint32_t statement)
{
	struct query *q = arg;

	return q->writer.begin(q->writer.arg, statement);
}

static bool on_end(void *arg, const struct result_report *r, const char *error, const char *message)
{
	struct query *q = arg;

	q->report.sources |= r->sources;
	q->report.tiers |= r->tiers;
	q->report.sketched |= r->sketched;
	if (r->incomplete)
		result_report_not_complete(&q->report, r->reason);
	if (error && !*q->error)
		snprintf(q->error, sizeof q->error, "%s", error);
	return q->writer.end(q->writer.arg, r, error, message);
}

static void finish(struct query *q)
{
	struct buf *b = &q->out.buf;

	if (q->report.sources == 0)
		q->report.sources = READ_SOURCE_LOCAL;
	if (!q->as_csv)
		result_json_finish(&q->json, q->own ? &q->report : NULL);
	counter_add(q->report.incomplete ? COUNTER_QUERY_INCOMPLETE
		: *q->error		 ? COUNTER_QUERY_ERROR
					 : COUNTER_QUERY_OK,
	    1);
	if (q->streaming) {
		bool whole = !b->failed && flush(q, &q->out);
		if (whole)
			tell(q, http_add_trailer);
		http_stream_end(q->rq, whole);
		return;
	}
	tell(q, http_add_header);
	if (b->failed)
		http_fail(q->rq, 503, "overloaded", NULL, "out of memory for the answer");
	else
		http_respond(
		    q->rq, 200, media_type(q), (struct view){ b->p + q->out.front, result_out_length(&q->out) });
}

/* ---- refusals, in the form that was asked for ---- */

static void refuse(struct query *q, int status, const char *text)
{
	struct buf b;

	counter_add(COUNTER_QUERY_REFUSED, 1);
	if (q->own || status >= 500) {
		http_fail(q->rq, status, status == 503 ? "overloaded" : "bad_parameter", NULL, "%s", text);
		return;
	}
	buf_init(&b, 8192);
	if (q->as_csv)
		result_csv_error(&b, view_of(text));
	else
		result_json_error(&b, q->pretty, view_of(text));
	http_add_header(q->rq, "X-Influxdb-Error", text);
	http_respond(q->rq, status, media_type(q), (struct view){ b.p, b.failed ? 0 : b.len });
	buf_fini(&b);
}

static void answer(struct query *q, enum err e, const char *why)
{
	if (e == ERR_OK) {
		finish(q);
	} else if (e == ERR_CLOSED || q->streaming) {
		counter_add(COUNTER_QUERY_CUT_SHORT, 1);
		if (!q->streaming && http_stream_begin(q->rq, 200, media_type(q)))
			q->gone = true;
		http_stream_end(q->rq, false);
	} else if (e == ERR_FULL || e == ERR_NOMEM) {
		refuse(q, 503, why);
	} else {
		refuse(q, 400, why);
	}
}

/* ---- the request ---- */

static struct view text_of(const char *s)
{
	return s ? view_of(s) : (struct view){ "", 0 };
}

static uint64_t chunk_rows(const struct http_request *rq, const struct http_form_parts *f)
{
	const char *chunked = http_form_get(rq, f, "chunked"), *size = http_form_get(rq, f, "chunk_size");
	int64_t n;

	if (!chunked || strcmp(chunked, "true") != 0)
		return 0;
	return size && num_parse_i64(view_of(size), &n) && n > 0 ? (uint64_t)n : RESULT_CHUNK_ROWS;
}

/* Ours beside InfluxDB's: who is to answer this one. False: refused. */
static bool read_policy(struct query *q, const struct services *s, const char *source, enum read_policy *out)
{
	static const struct {
		const char *name;
		enum read_policy policy;
	} all[] = { { "auto", READ_AUTO }, { "local", READ_LOCAL }, { "record", READ_RECORD } };

	*out = s->read_policy;
	if (!source || !*source)
		return true;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (!strcmp(source, all[i].name)) {
			*out = all[i].policy;
			if (*out != READ_RECORD || s->record_url)
				return true;
			refuse(q, 400, "source=record: there is no InfluxDB; set [influxdb] url");
			return false;
		}
	refuse(q, 400, "source must be auto, local or record");
	return false;
}

static void run(struct query *q, const struct services *s, const struct http_form_parts *f)
{
	struct http_request *rq = q->rq;
	const char *text = http_form_get(rq, f, "q"), *db = http_form_get(rq, f, "db"),
		   *epoch = http_form_get(rq, f, "epoch");
	struct engine_request request = { .text = text_of(text),
		.params = text_of(http_form_get(rq, f, "params")),
		.database = text_of(q->own && (!db || !*db) ? "metrics" : db),
		.policy = text_of(http_form_get(rq, f, "rp")),
		.may_write = http_method(rq) == HTTP_POST,
		.is_wanted = is_wanted,
		.arg = q };
	struct errbuf eb = { "" };

	if (!text || !*text) {
		refuse(q, 400, "missing required parameter \"q\"");
		return;
	}
	if (!read_policy(q, s, http_form_get(rq, f, "source"), &request.policy_of_reads))
		return;
	result_json_init(&q->json, &q->out, result_epoch_find(epoch));
	result_csv_init(&q->csv, &q->out, result_epoch_find(epoch));
	q->json.pretty = q->pretty;
	q->json.chunk_rows = q->own ? 0 : chunk_rows(rq, f);
	q->writer = q->as_csv ? result_csv_sink(&q->csv) : result_json_sink(&q->json);
	struct engine_sink sink = { .rows = q->writer.rows, .begin = on_begin, .end = on_end, .arg = q };
	enum err e = engine_run(s->engine, &request, &sink, &eb);
	if (e == ERR_CLOSED && !q->gone && q->out.buf.failed) {
		e = ERR_NOMEM;
		snprintf(eb.text, sizeof eb.text, "out of memory for the answer");
	}
	answer(q, e, eb.text);
	result_json_fini(&q->json);
	result_csv_fini(&q->csv);
}

static bool wants_csv(const struct http_request *rq)
{
	const char *accept = http_header(rq, "Accept");

	return accept && (!strcmp(accept, "application/csv") || !strcmp(accept, "text/csv"));
}

static void handle(struct http_request *rq, const struct services *s, bool own)
{
	struct query q = { .rq = rq, .own = own, .as_csv = !own && wants_csv(rq) };
	struct http_form_parts form;

	q.out = (struct result_out){ .front = HTTP_FRAME_FRONT, .flush_at = HEAD, .flush = flush, .arg = &q };
	buf_init(&q.out.buf, answer_max);
	leave_front(&q.out);
	if (http_method(rq) == HTTP_HEAD && !own) { /* as InfluxDB */
		http_add_header(rq, "Allow", "OPTIONS, GET, POST");
		http_fail(rq, 405, "method_not_allowed", NULL, "Method Not Allowed");
	} else if (http_form_read(rq, &form, text_max) == ERR_OK) {
		const char *pretty = http_form_get(rq, &form, "pretty");
		q.pretty = pretty && !strcmp(pretty, "true");
		run(&q, s, &form);
		http_form_fini(&form);
	} else {
		http_form_fini(&form);
	}
	buf_fini(&q.out.buf);
}

void routes_query_1x(struct http_request *rq, void *arg)
{
	handle(rq, arg, false);
}

void routes_query_own(struct http_request *rq, void *arg)
{
	handle(rq, arg, true);
}
