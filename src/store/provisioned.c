#include "store/provisioned.h"

#include "store/database.h"

enum err provisioned_load(sqlite3 *writer, const char *database, int64_t *retention_ns, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(writer, &st, "SELECT value FROM meta WHERE key = 'retention:' || ?", eb);

	*retention_ns = 0;
	if (e != ERR_OK)
		return e;
	sqlite3_bind_text(st, 1, database, -1, SQLITE_STATIC);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*retention_ns = sqlite3_column_int64(st, 0);
	else if (rc == SQLITE_DONE)
		e = errbuf_set(eb, ERR_NOTFOUND, "no retention was given to %s", database);
	else
		e = database_error(writer, "read the table meta", eb);
	sqlite3_finalize(st);
	return e;
}

enum err provisioned_store(sqlite3 *writer, const char *database, int64_t retention_ns, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(writer, &st, "INSERT OR REPLACE INTO meta VALUES ('retention:' || ?, ?)", eb);

	if (e != ERR_OK)
		return e;
	sqlite3_bind_text(st, 1, database, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, retention_ns);
	if (sqlite3_step(st) != SQLITE_DONE)
		e = database_error(writer, "write the table meta", eb);
	sqlite3_finalize(st);
	return e;
}
