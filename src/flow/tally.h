/* What a measurement holds, hour by hour of a stretch: of each field how many values, and, if wanted, a checksum of them;
 * of all its points the first and last time. Two of them, one for each side, tell where the sides differ without either
 * holding the points. Owner: one thread. */
#ifndef FLOW_TALLY_H
#define FLOW_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"
#include "model/value.h"

enum { TALLY_HOURS_MAX = 24, TALLY_FIELDS_MAX = 16384, TALLY_FIELD_SHOWN = 64 };
#define TALLY_HOUR_NS (INT64_C(3600) * 1000000000)

struct tally_field {
	char *name; /* plain, not escaped */
	size_t name_len;
	uint64_t count[TALLY_HOURS_MAX];
	/* The sum, modulo 2^64, of a 64-bit hash of each value with its series and time: the order does not matter. */
	uint64_t sum[TALLY_HOURS_MAX];
};

struct tally {
	int64_t from_ns; /* aligned to an hour */
	struct tally_field *fields;
	uint32_t count, room;
	int64_t first_ns[TALLY_HOURS_MAX], last_ns[TALLY_HOURS_MAX]; /* INT64_MAX, INT64_MIN: none, or not known */
};

struct tally_difference {
	uint64_t here, there; /* values of all fields */
	uint32_t fields; /* that differ */
	char field[TALLY_FIELD_SHOWN]; /* the first of them */
	bool less, more; /* some field has fewer there, some more */
	bool values; /* as many, but others: checksums differ */
	bool times; /* the first or the last time differs */
};

void tally_init(struct tally *t);
void tally_fini(struct tally *t);
void tally_begin(struct tally *t, int64_t from_ns); /* forgets what was counted and whose fields they were */
/* The field's place, added if it is new. Negative: no memory, or too many. */
int32_t tally_field(struct tally *t, struct view name);
void tally_count(struct tally *t, uint32_t field, unsigned hour, uint64_t values);
void tally_time(struct tally *t, int64_t time_ns); /* of a point */
/* A value with what it is hashed with. An unsigned one counts as the integer it is sent as; a string is plain. */
struct tally_value {
	uint64_t series; /* tally_series_hash */
	int64_t time_ns;
	enum value_type type;
	uint64_t bits;
	struct view string;
};
void tally_add(struct tally *t, uint32_t field, const struct tally_value *v);

/* Of a series by its plain names: one tag at a time, in any order, added to what tally_name_hash gives of the measurement. */
uint64_t tally_name_hash(struct view name);
uint64_t tally_tag_hash(struct view key, struct view value);
/* Of a value's place, whatever it is: a series, a field's plain name, a time. */
uint64_t tally_place_hash(uint64_t series, uint64_t name_hash, int64_t time_ns);

bool tally_is_empty(const struct tally *t, unsigned hour);
/* False: the hour is equal. sums: both have added values. Times are compared where both know them. */
bool tally_differs(
    const struct tally *here, const struct tally *there, unsigned hour, bool sums, struct tally_difference *out);

#endif
