/* flush   a generation holds a run of the spool's rows. Per measurement: the rows of each series, sorted; cut at the
 *         windows' ends; written window after window. Pieces are not packed: they are merged soon. */
#include "store/compaction.h"

#include <stdlib.h>

#include "base/counter.h"
#include "store/compaction_part.h"
#include "store/store_internal.h"

enum { LEVEL = 3, PIECE_BYTES = 1 << 20, ARENA_BLOCK = 256 << 10 };
#define ARENA_MAX ((size_t)1 << 30)

struct chunk { /* of a flush: one series in one window */
	int64_t window;
	uint32_t ordinal;
	struct rows rows;
};

enum err compaction_new(struct compaction **out, const struct compaction_opts *opts, struct errbuf *eb)
{
	struct compaction *c = calloc(1, sizeof *c);
	int level = opts->level ? opts->level : LEVEL;

	*out = NULL;
	if (!c)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	c->opts = *opts;
	if (!c->opts.batch_bytes)
		c->opts.batch_bytes = (size_t)16 << 20;
	c->reader = store_own_reader(opts->store);
	arena_init(&c->items, ARENA_BLOCK, ARENA_MAX);
	arena_init(&c->rows, ARENA_BLOCK, ARENA_MAX);
	if (block_unpacker_new(&c->unpacker) != ERR_OK || series_store_mark_new(&c->mark) != ERR_OK ||
	    block_writer_new(&c->blocks.writer, level) != ERR_OK || block_writer_new(&c->pieces.writer, 0) != ERR_OK ||
	    block_writer_new(&c->minutes.writer, 0) != ERR_OK || block_writer_new(&c->coarser.writer, 0) != ERR_OK) {
		compaction_free(c);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	*out = c;
	return ERR_OK;
}

void compaction_free(struct compaction *c)
{
	if (!c)
		return;
	block_writer_free(c->blocks.writer);
	block_writer_free(c->pieces.writer);
	block_writer_free(c->minutes.writer);
	block_writer_free(c->coarser.writer);
	block_unpacker_free(c->unpacker);
	series_store_mark_free(c->mark);
	arena_fini(&c->items);
	arena_fini(&c->rows);
	free(c->list);
	free(c->sketched);
	free(c);
}

/* ---- output ---- */

enum err compaction_put_out(struct compaction *c, struct output *o, unsigned part, struct errbuf *eb)
{
	struct view data;
	enum err e = block_writer_finish(o->writer, &data);

	if (e != ERR_OK)
		return errbuf_set(eb, e, "out of memory for a block");
	if (data.len == 0)
		return ERR_OK;
	e = o->piece ? store_add_piece(c->opts.store, &o->place, &o->item, data, eb)
		     : store_add_block(c->opts.store, &o->place, part, &o->item, data, eb);
	o->item = (struct store_item){ 0 };
	return e;
}

enum err compaction_add_rows(
    struct compaction *c, struct output *o, uint32_t ordinal, const struct rows *r, struct errbuf *eb)
{
	struct store_item *i = &o->item;
	uint32_t rows_max = o->piece ? UINT32_MAX : BLOCK_ROWS;
	size_t bytes_max = o->piece ? PIECE_BYTES : BLOCK_BYTES;

	if (r->count == 0)
		return ERR_OK;
	if (i->points &&
	    (block_writer_rows(o->writer) + (uint64_t)r->count > rows_max ||
		block_writer_bytes(o->writer) > bytes_max)) {
		enum err e = compaction_put_out(c, o, 0, eb);
		if (e != ERR_OK)
			return e;
	}
	if (i->points == 0)
		*i = (struct store_item){ .first_ordinal = ordinal, .min_ns = r->times[0], .max_ns = r->times[0] };
	i->last_ordinal = ordinal;
	i->points += r->count;
	i->min_ns = r->times[0] < i->min_ns ? r->times[0] : i->min_ns;
	i->max_ns = r->times[r->count - 1] > i->max_ns ? r->times[r->count - 1] : i->max_ns;
	if (block_writer_add(o->writer, ordinal, r) != ERR_OK)
		return errbuf_set(eb, ERR_NOMEM, "out of memory for a block");
	return ERR_OK;
}

bool compaction_slice(const struct rows *r, uint32_t from, uint32_t to, struct arena *a, struct rows *out)
{
	struct rows_column *columns = arena_alloc(a, (r->column_count + 1) * sizeof *columns, 16);
	uint32_t n = 0;

	if (!columns)
		return false;
	for (uint32_t i = 0; i < r->column_count; i++) {
		columns[n] = r->columns[i];
		columns[n].bits += from;
		if (columns[n].present) {
			columns[n].present += from;
			if (!memchr(columns[n].present, 1, to - from))
				continue;
		}
		n++;
	}
	*out = (struct rows){ to - from, false, r->times + from, n, columns };
	return true;
}

struct rows *compaction_list_slot(struct compaction *c, uint32_t i)
{
	if (i == c->list_room) {
		uint32_t room = c->list_room ? c->list_room * 2 : 64;
		struct rows *p = realloc(c->list, room * sizeof *p);
		if (!p)
			return NULL;
		c->list = p;
		c->list_room = room;
	}
	return &c->list[i];
}

static void start_over(struct compaction *c)
{
	struct view ignored;
	struct output *all[] = { &c->blocks, &c->pieces, &c->minutes, &c->coarser };

	for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
		(void)!block_writer_finish(all[i]->writer, &ignored);
		all[i]->item = (struct store_item){ 0 };
	}
}

enum err compaction_finish(struct compaction *c, enum err e, struct errbuf *eb)
{
	e = store_end(c->opts.store, e, eb);
	if (e == ERR_OK)
		store_checkpoint(c->opts.store);
	else
		start_over(c);
	return e;
}

/* ---- flush ---- */

/* The strip's rows, sorted. */
static enum err strip_rows(struct compaction *c, const struct head_strip *strip, struct rows *out)
{
	uint32_t n = 0;

	for (const struct segment *s = generation_first_segment(strip); s; s = generation_next_segment(s)) {
		struct rows *r = compaction_list_slot(c, n);
		if (!r || !generation_segment_rows(s, &c->items, r))
			return ERR_NOMEM;
		n += r->count > 0;
	}
	return rows_merge(c->list, n, INT64_MIN, INT64_MAX, &c->items, out);
}

struct chunks {
	struct chunk *of;
	uint32_t count, room;
};

static bool add_chunk(struct chunks *k, int64_t window, uint32_t ordinal, const struct rows *r)
{
	if (k->count == k->room) {
		uint32_t room = k->room ? k->room * 2 : 256;
		struct chunk *p = realloc(k->of, room * sizeof *p);
		if (!p)
			return false;
		k->of = p;
		k->room = room;
	}
	k->of[k->count++] = (struct chunk){ window, ordinal, *r };
	return true;
}

/* Cuts at the windows' ends. What lies in windows that are gone, or that cannot be, is counted. */
static bool cut(struct compaction *c, uint32_t ordinal, const struct rows *r, int64_t evicted_ns, struct chunks *out)
{
	for (uint32_t at = 0; at < r->count;) {
		int64_t w = tier_window(TIER_RAW, r->times[at]), end = tier_window_start(TIER_RAW, w + 1);
		uint32_t to = at + rows_lower_bound(r->times + at, r->count - at, end);
		struct rows one = *r;
		if (w < 0 || w >= STORE_WINDOWS_MAX || end <= evicted_ns)
			counter_add(COUNTER_COMPACT_LATE_POINTS, to - at);
		else if (((at || to < r->count) && !compaction_slice(r, at, to, &c->items, &one)) ||
		    !add_chunk(out, w, ordinal, &one))
			return false;
		at = to;
	}
	return true;
}

static int by_window(const void *a, const void *b)
{
	const struct chunk *x = a, *y = b;

	if (x->window != y->window)
		return x->window < y->window ? -1 : 1;
	return x->ordinal < y->ordinal ? -1 : x->ordinal > y->ordinal;
}

static enum err write_chunks(struct compaction *c, const struct measurement *m, struct chunks *k, struct errbuf *eb)
{
	struct output *o = &c->pieces;
	enum err e = ERR_OK;

	if (k->count)
		qsort(k->of, k->count, sizeof *k->of, by_window);
	o->piece = true;
	for (uint32_t i = 0; e == ERR_OK && i < k->count; i++) {
		if (i == 0 || k->of[i].window != o->place.window) {
			e = compaction_put_out(c, o, 0, eb);
			o->place = (struct store_place){ TIER_RAW, k->of[i].window, measurement_id(m) };
		}
		if (e == ERR_OK)
			e = compaction_add_rows(c, o, k->of[i].ordinal, &k->of[i].rows, eb);
	}
	return e == ERR_OK ? compaction_put_out(c, o, 0, eb) : e;
}

static enum err flush_measurement(
    struct compaction *c, const struct generation *g, const struct measurement *m, struct errbuf *eb)
{
	uint32_t n = measurement_series_count(m);
	struct chunks chunks = { 0 };
	int64_t evicted_ns;
	enum err e = store_reader_evicted(c->reader, TIER_RAW, measurement_id(m), &evicted_ns, eb);

	if (e != ERR_OK)
		return e;
	arena_clear(&c->items);
	for (uint32_t i = 0; e == ERR_OK && i < n; i++) {
		const struct head_strip *strip = generation_strip(g, measurement_series(m, i));
		struct rows r;
		if (!strip)
			continue;
		e = strip_rows(c, strip, &r);
		if (e == ERR_OK && r.count && !cut(c, i, &r, evicted_ns, &chunks))
			e = ERR_NOMEM;
	}
	e = e == ERR_OK ? write_chunks(c, m, &chunks, eb) : errbuf_set(eb, e, "out of memory to compact the head");
	free(chunks.of);
	return e;
}

/* What the catalogue has, and the file has not. */
static enum err add_names(struct compaction *c, struct errbuf *eb)
{
	if (c->openings != store_openings(c->opts.store)) {
		series_store_forget(c->mark);
		c->openings = store_openings(c->opts.store);
	}
	return series_store_add(c->opts.catalogue, store_db(c->opts.store), c->mark, eb);
}

enum err compaction_flush(struct compaction *c, const struct generation *g, uint64_t last_seq, struct errbuf *eb)
{
	uint32_t n = catalogue_measurement_count(c->opts.catalogue);
	enum err e = store_begin(c->opts.store, eb);

	if (e != ERR_OK)
		return e;
	for (uint32_t i = 0; e == ERR_OK && i < n; i++)
		e = flush_measurement(c, g, catalogue_measurement_at(c->opts.catalogue, i), eb);
	if (e == ERR_OK)
		e = add_names(c, eb);
	if (e == ERR_OK)
		e = store_set_compacted(c->opts.store, last_seq, eb);
	e = compaction_finish(c, e, eb);
	if (e == ERR_OK)
		series_store_committed(c->mark);
	return e;
}

enum err compaction_skip(struct compaction *c, uint64_t last_seq, struct errbuf *eb)
{
	enum err e = store_begin(c->opts.store, eb);

	if (e != ERR_OK)
		return e;
	return compaction_finish(c, store_set_compacted(c->opts.store, last_seq, eb), eb);
}

enum err compaction_transact(
    struct compaction *c, enum err (*fn)(struct store *s, void *arg, struct errbuf *eb), void *arg, struct errbuf *eb)
{
	enum err e = store_begin(c->opts.store, eb);

	if (e != ERR_OK)
		return e;
	e = fn(c->opts.store, arg, eb);
	if (e == ERR_OK)
		e = add_names(c, eb);
	e = compaction_finish(c, e, eb);
	if (e == ERR_OK)
		series_store_committed(c->mark);
	return e;
}
