/* Requests under way. All go through the one multi handle, so that single requests and several at once share its
 * connections. A half answer has no status: what counts is that curl calls the transfer complete. */
#include <strings.h>

#include "base/clock.h"
#include "edge/influx_part.h"

enum { CONNECT_MS = 1000, POLL_MS = 1000 };

/* ---- what comes back ---- */

/* Words above the ceiling: half of it is for how they begin, half for how they end. */
static void keep_ends(struct buf *b, struct view v)
{
	static const char cut[] = RECORD_CUT;
	size_t half = b->max / 2, room = b->max - b->len;

	if (v.len <= room) {
		buf_view(b, v);
		return;
	}
	buf_append(b, v.p, room);
	if (b->failed || b->len < b->max)
		return;
	v.p += room;
	v.len -= room;
	size_t tail = b->max - half - (sizeof cut - 1);
	char *end = b->p + half + sizeof cut - 1;
	memcpy(b->p + half, cut, sizeof cut - 1);
	if (v.len >= tail) {
		memcpy(end, v.p + v.len - tail, tail);
	} else {
		memmove(end, end + v.len, tail - v.len);
		memcpy(end + tail - v.len, v.p, v.len);
	}
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct influx_link *l = arg;
	struct influx *in = l->in;
	struct buf *b = &l->reply->body;
	size_t room = b->max - b->len;
	long status = 0;

	curl_easy_getinfo(l->curl, CURLINFO_RESPONSE_CODE, &status);
	in->has_begun = true;
	if (in->stream && status == 200) {
		in->enough = !in->stream->take(in->stream->arg, (struct view){ p, size * n });
		return in->enough ? CURL_WRITEFUNC_ERROR : size * n;
	}
	if (status == 200)
		buf_append(b, p, size * n < room ? size * n : room); /* the rest is read and left out */
	else
		keep_ends(b, (struct view){ p, size * n });
	return size * n;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	static const char name[] = "x-influxdb-version:";
	struct influx_link *l = arg;
	char *version = l->reply->server_version;
	size_t len = size * n, at = sizeof name - 1, k = 0;

	if (len <= at || strncasecmp(p, name, at))
		return len;
	for (; at < len && k + 1 < sizeof l->reply->server_version; at++)
		if (p[at] > ' ' && p[at] < 127)
			version[k++] = p[at];
	version[k] = 0;
	return len;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct influx *in = ((struct influx_link *)arg)->in;

	(void)a, (void)b, (void)c, (void)d;
	if (!in->stream)
		return 0;
	in->late = !in->has_begun && clock_mono_ns() - in->began_ns > in->stream->begin_ms * NS_PER_MS;
	in->enough = in->enough || (in->stream->is_wanted && !in->stream->is_wanted(in->stream->arg));
	return in->late || in->enough;
}

static size_t on_read(char *p, size_t size, size_t n, void *arg)
{
	struct view *body = &((struct influx_link *)arg)->body;
	size_t take = size * n < body->len ? size * n : body->len;

	if (take)
		memcpy(p, body->p, take);
	body->p += take;
	body->len -= take;
	return take;
}

/* curl sends again by itself what a kept connection has swallowed, up to five times, unless the body cannot be had again: a
 * point that ends the server would do so each time. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
	(void)arg, (void)offset, (void)origin;
	return CURL_SEEKFUNC_FAIL;
}

void influx_set_alone(struct influx_link *l, bool alone)
{
	curl_easy_setopt(l->curl, CURLOPT_FRESH_CONNECT, (long)alone);
	curl_easy_setopt(l->curl, CURLOPT_FORBID_REUSE, (long)alone);
}

void influx_set_callbacks(struct influx_link *l)
{
	curl_easy_setopt(l->curl, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(l->curl, CURLOPT_READDATA, l);
	curl_easy_setopt(l->curl, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(l->curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(l->curl, CURLOPT_WRITEDATA, l);
	curl_easy_setopt(l->curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(l->curl, CURLOPT_HEADERDATA, l);
	curl_easy_setopt(l->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(l->curl, CURLOPT_XFERINFODATA, l);
}

/* ---- one request ---- */

static void begin(struct influx_link *l, int64_t timeout_ms)
{
	struct record_reply *r = l->reply;

	l->error[0] = 0;
	r->status = 0;
	r->connected = r->reused = false;
	r->retry_after_ms = 0;
	r->took_ns = 0;
	r->error.text[0] = 0;
	r->server_version[0] = 0;
	buf_clear(&r->body);
	buf_char(&l->url, 0);
	if (l->url.failed) {
		errbuf_set(&r->error, ERR_TOOBIG, "the request's address is too long");
		return;
	}
	curl_easy_setopt(l->curl, CURLOPT_URL, l->url.p);
	curl_easy_setopt(l->curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	curl_easy_setopt(
	    l->curl, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms < CONNECT_MS ? (long)timeout_ms : (long)CONNECT_MS);
	l->busy = curl_multi_add_handle(l->in->multi, l->curl) == CURLM_OK;
	if (!l->busy)
		errbuf_set(&r->error, ERR_NOMEM, "out of memory");
}

/* Ended on a connection from before, without a byte of answer. */
static bool was_reused(CURL *curl, CURLcode code)
{
	long made = 0, got = 0;

	if (code == CURLE_SEND_FAIL_REWIND) /* curl has made a new one, and found that it must not */
		return true;
	if (code != CURLE_GOT_NOTHING && code != CURLE_RECV_ERROR && code != CURLE_SEND_ERROR)
		return false;
	curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &made);
	curl_easy_getinfo(curl, CURLINFO_HEADER_SIZE, &got);
	return made == 0 && got == 0;
}

static void end(struct influx_link *l, CURLcode code)
{
	struct influx_server *server = l->in->server;
	struct record_reply *r = l->reply;
	long status = 0;
	curl_off_t retry_after = 0, sent = 0, took_us = 0;

	curl_easy_getinfo(l->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(l->curl, CURLINFO_RETRY_AFTER, &retry_after);
	curl_easy_getinfo(l->curl, CURLINFO_SIZE_UPLOAD_T, &sent);
	curl_easy_getinfo(l->curl, CURLINFO_TOTAL_TIME_T, &took_us);
	r->took_ns = (int64_t)took_us * NS_PER_US;
	r->reused = was_reused(l->curl, code);
	r->connected = code == CURLE_OK || sent > 0 || code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR ||
	    r->reused;
	if (code == CURLE_OK) {
		r->status = (int)status;
		r->retry_after_ms = retry_after > 0 ? (int64_t)retry_after * 1000 : 0;
	} else {
		errbuf_set(&r->error, ERR_UNAVAILABLE, "%s",
		    r->reused	      ? "the server ended the connection without an answer"
			: l->error[0] ? l->error
				      : curl_easy_strerror(code));
	}
	if (r->status != 200 || !l->data) { /* a server or a proxy may show what it was sent */
		influx_server_scrub(server, r->body.p, r->body.len);
		influx_server_scrub(server, r->error.text, strlen(r->error.text));
	}
	if (r->status == 401 || r->status == 403)
		influx_server_unauthorized(server);
	/* away, or without the paths or keys of its API: it may be another one by now */
	bool left = l->in->stream && (l->in->enough || l->in->late); /* by us */
	bool away = code != CURLE_OK && !left;
	if (away || r->status == 401 || r->status == 404 || r->status == 405)
		influx_server_forget(server);
	if (!r->server_version[0] && !l->pings)
		influx_server_version(server, r->server_version);
	curl_multi_remove_handle(l->in->multi, l->curl);
	l->busy = false;
}

/* ---- all of them ---- */

static void take_finished(struct influx *in)
{
	const CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(in->multi, &left))) {
		char *private = NULL;
		CURLcode code = m->data.result; /* m is gone once the handle is removed */
		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private);
		end((struct influx_link *)(void *)private, code);
	}
}

enum err influx_perform(struct influx *in, unsigned n, int64_t timeout_ms)
{
	int running = 1;
	CURLMcode code = CURLM_OK;

	for (unsigned i = 0; i < n; i++)
		begin(&in->links[i], timeout_ms);
	while (running && code == CURLM_OK) { /* each request has its own end: the time-out */
		code = curl_multi_perform(in->multi, &running);
		take_finished(in);
		if (running && code == CURLM_OK)
			code = curl_multi_poll(in->multi, NULL, 0, POLL_MS, NULL);
	}
	enum err e = ERR_OK;
	for (unsigned i = 0; i < n; i++) {
		if (in->links[i].busy)
			end(&in->links[i], CURLE_OUT_OF_MEMORY);
		if (!in->links[i].reply->status)
			e = ERR_UNAVAILABLE;
	}
	return e;
}
