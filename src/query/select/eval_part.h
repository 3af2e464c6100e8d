/* Shared by eval.c and eval_binary.c alone. */
#ifndef QUERY_SELECT_EVAL_PART_H
#define QUERY_SELECT_EVAL_PART_H

#include "query/select/eval.h"

/* a op b, as InfluxDB 1.6 works it out; op is neither =~ nor !~. Strings joined by + come into scratch. */
struct cell eval_binary(enum iql_op op, struct cell a, struct cell b, struct buf *scratch);

#endif
