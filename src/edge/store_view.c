#include "edge/store_view.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/database.h"
#include "wire/json_write.h"

#define KEEP_NS (10 * NS_PER_S)

struct store_view {
	pthread_mutex_t lock; /* all below, held while the file is read: one at a time is enough */
	struct store_reader *reader;
	struct store_tier_totals totals[TIERS];
	int64_t read_ns; /* 0: never */
};

enum err store_view_open(struct store_view **out, const char *store_path, struct errbuf *eb)
{
	struct store_view *v = calloc(1, sizeof *v);

	*out = NULL;
	if (!v)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	pthread_mutex_init(&v->lock, NULL);
	enum err e = store_reader_open(&v->reader, store_path, eb);
	if (e != ERR_OK) {
		store_view_close(v);
		return e;
	}
	*out = v;
	return ERR_OK;
}

void store_view_close(struct store_view *v)
{
	if (!v)
		return;
	store_reader_close(v->reader);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

enum err store_view_totals(struct store_view *v, bool fresh, struct store_tier_totals out[TIERS], struct errbuf *eb)
{
	enum err e = ERR_OK;

	pthread_mutex_lock(&v->lock);
	int64_t now = clock_mono_ns();
	if (fresh || v->read_ns == 0 || now - v->read_ns > KEEP_NS) {
		e = store_reader_totals(v->reader, v->totals, eb);
		v->read_ns = e == ERR_OK ? now : 0;
	}
	memcpy(out, v->totals, sizeof v->totals);
	pthread_mutex_unlock(&v->lock);
	return e;
}

/* ---- gaps ---- */

/* Runs the statement with its one number, row by row. */
static enum err query(struct store_view *v, const char *sql, int64_t number, void (*row)(sqlite3_stmt *st, void *arg),
    void *arg, struct errbuf *eb)
{
	sqlite3_stmt *st;
	int rc;

	pthread_mutex_lock(&v->lock);
	sqlite3 *db = store_reader_db(v->reader);
	enum err e = database_prepare(db, &st, sql, eb);
	if (e == ERR_OK) {
		sqlite3_bind_int64(st, 1, number);
		while ((rc = sqlite3_step(st)) == SQLITE_ROW)
			row(st, arg);
		if (rc != SQLITE_DONE)
			e = database_error(db, "read the gaps of the store", eb);
		sqlite3_finalize(st);
	}
	pthread_mutex_unlock(&v->lock);
	return e;
}

static void take_sum(sqlite3_stmt *st, void *arg)
{
	((struct store_view_gaps *)arg)->points = (uint64_t)sqlite3_column_int64(st, 0);
}

enum err store_view_gap_sum(struct store_view *v, int64_t since_ns, struct store_view_gaps *out, struct errbuf *eb)
{
	*out = (struct store_view_gaps){ 0 };
	return query(
	    v, "SELECT coalesce(sum(points), 0) FROM gap WHERE tier <= 0 AND at_ns >= ?", since_ns, take_sum, out, eb);
}

static void write_gap(sqlite3_stmt *st, void *json)
{
	int tier = sqlite3_column_int(st, 5);
	const char *cause = (const char *)sqlite3_column_text(st, 3);

	json_open(json, NULL, '{');
	json_put_time_ms(json, "from_ms", sqlite3_column_int64(st, 0));
	json_put_time_ms(json, "to_ms", sqlite3_column_int64(st, 1));
	json_put_i64(json, "points", sqlite3_column_int64(st, 2));
	json_put_string(json, "cause", cause ? cause : "");
	json_put_time_ms(json, "at_ms", sqlite3_column_int64(st, 4));
	json_put_string(json, "tier", tier >= 0 && tier < (int)TIERS ? tier_name((enum tier)tier) : NULL);
	json_close(json, '}');
}

enum err store_view_gaps(struct store_view *v, unsigned limit, struct buf *json, struct errbuf *eb)
{
	/* one that may yet turn out to be none is not shown: recovery is */
	return query(v,
	    "SELECT from_ns, to_ns, points, cause, at_ns, tier FROM gap WHERE points > 0 OR EXISTS "
	    "(SELECT 1 FROM meta WHERE key GLOB 'salvage:*:failed' AND value = 1) ORDER BY id DESC LIMIT ?1",
	    limit, write_gap, json, eb);
}
