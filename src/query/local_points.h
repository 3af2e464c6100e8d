/* What the local store has now of single points. */
#ifndef QUERY_LOCAL_POINTS_H
#define QUERY_LOCAL_POINTS_H

#include "query/local.h"
#include "store/batch.h"

struct local_point {
	const struct series *series; /* of one database, all of them */
	int64_t time_ns;
};

/* As of one moment, which is held meanwhile: a few hundred at a time. Calls take, in any order, for each point of which there
 * is any field: the values that were acknowledged last, which live until it returns. ERR_CORRUPT: the store is damaged, what
 * it has cannot be told. Any thread. */
NODISCARD enum err local_points_read(struct local *l, const struct local_point *points, uint32_t count,
    void (*take)(void *arg, uint32_t point, const struct batch_value *values, uint32_t value_count), void *arg,
    struct errbuf *eb);

#endif
