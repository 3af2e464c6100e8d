/* Answers that are sent while they are made. A stream that breaks off ends its connection without the last chunk; on
 * HTTP/1.0, where the end of the connection is the end of the body, by a reset. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "edge/http_internal.h"

/* The kernel says that there is room again when a third of its buffer is free. Of the megabytes that it takes by itself
 * that is more than a slow reader gets done within the silence that ends a connection. */
enum { BUFFER = 256 << 10 };

static int connection(struct http_request *rq)
{
	if (rq->fd == -2)
		rq->fd = http_guard_find(rq->info);
	return rq->fd;
}

static bool send_all(struct http_request *rq, const void *p, size_t n)
{
	struct http *h = rq->http;

	if (rq->broken || n == 0)
		return !rq->broken;
	http_guard_set(h->guard, rq->slot, rq->info, h->silence_ns + (int64_t)(n / HTTP_PACE) * NS_PER_S);
	const int64_t began_ns = clock_mono_ns();
	rq->broken = mg_write(rq->conn, p, n) != (int)n;
	if (rq->broken)
		http_guard_gave_up(h->guard, rq->slot, began_ns, h->silence_ns);
	http_guard_set(h->guard, rq->slot, rq->info, 0); /* the handler may work as long as it needs */
	return !rq->broken;
}

bool http_stream_begin(struct http_request *rq, int status, const char *type)
{
	struct buf b;

	if (rq->answered)
		return false;
	rq->answered = true;
	http_body_give_back(rq);
	rq->close |= http_is_1_0(rq);
	const int size = BUFFER;
	if (connection(rq) >= 0)
		(void)setsockopt(rq->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	buf_init(&b, 2 * HTTP_HEADERS_MAX);
	http_add_head(rq, &b, status, type, HTTP_LENGTH_UNKNOWN);
	buf_clear(&rq->headers); /* from here on the trailers */
	if (b.failed)
		rq->broken = true;
	else
		(void)send_all(rq, b.p, b.len);
	buf_fini(&b);
	return !rq->broken && rq->method != HTTP_HEAD;
}

static int put_size(char out[HTTP_FRAME_FRONT], size_t n)
{
	return snprintf(out, HTTP_FRAME_FRONT, "%zx\r\n", n);
}

static bool send_piece(struct http_request *rq, struct view piece)
{
	char size[HTTP_FRAME_FRONT];

	if (piece.len == 0) /* would be the last chunk */
		return !rq->broken;
	if (http_is_1_0(rq))
		return send_all(rq, piece.p, piece.len);
	return send_all(rq, size, (size_t)put_size(size, piece.len)) && send_all(rq, piece.p, piece.len) &&
	    send_all(rq, "\r\n", 2);
}

/* The piece has room for its frame around it. */
static bool send_framed(struct http_request *rq, char *piece, size_t n)
{
	char size[HTTP_FRAME_FRONT];

	if (n == 0 || http_is_1_0(rq))
		return send_piece(rq, (struct view){ piece, n });
	const size_t k = (size_t)put_size(size, n);
	memcpy(piece - k, size, k);
	memcpy(piece + n, "\r\n", HTTP_FRAME_BACK);
	return send_all(rq, piece - k, k + n + HTTP_FRAME_BACK);
}

static bool is_over(const struct http_request *rq)
{
	return rq->method == HTTP_HEAD || atomic_load(&rq->http->stopping);
}

bool http_stream_write(struct http_request *rq, struct view piece)
{
	if (is_over(rq))
		return false;
	return rq->gzip ? http_gzip_stream(rq, piece, false, send_framed) : send_piece(rq, piece);
}

bool http_stream_write_framed(struct http_request *rq, struct buf *b)
{
	if (is_over(rq) || !buf_reserve(b, HTTP_FRAME_BACK))
		return false;
	char *piece = b->p + HTTP_FRAME_FRONT;
	const size_t n = b->len - HTTP_FRAME_FRONT;
	return rq->gzip ? http_gzip_stream(rq, (struct view){ piece, n }, false, send_framed)
			: send_framed(rq, piece, n);
}

bool http_stream_wanted(struct http_request *rq)
{
	char byte;

	if (rq->broken || atomic_load(&rq->http->stopping))
		return false;
	int fd = connection(rq);
	/* 0: the client has hung up. What it may have sent stays where it is. */
	return fd < 0 || recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0;
}

void http_add_trailer(struct http_request *rq, const char *name, const char *value)
{
	http_add_header(rq, name, value);
}

/* The last chunk, and the trailers behind it. */
static void send_end(struct http_request *rq)
{
	struct buf b;

	buf_init(&b, 2 * HTTP_HEADERS_MAX);
	buf_str(&b, "0\r\n");
	buf_append(&b, rq->headers.p, rq->headers.len);
	buf_str(&b, "\r\n");
	if (b.failed)
		rq->broken = true;
	else
		(void)send_all(rq, b.p, b.len);
	buf_fini(&b);
}

void http_stream_end(struct http_request *rq, bool whole)
{
	bool bare = rq->method == HTTP_HEAD;

	if (whole && !bare && rq->gzip)
		(void)http_gzip_stream(rq, (struct view){ "", 0 }, true, send_framed);
	if (whole && !bare && !http_is_1_0(rq))
		send_end(rq);
	if (!whole && !bare && http_is_1_0(rq) && connection(rq) >= 0) {
		struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
		(void)connect(rq->fd, &nowhere, sizeof nowhere); /* Linux: a reset at once */
	}
	if ((!whole && !bare) || rq->broken) {
		rq->close = true;
		mg_disable_connection_keep_alive(rq->conn);
	}
	http_guard_set(rq->http->guard, rq->slot, rq->info, rq->has_body ? HTTP_LINGER_MS * NS_PER_MS : 0);
}
