/* Shared by the files that find out what names mean. */
#ifndef QUERY_SELECT_RESOLVE_H
#define QUERY_SELECT_RESOLVE_H

#include "query/select/select_part.h"

NODISCARD enum err select_no_memory(struct select_work *w);
enum cell_type select_leaf_type(const struct iql_expr *leaf);
/* expand.c: wildcards and regular expressions among the fields and dimensions, written out; sets node.dimensions. */
NODISCARD enum err select_expand(struct select_work *w, struct select_node *n);

/* select.c: the statement's steps, for EXPLAIN too. */
NODISCARD enum err select_prepare(struct select_work *w, struct iql_select *s);
NODISCARD enum err select_work_run(struct select_work *w, const struct result_sink *sink);
void select_work_end(struct select_work *w);

#endif
