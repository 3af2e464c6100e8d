#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/frame.h"
#include "store/owed.h"
#include "store/spool.h"
#include "store/targets.h"

static char dir[64], path[96];
static struct errbuf eb;

static void make_dir(void)
{
	snprintf(dir, sizeof dir, "/tmp/holdfast-test-XXXXXX");
	cr_assert(mkdtemp(dir) != NULL);
	snprintf(path, sizeof path, "%s/spool.db", dir);
}

static void remove_dir(void)
{
	static const char *const suffix[] = { "", "-wal", "-shm" };
	char p[128];

	for (unsigned i = 0; i < 3; i++) {
		snprintf(p, sizeof p, "%s%s", path, suffix[i]);
		unlink(p);
	}
	rmdir(dir);
}

TestSuite(spool, .init = make_dir, .fini = remove_dir);

static struct spool *opened(void)
{
	struct spool *s;

	cr_assert_eq(spool_open(&s, path, &eb), ERR_OK, "%s", eb.text);
	return s;
}

/* One row whose text is `size` bytes of a line; points = 1. */
static void append(struct spool *s, size_t size, int64_t time_ns)
{
	struct frame_packer *p;
	struct buf frame;
	char *text = malloc(size);

	for (size_t i = 0; i < size; i++) /* not to be compressed: payloads make the file's size */
		text[i] = (char)(random() % 94 + 33);
	buf_init(&frame, size + 4096);
	cr_assert_eq(frame_packer_new(&p), ERR_OK);
	cr_assert_eq(frame_pack(p, (struct view){ text, size }, &frame), ERR_OK);
	struct spool_row row = { .db = 1,
		.points = 1,
		.received_ns = time_ns,
		.min_ns = time_ns,
		.max_ns = time_ns,
		.payload = { frame.p, frame.len } };
	cr_assert_eq(spool_append(s, &row, &eb), ERR_OK, "%s", eb.text);
	frame_packer_free(p);
	buf_fini(&frame);
	free(text);
}

static void append_rows(struct spool *s, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		cr_assert_eq(spool_begin(s, &eb), ERR_OK);
		append(s, 1000, i * NS_PER_S);
		cr_assert_eq(spool_commit(s, &eb), ERR_OK);
		spool_checkpoint(s);
	}
}

Test(spool, committed_rows_come_back_in_order_after_reopening)
{
	struct spool *s = opened();
	struct spool_reader *r;
	struct spool_row row;
	struct spool_totals t;

	append_rows(s, 0, 150); /* two closed extents and an open one */
	spool_close(s);
	s = opened();
	spool_totals(s, &t);
	cr_assert_eq(t.rows, 150);
	cr_assert_eq(t.points, 150);
	cr_assert_eq(t.first_seq, 1);
	cr_assert_eq(t.last_seq, 150);
	cr_assert_eq(t.oldest_ns, 0);
	cr_assert_eq(t.newest_ns, 149 * NS_PER_S);
	cr_assert_eq(spool_reader_open(&r, path, &eb), ERR_OK, "%s", eb.text);
	for (uint64_t seq = 0; seq < 150; seq++) {
		cr_assert_eq(spool_reader_next(r, seq, &row, &eb), ERR_OK, "%s", eb.text);
		cr_assert_eq(row.seq, seq + 1);
		cr_assert_eq(row.payload.len, 1000);
	}
	cr_assert_eq(spool_reader_next(r, 150, &row, &eb), ERR_NOTFOUND);
	spool_reader_close(r);
	spool_close(s);
}

Test(spool, all_its_files_are_the_owners_alone_whatever_the_umask)
{
	static const char *const suffix[] = { "", "-wal", "-shm" };
	mode_t before = umask(0);
	struct spool *s = opened();
	char name[128];
	struct stat st;

	append_rows(s, 0, 1);
	umask(before);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(name, sizeof name, "%s%s", path, suffix[i]);
		cr_assert_eq(stat(name, &st), 0, "%s", name);
		cr_assert_eq(st.st_mode & 0777, 0600, "%s: %o", name, (unsigned)st.st_mode);
	}
	spool_close(s);
}

Test(spool, rolled_back_rows_leave_nothing)
{
	struct spool *s = opened();
	struct spool_totals t;

	append_rows(s, 0, 3);
	cr_assert_eq(spool_begin(s, &eb), ERR_OK);
	append(s, 100, 9);
	spool_rollback(s);
	append_rows(s, 3, 4);
	spool_totals(s, &t);
	cr_assert_eq(t.rows, 4);
	cr_assert_eq(t.last_seq, 4);
	spool_close(s);
}

Test(spool, reader_finds_a_time_range_without_the_rest)
{
	struct spool *s = opened();
	struct spool_reader *r;
	struct spool_row row = { 0 };
	uint64_t seen = 0, seq = 0;

	append_rows(s, 0, 300);
	cr_assert_eq(spool_reader_open(&r, path, &eb), ERR_OK);
	while (spool_reader_next_in(r, seq, 100 * NS_PER_S, 290 * NS_PER_S, &row, &eb) == ERR_OK) {
		cr_assert(row.min_ns >= 100 * NS_PER_S && row.min_ns < 290 * NS_PER_S);
		cr_assert_eq(row.seq, 101 + seen);
		seen++;
		seq = row.seq;
	}
	cr_assert_eq(seen, 190);
	spool_reader_close(r);
	spool_close(s);
}

Test(spool, what_waits_is_counted_exactly_at_every_cursor)
{
	struct spool *s = opened();
	struct spool_reader *r;

	append_rows(s, 0, 200);
	cr_assert_eq(spool_reader_open(&r, path, &eb), ERR_OK);
	for (uint64_t seq = 0; seq <= 200; seq++) {
		struct spool_backlog b;
		cr_assert_eq(spool_reader_after(r, seq, &b, &eb), ERR_OK);
		cr_assert_eq(
		    b.points, 200 - seq, "after %llu: %llu", (unsigned long long)seq, (unsigned long long)b.points);
		cr_assert_eq(b.min_ns, seq < 200 ? (int64_t)seq * NS_PER_S : INT64_MAX);
		cr_assert_eq(b.oldest_received_ns, seq < 200 ? (int64_t)seq * NS_PER_S : 0);
	}
	spool_reader_close(r);
	spool_close(s);
}

Test(spool, what_waits_of_one_database_is_counted_exactly)
{
	struct spool *s = opened();
	struct spool_reader *r;

	append_rows(s, 0, 200);
	cr_assert_eq(
	    sqlite3_exec(spool_db(s), "UPDATE spool SET db = 2 WHERE seq % 3 = 0", NULL, NULL, NULL), SQLITE_OK);
	cr_assert_eq(spool_reader_open(&r, path, &eb), ERR_OK);
	for (uint64_t seq = 0; seq <= 200; seq++) {
		struct spool_backlog b;
		uint64_t n = 200 / 3 - seq / 3;
		cr_assert_eq(spool_reader_between_of(r, 2, seq, UINT64_MAX, &b, &eb), ERR_OK);
		cr_assert_eq(b.points, n);
		cr_assert_eq(b.min_ns, n ? (int64_t)(seq / 3 * 3 + 2) * NS_PER_S : INT64_MAX);
		cr_assert_eq(b.oldest_received_ns, n ? (int64_t)(seq / 3 * 3 + 2) * NS_PER_S : 0);
	}
	spool_reader_close(r);
	spool_close(s);
}

static uint64_t gap_points(struct spool *s, const char *cause)
{
	sqlite3_stmt *st;

	cr_assert_eq(
	    sqlite3_prepare_v2(spool_db(s), "SELECT total(points) FROM gap WHERE cause = ?", -1, &st, NULL), SQLITE_OK);
	sqlite3_bind_text(st, 1, cause, -1, SQLITE_STATIC);
	cr_assert_eq(sqlite3_step(st), SQLITE_ROW);
	uint64_t n = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

Test(spool, delivered_rows_go_at_the_ceiling_without_a_gap)
{
	struct spool *s = opened();
	struct spool_totals t;

	append_rows(s, 0, 1024);
	spool_totals(s, &t);
	cr_assert_eq(spool_evict(s, t.bytes * 3 / 4, INT64_MIN, (struct spool_done){ UINT64_MAX, 0 }, &eb), ERR_OK,
	    "%s", eb.text);
	struct spool_totals after;
	spool_totals(s, &after);
	cr_assert_leq(after.bytes, t.bytes * 3 / 4);
	cr_assert_gt(after.bytes, 0);
	cr_assert_eq(after.evicted_until_ns, (int64_t)(1024 - after.rows - 1) * NS_PER_S);
	cr_assert_eq(after.first_seq, 1024 - after.rows + 1);
	cr_assert_eq(gap_points(s, "spool_full"), 0);
	spool_close(s);
	s = opened(); /* and it is remembered */
	spool_totals(s, &t);
	cr_assert_eq(t.evicted_until_ns, after.evicted_until_ns);
	cr_assert_eq(t.rows, after.rows);
	spool_close(s);
}

Test(spool, undelivered_rows_go_last_and_leave_a_gap_of_their_exact_size)
{
	struct spool *s = opened();

	append_rows(s, 0, 128);
	cr_assert_eq(spool_evict(s, 0, INT64_MIN, (struct spool_done){ 70, 0 }, &eb), ERR_OK);
	cr_assert_eq(gap_points(s, "spool_full"), 58);
	append_rows(s, 128, 192);
	cr_assert_eq(spool_evict(s, UINT64_MAX, 1000 * NS_PER_S, (struct spool_done){ 128, 0 }, &eb), ERR_OK);
	cr_assert_eq(gap_points(s, "retention"), 64);
	spool_close(s);
}

static void set_cursor(struct spool *s, uint64_t seq)
{
	cr_assert_eq(spool_begin(s, &eb), ERR_OK);
	cr_assert_eq(target_store(spool_db(s), "influxdb", &(struct target_cursor){ .seq = seq }, &eb), ERR_OK);
	cr_assert_eq(spool_commit(s, &eb), ERR_OK);
}

Test(spool, undelivered_rows_that_the_store_has_are_owed_and_no_gap)
{
	struct spool *s = opened();
	struct owed_range r;

	append_rows(s, 0, 192);
	set_cursor(s, 70);
	cr_assert_eq(spool_evict(s, 0, INT64_MIN, (struct spool_done){ 70, 128 }, &eb), ERR_OK, "%s", eb.text);
	cr_expect_eq(gap_points(s, "spool_full"), 64, "the third extent is nowhere else");
	spool_close(s);
	s = opened();
	cr_assert_eq(owed_list(spool_owed(s), "influxdb", &r, 1), 1);
	cr_expect_eq(r.cause, OWED_OVERFLOW);
	cr_expect_eq(r.db, 1);
	cr_expect_eq(r.from_ns, 70 * NS_PER_S, "rows up to 70 were delivered");
	cr_expect_eq(r.to_ns, 127 * NS_PER_S + 1);
	spool_close(s);
}

Test(spool, what_retention_lets_go_is_a_gap_though_the_store_has_it_still)
{
	struct spool *s = opened();

	append_rows(s, 0, 64);
	set_cursor(s, 0);
	cr_assert_eq(spool_evict(s, UINT64_MAX, 1000 * NS_PER_S, (struct spool_done){ 0, 64 }, &eb), ERR_OK);
	cr_expect_eq(gap_points(s, "retention"), 64);
	cr_expect(!owed_find(spool_owed(s), "influxdb", 1, INT64_MIN, INT64_MAX, NULL));
	spool_close(s);
}

Test(spool, rows_that_go_while_a_target_is_away_are_owed_to_it)
{
	struct spool *s = opened();
	struct owed_range r;

	append_rows(s, 0, 64);
	cr_assert_eq(spool_evict(s, UINT64_MAX, INT64_MIN, (struct spool_done){ UINT64_MAX, 64 }, &eb), ERR_OK);
	cr_expect(!owed_find(spool_owed(s), "influxdb", 1, INT64_MIN, INT64_MAX, NULL), "there never was a target");
	set_cursor(s, 40);
	append_rows(s, 64, 128);
	cr_assert_eq(spool_evict(s, UINT64_MAX, INT64_MIN, (struct spool_done){ UINT64_MAX, 128 }, &eb), ERR_OK);
	cr_assert_eq(owed_list(spool_owed(s), "influxdb", &r, 1), 1);
	cr_expect_eq(r.cause, OWED_BEFORE);
	cr_expect_eq(r.from_ns, 64 * NS_PER_S);
	cr_expect_eq(r.to_ns, 127 * NS_PER_S + 1);
	spool_close(s);
}

Test(spool, rows_that_all_others_have_got_are_owed_to_a_target_that_is_away)
{
	struct spool *s = opened();
	struct owed_range r[2]; /* an extent each, the newest first */

	append_rows(s, 0, 128);
	set_cursor(s, 40);
	cr_assert_eq(
	    spool_evict(s, UINT64_MAX, INT64_MIN, (struct spool_done){ 128, 128 }, &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(owed_list(spool_owed(s), "influxdb", r, 2), 2);
	cr_expect_eq(r[0].cause, OWED_BEFORE);
	cr_expect_eq(r[0].to_ns, 127 * NS_PER_S + 1);
	cr_expect_eq(r[1].from_ns, 40 * NS_PER_S, "it has rows up to 40");
	spool_close(s);
}

Test(spool, sequence_never_falls_back_when_all_rows_have_gone)
{
	struct spool *s = opened();
	struct spool_totals t;

	append_rows(s, 0, 64);
	cr_assert_eq(spool_evict(s, 0, INT64_MIN, (struct spool_done){ UINT64_MAX, 0 }, &eb), ERR_OK);
	spool_totals(s, &t);
	cr_assert_eq(t.rows, 0);
	spool_close(s);
	s = opened();
	append_rows(s, 64, 65);
	spool_totals(s, &t);
	cr_assert_eq(t.last_seq, 65);
	spool_close(s);
}

Test(spool, foreign_database_is_refused_and_left_alone)
{
	sqlite3 *db;
	struct spool *s;
	struct stat before, after;

	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, "CREATE TABLE other (x)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	stat(path, &before);
	cr_assert_eq(spool_open(&s, path, &eb), ERR_INVALID);
	cr_assert(strstr(eb.text, "another program"), "%s", eb.text);
	stat(path, &after);
	cr_assert_eq(before.st_size, after.st_size);
	cr_assert_eq(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

Test(spool, newer_version_is_refused_with_both_numbers)
{
	struct spool *s = opened();

	cr_assert_eq(sqlite3_exec(spool_db(s), "PRAGMA user_version = 999", NULL, NULL, NULL), SQLITE_OK);
	spool_close(s);
	cr_assert_eq(spool_open(&s, path, &eb), ERR_INVALID);
	cr_assert(strstr(eb.text, "version 999") && strstr(eb.text, "up to 6"), "%s", eb.text);
}

Test(spool, text_file_is_told_from_a_foreign_database)
{
	struct spool *s;
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	for (int i = 0; i < 100; i++)
		cr_assert_eq(write(fd, "this is not a database, it is a text\n", 37), 37);
	close(fd);
	cr_assert_eq(spool_open(&s, path, &eb), ERR_CORRUPT, "%s", eb.text);
}

Test(spool, damaged_row_is_named_and_can_be_stepped_over)
{
	struct spool *s = opened();
	struct spool_reader *r;
	struct spool_row row;

	append_rows(s, 0, 3);
	cr_assert_eq(
	    sqlite3_exec(spool_db(s),
		"UPDATE spool SET payload = substr(payload, 1, length(payload) - 1) WHERE seq = 2", NULL, NULL, NULL),
	    SQLITE_OK);
	cr_assert_eq(spool_reader_open(&r, path, &eb), ERR_OK);
	cr_assert_eq(spool_reader_next(r, 0, &row, &eb), ERR_OK);
	cr_assert_eq(spool_reader_next(r, 1, &row, &eb), ERR_CORRUPT);
	cr_assert_eq(row.seq, 2);
	cr_assert_eq(spool_reader_next(r, row.seq, &row, &eb), ERR_OK);
	cr_assert_eq(row.seq, 3);
	spool_reader_close(r);
	spool_close(s);
}
