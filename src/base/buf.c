#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"

enum { FIRST_CAP = 256 };

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void buf_fini(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ .max = b->max };
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

bool buf_reserve(struct buf *b, size_t n)
{
	if (n <= b->cap - b->len)
		return true;
	if (n > b->max - b->len) {
		b->failed = true;
		return false;
	}
	size_t cap = b->cap ? b->cap : FIRST_CAP;
	while (cap < b->len + n)
		cap += cap;
	if (cap > b->max)
		cap = b->max;
	char *p = realloc(b->p, cap);
	if (!p) {
		b->failed = true;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

void buf_append(struct buf *b, const void *p, size_t n)
{
	if (n == 0 || !buf_reserve(b, n))
		return;
	memcpy(b->p + b->len, p, n);
	b->len += n;
}

void buf_str(struct buf *b, const char *s)
{
	buf_append(b, s, strlen(s));
}

void buf_view(struct buf *b, struct view v)
{
	buf_append(b, v.p, v.len);
}

void buf_char(struct buf *b, char c)
{
	buf_append(b, &c, 1);
}

void buf_u64(struct buf *b, uint64_t v)
{
	char text[21];

	buf_append(b, text, num_format_u64(text, v));
}

void buf_i64(struct buf *b, int64_t v)
{
	if (v < 0)
		buf_char(b, '-');
	buf_u64(b, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void buf_double(struct buf *b, double v)
{
	char text[NUM_DOUBLE_MAX];

	buf_append(b, text, num_format_double(text, v));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !buf_reserve(b, (size_t)n + 1)) {
		b->failed = true;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}
