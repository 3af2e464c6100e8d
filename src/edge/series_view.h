/* How the catalogue stands to its ceilings, for people: which ceiling is nearest, which measurements have the most
 * series, which of their tags have the most values. Any thread; walks all measurements, no series. */
#ifndef EDGE_SERIES_VIEW_H
#define EDGE_SERIES_VIEW_H

#include "base/buf.h"
#include "store/catalogue.h"

enum { SERIES_VIEW_NAME = 128 };

struct series_near { /* the ceiling of which the greatest part is used */
	enum ceiling ceiling;
	uint64_t have, max;
	bool can_rise; /* a higher one can be set */
	/* plain, cut to fit; "" if there is none. Of the ceiling, else (of all series) the one that has the most */
	char measurement[SERIES_VIEW_NAME];
	char tag[SERIES_VIEW_NAME]; /* its tag with the most values */
	uint64_t tag_values;
};

void series_view_nearest(const struct catalogue *c, struct series_near *out);
const char *series_view_key(enum ceiling ceiling); /* of [limits] */
/* Those with the most series, the first of them first; how many, at most max. */
unsigned series_view_top(const struct catalogue *c, struct measurement **out, unsigned max);

/* An escaped name as JSON text. */
void series_view_put_name(struct buf *b, const char *key, struct view escaped, bool measurement);
/* An object: limit, measurement, have, max, tag, tag_values. */
void series_view_put_near(struct buf *b, const char *key, const struct series_near *n);

#endif
