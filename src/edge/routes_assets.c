#include <string.h>
#include <strings.h>

#include "edge/assets.h"
#include "edge/routes_internal.h"

static const struct asset *find(const char *path)
{
	if (!strcmp(path, "/"))
		path = "/index.html";
	for (const struct asset *a = assets; a < assets + assets_count; a++)
		if (!strcmp(a->path, path))
			return a;
	return NULL;
}

/* Whether the list holds word, and not with a weight of zero. */
static bool accepts(const char *list, const char *word)
{
	const char *at = list ? strcasestr(list, word) : NULL;

	if (!at)
		return false;
	at += strlen(word);
	const char *end = at + strcspn(at, ",");
	while (at < end && (*at == ' ' || *at == ';'))
		at++;
	if (strncasecmp(at, "q=", 2) != 0)
		return true;
	for (at += 2; at < end; at++)
		if (*at >= '1' && *at <= '9')
			return true;
	return false;
}

static void send(struct http_request *rq, const char *path)
{
	const struct asset *a = find(path);
	const char *have = http_header(rq, "If-None-Match");

	if (!a) {
		http_fail(rq, 404, "not_found", "GET / is the status page, docs/api.md lists the rest",
		    "there is no %.200s", http_path(rq));
		return;
	}
	bool packed = a->gz && accepts(http_header(rq, "Accept-Encoding"), "gzip");
	http_add_header(rq, "Cache-Control", "no-cache");
	http_add_header(rq, "ETag", a->etag);
	if (a->gz)
		http_add_header(rq, "Vary", "Accept-Encoding");
	if (have && (strstr(have, a->etag) || !strcmp(have, "*"))) {
		http_respond(rq, 304, NULL, (struct view){ "", 0 });
		return;
	}
	if (packed)
		http_add_header(rq, "Content-Encoding", "gzip");
	http_respond(rq, 200, a->mime,
	    packed ? (struct view){ (const char *)a->gz, a->gz_len }
		   : (struct view){ (const char *)a->raw, a->raw_len });
}

void routes_asset(struct http_request *rq, void *arg)
{
	(void)arg;
	send(rq, http_path(rq));
}

void routes_openapi(struct http_request *rq, void *arg)
{
	(void)arg;
	send(rq, "/openapi.json");
}
