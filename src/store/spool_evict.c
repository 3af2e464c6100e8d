/* Room: old rows go, whole extents at a time, and what is free goes back to the file system when that is short of it. */
#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "store/database.h"
#include "store/spool_internal.h"

enum { RELEASE_PAGES = 512 };

enum err spool_set_evicted_until(struct spool *s, int64_t ns, struct errbuf *eb)
{
	s->now.evicted_until_ns = ns;
	return spool_set_meta(s, "evicted_until_ns", ns, eb);
}

/* Points of rows in [from, to], for the exact size of a gap. */
static enum err count_points(struct spool *s, uint64_t from, uint64_t to, uint64_t *points, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(s->db, &st, "SELECT sum(points) FROM spool WHERE seq BETWEEN ? AND ?", eb);

	if (e != ERR_OK)
		return e;
	sqlite3_bind_int64(st, 1, (int64_t)from);
	sqlite3_bind_int64(st, 2, (int64_t)to);
	if (sqlite3_step(st) == SQLITE_ROW)
		*points = (uint64_t)sqlite3_column_int64(st, 0);
	else
		e = database_error(s->db, "count points", eb);
	sqlite3_finalize(st);
	return e;
}

static enum err record_gap(
    struct spool *s, const struct extent *x, uint64_t points, const char *cause, struct errbuf *eb)
{
	sqlite3_stmt *st = s->insert_gap;

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
	if (!(delivered && compacted) && !too_old && keeper_used_bytes(&s->file) <= max_bytes)
		return ERR_NOTFOUND;
	enum err e = spool_begin(s, eb);
	if (e == ERR_OK && !delivered) {
		uint64_t from = x.first_seq > done.delivered_seq ? x.first_seq : done.delivered_seq + 1, points = 0;
		e = count_points(s, from, x.last_seq, &points, eb);
		if (e == ERR_OK)
			e = record_gap(s, &x, points, too_old ? "retention" : "spool_full", eb);
	}
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
