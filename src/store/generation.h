/* Rows of many series in memory, columnar, append-only: a run of the spool. Per series a chain of segments, each with
 * one timestamp column and one column per field, in order of arrival. All of it lies in one arena and goes at once.
 * Threads: one appends; any number read what has been published, without locks. */
#ifndef STORE_GENERATION_H
#define STORE_GENERATION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "store/batch.h"
#include "store/rows.h"

struct generation;

struct segment_column {
	const struct field *field;
	uint64_t *bits; /* as in batch_value; of a string: a `const struct rows_string *` */
	_Atomic(uint8_t *) present; /* NULL: every row has it; else a byte a row */
};

struct segment {
	_Atomic(struct segment *) next;
	_Atomic uint32_t count; /* rows published; acquire it before reading them */
	uint32_t cap;
	uint32_t column_count;
	_Atomic bool unordered; /* some timestamp is not above the one before it */
	int64_t *times;
	struct segment_column columns[];
};

struct head_strip { /* a series' rows in one generation */
	struct series *series;
	_Atomic(struct segment *) first;
	struct segment *last; /* the appending thread alone */
};

/* number: 1 and up for the head's own, 0 for one that is made for a read. */
NODISCARD enum err generation_new(struct generation **out, uint64_t number, size_t max_bytes);
struct generation *generation_ref(struct generation *g);
void generation_unref(struct generation *g); /* the last one frees it; NULL is fine */

/* False: no room left; nothing of this point was kept. Of a field that stands twice the last value counts. */
bool generation_append(
    struct generation *g, struct series *s, int64_t time_ns, const struct batch_value *values, uint32_t count);
size_t generation_bytes(const struct generation *g);
uint64_t generation_points(const struct generation *g);
uint64_t generation_number(const struct generation *g);
/* Any thread. NULL: the series has no rows here. */
const struct head_strip *generation_strip(const struct generation *g, const struct series *s);

/* A strip's segments in order of arrival; NULL at the end. */
const struct segment *generation_first_segment(const struct head_strip *strip);
const struct segment *generation_next_segment(const struct segment *s);
/* What has been published of a segment; columns in the arena, values where they are. False: out of memory. */
bool generation_segment_rows(const struct segment *s, struct arena *a, struct rows *out);

#endif
