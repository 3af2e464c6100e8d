#include "base/clock.h"
#include "flow/compactor_part.h"

enum {
	PIECES_MANY = 64, /* raw */
	PIECES_MANY_ROLLUP = 12,
};
#define CLOSED_AFTER_NS (15 * 60 * NS_PER_S) /* a window is over so long after its end */
#define QUIET_NS (60 * NS_PER_S)
#define WAIT_MOST_NS (15 * 60 * NS_PER_S)

static bool place_is_due(const struct compactor *c, const struct store_pending *p, int64_t now)
{
	int64_t end = tier_window_start(p->place.tier, p->place.window + 1);

	if (c->force)
		return true;
	if (p->place.tier != TIER_RAW)
		return p->pieces >= PIECES_MANY_ROLLUP ||
		    (now > end + CLOSED_AFTER_NS && now - p->oldest_ns > TIER_HOUR_NS);
	return p->pieces >= PIECES_MANY ||
	    (now > end + CLOSED_AFTER_NS && (now - p->newest_ns > QUIET_NS || now - p->oldest_ns > WAIT_MOST_NS));
}

static void tell_merged(struct compactor *c, uint64_t pieces_left)
{
	pthread_mutex_lock(&c->lock);
	c->stats.merged_places++;
	c->stats.pieces = pieces_left;
	c->stats.last_ns = clock_wall_ns();
	pthread_mutex_unlock(&c->lock);
}

static uint64_t tell_pieces(struct compactor *c, const struct store_pending *pending, uint32_t count)
{
	uint64_t pieces = 0;

	for (uint32_t i = 0; i < count; i++)
		pieces += pending[i].pieces;
	pthread_mutex_lock(&c->lock);
	c->stats.pieces = pieces;
	pthread_mutex_unlock(&c->lock);
	return pieces;
}

/* What is due now, once; *any: there was something. */
static enum err merge_round(struct compactor *c, bool *any, struct errbuf *eb)
{
	struct store_pending *pending;
	uint32_t count;
	int64_t now = clock_wall_ns();
	enum err e = merger_list(&c->merger, &pending, &count, eb);

	*any = false;
	if (e != ERR_OK)
		return e;
	uint64_t pieces = tell_pieces(c, pending, count);
	for (uint32_t i = 0; e == ERR_OK && i < count && !compactor_is_stopping(c); i++) {
		bool left;
		if (!place_is_due(c, &pending[i], now) || merger_leaves(&c->merger, &pending[i].place))
			continue;
		*any = true;
		e = merger_merge(&c->merger, &pending[i].place, &left, eb);
		compactor_serve_calls(c);
		if (e != ERR_OK || left)
			continue;
		pieces -= pending[i].pieces;
		tell_merged(c, pieces);
		e = compactor_flush(c, eb); /* the head must not wait for a long list */
	}
	return e;
}

enum err compactor_merge(struct compactor *c, struct errbuf *eb)
{
	bool any = true;
	enum err e = ERR_OK;

	/* merging makes pieces of the tier above; four tiers, so this ends */
	for (int i = 0; e == ERR_OK && any && i < (int)TIERS; i++)
		e = merge_round(c, &any, eb);
	return e;
}
