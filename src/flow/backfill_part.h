/* Between the two halves of a backfill: backfill.c asks and paces, backfill_answer.c reads what comes. */
#ifndef FLOW_BACKFILL_PART_H
#define FLOW_BACKFILL_PART_H

#include "store/catalogue.h"
#include "store/older.h"

struct backfill_fields { /* asked for, in this order */
	const struct field **of; /* as they are known here */
	uint32_t count;
};

struct backfill_answer { /* what one answer held */
	uint64_t points, values, refused;
	bool partial; /* the record cut it off */
};

/* The series of an answer to SELECT … GROUP BY *, as pieces. text: unescaped names throughout. ERR_TOOBIG: it does not fit
 * into the arena; ERR_INVALID: no such answer, or an error of the record, in eb. */
NODISCARD enum err backfill_read_answer(struct view text, struct catalogue *c, struct measurement *m,
    const struct backfill_fields *fields, struct arena *a, struct older *older, struct backfill_answer *out,
    struct errbuf *eb);
/* The strings of an answer to SHOW …, column by column of each row: take is called once a row with its first two. */
NODISCARD enum err backfill_read_list(
    struct view text, bool (*take)(void *arg, struct view first, struct view second), void *arg, struct errbuf *eb);

#endif
