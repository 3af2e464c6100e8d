/* One value of a row as the query engine hands it about: typed, or missing. */
#ifndef QUERY_CELL_H
#define QUERY_CELL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"
#include "model/value.h"

enum cell_type { CELL_NULL, CELL_FLOAT, CELL_INTEGER, CELL_UNSIGNED, CELL_BOOLEAN, CELL_STRING };

struct cell {
	enum cell_type type;
	union {
		double f; /* may be infinite or NaN where a calculation came to that */
		int64_t i;
		uint64_t u;
		bool b;
		struct view s; /* plain, not escaped; whose bytes it points to says who hands it over */
	};
};

static inline enum cell_type cell_type_of(enum value_type t)
{
	return (enum cell_type)((int)t + 1); /* the same order */
}

static inline bool cell_type_is_number(enum cell_type t)
{
	return t == CELL_FLOAT || t == CELL_INTEGER || t == CELL_UNSIGNED;
}

/* Of a number, whatever its type. */
static inline double cell_number(struct cell c)
{
	return c.type == CELL_FLOAT ? c.f : c.type == CELL_INTEGER ? (double)c.i : (double)c.u;
}

/* From the bits of a column (store/rows.h) that holds no strings. */
static inline struct cell cell_from_bits(enum value_type t, uint64_t bits)
{
	struct cell c = { .type = cell_type_of(t) };

	if (t == VALUE_BOOLEAN)
		c.b = bits != 0;
	else
		memcpy(&c.u, &bits, sizeof c.u);
	return c;
}

#endif
