/* Parts of batches into rows of the spool: neighbours of one namespace share a row of up to 4 MiB. Ready frames are laid
 * end to end, small texts are gathered into one frame; the order is kept, for the last write of a timestamp wins.
 * Owner: the writer's thread. All but new and free within a transaction of the spool. */
#ifndef FLOW_ROW_PACKER_H
#define FLOW_ROW_PACKER_H

#include <stdint.h>

#include "base/err.h"
#include "store/batch.h"
#include "store/spool.h"

struct row_packer;

NODISCARD enum err row_packer_new(struct row_packer **out, struct spool *s, struct errbuf *eb);
void row_packer_free(struct row_packer *p); /* NULL is fine */

void row_packer_begin(struct row_packer *p);
/* *first, *last: the numbers of the rows it is in. */
NODISCARD enum err row_packer_add(
    struct row_packer *p, const struct batch *b, uint64_t *first, uint64_t *last, struct errbuf *eb);
NODISCARD enum err row_packer_end(struct row_packer *p, struct errbuf *eb); /* appends the row that is open */
void row_packer_drop(struct row_packer *p); /* instead of end: what was not appended is forgotten */

#endif
