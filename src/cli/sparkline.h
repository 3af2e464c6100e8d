/* A column's course in one line of a few characters, from any number of values: when the slots are full, neighbours are
 * joined to their mean and each slot stands for twice as many rows from then on. Owner: one thread. */
#ifndef CLI_SPARKLINE_H
#define CLI_SPARKLINE_H

#include <stdbool.h>

#include "base/buf.h"

enum { SPARKLINE_SLOTS = 128 };

struct sparkline {
	double sum[SPARKLINE_SLOTS];
	uint64_t count[SPARKLINE_SLOTS]; /* of values; 0: the rows had none */
	uint64_t rows, stride; /* stride: rows of a slot */
	uint64_t values;
	double low, high, last;
};

void sparkline_init(struct sparkline *s);
void sparkline_add(struct sparkline *s, double v); /* finite */
void sparkline_skip(struct sparkline *s); /* a row without a value */
/* At most `width` characters, from low to high; a blank where no value is. utf8: blocks, else ASCII. */
void sparkline_put(const struct sparkline *s, struct buf *out, unsigned width, bool utf8);

#endif
