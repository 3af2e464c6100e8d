#include "store/catalogue_store.h"

#include "store/database.h"

static enum err load_databases(struct catalogue *c, sqlite3 *db, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(db, &st, "SELECT id, name FROM database ORDER BY id", eb);
	int rc = SQLITE_DONE;

	if (e != ERR_OK)
		return e;
	while (e == ERR_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct view name = { (const char *)sqlite3_column_text(st, 1), (size_t)sqlite3_column_bytes(st, 1) };
		int64_t id = sqlite3_column_int64(st, 0);
		e = id > 0 && id <= CATALOGUE_DATABASES_MAX
		    ? catalogue_load_database(c, (uint32_t)id, name)
		    : errbuf_set(eb, ERR_CORRUPT, "the table database has the id %lld", (long long)id);
	}
	if (e == ERR_OK && rc != SQLITE_DONE)
		e = database_error(db, "read the databases", eb);
	sqlite3_finalize(st);
	return e;
}

static struct view column_view(sqlite3_stmt *st, int i)
{
	return (struct view){ sqlite3_column_blob(st, i), (size_t)sqlite3_column_bytes(st, i) };
}

static enum err load_fields(struct catalogue *c, sqlite3 *db, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(db, &st, "SELECT db, measurement, name, type FROM field", eb);
	int rc = SQLITE_DONE;

	if (e != ERR_OK)
		return e;
	while (e == ERR_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct catalogue_refusal refusal;
		struct measurement *m = catalogue_add_measurement(
		    c, (uint32_t)sqlite3_column_int64(st, 0), column_view(st, 1));
		if (!m ||
		    !measurement_field(
			c, m, column_view(st, 2), (enum value_type)sqlite3_column_int(st, 3), true, &refusal))
			e = errbuf_set(eb, ERR_NOMEM, "no room for the field types of the spool");
	}
	if (e == ERR_OK && rc != SQLITE_DONE)
		e = database_error(db, "read the field types", eb);
	sqlite3_finalize(st);
	return e;
}

enum err catalogue_load(struct catalogue *c, sqlite3 *db, struct errbuf *eb)
{
	enum err e = load_databases(c, db, eb);

	if (e == ERR_OK)
		e = load_fields(c, db, eb);
	catalogue_additions_stored(c, UINT64_MAX);
	return e;
}

static enum err store_one(sqlite3 *db, const struct catalogue_addition *add, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(db, &st,
	    add->is_database ? "INSERT OR IGNORE INTO database VALUES (?, ?)"
			     : "INSERT OR IGNORE INTO field VALUES (?, ?, ?, ?)",
	    eb);

	if (e != ERR_OK)
		return e;
	sqlite3_bind_int64(st, 1, add->db);
	if (add->is_database) {
		sqlite3_bind_text(st, 2, add->database.p, (int)add->database.len, SQLITE_STATIC);
	} else {
		struct view m = measurement_name(add->field->measurement);
		sqlite3_bind_blob(st, 2, m.p, (int)m.len, SQLITE_STATIC);
		sqlite3_bind_blob(st, 3, add->field->name.p, (int)add->field->name.len, SQLITE_STATIC);
		sqlite3_bind_int(st, 4, (int)add->field->type);
	}
	if (sqlite3_step(st) != SQLITE_DONE)
		e = database_error(db, "write the field types", eb);
	sqlite3_finalize(st);
	return e;
}

enum err catalogue_store_additions(struct catalogue *c, sqlite3 *db, uint64_t *cursor, struct errbuf *eb)
{
	struct catalogue_addition add;

	while (catalogue_next_addition(c, cursor, &add)) {
		enum err e = store_one(db, &add, eb);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}
