#include "query/record_select.h"

#include "query/read.h"

enum { CHUNK_ROWS = 1000, DOCUMENT_MAX_BYTES = 64 << 20, MESSAGE_BYTES = 200 };

struct asking {
	struct record_select_reader *reader;
	struct buf document; /* as far as it came */
	struct budget *budget;
	bool partial;
	enum err error;
	struct errbuf *eb;
};

static bool read_document(struct asking *a)
{
	bool partial = false;

	if (a->document.failed)
		a->error = errbuf_set(
		    a->eb, ERR_TOOBIG, "a piece of InfluxDB's answer is larger than %d MiB", DOCUMENT_MAX_BYTES >> 20);
	else
		a->error = record_select_read(
		    a->reader, (struct view){ a->document.p, a->document.len }, &partial, a->eb);
	a->partial = partial; /* true in every document but the last, as InfluxDB writes it; there it means cut off */
	buf_clear(&a->document);
	return a->error == ERR_OK;
}

static bool take(void *arg, struct view bytes)
{
	struct asking *a = arg;

	while (bytes.len) {
		const char *end = memchr(bytes.p, '\n', bytes.len);
		size_t n = end ? (size_t)(end - bytes.p) : bytes.len;
		buf_append(&a->document, bytes.p, n);
		if (end && a->document.len && !read_document(a))
			return false;
		n += end != NULL;
		bytes = (struct view){ bytes.p + n, bytes.len - n };
	}
	return true;
}

static bool is_wanted(void *arg)
{
	struct asking *a = arg;

	return !a->budget->is_wanted || a->budget->is_wanted(a->budget->arg);
}

/* Status and body of what was no answer. */
static enum err refused(struct asking *a, const struct record_reply *reply)
{
	bool partial;
	struct view body = { reply->body.p ? reply->body.p : "", reply->body.len };

	if (reply->status < 500 && record_select_read(a->reader, body, &partial, a->eb) == ERR_INVALID &&
	    reply->status != 401 && reply->status != 403)
		return ERR_INVALID;
	/* 4xx without InfluxDB's words: somebody between us does not like this one request */
	bool down = reply->status >= 500 || reply->status == 401 || reply->status == 403;
	return errbuf_set(a->eb, down ? ERR_UNAVAILABLE : ERR_IO, "InfluxDB answers a query with HTTP %d: %.*s",
	    reply->status, (int)view_cut(body, MESSAGE_BYTES), body.p);
}

static enum err ask(const struct record_select *q, struct asking *a)
{
	struct record_reply reply = { 0 };
	const struct record_stream stream = { .database = q->database,
		.influxql = q->influxql,
		.chunk_size = CHUNK_ROWS,
		.begin_ms = q->begin_ms,
		.timeout_ms = q->timeout_ms,
		.take = take,
		.is_wanted = is_wanted,
		.arg = a };

	buf_init(&reply.body, DOCUMENT_MAX_BYTES);
	enum err e = q->ops->stream(q->context, &stream, &reply);
	if (a->error != ERR_OK)
		e = a->error;
	else if (e == ERR_CLOSED)
		errbuf_set(a->eb, e, "the client has gone");
	else if (e != ERR_OK)
		errbuf_set(a->eb, e, "%s", reply.error.text);
	else if (reply.status != 200)
		e = refused(a, &reply);
	else if (a->document.len)
		e = read_document(a) ? ERR_OK : a->error;
	buf_fini(&reply.body);
	return e == ERR_CORRUPT ? ERR_IO : e;
}

enum err record_select(const struct record_select *q, const struct result_sink *sink, bool *began,
    struct result_report *report, struct errbuf *eb)
{
	struct asking a = { .budget = q->budget, .eb = eb };

	*began = false;
	if (record_select_reader_new(&a.reader, sink) != ERR_OK)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	buf_init(&a.document, DOCUMENT_MAX_BYTES);
	enum err e = ask(q, &a);
	*began = record_select_has_begun(a.reader);
	report->sources |= READ_SOURCE_RECORD;
	if (e == ERR_OK && a.partial)
		result_report_not_complete(report, "InfluxDB cut its answer off");
	record_select_reader_free(a.reader);
	buf_fini(&a.document);
	return e;
}
