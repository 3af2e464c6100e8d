/* A backup of a store in use is a store of one moment, and never costs a write. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counter.h"
#include "flow/backup.h"
#include "store/verify.h"
#include "support/damage.h"
#include "support/fault_vfs.h"
#include "support/stand.h"

static struct stand st;
static struct backup *backup;
static struct errbuf eb;
static char out_dir[64];
static uint64_t written; /* points, v = 1, one a line */

static void open_all(const struct stand_opts *so, struct backup_opts bo)
{
	struct stand_opts o = so ? *so : (struct stand_opts){ 0 };

	o.compactor = true;
	stand_open(&st, &o);
	bo.committer = st.committer;
	bo.compactor = st.compactor;
	bo.spool = st.spool;
	bo.store = st.store;
	bo.disk = o.disk;
	bo.host = "here";
	bo.version = "1.2.3";
	cr_assert_eq(backup_new(&backup, &bo, &eb), ERR_OK, "%s", eb.text);
	snprintf(out_dir, sizeof out_dir, "/tmp/holdfast-test-XXXXXX");
	cr_assert(mkdtemp(out_dir) != NULL);
	written = 0;
}

static void close_all(void)
{
	backup_free(backup);
	stand_remove(&st);
	damage_remove_folder(out_dir);
}

TestSuite(backup, .timeout = 120);

static void write_lines(unsigned n)
{
	struct buf b;

	buf_init(&b, 16 << 20);
	for (unsigned i = 0; i < n; i++, written++)
		buf_printf(&b, "m,h=%llu v=1,s=\"%llx%llx\" %llu\n", (unsigned long long)written % 50,
		    (unsigned long long)random() * 7919, (unsigned long long)random(),
		    (unsigned long long)(written + 1) * 1000000);
	buf_char(&b, 0);
	stand_write(&st, b.p);
	buf_fini(&b);
}

static void begin(uint64_t *size)
{
	cr_assert_eq(backup_begin(backup, size, &eb), ERR_OK, "%s", eb.text);
}

/* All of it to `tar x`; `between` before each piece. */
static void receive(void (*between)(void))
{
	char command[100];
	uint64_t size, n = 0;
	struct view piece;
	enum err e;

	begin(&size);
	snprintf(command, sizeof command, "tar -C %s -x", out_dir);
	FILE *tar = popen(command, "w");
	while (between ? between() : (void)0, (e = backup_next(backup, &piece, &eb)) == ERR_OK) {
		cr_assert_eq(fwrite(piece.p, 1, piece.len, tar), piece.len);
		n += piece.len;
	}
	cr_assert_eq(e, ERR_NOTFOUND, "%s", eb.text);
	cr_assert_eq(pclose(tar), 0);
	backup_end(backup, NULL);
	cr_assert_eq(n, size);
}

static void tell(void *arg, const char *what)
{
	(void)arg;
	cr_expect(false, "%s", what);
}

/* The copy is whole, and holds so many points: in the blocks, and in rows above what is compacted. */
static void expect_copy(uint64_t at_least, uint64_t at_most)
{
	struct verify_sink sink = { tell, NULL };
	struct verify_report r;
	char command[160];
	struct stand copy = { .dir = "" };

	snprintf(command, sizeof command, "cd %s && sha256sum --quiet -c SHA256SUMS", out_dir);
	cr_expect_eq(system(command), 0);
	cr_assert_eq(verify_files(out_dir, &sink, &r, &eb), ERR_OK, "%s", eb.text);
	cr_expect_eq(r.faults, 0);
	cr_expect_leq(r.compacted_seq, r.last_seq);
	snprintf(copy.dir, sizeof copy.dir, "%s", out_dir);
	snprintf(copy.path, sizeof copy.path, "%s/spool.db", out_dir);
	snprintf(copy.store_path, sizeof copy.store_path, "%s/store.db", out_dir);
	stand_reopen(&copy, NULL);
	struct stand_total t = stand_total(&copy, "m", "v", 0, INT64_C(1) << 50);
	cr_expect(t.count >= at_least && t.count <= at_most, "%llu points, not %llu to %llu",
	    (unsigned long long)t.count, (unsigned long long)at_least, (unsigned long long)at_most);
	stand_close(&copy);
}

Test(backup, is_what_the_store_was)
{
	open_all(NULL, (struct backup_opts){ 0 });
	write_lines(5000);
	stand_compact(&st);
	write_lines(3000);
	receive(NULL);
	expect_copy(8000, 8000);
	struct backup_stats s;
	backup_stats(backup, &s);
	cr_expect(!s.running && s.last == BACKUP_OK && s.last_bytes > 0 && s.last_ok_ns == s.last_ns);
	cr_expect_eq(counter_get(COUNTER_BACKUP_COMPLETE), 1);
	cr_expect_eq(counter_get(COUNTER_BACKUP_BYTES), s.last_bytes);
	close_all();
}

Test(backup, of_an_empty_store)
{
	open_all(NULL, (struct backup_opts){ 0 });
	receive(NULL);
	struct verify_sink sink = { tell, NULL };
	struct verify_report r;
	cr_assert_eq(verify_files(out_dir, &sink, &r, &eb), ERR_OK, "%s", eb.text);
	cr_expect(r.faults == 0 && r.rows == 0 && r.blocks == 0);
	close_all();
}

/* Everything that happens to a store: writes, compaction, eviction of what is in it, space back to the system. */
static void live(void)
{
	write_lines(700);
	stand_compact(&st);
}

Test(backup, holds_nothing_of_what_came_after_its_moment)
{
	struct stand_opts so = { .spool_max_bytes = 4 << 20 };

	open_all(&so, (struct backup_opts){ 0 });
	for (int i = 0; i < 20; i++)
		write_lines(1000);
	stand_compact(&st);
	write_lines(1000);
	receive(live);
	cr_expect_gt(written, 22000);
	expect_copy(21000, 21000);
	/* and the store itself went on */
	cr_expect_eq(stand_total(&st, "m", "v", 0, INT64_C(1) << 50).count, written);
	close_all();
}

static atomic_bool stop;
static atomic_uint rounds;

static void *write_on(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		write_lines(200);
		atomic_fetch_add(&rounds, 1);
	}
	return NULL;
}

static void *compact_on(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		uint64_t number = compactor_force(st.compactor);
		(void)compactor_wait(st.compactor, number, clock_mono_ns() + 10 * NS_PER_S);
	}
	return NULL;
}

/* Moments anywhere between commits and within rounds of compaction. */
Test(backup, under_load_again_and_again)
{
	pthread_t a, b;

	open_all(NULL, (struct backup_opts){ 0 });
	write_lines(2000);
	pthread_create(&a, NULL, write_on, NULL);
	pthread_create(&b, NULL, compact_on, NULL);
	for (int i = 0; i < 15; i++) {
		unsigned before = atomic_load(&rounds);
		receive(NULL);
		expect_copy(2000 + (uint64_t)before * 200, 2000 + (uint64_t)(atomic_load(&rounds) + 1) * 200);
		damage_remove_folder(out_dir);
		cr_assert_eq(mkdir(out_dir, 0700), 0);
	}
	atomic_store(&stop, true);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	struct compactor_stats c;
	compactor_stats(st.compactor, &c);
	cr_expect_neq(c.state, COMPACTOR_FAILING, "%s", c.error);
	close_all();
}

Test(backup, forced_compaction_is_whole_though_it_was_interrupted)
{
	uint64_t size;

	open_all(NULL, (struct backup_opts){ 0 });
	for (int i = 0; i < 10; i++) {
		write_lines(3000);
		uint64_t number = compactor_force(st.compactor);
		begin(&size);
		backup_end(backup, "a test");
		cr_assert(compactor_wait(st.compactor, number, clock_mono_ns() + 60 * NS_PER_S));
		struct store_totals s;
		struct spool_totals p;
		store_totals(st.store, &s);
		spool_totals(st.spool, &p);
		cr_expect_eq(s.compacted_seq, p.last_seq);
	}
	close_all();
}

Test(backup, one_at_a_time)
{
	uint64_t size;

	open_all(NULL, (struct backup_opts){ 0 });
	write_lines(10);
	begin(&size);
	cr_expect_eq(backup_begin(backup, &size, &eb), ERR_EXISTS);
	cr_expect_str_eq(eb.text, "another backup runs");
	struct backup_stats s;
	backup_stats(backup, &s);
	cr_expect(s.running && s.size_bytes == size);
	backup_end(backup, "a test");
	backup_stats(backup, &s);
	cr_expect(!s.running && s.last == BACKUP_FAILED && !strcmp(s.error, "a test") && s.last_ok_ns == 0);
	cr_expect_eq(counter_get(COUNTER_BACKUP_REFUSED), 1);
	cr_expect_eq(counter_get(COUNTER_BACKUP_FAILED), 1);
	receive(NULL);
	expect_copy(10, 10);
	close_all();
}

/* The next pieces until one fails. */
static enum err read_on(void)
{
	struct view piece;
	enum err e;

	while ((e = backup_next(backup, &piece, &eb)) == ERR_OK)
		continue;
	return e;
}

Test(backup, ends_at_the_ceiling_of_a_log)
{
	uint64_t size;

	open_all(NULL, (struct backup_opts){ .log_max_bytes = 1 << 20 });
	write_lines(1000);
	begin(&size);
	backup_watch(backup);
	cr_expect_eq(freeze_is_held(spool_freeze(st.spool)), true);
	for (int i = 0; i < 40; i++)
		write_lines(2000);
	backup_watch(backup);
	struct backup_stats s;
	backup_stats(backup, &s);
	cr_expect_gt(s.log_bytes, 1 << 20);
	cr_expect_eq(read_on(), ERR_CLOSED);
	cr_expect(strstr(eb.text, "the log of spool.db has grown by ") &&
		strstr(eb.text, " MiB meanwhile, [server] backup_log allows 1.0 MiB"),
	    "%s", eb.text);
	write_lines(100);
	backup_end(backup, eb.text);
	cr_expect_eq(stand_total(&st, "m", "v", 0, INT64_C(1) << 50).count, written);
	receive(NULL);
	expect_copy(written, written);
	close_all();
}

static uint64_t room = UINT64_C(1) << 40;

static bool measure(void *arg, const char *path, uint64_t *free_bytes)
{
	(void)arg;
	(void)path;
	*free_bytes = room;
	return true;
}

Test(backup, ends_when_the_disk_is_short_of_room)
{
	struct disk_space_opts disk = { .reserve_bytes = 1 << 20, .measure = measure };
	struct stand_opts so = { 0 };
	uint64_t size;

	clock_fake(1000 * NS_PER_S, 1000 * NS_PER_S);
	cr_assert_eq(disk_space_new(&so.disk, "/tmp", &disk, &eb), ERR_OK);
	open_all(&so, (struct backup_opts){ 0 });
	write_lines(1000);
	begin(&size);
	room = 1000;
	clock_fake(1002 * NS_PER_S, 1002 * NS_PER_S);
	backup_watch(backup);
	cr_expect_eq(read_on(), ERR_CLOSED);
	cr_expect(strstr(eb.text, "short of room"), "%s", eb.text);
	backup_end(backup, eb.text);
	cr_expect_eq(backup_begin(backup, &size, &eb), ERR_FULL);
	cr_expect(strstr(eb.text, "disk_full"), "%s", eb.text);
	room = UINT64_C(1) << 40;
	clock_fake(1004 * NS_PER_S, 1004 * NS_PER_S);
	receive(NULL);
	clock_real();
	expect_copy(1000, 1000);
	disk_space_free(so.disk);
	close_all();
}

/* A failed sync has the spool opened anew and its log emptied, which a held file would forbid. */
Test(backup, gives_way_when_the_spool_is_opened_anew)
{
	struct stand_opts so = { .probe_ns = NS_PER_MS };
	struct fault one = { 1 << FAULT_SYNC, "-wal", 1, 1, SQLITE_IOERR_FSYNC, FAULT_RETURN, false };
	uint64_t size, reopened = counter_get(COUNTER_SPOOL_REOPENED);

	fault_vfs_install();
	open_all(&so, (struct backup_opts){ 0 });
	write_lines(1000);
	begin(&size);
	fault_vfs_set(&one);
	write_lines(10); /* which must be taken */
	cr_expect_eq(fault_vfs_failed(), 1);
	fault_vfs_set(NULL);
	cr_expect_eq(counter_get(COUNTER_SPOOL_REOPENED), reopened + 1);
	cr_expect_eq(read_on(), ERR_CLOSED);
	cr_expect(strstr(eb.text, "I/O error"), "%s", eb.text);
	backup_end(backup, eb.text);
	receive(NULL);
	expect_copy(1010, 1010);
	close_all();
}

/* The same of the store: compaction must go on. */
Test(backup, gives_way_when_the_store_is_opened_anew)
{
	struct fault one = { 1 << FAULT_SYNC, "store.db-wal", 1, 1, SQLITE_IOERR_FSYNC, FAULT_RETURN, false };
	uint64_t size, reopened = counter_get(COUNTER_STORE_REOPENED);
	struct compactor_stats c;

	fault_vfs_install();
	open_all(NULL, (struct backup_opts){ 0 });
	write_lines(1000);
	begin(&size);
	fault_vfs_set(&one);
	uint64_t number = compactor_force(st.compactor);
	cr_assert(compactor_wait(st.compactor, number, clock_mono_ns() + 60 * NS_PER_S));
	cr_expect_eq(fault_vfs_failed(), 1);
	fault_vfs_set(NULL);
	number = compactor_force(st.compactor);
	cr_assert(compactor_wait(st.compactor, number, clock_mono_ns() + 60 * NS_PER_S));
	compactor_stats(st.compactor, &c);
	cr_expect_neq(c.state, COMPACTOR_FAILING, "%s", c.error);
	cr_expect_eq(counter_get(COUNTER_STORE_REOPENED), reopened + 1);
	cr_expect_eq(read_on(), ERR_CLOSED);
	cr_expect(strstr(eb.text, "the store had an I/O error"), "%s", eb.text);
	backup_end(backup, eb.text);
	receive(NULL);
	expect_copy(1000, 1000);
	close_all();
}

Test(backup, waits_for_readers_and_then_says_who_is_in_the_way)
{
	struct backup_opts bo = { .patience_ns = 1 };
	sqlite3 *reader;
	uint64_t size;

	open_all(NULL, bo);
	write_lines(10);
	cr_assert_eq(sqlite3_open(st.path, &reader), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM spool", NULL, NULL, NULL), SQLITE_OK);
	write_lines(10);
	cr_expect_eq(backup_begin(backup, &size, &eb), ERR_UNAVAILABLE);
	cr_expect(strstr(eb.text, "spool.db that began earlier holds its log"), "%s", eb.text);
	cr_expect_not(freeze_is_held(store_freeze(st.store)));
	sqlite3_close(reader);
	receive(NULL);
	expect_copy(20, 20);
	close_all();
}
