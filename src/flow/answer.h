/* What an answer to a write means for the points that were sent. Judged by status and by the body's words: InfluxDB 1.x
 * uses 500 for a missing retention policy and 400 for writes of which it kept a part.
 *
 *	2xx                                                          ANSWER_DELIVERED
 *	no answer; 408, 429, 5xx                                     ANSWER_RETRY
 *	401, 403, 404; "retention policy not found"                  ANSWER_HELD, but
 *	404 "database not found"                                     ANSWER_NO_DATABASE
 *	413                                                          ANSWER_TOO_LARGE
 *	400, 422; "partial write", "field type conflict",
 *	"unable to parse", "points beyond retention policy"          ANSWER_REFUSED
 *	anything else                                                ANSWER_HELD: nothing is dropped on a guess */
#ifndef FLOW_ANSWER_H
#define FLOW_ANSWER_H

#include "base/view.h"

enum answer {
	ANSWER_DELIVERED,
	ANSWER_RETRY,
	ANSWER_HELD, /* a human must mend something first */
	ANSWER_NO_DATABASE,
	ANSWER_TOO_LARGE,
	ANSWER_REFUSED, /* some of the points, for what they are */
};

enum answer answer_of(int status, struct view body); /* status 0: there was none */

#endif
