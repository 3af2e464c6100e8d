#include "flow/retention.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/aside.h"

static struct view name_of(const struct retention *r, int64_t measurement)
{
	if (measurement < 0)
		return (struct view){ "", 0 };
	return measurement_name(catalogue_measurement_at(r->catalogue, (uint32_t)measurement));
}

static bool wants_minutes(const struct retention *r, int64_t measurement)
{
	struct view name = name_of(r, measurement);

	return r->keep_ns(r->arg, TIER_1M, name) > r->keep_ns(r->arg, TIER_RAW, name);
}

/* One transaction. measurement < 0: all. */
static enum err delete_window(
    struct retention *r, enum tier tier, int64_t window, int64_t measurement, bool without_minutes, struct errbuf *eb)
{
	int64_t end = tier_window_start(tier, window + 1);
	uint64_t points = 0;
	enum err e = store_begin(r->store, eb);

	if (e != ERR_OK)
		return e;
	e = store_delete_windows(r->store, tier, window, window + 1, measurement, &points, eb);
	if (e == ERR_OK)
		e = store_set_evicted(r->store, tier, measurement, end, eb);
	if (e == ERR_OK && without_minutes)
		e = store_set_without_minutes(r->store, measurement, end, eb);
	e = store_end(r->store, e, eb);
	if (e == ERR_OK) {
		r->gone(r->gone_arg, points);
		store_checkpoint(r->store);
	}
	return e;
}

/* ---- a raw window's last merge, and its minutes ---- */

static enum err begin_pass(struct retention *r, struct errbuf *eb)
{
	return merger_list(r->merger, &r->pending, &r->pending_count, eb);
}

/* A place of the list, if it is not done yet. *left: it is left alone. */
static enum err merge_place(struct retention *r, struct store_pending *p, bool *left, struct errbuf *eb)
{
	*left = false;
	if (p->pieces == 0)
		return ERR_OK;
	enum err e = merger_merge(r->merger, &p->place, left, eb);
	if (e == ERR_OK && !*left)
		p->pieces = 0;
	return e;
}

/* *whole: no place was left alone. */
static enum err merge_window(struct retention *r, int64_t window, int64_t measurement, bool *whole, struct errbuf *eb)
{
	enum err e = ERR_OK;

	*whole = true;
	for (uint32_t i = 0; e == ERR_OK && i < r->pending_count; i++) {
		const struct store_place *p = &r->pending[i].place;
		bool left = false;
		if (p->tier == TIER_RAW && p->window == window && (measurement < 0 || p->measurement == measurement))
			e = merge_place(r, &r->pending[i], &left, eb);
		*whole = *whole && !left;
	}
	return e;
}

static enum err make_minutes(struct retention *r, int64_t window, int64_t measurement, struct errbuf *eb)
{
	uint32_t n = catalogue_measurement_count(r->catalogue);
	enum err e = ERR_OK;

	if (measurement >= 0)
		return compaction_minutes(r->compaction, window, (uint32_t)measurement, eb);
	for (uint32_t i = 0; e == ERR_OK && i < n; i++)
		e = compaction_minutes(r->compaction, window, i, eb);
	return e;
}

/* ---- by age ---- */

static enum err let_go(struct retention *r, enum tier tier, int64_t window, int64_t measurement, struct errbuf *eb)
{
	bool minutes = tier == TIER_RAW && wants_minutes(r, measurement), whole = true;
	enum err e = tier == TIER_RAW ? merge_window(r, window, measurement, &whole, eb) : ERR_OK;

	if (e != ERR_OK || !whole)
		return e;
	if (minutes)
		e = make_minutes(r, window, measurement, eb);
	if (e == ERR_CORRUPT) {
		aside_mark(store_path(r->store), eb->text);
		return ERR_OK;
	}
	return e == ERR_OK ? delete_window(r, tier, window, measurement, tier == TIER_RAW && !minutes, eb) : e;
}

static enum err by_age(struct retention *r, enum tier tier, int64_t measurement, int64_t now_ns, struct errbuf *eb)
{
	int64_t keep = r->keep_ns(r->arg, tier, name_of(r, measurement)), window = -1;
	enum err e = ERR_OK;

	while (e == ERR_OK && !r->should_stop(r->stop_arg)) {
		e = store_reader_next_window(store_own_reader(r->store), tier, window + 1, measurement, &window, eb);
		if (e != ERR_OK || tier_window_start(tier, window + 1) > now_ns - keep)
			break;
		e = let_go(r, tier, window, measurement, eb);
	}
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err retention_by_age(struct retention *r, int64_t now_ns, struct errbuf *eb)
{
	uint32_t n = r->overridden ? catalogue_measurement_count(r->catalogue) : 0;
	enum err e = begin_pass(r, eb);

	for (int t = 0; e == ERR_OK && t < (int)TIERS; t++) {
		if (!r->overridden)
			e = by_age(r, (enum tier)t, -1, now_ns, eb);
		for (uint32_t i = 0; e == ERR_OK && i < n; i++)
			e = by_age(r, (enum tier)t, i, now_ns, eb);
	}
	return e;
}

/* ---- the ceiling ---- */

static bool is_above(const struct retention *r, uint64_t spool_bytes)
{
	struct store_totals t;

	store_totals(r->store, &t);
	return t.used_bytes + spool_bytes > r->max_bytes / 20 * 19;
}

/* ERR_NOTFOUND: the tier has nothing to give. */
static enum err give(struct retention *r, enum tier tier, int64_t now_ns, struct errbuf *eb)
{
	int64_t window;
	enum err e = store_reader_next_window(store_own_reader(r->store), tier, 0, -1, &window, eb);

	if (e != ERR_OK)
		return e;
	int64_t end = tier_window_start(tier, window + 1);
	if (end > now_ns) /* what was just acknowledged is in it */
		return ERR_NOTFOUND;
	log_warn("the store is at its ceiling of %llu MiB: %s rows before %lld s are let go",
	    (unsigned long long)(r->max_bytes >> 20), tier_name(tier), (long long)(end / NS_PER_S));
	if (tier == TIER_RAW) {
		bool whole;
		e = merge_window(r, window, -1, &whole, eb);
		if (e != ERR_OK && e != ERR_FULL)
			return e;
	}
	return delete_window(r, tier, window, -1, tier == TIER_RAW, eb); /* minutes would take as much again */
}

/* Pieces take more room than the blocks they become: what is over is merged before anything goes. */
static enum err merge_what_is_over(struct retention *r, uint64_t spool_bytes, int64_t now_ns, struct errbuf *eb)
{
	enum err e = ERR_OK;

	for (uint32_t i = 0; e == ERR_OK && i < r->pending_count && is_above(r, spool_bytes); i++) {
		const struct store_place *p = &r->pending[i].place;
		bool left;
		if (r->should_stop(r->stop_arg))
			break;
		if (tier_window_start(p->tier, p->window + 1) > now_ns)
			continue;
		e = merge_place(r, &r->pending[i], &left, eb);
		if (e == ERR_FULL) /* the round's own merge tells of it */
			e = ERR_OK;
	}
	return e;
}

enum err retention_at_ceiling(
    struct retention *r, uint64_t spool_bytes, int64_t now_ns, bool *at_rest, struct errbuf *eb)
{
	static const enum tier order[] = { TIER_RAW, TIER_1M };

	*at_rest = true;
	if (!r->max_bytes || !is_above(r, spool_bytes))
		return ERR_OK;
	enum err e = begin_pass(r, eb);
	if (e == ERR_OK)
		e = merge_what_is_over(r, spool_bytes, now_ns, eb);
	while (e == ERR_OK && is_above(r, spool_bytes) && !r->should_stop(r->stop_arg)) {
		e = ERR_NOTFOUND;
		for (unsigned i = 0; e == ERR_NOTFOUND && i < sizeof order / sizeof *order; i++)
			e = give(r, order[i], now_ns, eb);
	}
	*at_rest = e != ERR_NOTFOUND;
	return e == ERR_NOTFOUND ? ERR_OK : e;
}
