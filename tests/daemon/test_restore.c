/* A restore that is cut short anywhere leaves the old store or the new one, and never some of both. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sha256.h"
#include "daemon/restore.h"
#include "store/aside.h"
#include "support/damage.h"

enum { STEPS_MAX = 40 };

static char dir[64], backup[100], data[100];
static struct errbuf eb;
static unsigned step, last_step;

static void put(const char *folder, const char *name, const char *text)
{
	char path[200];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	cr_assert_eq(file_replace(path, view_of(text), &eb), ERR_OK, "%s", eb.text);
}

static bool has(const char *name, const char *text)
{
	char path[200];
	struct buf b;

	snprintf(path, sizeof path, "%s/%s", data, name);
	buf_init(&b, 1000);
	enum err e = file_read(path, &b, &eb);
	bool same = e == ERR_OK && b.len == strlen(text) && memcmp(b.p, text, b.len) == 0;
	buf_fini(&b);
	return same;
}

static bool is_there(const char *name)
{
	char path[200];

	snprintf(path, sizeof path, "%s/%s", data, name);
	return access(path, F_OK) == 0;
}

static void old_store(void)
{
	damage_remove_folder(data);
	cr_assert_eq(mkdir(data, 0700), 0);
	put(data, "spool.db", "old spool");
	put(data, "spool.db-wal", "old spool's log");
	put(data, "spool.db-damaged", "old mark");
	put(data, "spool.db.epoch", "3");
	put(data, "store.db", "old store");
	put(data, "store.db-wal", "old store's log");
	put(data, "spool.db.damaged-20260131T120000Z", "older spool");
	put(data, "spool.db.damaged-20260131T120000Z-wal", "older spool's log");
	put(data, "spool.db.damaged-20260131T120000Z-shm", "older spool's index");
	put(data, "spool.db.damaged-by-hand", "oldest spool");
	put(data, "store.db.damaged-20260131T120000Z", "older store");
	put(data, "store.db.damaged-20260131T120000Z-wal", "older store's log");
}

static void start(void)
{
	char path[200], sums[300], spool[SHA256_HEX], store[SHA256_HEX];

	snprintf(dir, sizeof dir, "/tmp/holdfast-test-XXXXXX");
	cr_assert(mkdtemp(dir) != NULL);
	snprintf(backup, sizeof backup, "%s/backup", dir);
	snprintf(data, sizeof data, "%s/data", dir);
	cr_assert_eq(mkdir(backup, 0700), 0);
	put(backup, "spool.db", "new spool");
	put(backup, "store.db", "new store");
	snprintf(path, sizeof path, "%s/spool.db", backup);
	cr_assert_eq(sha256_file(path, spool, &eb), ERR_OK);
	snprintf(path, sizeof path, "%s/store.db", backup);
	cr_assert_eq(sha256_file(path, store, &eb), ERR_OK);
	snprintf(sums, sizeof sums, "%s  spool.db\n%s  store.db\n", spool, store);
	put(backup, "SHA256SUMS", sums);
	old_store();
	step = 0;
	last_step = UINT32_MAX;
}

static void end(void)
{
	damage_remove_folder(backup);
	damage_remove_folder(data);
	damage_remove_folder(dir);
}

TestSuite(restore, .init = start, .fini = end, .timeout = 60);

static bool count_step(void *arg)
{
	(void)arg;
	return ++step < last_step;
}

static enum err restore(bool force)
{
	struct restore_opts o = { backup, data, force, count_step, NULL };

	step = 0;
	return restore_run(&o, &eb);
}

/* What a start would take over of files set aside earlier. */
static size_t taken_over(const char *file)
{
	static struct aside_file list[ASIDE_MAX];
	char path[200];

	snprintf(path, sizeof path, "%s/%s", data, file);
	return aside_list(path, list, ASIDE_MAX);
}

static bool is_old(void)
{
	return taken_over("spool.db") == 2 && taken_over("store.db") == 1 &&
	    has("spool.db.damaged-20260131T120000Z-wal", "older spool's log") && has("spool.db", "old spool") &&
	    has("spool.db-wal", "old spool's log") && has("store.db", "old store") &&
	    has("store.db-wal", "old store's log") && has("spool.db-damaged", "old mark");
}

static bool is_new(void)
{
	return taken_over("spool.db") == 0 && taken_over("store.db") == 0 && has("spool.db", "new spool") &&
	    has("store.db", "new store") && !is_there("spool.db-wal") && !is_there("store.db-wal") &&
	    !is_there("spool.db-damaged") && !is_there("restore.pending");
}

/* All of the old store under one stamp. */
static unsigned kept_aside(void)
{
	char command[300], line[100] = "";

	snprintf(command, sizeof command, "cat %s/*.before-restore-*Z | tr -d '\\n' | cksum | cut -d' ' -f2", data);
	FILE *p = popen(command, "r");
	cr_assert(p && fgets(line, sizeof line, p));
	pclose(p);
	return (unsigned)strtoul(line, NULL, 10);
}

static const unsigned aside_bytes = sizeof "old spool" + sizeof "old spool's log" + sizeof "old mark" +
    sizeof "old store" + sizeof "old store's log" + sizeof "older spool" + sizeof "older spool's log" +
    sizeof "older spool's index" + sizeof "oldest spool" + sizeof "older store" + sizeof "older store's log" - 11;

Test(restore, a_store_that_is_there_is_refused_without_force_and_set_aside_with_it)
{
	cr_expect_eq(restore(false), ERR_EXISTS);
	cr_expect(strstr(eb.text, "holds a store already; --force sets it aside"), "%s", eb.text);
	cr_expect(is_old());
	cr_assert_eq(restore(true), ERR_OK, "%s", eb.text);
	cr_expect(is_new());
	cr_expect_eq(kept_aside(), aside_bytes);
	cr_expect(has("spool.db.epoch", "3"));
	cr_assert_eq(restore(true), ERR_OK, "%s", eb.text); /* within the same second: another stamp */
	cr_expect(is_new());
	cr_expect_eq(kept_aside(), aside_bytes + sizeof "new spool" + sizeof "new store" - 2);
}

/* Salvage's progress is in the files that go back: it would begin again with files set aside after the backup. */
Test(restore, files_set_aside_earlier_are_not_taken_over_into_the_restored_ones)
{
	const char *const gone[] = { "spool.db", "spool.db-wal", "spool.db-damaged", "store.db", "store.db-wal" };
	char path[200];

	for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
		snprintf(path, sizeof path, "%s/%s", data, gone[i]);
		cr_assert_eq(unlink(path), 0);
	}
	cr_expect_eq(restore(false), ERR_EXISTS, "they alone are a store, too");
	cr_expect_eq(taken_over("spool.db"), 2);
	cr_assert_eq(restore(true), ERR_OK, "%s", eb.text);
	cr_expect(is_new());
	cr_expect(
	    !is_there("spool.db.damaged-20260131T120000Z-wal") && !is_there("spool.db.damaged-20260131T120000Z-shm"));
	/* such a name once more: a stamp that is taken by it alone is not used again */
	put(data, "spool.db.damaged-by-hand", "oldest spool");
	cr_assert_eq(restore(true), ERR_OK, "%s", eb.text);
	cr_expect(is_new());
	cr_expect_eq(kept_aside(),
	    sizeof "older spool" + sizeof "older spool's log" + sizeof "older spool's index" +
		2 * sizeof "oldest spool" + sizeof "older store" + sizeof "older store's log" + sizeof "new spool" +
		sizeof "new store" - 9);
}

Test(restore, into_a_folder_that_is_not_there)
{
	damage_remove_folder(data);
	cr_assert_eq(restore(false), ERR_OK, "%s", eb.text);
	cr_expect(is_new());
}

Test(restore, cut_short_at_each_step_the_next_start_has_the_old_or_the_new_store)
{
	unsigned old = 0, new = 0;

	for (unsigned k = 1; k < STEPS_MAX; k++) {
		old_store();
		last_step = k;
		enum err e = restore(true);
		cr_assert(e == ERR_OK || e == ERR_CLOSED, "%s", eb.text);
		if (e == ERR_OK)
			break;
		bool decided = is_there("restore.pending");
		cr_assert_eq(restore_finish(data, &eb), ERR_OK, "step %u: %s", k, eb.text);
		cr_assert(decided ? is_new() : is_old(), "step %u", k);
		if (decided)
			cr_expect_eq(kept_aside(), aside_bytes, "step %u", k);
		old += !decided;
		new += decided;
		/* and a restore again is whole */
		last_step = UINT32_MAX;
		cr_assert_eq(restore(true), ERR_OK, "step %u: %s", k, eb.text);
		cr_expect(is_new());
	}
	cr_expect(old >= 3 && new >= 8, "%u old, %u new", old, new);
}

/* The start that completes may be cut short itself. */
Test(restore, a_restore_completes_an_earlier_one_that_was_cut_short_twice)
{
	for (unsigned k = 4; k < STEPS_MAX; k++) {
		old_store();
		last_step = k;
		if (restore(true) == ERR_OK)
			break;
		last_step = 1;
		bool decided = is_there("restore.pending");
		if (!decided)
			continue;
		cr_assert_eq(restore(true), ERR_CLOSED); /* at the first step of completing */
		last_step = UINT32_MAX;
		cr_assert_eq(restore(false), ERR_EXISTS, "completed, and then the store that is there is in the way");
		cr_assert(is_new(), "step %u", k);
		cr_expect_eq(kept_aside(), aside_bytes, "step %u", k);
	}
}

Test(restore, a_backup_that_changed_after_it_was_verified_leaves_the_old_store)
{
	put(backup, "spool.db", "new spool, other");
	cr_expect_eq(restore(true), ERR_CORRUPT);
	cr_expect(strstr(eb.text, "spool.db of the backup is not as SHA256SUMS says"), "%s", eb.text);
	cr_expect(is_old());
	cr_expect(!is_there("store.db.restore") && !is_there("spool.db.restore"));
}

Test(restore, what_is_no_backup_the_folder_itself_or_in_use_is_refused)
{
	char name[200];
	struct restore_opts same = { data, data, true, NULL, NULL };
	int fd;

	cr_expect_eq(restore_run(&same, &eb), ERR_INVALID);
	cr_expect(strstr(eb.text, "is the backup itself"), "%s", eb.text);
	cr_assert_eq(file_lock_dir(data, &fd, &eb), ERR_OK);
	cr_expect_eq(restore(true), ERR_EXISTS);
	cr_expect(strstr(eb.text, "in use by another holdfastd"), "%s", eb.text);
	close(fd);
	snprintf(name, sizeof name, "%s/SHA256SUMS", backup);
	unlink(name);
	cr_expect_eq(restore(true), ERR_INVALID);
	cr_expect(strstr(eb.text, "is not a backup"), "%s", eb.text);
	cr_expect(is_old());
}
