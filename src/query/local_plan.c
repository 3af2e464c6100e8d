/* Which tier answers which stretch of the range.
 *
 * The coarsest tier whose buckets fit the grid of the answer is asked, where it has everything: not at the range's ends
 * that cut a bucket, and not where rows lie beneath it that are not merged yet (raw: pieces, spool and head; 1h: pieces
 * of 1h, of which 1d is made). Such stretches go to the tier below. So an answer from rollups is the answer from the
 * raw rows at any moment. Where raw rows have been let go, one minute rollups stand in for them as far as they go.
 * Rollups are of windows from 1970 on; before them, and behind the last window, there are raw rows at most.
 *
 * Percentiles need sketches, which the tier's rows may lack: that is seen when they are read, see local_reader.c. */
#include <stdlib.h>

#include "query/local_part.h"

struct plan {
	struct reading *rd;
	struct local_moment *moment;
	struct marks raw, days; /* not merged */
	int64_t raw_gone_ns;
};

static bool add_stretch(struct reading *rd, struct stretches *s, int64_t from, int64_t to)
{
	if (from >= to)
		return true;
	if (s->count && s->of[s->count - 1].to_ns == from) {
		s->of[s->count - 1].to_ns = to;
		return true;
	}
	if (s->count == s->room) {
		uint32_t room = s->room ? s->room * 2 : 16;
		struct stretch *p = arena_alloc(&rd->reader->work, room * sizeof *p, 16);
		if (!p)
			return false;
		if (s->count)
			memcpy(p, s->of, s->count * sizeof *p);
		s->of = p;
		s->room = room;
	}
	s->of[s->count++] = (struct stretch){ from, to };
	return true;
}

static int64_t floor_to(int64_t t, int64_t step)
{
	int64_t rest = t % step, low;

	return __builtin_sub_overflow(t, rest < 0 ? rest + step : rest, &low) ? INT64_MIN : low;
}

static int64_t ceil_to(int64_t t, int64_t step)
{
	int64_t low = floor_to(t, step), high;

	return low == t || __builtin_add_overflow(low, step, &high) ? t : high;
}

/* ---- what is not merged ---- */

bool local_mark(struct arena *a, struct marks *m, int64_t number)
{
	if (m->count && m->of[m->count - 1] == number)
		return true;
	if (m->count == m->room) {
		uint32_t room = m->room ? m->room * 2 : 64;
		int64_t *p = arena_alloc(a, room * sizeof *p, 16);
		if (!p)
			return false;
		if (m->count)
			memcpy(p, m->of, m->count * sizeof *p);
		m->of = p;
		m->room = room;
	}
	m->of[m->count++] = number;
	return true;
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

void local_sort_marks(struct marks *m)
{
	uint32_t n = 0;

	if (m->count)
		qsort(m->of, m->count, sizeof *m->of, by_number);
	for (uint32_t i = 0; i < m->count; i++)
		if (i == 0 || m->of[i] != m->of[n - 1])
			m->of[n++] = m->of[i];
	m->count = n;
}

/* How many are below. */
static uint32_t marks_below(const struct marks *m, int64_t number)
{
	uint32_t low = 0, n = m->count;

	while (n) {
		uint32_t half = n / 2;
		if (m->of[low + half] < number) {
			low += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return low;
}

int64_t local_next_mark(const struct marks *m, int64_t number)
{
	uint32_t i = marks_below(m, number);

	return i < m->count ? m->of[i] : INT64_MAX;
}

int64_t local_last_mark(const struct marks *m, int64_t number)
{
	uint32_t i = number == INT64_MAX ? m->count : marks_below(m, number + 1);

	return i ? m->of[i - 1] : INT64_MIN;
}

/* ---- the store's figures ---- */

enum err local_find_gone(struct reading *rd, enum tier tier, int64_t *gone_ns, struct errbuf *eb)
{
	struct local_figures *f = &rd->reader->figures;
	struct local_moment *m = rd->reader->moment;
	enum err e = ERR_OK;

	if (!f->has_gone[tier]) {
		f->gone_ns[tier] = INT64_MIN;
		if (local_has_store(m))
			e = store_reader_evicted(
			    m->files.store, tier, measurement_id(rd->reader->measurement), &f->gone_ns[tier], eb);
		f->has_gone[tier] = e == ERR_OK;
	}
	*gone_ns = f->gone_ns[tier];
	return e;
}

static enum err find_pieces(struct reading *rd, struct errbuf *eb)
{
	struct local_reader *r = rd->reader;
	struct local_figures *f = &r->figures;

	if (f->has_pieces || !local_has_store(r->moment))
		return ERR_OK;
	enum err e = store_reader_pieces(
	    r->moment->files.store, measurement_id(r->measurement), &r->lists, &f->pieces, &f->piece_count, eb);
	f->has_pieces = e == ERR_OK;
	return e;
}

/* Raw windows, and days of 1h, with pieces. */
static enum err mark_pieces(struct plan *p, struct errbuf *eb)
{
	struct arena *a = &p->rd->reader->work;
	const struct local_figures *f = &p->rd->reader->figures;
	enum err e = find_pieces(p->rd, eb);

	for (uint32_t i = 0; e == ERR_OK && i < f->piece_count; i++) {
		const struct store_piece_range *range = &f->pieces[i];
		bool ok = true;
		if (range->tier == TIER_RAW)
			ok = local_mark(a, &p->raw, range->window);
		for (int64_t d = floor_to(range->min_ns, TIER_DAY_NS);
		     ok && range->tier == TIER_1H && d <= range->max_ns; d += TIER_DAY_NS)
			ok = local_mark(a, &p->days, d / TIER_DAY_NS);
		if (!ok)
			e = ERR_TOOBIG;
	}
	return e;
}

/* What rollups do not have yet. */
static enum err mark_dirty(struct plan *p, struct errbuf *eb)
{
	const struct marks *recent = &p->rd->recent;
	enum err e = mark_pieces(p, eb);

	for (uint32_t i = 0; e == ERR_OK && i < recent->count; i++)
		if (!local_mark(&p->rd->reader->work, &p->raw, recent->of[i]))
			e = ERR_TOOBIG;
	local_sort_marks(&p->raw);
	local_sort_marks(&p->days);
	return e;
}

/* ---- the plan ---- */

static bool use_raw(struct plan *p, int64_t from, int64_t to)
{
	struct reading *rd = p->rd;
	int64_t begins = p->raw_gone_ns;

	if (from < begins && from < to) {
		int64_t end = to < begins ? to : begins;
		if (rd->q->only_rows)
			local_not_before(rd, end, "the raw points of the beginning of the range have been let go");
		else if (rd->q->with_strings)
			local_not_before(rd, end,
			    "the raw points of the beginning of the range have been let go, and text has no rollups");
		else if (!rd->q->minutes_fit)
			local_not_before(rd, end,
			    "the raw points of the beginning of the range have been let go; ask for a step of whole minutes");
		else if (from % TIER_MINUTE_NS != 0 || end % TIER_MINUTE_NS != 0)
			local_not_before(rd, end,
			    "the raw points of the beginning of the range have been let go; let it begin at a whole minute");
		if (!rd->q->only_rows && !add_stretch(rd, &rd->by_tier[TIER_1M], ceil_to(from, TIER_MINUTE_NS), end))
			return false;
		from = end;
	}
	return add_stretch(rd, &rd->by_tier[TIER_RAW], from, to);
}

static bool use_hours(struct plan *p, int64_t from, int64_t to)
{
	int64_t window_ns = tier_window_ns(TIER_RAW);
	int64_t first = ceil_to(from, TIER_HOUR_NS), last = floor_to(to, TIER_HOUR_NS);

	if (first >= last)
		return use_raw(p, from, to);
	if (!use_raw(p, from, first))
		return false;
	for (int64_t at = first; at < last;) {
		int64_t dirty = local_next_mark(&p->raw, tier_window(TIER_RAW, at)), begin = last, end = last;
		if (dirty < INT64_MAX / window_ns && dirty * window_ns < last) {
			begin = dirty * window_ns > at ? dirty * window_ns : at;
			end = (dirty + 1) * window_ns < last ? (dirty + 1) * window_ns : last;
		}
		if (!add_stretch(p->rd, &p->rd->by_tier[TIER_1H], at, begin) || !use_raw(p, begin, end))
			return false;
		at = end;
	}
	return use_raw(p, last, to);
}

/* The next day from at on that is not whole in the tier 1d. */
static int64_t next_dirty_day(const struct plan *p, int64_t at)
{
	int64_t day = local_next_mark(&p->days, floor_to(at, TIER_DAY_NS) / TIER_DAY_NS);
	int64_t window = local_next_mark(&p->raw, tier_window(TIER_RAW, at));
	int64_t window_ns = tier_window_ns(TIER_RAW);

	day = day < INT64_MAX / TIER_DAY_NS ? day * TIER_DAY_NS : INT64_MAX;
	if (window < INT64_MAX / window_ns) {
		int64_t of_window = floor_to(window * window_ns, TIER_DAY_NS);
		day = of_window < day ? of_window : day;
	}
	return day;
}

static bool use_days(struct plan *p, int64_t from, int64_t to)
{
	int64_t first = ceil_to(from, TIER_DAY_NS), last = floor_to(to, TIER_DAY_NS);

	if (first >= last)
		return use_hours(p, from, to);
	if (!use_hours(p, from, first))
		return false;
	for (int64_t at = first; at < last;) {
		int64_t dirty = next_dirty_day(p, at), begin = dirty < last ? dirty : last,
			end = dirty < last ? dirty + TIER_DAY_NS : last;
		if (!add_stretch(p->rd, &p->rd->by_tier[TIER_1D], at, begin) || !use_hours(p, begin, end))
			return false;
		at = end;
	}
	return use_hours(p, last, to);
}

/* Rollups that have been let go, or never were made, are not made up for. */
static enum err check_rollups(struct plan *p, struct errbuf *eb)
{
	struct reading *rd = p->rd;
	int64_t without_minutes = INT64_MIN, gone;
	enum err e = ERR_OK;

	if (rd->by_tier[TIER_1M].count)
		e = store_reader_without_minutes(
		    p->moment->files.store, measurement_id(rd->reader->measurement), &without_minutes, eb);
	if (e == ERR_OK && rd->by_tier[TIER_1M].count && rd->by_tier[TIER_1M].of[0].from_ns < without_minutes)
		local_not_before(rd, without_minutes,
		    "some raw points of the range have been let go without rollups by the minute; ask for whole hours");
	for (int t = TIER_1M; e == ERR_OK && t < (int)TIERS; t++) {
		if (rd->by_tier[t].count == 0)
			continue;
		e = local_find_gone(rd, (enum tier)t, &gone, eb);
		if (e == ERR_OK && rd->by_tier[t].of[0].from_ns < gone)
			local_not_before(
			    rd, gone, "the local history no longer reaches back to the beginning of the range");
	}
	return e;
}

/* What damage has taken. */
static enum err check_gaps(struct plan *p, struct errbuf *eb)
{
	struct reading *rd = p->rd;
	enum err e = ERR_OK;

	for (int t = 0; e == ERR_OK && t < (int)TIERS; t++) {
		const struct stretches *s = &rd->by_tier[t];
		bool any = false;
		if (s->count == 0)
			continue;
		e = store_reader_gap(
		    p->moment->files.store, (enum tier)t, s->of[0].from_ns, s->of[s->count - 1].to_ns, &any, eb);
		if (any)
			local_not_complete(rd, local_lacks_damaged);
	}
	return e;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Of the range what lies in windows. */
static bool use_windows(struct plan *p, int64_t from, int64_t to)
{
	if (from >= to)
		return true;
	if (!local_has_store(p->moment) || p->rd->q->coarsest <= TIER_1M)
		return use_raw(p, from, to);
	return p->rd->q->coarsest == TIER_1H ? use_hours(p, from, to) : use_days(p, from, to);
}

enum err local_plan(struct reading *rd, struct errbuf *eb)
{
	/* the last window of every tier ends at this or later */
	const int64_t end = (STORE_WINDOWS_MAX - 1) * tier_window_ns(TIER_RAW) / TIER_DAY_NS * TIER_DAY_NS;
	const int64_t from = rd->from_ns, to = rd->to_ns;
	struct plan p = { .rd = rd, .moment = rd->reader->moment };
	struct stretches *raw = &rd->by_tier[TIER_RAW];
	enum err e = local_find_gone(rd, TIER_RAW, &p.raw_gone_ns, eb);

	if (e == ERR_OK && rd->q->coarsest > TIER_1M)
		e = mark_dirty(&p, eb);
	if (e != ERR_OK)
		return e;
	if (!add_stretch(rd, raw, from, least(to, 0)) || !use_windows(&p, from > 0 ? from : 0, least(to, end)) ||
	    !add_stretch(rd, raw, from > end ? from : end, to))
		return ERR_TOOBIG;
	if (!local_has_store(p.moment))
		return ERR_OK;
	e = check_rollups(&p, eb);
	return e == ERR_OK ? check_gaps(&p, eb) : e;
}
