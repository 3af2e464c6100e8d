/* Reads the text exposition format of Prometheus (0.0.4; OpenMetrics' text as far as it is the same) line by line from
 * memory: nothing is built, names and labels stay views of the text. Strict: a line that is not right is told of and
 * left out, the next one is read. Any bytes are safe. Owner: one thread. */
#ifndef WIRE_EXPOSITION_H
#define WIRE_EXPOSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { EXPOSITION_NAME_MAX = 256, EXPOSITION_LINE_MAX = 64 << 10, EXPOSITION_LABELS_MAX = 64 };

struct exposition_in {
	const char *at, *end;
	uint64_t line; /* the one read last, from 1 */
};

struct exposition_sample {
	struct view name;
	struct view labels; /* between the braces, checked; len 0: none */
	double value; /* may be NaN or infinite */
	bool has_time;
	int64_t time_ms;
};

void exposition_in_init(struct exposition_in *in, struct view text);
/* ERR_OK: the next sample; comments and empty lines are stepped over. ERR_INVALID: the line is not one, go on.
 * ERR_NOTFOUND: the end. */
NODISCARD enum err exposition_next(struct exposition_in *in, struct exposition_sample *out);
/* A label's value, unescaped, into out (cleared first). False: there is no such label, or out is too small. */
bool exposition_label(const struct exposition_sample *s, const char *name, struct buf *out);

#endif
