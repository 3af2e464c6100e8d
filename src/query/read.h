/* One read of the REST interface: bucketed aggregates of one measurement, grouped by tags. The local store, the record
 * and their merging all answer in the same shape, on the same grid of buckets. */
#ifndef QUERY_READ_H
#define QUERY_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "model/value.h"

#define READ_BUCKETS_MAX 11000
#define READ_TAGS_MAX 64
#define READ_PERCENTILES_MAX 8

struct read_filter { /* keep series whose tag equals one of the values; a missing tag equals "" */
	const char *tag;
	const char *const *values;
	unsigned count;
};

/* What is wanted of a cell beside its count. */
enum read_aggregate { READ_SUM = 1, READ_MIN = 2, READ_MAX = 4, READ_FIRST = 8, READ_LAST = 16, READ_ALL = 31 };

struct read_request {
	const char *database, *measurement;
	const struct read_filter *filters;
	unsigned filter_count;
	const char *const *group_by; /* tag keys; NULL: every tag, a group for each series */
	unsigned group_count;
	int64_t from_ns, to_ns; /* from is included, to is not */
	int64_t step_ns; /* buckets start at multiples of it; at most READ_BUCKETS_MAX of them */
	const char *field; /* this one alone; NULL: every field */
	unsigned
	    aggregates; /* of enum read_aggregate: cells need not have the rest, which makes reads faster; 0: all */
	/* Of fields that hold numbers the percentiles of each bucket, by their nearest rank as InfluxDB counts it. */
	const double *percentiles; /* ranks in (0, 100]; at most READ_PERCENTILES_MAX */
	unsigned percentile_count;
};

struct read_cell { /* of one bucket; count 0: nothing there and the rest means nothing */
	uint64_t count;
	double sum, min, max, first, last;
	int64_t first_ns, last_ns;
	union { /* while sums are added up (query/scan) */
		double rest; /* what rounding took from a float's */
		uint64_t whole; /* an integer's, modulo 2^64 */
	};
};

struct read_column {
	const char *field;
	enum value_type type; /* numbers and booleans; strings are not aggregated, and have no column */
	struct read_cell *cells; /* read_result.buckets of them */
	/* The request's first percentile of each bucket, then the second of each…; NAN: none, or it cannot be told. NULL:
	 * not asked for, or not a number. */
	double *percentiles;
};

struct read_tag {
	const char *key, *value;
};

struct read_group { /* tags in order of their keys */
	struct read_tag *tags;
	unsigned tag_count;
	struct read_column *columns; /* in order of their names */
	unsigned column_count;
};

enum read_source { READ_SOURCE_LOCAL = 1, READ_SOURCE_RECORD = 2, READ_SOURCE_BOTH = 3 };

struct read_result {
	struct arena arena; /* owns all below */
	int64_t first_bucket_ns, step_ns;
	unsigned buckets;
	struct read_group *groups; /* in order of their tags */
	unsigned group_count;
	enum read_source source;
	const char *tier; /* the coarsest that was read: raw, 1m, 1h, 1d */
	bool sketched; /* some percentile comes from a sketch: within 1.1 % of the value; else all are exact */
	bool complete;
	char reason[256]; /* why not, for people; "" when complete */
	int64_t whole_from_ns; /* where it is not: from here on nothing lacks; INT64_MAX: that cannot be said */
};

const char *read_source_name(enum read_source s); /* local, influxdb, influxdb+local */
void read_result_init(struct read_result *r, const struct read_request *q); /* sets the grid; no groups */
void read_result_fini(struct read_result *r);
/* Room for a column's percentiles, in r's arena, all NAN. NULL: out of memory. */
double *read_new_percentiles(struct read_result *r, const struct read_request *q);
/* The first reason stays. */
void read_result_not_complete(struct read_result *r, const char *reason);
int read_group_compare(const struct read_group *a, const struct read_group *b); /* by their tags */
void read_result_sort(struct read_result *r); /* the groups, by their tags */
/* The group's tag, or "" */
const char *read_group_tag(const struct read_group *g, const char *key);
const struct read_column *read_group_column(const struct read_group *g, const char *field);

#endif
