/* Servers that speak InfluxDB's HTTP interfaces, through libcurl: 1.x, 2.x, 3.x and whatever takes line protocol at
 * /write. Which one it is, is asked of /ping, remembered, and asked again after an outage, since it may have been
 * upgraded meanwhile. TLS is always verified. Passwords and tokens never show in an error, a log line or an answer. */
#ifndef EDGE_INFLUX_H
#define EDGE_INFLUX_H

#include "query/record.h"

struct influx_server; /* where it is, what it is and what opens it: shared by all connections; any thread */
struct influx; /* connections to it, kept alive; for one thread at a time */

struct influx_opts { /* copied; text may be NULL or "": none */
	const char *url; /* http://host:port, https://host:port, unix:/path/of.socket */
	enum record_api api; /* RECORD_API_AUTO: ask it */
	const char *org; /* of 2.x */
	const char *username, *password_file;
	const char *token_file, *token; /* token: from the environment, beats the file; both beat the user */
	const char *ca_file; /* instead of the system's authorities */
	const char *cert_file, *key_file; /* of the client */
	const char *proxy; /* http://host:port; else by the environment, as libcurl does. None for this machine */
};

/* ERR_INVALID: the url has no form it can use, a file cannot be used; eb says which key and what to do. */
NODISCARD enum err influx_check(const struct influx_opts *opts, struct errbuf *eb);
NODISCARD enum err influx_server_new(struct influx_server **out, const struct influx_opts *opts, struct errbuf *eb);
void influx_server_free(struct influx_server *s); /* after all its connections; NULL is fine */
/* Reads password and token again; done by itself after a 401. On failure the old ones stay. */
NODISCARD enum err influx_server_reload(struct influx_server *s, struct errbuf *eb);

NODISCARD enum err influx_open(struct influx **out, struct influx_server *server, struct errbuf *eb);
void influx_close(struct influx *in); /* NULL is fine */
/* made is called whenever make_place really made one over this connection. */
void influx_on_made(struct influx *in, void (*made)(void *arg, const char *database, int64_t retention_ns), void *arg);
extern const struct record_ops influx_ops; /* the context is a struct influx */

#endif
