#include "edge/influx.h"

#include <curl/curl.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"

enum { CONNECT_MS = 1000, GZIP_FROM = 1024, URL_MAX_BYTES = 64 << 10, FORM_MAX_BYTES = 8 << 20 };
#define BODY_MAX ((size_t)64 << 20)

struct influx {
	CURL *curl;
	char curl_error[CURL_ERROR_SIZE];
	struct curl_slist *plain, *gzipped, *form; /* request headers */
	struct libdeflate_compressor *gzip; /* NULL: the server is on this machine */
	struct buf url, packed, fields; /* fields: of a form */
	size_t base_len; /* of url: scheme, host, port */
	struct record_reply *reply;
	const struct record_stream *stream; /* the one at work, or NULL */
	int64_t began_ns; /* monotonic */
	bool has_begun, enough, late; /* of the stream */
};

/* ---- what comes back ---- */

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct influx *in = arg;
	struct buf *b = &in->reply->body;
	size_t room = b->max - b->len;
	long status = 0;

	if (in->stream) {
		curl_easy_getinfo(in->curl, CURLINFO_RESPONSE_CODE, &status);
		in->has_begun = true;
	}
	if (status == 200) {
		in->enough = !in->stream->take(in->stream->arg, (struct view){ p, size * n });
		return in->enough ? CURL_WRITEFUNC_ERROR : size * n;
	}
	buf_append(b, p, size * n < room ? size * n : room); /* the rest is read and left out */
	return size * n;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	static const char name[] = "x-influxdb-version:";
	struct influx *in = arg;
	size_t len = size * n, at = sizeof name - 1, k = 0;

	if (len <= at || strncasecmp(p, name, at))
		return len;
	for (; at < len && k + 1 < sizeof in->reply->server_version; at++)
		if (p[at] > ' ' && p[at] < 127)
			in->reply->server_version[k++] = p[at];
	in->reply->server_version[k] = 0;
	return len;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct influx *in = arg;

	(void)a, (void)b, (void)c, (void)d;
	if (!in->stream)
		return 0;
	in->late = !in->has_begun && clock_mono_ns() - in->began_ns > in->stream->begin_ms * NS_PER_MS;
	in->enough = in->enough || (in->stream->is_wanted && !in->stream->is_wanted(in->stream->arg));
	return in->late || in->enough;
}

/* ---- setting up ---- */

static bool is_loopback(const char *url)
{
	const char *host = strstr(url, "://");

	host = host ? host + 3 : url;
	return !strncmp(host, "127.", 4) || !strncmp(host, "localhost", 9) || !strncmp(host, "[::1]", 5);
}

static bool add_header(struct curl_slist **list, const char *header)
{
	struct curl_slist *more = curl_slist_append(*list, header);

	if (more)
		*list = more;
	return more;
}

static bool add_headers(struct influx *in, const struct influx_opts *opts)
{
	struct buf token;
	bool ok = true;

	buf_init(&token, 8192);
	if (opts->token && *opts->token) {
		buf_str(&token, "Authorization: Token ");
		buf_str(&token, opts->token);
		buf_char(&token, 0);
		ok = !token.failed && add_header(&in->plain, token.p) && add_header(&in->gzipped, token.p) &&
		    add_header(&in->form, token.p);
	}
	buf_fini(&token);
	/* no Expect: it would cost a round trip, or a second where the server does not know it */
	return ok && add_header(&in->form, "Expect:") && add_header(&in->plain, "Expect:") &&
	    add_header(&in->gzipped, "Expect:") && add_header(&in->plain, "Content-Type: text/plain; charset=utf-8") &&
	    add_header(&in->gzipped, "Content-Type: text/plain; charset=utf-8") &&
	    add_header(&in->gzipped, "Content-Encoding: gzip");
}

static void set_options(struct influx *in, const struct influx_opts *opts)
{
	CURL *c = in->curl;

	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, in->curl_error);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, in);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, in);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, in);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "holdfast/" HF_VERSION);
	if (is_loopback(opts->url))
		curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	if (opts->username && *opts->username && !(opts->token && *opts->token)) {
		curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(c, CURLOPT_USERNAME, opts->username);
		curl_easy_setopt(c, CURLOPT_PASSWORD, opts->password ? opts->password : "");
	}
}

enum err influx_open(struct influx **out, const struct influx_opts *opts, struct errbuf *eb)
{
	struct influx *in = calloc(1, sizeof *in);
	size_t n = strlen(opts->url);

	*out = NULL;
	if (!in)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	while (n && opts->url[n - 1] == '/')
		n--;
	buf_init(&in->url, URL_MAX_BYTES);
	buf_init(&in->packed, BODY_MAX);
	buf_init(&in->fields, FORM_MAX_BYTES);
	buf_append(&in->url, opts->url, n);
	in->base_len = n;
	in->curl = curl_easy_init();
	if (!is_loopback(opts->url))
		in->gzip = libdeflate_alloc_compressor(1);
	if (!in->curl || in->url.failed || !add_headers(in, opts)) {
		influx_close(in);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	set_options(in, opts);
	*out = in;
	return ERR_OK;
}

void influx_close(struct influx *in)
{
	if (!in)
		return;
	curl_easy_cleanup(in->curl);
	curl_slist_free_all(in->plain);
	curl_slist_free_all(in->gzipped);
	curl_slist_free_all(in->form);
	if (in->gzip)
		libdeflate_free_compressor(in->gzip);
	buf_fini(&in->url);
	buf_fini(&in->packed);
	buf_fini(&in->fields);
	free(in);
}

/* ---- requests ---- */

static void begin_url(struct influx *in, const char *path)
{
	in->url.failed = false;
	in->url.len = in->base_len;
	buf_str(&in->url, path);
}

/* Letters, digits and -._~ stand for themselves (RFC 3986). */
static void add_field(struct buf *b, const char *name, struct view value)
{
	static const char hex[] = "0123456789ABCDEF";

	buf_str(b, name);
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.p[i];
		if ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '-' || c == '.' ||
		    c == '_' || c == '~') {
			buf_char(b, (char)c);
		} else {
			buf_char(b, '%');
			buf_char(b, hex[c >> 4]);
			buf_char(b, hex[c & 15]);
		}
	}
}

static void add_parameter(struct influx *in, const char *name, struct view value)
{
	add_field(&in->url, name, value);
}

static enum err perform(struct influx *in, int64_t timeout_ms, struct record_reply *reply)
{
	long status = 0;
	curl_off_t retry_after = 0, sent = 0;

	buf_char(&in->url, 0);
	if (in->url.failed)
		return errbuf_set(&reply->error, ERR_TOOBIG, "the request's address is too long");
	in->reply = reply;
	in->curl_error[0] = 0;
	reply->status = 0;
	reply->connected = false;
	reply->retry_after_ms = 0;
	buf_clear(&reply->body);
	curl_easy_setopt(in->curl, CURLOPT_URL, in->url.p);
	curl_easy_setopt(in->curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	curl_easy_setopt(
	    in->curl, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms < CONNECT_MS ? (long)timeout_ms : (long)CONNECT_MS);
	CURLcode code = curl_easy_perform(in->curl);
	curl_easy_getinfo(in->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(in->curl, CURLINFO_RETRY_AFTER, &retry_after);
	curl_easy_getinfo(in->curl, CURLINFO_SIZE_UPLOAD_T, &sent);
	reply->connected = code == CURLE_OK || sent > 0 || code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR;
	if (code != CURLE_OK)
		return errbuf_set(&reply->error, ERR_UNAVAILABLE, "%s",
		    in->curl_error[0] ? in->curl_error : curl_easy_strerror(code));
	reply->status = (int)status;
	reply->retry_after_ms = retry_after > 0 ? (int64_t)retry_after * 1000 : 0;
	reply->error.text[0] = 0;
	return ERR_OK;
}

static void set_body(struct influx *in, struct view body)
{
	curl_easy_setopt(in->curl, CURLOPT_POST, 1L);
	curl_easy_setopt(in->curl, CURLOPT_HTTPHEADER, in->plain);
	if (in->gzip && body.len >= GZIP_FROM) {
		buf_clear(&in->packed);
		size_t bound = libdeflate_gzip_compress_bound(in->gzip, body.len);
		if (buf_reserve(&in->packed, bound)) {
			size_t n = libdeflate_gzip_compress(in->gzip, body.p, body.len, in->packed.p, in->packed.cap);
			if (n) {
				body = (struct view){ in->packed.p, n };
				curl_easy_setopt(in->curl, CURLOPT_HTTPHEADER, in->gzipped);
			}
		}
	}
	curl_easy_setopt(in->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
	curl_easy_setopt(in->curl, CURLOPT_POSTFIELDS, body.p);
}

static void set_get(struct influx *in)
{
	curl_easy_setopt(in->curl, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(in->curl, CURLOPT_HTTPHEADER, in->plain);
}

static enum err do_ping(void *ctx, int64_t timeout_ms, struct record_reply *reply)
{
	struct influx *in = ctx;

	begin_url(in, "/ping");
	set_get(in);
	return perform(in, timeout_ms, reply);
}

static enum err do_write(
    void *ctx, const char *database, struct view lines, int64_t timeout_ms, struct record_reply *reply)
{
	struct influx *in = ctx;

	begin_url(in, "/write?precision=ns");
	add_parameter(in, "&db=", view_of(database));
	set_body(in, lines);
	return perform(in, timeout_ms, reply);
}

static enum err do_query(
    void *ctx, const char *database, struct view influxql, bool post, int64_t timeout_ms, struct record_reply *reply)
{
	struct influx *in = ctx;

	begin_url(in, "/query?epoch=ns");
	add_parameter(in, "&db=", view_of(database));
	add_parameter(in, "&q=", influxql);
	if (post)
		set_body(in, (struct view){ "", 0 });
	else
		set_get(in);
	return perform(in, timeout_ms, reply);
}

static enum err do_stream(void *ctx, const struct record_stream *q, struct record_reply *reply)
{
	struct influx *in = ctx;

	begin_url(in, "/query?epoch=ns&chunked=true");
	buf_printf(&in->url, "&chunk_size=%u", q->chunk_size);
	add_parameter(in, "&db=", view_of(q->database));
	/* in the body: statements may be long, and addresses are cut off or logged on their way */
	buf_clear(&in->fields);
	add_field(&in->fields, "q=", q->influxql);
	if (in->fields.failed)
		return errbuf_set(&reply->error, ERR_IO, "the statement is too long to be sent");
	curl_easy_setopt(in->curl, CURLOPT_POST, 1L);
	curl_easy_setopt(in->curl, CURLOPT_HTTPHEADER, in->form);
	curl_easy_setopt(in->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)in->fields.len);
	curl_easy_setopt(in->curl, CURLOPT_POSTFIELDS, in->fields.p);
	in->stream = q;
	in->began_ns = clock_mono_ns();
	in->has_begun = in->enough = in->late = false;
	enum err e = perform(in, q->timeout_ms, reply);
	in->stream = NULL;
	if (e == ERR_UNAVAILABLE && in->enough)
		return errbuf_set(&reply->error, ERR_CLOSED, "the answer is not wanted any more");
	if (e == ERR_UNAVAILABLE && in->late)
		return errbuf_set(&reply->error, e, "no answer within %lld ms", (long long)q->begin_ms);
	return e;
}

const struct record_ops influx_ops = { .ping = do_ping, .write = do_write, .query = do_query, .stream = do_stream };
