/* Numbers shared by the two halves of the block format; block.c describes it. */
#ifndef STORE_BLOCK_FORM_H
#define STORE_BLOCK_FORM_H

enum {
	BLOCK_HEAD_BYTES = 16, /* magic, length and checksum of the directory */
	BLOCK_DIRECTORY_MAX = 16 << 20,
	BLOCK_SERIES_MAX = 1 << 20,
	BLOCK_CHUNK_ROWS_MAX = 1 << 24,
	BLOCK_STREAM_MAX = 256 << 20, /* of one stream, unpacked */
};

static const char block_magic[4] = { 'H', 'F', 'B', 1 }; /* the last is the version */

#endif
