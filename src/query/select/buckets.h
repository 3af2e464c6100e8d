/* Accumulators of each group, bucket and call, made where rows fall, and what the files share that fill and empty them. */
#ifndef QUERY_SELECT_BUCKETS_H
#define QUERY_SELECT_BUCKETS_H

#include "query/select/rows_out.h"

struct bucket_page { /* of neighbouring buckets */
	int64_t key;
	unsigned char *states; /* by bucket, then by call */
};

struct select_point { /* of a call's answer */
	int64_t time_ns; /* of its row */
	int64_t own_ns; /* of the point itself */
	struct cell value; /* CELL_NULL: an empty bucket that was filled with nothing */
	uint32_t series; /* UINT32_MAX: none */
	uint32_t aux; /* its number among those with columns beside them, or UINT32_MAX */
};

struct point_list {
	struct select_point *of;
	size_t count, room;
};

struct point_columns { /* a call's input among the rows at hand */
	bool there;
	const uint64_t *bits;
	const uint8_t *present;
	const struct rows_column *by_kind[COLUMN_KINDS];
	uint32_t from, to; /* the rows in the call's range */
};

struct bucket_group {
	struct bucket_page *pages; /* by key */
	uint32_t count, at; /* at: the one used last */
	struct bucket_page *memory; /* of the pages, with room before and behind them */
	uint32_t room;
	struct select_chain **chains; /* of transformations of raw rows, by slot; or NULL */
	struct point_list *transformed; /* and what they gave */
};

struct buckets {
	struct select_run *run;
	uint32_t *calls; /* slots with accumulators or chains */
	uint32_t call_count;
	size_t stride; /* of a bucket's accumulators */
	unsigned shift; /* buckets of a page: 1 << shift */
	struct bucket_group *groups;
	struct arena step;
	struct point_columns *columns; /* of the rows at hand, by call */
	bool is_merged; /* some calls need rows in order */
	/* first(), last() alone: the read ends when every group has them */
	bool ends_early, descending_read;
	uint8_t *seen;
	size_t unseen;
	int64_t first_ns, last_ns; /* where the buckets begin that were made; first > last: none */
	uint32_t tier;
	uint32_t *by_group; /* of a step's rows: the next of the same group */
	unsigned char **ends; /* accumulators by series, in ends_arena; see ends.c. NULL: not needed */
	struct arena ends_arena;
};

/* buckets.c */
/* The accumulators of the bucket that begins there; NULL: there is no memory, or there would be too many (eb says which). */
unsigned char *buckets_state(struct buckets *b, struct bucket_group *g, int64_t from_ns);
bool buckets_is_ordered(const struct select_call *c); /* its points must come by time */
/* combine.c */
NODISCARD enum err buckets_number_combinations(
    struct select_run *r, struct function_call *f, const struct iql_expr *call);
/* bucket_columns.c: sets b->columns. False: out of memory. */
NODISCARD bool buckets_prepare_columns(struct buckets *b, const struct source_rows *s, const uint8_t *pass);
/* bucket_rows.c, bucket_merge.c */
NODISCARD enum err buckets_add_series(struct buckets *b, const struct source_rows *s);
NODISCARD enum err buckets_merge_step(struct buckets *b, const struct source_step *s);
/* ends.c: first() and last() of all the range. The accumulators of a series: NULL, and eb says why. */
NODISCARD enum err ends_begin(struct buckets *b);
unsigned char *ends_state(struct buckets *b, uint32_t series);
NODISCARD enum err ends_settle(struct buckets *b); /* from the series' to the groups' */
void ends_free(struct buckets *b);
/* bucket_read.c: all groups' rows to accumulators. */
NODISCARD enum err buckets_read(struct buckets *b);
/* The bucket that a page's n-th is. */
struct window bucket_window(const struct buckets *b, int64_t key, uint32_t n);
NODISCARD bool point_list_add(struct point_list *l, struct select_point p, struct budget *b, struct errbuf *eb);
void point_list_free(struct point_list *l, struct budget *b);

/* points.c: a call's points of a group, inner calls worked out, in order of the rows. */
NODISCARD enum err buckets_points(struct buckets *b, uint32_t group, uint32_t slot, struct point_list *out);
void buckets_forget(struct buckets *b, uint32_t group); /* its accumulators */

/* fill.c: empty buckets between points. */
struct filler {
	const struct buckets *b;
	const struct select_call *call;
	const struct point_list *points;
	size_t at;
	bool fills, is_count, started;
	int64_t window_ns, first_ns, end_ns, zone_ns;
	struct select_point prev;
	bool has_prev;
	enum cell_type type;
};
void filler_init(struct filler *f, const struct buckets *b, uint32_t slot, uint32_t stage, const struct point_list *l);
bool filler_next(struct filler *f, struct select_point *out);

/* answer.c: the rows. */
NODISCARD enum err buckets_answer(struct buckets *b);

/* beside.c: what stands beside a selector's points. */
struct beside;
NODISCARD enum err beside_read(struct beside **out, struct buckets *b, struct point_list *lists, uint32_t slot);
void beside_free(struct beside *x);
/* Of the point with that number: the cells of the references, by slot. */
const struct cell *beside_cells(const struct beside *x, uint32_t aux);

#endif
