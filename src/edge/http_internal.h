/* Shared by http.c, http_reply.c, http_stream.c, http_body.c and http_guard.c alone. */
#ifndef EDGE_HTTP_INTERNAL_H
#define EDGE_HTTP_INTERNAL_H

#include <civetweb.h>
#include <stdatomic.h>

#include "base/buf_pool.h"
#include "edge/http.h"
#include "edge/http_params.h"

enum { HTTP_PATH_MAX = 1024, HTTP_HEADERS_MAX = 8192, HTTP_LINGER_MS = 2000 };

struct http_gzip;
struct http_guard;

struct http {
	struct mg_context *mg;
	struct http_opts opts;
	char host[16];
	bool loopback;
	uint16_t port;
	int64_t silence_ns;
	_Atomic uint64_t queued; /* bytes of bodies in work */
	_Atomic unsigned connections; /* that hold a worker */
	atomic_bool stopping;
	struct http_guard *guard;
	struct buf_pool bodies; /* what bodies of usual size were read into */
};

struct http_request {
	struct http *http;
	struct mg_connection *conn;
	const struct mg_request_info *info;
	const struct http_route *route;
	unsigned method;
	int slot; /* of the guard */
	bool answered, close, has_body, cache_set, encoding_set;
	bool broken; /* the client of a stream is gone */
	struct http_gzip *gzip; /* of a stream that is packed, or NULL */
	int fd; /* of the connection, civetweb's; -1: not found, -2: not looked for yet */
	uint64_t held; /* of http.queued */
	const char *rest;
	struct http_params params;
	struct buf body, headers;
	char path[HTTP_PATH_MAX];
};

enum { HTTP_FRAME_BACK = 2 };
enum { HTTP_PACE = 65536 }; /* an answer may take a second for so many bytes, and the silence on top */
#define HTTP_LENGTH_UNKNOWN SIZE_MAX /* a stream */

/* The status line and all headers, with the empty line behind them. */
void http_add_head(struct http_request *rq, struct buf *b, int status, const char *type, size_t length);
bool http_is_1_0(const struct http_request *rq);

/* http_gzip.c. Packs a whole body into out and adds the headers; false: it goes as it is. */
bool http_gzip_whole(struct http_request *rq, const char *type, struct view body, struct buf *out);
/* Packs a piece of a stream and sends what comes of it: piece has HTTP_FRAME_FRONT bytes of room in front, HTTP_FRAME_BACK
 * behind. */
bool http_gzip_stream(
    struct http_request *rq, struct view text, bool last, bool (*send)(struct http_request *rq, char *piece, size_t n));
void http_gzip_free(struct http_request *rq);

/* http_cors.c: what pages of other origins may do. */
bool http_cors_may_write(const struct http_request *rq); /* the request's origin is named in opts.cors_origins */
/* Before the answer to OPTIONS: which methods and headers such a page may use. */
void http_cors_preflight(struct http_request *rq, const char *allow);
void http_cors_add_headers(const struct http_request *rq, struct buf *b); /* of any answer */

bool http_is_chunked(const struct http_request *rq);
/* The body's part of the budget, before the answer goes out: the client's next request must find it free. */
void http_body_give_back(struct http_request *rq);
void http_body_release(struct http_request *rq);
/* True if the request's framing is beyond doubt; else it was answered 400. */
bool http_check_framing(struct http_request *rq);

/* The guard ends requests that take too long: civetweb bounds the silence between two bytes, not the sum of it, and
 * reads the rest of a refused body however long it is. One thread, awake once a second. */
NODISCARD enum err http_guard_start(
    struct http_guard **out, unsigned slots, void (*each_second)(void *), void *arg, struct errbuf *eb);
void http_guard_stop(struct http_guard *g);
int http_guard_take(struct http_guard *g); /* a slot for a worker thread, or -1 */
/* The descriptor of a worker's connection, -1 if it is not there. It stays the worker's: good until its handler returns. */
int http_guard_find(const struct mg_request_info *info);
/* The connection is cut off unless this is called again within timeout_ns; 0: no limit. */
void http_guard_set(struct http_guard *g, int slot, const struct mg_request_info *info, int64_t timeout_ns);
/* A write that began then has failed: if the client took nothing for as long as the silence may be, it is counted as cut off. */
void http_guard_gave_up(struct http_guard *g, int slot, int64_t began_ns, int64_t silence_ns);

#endif
