#include "edge/spool_view.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/spool.h"
#include "wire/json_write.h"

enum { GAPS_SUM, GAPS_LIST, STATEMENTS };

static const char *const sql[STATEMENTS] = {
	[GAPS_SUM] =
	    "SELECT coalesce(sum(points), 0), (SELECT cause FROM gap WHERE at_ns >= ?1 ORDER BY id DESC LIMIT 1) "
	    "FROM gap WHERE at_ns >= ?1",
	[GAPS_LIST] = "SELECT from_ns, to_ns, points, cause, at_ns FROM gap ORDER BY id DESC LIMIT ?1",
};

struct spool_view {
	pthread_mutex_t lock; /* guards the connection and its statements */
	struct spool_reader *reader;
	sqlite3_stmt *statements[STATEMENTS];
};

enum err spool_view_open(struct spool_view **out, const char *spool_path, struct errbuf *eb)
{
	struct spool_view *v = calloc(1, sizeof *v);

	*out = NULL;
	if (!v)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	pthread_mutex_init(&v->lock, NULL);
	enum err e = spool_reader_open(&v->reader, spool_path, eb);
	for (int i = 0; e == ERR_OK && i < STATEMENTS; i++) {
		sqlite3 *db = spool_reader_db(v->reader);
		if (sqlite3_prepare_v3(db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &v->statements[i], NULL) != SQLITE_OK)
			e = errbuf_set(eb, ERR_IO, "cannot read %s: %s", spool_path, sqlite3_errmsg(db));
	}
	if (e) {
		spool_view_close(v);
		return e;
	}
	*out = v;
	return ERR_OK;
}

void spool_view_close(struct spool_view *v)
{
	if (!v)
		return;
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(v->statements[i]);
	if (v->reader)
		spool_reader_close(v->reader);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

/* Runs the statement with its one number, row by row; a read never stays open and pins the log. */
static enum err query(struct spool_view *v, int which, int64_t number, void (*row)(sqlite3_stmt *st, void *arg),
    void *arg, struct errbuf *eb)
{
	enum err e = ERR_OK;
	int rc;

	pthread_mutex_lock(&v->lock);
	sqlite3_stmt *st = v->statements[which];
	if (sqlite3_bind_parameter_count(st) > 0)
		sqlite3_bind_int64(st, 1, number);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		row(st, arg);
	if (rc != SQLITE_DONE)
		e = errbuf_set(eb, ERR_IO, "cannot read the spool: %s", sqlite3_errmsg(spool_reader_db(v->reader)));
	sqlite3_reset(st);
	pthread_mutex_unlock(&v->lock);
	return e;
}

static struct view column(sqlite3_stmt *st, int i)
{
	const char *p = sqlite3_column_blob(st, i);

	return (struct view){ p ? p : "", p ? (size_t)sqlite3_column_bytes(st, i) : 0 };
}

static void take_gap_sum(sqlite3_stmt *st, void *arg)
{
	struct spool_view_gaps *out = arg;
	struct view cause = column(st, 1);

	out->points = (uint64_t)sqlite3_column_int64(st, 0);
	snprintf(out->cause, sizeof out->cause, "%.*s",
	    (int)(cause.len < sizeof out->cause ? cause.len : sizeof out->cause), cause.p);
}

enum err spool_view_gap_sum(struct spool_view *v, int64_t since_ns, struct spool_view_gaps *out, struct errbuf *eb)
{
	*out = (struct spool_view_gaps){ 0 };
	return query(v, GAPS_SUM, since_ns, take_gap_sum, out, eb);
}

static void write_gap(sqlite3_stmt *st, void *json)
{
	json_open(json, NULL, '{');
	json_put_time_ms(json, "from_ms", sqlite3_column_int64(st, 0));
	json_put_time_ms(json, "to_ms", sqlite3_column_int64(st, 1));
	json_put_i64(json, "points", sqlite3_column_int64(st, 2));
	json_put_text(json, "cause", column(st, 3));
	json_put_time_ms(json, "at_ms", sqlite3_column_int64(st, 4));
	json_close(json, '}');
}

enum err spool_view_gaps(struct spool_view *v, unsigned limit, struct buf *json, struct errbuf *eb)
{
	return query(v, GAPS_LIST, limit, write_gap, json, eb);
}

sqlite3 *spool_view_lock(struct spool_view *v)
{
	pthread_mutex_lock(&v->lock);
	return spool_reader_db(v->reader);
}

void spool_view_unlock(struct spool_view *v)
{
	pthread_mutex_unlock(&v->lock);
}
