/* The file (sql/spool/ has the schema)
 *
 *   spool    one row a commit group and namespace, seq rising by one; the payload is what InfluxDB gets
 *   extent   runs of EXTENT_ROWS rows or EXTENT_BYTES of payload, written in the commit that fills them: totals,
 *            time ranges and eviction need no walk over the rows; rows above the last extent form the open one,
 *            which is kept in memory and found again at start by reading those few rows
 *   gap      what was lost before delivery
 *   owed     what a target has not got, or lost, and the store has (store/owed)
 *   meta     evicted_until_ns, evicted_until_seq (what eviction has reached), first_seq (numbers begin there),
 *            clean (the last stop was in order), probe
 *
 * Invariants: extents do not overlap and have no holes between them except what was evicted from the front; the open
 * extent's first_seq is the last extent's last_seq + 1; a payload is whole or absent (one transaction).
 *
 * store/keeper keeps the file, through I/O errors too: when it was opened anew, rows that were refused and came back with
 * the log are deleted.
 *
 * A row is acknowledged only by a sync that was reported as done. */
#include "store/spool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/database.h"
#include "store/spool_internal.h"

enum { EXTENT_ROWS = 64, EXTENT_BYTES = 1 << 20, APPLICATION_ID = 0x48464153, CHECKPOINT_PAGES = 256 };

static const struct database_schema base = {
	.what = "a Holdfast spool",
	.application_id = APPLICATION_ID,
	.page_size = SPOOL_PAGE_SIZE,
	.migrations = spool_migrations,
};

void spool_schema(struct database_schema *out)
{
	*out = base;
	out->count = spool_migrations_count;
}

static void widen(struct extent *x, const struct spool_row *row)
{
	if (x->rows == 0) {
		x->first_seq = row->seq;
		x->min_ns = row->min_ns;
		x->max_ns = row->max_ns;
	}
	x->last_seq = row->seq;
	x->rows++;
	x->points += row->points;
	x->bytes += row->payload.len;
	if (row->min_ns < x->min_ns)
		x->min_ns = row->min_ns;
	if (row->max_ns > x->max_ns)
		x->max_ns = row->max_ns;
}

void spool_publish(struct spool *s)
{
	pthread_mutex_lock(&s->lock);
	s->published = s->now;
	pthread_mutex_unlock(&s->lock);
}

static void add_totals(struct spool_totals *t, const struct extent *x)
{
	if (t->rows == 0 || x->min_ns < t->oldest_ns)
		t->oldest_ns = x->min_ns;
	if (t->rows == 0 || x->max_ns > t->newest_ns)
		t->newest_ns = x->max_ns;
	if (t->rows == 0)
		t->first_seq = x->first_seq;
	t->rows += x->rows;
	t->points += x->points;
	t->bytes += x->bytes;
	t->last_seq = x->last_seq;
}

static enum err load_extents(struct spool *s, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(
	    s->db, &st, "SELECT first_seq, last_seq, points, bytes, min_ns, max_ns FROM extent ORDER BY first_seq", eb);
	int rc;

	if (e != ERR_OK)
		return e;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct extent x = { .first_seq = (uint64_t)sqlite3_column_int64(st, 0),
			.last_seq = (uint64_t)sqlite3_column_int64(st, 1),
			.points = (uint64_t)sqlite3_column_int64(st, 2),
			.bytes = (uint64_t)sqlite3_column_int64(st, 3),
			.min_ns = sqlite3_column_int64(st, 4),
			.max_ns = sqlite3_column_int64(st, 5) };
		x.rows = x.last_seq - x.first_seq + 1;
		add_totals(&s->now, &x);
	}
	if (rc != SQLITE_DONE)
		e = database_error(s->db, "read the extents", eb);
	sqlite3_finalize(st);
	return e;
}

/* The rows above the last extent. */
static enum err load_open_extent(struct spool *s, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(s->db, &st,
	    "SELECT seq, points, length(payload), min_ns, max_ns FROM spool WHERE seq > ? ORDER BY seq", eb);
	int rc;

	if (e != ERR_OK)
		return e;
	sqlite3_bind_int64(st, 1, (int64_t)s->now.last_seq);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct spool_row row = { .seq = (uint64_t)sqlite3_column_int64(st, 0),
			.points = (uint32_t)sqlite3_column_int64(st, 1),
			.payload = { NULL, (size_t)sqlite3_column_int64(st, 2) },
			.min_ns = sqlite3_column_int64(st, 3),
			.max_ns = sqlite3_column_int64(st, 4) };
		widen(&s->open, &row);
	}
	if (rc != SQLITE_DONE)
		e = database_error(s->db, "read the newest rows", eb);
	sqlite3_finalize(st);
	if (e == ERR_OK && s->open.rows)
		add_totals(&s->now, &s->open);
	return e;
}

/* last_seq must not fall back when all rows were let go: it is kept in meta with evicted_until_ns. */
static enum err load_meta(struct spool *s, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(s->db, &st, "SELECT key, value FROM meta", eb);
	int rc;

	s->now.evicted_until_ns = INT64_MIN;
	if (e != ERR_OK)
		return e;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const char *key = (const char *)sqlite3_column_text(st, 0);
		int64_t v = sqlite3_column_int64(st, 1);
		if (!strcmp(key, "evicted_until_ns"))
			s->now.evicted_until_ns = v;
		else if (!strcmp(key, "evicted_until_seq"))
			s->now.last_seq = (uint64_t)v;
		else if (!strcmp(key, "first_seq"))
			s->first_seq = (uint64_t)v;
		else if (!strcmp(key, "clean"))
			s->clean = true;
	}
	if (rc != SQLITE_DONE)
		e = database_error(s->db, "read the table meta", eb);
	sqlite3_finalize(st);
	return e;
}

static enum err prepare_all(struct spool *s, struct errbuf *eb)
{
	const struct {
		sqlite3_stmt **st;
		const char *sql;
	} all[] = {
		{ &s->insert, "INSERT INTO spool VALUES (?, ?, ?, ?, ?, ?, ?)" },
		{ &s->insert_extent, "INSERT INTO extent VALUES (?, ?, ?, ?, ?, ?)" },
		{ &s->oldest,
		    "SELECT first_seq, last_seq, points, bytes, min_ns, max_ns FROM extent ORDER BY first_seq LIMIT 1" },
		{ &s->delete_rows, "DELETE FROM spool WHERE seq BETWEEN ? AND ?" },
		{ &s->delete_extent, "DELETE FROM extent WHERE first_seq = ?" },
		{ &s->insert_gap, "INSERT INTO gap (at_ns, from_ns, to_ns, points, cause) VALUES (?, ?, ?, ?, ?)" },
	};
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < sizeof all / sizeof *all; i++)
		e = database_prepare(s->db, all[i].st, all[i].sql, eb);
	return e;
}

static enum err load(struct spool *s, struct errbuf *eb)
{
	s->now = (struct spool_totals){ 0 };
	s->open = (struct extent){ 0 };
	enum err e = load_meta(s, eb);
	if (e == ERR_OK)
		e = load_extents(s, eb);
	if (e == ERR_OK)
		e = load_open_extent(s, eb);
	if (e == ERR_OK)
		e = owed_load(s->owed, s->db, eb);
	if (s->first_seq && s->now.last_seq < s->first_seq - 1)
		s->now.last_seq = s->first_seq - 1;
	s->open_before = s->open;
	return e;
}

/* ---- the file, opened and opened anew ---- */

static enum err opened(void *arg, sqlite3 *db, struct errbuf *eb)
{
	struct spool *s = arg;

	s->db = db;
	enum err e = load(s, eb);
	return e == ERR_OK ? prepare_all(s, eb) : e;
}

static void closing(void *arg)
{
	struct spool *s = arg;
	sqlite3_stmt **all[] = { &s->insert, &s->insert_extent, &s->oldest, &s->delete_rows, &s->delete_extent,
		&s->insert_gap };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		sqlite3_finalize(*all[i]);
		*all[i] = NULL;
	}
	s->db = NULL;
	s->now = s->published;
}

/* Rows of a transaction that was refused, taken for committed when the log was recovered. */
static enum err delete_refused(struct spool *s, uint64_t last_seq, struct errbuf *eb)
{
	char sql[160];

	snprintf(sql, sizeof sql, "DELETE FROM spool WHERE seq > %llu; DELETE FROM extent WHERE last_seq > %llu",
	    (unsigned long long)last_seq, (unsigned long long)last_seq);
	enum err e = database_exec(s->db, "BEGIN IMMEDIATE", eb);
	if (e == ERR_OK)
		e = database_exec(s->db, sql, eb);
	if (e == ERR_OK)
		e = database_exec(s->db, "COMMIT", eb);
	return e == ERR_OK ? load(s, eb) : e;
}

static enum err compare(void *arg, struct errbuf *eb)
{
	struct spool *s = arg;
	uint64_t last_seq = s->published.last_seq; /* written by this thread alone */
	enum err e = s->now.last_seq > last_seq ? delete_refused(s, last_seq, eb) : ERR_OK;

	if (e == ERR_OK && s->now.last_seq < last_seq)
		e = errbuf_set(eb, ERR_IO, "rows that were synced are gone");
	if (e == ERR_OK)
		spool_publish(s);
	return e;
}

static const struct keeper_kind kind = { .name = "the spool",
	.schema = spool_schema,
	.checkpoint_pages = CHECKPOINT_PAGES,
	.reopened = COUNTER_SPOOL_REOPENED,
	.opened = opened,
	.closing = closing,
	.compare = compare };

static enum err close_extent(struct spool *s, struct errbuf *eb);

/* One transaction: the mark of a clean stop goes, numbers begin at first_seq. */
static enum err begin_use(struct spool *s, uint64_t first_seq, struct errbuf *eb)
{
	enum err e = spool_begin(s, eb);

	if (e != ERR_OK)
		return e;
	e = database_exec(s->db, "DELETE FROM meta WHERE key = 'clean'", eb);
	if (e == ERR_OK && first_seq > s->now.last_seq + 1) {
		if (s->open.rows) /* an extent has no holes */
			e = close_extent(s, eb);
		s->first_seq = first_seq;
		s->now.last_seq = first_seq - 1;
		if (e == ERR_OK)
			e = spool_set_meta(s, "first_seq", (int64_t)first_seq, eb);
	}
	if (e == ERR_OK)
		return spool_commit(s, eb);
	spool_rollback(s);
	return e;
}

static void free_spool(struct spool *s)
{
	keeper_close(&s->file);
	owed_free(s->owed);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static bool is_fresh(const char *path)
{
	struct stat st;

	return stat(path, &st) != 0 || st.st_size == 0;
}

enum err spool_open_at(struct spool **out, const char *path, uint64_t first_seq, struct errbuf *eb)
{
	struct spool *s = calloc(1, sizeof *s);

	*out = NULL;
	if (!s)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	pthread_mutex_init(&s->lock, NULL);
	bool fresh = is_fresh(path);
	enum err e = owed_new(&s->owed, 0, eb);
	if (e == ERR_OK)
		e = keeper_open(&s->file, &kind, s, path, eb);
	if (e == ERR_OK) {
		s->clean = s->clean || fresh;
		spool_publish(s);
		e = begin_use(s, first_seq, eb);
		if ((e == ERR_FULL || e == ERR_IO) && first_seq <= s->now.last_seq + 1) {
			log_warn("%s cannot be written yet: %s", path, eb->text);
			e = ERR_OK; /* reads and delivery need not wait for the disk */
		}
	}
	if (e != ERR_OK) {
		free_spool(s);
		return e;
	}
	(void)spool_checkpoint(s);
	*out = s;
	return ERR_OK;
}

enum err spool_open(struct spool **out, const char *path, struct errbuf *eb)
{
	return spool_open_at(out, path, 0, eb);
}

void spool_close(struct spool *s)
{
	struct errbuf eb;

	if (!s)
		return;
	if (!keeper_is_suspect(&s->file) && spool_begin(s, &eb) == ERR_OK) {
		if (spool_set_meta(s, "clean", 1, &eb) != ERR_OK || spool_commit(s, &eb) != ERR_OK)
			spool_rollback(s); /* the next start checks the file then */
	}
	free_spool(s);
}

bool spool_was_clean(const struct spool *s)
{
	return s->clean;
}

bool spool_suspect(const struct spool *s)
{
	return keeper_is_suspect(&s->file);
}

enum err spool_probe(struct spool *s, struct errbuf *eb)
{
	enum err e = spool_begin(s, eb);

	if (e == ERR_OK) {
		e = spool_set_meta(s, "probe", clock_wall_ns(), eb);
		if (e == ERR_OK)
			return spool_commit(s, eb);
		spool_rollback(s);
	}
	return e;
}

/* ---- transactions ---- */

const char *spool_path(const struct spool *s)
{
	return s->file.path;
}

uint64_t spool_last_seq(const struct spool *s)
{
	return s->now.last_seq;
}

sqlite3 *spool_db(struct spool *s)
{
	return s->db;
}

enum err spool_run(struct spool *s, sqlite3_stmt *st, const char *doing, struct errbuf *eb)
{
	return keeper_run(&s->file, st, doing, eb);
}

enum err spool_begin(struct spool *s, struct errbuf *eb)
{
	return keeper_begin(&s->file, eb);
}

static enum err close_extent(struct spool *s, struct errbuf *eb)
{
	const struct extent *x = &s->open;
	sqlite3_stmt *st = s->insert_extent;

	sqlite3_bind_int64(st, 1, (int64_t)x->first_seq);
	sqlite3_bind_int64(st, 2, (int64_t)x->last_seq);
	sqlite3_bind_int64(st, 3, (int64_t)x->points);
	sqlite3_bind_int64(st, 4, (int64_t)x->bytes);
	sqlite3_bind_int64(st, 5, x->min_ns);
	sqlite3_bind_int64(st, 6, x->max_ns);
	enum err e = spool_run(s, st, "write an extent", eb);
	s->open = (struct extent){ 0 };
	return e;
}

enum err spool_append(struct spool *s, struct spool_row *row, struct errbuf *eb)
{
	sqlite3_stmt *st = s->insert;

	row->seq = s->now.last_seq + 1;
	sqlite3_bind_int64(st, 1, (int64_t)row->seq);
	sqlite3_bind_int64(st, 2, row->db);
	sqlite3_bind_int64(st, 3, row->points);
	sqlite3_bind_int64(st, 4, row->received_ns);
	sqlite3_bind_int64(st, 5, row->min_ns);
	sqlite3_bind_int64(st, 6, row->max_ns);
	sqlite3_bind_blob64(st, 7, row->payload.p, row->payload.len, SQLITE_STATIC);
	enum err e = spool_run(s, st, "write to the spool", eb);
	sqlite3_bind_null(st, 7);
	if (e != ERR_OK)
		return e;
	struct extent one = { 0 };
	widen(&one, row);
	add_totals(&s->now, &one);
	widen(&s->open, row);
	if (s->open.rows >= EXTENT_ROWS || s->open.bytes >= EXTENT_BYTES)
		e = close_extent(s, eb);
	return e;
}

enum err spool_commit(struct spool *s, struct errbuf *eb)
{
	enum err e = keeper_commit(&s->file, eb);

	if (e != ERR_OK) {
		spool_rollback(s);
		return e;
	}
	s->open_before = s->open;
	spool_publish(s);
	owed_committed(s->owed);
	return ERR_OK;
}

void spool_rollback(struct spool *s)
{
	keeper_rollback(&s->file);
	owed_rolled_back(s->owed, s->db);
	s->open = s->open_before;
	pthread_mutex_lock(&s->lock);
	s->now = s->published;
	pthread_mutex_unlock(&s->lock);
}

bool spool_checkpoint(struct spool *s)
{
	return keeper_checkpoint(&s->file);
}

void spool_truncate_log(struct spool *s)
{
	keeper_truncate_log(&s->file);
}

enum err spool_vacuum(struct spool *s, unsigned pages, uint64_t *left, struct errbuf *eb)
{
	return keeper_vacuum(&s->file, pages, left, eb);
}

enum err spool_take_freeze(struct spool *s, struct errbuf *eb)
{
	return keeper_take_freeze(&s->file, eb);
}

struct freeze *spool_freeze(struct spool *s)
{
	return s->file.freeze;
}

struct file_figures *spool_file_figures(const struct spool *s)
{
	return s->file.figures;
}

struct owed *spool_owed(const struct spool *s)
{
	return s->owed;
}

enum err spool_set_meta(struct spool *s, const char *key, int64_t value, struct errbuf *eb)
{
	return keeper_set_meta(&s->file, key, value, eb);
}

void spool_totals(const struct spool *cs, struct spool_totals *out)
{
	struct spool *s = (struct spool *)cs; /* the lock guards the copy only */

	pthread_mutex_lock(&s->lock);
	*out = s->published;
	pthread_mutex_unlock(&s->lock);
	out->file_bytes = keeper_file_bytes(&s->file);
}
