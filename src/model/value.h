/* A field's value and its type; the types are InfluxDB's. */
#ifndef MODEL_VALUE_H
#define MODEL_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"

enum value_type { VALUE_FLOAT, VALUE_INTEGER, VALUE_UNSIGNED, VALUE_BOOLEAN, VALUE_STRING };

struct value {
	enum value_type type;
	union {
		double f; /* finite */
		int64_t i;
		uint64_t u;
		bool b;
		struct view s; /* as written between the quotes: still escaped */
	};
};

/* A double of its 64 bits. */
static inline double value_float(uint64_t bits)
{
	double v;

	memcpy(&v, &bits, sizeof v);
	return v;
}

const char *value_type_name(
    enum value_type t); /* as in InfluxDB's messages: float, integer, unsigned, boolean, string */

#endif
