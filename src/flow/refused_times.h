/* When the points were that a target refused: of each database the ranges of time of what lies in its quarantine, for reads,
 * which take these from the local store. Said to be more than it is, never less, for up to a minute after points have left the
 * quarantine. Costs a look at two numbers while nothing changes. Any thread. */
#ifndef FLOW_REFUSED_TIMES_H
#define FLOW_REFUSED_TIMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

struct refused_times;

/* spool_path, target: borrowed. */
NODISCARD enum err refused_times_new(
    struct refused_times **out, const char *spool_path, const char *target, struct errbuf *eb);
void refused_times_free(struct refused_times *t); /* NULL is fine */
/* Were points of [from, to) refused? *first_ns: no such point is before it, and it is not before from; *points: how many of the
 * database are in quarantine. A quarantine that cannot be read has what it had. */
bool refused_times_find(
    struct refused_times *t, struct view database, int64_t from_ns, int64_t to_ns, int64_t *first_ns, uint64_t *points);

#endif
