/* What statements answer, pushed piece by piece to whoever writes it down: statements in order; of each its series in order;
 * of each series its rows. Nothing is held: a piece is good only during the call. */
#ifndef QUERY_RESULT_H
#define QUERY_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "query/cell.h"

struct iql_zone;

struct result_tag {
	struct view key, value; /* plain */
};

struct result_series {
	struct view name; /* may be empty: SHOW DATABASES has none */
	const struct result_tag *tags; /* in order of their keys */
	uint32_t tag_count;
	const struct view *columns; /* plain */
	uint32_t column_count; /* cells of each row; of a SELECT the first is the time */
	bool first_is_time; /* the first cell is an integer: ns since the epoch. InfluxDB's `epoch` is applied to it */
	const struct iql_zone *zone; /* of tz(), set by the engine: times as text are written in it. NULL: UTC */
	bool undivided; /* chunks do not divide it: an answer of SHOW that InfluxDB makes in one piece */
};

struct result_column { /* of a run, one of the series' columns */
	const uint64_t *bits; /* as store/rows.h has them; NULL: every row has `same` */
	const uint8_t *present; /* a byte a row: is it there? NULL: in every row */
	enum value_type type; /* of the bits; no string */
	struct cell same;
};

/* Rows of a series whose first cell is its time, as they lie in columns: those from `first` on. */
struct result_run {
	uint32_t first, count;
	bool backwards; /* the last one comes first */
	const int64_t *times; /* ns */
	const struct result_column *columns; /* without the time */
	uint32_t column_count;
	struct cell *cells; /* room for one row, with its time: for sinks that want cells */
};

/* Each returns false to stop: nobody waits for the answer any more, or it is too long. The statement then ends at once. */
struct result_sink {
	bool (*series)(void *arg, const struct result_series *s);
	bool (*row)(void *arg, const struct cell *cells); /* of the last series */
	void *arg;
	bool (*run)(
	    void *arg, const struct result_run *r); /* the same as its rows one by one; NULL: those are wanted */
};

/* Into run, or row by row. */
bool result_sink_run(const struct result_sink *s, const struct result_run *r);
/* n rows, of which `from` come before. */
struct result_run result_run_part(const struct result_run *r, uint32_t from, uint32_t n);
/* Where the i-th row stands in the columns. */
static inline uint32_t result_run_row(const struct result_run *r, uint32_t i)
{
	return r->backwards ? r->first + r->count - 1 - i : r->first + i;
}
/* A column's cell there. A NaN, which no answer has, is missing. */
struct cell result_column_cell(const struct result_column *c, uint32_t row);

/* What is said beside the rows. Zeroed it means: complete, of nothing. */
struct result_report {
	unsigned sources; /* of enum read_source (query/read.h) */
	bool incomplete;
	bool sketched; /* some percentile is within 1.1 % of the value, not exact */
	unsigned tiers; /* 1 << enum tier (store/tier.h) of each that rows came from */
	char reason[256]; /* why it is incomplete; the first one */
	int64_t whole_from_ns; /* where it is incomplete: from here on nothing lacks; INT64_MAX: that cannot be said */
	/* what was read of the local store */
	uint64_t blocks, pieces, chunks, rows;
};

/* The first reason stays. */
void result_report_not_complete(struct result_report *r, const char *reason);
/* The same where only what is before ns lacks. */
void result_report_not_before(struct result_report *r, int64_t ns, const char *reason);
/* The coarsest tier: raw, 1m, 1h, 1d. */
const char *result_report_tier(const struct result_report *r);

#endif
