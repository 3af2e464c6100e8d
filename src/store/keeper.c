/* The log: SQLite's WAL with a sync at each commit. This connection alone writes and checkpoints (two that do so at the
 * same instant can lose commits in SQLite 3.7.0 to 3.51.2). Checkpoints are small and often, so that the log is
 * overwritten in place rather than grown: a sync of a file of fixed size costs half as much.
 *
 * After an I/O error the connection is not to be trusted: Linux reports a failed write-back once and then takes the
 * pages for clean, so a second sync of the same file succeeds although nothing of them is on disk. SQLite writes the
 * frames of the next transaction over those of the failed one, but recovery of the log (when no reader holds the index)
 * would take the failed frames for committed and later ones would stand behind bytes that are not on disk. Hence:
 *
 *   trusted  --I/O error-->  suspect  --keeper_begin: close, open, put the whole log into the file (new writes, new
 *      ^                        |       sync), empty it, compare-->  trusted
 *      |                        +--any step fails: closed, still suspect; the next keeper_begin tries again
 *
 * A transaction is done only by a sync that was reported as done, of a log without such a hole in front of it.
 *
 * A checkpoint that failed is another matter: what it copies is safe in the log, and the next one copies it again. And
 * what such a file says when it is opened anew condemns nobody: damage that stays is met again by the next start. */
#include "store/keeper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/aside.h"

static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
	(void)db;
	(void)name;
	((struct keeper *)arg)->log_pages = pages;
	return SQLITE_OK;
}

static uint64_t size_of(const char *path, const char *suffix)
{
	char full[4096];
	struct stat st;

	snprintf(full, sizeof full, "%s%s", path, suffix);
	return stat(full, &st) == 0 ? (uint64_t)st.st_size : 0;
}

uint64_t keeper_file_bytes(const struct keeper *k)
{
	return size_of(k->path, "") + size_of(k->path, "-wal");
}

uint64_t keeper_used_bytes(struct keeper *k)
{
	if (sqlite3_step(k->pages) == SQLITE_ROW)
		k->used_bytes = (uint64_t)sqlite3_column_int64(k->pages, 0) * k->page_size;
	sqlite3_reset(k->pages);
	return k->used_bytes;
}

/* ---- the connection ---- */

static void close_connection(struct keeper *k)
{
	k->kind->closing(k->arg);
	sqlite3_finalize(k->pages);
	sqlite3_finalize(k->set_meta);
	k->pages = k->set_meta = NULL;
	sqlite3_close(k->db); /* the last connection checkpoints and removes the log */
	k->db = NULL;
}

static enum err open_connection(struct keeper *k, struct errbuf *eb)
{
	struct database_schema ours;

	k->kind->schema(&ours);
	k->page_size = (uint64_t)ours.page_size;
	enum err e = database_open(&k->db, k->path, &ours, eb);
	if (e == ERR_OK)
		e = database_prepare(k->db, &k->pages,
		    "SELECT (SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count)",
		    eb);
	if (e == ERR_OK)
		e = database_prepare(k->db, &k->set_meta, "INSERT OR REPLACE INTO meta VALUES (?, ?)", eb);
	if (e == ERR_OK)
		e = k->kind->opened(k->arg, k->db, eb);
	if (e != ERR_OK) {
		close_connection(k);
		return e;
	}
	sqlite3_wal_hook(k->db, on_commit, k);
	k->openings++;
	return ERR_OK;
}

enum err keeper_open(struct keeper *k, const struct keeper_kind *kind, void *arg, const char *path, struct errbuf *eb)
{
	*k = (struct keeper){ .kind = kind, .arg = arg, .path = strdup(path) };
	if (!k->path)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	enum err e = file_figures_new(&k->figures, eb);
	if (e == ERR_OK)
		e = freeze_new(&k->freeze, path, eb);
	if (e == ERR_OK)
		e = aside_check_log(path, eb);
	return e == ERR_OK ? open_connection(k, eb) : e;
}

void keeper_close(struct keeper *k)
{
	freeze_free(k->freeze);
	if (k->db)
		close_connection(k);
	file_figures_free(k->figures);
	free(k->path);
	*k = (struct keeper){ 0 };
}

/* ---- after an I/O error ---- */

bool keeper_is_suspect(const struct keeper *k)
{
	return k->suspect;
}

void keeper_note_failure(struct keeper *k, enum err e)
{
	if (e == ERR_IO || (k->db && (sqlite3_errcode(k->db) & 0xff) == SQLITE_IOERR))
		k->suspect = true;
}

enum err keeper_settle_log(struct keeper *k, struct errbuf *eb)
{
	if (sqlite3_wal_checkpoint_v2(k->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) != SQLITE_OK)
		return database_error(k->db, "put the log into the file", eb);
	k->log_pages = 0;
	return ERR_OK;
}

static enum err open_again(struct keeper *k, struct errbuf *eb)
{
	if (size_of(k->path, "") == 0) /* never a new file in its place */
		return errbuf_set(eb, ERR_IO, "%s is gone", k->path);
	enum err e = open_connection(k, eb);
	if (e == ERR_OK)
		e = keeper_settle_log(k, eb);
	if (e == ERR_OK)
		e = k->kind->compare(k->arg, eb);
	if (e != ERR_OK && k->db)
		close_connection(k);
	return e;
}

enum err keeper_ready(struct keeper *k, struct errbuf *eb)
{
	char why[128];
	struct errbuf failed;

	if (!k->suspect)
		return ERR_OK;
	snprintf(why, sizeof why, "%s had an I/O error and was opened anew", k->kind->name);
	freeze_break(k->freeze, why);
	if (k->db)
		close_connection(k);
	enum err e = open_again(k, &failed);
	if (e != ERR_OK)
		return errbuf_set(eb, e == ERR_CORRUPT || e == ERR_INVALID ? ERR_IO : e,
		    "cannot open %s anew after an I/O error: %s", k->path, failed.text);
	k->suspect = false;
	counter_add(k->kind->reopened, 1);
	log_warn("%s was opened anew after an I/O error", k->path);
	return ERR_OK;
}

/* ---- transactions ---- */

enum err keeper_begin(struct keeper *k, struct errbuf *eb)
{
	enum err e = keeper_ready(k, eb);

	if (e != ERR_OK)
		return e;
	e = database_exec(k->db, "BEGIN IMMEDIATE", eb);
	if (e != ERR_OK)
		keeper_note_failure(k, ERR_OK);
	return e;
}

enum err keeper_commit(struct keeper *k, struct errbuf *eb)
{
	int64_t began = clock_mono_ns();
	enum err e = database_exec(k->db, "COMMIT", eb);

	if (e != ERR_OK) {
		keeper_rollback(k);
		return e;
	}
	int64_t now = clock_mono_ns();
	timing_add(&k->figures->commits, now - began, 0);
	file_figures_sample(k->figures, k->db, now);
	return ERR_OK;
}

void keeper_rollback(struct keeper *k)
{
	keeper_note_failure(k, ERR_OK); /* also of what was written through the connection */
	if (!k->db || sqlite3_get_autocommit(k->db))
		return;
	atomic_fetch_add(&k->figures->rollbacks, 1);
	sqlite3_exec(k->db, "ROLLBACK", NULL, NULL, NULL);
}

enum err keeper_run(struct keeper *k, sqlite3_stmt *st, const char *doing, struct errbuf *eb)
{
	enum err e = sqlite3_step(st) == SQLITE_DONE ? ERR_OK : database_error(k->db, doing, eb);

	if (e != ERR_OK)
		keeper_note_failure(k, ERR_OK);
	sqlite3_reset(st);
	return e;
}

enum err keeper_set_meta(struct keeper *k, const char *key, int64_t value, struct errbuf *eb)
{
	sqlite3_bind_text(k->set_meta, 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_int64(k->set_meta, 2, value);
	return keeper_run(k, k->set_meta, "write the table meta", eb);
}

/* ---- between transactions ---- */

bool keeper_checkpoint(struct keeper *k)
{
	struct errbuf eb;

	if (k->suspect || k->log_pages < k->kind->checkpoint_pages)
		return false;
	if (freeze_is_held(k->freeze)) {
		k->log_long = true;
		return false;
	}
	int64_t began = clock_mono_ns();
	bool whole = false;
	/* never waits for a reader; what one holds back is done by the next */
	if (database_checkpoint(k->db, &k->log_long, &whole, &eb) == ERR_OK) {
		timing_add(&k->figures->checkpoints, clock_mono_ns() - began, 0);
		atomic_fetch_add(&k->figures->busy, !whole);
		counter_add(COUNTER_CHECKPOINTS, 1);
		k->log_pages = 0;
	} else {
		log_warn("%s: %s; the log grows until a checkpoint succeeds", k->path, eb.text);
	}
	return true;
}

void keeper_truncate_log(struct keeper *k)
{
	struct errbuf eb;

	if (!k->suspect && !freeze_is_held(k->freeze) && database_flush_log(k->db, 0, &eb) == ERR_OK)
		k->log_pages = 0;
}

enum err keeper_take_freeze(struct keeper *k, struct errbuf *eb)
{
	enum err e = keeper_ready(k, eb);

	return e == ERR_OK ? freeze_take(k->freeze, k->db, eb) : e;
}

enum err keeper_vacuum(struct keeper *k, unsigned pages, uint64_t *left, struct errbuf *eb)
{
	*left = 0;
	if (k->suspect)
		return ERR_OK;
	enum err e = database_vacuum(k->db, pages, left, eb);
	if (e != ERR_OK) /* it is a transaction as any other */
		keeper_note_failure(k, ERR_OK);
	return e;
}
