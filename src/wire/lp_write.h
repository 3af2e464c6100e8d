/* Writes line protocol. Names and values are escaped here; a line without a field, or one that did not fit, leaves no
 * trace. Order: lp_begin, tags (sorted by key, by the caller), fields, lp_end. Owner: one thread.
 *
 *	lp_begin(&w, &buf, "cpu");
 *	lp_tag(&w, "host", "web-01");
 *	lp_float(&w, "usage_user", 1.5);
 *	lp_end(&w, now_ns);
 */
#ifndef WIRE_LP_WRITE_H
#define WIRE_LP_WRITE_H

#include <stdint.h>

#include "base/buf.h"

struct lp_writer {
	struct buf *out;
	size_t line_start;
	unsigned fields; /* of this line */
	uint64_t points, values; /* of all lines; the caller zeroes the writer first */
};

void lp_begin(struct lp_writer *w, struct buf *out, const char *measurement);
void lp_tag(struct lp_writer *w, const char *key, const char *value); /* an empty value leaves the tag out */
void lp_float(struct lp_writer *w, const char *key, double v); /* not finite: left out */
void lp_int(struct lp_writer *w, const char *key, int64_t v);
void lp_bool(struct lp_writer *w, const char *key, bool v);
void lp_string(struct lp_writer *w, const char *key, struct view v);
void lp_end(struct lp_writer *w, int64_t time_ns);

#endif
