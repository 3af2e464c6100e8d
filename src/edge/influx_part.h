/* What the files of the client share.
 *
 *	influx_server.c    what all connections share: options, secrets, which API it is
 *	influx.c           connections and their options, headers
 *	influx_transfer.c  requests under way, what comes back
 *	influx_request.c   the requests of each API
 *	influx_place.c     databases and buckets, how long they keep points */
#ifndef EDGE_INFLUX_PART_H
#define EDGE_INFLUX_PART_H

#include <curl/curl.h>
#include <libdeflate.h>

#include "edge/influx.h"

/* ---- the server; any thread ---- */

struct influx_site { /* constant after influx_server_new */
	char *base; /* scheme, host, port and path, without a slash at its end */
	char *socket; /* "": none */
	bool loopback; /* this machine: no proxy, no gzip */
	enum record_api fixed; /* RECORD_API_AUTO: to be found out */
	char *org, *username, *password_file, *token_file, *env_token, *ca_file, *cert_file, *key_file, *proxy;
};

const struct influx_site *influx_server_site(const struct influx_server *s);
enum record_api influx_server_api(struct influx_server *s);
/* What a ping that was answered says. version may be "". */
void influx_server_found(struct influx_server *s, enum record_api api, const char *version);
void influx_server_forget(struct influx_server *s); /* it was away, or is another one: ask again */
void influx_server_version(struct influx_server *s, char out[32]);
/* Appends the header that lets us in, or nothing. *generation changes when it would be another one. */
void influx_server_authorization(struct influx_server *s, bool bearer, struct buf *out, uint64_t *generation);
uint64_t influx_server_generation(struct influx_server *s);
void influx_server_unauthorized(struct influx_server *s); /* a 401: perhaps the files have changed */
/* Overwrites each secret in the text by asterisks. */
void influx_server_scrub(struct influx_server *s, char *text, size_t len);

/* ---- connections ---- */

enum { INFLUX_BODY_MAX = 64 << 20, INFLUX_URL_MAX = 64 << 10, INFLUX_FORM_MAX = 8 << 20 };

struct influx_link { /* a request and its answer */
	struct influx *in;
	CURL *curl;
	char error[CURL_ERROR_SIZE];
	struct buf url, packed;
	struct view body; /* what is left of it to be sent */
	struct record_reply *reply;
	bool pings; /* the version is what this answer says, not what is remembered */
	bool data; /* a 200 of it is data, not words */
	bool busy;
};

enum influx_headers { INFLUX_PLAIN, INFLUX_GZIPPED, INFLUX_FORM, INFLUX_JSON, INFLUX_HEADERS };

struct influx {
	struct influx_server *server;
	CURLM *multi; /* holds the connections */
	struct influx_link links[RECORD_WRITES_MAX]; /* made when needed; most requests use the first */
	struct curl_slist *headers[INFLUX_HEADERS];
	bool headers_bearer;
	uint64_t headers_generation;
	struct libdeflate_compressor *gzip; /* NULL: the server is on this machine */
	struct buf fields; /* the body of a form or of JSON */
	void (*made)(void *arg, const char *database, int64_t retention_ns); /* or NULL */
	void *made_arg;
	const struct record_stream *stream; /* the one at work, or NULL */
	int64_t began_ns; /* monotonic */
	bool has_begun, enough, late; /* of the stream */
};

/* The i-th link, ready for a request to an API whose answer goes to reply; NULL: out of memory, as reply says. */
struct influx_link *influx_link(struct influx *in, unsigned i, enum record_api api, struct record_reply *reply);
bool influx_ready(struct influx *in, unsigned i, enum record_api api); /* the same, before there is a request */
void influx_set_callbacks(struct influx_link *l);
void influx_set_alone(struct influx_link *l, bool alone); /* a connection of its own for this request, or any */
/* Sends what the first n links hold, all at once, and waits for all. ERR_OK if each got an answer. */
enum err influx_perform(struct influx *in, unsigned n, int64_t timeout_ms);
/* The API to ask by; pings if nobody has yet. On failure reply has the ping's answer. */
NODISCARD enum err influx_find_api(
    struct influx *in, int64_t timeout_ms, enum record_api *out, struct record_reply *reply);

/* Building a request. */
void influx_begin_url(struct influx_link *l, const char *path);
void influx_add_parameter(struct influx_link *l, const char *name, struct view value); /* name: "&db=" */
void influx_set_get(struct influx_link *l);
void influx_set_text(struct influx_link *l, struct view body); /* POST, gzip where it pays */
/* POST, PUT or PATCH of in->fields. */
void influx_set_fields(struct influx_link *l, enum influx_headers headers, const char *method);
enum err influx_query(struct influx *in, const char *database, struct view influxql, bool post, int64_t timeout_ms,
    struct record_reply *reply);

enum err influx_find_place(
    void *ctx, const char *database, struct record_place *out, int64_t timeout_ms, struct record_reply *reply);
enum err influx_make_place(
    void *ctx, const char *database, int64_t retention_ns, int64_t timeout_ms, struct record_reply *reply);
enum err influx_set_retention(
    void *ctx, const struct record_place *place, int64_t retention_ns, int64_t timeout_ms, struct record_reply *reply);

#endif
