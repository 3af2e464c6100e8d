#include "store/store_damage.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/database.h"

#define GAPS_TOGETHER_NS (3600 * NS_PER_S)

/* ---- the fresh file ---- */

static enum err insert_gap(sqlite3 *db, const struct store_gap *g, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(db, &st,
	    "INSERT INTO gap (at_ns, tier, from_ns, to_ns, points, cause) VALUES (?, ?, ?, ?, ?, '" STORE_GAP_CAUSE
	    "')",
	    eb);

	if (e != ERR_OK)
		return e;
	sqlite3_bind_int64(st, 1, g->at_ns);
	sqlite3_bind_int(st, 2, g->tier);
	sqlite3_bind_int64(st, 3, g->from_ns);
	sqlite3_bind_int64(st, 4, g->to_ns);
	sqlite3_bind_int64(st, 5, (int64_t)g->points);
	if (sqlite3_step(st) != SQLITE_DONE)
		e = database_error(db, "write a gap", eb);
	sqlite3_finalize(st);
	return e;
}

/* Everything before now may be missing. gone: there is no file to take it over from, so the gap stays. */
static enum err put_whole_gap(struct store *s, int64_t at_ns, bool gone, struct errbuf *eb)
{
	int64_t now = clock_wall_ns();
	const struct store_gap all = { .at_ns = at_ns ? at_ns : now, .from_ns = 0, .to_ns = now, .tier = -1 };
	enum err e = store_begin(s, eb);

	if (e != ERR_OK)
		return e;
	e = insert_gap(store_db(s), &all, eb);
	if (e == ERR_OK && gone) /* as of a file that was given up */
		e = store_set_figure(s, "salvage:missing:failed", 1, eb);
	return store_end(s, e, eb);
}

enum err store_tell_missing(struct store *s, struct errbuf *eb)
{
	return put_whole_gap(s, 0, true, eb);
}

static enum err make(void *arg, const char *fresh, const char *old, int64_t at_ns, struct errbuf *eb)
{
	struct store *s;
	enum err e = store_open(&s, fresh, eb);

	(void)arg;
	(void)old;
	if (e != ERR_OK)
		return e;
	e = put_whole_gap(s, at_ns, false, eb);
	store_close(s); /* whole in one file */
	return e;
}

static const struct aside_maker maker = { make, NULL };

enum err store_prepare(const char *path, struct errbuf *eb)
{
	return aside_prepare(path, &maker, eb);
}

enum err store_replace(const char *path, const char *why, struct errbuf *eb)
{
	char aside[ASIDE_NAME_MAX];
	enum err e = aside_replace(path, &maker, aside, eb);

	if (e != ERR_OK)
		return e;
	log_error(
	    "THE STORE IS DAMAGED (%s). It was set aside as %s; what the spool still has is compacted again, and what can be "
	    "read of the store is taken over now, see \"recovery\" in GET /api/v1/status",
	    why, aside);
	return ERR_OK;
}

/* ---- figures ---- */

enum err store_read_figure(sqlite3 *db, const char *key, int64_t otherwise, int64_t *out, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(db, &st, "SELECT value FROM meta WHERE key = ?", eb);

	*out = otherwise;
	if (e != ERR_OK)
		return e;
	sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*out = sqlite3_column_int64(st, 0);
	else if (rc != SQLITE_DONE)
		e = database_error(db, "read the table meta of the store", eb);
	sqlite3_finalize(st);
	return e;
}

uint64_t store_read_compacted(const char *path)
{
	int64_t seq = 0;
	struct errbuf eb;
	sqlite3 *db;

	if (database_open_reader(&db, path, &eb) != ERR_OK)
		return 0;
	if (store_read_figure(db, "compacted_seq", 0, &seq, &eb) != ERR_OK)
		seq = 0;
	sqlite3_close(db);
	return seq > 0 ? (uint64_t)seq : 0;
}

/* ---- gaps ---- */

enum err store_insert_gap(struct store *s, const struct store_gap *g, struct errbuf *eb)
{
	return insert_gap(store_db(s), g, eb);
}

enum err store_add_gap(struct store *s, const struct store_gap *g, struct errbuf *eb)
{
	char sql[400];
	sqlite3 *db = store_db(s);

	snprintf(sql, sizeof sql,
	    "UPDATE gap SET from_ns = min(from_ns, %lld), to_ns = max(to_ns, %lld), points = points + %llu "
	    "WHERE id = (SELECT max(id) FROM gap WHERE tier = %d AND at_ns > %lld AND cause = '" STORE_GAP_CAUSE "')",
	    (long long)g->from_ns, (long long)g->to_ns, (unsigned long long)g->points, g->tier,
	    (long long)(g->at_ns - GAPS_TOGETHER_NS));
	enum err e = database_exec(db, sql, eb);
	if (e == ERR_OK && sqlite3_changes(db) == 0)
		e = insert_gap(db, g, eb);
	return e == ERR_OK ? database_exec(db, "DELETE FROM gap WHERE id <= (SELECT max(id) FROM gap) - 1000", eb) : e;
}
