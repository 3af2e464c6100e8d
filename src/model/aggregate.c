#include "model/aggregate.h"

#include <string.h>

double aggregate_number(enum value_type type, uint64_t bits)
{
	switch (type) {
	case VALUE_FLOAT:
		return value_float(bits);
	case VALUE_INTEGER:
		return (double)(int64_t)bits;
	case VALUE_UNSIGNED:
	case VALUE_BOOLEAN:
		return (double)bits;
	case VALUE_STRING:
		break;
	}
	return 0;
}

static int is_less(enum value_type type, uint64_t a, uint64_t b)
{
	if (type == VALUE_FLOAT)
		return value_float(a) < value_float(b);
	return type == VALUE_INTEGER ? (int64_t)a < (int64_t)b : a < b;
}

static uint64_t add_bits(enum value_type type, uint64_t a, uint64_t b)
{
	if (type != VALUE_FLOAT)
		return a + b;
	double sum = value_float(a) + value_float(b);
	memcpy(&a, &sum, sizeof a);
	return a;
}

void aggregate_add(struct aggregate *a, enum value_type type, uint64_t bits, int64_t t)
{
	const struct aggregate one = { 1, bits, bits, bits, bits, bits, t, t };

	aggregate_merge(a, type, &one);
}

void aggregate_merge(struct aggregate *a, enum value_type type, const struct aggregate *b)
{
	if (b->count == 0)
		return;
	if (a->count == 0) {
		*a = *b;
		return;
	}
	a->count += b->count;
	a->sum = add_bits(type, a->sum, b->sum);
	if (is_less(type, b->min, a->min))
		a->min = b->min;
	if (is_less(type, a->max, b->max))
		a->max = b->max;
	if (b->first_ns < a->first_ns) {
		a->first = b->first;
		a->first_ns = b->first_ns;
	}
	if (b->last_ns >= a->last_ns) {
		a->last = b->last;
		a->last_ns = b->last_ns;
	}
}
