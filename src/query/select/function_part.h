/* Shared by the files of the functions alone. */
#ifndef QUERY_SELECT_FUNCTION_PART_H
#define QUERY_SELECT_FUNCTION_PART_H

#include "base/clock.h"
#include "query/select/function.h"

enum function_id {
	FN_BOTTOM,
	FN_COUNT,
	FN_CUMULATIVE_SUM,
	FN_DERIVATIVE,
	FN_DIFFERENCE,
	FN_DISTINCT,
	FN_ELAPSED,
	FN_FIRST,
	FN_HOLT_WINTERS,
	FN_INTEGRAL,
	FN_LAST,
	FN_MAX,
	FN_MEAN,
	FN_MEDIAN,
	FN_MIN,
	FN_MODE,
	FN_MOVING_AVERAGE,
	FN_NON_NEGATIVE_DERIVATIVE,
	FN_NON_NEGATIVE_DIFFERENCE,
	FN_PERCENTILE,
	FN_SAMPLE,
	FN_SPREAD,
	FN_STDDEV,
	FN_SUM,
	FN_TOP
};
enum function_id function_id(const struct function *fn);

enum { TAKES_NUMBERS = 1, TAKES_BOOLEANS = 2, TAKES_STRINGS = 4, TAKES_ALL = 7 };
enum { GIVES_SAME, GIVES_FLOAT, GIVES_INTEGER };

/* A run of values of one series: what accumulator_add is given. */
struct run {
	uint32_t series;
	const int64_t *times;
	const uint64_t *bits; /* of a string: const struct rows_string *, plain if `plain`, else escaped */
	const uint8_t *present;
	uint32_t n;
	bool plain;
};

/* ---- accumulate_simple.c: what is kept in a few words ---- */

struct simple {
	uint64_t count;
	union {
		double sum; /* sum, mean; stddev: the mean so far */
		uint64_t whole; /* sums of integers, modulo 2^64 */
		uint64_t bits; /* of the one selected; spread: the least */
	};
	union {
		double rest; /* what rounding took from the sum; stddev: the sum of squares of distances */
		uint64_t most; /* spread */
		int64_t time_ns; /* of the one selected; integral: of the one before */
	};
	double previous; /* integral: the value before */
	char *text; /* a selected string, owned */
	uint32_t series, text_len;
};
void simple_add(const struct function_call *c, enum function_id id, struct simple *s, const struct run *r);
NODISCARD enum err simple_add_text(const struct function_call *c, enum function_id id, struct simple *s,
    const struct run *r, struct budget *b, struct errbuf *eb);
void simple_add_rollup(const struct function_call *c, enum function_id id, struct simple *s, uint32_t series,
    const int64_t *times, const struct rows_column *const by_kind[COLUMN_KINDS], uint32_t from, uint32_t to);
bool simple_point(const struct function_call *c, enum function_id id, const struct simple *s, int64_t bucket_ns,
    struct function_point *out);

/* ---- accumulate_list.c: all values, for what needs them ---- */

struct list_run { /* values from here on are of this series */
	uint32_t from, series;
};

struct list {
	uint64_t *bits; /* of a string: an owned struct rows_string *, plain */
	int64_t *times;
	struct list_run *runs;
	uint32_t count, room, run_count, run_room;
	uint64_t seen; /* sample: of how many */
	size_t text_bytes;
};
NODISCARD enum err list_add(const struct function_call *c, enum function_id id, struct list *l, const struct run *r,
    struct budget *b, struct errbuf *eb);
void list_fini(const struct function_call *c, struct list *l, struct budget *b);
uint32_t list_series_of(const struct list *l, uint32_t i);
/* Leaves what may be in the answer of top, bottom and distinct. */
NODISCARD enum err list_thin(
    const struct function_call *c, enum function_id id, struct list *l, struct budget *b, struct errbuf *eb);
/* accumulate_finish.c: the points, in *out, owned by the caller. */
NODISCARD enum err list_points(const struct function_call *c, enum function_id id, struct list *l, int64_t bucket_ns,
    struct function_point **out, uint32_t *count, struct errbuf *eb);

/* An order of values as numbers (or texts) have it; and the same number has the same key. */
static inline uint64_t value_key(enum value_type t, uint64_t bits)
{
	const uint64_t sign = UINT64_C(1) << 63;

	if (t == VALUE_INTEGER)
		return bits ^ sign;
	if (t != VALUE_FLOAT)
		return bits;
	if (bits == sign) /* -0 is 0 */
		bits = 0;
	return bits & sign ? ~bits : bits | sign;
}

#endif
