#include "cli/client.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>

enum { CONNECT_MS = 3000, TIMEOUT_MS = 60000 };
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

enum err client_ask(
    struct client *c, const char *path, const struct view *body, struct client_answer *a, struct errbuf *eb)
{
	struct buf url;
	long status = 0;
	curl_off_t retry = 0;

	*a = (struct client_answer){ 0 };
	buf_init(&a->body, ANSWER_MAX);
	buf_init(&url, 64 << 10);
	buf_str(&url, c->url);
	while (url.len && url.p[url.len - 1] == '/')
		url.len--;
	buf_str(&url, path);
	buf_char(&url, 0);
	if (url.failed) {
		buf_fini(&url);
		return errbuf_set(eb, ERR_TOOBIG, "the request's address is too long");
	}
	curl_easy_reset(c->curl);
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
	curl_easy_setopt(c->curl, CURLOPT_URL, url.p);
	curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, &a->body);
	curl_easy_setopt(c->curl, CURLOPT_USERAGENT, "holdfast/" HF_VERSION);
	if (body) {
		curl_easy_setopt(c->curl, CURLOPT_POST, 1L);
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len);
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body->p);
	}
	CURLcode code = curl_easy_perform(c->curl);
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(c->curl, CURLINFO_RETRY_AFTER, &retry);
	curl_slist_free_all(headers);
	buf_fini(&url);
	a->status = (int)status;
	a->retry_after_s = (int)retry;
	if (code == CURLE_OK)
		return ERR_OK;
	return errbuf_set(eb, ERR_UNAVAILABLE,
	    "no answer from %s (%s); is holdfastd running? --url or HOLDFAST_URL names another", c->url,
	    curl_easy_strerror(code));
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
	if (a.status != 200 || !root) {
		const json_t *error = json_object_get(root, "error");
		const char *message = json_string_value(json_object_get(error, "message"));
		const char *hint = json_string_value(json_object_get(error, "hint"));
		if (message)
			complain(0, "%s%s%s", message, hint ? "; " : "", hint ? hint : "");
		else
			complain(0, "%s answers HTTP %d; is it a Holdfast?", c->url, a.status);
		*exit_code = message ? EXIT_BAD : EXIT_UNREACHABLE;
		json_decref(root);
		root = NULL;
	}
	client_answer_fini(&a);
	return root;
}

static void escaped(struct buf *b, const char *s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *s; s++) {
		unsigned char ch = (unsigned char)*s;
		if ((ch >= '0' && ch <= '9') || ((ch | 32) >= 'a' && (ch | 32) <= 'z') || strchr("-._~", ch)) {
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
	escaped(path, value);
}

void client_add_segment(struct buf *path, const char *segment)
{
	buf_char(path, '/');
	escaped(path, segment);
}
