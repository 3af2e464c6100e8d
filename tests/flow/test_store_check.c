#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "flow/store_check.h"
#include "store/aside.h"
#include "support/damage.h"
#include "support/model.h"

enum { PAGE = 8192 };

static struct stand st;
static struct stand_opts opts = { .compactor = true };
static struct errbuf eb;

static void begin(void)
{
	model_begin(11);
	stand_open(&st, &opts);
	model_write(&st, 1500);
	stand_compact(&st);
}

static void end(void)
{
	stand_close(&st);
	damage_remove_folder(st.dir);
}

TestSuite(store_check, .init = begin, .fini = end, .timeout = 120);

static struct check_stats checked(bool wanted, bool busy)
{
	int64_t until = clock_mono_ns() + 60 * NS_PER_S;
	struct check_stats s;
	struct check *c;

	cr_assert_eq(check_start(&c, &store_check, st.store_path, wanted, &eb), ERR_OK, "%s", eb.text);
	for (;;) {
		check_stats(c, &s);
		if (s.state != CHECK_RUNNING)
			break;
		cr_assert(clock_mono_ns() < until, "it does not end");
		if (busy) {
			model_write(&st, 20);
			stand_compact(&st);
		}
		usleep(1000);
	}
	check_stop(c);
	return s;
}

static uint64_t count(const char *sql)
{
	sqlite3_stmt *q;
	sqlite3 *db;

	cr_assert_eq(sqlite3_open_v2(st.store_path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
	cr_assert_eq(sqlite3_step(q), SQLITE_ROW);
	uint64_t n = (uint64_t)sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return n;
}

Test(store_check, after_a_stop_in_order_nothing_is_done)
{
	struct check_stats s = checked(false, false);

	cr_assert_eq(s.state, CHECK_NONE);
	cr_assert_eq(s.items, 0);
}

Test(store_check, a_whole_file_is_whole)
{
	struct check_stats s = checked(true, false);

	cr_assert_eq(s.state, CHECK_OK, "%s", s.error);
	cr_assert_eq(s.items, count("SELECT (SELECT count(*) FROM block) + (SELECT count(*) FROM piece)"));
	cr_assert_eq(s.bytes, count("SELECT sum(length(data)) FROM block"));
	cr_assert_not(aside_is_marked(st.store_path));
}

Test(store_check, also_while_it_is_merged)
{
	struct check_stats s = checked(true, true);

	cr_assert_eq(s.state, CHECK_OK, "%s", s.error);
	model_check(&st, "beside a check");
}

Test(store_check, a_block_whose_bytes_are_wrong_is_found_and_the_file_is_not_set_aside)
{
	sqlite3 *db;

	stand_close(&st);
	cr_assert_eq(sqlite3_open_v2(st.store_path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	cr_assert_eq(
	    sqlite3_exec(db, "UPDATE block SET data = zeroblob(length(data)) WHERE id IN (SELECT min(id) FROM block)",
		NULL, NULL, NULL),
	    SQLITE_OK);
	sqlite3_close(db);
	stand_reopen(&st, &opts);
	struct check_stats s = checked(true, false);
	cr_assert_eq(s.state, CHECK_DAMAGED);
	cr_assert_eq(s.bad_items, 1);
	cr_assert_not(s.pages);
	cr_assert_not(aside_is_marked(st.store_path));
	cr_assert(*s.error);
}

Test(store_check, damaged_pages_are_found_and_mark_the_file)
{
	static char zero[PAGE];
	unsigned found = 0, tried = 0;
	char good[120], name[120];

	stand_close(&st);
	snprintf(good, sizeof good, "%s/good", st.dir);
	damage_copy(st.store_path, good);
	for (long page = 3; page < damage_size(good) / PAGE; page += 2, tried++) {
		damage_copy(good, st.store_path);
		snprintf(name, sizeof name, "%s-damaged", st.store_path);
		unlink(name);
		int fd = open(st.store_path, O_RDWR);
		cr_assert_eq(pwrite(fd, zero, PAGE, page * PAGE), PAGE);
		close(fd);
		struct check_stats s = checked(true, false);
		if (s.state == CHECK_DAMAGED) {
			cr_assert(s.pages == aside_is_marked(st.store_path));
			cr_assert(*s.error);
			found++;
		}
	}
	damage_copy(good, st.store_path);
	stand_reopen(&st, &opts);
	cr_assert(found * 2 > tried, "%u of %u", found, tried); /* free pages and indices hold nothing that is missed */
}
