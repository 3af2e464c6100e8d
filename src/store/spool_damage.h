/* A damaged spool: it is set aside (store/aside), a fresh one starts in its place at once, and flow/salvage takes its
 * rows over. At start, before the spool is opened, one thread. */
#ifndef STORE_SPOOL_DAMAGE_H
#define STORE_SPOOL_DAMAGE_H

#include "store/aside.h"
#include "store/spool.h"

/* Before every spool_open of a start: as aside_prepare. */
NODISCARD enum err spool_prepare(const char *path, struct errbuf *eb);

/* As aside_replace: a fresh file is at path, with what could be read of the old one's namespaces and field types, a gap
 * with the cause "spool_damaged" (0 points until salvage knows better), and numbers above all that were ever given: at
 * least first_seq (0: nothing more is known), and on a new multiple of 2^40. */
NODISCARD enum err spool_replace(const char *path, const char *why, uint64_t first_seq, struct errbuf *eb);
/* A fresh spool stands where one was that is missing: a gap of unknown size, and local history is not whole before now. */
NODISCARD enum err spool_tell_missing(struct spool *s, struct errbuf *eb);

#endif
