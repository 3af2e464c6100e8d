/* holdfast query resources and performance: the REST API's figures as tables. One thread. */
#ifndef CLI_QUERY_METRICS_H
#define CLI_QUERY_METRICS_H

#include "cli/client.h"

enum metrics_format { METRICS_TABLE, METRICS_CSV, METRICS_JSON };

struct metrics_opts { /* NULL: not given */
	const char *from, *to, *step, *host, *service, *percentiles;
	enum metrics_format format;
};

/* names: resources, or at most one service. */
int query_resources(struct client *c, const struct metrics_opts *o, unsigned count, char **names);
int query_performance(struct client *c, const struct metrics_opts *o, unsigned count, char **names);

#endif
