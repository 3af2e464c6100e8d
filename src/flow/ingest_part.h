/* A request in work: ingest.c takes its lines and commits them, ingest_refuse.c sets lines aside and says why. Owner:
 * the caller's thread. */
#ifndef FLOW_INGEST_PART_H
#define FLOW_INGEST_PART_H

#include "flow/ingest.h"
#include "flow/refusals.h"
#include "store/batch_builder.h"
#include "store/frame.h"

enum { INGEST_MESSAGE_MAX = 8 << 10, INGEST_ALIKE_MAX = 32 };

struct alike { /* lines of the request that were refused for one reason, of one measurement */
	enum reject why;
	enum ceiling ceiling;
	struct view measurement; /* in the request's body; empty: not known */
	uint64_t points;
	size_t error_at, error_len, example_at, example_len; /* in the texts */
};

struct worker { /* what a request needs; kept for the next one */
	struct worker *next;
	struct batch_builder builder;
	struct frame_packer *packer;
	struct buf text; /* rewritten lines */
	struct buf frames; /* of all parts */
	struct batch_part *parts;
	uint32_t part_count, part_cap;
	bool rewriting; /* the kept lines are in text; else they are the body's first `covered` bytes */
	size_t covered;
	/* refused lines */
	uint32_t db;
	struct buf reasons; /* for the sender, one a line */
	uint64_t reason_count, rejected[REJECT_COUNT];
	struct ingest_refused refused[INGEST_REFUSED_SHOWN];
	unsigned refused_count;
	const char *counted; /* of the body: its lines up to here are in `line` */
	uint64_t line;
	struct alike alike[INGEST_ALIKE_MAX];
	unsigned alike_count;
	uint64_t alike_other; /* points beyond them */
	struct buf alike_texts;
};

/* The line at hand is refused: the builder's parser says why. */
void ingest_refuse_line(struct worker *w);
/* The same for a line that has become a point already. error is constant. */
void ingest_refuse_point(struct worker *w, enum reject why, const char *error);
/* The answer's message, in InfluxDB's words. */
void ingest_compose_message(const struct worker *w, struct ingest_result *res);
/* Tells the refusals of a request that was answered. */
void ingest_tell_refusals(const struct worker *w, struct refusals *refusals, int64_t now_ns);
void ingest_forget_refusals(struct worker *w, struct view body);

#endif
