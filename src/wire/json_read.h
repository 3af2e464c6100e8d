/* Reads JSON piece by piece from text in memory: nothing is built, numbers stay text, so that 64-bit integers and doubles
 * are exact. Any bytes are safe. After the first fault every call returns false. Owner: one thread.
 *
 *	json_enter(&in, '[');
 *	while (json_more(&in, ']'))	(eats commas, and the bracket at the end)
 *		json_skip(&in);
 */
#ifndef WIRE_JSON_READ_H
#define WIRE_JSON_READ_H

#include <stdbool.h>

#include "base/buf.h"

struct json_in {
	const char *at, *end;
	bool failed; /* or the text ended early */
	bool first; /* right after an opening bracket: no comma comes */
};

void json_in_init(struct json_in *in, struct view text);
/* The next byte that is no blank, without taking it; 0: the end. What kind of value comes: { [ " t f n - 0…9 */
char json_peek(struct json_in *in);
bool json_enter(struct json_in *in, char bracket);
/* Another element or member? At the end takes the closing bracket. */
bool json_more(struct json_in *in, char bracket);
bool json_key(struct json_in *in, struct buf *out); /* a member's name and the colon; out is cleared first */
bool json_string(struct json_in *in, struct buf *out); /* decoded, UTF-8; out is cleared first */
bool json_number(struct json_in *in, struct view *out); /* its text */
bool json_literal(struct json_in *in, const char *word); /* true, false, null; true if that was it */
bool json_skip(struct json_in *in); /* a value of any kind; at most 64 deep */

#endif
