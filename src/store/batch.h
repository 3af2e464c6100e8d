/* A parsed request on its way from the door to the spool and the head. Points refer to the catalogue's series and
 * fields, string values and parts to the request's text: the batch must not outlive it. Owner: the caller; the writer
 * thread reads it while the caller waits. */
#ifndef STORE_BATCH_H
#define STORE_BATCH_H

#include <stdint.h>

#include "base/view.h"
#include "model/value.h"
#include "store/catalogue.h"

struct batch_value {
	struct field *field; /* its type is the value's */
	uint64_t bits; /* the value's 64 bits; of a string: where it starts (const char *), still escaped */
	uint32_t len; /* of a string */
};

struct batch_point {
	struct series *series;
	int64_t time_ns;
	uint32_t first_value, values;
};

struct batch_part { /* at most about 1 MiB of text, whole lines */
	struct view text; /* line protocol with nanosecond timestamps */
	struct view frame; /* the same as a zstd frame; empty: left to the writer, who packs small parts together */
	uint32_t points;
	int64_t min_ns, max_ns;
};

struct batch {
	uint32_t db;
	int64_t received_ns;
	struct batch_point *points;
	struct batch_value *values;
	struct batch_part *parts;
	uint32_t point_count, value_count, part_count;
};

static inline uint64_t batch_bits(const struct value *v)
{
	uint64_t bits = 0;

	switch (v->type) {
	case VALUE_FLOAT:
		memcpy(&bits, &v->f, sizeof bits);
		break;
	case VALUE_INTEGER:
		bits = (uint64_t)v->i;
		break;
	case VALUE_UNSIGNED:
		bits = v->u;
		break;
	case VALUE_BOOLEAN:
		bits = v->b;
		break;
	case VALUE_STRING:
		bits = (uint64_t)(uintptr_t)v->s.p;
		break;
	}
	return bits;
}

#endif
