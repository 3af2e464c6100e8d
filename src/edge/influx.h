/* The record over HTTP: InfluxDB 1.x (and what speaks its API) through libcurl. Passwords and tokens never show in an
 * error or a log line. A client belongs to one thread at a time; it keeps its connection. */
#ifndef EDGE_INFLUX_H
#define EDGE_INFLUX_H

#include "query/record.h"

struct influx;

struct influx_opts {
	const char *url; /* http://host:port, no path needed */
	const char *username, *password; /* NULL or "": none */
	const char *token; /* NULL or "": none; beats user and password */
};

NODISCARD enum err influx_open(struct influx **out, const struct influx_opts *opts, struct errbuf *eb);
void influx_close(struct influx *in); /* NULL is fine */
extern const struct record_ops influx_ops; /* the context is a struct influx */

#endif
