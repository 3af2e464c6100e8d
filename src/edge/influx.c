#include "edge/influx.h"

#include <stdlib.h>

#include "edge/influx_part.h"

enum { HEADER_MAX = 16 << 10 };

/* ---- headers ---- */

static bool add_header(struct curl_slist **list, const char *header)
{
	struct curl_slist *more = curl_slist_append(*list, header);

	if (more)
		*list = more;
	return more;
}

/* Secrets are wiped with them. */
static void free_headers(struct influx *in)
{
	for (unsigned i = 0; i < INFLUX_HEADERS; i++) {
		for (struct curl_slist *h = in->headers[i]; h; h = h->next)
			explicit_bzero(h->data, strlen(h->data));
		curl_slist_free_all(in->headers[i]);
		in->headers[i] = NULL;
	}
}

static bool make_headers(struct influx *in, bool bearer)
{
	static const char *const text = "Content-Type: text/plain; charset=utf-8";
	struct buf authorization;
	bool ok = true;

	free_headers(in);
	buf_init(&authorization, HEADER_MAX);
	influx_server_authorization(in->server, bearer, &authorization, &in->headers_generation);
	in->headers_bearer = bearer;
	bool any = authorization.len;
	buf_char(&authorization, 0);
	for (unsigned i = 0; ok && i < INFLUX_HEADERS; i++) {
		/* no Expect: it would cost a round trip, or a second where the server does not know it */
		ok = add_header(&in->headers[i], "Expect:") && !authorization.failed &&
		    (!any || add_header(&in->headers[i], authorization.p));
	}
	if (authorization.p)
		explicit_bzero(authorization.p, authorization.cap);
	buf_fini(&authorization);
	return ok && add_header(&in->headers[INFLUX_PLAIN], text) && add_header(&in->headers[INFLUX_GZIPPED], text) &&
	    add_header(&in->headers[INFLUX_GZIPPED], "Content-Encoding: gzip") &&
	    add_header(&in->headers[INFLUX_JSON], "Content-Type: application/json");
}

/* ---- connections ---- */

static void set_tls(CURL *c, const struct influx_site *site)
{
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (*site->ca_file) { /* this one alone, not the system's beside it */
		curl_easy_setopt(c, CURLOPT_CAINFO, site->ca_file);
		curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	}
	if (*site->cert_file)
		curl_easy_setopt(c, CURLOPT_SSLCERT, site->cert_file);
	if (*site->key_file)
		curl_easy_setopt(c, CURLOPT_SSLKEY, site->key_file);
}

static void set_options(struct influx_link *l, const struct influx_site *site)
{
	CURL *c = l->curl;

	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(
	    c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1); /* a connection each for several at once */
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, l->error);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_PRIVATE, l);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "holdfast/" HF_VERSION);
	set_tls(c, site);
	if (*site->socket)
		curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, site->socket);
	if (site->loopback)
		curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	else if (*site->proxy)
		curl_easy_setopt(c, CURLOPT_PROXY, site->proxy);
	influx_set_callbacks(l);
}

static bool open_link(struct influx *in, struct influx_link *l)
{
	const struct influx_site *site = influx_server_site(in->server);

	l->in = in;
	buf_init(&l->url, INFLUX_URL_MAX);
	buf_init(&l->packed, INFLUX_BODY_MAX);
	l->curl = curl_easy_init();
	if (l->curl)
		set_options(l, site);
	return l->curl;
}

static void close_link(struct influx_link *l)
{
	if (!l->in)
		return;
	curl_easy_cleanup(l->curl);
	buf_fini(&l->url);
	buf_fini(&l->packed);
	*l = (struct influx_link){ 0 };
}

bool influx_ready(struct influx *in, unsigned i, enum record_api api)
{
	struct influx_link *l = &in->links[i];
	bool bearer = api == RECORD_API_3, ok = true;

	if (!l->curl) {
		close_link(l);
		ok = open_link(in, l);
	}
	if (in->headers_bearer != bearer || in->headers_generation != influx_server_generation(in->server)) {
		ok = ok && make_headers(in, bearer);
		in->headers_generation = ok ? in->headers_generation : 0;
	}
	return ok;
}

struct influx_link *influx_link(struct influx *in, unsigned i, enum record_api api, struct record_reply *reply)
{
	struct influx_link *l = &in->links[i];

	reply->status = 0;
	reply->connected = reply->reused = false;
	reply->api = api;
	buf_clear(&reply->body);
	if (!influx_ready(in, i, api)) {
		errbuf_set(&reply->error, ERR_NOMEM, "out of memory");
		return NULL;
	}
	influx_set_alone(l, false);
	l->pings = l->data = false;
	l->reply = reply;
	return l;
}

enum err influx_open(struct influx **out, struct influx_server *server, struct errbuf *eb)
{
	struct influx *in = calloc(1, sizeof *in);

	*out = NULL;
	if (!in)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	in->server = server;
	buf_init(&in->fields, INFLUX_FORM_MAX);
	in->multi = curl_multi_init();
	bool packs = !influx_server_site(server)->loopback;
	if (packs)
		in->gzip = libdeflate_alloc_compressor(1);
	if (!in->multi || (packs && !in->gzip) || !influx_ready(in, 0, influx_server_api(server))) {
		influx_close(in);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	curl_multi_setopt(in->multi, CURLMOPT_MAXCONNECTS, (long)RECORD_WRITES_MAX);
	*out = in;
	return ERR_OK;
}

void influx_on_made(struct influx *in, void (*made)(void *arg, const char *database, int64_t retention_ns), void *arg)
{
	in->made = made;
	in->made_arg = arg;
}

void influx_close(struct influx *in)
{
	if (!in)
		return;
	for (unsigned i = 0; i < RECORD_WRITES_MAX; i++)
		close_link(&in->links[i]);
	curl_multi_cleanup(in->multi);
	free_headers(in);
	if (in->gzip)
		libdeflate_free_compressor(in->gzip);
	buf_fini(&in->fields);
	free(in);
}
