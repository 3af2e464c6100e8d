#include "base/clock.h"
#include "flow/compactor_part.h"

enum { VACUUM_PAGES = 64, VACUUM_KEEP_PAGES = 512 };
#define RETAIN_NS (600 * NS_PER_S)

static enum err retain(struct compactor *c, struct errbuf *eb)
{
	int64_t now = clock_mono_ns();

	if (!c->force && c->retained_ns && now - c->retained_ns < RETAIN_NS)
		return ERR_OK;
	c->retained_ns = now;
	return retention_by_age(&c->retention, clock_wall_ns(), eb);
}

static enum err keep_below_ceiling(struct compactor *c, struct errbuf *eb)
{
	uint64_t max = c->opts.max_bytes / 20 * 19;
	struct spool_totals spool;
	struct store_totals s;
	bool at_rest;

	spool_totals(c->opts.spool, &spool);
	store_totals(c->opts.store, &s);
	enum err e = ERR_OK;
	if (max && s.used_bytes + spool.used_bytes > max) { /* what it has and nobody needs must cost no other rows */
		e = committer_let_go(c->opts.committer, eb);
		spool_totals(c->opts.spool, &spool);
	}
	if (e == ERR_OK)
		e = retention_at_ceiling(&c->retention, spool.used_bytes, clock_wall_ns(), &at_rest, eb);
	if (!max || e != ERR_OK)
		return e;
	/* undelivered rows go last: only when the store has nothing more to give */
	store_totals(c->opts.store, &s);
	uint64_t rest = max > s.used_bytes ? max - s.used_bytes : 0;
	committer_set_spool_max(c->opts.committer, at_rest ? c->opts.max_bytes : rest);
	return ERR_OK;
}

static enum err vacuum(struct compactor *c, struct errbuf *eb)
{
	uint64_t left = 0, before = UINT64_MAX;
	enum err e = store_vacuum(c->opts.store, 0, &left, eb);

	while (e == ERR_OK && left < before && left > (c->force ? 0 : VACUUM_KEEP_PAGES) && !compactor_is_stopping(c)) {
		before = left;
		compactor_serve_calls(c);
		e = store_vacuum(c->opts.store, VACUUM_PAGES, &left, eb);
		store_checkpoint(c->opts.store);
	}
	return e;
}

enum err compactor_make_room(struct compactor *c, struct errbuf *eb)
{
	enum err e = retain(c, eb);

	if (e == ERR_OK)
		e = keep_below_ceiling(c, eb);
	if (e == ERR_OK)
		e = vacuum(c, eb);
	if (e == ERR_OK && c->force) {
		store_truncate_log(c->opts.store);
		e = committer_shrink(c->opts.committer, eb);
	}
	return e;
}
