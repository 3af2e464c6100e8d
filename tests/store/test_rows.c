#include "store/rows.h"

#include <criterion/criterion.h>

static struct arena arena;

static void begin(void)
{
	arena_init(&arena, 4096, 1 << 20);
}

static void end(void)
{
	arena_fini(&arena);
}

TestSuite(rows, .init = begin, .fini = end);

/* A rollup of field 0: COUNT and SUM at the times. */
struct rollup {
	int64_t times[2];
	uint64_t counts[2], sums[2];
	struct rows_column columns[2];
	struct rows rows;
};

static struct rows *rollup(struct rollup *r, uint64_t first_count, uint64_t first_sum, uint64_t count, uint64_t sum)
{
	*r = (struct rollup){ .times = { 0, 60 }, .counts = { first_count, count }, .sums = { first_sum, sum } };
	r->columns[0] = (struct rows_column){ 0, COLUMN_COUNT, VALUE_UNSIGNED, r->counts, NULL };
	r->columns[1] = (struct rows_column){ 0, COLUMN_SUM, VALUE_INTEGER, r->sums, NULL };
	r->rows = (struct rows){ 2, false, r->times, 2, r->columns };
	return &r->rows;
}

static uint64_t at(const struct rows *r, enum column_kind kind, uint32_t row)
{
	const struct rows_column *c = rows_find_column(r, 0, kind);

	cr_assert(c != NULL);
	return c->bits[row];
}

Test(rows, of_two_rollups_of_a_bucket_the_one_with_more_rows_is_taken_whole)
{
	struct rollup a, b;
	struct rows out;
	/* the later one was made anew: of more rows in the first bucket, of fewer in the second */
	const struct rows list[] = { *rollup(&a, 5, 50, 9, 90), *rollup(&b, 7, 71, 3, 31) };

	cr_assert_eq(rows_merge_rollups(list, 2, 0, 100, &arena, &out), ERR_OK);
	cr_assert_eq(out.count, 2);
	cr_assert_eq(at(&out, COLUMN_COUNT, 0), 7);
	cr_assert_eq(at(&out, COLUMN_SUM, 0), 71);
	cr_assert_eq(at(&out, COLUMN_COUNT, 1), 9);
	cr_assert_eq(at(&out, COLUMN_SUM, 1), 90);
}

Test(rows, of_equal_ones_the_last_counts)
{
	struct rollup a, b;
	struct rows out;
	const struct rows list[] = { *rollup(&a, 5, 50, 9, 90), *rollup(&b, 5, 51, 9, 91) };

	cr_assert_eq(rows_merge_rollups(list, 2, 0, 100, &arena, &out), ERR_OK);
	cr_assert_eq(at(&out, COLUMN_SUM, 0), 51);
	cr_assert_eq(at(&out, COLUMN_SUM, 1), 91);
}

Test(rows, a_field_that_one_of_them_lacks_stays)
{
	struct rollup a, b;
	struct rows out;
	struct rows list[] = { *rollup(&a, 5, 50, 9, 90), *rollup(&b, 6, 60, 10, 100) };

	b.columns[0].field = b.columns[1].field = 1;
	cr_assert_eq(rows_merge_rollups(list, 2, 0, 100, &arena, &out), ERR_OK);
	cr_assert_eq(out.column_count, 4);
	cr_assert_eq(at(&out, COLUMN_SUM, 1), 90);
	const struct rows_column *other = rows_find_column(&out, 1, COLUMN_SUM);
	cr_assert(other && other->bits[1] == 100 && !other->present);
}

/* Raw rows are not touched by this: the last write of a field wins. */
Test(rows, of_raw_rows_the_last_write_wins)
{
	int64_t times[] = { 1, 2 };
	uint64_t first[] = { 10, 20 }, second[] = { 11, 21 };
	uint8_t present[] = { 1, 0 };
	const struct rows_column a = { 0, COLUMN_VALUE, VALUE_INTEGER, first, NULL },
				 b = { 0, COLUMN_VALUE, VALUE_INTEGER, second, present };
	const struct rows list[] = { { 2, false, times, 1, &a }, { 2, false, times, 1, &b } };
	struct rows out;

	cr_assert_eq(rows_merge(list, 2, 0, 100, &arena, &out), ERR_OK);
	cr_assert_eq(at(&out, COLUMN_VALUE, 0), 11);
	cr_assert_eq(at(&out, COLUMN_VALUE, 1), 20);
}

/* ---- against a plain model ---- */

enum { LISTS = 6, ROWS = 100, FIELDS = 3, TIMES = 200, MERGES = 500 };

struct given { /* one of a list */
	int64_t times[ROWS];
	uint64_t bits[FIELDS][ROWS], counts[FIELDS][ROWS];
	uint8_t present[FIELDS][ROWS];
	struct rows_column columns[2 * FIELDS];
	struct rows rows;
};

static uint64_t dice = 88172645463325252u;

static uint32_t draw(uint32_t below)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (uint32_t)(dice >> 33) % below;
}

static void draw_times(struct given *g, uint32_t n, bool unordered)
{
	uint32_t t = draw(TIMES);

	for (uint32_t i = 0; i < n; i++) {
		g->times[i] = unordered && draw(4) == 0 ? (int64_t)draw(TIMES) : (int64_t)t;
		t += 1 + (draw(3) == 0 ? draw(5) : 0);
	}
	for (uint32_t i = 1; i < n; i++)
		g->rows.unordered |= g->times[i] <= g->times[i - 1];
}

/* counted: beside each column of the kind one of counts, there where it is. */
static void draw_columns(struct given *g, uint32_t n, enum column_kind kind, bool counted, struct rows_column *of)
{
	for (uint32_t f = 0; f < FIELDS; f++) {
		bool gaps = draw(3) == 0;
		if (draw(5) == 0)
			continue;
		for (uint32_t i = 0; i < n; i++) {
			g->bits[f][i] = draw(1000);
			g->counts[f][i] = 1 + draw(4);
			g->present[f][i] = !gaps || draw(2);
		}
		const uint8_t *present = gaps ? g->present[f] : NULL;
		if (counted)
			of[g->rows.column_count++] = (struct rows_column){ f, COLUMN_COUNT, VALUE_UNSIGNED,
				g->counts[f], kind == COLUMN_SKETCH ? NULL : present };
		of[g->rows.column_count++] = (struct rows_column){ f, kind, VALUE_UNSIGNED, g->bits[f], present };
	}
}

static void draw_rows(struct given *g, enum column_kind kind, bool counted, bool unordered)
{
	const uint32_t n = draw(ROWS + 1);

	g->rows = (struct rows){ .count = n, .times = g->times, .columns = g->columns };
	draw_times(g, n, unordered);
	draw_columns(g, n, kind, counted, g->columns);
}

static bool has(const struct rows_column *c, uint32_t row)
{
	return c && (!c->present || c->present[row]);
}

/* What the column has at a time. */
static bool model(const struct rows *list, uint32_t count, int64_t t, uint32_t field, enum column_kind kind,
    bool rollups, uint64_t *bits)
{
	bool found = false;
	uint64_t most = 0;

	for (uint32_t i = 0; i < count; i++)
		for (uint32_t k = 0; k < list[i].count; k++) {
			const struct rows_column *c = rows_find_column(&list[i], field, kind),
						 *counts = rows_find_column(&list[i], field, COLUMN_COUNT);
			if (list[i].times[k] != t)
				continue;
			if (rollups && (!has(counts, k) || counts->bits[k] < most))
				continue;
			most = rollups ? counts->bits[k] : 0;
			if (has(c, k)) {
				*bits = c->bits[k];
				found = true;
			} else if (rollups || (kind == COLUMN_SKETCH && has(counts, k))) {
				found = false;
			}
		}
	return found;
}

static bool in_list(const struct rows *list, uint32_t count, int64_t t)
{
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t k = 0; k < list[i].count; k++)
			if (list[i].times[k] == t)
				return true;
	return false;
}

static void check_row(const struct rows *list, uint32_t count, const struct rows *out, uint32_t row, bool rollups)
{
	for (uint32_t f = 0; f < FIELDS; f++)
		for (int kind = 0; kind < (int)COLUMN_KINDS; kind++) {
			const struct rows_column *c = rows_find_column(out, f, (enum column_kind)kind);
			uint64_t bits = 0;
			bool there = model(list, count, out->times[row], f, (enum column_kind)kind, rollups, &bits);
			cr_assert_eq(has(c, row), there, "field %u of row %u", f, row);
			cr_assert(!there || c->bits[row] == bits, "field %u of row %u", f, row);
		}
}

/* parts: of the whole. */
static void check_parts(const struct rows *list, uint32_t count, const struct rows *parts, uint32_t part_count,
    int64_t from, int64_t to, bool rollups)
{
	uint32_t part = 0, row = 0;

	for (int64_t t = from; t <= to; t++) {
		if (!in_list(list, count, t))
			continue;
		for (; part < part_count && row == parts[part].count; part++)
			row = 0;
		cr_assert(part < part_count && parts[part].times[row] == t && !parts[part].unordered);
		check_row(list, count, &parts[part], row++, rollups);
	}
	cr_assert(part_count == 0 || (part == part_count - 1 && row == parts[part].count));
}

static void check_merge(const struct given *of, uint32_t count, bool rollups)
{
	struct rows list[LISTS], out, *parts;
	const int64_t from = draw(TIMES / 2), to = from + draw(2 * TIMES);
	uint32_t part_count;

	for (uint32_t i = 0; i < count; i++)
		list[i] = of[i].rows;
	cr_assert_eq((rollups ? rows_merge_rollups : rows_merge)(list, count, from, to, &arena, &out), ERR_OK);
	check_parts(list, count, &out, out.count > 0, from, to, rollups);
	if (!rollups) {
		cr_assert_eq(rows_merge_parts(list, count, from, to, &arena, &parts, &part_count), ERR_OK);
		check_parts(list, count, parts, part_count, from, to, false);
	}
	arena_clear(&arena);
}

/* Blocks that were used before are not zeros: nothing of them may show. */
Test(rows, merges_as_the_plain_model_does)
{
	static struct given of[LISTS];

	for (int i = 0; i < MERGES; i++) {
		const uint32_t count = draw(LISTS + 1);
		const int which = i % 4;
		for (uint32_t k = 0; k < count; k++)
			draw_rows(&of[k],
			    which == 2	     ? COLUMN_SKETCH
				: which == 3 ? COLUMN_SUM
					     : COLUMN_VALUE,
			    which >= 2, which == 1);
		check_merge(of, count, which == 3);
	}
}

/* Batches of several connections overtake each other: each list ends a few rows behind the beginning of the next. */
Test(rows, lists_that_overlap_at_their_ends)
{
	enum { PARTS = 5, PART = 1000, SEAM = 20 };
	static int64_t times[PARTS][PART];
	static uint64_t bits[PARTS][PART];
	struct rows_column columns[PARTS];
	struct rows list[PARTS], out;

	arena.max = 1 << 24;
	for (uint32_t i = 0; i < PARTS; i++) {
		for (uint32_t k = 0; k < PART; k++) {
			times[i][k] = (int64_t)i * (PART - SEAM) + k;
			bits[i][k] = (uint64_t)i << 32 | k;
		}
		columns[i] = (struct rows_column){ 0, COLUMN_VALUE, VALUE_UNSIGNED, bits[i], NULL };
		list[i] = (struct rows){ PART, false, times[i], 1, &columns[i] };
	}
	cr_assert_eq(rows_merge(list, PARTS, INT64_MIN, INT64_MAX, &arena, &out), ERR_OK);
	cr_assert_eq(out.count, PARTS * (PART - SEAM) + SEAM);
	for (uint32_t row = 0; row < out.count; row++) {
		uint32_t i = row / (PART - SEAM) < PARTS ? row / (PART - SEAM) : PARTS - 1;
		cr_assert_eq(out.times[row], row);
		cr_assert_eq(at(&out, COLUMN_VALUE, row), (uint64_t)i << 32 | (row - i * (PART - SEAM)));
	}
	cr_assert(out.columns[0].present == NULL);

	struct rows *parts;
	uint32_t count, row = 0;
	cr_assert_eq(rows_merge_parts(list, PARTS, INT64_MIN, INT64_MAX, &arena, &parts, &count), ERR_OK);
	cr_assert_eq(count, 2 * PARTS - 1);
	for (uint32_t i = 0; i < count; i++) {
		cr_assert(i % 2 || parts[i].times == times[i / 2] + (i ? SEAM : 0), "part %u was copied", i);
		for (uint32_t k = 0; k < parts[i].count; k++, row++) {
			cr_assert_eq(parts[i].times[k], out.times[row]);
			cr_assert_eq(at(&parts[i], COLUMN_VALUE, k), at(&out, COLUMN_VALUE, row));
		}
	}
	cr_assert_eq(row, out.count);
}
