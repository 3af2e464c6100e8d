/* The chunk codec: one column of one chunk, to bytes and back. column.c opens with the form and why it is so.
 * A column's bytes go to several streams, which are shared by the chunks of a block one after the other and packed
 * apart (store/block). Owner: one thread; no state of its own. */
#ifndef STORE_COLUMN_H
#define STORE_COLUMN_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "model/value.h"

enum column_stream {
	STREAM_META, /* a few bytes a chunk: how to read the rest */
	STREAM_PRESENCE, /* bitmaps of columns that not every row has */
	STREAM_PLANE, /* first of 8: the residuals' lowest bytes, then the next… */
	STREAM_TEXT = STREAM_PLANE + 8, /* strings, each with its length */
	COLUMN_STREAMS
};

/* Room for a column's residuals and the like; grows as needed, reused. */
struct column_scratch {
	uint64_t *words[3];
	uint32_t *slots; /* distinct strings, by hash */
	uint32_t room, slot_room;
};

void column_scratch_fini(struct column_scratch *s);

/* bits and present as in store/rows.h; present NULL: all rows. A failed buffer or ERR_NOMEM: nothing is right. */
NODISCARD enum err column_encode(struct buf streams[COLUMN_STREAMS], enum value_type type, const uint64_t *bits,
    const uint8_t *present, uint32_t rows, struct column_scratch *s);
void column_encode_absent(struct buf streams[COLUMN_STREAMS]); /* a chunk without this column */

/* Reads chunk after chunk. Any bytes are safe: what does not fit is ERR_CORRUPT. */
struct column_cursor {
	const uint8_t *at[COLUMN_STREAMS], *end[COLUMN_STREAMS];
};

struct column_decoded {
	bool absent; /* this chunk has no such column; the rest is not set */
	uint64_t *bits;
	uint8_t *present; /* NULL: all */
};

/* The next chunk's column, of so many rows, into the arena. */
NODISCARD enum err column_decode(
    struct column_cursor *c, enum value_type type, uint32_t rows, struct arena *a, struct column_decoded *out);
/* The same without its values. */
NODISCARD enum err column_skip(struct column_cursor *c, enum value_type type, uint32_t rows);

#endif
