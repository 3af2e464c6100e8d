#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/num.h"
#include "edge/http_internal.h"
#include "wire/gunzip.h"

enum { PIECE = 65536, PACE = 262144 }; /* PACE: a body may take a second for so many bytes, and the silence on top */

static unsigned count_headers(const struct http_request *rq, const char *name)
{
	unsigned n = 0;

	for (int i = 0; i < rq->info->num_headers; i++)
		n += strcasecmp(rq->info->http_headers[i].name, name) == 0;
	return n;
}

bool http_is_chunked(const struct http_request *rq)
{
	return http_header(rq, "Transfer-Encoding") != NULL;
}

bool http_check_framing(struct http_request *rq)
{
	const char *length = http_header(rq, "Content-Length");
	unsigned lengths = count_headers(rq, "Content-Length"), encodings = count_headers(rq, "Transfer-Encoding");
	uint64_t n;

	rq->has_body = (length && strcmp(length, "0") != 0) || encodings;
	if (lengths + encodings > 1) {
		rq->close = true;
		http_fail(rq, 400, "bad_parameter", NULL, "more than one header tells the length of the body");
		return false;
	}
	if (length && (!num_parse_u64(view_of(length), &n) || n > INT64_MAX)) {
		rq->close = true;
		http_fail(rq, 400, "bad_parameter", NULL, "Content-Length is not a number");
		return false;
	}
	return true;
}

void http_body_give_back(struct http_request *rq)
{
	atomic_fetch_sub(&rq->http->queued, rq->held);
	rq->held = 0;
}

void http_body_release(struct http_request *rq)
{
	http_body_give_back(rq);
	buf_pool_give(&rq->http->bodies, &rq->body);
}

/* Makes rq hold n bytes in all of the budget for bodies. */
static enum err hold(void *arg, size_t n)
{
	struct http_request *rq = arg;
	uint64_t more = n > rq->held ? n - rq->held : 0;

	if (atomic_fetch_add(&rq->http->queued, more) + more > rq->http->opts.max_queue) {
		atomic_fetch_sub(&rq->http->queued, more);
		return ERR_FULL;
	}
	rq->held += more;
	return ERR_OK;
}

static enum err refuse(struct http_request *rq, enum err e)
{
	bool own = rq->route->form == HTTP_FORM_OWN;

	rq->close |= rq->has_body; /* what is left of the body cannot be told from a next request cheaply */
	switch (e) {
	case ERR_TOOBIG:
		counter_add(COUNTER_REFUSED_TOO_LARGE, 1);
		if (own)
			http_fail(
			    rq, 413, "too_large", NULL, "the body is above %" PRIu64 " bytes", rq->http->opts.max_body);
		else
			http_fail(rq, 413, "too_large", NULL, "Request Entity Too Large");
		break;
	case ERR_FULL:
	case ERR_NOMEM:
		counter_add(COUNTER_REFUSED_QUEUE_FULL, 1);
		http_fail(rq, 503, "overloaded", "try again in a second", "the queue is full, try again later");
		break;
	case ERR_CLOSED:
		counter_add(COUNTER_REFUSED_CUT_SHORT, 1);
		http_fail(rq, 400, "bad_parameter", NULL, "the body ended early: nothing of it was kept");
		break;
	default:
		counter_add(COUNTER_REFUSED_BAD_ENCODING, 1);
		http_fail(rq, 400, "bad_parameter", NULL, "the body is not valid gzip: nothing of it was kept");
		break;
	}
	return e;
}

/* A body of known length, into rq->body. ERR_CLOSED: it ended early. */
static enum err read_known(struct http_request *rq, uint64_t length)
{
	struct buf *b = &rq->body;

	if (!buf_reserve(b, length))
		return ERR_NOMEM;
	while (b->len < length) {
		int n = mg_read(rq->conn, b->p + b->len, length - b->len);
		if (n <= 0)
			return ERR_CLOSED;
		b->len += (size_t)n;
	}
	return ERR_OK;
}

static enum err read_chunked(struct http_request *rq)
{
	struct buf *b = &rq->body;
	char beyond[1];

	for (;;) {
		size_t room = b->max - b->len < PIECE ? b->max - b->len : PIECE;
		enum err e = hold(rq, b->len + room);
		if (e)
			return e;
		if (room == 0) { /* at the ceiling: only the end may follow */
			int n = mg_read(rq->conn, beyond, sizeof beyond);
			return n == 0 ? ERR_OK : n < 0 ? ERR_CLOSED : ERR_TOOBIG;
		}
		if (!buf_reserve(b, room))
			return ERR_NOMEM;
		int n = mg_read(rq->conn, b->p + b->len, room);
		if (n <= 0)
			return n == 0 ? ERR_OK : ERR_CLOSED;
		b->len += (size_t)n;
	}
}

static enum err receive(struct http_request *rq)
{
	struct http *h = rq->http;
	const char *expect = http_header(rq, "Expect");
	uint64_t length = rq->info->content_length > 0 ? (uint64_t)rq->info->content_length : 0;
	uint64_t longest = http_is_chunked(rq) ? h->opts.max_body : length;

	if (length > h->opts.max_body)
		return ERR_TOOBIG;
	enum err e = hold(rq, length);
	if (e)
		return e;
	if (expect && rq->has_body && strcasecmp(expect, "100-continue") == 0)
		mg_write(rq->conn, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	http_guard_set(h->guard, rq->slot, rq->info, h->silence_ns + (int64_t)(longest / PACE) * NS_PER_S);
	buf_init(&rq->body, h->opts.max_body);
	if (length)
		buf_pool_take(&h->bodies, &rq->body, length);
	e = http_is_chunked(rq) ? read_chunked(rq) : read_known(rq, length);
	http_guard_set(h->guard, rq->slot, rq->info, 0);
	if (e == ERR_OK)
		rq->has_body = false;
	return e;
}

/* The packed body is still there while it is unpacked. */
static enum err hold_beside(void *arg, size_t n)
{
	struct http_request *rq = arg;

	return hold(rq, rq->body.len + n);
}

static enum err unpack(struct http_request *rq)
{
	struct buf text;

	buf_init(&text, rq->http->opts.max_body);
	buf_pool_take(&rq->http->bodies, &text, rq->body.len);
	enum err e = gunzip((struct view){ rq->body.p, rq->body.len }, &text, hold_beside, rq);
	if (e) {
		buf_pool_give(&rq->http->bodies, &text);
		return e;
	}
	buf_pool_give(&rq->http->bodies, &rq->body);
	rq->body = text;
	return ERR_OK;
}

enum err http_read_body(struct http_request *rq, struct view *body)
{
	const char *encoding = http_header(rq, "Content-Encoding");
	enum err e = receive(rq);

	*body = (struct view){ "", 0 };
	if (e)
		return refuse(rq, e);
	if (encoding && (strcasecmp(encoding, "gzip") == 0 || strcasecmp(encoding, "x-gzip") == 0)) {
		e = unpack(rq);
		if (e)
			return refuse(rq, e);
	} else if (encoding && *encoding && strcasecmp(encoding, "identity") != 0) {
		counter_add(COUNTER_REFUSED_BAD_ENCODING, 1);
		http_fail(
		    rq, 415, "bad_parameter", "send it plain or as gzip", "unknown Content-Encoding: %.40s", encoding);
		return ERR_INVALID;
	}
	if (rq->body.len)
		*body = (struct view){ rq->body.p, rq->body.len };
	return ERR_OK;
}
