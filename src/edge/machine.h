/* A host in a few figures: cpu, memory, swap, load, disks, network, out of its newest resources. Owner: one thread. */
#ifndef EDGE_MACHINE_H
#define EDGE_MACHINE_H

#include "edge/routes_internal.h"

/* Reads the host's resources of a range as one bucket; r: to be finished by the caller in any case. */
NODISCARD enum err machine_read(const struct services *s, const char *host, int64_t from_ns, int64_t to_ns,
    struct read_result *r, struct errbuf *eb);
/* An object; what is not known is null. The range is that of the read. */
void machine_put(struct buf *b, const char *key, const struct read_result *r, int64_t from_ns, int64_t to_ns);

#endif
