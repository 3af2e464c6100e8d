/* The HTTP interface over a whole store (support/stand.h) on a port of its own, with a replicator and collectors whose
 * figures the test sets, and reads from the local store. */
#ifndef TESTS_SUPPORT_EDGE_STAND_H
#define TESTS_SUPPORT_EDGE_STAND_H

#include <jansson.h>

#include "edge/routes.h"
#include "support/client.h"
#include "support/stand.h"

struct edge_stand {
	struct stand stand;
	struct services services;
	struct http *http;
	struct engine *engine;
	uint16_t port;
};

/* What the fakes answer. */
extern struct replicator_stats edge_stand_replicator, edge_stand_mirror; /* the mirror: where there is a record */
extern bool edge_stand_has_mirror;
extern char edge_stand_asked[256]; /* "pause influxdb;retry mirror:far;": what was done to them */
extern struct collect_stats edge_stand_collect;
extern enum err edge_stand_read_error; /* of every read, if not ERR_OK */

void edge_stand_open(struct edge_stand *e, const struct stand_opts *opts, bool record, bool collect);
void edge_stand_close(struct edge_stand *e);

/* GET, a status and JSON expected. The caller decrefs. */
json_t *edge_stand_get(struct edge_stand *e, const char *target, int status);
/* By a path like "spool.bytes" or "gaps.0.points"; aborts the test where there is none. */
json_t *edge_stand_at(json_t *root, const char *path);
/* What is there. A text: "(no text)" if it is none; a number: NAN if it is null; an array of numbers: "1 null 2.5", good until
 * the next call. */
const char *edge_stand_text(json_t *root, const char *path);
double edge_stand_figure(json_t *root, const char *path);
const char *edge_stand_list(json_t *root, const char *path);

#endif
