#include <stdio.h>

#include "base/timetext.h"
#include "store/database.h"
#include "store/store_internal.h"
#include "store/verify_internal.h"

#define ARENA_MAX ((size_t)512 << 20)

struct reading {
	struct block_unpacker *unpacker;
	struct arena arena;
	sqlite3_stmt *names; /* the measurement's */
};

static enum err read_compacted(struct verify *v, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(v->db, &st, "SELECT value FROM meta WHERE key = 'compacted_seq'", eb);

	if (e != ERR_OK)
		return e;
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		v->report->compacted_seq = (uint64_t)sqlite3_column_int64(st, 0);
	else if (rc != SQLITE_DONE)
		e = verify_step_failed(v, "read the table meta", eb);
	sqlite3_finalize(st);
	return e;
}

/* "block 12 (cpu, raw from 2026-01-31T12:00:00Z)" */
static void tell(
    struct verify *v, struct reading *r, const struct store_place *p, int64_t id, bool piece, const char *what)
{
	char time[32], name[80] = "a measurement without a name";

	timetext_format(time, tier_window_start(p->tier, p->window));
	sqlite3_bind_int64(r->names, 1, p->measurement);
	if (sqlite3_step(r->names) == SQLITE_ROW)
		snprintf(name, sizeof name, "%.*s", sqlite3_column_bytes(r->names, 0),
		    (const char *)sqlite3_column_blob(r->names, 0));
	sqlite3_reset(r->names);
	verify_fault(v, "%s %lld (%s, %s from %s): %s", piece ? "piece" : "block", (long long)id, name,
	    tier_name(p->tier), time, what);
}

struct found { /* in a block's bytes */
	uint64_t rows;
	uint32_t last_ordinal;
	int64_t min_ns, max_ns;
};

static void look_at(const struct block *b, const struct rows *rows, struct found *f)
{
	*f = (struct found){ b->rows, b->series[b->series_count - 1].ordinal, INT64_MAX, INT64_MIN };
	for (uint32_t i = 0; i < b->series_count; i++) { /* times rise, and there is one at least */
		int64_t first = rows[i].times[0], last = rows[i].times[rows[i].count - 1];
		f->min_ns = first < f->min_ns ? first : f->min_ns;
		f->max_ns = last > f->max_ns ? last : f->max_ns;
	}
}

/* Every column of every chunk, so every checksum. */
static enum err read_block(struct reading *r, struct view bytes, struct found *f)
{
	struct block b;

	arena_clear(&r->arena);
	enum err e = block_open(&b, block_source_memory(&bytes), &r->arena);
	if (e != ERR_OK)
		return e;
	struct block_wanted all = { .from = 0, .to = b.series_count };
	struct rows *out = arena_alloc(&r->arena, b.series_count * sizeof *out, 16);
	e = out ? block_read(&b, &all, r->unpacker, &r->arena, out) : ERR_NOMEM;
	if (e == ERR_OK)
		look_at(&b, out, f);
	return e;
}

static bool is_as_it_says(sqlite3_stmt *st, const struct found *f)
{
	return f->rows == (uint64_t)sqlite3_column_int64(st, 1) && f->last_ordinal == sqlite3_column_int64(st, 3) &&
	    f->min_ns == sqlite3_column_int64(st, 4) && f->max_ns == sqlite3_column_int64(st, 5);
}

static enum err check_item(
    struct verify *v, struct reading *r, sqlite3_stmt *st, const struct store_place *p, bool piece, struct errbuf *eb)
{
	int64_t id = sqlite3_column_int64(st, 0);
	struct found f;
	enum err e = read_block(
	    r, (struct view){ sqlite3_column_blob(st, 2), (size_t)sqlite3_column_bytes(st, 2) }, &f);

	if (e == ERR_CORRUPT)
		tell(v, r, p, id, piece, "its bytes are damaged");
	else if (e == ERR_OK && !is_as_it_says(st, &f))
		tell(v, r, p, id, piece, "its points, series or times are not those that it should have");
	else if (e != ERR_OK)
		return errbuf_set(
		    eb, e, "%s %lld cannot be read: %s", piece ? "piece" : "block", (long long)id, err_name(e));
	if (piece)
		v->report->pieces++;
	else
		v->report->blocks++;
	v->report->block_points += (uint64_t)sqlite3_column_int64(st, 1);
	return ERR_OK;
}

static bool place_of(sqlite3_stmt *st, bool piece, struct store_place *p)
{
	int64_t id = sqlite3_column_int64(st, 0), tier = piece ? sqlite3_column_int64(st, 6) : id >> 61;

	if (tier < 0 || tier >= TIERS)
		return false;
	*p = piece ? (struct store_place){ (enum tier)tier, sqlite3_column_int64(st, 7),
		(uint32_t)sqlite3_column_int64(st, 8) }
		   : (struct store_place){ (enum tier)tier, block_id_window(id), block_id_measurement(id) };
	return p->window >= 0 && p->window < STORE_WINDOWS_MAX;
}

static enum err check_items(struct verify *v, struct reading *r, bool piece, struct errbuf *eb)
{
	static const char *const sql[] = {
		"SELECT id, points, data, last_ordinal, min_ns, max_ns FROM block ORDER BY id",
		"SELECT id, points, data, last_ordinal, min_ns, max_ns, tier, window, measurement FROM piece ORDER BY id"
	};
	sqlite3_stmt *st;
	struct store_place p;
	int rc = SQLITE_DONE;
	enum err e = database_prepare(v->db, &st, sql[piece], eb);

	if (e != ERR_OK)
		return e;
	while (e == ERR_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (place_of(st, piece, &p))
			e = check_item(v, r, st, &p, piece, eb);
		else
			verify_fault(v, "%s %lld: there is no such place", piece ? "piece" : "block",
			    (long long)sqlite3_column_int64(st, 0));
	}
	if (e == ERR_OK && rc != SQLITE_DONE)
		e = verify_step_failed(v, piece ? "read its pieces" : "read its blocks", eb);
	sqlite3_finalize(st);
	return e;
}

/* Blocks of measurements, or of series, that the tables of names do not have. */
static enum err check_names(struct verify *v, struct errbuf *eb)
{
	static const char sql[] =
	    "WITH used(measurement, ordinal) AS (SELECT id >> 27 & 16383, last_ordinal FROM block UNION "
	    "SELECT measurement, last_ordinal FROM piece) SELECT count(*) FROM used WHERE measurement NOT IN "
	    "(SELECT id FROM measurement) OR (measurement << 20 | ordinal) NOT IN (SELECT id FROM series)";
	sqlite3_stmt *st;
	enum err e = database_prepare(v->db, &st, sql, eb);

	if (e != ERR_OK)
		return e;
	if (sqlite3_step(st) != SQLITE_ROW)
		e = verify_step_failed(v, "look at its names", eb);
	else if (sqlite3_column_int64(st, 0))
		verify_fault(v, "%lld ranges of blocks have no measurement or series of theirs",
		    (long long)sqlite3_column_int64(st, 0));
	sqlite3_finalize(st);
	return e;
}

enum err verify_store(struct verify *v, struct errbuf *eb)
{
	struct reading r = { 0 };
	enum err e = read_compacted(v, eb);

	arena_init(&r.arena, 1 << 20, ARENA_MAX);
	if (e == ERR_OK && block_unpacker_new(&r.unpacker) != ERR_OK)
		e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	if (e == ERR_OK)
		e = database_prepare(v->db, &r.names, "SELECT name FROM measurement WHERE id = ?", eb);
	if (e == ERR_OK)
		e = check_items(v, &r, false, eb);
	if (e == ERR_OK)
		e = check_items(v, &r, true, eb);
	if (e == ERR_OK)
		e = check_names(v, eb);
	sqlite3_finalize(r.names);
	block_unpacker_free(r.unpacker);
	arena_fini(&r.arena);
	return e;
}
