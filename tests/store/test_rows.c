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
