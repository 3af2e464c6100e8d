/* Start-up: the head as it was, from the spool's newest rows. Before the writer starts; one thread. */
#ifndef FLOW_RECOVERY_H
#define FLOW_RECOVERY_H

#include "store/head.h"
#include "store/spool.h"

/* Reads at most about budget_bytes of payload, the newest, none that came before since_ns. Rows that cannot be read
 * are logged and left to reads from the spool. *points: how many are in the head. */
NODISCARD enum err recovery_fill_head(struct head *head, struct catalogue *catalogue, const char *spool_path,
    uint64_t budget_bytes, int64_t since_ns, uint64_t *points, struct errbuf *eb);

#endif
