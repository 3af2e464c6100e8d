/* merge   the ordinals that pieces hold are taken in batches, each with the blocks whose range of ordinals it touches:
 *         read, put together series by series (the block first, then the pieces in order of writing, so that the last
 *         write wins), written as new blocks in place of the old, and rolled up. Blocks that no piece touches stay.
 *         Rollups are made anew from all rows of the window and replace those made before, so late points and work
 *         done twice come out the same.
 *         A block or piece whose bytes are not what was written (its own checksums say so) is replaced by what can be
 *         read of it: columns, at worst nothing. The loss is counted and recorded as a gap in the same transaction.
 *         Where pages of the file cannot be read nothing is touched: that is for the next start. */
#include <stdlib.h>

#include "base/counter.h"
#include "base/log.h"
#include "store/block_rescue.h"
#include "store/compaction_part.h"
#include "store/rollup.h"
#include "store/store_damage.h"
#include "store/store_internal.h"

enum { PARTS_MAX = 128 };
#define MINUTES_BELOW_NS (5 * NS_PER_S) /* raw rows this near get a minute's rollup at once */

struct source { /* an item being merged */
	struct store_item item;
	struct block block;
	struct rows *rows; /* of the batch: chunks [from, to) of the block */
	uint32_t from, to, at;
	bool damaged; /* some of it cannot be read */
	uint64_t lost; /* points that it had and that will not be written again, or not whole */
};

struct batch_range {
	uint32_t first, last; /* ordinals */
};

/* The strings of rows [from, to), in bytes. */
static uint64_t string_bytes(const struct rows *r, uint32_t from, uint32_t to)
{
	uint64_t sum = 0;

	for (uint32_t k = 0; k < r->column_count; k++) {
		const struct rows_column *c = &r->columns[k];
		for (uint32_t i = from; c->type == VALUE_STRING && i < to; i++)
			if (!c->present || c->present[i])
				sum += ((const struct rows_string *)(uintptr_t)c->bits[i])->len;
	}
	return sum;
}

/* A series that fills more than one block: blocks of its own, part by part, so that a reader who wants a short time of
 * it needs little memory. Half of the parts there may be are for many rows, half for long strings. */
static enum err add_parts(
    struct compaction *c, struct output *o, uint32_t ordinal, const struct rows *r, uint64_t strings, struct errbuf *eb)
{
	uint32_t rows_max = r->count / (PARTS_MAX / 2) + 1;
	uint64_t bytes_max = strings / (PARTS_MAX / 2) + 1;
	enum err e = compaction_put_out(c, o, 0, eb);

	rows_max = rows_max > BLOCK_ROWS ? rows_max : BLOCK_ROWS;
	bytes_max = bytes_max > BLOCK_BYTES ? bytes_max : BLOCK_BYTES;
	for (uint32_t at = 0, to, part = 0; e == ERR_OK && at < r->count; at = to, part++) {
		struct rows one;
		uint64_t bytes = 0;
		for (to = at; to < r->count && to - at < rows_max && bytes < bytes_max; to++)
			bytes += strings ? string_bytes(r, to, to + 1) : 0;
		if (!compaction_slice(r, at, to, &c->rows, &one))
			return errbuf_set(eb, ERR_NOMEM, "out of memory");
		e = compaction_add_rows(c, o, ordinal, &one, eb);
		if (e == ERR_OK)
			e = compaction_put_out(c, o, part, eb);
	}
	return e;
}

/* ---- merge ---- */

static enum err cannot_read(const struct source *s, enum err e, struct errbuf *eb)
{
	return errbuf_set(eb, e, "%s %lld cannot be read", s->item.piece ? "piece" : "block", (long long)s->item.id);
}

/* Bytes that are not what was written; nothing is wrong with the file's pages. */
static bool is_damaged_block(const struct compaction *c, enum err e)
{
	return e == ERR_CORRUPT && !store_reader_met_damage(c->reader);
}

static enum err open_item(struct compaction *c, struct source *s, struct errbuf *eb)
{
	struct block_source bytes;
	enum err e = store_reader_source(c->reader, &s->item, &bytes, eb);

	if (e != ERR_OK)
		return e;
	e = block_open(&s->block, bytes, &c->items);
	if (is_damaged_block(c, e)) {
		s->damaged = true;
		s->lost = s->item.points;
		s->block.series_count = s->block.column_count = 0;
		return ERR_OK;
	}
	return e == ERR_OK ? ERR_OK : cannot_read(s, e, eb);
}

/* The chunks of the range, to memory. */
static enum err load_rows(struct compaction *c, struct source *s, const struct batch_range *range, struct errbuf *eb)
{
	bool whole;

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
	e = block_rescue(&s->block, s->from, s->to, c->unpacker, &c->rows, s->rows, &whole);
	if (e == ERR_OK ? !whole : e == ERR_CORRUPT) {
		if (!is_damaged_block(c, ERR_CORRUPT))
			return cannot_read(s, ERR_CORRUPT, eb);
		s->damaged = true;
		for (uint32_t i = s->from; i < s->to; i++)
			s->lost += s->block.series[i].rows;
		if (e == ERR_CORRUPT) /* nothing of them */
			s->at = s->to;
		return ERR_OK;
	}
	return e == ERR_OK ? ERR_OK : cannot_read(s, e, eb);
}

/* A damaged item is about to go: what it had and others have not is lost. */
static enum err record_loss(struct compaction *c, const struct store_place *p, struct source *s, struct errbuf *eb)
{
	const struct store_gap gap = { clock_wall_ns(), s->item.min_ns, s->item.max_ns, (int)p->tier, s->lost };

	if (!s->damaged)
		return ERR_OK;
	log_error("%s %lld of the store (%s, window %lld) is damaged: %llu points are lost, or some of their fields",
	    s->item.piece ? "piece" : "block", (long long)s->item.id, tier_name(p->tier), (long long)p->window,
	    (unsigned long long)s->lost);
	counter_add(COUNTER_STORE_DAMAGED_BLOCKS, 1);
	counter_add(COUNTER_STORE_LOST_POINTS, s->lost);
	s->damaged = false;
	return store_add_gap(c->opts.store, &gap, eb);
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
	return compaction_add_rows(c, o, ordinal, &rolled, eb);
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
		struct rows *slot = compaction_list_slot(c, n++);
		if (!slot)
			return errbuf_set(eb, ERR_NOMEM, "out of memory");
		*slot = s->rows[s->at++ - s->from];
	}
	int64_t start = tier_window_start(p->tier, p->window), end = tier_window_start(p->tier, p->window + 1);
	enum err e = p->tier == TIER_RAW ? rows_merge(c->list, n, start, end - 1, &c->rows, out)
					 : rows_merge_rollups(c->list, n, start, end - 1, &c->rows, out);
	return e == ERR_OK ? ERR_OK : errbuf_set(eb, e, "out of memory");
}

static enum err merge_series(struct compaction *c, struct merging *m, uint32_t ordinal, struct errbuf *eb)
{
	enum tier tier = m->place->tier;
	struct rows r;
	enum err e = gather_series(c, m, ordinal, &r, eb);

	if (e != ERR_OK || r.count == 0 || r.column_count == 0) /* damage may leave times alone */
		return e;
	uint64_t strings = string_bytes(&r, 0, r.count);
	e = r.count > BLOCK_ROWS || strings > BLOCK_BYTES ? add_parts(c, &c->blocks, ordinal, &r, strings, eb)
							  : compaction_add_rows(c, &c->blocks, ordinal, &r, eb);
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
		if (!m->sources[i].item.piece && touches(&m->sources[i].item, range)) {
			e = record_loss(c, m->place, &m->sources[i], eb);
			if (e == ERR_OK)
				e = store_delete(c->opts.store, &m->sources[i].item, eb);
		}
	while (e == ERR_OK && next_ordinal(m, &ordinal))
		e = merge_series(c, m, ordinal, eb);
	if (e == ERR_OK)
		e = compaction_put_out(c, &c->blocks, 0, eb);
	if (e == ERR_OK)
		e = compaction_put_out(c, &c->minutes, 0, eb);
	if (e == ERR_OK)
		e = compaction_put_out(c, &c->coarser, 0, eb);
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
		if (m->sources[i].item.piece) {
			e = record_loss(c, m->place, &m->sources[i], eb);
			if (e == ERR_OK)
				e = store_delete(c->opts.store, &m->sources[i].item, eb);
		}
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
	/* pieces of which nothing can be read have no ordinals, and go all the same */
	for (bool done = false; e == ERR_OK && !done;) {
		if (c->opts.should_stop && c->opts.should_stop(c->opts.stop_arg))
			e = ERR_CLOSED;
		if (e == ERR_OK)
			e = store_begin(c->opts.store, eb);
		if (e != ERR_OK)
			break;
		if (at < m.ordinal_count) {
			struct batch_range range = next_range(c, &m, &at);
			e = merge_batch(c, &m, &range, eb);
		}
		done = at == m.ordinal_count;
		if (e == ERR_OK && done)
			e = delete_pieces(c, &m, eb);
		e = compaction_finish(c, e, eb);
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
	for (uint32_t i = 0; e == ERR_OK && i < m.source_count; i++) {
		struct source *s = &m.sources[i];
		const struct store_gap gap = { clock_wall_ns(), s->item.min_ns, s->item.max_ns, TIER_1M, s->lost };
		if (s->damaged) /* of both: the rows themselves go too */
			e = store_add_gap(c->opts.store, &gap, eb);
		if (e == ERR_OK)
			e = record_loss(c, &place, s, eb);
	}
	return e == ERR_OK ? compaction_put_out(c, &c->minutes, 0, eb) : e;
}

enum err compaction_minutes(struct compaction *c, int64_t raw_window, uint32_t measurement, struct errbuf *eb)
{
	enum err e = store_begin(c->opts.store, eb);

	if (e != ERR_OK)
		return e;
	e = minutes_of_measurement(c, raw_window, measurement, eb);
	store_reader_let_go(c->reader);
	return compaction_finish(c, e, eb);
}
