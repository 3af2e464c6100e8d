/* Where the rows of a SELECT come from: series with tags, fields with types, and their rows by time. One is a measurement of
 * the local store (query/local_source), one a subquery's answer (query/select/subquery). The executor
 * knows neither. Owner: one thread.
 *
 * Reading goes in steps of time, rising or falling. A step brings the rows of every series asked for that has any between
 * its ends: sorted by time (rising, whatever the order of the steps), each timestamp once, fields merged as the last write
 * left them; a row may have none of the fields asked for. What a step brings lives until its call returns. Steps never
 * overlap, and cover the range together.
 *
 * Rollups: a reader that only adds up (count, sum, min, max, first, last) says so in `aggregates` and `grid`, and then gets,
 * for stretches where that gives the same answer, rows of a rollup tier: columns of COLUMN_COUNT, … (store/rows.h), those of a
 * boolean as integers. All rows of a step are of one tier. */
#ifndef QUERY_SOURCE_H
#define QUERY_SOURCE_H

#include "base/buf.h"
#include "query/budget.h"
#include "query/cell.h"
#include "query/read.h"
#include "query/result.h"
#include "store/rows.h"
#include "store/tier.h"

struct iql_expr;
struct source;

struct source_field {
	struct view name; /* plain */
	enum value_type type;
};

struct source_tag_key {
	struct view name; /* plain */
};

/* One series' rows of a step. Strings of the columns are escaped as line protocol has them between quotes, see
 * source_string. */
struct source_rows {
	uint32_t series; /* number in the source */
	struct rows rows; /* rows_column.field: number in source.fields */
};

struct source_step {
	enum tier tier;
	int64_t from_ns, to_ns; /* to is not included; the rows lie within */
	const struct source_rows *of; /* rising by series, each once unless in_parts */
	uint32_t count;
};

struct source_read {
	const uint32_t *series; /* numbers, rising; of one read */
	uint32_t series_count;
	const bool *fields; /* by number: which are wanted; NULL: all */
	int64_t from_ns, to_ns; /* to is not included */
	bool descending; /* the steps, not the rows within one */
	/* of enum read_aggregate: these are enough, of buckets of grid_ns (0: the whole range) that begin at grid_offset_ns plus
	 * multiples of it. 0: raw rows are wanted. Percentiles: sketches may stand in where raw rows have been let go */
	unsigned aggregates;
	bool percentiles;
	bool in_parts; /* raw rows of a series may come as several of a step, each after the one before */
	int64_t grid_ns, grid_offset_ns;
	/* ERR_CLOSED from it: enough, the read ends with ERR_OK. Any other error ends the read with that. */
	enum err (*step)(void *arg, const struct source_step *s);
	void *arg;
};

struct source_ops {
	/* The tag of a series: plain, "" if it has none; good until the next call. */
	struct view (*tag)(struct source *s, uint32_t series, struct view key);
	NODISCARD enum err (*read)(struct source *s, const struct source_read *r, struct budget *b,
	    struct result_report *report, struct errbuf *eb);
	void (*close)(struct source *s);
};

/* Members are set by whoever opened it, and stay as they are until close. */
struct source {
	const struct source_ops *ops;
	struct view name; /* of the measurement, plain */
	const struct source_field *fields; /* sorted by name */
	uint32_t field_count;
	const struct source_tag_key *tag_keys; /* of the measurement, sorted by name */
	uint32_t tag_key_count;
	uint32_t series_count; /* those that may have rows that pass the filter */
	/* The part of the filter that must be tried on each row (fields, and tags beside fields under OR), where a tag that the
	 * series does not have is ""; NULL: every row of the series passes. The filter's other parts have chosen the series. */
	const struct iql_expr *row_filter;
};

void source_close(struct source *s); /* NULL is fine */
/* A string column's value as plain text: in place, or unescaped into scratch (cleared first). */
struct view source_string(const struct rows_string *s, struct buf *scratch);

#endif
