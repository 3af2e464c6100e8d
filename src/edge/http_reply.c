#include <stdarg.h>
#include <stdio.h>
#include <strings.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/timetext.h"
#include "edge/http_internal.h"
#include "wire/json_write.h"

enum { JOIN_MAX = 16384, ERROR_HEADER_MAX = 2048 };

static const char *status_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} rows[] = { { 200, "OK" }, { 202, "Accepted" }, { 204, "No Content" }, { 304, "Not Modified" },
		{ 400, "Bad Request" }, { 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
		{ 409, "Conflict" }, { 413, "Request Entity Too Large" }, { 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" }, { 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" }, { 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].status == status)
			return rows[i].text;
	return "Unknown";
}

void http_add_header(struct http_request *rq, const char *name, const char *value)
{
	rq->cache_set |= strcasecmp(name, "Cache-Control") == 0;
	rq->encoding_set |= strcasecmp(name, "Content-Encoding") == 0;
	buf_str(&rq->headers, name);
	buf_str(&rq->headers, ": ");
	for (const char *p = value; *p; p++)
		buf_char(&rq->headers, (unsigned char)*p < 0x20 || *p == 0x7f ? ' ' : *p);
	buf_str(&rq->headers, "\r\n");
}

/* "Mon, 23 Nov 2026 21:48:29 GMT" */
static void add_date(struct buf *b)
{
	static const char *const days[] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
		"Dec" };
	int64_t s = clock_wall_ns() / NS_PER_S;
	char t[32]; /* 2026-11-23T21:48:29Z */

	timetext_format(t, s * NS_PER_S);
	unsigned month = (unsigned)((t[5] - '0') * 10 + t[6] - '0') - 1;
	buf_printf(b, "Date: %s, %.2s %s %.4s %.8s GMT\r\n", days[(unsigned)(s / 86400 % 7)], t + 8,
	    months[month < 12 ? month : 0], t, t + 11);
}

static void add_influx_headers(struct http_request *rq, struct buf *b)
{
	unsigned char r[16];
	char id[40];

	if (getrandom(r, sizeof r, GRND_NONBLOCK) != (ssize_t)sizeof r)
		memset(r, 0, sizeof r);
	r[6] = (unsigned char)((r[6] & 0x0f) | 0x40); /* a random UUID of RFC 4122 */
	r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
	snprintf(id, sizeof id, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1],
	    r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14], r[15]);
	const char *given = http_header(rq, "X-Request-Id");
	if (!given || !*given || strlen(given) > 128) /* as InfluxDB does: the caller's own id comes back */
		given = id;
	buf_str(b, "Request-Id: ");
	size_t at = b->len;
	buf_str(b, given);
	for (size_t i = at; i < b->len; i++)
		if ((unsigned char)b->p[i] < 0x20)
			b->p[i] = ' ';
	buf_printf(b, "\r\nX-Influxdb-Build: OSS\r\nX-Influxdb-Version: %s\r\nX-Request-Id: %s\r\n",
	    HTTP_INFLUX_VERSION, given);
}

bool http_is_1_0(const struct http_request *rq)
{
	return !rq->info->http_version || strcmp(rq->info->http_version, "1.1") != 0;
}

/* Whether civetweb will wait for another request; said in the answer so that both sides agree. */
static bool stays_open(const struct http_request *rq)
{
	const char *wish = http_header(rq, "Connection");

	if (rq->close)
		return false;
	if (wish)
		return strcasestr(wish, "keep-alive") != NULL && strcasestr(wish, "close") == NULL;
	return !http_is_1_0(rq);
}

void http_add_head(struct http_request *rq, struct buf *b, int status, const char *type, size_t length)
{
	/* When every worker has its connection, none may keep one idle: others wait. */
	if (atomic_load(&rq->http->connections) >= rq->http->opts.threads)
		rq->close = true;
	bool open = stays_open(rq);

	if (!open)
		mg_disable_connection_keep_alive(rq->conn);
	buf_printf(b, "HTTP/1.1 %d %s\r\n", status, status_text(status));
	add_date(b);
	if (type)
		buf_printf(b, "Content-Type: %s\r\n", type);
	if (length == HTTP_LENGTH_UNKNOWN)
		buf_str(b, http_is_1_0(rq) ? "" : "Transfer-Encoding: chunked\r\n");
	else if (status != 204 && status != 304)
		buf_printf(b, "Content-Length: %zu\r\n", length);
	buf_str(b, open ? "Connection: keep-alive\r\n" : "Connection: close\r\n");
	buf_str(b, "X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nReferrer-Policy: no-referrer\r\n");
	if (type && !strncmp(type, "text/html", 9))
		buf_str(b, "Content-Security-Policy: default-src 'self'\r\n");
	if (!rq->cache_set)
		buf_str(b, "Cache-Control: no-store\r\n");
	if (rq->route && rq->route->form != HTTP_FORM_OWN)
		add_influx_headers(rq, b);
	http_cors_add_headers(rq, b);
	buf_append(b, rq->headers.p, rq->headers.len);
	buf_str(b, "\r\n");
}

void http_respond(struct http_request *rq, int status, const char *type, struct view body)
{
	bool bare = rq->method == HTTP_HEAD || status == 204 || status == 304;
	struct http *h = rq->http;
	struct buf b, packed;

	if (rq->answered)
		return;
	rq->answered = true;
	http_body_give_back(rq);
	if (status >= 500)
		counter_add(COUNTER_HTTP_ERRORS, 1);
	buf_init(&packed, SIZE_MAX);
	if (!bare && http_gzip_whole(rq, type, body, &packed))
		body = (struct view){ packed.p, packed.len };
	buf_init(&b, 2 * HTTP_HEADERS_MAX + JOIN_MAX);
	http_add_head(rq, &b, status, type, body.len);
	bool joined = !bare && body.len <= JOIN_MAX;
	if (joined)
		buf_view(&b, body);
	http_guard_set(h->guard, rq->slot, rq->info, h->silence_ns + (int64_t)(body.len / HTTP_PACE) * NS_PER_S);
	if (b.failed) { /* memory ran out: an answer cut in half would be worse than none */
		rq->close = true;
		mg_disable_connection_keep_alive(rq->conn);
	} else if (mg_write(rq->conn, b.p, b.len) == (int)b.len && !bare && !joined) {
		mg_write(rq->conn, body.p, body.len);
	}
	/* civetweb now reads what is left of the body; that may take as long as the client likes */
	http_guard_set(h->guard, rq->slot, rq->info, rq->has_body ? HTTP_LINGER_MS * NS_PER_MS : 0);
	buf_fini(&b);
	buf_fini(&packed);
}

void http_respond_json(struct http_request *rq, int status, struct buf *json)
{
	buf_char(json, '\n');
	if (json->failed)
		http_fail(rq, 500, "internal", "ask for less: a larger step, fewer series", "the answer is too large");
	else
		http_respond(rq, status, "application/json", (struct view){ json->p, json->len });
}

static const char *influx2_code(int status)
{
	switch (status) {
	case 403:
		return "forbidden";
	case 404:
		return "not found";
	case 405:
		return "method not allowed";
	case 413:
		return "request too large";
	case 503:
		return "unavailable";
	default:
		return status >= 500 ? "internal error" : "invalid";
	}
}

void http_fail_text(struct http_request *rq, int status, const char *code, const char *hint, struct view message)
{
	enum http_form form = rq->route ? rq->route->form : HTTP_FORM_OWN;
	struct buf b;

	buf_init(&b, 6 * message.len + 4096); /* a byte may become \u0000 */
	json_open(&b, NULL, '{');
	if (form == HTTP_FORM_OWN) {
		json_open(&b, "error", '{');
		json_put_string(&b, "code", code);
		json_put_text(&b, "message", message);
		json_put_string(&b, "hint", hint);
		json_close(&b, '}');
	} else if (form == HTTP_FORM_INFLUX1) {
		json_put_text(&b, "error", message);
	} else {
		json_put_string(&b, "code", influx2_code(status));
		json_put_text(&b, "message", message);
	}
	json_close(&b, '}');
	buf_char(&b, '\n');
	if (status == 503)
		http_add_header(rq, "Retry-After", "1");
	if (form != HTTP_FORM_OWN) {
		char head[ERROR_HEADER_MAX];
		size_t n = message.len < sizeof head ? message.len : sizeof head - 1;
		memcpy(head, message.p, n);
		head[n] = 0;
		http_add_header(rq, "X-Influxdb-Error", head);
	}
	http_respond(rq, status, "application/json", (struct view){ b.p, b.failed ? 0 : b.len });
	buf_fini(&b);
}

void http_fail(struct http_request *rq, int status, const char *code, const char *hint, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	http_fail_text(rq, status, code, hint, view_of(line));
}
