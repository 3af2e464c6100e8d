/* flush   a generation holds a run of the spool's rows. Per measurement: the rows of each series, sorted; cut at the
 *         windows' ends; written window after window. Pieces are not packed: they are merged soon.
 * merge   the ordinals that pieces hold are taken in batches, each with the blocks whose range of ordinals it touches:
 *         read, put together series by series (the block first, then the pieces in order of writing, so that the last
 *         write wins), written as new blocks in place of the old, and rolled up. Blocks that no piece touches stay.
 *         Rollups are made anew from all rows of the window and replace those made before, so late points and work
 *         done twice come out the same. */
#include "store/compaction.h"

#include <stdlib.h>

#include "base/counter.h"
#include "base/log.h"
#include "store/rollup.h"
#include "store/series_store.h"
#include "store/store_internal.h"

enum { LEVEL = 3, PIECE_BYTES = 1 << 20, PARTS_MAX = 128, ARENA_BLOCK = 256 << 10 };
#define ARENA_MAX ((size_t)2 << 30)
#define MINUTES_BELOW_NS (5 * NS_PER_S) /* raw rows this near get a minute's rollup at once */

struct chunk { /* of a flush: one series in one window */
	int64_t window;
	uint32_t ordinal;
	struct rows rows;
};

struct output { /* a place being written */
	struct block_writer *writer;
	struct store_place place;
	bool piece;
	struct store_item item; /* what the writer has so far */
};

struct source { /* an item being merged */
	struct store_item item;
	struct block block;
	struct rows *rows; /* of the batch: chunks [from, to) of the block */
	uint32_t from, to, at;
};

struct batch_range {
	uint32_t first, last; /* ordinals */
};

struct compaction {
	struct compaction_opts opts;
	struct store_reader *reader; /* the store's own */
	struct series_store_mark *mark;
	struct block_unpacker *unpacker;
	struct arena items, rows; /* of a call, of a batch */
	struct output blocks, pieces, minutes, coarser;
	struct rows *list;
	uint32_t list_room;
	bool *sketched;
	uint32_t sketched_room;
	bool want_minutes;
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

static enum err put_out(struct compaction *c, struct output *o, unsigned part, struct errbuf *eb)
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

static enum err add_rows(
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
		enum err e = put_out(c, o, 0, eb);
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

/* Rows [from, to) of r, in the arena. */
static bool slice(const struct rows *r, uint32_t from, uint32_t to, struct arena *a, struct rows *out)
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

/* A series whose rows fill several blocks: blocks of its own, part by part. */
static enum err add_parts(
    struct compaction *c, struct output *o, uint32_t ordinal, const struct rows *r, struct errbuf *eb)
{
	uint32_t step = r->count / PARTS_MAX + 1;
	enum err e = put_out(c, o, 0, eb);

	step = step > BLOCK_ROWS ? step : BLOCK_ROWS;
	for (uint32_t at = 0, part = 0; e == ERR_OK && at < r->count; at += step, part++) {
		struct rows one;
		if (!slice(r, at, r->count - at < step ? r->count : at + step, &c->rows, &one))
			return errbuf_set(eb, ERR_NOMEM, "out of memory");
		e = add_rows(c, o, ordinal, &one, eb);
		if (e == ERR_OK)
			e = put_out(c, o, part, eb);
	}
	return e;
}

/* ---- flush ---- */

static struct rows *list_slot(struct compaction *c, uint32_t i)
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

/* The strip's rows, sorted. */
static enum err strip_rows(struct compaction *c, const struct head_strip *strip, struct rows *out)
{
	uint32_t n = 0;

	for (const struct segment *s = generation_first_segment(strip); s; s = generation_next_segment(s)) {
		struct rows *r = list_slot(c, n);
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
		else if (((at || to < r->count) && !slice(r, at, to, &c->items, &one)) ||
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
			e = put_out(c, o, 0, eb);
			o->place = (struct store_place){ TIER_RAW, k->of[i].window, measurement_id(m) };
		}
		if (e == ERR_OK)
			e = add_rows(c, o, k->of[i].ordinal, &k->of[i].rows, eb);
	}
	return e == ERR_OK ? put_out(c, o, 0, eb) : e;
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

static void start_over(struct compaction *c)
{
	struct view ignored;
	struct output *all[] = { &c->blocks, &c->pieces, &c->minutes, &c->coarser };

	for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
		(void)!block_writer_finish(all[i]->writer, &ignored);
		all[i]->item = (struct store_item){ 0 };
	}
}

/* Ends a transaction, well or not. */
static enum err finish(struct compaction *c, enum err e, struct errbuf *eb)
{
	if (e == ERR_OK)
		e = store_commit(c->opts.store, eb);
	else
		store_rollback(c->opts.store);
	if (e == ERR_OK)
		store_checkpoint(c->opts.store);
	else
		start_over(c);
	return e;
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
		e = series_store_add(c->opts.catalogue, store_db(c->opts.store), c->mark, eb);
	if (e == ERR_OK)
		e = store_set_compacted(c->opts.store, last_seq, eb);
	e = finish(c, e, eb);
	if (e == ERR_OK)
		series_store_committed(c->mark);
	return e;
}

enum err compaction_skip(struct compaction *c, uint64_t last_seq, struct errbuf *eb)
{
	enum err e = store_begin(c->opts.store, eb);

	if (e != ERR_OK)
		return e;
	return finish(c, store_set_compacted(c->opts.store, last_seq, eb), eb);
}

/* ---- merge ---- */

static enum err open_item(struct compaction *c, struct source *s, struct errbuf *eb)
{
	struct block_source bytes;
	enum err e = store_reader_source(c->reader, &s->item, &bytes, eb);

	if (e != ERR_OK)
		return e;
	e = block_open(&s->block, bytes, &c->items);
	return e == ERR_OK
	    ? ERR_OK
	    : errbuf_set(eb, e, "%s %lld cannot be read", s->item.piece ? "piece" : "block", (long long)s->item.id);
}

/* The chunks of the range, to memory. */
static enum err load_rows(struct compaction *c, struct source *s, const struct batch_range *range, struct errbuf *eb)
{
	s->from = s->at = block_find(&s->block, range->first);
	s->to = block_find(&s->block, range->last + 1);
	s->rows = NULL;
	if (s->from == s->to)
		return ERR_OK;
	enum err e = store_reader_source(c->reader, &s->item, &s->block.source, eb);
	if (e != ERR_OK)
		return e;
	s->rows = arena_alloc(&c->rows, (s->to - s->from) * sizeof *s->rows, 16);
	if (!s->rows)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	const struct block_wanted all = { .from = s->from, .to = s->to };
	e = block_read(&s->block, &all, c->unpacker, &c->rows, s->rows);
	return e == ERR_OK
	    ? ERR_OK
	    : errbuf_set(eb, e, "%s %lld cannot be read", s->item.piece ? "piece" : "block", (long long)s->item.id);
}

/* Which fields of the measurement get a sketch. */
static bool find_sketched(struct compaction *c, const struct measurement *m, struct rollup_opts *o)
{
	const struct catalogue_layout *l = measurement_layout(m);

	if (!c->opts.is_sketched)
		return true;
	if (l->count > c->sketched_room) {
		free(c->sketched);
		c->sketched = calloc(l->count, sizeof *c->sketched);
		c->sketched_room = c->sketched ? l->count : 0;
		if (!c->sketched)
			return false;
	}
	for (uint32_t i = 0; i < l->count; i++)
		c->sketched[i] = c->opts.is_sketched(c->opts.sketched_arg, measurement_name(m), l->fields[i]->name);
	o->sketched = c->sketched;
	o->sketched_count = l->count;
	return true;
}

static enum err add_rollup(struct compaction *c, struct output *o, uint32_t ordinal, const struct rows *r,
    bool finer_is_raw, struct rollup_opts *opts, struct errbuf *eb)
{
	struct rows rolled;

	opts->bucket_ns = tier_bucket_ns(o->place.tier);
	enum err e = finer_is_raw ? rollup_rows(r, opts, &c->rows, &rolled)
				  : rollup_coarser(r, opts, &c->rows, &rolled);
	if (e != ERR_OK)
		return errbuf_set(eb, e, "cannot roll up: %s", err_name(e));
	return add_rows(c, o, ordinal, &rolled, eb);
}

static void aim(struct output *o, bool piece, enum tier tier, const struct store_place *from)
{
	o->piece = piece;
	o->place = (struct store_place){ tier, tier_window(tier, tier_window_start(from->tier, from->window)),
		from->measurement };
}

struct merging { /* of one place */
	const struct store_place *place;
	struct source *sources;
	uint32_t source_count;
	uint32_t *ordinals; /* that the pieces hold, rising */
	uint32_t ordinal_count;
	struct rollup_opts rollup;
	bool minutes;
};

/* The ordinal's rows of all sources as one, within the window. */
static enum err gather_series(
    struct compaction *c, struct merging *m, uint32_t ordinal, struct rows *out, struct errbuf *eb)
{
	const struct store_place *p = m->place;
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->source_count; i++) {
		struct source *s = &m->sources[i];
		if (s->at == s->to || s->block.series[s->at].ordinal != ordinal)
			continue;
		struct rows *slot = list_slot(c, n++);
		if (!slot)
			return errbuf_set(eb, ERR_NOMEM, "out of memory");
		*slot = s->rows[s->at++ - s->from];
	}
	int64_t start = tier_window_start(p->tier, p->window), end = tier_window_start(p->tier, p->window + 1);
	enum err e = rows_merge(c->list, n, start, end - 1, &c->rows, out);
	return e == ERR_OK ? ERR_OK : errbuf_set(eb, e, "out of memory");
}

static enum err merge_series(struct compaction *c, struct merging *m, uint32_t ordinal, struct errbuf *eb)
{
	enum tier tier = m->place->tier;
	struct rows r;
	enum err e = gather_series(c, m, ordinal, &r, eb);

	if (e != ERR_OK || r.count == 0)
		return e;
	e = r.count > BLOCK_ROWS ? add_parts(c, &c->blocks, ordinal, &r, eb) : add_rows(c, &c->blocks, ordinal, &r, eb);
	if (e == ERR_OK && m->minutes)
		e = add_rollup(c, &c->minutes, ordinal, &r, true, &m->rollup, eb);
	if (e == ERR_OK && (tier == TIER_RAW || tier == TIER_1H))
		e = add_rollup(c, &c->coarser, ordinal, &r, tier == TIER_RAW, &m->rollup, eb);
	return e;
}

/* The smallest ordinal in front of any source. */
static bool next_ordinal(const struct merging *m, uint32_t *ordinal)
{
	bool any = false;

	for (uint32_t i = 0; i < m->source_count; i++) {
		const struct source *s = &m->sources[i];
		if (s->at < s->to && (!any || s->block.series[s->at].ordinal < *ordinal)) {
			*ordinal = s->block.series[s->at].ordinal;
			any = true;
		}
	}
	return any;
}

static bool touches(const struct store_item *i, const struct batch_range *range)
{
	return i->first_ordinal <= range->last && i->last_ordinal >= range->first;
}

/* In a transaction. */
static enum err merge_batch(struct compaction *c, struct merging *m, const struct batch_range *range, struct errbuf *eb)
{
	uint32_t ordinal = 0;
	enum err e = ERR_OK;

	arena_clear(&c->rows);
	for (uint32_t i = 0; e == ERR_OK && i < m->source_count; i++)
		e = load_rows(c, &m->sources[i], range, eb);
	for (uint32_t i = 0; e == ERR_OK && i < m->source_count; i++)
		if (!m->sources[i].item.piece && touches(&m->sources[i].item, range))
			e = store_delete(c->opts.store, &m->sources[i].item, eb);
	while (e == ERR_OK && next_ordinal(m, &ordinal))
		e = merge_series(c, m, ordinal, eb);
	if (e == ERR_OK)
		e = put_out(c, &c->blocks, 0, eb);
	if (e == ERR_OK)
		e = put_out(c, &c->minutes, 0, eb);
	if (e == ERR_OK)
		e = put_out(c, &c->coarser, 0, eb);
	return e;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The ordinals that pieces hold, and whether their rows are near enough for minutes. */
static bool find_ordinals(struct compaction *c, struct merging *m)
{
	size_t room = 0;
	uint64_t points = 0;
	int64_t span = 0;

	for (uint32_t i = 0; i < m->source_count; i++)
		room += m->sources[i].item.piece ? m->sources[i].block.series_count : 0;
	m->ordinals = arena_alloc(&c->items, (room + 1) * sizeof *m->ordinals, 16);
	if (!m->ordinals)
		return false;
	for (uint32_t i = 0; i < m->source_count; i++) {
		const struct source *s = &m->sources[i];
		for (uint32_t k = 0; s->item.piece && k < s->block.series_count; k++)
			m->ordinals[m->ordinal_count++] = s->block.series[k].ordinal;
		if (s->item.piece && s->item.points > s->block.series_count) {
			points += s->item.points - s->block.series_count;
			span += (s->item.max_ns - s->item.min_ns) / NS_PER_US * s->block.series_count;
		}
	}
	if (m->ordinal_count)
		qsort(m->ordinals, m->ordinal_count, sizeof *m->ordinals, by_number);
	uint32_t n = 0;
	for (uint32_t i = 0; i < m->ordinal_count; i++)
		if (i == 0 || m->ordinals[i] != m->ordinals[n - 1])
			m->ordinals[n++] = m->ordinals[i];
	m->ordinal_count = n;
	m->minutes = m->place->tier == TIER_RAW && points && span / (int64_t)points <= MINUTES_BELOW_NS / NS_PER_US;
	return true;
}

static uint64_t cells_of(const struct source *s, const struct batch_range *range)
{
	uint64_t rows = 0;

	for (uint32_t i = block_find(&s->block, range->first);
	     i < s->block.series_count && s->block.series[i].ordinal <= range->last; i++)
		rows += s->block.series[i].rows;
	return rows * s->block.column_count;
}

/* Makes the range whole blocks, which may reach other blocks. */
static void widen(const struct merging *m, struct batch_range *range)
{
	for (bool grown = true; grown;) {
		grown = false;
		for (uint32_t i = 0; i < m->source_count; i++) {
			const struct store_item *b = &m->sources[i].item;
			if (b->piece || !touches(b, range))
				continue;
			grown |= b->first_ordinal < range->first || b->last_ordinal > range->last;
			range->first = b->first_ordinal < range->first ? b->first_ordinal : range->first;
			range->last = b->last_ordinal > range->last ? b->last_ordinal : range->last;
		}
	}
}

/* The next batch from ordinal number *at on: as many as fit into batch_bytes, at least one. */
static struct batch_range next_range(const struct compaction *c, const struct merging *m, uint32_t *at)
{
	struct batch_range range = { m->ordinals[*at], m->ordinals[*at] };
	uint64_t cells = 0, max = c->opts.batch_bytes / sizeof(uint64_t) / 3; /* read, merged, rolled up */

	widen(m, &range);
	for (uint32_t i = 0; i < m->source_count; i++)
		cells += cells_of(&m->sources[i], &range);
	while (++*at < m->ordinal_count) {
		if (m->ordinals[*at] <= range.last)
			continue;
		struct batch_range more = { m->ordinals[*at], m->ordinals[*at] };
		widen(m, &more);
		for (uint32_t i = 0; i < m->source_count; i++)
			cells += cells_of(&m->sources[i], &more);
		if (cells > max)
			break;
		range.last = more.last;
	}
	return range;
}

static enum err delete_pieces(struct compaction *c, const struct merging *m, struct errbuf *eb)
{
	enum err e = ERR_OK;

	for (uint32_t i = 0; e == ERR_OK && i < m->source_count; i++)
		if (m->sources[i].item.piece)
			e = store_delete(c->opts.store, &m->sources[i].item, eb);
	return e;
}

static enum err open_sources(struct compaction *c, struct merging *m, struct errbuf *eb)
{
	struct store_item *items;
	enum err e = store_reader_list(c->reader, m->place, 0, UINT32_MAX, &c->items, &items, &m->source_count, eb);

	if (e != ERR_OK)
		return e;
	m->sources = arena_alloc(&c->items, (m->source_count + 1) * sizeof *m->sources, 16);
	if (!m->sources)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	for (uint32_t i = 0; e == ERR_OK && i < m->source_count; i++) {
		m->sources[i].item = items[i];
		e = open_item(c, &m->sources[i], eb);
	}
	if (e == ERR_OK && !find_ordinals(c, m))
		e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	return e;
}

enum err compaction_merge(struct compaction *c, const struct store_place *place, struct errbuf *eb)
{
	struct merging m = { .place = place };
	uint32_t at = 0;

	if (place->measurement >= catalogue_measurement_count(c->opts.catalogue))
		return errbuf_set(
		    eb, ERR_CORRUPT, "the store has a measurement %u that nobody knows", place->measurement);
	arena_clear(&c->items);
	enum err e = open_sources(c, &m, eb);
	if (e == ERR_OK &&
	    !find_sketched(c, catalogue_measurement_at(c->opts.catalogue, place->measurement), &m.rollup))
		e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	aim(&c->blocks, false, place->tier, place);
	aim(&c->minutes, true, TIER_1M, place);
	aim(&c->coarser, true, place->tier == TIER_RAW ? TIER_1H : TIER_1D, place);
	while (e == ERR_OK && at < m.ordinal_count) {
		if (c->opts.should_stop && c->opts.should_stop(c->opts.stop_arg))
			e = ERR_CLOSED;
		if (e == ERR_OK)
			e = store_begin(c->opts.store, eb);
		if (e != ERR_OK)
			break;
		struct batch_range range = next_range(c, &m, &at);
		e = merge_batch(c, &m, &range, eb);
		if (e == ERR_OK && at == m.ordinal_count)
			e = delete_pieces(c, &m, eb);
		e = finish(c, e, eb);
	}
	store_reader_let_go(c->reader);
	return e;
}

/* ---- minutes ---- */

/* The item and those with the same series: parts of one may end within a minute. */
static enum err minutes_of_range(
    struct compaction *c, struct merging *m, const struct store_item *item, uint32_t *next, struct errbuf *eb)
{
	struct batch_range range = { item->first_ordinal, item->last_ordinal };
	uint32_t ordinal = 0;
	enum err e = ERR_OK;

	arena_clear(&c->rows);
	widen(m, &range);
	for (uint32_t i = 0; e == ERR_OK && i < m->source_count; i++)
		e = load_rows(c, &m->sources[i], &range, eb);
	while (e == ERR_OK && next_ordinal(m, &ordinal)) {
		struct rows r;
		e = gather_series(c, m, ordinal, &r, eb);
		if (e == ERR_OK && r.count)
			e = add_rollup(c, &c->minutes, ordinal, &r, true, &m->rollup, eb);
	}
	*next = range.last + 1;
	return e;
}

static enum err minutes_of_measurement(struct compaction *c, int64_t window, uint32_t measurement, struct errbuf *eb)
{
	struct store_place place = { TIER_RAW, window, measurement };
	struct merging m = { .place = &place };
	uint32_t next = 0; /* ordinals below are done */

	arena_clear(&c->items);
	enum err e = open_sources(c, &m, eb);
	if (e == ERR_OK && !find_sketched(c, catalogue_measurement_at(c->opts.catalogue, measurement), &m.rollup))
		e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	aim(&c->minutes, true, TIER_1M, &place);
	for (uint32_t i = 0; e == ERR_OK && i < m.source_count; i++) {
		const struct store_item *item = &m.sources[i].item;
		if (!item->piece && item->first_ordinal >= next)
			e = minutes_of_range(c, &m, item, &next, eb);
	}
	return e == ERR_OK ? put_out(c, &c->minutes, 0, eb) : e;
}

enum err compaction_minutes(struct compaction *c, int64_t raw_window, struct errbuf *eb)
{
	uint32_t n = catalogue_measurement_count(c->opts.catalogue);
	enum err e = store_begin(c->opts.store, eb);

	if (e != ERR_OK)
		return e;
	for (uint32_t i = 0; e == ERR_OK && i < n; i++)
		e = minutes_of_measurement(c, raw_window, i, eb);
	store_reader_let_go(c->reader);
	return finish(c, e, eb);
}
