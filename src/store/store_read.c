#include <stdio.h>
#include <stdlib.h>

#include "store/database.h"
#include "store/store_internal.h"

struct store_reader {
	sqlite3 *db;
	bool borrowed, in_transaction;
	bool met_damage; /* of the file's pages */
	sqlite3_stmt *compacted, *block_before, *blocks, *pieces, *next_block, *next_piece, *last_piece, *pieces_of,
	    *evicted, *gap;
	sqlite3_blob *blob[2]; /* of the tables block and piece, kept open from row to row */
	size_t blob_size;
	const struct store_item *item;
};

/* Pages that cannot be read, whether SQLite or the disk says so. A block's bytes are told by its checksums. */
static enum err fault(struct store_reader *r, const char *doing, struct errbuf *eb)
{
	int code = sqlite3_extended_errcode(r->db);
	enum err e = database_error(r->db, doing, eb);

	if (code == SQLITE_IOERR_READ || code == SQLITE_IOERR_SHORT_READ || code == SQLITE_IOERR_CORRUPTFS) {
		r->met_damage = true;
		return ERR_CORRUPT;
	}
	r->met_damage |= e == ERR_CORRUPT;
	return e;
}

bool store_reader_met_damage(const struct store_reader *r)
{
	return r->met_damage;
}

static enum err prepare_all(struct store_reader *r, struct errbuf *eb)
{
	const struct {
		sqlite3_stmt **st;
		const char *sql;
	} all[] = {
		{ &r->compacted, "SELECT value FROM meta WHERE key = 'compacted_seq'" },
		{ &r->block_before, "SELECT max(id) FROM block WHERE id BETWEEN ? AND ?" },
		{ &r->blocks,
		    "SELECT id, last_ordinal, min_ns, max_ns, points FROM block WHERE id BETWEEN ? AND ? ORDER BY id" },
		{ &r->gap,
		    "SELECT EXISTS (SELECT 1 FROM gap WHERE tier IN (-1, ?1) AND from_ns < ?3 AND to_ns >= ?2)" },
		{ &r->pieces,
		    "SELECT id, first_ordinal, last_ordinal, min_ns, max_ns, points FROM piece "
		    "WHERE tier = ?1 AND window = ?2 AND measurement = ?3 AND last_ordinal >= ?4 AND first_ordinal <= ?5 "
		    "AND (id < 0) = ?6 ORDER BY id" },
		{ &r->next_block, "SELECT min(id) FROM block WHERE id BETWEEN ? AND ?" },
		{ &r->next_piece,
		    "SELECT min(window) FROM piece WHERE tier = ?1 AND window >= ?2 AND measurement BETWEEN ?3 AND ?4" },
		{ &r->last_piece,
		    "SELECT max(window) FROM piece WHERE tier = ?1 AND window <= ?2 AND measurement = ?3" },
		{ &r->pieces_of, "SELECT tier, window, min_ns, max_ns FROM piece WHERE measurement = ?" },
		{ &r->evicted, "SELECT max(value) FROM meta WHERE key IN (?, ?)" },
	};
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < sizeof all / sizeof *all; i++)
		e = database_prepare(r->db, all[i].st, all[i].sql, eb);
	return e;
}

enum err store_reader_new(struct store_reader **out, struct errbuf *eb)
{
	*out = calloc(1, sizeof **out);
	return *out ? ERR_OK : errbuf_set(eb, ERR_NOMEM, "out of memory");
}

enum err store_reader_attach(struct store_reader *r, sqlite3 *db, struct errbuf *eb)
{
	r->db = db;
	r->borrowed = true;
	r->met_damage = false;
	enum err e = prepare_all(r, eb);
	if (e != ERR_OK)
		store_reader_detach(r);
	return e;
}

void store_reader_detach(struct store_reader *r)
{
	sqlite3_stmt **all[] = { &r->compacted, &r->block_before, &r->blocks, &r->pieces, &r->next_block,
		&r->next_piece, &r->last_piece, &r->pieces_of, &r->evicted, &r->gap };

	store_reader_end(r);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		sqlite3_finalize(*all[i]);
		*all[i] = NULL;
	}
	r->db = NULL;
}

enum err store_reader_open(struct store_reader **out, const char *path, struct errbuf *eb)
{
	struct store_reader *r = NULL;
	sqlite3 *db;
	enum err e = database_open_reader(&db, path, eb);

	*out = NULL;
	if (e != ERR_OK)
		return e;
	e = store_reader_new(&r, eb);
	if (e == ERR_OK)
		e = store_reader_attach(r, db, eb);
	if (e != ERR_OK) {
		free(r);
		sqlite3_close(db);
		return e;
	}
	r->borrowed = false;
	*out = r;
	return ERR_OK;
}

void store_reader_close(struct store_reader *r)
{
	if (!r)
		return;
	sqlite3 *own = r->borrowed ? NULL : r->db;
	store_reader_detach(r);
	sqlite3_close(own);
	free(r);
}

sqlite3 *store_reader_db(struct store_reader *r)
{
	return r->db;
}

void store_reader_let_go(struct store_reader *r)
{
	for (unsigned i = 0; i < 2; i++) {
		sqlite3_blob_close(r->blob[i]);
		r->blob[i] = NULL;
	}
}

enum err store_reader_begin(struct store_reader *r, uint64_t *compacted_seq, struct errbuf *eb)
{
	enum err e = database_exec(r->db, "BEGIN", eb);

	if (e != ERR_OK)
		return e;
	r->in_transaction = true;
	*compacted_seq = 0;
	int rc = sqlite3_step(r->compacted);
	if (rc == SQLITE_ROW)
		*compacted_seq = (uint64_t)sqlite3_column_int64(r->compacted, 0);
	else if (rc != SQLITE_DONE)
		e = fault(r, "read the store", eb);
	sqlite3_reset(r->compacted);
	if (e != ERR_OK)
		store_reader_end(r);
	return e;
}

void store_reader_end(struct store_reader *r)
{
	store_reader_let_go(r);
	if (r->in_transaction)
		sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL);
	r->in_transaction = false;
}

/* ---- lists ---- */

struct list {
	struct arena *arena;
	struct store_item *items;
	uint32_t count, room;
};

static struct store_item *add_item(struct list *l)
{
	if (l->count == l->room) {
		uint32_t room = l->room ? l->room * 2 : 16;
		struct store_item *p = arena_alloc(l->arena, room * sizeof *p, 16);
		if (!p)
			return NULL;
		if (l->count)
			memcpy(p, l->items, l->count * sizeof *p);
		l->items = p;
		l->room = room;
	}
	return &l->items[l->count++];
}

/* Where to begin, so that a block which begins before the ordinal and reaches it is seen. */
static int64_t block_reaching(struct store_reader *r, const struct store_place *p, uint32_t ordinal)
{
	int64_t from = block_id(p->tier, p->window, p->measurement, 0, 0),
		at = block_id(p->tier, p->window, p->measurement, ordinal, 0);

	if (ordinal == 0)
		return from;
	sqlite3_bind_int64(r->block_before, 1, from);
	sqlite3_bind_int64(r->block_before, 2, at);
	if (sqlite3_step(r->block_before) == SQLITE_ROW && sqlite3_column_type(r->block_before, 0) != SQLITE_NULL)
		from = sqlite3_column_int64(r->block_before, 0);
	sqlite3_reset(r->block_before);
	return from;
}

static enum err list_blocks(struct store_reader *r, const struct store_place *p, uint32_t first, uint32_t last,
    struct list *l, struct errbuf *eb)
{
	sqlite3_stmt *st = r->blocks;
	uint32_t ordinal_max = (1u << 20) - 1;
	int rc;

	sqlite3_bind_int64(st, 1, block_reaching(r, p, first));
	sqlite3_bind_int64(
	    st, 2, block_id(p->tier, p->window, p->measurement, last < ordinal_max ? last : ordinal_max, 127));
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if ((uint32_t)sqlite3_column_int64(st, 1) < first)
			continue;
		struct store_item *i = add_item(l);
		if (!i)
			break;
		*i = (struct store_item){ .id = sqlite3_column_int64(st, 0),
			.first_ordinal = block_id_ordinal(sqlite3_column_int64(st, 0)),
			.last_ordinal = (uint32_t)sqlite3_column_int64(st, 1),
			.min_ns = sqlite3_column_int64(st, 2),
			.max_ns = sqlite3_column_int64(st, 3),
			.points = (uint64_t)sqlite3_column_int64(st, 4) };
	}
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? ERR_OK
	    : rc == SQLITE_ROW	 ? errbuf_set(eb, ERR_NOMEM, "out of memory")
				 : fault(r, "read the blocks", eb);
}

static enum err list_pieces(struct store_reader *r, const struct store_place *p, uint32_t first, uint32_t last,
    bool older, struct list *l, struct errbuf *eb)
{
	sqlite3_stmt *st = r->pieces;
	int rc;

	sqlite3_bind_int(st, 1, (int)p->tier);
	sqlite3_bind_int64(st, 2, p->window);
	sqlite3_bind_int64(st, 3, p->measurement);
	sqlite3_bind_int64(st, 4, first);
	sqlite3_bind_int64(st, 5, last);
	sqlite3_bind_int(st, 6, older);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_item *i = add_item(l);
		if (!i)
			break;
		*i = (struct store_item){ .id = sqlite3_column_int64(st, 0),
			.piece = true,
			.first_ordinal = (uint32_t)sqlite3_column_int64(st, 1),
			.last_ordinal = (uint32_t)sqlite3_column_int64(st, 2),
			.min_ns = sqlite3_column_int64(st, 3),
			.max_ns = sqlite3_column_int64(st, 4),
			.points = (uint64_t)sqlite3_column_int64(st, 5) };
	}
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? ERR_OK
	    : rc == SQLITE_ROW	 ? errbuf_set(eb, ERR_NOMEM, "out of memory")
				 : fault(r, "read the pieces", eb);
}

enum err store_reader_list(struct store_reader *r, const struct store_place *place, uint32_t first_ordinal,
    uint32_t last_ordinal, struct arena *a, struct store_item **items, uint32_t *count, struct errbuf *eb)
{
	struct list l = { .arena = a };
	enum err e = list_pieces(r, place, first_ordinal, last_ordinal, true, &l, eb);

	if (e == ERR_OK)
		e = list_blocks(r, place, first_ordinal, last_ordinal, &l, eb);
	if (e == ERR_OK)
		e = list_pieces(r, place, first_ordinal, last_ordinal, false, &l, eb);
	*items = l.items;
	*count = l.count;
	return e;
}

/* ---- bytes ---- */

static enum err read_blob(void *arg, size_t offset, size_t n, void *to)
{
	struct store_reader *r = arg;
	int rc = n ? sqlite3_blob_read(r->blob[r->item->piece], to, (int)n, (int)offset) : SQLITE_OK;

	return rc == SQLITE_OK ? ERR_OK : fault(r, "read a block", NULL);
}

enum err store_reader_source(
    struct store_reader *r, const struct store_item *item, struct block_source *out, struct errbuf *eb)
{
	sqlite3_blob **blob = &r->blob[item->piece];
	int rc = *blob ? sqlite3_blob_reopen(*blob, item->id)
		       : sqlite3_blob_open(r->db, "main", item->piece ? "piece" : "block", "data", item->id, 0, blob);

	if (rc != SQLITE_OK) {
		enum err e = fault(r, "open a block", eb);
		sqlite3_blob_close(*blob);
		*blob = NULL;
		return e;
	}
	r->item = item;
	*out = (struct block_source){ (size_t)sqlite3_blob_bytes(*blob), read_blob, r };
	return ERR_OK;
}

/* ---- windows ---- */

static enum err first_number(struct store_reader *r, sqlite3_stmt *st, bool *any, int64_t *out, struct errbuf *eb)
{
	enum err e = ERR_OK;

	*any = false;
	if (sqlite3_step(st) != SQLITE_ROW)
		e = fault(r, "look for a window", eb);
	else if (sqlite3_column_type(st, 0) != SQLITE_NULL) {
		*any = true;
		*out = sqlite3_column_int64(st, 0);
	}
	sqlite3_reset(st);
	return e;
}

static enum err next_block_window(
    struct store_reader *r, enum tier tier, int64_t from, int64_t measurement, int64_t *window, struct errbuf *eb)
{
	int64_t at = block_id(tier, from, measurement < 0 ? 0 : (uint32_t)measurement, 0, 0),
		end = block_id(tier, STORE_WINDOWS_MAX - 1, (1u << 14) - 1, (1u << 20) - 1, 127);
	bool any;

	for (;;) {
		sqlite3_bind_int64(r->next_block, 1, at);
		sqlite3_bind_int64(r->next_block, 2, end);
		int64_t id = 0;
		enum err e = first_number(r, r->next_block, &any, &id, eb);
		if (e != ERR_OK || !any)
			return e == ERR_OK ? ERR_NOTFOUND : e;
		*window = block_id_window(id);
		int64_t m = block_id_measurement(id);
		if (measurement < 0 || m == measurement)
			return ERR_OK;
		/* to where the measurement would be, in this window or the next */
		at = block_id(tier, *window + (m > measurement), (uint32_t)measurement, 0, 0);
		if (*window + (m > measurement) >= STORE_WINDOWS_MAX)
			return ERR_NOTFOUND;
	}
}

enum err store_reader_next_window(
    struct store_reader *r, enum tier tier, int64_t from, int64_t measurement, int64_t *window, struct errbuf *eb)
{
	int64_t of_piece = 0;
	bool any;

	if (from >= STORE_WINDOWS_MAX)
		return ERR_NOTFOUND;
	from = from < 0 ? 0 : from;
	sqlite3_bind_int(r->next_piece, 1, (int)tier);
	sqlite3_bind_int64(r->next_piece, 2, from);
	sqlite3_bind_int64(r->next_piece, 3, measurement < 0 ? 0 : measurement);
	sqlite3_bind_int64(r->next_piece, 4, measurement < 0 ? INT64_MAX : measurement);
	enum err e = first_number(r, r->next_piece, &any, &of_piece, eb);
	if (e != ERR_OK)
		return e;
	e = next_block_window(r, tier, from, measurement, window, eb);
	if (any && (e == ERR_NOTFOUND || (e == ERR_OK && of_piece < *window))) {
		*window = of_piece;
		e = ERR_OK;
	}
	return e;
}

static enum err last_block_window(
    struct store_reader *r, enum tier tier, int64_t to, uint32_t measurement, int64_t *window, struct errbuf *eb)
{
	const int64_t first = block_id(tier, 0, 0, 0, 0);
	bool any;

	while (to >= 0) {
		int64_t id = 0;
		sqlite3_bind_int64(r->block_before, 1, first);
		sqlite3_bind_int64(r->block_before, 2, block_id(tier, to, measurement, (1u << 20) - 1, 127));
		enum err e = first_number(r, r->block_before, &any, &id, eb);
		if (e != ERR_OK || !any)
			return e == ERR_OK ? ERR_NOTFOUND : e;
		*window = block_id_window(id);
		if (block_id_measurement(id) == measurement)
			return ERR_OK;
		/* to where the measurement would be, in this window or the one before */
		to = *window - (block_id_measurement(id) < measurement);
	}
	return ERR_NOTFOUND;
}

enum err store_reader_last_window(
    struct store_reader *r, enum tier tier, int64_t to, uint32_t measurement, int64_t *window, struct errbuf *eb)
{
	int64_t of_piece = 0;
	bool any;

	if (to < 0)
		return ERR_NOTFOUND;
	to = to < STORE_WINDOWS_MAX ? to : STORE_WINDOWS_MAX - 1;
	sqlite3_bind_int(r->last_piece, 1, (int)tier);
	sqlite3_bind_int64(r->last_piece, 2, to);
	sqlite3_bind_int64(r->last_piece, 3, measurement);
	enum err e = first_number(r, r->last_piece, &any, &of_piece, eb);
	if (e != ERR_OK)
		return e;
	e = last_block_window(r, tier, to, measurement, window, eb);
	if (any && (e == ERR_NOTFOUND || (e == ERR_OK && of_piece > *window))) {
		*window = of_piece;
		e = ERR_OK;
	}
	return e;
}

enum err store_reader_pieces(struct store_reader *r, uint32_t measurement, struct arena *a,
    struct store_piece_range **out, uint32_t *count, struct errbuf *eb)
{
	sqlite3_stmt *st = r->pieces_of;
	enum err e = ERR_OK;
	uint32_t room = 0;
	int rc;

	*out = NULL;
	*count = 0;
	sqlite3_bind_int64(st, 1, measurement);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (*count == room) {
			room = room ? room * 2 : 64;
			struct store_piece_range *p = arena_alloc(a, room * sizeof *p, 16);
			if (!p) {
				e = errbuf_set(eb, ERR_TOOBIG, "too many pieces");
				break;
			}
			if (*count)
				memcpy(p, *out, *count * sizeof *p);
			*out = p;
		}
		(*out)[(*count)++] = (struct store_piece_range){ (enum tier)sqlite3_column_int(st, 0),
			sqlite3_column_int64(st, 1), sqlite3_column_int64(st, 2), sqlite3_column_int64(st, 3) };
	}
	if (e == ERR_OK && rc != SQLITE_DONE)
		e = fault(r, "read the pieces", eb);
	sqlite3_reset(st);
	return e;
}

/* The later of the mark of all and the measurement's own; INT64_MIN: neither. */
static enum err read_mark(
    struct store_reader *r, const char *name, uint32_t measurement, int64_t *time_ns, struct errbuf *eb)
{
	char own[64];
	bool any;

	snprintf(own, sizeof own, "%s_%u", name, measurement);
	sqlite3_bind_text(r->evicted, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_text(r->evicted, 2, own, -1, SQLITE_STATIC);
	enum err e = first_number(r, r->evicted, &any, time_ns, eb);
	if (!any)
		*time_ns = INT64_MIN;
	sqlite3_clear_bindings(r->evicted);
	return e;
}

enum err store_reader_evicted(
    struct store_reader *r, enum tier tier, uint32_t measurement, int64_t *time_ns, struct errbuf *eb)
{
	char name[32];

	snprintf(name, sizeof name, "evicted_%s_ns", tier_name(tier));
	return read_mark(r, name, measurement, time_ns, eb);
}

enum err store_reader_without_minutes(struct store_reader *r, uint32_t measurement, int64_t *time_ns, struct errbuf *eb)
{
	return read_mark(r, "without_minutes_ns", measurement, time_ns, eb);
}

enum err store_reader_gap(
    struct store_reader *r, enum tier tier, int64_t from_ns, int64_t to_ns, bool *any, struct errbuf *eb)
{
	int64_t found = 0;

	sqlite3_bind_int(r->gap, 1, (int)tier);
	sqlite3_bind_int64(r->gap, 2, from_ns);
	sqlite3_bind_int64(r->gap, 3, to_ns);
	enum err e = first_number(r, r->gap, any, &found, eb);
	*any = found != 0;
	return e;
}

enum err store_reader_pending(
    struct store_reader *r, struct arena *a, struct store_pending **out, uint32_t *count, struct errbuf *eb)
{
	sqlite3_stmt *st;
	uint32_t room = 0;
	int rc;
	enum err e = database_prepare(r->db, &st,
	    "SELECT tier, window, measurement, count(*), sum(points), min(written_ns), max(written_ns) FROM piece "
	    "GROUP BY measurement, tier, window ORDER BY tier, window, measurement",
	    eb);

	*out = NULL;
	*count = 0;
	if (e != ERR_OK)
		return e;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (*count == room) {
			room = room ? room * 2 : 64;
			struct store_pending *p = arena_alloc(a, room * sizeof *p, 16);
			if (!p) {
				e = errbuf_set(eb, ERR_NOMEM, "out of memory");
				break;
			}
			if (*count)
				memcpy(p, *out, *count * sizeof *p);
			*out = p;
		}
		(*out)[(*count)++] = (struct store_pending){ { (enum tier)sqlite3_column_int(st, 0),
								 sqlite3_column_int64(st, 1),
								 (uint32_t)sqlite3_column_int64(st, 2) },
			(uint32_t)sqlite3_column_int64(st, 3), (uint64_t)sqlite3_column_int64(st, 4),
			sqlite3_column_int64(st, 5), sqlite3_column_int64(st, 6) };
	}
	if (e == ERR_OK && rc != SQLITE_DONE)
		e = fault(r, "read the pieces", eb);
	sqlite3_finalize(st);
	return e;
}

/* ---- totals ---- */

static void add_total(struct store_tier_totals *t, sqlite3_stmt *st, uint64_t *items)
{
	int64_t oldest = sqlite3_column_int64(st, 4), newest = sqlite3_column_int64(st, 5);
	bool first = t->blocks + t->pieces == 0;

	*items += (uint64_t)sqlite3_column_int64(st, 1);
	t->points += (uint64_t)sqlite3_column_int64(st, 2);
	t->bytes += (uint64_t)sqlite3_column_int64(st, 3);
	if (first || oldest < t->oldest_ns)
		t->oldest_ns = oldest;
	if (first || newest > t->newest_ns)
		t->newest_ns = newest;
}

enum err store_reader_totals(struct store_reader *r, struct store_tier_totals out[TIERS], struct errbuf *eb)
{
	static const char *const sql[] = {
		"SELECT id >> 61, count(*), sum(points), sum(length(data)), min(min_ns), max(max_ns) FROM block GROUP BY 1",
		"SELECT tier, count(*), sum(points), sum(length(data)), min(min_ns), max(max_ns) FROM piece GROUP BY 1",
	};
	enum err e = ERR_OK;

	memset(out, 0, TIERS * sizeof *out);
	for (unsigned i = 0; e == ERR_OK && i < 2; i++) {
		sqlite3_stmt *st;
		int rc;
		e = database_prepare(r->db, &st, sql[i], eb);
		if (e != ERR_OK)
			break;
		while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
			struct store_tier_totals *t = &out[sqlite3_column_int(st, 0) & 3];
			add_total(t, st, i ? &t->pieces : &t->blocks);
		}
		if (rc != SQLITE_DONE)
			e = fault(r, "add up the store", eb);
		sqlite3_finalize(st);
	}
	return e;
}

/* ---- from when to when ---- */

struct measured { /* of a measurement: from its coarsest tier down */
	int64_t id;
	uint32_t db;
	enum tier tier; /* seen last */
	int64_t from_ns, to_ns;
};

/* A rollup's timestamp is the beginning of its bucket. The finer tier says more exactly where the first bucket begins: it
 * goes by whole windows, which begin with a bucket of the coarser one. The newest points are always raw. */
static void narrow(struct measured *m, enum tier tier, int64_t min_ns, int64_t max_ns)
{
	bool within = min_ns >= m->from_ns && min_ns - m->from_ns < tier_bucket_ns(m->tier);
	int64_t width_ns = tier == TIER_RAW ? 1 : tier_bucket_ns(tier);
	int64_t to_ns = max_ns < INT64_MAX - width_ns ? max_ns + width_ns : INT64_MAX;

	m->from_ns = within || min_ns < m->from_ns ? min_ns : m->from_ns;
	m->to_ns = tier == TIER_RAW || to_ns > m->to_ns ? to_ns : m->to_ns;
	m->tier = tier;
}

static void widen_span(struct store_span *out, uint32_t max, uint32_t *count, const struct measured *m)
{
	uint32_t i = 0;

	while (i < *count && out[i].db != m->db)
		i++;
	if (i == max)
		return;
	if (i == *count)
		out[(*count)++] = (struct store_span){ m->db, m->from_ns, m->to_ns };
	if (m->from_ns < out[i].from_ns)
		out[i].from_ns = m->from_ns;
	if (m->to_ns > out[i].to_ns)
		out[i].to_ns = m->to_ns;
}

/* A gap may be of any database that is known: measurement -1, as if it were raw. */
enum err store_reader_spans(
    struct store_reader *r, struct store_span *out, uint32_t max, uint32_t *count, struct errbuf *eb)
{
	static const char sql[] =
	    "SELECT m.id, m.db, x.tier, min(x.min_ns), max(x.max_ns) FROM ("
	    " SELECT id >> 61 AS tier, (id >> 27) & 16383 AS measurement, min_ns, max_ns FROM block"
	    " UNION ALL SELECT tier, measurement, min_ns, max_ns FROM piece) x"
	    " JOIN measurement m ON m.id = x.measurement GROUP BY m.id, x.tier "
	    "UNION ALL SELECT -1, database.id, 0, min(from_ns), max(to_ns) FROM database, gap GROUP BY database.id "
	    "ORDER BY 1, 2, 3 DESC";
	sqlite3_stmt *st;
	struct measured m = { .id = -2 };
	enum err e = database_prepare(r->db, &st, sql, eb);
	int rc;

	*count = 0;
	if (e != ERR_OK)
		return e;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(st, 0), min_ns = sqlite3_column_int64(st, 3);
		uint32_t db = (uint32_t)sqlite3_column_int64(st, 1);
		enum tier tier = (enum tier)(sqlite3_column_int(st, 2) & 3);
		if (id != m.id || db != m.db) {
			if (m.id != -2)
				widen_span(out, max, count, &m);
			m = (struct measured){ id, db, tier, min_ns, INT64_MIN };
		}
		narrow(&m, tier, min_ns, sqlite3_column_int64(st, 4));
	}
	if (m.id != -2)
		widen_span(out, max, count, &m);
	if (rc != SQLITE_DONE)
		e = fault(r, "look what the store holds", eb);
	sqlite3_finalize(st);
	return e;
}
