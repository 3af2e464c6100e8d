/* Turns line protocol into a batch: parses, looks series and fields up (adding new ones), checks types. Used at the
 * door, when the head is rebuilt from the spool, and when a read goes back to the spool. Owner: one thread; reuse it. */
#ifndef STORE_BATCH_BUILDER_H
#define STORE_BATCH_BUILDER_H

#include "store/batch.h"
#include "wire/lp_parse.h"

struct batch_builder {
	struct catalogue *catalogue;
	struct lp_parser parser;
	bool at_door; /* the text is new: the catalogue's ceilings hold; what comes from the spool was let in once */
	/* Or NULL. Asked before a line makes a new series: false refuses it, with parser.why and .error. */
	bool (*admit)(void *arg, struct lp_parser *ps);
	void *admit_arg;
	struct view only; /* a measurement, escaped: lines of others are passed over; empty: none are */
	bool (*wanted)(void *arg, const struct series *s); /* or NULL; lines of other series are passed over */
	void *wanted_arg;
	struct batch_point *points;
	struct batch_value *values;
	uint32_t point_count, point_cap, value_count, value_cap;
	bool out_of_memory; /* the last line was refused for it alone: give the text up */
	struct catalogue_refusal refusal; /* of a line that the catalogue refused */
	const struct field *conflict; /* after a type conflict: the field as it is… */
	enum value_type conflict_type; /* …and what the line had */
};

void batch_builder_init(struct batch_builder *bb, struct catalogue *catalogue);
void batch_builder_fini(struct batch_builder *bb);
/* Begins a text; forgets the points of the one before, keeps the memory unless it is above keep_bytes. */
void batch_builder_start(struct batch_builder *bb, struct view text, size_t keep_bytes);

size_t batch_builder_bytes(const struct batch_builder *bb); /* what its batch keeps */

/* The next line. LP_OK: its point is the last one, its time as written and still in the caller's unit
 * (bb->parser.has_time, .time, .line, .time_start); LP_BAD: bb->parser.why, .error, .line. db as in catalogue.h. */
enum lp_result batch_builder_next(struct batch_builder *bb, uint32_t db);
/* Takes the last point back. */
void batch_builder_drop(struct batch_builder *bb);

#endif
