/* Rows of several series, merged by time. Where times are equal the order is InfluxDB's, which is that of the binary heap in
 * Go's library: so this is the same heap. Owner: one thread. */
#ifndef QUERY_SELECT_MERGE_H
#define QUERY_SELECT_MERGE_H

#include "query/source.h"

struct merge_entry {
	const struct source_rows *rows;
	const uint8_t *pass; /* NULL: all rows */
	uint32_t member; /* its place in the group */
	uint32_t done; /* rows behind it */
	uint32_t row; /* the one at hand */
	int64_t time_ns;
	const struct rows_column **columns; /* by slot; NULL: not there */
	struct cell *tags; /* by slot */
};

struct merge {
	struct merge_entry **heap; /* room for all entries */
	uint32_t count;
	bool descending;
	/* Is x to come before y, their times being equal? NULL: they are equal. */
	bool (*before)(void *arg, const struct merge_entry *x, const struct merge_entry *y);
	void *arg;
};

/* For qsort. */
int merge_by_member(const void *entry, const void *other);
/* entries: in order of their members. */
void merge_start(struct merge *m, struct merge_entry *entries, uint32_t count);
/* Of entries in heap whose times are set: makes it a heap; takes the first, NULL: none left. */
void merge_order(struct merge *m);
struct merge_entry *merge_pop(struct merge *m);
/* The entry whose row is next, and which row; NULL: none left. */
struct merge_entry *merge_next(struct merge *m, uint32_t *row);

#endif
