/* A table of text, its columns aligned; numbers to the right. Widths count characters of UTF-8. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>

#include "base/buf.h"

struct table;

struct table *table_new(unsigned columns); /* NULL: out of memory */
void table_free(struct table *t);
/* Cells are copied, row after row from the left; the first row is the head. */
void table_add(struct table *t, const char *cell);
void table_addf(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A column whose cells below the head all begin with a digit, a sign or a dash stands to the right. */
void table_print(const struct table *t, struct buf *out);
void table_print_csv(const struct table *t, struct buf *out); /* RFC 4180 */

#endif
