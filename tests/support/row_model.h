/* Random points of several series and fields, written to a stand: late ones, the same again, with other fields. What was
 * written last is the model. Fixed seeds. */
#ifndef TESTS_SUPPORT_ROW_MODEL_H
#define TESTS_SUPPORT_ROW_MODEL_H

#include "base/buf.h"
#include "support/stand.h"

enum { SERIES = 6, SLOTS = 4000 }; /* series: "m 1", a=0 to 5, host="h 0" or "h 1" */
enum { BOOL, FLOAT, INT, TEXT, FIELDS }; /* in the order of their names */
#define SPAN_NS (3 * TIER_DAY_NS)

struct row_point { /* of one series; the last write of each field */
	int64_t t;
	bool has[FIELDS];
	uint64_t v[FIELDS]; /* as columns have it; of a text: the number in it: "N\, with the quote */
	unsigned seen; /* for the test */
};

struct row_model {
	uint64_t random_state;
	int64_t base_ns; /* points lie in SPAN_NS from here */
	unsigned count[SERIES];
	struct row_point points[SERIES][SLOTS];
};

extern const char *const row_model_fields[FIELDS];
extern struct row_model model;

void row_model_begin(uint64_t seed, int64_t base_ns);
uint64_t row_model_random(uint64_t n); /* below n */
struct row_point *row_model_find(unsigned series, int64_t t); /* or NULL */
void row_model_write_first(struct stand *st); /* every series once, so that their numbers are known */
void row_model_write_some(struct stand *st, unsigned count);
/* So many rows of every series, evenly in the hour after base_ns. */
void row_model_write_dense(struct stand *st, unsigned rows);

#endif
