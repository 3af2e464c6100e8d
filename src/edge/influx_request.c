/* What each API is asked:
 *
 *	        write                                                           queries    figures      scheme
 *	1.x     POST /write?db=&precision=ns                                    /query     /debug/vars  Token, Basic
 *	2.x     POST /api/v2/write?org=&bucket=&precision=ns                    /query     /metrics     Token, Basic
 *	3.x     POST /api/v3/write_lp?db=&precision=nanosecond&accept_partial=true
 *	                                                                        /query     /metrics     Bearer, Basic
 *	lines   POST /write?db=&precision=ns                                    /query     /metrics     Token, Basic
 *
 * 2.x answers /query for a database only where a DBRP mapping leads to a bucket. A ping that is answered without a
 * version, or with 404, comes from something that takes lines. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "edge/influx_part.h"
#include "wire/json_read.h"
#include "wire/json_write.h"

enum { GZIP_FROM = 1024, PING_MS = 2000, REFUSAL_MAX = 4096 };

/* ---- parts of a request ---- */

void influx_begin_url(struct influx_link *l, const char *path)
{
	buf_clear(&l->url);
	buf_str(&l->url, influx_server_site(l->in->server)->base);
	buf_str(&l->url, path);
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

void influx_add_parameter(struct influx_link *l, const char *name, struct view value)
{
	add_field(&l->url, name, value);
}

static void set_body(struct influx_link *l, enum influx_headers headers, struct view body)
{
	curl_easy_setopt(l->curl, CURLOPT_POST, 1L);
	curl_easy_setopt(l->curl, CURLOPT_CUSTOMREQUEST, NULL);
	curl_easy_setopt(l->curl, CURLOPT_HTTPHEADER, l->in->headers[headers]);
	curl_easy_setopt(l->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
	l->body = body;
}

void influx_set_text(struct influx_link *l, struct view body)
{
	struct libdeflate_compressor *gzip = l->in->gzip;

	if (gzip && body.len >= GZIP_FROM) {
		buf_clear(&l->packed);
		if (buf_reserve(&l->packed, libdeflate_gzip_compress_bound(gzip, body.len)))
			l->packed.len = libdeflate_gzip_compress(gzip, body.p, body.len, l->packed.p, l->packed.cap);
		if (l->packed.len) {
			set_body(l, INFLUX_GZIPPED, (struct view){ l->packed.p, l->packed.len });
			return;
		}
	}
	set_body(l, INFLUX_PLAIN, body);
}

void influx_set_get(struct influx_link *l)
{
	curl_easy_setopt(l->curl, CURLOPT_CUSTOMREQUEST, NULL);
	curl_easy_setopt(l->curl, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(l->curl, CURLOPT_HTTPHEADER, l->in->headers[INFLUX_PLAIN]);
}

void influx_set_fields(struct influx_link *l, enum influx_headers headers, const char *method)
{
	set_body(l, headers, (struct view){ l->in->fields.p, l->in->fields.len });
	if (strcmp(method, "POST") != 0)
		curl_easy_setopt(l->curl, CURLOPT_CUSTOMREQUEST, method);
}

/* ---- which API ---- */

/* {"version":"3.0.1","revision":"…"} */
static void version_of_body(struct record_reply *reply)
{
	struct json_in in;
	struct buf text;

	json_in_init(&in, (struct view){ reply->body.p ? reply->body.p : "", reply->body.len });
	buf_init(&text, 4096);
	if (json_enter(&in, '{'))
		while (json_more(&in, '}') && json_key(&in, &text)) {
			bool version = view_is((struct view){ text.p, text.len }, "version");
			if (!version || json_peek(&in) != '"') {
				if (!json_skip(&in))
					break;
				continue;
			}
			size_t n = json_string(&in, &text) ? text.len : 0, k = 0;
			for (size_t i = 0; i < n && k + 1 < sizeof reply->server_version; i++)
				if (text.p[i] > ' ' && text.p[i] < 127)
					reply->server_version[k++] = text.p[i];
			reply->server_version[k] = 0;
			break;
		}
	buf_fini(&text);
}

static enum record_api api_of(const struct record_reply *reply)
{
	const char *digits = reply->server_version + strcspn(reply->server_version, "0123456789");
	long major = strtol(digits, NULL, 10);

	if (reply->status == 404 || reply->status == 405 || !reply->server_version[0])
		return RECORD_API_LINES;
	return major >= 3 ? RECORD_API_3 : major == 2 ? RECORD_API_2 : RECORD_API_1;
}

static enum err do_ping(void *ctx, int64_t timeout_ms, struct record_reply *reply)
{
	struct influx *in = ctx;
	struct influx_link *l = influx_link(in, 0, influx_server_api(in->server), reply);

	if (!l)
		return ERR_UNAVAILABLE;
	influx_begin_url(l, "/ping");
	influx_set_get(l);
	l->pings = true;
	enum err e = influx_perform(in, 1, timeout_ms);
	bool answered = (reply->status >= 200 && reply->status <= 299) || reply->status == 404 || reply->status == 405;
	if (answered) {
		if (!reply->server_version[0])
			version_of_body(reply);
		influx_server_found(in->server, api_of(reply), reply->server_version);
	}
	reply->api = influx_server_api(in->server);
	return e;
}

enum err influx_find_api(struct influx *in, int64_t timeout_ms, enum record_api *out, struct record_reply *reply)
{
	*out = influx_server_api(in->server);
	if (*out != RECORD_API_AUTO)
		return ERR_OK;
	enum err e = do_ping(in, timeout_ms < PING_MS ? timeout_ms : PING_MS, reply);
	*out = reply->api;
	if (*out != RECORD_API_AUTO)
		return ERR_OK;
	return e == ERR_OK ? ERR_INVALID : e; /* what it answered is the answer to what was to be asked */
}

/* ---- writes ---- */

static const struct form {
	const char *path, *database, *end;
	bool org;
} writes_of[] = {
	[RECORD_API_1] = { "/write?", "db=", "&precision=ns", false },
	[RECORD_API_2] = { "/api/v2/write?", "&bucket=", "&precision=ns", true },
	[RECORD_API_3] = { "/api/v3/write_lp?", "db=", "&precision=nanosecond&accept_partial=true", false },
	[RECORD_API_LINES] = { "/write?", "db=", "&precision=ns", false },
};

static enum err check_org(struct influx *in, enum record_api api, struct record_reply *reply)
{
	if (api == RECORD_API_2 && !*influx_server_site(in->server)->org)
		return errbuf_set(&reply->error, ERR_UNAVAILABLE,
		    "this is InfluxDB 2.x, which needs [influxdb] org, the organisation of the bucket");
	return ERR_OK;
}

static enum err begin_write(
    struct influx *in, unsigned i, enum record_api api, const struct record_write *w, struct record_reply *reply)
{
	const struct form *f = &writes_of[api];
	struct influx_link *l = influx_link(in, i, api, reply);

	if (!l)
		return ERR_UNAVAILABLE;
	enum err e = check_org(in, api, reply);
	influx_begin_url(l, f->path);
	if (f->org)
		influx_add_parameter(l, "org=", view_of(influx_server_site(in->server)->org));
	influx_add_parameter(l, f->database, view_of(w->database));
	buf_str(&l->url, f->end);
	influx_set_text(l, w->lines);
	influx_set_alone(l, w->alone);
	return e;
}

/* No request was made: each reply says what the first does. */
static enum err fail_all(struct record_reply *replies, unsigned n, enum err e)
{
	for (unsigned i = 1; i < n; i++) {
		struct buf body = replies[i].body;
		struct view words = { replies[0].body.p, replies[0].body.len };
		replies[i] = replies[0];
		replies[i].body = body;
		buf_clear(&replies[i].body);
		if (words.len && words.len <= body.max)
			buf_view(&replies[i].body, words);
	}
	return e;
}

static enum err do_write_many(
    void *ctx, const struct record_write *writes, unsigned n, int64_t timeout_ms, struct record_reply *replies)
{
	struct influx *in = ctx;
	int64_t began_ns = clock_mono_ns();
	enum record_api api;
	enum err e = influx_find_api(in, timeout_ms, &api, &replies[0]);

	if (e != ERR_OK)
		return fail_all(replies, n, e == ERR_INVALID ? ERR_OK : e);
	for (unsigned i = 0; e == ERR_OK && i < n; i++)
		if ((e = begin_write(in, i, api, &writes[i], &replies[i])) != ERR_OK && i) {
			replies[0].status = 0;
			replies[0].connected = false;
			replies[0].error = replies[i].error;
		}
	if (e != ERR_OK)
		return fail_all(replies, n, e);
	int64_t left_ms = timeout_ms - (clock_mono_ns() - began_ns) / NS_PER_MS;
	return influx_perform(in, n, left_ms > 1 ? left_ms : 1);
}

static enum err do_write(
    void *ctx, const char *database, struct view lines, int64_t timeout_ms, struct record_reply *reply)
{
	struct record_write w = { database, lines, false };

	return do_write_many(ctx, &w, 1, timeout_ms, reply);
}

/* ---- queries ---- */

/* The text of the member of that name, wherever it stands first; any bytes are safe. */
static bool find_text(const struct record_reply *reply, const char *member, struct buf *out)
{
	char name[32];
	struct json_in in;
	int n = snprintf(name, sizeof name, "\"%s\":", member);
	const char *at = reply->body.len ? memmem(reply->body.p, reply->body.len, name, (size_t)n) : NULL;

	if (!at)
		return false;
	at += n;
	json_in_init(&in, (struct view){ at, (size_t)(reply->body.p + reply->body.len - at) });
	return json_peek(&in) == '"' && json_string(&in, out);
}

/* What 2.x refuses, {"code":"not found","message":"…"} or a result that is an error, as 1.x would say it: {"error":"…"},
 * with what to do about a mapping that is missing. */
static void translate_refusal(struct record_reply *reply, const char *database)
{
	struct buf text;

	if (!reply->status || reply->body.len > REFUSAL_MAX)
		return;
	buf_init(&text, 2 * REFUSAL_MAX);
	if (reply->status >= 400
		? find_text(reply, "message", &text)
		: find_text(reply, "error", &text) && memmem(text.p, text.len, "database not found", 18)) {
		if (memmem(text.p, text.len, "not found", 9))
			buf_printf(&text,
			    "; InfluxDB 2.x answers InfluxQL for a database only where a mapping leads to its bucket: "
			    "influx v1 dbrp create --default --rp autogen --db %s --bucket-id ID",
			    database);
		buf_clear(&reply->body);
		json_open(&reply->body, NULL, '{');
		json_put_text(&reply->body, "error", (struct view){ text.p, text.len });
		json_close(&reply->body, '}');
	}
	buf_fini(&text);
}

enum err influx_query(struct influx *in, const char *database, struct view influxql, bool post, int64_t timeout_ms,
    struct record_reply *reply)
{
	int64_t began_ns = clock_mono_ns();
	enum record_api api;
	enum err e = influx_find_api(in, timeout_ms, &api, reply);

	if (e != ERR_OK)
		return e == ERR_INVALID ? ERR_OK : e;
	struct influx_link *l = influx_link(in, 0, api, reply);
	if (!l)
		return ERR_UNAVAILABLE;
	influx_begin_url(l, "/query?epoch=ns");
	l->data = true;
	influx_add_parameter(l, "&db=", view_of(database));
	influx_add_parameter(l, "&q=", influxql);
	if (post)
		influx_set_text(l, (struct view){ "", 0 });
	else
		influx_set_get(l);
	int64_t left_ms = timeout_ms - (clock_mono_ns() - began_ns) / NS_PER_MS;
	e = influx_perform(in, 1, left_ms > 1 ? left_ms : 1);
	if (api == RECORD_API_2)
		translate_refusal(reply, database);
	return e;
}

static enum err do_query(
    void *ctx, const char *database, struct view influxql, bool post, int64_t timeout_ms, struct record_reply *reply)
{
	return influx_query(ctx, database, influxql, post, timeout_ms, reply);
}

static enum err do_stream(void *ctx, const struct record_stream *q, struct record_reply *reply)
{
	struct influx *in = ctx;
	enum record_api api;
	enum err e = influx_find_api(in, q->begin_ms, &api, reply);

	if (e != ERR_OK)
		return e == ERR_INVALID ? ERR_OK : e;
	struct influx_link *l = influx_link(in, 0, api, reply);
	if (!l)
		return ERR_UNAVAILABLE;
	l->data = true;
	influx_begin_url(l, "/query?epoch=ns&chunked=true");
	buf_printf(&l->url, "&chunk_size=%u", q->chunk_size);
	influx_add_parameter(l, "&db=", view_of(q->database));
	/* in the body: statements may be long, and addresses are cut off or logged on their way */
	buf_clear(&in->fields);
	add_field(&in->fields, "q=", q->influxql);
	if (in->fields.failed)
		return errbuf_set(&reply->error, ERR_IO, "the statement is too long to be sent");
	influx_set_fields(l, INFLUX_FORM, "POST");
	in->stream = q;
	in->began_ns = clock_mono_ns();
	in->has_begun = in->enough = in->late = false;
	e = influx_perform(in, 1, q->timeout_ms);
	in->stream = NULL;
	if (e == ERR_UNAVAILABLE && in->enough)
		return errbuf_set(&reply->error, ERR_CLOSED, "the answer is not wanted any more");
	if (e == ERR_UNAVAILABLE && in->late)
		return errbuf_set(&reply->error, e, "no answer within %lld ms", (long long)q->begin_ms);
	if (api == RECORD_API_2)
		translate_refusal(reply, q->database);
	return e;
}

/* ---- figures ---- */

static enum err do_figures(void *ctx, int64_t timeout_ms, struct record_reply *reply)
{
	struct influx *in = ctx;
	enum record_api api;
	enum err e = influx_find_api(in, timeout_ms, &api, reply);

	if (e != ERR_OK)
		return e == ERR_INVALID ? ERR_OK : e;
	struct influx_link *l = influx_link(in, 0, api, reply);
	if (!l)
		return ERR_UNAVAILABLE;
	influx_begin_url(l, api == RECORD_API_1 ? "/debug/vars" : "/metrics");
	influx_set_get(l);
	return influx_perform(in, 1, timeout_ms);
}

const struct record_ops influx_ops = {
	.ping = do_ping,
	.write = do_write,
	.query = do_query,
	.stream = do_stream,
	.write_many = do_write_many,
	.find_place = influx_find_place,
	.make_place = influx_make_place,
	.set_retention = influx_set_retention,
	.figures = do_figures,
};
