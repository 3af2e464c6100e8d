/* The chunk codec and blocks: every value comes back bit for bit, and any bytes are safe. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/block.h"

enum { ROWS_MAX = 8192 };

static uint64_t random_state = 88172645463325252u;

static uint64_t rnd(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static uint64_t bits_of(double d)
{
	uint64_t bits;

	memcpy(&bits, &d, sizeof bits);
	return bits;
}

/* ---- series to write ---- */

struct one { /* a series with one column */
	struct rows rows;
	struct rows_column column;
	int64_t times[ROWS_MAX];
	uint64_t bits[ROWS_MAX];
	uint8_t present[ROWS_MAX];
};

static struct one *new_one(enum value_type type, uint32_t count)
{
	struct one *o = calloc(1, sizeof *o);

	o->column = (struct rows_column){ 3, COLUMN_VALUE, type, o->bits, NULL };
	o->rows = (struct rows){ count, false, o->times, 1, &o->column };
	for (uint32_t i = 0; i < count; i++)
		o->times[i] = 1795000000000000000 + i * INT64_C(10000000000);
	return o;
}

static struct view pack(const struct one *const *list, unsigned n, int level, struct block_writer **w)
{
	struct view data;

	cr_assert_eq(block_writer_new(w, level), ERR_OK);
	for (unsigned i = 0; i < n; i++)
		cr_assert_eq(block_writer_add(*w, 10 + i * 3, &list[i]->rows), ERR_OK);
	cr_assert_eq(block_writer_finish(*w, &data), ERR_OK);
	return data;
}

static bool same_value(enum value_type type, uint64_t a, uint64_t b)
{
	if (type != VALUE_STRING)
		return a == b;
	const struct rows_string *x = (const struct rows_string *)(uintptr_t)a,
				 *y = (const struct rows_string *)(uintptr_t)b;
	return x->len == y->len && memcmp(x->bytes, y->bytes, x->len) == 0;
}

static void check_back(struct view data, const struct one *const *list, unsigned n, const char *what)
{
	struct block_unpacker *u;
	struct block b;
	struct arena a;
	struct rows *rows = calloc(n, sizeof *rows);

	arena_init(&a, 64 << 10, 256 << 20);
	cr_assert_eq(block_unpacker_new(&u), ERR_OK);
	cr_assert_eq(block_open(&b, block_source_memory(&data), &a), ERR_OK, "%s", what);
	cr_assert_eq(b.series_count, n);
	const struct block_wanted all = { .to = n };
	cr_assert_eq(block_read(&b, &all, u, &a, rows), ERR_OK, "%s", what);
	for (unsigned i = 0; i < n; i++) {
		const struct one *o = list[i];
		cr_assert_eq(b.series[i].ordinal, 10 + i * 3);
		cr_assert_eq(rows[i].count, o->rows.count, "%s", what);
		cr_assert_arr_eq(rows[i].times, o->times, o->rows.count * sizeof *o->times, "%s", what);
		cr_assert_eq(rows[i].column_count, 1);
		const struct rows_column *c = &rows[i].columns[0];
		cr_assert_eq(c->field, 3);
		cr_assert_eq(c->type, o->column.type);
		for (uint32_t k = 0; k < o->rows.count; k++) {
			bool here = !o->column.present || o->column.present[k];
			cr_assert_eq(!c->present || c->present[k], here, "%s: presence of row %u", what, k);
			cr_assert(!here || same_value(c->type, c->bits[k], o->bits[k]), "%s: row %u: %llx, not %llx",
			    what, k, (unsigned long long)c->bits[k], (unsigned long long)o->bits[k]);
		}
	}
	free(rows);
	block_unpacker_free(u);
	arena_fini(&a);
}

static size_t round_trip(const struct one *o, const char *what)
{
	size_t size = 0;

	for (int level = 0; level <= 3; level += 3) {
		struct block_writer *w;
		struct view data = pack(&o, 1, level, &w);
		check_back(data, &o, 1, what);
		size = data.len;
		block_writer_free(w);
	}
	return size;
}

static uint64_t hard_double(void)
{
	static const double hard[] = { 0.0, -0.0, 1, -1, 0.1, 0.3, 1e15, 1e16, -1e-15, 4.9e-324,
		-2.2250738585072011e-308, 1.7976931348623157e308, -1.7976931348623157e308, 9007199254740993.0,
		123456.789, 1e22, 1e23 };
	uint64_t bits = rnd();

	if (rnd() % 2)
		return bits_of(hard[rnd() % (sizeof hard / sizeof *hard)]);
	return (bits >> 52 & 2047) == 2047 ? bits ^ UINT64_C(1) << 62 : bits; /* no infinities, no NaN */
}

Test(block, hard_doubles_come_back_bit_for_bit)
{
	for (int round = 0; round < 300; round++) {
		struct one *o = new_one(VALUE_FLOAT, 1 + (uint32_t)(rnd() % 200));
		for (uint32_t i = 0; i < o->rows.count; i++)
			o->bits[i] = round % 3 == 0 ? hard_double()
			    : round % 3 == 1	    ? bits_of((double)(int64_t)(rnd() % 20001 - 10000) / 100)
			    : rnd() % 50	    ? bits_of((double)(rnd() % 1000) / 8)
						    : hard_double();
		round_trip(o, "doubles");
		free(o);
	}
}

static uint64_t integer_of_kind(int kind, uint32_t i, uint64_t before)
{
	switch (kind) {
	case 0:
		return rnd();
	case 1:
		return 42;
	case 2:
		return i * UINT64_C(17) - 5;
	case 3:
		return before + rnd() % 1000;
	case 4:
		return before + (rnd() % 2049 - 1024) * 4096;
	case 5:
		return rnd() % 2 ? (uint64_t)INT64_MIN : (uint64_t)INT64_MAX;
	case 6:
		return rnd() % 100 ? before + 3 : 0; /* a counter that falls back */
	case 7:
		return before + i; /* steps that grow evenly */
	default:
		return UINT64_MAX - rnd() % 3;
	}
}

Test(block, integers_of_every_kind_come_back)
{
	for (int round = 0; round < 600; round++) {
		enum value_type type = round % 2 ? VALUE_INTEGER : VALUE_UNSIGNED;
		struct one *o = new_one(type, 1 + (uint32_t)(rnd() % 300));
		for (uint32_t i = 0; i < o->rows.count; i++)
			o->bits[i] = integer_of_kind(round / 2 % 9, i, i ? o->bits[i - 1] : rnd() % 1000);
		round_trip(o, "integers");
		free(o);
	}
}

Test(block, any_timestamps_that_rise_come_back)
{
	for (int round = 0; round < 200; round++) {
		struct one *o = new_one(VALUE_BOOLEAN, 1 + (uint32_t)(rnd() % 300));
		int64_t t = round % 4 == 0 ? INT64_MIN + 5 : (int64_t)(rnd() >> 2);
		for (uint32_t i = 0; i < o->rows.count; i++) {
			o->times[i] = t;
			t += 1 +
			    (int64_t)(rnd() %
				(round % 4 == 1		 ? 1
					: round % 4 == 2 ? 1000000007
							 : UINT64_C(1) << 50));
			o->bits[i] = rnd() & 1;
		}
		round_trip(o, "timestamps");
		free(o);
	}
}

static uint64_t new_string(const char *p, size_t len)
{
	struct rows_string *s = malloc(sizeof *s + len);

	s->len = (uint32_t)len;
	memcpy(s->bytes, p, len);
	return (uint64_t)(uintptr_t)s;
}

Test(block, strings_and_missing_values_come_back)
{
	static const char text[] = "the quick brown fox \n\\\" jumps \xc3\xa4\0 over";

	for (int round = 0; round < 100; round++) {
		struct one *o = new_one(VALUE_STRING, 1 + (uint32_t)(rnd() % 100));
		uint32_t there = 0;
		for (uint32_t i = 0; i < o->rows.count; i++) {
			size_t len = rnd() % sizeof text;
			o->bits[i] = new_string(text + rnd() % (sizeof text - len + 1), len);
			o->present[i] = round % 2 ? rnd() % 3 == 0 : 1;
			there += o->present[i];
		}
		if (!there)
			o->present[0] = 1;
		o->column.present = o->present;
		round_trip(o, "strings");
		for (uint32_t i = 0; i < o->rows.count; i++)
			free((void *)(uintptr_t)o->bits[i]);
		free(o);
	}
}

/* Any bits at all: infinities and NaN with their payloads too, though the door lets none in. */
Test(block, any_bits_of_a_double_come_back)
{
	static const uint64_t special[] = { 0, UINT64_C(1) << 63, 1, UINT64_C(0x8000000000000001),
		UINT64_C(0x000fffffffffffff), UINT64_C(0x0010000000000000), UINT64_C(0x7fefffffffffffff),
		UINT64_C(0x7ff0000000000000), UINT64_C(0xfff0000000000000), UINT64_C(0x7ff8000000000000),
		UINT64_C(0xfff8000000000001), UINT64_C(0x7ff0000000000001), UINT64_MAX, INT64_MAX };

	for (int round = 0; round < 60; round++) {
		struct one *o = new_one(VALUE_FLOAT, 1 + (uint32_t)(rnd() % 300));
		for (uint32_t i = 0; i < o->rows.count; i++)
			o->bits[i] = rnd() % 4 < (unsigned)round % 4
			    ? special[rnd() % (sizeof special / sizeof *special)]
			    : round % 2 ? rnd()
					: bits_of((double)(rnd() % 1000) / 100);
		round_trip(o, "any bits");
		free(o);
	}
}

Test(block, decimals_of_every_exponent_come_back)
{
	for (int exponent = -8; exponent <= 20; exponent++)
		for (int digits = 1; digits <= 16; digits++) {
			struct one *o = new_one(VALUE_FLOAT, 200);
			uint64_t most = 1;
			for (int i = 0; i < digits; i++)
				most *= 10;
			for (uint32_t i = 0; i < o->rows.count; i++) {
				char text[64]; /* the double nearest to a decimal, as a client sends it */
				snprintf(text, sizeof text, "%s%llue%d", rnd() % 2 ? "-" : "",
				    (unsigned long long)(rnd() % most), -exponent);
				o->bits[i] = bits_of(strtod(text, NULL));
			}
			round_trip(o, "decimals");
			free(o);
		}
}

/* Differences that do not fit, and all forms of constancy. */
Test(block, steps_that_overflow_come_back)
{
	static const uint64_t ends[] = { 0, 1, UINT64_MAX, INT64_MAX, (uint64_t)INT64_MIN, (uint64_t)INT64_MIN + 1,
		UINT64_C(1) << 62, UINT64_C(3) << 62 };
	enum { N = sizeof ends / sizeof *ends };

	for (unsigned a = 0; a < N; a++)
		for (unsigned b = 0; b < N; b++)
			for (uint32_t count = 1; count < 6; count++) {
				struct one *o = new_one(a % 2 ? VALUE_INTEGER : VALUE_UNSIGNED, count * count);
				for (uint32_t i = 0; i < o->rows.count; i++)
					o->bits[i] = count == 5 ? ends[a] + i * ends[b] : ends[i % 2 ? b : a];
				round_trip(o, "overflow");
				free(o);
			}
}

static bool is_present(int pattern, uint32_t i, uint32_t count)
{
	switch (pattern) {
	case 0:
		return i != count / 2;
	case 1:
		return i == count / 2;
	case 2:
		return i % 2 == 0;
	case 3:
		return i >= count / 2;
	case 4:
		return i == count - 1;
	case 5:
		return i == 0;
	default:
		return rnd() % 8 != 0 || i == 0;
	}
}

Test(block, any_number_of_rows_with_any_holes_comes_back)
{
	static const uint32_t counts[] = { 1, 2, 3, 7, 8, 9, 15, 16, 17, 63, 64, 65, 255, 256, 257, 4095, 4096, 4097,
		ROWS_MAX - 1, ROWS_MAX };

	for (unsigned c = 0; c < sizeof counts / sizeof *counts; c++)
		for (int pattern = 0; pattern < 7; pattern++) {
			struct one *o = new_one(pattern % 2 ? VALUE_FLOAT : VALUE_INTEGER, counts[c]);
			uint32_t there = 0;
			for (uint32_t i = 0; i < counts[c]; i++) {
				o->bits[i] = pattern % 2 ? bits_of((double)(rnd() % 5000) / 100) : rnd() % 5000;
				o->present[i] = is_present(pattern, i, counts[c]);
				there += o->present[i];
			}
			if (!there)
				o->present[0] = 1;
			o->column.present = o->present;
			round_trip(o, "holes");
			free(o);
		}
}

Test(block, regular_columns_take_no_room_worth_mentioning)
{
	struct one *o = new_one(VALUE_INTEGER, 720);

	for (uint32_t i = 0; i < 720; i++)
		o->bits[i] = UINT64_C(8) << 30;
	cr_assert_leq(round_trip(o, "constant"), 90);
	for (uint32_t i = 0; i < 720; i++)
		o->bits[i] = i * UINT64_C(4096);
	cr_assert_leq(round_trip(o, "regular"), 90);
	o->column.type = VALUE_FLOAT;
	for (uint32_t i = 0; i < 720; i++)
		o->bits[i] = bits_of((double)(rnd() % 200) / 100);
	cr_assert_leq(round_trip(o, "two decimals"), 90 + 720);
	free(o);
}

/* ---- bytes that are not what was written ---- */

static struct one *make_list(const struct one **list, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		static const enum value_type types[] = { VALUE_FLOAT, VALUE_FLOAT, VALUE_FLOAT };
		struct one *o = new_one(types[i % 3], 40 + i * 7);
		for (uint32_t k = 0; k < o->rows.count; k++) {
			o->bits[k] = i == 2 ? hard_double() : bits_of((double)(rnd() % 5000) / 100);
			o->present[k] = rnd() % 5 > 0;
		}
		o->present[0] = 1;
		if (i == 1)
			o->column.present = o->present;
		list[i] = o;
	}
	return NULL;
}

/* True if the bytes were read without an error. */
static bool try_read(struct view data)
{
	struct block_unpacker *u;
	struct block b;
	struct arena a;
	bool ok = false;

	arena_init(&a, 64 << 10, 16 << 20);
	cr_assert_eq(block_unpacker_new(&u), ERR_OK);
	if (block_open(&b, block_source_memory(&data), &a) == ERR_OK) {
		struct rows *rows = arena_alloc(&a, b.series_count * sizeof *rows, 16);
		const struct block_wanted all = { .to = b.series_count };
		ok = rows && block_read(&b, &all, u, &a, rows) == ERR_OK;
	}
	block_unpacker_free(u);
	arena_fini(&a);
	return ok;
}

Test(block, truncated_or_flipped_bytes_are_always_noticed)
{
	const struct one *list[4];
	struct block_writer *w;

	make_list(list, 4);
	struct view data = pack(list, 4, 3, &w);
	check_back(data, list, 4, "whole");
	char *copy = malloc(data.len);
	for (size_t n = 0; n < data.len; n++) { /* a copy of the exact size, so that a sanitizer sees a byte too far */
		char *cut = malloc(n + 1);
		memcpy(cut, data.p, n);
		cr_assert(!try_read((struct view){ cut, n }), "cut at %zu", n);
		free(cut);
	}
	for (size_t i = 0; i < data.len * 8; i++) {
		memcpy(copy, data.p, data.len);
		copy[i / 8] ^= (char)(1 << i % 8);
		cr_assert(!try_read((struct view){ copy, data.len }), "bit %zu flipped", i);
	}
	free(copy);
	for (unsigned i = 0; i < 4; i++)
		free((void *)list[i]);
	block_writer_free(w);
}

/* A rollup's row of columns: every kind, numbers, strings with zero bytes, sketches. */
Test(block, damage_is_noticed_in_columns_of_every_kind)
{
	enum { ROWS = 12 };
	static const enum value_type types[] = { VALUE_STRING, VALUE_UNSIGNED, VALUE_FLOAT, VALUE_FLOAT, VALUE_FLOAT,
		VALUE_INTEGER, VALUE_INTEGER, VALUE_INTEGER, VALUE_INTEGER, VALUE_STRING };
	static const char text[] = "a\0b\0\0c\xff";
	static uint64_t bits[COLUMN_KINDS][ROWS];
	static uint8_t present[ROWS];
	static int64_t times[ROWS];
	struct rows_column columns[COLUMN_KINDS + 1];
	struct rows rows = { ROWS, false, times, COLUMN_KINDS + 1, columns };
	static uint64_t flags[ROWS];
	struct block_writer *w;
	struct view data;

	for (unsigned i = 0; i < ROWS; i++) {
		times[i] = i * 3600;
		flags[i] = rnd() & 1;
		present[i] = i % 3 != 1;
		for (unsigned k = 0; k < COLUMN_KINDS; k++)
			bits[k][i] = types[k] == VALUE_STRING ? new_string(&text[i % 4], 3) : rnd() % 100000;
	}
	for (unsigned k = 0; k < COLUMN_KINDS; k++)
		columns[k] = (struct rows_column){ 3, (enum column_kind)k, types[k], bits[k], k % 2 ? present : NULL };
	columns[COLUMN_KINDS] = (struct rows_column){ 4, COLUMN_VALUE, VALUE_BOOLEAN, flags, NULL };
	cr_assert_eq(block_writer_new(&w, 3), ERR_OK);
	cr_assert_eq(block_writer_add(w, 7, &rows), ERR_OK);
	cr_assert_eq(block_writer_finish(w, &data), ERR_OK);
	cr_assert(try_read(data));
	char *copy = malloc(data.len);
	for (size_t n = 0; n < data.len; n++) {
		char *cut = malloc(n + 1);
		memcpy(cut, data.p, n);
		cr_assert(!try_read((struct view){ cut, n }), "cut at %zu", n);
		free(cut);
	}
	for (size_t i = 0; i < data.len * 8; i++) {
		memcpy(copy, data.p, data.len);
		copy[i / 8] ^= (char)(1 << i % 8);
		cr_assert(!try_read((struct view){ copy, data.len }), "bit %zu flipped", i);
	}
	free(copy);
	block_writer_free(w);
}

Test(block, a_read_of_one_column_and_one_series_leaves_the_rest_alone)
{
	const struct one *list[4];
	struct block_writer *w;
	struct block_unpacker *u;
	struct block b;
	struct arena a;
	struct rows rows[2];
	const bool chunks[2] = { false, true };

	make_list(list, 4);
	struct view data = pack(list, 4, 3, &w);
	arena_init(&a, 64 << 10, 16 << 20);
	cr_assert_eq(block_unpacker_new(&u), ERR_OK);
	cr_assert_eq(block_open(&b, block_source_memory(&data), &a), ERR_OK);
	cr_assert_eq(block_find(&b, 0), 0);
	cr_assert_eq(block_find(&b, 11), 1);
	cr_assert_eq(block_find(&b, 13), 1);
	cr_assert_eq(block_find(&b, 20), 4);
	const struct block_wanted some = { .from = 1, .to = 3, .chunks = chunks };
	cr_assert_eq(block_read(&b, &some, u, &a, rows), ERR_OK);
	cr_assert_eq(rows[0].column_count, 0);
	cr_assert_eq(rows[1].count, list[2]->rows.count);
	cr_assert_arr_eq(rows[1].columns[0].bits, list[2]->bits, rows[1].count * sizeof(uint64_t));
	block_unpacker_free(u);
	arena_fini(&a);
	block_writer_free(w);
	for (unsigned i = 0; i < 4; i++)
		free((void *)list[i]);
}

/* The bytes of version 1, once written, must be read for ever. */
Test(block, golden_bytes_are_read)
{
	static const char *const path = TEST_SRCDIR "/fixtures/block-v1.bin";
	static char bytes[4096];
	struct one *o = new_one(VALUE_FLOAT, 5);
	static const double v[5] = { 21.5, 21.75, -0.0, 1e-310, 0.1 };
	const struct one *list[1] = { o };
	FILE *f = fopen(path, "rb");

	cr_assert(f != NULL, "%s", path);
	size_t n = fread(bytes, 1, sizeof bytes, f);
	fclose(f);
	for (int i = 0; i < 5; i++)
		o->bits[i] = bits_of(v[i]);
	check_back((struct view){ bytes, n }, list, 1, "golden");
	free(o);
}
