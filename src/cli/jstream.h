/* JSON that arrives in pieces of any size, told event by event: nothing is built, numbers stay text. Documents may follow
 * each other. Memory: one string or number. Owner: one thread. */
#ifndef CLI_JSTREAM_H
#define CLI_JSTREAM_H

#include "base/buf.h"

enum jstream_event {
	JSTREAM_OBJECT,
	JSTREAM_OBJECT_END,
	JSTREAM_ARRAY,
	JSTREAM_ARRAY_END,
	JSTREAM_KEY, /* text: the member's name */
	JSTREAM_STRING, /* text: decoded, UTF-8 */
	JSTREAM_NUMBER, /* text: as it stands there */
	JSTREAM_TRUE,
	JSTREAM_FALSE,
	JSTREAM_NULL
};

enum { JSTREAM_DEPTH_MAX = 63, JSTREAM_TEXT_MAX = 16 << 20 };

struct jstream {
	/* text is good during the call; false stops the reading for good */
	bool (*on)(void *arg, enum jstream_event e, struct view text);
	void *arg;
	struct buf text;
	uint64_t objects; /* bit by depth: an object, not an array */
	unsigned depth;
	int expects; /* enum expects */
	int within; /* enum within */
	uint32_t code, high; /* of \uXXXX: so far; the first of a pair */
	unsigned digits;
	bool failed;
};

void jstream_init(struct jstream *j, bool (*on)(void *, enum jstream_event, struct view), void *arg);
void jstream_fini(struct jstream *j);
/* False: that is no JSON, it is nested too deep, a text is too long, or `on` stopped it; stays so. */
NODISCARD bool jstream_take(struct jstream *j, struct view piece);
/* No more will come. False: it ended within a document. */
NODISCARD bool jstream_end(struct jstream *j);

#endif
