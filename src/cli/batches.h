/* Cuts a stream of line protocol into requests at line ends. A newline inside a quoted field value ends no line. */
#ifndef CLI_BATCHES_H
#define CLI_BATCHES_H

#include <stdbool.h>

#include "base/view.h"

enum { BATCH_LINES = 5000, BATCH_BYTES = 1 << 20 };

/* How many bytes of text make the next request: whole lines, at most BATCH_LINES and about BATCH_BYTES. Without `end`
 * (more may come) a line that is not finished yet is left for later, and 0 means: read on. *lines: how many. */
size_t batch_cut(struct view text, bool end, unsigned *lines);

#endif
