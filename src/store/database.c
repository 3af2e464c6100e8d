#include "store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUSY_MS = 5000 };

enum err database_error(sqlite3 *db, const char *doing, struct errbuf *eb)
{
	int code = sqlite3_errcode(db), system = sqlite3_system_errno(db);
	enum err e = ERR_IO;

	switch (code & 0xff) {
	case SQLITE_FULL:
		e = ERR_FULL;
		break;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		e = ERR_CORRUPT;
		break;
	case SQLITE_NOMEM:
		e = ERR_NOMEM;
		break;
	case SQLITE_IOERR: /* a full disk shows as a short write too */
		e = system == ENOSPC || system == EDQUOT ? ERR_FULL : ERR_IO;
		break;
	default:
		break;
	}
	return errbuf_set(eb, e, "%s: %s%s%s", doing, sqlite3_errmsg(db), system && e != ERR_CORRUPT ? ": " : "",
	    system && e != ERR_CORRUPT ? strerror(system) : "");
}

enum err database_finish(sqlite3 *db, sqlite3_stmt *st, const char *doing, struct errbuf *eb)
{
	enum err e = sqlite3_step(st) == SQLITE_DONE ? ERR_OK : database_error(db, doing, eb);

	sqlite3_finalize(st);
	return e;
}

enum err database_exec(sqlite3 *db, const char *sql, struct errbuf *eb)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? ERR_OK : database_error(db, sql, eb);
}

enum err database_prepare(sqlite3 *db, sqlite3_stmt **out, const char *sql, struct errbuf *eb)
{
	return sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) == SQLITE_OK
	    ? ERR_OK
	    : database_error(db, sql, eb);
}

static enum err read_pragma(sqlite3 *db, const char *sql, int *out, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(db, &st, sql, eb);

	if (e != ERR_OK)
		return e;
	e = sqlite3_step(st) == SQLITE_ROW ? ERR_OK : database_error(db, sql, eb);
	if (e == ERR_OK)
		*out = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return e;
}

enum err database_identify(
    sqlite3 *db, const char *path, const struct database_schema *schema, int *version, struct errbuf *eb)
{
	int id = 0, tables = 0;
	enum err e = read_pragma(db, "PRAGMA application_id", &id, eb);

	if (e == ERR_OK)
		e = read_pragma(db, "PRAGMA user_version", version, eb);
	if (e == ERR_OK)
		e = read_pragma(db, "SELECT count(*) FROM sqlite_schema", &tables, eb);
	if (e == ERR_CORRUPT)
		return errbuf_set(eb, ERR_CORRUPT,
		    "%s is not a database, or is damaged; move it away or name another data_dir", path);
	if (e != ERR_OK)
		return e;
	if (id != schema->application_id && (id || *version || tables))
		return errbuf_set(eb, ERR_INVALID,
		    "%s is the database of another program, not %s; move it away or name another data_dir", path,
		    schema->what);
	if (*version > (int)schema->migrations[schema->count - 1].version)
		return errbuf_set(eb, ERR_INVALID,
		    "%s has version %d, this holdfastd knows up to %u; start the newer holdfastd", path, *version,
		    schema->migrations[schema->count - 1].version);
	return ERR_OK;
}

static enum err migrate(sqlite3 *db, const struct database_schema *schema, int version, struct errbuf *eb)
{
	char set[96];

	for (size_t i = 0; i < schema->count; i++) {
		const struct migration *m = &schema->migrations[i];
		if ((int)m->version <= version)
			continue;
		snprintf(set, sizeof set, "PRAGMA user_version = %u; PRAGMA application_id = %d", m->version,
		    schema->application_id);
		enum err e = database_exec(db, "BEGIN IMMEDIATE", eb);
		if (e == ERR_OK)
			e = database_exec(db, m->sql, eb);
		if (e == ERR_OK)
			e = database_exec(db, set, eb);
		if (e == ERR_OK)
			e = database_exec(db, "COMMIT", eb);
		if (e != ERR_OK) {
			sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
			return e;
		}
	}
	return ERR_OK;
}

static enum err open_file(sqlite3 **out, const char *path, int flags, struct errbuf *eb)
{
	enum err e = ERR_OK;

	if (sqlite3_open_v2(path, out, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL) != SQLITE_OK) {
		struct errbuf why = { "out of memory" };
		if (*out)
			(void)database_error(*out, "open", &why);
		e = errbuf_set(eb, ERR_IO, "cannot open %s: %s", path, why.text);
		sqlite3_close(*out);
		*out = NULL;
		return e;
	}
	sqlite3_busy_timeout(*out, BUSY_MS);
	sqlite3_db_config(*out, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(*out, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	return ERR_OK;
}

/* SQLite would leave the mode to the umask; log and index get the file's mode. Never opens a file that is there: closing
 * it would drop the locks that this process has on it. What fails here, SQLite says better. */
static void create_private(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
}

enum err database_open(sqlite3 **out, const char *path, const struct database_schema *schema, struct errbuf *eb)
{
	/* wal_autocheckpoint=0: the writer checkpoints between commits. secure_delete is on in Debian's build. */
	static const char settings[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
				       "PRAGMA secure_delete=OFF; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY;"
				       "PRAGMA cache_size=-1024; PRAGMA foreign_keys=OFF";
	int version = 0;
	char page[64];

	create_private(path);
	enum err e = open_file(out, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, eb);
	if (e != ERR_OK)
		return e;
	e = database_identify(*out, path, schema, &version, eb);
	snprintf(page, sizeof page, "PRAGMA page_size=%d; PRAGMA auto_vacuum=INCREMENTAL", schema->page_size);
	if (e == ERR_OK && version == 0)
		e = database_exec(*out, page, eb);
	if (e == ERR_OK)
		e = database_exec(*out, settings, eb);
	if (e == ERR_OK)
		e = migrate(*out, schema, version, eb);
	if (e != ERR_OK) {
		sqlite3_close(*out);
		*out = NULL;
	}
	return e;
}

enum err database_open_reader(sqlite3 **out, const char *path, struct errbuf *eb)
{
	enum err e = open_file(out, path, SQLITE_OPEN_READONLY, eb);

	if (e == ERR_OK)
		e = database_exec(*out, "PRAGMA mmap_size=0; PRAGMA cache_size=-1024; PRAGMA query_only=ON", eb);
	if (e != ERR_OK) {
		sqlite3_close(*out);
		*out = NULL;
	}
	return e;
}

/* "file:…?immutable=1". False: too long. */
static bool make_uri(char *out, size_t room, const char *path)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = (size_t)snprintf(out, room, "file:");

	for (; *path && n + 4 < room; path++) {
		unsigned char c = (unsigned char)*path;
		if (strchr("%?#", c)) {
			out[n++] = '%';
			out[n++] = hex[c >> 4];
			out[n++] = hex[c & 15];
		} else {
			out[n++] = (char)c;
		}
	}
	return *path == 0 && (size_t)snprintf(out + n, room - n, "?immutable=1") < room - n;
}

enum err database_open_still(sqlite3 **out, const char *path, struct errbuf *eb)
{
	char name[4096];
	struct stat st;
	enum err e;

	*out = NULL;
	snprintf(name, sizeof name, "%s-wal", path);
	if (stat(name, &st) == 0 && st.st_size > 0)
		return database_open_reader(out, path, eb);
	if (!make_uri(name, sizeof name, path))
		return errbuf_set(eb, ERR_INVALID, "%s: the name is too long", path);
	e = open_file(out, name, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, eb);
	if (e == ERR_OK)
		e = database_exec(*out, "PRAGMA mmap_size=0; PRAGMA cache_size=-1024; PRAGMA query_only=ON", eb);
	if (e != ERR_OK) {
		sqlite3_close(*out);
		*out = NULL;
	}
	return e;
}

enum err database_vacuum(sqlite3 *db, unsigned pages, uint64_t *left, struct errbuf *eb)
{
	char sql[64];
	int free_pages = 0;

	snprintf(sql, sizeof sql, "PRAGMA incremental_vacuum(%u)", pages);
	enum err e = pages ? database_exec(db, sql, eb) : ERR_OK;
	if (e == ERR_OK)
		e = read_pragma(db, "PRAGMA freelist_count", &free_pages, eb);
	*left = free_pages > 0 ? (uint64_t)free_pages : 0;
	return e;
}

static int truncate_log(sqlite3 *db, int wait_ms, int *pages, int *done)
{
	sqlite3_busy_timeout(db, wait_ms);
	int rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, pages, done);
	sqlite3_busy_timeout(db, BUSY_MS);
	return rc;
}

enum err database_checkpoint(sqlite3 *db, bool *cut, bool *whole, struct errbuf *eb)
{
	int pages = -1, done = -1;
	int rc = *cut ? truncate_log(db, 0, &pages, &done)
		      : sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &done);

	*whole = pages == done;
	if (rc == SQLITE_OK) {
		*cut = false;
		return ERR_OK;
	}
	/* a reader held it: what PASSIVE does was done */
	return (rc & 0xff) == SQLITE_BUSY && *cut ? ERR_OK : database_error(db, "checkpoint", eb);
}

enum err database_flush_log(sqlite3 *db, int wait_ms, struct errbuf *eb)
{
	int pages = -1, done = -1, rc = truncate_log(db, wait_ms, &pages, &done);

	if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY)
		return database_error(db, "checkpoint", eb);
	if (rc != SQLITE_OK && (pages < 0 || pages != done)) /* done, but for the cutting, is enough */
		return errbuf_set(eb, ERR_UNAVAILABLE, "a read of %s that began earlier holds its log",
		    sqlite3_db_filename(db, "main"));
	return ERR_OK;
}
