/* Shared by the files of the printer. */
#ifndef QUERY_INFLUXQL_PRINT_PART_H
#define QUERY_INFLUXQL_PRINT_PART_H

#include "query/influxql/print.h"

void iql_print_regex(struct view text, struct buf *out);
void iql_print_sources(const struct iql_source *s, struct buf *out); /* " FROM a, b", or nothing */
void iql_print_condition(const struct iql_expr *e, struct buf *out); /* " WHERE …", or nothing */
void iql_print_dimensions(const struct iql_dimension *d, struct buf *out); /* " GROUP BY …", or nothing */
void iql_print_order(enum iql_order o, struct buf *out);
void iql_print_limits(const struct iql_limits *l, struct buf *out);

#endif
