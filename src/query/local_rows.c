/* Rows of the wanted series, window after window: those of the store's blocks, then of its pieces, then of the spool,
 * then of the head, which is the order in which they were written. */
#include <stdlib.h>

#include "base/counter.h"
#include "base/log.h"
#include "query/local_part.h"
#include "store/batch_builder.h"

enum { BUILDER_KEEP = 1 << 20 };

/* ---- the spool ---- */

static bool append_row(struct reading *rd, struct batch_builder *bb, const struct spool_row *row)
{
	enum lp_result lr;

	batch_builder_start(bb, row->payload, BUILDER_KEEP);
	while ((lr = batch_builder_next(bb, row->db)) != LP_END) {
		if (bb->out_of_memory)
			return false;
		if (lr != LP_OK)
			continue;
		const struct batch_point *p = &bb->points[bb->point_count - 1];
		int64_t t = bb->parser.time;
		if (t >= rd->q->from_ns && t < rd->q->to_ns &&
		    !generation_append(rd->history, p->series, t, bb->values + p->first_value, p->values))
			return false;
		batch_builder_drop(bb);
	}
	return true;
}

static enum err read_spool_rows(struct reading *rd, struct errbuf *eb)
{
	struct batch_builder bb;
	struct spool_row row = { 0 };
	uint64_t seq = rd->compacted_seq;
	enum err e = generation_new(&rd->history, 0, rd->max_bytes);

	if (e != ERR_OK)
		return errbuf_set(eb, e, "out of memory");
	batch_builder_init(&bb, rd->local->opts.catalogue);
	bb.only = rd->measurement_name;
	bb.wanted = local_is_wanted;
	bb.wanted_arg = rd;
	for (;;) {
		e = spool_reader_next_in(rd->files.spool, seq, rd->q->from_ns, rd->q->to_ns, &row, eb);
		if (e == ERR_NOTFOUND || (row.seq && row.seq >= rd->head.from_seq)) {
			e = ERR_OK;
			break;
		}
		if (e == ERR_CORRUPT && row.seq) {
			log_error("%s", eb->text);
			read_result_not_complete(rd->r, "a damaged row of the local store was left out");
		} else if (e != ERR_OK) {
			break;
		} else if (row.db == rd->db && !append_row(rd, &bb, &row)) {
			read_result_not_complete(
			    rd->r, "the read needs more memory than it may take; ask for a shorter range");
			break;
		}
		seq = row.seq;
	}
	batch_builder_fini(&bb);
	return e;
}

enum err local_read_history(struct reading *rd, struct errbuf *eb)
{
	int64_t evicted_until;
	uint64_t first_seq, before;
	enum err e = spool_reader_begin(rd->files.spool, &evicted_until, &before, eb);

	if (e == ERR_OK && before && rd->compacted_seq + 1 < rd->head.from_seq)
		e = read_spool_rows(rd, eb);
	if (e == ERR_OK) /* once more: rows may have gone meanwhile */
		e = spool_reader_begin(rd->files.spool, &evicted_until, &first_seq, eb);
	if (e == ERR_OK && rd->compacted_seq + 1 < rd->head.from_seq && first_seq != before)
		e = ERR_UNAVAILABLE; /* to the store, which this moment does not see */
	if (e == ERR_OK && evicted_until >= rd->q->from_ns)
		read_result_not_complete(
		    rd->r, "the local history no longer reaches back to the beginning of the range");
	return e;
}

/* ---- spool and head ---- */

struct strips {
	const struct head_strip *of[HEAD_GENERATIONS_MAX + 1];
	unsigned count;
};

static void find_strips(const struct reading *rd, const struct series *s, struct strips *out)
{
	out->count = 0;
	if (rd->history && (out->of[out->count] = generation_strip(rd->history, s)))
		out->count++;
	for (unsigned i = 0; i < rd->head.count; i++) /* those that the store has are read there */
		if (rd->head.last_seq[i] > rd->compacted_seq &&
		    (out->of[out->count] = generation_strip(rd->head.generations[i], s)))
			out->count++;
}

enum err local_find_recent(struct reading *rd, struct errbuf *eb)
{
	struct strips strips;

	(void)eb;
	for (uint32_t i = 0; i < rd->wanted_count; i++) {
		struct wanted *w = &rd->wanted[i];
		uint32_t n = 0;
		find_strips(rd, w->series, &strips);
		for (unsigned k = 0; k < strips.count; k++)
			for (const struct segment *s = generation_first_segment(strips.of[k]); s;
			     s = generation_next_segment(s))
				n++;
		if (n == 0)
			continue;
		w->recent = arena_alloc(&rd->lists, n * sizeof *w->recent, 16);
		if (!w->recent)
			return ERR_TOOBIG;
		for (unsigned k = 0; k < strips.count; k++)
			for (const struct segment *s = generation_first_segment(strips.of[k]); s && w->recent_count < n;
			     s = generation_next_segment(s)) {
				struct rows *r = &w->recent[w->recent_count];
				if (!generation_segment_rows(s, &rd->lists, r))
					return ERR_TOOBIG;
				w->recent_count += r->count > 0;
			}
	}
	return ERR_OK;
}

static bool overlaps(const struct rows *r, int64_t from, int64_t to)
{
	if (!r->unordered)
		return r->times[0] < to && r->times[r->count - 1] >= from;
	for (uint32_t i = 0; i < r->count; i++)
		if (r->times[i] >= from && r->times[i] < to)
			return true;
	return false;
}

/* ---- a window ---- */

static bool is_value(void *reading, const struct block_column *c)
{
	const struct reading *rd = reading;

	return c->kind == COLUMN_VALUE && (c->type != VALUE_STRING || rd->with_strings) && local_is_field(rd, c->field);
}

static bool is_aggregate(void *reading, const struct block_column *c)
{
	const struct reading *rd = reading;
	bool wanted = c->kind == COLUMN_COUNT || scan_needs(c->kind) & rd->aggregates;

	return (wanted && local_is_field(reading, c->field)) ||
	    (c->kind == COLUMN_SKETCH && local_is_digested(reading, c->field));
}

/* The item's chunks of wanted series. */
static enum err load(
    struct reading *rd, const struct store_item *item, enum tier tier, struct stored *s, struct errbuf *eb)
{
	struct block_source bytes;
	uint32_t w = 0;
	enum err e = store_reader_source(rd->files.store, item, &bytes, eb);

	if (e == ERR_OK)
		e = block_open(&s->block, bytes, &rd->rows);
	if (e != ERR_OK)
		return e;
	s->from = s->at = block_find(&s->block, rd->wanted[0].series->ordinal);
	s->to = block_find(&s->block, rd->wanted[rd->wanted_count - 1].series->ordinal + 1);
	if (s->from == s->to)
		return ERR_OK;
	bool *chunks = arena_alloc(&rd->rows, (s->to - s->from) * sizeof *chunks, 1);
	s->rows = arena_alloc(&rd->rows, (s->to - s->from) * sizeof *s->rows, 16);
	if (!chunks || !s->rows)
		return ERR_NOMEM;
	for (uint32_t i = s->from; i < s->to; i++) {
		uint32_t ordinal = s->block.series[i].ordinal;
		while (w < rd->wanted_count && rd->wanted[w].series->ordinal < ordinal)
			w++;
		chunks[i - s->from] = w < rd->wanted_count && rd->wanted[w].series->ordinal == ordinal;
	}
	const struct block_wanted wanted = { s->from, s->to, chunks, tier == TIER_RAW ? is_value : is_aggregate, rd };
	return block_read(&s->block, &wanted, rd->files.unpacker, &rd->rows, s->rows);
}

enum err local_load_window(struct reading *rd, enum tier tier, int64_t window, const struct stretch *within,
    struct stored **sources, uint32_t *count, struct errbuf *eb)
{
	struct store_place place = { tier, window, measurement_id(rd->measurement) };
	struct store_item *items;
	uint32_t n;

	*count = 0;
	enum err e = store_reader_list(rd->files.store, &place, rd->wanted[0].series->ordinal,
	    rd->wanted[rd->wanted_count - 1].series->ordinal, &rd->rows, &items, &n, eb);
	if (e != ERR_OK)
		return e;
	*sources = arena_alloc(&rd->rows, (n + 1) * sizeof **sources, 16);
	if (!*sources)
		return ERR_NOMEM;
	for (uint32_t i = 0; e == ERR_OK && i < n; i++) {
		/* pieces of rollups may be older writes of what others hold: none is left out */
		if (tier == TIER_RAW && (items[i].min_ns >= within->to_ns || items[i].max_ns < within->from_ns))
			continue;
		e = load(rd, &items[i], tier, &(*sources)[*count], eb);
		if (e == ERR_CORRUPT || e == ERR_IO) {
			counter_add(COUNTER_STORE_DAMAGED_READS, 1);
			log_error("%s %lld of the store is damaged: %s", items[i].piece ? "piece" : "block",
			    (long long)items[i].id, err_name(e));
			read_result_not_complete(rd->r, "a damaged block of the local store was left out");
			e = ERR_OK;
			continue;
		}
		*count += e == ERR_OK && (*sources)[*count].rows;
	}
	return e;
}

struct rows *local_gather(struct reading *rd, const struct wanted *w, struct stored *sources, uint32_t source_count,
    const struct stretch *within, bool recent, uint32_t *count)
{
	struct rows *list = arena_alloc(
	    &rd->rows, (source_count + (recent ? w->recent_count : 0) + 1) * sizeof *list, 16);

	*count = 0;
	for (uint32_t i = 0; list && i < source_count; i++) {
		struct stored *s = &sources[i];
		while (s->at < s->to && s->block.series[s->at].ordinal < w->series->ordinal)
			s->at++;
		if (s->at < s->to && s->block.series[s->at].ordinal == w->series->ordinal)
			list[(*count)++] = s->rows[s->at - s->from];
	}
	for (uint32_t i = 0; list && recent && i < w->recent_count; i++)
		if (overlaps(&w->recent[i], within->from_ns, within->to_ns))
			list[(*count)++] = w->recent[i];
	return list;
}

static enum err scan_window(
    struct reading *rd, enum tier tier, const struct stretch *within, struct stored *sources, uint32_t source_count)
{
	struct scan sc = { within->from_ns, within->to_ns, rd->r->first_bucket_ns, rd->r->step_ns, rd->r->buckets,
		rd->aggregates, local_target_of, rd, &rd->rows, &rd->digests };
	enum err e = ERR_OK;

	for (uint32_t i = 0; e == ERR_OK && i < rd->wanted_count; i++) {
		struct wanted *w = &rd->wanted[i];
		struct rows merged;
		uint32_t n;
		struct rows *list = local_gather(rd, w, sources, source_count, within, tier == TIER_RAW, &n);
		if (!list)
			return ERR_NOMEM;
		if (n == 0)
			continue;
		if (!local_enter_group(rd, w))
			return ERR_TOOBIG;
		if (tier == TIER_RAW) {
			e = scan_series(&sc, list, n);
		} else {
			if (n > 1)
				e = rows_merge_rollups(list, n, within->from_ns, within->to_ns - 1, &rd->rows, &merged);
			if (e == ERR_OK)
				e = scan_rollup(&sc, n > 1 ? &merged : &list[0]);
			if (e == ERR_CORRUPT) {
				read_result_not_complete(rd->r, "a damaged sketch of the local store was left out");
				e = ERR_OK;
			}
		}
		rd->used[tier] = true;
		if (rd->out_of_memory)
			e = ERR_TOOBIG;
	}
	return e;
}

enum err local_next_window(struct reading *rd, enum tier tier, int64_t from, int64_t *window, struct errbuf *eb)
{
	int64_t recent = INT64_MAX;
	enum err e = ERR_NOTFOUND;

	if (local_has_store(rd)) {
		e = store_reader_next_window(rd->files.store, tier, from, measurement_id(rd->measurement), window, eb);
		if (e == ERR_CORRUPT && local_without_store(rd, e) == ERR_OK)
			e = ERR_NOTFOUND;
	}
	if (e != ERR_OK && e != ERR_NOTFOUND)
		return e;
	for (uint32_t i = 0; tier == TIER_RAW && i < rd->wanted_count && recent != from; i++)
		for (uint32_t k = 0; k < rd->wanted[i].recent_count && recent != from; k++) {
			const struct rows *r = &rd->wanted[i].recent[k];
			for (uint32_t j = 0; j < r->count; j++) {
				int64_t w = tier_window(tier, r->times[j]);
				if (w >= from && w < recent)
					recent = w;
				if (!r->unordered && w >= from)
					break;
			}
		}
	if (recent != INT64_MAX && (e == ERR_NOTFOUND || recent < *window)) {
		*window = recent;
		e = ERR_OK;
	}
	return e;
}

/* ---- stretches ---- */

/* Has some row of the stretch values of a field whose percentiles are wanted, and no sketch of them? */
static bool lacks_sketches(const struct reading *rd, const struct rows *r, const struct stretch *s)
{
	uint32_t from = rows_lower_bound(r->times, r->count, s->from_ns),
		 to = rows_lower_bound(r->times, r->count, s->to_ns);

	for (uint32_t k = 0; from < to && k < r->column_count; k++) {
		const struct rows_column *c = &r->columns[k], *sketch;
		if (c->kind != COLUMN_COUNT || !local_is_digested(rd, c->field))
			continue;
		sketch = rows_find_column(r, c->field, COLUMN_SKETCH);
		for (uint32_t i = from; i < to && !(sketch && !sketch->present); i++)
			if ((!c->present || c->present[i]) && !(sketch && sketch->present[i]))
				return true;
	}
	return false;
}

static bool window_lacks_sketches(
    const struct reading *rd, const struct stored *sources, uint32_t count, const struct stretch *s)
{
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t k = sources[i].from; k < sources[i].to; k++) {
			const struct rows *r = &sources[i].rows[k - sources[i].from];
			if (r->times && lacks_sketches(rd, r, s))
				return true;
		}
	return false;
}

static enum err aggregate_stretch(struct reading *rd, enum tier tier, const struct stretch *s, struct errbuf *eb);

/* Answers a stretch of a rollup tier, which has all of it but sketches, by the rows beneath. *done is false where those
 * have been let go. */
static enum err go_down(struct reading *rd, enum tier tier, const struct stretch *s, bool *done, struct errbuf *eb)
{
	int64_t raw_ns = rd->gone_ns[TIER_RAW];
	struct stretch minutes = *s, raw = *s;
	enum err e = ERR_OK;

	*done = tier > TIER_1M;
	if (tier == TIER_1D && s->from_ns >= rd->gone_ns[TIER_1H])
		return aggregate_stretch(rd, TIER_1H, s, eb);
	if (raw_ns > s->from_ns) {
		*done = *done && s->from_ns >= rd->gone_ns[TIER_1M];
		minutes.to_ns = raw.from_ns = raw_ns < s->to_ns ? raw_ns : s->to_ns;
		if (*done)
			e = aggregate_stretch(rd, TIER_1M, &minutes, eb);
	}
	if (e == ERR_OK && *done && raw.from_ns < raw.to_ns)
		e = aggregate_stretch(rd, TIER_RAW, &raw, eb);
	return e;
}

static enum err aggregate_window(struct reading *rd, enum tier tier, const struct stretch *within,
    struct stored *sources, uint32_t count, struct errbuf *eb)
{
	bool done = false;

	if (tier != TIER_RAW && rd->q->percentile_count && window_lacks_sketches(rd, sources, count, within)) {
		enum err e = go_down(rd, tier, within, &done, eb);
		if (e != ERR_OK || done)
			return e;
		read_result_not_complete(rd->r,
		    "some percentiles are unknown: the raw points have been let go, and their rollups were made without "
		    "sketches of the field ([retention] sketches)");
	}
	return scan_window(rd, tier, within, sources, count);
}

static enum err aggregate_stretch(struct reading *rd, enum tier tier, const struct stretch *s, struct errbuf *eb)
{
	int64_t window = tier_window(tier, s->from_ns), last = tier_window(tier, s->to_ns - 1);
	enum err e = ERR_OK;

	for (; e == ERR_OK; window++) {
		struct stored *sources = NULL;
		uint32_t n = 0;
		e = local_next_window(rd, tier, window, &window, eb);
		if (e != ERR_OK || window > last)
			return e == ERR_NOTFOUND ? ERR_OK : e;
		int64_t start = tier_window_start(tier, window), end = tier_window_start(tier, window + 1);
		const struct stretch within = { start > s->from_ns ? start : s->from_ns,
			end < s->to_ns ? end : s->to_ns };
		arena_clear(&rd->rows);
		if (local_has_store(rd))
			e = local_without_store(rd, local_load_window(rd, tier, window, &within, &sources, &n, eb));
		if (e == ERR_OK)
			e = aggregate_window(rd, tier, &within, sources, n, eb);
	}
	return e;
}

enum err local_aggregate(struct reading *rd, struct errbuf *eb)
{
	enum err e = ERR_OK;

	for (int t = 0; rd->wanted_count && e == ERR_OK && t < (int)TIERS; t++)
		for (uint32_t i = 0; e == ERR_OK && i < rd->by_tier[t].count; i++)
			e = aggregate_stretch(rd, (enum tier)t, &rd->by_tier[t].of[i], eb);
	for (int t = 0; t < (int)TIERS; t++)
		if (rd->used[t])
			rd->r->tier = tier_name((enum tier)t);
	return e;
}
