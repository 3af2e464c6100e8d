/* How the file is kept.
 *
 *   block    finished; rows in order of (tier, window, measurement, ordinal), so that writing appends, a read of a
 *            window is a range, and retention deletes ranges. All of it is in the rowid, see block_id
 *   piece    not merged yet; few, and gone within hours
 *   meta     compacted_seq: what the spool need not keep for the store's sake. It moves in the transaction that adds the
 *            pieces, so that a crash repeats work and changes nothing
 *
 *   gap      what was lost of it
 *
 * Invariants: within a (tier, window, measurement) the blocks' ranges of ordinals do not overlap, but for the parts of
 * one series, whose times do not; a piece's rows lie in its window; the tables of names have every number that a block
 * uses (they are written in the same transaction).
 *
 * store/keeper keeps the file, through I/O errors too. A transaction that was refused may come back when the file is opened
 * anew, as a whole: it holds no more than what would be done again, and compacted_seq with it. What was learnt from the file
 * before is out of date then: store_openings rises. */
#include "store/store.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/keeper.h"
#include "store/store_internal.h"

enum { APPLICATION_ID = 0x48464154, PAGE_SIZE = 8192, CHECKPOINT_PAGES = 512 };

struct store {
	struct keeper file;
	struct store_reader *reader; /* on the file's connection */
	sqlite3_stmt *raise_meta, *add_piece, *add_older, *add_block, *delete_block, *delete_piece;
	struct store_totals now; /* of this transaction */
	pthread_mutex_t lock; /* published */
	struct store_totals published;
};

static const struct database_schema base = {
	.what = "a Holdfast store",
	.application_id = APPLICATION_ID,
	.page_size = PAGE_SIZE,
	.migrations = store_migrations,
};

void store_schema(struct database_schema *out)
{
	*out = base;
	out->count = store_migrations_count;
}

static void publish(struct store *s)
{
	s->now.used_bytes = keeper_used_bytes(&s->file);
	pthread_mutex_lock(&s->lock);
	s->published = s->now;
	pthread_mutex_unlock(&s->lock);
}

static enum err load_meta(struct store *s, sqlite3 *db, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(db, &st, "SELECT key, value FROM meta", eb);
	int rc;

	if (e != ERR_OK)
		return e;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const char *key = (const char *)sqlite3_column_text(st, 0);
		if (!strcmp(key, "compacted_seq"))
			s->now.compacted_seq = (uint64_t)sqlite3_column_int64(st, 1);
	}
	if (rc != SQLITE_DONE)
		e = database_error(db, "read the table meta of the store", eb);
	sqlite3_finalize(st);
	return e;
}

static enum err prepare_all(struct store *s, sqlite3 *db, struct errbuf *eb)
{
	const struct {
		sqlite3_stmt **st;
		const char *sql;
	} all[] = {
		{ &s->raise_meta,
		    "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = max(value, excluded.value)" },
		{ &s->add_piece,
		    "INSERT INTO piece (tier, window, measurement, first_ordinal, last_ordinal, min_ns, max_ns, points, "
		    "written_ns, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)" },
		{ &s->add_older,
		    "INSERT INTO piece (tier, window, measurement, first_ordinal, last_ordinal, min_ns, max_ns, points, "
		    "written_ns, data, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
		    "(SELECT min(0, coalesce(min(id), 0)) - 1 FROM piece))" },
		{ &s->add_block, "INSERT OR REPLACE INTO block VALUES (?, ?, ?, ?, ?, ?)" },
		{ &s->delete_block, "DELETE FROM block WHERE id = ?" },
		{ &s->delete_piece, "DELETE FROM piece WHERE id = ?" },
	};
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < sizeof all / sizeof *all; i++)
		e = database_prepare(db, all[i].st, all[i].sql, eb);
	return e;
}

/* ---- the file, opened and opened anew ---- */

static enum err opened(void *arg, sqlite3 *db, struct errbuf *eb)
{
	struct store *s = arg;

	s->now = (struct store_totals){ 0 };
	enum err e = load_meta(s, db, eb);
	if (e == ERR_OK)
		e = prepare_all(s, db, eb);
	return e == ERR_OK ? store_reader_attach(s->reader, db, eb) : e;
}

static void closing(void *arg)
{
	struct store *s = arg;
	sqlite3_stmt **all[] = { &s->raise_meta, &s->add_piece, &s->add_older, &s->add_block, &s->delete_block,
		&s->delete_piece };

	store_reader_detach(s->reader);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		sqlite3_finalize(*all[i]);
		*all[i] = NULL;
	}
	s->now = s->published; /* written by this thread alone */
}

static enum err compare(void *arg, struct errbuf *eb)
{
	struct store *s = arg;

	if (s->now.compacted_seq < s->published.compacted_seq)
		return errbuf_set(eb, ERR_IO, "what was synced is gone");
	publish(s);
	return ERR_OK;
}

static const struct keeper_kind kind = { .name = "the store",
	.schema = store_schema,
	.checkpoint_pages = CHECKPOINT_PAGES,
	.reopened = COUNTER_STORE_REOPENED,
	.opened = opened,
	.closing = closing,
	.compare = compare };

enum err store_open(struct store **out, const char *path, struct errbuf *eb)
{
	struct store *s = calloc(1, sizeof *s);

	*out = NULL;
	if (!s)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	pthread_mutex_init(&s->lock, NULL);
	enum err e = store_reader_new(&s->reader, eb);
	if (e == ERR_OK)
		e = keeper_open(&s->file, &kind, s, path, eb);
	if (e != ERR_OK) {
		store_close(s);
		return e;
	}
	publish(s);
	*out = s;
	return ERR_OK;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	keeper_close(&s->file);
	store_reader_close(s->reader);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

const char *store_path(const struct store *s)
{
	return s->file.path;
}

unsigned store_openings(const struct store *s)
{
	return s->file.openings;
}

sqlite3 *store_db(struct store *s)
{
	return s->file.db;
}

struct store_reader *store_own_reader(struct store *s)
{
	return s->reader;
}

void store_totals(const struct store *cs, struct store_totals *out)
{
	struct store *s = (struct store *)cs; /* the lock guards the copy only */

	pthread_mutex_lock(&s->lock);
	*out = s->published;
	pthread_mutex_unlock(&s->lock);
	out->file_bytes = keeper_file_bytes(&s->file);
}

/* ---- transactions ---- */

enum err store_ready(struct store *s, struct errbuf *eb)
{
	return keeper_ready(&s->file, eb);
}

enum err store_begin(struct store *s, struct errbuf *eb)
{
	return keeper_begin(&s->file, eb);
}

void store_rollback(struct store *s)
{
	store_reader_let_go(s->reader);
	keeper_rollback(&s->file);
	s->now = s->published; /* written by this thread alone */
}

enum err store_end(struct store *s, enum err e, struct errbuf *eb)
{
	if (e != ERR_OK)
		keeper_note_failure(&s->file, e);
	store_reader_let_go(s->reader);
	if (e == ERR_OK)
		e = keeper_commit(&s->file, eb);
	if (e != ERR_OK)
		store_rollback(s);
	else
		publish(s);
	return e;
}

enum err store_commit(struct store *s, struct errbuf *eb)
{
	return store_end(s, ERR_OK, eb);
}

enum err store_set_figure(struct store *s, const char *key, int64_t value, struct errbuf *eb)
{
	return keeper_set_meta(&s->file, key, value, eb);
}

enum err store_set_compacted(struct store *s, uint64_t seq, struct errbuf *eb)
{
	s->now.compacted_seq = seq;
	return keeper_set_meta(&s->file, "compacted_seq", (int64_t)seq, eb);
}

/* A time that only rises. */
static enum err raise_mark(struct store *s, const char *name, int64_t measurement, int64_t time_ns, struct errbuf *eb)
{
	char key[64];

	if (measurement < 0)
		snprintf(key, sizeof key, "%s", name);
	else
		snprintf(key, sizeof key, "%s_%lld", name, (long long)measurement);
	sqlite3_bind_text(s->raise_meta, 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s->raise_meta, 2, time_ns);
	return keeper_run(&s->file, s->raise_meta, "write the table meta of the store", eb);
}

enum err store_set_evicted(struct store *s, enum tier tier, int64_t measurement, int64_t time_ns, struct errbuf *eb)
{
	char name[32];

	snprintf(name, sizeof name, "evicted_%s_ns", tier_name(tier));
	return raise_mark(s, name, measurement, time_ns, eb);
}

enum err store_set_without_minutes(struct store *s, int64_t measurement, int64_t time_ns, struct errbuf *eb)
{
	return raise_mark(s, "without_minutes_ns", measurement, time_ns, eb);
}

static enum err add_piece(struct store *s, sqlite3_stmt *st, const struct store_place *p, const struct store_item *item,
    struct view data, struct errbuf *eb)
{
	sqlite3_bind_int(st, 1, (int)p->tier);
	sqlite3_bind_int64(st, 2, p->window);
	sqlite3_bind_int64(st, 3, p->measurement);
	sqlite3_bind_int64(st, 4, item->first_ordinal);
	sqlite3_bind_int64(st, 5, item->last_ordinal);
	sqlite3_bind_int64(st, 6, item->min_ns);
	sqlite3_bind_int64(st, 7, item->max_ns);
	sqlite3_bind_int64(st, 8, (int64_t)item->points);
	sqlite3_bind_int64(st, 9, clock_wall_ns());
	sqlite3_bind_blob64(st, 10, data.p, data.len, SQLITE_STATIC);
	enum err e = keeper_run(&s->file, st, "write a piece", eb);
	sqlite3_bind_null(st, 10);
	return e;
}

enum err store_add_piece(
    struct store *s, const struct store_place *p, const struct store_item *item, struct view data, struct errbuf *eb)
{
	return add_piece(s, s->add_piece, p, item, data, eb);
}

enum err store_add_older(
    struct store *s, const struct store_place *p, const struct store_item *item, struct view data, struct errbuf *eb)
{
	return add_piece(s, s->add_older, p, item, data, eb);
}

enum err store_add_block(struct store *s, const struct store_place *p, unsigned part, const struct store_item *item,
    struct view data, struct errbuf *eb)
{
	sqlite3_stmt *st = s->add_block;

	sqlite3_bind_int64(st, 1, block_id(p->tier, p->window, p->measurement, item->first_ordinal, part));
	sqlite3_bind_int64(st, 2, item->last_ordinal);
	sqlite3_bind_int64(st, 3, item->min_ns);
	sqlite3_bind_int64(st, 4, item->max_ns);
	sqlite3_bind_int64(st, 5, (int64_t)item->points);
	sqlite3_bind_blob64(st, 6, data.p, data.len, SQLITE_STATIC);
	enum err e = keeper_run(&s->file, st, "write a block", eb);
	sqlite3_bind_null(st, 6);
	return e;
}

enum err store_delete(struct store *s, const struct store_item *item, struct errbuf *eb)
{
	sqlite3_stmt *st = item->piece ? s->delete_piece : s->delete_block;

	store_reader_let_go(s->reader);
	sqlite3_bind_int64(st, 1, item->id);
	return keeper_run(&s->file, st, "delete from the store", eb);
}

/* Runs a DELETE … RETURNING points. */
static enum err delete_counted(struct store *s, sqlite3_stmt *st, uint64_t *points, struct errbuf *eb)
{
	int rc;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		*points += (uint64_t)sqlite3_column_int64(st, 0);
	enum err e = rc == SQLITE_DONE ? ERR_OK : database_error(s->file.db, "let a window go", eb);
	if (e != ERR_OK)
		keeper_note_failure(&s->file, ERR_OK);
	sqlite3_finalize(st);
	return e;
}

static enum err delete_blocks(struct store *s, int64_t first_id, int64_t last_id, uint64_t *points, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(
	    s->file.db, &st, "DELETE FROM block WHERE id BETWEEN ? AND ? RETURNING points", eb);

	if (e != ERR_OK)
		return e;
	sqlite3_bind_int64(st, 1, first_id);
	sqlite3_bind_int64(st, 2, last_id);
	return delete_counted(s, st, points, eb);
}

enum err store_delete_windows(
    struct store *s, enum tier tier, int64_t from, int64_t to, int64_t measurement, uint64_t *points, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = ERR_OK;

	store_reader_let_go(s->reader);
	*points = 0;
	if (measurement < 0)
		e = delete_blocks(s, block_id(tier, from, 0, 0, 0), block_id(tier, to, 0, 0, 0) - 1, points, eb);
	for (int64_t w = from; e == ERR_OK && measurement >= 0 && w < to; w++)
		e = delete_blocks(s, block_id(tier, w, (uint32_t)measurement, 0, 0),
		    block_id(tier, w, (uint32_t)measurement + 1, 0, 0) - 1, points, eb);
	if (e == ERR_OK)
		e = database_prepare(s->file.db, &st,
		    "DELETE FROM piece WHERE tier = ?1 AND window >= ?2 AND window < ?3 AND (?4 < 0 OR measurement = ?4) "
		    "RETURNING points",
		    eb);
	if (e != ERR_OK)
		return e;
	sqlite3_bind_int(st, 1, (int)tier);
	sqlite3_bind_int64(st, 2, from);
	sqlite3_bind_int64(st, 3, to);
	sqlite3_bind_int64(st, 4, measurement);
	return delete_counted(s, st, points, eb);
}

void store_checkpoint(struct store *s)
{
	(void)keeper_checkpoint(&s->file);
}

void store_truncate_log(struct store *s)
{
	keeper_truncate_log(&s->file);
}

enum err store_take_freeze(struct store *s, struct errbuf *eb)
{
	store_reader_let_go(s->reader);
	return keeper_take_freeze(&s->file, eb);
}

struct freeze *store_freeze(struct store *s)
{
	return s->file.freeze;
}

struct file_figures *store_file_figures(const struct store *s)
{
	return s->file.figures;
}

enum err store_vacuum(struct store *s, unsigned pages, uint64_t *left, struct errbuf *eb)
{
	enum err e = keeper_ready(&s->file, eb);

	if (e == ERR_OK)
		e = keeper_vacuum(&s->file, pages, left, eb);
	if (e == ERR_OK)
		publish(s);
	return e;
}
