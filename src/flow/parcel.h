/* What goes to a target at a time: lines of one namespace, dealt out to a few bodies by the hash of their series, so that the
 * bodies can be sent at once and yet the points of each series keep their order. Owner: one thread. */
#ifndef FLOW_PARCEL_H
#define FLOW_PARCEL_H

#include "base/buf.h"
#include "query/record.h"

struct parcel_body {
	struct buf text;
	uint32_t *ends; /* of each line, its newline included */
	uint64_t *tags; /* of each line */
	uint32_t count, cap;
};

struct parcel {
	uint32_t db;
	unsigned bodies; /* of body, how many are used: 1 to RECORD_WRITES_MAX */
	struct parcel_body body[RECORD_WRITES_MAX];
	uint32_t count; /* lines of all bodies */
	size_t bytes; /* of text, likewise */
	uint64_t end_seq; /* the spool's sources: every row up to it is wholly in this parcel or an earlier one */
};

struct parcel_limits {
	uint32_t points, bytes; /* of the whole parcel; one line may be above bytes */
	uint64_t held; /* databases that take nothing now, a bit each: PARCEL_DB_BIT(db) */
};
#define PARCEL_DB_BIT(db) (UINT64_C(1) << (((db)-1) & 63))

void parcel_init(struct parcel *p, unsigned bodies);
void parcel_fini(struct parcel *p);
void parcel_clear(struct parcel *p); /* keeps the memory */
/* Copies a line, given without its newline; key is its series key, which begins it. tag: the source's own number for it,
 * which it gets back if the line is refused. False: no memory. */
NODISCARD bool parcel_add(struct parcel *p, struct view key, struct view line, uint64_t tag);
/* How many of its bodies are worth a request each, which costs the server something by itself: those that have so many
 * points, or long ones. At least 1. */
enum { PARCEL_BODY_POINTS = 2000, PARCEL_BODY_BYTES = 256 << 10 };
unsigned parcel_worth(const struct parcel *p, uint32_t body_points);
/* Joins the bodies to n that have about the same, or to fewer where that does not go evenly. The others are empty then. */
void parcel_gather(struct parcel *p, unsigned n);
/* Of a line: measurement and tags, in any order of the tags. */
uint64_t parcel_series_hash(struct view key);
/* Lines [from, to) of a body as text. */
struct view parcel_lines(const struct parcel_body *b, uint32_t from, uint32_t to);
/* Unsigned values that fit become integers, which InfluxDB 1.x takes. True if any line was changed. */
bool parcel_make_signed(struct parcel_body *b);

#endif
