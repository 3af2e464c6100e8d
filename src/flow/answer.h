/* What an answer to a write means for the points that were sent, by status and by the body's words: InfluxDB 1.x uses
 * 500 for a missing retention policy and 400 for writes of which it kept a part. In this order:
 *
 *	401, 403, 407; 3xx                                          ANSWER_HELD ("unable to parse authentication …" too)
 *	"partial write", "parsing failed for write_lp endpoint",
 *	"field type conflict", "unable to parse", "metric parse
 *	error", "points beyond retention policy", "max key length"  ANSWER_REFUSED, whatever the status
 *	"retention policy not found"                                ANSWER_HELD
 *	204; 200, 201, 202 without a body                           ANSWER_DELIVERED
 *	404 "database not found", 'bucket "x" not found'            ANSWER_NO_DATABASE
 *	413                                                         ANSWER_TOO_LARGE
 *	no answer, half an answer (status 0); 408, 425, 429, 5xx    ANSWER_RETRY
 *	400, 422, unless a page or about the request ("bucket", …)  ANSWER_UNCLEAR
 *	anything else: a 2xx with a body (no database answers so,
 *	a proxy does), other 404                                    ANSWER_HELD: nothing is dropped on a guess */
#ifndef FLOW_ANSWER_H
#define FLOW_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/view.h"

enum answer {
	ANSWER_DELIVERED,
	ANSWER_RETRY,
	ANSWER_HELD, /* a human must mend something first */
	ANSWER_NO_DATABASE,
	ANSWER_TOO_LARGE,
	ANSWER_REFUSED, /* some of the points, for what they are */
	/* Perhaps that, perhaps something between here and there refuses everything: as refused, but a single point only
	 * where a harmless one passes in its place; else held. */
	ANSWER_UNCLEAR,
};

enum answer answer_of(int status, struct view body); /* status 0: there was none */

/* The server's words for people: without the line that it shows, which may be longer than all else, and of what is left the
 * beginning and the end, since the reason stands last. out gets a terminator. */
void answer_words(struct view body, char *out, size_t size);

/* The lines that InfluxDB 3.x names, of {"error":…,"data":[{"original_line":…,"line_number":2,"error_message":…}]}. It
 * names 100 at most. Owner: one thread. */
enum { ANSWER_LINES_MAX = 5000 };

struct answer_line {
	uint32_t number; /* from 1, of the points in the body that was sent */
	struct view original; /* as the server shows it: cut off, and without the quotes of strings; "": not said */
	struct view reason;
};

struct answer_lines {
	struct answer_line *lines; /* by number, each once */
	uint32_t count;
	/* False: the body was cut off, or as long as such lists get: more lines may be refused, send the rest again. */
	bool complete;
	/* its own */
	uint32_t room;
	struct buf text, scratch;
};

void answer_lines_init(struct answer_lines *l);
void answer_lines_fini(struct answer_lines *l);
/* False: the body names no lines (1.x and 2.x never do), or none of 1 to sent: bisect. Views last until the next call. */
NODISCARD bool answer_lines_read(struct answer_lines *l, struct view body, uint32_t sent);
/* Can it be this line? False: the numbers are not ours, bisect. */
bool answer_line_is(const struct answer_line *l, struct view line);

#endif
