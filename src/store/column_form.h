/* The chunk codec's numbers, for its two halves; column.c describes the form. */
#ifndef STORE_COLUMN_FORM_H
#define STORE_COLUMN_FORM_H

#include <stdint.h>

enum { PRESENCE_NONE, PRESENCE_ALL, PRESENCE_BITMAP };
enum { PLAIN, DELTA, DELTA2 };
enum { INTEGER, DECIMAL, ORDERED, STRINGS };
enum { META_ZIGZAG = 1 << 4 }; /* in the first byte */
enum { META_UNIT = 1 << 4, META_EXCEPTIONS = 1 << 5 }; /* in the second */
enum { EXPONENT_MAX = 15 };

static const double power10[EXPONENT_MAX + 1] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
	1e13, 1e14, 1e15 };

/* Negative doubles have their order turned round, so that the integers order as the doubles do; its own inverse. */
static inline uint64_t order_bits(uint64_t bits)
{
	return bits ^ (uint64_t)((int64_t)bits >> 63) >> 1;
}

#endif
