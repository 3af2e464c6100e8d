/* What the readers of the local store share: query/local.c and query/export.c alone. */
#ifndef QUERY_LOCAL_SHARE_H
#define QUERY_LOCAL_SHARE_H

#include "query/local.h"
#include "store/spool.h"

const struct local_opts *local_opts_of(const struct local *l);
/* A reader of the spool for one thread, opened or taken from the spare ones. */
NODISCARD enum err local_take_reader(struct local *l, struct spool_reader **out, struct errbuf *eb);
/* Only one that has not failed. */
void local_give_reader(struct local *l, struct spool_reader *r);

#endif
