#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "store/database.h"
#include "store/spool_damage.h"
#include "store/spool_walk.h"
#include "support/damage.h"

static char dir[64], path[96], good[96];
static struct errbuf eb;

static void begin(void)
{
	snprintf(dir, sizeof dir, "/tmp/holdfast-test-XXXXXX");
	cr_assert(mkdtemp(dir) != NULL);
	snprintf(path, sizeof path, "%s/spool.db", dir);
	snprintf(good, sizeof good, "%s/good", dir);
	damage_make_spool(good);
	damage_copy(good, path);
}

static void end(void)
{
	damage_remove_folder(dir);
	clock_real();
}

TestSuite(spool_damage, .init = begin, .fini = end, .timeout = 300);

struct walked {
	bool have[DAMAGE_ROWS + 1];
	unsigned rows;
	uint64_t lost;
	enum err e;
};

static void walk(uint64_t after_seq, struct walked *out)
{
	struct spool_walk_opts o = { .after_seq = after_seq };
	struct spool_damage damage;
	struct spool_walk *w;
	struct spool_row row;
	uint64_t last = after_seq;

	*out = (struct walked){ 0 };
	out->e = spool_walk_open(&w, path, &o, &eb);
	if (out->e != ERR_OK)
		return;
	for (unsigned calls = 0;; calls++) {
		cr_assert(calls < 10000000, "it does not end");
		enum err e = spool_walk_next(w, &row, &damage, &eb);
		if (e == ERR_NOTFOUND)
			break;
		if (e == ERR_CORRUPT) {
			out->lost += damage.rows;
			cr_assert(damage.points >= damage.rows);
			continue;
		}
		cr_assert_eq(e, ERR_OK, "%s", eb.text);
		cr_assert_gt(row.seq, last);
		last = row.seq;
		if (row.seq <= DAMAGE_ROWS)
			out->have[row.seq] = true;
		out->rows++;
	}
	spool_walk_close(w);
}

Test(spool_damage, a_whole_file_is_walked_without_loss)
{
	struct walked w;

	walk(0, &w);
	cr_assert_eq(w.e, ERR_OK, "%s", eb.text);
	cr_assert_eq(w.rows, DAMAGE_ROWS);
	cr_assert_eq(w.lost, 0);
	walk(150, &w);
	cr_assert_eq(w.rows, DAMAGE_ROWS - 150);
	cr_assert_eq(w.lost, 0);
	cr_assert(w.have[151] && !w.have[150]);
}

Test(spool_damage, every_row_that_any_search_finds_is_found_by_the_walk)
{
	static bool have[DAMAGE_ROWS + 1];
	static struct walked w;
	unsigned hurt = 0, none = 0;

	for (uint64_t seed = 1; seed <= 150; seed++) {
		damage_copy(good, path);
		damage_pages(path, 1 + seed % 12, seed, true);
		unsigned readable = damage_readable(path, have);
		hurt += readable < DAMAGE_ROWS;
		walk(0, &w);
		none += w.e != ERR_OK;
		if (w.e != ERR_OK)
			cr_assert_eq(w.e, ERR_CORRUPT);
		for (unsigned seq = 1; seq <= DAMAGE_ROWS; seq++)
			cr_assert(!have[seq] || w.e != ERR_OK || w.have[seq],
			    "seed %llu: row %u can be read and was not", (unsigned long long)seed, seq);
	}
	cr_assert_gt(hurt, 100);
	cr_assert_lt(none, 40); /* a root page is gone */
}

Test(spool_damage, a_file_cut_short_gives_back_what_is_left)
{
	static bool have[DAMAGE_ROWS + 1];
	static struct walked w;
	long size = damage_size(good);

	for (long keep = DAMAGE_PAGE; keep < size; keep += size / 40 + 777) {
		damage_copy(good, path);
		cr_assert_eq(truncate(path, keep), 0);
		damage_readable(path, have);
		walk(0, &w);
		for (unsigned seq = 1; seq <= DAMAGE_ROWS; seq++)
			cr_assert(!have[seq] || w.have[seq], "cut at %ld: row %u", keep, seq);
	}
}

Test(spool_damage, noise_anywhere_never_crashes)
{
	static struct walked w;

	for (uint64_t seed = 1; seed <= 60; seed++) {
		damage_copy(good, path);
		damage_pages(path, 30, seed * 7919, false);
		walk(0, &w);
	}
}

/* ---- setting aside ---- */

static unsigned list(struct aside_file *out)
{
	return (unsigned)aside_list(path, out, ASIDE_MAX);
}

static int64_t figure(struct spool *s, const char *sql)
{
	sqlite3_stmt *st;

	cr_assert_eq(sqlite3_prepare_v2(spool_db(s), sql, -1, &st, NULL), SQLITE_OK, "%s", sql);
	cr_assert_eq(sqlite3_step(st), SQLITE_ROW, "%s", sql);
	int64_t v = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return v;
}

static uint64_t append_one(struct spool *s)
{
	struct spool_row row = { .db = 1, .points = 1, .payload = { "x", 1 } };

	cr_assert_eq(spool_begin(s, &eb), ERR_OK);
	cr_assert_eq(spool_append(s, &row, &eb), ERR_OK);
	cr_assert_eq(spool_commit(s, &eb), ERR_OK);
	return row.seq;
}

static struct spool *opened(void)
{
	struct spool *s;

	cr_assert_eq(spool_prepare(path, &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(spool_open(&s, path, &eb), ERR_OK, "%s", eb.text);
	return s;
}

Test(spool_damage, a_replaced_spool_goes_on_above_the_old_numbers_with_types_and_a_gap)
{
	static struct aside_file d[ASIDE_MAX];
	struct spool *s = opened();

	cr_assert_eq(spool_begin(s, &eb), ERR_OK);
	cr_assert_eq(database_exec(spool_db(s),
			 "INSERT INTO field VALUES (1, x'6d', x'76', 1), (2, x'6d', x'76', 0); "
			 "INSERT INTO database VALUES (2, 'two'); INSERT INTO meta VALUES ('salvage:x', 9)",
			 &eb),
	    ERR_OK, "%s", eb.text);
	cr_assert_eq(spool_commit(s, &eb), ERR_OK);
	spool_close(s);
	cr_assert_eq(spool_replace(path, "the test says so", 0, &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(list(d), 1);
	cr_assert_eq(damage_size(d[0].name), damage_size(good));
	cr_assert(d[0].at_ns > 0 && d[0].at_ns % NS_PER_S == 0);
	s = opened();
	cr_assert_eq(append_one(s), UINT64_C(1) << 40);
	cr_assert_eq(figure(s, "SELECT count(*) FROM field"), 2);
	cr_assert_eq(figure(s, "SELECT count(*) FROM database WHERE id = 2 AND name = 'two'"), 1);
	cr_assert_eq(figure(s, "SELECT value FROM meta WHERE key = 'salvage:x'"), 9);
	cr_assert_eq(figure(s, "SELECT at_ns FROM gap WHERE cause = 'spool_damaged' AND points = 0"), d[0].at_ns);
	cr_assert(spool_was_clean(s));
	spool_close(s);
	s = opened(); /* numbers never fall back */
	cr_assert_eq(append_one(s), (UINT64_C(1) << 40) + 1);
	spool_close(s);
	cr_assert_eq(spool_replace(path, "once more", 0, &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(list(d), 2);
	cr_assert_str_neq(d[0].stamp, d[1].stamp);
	s = opened();
	cr_assert_eq(append_one(s), UINT64_C(2) << 40);
	spool_close(s);
}

Test(spool_damage, numbers_rise_though_nothing_can_be_read_and_above_what_the_caller_knows)
{
	struct spool *s;

	for (uint64_t n = 1; n <= 3; n++) {
		cr_assert_eq(truncate(path, 100), 0);
		cr_assert_eq(spool_open(&s, path, &eb), ERR_CORRUPT);
		cr_assert_eq(spool_replace(path, eb.text, 0, &eb), ERR_OK, "%s", eb.text);
		s = opened();
		cr_assert_eq(append_one(s), n << 40);
		spool_close(s);
	}
	cr_assert_eq(spool_replace(path, "the test says so", (UINT64_C(9) << 40) + 5, &eb), ERR_OK);
	s = opened();
	cr_assert_eq(append_one(s), UINT64_C(10) << 40);
	spool_close(s);
}

Test(spool_damage, the_log_goes_with_its_file_and_is_read)
{
	static struct aside_file d[ASIDE_MAX];
	char name[4200];
	struct spool *s = opened();
	static struct walked w;

	append_one(s); /* it lies in the log: a copy while the file is open is what a crash leaves */
	snprintf(name, sizeof name, "%s-wal", path);
	char copy[96], copy_wal[112];
	snprintf(copy, sizeof copy, "%s/copy", dir);
	snprintf(copy_wal, sizeof copy_wal, "%s/copy-wal", dir);
	damage_copy(path, copy);
	damage_copy(name, copy_wal);
	spool_close(s);
	damage_copy(copy, path);
	damage_copy(copy_wal, name);
	long log = damage_size(name);
	cr_assert_gt(log, 0);
	cr_assert_eq(spool_replace(path, "the test says so", 0, &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(list(d), 1);
	snprintf(name, sizeof name, "%s-wal", d[0].name);
	cr_assert_eq(damage_size(name), log);
	snprintf(path, sizeof path, "%s/%s", dir, strrchr(d[0].name, '/') + 1);
	walk(0, &w);
	cr_assert_eq(w.rows + w.lost, DAMAGE_ROWS + 1); /* "x" is no frame: it is counted as lost */
	cr_assert_eq(w.lost, 1);
	cr_assert_eq(damage_size(name), log); /* reading leaves it alone */
}

Test(spool_damage, an_orphaned_log_is_set_aside_and_not_thrown_away)
{
	static struct aside_file d[ASIDE_MAX];
	char log[112];
	struct stat st;
	struct spool *s;

	snprintf(log, sizeof log, "%s-wal", path);
	unlink(path);
	damage_copy(good, log);
	cr_assert_eq(spool_open(&s, path, &eb), ERR_CORRUPT);
	cr_assert_eq(damage_size(log), damage_size(good));
	cr_assert_eq(spool_replace(path, eb.text, 0, &eb), ERR_OK, "%s", eb.text);
	cr_assert(stat(log, &st) != 0);
	spool_close(opened());
	(void)d;
}

/* The names a crash between two steps leaves behind. */
Test(spool_damage, a_replacement_cut_short_is_finished_by_the_next_start)
{
	static struct aside_file d[ASIDE_MAX];
	char fresh[112], aside[140];
	struct spool *s;

	snprintf(fresh, sizeof fresh, "%s.new", path);
	cr_assert_eq(spool_open_at(&s, fresh, UINT64_C(1) << 40, &eb), ERR_OK);
	spool_close(s);
	s = opened(); /* both are there: the fresh one is of no use yet */
	cr_assert_eq(append_one(s), DAMAGE_ROWS + 1);
	spool_close(s);
	cr_assert_eq(damage_size(fresh), -1);

	cr_assert_eq(spool_open_at(&s, fresh, UINT64_C(1) << 40, &eb), ERR_OK);
	spool_close(s);
	snprintf(aside, sizeof aside, "%s.damaged-20260131T120000Z", path);
	cr_assert_eq(rename(path, aside), 0);
	s = opened(); /* moved away, the fresh one not yet in its place */
	cr_assert_eq(append_one(s), UINT64_C(1) << 40);
	spool_close(s);
	cr_assert_eq(list(d), 1);
	cr_assert_eq(damage_size(fresh), -1);
}

Test(spool_damage, a_marked_file_is_damaged_until_it_is_replaced)
{
	aside_mark(path, "page 7");
	cr_assert_eq(spool_prepare(path, &eb), ERR_CORRUPT);
	cr_assert_eq(spool_replace(path, eb.text, 0, &eb), ERR_OK);
	cr_assert_eq(spool_prepare(path, &eb), ERR_OK);
}

Test(spool_damage, a_stop_in_order_is_told_from_a_crash)
{
	struct spool *s = opened();
	char copy[96];

	cr_assert(spool_was_clean(s));
	snprintf(copy, sizeof copy, "%s/copy", dir);
	append_one(s);
	cr_assert_eq(sqlite3_wal_checkpoint_v2(spool_db(s), NULL, SQLITE_CHECKPOINT_FULL, NULL, NULL), SQLITE_OK);
	damage_copy(path, copy); /* as it lies while in use */
	spool_close(s);
	damage_copy(copy, path);
	s = opened();
	cr_assert_not(spool_was_clean(s));
	spool_close(s);
	s = opened();
	cr_assert(spool_was_clean(s));
	spool_close(s);
}

Test(spool_damage, names_given_by_a_human_are_found_and_logs_are_not_taken_for_files)
{
	static struct aside_file d[ASIDE_MAX];
	char name[140];

	snprintf(name, sizeof name, "%s.damaged-by-hand", path);
	damage_copy(good, name);
	snprintf(name, sizeof name, "%s.damaged-by-hand-wal", path);
	damage_copy(good, name);
	snprintf(name, sizeof name, "%s.damaged-20260131T120000Z", path);
	damage_copy(good, name);
	cr_assert_eq(list(d), 2);
	cr_assert_str_eq(d[0].stamp, "20260131T120000Z");
	cr_assert_eq(d[0].at_ns, INT64_C(1769860800) * NS_PER_S);
	cr_assert_str_eq(d[1].stamp, "by-hand");
	cr_assert_eq(d[1].at_ns, 0);
}

Test(spool_damage, a_file_moved_away_by_hand_leaves_its_numbers_and_types_behind)
{
	char name[140];
	struct spool *s = opened();

	cr_assert_eq(spool_begin(s, &eb), ERR_OK);
	cr_assert_eq(database_exec(spool_db(s), "INSERT INTO field VALUES (1, x'6d', x'76', 1)", &eb), ERR_OK);
	cr_assert_eq(spool_commit(s, &eb), ERR_OK);
	spool_close(s);
	snprintf(name, sizeof name, "%s.damaged-by-hand", path);
	cr_assert_eq(rename(path, name), 0);
	s = opened();
	cr_assert_eq(append_one(s), UINT64_C(2) << 40);
	cr_assert_eq(figure(s, "SELECT count(*) FROM field"), 1);
	cr_assert_eq(figure(s, "SELECT count(*) FROM gap"), 0);
	spool_close(s);
	s = opened();
	cr_assert_eq(append_one(s), (UINT64_C(2) << 40) + 1);
	spool_close(s);
}
