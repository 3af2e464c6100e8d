/* What can be read of a block whose bytes are damaged. Owner: one thread. */
#ifndef STORE_BLOCK_RESCUE_H
#define STORE_BLOCK_RESCUE_H

#include "store/block.h"

/* As block_read of the chunks [from, to), with the columns whose bytes are what was written; of a rollup's field all of
 * its figures or none. *whole: nothing was left out. ERR_CORRUPT: nothing can be read, the timestamps are damaged. */
NODISCARD enum err block_rescue(const struct block *b, uint32_t from, uint32_t to, struct block_unpacker *u,
    struct arena *a, struct rows *rows, bool *whole);

#endif
