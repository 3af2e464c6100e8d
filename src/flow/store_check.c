#include "flow/store_check.h"

#include <stdio.h>

#include "store/block.h"
#include "store/database.h"
#include "store/store_walk.h"

enum { NAMES = 4096 }; /* a step */
#define BYTES_MAX (UINT64_C(64) << 30)

struct looking {
	struct check *check;
	struct store_walk *walk;
	struct block_unpacker *unpacker;
	struct arena arena; /* of a block */
	uint64_t bytes;
};

/* The series: there may be a million. */
static enum err look_at_names(struct check *c, sqlite3 *db, struct errbuf *eb)
{
	sqlite3_stmt *st;
	int64_t last = -1;
	bool more = true;
	enum err e = database_prepare(db, &st,
	    "SELECT max(id), sum(length(key)) FROM (SELECT id, key FROM series WHERE id > ? ORDER BY id LIMIT ?)", eb);

	while (e == ERR_OK && more) {
		sqlite3_bind_int64(st, 1, last);
		sqlite3_bind_int(st, 2, NAMES);
		int rc = sqlite3_step(st);
		if (rc != SQLITE_ROW)
			e = database_error(db, "read the series", eb);
		more = rc == SQLITE_ROW && sqlite3_column_type(st, 0) != SQLITE_NULL &&
		    sqlite3_column_int64(st, 0) > last;
		last = more ? sqlite3_column_int64(st, 0) : last;
		sqlite3_reset(st);
		if (e == ERR_OK && !check_go_on(c))
			e = ERR_CLOSED;
	}
	sqlite3_finalize(st);
	return check_took(c, e, eb);
}

static enum err look_at_block(struct looking *l, const struct store_walk_item *i, struct errbuf *eb)
{
	struct block_source source;
	struct block b;
	char what[128];

	arena_clear(&l->arena);
	enum err e = store_walk_source(l->walk, i, &source, eb);
	if (e == ERR_NOTFOUND) /* merged meanwhile */
		return ERR_OK;
	uint64_t size = e == ERR_OK ? source.size : 0;
	if (e == ERR_OK)
		e = block_open(&b, source, &l->arena);
	if (e == ERR_OK)
		e = block_check(&b, l->unpacker);
	store_walk_let_go(l->walk);
	check_read(l->check, 1, size);
	l->bytes += size;
	if (e != ERR_CORRUPT && e != ERR_IO)
		return e;
	snprintf(what, sizeof what, "%s %lld (%s) is damaged", i->item.piece ? "piece" : "block", (long long)i->item.id,
	    tier_name(i->place.tier));
	check_found(l->check, 1, store_walk_met_damage(l->walk), what);
	return ERR_OK;
}

static enum err look_at_blocks(struct looking *l, struct errbuf *eb)
{
	struct store_walk_item item;
	struct store_walk_loss loss;
	enum err e;

	while ((e = store_walk_next(l->walk, &item, &loss, eb)) == ERR_OK || e == ERR_CORRUPT) {
		if (e == ERR_CORRUPT)
			check_found(l->check, loss.items, true, "pages of the blocks cannot be read");
		else
			e = look_at_block(l, &item, eb);
		if (e != ERR_OK && e != ERR_CORRUPT)
			return e;
		if (!check_go_on(l->check))
			return ERR_CLOSED;
		if (l->bytes >= BYTES_MAX)
			return ERR_OK;
	}
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err look(struct check *c, const char *path, struct errbuf *eb)
{
	static const char *const tables[] = { "database", "measurement", "field", "meta", "gap" };
	const struct store_walk_at begin = { 0 };
	struct looking l = { .check = c };

	if (block_unpacker_new(&l.unpacker) != ERR_OK)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	arena_init(&l.arena, 64 << 10, (size_t)64 << 20);
	enum err e = store_walk_open(&l.walk, path, &begin, eb);
	if (e == ERR_OK)
		e = check_tables(c, store_walk_db(l.walk), tables, sizeof tables / sizeof *tables, eb);
	if (e == ERR_OK)
		e = look_at_names(c, store_walk_db(l.walk), eb);
	if (e == ERR_OK)
		e = look_at_blocks(&l, eb);
	store_walk_close(l.walk);
	block_unpacker_free(l.unpacker);
	arena_fini(&l.arena);
	return e;
}

const struct check_kind store_check = { "hf-store-check", "blocks", "cannot be read, or not whole", look };
