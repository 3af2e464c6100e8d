/* What the writers of results share: where text goes, and points in time. Owner: one thread. */
#ifndef QUERY_RESULT_TEXT_H
#define QUERY_RESULT_TEXT_H

#include "base/buf.h"
#include "base/clock.h"
#include "query/engine.h"

/* Text is gathered in buf, behind `front` bytes that whoever sends it may use. Whenever there are flush_at bytes of text or more
 * after a row, flush is called: it takes the text, and cuts buf back to its front. */
struct result_out {
	struct buf buf;
	size_t front, flush_at;
	bool (*flush)(void *arg, struct result_out *out); /* false: nobody wants the rest */
	void *arg;
	uint64_t sent; /* bytes of text that left; flush adds to it */
};

static inline size_t result_out_length(const struct result_out *o)
{
	return o->buf.len - o->front;
}

/* Where in all of the answer what comes next will stand. */
static inline uint64_t result_out_at(const struct result_out *o)
{
	return o->sent + result_out_length(o);
}

/* Takes back what stands from there on. False: some of it has left. */
static inline bool result_out_take_back(struct result_out *o, uint64_t at)
{
	if (at < o->sent)
		return false;
	o->buf.len = o->front + (size_t)(at - o->sent);
	return true;
}

static inline bool result_out_row_done(struct result_out *o)
{
	return !o->buf.failed && (result_out_length(o) < o->flush_at || o->flush(o->arg, o));
}

/* The units of InfluxDB's `epoch`. */
enum result_epoch {
	RESULT_EPOCH_TEXT, /* RFC 3339 */
	RESULT_EPOCH_NS,
	RESULT_EPOCH_US,
	RESULT_EPOCH_MS,
	RESULT_EPOCH_S,
	RESULT_EPOCH_M,
	RESULT_EPOCH_H,
};
/* text may be NULL: RFC 3339. What is not known means ns, as in InfluxDB. */
enum result_epoch result_epoch_find(const char *text);
/* Rounded towards zero, as InfluxDB does; not of TEXT. By constants: a division by a variable takes several times as long. */
static inline int64_t result_epoch_of(enum result_epoch e, int64_t ns)
{
	switch (e) {
	case RESULT_EPOCH_US:
		return ns / NS_PER_US;
	case RESULT_EPOCH_MS:
		return ns / NS_PER_MS;
	case RESULT_EPOCH_S:
		return ns / NS_PER_S;
	case RESULT_EPOCH_M:
		return ns / (60 * NS_PER_S);
	case RESULT_EPOCH_H:
		return ns / (3600 * NS_PER_S);
	case RESULT_EPOCH_TEXT:
	case RESULT_EPOCH_NS:
		break;
	}
	return ns;
}

#define RESULT_TIME_MAX 36 /* bytes of a time as text */

struct result_clock { /* remembers the minute that it wrote last; zeroed to begin */
	const struct iql_zone *zone; /* NULL: UTC */
	int64_t day, minute;
	bool known;
	char text[32]; /* 2026-01-31T09:30: and some second */
};
/* RFC 3339 with as many fractional digits as needed; the years 1677 to 2262. Returns the end. */
char *result_clock_put(struct result_clock *c, char *out, int64_t ns);

#endif
