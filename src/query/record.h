/* What Holdfast needs of the record (InfluxDB); the HTTP client that provides it lives above, in edge/. Each context
 * is for one thread at a time. */
#ifndef QUERY_RECORD_H
#define QUERY_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct record_reply {
	int status; /* HTTP status; 0: there was no answer, error says why */
	bool connected; /* false: the request never reached the server */
	int64_t retry_after_ms; /* 0: the server did not say */
	struct buf body; /* bounded; cut off above its ceiling */
	char server_version[32]; /* X-Influxdb-Version, or "" */
	struct errbuf error;
};

/* A query whose answer may be of any length. */
struct record_stream {
	const char *database;
	struct view influxql;
	unsigned
	    chunk_size; /* rows of one of the JSON documents that the answer is cut into, each ended by a line feed */
	int64_t begin_ms; /* until its first byte must be there */
	int64_t timeout_ms; /* until its last */
	/* Bytes of an answer with status 200 as they come; false: enough. Others go into reply.body. */
	bool (*take)(void *arg, struct view bytes);
	bool (*is_wanted)(void *arg); /* asked about once a second while nothing comes; false: enough. Or NULL */
	void *arg;
};

/* Each returns ERR_OK when an answer with a status came, whatever it is; ERR_UNAVAILABLE when none came in time. The
 * caller inits reply.body with its ceiling and finis it. */
struct record_ops {
	enum err (*ping)(void *ctx, int64_t timeout_ms, struct record_reply *reply);
	/* lines: line protocol with nanosecond timestamps */
	enum err (*write)(
	    void *ctx, const char *database, struct view lines, int64_t timeout_ms, struct record_reply *reply);
	/* InfluxQL; epoch=ns. post: for statements that change something */
	enum err (*query)(void *ctx, const char *database, struct view influxql, bool post, int64_t timeout_ms,
	    struct record_reply *reply);
	/* ERR_CLOSED: take or is_wanted had enough. ERR_UNAVAILABLE: none came in time, or it broke off. */
	enum err (*stream)(void *ctx, const struct record_stream *q, struct record_reply *reply);
};

#endif
