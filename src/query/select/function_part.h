/* Shared by the files of the functions alone. */
#ifndef QUERY_SELECT_FUNCTION_PART_H
#define QUERY_SELECT_FUNCTION_PART_H

#include "base/buf.h"
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

/* A run of values of one series: what accumulator_add is given, or one string of accumulator_add_cell. */
struct run {
	uint32_t series;
	const int64_t *times;
	const uint64_t *bits; /* of a string: const struct rows_string *, escaped */
	const uint8_t *present;
	uint32_t n;
	const struct view *plain; /* instead of bits: n is 1 */
};

/* ---- accumulate_number.c and accumulate_select.c: what is kept in a few words ---- */

struct simple {
	uint64_t count;
	union {
		double sum; /* sum, mean; stddev: the mean so far */
		uint64_t whole; /* sums of integers, modulo 2^64 */
		uint64_t bits; /* of the one selected; spread: the least */
		double area; /* integral */
	};
	union {
		double rest; /* what rounding took from the sum; stddev: the sum of squares of distances */
		uint64_t most; /* spread */
		int64_t time_ns; /* of the one selected; integral: of the one before */
	};
	double last; /* integral: the value before */
	union {
		struct {
			uint32_t series;
			struct rows_string *text; /* a selected string, plain, owned */
		};
		struct { /* integral: where the area begins */
			int64_t first_ns;
			double first;
		};
	};
};
void number_add(const struct function_call *c, enum function_id id, struct simple *s, const uint64_t *bits,
    const int64_t *times, uint32_t n); /* without a gap */
void number_add_rollup(const struct function_call *c, enum function_id id, struct simple *s,
    const struct rows_column *const of[COLUMN_KINDS], uint32_t row);
struct cell number_value(const struct function_call *c, enum function_id id, const struct simple *s);

void select_add(const struct function_call *c, enum function_id id, struct simple *s, const struct run *r,
    uint32_t from, uint32_t n); /* without a gap */
NODISCARD enum err select_add_text(
    enum function_id id, struct simple *s, const struct run *r, struct budget *b, struct errbuf *eb);
void select_add_rollup(const struct function_call *c, enum function_id id, struct simple *s, uint32_t series,
    int64_t time_ns, const struct rows_column *const of[COLUMN_KINDS], uint32_t row);

/* ---- accumulate_list.c: all values, for what needs them; accumulate_thin.c: those that may be in the answer ---- */

struct list_run { /* values from here on are of this series */
	uint32_t from, series;
};

struct list_block;

struct list {
	struct list_block *blocks, *last; /* percentile, median, mode: the values, until they are joined */
	uint64_t *bits; /* of a string: an owned struct rows_string *, plain */
	int64_t *times; /* behind them, in the same piece of memory; NULL for median */
	struct list_run *runs;
	uint32_t count, room, run_count, run_room;
	uint64_t seen; /* sample: of how many */
	uint32_t full; /* top, bottom, distinct: of so many it is time to thin */
	bool has_bound; /* top, bottom: what is worse than this cannot be in the answer */
	uint64_t bound;
	struct function_point *points; /* what came of it */
	size_t point_bytes;
};
/* Strings are copied. */
NODISCARD enum err list_add(const struct function_call *c, enum function_id id, struct list *l, const struct run *r,
    struct budget *b, struct errbuf *eb);
void list_fini(const struct function_call *c, struct list *l, struct budget *b);
size_t list_value_size(enum function_id id); /* with its time */
uint32_t list_series_of(const struct list *l, uint32_t i);
NODISCARD enum err list_push_run(struct list *l, uint32_t from, uint32_t series, struct budget *b, struct errbuf *eb);
/* A string's plain text: in place, or in scratch. */
struct view run_text(const struct run *r, uint32_t i, struct buf *scratch);
NODISCARD enum err text_copy(struct view v, struct rows_string **out, struct budget *b, struct errbuf *eb);
void text_free(uint64_t bits, struct budget *b);
/* top, bottom and distinct: leaves what may be in the answer, the best first. */
NODISCARD enum err list_thin(
    const struct function_call *c, enum function_id id, struct list *l, struct budget *b, struct errbuf *eb);
/* accumulate_block.c. n values of the run at hand, into blocks. */
NODISCARD enum err blocks_add(enum function_id id, struct list *l, const uint64_t *bits, const int64_t *times,
    uint32_t n, struct budget *b, struct errbuf *eb);
NODISCARD enum err blocks_join(enum function_id id, struct list *l, struct budget *b, struct errbuf *eb);
void blocks_free(struct list *l, bool are_texts, struct budget *b);
/* accumulate_finish.c: into l->points. */
NODISCARD enum err list_finish(const struct function_call *c, enum function_id id, struct list *l, int64_t bucket_ns,
    uint32_t *count, struct budget *b, struct errbuf *eb);

/* accumulate_rank.c: where values are in order. The list is not empty. */
/* The rank-th smallest, from 0: where it is in the list. */
NODISCARD enum err rank_find(const struct function_call *c, const struct list *l, uint32_t rank, uint32_t *at,
    struct budget *b, struct errbuf *eb);
NODISCARD enum err rank_median(
    const struct function_call *c, const struct list *l, struct cell *out, struct budget *b, struct errbuf *eb);
NODISCARD enum err rank_mode(
    const struct function_call *c, const struct list *l, uint32_t *at, struct budget *b, struct errbuf *eb);

static inline struct view text_of(uint64_t bits)
{
	const struct rows_string *s = (const struct rows_string *)(uintptr_t)bits;

	return (struct view){ s->bytes, s->len };
}

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

/* As strcmp. */
static inline int value_compare(enum value_type t, uint64_t a, uint64_t b)
{
	if (t == VALUE_STRING)
		return view_cmp(text_of(a), text_of(b));
	uint64_t x = value_key(t, a), y = value_key(t, b);
	return (x > y) - (x < y);
}

#endif
