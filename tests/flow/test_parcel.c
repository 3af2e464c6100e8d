#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "flow/parcel_rows.h"
#include "support/stand.h"

static struct stand st;
static struct spool_reader *reader;
static struct parcel_rows rows;
static const struct parcel_want everything = { UINT64_MAX, INT64_MIN, INT64_MAX, 0, 0 };
static struct parcel parcel;
static struct errbuf eb;

static void begin(void)
{
	stand_open(&st, NULL);
	cr_assert_eq(spool_reader_open(&reader, st.path, &eb), ERR_OK);
	rows = (struct parcel_rows){ .reader = reader };
	parcel_init(&parcel, 1);
}

static void end(void)
{
	spool_reader_close(reader);
	parcel_fini(&parcel);
	lp_fini(&rows.parser);
	stand_remove(&st);
}

TestSuite(parcel, .init = begin, .fini = end);

/* All lines in order, parcel by parcel, whatever the limits. */
static void expect_all(const char *want, struct parcel_limits limits)
{
	size_t n = 0;
	uint64_t last = 0;

	parcel_rows_seek(&rows, 0);
	while (parcel_rows_fill(&parcel, &rows, &everything, &limits, &eb) == ERR_OK) {
		struct view v = parcel_lines(&parcel.body[0], 0, parcel.count);
		cr_assert_geq(parcel.count, 1);
		cr_assert_leq(parcel.count, limits.points);
		cr_assert_geq(parcel.end_seq, last);
		cr_assert(n + v.len <= strlen(want) && !memcmp(want + n, v.p, v.len), "at %zu with %u points", n,
		    limits.points);
		n += v.len;
		last = parcel.end_seq;
	}
	cr_assert_eq(n, strlen(want));
	cr_assert_eq(last, spool_last_seq(st.spool));
}

Test(parcel, lines_are_never_torn_lost_or_doubled_at_any_limit)
{
	static char all[8192];
	size_t n = 0;

	for (int row = 0; row < 7; row++) {
		size_t start = n;
		for (int i = 0; i <= row; i++)
			n += (size_t)snprintf(all + n, sizeof all - n,
			    "m,r=%d v=%d,s=\"two\nlines, \\\" and = signs\" %d\n", row, i, i + 1);
		stand_write(&st, all + start);
	}
	for (uint32_t points = 1; points < 40; points++)
		for (uint32_t bytes = 1; bytes < 2000; bytes += 37)
			expect_all(all, (struct parcel_limits){ points, bytes, 0 });
}

Test(parcel, half_a_row_is_not_behind_the_cursor)
{
	stand_write(&st, "m v=1 1\nm v=2 2\nm v=3 3\n");
	struct parcel_limits two = { 2, 1000, 0 };
	cr_assert_eq(parcel_rows_fill(&parcel, &rows, &everything, &two, &eb), ERR_OK);
	cr_assert_eq(parcel.count, 2);
	cr_assert_eq(parcel.end_seq, 0);
	cr_assert_eq(parcel_rows_fill(&parcel, &rows, &everything, &two, &eb), ERR_OK);
	cr_assert_eq(parcel.count, 1);
	cr_assert_eq(parcel.end_seq, 1);
}

Test(parcel, unsigned_values_that_fit_become_integers_and_nothing_else_changes)
{
	struct parcel_limits all = { 100, 10000, 0 };

	stand_write(&st, "u,u=1u u=1u,b=18446744073709551615u,s=\"2u\",f=3 1\n");
	cr_assert_eq(parcel_rows_fill(&parcel, &rows, &everything, &all, &eb), ERR_OK);
	cr_assert(parcel_make_signed(&parcel.body[0]));
	cr_assert(view_is(parcel_lines(&parcel.body[0], 0, 1), "u,u=1u u=1i,b=18446744073709551615u,s=\"2u\",f=3 1\n"));
	cr_assert_not(parcel_make_signed(&parcel.body[0]));
}

Test(parcel, a_series_goes_into_one_body_whatever_the_order_of_its_tags)
{
	struct view a = view_of("m,host=a,path=/x\\,y,z=1"), b = view_of("m,z=1,host=a,path=/x\\,y");

	cr_assert_eq(parcel_series_hash(a), parcel_series_hash(b));
	cr_assert_neq(parcel_series_hash(view_of("m,a=1")), parcel_series_hash(view_of("a=1,m")));
	cr_assert_neq(parcel_series_hash(view_of("m,path=/x\\,y")), parcel_series_hash(view_of("m,path=/x\\,z")));
}

Test(parcel, bodies_hold_all_lines_and_each_series_in_order)
{
	char line[64];
	struct parcel_limits all = { 1000, 100000, 0 };
	unsigned seen[10] = { 0 }, total = 0;

	for (unsigned i = 0; i < 400; i++) {
		snprintf(line, sizeof line, "m,s=%u v=%ui %u\n", i % 10, i / 10, i + 1);
		stand_write(&st, line);
	}
	parcel_fini(&parcel);
	parcel_init(&parcel, 4);
	cr_assert_eq(parcel_rows_fill(&parcel, &rows, &everything, &all, &eb), ERR_OK);
	cr_assert_eq(parcel.count, 400);
	for (unsigned k = 0; k < 4; k++)
		for (uint32_t i = 0; i < parcel.body[k].count; i++, total++) {
			unsigned series, value;
			struct view v = parcel_lines(&parcel.body[k], i, i + 1);
			snprintf(line, sizeof line, "%.*s", (int)v.len, v.p);
			cr_assert_eq(sscanf(line, "m,s=%u v=%ui", &series, &value), 2);
			cr_assert_eq(value, seen[series]++);
		}
	cr_assert_eq(total, 400);
}

Test(parcel, small_bodies_are_joined_and_each_series_keeps_its_order)
{
	char line[64];
	struct parcel_limits all = { 1000, 100000, 0 };

	for (unsigned i = 0; i < 600; i++) {
		snprintf(line, sizeof line, "m,s=%u v=%ui %u\n", i % 20, i / 20, i + 1);
		stand_write(&st, line);
	}
	parcel_fini(&parcel);
	parcel_init(&parcel, 4);
	for (unsigned n = 1; n <= 4; n++) {
		unsigned seen[20] = { 0 }, total = 0, used = 0;
		size_t bytes = 0;
		parcel_rows_seek(&rows, 0);
		cr_assert_eq(parcel_rows_fill(&parcel, &rows, &everything, &all, &eb), ERR_OK);
		parcel_gather(&parcel, n);
		for (unsigned k = 0; k < 4; k++) {
			const struct parcel_body *b = &parcel.body[k];
			used += b->count > 0;
			bytes += b->text.len;
			for (uint32_t i = 0; i < b->count; i++, total++) {
				unsigned series, value;
				struct view v = parcel_lines(b, i, i + 1);
				snprintf(line, sizeof line, "%.*s", (int)v.len, v.p);
				cr_assert_eq(sscanf(line, "m,s=%u v=%ui", &series, &value), 2);
				cr_assert_eq(value, seen[series]++);
				cr_assert_eq(line[v.len - 1], '\n');
			}
		}
		cr_assert_eq(total, 600);
		cr_assert_eq(bytes, parcel.bytes);
		cr_assert_eq(used, n == 3 ? 2 : n, "%u for %u", used, n);
	}
}

Test(parcel, a_body_is_worth_a_request_when_it_has_enough)
{
	static const struct {
		unsigned bodies;
		uint32_t points;
		size_t bytes;
		unsigned worth;
	} cases[] = { { 4, 0, 0, 1 }, { 4, 3999, 500000, 1 }, { 4, 4000, 1000, 2 }, { 4, 100, 600 << 10, 2 },
		{ 4, 20000, 3 << 20, 4 }, { 1, 20000, 3 << 20, 1 } };

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct parcel p = { .bodies = cases[i].bodies, .count = cases[i].points, .bytes = cases[i].bytes };
		cr_assert_eq(parcel_worth(&p, PARCEL_BODY_POINTS), cases[i].worth, "%u", i);
	}
}

Test(parcel, only_what_is_wanted_is_taken)
{
	struct parcel_limits all = { 100, 10000, 0 };
	struct parcel_want some = { .to_seq = 2, .min_ns = 20, .max_ns = 30 };

	stand_write(&st, "m v=1 10\nm v=2 20\nm v=3 31\n");
	stand_write(&st, "m v=4 30\nm v=5 40\n");
	stand_write(&st, "m v=6 25\n");
	cr_assert_eq(parcel_rows_fill(&parcel, &rows, &some, &all, &eb), ERR_OK);
	cr_assert(view_is(parcel_lines(&parcel.body[0], 0, parcel.count), "m v=2 20\nm v=4 30\n"));
	cr_assert_eq(parcel.end_seq, 2);
	cr_assert_eq(parcel_rows_fill(&parcel, &rows, &some, &all, &eb), ERR_NOTFOUND);
}
