#include "store/targets.h"

#include <stdio.h>

#include "base/clock.h"
#include "store/database.h"

enum err target_load(sqlite3 *reader, const char *target, struct target_cursor *out, bool *known, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(
	    reader, &st, "SELECT seq, max(seq, live_seq), points, paused, record FROM cursor WHERE target = ?", eb);

	*out = (struct target_cursor){ 0 };
	if (e != ERR_OK)
		return e;
	sqlite3_bind_text(st, 1, target, -1, SQLITE_STATIC);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		out->seq = (uint64_t)sqlite3_column_int64(st, 0);
		out->live_seq = (uint64_t)sqlite3_column_int64(st, 1);
		out->points = (uint64_t)sqlite3_column_int64(st, 2);
		out->paused = sqlite3_column_int(st, 3) != 0;
		snprintf(out->record, sizeof out->record, "%s", (const char *)sqlite3_column_text(st, 4));
	} else if (rc != SQLITE_DONE) {
		e = database_error(reader, "read the cursor", eb);
	}
	if (known)
		*known = rc == SQLITE_ROW;
	sqlite3_finalize(st);
	return e;
}

enum err target_store(sqlite3 *writer, const char *target, const struct target_cursor *c, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(writer, &st,
	    "INSERT OR REPLACE INTO cursor (target, seq, points, live_seq, paused, record) VALUES (?, ?, ?, ?, ?, ?)",
	    eb);

	if (e != ERR_OK)
		return e;
	sqlite3_bind_text(st, 1, target, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, (int64_t)c->seq);
	sqlite3_bind_int64(st, 3, (int64_t)c->points);
	sqlite3_bind_int64(st, 4, (int64_t)c->live_seq);
	sqlite3_bind_int(st, 5, c->paused);
	sqlite3_bind_text(st, 6, c->record, -1, SQLITE_STATIC);
	return database_finish(writer, st, "write the cursor", eb);
}

enum err target_set_paused(sqlite3 *writer, const char *target, bool paused, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(writer, &st, "UPDATE cursor SET paused = ? WHERE target = ?", eb);

	if (e != ERR_OK)
		return e;
	sqlite3_bind_int(st, 1, paused);
	sqlite3_bind_text(st, 2, target, -1, SQLITE_STATIC);
	return database_finish(writer, st, "write the cursor", eb);
}

enum err target_forget(sqlite3 *writer, const char *target, struct errbuf *eb)
{
	static const char *const sql[] = { "DELETE FROM cursor WHERE target = ?",
		"DELETE FROM pending WHERE target = ?" };
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < sizeof sql / sizeof *sql; i++) {
		sqlite3_stmt *st;
		e = database_prepare(writer, &st, sql[i], eb);
		if (e != ERR_OK)
			return e;
		sqlite3_bind_text(st, 1, target, -1, SQLITE_STATIC);
		e = database_finish(writer, st, "forget a target", eb);
	}
	return e;
}

enum err target_each(sqlite3 *reader, void (*take)(void *arg, const char *target), void *arg, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(reader, &st, "SELECT target FROM cursor", eb);
	int rc;

	if (e != ERR_OK)
		return e;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		take(arg, (const char *)sqlite3_column_text(st, 0));
	if (rc != SQLITE_DONE)
		e = database_error(reader, "list the targets", eb);
	sqlite3_finalize(st);
	return e;
}

enum err target_forget_records(sqlite3 *writer, struct errbuf *eb)
{
	return database_exec(writer, "UPDATE cursor SET record = 'another'", eb);
}

enum err gap_add(sqlite3 *writer, int64_t from_ns, int64_t to_ns, uint64_t points, const char *cause, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(
	    writer, &st, "INSERT INTO gap (at_ns, from_ns, to_ns, points, cause) VALUES (?, ?, ?, ?, ?)", eb);

	if (e != ERR_OK)
		return e;
	sqlite3_bind_int64(st, 1, clock_wall_ns());
	sqlite3_bind_int64(st, 2, from_ns);
	sqlite3_bind_int64(st, 3, to_ns);
	sqlite3_bind_int64(st, 4, (int64_t)points);
	sqlite3_bind_text(st, 5, cause, -1, SQLITE_STATIC);
	return database_finish(writer, st, "record a gap", eb);
}
