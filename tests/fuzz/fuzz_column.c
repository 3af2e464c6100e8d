/* The chunk codec. The first byte chooses the type, the second whether rows are missing; the rest are values (strings:
 * each a length and bytes): what is encoded comes back bit for bit, and a cursor that steps over it ends at the same
 * place. The third bit of the second byte: the rest are streams of any bytes instead, which decode or are refused. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/column.h"
#include "store/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS_MAX = 4096 };

static void hold(bool truth)
{
	if (!truth)
		abort();
}

struct chunk {
	enum value_type type;
	uint32_t rows;
	uint64_t bits[ROWS_MAX];
	uint8_t present[ROWS_MAX];
	bool holes;
};

static bool add(struct chunk *c, struct arena *a, const uint8_t **p, size_t *left, uint8_t which)
{
	uint64_t v = 0;
	size_t n = c->type == VALUE_STRING ? (*left ? **p % 16u : 0) : 1 + which % 8u;

	if (c->type == VALUE_STRING) {
		(*p)++;
		(*left)--;
	}
	n = n < *left ? n : *left;
	if (c->type == VALUE_STRING) {
		struct rows_string *s = arena_alloc(a, sizeof *s + n, 8);
		if (!s)
			return false;
		s->len = (uint32_t)n;
		memcpy(s->bytes, *p, n);
		v = (uint64_t)(uintptr_t)s;
	} else {
		memcpy(&v, *p, n);
		v = c->type == VALUE_BOOLEAN ? v & 1 : v;
	}
	*p += n;
	*left -= n;
	c->bits[c->rows] = v;
	c->present[c->rows] = !c->holes || (v ^ c->rows) % 3 != 0;
	c->rows++;
	return true;
}

static void point_at(struct column_cursor *cursor, const struct buf streams[COLUMN_STREAMS])
{
	static const uint8_t nothing[1];

	for (unsigned k = 0; k < COLUMN_STREAMS; k++) {
		cursor->at[k] = streams[k].len ? (const uint8_t *)streams[k].p : nothing;
		cursor->end[k] = cursor->at[k] + streams[k].len;
	}
}

static bool is_same(enum value_type type, uint64_t a, uint64_t b)
{
	const struct rows_string *x = (const struct rows_string *)(uintptr_t)a,
				 *y = (const struct rows_string *)(uintptr_t)b;

	return type != VALUE_STRING ? a == b : x->len == y->len && !memcmp(x->bytes, y->bytes, x->len);
}

static void there_and_back(const struct chunk *c, struct arena *a)
{
	struct buf streams[COLUMN_STREAMS];
	struct column_scratch scratch = { 0 };
	struct column_cursor cursor, step;
	struct column_decoded d;
	bool any = memchr(c->present, 1, c->rows) != NULL;

	for (unsigned k = 0; k < COLUMN_STREAMS; k++)
		buf_init(&streams[k], 1 << 20);
	for (int twice = 0; twice < 2; twice++)
		hold(column_encode(streams, c->type, c->bits, c->holes ? c->present : NULL, c->rows, &scratch) ==
		    ERR_OK);
	point_at(&cursor, streams);
	step = cursor;
	hold(column_skip(&step, c->type, c->rows) == ERR_OK);
	hold(column_decode(&cursor, c->type, c->rows, a, &d) == ERR_OK);
	hold(memcmp(&cursor, &step, sizeof cursor) == 0);
	hold(d.absent == !any);
	for (uint32_t i = 0; any && i < c->rows; i++) {
		hold((!d.present || d.present[i]) == (c->present[i] != 0));
		hold(!c->present[i] || is_same(c->type, c->bits[i], d.bits[i]));
	}
	for (unsigned k = 0; k < COLUMN_STREAMS; k++)
		buf_fini(&streams[k]);
	column_scratch_fini(&scratch);
}

/* The bytes dealt out to the streams: each a length, two bytes, and its bytes. */
static void any_streams(enum value_type type, const uint8_t *p, size_t n, struct arena *a)
{
	struct column_cursor cursor, step;
	struct column_decoded d;

	for (unsigned k = 0; k < COLUMN_STREAMS; k++) {
		size_t len = n > 1 ? (p[0] | (size_t)p[1] << 8) : 0;
		p += n > 1 ? 2 : n;
		n -= n > 1 ? 2 : n;
		len = len < n ? len : n;
		cursor.at[k] = p;
		cursor.end[k] = p + len;
		p += len;
		n -= len;
	}
	step = cursor;
	for (uint32_t rows = 1; rows < 500; rows += 17) {
		struct column_cursor from = cursor;
		if (column_decode(&from, type, rows, a, &d) == ERR_OK) {
			step = cursor;
			hold(column_skip(&step, type, rows) == ERR_OK);
		}
		step = cursor;
		(void)!column_skip(&step, type, rows);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct chunk *c;

	if (size < 3)
		return 0;
	arena_init(&a, 64 << 10, 8 << 20);
	enum value_type type = (enum value_type)(data[0] % 5);
	const uint8_t *p = data + 2;
	size_t left = size - 2;
	if (data[1] & 4) {
		any_streams(type, p, left, &a);
	} else if ((c = calloc(1, sizeof *c))) {
		c->type = type;
		c->holes = data[1] & 1;
		while (left && c->rows < ROWS_MAX && add(c, &a, &p, &left, data[1] >> 3)) {
		}
		there_and_back(c, &a);
		free(c);
	}
	arena_fini(&a);
	return 0;
}
