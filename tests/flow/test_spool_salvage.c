#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "flow/spool_salvage.h"
#include "store/database.h"
#include "store/spool_damage.h"
#include "support/damage.h"
#include "support/fault_vfs.h"
#include "support/stand.h"

static struct stand st;
static struct salvage *salvage;
static struct errbuf eb;

static void begin(void)
{
	st = (struct stand){ .dir = "/tmp/holdfast-test-XXXXXX" };
	cr_assert(mkdtemp(st.dir) != NULL);
	snprintf(st.path, sizeof st.path, "%s/spool.db", st.dir);
	snprintf(st.store_path, sizeof st.store_path, "%s/store.db", st.dir);
	damage_make_spool(st.path);
}

static void end(void)
{
	fault_vfs_set(NULL);
	salvage_stop(salvage);
	stand_close(&st);
	damage_remove_folder(st.dir);
}

TestSuite(spool_salvage, .init = begin, .fini = end, .timeout = 300);

static void replace(void)
{
	cr_assert_eq(spool_replace(st.path, "the test says so", 0, &eb), ERR_OK, "%s", eb.text);
}

static void start(int64_t retention_ns)
{
	static const struct stand_opts opts = { .probe_ns = NS_PER_MS };

	stand_reopen(&st, &opts);
	struct spool_salvage_opts o = { .ingest = st.ingest,
		.committer = st.committer,
		.catalogue = st.catalogue,
		.spool_path = st.path,
		.retention_ns = retention_ns,
		.retry_ns = NS_PER_MS };
	cr_assert_eq(spool_salvage_start(&salvage, &o, &eb), ERR_OK, "%s", eb.text);
}

static struct salvage_stats finished(void)
{
	int64_t until = clock_mono_ns() + 60 * NS_PER_S;
	struct salvage_stats s;

	for (;;) {
		salvage_stats(salvage, &s);
		if (s.over)
			return s;
		cr_assert(clock_mono_ns() < until, "it does not end");
		usleep(1000);
	}
}

static void stop(void)
{
	salvage_stop(salvage);
	salvage = NULL;
	stand_close(&st);
}

static uint64_t points(void)
{
	return stand_total(&st, "m", "v", 0, 1000).count;
}

static int64_t figure(const char *sql)
{
	sqlite3_stmt *q;
	sqlite3 *db;

	cr_assert_eq(database_open_reader(&db, st.path, &eb), ERR_OK);
	cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK, "%s", sql);
	cr_assert_eq(sqlite3_step(q), SQLITE_ROW, "%s", sql);
	int64_t v = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return v;
}

Test(spool_salvage, a_whole_file_is_taken_over_whole_and_history_is_whole_again)
{
	replace();
	start(0);
	struct salvage_stats s = finished();
	cr_assert_eq(s.state, SALVAGE_DONE, "%s", s.error);
	cr_assert_eq(s.figures.items, DAMAGE_ROWS);
	cr_assert_eq(s.figures.points, DAMAGE_ROWS);
	cr_assert_eq(s.figures.lost_items, 0);
	struct stand_total t = stand_total(&st, "m", "v", 0, 1000);
	cr_assert_eq(t.count, DAMAGE_ROWS);
	cr_assert_eq(t.sum, DAMAGE_ROWS * (DAMAGE_ROWS + 1) / 2);
	cr_assert(t.complete);
	cr_assert_eq(figure("SELECT points FROM gap WHERE cause = 'spool_damaged'"), 0);
	stop();
	start(0); /* and once only */
	s = finished();
	cr_assert_eq(s.state, SALVAGE_NONE);
	cr_assert_eq(s.figures.items, 0);
	cr_assert_eq(points(), DAMAGE_ROWS);
}

Test(spool_salvage, one_of_which_nothing_can_be_read_is_told_though_all_others_are_taken_over)
{
	char name[200], noise[4096];

	replace();
	snprintf(name, sizeof name, "%s.damaged-20200101T000000Z", st.path); /* an older one, so it comes first */
	FILE *f = fopen(name, "w");
	memset(noise, 0xa5, sizeof noise);
	cr_assert(f && fwrite(noise, sizeof noise, 1, f) == 1);
	fclose(f);
	start(0);
	struct salvage_stats s = finished();
	cr_assert_eq(s.figures.items, DAMAGE_ROWS);
	cr_assert_eq(s.state, SALVAGE_FAILED);
	cr_assert(*s.error);
}

Test(spool_salvage, every_readable_row_is_taken_over_and_the_rest_is_a_gap)
{
	static bool have[DAMAGE_ROWS + 1];
	char good[112];

	snprintf(good, sizeof good, "%s/good", st.dir);
	damage_copy(st.path, good);
	for (uint64_t seed = 1; seed <= 10; seed++) {
		char name[200];
		snprintf(name, sizeof name, "%s-wal", st.path);
		unlink(name);
		damage_copy(good, st.path);
		damage_pages(st.path, 3, seed, true);
		unsigned readable = damage_readable(st.path, have);
		replace();
		start(0);
		struct salvage_stats s = finished();
		if (s.state == SALVAGE_DONE) {
			cr_assert_geq(s.figures.items, readable);
			cr_assert_geq(points(), readable);
			/* where no row can be read, only whole extents tell how many there were */
			uint64_t all = s.figures.items + s.figures.lost_items, off = readable ? 0 : 64;
			cr_assert(all + off >= DAMAGE_ROWS && all <= DAMAGE_ROWS + off, "seed %llu: %llu + %llu",
			    (unsigned long long)seed, (unsigned long long)s.figures.items,
			    (unsigned long long)s.figures.lost_items);
			cr_assert_eq(figure("SELECT total(points) FROM gap WHERE cause = 'spool_damaged'"),
			    (int64_t)s.figures.lost_points);
		} else {
			cr_assert(*s.error);
		}
		stop();
		/* the next round has a folder of its own */
		damage_copy(good, name);
		char keep[64];
		snprintf(keep, sizeof keep, "%s", st.dir);
		char next[64] = "/tmp/holdfast-test-XXXXXX", moved[112];
		cr_assert(mkdtemp(next) != NULL);
		snprintf(moved, sizeof moved, "%s/good", next);
		damage_copy(good, moved);
		snprintf(good, sizeof good, "%s", moved);
		snprintf(st.dir, sizeof st.dir, "%s", next);
		snprintf(st.path, sizeof st.path, "%s/spool.db", next);
		snprintf(st.store_path, sizeof st.store_path, "%s/store.db", next);
		damage_remove_folder(keep);
	}
}

Test(spool_salvage, delivered_rows_are_left_and_old_ones_too)
{
	struct spool *s;

	cr_assert_eq(spool_open(&s, st.path, &eb), ERR_OK);
	cr_assert_eq(
	    database_exec(spool_db(s),
		"INSERT INTO cursor (target, seq, points) VALUES ('influxdb', 390, 390), ('mirror', 380, 380)", &eb),
	    ERR_OK);
	spool_close(s);
	replace();
	clock_fake(390 + NS_PER_S, NS_PER_S);
	start(NS_PER_S); /* rows below 390 ns are too old */
	struct salvage_stats t = finished();
	clock_real();
	cr_assert_eq(t.figures.items, 11);
	cr_assert_eq(t.figures.old_items, 9);
	cr_assert_eq(points(), 11);
}

Test(spool_salvage, quarantine_and_gaps_go_on)
{
	struct spool *s;

	cr_assert_eq(spool_open(&s, st.path, &eb), ERR_OK);
	cr_assert_eq(database_exec(spool_db(s),
			 "INSERT INTO quarantine (target, at_ns, db, status, reason, points, line) VALUES "
			 "('t', 1, 'metrics', 400, 'no', 1, x'6d'); "
			 "INSERT INTO gap (at_ns, from_ns, to_ns, points, cause) VALUES (1, 2, 3, 4, 'spool_full')",
			 &eb),
	    ERR_OK, "%s", eb.text);
	spool_close(s);
	replace();
	start(0);
	finished();
	cr_assert_eq(figure("SELECT count(*) FROM quarantine WHERE reason = 'no' AND line = x'6d'"), 1);
	cr_assert_eq(figure("SELECT points FROM gap WHERE cause = 'spool_full'"), 4);
}

Test(spool_salvage, a_file_without_a_header_is_given_up_and_told)
{
	replace();
	struct aside_file d;
	cr_assert_eq(aside_list(st.path, &d, 1), 1);
	cr_assert_eq(truncate(d.name, 50), 0);
	start(0);
	struct salvage_stats s = finished();
	cr_assert_eq(s.state, SALVAGE_FAILED);
	cr_assert(*s.error);
	cr_assert_eq(stand_write(&st, "m v=1i 5\n"), 1); /* all else goes on */
}

Test(spool_salvage, a_disk_that_refuses_is_waited_for)
{
	struct fault f = { .kinds = 1U << FAULT_SYNC, .suffix = "-wal", .nth = 5, .times = 60, .code = 1034 };

	fault_vfs_install();
	replace();
	fault_vfs_set(&f); /* SQLITE_IOERR_FSYNC */
	start(0);
	struct salvage_stats s = finished();
	cr_assert_eq(fault_vfs_failed(), 60);
	cr_assert_eq(s.state, SALVAGE_DONE);
	cr_assert_eq(s.figures.items, DAMAGE_ROWS);
	cr_assert_eq(points(), DAMAGE_ROWS);
}

Test(spool_salvage, a_stop_in_the_middle_is_gone_on_with)
{
	struct salvage_stats s;
	uint64_t first;

	replace();
	start(0);
	do
		salvage_stats(salvage, &s);
	while (s.figures.items < 20);
	stop();
	salvage = NULL;
	first = s.figures.items;
	cr_assert_lt(first, DAMAGE_ROWS);
	start(0);
	s = finished();
	cr_assert_eq(s.state, SALVAGE_DONE);
	cr_assert_leq(s.figures.items, DAMAGE_ROWS);
	cr_assert_eq(points(), DAMAGE_ROWS);
}
