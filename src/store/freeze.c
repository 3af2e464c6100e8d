/* Why the file's bytes are whole: SQLite copies pages from the log to the file (and cuts the file) only up to the state
 * that the oldest reader sees. First the whole log is put into the file; then, before the owner commits anything more,
 * a read transaction begins. Its state is the file's own, with nothing of the log, so no checkpoint of any connection
 * or process may copy a frame or cut the file until it ends. Everything that is committed meanwhile stays in the log,
 * which grows. The bytes of the file are then what a database without a log would have.
 *
 * The bytes are read through SQLite's own handle: POSIX locks belong to the process and the file, and closing any other
 * descriptor of it would drop those that keep other processes (sqlite3 on the command line) from taking the file for
 * abandoned.
 *
 *   idle  --take-->  held  --release-->  idle
 *                     +--break-->  broken  --release-->  idle
 *
 * One lock serves for all: a break waits for a read of one piece at most. */
#include "store/freeze.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/database.h"

enum { WAIT_MS = 20 }; /* the owner stands still */

struct freeze {
	char *path;
	pthread_mutex_t lock; /* all but held */
	sqlite3 *db; /* NULL: idle */
	sqlite3_file *file; /* db's own */
	atomic_bool held;
	uint64_t bytes, log_before;
	unsigned version;
	char why[256]; /* it was broken */
};

static uint64_t log_size(const struct freeze *f)
{
	char name[4096];
	struct stat st;

	snprintf(name, sizeof name, "%s-wal", f->path);
	return stat(name, &st) == 0 ? (uint64_t)st.st_size : 0;
}

enum err freeze_new(struct freeze **out, const char *path, struct errbuf *eb)
{
	struct freeze *f = calloc(1, sizeof *f);

	*out = NULL;
	if (f)
		f->path = strdup(path);
	if (!f || !f->path) {
		free(f);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	pthread_mutex_init(&f->lock, NULL);
	*out = f;
	return ERR_OK;
}

void freeze_free(struct freeze *f)
{
	if (!f)
		return;
	freeze_release(f);
	pthread_mutex_destroy(&f->lock);
	free(f->path);
	free(f);
}

static enum err read_number(struct freeze *f, const char *sql, uint64_t *out, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(f->db, &st, sql, eb);

	if (e != ERR_OK)
		return e;
	if (sqlite3_step(st) == SQLITE_ROW)
		*out = (uint64_t)sqlite3_column_int64(st, 0);
	else
		e = database_error(f->db, sql, eb);
	sqlite3_finalize(st);
	return e;
}

/* The read transaction, and what the file must be like within it. */
static enum err begin(struct freeze *f, struct errbuf *eb)
{
	uint64_t pages = 0, page_size = 0, version = 0;
	sqlite3_int64 size = 0;
	enum err e = database_exec(f->db, "BEGIN", eb);

	if (e == ERR_OK) /* the first read begins it in truth */
		e = read_number(f, "SELECT page_count FROM pragma_page_count", &pages, eb);
	if (e == ERR_OK)
		e = read_number(f, "SELECT page_size FROM pragma_page_size", &page_size, eb);
	if (e == ERR_OK)
		e = read_number(f, "SELECT user_version FROM pragma_user_version", &version, eb);
	if (e != ERR_OK)
		return e;
	if (sqlite3_file_control(f->db, "main", SQLITE_FCNTL_FILE_POINTER, &f->file) != SQLITE_OK || !f->file ||
	    !f->file->pMethods || f->file->pMethods->xFileSize(f->file, &size) != SQLITE_OK)
		return errbuf_set(eb, ERR_IO, "cannot tell the size of %s", f->path);
	f->bytes = pages * page_size;
	f->version = (unsigned)version;
	if ((uint64_t)size < f->bytes)
		return errbuf_set(eb, ERR_CORRUPT, "%s is shorter than it says: %lld bytes of %llu", f->path,
		    (long long)size, (unsigned long long)f->bytes);
	return ERR_OK;
}

static void close_reader(struct freeze *f)
{
	atomic_store(&f->held, false);
	sqlite3_close(f->db); /* ends its transaction */
	f->db = NULL;
	f->file = NULL;
}

enum err freeze_take(struct freeze *f, sqlite3 *writer, struct errbuf *eb)
{
	enum err e;

	pthread_mutex_lock(&f->lock);
	if (f->db) {
		e = errbuf_set(eb, ERR_EXISTS, "%s is being read already", f->path);
	} else {
		e = database_flush_log(writer, WAIT_MS, eb);
		if (e == ERR_OK)
			e = database_open_reader(&f->db, f->path, eb);
		if (e == ERR_OK) {
			f->log_before = log_size(f);
			e = begin(f, eb);
			if (e != ERR_OK)
				close_reader(f);
		}
		atomic_store(&f->held, e == ERR_OK);
	}
	pthread_mutex_unlock(&f->lock);
	return e;
}

bool freeze_is_held(const struct freeze *f)
{
	return atomic_load(&f->held);
}

void freeze_break(struct freeze *f, const char *why)
{
	if (!atomic_load(&f->held))
		return;
	pthread_mutex_lock(&f->lock);
	if (atomic_load(&f->held)) {
		sqlite3_exec(f->db, "ROLLBACK", NULL, NULL, NULL);
		atomic_store(&f->held, false);
		snprintf(f->why, sizeof f->why, "%s", why);
	}
	pthread_mutex_unlock(&f->lock);
}

uint64_t freeze_bytes(const struct freeze *f)
{
	return f->bytes;
}

unsigned freeze_version(const struct freeze *f)
{
	return f->version;
}

enum err freeze_read(struct freeze *f, uint64_t offset, size_t n, void *to, struct errbuf *eb)
{
	enum err e = ERR_OK;

	pthread_mutex_lock(&f->lock);
	if (!atomic_load(&f->held))
		e = errbuf_set(eb, ERR_CLOSED, "%s", f->why);
	else if (f->file->pMethods->xRead(f->file, to, (int)n, (sqlite3_int64)offset) != SQLITE_OK)
		e = errbuf_set(eb, ERR_IO, "cannot read %s at byte %llu", f->path, (unsigned long long)offset);
	pthread_mutex_unlock(&f->lock);
	return e;
}

void freeze_release(struct freeze *f)
{
	pthread_mutex_lock(&f->lock);
	close_reader(f);
	*f->why = 0;
	pthread_mutex_unlock(&f->lock);
}

uint64_t freeze_log_bytes(const struct freeze *f)
{
	uint64_t now = log_size(f);

	return now > f->log_before ? now - f->log_before : 0;
}
