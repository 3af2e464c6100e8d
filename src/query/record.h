/* What Holdfast needs of the record (InfluxDB); the HTTP client that provides it lives above, in edge/. Each context
 * is for one thread at a time. */
#ifndef QUERY_RECORD_H
#define QUERY_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { RECORD_WRITES_MAX = 8 };
#define RECORD_CUT " \\... " /* no JSON has a backslash like that, within a string or without */

enum record_api {
	RECORD_API_AUTO, /* not known yet */
	RECORD_API_1,
	RECORD_API_2,
	RECORD_API_3,
	RECORD_API_LINES, /* anything that takes line protocol at /write */
};

struct record_reply {
	int status; /* HTTP status; 0: there was no answer, error says why */
	bool connected; /* false: the request never reached the server */
	/* No byte came back on a connection that had served others before: perhaps the server had closed it for its age, and
	 * has not seen the request. It was not sent twice: whoever asked decides. */
	bool reused;
	int64_t retry_after_ms; /* 0: the server did not say */
	int64_t took_ns; /* from the first byte sent to the last of the answer, or until it failed; 0: not known */
	/* Bounded: above its ceiling the end of a 200 is cut off, and the middle of anything else, since a server's reason may
	 * stand behind what it was sent; RECORD_CUT is in its place. */
	struct buf body;
	enum record_api api; /* which the request was made for; AUTO: no server has said yet */
	char server_version[32]; /* of the last ping that was answered, or "" */
	struct errbuf error;
};

struct record_write {
	const char *database;
	struct view lines; /* line protocol with nanosecond timestamps */
	bool alone; /* on a connection of its own, so that its end says something of this request */
};

/* 1.x: a database and its default retention policy; 2.x: a bucket; 3.x: a database. */
struct record_place {
	char id[128]; /* what set_retention knows it by: 1.x the policy's name, 2.x the bucket's id, 3.x its name */
	char name[256];
	int64_t retention_ns; /* 0: for ever */
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

/* Each returns ERR_OK when an answer with a status came, whatever it is; ERR_UNAVAILABLE when none came in time, or the
 * request cannot be made (reply.error says why). The caller inits reply.body with its ceiling and finis it. */
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
	/* Several at once over as many connections, at most RECORD_WRITES_MAX; replies[i] belongs to writes[i], each with
	 * its own body. Returns when all are answered: ERR_OK if each got an answer. */
	enum err (*write_many)(
	    void *ctx, const struct record_write *writes, unsigned n, int64_t timeout_ms, struct record_reply *replies);
	/* What a place is like. ERR_NOTFOUND: there is none. ERR_INVALID: the server refused, or what it says makes no
	 * sense; reply.error has it in words, of all three. With ERR_OK reply.error is "", or what is amiss all the same. */
	enum err (*find_place)(
	    void *ctx, const char *database, struct record_place *out, int64_t timeout_ms, struct record_reply *reply);
	/* retention_ns 0: for ever. ERR_OK: it is there now (or was); ERR_INVALID as find_place. */
	enum err (*make_place)(
	    void *ctx, const char *database, int64_t retention_ns, int64_t timeout_ms, struct record_reply *reply);
	enum err (*set_retention)(void *ctx, const struct record_place *place, int64_t retention_ns, int64_t timeout_ms,
	    struct record_reply *reply);
	/* A plain GET of the server's own figures: /debug/vars of 1.x, /metrics of the others. */
	enum err (*figures)(void *ctx, int64_t timeout_ms, struct record_reply *reply);
};

#endif
