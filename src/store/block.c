/* The form of a block. Integers are little-endian, v is a varint (7 bits a byte, the lowest first).
 *
 *   head        4 bytes "HFB" and the version 1, u32 length of the directory, u64 XXH3-64 of the directory
 *   directory   v series, v columns
 *               a series:   v ordinal above the one before (the first: as it is), v rows
 *               a column:   v field, byte kind, byte type, v length of its section, u32 low half of its XXH3-64
 *   sections    one a column, in the directory's order, without gaps
 *
 * The first column is the timestamps (field 0, kind 255, integer). Kinds and types are those of store/rows.h and
 * model/value.h; timestamps rise strictly within a series. A section has the column of each series in turn, spread over the codec's streams (store/column.c):
 *
 *   u16 which streams are there, bit by bit; for each: v length * 2 + packed, and if packed v packed length
 *   the streams, one after the other; packed ones are zstd frames
 *
 * A read of one field of a hundred series needs two sections, wherever the block lies. A series without rows is not in
 * the block; one without the column has a zero in the column's first stream. Streams that zstd makes less than a
 * thirty-second smaller stay as they are: noise costs nothing to read. */
#include "store/block.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/varint.h"
#include "store/block_form.h"
#include "store/column.h"

enum { PACK_MIN = 48, GAIN = 32 };

struct column_writer {
	uint32_t field;
	enum column_kind kind;
	enum value_type type;
	uint32_t chunks; /* how many series are in the streams */
	struct buf streams[COLUMN_STREAMS];
};

struct block_writer {
	ZSTD_CCtx *zstd; /* NULL: no packing */
	struct column_writer *columns; /* [0]: the timestamps */
	uint32_t column_count, column_room;
	struct block_series *series;
	uint32_t series_count, series_room;
	uint32_t rows;
	size_t bytes;
	struct column_scratch scratch;
	struct buf directory, sections, packed, out;
};

enum err block_writer_new(struct block_writer **out, int level)
{
	struct block_writer *w = calloc(1, sizeof *w);

	*out = NULL;
	if (!w)
		return ERR_NOMEM;
	buf_init(&w->directory, BLOCK_DIRECTORY_MAX);
	buf_init(&w->sections, (size_t)1 << 30);
	buf_init(&w->packed, (size_t)1 << 30);
	buf_init(&w->out, (size_t)1 << 30);
	if (level) {
		w->zstd = ZSTD_createCCtx();
		if (!w->zstd || ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, level)) ||
		    ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_contentSizeFlag, 0))) {
			block_writer_free(w);
			return ERR_NOMEM;
		}
	}
	*out = w;
	return ERR_OK;
}

void block_writer_free(struct block_writer *w)
{
	if (!w)
		return;
	for (uint32_t i = 0; i < w->column_room; i++)
		for (unsigned k = 0; k < COLUMN_STREAMS; k++)
			buf_fini(&w->columns[i].streams[k]);
	free(w->columns);
	free(w->series);
	column_scratch_fini(&w->scratch);
	buf_fini(&w->directory);
	buf_fini(&w->sections);
	buf_fini(&w->packed);
	buf_fini(&w->out);
	ZSTD_freeCCtx(w->zstd);
	free(w);
}

/* ---- add ---- */

static struct column_writer *new_column(
    struct block_writer *w, uint32_t field, enum column_kind kind, enum value_type type)
{
	if (w->column_count == w->column_room) {
		uint32_t room = w->column_room ? w->column_room * 2 : 16;
		struct column_writer *c = realloc(w->columns, room * sizeof *c);
		if (!c)
			return NULL;
		for (uint32_t i = w->column_room; i < room; i++)
			for (unsigned k = 0; k < COLUMN_STREAMS; k++)
				buf_init(&c[i].streams[k], BLOCK_STREAM_MAX);
		w->columns = c;
		w->column_room = room;
	}
	struct column_writer *c = &w->columns[w->column_count++];
	c->field = field;
	c->kind = kind;
	c->type = type;
	c->chunks = 0;
	for (unsigned k = 0; k < COLUMN_STREAMS; k++)
		buf_clear(&c->streams[k]);
	return c;
}

/* guess: columns mostly come in the same order */
static struct column_writer *find_column(struct block_writer *w, const struct rows_column *rc, uint32_t guess)
{
	uint32_t n = w->column_count;

	for (uint32_t i = 0; i + 1 < n; i++) {
		struct column_writer *c = &w->columns[1 + (guess + i) % (n - 1)];
		if (c->field == rc->field && c->kind == rc->kind)
			return c;
	}
	return new_column(w, rc->field, rc->kind, rc->type);
}

static void catch_up(struct column_writer *c, uint32_t chunks)
{
	for (; c->chunks < chunks; c->chunks++)
		column_encode_absent(c->streams);
}

static size_t stream_bytes(const struct column_writer *c)
{
	size_t n = 0;

	for (unsigned k = 0; k < COLUMN_STREAMS; k++)
		n += c->streams[k].len;
	return n;
}

static enum err add_column(
    struct block_writer *w, struct column_writer *c, const uint64_t *bits, const uint8_t *present, uint32_t rows)
{
	size_t before = stream_bytes(c);

	catch_up(c, w->series_count);
	enum err e = column_encode(c->streams, c->type, bits, present, rows, &w->scratch);
	c->chunks++;
	w->bytes += stream_bytes(c) - before;
	return e;
}

enum err block_writer_add(struct block_writer *w, uint32_t ordinal, const struct rows *rows)
{
	if (w->series_count == w->series_room) {
		uint32_t room = w->series_room ? w->series_room * 2 : 64;
		struct block_series *s = realloc(w->series, room * sizeof *s);
		if (!s)
			return ERR_NOMEM;
		w->series = s;
		w->series_room = room;
	}
	if (w->column_count == 0 && !new_column(w, 0, COLUMN_TIMES, VALUE_INTEGER))
		return ERR_NOMEM;
	enum err e = add_column(w, &w->columns[0], (const uint64_t *)rows->times, NULL, rows->count);
	for (uint32_t i = 0; e == ERR_OK && i < rows->column_count; i++) {
		const struct rows_column *rc = &rows->columns[i];
		struct column_writer *c = find_column(w, rc, i);
		e = c ? add_column(w, c, rc->bits, rc->present, rows->count) : ERR_NOMEM;
	}
	w->series[w->series_count++] = (struct block_series){ ordinal, rows->count };
	w->rows += rows->count;
	return e;
}

uint32_t block_writer_rows(const struct block_writer *w)
{
	return w->rows;
}

size_t block_writer_bytes(const struct block_writer *w)
{
	return w->bytes;
}

/* ---- finish ---- */

static void put_u32(struct buf *b, uint32_t v)
{
	const char bytes[4] = { (char)v, (char)(v >> 8), (char)(v >> 16), (char)(v >> 24) };

	buf_append(b, bytes, 4);
}

/* Packs the stream behind what w->packed has. The length packed, or 0: it stays as it is. */
static size_t pack(struct block_writer *w, const struct buf *s)
{
	if (!w->zstd || s->len < PACK_MIN || !buf_reserve(&w->packed, ZSTD_compressBound(s->len)))
		return 0;
	size_t n = ZSTD_compress2(w->zstd, w->packed.p + w->packed.len, w->packed.cap - w->packed.len, s->p, s->len);
	if (ZSTD_isError(n) || n > s->len - s->len / GAIN)
		return 0;
	w->packed.len += n;
	return n;
}

static void put_section(struct block_writer *w, struct column_writer *c)
{
	size_t packed[COLUMN_STREAMS], from = 0;
	unsigned which = 0;
	struct buf *b = &w->sections;

	catch_up(c, w->series_count);
	buf_clear(&w->packed);
	for (unsigned k = 0; k < COLUMN_STREAMS; k++) {
		which |= (c->streams[k].len ? 1u : 0u) << k;
		packed[k] = pack(w, &c->streams[k]);
		b->failed |= c->streams[k].failed;
	}
	buf_char(b, (char)which);
	buf_char(b, (char)(which >> 8));
	for (unsigned k = 0; k < COLUMN_STREAMS; k++) {
		if (c->streams[k].len == 0)
			continue;
		varint_append(b, (uint64_t)c->streams[k].len << 1 | (packed[k] > 0));
		if (packed[k])
			varint_append(b, packed[k]);
	}
	for (unsigned k = 0; k < COLUMN_STREAMS; k++) {
		if (packed[k])
			buf_append(b, w->packed.p + from, packed[k]);
		else
			buf_append(b, c->streams[k].p, c->streams[k].len);
		from += packed[k];
	}
}

static void put_series(struct block_writer *w)
{
	uint32_t before = 0;

	for (uint32_t i = 0; i < w->series_count; i++) {
		varint_append(&w->directory, w->series[i].ordinal - before);
		varint_append(&w->directory, w->series[i].rows);
		before = w->series[i].ordinal;
	}
}

static void put_columns(struct block_writer *w)
{
	for (uint32_t i = 0; i < w->column_count; i++) {
		struct column_writer *c = &w->columns[i];
		size_t at = w->sections.len;
		put_section(w, c);
		size_t n = w->sections.len - at;
		varint_append(&w->directory, c->field);
		buf_char(&w->directory, (char)c->kind);
		buf_char(&w->directory, (char)c->type);
		varint_append(&w->directory, n);
		put_u32(&w->directory, n ? (uint32_t)XXH3_64bits(w->sections.p + at, n) : 0);
	}
}

static void forget(struct block_writer *w)
{
	w->column_count = w->series_count = w->rows = 0;
	w->bytes = 0;
}

enum err block_writer_finish(struct block_writer *w, struct view *out)
{
	*out = (struct view){ "", 0 };
	if (w->series_count == 0)
		return ERR_OK;
	buf_clear(&w->directory);
	buf_clear(&w->sections);
	buf_clear(&w->out);
	varint_append(&w->directory, w->series_count);
	varint_append(&w->directory, w->column_count);
	put_series(w);
	put_columns(w);
	uint64_t sum = XXH3_64bits(w->directory.p, w->directory.len);
	buf_append(&w->out, block_magic, sizeof block_magic);
	put_u32(&w->out, (uint32_t)w->directory.len);
	put_u32(&w->out, (uint32_t)sum);
	put_u32(&w->out, (uint32_t)(sum >> 32));
	buf_append(&w->out, w->directory.p, w->directory.len);
	buf_append(&w->out, w->sections.p, w->sections.len);
	bool failed = w->directory.failed || w->sections.failed || w->out.failed;
	forget(w);
	if (failed)
		return ERR_NOMEM;
	*out = (struct view){ w->out.p, w->out.len };
	return ERR_OK;
}
