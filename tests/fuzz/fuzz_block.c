/* Blocks of any bytes, and blocks whose checksums fit around sections of any bytes; all that is read goes through
 * merging and rolling up. What it holds true: no byte is trusted that should not be; timestamps rise; what rolls up
 * has its counts.
 *
 * The first byte: 0: the rest is a block. Else it is a recipe: series 1 to 4, columns 1 to 10; a byte of rows for each
 * series; for each column a byte field, kind, type and two bytes length of its section; then the sections. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/varint.h"
#include "store/block.h"
#include "store/rollup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SERIES_MAX = 4, COLUMNS_MAX = 10 };

static void hold(bool truth)
{
	if (!truth)
		abort();
}

struct input {
	const uint8_t *p, *end;
};

static unsigned take(struct input *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

static void put_bytes(struct buf *b, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		buf_char(b, (char)(v >> 8 * i));
}

/* Puts the recipe's sections into a block that is right in all that surrounds them. */
static void cook(struct input in, struct buf *out)
{
	struct buf directory;
	unsigned series = 1 + take(&in) % SERIES_MAX, columns = 1 + take(&in) % COLUMNS_MAX;
	unsigned field[COLUMNS_MAX], kind[COLUMNS_MAX], type[COLUMNS_MAX], length[COLUMNS_MAX];

	buf_init(&directory, 1 << 16);
	varint_append(&directory, series);
	varint_append(&directory, columns);
	for (unsigned i = 0; i < series; i++) {
		varint_append(&directory, 1);
		varint_append(&directory, 1 + take(&in));
	}
	for (unsigned i = 0; i < columns; i++) {
		field[i] = take(&in) % 3;
		kind[i] = i ? take(&in) % COLUMN_KINDS : COLUMN_TIMES;
		type[i] = i ? take(&in) % 5 : VALUE_INTEGER;
		length[i] = take(&in);
		length[i] |= take(&in) << 8;
	}
	const uint8_t *sections = in.p;
	for (unsigned i = 0; i < columns; i++) {
		if (length[i] > in.end - in.p)
			length[i] = (unsigned)(in.end - in.p);
		varint_append(&directory, field[i]);
		put_bytes(&directory, kind[i] | type[i] << 8, 2);
		varint_append(&directory, length[i]);
		put_bytes(&directory, XXH3_64bits(in.p, length[i]), 4);
		in.p += length[i];
	}
	buf_append(out, "HFB\1", 4);
	put_bytes(out, directory.len, 4);
	put_bytes(out, XXH3_64bits(directory.p, directory.len), 8);
	buf_append(out, directory.p, directory.len);
	buf_append(out, sections, (size_t)(in.p - sections));
	buf_fini(&directory);
}

/* Every byte that a string points to, so that a sanitizer sees it. */
static unsigned look_at(const struct rows *r)
{
	unsigned sum = 0;

	for (uint32_t k = 0; k < r->column_count; k++)
		for (uint32_t i = 0; i < r->count; i++) {
			const struct rows_column *c = &r->columns[k];
			if (c->present && !c->present[i])
				continue;
			if (c->type != VALUE_STRING) {
				sum += (unsigned)c->bits[i];
				continue;
			}
			const struct rows_string *s = (const struct rows_string *)(uintptr_t)c->bits[i];
			for (uint32_t n = 0; n < s->len; n++)
				sum += (unsigned char)s->bytes[n];
		}
	return sum;
}

static void use(const struct rows *rows, uint32_t count, struct arena *a)
{
	static const bool all[] = { true, true, true };
	const struct rollup_opts o = { INT64_C(3600000000000), all, 3 };
	struct rows merged, rolled;

	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t k = 1; k < rows[i].count; k++)
			hold(rows[i].times[k - 1] < rows[i].times[k]);
		look_at(&rows[i]);
		if (rollup_coarser(&rows[i], &o, a, &rolled) == ERR_OK)
			look_at(&rolled);
	}
	if (rows_merge(rows, count, INT64_MIN, INT64_MAX, a, &merged) == ERR_OK && merged.count) {
		look_at(&merged);
		if (rollup_coarser(&merged, &o, a, &rolled) == ERR_OK)
			look_at(&rolled);
	}
}

static bool is_value(void *arg, const struct block_column *c)
{
	(void)arg;
	return c->kind == COLUMN_VALUE;
}

static void read_all(struct view bytes)
{
	struct block_unpacker *u;
	struct arena a;
	struct block b;

	arena_init(&a, 64 << 10, 8 << 20);
	if (block_unpacker_new(&u) != ERR_OK)
		abort();
	if (block_open(&b, block_source_memory(&bytes), &a) == ERR_OK) {
		struct rows *rows = arena_alloc(&a, b.series_count * sizeof *rows, 16), rolled;
		struct block_wanted w = { .to = b.series_count };
		if (rows && block_read(&b, &w, u, &a, rows) == ERR_OK)
			use(rows, b.series_count, &a);
		const struct rollup_opts o = { INT64_C(60000000000), NULL, 0 };
		w.column = is_value;
		w.from = b.series_count - 1;
		if (rows && block_read(&b, &w, u, &a, rows) == ERR_OK && rollup_rows(rows, &o, &a, &rolled) == ERR_OK)
			look_at(&rolled);
	}
	block_unpacker_free(u);
	arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf cooked;

	if (size == 0)
		return 0;
	if (data[0] == 0) {
		read_all((struct view){ (const char *)data + 1, size - 1 });
		return 0;
	}
	buf_init(&cooked, 1 << 20);
	cook((struct input){ data + 1, data + size }, &cooked);
	hold(!cooked.failed);
	read_all((struct view){ cooked.p, cooked.len });
	buf_fini(&cooked);
	return 0;
}
