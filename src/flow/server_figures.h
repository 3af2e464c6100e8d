/* What an InfluxDB says of itself, under names of ours: /debug/vars of 1.x (JSON), /metrics of 2.x and 3.x (exposition).
 * Of each only a few are taken; server_figures.c has the tables. Any bytes are safe. */
#ifndef FLOW_SERVER_FIGURES_H
#define FLOW_SERVER_FIGURES_H

#include <stdbool.h>

#include "base/view.h"
#include "query/record.h"

enum server_figure {
	SERVER_UPTIME_S,
	SERVER_HEAP_BYTES,
	SERVER_MEMORY_BYTES,
	SERVER_GOROUTINES,
	SERVER_DISK_BYTES,
	SERVER_SERIES,
	SERVER_MEASUREMENTS,
	SERVER_POINTS_WRITTEN,
	SERVER_POINTS_FAILED,
	SERVER_POINTS_DROPPED,
	SERVER_WRITE_ERRORS,
	SERVER_WRITE_REQUESTS,
	SERVER_WRITE_REQUEST_BYTES,
	SERVER_WRITE_REQUEST_MS,
	SERVER_QUERIES,
	SERVER_QUERY_MS,
	SERVER_REQUESTS,
	SERVER_CLIENT_ERRORS,
	SERVER_SERVER_ERRORS,
	SERVER_FIGURES
};

struct server_figures {
	bool has[SERVER_FIGURES]; /* what the server does not say is not there */
	double value[SERVER_FIGURES]; /* added up over databases, shards, paths */
};

const char *server_figure_name(enum server_figure f); /* of the field */
bool server_figure_rises(enum server_figure f); /* a total since the server started */
bool server_figure_is_float(enum server_figure f);

/* False: the text is none of that API's, or broke off; nothing of it counts. */
bool server_figures_read(enum record_api api, struct view text, struct server_figures *out);

#endif
