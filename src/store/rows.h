/* Rows of one series, by columns, as the parts of the store hand them to each other. Borrowed: the arrays live in the
 * generation, the arena or the block reader that made them. */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "model/value.h"

/* What a column holds. Raw rows have values only; rows of a rollup tier have one column a kind and field, and their
 * times are the beginnings of the buckets. */
enum column_kind {
	COLUMN_VALUE,
	COLUMN_COUNT, /* unsigned */
	COLUMN_SUM, /* of a float: float; of others: integer or unsigned, modulo 2^64 */
	COLUMN_MIN,
	COLUMN_MAX,
	COLUMN_FIRST,
	COLUMN_LAST,
	COLUMN_FIRST_AT, /* integer: ns after the beginning of the bucket */
	COLUMN_LAST_AT,
	COLUMN_SKETCH, /* string: a packed model/sketch of all the values that are counted; may be missing */
	COLUMN_KINDS,
	COLUMN_TIMES = 255 /* a block's first column */
};

struct rows_string { /* what the bits of a string point to */
	uint32_t len;
	char bytes[]; /* still escaped */
};

struct rows_column {
	uint32_t field; /* its number in the measurement's layout */
	enum column_kind kind;
	enum value_type type; /* of this column */
	const uint64_t *bits; /* a double's or integer's bits; 0 or 1; of a string: a `const struct rows_string *` */
	const uint8_t *present; /* NULL: every row has it; else a byte a row */
};

struct rows {
	uint32_t count;
	bool unordered; /* some timestamp is not above the one before it */
	const int64_t *times;
	uint32_t column_count;
	const struct rows_column *columns; /* in no order; no (field, kind) twice */
};

/* Puts rows of one series together: sorted, each timestamp once, of a column that has it more than once the last of the
 * list. Only rows in [from_ns, to_ns]. The result is in the arena (strings stay where they are); out->count 0: nothing.
 * list: in the order of writing; not changed. Of a rollup's row a sketch counts only beside the count it was made with:
 * where the last to write the row had none, there is none. ERR_NOMEM. */
NODISCARD enum err rows_merge(
    const struct rows *list, uint32_t count, int64_t from_ns, int64_t to_ns, struct arena *a, struct rows *out);
/* What rows_merge gives, in parts, each after the one before: where rows lie alone they are not copied, and the part's arrays are
 * those of the list. A part has the columns that its rows come from. */
NODISCARD enum err rows_merge_parts(const struct rows *list, uint32_t count, int64_t from_ns, int64_t to_ns,
    struct arena *a, struct rows **parts, uint32_t *part_count);
/* As rows_merge for rows of a rollup tier: of a field's buckets that are there more than once, the one that counts more rows is
 * taken whole, of equal ones the last of the list. A bucket is only ever made anew from at least the rows it had, so one
 * that counts less was made from less: where raw rows have been lost, the bucket made before stays. */
NODISCARD enum err rows_merge_rollups(
    const struct rows *list, uint32_t count, int64_t from_ns, int64_t to_ns, struct arena *a, struct rows *out);
/* The first of n rising times that is not below t. */
uint32_t rows_lower_bound(const int64_t *times, uint32_t n, int64_t t);
const struct rows_column *rows_find_column(const struct rows *r, uint32_t field, enum column_kind kind); /* or NULL */

#endif
