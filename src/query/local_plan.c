/* Which tier answers which stretch of the range.
 *
 * The coarsest tier whose buckets fit the grid of the answer is asked, where it has everything: not at the range's ends
 * that cut a bucket, and not where rows lie beneath it that are not merged yet (raw: pieces, spool and head; 1h: pieces
 * of 1h, of which 1d is made). Such stretches go to the tier below. So an answer from rollups is the answer from the
 * raw rows at any moment. Where raw rows have been let go, one minute rollups stand in for them as far as they go.
 *
 * Percentiles need sketches, which the tier's rows may lack: that is seen when they are read, see local_rows.c. */
#include <stdlib.h>

#include "query/local_part.h"

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
		struct stretch *p = arena_alloc(&rd->lists, room * sizeof *p, 16);
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

struct marks { /* windows, or days; sorted once complete */
	int64_t *of;
	uint32_t count, room;
};

static bool mark(struct reading *rd, struct marks *m, int64_t number)
{
	if (m->count && m->of[m->count - 1] == number)
		return true;
	if (m->count == m->room) {
		uint32_t room = m->room ? m->room * 2 : 64;
		int64_t *p = arena_alloc(&rd->lists, room * sizeof *p, 16);
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

static void sort_marks(struct marks *m)
{
	uint32_t n = 0;

	if (m->count)
		qsort(m->of, m->count, sizeof *m->of, by_number);
	for (uint32_t i = 0; i < m->count; i++)
		if (i == 0 || m->of[i] != m->of[n - 1])
			m->of[n++] = m->of[i];
	m->count = n;
}

/* The first mark that is not below; INT64_MAX: none. */
static int64_t next_mark(const struct marks *m, int64_t number)
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
	return low < m->count ? m->of[low] : INT64_MAX;
}

/* Raw windows with rows that only the head or the spool has. */
static bool mark_recent(struct reading *rd, struct marks *m)
{
	for (uint32_t i = 0; i < rd->wanted_count; i++)
		for (uint32_t k = 0; k < rd->wanted[i].recent_count; k++) {
			const struct rows *r = &rd->wanted[i].recent[k];
			for (uint32_t j = 0; j < r->count; j++)
				if (!mark(rd, m, tier_window(TIER_RAW, r->times[j])))
					return false;
		}
	return true;
}

/* Raw windows, and days of 1h, with pieces. */
static enum err mark_pieces(struct reading *rd, struct marks *raw, struct marks *days, struct errbuf *eb)
{
	struct store_piece_range *ranges;
	uint32_t count;

	if (!local_has_store(rd))
		return ERR_OK;
	enum err e = store_reader_pieces(
	    rd->files.store, measurement_id(rd->measurement), &rd->lists, &ranges, &count, eb);
	for (uint32_t i = 0; e == ERR_OK && i < count; i++) {
		bool ok = true;
		if (ranges[i].tier == TIER_RAW)
			ok = mark(rd, raw, ranges[i].window);
		for (int64_t d = floor_to(ranges[i].min_ns, TIER_DAY_NS);
		     ok && ranges[i].tier == TIER_1H && d <= ranges[i].max_ns; d += TIER_DAY_NS)
			ok = mark(rd, days, d / TIER_DAY_NS);
		if (!ok)
			e = ERR_TOOBIG;
	}
	return e;
}

/* ---- the plan ---- */

struct plan {
	struct reading *rd;
	struct marks raw, days; /* not merged */
};

static bool use_raw(struct plan *p, int64_t from, int64_t to)
{
	struct reading *rd = p->rd;
	int64_t begins = rd->gone_ns[TIER_RAW];

	if (from < begins) {
		int64_t end = to < begins ? to : begins;
		if (rd->r->step_ns % TIER_MINUTE_NS != 0)
			read_result_not_complete(rd->r,
			    "the raw points of the beginning of the range have been let go; ask for a step of whole minutes");
		else if (from % TIER_MINUTE_NS != 0 || end % TIER_MINUTE_NS != 0)
			read_result_not_complete(rd->r,
			    "the raw points of the beginning of the range have been let go; let it begin at a whole minute");
		if (!add_stretch(rd, &rd->by_tier[TIER_1M], ceil_to(from, TIER_MINUTE_NS), end))
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
		int64_t dirty = next_mark(&p->raw, tier_window(TIER_RAW, at)), begin = last, end = last;
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
	int64_t day = next_mark(&p->days, floor_to(at, TIER_DAY_NS) / TIER_DAY_NS);
	int64_t window = next_mark(&p->raw, tier_window(TIER_RAW, at));
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

/* Which rows have been let go, of each tier. */
static enum err find_gone(struct reading *rd, struct errbuf *eb)
{
	enum err e = ERR_OK;

	for (int t = 0; e == ERR_OK && t < (int)TIERS; t++) {
		rd->gone_ns[t] = INT64_MIN;
		if (local_has_store(rd))
			e = store_reader_evicted(
			    rd->files.store, (enum tier)t, measurement_id(rd->measurement), &rd->gone_ns[t], eb);
	}
	return e;
}

/* Rollups that have been let go, or never were made, are not made up for. */
static enum err check_rollups(struct reading *rd, struct errbuf *eb)
{
	int64_t without_minutes = INT64_MIN;
	enum err e = ERR_OK;

	if (rd->by_tier[TIER_1M].count)
		e = store_reader_without_minutes(
		    rd->files.store, measurement_id(rd->measurement), &without_minutes, eb);
	if (rd->by_tier[TIER_1M].count && rd->by_tier[TIER_1M].of[0].from_ns < without_minutes)
		read_result_not_complete(rd->r,
		    "some raw points of the range have been let go without rollups by the minute; ask for whole hours");
	for (int t = TIER_1M; t < (int)TIERS; t++)
		if (rd->by_tier[t].count && rd->by_tier[t].of[0].from_ns < rd->gone_ns[t])
			read_result_not_complete(
			    rd->r, "the local history no longer reaches back to the beginning of the range");
	return e;
}

/* What damage has taken. */
static enum err check_gaps(struct reading *rd, struct errbuf *eb)
{
	enum err e = ERR_OK;

	for (int t = 0; e == ERR_OK && t < (int)TIERS; t++) {
		const struct stretches *s = &rd->by_tier[t];
		bool any = false;
		if (s->count == 0)
			continue;
		e = store_reader_gap(
		    rd->files.store, (enum tier)t, s->of[0].from_ns, s->of[s->count - 1].to_ns, &any, eb);
		if (any)
			read_result_not_complete(rd->r, local_lacks_damaged);
	}
	return e;
}

enum err local_plan(struct reading *rd, struct errbuf *eb)
{
	struct plan p = { .rd = rd };
	int64_t step = rd->r->step_ns, from = rd->q->from_ns, to = rd->q->to_ns;
	enum err e = find_gone(rd, eb);
	bool ok;

	if (e == ERR_OK && step % TIER_HOUR_NS == 0) {
		if (!mark_recent(rd, &p.raw))
			return ERR_TOOBIG;
		e = mark_pieces(rd, &p.raw, &p.days, eb);
	}
	if (e != ERR_OK)
		return e;
	sort_marks(&p.raw);
	sort_marks(&p.days);
	if (!local_has_store(rd) || step % TIER_HOUR_NS != 0)
		ok = use_raw(&p, from, to);
	else if (step % TIER_DAY_NS != 0)
		ok = use_hours(&p, from, to);
	else
		ok = use_days(&p, from, to);
	if (!ok)
		return ERR_TOOBIG;
	e = check_rollups(rd, eb);
	return e == ERR_OK && local_has_store(rd) ? check_gaps(rd, eb) : e;
}
