/* Every kind of damage is found, and named. The folder is that of a real store. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/verify.h"
#include "support/damage.h"
#include "support/stand.h"

static struct stand st;
static struct errbuf eb;
static char said[8192];
static unsigned faults;

static void tell(void *arg, const char *what)
{
	size_t n = strlen(said);

	(void)arg;
	faults++;
	snprintf(said + n, sizeof said - n, "%s\n", what);
}

static struct verify_report look(void)
{
	struct verify_sink sink = { tell, NULL };
	struct verify_report r;

	said[0] = 0;
	faults = 0;
	cr_assert_eq(verify_files(st.dir, &sink, &r, &eb), ERR_OK, "%s", eb.text);
	cr_expect_eq(r.faults, faults);
	return r;
}

static void write_some(unsigned from, unsigned n)
{
	struct buf b;

	buf_init(&b, 4 << 20);
	for (unsigned i = 0; i < n; i++)
		buf_printf(&b, "m,h=%u v=%u,s=\"%lx%lx\" %llu\n", i % 20, i, random(), random(),
		    (unsigned long long)(from + i + 1) * 1000000000);
	buf_char(&b, 0);
	stand_write(&st, b.p);
	buf_fini(&b);
}

static void start(void)
{
	struct stand_opts o = { .compactor = true };

	stand_open(&st, &o);
	committer_set_delivered(st.committer, 0); /* so that rows stay */
	for (unsigned i = 0; i < 5; i++)
		write_some(i * 2000, 2000);
	stand_compact(&st);
	for (unsigned i = 5; i < 8; i++)
		write_some(i * 2000, 2000);
	stand_close(&st);
}

static void end(void)
{
	damage_remove_folder(st.dir);
}

TestSuite(verify, .init = start, .fini = end, .timeout = 60);

static void run(const char *path, const char *sql)
{
	sqlite3 *db;
	char *why = NULL;

	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, &why), SQLITE_OK, "%s", why);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK); /* and its log is in the file */
}

static void flip(const char *path, long at)
{
	int fd = open(path, O_RDWR);
	unsigned char c;

	cr_assert(fd >= 0 && pread(fd, &c, 1, at) == 1);
	c ^= 4;
	cr_assert_eq(pwrite(fd, &c, 1, at), 1);
	close(fd);
}

Test(verify, a_whole_store_has_no_faults_and_its_totals_are_told)
{
	struct verify_report r = look();

	cr_expect_eq(faults, 0, "%s", said);
	cr_expect_eq(r.rows, r.last_seq - r.first_seq + 1);
	cr_expect_eq(r.row_points, 16000);
	cr_expect(r.compacted_seq > 0 && r.compacted_seq < r.last_seq);
	cr_expect(r.blocks > 0 && r.block_points >= 10000);
}

Test(verify, nothing_is_written_beside_the_files)
{
	char name[120];
	struct stat before, after;

	cr_assert_eq(stat(st.path, &before), 0);
	(void)look();
	snprintf(name, sizeof name, "%s-wal", st.path);
	cr_expect_neq(access(name, F_OK), 0);
	snprintf(name, sizeof name, "%s-shm", st.path);
	cr_expect_neq(access(name, F_OK), 0);
	cr_expect(stat(st.path, &after) == 0 && after.st_mtime == before.st_mtime);
}

Test(verify, a_log_that_was_left_is_read_too)
{
	sqlite3 *db;

	cr_assert_eq(sqlite3_open(st.path, &db), SQLITE_OK);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	cr_assert_eq(
	    sqlite3_exec(db, "DELETE FROM spool WHERE seq = (SELECT max(seq) - 1 FROM spool)", NULL, NULL, NULL),
	    SQLITE_OK);
	sqlite3_close(db);
	(void)look();
	cr_expect_eq(faults, 1, "%s", said);
	cr_expect(strstr(said, " are missing"), "%s", said);
}

/* What the tables of points hold. Names have no checksum of their own. */
static unsigned long contents(const char *path)
{
	char command[200], line[100] = "";

	snprintf(
	    command, sizeof command, "sqlite3 'file:%s?immutable=1' '.dump block piece spool extent' | cksum", path);
	FILE *p = popen(command, "r");
	cr_assert(p && fgets(line, sizeof line, p));
	pclose(p);
	return strtoul(line, NULL, 10);
}

/* A bit that changes what a file holds is found, wherever it is behind the first page; free room may change as it likes. */
Test(verify, flipped_bits_all_over_the_files_are_found_and_the_file_is_named)
{
	for (int which = 0; which < 2; which++) {
		const char *path = which ? st.store_path : st.path, *name = which ? "store.db: " : "spool.db: ";
		long size = damage_size(path);
		unsigned long before = contents(path);
		unsigned found = 0;
		for (long at = DAMAGE_PAGE + 77; at < size; at += size / 60) {
			flip(path, at);
			(void)look();
			if (faults)
				cr_expect(strncmp(said, name, 10) == 0, "%s", said);
			else
				cr_expect_eq(contents(path), before, "%s: byte %ld", path, at);
			found += faults > 0;
			flip(path, at);
		}
		cr_expect_geq(found, 15, "%s: %u", path, found);
	}
	(void)look();
	cr_expect_eq(faults, 0, "%s", said);
}

Test(verify, a_damaged_payload_is_told_by_its_row)
{
	run(st.path,
	    "UPDATE spool SET payload = CAST(substr(payload, 1, length(payload) - 5) || x'0000000000' AS BLOB) WHERE seq = 3");
	(void)look();
	cr_expect_str_eq(said, "spool.db: row 3: its payload is damaged\n");
	run(st.path, "UPDATE spool SET payload = x'' WHERE seq = 3");
	(void)look();
	cr_expect_str_eq(said, "spool.db: row 3: its payload is damaged\n");
}

Test(verify, a_damaged_block_is_told_by_its_place)
{
	run(st.store_path,
	    "UPDATE block SET data = CAST(substr(data, 1, length(data) - 8) || randomblob(8) AS BLOB) WHERE id = (SELECT min(id) FROM block)");
	(void)look();
	cr_expect_eq(faults, 1);
	cr_expect(strncmp(said, "store.db: block ", 16) == 0, "%s", said);
	cr_expect(strstr(said, " (m, raw from 1970-01-01T00:00:00Z): its bytes are damaged\n"), "%s", said);
}

Test(verify, a_block_with_other_points_or_names_than_it_should_have)
{
	run(st.store_path, "UPDATE block SET points = points + 1 WHERE id = (SELECT min(id) FROM block)");
	(void)look();
	cr_expect(strstr(said, "its points, series or times are not those that it should have"), "%s", said);
	run(st.store_path,
	    "UPDATE block SET points = points - 1, max_ns = max_ns + 1 WHERE id = (SELECT min(id) FROM block)");
	(void)look();
	cr_expect_eq(faults, 1, "%s", said);
	run(st.store_path, "UPDATE block SET max_ns = max_ns - 1 WHERE id = (SELECT min(id) FROM block)");
	run(st.store_path, "DELETE FROM series WHERE id = 19");
	(void)look();
	cr_expect(strstr(said, "have no measurement or series of theirs"), "%s", said);
}

Test(verify, missing_rows_are_told)
{
	run(st.path, "DELETE FROM spool WHERE seq IN (2, 3)");
	(void)look();
	cr_expect_str_eq(said, "spool.db: rows 2 to 3 are missing\n");
	run(st.path, "DELETE FROM spool WHERE seq < 4"); /* compacted ones from the front may be gone */
	(void)look();
	cr_expect_eq(faults, 0, "%s", said);
	run(st.path, "DELETE FROM spool WHERE seq < (SELECT max(seq) FROM spool)");
	(void)look();
	cr_expect(faults == 1 && strstr(said, " are missing\n"), "%s", said);
}

Test(verify, files_of_two_moments_are_told)
{
	run(st.store_path, "UPDATE meta SET value = 1000000 WHERE key = 'compacted_seq'");
	(void)look();
	cr_expect_eq(faults, 1);
	cr_expect(strstr(said, "the two files are not of one moment: store.db has rows up to 1000000, spool.db gave "),
	    "%s", said);
}

Test(verify, what_is_missing_short_or_something_else)
{
	cr_assert_eq(truncate(st.store_path, damage_size(st.store_path) / 2), 0);
	(void)look();
	cr_expect(faults > 0 && strncmp(said, "store.db: ", 10) == 0, "%s", said);
	cr_assert_eq(truncate(st.store_path, 0), 0);
	(void)look();
	cr_expect_str_eq(said, "store.db: it is not a database, or its beginning is damaged\n");
	cr_assert_eq(unlink(st.store_path), 0);
	(void)look();
	cr_expect_str_eq(said, "store.db: it is missing\n");
	damage_copy(st.path, st.store_path);
	struct verify_sink sink = { tell, NULL };
	struct verify_report r;
	cr_expect_eq(verify_files(st.dir, &sink, &r, &eb), ERR_INVALID);
	cr_expect(strstr(eb.text, "is the database of another program"), "%s", eb.text);
}
