/* What the spool's file remembers beside the points: gaps, as JSON, and the quarantine. Read through a connection of its own
 * that writes nothing. Any thread; one query at a time. */
#ifndef EDGE_SPOOL_VIEW_H
#define EDGE_SPOOL_VIEW_H

#include <sqlite3.h>

#include "base/buf.h"
#include "base/err.h"

struct spool_view;

struct spool_view_gaps {
	uint64_t points; /* of gaps recorded since the given time */
	char cause[32]; /* of the newest of them */
};

NODISCARD enum err spool_view_open(struct spool_view **out, const char *spool_path, struct errbuf *eb);
void spool_view_close(struct spool_view *v);

NODISCARD enum err spool_view_gap_sum(
    struct spool_view *v, int64_t since_ns, struct spool_view_gaps *out, struct errbuf *eb);
/* Elements of an array, newest first. */
NODISCARD enum err spool_view_gaps(struct spool_view *v, unsigned limit, struct buf *json, struct errbuf *eb);
/* The connection, for store/quarantine.h: not for long, and no answer is sent meanwhile. */
sqlite3 *spool_view_lock(struct spool_view *v);
void spool_view_unlock(struct spool_view *v);

#endif
