#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "flow/parcel.h"
#include "support/stand.h"

static struct stand st;
static struct spool_reader *reader;
static struct parcel_source source;
static struct parcel parcel;
static struct errbuf eb;

static void begin(void)
{
	stand_open(&st, NULL);
	cr_assert_eq(spool_reader_open(&reader, st.path, &eb), ERR_OK);
	source = (struct parcel_source){ .reader = reader };
	parcel_init(&parcel);
}

static void end(void)
{
	spool_reader_close(reader);
	parcel_fini(&parcel);
	lp_fini(&source.parser);
	stand_remove(&st);
}

TestSuite(parcel, .init = begin, .fini = end);

/* All lines in order, parcel by parcel, whatever the limits. */
static void expect_all(const char *want, struct parcel_limits limits)
{
	size_t n = 0;
	uint64_t last = 0;

	parcel_source_seek(&source, 0);
	while (parcel_fill(&parcel, &source, &limits, &eb) == ERR_OK) {
		struct view v = parcel_lines(&parcel, 0, parcel.count);
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
			expect_all(all, (struct parcel_limits){ points, bytes });
}

Test(parcel, half_a_row_is_not_behind_the_cursor)
{
	stand_write(&st, "m v=1 1\nm v=2 2\nm v=3 3\n");
	struct parcel_limits two = { 2, 1000 };
	cr_assert_eq(parcel_fill(&parcel, &source, &two, &eb), ERR_OK);
	cr_assert_eq(parcel.count, 2);
	cr_assert_eq(parcel.end_seq, 0);
	cr_assert_eq(parcel_fill(&parcel, &source, &two, &eb), ERR_OK);
	cr_assert_eq(parcel.count, 1);
	cr_assert_eq(parcel.end_seq, 1);
}

Test(parcel, unsigned_values_that_fit_become_integers_and_nothing_else_changes)
{
	struct parcel_limits all = { 100, 10000 };

	stand_write(&st, "u,u=1u u=1u,b=18446744073709551615u,s=\"2u\",f=3 1\n");
	cr_assert_eq(parcel_fill(&parcel, &source, &all, &eb), ERR_OK);
	cr_assert(parcel_make_signed(&parcel));
	cr_assert(view_is(parcel_lines(&parcel, 0, 1), "u,u=1u u=1i,b=18446744073709551615u,s=\"2u\",f=3 1\n"));
	cr_assert_not(parcel_make_signed(&parcel));
}
