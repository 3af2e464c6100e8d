/* What the door refused, for people: how often by measurement and reason, and the last times. Bounded: where more
 * measurements are refused than there are places, the one with the fewest points makes room, and its points count as
 * "other"; so those that are refused all the time stay, and the sum is always exact.
 *
 * No value of a tag or field is kept here, nor any text that could not be read: such a line may hold anything, secrets
 * too. An example is a line's names alone, "cpu,host=…,region=… usage=…"; a measurement is named if the line could be
 * read as far as its fields, or if it is known already. Whoever sent the line was told which one it was.
 *
 * Threads: any; a lock, taken once for each request that had a line refused. */
#ifndef FLOW_REFUSALS_H
#define FLOW_REFUSALS_H

#include <stdint.h>

#include "base/err.h"
#include "base/view.h"
#include "model/reject.h"
#include "wire/lp_parse.h"

struct buf;
struct refusals;

enum { REFUSALS_PLACES = 50, REFUSALS_RECENT = 50, REFUSALS_NAME = 128, REFUSALS_ERROR = 480, REFUSALS_EXAMPLE = 200 };

struct refusals_note { /* points of one request that were refused alike */
	enum reject why;
	uint32_t db;
	struct view measurement; /* escaped; empty: not known */
	struct view error, example; /* example may be empty */
	uint64_t points;
};

struct refusals_entry { /* texts are cut to fit, and terminated */
	enum reject why;
	uint32_t db;
	uint64_t points;
	int64_t first_ns, last_ns; /* wall clock */
	char measurement[REFUSALS_NAME], error[REFUSALS_ERROR], example[REFUSALS_EXAMPLE + 1];
};

struct refusals_state {
	unsigned place_count, recent_count;
	uint64_t other_points;
	struct refusals_entry place[REFUSALS_PLACES]; /* most points first; error and example of the last time */
	struct refusals_entry recent[REFUSALS_RECENT]; /* the last first */
};

NODISCARD enum err refusals_new(struct refusals **out);
void refusals_free(struct refusals *r);
/* Of one request; other: points that are in none of the notes. */
void refusals_add(
    struct refusals *r, const struct refusals_note *notes, unsigned count, uint64_t other, int64_t now_ns);
void refusals_state(struct refusals *r, struct refusals_state *out); /* about 85 KB: not on a stack */

/* Appends a line's names without their values, cut to REFUSALS_EXAMPLE bytes. */
void refusals_example(struct buf *out, struct view key, const struct lp_field *fields, uint32_t count);

#endif
