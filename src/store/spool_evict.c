/* Room: old rows go, whole extents at a time, and what is free goes back to the file system when that is short of it. */
#include <stdio.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "store/database.h"
#include "store/spool_internal.h"

enum { RELEASE_PAGES = 512, STORED_SHARE = 4 };

enum err spool_set_evicted_until(struct spool *s, int64_t ns, struct errbuf *eb)
{
	s->now.evicted_until_ns = ns;
	return spool_set_meta(s, "evicted_until_ns", ns, eb);
}

/* ---- what goes before a target has got it ---- */

/* The points of rows in [from, to], of all databases, and their time range, of each. */
static enum err each_database(struct spool *s, uint64_t from, uint64_t to,
    enum err (*take)(void *arg, uint32_t db, const struct extent *part, struct errbuf *eb), void *arg,
    struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(s->db, &st,
	    "SELECT db, sum(points), min(min_ns), max(max_ns) FROM spool WHERE seq BETWEEN ? AND ? GROUP BY db", eb);
	int rc = SQLITE_DONE;

	if (e != ERR_OK)
		return e;
	sqlite3_bind_int64(st, 1, (int64_t)from);
	sqlite3_bind_int64(st, 2, (int64_t)to);
	while (e == ERR_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		const struct extent part = { .points = (uint64_t)sqlite3_column_int64(st, 1),
			.min_ns = sqlite3_column_int64(st, 2),
			.max_ns = sqlite3_column_int64(st, 3) };
		e = take(arg, (uint32_t)sqlite3_column_int64(st, 0), &part, eb);
	}
	if (e == ERR_OK && rc != SQLITE_DONE)
		e = database_error(s->db, "count points", eb);
	sqlite3_finalize(st);
	return e;
}

static enum err add_points(void *arg, uint32_t db, const struct extent *part, struct errbuf *eb)
{
	(void)db;
	(void)eb;
	*(uint64_t *)arg += part->points;
	return ERR_OK;
}

static enum err record_gap(struct spool *s, const struct extent *x, uint64_t from, const char *cause, struct errbuf *eb)
{
	sqlite3_stmt *st = s->insert_gap;
	uint64_t points = 0;
	enum err e = each_database(s, from, x->last_seq, add_points, &points, eb);

	if (e != ERR_OK)
		return e;

	sqlite3_bind_int64(st, 1, clock_wall_ns());
	sqlite3_bind_int64(st, 2, x->min_ns);
	sqlite3_bind_int64(st, 3, x->max_ns);
	sqlite3_bind_int64(st, 4, (int64_t)points);
	sqlite3_bind_text(st, 5, cause, -1, SQLITE_STATIC);
	counter_add(COUNTER_GAP_POINTS, points);
	log_error("%llu points were lost before InfluxDB got them (%s); GET /api/v1/status lists the gap",
	    (unsigned long long)points, cause);
	return spool_run(s, st, "record a gap", eb);
}

struct owing {
	struct spool *spool;
	struct owed_range range; /* its target and cause */
	uint64_t points;
};

static enum err owe_part(void *arg, uint32_t db, const struct extent *part, struct errbuf *eb)
{
	struct owing *o = arg;

	o->range.db = db;
	o->range.from_ns = part->min_ns;
	o->range.to_ns = part->max_ns + (part->max_ns < INT64_MAX);
	o->points += part->points;
	return owed_add(o->spool->owed, o->spool->db, &o->range, eb);
}

/* To each target that ever was and has not got all of the extent: one that is not configured now may be again. */
static enum err owe(struct spool *s, const struct extent *x, enum owed_cause cause, struct errbuf *eb)
{
	sqlite3_stmt *st;
	struct owing o = { .spool = s, .range.cause = cause };
	enum err e = database_prepare(s->db, &st, "SELECT target, seq FROM cursor WHERE seq < ?", eb);
	int rc = SQLITE_DONE;

	if (e != ERR_OK)
		return e;
	sqlite3_bind_int64(st, 1, (int64_t)x->last_seq);
	while (e == ERR_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		uint64_t seq = (uint64_t)sqlite3_column_int64(st, 1);
		snprintf(o.range.target, sizeof o.range.target, "%s", (const char *)sqlite3_column_text(st, 0));
		e = each_database(s, seq < x->first_seq ? x->first_seq : seq + 1, x->last_seq, owe_part, &o, eb);
	}
	if (e == ERR_OK && rc != SQLITE_DONE)
		e = database_error(s->db, "read the cursors", eb);
	sqlite3_finalize(st);
	if (e == ERR_OK && cause == OWED_OVERFLOW && o.points) {
		counter_add(COUNTER_OWED_POINTS, o.points);
		log_warn("%llu points left the spool before InfluxDB got them; the local store has them, and GET "
			 "/api/v1/replication lists the range",
		    (unsigned long long)o.points);
	}
	return e;
}

/* Before the extent goes. */
static enum err settle(struct spool *s, const struct extent *x, struct spool_done done, bool too_old, struct errbuf *eb)
{
	bool configured = done.delivered_seq != UINT64_MAX;
	bool lacking = configured && x->last_seq > done.delivered_seq;

	/* one that is not configured now lacks also what all others have got */
	if (!too_old && x->last_seq <= done.compacted_seq)
		return owe(s, x, lacking ? OWED_OVERFLOW : OWED_BEFORE, eb);
	if (!lacking)
		return ERR_OK;
	return record_gap(s, x, x->first_seq > done.delivered_seq ? x->first_seq : done.delivered_seq + 1,
	    too_old ? "retention" : "spool_full", eb);
}

/* ---- eviction ---- */

static enum err drop_extent(struct spool *s, const struct extent *x, bool compacted, struct errbuf *eb)
{
	sqlite3_bind_int64(s->delete_rows, 1, (int64_t)x->first_seq);
	sqlite3_bind_int64(s->delete_rows, 2, (int64_t)x->last_seq);
	enum err e = spool_run(s, s->delete_rows, "delete rows", eb);
	sqlite3_bind_int64(s->delete_extent, 1, (int64_t)x->first_seq);
	if (e == ERR_OK)
		e = spool_run(s, s->delete_extent, "delete an extent", eb);
	if (!compacted && x->max_ns > s->now.evicted_until_ns)
		s->now.evicted_until_ns = x->max_ns;
	if (e == ERR_OK && !compacted)
		e = spool_set_meta(s, "evicted_until_ns", s->now.evicted_until_ns, eb);
	if (e == ERR_OK)
		e = spool_set_meta(s, "evicted_until_seq", (int64_t)x->last_seq, eb);
	if (e != ERR_OK)
		return e;
	s->now.rows -= x->last_seq - x->first_seq + 1;
	s->now.points -= x->points;
	s->now.bytes -= x->bytes;
	s->now.first_seq = s->now.rows ? x->last_seq + 1 : 0;
	counter_add(COUNTER_SPOOL_EVICTED_POINTS, x->points);
	return ERR_OK;
}

/* The oldest closed extent. False: there is none. */
static bool oldest_extent(struct spool *s, struct extent *x)
{
	sqlite3_stmt *st = s->oldest;
	bool found = sqlite3_step(st) == SQLITE_ROW;

	if (found)
		*x = (struct extent){ .first_seq = (uint64_t)sqlite3_column_int64(st, 0),
			.last_seq = (uint64_t)sqlite3_column_int64(st, 1),
			.points = (uint64_t)sqlite3_column_int64(st, 2),
			.bytes = (uint64_t)sqlite3_column_int64(st, 3),
			.min_ns = sqlite3_column_int64(st, 4),
			.max_ns = sqlite3_column_int64(st, 5) };
	sqlite3_reset(st);
	return found;
}

/* One extent in a transaction of its own. ERR_NOTFOUND: nothing has to go. */
static enum err evict_one(
    struct spool *s, uint64_t max_bytes, int64_t before_ns, struct spool_done done, struct errbuf *eb)
{
	struct extent x;

	if (!oldest_extent(s, &x))
		return ERR_NOTFOUND;
	bool delivered = x.last_seq <= done.delivered_seq, compacted = x.last_seq <= done.compacted_seq;
	bool too_old = x.max_ns < before_ns;
	/* what is in the store as well is no loss here, while the store's own oldest rows would be */
	uint64_t ceiling = compacted ? max_bytes / STORED_SHARE : max_bytes;
	if (!(delivered && compacted) && !too_old && keeper_used_bytes(&s->file) <= ceiling)
		return ERR_NOTFOUND;
	enum err e = spool_begin(s, eb);
	if (e == ERR_OK)
		e = settle(s, &x, done, too_old, eb);
	if (e == ERR_OK)
		e = drop_extent(s, &x, compacted, eb);
	if (e == ERR_OK)
		return spool_commit(s, eb);
	spool_rollback(s);
	return e;
}

enum err spool_evict(struct spool *s, uint64_t max_bytes, int64_t before_ns, struct spool_done done, struct errbuf *eb)
{
	enum err e;

	if (keeper_is_suspect(&s->file)) /* the writer's next transaction opens it anew */
		return ERR_OK;
	while ((e = evict_one(s, max_bytes, before_ns, done, eb)) == ERR_OK)
		(void)spool_checkpoint(s);
	if (keeper_is_suspect(&s->file))
		return e;
	s->now.used_bytes = keeper_used_bytes(&s->file);
	spool_publish(s);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

void spool_release(struct spool *s)
{
	struct errbuf eb;
	uint64_t left;

	if (keeper_is_suspect(&s->file))
		return;
	freeze_break(s->file.freeze, "the disk is short of room");
	enum err e = keeper_vacuum(&s->file, RELEASE_PAGES, &left, &eb);
	if (e == ERR_OK)
		e = keeper_settle_log(&s->file, &eb);
	if (e != ERR_OK)
		log_warn("cannot give room back to the file system: %s", eb.text);
}
