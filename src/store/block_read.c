/* The way back; block.c has the form. Nothing of the bytes is trusted before its checksum fits, and nothing after. */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/varint.h"
#include "store/block.h"
#include "store/block_form.h"
#include "store/column.h"

struct block_unpacker {
	ZSTD_DCtx *zstd;
	struct buf section, plain;
};

struct input {
	const uint8_t *at, *end;
};

enum err block_unpacker_new(struct block_unpacker **out)
{
	struct block_unpacker *u = calloc(1, sizeof *u);

	*out = NULL;
	if (!u)
		return ERR_NOMEM;
	buf_init(&u->section, (size_t)1 << 30);
	buf_init(&u->plain, (size_t)1 << 30);
	u->zstd = ZSTD_createDCtx();
	if (!u->zstd) {
		free(u);
		return ERR_NOMEM;
	}
	*out = u;
	return ERR_OK;
}

void block_unpacker_free(struct block_unpacker *u)
{
	if (!u)
		return;
	ZSTD_freeDCtx(u->zstd);
	buf_fini(&u->section);
	buf_fini(&u->plain);
	free(u);
}

static enum err read_memory(void *arg, size_t offset, size_t n, void *to)
{
	const struct view *v = arg;

	memcpy(to, v->p + offset, n);
	return ERR_OK;
}

struct block_source block_source_memory(const struct view *bytes)
{
	return (struct block_source){ bytes->len, read_memory, (void *)bytes };
}

/* ---- the directory ---- */

static bool get_number(struct input *in, uint64_t max, uint64_t *out)
{
	return varint_get(&in->at, in->end, out) && *out <= max;
}

static bool get_bytes(struct input *in, void *to, size_t n)
{
	if (n > (size_t)(in->end - in->at))
		return false;
	memcpy(to, in->at, n);
	in->at += n;
	return true;
}

static uint32_t u32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool read_series(struct input *in, struct block *b)
{
	uint64_t ordinal = 0, gap, rows;

	for (uint32_t i = 0; i < b->series_count; i++) {
		if (!get_number(in, UINT32_MAX, &gap) || !get_number(in, BLOCK_CHUNK_ROWS_MAX, &rows))
			return false;
		ordinal += gap;
		if ((i && gap == 0) || ordinal > UINT32_MAX || rows == 0)
			return false;
		b->series[i] = (struct block_series){ (uint32_t)ordinal, (uint32_t)rows };
		b->rows += rows;
	}
	return true;
}

/* Do the kind and the type go together? Strings are pointers once they are read. */
static bool is_sound(unsigned kind, unsigned type)
{
	switch (kind) {
	case COLUMN_VALUE:
		return type <= VALUE_STRING;
	case COLUMN_COUNT:
		return type == VALUE_UNSIGNED;
	case COLUMN_FIRST_AT:
	case COLUMN_LAST_AT:
		return type == VALUE_INTEGER;
	case COLUMN_SKETCH:
		return type == VALUE_STRING;
	default:
		return kind < COLUMN_KINDS && type <= VALUE_UNSIGNED;
	}
}

static bool read_columns(struct input *in, struct block *b, size_t sections_at)
{
	size_t at = sections_at;

	for (uint32_t i = 0; i < b->column_count; i++) {
		struct block_column *c = &b->columns[i];
		uint64_t field, length;
		uint8_t kind, type, sum[4];
		if (!get_number(in, UINT32_MAX, &field) || !get_bytes(in, &kind, 1) || !get_bytes(in, &type, 1) ||
		    !get_number(in, b->source.size - at, &length) || !get_bytes(in, sum, 4))
			return false;
		if (i == 0 ? kind != COLUMN_TIMES || type != VALUE_INTEGER : !is_sound(kind, type))
			return false;
		*c = (struct block_column){ (uint32_t)field, (enum column_kind)kind, (enum value_type)type, at,
			(size_t)length, u32(sum) };
		at += (size_t)length;
	}
	return at == b->source.size;
}

static enum err read_directory(struct block *b, const uint8_t *bytes, size_t n, struct arena *a)
{
	struct input in = { bytes, bytes + n };
	uint64_t series, columns;

	/* each takes at least two and eight bytes */
	if (!get_number(&in, BLOCK_SERIES_MAX, &series) || !get_number(&in, n / 8 + 1, &columns) || series > n / 2 ||
	    series == 0 || columns == 0)
		return ERR_CORRUPT;
	b->series_count = (uint32_t)series;
	b->column_count = (uint32_t)columns;
	b->series = arena_alloc(a, series * sizeof *b->series, 16);
	b->columns = arena_alloc(a, columns * sizeof *b->columns, 16);
	if (!b->series || !b->columns)
		return ERR_NOMEM;
	if (!read_series(&in, b) || !read_columns(&in, b, BLOCK_HEAD_BYTES + n) || in.at != in.end)
		return ERR_CORRUPT;
	return ERR_OK;
}

enum err block_open(struct block *b, struct block_source source, struct arena *a)
{
	uint8_t head[BLOCK_HEAD_BYTES];

	*b = (struct block){ .source = source };
	if (source.size < sizeof head)
		return ERR_CORRUPT;
	enum err e = source.read(source.arg, 0, sizeof head, head);
	if (e != ERR_OK)
		return e;
	size_t n = u32(head + 4);
	uint64_t sum = u32(head + 8) | (uint64_t)u32(head + 12) << 32;
	if (memcmp(head, block_magic, sizeof block_magic) != 0 || n > source.size - sizeof head ||
	    n > BLOCK_DIRECTORY_MAX)
		return ERR_CORRUPT;
	uint8_t *bytes = arena_alloc(a, n + 1, 1);
	if (!bytes)
		return ERR_NOMEM;
	e = source.read(source.arg, sizeof head, n, bytes);
	if (e != ERR_OK)
		return e;
	return XXH3_64bits(bytes, n) == sum ? read_directory(b, bytes, n, a) : ERR_CORRUPT;
}

uint32_t block_find(const struct block *b, uint32_t ordinal)
{
	uint32_t low = 0, n = b->series_count;

	while (n) {
		uint32_t half = n / 2;
		if (b->series[low + half].ordinal < ordinal) {
			low += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return low;
}

/* ---- sections ---- */

struct stream_entry {
	size_t length, packed; /* packed 0: as it is */
};

static bool read_entries(struct input *in, struct stream_entry entries[COLUMN_STREAMS], size_t *total)
{
	uint8_t which[2];

	*total = 0;
	if (!get_bytes(in, which, 2) || which[1] >> (COLUMN_STREAMS - 8))
		return false;
	for (unsigned k = 0; k < COLUMN_STREAMS; k++) {
		uint64_t length = 0, packed = 0;
		if (which[k / 8] >> k % 8 & 1) {
			if (!get_number(in, (uint64_t)BLOCK_STREAM_MAX * 2 + 1, &length) ||
			    (length & 1 && (!get_number(in, BLOCK_STREAM_MAX, &packed) || packed == 0)) || length < 2)
				return false;
			length >>= 1;
		}
		entries[k] = (struct stream_entry){ (size_t)length, (size_t)packed };
		*total += packed ? (size_t)length : 0;
	}
	return true;
}

/* Points the cursor at the section's streams, unpacked. */
static enum err unpack(struct block_unpacker *u, struct input in, struct column_cursor *cursor)
{
	struct stream_entry entries[COLUMN_STREAMS];
	size_t total;

	if (!read_entries(&in, entries, &total))
		return ERR_CORRUPT;
	buf_clear(&u->plain);
	if (total && !buf_reserve(&u->plain, total))
		return ERR_TOOBIG;
	for (unsigned k = 0; k < COLUMN_STREAMS; k++) {
		size_t stored = entries[k].packed ? entries[k].packed : entries[k].length;
		if (stored > (size_t)(in.end - in.at))
			return ERR_CORRUPT;
		cursor->at[k] = in.at;
		if (entries[k].packed) {
			char *to = u->plain.p + u->plain.len;
			size_t got = ZSTD_decompressDCtx(u->zstd, to, entries[k].length, in.at, stored);
			if (ZSTD_isError(got) || got != entries[k].length)
				return ERR_CORRUPT;
			cursor->at[k] = (const uint8_t *)to;
			u->plain.len += got;
		}
		cursor->end[k] = cursor->at[k] + entries[k].length;
		in.at += stored;
	}
	return in.at == in.end ? ERR_OK : ERR_CORRUPT;
}

static enum err load_section(
    const struct block *b, const struct block_column *c, struct block_unpacker *u, struct column_cursor *cursor)
{
	buf_clear(&u->section);
	if (!buf_reserve(&u->section, c->length + 1))
		return ERR_NOMEM;
	enum err e = b->source.read(b->source.arg, c->offset, c->length, u->section.p);
	if (e != ERR_OK)
		return e;
	if ((uint32_t)XXH3_64bits(u->section.p, c->length) != c->checksum)
		return ERR_CORRUPT;
	const uint8_t *p = (const uint8_t *)u->section.p;
	return unpack(u, (struct input){ p, p + c->length }, cursor);
}

enum err block_check(const struct block *b, struct block_unpacker *u)
{
	struct column_cursor cursor;
	enum err e = ERR_OK;

	for (uint32_t i = 0; e == ERR_OK && i < b->column_count; i++)
		e = load_section(b, &b->columns[i], u, &cursor);
	return e;
}

static bool rises(const int64_t *times, uint32_t n)
{
	bool ok = true;

	for (uint32_t i = 1; i < n; i++)
		ok &= times[i] > times[i - 1];
	return ok;
}

/* One column of the wanted chunks. */
static enum err read_column(const struct block *b, const struct block_column *c, const struct block_wanted *w,
    struct block_unpacker *u, struct arena *a, struct rows *rows)
{
	struct column_cursor cursor;
	enum err e = load_section(b, c, u, &cursor);

	for (uint32_t i = 0; e == ERR_OK && i < w->to; i++) {
		struct column_decoded d;
		uint32_t n = b->series[i].rows;
		if (i < w->from || (w->chunks && !w->chunks[i - w->from])) {
			e = column_skip(&cursor, c->type, n);
			continue;
		}
		e = column_decode(&cursor, c->type, n, a, &d);
		if (e != ERR_OK || d.absent)
			continue;
		struct rows *r = &rows[i - w->from];
		if (c->kind == COLUMN_TIMES) {
			r->times = (const int64_t *)d.bits;
			e = d.present || !rises(r->times, n) ? ERR_CORRUPT : ERR_OK;
		} else {
			((struct rows_column *)r->columns)[r->column_count++] = (struct rows_column){ c->field, c->kind,
				c->type, d.bits, d.present };
		}
	}
	return e;
}

enum err block_read(
    const struct block *b, const struct block_wanted *w, struct block_unpacker *u, struct arena *a, struct rows *rows)
{
	uint32_t columns = 0;
	enum err e = ERR_OK;

	for (uint32_t k = 1; k < b->column_count; k++)
		columns += !w->column || w->column(w->arg, &b->columns[k]);
	for (uint32_t i = w->from; i < w->to; i++) {
		struct rows *r = &rows[i - w->from];
		bool skip = w->chunks && !w->chunks[i - w->from];
		*r = (struct rows){ .count = b->series[i].rows };
		if (skip)
			continue;
		r->columns = arena_alloc(a, columns * sizeof *r->columns + 1, 16);
		if (!r->columns)
			return ERR_NOMEM;
	}
	for (uint32_t k = 0; e == ERR_OK && k < b->column_count; k++)
		if (k == 0 || !w->column || w->column(w->arg, &b->columns[k]))
			e = read_column(b, &b->columns[k], w, u, a, rows);
	for (uint32_t i = w->from; e == ERR_OK && i < w->to; i++)
		if (!rows[i - w->from].times && (!w->chunks || w->chunks[i - w->from]))
			e = ERR_CORRUPT;
	return e;
}
