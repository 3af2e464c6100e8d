/* Why a point is refused at the door. */
#ifndef MODEL_REJECT_H
#define MODEL_REJECT_H

#include "base/counter.h"

enum reject {
	REJECT_UNPARSABLE,
	REJECT_TYPE_CONFLICT, /* the field has another type already */
	REJECT_NOT_FINITE, /* NaN or infinity */
	REJECT_TOO_OLD, /* beyond raw retention */
	REJECT_IN_FUTURE, /* beyond max_future */
	REJECT_TOO_LONG, /* a key, a string or the number of a line's fields is above its ceiling */
	REJECT_TOO_MANY_SERIES, /* in all or of the measurement; or too many measurements */
	REJECT_TOO_MANY_FIELDS, /* of the measurement */
	REJECT_BAD_NAME, /* not UTF-8, or with control characters: newer servers refuse it */
	REJECT_COUNT
};

const char *reject_name(enum reject r); /* as above, in lower case */
enum counter reject_counter(enum reject r);

#endif
