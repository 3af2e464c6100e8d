#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "flow/store_salvage.h"
#include "store/database.h"
#include "store/store_damage.h"
#include "store/store_names.h"
#include "support/damage.h"
#include "support/fault_vfs.h"
#include "support/model.h"

enum { PAGE = 8192 };

static struct stand st;
static struct stand_opts opts = { .compactor = true };
static struct salvage *salvage;
static struct errbuf eb;
static int64_t keep_ns[TIERS];

static int64_t retention_ns(void *arg, enum tier tier, struct view measurement)
{
	(void)arg;
	(void)measurement;
	return keep_ns[tier];
}

static void begin(void)
{
	for (int t = 0; t < (int)TIERS; t++)
		keep_ns[t] = INT64_MAX;
	model_begin(7);
	stand_open(&st, &opts);
}

static void end(void)
{
	fault_vfs_set(NULL);
	salvage_stop(salvage);
	salvage = NULL;
	stand_close(&st);
	damage_remove_folder(st.dir);
}

TestSuite(store_salvage, .init = begin, .fini = end, .timeout = 300);

/* All of it in blocks and rollups, and nothing of it in the spool any more. */
static void compact_and_forget(void)
{
	char name[200];

	stand_compact(&st);
	stand_compact(&st);
	stand_close(&st);
	for (int i = 0; i < 3; i++) {
		static const char *const suffix[] = { "", "-wal", "-shm" };
		snprintf(name, sizeof name, "%s%s", st.path, suffix[i]);
		unlink(name);
	}
}

/* As the daemon does it. */
static void replace(void)
{
	cr_assert_eq(store_replace(st.store_path, "the test says so", &eb), ERR_OK, "%s", eb.text);
}

static void open_again(void)
{
	stand_reopen(&st, &opts);
	cr_assert_eq(store_salvage_names(st.catalogue, store_db(st.store), st.store_path, &eb), ERR_OK, "%s", eb.text);
}

static void start(void)
{
	struct store_salvage_opts o = { .compactor = st.compactor,
		.catalogue = st.catalogue,
		.store_path = st.store_path,
		.retention_ns = retention_ns,
		.retry_ns = NS_PER_MS };

	cr_assert_eq(store_salvage_start(&salvage, &o, &eb), ERR_OK, "%s", eb.text);
}

static struct salvage_stats finished(void)
{
	int64_t until = clock_mono_ns() + 60 * NS_PER_S;
	struct salvage_stats s;

	for (;;) {
		salvage_stats(salvage, &s);
		if (s.over)
			break;
		cr_assert(clock_mono_ns() < until, "it does not end");
		usleep(1000);
	}
	salvage_stop(salvage);
	salvage = NULL;
	return s;
}

static int64_t figure(const char *sql)
{
	sqlite3_stmt *q;
	sqlite3 *db;

	cr_assert_eq(database_open_reader(&db, st.store_path, &eb), ERR_OK);
	cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK, "%s", sql);
	cr_assert_eq(sqlite3_step(q), SQLITE_ROW, "%s", sql);
	int64_t v = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return v;
}

/* Changes a closed file by SQL, outside the store's own rules. */
static void change(const char *path, const char *sql)
{
	sqlite3 *db;

	cr_assert_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
}

static bool is_complete(int64_t from, int64_t to)
{
	return stand_total(&st, "m", "f", from, to).complete;
}

Test(store_salvage, a_whole_file_is_taken_over_whole)
{
	model_write(&st, 2500);
	compact_and_forget();
	replace();
	open_again();
	cr_assert_eq(stand_total(&st, "m", "f", MODEL_BASE_NS, MODEL_BASE_NS + MODEL_SPAN_NS).count, 0);
	cr_assert_not(
	    is_complete(MODEL_BASE_NS, MODEL_BASE_NS + MODEL_SPAN_NS), "it is not pretended that there was nothing");
	start();
	struct salvage_stats s = finished();
	cr_assert_eq(s.state, SALVAGE_DONE, "%s", s.error);
	cr_assert_eq(s.figures.lost_points, 0);
	cr_assert_eq(s.figures.lost_items, 0);
	cr_assert_gt(s.figures.items, 0);
	model_check(&st, "as pieces");
	stand_compact(&st);
	model_check(&st, "merged");
	cr_assert_eq(figure("SELECT count(*) FROM gap"), 0);
	uint64_t points = s.figures.points;
	stand_close(&st);
	open_again();
	start(); /* and once only */
	s = finished();
	cr_assert_eq(s.state, SALVAGE_NONE);
	model_check(&st, "after a restart");
	cr_assert_gt(points, 0);
}

static struct salvage_stats stats_now(void)
{
	struct salvage_stats s;

	salvage_stats(salvage, &s);
	return s;
}

Test(store_salvage, rows_written_since_win_whatever_is_merged_when)
{
	for (int round = 0; round < 3; round++) {
		model_write(&st, 400);
		compact_and_forget();
		replace();
		open_again();
		model_write(&st, 300); /* some of them new values of old timestamps */
		if (round == 1)
			stand_compact(&st);
		start();
		while (round == 2 && !stats_now().ended_ns) { /* merging what comes as it comes */
			stand_compact(&st);
			model_write(&st, 5);
		}
		finished();
		model_check(&st, "before merging");
		stand_compact(&st);
		model_check(&st, "after merging");
	}
}

Test(store_salvage, of_two_files_the_newer_rows_win)
{
	model_write(&st, 800);
	compact_and_forget();
	replace();
	open_again();
	model_write(&st, 800);
	compact_and_forget();
	replace();
	open_again();
	model_write(&st, 100);
	start();
	struct salvage_stats s = finished();
	cr_assert_eq(s.state, SALVAGE_DONE, "%s", s.error);
	model_check(&st, "as pieces");
	stand_compact(&st);
	model_check(&st, "merged");
}

/* The pieces of the first salvage are not merged when the next damage comes; the first file is gone by then. */
Test(store_salvage, a_store_that_is_damaged_again_gives_its_unmerged_pieces)
{
	struct aside_file first;

	model_write(&st, 600);
	compact_and_forget();
	replace();
	cr_assert_eq(aside_list(st.store_path, &first, 1), 1);
	open_again();
	start();
	finished();
	cr_assert_gt(figure("SELECT count(*) FROM piece WHERE id < 0"), 0);
	stand_close(&st);
	unlink(first.name);
	replace();
	open_again();
	model_write(&st, 50);
	start();
	struct salvage_stats s = finished();
	cr_assert_eq(s.state, SALVAGE_DONE, "%s", s.error);
	cr_assert_eq(s.figures.lost_points, 0);
	model_check(&st, "as pieces");
	stand_compact(&st);
	model_check(&st, "merged");
}

Test(store_salvage, a_stop_in_the_middle_is_gone_on_with)
{
	struct salvage_stats s;

	for (int i = 0; i < 3; i++)
		model_write(&st, 800);
	compact_and_forget();
	replace();
	for (int stops = 0; stops < 5; stops++) {
		open_again();
		start();
		usleep((unsigned)(1000 * stops));
		salvage_stop(salvage);
		salvage = NULL;
		stand_close(&st);
	}
	open_again();
	start();
	if (!figure("SELECT count(*) FROM meta WHERE key GLOB 'salvage:*:done'")) { /* else a stop came too late */
		s = finished();
		cr_assert_neq(s.state, SALVAGE_FAILED, "%s", s.error);
		cr_assert_eq(s.figures.lost_points, 0);
	}
	model_check(&st, "gone on with");
}

Test(store_salvage, rollups_made_before_stay_where_raw_rows_are_lost)
{
	struct aside_file d;

	model_write(&st, 2000);
	compact_and_forget();
	replace();
	cr_assert_eq(aside_list(st.store_path, &d, 1), 1);
	/* every third raw block's bytes are not what was written */
	change(d.name, "UPDATE block SET data = zeroblob(length(data)) WHERE id >> 61 = 0 AND (id >> 41) % 3 = 0");
	open_again();
	start();
	struct salvage_stats s = finished();
	cr_assert_eq(s.state, SALVAGE_DONE, "%s", s.error);
	cr_assert_gt(s.figures.lost_items, 0);
	cr_assert_eq(figure("SELECT points FROM gap WHERE cause = 'store_damaged' AND tier = 0"),
	    (int64_t)s.figures.lost_points);
	cr_assert_eq(figure("SELECT count(*) FROM gap"), 1);
	for (int i = 0; i < 2; i++) {
		stand_compact(&st);
		model_check_read(&st, MODEL_BASE_NS, MODEL_BASE_NS + MODEL_SPAN_NS, TIER_HOUR_NS, "hours");
		model_check_read(&st, MODEL_BASE_NS, MODEL_BASE_NS + MODEL_SPAN_NS, TIER_DAY_NS, "days");
		uint64_t n = model_check_subset(&st, "raw");
		cr_assert(n > 0 && n < model_count());
	}
	struct stand_total t = stand_total(&st, "m", "f", MODEL_BASE_NS + 1, MODEL_BASE_NS + MODEL_SPAN_NS);
	cr_assert_not(t.complete, "raw rows are lost there");
}

Test(store_salvage, a_damaged_column_costs_that_field_alone)
{
	struct aside_file d;
	sqlite3 *db;
	sqlite3_stmt *st_;
	char sql[200];

	for (int i = 0; i < 200; i++) {
		char line[200];
		snprintf(line, sizeof line, "one,a=1 p=%d,q=%d.5,r=\"text %d\" %lld\n", i * 17, i, i,
		    (long long)(MODEL_BASE_NS + i * NS_PER_S));
		stand_write(&st, line);
	}
	compact_and_forget();
	replace();
	cr_assert_eq(aside_list(st.store_path, &d, 1), 1);
	/* the last byte of the raw block lies in its last column */
	cr_assert_eq(sqlite3_open_v2(d.name, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	cr_assert_eq(
	    sqlite3_prepare_v2(db, "SELECT id, length(data) FROM block WHERE id >> 61 = 0", -1, &st_, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_step(st_), SQLITE_ROW);
	snprintf(sql, sizeof sql, "%lld", (long long)sqlite3_column_int64(st_, 0));
	int size = sqlite3_column_int(st_, 1);
	int64_t id = sqlite3_column_int64(st_, 0);
	sqlite3_finalize(st_);
	sqlite3_blob *blob;
	char byte;
	cr_assert_eq(sqlite3_blob_open(db, "main", "block", "data", id, 1, &blob), SQLITE_OK);
	cr_assert_eq(sqlite3_blob_read(blob, &byte, 1, size - 1), SQLITE_OK);
	byte = (char)(byte ^ 0x55);
	cr_assert_eq(sqlite3_blob_write(blob, &byte, 1, size - 1), SQLITE_OK);
	sqlite3_blob_close(blob);
	sqlite3_close(db);
	open_again();
	start();
	struct salvage_stats s = finished();
	cr_assert_eq(s.state, SALVAGE_DONE, "%s", s.error);
	cr_assert_eq(s.figures.lost_points, 200);
	stand_compact(&st);
	struct stand_total p = stand_total(&st, "one", "p", MODEL_BASE_NS, MODEL_BASE_NS + 100 * NS_PER_S);
	struct stand_total q = stand_total(&st, "one", "q", MODEL_BASE_NS, MODEL_BASE_NS + 100 * NS_PER_S);
	cr_assert_eq(p.count, 100);
	cr_assert_eq(q.count, 100);
	cr_assert_not(p.complete);
}

/* Whatever happens to pages: it ends, what is given is what was written, and what is missing is said. */
Test(store_salvage, any_damage_gives_no_wrong_value_and_says_what_is_missing)
{
	char good[112], name[200];
	unsigned taken = 0;

	model_write(&st, 1500);
	compact_and_forget();
	snprintf(good, sizeof good, "%s/good", st.dir);
	damage_copy(st.store_path, good);
	for (uint64_t seed = 1; seed <= 12; seed++) {
		static const char *const suffix[] = { "-wal", "-shm" };
		struct aside_file list[ASIDE_MAX];
		for (int i = 0; i < 2; i++) {
			snprintf(name, sizeof name, "%s%s", st.store_path, suffix[i]);
			unlink(name);
		}
		damage_copy(good, st.store_path);
		damage_pages_of(st.store_path, PAGE, 1 + (unsigned)(seed % 3), seed, true);
		replace();
		open_again();
		start();
		struct salvage_stats s = finished();
		stand_compact(&st);
		snprintf(name, sizeof name, "seed %llu", (unsigned long long)seed);
		uint64_t n = model_check_subset(&st, name);
		if (n < model_count())
			cr_assert(s.state == SALVAGE_FAILED || s.figures.lost_points > 0,
			    "%s: %llu of %llu values, nothing was told", name, (unsigned long long)n,
			    (unsigned long long)model_count());
		taken += n > 0;
		cr_assert_eq(stand_write(&st, "other v=1i 5\n"), 1); /* all else goes on */
		stand_close(&st);
		size_t count = aside_list(st.store_path, list, ASIDE_MAX);
		for (size_t i = 0; i < count; i++)
			unlink(list[i].name);
		unlink(st.path);
	}
	cr_assert_geq(taken, 8);
}

Test(store_salvage, a_file_without_a_header_is_given_up_and_told)
{
	model_write(&st, 300);
	compact_and_forget();
	cr_assert_eq(truncate(st.store_path, 50), 0);
	struct store *s;
	cr_assert_eq(store_open(&s, st.store_path, &eb), ERR_CORRUPT);
	replace();
	open_again();
	start();
	struct salvage_stats t = finished();
	cr_assert_eq(t.state, SALVAGE_FAILED);
	cr_assert(*t.error);
	cr_assert_not(is_complete(MODEL_BASE_NS, MODEL_BASE_NS + MODEL_SPAN_NS));
	cr_assert_eq(stand_write(&st, "m v=1i 5\n"), 1); /* all else goes on */
	stand_compact(&st);
}

Test(store_salvage, what_is_older_than_retention_is_left)
{
	int64_t now = clock_wall_ns(), old = (now - 20 * TIER_DAY_NS) / TIER_DAY_NS * TIER_DAY_NS;
	char line[100];

	snprintf(line, sizeof line, "m v=1 %lld\nm v=2 %lld\n", (long long)old, (long long)(now - TIER_DAY_NS));
	stand_write(&st, line);
	compact_and_forget();
	replace();
	keep_ns[TIER_RAW] = 10 * TIER_DAY_NS;
	open_again();
	start();
	struct salvage_stats s = finished();
	cr_assert_eq(s.figures.old_items, 1);
	cr_assert_eq(figure("SELECT count(*) FROM piece WHERE tier = 0"), 1);
	cr_assert_eq(figure("SELECT sum(points) FROM piece WHERE tier = 2"), 2, "hours are kept");
}

Test(store_salvage, a_disk_that_refuses_is_waited_for)
{
	struct fault f = {
		.kinds = 1U << FAULT_SYNC,
		.suffix = "store.db-wal",
		.nth = 2,
		.times = 20,
		.code = 1034 /* IOERR_FSYNC */
	};

	fault_vfs_install();
	model_write(&st, 500);
	compact_and_forget();
	replace();
	open_again();
	fault_vfs_set(&f);
	start();
	struct salvage_stats s = finished();
	fault_vfs_set(NULL);
	cr_assert_eq(s.state, SALVAGE_DONE, "%s", s.error);
	model_check(&st, "after some refusals");
}
