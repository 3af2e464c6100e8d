/* A file through I/O errors: what makes it suspect, and how it comes back. */
#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/keeper.h"
#include "store/spool.h"
#include "support/fault_vfs.h"

static char dir[] = "/tmp/hf-keeper-XXXXXX", path[96];
static struct keeper k;
static struct errbuf eb;
static unsigned opens, closes, compares;
static enum err compare_says;

static enum err opened(void *arg, sqlite3 *db, struct errbuf *e)
{
	(void)arg;
	(void)e;
	cr_assert(db);
	opens++;
	return ERR_OK;
}

static void closing(void *arg)
{
	(void)arg;
	closes++;
}

static enum err compare(void *arg, struct errbuf *e)
{
	(void)arg;
	compares++;
	return compare_says == ERR_OK ? ERR_OK : errbuf_set(e, compare_says, "less than before");
}

static const struct keeper_kind kind = { .name = "the file",
	.schema = spool_schema,
	.checkpoint_pages = 1000000,
	.reopened = COUNTER_SPOOL_REOPENED,
	.opened = opened,
	.closing = closing,
	.compare = compare };

static void begin(void)
{
	fault_vfs_install();
	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/x.db", dir);
	cr_assert_eq(keeper_open(&k, &kind, NULL, path, &eb), ERR_OK, "%s", eb.text);
}

static void end(void)
{
	char command[64];

	fault_vfs_set(NULL);
	keeper_close(&k);
	cr_assert_eq(opens, closes, "each connection that was opened is closed once");
	snprintf(command, sizeof command, "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
}

TestSuite(keeper, .init = begin, .fini = end);

static void sync_of_the_log_fails(void)
{
	fault_vfs_set(&(struct fault){
	    .kinds = 1u << FAULT_SYNC, .suffix = "-wal", .nth = 1, .times = 1, .code = SQLITE_IOERR_FSYNC });
}

static enum err write_figure(int64_t value)
{
	enum err e = keeper_begin(&k, &eb);

	if (e == ERR_OK)
		e = keeper_set_meta(&k, "figure", value, &eb);
	if (e == ERR_OK)
		return keeper_commit(&k, &eb);
	keeper_rollback(&k);
	return e;
}

static void must_exec(const char *sql)
{
	cr_assert_eq(database_exec(k.db, sql, &eb), ERR_OK, "%s", eb.text);
}

Test(keeper, a_commit_that_is_not_synced_is_done_through_a_file_opened_anew)
{
	uint64_t before = counter_get(COUNTER_SPOOL_REOPENED);

	cr_assert_eq(write_figure(1), ERR_OK);
	sync_of_the_log_fails();
	cr_assert_eq(write_figure(2), ERR_IO);
	cr_assert(keeper_is_suspect(&k));
	cr_assert_eq(compares, 0);
	cr_assert_eq(write_figure(3), ERR_OK, "%s", eb.text);
	cr_assert_not(keeper_is_suspect(&k));
	cr_assert_eq(compares, 1);
	cr_assert_eq(k.openings, 2);
	cr_assert_eq(counter_get(COUNTER_SPOOL_REOPENED), before + 1);
}

/* Giving pages back is a transaction as any other: its frames may not be on disk, and no later one may stand behind them. */
Test(keeper, a_vacuum_that_is_not_synced_makes_it_suspect_too)
{
	uint64_t left;

	must_exec("CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(1000000)); DROP TABLE t");
	cr_assert_eq(keeper_vacuum(&k, 0, &left, &eb), ERR_OK);
	cr_assert_gt(left, 10);
	sync_of_the_log_fails();
	cr_assert_eq(keeper_vacuum(&k, 5, &left, &eb), ERR_IO);
	cr_assert(keeper_is_suspect(&k));
	cr_assert_eq(keeper_ready(&k, &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(keeper_vacuum(&k, 5, &left, &eb), ERR_OK, "%s", eb.text);
}

Test(keeper, a_file_that_is_gone_is_never_replaced_by_an_empty_one)
{
	sync_of_the_log_fails();
	cr_assert_eq(write_figure(1), ERR_IO);
	cr_assert_eq(unlink(path), 0);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(write_figure(2), ERR_IO);
		cr_assert(strstr(eb.text, "is gone"), "%s", eb.text);
		cr_assert_eq(access(path, F_OK), -1);
	}
}

/* Damage that is met while the disk fails is the disk's until it is met again: nobody sets the file aside for it. */
Test(keeper, what_does_not_compare_is_closed_and_tried_again)
{
	static const enum err says[] = { ERR_IO, ERR_CORRUPT, ERR_INVALID };

	sync_of_the_log_fails();
	cr_assert_eq(write_figure(1), ERR_IO);
	for (unsigned i = 0; i < sizeof says / sizeof *says; i++) {
		compare_says = says[i];
		cr_assert_eq(write_figure(2), ERR_IO);
		cr_assert_null(k.db);
		cr_assert(keeper_is_suspect(&k));
	}
	compare_says = ERR_OK;
	cr_assert_eq(write_figure(3), ERR_OK, "%s", eb.text);
}

Test(keeper, a_checkpoint_that_fails_is_tried_again_and_nothing_else)
{
	cr_assert_eq(write_figure(1), ERR_OK);
	fault_vfs_set(&(struct fault){
	    .kinds = 1u << FAULT_SYNC, .suffix = "x.db", .nth = 1, .times = 1, .code = SQLITE_IOERR_FSYNC });
	cr_assert_eq(keeper_settle_log(&k, &eb), ERR_IO);
	cr_assert_not(keeper_is_suspect(&k));
	cr_assert_eq(write_figure(2), ERR_OK);
	cr_assert_eq(keeper_settle_log(&k, &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(k.openings, 1);
}
