/* InfluxQL's functions over points, as InfluxDB 1.6 calculates them: one table of them all. Pure: no input or output but points.
 *
 * Aggregates and selectors take the points of one group and bucket, in any order unless `ordered`, and give one point, or
 * several, or none. A selector's point is one of those it was given, and says which series it came from.
 * Transformations take the points of one group by time, one after the other, and give at most one for each (Holt-Winters:
 * all at the end). Owner: one thread. */
#ifndef QUERY_SELECT_FUNCTION_H
#define QUERY_SELECT_FUNCTION_H

#include "query/budget.h"
#include "query/cell.h"
#include "query/influxql/tree.h"
#include "store/rows.h"

enum function_kind {
	FUNCTION_AGGREGATE, /* count, sum, mean, median, mode, stddev, spread, integral: the bucket's time */
	FUNCTION_SELECTOR, /* min, max, first, last, percentile: one point with its own time */
	FUNCTION_MULTIPLE, /* distinct, top, bottom, sample: several points */
	FUNCTION_TRANSFORM, /* derivative, difference, …; works on points, or on another call's answers */
};

struct function {
	const char *name;
	enum function_kind kind;
	bool ordered; /* takes points by time only: integral */
	/* of enum read_aggregate: rollups that have these are enough for float, integer and unsigned fields (min: READ_MIN and so
	 * on; READ_COUNT is always there); 0 with from_rollups false: raw rows are needed */
	unsigned aggregates;
	bool from_rollups; /* where its point's time is not asked for */
	bool rollups_keep_time; /* first, last: and where it is */
};

const struct function *function_find(struct view name); /* lower case; NULL: none, or mathematical */

/* A call made ready: checked by query/influxql/check already. */
struct function_call {
	const struct function *fn;
	enum value_type in; /* of the field or inner call */
	enum value_type out;
	int64_t count; /* N of top, bottom, sample, moving_average, holt_winters */
	int64_t seasonal; /* holt_winters */
	double rank; /* percentile */
	int64_t unit_ns; /* derivative, elapsed, integral; set to the default where it was not written */
	int64_t interval_ns; /* of the buckets, 0: one; holt_winters, derivative of an aggregate */
	bool descending; /* points come to transformations in falling order */
	bool value_only; /* a selector's time and series are not asked for: of equal values any may be given */
	/* top, bottom with tags: the number of a series' combination of those tags, below `combinations`; NULL: none */
	const uint32_t *combination_of;
	uint32_t combinations;
};

/* Arguments and types. ERR_INVALID: the function does not take that type, in InfluxDB's words ("unsupported mean iterator type:
 * *query.stringInterruptIterator" and the like). interval_ns: of GROUP BY time, of the inner call for a transformation. */
NODISCARD enum err function_prepare(
    struct function_call *out, const struct iql_expr *call, enum value_type in, int64_t interval_ns, struct errbuf *eb);

struct function_point {
	int64_t time_ns;
	struct cell value; /* a string's bytes live as long as the rows they came from, or the accumulator */
	uint32_t series; /* a selector's: where the point came from; others: UINT32_MAX */
};

/* ---- accumulators: aggregates, selectors, multiples ---- */

/* The state of one call in one bucket: accumulator_size bytes of the caller's, zeroed; what it needs beyond that it takes from the
 * heap and the budget. Zeroed and never added to is the same as not there: fini need not be called. */
size_t accumulator_size(const struct function_call *c);
/* n raw values of one series, rising in time; times of one call that falls (descending) come in falling runs of these.
 * Strings are copied where they are kept. */
NODISCARD enum err accumulator_add(const struct function_call *c, void *acc, uint32_t series, const int64_t *times,
    const uint64_t *bits, const uint8_t *present, uint32_t n, struct budget *b, struct errbuf *eb);
/* One point of a merged stream, or of an inner answer. */
NODISCARD enum err accumulator_add_cell(const struct function_call *c, void *acc, uint32_t series, int64_t time_ns,
    struct cell v, struct budget *b, struct errbuf *eb);
/* Rows [from, to) of a rollup tier that lie in the bucket: where fn->from_rollups. The columns of one field by kind; those of
 * fn->aggregates are there. */
NODISCARD enum err accumulator_add_rollup(const struct function_call *c, void *acc, uint32_t series,
    const int64_t *times, const struct rows_column *const by_kind[COLUMN_KINDS], uint32_t from, uint32_t to,
    struct budget *b, struct errbuf *eb);
/* Once. The bucket's points, by time as InfluxDB gives them, at most the call's own; they live until fini. None: *count is 0.
 * bucket_ns: where the bucket begins, which is the time of aggregates and of distinct; integral has one of its own, and is the
 * area between the points given: a line across the edge of a bucket is the caller's affair. stddev of one value is NAN: a
 * point without a value, which fill() leaves alone. */
NODISCARD enum err accumulator_finish(const struct function_call *c, void *acc, int64_t bucket_ns,
    struct function_point **out, uint32_t *count, struct budget *b, struct errbuf *eb);
void accumulator_fini(const struct function_call *c, void *acc, struct budget *b);

/* ---- transformations ---- */

struct transform;
NODISCARD enum err transform_new(
    struct transform **out, const struct function_call *c, struct budget *b, struct errbuf *eb);
void transform_free(struct transform *t); /* NULL is fine */
/* A new group begins. */
void transform_reset(struct transform *t);
/* v is not missing. *has: whether *out is a point. */
NODISCARD enum err transform_push(
    struct transform *t, int64_t time_ns, struct cell v, struct function_point *out, bool *has, struct errbuf *eb);
/* At the end of a group: what is left to say (Holt-Winters; else nothing). */
NODISCARD enum err transform_finish(
    struct transform *t, struct function_point **out, uint32_t *count, struct errbuf *eb);

#endif
