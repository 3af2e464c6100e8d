/* Steps of a group's raw rows to rows of the answer: merged by time, filtered, transformed, limited. Groups one after the
 * other, the steps of each in order. */
#ifndef QUERY_SELECT_ROWS_OUT_H
#define QUERY_SELECT_ROWS_OUT_H

#include "query/select/select_part.h"

struct rows_out;

NODISCARD enum err rows_out_new(struct rows_out **out, struct select_run *r);
void rows_out_free(struct rows_out *o); /* NULL is fine */
void rows_out_begin(struct rows_out *o, const struct select_group *g);
/* The sort order of list is changed. ERR_CLOSED: nobody wants more (run.emit.stopped). */
NODISCARD enum err rows_out_step(
    struct rows_out *o, const struct select_group *g, const struct source_rows **list, uint32_t n);
bool rows_out_is_done(const struct rows_out *o); /* the group has all the rows that LIMIT allows */
/* Would a group with so many rows have enough for LIMIT? */
bool rows_out_suffice(const struct rows_out *o, uint64_t rows);

/* The calls of a slot, one behind the other, fed with points by time. */
struct select_chain;
NODISCARD enum err select_chain_new(struct select_chain **out, const struct select_node *n, const struct select_call *c,
    struct budget *b, struct errbuf *eb);
void select_chain_free(struct select_chain *c); /* NULL is fine */
void select_chain_reset(struct select_chain *c);
NODISCARD enum err select_chain_push(
    struct select_chain *c, int64_t time_ns, struct cell v, struct function_point *out, bool *has, struct errbuf *eb);

/* At the end of a group: the last point, if there is one left. */
NODISCARD enum err select_chain_finish(
    struct select_chain *c, struct function_point *out, bool *has, struct errbuf *eb);
/* After that: what the last transformation says at the end (Holt-Winters), the chain's until it is freed. */
NODISCARD enum err select_chain_rest(
    struct select_chain *c, struct function_point **out, uint32_t *count, struct errbuf *eb);

#endif
