/* Start-up: the head as it was, from the spool's newest rows. Before the writer starts; one thread. */
#ifndef FLOW_RECOVERY_H
#define FLOW_RECOVERY_H

#include "store/head.h"
#include "store/spool.h"

/* Reads at most about budget_bytes of payload, the newest, of rows above compacted_seq. Rows that cannot be read are
 * logged; one that finds no memory stays in the spool, and the head begins after it. *points: how many are in the head. */
NODISCARD enum err recovery_fill_head(struct head *head, struct catalogue *catalogue, const char *spool_path,
    uint64_t budget_bytes, uint64_t compacted_seq, uint64_t *points, struct errbuf *eb);

#endif
