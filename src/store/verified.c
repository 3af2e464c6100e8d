#include "store/verified.h"

#include "store/database.h"

/* A look that begins inside of what is known, or touches it, goes on with it: up to the first hour that was not equal, or,
 * if all were, up to the further end. One elsewhere takes its place, if it reaches further. */
void verified_join(struct verified *known, const struct verified *looked, int64_t good_until_ns)
{
	struct verified v = *looked;
	bool whole = good_until_ns >= looked->until_ns;

	if (known->until_ns > known->from_ns && looked->from_ns <= known->until_ns && good_until_ns >= known->from_ns) {
		v.from_ns = known->from_ns < looked->from_ns ? known->from_ns : looked->from_ns;
		v.until_ns = whole && known->until_ns > good_until_ns ? known->until_ns : good_until_ns;
		bool all = v.from_ns == looked->from_ns && v.until_ns == good_until_ns;
		v.deep = looked->deep && (all || known->deep);
	} else if (known->until_ns > known->from_ns && good_until_ns <= known->until_ns) {
		return;
	} else {
		v.until_ns = good_until_ns;
	}
	if (v.until_ns <= v.from_ns)
		v.until_ns = v.from_ns;
	*known = v;
}

enum err verified_store(sqlite3 *writer, const struct verified *v, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(writer, &st, "INSERT OR REPLACE INTO verified VALUES (?, ?, ?, ?, ?)", eb);

	if (e != ERR_OK)
		return e;
	sqlite3_bind_int64(st, 1, v->db);
	sqlite3_bind_int64(st, 2, v->from_ns);
	sqlite3_bind_int64(st, 3, v->until_ns);
	sqlite3_bind_int64(st, 4, v->at_ns);
	sqlite3_bind_int(st, 5, v->deep);
	return database_finish(writer, st, "write what is verified", eb);
}

enum err verified_load(sqlite3 *reader, struct verified *out, uint32_t max, uint32_t *count, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(
	    reader, &st, "SELECT db, from_ns, until_ns, at_ns, deep FROM verified ORDER BY db LIMIT ?", eb);
	int rc;

	*count = 0;
	if (e != ERR_OK)
		return e;
	sqlite3_bind_int64(st, 1, max);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		out[(*count)++] = (struct verified){ (uint32_t)sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1),
			sqlite3_column_int64(st, 2), sqlite3_column_int64(st, 3), sqlite3_column_int(st, 4) != 0 };
	if (rc != SQLITE_DONE)
		e = database_error(reader, "read what is verified", eb);
	sqlite3_finalize(st);
	return e;
}
