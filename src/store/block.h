/* A block: the chunks of neighbouring series of one measurement in one window of time, in the bytes that are stored.
 * block.c opens with the form. Owner: one thread each.
 *
 *   writer   add series after series (ascending ordinals), then finish
 *   reader   opens any bytes safely; reads only the sections it is asked for, which matters when the bytes lie in
 *            SQLite's overflow pages: a block has one section a column */
#ifndef STORE_BLOCK_H
#define STORE_BLOCK_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "store/rows.h"

/* A block is full, and the next one should begin, at so many rows or bytes. */
#define BLOCK_ROWS 32768
#define BLOCK_BYTES (2u << 20)

struct block_writer;

/* level: of zstd, 1 to 19; 0: none, for blocks that will soon be merged. */
NODISCARD enum err block_writer_new(struct block_writer **out, int level);
void block_writer_free(struct block_writer *w);
/* rows->count >= 1, timestamps rising. Strings must stay until the call returns. ERR_NOMEM: the block is spoilt; start again. */
NODISCARD enum err block_writer_add(struct block_writer *w, uint32_t ordinal, const struct rows *rows);
uint32_t block_writer_rows(const struct block_writer *w); /* so far */
size_t block_writer_bytes(const struct block_writer *w); /* about, before packing */
/* The block's bytes, valid until the next call; the writer is empty then. Nothing added: an empty view. */
NODISCARD enum err block_writer_finish(struct block_writer *w, struct view *out);

/* Where the bytes are. read copies n bytes from offset on; both lie within size. */
struct block_source {
	size_t size;
	enum err (*read)(void *arg, size_t offset, size_t n, void *to);
	void *arg;
};
struct block_source block_source_memory(const struct view *bytes); /* borrows the view itself */

struct block_series {
	uint32_t ordinal, rows;
};

struct block_column {
	uint32_t field;
	enum column_kind kind;
	enum value_type type;
	size_t offset, length; /* of its section */
	uint32_t checksum;
};

struct block { /* what a reader knows after block_open; in the arena */
	struct block_source source;
	uint32_t series_count, column_count; /* columns[0] holds the timestamps */
	struct block_series *series;
	struct block_column *columns;
	uint64_t rows;
};

struct block_unpacker; /* a decompression context and its buffers; reused */
NODISCARD enum err block_unpacker_new(struct block_unpacker **out);
void block_unpacker_free(struct block_unpacker *u);

/* ERR_CORRUPT, ERR_IO, ERR_NOMEM, ERR_TOOBIG (above the arena's ceiling). */
NODISCARD enum err block_open(struct block *b, struct block_source source, struct arena *a);
/* Are all bytes what was written? Without decoding them. Errors as block_open. */
NODISCARD enum err block_check(const struct block *b, struct block_unpacker *u);
/* The first chunk whose ordinal is not below; b->series_count if none. */
uint32_t block_find(const struct block *b, uint32_t ordinal);

struct block_wanted {
	uint32_t from, to; /* chunks [from, to) */
	const bool *chunks; /* of [from, to), which are to be read; NULL: all. The others get rows without columns */
	bool (*column)(void *arg, const struct block_column *c); /* NULL: all columns */
	void *arg;
};
/* Fills rows[0 .. to - from): times and columns in the arena. Errors as block_open. */
NODISCARD enum err block_read(const struct block *b, const struct block_wanted *wanted, struct block_unpacker *u,
    struct arena *a, struct rows *rows);

#endif
