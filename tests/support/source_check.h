/* Reads of query/local_source, compared with the row model as they come. Aborts the test where they differ. */
#ifndef TESTS_SUPPORT_SOURCE_CHECK_H
#define TESTS_SUPPORT_SOURCE_CHECK_H

#include "query/local_source.h"
#include "support/row_model.h"

enum { SOURCE_CHECK_BUCKETS = 4000 };

struct source_tally { /* of a bucket of a series' field */
	uint64_t count, sum; /* sum: of the integers */
	int64_t first_ns, last_ns;
	uint64_t first, last;
};

struct source_check {
	struct source *source;
	const struct source_read *r;
	const char *stage;
	struct budget *budget;
	int64_t end_ns; /* of the steps so far, in their direction */
	unsigned steps, enough_after; /* 0: never */
	bool rollups; /* some were there */
	struct source_tally (*tallies)[FIELDS][SOURCE_CHECK_BUCKETS];
};

struct opened_source {
	struct arena arena;
	struct local_moment *moment;
	struct source *source;
	struct budget budget;
	uint32_t all[SERIES];
};

/* Of the measurement "m 1"; condition: InfluxQL, or NULL. What it says is in source_check_error. */
enum err source_check_try_open(
    struct opened_source *o, struct stand *st, const char *condition, size_t max_bytes, int64_t from_ns, int64_t to_ns);
void source_check_open(struct opened_source *o, struct stand *st, const char *condition); /* must do */
void source_check_close(struct opened_source *o); /* nothing of the budget must be left */
unsigned source_check_series(struct source *s, uint32_t number); /* by its tag a */
/* Every step, and with c->tallies what adds up; r's step and arg are not used. */
enum err source_check_read(
    struct opened_source *o, const struct source_read *r, struct source_check *c, struct result_report *report);
void source_check_seen(struct source_check *c); /* every row once, and no other */
void source_check_tallies(struct source_check *c); /* they are those of the model */

extern struct errbuf source_check_error;

#endif
