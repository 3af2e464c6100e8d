#include "base/clock.h"
#include "base/counter.h"
#include "flow/store_salvage_part.h"
#include "store/block_rescue.h"

enum { CELLS_MAX = 1 << 20 }; /* decoded at a time */

/* ---- what is lost ---- */

static void widen(struct losses *l, unsigned i, uint64_t points, int64_t from_ns, int64_t to_ns)
{
	if (l->points[i] == 0 || from_ns < l->from_ns[i])
		l->from_ns[i] = from_ns;
	if (l->points[i] == 0 || to_ns > l->to_ns[i])
		l->to_ns[i] = to_ns;
	l->points[i] += points;
}

void store_salvage_lose(struct salvaged_file *f, const struct store_walk_loss *l)
{
	uint64_t points = l->points ? l->points : 1;

	widen(&f->now.losses, l->tier < 0 ? TIERS : (unsigned)l->tier, points, l->from_ns, l->to_ns);
	f->now.lost_blocks += (int64_t)l->items;
	f->now.lost_points += (int64_t)points;
	counter_add(COUNTER_STORE_LOST_POINTS, points);
}

static void lose_of_item(struct salvaged_file *f, const struct store_walk_item *i, uint64_t items, uint64_t points)
{
	enum tier t = i->place.tier;
	const struct store_walk_loss l = { items, points, (int)t, tier_window_start(t, i->place.window),
		tier_window_start(t, i->place.window + 1) - 1 };

	store_salvage_lose(f, &l);
}

/* ---- a block ---- */

/* The columns under their present fields, those that have none left out. */
static bool rename_columns(struct salvaged_file *f, const struct store_walk_item *i, struct rows *r)
{
	struct rows_column *columns = (struct rows_column *)r->columns;
	uint32_t n = 0, all = r->column_count;

	for (uint32_t k = 0; k < all; k++) {
		const struct field *now = store_names_field(f->names, i->place.measurement, columns[k].field);
		bool raw = columns[k].kind == COLUMN_VALUE;
		if (!now || raw != (i->place.tier == TIER_RAW) || (raw && columns[k].type != now->type))
			continue;
		columns[n] = columns[k];
		columns[n++].field = now->index;
	}
	r->column_count = n;
	return n == all;
}

/* Rows must lie in their window: the row of the table may be damaged. */
static bool is_in_window(const struct store_walk_item *i, const struct rows *r)
{
	return r->times[0] >= tier_window_start(i->place.tier, i->place.window) &&
	    r->times[r->count - 1] < tier_window_start(i->place.tier, i->place.window + 1);
}

static uint64_t rows_of(const struct block *b, uint32_t from, uint32_t to)
{
	uint64_t n = 0;

	for (uint32_t i = from; i < to; i++)
		n += b->series[i].rows;
	return n;
}

/* Chunks [from, to) of the block to a piece. */
static enum err take_chunks(struct salvaged_file *f, const struct store_walk_item *i, struct block *b,
    const struct store_place *place, uint32_t from, uint32_t to, struct errbuf *eb)
{
	struct store_salvage *s = f->of;
	struct older_chunk *chunks;
	struct rows *rows;
	uint32_t n = 0;
	uint64_t lost = 0;
	bool whole;

	arena_clear(&s->rows);
	rows = arena_alloc(&s->rows, (to - from) * sizeof *rows, 16);
	chunks = arena_alloc(&s->rows, (to - from) * sizeof *chunks, 16);
	if (!rows || !chunks)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	enum err e = block_rescue(b, from, to, s->unpacker, &s->rows, rows, &whole);
	if (e == ERR_CORRUPT) {
		lose_of_item(f, i, from == 0, rows_of(b, from, to));
		return ERR_OK;
	}
	if (e != ERR_OK)
		return errbuf_set(eb, e, "out of memory");
	for (uint32_t k = from; k < to; k++) {
		struct rows *r = &rows[k - from];
		const struct series *now = store_names_series(f->names, i->place.measurement, b->series[k].ordinal);
		bool kept = now && is_in_window(i, r);
		if (!kept || !rename_columns(f, i, r) || !whole)
			lost += r->count;
		if (kept && r->column_count)
			chunks[n++] = (struct older_chunk){ now->ordinal, *r };
	}
	if (lost)
		lose_of_item(f, i, from == 0, lost);
	return older_add(s->older, place, chunks, n, eb);
}

static bool is_old(struct store_salvage *s, const struct store_walk_item *i, const struct measurement *m)
{
	int64_t keep = s->opts.retention_ns ? s->opts.retention_ns(s->opts.arg, i->place.tier, measurement_name(m))
					    : INT64_MAX;
	int64_t now = clock_wall_ns();

	return keep < now && tier_window_start(i->place.tier, i->place.window + 1) <= now - keep;
}

enum err store_salvage_take(struct salvaged_file *f, const struct store_walk_item *i, struct errbuf *eb)
{
	struct store_salvage *s = f->of;
	struct measurement *m = store_names_measurement(f->names, i->place.measurement);
	struct block_source source;
	struct block b;

	if (m && is_old(s, i, m)) {
		f->now.old_blocks++;
		return ERR_OK;
	}
	arena_clear(&s->items);
	enum err e = m ? store_walk_source(f->walk, i, &source, eb) : ERR_CORRUPT;
	if (e == ERR_OK) {
		f->done_bytes += source.size;
		e = block_open(&b, source, &s->items);
	}
	if (e == ERR_CORRUPT || e == ERR_IO || e == ERR_NOTFOUND) {
		lose_of_item(f, i, 1, i->item.points);
		return ERR_OK;
	}
	const struct store_place place = { i->place.tier, i->place.window, m ? measurement_id(m) : 0 };
	uint64_t points = older_points(s->older);
	for (uint32_t from = 0, to; e == ERR_OK && from < b.series_count; from = to) {
		uint64_t rows = 0;
		for (to = from; to < b.series_count && (to == from || rows * b.column_count < CELLS_MAX); to++)
			rows += b.series[to].rows;
		e = take_chunks(f, i, &b, &place, from, to, eb);
	}
	if (e == ERR_TOOBIG)
		e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	if (e != ERR_OK)
		return e;
	points = older_points(s->older) - points;
	f->now.blocks += points > 0;
	f->now.points += (int64_t)points;
	counter_add(COUNTER_STORE_SALVAGED_POINTS, points);
	return ERR_OK;
}
