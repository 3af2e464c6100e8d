/* The tree back to InfluxQL: keywords in capitals, names quoted where they must be. What is printed parses to an equal tree.
 * Any thread. */
#ifndef QUERY_INFLUXQL_PRINT_H
#define QUERY_INFLUXQL_PRINT_H

#include "base/buf.h"
#include "query/influxql/tree.h"

/* Floats in full. */
void iql_print_expr(const struct iql_expr *e, struct buf *out);
/* As InfluxDB writes it in messages: floats with three digits after the point. */
void iql_print_expr_brief(const struct iql_expr *e, struct buf *out);
void iql_print_select(const struct iql_select *s, struct buf *out);
/* Passwords are printed too: not for logs. */
void iql_print_statement(const struct iql_statement *s, struct buf *out);

/* An identifier, quoted if it must be, or always. */
void iql_print_name(struct view name, bool always, struct buf *out);
void iql_print_string(struct view text, struct buf *out);
const char *iql_op_name(enum iql_op op);

#endif
