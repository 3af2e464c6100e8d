#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "flow/spool_check.h"
#include "store/database.h"
#include "store/spool.h"
#include "store/spool_damage.h"
#include "support/damage.h"

static char dir[64], path[96];
static struct errbuf eb;

static void begin(void)
{
	snprintf(dir, sizeof dir, "/tmp/holdfast-test-XXXXXX");
	cr_assert(mkdtemp(dir) != NULL);
	snprintf(path, sizeof path, "%s/spool.db", dir);
	damage_make_spool(path);
}

static void end(void)
{
	damage_remove_folder(dir);
}

TestSuite(spool_check, .init = begin, .fini = end, .timeout = 120);

static struct check_stats checked(bool wanted)
{
	int64_t until = clock_mono_ns() + 60 * NS_PER_S;
	struct check_stats s;
	struct check *c;

	cr_assert_eq(check_start(&c, &spool_check, path, wanted, &eb), ERR_OK, "%s", eb.text);
	for (;;) {
		check_stats(c, &s);
		if (s.state != CHECK_RUNNING)
			break;
		cr_assert(clock_mono_ns() < until, "it does not end");
		usleep(1000);
	}
	check_stop(c);
	return s;
}

Test(spool_check, after_a_stop_in_order_nothing_is_done)
{
	struct check_stats s = checked(false);

	cr_assert_eq(s.state, CHECK_NONE);
	cr_assert_eq(s.items, 0);
}

Test(spool_check, a_whole_file_is_whole_also_while_rows_go)
{
	struct spool *s;

	cr_assert_eq(spool_open(&s, path, &eb), ERR_OK);
	cr_assert_eq(spool_evict(s, UINT64_MAX, 200, (struct spool_done){ UINT64_MAX, 0 }, &eb), ERR_OK);
	struct spool_totals t;
	spool_totals(s, &t);
	cr_assert_lt(t.rows, DAMAGE_ROWS);
	struct check_stats c = checked(true);
	cr_assert_eq(c.state, CHECK_OK, "%s", c.error);
	cr_assert_eq(c.items, t.rows);
	cr_assert_eq(spool_prepare(path, &eb), ERR_OK);
	spool_close(s);
}

Test(spool_check, a_row_with_a_flipped_bit_is_told_and_needs_no_restart)
{
	struct spool *s;

	cr_assert_eq(spool_open(&s, path, &eb), ERR_OK);
	cr_assert_eq(
	    database_exec(spool_db(s),
		"UPDATE spool SET payload = CAST(substr(payload, 1, 30) || x'00' || substr(payload, 32) AS BLOB) "
		"WHERE seq = 11",
		&eb),
	    ERR_OK, "%s", eb.text);
	struct check_stats c = checked(true);
	cr_assert_eq(c.state, CHECK_DAMAGED);
	cr_assert_eq(c.bad_items, 1);
	cr_assert_not(c.pages);
	cr_assert_eq(c.items, DAMAGE_ROWS - 1);
	cr_assert_eq(spool_prepare(path, &eb), ERR_OK);
	spool_close(s);
}

Test(spool_check, damaged_pages_are_found_and_the_next_start_sets_the_file_aside)
{
	static bool have[DAMAGE_ROWS + 1];
	unsigned found = 0, hurt = 0;
	char good[112], mark[112];

	snprintf(good, sizeof good, "%s/good", dir);
	snprintf(mark, sizeof mark, "%s-damaged", path);
	damage_copy(path, good);
	for (uint64_t seed = 1; seed <= 25; seed++) {
		damage_copy(good, path);
		damage_pages(path, 2, seed, true);
		bool is_hurt = damage_readable(path, have) < DAMAGE_ROWS;
		struct check_stats c = checked(true);
		hurt += is_hurt;
		found += c.state == CHECK_DAMAGED;
		cr_assert(!is_hurt || c.state == CHECK_DAMAGED, "seed %llu", (unsigned long long)seed);
		if (c.state == CHECK_DAMAGED) {
			cr_assert(*c.error);
			cr_assert_eq(spool_prepare(path, &eb), c.pages ? ERR_CORRUPT : ERR_OK);
		}
		unlink(mark);
	}
	cr_assert_geq(found, hurt);
	cr_assert_gt(hurt, 10);
}

Test(spool_check, a_mark_that_others_made_is_told)
{
	struct check *c;
	struct check_stats s;

	cr_assert_eq(check_start(&c, &spool_check, path, false, &eb), ERR_OK);
	aside_mark(path, "the replicator cannot go on");
	check_stats(c, &s);
	cr_assert_eq(s.state, CHECK_DAMAGED);
	cr_assert(s.pages && *s.error);
	check_stop(c);
}
