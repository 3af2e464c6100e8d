#include "store/database.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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

/* Refuses what is not ours before anything is written. *version: 0 for a new file. */
static enum err check_identity(
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

enum err database_open(sqlite3 **out, const char *path, const struct database_schema *schema, struct errbuf *eb)
{
	/* wal_autocheckpoint=0: the writer checkpoints between commits. secure_delete is on in Debian's build. */
	static const char settings[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
				       "PRAGMA secure_delete=OFF; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY;"
				       "PRAGMA cache_size=-1024; PRAGMA foreign_keys=OFF";
	int version = 0;
	char page[64];
	mode_t before = umask(077); /* its log and index get the file's mode */
	enum err e = open_file(out, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, eb);

	umask(before);
	if (e != ERR_OK)
		return e;
	e = check_identity(*out, path, schema, &version, eb);
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
		e = database_exec(*out, "PRAGMA mmap_size=0; PRAGMA cache_size=-256; PRAGMA query_only=ON", eb);
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
