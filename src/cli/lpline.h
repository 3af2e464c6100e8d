/* One line of line protocol from names and values as they are, for import. What line protocol cannot say (a name with a
 * line break, or with a backslash at its end) is an error, never changed in silence. Owner: one thread. */
#ifndef CLI_LPLINE_H
#define CLI_LPLINE_H

#include "base/buf.h"

struct lpline {
	struct buf *out;
	size_t start;
	unsigned fields;
	bool wrong;
	struct errbuf *why;
};

/* On the first error `why` is set and the rest does nothing; lpline_end then takes the line back. */
void lpline_begin(struct lpline *l, struct buf *out, struct view measurement, struct errbuf *why);
void lpline_tag(struct lpline *l, struct view key, struct view value); /* before the fields; "" leaves it out */
void lpline_float(struct lpline *l, struct view key, double v); /* finite */
void lpline_integer(struct lpline *l, struct view key, int64_t v);
void lpline_unsigned(struct lpline *l, struct view key, uint64_t v);
void lpline_boolean(struct lpline *l, struct view key, bool v);
void lpline_string(struct lpline *l, struct view key, struct view v);
void lpline_fail(struct lpline *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool lpline_end(struct lpline *l, int64_t time_ns);

#endif
