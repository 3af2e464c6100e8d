/* Text as a terminal shows it: columns taken, control characters made visible, cut to a width. LC_CTYPE decides what is
 * printable; without UTF-8 everything else than ASCII is escaped. Any thread. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

bool text_is_utf8(void); /* of the locale, as setlocale has set it */
/* Columns of a terminal. */
unsigned text_width(struct view v);
/* Bytes of v that take at most `width` columns, whole characters. */
size_t text_fit(struct view v, unsigned width);
/* v cut to `width` columns, its last one then "…" (without utf8 "~"). */
void text_put_cut(struct buf *out, struct view v, unsigned width, bool utf8);
/* Appends v without what moves a cursor or ends a line: \n, \t, \\ and so on as in C, others as \xNN; broken UTF-8 too. utf8:
 * other printable characters stay; else they become \uNNNN. */
void text_put_clean(struct buf *out, struct view v, bool utf8);
/* Plain output: bytes stay but for control characters, and what could be taken for several cells or for none (blanks, a
 * leading quote, "", "-") stands in quotes. */
void text_put_plain(struct buf *out, struct view v);

#endif
