/* Rows of one series in aligned columns, a block of rows at a time; widths never shrink from block to block. What is too
 * wide for the terminal is cut; where even that does not help, each row stands as lines of "name = value". One thread. */
#ifndef CLI_GRID_H
#define CLI_GRID_H

#include "base/buf.h"
#include "cli/terminal.h"

struct grid;

enum { GRID_ROWS = 1000 }; /* of a block */

enum grid_kind {
	GRID_NULL, /* shown as "-" */
	GRID_NUMBER, /* to the right, never cut */
	GRID_WORD, /* to the left, never cut: a time, a boolean */
	GRID_TEXT /* cleaned, and cut where it is too wide */
};

/* terminal: borrowed. records: lines of "name = value" always. NULL: out of memory. */
struct grid *grid_new(const struct terminal *t, bool records);
void grid_free(struct grid *g);
/* Another series; the one before must have been flushed. */
void grid_begin(struct grid *g, const struct view *columns, unsigned count);
/* Cell after cell from the left. Full blocks go to out. */
void grid_add(struct grid *g, enum grid_kind kind, struct view text, struct buf *out);
void grid_flush(struct grid *g, struct buf *out);
bool grid_has_records(const struct grid *g); /* the last series did not fit into columns */
/* Text as this terminal or pipe is to see it. */
void grid_put(const struct grid *g, struct buf *out, struct view text);

#endif
