/* A byte buffer with a ceiling set at birth. An append that does not fit leaves the contents alone and sets
 * `failed`, which stays: write a whole answer, then check once. Owner: one thread. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

struct buf {
	char *p;
	size_t len, cap, max;
	bool failed; /* something did not fit, or memory ran out */
};

void buf_init(struct buf *b, size_t max); /* allocates nothing yet */
void buf_fini(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory, forgets `failed` */

/* Room for n more bytes at b->p + b->len, or false and `failed`. */
NODISCARD bool buf_reserve(struct buf *b, size_t n);

void buf_append(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, const char *s);
void buf_view(struct buf *b, struct view v);
void buf_char(struct buf *b, char c);
void buf_u64(struct buf *b, uint64_t v);
void buf_i64(struct buf *b, int64_t v);
void buf_double(struct buf *b, double v); /* shortest text that reads back as v; v must be finite */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
