#include "cli/client.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

enum { CONNECT_MS = 3000, TIMEOUT_MS = 60000, SILENCE_S = 600 };
enum { HEADERS = 8 };
#define ANSWER_MAX ((size_t)256 << 20)

int complain(int exit_code, const char *fmt, ...)
{
	va_list ap;

	fputs("holdfast: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return exit_code;
}

enum err client_open(struct client *c, const char *url, struct errbuf *eb)
{
	c->url = url;
	c->stop = NULL;
	c->curl = curl_easy_init();
	return c->curl ? ERR_OK : errbuf_set(eb, ERR_NOMEM, "out of memory");
}

void client_close(struct client *c)
{
	curl_easy_cleanup(c->curl);
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct buf *b = arg;

	buf_append(b, p, size * n);
	return b->failed ? 0 : size * n;
}

/* "Name: value\r\n" into the field of that name. */
static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct client_answer *a = arg;
	const struct {
		const char *name;
		char *value;
		size_t room;
	} rows[HEADERS] = { { "X-Holdfast-Complete:", a->complete, sizeof a->complete },
		{ "X-Holdfast-Points:", a->points, sizeof a->points },
		{ "X-Holdfast-Reason:", a->reason, sizeof a->reason },
		{ "X-Holdfast-Source:", a->source, sizeof a->source }, { "X-Holdfast-Tier:", a->tier, sizeof a->tier },
		{ "X-Holdfast-Size:", a->size, sizeof a->size },
		{ "X-Holdfast-Refused:", a->refused, sizeof a->refused },
		{ "X-Holdfast-Refused-Lines:", a->refused_lines, sizeof a->refused_lines } };
	size_t len = size * n;

	for (size_t i = 0; i < HEADERS; i++) {
		size_t k = strlen(rows[i].name);
		if (len < k || strncasecmp(p, rows[i].name, k) != 0)
			continue;
		const char *value = p + k, *end = p + len;
		while (value < end && *value == ' ')
			value++;
		while (end > value && (end[-1] == '\r' || end[-1] == '\n'))
			end--;
		snprintf(rows[i].value, rows[i].room, "%.*s", (int)(end - value), value);
	}
	return len;
}

/* What both kinds of requests have in common. *url lives until the request is done. */
static enum err prepare(struct client *c, const char *path, struct client_answer *a, struct buf *url, struct errbuf *eb)
{
	*a = (struct client_answer){ 0 };
	buf_init(&a->body, ANSWER_MAX);
	buf_init(url, 64 << 10);
	buf_str(url, c->url);
	while (url->len && url->p[url->len - 1] == '/')
		url->len--;
	buf_str(url, path);
	buf_char(url, 0);
	if (url->failed)
		return errbuf_set(eb, ERR_TOOBIG, "the request's address is too long");
	curl_easy_reset(c->curl);
	curl_easy_setopt(c->curl, CURLOPT_URL, url->p);
	curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(c->curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c->curl, CURLOPT_HEADERDATA, a);
	curl_easy_setopt(c->curl, CURLOPT_USERAGENT, "holdfast/" HF_VERSION);
	return ERR_OK;
}

/* NULL: GET. What it returns lives until the request is done. */
static struct curl_slist *set_body(struct client *c, const struct view *body)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:");

	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
	if (body) {
		curl_easy_setopt(c->curl, CURLOPT_POST, 1L);
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len);
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body->p);
	}
	return headers;
}

static CURLcode perform(struct client *c, struct client_answer *a)
{
	long status = 0;
	curl_off_t retry = 0;
	CURLcode code = curl_easy_perform(c->curl);

	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(c->curl, CURLINFO_RETRY_AFTER, &retry);
	a->status = (int)status;
	a->retry_after_s = (int)retry;
	return code;
}

static enum err no_answer(const struct client *c, CURLcode code, struct errbuf *eb)
{
	return errbuf_set(eb, ERR_UNAVAILABLE,
	    "no answer from %s (%s); is holdfastd running? --url or HOLDFAST_URL names another", c->url,
	    curl_easy_strerror(code));
}

enum err client_ask(
    struct client *c, const char *path, const struct view *body, struct client_answer *a, struct errbuf *eb)
{
	struct buf url;
	enum err e = prepare(c, path, a, &url, eb);

	if (e == ERR_OK) {
		struct curl_slist *headers = set_body(c, body);
		curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
		curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, on_body);
		curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, &a->body);
		CURLcode code = perform(c, a);
		curl_slist_free_all(headers);
		if (code != CURLE_OK)
			e = no_answer(c, code, eb);
	}
	buf_fini(&url);
	return e;
}

static int on_progress(void *arg, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now)
{
	const struct client *c = arg;

	(void)total;
	(void)now;
	(void)up_total;
	(void)up_now;
	return *c->stop != 0;
}

struct stream {
	struct client *client;
	struct client_answer *answer;
	bool (*take)(void *arg, struct view piece);
	void *arg;
	bool stopped;
};

static size_t on_piece(char *p, size_t size, size_t n, void *arg)
{
	struct stream *s = arg;
	long status = 0;

	curl_easy_getinfo(s->client->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200)
		return on_body(p, size, n, &s->answer->body);
	s->stopped = !s->take(s->arg, (struct view){ p, size * n });
	return s->stopped ? 0 : size * n;
}

enum err client_stream(struct client *c, const char *path, const struct view *body,
    bool (*take)(void *arg, struct view piece), void *arg, struct client_answer *a, struct errbuf *eb)
{
	struct stream s = { c, a, take, arg, false };
	struct buf url;
	enum err e = prepare(c, path, a, &url, eb);

	if (e == ERR_OK) {
		struct curl_slist *headers = set_body(c, body);
		curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
		curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_S);
		curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, on_piece);
		curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, &s);
		if (c->stop) {
			curl_easy_setopt(c->curl, CURLOPT_NOPROGRESS, 0L);
			curl_easy_setopt(c->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
			curl_easy_setopt(c->curl, CURLOPT_XFERINFODATA, c);
		}
		CURLcode code = perform(c, a);
		curl_slist_free_all(headers);
		if (s.stopped)
			e = ERR_CLOSED;
		else if (code == CURLE_ABORTED_BY_CALLBACK)
			e = errbuf_set(eb, ERR_IO, "interrupted");
		else if (code != CURLE_OK && a->status == 200)
			e = errbuf_set(eb, ERR_IO, "the answer broke off (%s)", curl_easy_strerror(code));
		else if (code != CURLE_OK)
			e = no_answer(c, code, eb);
	}
	buf_fini(&url);
	return e;
}

int client_explain(const struct client *c, const struct client_answer *a, struct errbuf *eb)
{
	json_error_t why;
	json_t *root = a->body.len ? json_loadb(a->body.p, a->body.len, 0, &why) : NULL;
	const json_t *error = json_object_get(root, "error");
	const char *message = json_string_value(json_object_get(error, "message"));
	const char *hint = json_string_value(json_object_get(error, "hint"));
	int status;

	if (!message)
		message = json_string_value(error); /* as InfluxDB says it */
	status = message ? EXIT_BAD : EXIT_UNREACHABLE;
	if (message)
		errbuf_set(eb, ERR_INVALID, "%s%s%s", message, hint ? "; " : "", hint ? hint : "");
	else
		errbuf_set(eb, ERR_UNAVAILABLE, "%s answers HTTP %d; is it a Holdfast?", c->url, a->status);
	json_decref(root);
	return status;
}

int client_complain(const struct client *c, const struct client_answer *a)
{
	struct errbuf eb;
	int status = client_explain(c, a, &eb);

	return complain(status, "%s", eb.text);
}

void client_answer_fini(struct client_answer *a)
{
	buf_fini(&a->body);
}

json_t *client_get(struct client *c, const char *path, int *exit_code)
{
	struct client_answer a;
	struct errbuf eb;
	json_error_t why;
	json_t *root = NULL;

	*exit_code = EXIT_UNREACHABLE;
	if (client_ask(c, path, NULL, &a, &eb) != ERR_OK) {
		complain(0, "%s", eb.text);
		client_answer_fini(&a);
		return NULL;
	}
	root = json_loadb(a.body.p, a.body.len, 0, &why);
	*exit_code = EXIT_GOOD;
	if (a.status != 200 || !root) {
		*exit_code = client_complain(c, &a);
		json_decref(root);
		root = NULL;
	}
	client_answer_fini(&a);
	return root;
}

void client_add_escaped(struct buf *b, struct view v)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < v.len; i++) {
		unsigned char ch = (unsigned char)v.p[i];
		if (ch && ((ch >= '0' && ch <= '9') || ((ch | 32) >= 'a' && (ch | 32) <= 'z') || strchr("-._~", ch))) {
			buf_char(b, (char)ch);
		} else {
			buf_char(b, '%');
			buf_char(b, hex[ch >> 4]);
			buf_char(b, hex[ch & 15]);
		}
	}
}

void client_add_parameter(struct buf *path, const char *name, const char *value)
{
	if (!value)
		return;
	buf_char(path, path->len && memchr(path->p, '?', path->len) ? '&' : '?');
	buf_str(path, name);
	buf_char(path, '=');
	client_add_escaped(path, view_of(value));
}

void client_add_segment(struct buf *path, const char *segment)
{
	buf_char(path, '/');
	client_add_escaped(path, view_of(segment));
}
