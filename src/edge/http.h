/* The HTTP server: civetweb for sockets and parsing, ours for routes, limits and answers. Every answer has a
 * Content-Length (but streams), a Date and the security headers; HEAD is GET without the body.
 * Threads: handlers run on civetweb's workers, several at once, on a stack of 100 KiB: no frame above 16 KiB, no
 * recursion by input. A request belongs to its handler until that returns. One server per process at a time. */
#ifndef EDGE_HTTP_H
#define EDGE_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* 1.x clients look at its first figures only. */
#define HTTP_INFLUX_VERSION "1.8.10-holdfast"

struct http;
struct http_request;

enum { HTTP_GET = 1, HTTP_HEAD = 2, HTTP_POST = 4, HTTP_OPTIONS = 8, HTTP_DELETE = 16, HTTP_OTHER = 32 };

enum http_form { /* of errors, and of the headers that every answer of the route carries */
	HTTP_FORM_OWN, /* {"error": {"code", "message", "hint"}} */
	HTTP_FORM_INFLUX1, /* {"error": message}, X-Influxdb-* and Request-Id */
	HTTP_FORM_INFLUX2, /* {"code", "message"}, the same headers */
};

struct http_route {
	unsigned methods; /* HTTP_GET takes HEAD too */
	const char *path;
	void (*handle)(struct http_request *rq, void *arg);
	bool prefix; /* also path/anything: http_rest */
	enum http_form form;
	/* Names with a space between them, of the parameters in the query string; another one is refused with the nearest
	 * name. "": there are none. NULL: any */
	const char *parameters;
};

struct http_opts {
	const char *host; /* IPv4 address. A loopback one also refuses foreign Host names (DNS rebinding) */
	uint16_t port; /* 0: any free one */
	unsigned threads;
	uint64_t max_body; /* bytes of one body, also after decompression */
	uint64_t max_queue; /* bytes of all bodies in work at a time */
	/* Origins whose pages may read, and those named may write, with spaces or commas between them; "*": any may read.
	 * NULL or "": none */
	const char *cors_origins;
	int64_t silence_ms; /* how long a client may say nothing within a request; 0: 10 s */
	const struct http_route *routes; /* ended by a NULL path; "/" with prefix catches all */
	void *arg; /* for handlers */
	void (*each_second)(void *arg); /* may be NULL; must be quick */
};

/* ERR_EXISTS: the port is in use. */
NODISCARD enum err http_start(struct http **out, const struct http_opts *opts, struct errbuf *eb);
void http_stop(struct http *h); /* waits for handlers; NULL is fine */
uint16_t http_port(const struct http *h);

unsigned http_method(const struct http_request *rq);
const char *http_path(const struct http_request *rq); /* decoded */
/* What follows the route's path and its slash, or NULL: "/x/a" under "/x" gives "a". */
const char *http_rest(const struct http_request *rq);
const char *http_header(const struct http_request *rq, const char *name); /* the first, or NULL */
const char *http_parameter(const struct http_request *rq, const char *name); /* of the query string, or NULL */
/* One that may be given several times: the i-th of that name, or NULL. */
const char *http_parameter_at(const struct http_request *rq, const char *name, unsigned i);

/* Reads and, for gzip, unpacks the whole body; nothing of a body that failed is ever given out. On failure the answer
 * is sent already (400, 413, 503), the refusal counted, and the handler returns. *body lives as long as rq. */
NODISCARD enum err http_read_body(struct http_request *rq, struct view *body);

/* Before http_respond. Line breaks in value become spaces. Setting Cache-Control replaces no-store. */
void http_add_header(struct http_request *rq, const char *name, const char *value);
/* Once per request. type may be NULL when there is no body. */
void http_respond(struct http_request *rq, int status, const char *type, struct view body);
/* JSON with a line end added; 500 if the buffer failed. */
void http_respond_json(struct http_request *rq, int status, struct buf *json);
/* In the route's form. code and hint are for HTTP_FORM_OWN; hint may be NULL. 503 gets Retry-After: 1. */
void http_fail(struct http_request *rq, int status, const char *code, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* The same with a message of any length. */
void http_fail_text(struct http_request *rq, int status, const char *code, const char *hint, struct view message);

enum { HTTP_FRAME_FRONT = 20 };
/* An answer of any length, sent as it is made: begin, write as often as need be, end. Chunked; to an HTTP/1.0 client it
 * ends with the connection. Headers are added before begin; trailers (http_add_trailer) before end.
 * False of begin and write: stop, nothing more will arrive (a HEAD; the client is gone or too slow; the server stops). */
/* Before begin: this stream may be packed with gzip if the client takes it. Its pieces then wait for each other. */
void http_stream_allow_gzip(struct http_request *rq);
NODISCARD bool http_stream_begin(struct http_request *rq, int status, const char *type);
NODISCARD bool http_stream_write(struct http_request *rq, struct view piece);
/* The same of what stands behind the first HTTP_FRAME_FRONT bytes of b: those, and some behind the text, take the piece's frame,
 * so that it leaves at one stroke. b->len stays. */
NODISCARD bool http_stream_write_framed(struct http_request *rq, struct buf *b);
/* Whether anybody still waits for the answer; for long work between writes. Cheap. */
bool http_stream_wanted(struct http_request *rq);
/* Sent behind the body, for what is known only then; the names are announced by a Trailer header of the caller's. Lost
 * on HTTP/1.0. */
void http_add_trailer(struct http_request *rq, const char *name, const char *value);
/* After begin, whatever it returned. whole false: the answer is broken off so that the client cannot take it for whole. */
void http_stream_end(struct http_request *rq, bool whole);

#endif
