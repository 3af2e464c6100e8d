/* The file of a held database is an image of one moment, whatever its owner does meanwhile. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/database.h"
#include "store/freeze.h"

enum { ROWS = 400, PAGE = 4096 };

static char dir[64], path[96], copy[96];
static struct errbuf eb;
static sqlite3 *db;
static struct freeze *f;

static const struct migration migrations[] = { { 1, "0001",
    "CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB NOT NULL); CREATE INDEX v ON t (length(v), id)" } };

static void run(const char *sql)
{
	cr_assert_eq(database_exec(db, sql, &eb), ERR_OK, "%s", eb.text);
}

static void add_rows(int from, int to)
{
	char sql[200];

	snprintf(sql, sizeof sql,
	    "WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %d) "
	    "INSERT INTO t SELECT i, randomblob(100 + i %% 7 * 1500) FROM n",
	    from, to);
	run(sql);
}

static void start(void)
{
	const struct database_schema schema = { "a test", 4711, PAGE, migrations, 1 };

	snprintf(dir, sizeof dir, "/tmp/holdfast-test-XXXXXX");
	cr_assert(mkdtemp(dir) != NULL);
	snprintf(path, sizeof path, "%s/a.db", dir);
	snprintf(copy, sizeof copy, "%s/b.db", dir);
	cr_assert_eq(database_open(&db, path, &schema, &eb), ERR_OK, "%s", eb.text);
	add_rows(0, ROWS);
	cr_assert_eq(freeze_new(&f, path, &eb), ERR_OK, "%s", eb.text);
}

static void end(void)
{
	char name[120];
	static const char *const suffixes[] = { "", "-wal", "-shm" };

	freeze_free(f);
	sqlite3_close(db);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
		unlink(name);
	}
	unlink(copy);
	rmdir(dir);
}

TestSuite(freeze, .init = start, .fini = end, .timeout = 60);

static void take(void)
{
	cr_assert_eq(freeze_take(f, db, &eb), ERR_OK, "%s", eb.text);
}

static char *read_all(size_t *n)
{
	*n = freeze_bytes(f);
	char *p = malloc(*n);

	for (size_t at = 0; at < *n; at += PAGE)
		cr_assert_eq(freeze_read(f, at, PAGE, p + at, &eb), ERR_OK, "%s", eb.text);
	return p;
}

static int checkpoint(int mode)
{
	sqlite3_busy_timeout(db, 0);
	return sqlite3_wal_checkpoint_v2(db, NULL, mode, NULL, NULL);
}

/* Everything that can move or cut pages. */
static void work_hard(int round)
{
	char sql[160];

	add_rows(ROWS * (round + 1), ROWS * (round + 2));
	snprintf(sql, sizeof sql, "DELETE FROM t WHERE id %% 3 = %d OR id < %d", round % 3, ROWS * round);
	run(sql);
	run("UPDATE t SET v = zeroblob(length(v) + 500) WHERE id % 5 = 0");
	run("PRAGMA incremental_vacuum");
	checkpoint(SQLITE_CHECKPOINT_PASSIVE);
	checkpoint(SQLITE_CHECKPOINT_FULL);
	checkpoint(SQLITE_CHECKPOINT_TRUNCATE);
}

static long long number(sqlite3 *on, const char *sql)
{
	sqlite3_stmt *st;

	cr_assert_eq(sqlite3_prepare_v2(on, sql, -1, &st, NULL), SQLITE_OK, "%s", sqlite3_errmsg(on));
	cr_assert_eq(sqlite3_step(st), SQLITE_ROW, "%s", sqlite3_errmsg(on));
	long long v = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return v;
}

static long long checksum(sqlite3 *on)
{
	return number(on, "SELECT sum(id * 31 + length(v) + unicode(hex(v)) + unicode(substr(hex(v), -9))) FROM t");
}

Test(freeze, bytes_stay_as_they_were_while_the_owner_writes_checkpoints_and_vacuums)
{
	size_t n, m;
	long long sum = checksum(db);
	struct stat st;

	take();
	char *before = read_all(&n);
	for (int i = 0; i < 8; i++) {
		work_hard(i);
		char *now = read_all(&m);
		cr_assert(m == n && memcmp(before, now, n) == 0, "round %d", i);
		free(now);
	}
	cr_assert(stat(path, &st) == 0 && (size_t)st.st_size >= n);
	cr_expect_gt(freeze_log_bytes(f), 0);

	/* and they are a database by themselves */
	sqlite3 *image;
	int fd = open(copy, O_WRONLY | O_CREAT, 0600);
	cr_assert(fd >= 0 && write(fd, before, n) == (ssize_t)n);
	close(fd);
	free(before);
	cr_assert_eq(database_open_still(&image, copy, &eb), ERR_OK, "%s", eb.text);
	cr_expect_eq(number(image, "SELECT count(*) FROM t"), ROWS);
	cr_expect_eq(checksum(image), sum);
	cr_expect_eq(number(image, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
	sqlite3_close(image);
}

Test(freeze, without_it_the_same_work_does_change_the_file)
{
	size_t n;

	take();
	char *before = read_all(&n);
	freeze_release(f);
	work_hard(0);
	char *now = malloc(n);
	int fd = open(path, O_RDONLY); /* the test does not write after this: the locks may go */
	ssize_t got = read(fd, now, n);
	cr_expect(got != (ssize_t)n || memcmp(before, now, n) != 0);
	close(fd);
	free(before);
	free(now);
}

Test(freeze, after_release_the_log_goes_into_the_file_again)
{
	take();
	work_hard(0);
	cr_expect_neq(checkpoint(SQLITE_CHECKPOINT_TRUNCATE), SQLITE_OK);
	freeze_release(f);
	cr_expect_not(freeze_is_held(f));
	cr_expect_eq(checkpoint(SQLITE_CHECKPOINT_TRUNCATE), SQLITE_OK);
	take();
	freeze_release(f);
	freeze_release(f);
}

Test(freeze, a_second_one_is_refused)
{
	take();
	cr_expect_eq(freeze_take(f, db, &eb), ERR_EXISTS);
	cr_expect(freeze_is_held(f));
}

Test(freeze, a_reader_of_an_older_state_makes_it_unavailable)
{
	sqlite3 *reader;

	cr_assert_eq(database_open_reader(&reader, path, &eb), ERR_OK);
	cr_assert_eq(database_exec(reader, "BEGIN; SELECT count(*) FROM t", &eb), ERR_OK, "%s", eb.text);
	add_rows(ROWS, ROWS + 50);
	cr_expect_eq(freeze_take(f, db, &eb), ERR_UNAVAILABLE);
	cr_expect(strstr(eb.text, "holds its log"), "%s", eb.text);
	cr_expect_not(freeze_is_held(f));
	cr_assert_eq(database_exec(reader, "COMMIT", &eb), ERR_OK);
	take();
	sqlite3_close(reader);
}

Test(freeze, a_reader_of_the_newest_state_is_no_hindrance)
{
	sqlite3 *reader;

	cr_assert_eq(database_open_reader(&reader, path, &eb), ERR_OK);
	cr_assert_eq(database_exec(reader, "BEGIN; SELECT count(*) FROM t", &eb), ERR_OK, "%s", eb.text);
	take();
	size_t n, m;
	char *before = read_all(&n);
	work_hard(0);
	char *now = read_all(&m);
	cr_expect(m == n && memcmp(before, now, n) == 0);
	free(before);
	free(now);
	sqlite3_close(reader);
}

Test(freeze, a_break_gives_the_file_back_and_says_why)
{
	char page[PAGE];

	take();
	cr_assert_eq(freeze_read(f, 0, PAGE, page, &eb), ERR_OK);
	freeze_break(f, "for a test");
	freeze_break(f, "for another");
	work_hard(0);
	cr_expect_eq(checkpoint(SQLITE_CHECKPOINT_TRUNCATE), SQLITE_OK);
	cr_expect_eq(freeze_read(f, 0, PAGE, page, &eb), ERR_CLOSED);
	cr_expect_str_eq(eb.text, "for a test");
	cr_expect_eq(freeze_take(f, db, &eb), ERR_EXISTS, "not released yet");
	freeze_release(f);
	freeze_break(f, "nothing is held");
	take();
	cr_expect_eq(freeze_read(f, 0, PAGE, page, &eb), ERR_OK, "%s", eb.text);
}

static atomic_bool reading;

static void *read_until_broken(void *arg)
{
	char page[PAGE];
	struct errbuf why;
	enum err e = ERR_OK;

	(void)arg;
	for (uint64_t at = 0; e == ERR_OK; at = (at + PAGE) % freeze_bytes(f)) {
		e = freeze_read(f, at, PAGE, page, &why);
		atomic_store(&reading, true);
	}
	cr_expect_eq(e, ERR_CLOSED);
	return NULL;
}

Test(freeze, a_break_beside_a_reader)
{
	pthread_t t;

	for (int i = 0; i < 20; i++) {
		take();
		atomic_store(&reading, false);
		cr_assert_eq(pthread_create(&t, NULL, read_until_broken, NULL), 0);
		while (!atomic_load(&reading))
			sched_yield();
		freeze_break(f, "for a test");
		cr_expect_eq(checkpoint(SQLITE_CHECKPOINT_TRUNCATE), SQLITE_OK);
		pthread_join(t, NULL);
		freeze_release(f);
	}
}

/* sqlite3 on the command line checkpoints and removes the log when it takes itself for the last user. */
Test(freeze, another_process_that_closes_the_file_does_not_take_it_for_abandoned)
{
	char command[300];
	struct stat st;
	size_t n, m;

	take();
	char *before = read_all(&n);
	work_hard(0);
	snprintf(command, sizeof command, "sqlite3 %s 'SELECT count(*) FROM t' > /dev/null", path);
	cr_assert_eq(system(command), 0);
	char *now = read_all(&m);
	cr_expect(m == n && memcmp(before, now, n) == 0);
	freeze_release(f);
	cr_assert_eq(system(command), 0);
	snprintf(command, sizeof command, "%s-wal", path);
	cr_expect_eq(stat(command, &st), 0, "the log was removed");
	cr_expect_eq(number(db, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
	free(before);
	free(now);
}
