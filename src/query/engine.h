/* The query engine's door: text of statements in, results out. Any thread, several at once. */
#ifndef QUERY_ENGINE_H
#define QUERY_ENGINE_H

#include "query/reader.h"
#include "query/result.h"

struct engine;

struct engine_opts { /* borrowed */
	struct local *local;
	struct catalogue *catalogue;
	struct record_access *record; /* NULL: there is none */
	int64_t retention_ns; /* of raw points; 0: for ever */
	size_t query_max_bytes; /* of memory for a statement; 0: 64 MiB */
	int64_t query_timeout_ms; /* of a request; 0: 60,000 */
	uint64_t query_max_rows, query_max_series, query_max_buckets; /* 0: no ceiling but memory and time */
	unsigned max_concurrent; /* requests at a time; 0: 8 */
	const char *version; /* for SHOW DIAGNOSTICS */
};

struct engine_request {
	struct view text, params; /* of `q` and `params` */
	struct view database, policy; /* may be empty */
	bool may_write; /* POST: statements that change something */
	enum read_policy policy_of_reads;
	bool (*is_wanted)(void *arg); /* false: the client has gone; or NULL */
	void *arg;
};

/* As statements run. */
struct engine_sink {
	struct result_sink rows; /* of the statement begun last */
	bool (*begin)(void *arg, uint32_t statement); /* numbered from 0 */
	/* error: its words, or NULL. message: InfluxDB's "messages" of level "warning", or NULL */
	bool (*end)(void *arg, const struct result_report *report, const char *error, const char *message);
	void *arg;
};

NODISCARD enum err engine_new(struct engine **out, const struct engine_opts *opts, struct errbuf *eb);
void engine_free(struct engine *e); /* NULL is fine */
/* ERR_INVALID: the text is no InfluxQL (status 400, eb has the words); nothing was pushed. Errors of a statement go to end, and
 * the request goes on or ends as InfluxDB's does. ERR_TOOBIG, ERR_NOMEM: as ERR_INVALID, for a text too long or deep, or no
 * memory. ERR_FULL: max_concurrent requests run; nothing was done. ERR_CLOSED: the client has gone. */
NODISCARD enum err engine_run(
    struct engine *e, const struct engine_request *rq, const struct engine_sink *sink, struct errbuf *eb);

#endif
