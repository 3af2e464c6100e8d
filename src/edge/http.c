#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/word.h"
#include "edge/http_internal.h"

enum { SILENCE_MS = 10000, KEEP_ALIVE_MS = 5000, SPARE_BODY_BYTES = 16 << 20 };

unsigned http_method(const struct http_request *rq)
{
	return rq->method;
}

const char *http_path(const struct http_request *rq)
{
	return rq->path;
}

const char *http_rest(const struct http_request *rq)
{
	return rq->rest;
}

const char *http_header(const struct http_request *rq, const char *name)
{
	for (int i = 0; i < rq->info->num_headers; i++)
		if (strcasecmp(rq->info->http_headers[i].name, name) == 0)
			return rq->info->http_headers[i].value;
	return NULL;
}

const char *http_parameter(const struct http_request *rq, const char *name)
{
	return http_params_get(&rq->params, name);
}

const char *http_parameter_at(const struct http_request *rq, const char *name, unsigned i)
{
	for (unsigned k = 0; k < rq->params.count; k++)
		if (!strcmp(rq->params.item[k].name, name) && i-- == 0)
			return rq->params.item[k].value;
	return NULL;
}

uint16_t http_port(const struct http *h)
{
	return h->port;
}

static unsigned method_of(const char *name)
{
	static const struct {
		const char *name;
		unsigned method;
	} rows[] = { { "GET", HTTP_GET }, { "HEAD", HTTP_HEAD }, { "POST", HTTP_POST }, { "OPTIONS", HTTP_OPTIONS },
		{ "DELETE", HTTP_DELETE } };

	for (size_t i = 0; name && i < sizeof rows / sizeof *rows; i++)
		if (!strcmp(rows[i].name, name))
			return rows[i].method;
	return HTTP_OTHER;
}

static bool is_loopback(struct view name)
{
	char text[INET_ADDRSTRLEN];
	struct in_addr a;

	if ((name.len == 9 && strncasecmp(name.p, "localhost", 9) == 0) || view_is(name, "[::1]"))
		return true;
	if (name.len >= sizeof text)
		return false;
	memcpy(text, name.p, name.len);
	text[name.len] = 0;
	return inet_pton(AF_INET, text, &a) == 1 && ntohl(a.s_addr) >> 24 == 127;
}

/* A page of any site can have its own name resolve to 127.0.0.1 and then talk to us as "the same origin"; its name
 * still stands in Host. */
static bool host_is_ours(const struct http_request *rq)
{
	const char *host = http_header(rq, "Host");

	if (!rq->http->loopback || !host)
		return true;
	const char *colon = strrchr(host, ':');
	size_t n = colon && !strchr(colon, ']') ? (size_t)(colon - host) : strlen(host);
	return is_loopback((struct view){ host, n });
}

/* A page of another site may send a POST without asking first; browsers name that site. */
static bool origin_is_ours(const struct http_request *rq)
{
	const char *origin = http_header(rq, "Origin"), *host = http_header(rq, "Host");
	const char *site = http_header(rq, "Sec-Fetch-Site");

	if (rq->method & (HTTP_GET | HTTP_HEAD | HTTP_OPTIONS) || http_cors_may_write(rq))
		return true;
	if (site && (!strcasecmp(site, "cross-site") || !strcasecmp(site, "same-site")))
		return false;
	if (!origin)
		return true;
	const char *name = strstr(origin, "://");
	return name && host && strcasecmp(name + 3, host) == 0;
}

static const struct http_route *find_route(struct http_request *rq)
{
	const struct http_route *best = NULL;
	size_t best_len = 0;

	for (const struct http_route *r = rq->http->opts.routes; r->path; r++) {
		size_t n = strlen(r->path);
		if (!strcmp(r->path, rq->path)) {
			rq->rest = NULL;
			return r;
		}
		size_t stem = n > 0 && r->path[n - 1] == '/' ? n - 1 : n;
		if (r->prefix && n >= best_len && !strncmp(r->path, rq->path, stem) && rq->path[stem] == '/') {
			best = r;
			best_len = n;
			rq->rest = rq->path + stem + 1;
		}
	}
	return best;
}

static void refuse_method(struct http_request *rq)
{
	unsigned m = rq->route->methods;
	char allow[64];

	snprintf(allow, sizeof allow, "OPTIONS%s%s%s", m & HTTP_GET ? ", GET, HEAD" : "", m & HTTP_POST ? ", POST" : "",
	    m & HTTP_DELETE ? ", DELETE" : "");
	http_add_header(rq, "Allow", allow);
	if (rq->method == HTTP_OPTIONS)
		http_cors_preflight(rq, allow);
	if (rq->method == HTTP_OPTIONS)
		http_respond(rq, rq->route->form == HTTP_FORM_OWN ? 204 : 200, NULL, (struct view){ "", 0 });
	else
		http_fail(
		    rq, 405, "method_not_allowed", NULL, "%s does not take %s", rq->path, rq->info->request_method);
}

/* The path, the route and the parameters. False: answered. */
static bool read_head(struct http_request *rq)
{
	const char *uri = rq->info->local_uri_raw, *query = rq->info->query_string;
	struct errbuf eb;

	if (!uri || strlen(uri) >= sizeof rq->path) {
		http_fail(rq, 414, "bad_parameter", NULL, "the path is too long");
		return false;
	}
	if (!http_percent_decode(rq->path, view_of(uri), false) || rq->path[0] != '/') {
		rq->path[0] = 0;
		http_fail(rq, 400, "bad_parameter", NULL, "the path is malformed");
		return false;
	}
	rq->route = find_route(rq);
	if (!rq->route) {
		http_fail(rq, 404, "not_found", "GET / is the status page, docs/api.md lists the rest",
		    "there is no %.200s", rq->path);
		return false;
	}
	if (query && http_params_parse(&rq->params, view_of(query), &eb)) {
		http_fail(rq, 400, "bad_parameter", NULL, "%s", eb.text);
		return false;
	}
	return true;
}

/* What makes a request safe to hand on. False: answered. */
static bool check(struct http_request *rq)
{
	if (rq->info->num_headers >= MG_MAX_HEADERS) { /* civetweb drops those above in silence */
		rq->close = true;
		rq->has_body = true;
		http_fail(rq, 431, "too_large", NULL, "more than %d header lines", MG_MAX_HEADERS - 1);
		return false;
	}
	if (!http_check_framing(rq))
		return false;
	if (!host_is_ours(rq)) {
		http_fail(rq, 403, "forbidden", "use localhost, or set [server] listen to an address of that name",
		    "this server listens on %s and does not answer for the name %.100s", rq->http->host,
		    http_header(rq, "Host"));
		return false;
	}
	if (!origin_is_ours(rq)) {
		http_fail(rq, 403, "forbidden", "only the page that this server sends may write to it",
		    "a page of another site sent this request");
		return false;
	}
	return true;
}

/* A misspelt parameter would be one that is not there, and the answer another than was asked for. False: answered. */
static bool check_parameters(struct http_request *rq)
{
	const char *known = rq->route->parameters;
	char near[64], hint[160];

	for (unsigned i = 0; known && i < rq->params.count; i++) {
		const char *name = rq->params.item[i].name;
		if (word_is_in(known, name))
			continue;
		if (!*known)
			snprintf(hint, sizeof hint, "it takes none");
		else if (word_nearest(known, name, near, sizeof near))
			snprintf(hint, sizeof hint, "did you mean %s?", near);
		else
			snprintf(hint, sizeof hint, "known are: %.140s", known);
		http_fail(rq, 400, "bad_parameter", hint, "%.200s has no parameter %.100s", rq->route->path, name);
		return false;
	}
	return true;
}

static void serve(struct http_request *rq)
{
	if (!read_head(rq) || !check(rq))
		return;
	unsigned allowed = rq->route->methods | (rq->route->methods & HTTP_GET ? HTTP_HEAD : 0);
	if (!(rq->method & allowed)) {
		refuse_method(rq);
		return;
	}
	if (!check_parameters(rq))
		return;
	rq->route->handle(rq, rq->http->opts.arg);
	if (!rq->answered)
		http_fail(rq, 500, "internal", NULL, "this request had no answer");
}

static int on_request(struct mg_connection *conn)
{
	const struct mg_request_info *info = mg_get_request_info(conn);
	struct http *h = info->user_data;
	const int *slot = mg_get_thread_pointer(conn);
	struct http_request rq = { .http = h, .conn = conn, .info = info, .slot = slot ? *slot : -1, .fd = -2 };

	counter_add(COUNTER_HTTP_REQUESTS, 1);
	rq.method = method_of(info->request_method);
	buf_init(&rq.headers, HTTP_HEADERS_MAX);
	buf_init(&rq.body, 0);
	http_params_init(&rq.params);
	serve(&rq);
	http_params_fini(&rq.params);
	buf_fini(&rq.headers);
	http_gzip_free(&rq);
	http_body_release(&rq);
	return 200; /* for civetweb's access log alone */
}

static void on_request_end(const struct mg_connection *conn, int status)
{
	const struct mg_request_info *info = mg_get_request_info(conn);
	struct http *h = info->user_data;
	const int *slot = mg_get_thread_pointer(conn);

	(void)status;
	http_guard_set(h->guard, slot ? *slot : -1, info, 0);
}

/* What civetweb itself refuses: a malformed request line or header. */
static int on_error(struct mg_connection *conn, int status, const char *message)
{
	static const char body[] =
	    "{\"error\":{\"code\":\"bad_parameter\",\"message\":\"malformed request\",\"hint\":null}}\n";

	(void)message;
	counter_add(COUNTER_HTTP_REQUESTS, 1);
	mg_disable_connection_keep_alive(conn);
	mg_printf(conn,
	    "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n"
	    "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n\r\n%s",
	    status, mg_get_response_code_text(conn, status), sizeof body - 1, body);
	return 0;
}

static int on_message(const struct mg_connection *conn, const char *message)
{
	(void)conn;
	log_debug("http: %s", message);
	return 1;
}

static int on_connection(const struct mg_connection *conn, void **data)
{
	struct http *h = mg_get_user_data(mg_get_context(conn));

	(void)data;
	atomic_fetch_add(&h->connections, 1);
	return 0;
}

static void on_connection_closed(const struct mg_connection *conn)
{
	struct http *h = mg_get_user_data(mg_get_context(conn));

	atomic_fetch_sub(&h->connections, 1);
}

static void *on_thread(const struct mg_context *ctx, int type)
{
	struct http *h = mg_get_user_data(ctx);
	int *slot = type == 1 ? malloc(sizeof *slot) : NULL;

	if (slot)
		*slot = http_guard_take(h->guard);
	return slot;
}

static void on_thread_end(const struct mg_context *ctx, int type, void *slot)
{
	(void)ctx;
	(void)type;
	free(slot);
}

/* civetweb's own words do not always tell why a port can't be had: ask the system once more. */
static enum err explain(const struct http_opts *o, const char *theirs, struct errbuf *eb)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(o->port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), why = 0, on = 1;

	if (fd >= 0 && inet_pton(AF_INET, o->host, &a.sin_addr) == 1) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
		if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 1) != 0)
			why = errno;
	}
	if (fd >= 0)
		close(fd);
	if (why == EADDRINUSE)
		return errbuf_set(
		    eb, ERR_EXISTS, "cannot listen on %s:%u: port in use by another program", o->host, o->port);
	if (why == EACCES)
		return errbuf_set(
		    eb, ERR_IO, "cannot listen on %s:%u: no permission (ports below 1024 need it)", o->host, o->port);
	return errbuf_set(eb, ERR_IO, "cannot listen on %s:%u: %s", o->host, o->port, why ? strerror(why) : theirs);
}

static enum err start_civetweb(struct http *h, struct errbuf *eb)
{
	char ports[32], threads[16], silence[24], keep[16], text[256] = "";
	const char *options[] = { "listening_ports", ports, "num_threads", threads, "tcp_nodelay", "1",
		"enable_keep_alive", "yes", "keep_alive_timeout_ms", keep, "request_timeout_ms", silence, "decode_url",
		"no", "decode_query_string", "no", "enable_directory_listing", "no", "connection_queue", "128", NULL };
	struct mg_callbacks callbacks = { .begin_request = on_request,
		.end_request = on_request_end,
		.http_error = on_error,
		.log_message = on_message,
		.log_access = on_message,
		.init_connection = on_connection,
		.connection_closed = on_connection_closed,
		.init_thread = on_thread,
		.exit_thread = on_thread_end };
	struct mg_error_data error = { .text = text, .text_buffer_size = sizeof text };
	struct mg_init_data init = { .callbacks = &callbacks, .user_data = h, .configuration_options = options };
	struct mg_server_port port = { 0 };

	snprintf(ports, sizeof ports, "%s:%u", h->host, h->opts.port);
	snprintf(threads, sizeof threads, "%u", h->opts.threads);
	snprintf(silence, sizeof silence, "%lld", (long long)(h->silence_ns / NS_PER_MS));
	snprintf(keep, sizeof keep, "%d", KEEP_ALIVE_MS);
	mg_init_library(0);
	h->mg = mg_start2(&init, &error);
	if (!h->mg) {
		mg_exit_library();
		return explain(&h->opts, text, eb);
	}
	if (mg_get_server_ports(h->mg, 1, &port) == 1)
		h->port = (uint16_t)port.port;
	return ERR_OK;
}

static void each_second(void *arg)
{
	struct http *h = arg;

	buf_pool_trim(&h->bodies);
	if (h->opts.each_second)
		h->opts.each_second(h->opts.arg);
}

enum err http_start(struct http **out, const struct http_opts *opts, struct errbuf *eb)
{
	struct in_addr address;

	*out = NULL;
	if (inet_pton(AF_INET, opts->host, &address) != 1)
		return errbuf_set(eb, ERR_INVALID, "%s is not an IPv4 address", opts->host);
	struct http *h = calloc(1, sizeof *h);
	if (!h)
		return errbuf_set(eb, ERR_NOMEM, "no memory for the HTTP server");
	h->opts = *opts;
	snprintf(h->host, sizeof h->host, "%s", opts->host);
	h->opts.host = h->host;
	h->opts.threads = opts->threads ? opts->threads : 1;
	h->loopback = ntohl(address.s_addr) >> 24 == 127;
	buf_pool_init(&h->bodies, SPARE_BODY_BYTES);
	h->silence_ns = (opts->silence_ms ? opts->silence_ms : SILENCE_MS) * NS_PER_MS;
	enum err e = http_guard_start(&h->guard, h->opts.threads, each_second, h, eb);
	if (e == ERR_OK)
		e = start_civetweb(h, eb);
	if (e) {
		http_guard_stop(h->guard);
		buf_pool_fini(&h->bodies);
		free(h);
		return e;
	}
	*out = h;
	return ERR_OK;
}

void http_stop(struct http *h)
{
	if (!h)
		return;
	atomic_store(&h->stopping, true); /* streams end at their next step */
	mg_stop(h->mg);
	http_guard_stop(h->guard);
	mg_exit_library();
	buf_pool_fini(&h->bodies);
	free(h);
}
