#include "model/reject.h"

static const struct {
	const char *name;
	enum counter counter;
} table[REJECT_COUNT] = {
	[REJECT_UNPARSABLE] = { "unparsable", COUNTER_REJECT_UNPARSABLE },
	[REJECT_TYPE_CONFLICT] = { "type_conflict", COUNTER_REJECT_TYPE_CONFLICT },
	[REJECT_NOT_FINITE] = { "not_finite", COUNTER_REJECT_NOT_FINITE },
	[REJECT_TOO_OLD] = { "too_old", COUNTER_REJECT_TOO_OLD },
	[REJECT_IN_FUTURE] = { "in_future", COUNTER_REJECT_IN_FUTURE },
	[REJECT_TOO_LONG] = { "too_long", COUNTER_REJECT_TOO_LONG },
	[REJECT_TOO_MANY_SERIES] = { "too_many_series", COUNTER_REJECT_TOO_MANY_SERIES },
	[REJECT_TOO_MANY_FIELDS] = { "too_many_fields", COUNTER_REJECT_TOO_MANY_FIELDS },
	[REJECT_BAD_NAME] = { "bad_name", COUNTER_REJECT_BAD_NAME },
};

const char *reject_name(enum reject r)
{
	return table[r].name;
}

enum counter reject_counter(enum reject r)
{
	return table[r].counter;
}
