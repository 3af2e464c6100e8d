/* A SELECT in work, shared by the files of the executor. A statement and its subqueries are nodes of a list, each before the
 * ones inside it, so that every step is a loop over the list, whatever the nesting:
 *
 *	resolve.c	inside out: names, types, wildcards, columns
 *	plan.c		outside in: ranges of time, tags to group by; calls and references become slots
 *	select.c	inside out: runs each node; a subquery's answer becomes a table (table.c), which is a source
 *	run.c		one node over one source: groups.c, then either
 *	raw.c		rows merged by time, and transformations of them, or
 *	buckets.c	accumulators of each group, bucket and call; then
 *	answer.c	their points: inner calls, fill, limits, joined by time to rows
 *
 * Everything small lies in the arena; what grows with the data is taken from the budget. */
#ifndef QUERY_SELECT_PART_H
#define QUERY_SELECT_PART_H

#include "query/influxql/zone.h"
#include "query/local_source.h"
#include "query/select/eval.h"
#include "query/select/function.h"
#include "query/select/select.h"
#include "query/select/window.h"
#include "query/source.h"

enum { SELECT_STAGES_MAX = 64 };

/* ---- what is known before any data is read ---- */

/* A call with the calls inside it, from the innermost outwards: derivative(mean(v)) is { mean, derivative }. */
struct select_call {
	uint32_t stage_count;
	struct function_call *stages;
	const struct iql_expr **exprs; /* of each stage */
	const struct iql_expr *field; /* the REF in the middle */
	uint32_t field_slot; /* number among node.inputs */
	int64_t from_ns, to_ns; /* with the intervals that transformations look back */
	bool is_transform; /* takes a group's raw rows by time, whatever their bucket */
	bool is_end; /* first, last of all the range: where the source is a measurement see ends.c */
	bool is_area; /* integral with GROUP BY time: one of those */
	bool is_absent; /* the field is in no source: never a point */
	size_t state_at; /* of its accumulator, in those of a bucket */
};

enum slot_default { SLOT_NULL, SLOT_NUMBER, SLOT_PREVIOUS };

/* What the columns are calculated from: a reference, or a call. */
struct select_slot {
	const struct iql_expr *expr;
	enum cell_type type; /* CELL_NULL: not known */
	uint32_t input; /* a reference's number among node.inputs */
	struct select_call *call; /* NULL: a reference */
	bool is_void; /* of no type: not even fill() gives it a value */
	struct cell fallback; /* where fill() gives missing cells a number */
};

/* A name read from sources: of a reference, a call's field, a condition. */
struct select_input {
	struct view name;
	enum iql_cast cast; /* as resolved; IQL_CAST_NONE: in no source */
};

struct select_column {
	struct view name, field_name; /* as the answer and as a query around this one call it */
	struct iql_expr *expr;
	enum cell_type type;
	struct eval *eval; /* NULL: the slot as it is */
	uint32_t slot;
};

/* One of FROM, resolved. */
struct select_from {
	struct view database;
	struct measurement *measurement; /* NULL: a subquery */
	struct view name; /* of the measurement, plain */
	struct select_node *sub;
};

struct select_node {
	struct select_node *next, *previous; /* the list: a node stands before those inside it */
	struct select_node *outer;
	struct iql_select *select;
	struct select_from *from;
	uint32_t from_count;
	/* resolved */
	struct view *dimensions; /* GROUP BY's tags, in order of the text */
	uint32_t dimension_count;
	struct select_column *columns; /* without the time */
	uint32_t column_count;
	struct view time_name;
	/* planned */
	struct view *group_by; /* the dimensions, and those of the queries around; sorted */
	uint32_t group_by_count;
	struct select_slot *slots;
	uint32_t slot_count, call_count, ref_count;
	struct select_input *inputs;
	uint32_t input_count;
	struct window_grid grid; /* from_ns to to_ns: the statement's range */
	struct iql_zone *zone;
	int64_t read_from_ns, read_to_ns; /* with what transformations look back */
	enum iql_fill fill;
	enum slot_default missing;
	bool is_descending, is_selector, is_empty; /* is_empty: no column can have a value */
	bool is_raw; /* no calls, or transformations of raw rows alone */
	int64_t slimit, soffset;
	struct select_tables *tables; /* a subquery's answer */
};

struct select_work {
	const struct select_env *env;
	struct arena *arena;
	struct select_node *first, *last;
	struct result_report *report;
	struct errbuf *eb;
	/* moments of the databases that are read */
	struct select_moment {
		struct view database;
		struct local_moment *moment;
	} * moments;
	uint32_t moment_count;
	int64_t read_from_ns, read_to_ns; /* of all nodes */
	struct select_seen { /* for EXPLAIN */
		uint64_t series, groups, buckets, rows;
	} seen;
};

/* ---- one node over one source ---- */

struct select_bind { /* where a source has an input */
	int32_t field; /* its number, or -1 */
	enum cell_type from; /* its type there; CELL_NULL: no such field */
	enum cell_type to; /* the type it is wanted in */
	bool is_tag;
};

struct select_member { /* a series of a group */
	uint32_t series; /* of the source */
	struct view key; /* all its tags, where order matters */
};

struct select_group {
	const struct view *tags; /* values, as node.group_by */
	struct select_member *members;
	uint32_t member_count;
};

struct select_groups {
	struct select_group *of;
	uint32_t count;
	uint32_t *group_of, *member_of; /* by series; UINT32_MAX: none */
	struct arena arena; /* of the groups and their names */
};

struct select_emit { /* rows on their way out */
	const struct select_node *node;
	const struct result_sink *sink;
	struct budget *budget;
	struct errbuf *eb;
	struct cell *slots, *row;
	struct view *names; /* of the columns */
	struct result_tag *tags;
	const struct select_group *group; /* the one whose rows come */
	struct view name;
	struct buf *kept; /* strings of slots that fill(previous) keeps */
	bool has_header, is_top; /* is_top: the statement's own answer */
	bool stopped; /* the sink wants no more */
	uint64_t rows;
};

struct select_run {
	struct select_work *work;
	struct select_node *node;
	struct source *source;
	bool is_table; /* the source is a subquery's answer */
	/* whose rows come bucket by bucket, in each by their tags; by_series: there is one bucket, whatever the rows' times */
	bool by_bucket, by_series;
	struct select_bind *binds; /* by input */
	struct eval *filter; /* source.row_filter; its slots are the inputs */
	struct cell *filter_cells;
	struct buf *filter_text;
	bool *in_filter; /* inputs */
	struct select_groups groups;
	struct select_emit *emit;
	struct budget *budget;
	struct errbuf *eb;
	struct buf scratch;
	bool *fields; /* of the source: wanted */
	/* of one series' rows: those that pass the filter; a column in another type; both masks together */
	uint8_t *pass;
	uint64_t *bits;
	uint8_t *present;
	uint32_t row_room;
	size_t taken;
};

/* As Go has them where a double does not fit: the number of the highest bit. */
static inline int64_t select_integer_of(double v)
{
	return v >= -9223372036854775808.0 && v < 9223372036854775808.0 ? (int64_t)v : INT64_MIN;
}
static inline uint64_t select_unsigned_of(double v)
{
	return v >= 0 && v < 18446744073709551616.0 ? (uint64_t)v : UINT64_C(1) << 63;
}

/* ---- resolve.c ---- */
NODISCARD enum err select_resolve(struct select_work *w, struct iql_select *s);
/* Of a name in the sources of a node. CAST_NONE: none has it. */
enum iql_cast select_type_of(const struct select_node *n, struct view name);
enum cell_type select_cast_type(enum iql_cast c);

/* ---- names.c: columns' names ---- */
NODISCARD enum err select_name_columns(struct select_work *w, struct select_node *n);
struct view select_field_name(struct arena *a, const struct iql_field *f);

/* ---- plan.c ---- */
NODISCARD enum err select_plan(struct select_work *w);
void select_unplan(struct select_work *w);
/* ERR_INVALID, in InfluxDB's words. */
enum err select_refuse_buckets(struct errbuf *eb, uint64_t count, uint64_t most);

/* ---- groups.c ---- */
NODISCARD enum err select_groups_make(struct select_run *r, bool with_keys);
void select_groups_free(struct select_run *r);

/* ---- run.c ---- */
/* Rows of n over the source, into the sink. */
NODISCARD enum err select_run_source(
    struct select_work *w, struct select_node *n, struct source *s, bool is_table, struct select_emit *emit);
/* Room for the masks and casts of n rows. */
NODISCARD enum err select_row_room(struct select_run *r, uint32_t n);
/* Which of the rows pass the filter. */
NODISCARD enum err select_filter_rows(struct select_run *r, const struct source_rows *rows, uint8_t *pass, bool *any);
/* The input's values among the rows; NULL: none. */
const struct rows_column *select_find_column(
    const struct select_run *r, const struct source_rows *rows, uint32_t input);
struct cell select_cell_of(const struct rows_column *c, enum cell_type to, uint32_t row, struct buf *scratch);
struct cell select_tag_of(struct select_run *r, uint32_t series, uint32_t input);
/* Of r->source. An error of a step is what is returned, in its own words. */
NODISCARD enum err select_read(struct select_run *r, const struct source_read *rd);
void *select_take(struct budget *b, size_t bytes, struct errbuf *eb); /* zeroed; NULL: eb says why */
void select_give(struct budget *b, void *p, size_t bytes);

/* ---- raw.c, buckets.c ---- */
NODISCARD enum err select_run_raw(struct select_run *r);
NODISCARD enum err select_run_buckets(struct select_run *r);

/* ---- emit.c ---- */
NODISCARD enum err select_emit_init(struct select_emit *e, struct select_work *w, const struct select_node *n,
    const struct result_sink *sink, bool is_top);
void select_emit_fini(struct select_emit *e);
void select_emit_begin(struct select_emit *e, struct view name, const struct select_group *g);
/* The slots as a row. ERR_CLOSED and e->stopped: no more is wanted. */
NODISCARD enum err select_emit_row(struct select_emit *e, int64_t time_ns);
/* Rows of which nothing is calculated: columns as the node's, cells: emit.row. Of the statement's own answer. */
NODISCARD enum err select_emit_run(struct select_emit *e, const struct result_run *r);
/* What stands for a slot that has nothing in this row. */
void select_emit_missing(struct select_emit *e, uint32_t slot);

/* ---- table.c ---- */
struct select_tables;
NODISCARD enum err select_tables_new(struct select_tables **out, struct select_work *w, const struct select_node *n);
void select_tables_free(struct select_tables *t); /* NULL is fine */
struct result_sink select_tables_sink(struct select_tables *t);
enum err select_tables_error(const struct select_tables *t); /* why its sink stopped */
uint32_t select_tables_count(const struct select_tables *t);
struct view select_tables_name(const struct select_tables *t, uint32_t i);
/* Of those subqueries the tables with that name, as one source. */
NODISCARD enum err select_tables_open(struct source **out, struct select_work *w, struct select_tables *const *of,
    uint32_t count, struct view name, const struct iql_expr *filter);

#endif
