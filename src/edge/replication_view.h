/* Replication as JSON: the targets, what is owed, what was verified; the same in /api/v1/replication and /api/v1/status. Any thread. */
#ifndef EDGE_REPLICATION_VIEW_H
#define EDGE_REPLICATION_VIEW_H

#include "edge/routes.h"

/* All of them at one moment, the record first. How many. */
unsigned replication_view_stats(const struct services *s, struct replicator_stats out[REPLICATION_TARGETS_MAX]);
/* The members `targets`, `owed`, `verified` and `verify`. places: also the record's databases. */
void replication_view(
    struct buf *b, const struct services *s, const struct replicator_stats *targets, unsigned count, bool places);

#endif
