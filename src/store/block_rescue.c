#include "store/block_rescue.h"

struct choice {
	const struct block_column *columns;
	const uint8_t *good;
	uint32_t one; /* 0: all that are good; else this column alone */
};

static bool is_chosen(void *arg, const struct block_column *c)
{
	const struct choice *choice = arg;
	uint32_t i = (uint32_t)(c - choice->columns);

	return choice->one ? i == choice->one : choice->good[i];
}

/* A rollup's field lacks a figure: it is of no use. */
static void leave_out_field(const struct block *b, uint32_t field, uint8_t *good)
{
	for (uint32_t i = 1; i < b->column_count; i++)
		if (b->columns[i].field == field)
			good[i] = 0;
}

enum err block_rescue(const struct block *b, uint32_t from, uint32_t to, struct block_unpacker *u, struct arena *a,
    struct rows *rows, bool *whole)
{
	struct block_wanted all = { .from = from, .to = to };
	enum err e = block_read(b, &all, u, a, rows);

	*whole = e == ERR_OK;
	if (e != ERR_CORRUPT && e != ERR_IO)
		return e;
	uint8_t *good = arena_alloc(a, b->column_count, 1);
	struct rows *trial = arena_alloc(a, (to - from) * sizeof *trial, 16);
	if (!good || !trial)
		return ERR_NOMEM;
	memset(good, 1, b->column_count);
	struct choice choice = { b->columns, good, 0 };
	struct block_wanted some = { .from = from, .to = to, .column = is_chosen, .arg = &choice };
	for (uint32_t i = 1; i < b->column_count; i++) {
		choice.one = i;
		if (!good[i])
			continue;
		e = block_read(b, &some, u, a, trial);
		if (e == ERR_NOMEM || e == ERR_TOOBIG)
			return e;
		if (e == ERR_OK)
			continue;
		good[i] = 0;
		if (b->columns[i].kind >= COLUMN_COUNT && b->columns[i].kind <= COLUMN_LAST_AT)
			leave_out_field(b, b->columns[i].field, good);
	}
	choice.one = 0;
	e = block_read(b, &some, u, a, rows);
	return e == ERR_IO ? ERR_CORRUPT : e;
}
