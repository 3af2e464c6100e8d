/* Rows of the wanted series, of one window: those of the store's blocks, then of its pieces, then of the spool, then of
 * the head, which is the order in which they were written. */
#include <stdlib.h>

#include "base/counter.h"
#include "base/log.h"
#include "query/local_part.h"
#include "query/scan.h"

enum { ROWS_MIN = 2048 }; /* decoded at a time where a window is read in parts, if a chunk has no more */

/* ---- spool and head ---- */

struct strips {
	const struct head_strip *of[HEAD_GENERATIONS_MAX + 1];
	unsigned count;
};

static void find_strips(const struct local_reader *r, const struct series *s, struct strips *out)
{
	const struct head_snapshot *head = &r->moment->head;

	out->count = 0;
	if (r->history && (out->of[out->count] = generation_strip(r->history, s)))
		out->count++;
	for (unsigned i = 0; i < head->count; i++) /* those that the store has are read there */
		if (head->last_seq[i] > r->moment->compacted_seq &&
		    (out->of[out->count] = generation_strip(head->generations[i], s)))
			out->count++;
}

static struct local_span span_of(const struct rows *r)
{
	struct local_span s = { r->times[0], r->times[r->count - 1] };

	for (uint32_t i = 0; r->unordered && i < r->count; i++) {
		s.first_ns = r->times[i] < s.first_ns ? r->times[i] : s.first_ns;
		s.last_ns = r->times[i] > s.last_ns ? r->times[i] : s.last_ns;
	}
	return s;
}

static bool find_recent_of(struct local_reader *r, struct local_series *w)
{
	struct strips strips;
	uint32_t n = 0;

	find_strips(r, w->series, &strips);
	for (unsigned k = 0; k < strips.count; k++)
		for (const struct segment *s = generation_first_segment(strips.of[k]); s;
		     s = generation_next_segment(s))
			n++;
	w->recent = n ? arena_alloc(&r->lists, n * sizeof *w->recent, 16) : NULL;
	w->spans = n ? arena_alloc_raw(&r->lists, n * sizeof *w->spans, 16) : NULL;
	if (n && (!w->recent || !w->spans))
		return false;
	for (unsigned k = 0; k < strips.count; k++)
		for (const struct segment *s = generation_first_segment(strips.of[k]); s && w->recent_count < n;
		     s = generation_next_segment(s)) {
			struct rows *rows = &w->recent[w->recent_count];
			if (!generation_segment_rows(s, &r->lists, rows))
				return false;
			if (rows->count)
				w->spans[w->recent_count++] = span_of(rows);
		}
	w->looked_for = true;
	return true;
}

static bool mark_windows(struct reading *rd, const struct rows *r)
{
	uint32_t i = 0, end = r->count;

	if (!r->unordered) {
		i = rows_lower_bound(r->times, r->count, rd->from_ns);
		end = rows_lower_bound(r->times, r->count, rd->to_ns);
	}
	while (i < end) {
		int64_t t = r->times[i++], window = tier_window(TIER_RAW, t), next;
		if (t < rd->from_ns || t >= rd->to_ns)
			continue;
		if (!local_mark(&rd->reader->work, &rd->recent, window))
			return false;
		if (!r->unordered && !__builtin_mul_overflow(window + 1, tier_window_ns(TIER_RAW), &next))
			i += rows_lower_bound(r->times + i, end - i, next);
	}
	return true;
}

enum err local_find_recent(struct reading *rd, struct errbuf *eb)
{
	enum err e = ERR_OK;

	for (uint32_t i = 0; e == ERR_OK && i < rd->wanted_count; i++) {
		struct local_series *w = rd->wanted[i];
		if (!w->looked_for && !find_recent_of(rd->reader, w))
			return ERR_TOOBIG;
		for (uint32_t k = 0; k < w->recent_count; k++)
			if (!mark_windows(rd, &w->recent[k]))
				return ERR_TOOBIG;
		e = budget_check(rd->reader->budget, eb);
	}
	local_sort_marks(&rd->recent);
	return e == ERR_OK ? local_charge(rd->reader, eb) : e;
}

static bool overlaps(const struct rows *r, const struct local_span *s, int64_t from, int64_t to)
{
	if (!r->unordered || s->first_ns >= to || s->last_ns < from)
		return s->first_ns < to && s->last_ns >= from;
	for (uint32_t i = 0; i < r->count; i++)
		if (r->times[i] >= from && r->times[i] < to)
			return true;
	return false;
}

/* ---- the store ---- */

static bool is_value(void *reading, const struct block_column *c)
{
	const struct reading *rd = reading;

	return c->kind == COLUMN_VALUE && (c->type != VALUE_STRING || rd->q->with_strings) &&
	    local_is_field(rd, c->field);
}

static bool is_aggregate(void *reading, const struct block_column *c)
{
	const struct reading *rd = reading;
	bool wanted = c->kind == COLUMN_COUNT || scan_needs(c->kind) & rd->q->aggregates;

	return (wanted && local_is_field(rd, c->field)) ||
	    (c->kind == COLUMN_SKETCH && local_is_digested(rd, c->field));
}

/* The first wanted series whose ordinal is not below. */
static uint32_t wanted_from(const struct reading *rd, uint32_t ordinal)
{
	uint32_t low = 0, n = rd->wanted_count;

	while (n) {
		uint32_t half = n / 2;
		if (rd->wanted[low + half]->series->ordinal < ordinal) {
			low += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return low;
}

static bool has_wanted(const struct reading *rd, const struct store_item *item)
{
	uint32_t i = wanted_from(rd, item->first_ordinal);

	return i < rd->wanted_count && rd->wanted[i]->series->ordinal <= item->last_ordinal;
}

static bool copy_column(
    struct arena *a, const struct rows_column *c, uint32_t from, uint32_t n, struct rows_column *out)
{
	uint64_t *bits = arena_alloc_raw(a, n * sizeof *bits, 16);
	uint8_t *present = c->present ? arena_alloc_raw(a, n, 1) : NULL;

	if (!bits || (c->present && !present))
		return false;
	memcpy(bits, c->bits + from, n * sizeof *bits);
	if (present)
		memcpy(present, c->present + from, n);
	for (uint32_t i = 0; c->type == VALUE_STRING && i < n; i++) {
		if (present && !present[i])
			continue;
		const struct rows_string *s = (const struct rows_string *)(uintptr_t)bits[i];
		struct rows_string *copy = arena_alloc_raw(a, sizeof *copy + s->len, 16);
		if (!copy)
			return false;
		memcpy(copy, s, sizeof *copy + s->len);
		bits[i] = (uint64_t)(uintptr_t)copy;
	}
	*out = *c;
	out->bits = bits;
	out->present = present;
	return true;
}

/* The rows within, in memory of their own; none: count 0. */
static bool copy_within(struct arena *a, const struct rows *r, const struct stretch *within, struct rows *out)
{
	const uint32_t from = rows_lower_bound(r->times, r->count, within->from_ns),
		       n = rows_lower_bound(r->times, r->count, within->to_ns) - from;

	*out = (struct rows){ .count = n, .column_count = r->column_count };
	if (n == 0)
		return true;
	int64_t *times = arena_alloc_raw(a, n * sizeof *times, 16);
	struct rows_column *columns = arena_alloc(a, (r->column_count + 1) * sizeof *columns, 16);
	if (!times || !columns)
		return false;
	memcpy(times, r->times + from, n * sizeof *times);
	for (uint32_t i = 0; i < r->column_count; i++)
		if (!copy_column(a, &r->columns[i], from, n, &columns[i]))
			return false;
	out->times = times;
	out->columns = columns;
	return true;
}

/* How many rows of a block find room in the memory for parts. */
static uint32_t rows_at_a_time(const struct arena *a, const struct block *b)
{
	const size_t row = sizeof(struct rows) + (size_t)b->column_count * (sizeof(uint64_t) + 2),
		     n = (a->max - a->used) / 2 / row;

	return n < ROWS_MIN ? ROWS_MIN : n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* The end of the chunks from at on that are decoded together. */
static uint32_t few_chunks(const struct stored *s, uint32_t at, const bool *chunks, uint32_t rows_max)
{
	uint64_t rows = 0;
	uint32_t to = at;

	for (; to < s->to; to++) {
		rows += chunks[to - s->from] ? s->block.series[to].rows : 0;
		if (to > at && rows > rows_max)
			break;
	}
	return to;
}

/* The chunks of s, a few at a time, of which the rows within are kept. ERR_TOOBIG: not even a few find room. */
static enum err read_in_parts(struct reading *rd, const struct local_window *w, struct stored *s, const bool *chunks)
{
	struct local_reader *r = rd->reader;
	const uint32_t rows_max = rows_at_a_time(&r->scratch, &s->block);

	for (uint32_t at = s->from, to; at < s->to; at = to) {
		to = few_chunks(s, at, chunks, rows_max);
		const bool *marked = chunks + (at - s->from);
		const struct block_wanted wanted = { at, to, marked, w->tier == TIER_RAW ? is_value : is_aggregate,
			rd };
		if (!memchr(marked, true, to - at))
			continue;
		arena_clear(&r->scratch);
		struct rows *few = arena_alloc(&r->scratch, (to - at) * sizeof *few, 16);
		enum err e = few ? block_read(&s->block, &wanted, r->moment->files.unpacker, &r->scratch, few)
				 : ERR_NOMEM;
		if (e != ERR_OK)
			return e == ERR_NOMEM ? ERR_TOOBIG : e;
		for (uint32_t i = at; i < to; i++)
			if (chunks[i - s->from] &&
			    !copy_within(&r->rows, &few[i - at], &w->within, &s->rows[i - s->from]))
				return ERR_NOMEM;
	}
	return ERR_OK;
}

/* The item's chunks of wanted series. */
static enum err load(struct reading *rd, const struct store_item *item, const struct local_window *w, bool in_parts,
    struct stored *s, struct errbuf *eb)
{
	struct local_reader *r = rd->reader;
	struct block_source bytes;
	enum err e = store_reader_source(r->moment->files.store, item, &bytes, eb);
	bool any = false;

	if (e == ERR_OK)
		e = block_open(&s->block, bytes, &r->rows);
	if (e != ERR_OK)
		return e;
	s->from = s->at = block_find(&s->block, rd->wanted[0]->series->ordinal);
	s->to = block_find(&s->block, rd->wanted[rd->wanted_count - 1]->series->ordinal + 1);
	if (s->from == s->to)
		return ERR_OK;
	bool *chunks = arena_alloc(&r->rows, (s->to - s->from) * sizeof *chunks, 1);
	s->rows = arena_alloc(&r->rows, (s->to - s->from) * sizeof *s->rows, 16);
	if (!chunks || !s->rows)
		return ERR_NOMEM;
	uint32_t k = wanted_from(rd, s->block.series[s->from].ordinal);
	for (uint32_t i = s->from; i < s->to; i++) {
		uint32_t ordinal = s->block.series[i].ordinal;
		while (k < rd->wanted_count && rd->wanted[k]->series->ordinal < ordinal)
			k++;
		chunks[i - s->from] = k < rd->wanted_count && rd->wanted[k]->series->ordinal == ordinal;
		rd->q->report->chunks += chunks[i - s->from];
		any |= chunks[i - s->from];
	}
	if (!any)
		return ERR_OK;
	if (in_parts)
		return read_in_parts(rd, w, s, chunks);
	const struct block_wanted wanted = { s->from, s->to, chunks, w->tier == TIER_RAW ? is_value : is_aggregate,
		rd };
	return block_read(&s->block, &wanted, r->moment->files.unpacker, &r->rows, s->rows);
}

static void report_damage(const struct reading *rd, const struct store_item *item, enum err e)
{
	counter_add(COUNTER_STORE_DAMAGED_READS, 1);
	log_error(
	    "%s %lld of the store is damaged: %s", item->piece ? "piece" : "block", (long long)item->id, err_name(e));
	local_not_complete(rd, "a damaged block of the local store was left out");
}

enum err local_load_window(struct reading *rd, int64_t window, bool in_parts, struct local_window *w, struct errbuf *eb)
{
	struct local_reader *r = rd->reader;
	struct store_place place = { w->tier, window, measurement_id(r->measurement) };
	struct store_item *items;
	uint32_t n;

	enum err e = store_reader_list(r->moment->files.store, &place, rd->wanted[0]->series->ordinal,
	    rd->wanted[rd->wanted_count - 1]->series->ordinal, &r->rows, &items, &n, eb);
	if (e != ERR_OK)
		return e;
	w->stored = arena_alloc(&r->rows, (n + 1) * sizeof *w->stored, 16);
	if (!w->stored)
		return ERR_NOMEM;
	for (uint32_t i = 0; e == ERR_OK && i < n; i++) {
		/* pieces of rollups may be older writes of what others hold: none is left out */
		if (w->tier == TIER_RAW && (items[i].min_ns >= w->within.to_ns || items[i].max_ns < w->within.from_ns))
			continue;
		if (!has_wanted(rd, &items[i]))
			continue;
		struct stored *s = &w->stored[w->stored_count];
		*s = (struct stored){ 0 };
		e = load(rd, &items[i], w, in_parts, s, eb);
		if (e == ERR_CORRUPT || e == ERR_IO) {
			report_damage(rd, &items[i], e);
			e = ERR_OK;
			continue;
		}
		rd->q->report->blocks += e == ERR_OK && !items[i].piece;
		rd->q->report->pieces += e == ERR_OK && items[i].piece;
		w->stored_count += e == ERR_OK && s->rows;
		if (e == ERR_OK)
			e = budget_check(r->budget, eb);
	}
	return e;
}

/* ---- both ---- */

struct rows *local_gather(
    struct reading *rd, const struct local_series *w, const struct local_window *window, uint32_t *count)
{
	const bool recent = window->tier == TIER_RAW;
	struct rows *list = arena_alloc(
	    &rd->reader->rows, (window->stored_count + (recent ? w->recent_count : 0) + 1) * sizeof *list, 16);

	*count = 0;
	for (uint32_t i = 0; list && i < window->stored_count; i++) {
		struct stored *s = &window->stored[i];
		while (s->at < s->to && s->block.series[s->at].ordinal < w->series->ordinal)
			s->at++;
		if (s->at < s->to && s->block.series[s->at].ordinal == w->series->ordinal &&
		    s->rows[s->at - s->from].count)
			list[(*count)++] = s->rows[s->at - s->from];
	}
	for (uint32_t i = 0; list && recent && i < w->recent_count; i++)
		if (overlaps(&w->recent[i], &w->spans[i], window->within.from_ns, window->within.to_ns))
			list[(*count)++] = w->recent[i];
	return list;
}

/* ---- sketches ---- */

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

bool local_lacks_sketches(const struct reading *rd, const struct local_window *w)
{
	for (uint32_t i = 0; i < w->stored_count; i++)
		for (uint32_t k = w->stored[i].from; k < w->stored[i].to; k++) {
			const struct rows *r = &w->stored[i].rows[k - w->stored[i].from];
			if (r->times && lacks_sketches(rd, r, &w->within))
				return true;
		}
	return false;
}
