/* Bound parameters: the values of $name in a statement, from the JSON object in the request's `params`.
 *
 * A value is a number, a string, true or false, or an object with one member that says what it stands for:
 * {"string": "x"}, {"regex": "x"}, {"identifier": "x"}, {"integer": 1}, {"float": 1}, {"number": 1}, {"duration": "1h"} or
 * {"duration": ns}. It takes the place of one token: it cannot smuggle in syntax. */
#ifndef QUERY_INFLUXQL_PARAMS_H
#define QUERY_INFLUXQL_PARAMS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "query/influxql/token.h"

struct iql_param {
	struct view name;
	enum iql_token_kind kind; /* TOK_PARAM: cannot be bound, and text says why */
	struct view text;
};

struct iql_params {
	struct iql_param *list;
	uint32_t count;
};

/* json may be empty: no parameters. ERR_INVALID with InfluxDB's words, to be sent with status 400. */
NODISCARD enum err iql_params_read(struct arena *a, struct view json, struct iql_params *out, struct errbuf *eb);
/* NULL if there is none of that name. */
const struct iql_param *iql_params_find(const struct iql_params *ps, struct view name);

#endif
