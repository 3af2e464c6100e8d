/* Expressions of InfluxQL worked out over cells: arithmetic, comparisons, AND and OR, regular expressions, mathematical
 * functions, by InfluxDB 1.6's rules: an operand that is missing makes the result missing; what does not fit together is
 * missing or false, never an error; strings are not joined. Owner: one thread. */
#ifndef QUERY_SELECT_EVAL_H
#define QUERY_SELECT_EVAL_H

#include "base/arena.h"
#include "base/err.h"
#include "query/cell.h"
#include "query/influxql/tree.h"

struct eval;

/* Which slot an expression's leaf (REF, or a call that is no mathematical function) takes its cell from. false: none. It is
 * asked for whole calls: their arguments are not looked at. */
struct eval_slots {
	bool (*find)(void *arg, const struct iql_expr *leaf, unsigned *slot);
	void *arg;
	/* integers divided give an integer, as in WHERE; else a float, as among the fields of a SELECT */
	bool whole_division;
	/* a slot that is missing is not taken for false beside a boolean: fields of stored points in WHERE */
	bool missing_stays;
};

/* Compiled into the arena; eval_free all the same. ERR_INVALID: a regular expression that is none, or a slot that was not
 * found; ERR_NOMEM. */
NODISCARD enum err eval_new(
    struct eval **out, struct arena *a, const struct iql_expr *e, const struct eval_slots *slots, struct errbuf *eb);
void eval_free(struct eval *e); /* NULL is fine */
/* A string is one of the slots' or of the expression. A regular expression that gives up makes the cell missing; eval_gave_up
 * tells. */
struct cell eval_cell(struct eval *e, const struct cell *slots);
/* As a condition: true, or anything else. */
bool eval_is_true(struct eval *e, const struct cell *slots);
bool eval_gave_up(const struct eval *e);

/* The type InfluxDB takes an expression to have, for columns that must be known beforehand, or CELL_NULL: it cannot be told. The
 * cells may be of another: integers divided are taken for an integer, a mathematical function for what its first argument
 * is. ERR_INVALID: the types do not go together, in InfluxDB's words. type_of: of each leaf. */
NODISCARD enum err eval_type(enum cell_type *out, const struct iql_expr *e,
    enum cell_type (*type_of)(void *arg, const struct iql_expr *leaf), void *arg, struct errbuf *eb);

#endif
