/* Reading the spool beside its writer. Each call is one short step: the statement is reset before it returns, so that
 * no reader keeps the write-ahead log from being used again from its start. */
#include <stdlib.h>

#include "store/database.h"
#include "store/frame.h"
#include "store/spool.h"

enum { TEXT_MAX = 64 << 20, TEXT_KEEP = 4 << 20 };

struct spool_reader {
	sqlite3 *db;
	sqlite3_stmt *next, *extent, *in_extents, *in_rows, *last_extent, *begin, *received, *first_time, *in_rows_of;
	struct frame_unpacker *unpacker;
	struct buf text;
	uint64_t run_from, run_to; /* an extent that overlaps the range asked for last; 0: unknown */
	int64_t range_from_ns, range_to_ns;
};

enum err spool_reader_open(struct spool_reader **out, const char *path, struct errbuf *eb)
{
	struct spool_reader *r = calloc(1, sizeof *r);
	enum err e;

	*out = NULL;
	if (!r || frame_unpacker_new(&r->unpacker) != ERR_OK) {
		free(r);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	buf_init(&r->text, TEXT_MAX);
	const struct {
		sqlite3_stmt **st;
		const char *sql;
	} all[] = {
		{ &r->next,
		    "SELECT seq, db, points, received_ns, min_ns, max_ns, payload FROM spool WHERE seq > ? ORDER BY seq LIMIT 1" },
		{ &r->extent,
		    "SELECT first_seq, last_seq FROM extent WHERE last_seq > ?1 AND max_ns >= ?2 AND min_ns < ?3 "
		    "ORDER BY first_seq LIMIT 1" },
		{ &r->begin,
		    "SELECT (SELECT value FROM meta WHERE key = 'evicted_until_ns'), (SELECT min(seq) FROM spool)" },
		{ &r->received, "SELECT received_ns FROM spool WHERE seq > ? ORDER BY seq LIMIT 1" },
		{ &r->first_time,
		    "SELECT min(max(min_ns, ?1)) FROM (SELECT min_ns, max_ns FROM extent UNION ALL SELECT min_ns, max_ns "
		    "FROM spool WHERE seq > (SELECT coalesce(max(last_seq), 0) FROM extent)) "
		    "WHERE max_ns >= ?1 AND min_ns < ?2" },
		{ &r->last_extent, "SELECT max(first_seq), last_seq FROM extent" },
		{ &r->in_extents,
		    "SELECT sum(points), sum(bytes), min(min_ns), max(max_ns), min(first_seq), max(last_seq) FROM extent "
		    "WHERE first_seq > ?1 AND last_seq <= ?2" },
		{ &r->in_rows,
		    "SELECT sum(points), sum(length(payload)), min(min_ns), max(max_ns) FROM spool "
		    "WHERE seq > ?1 AND seq <= ?2" },
		{ &r->in_rows_of,
		    "SELECT sum(points), sum(length(payload)), min(min_ns), max(max_ns), min(received_ns), 0 FROM spool "
		    "WHERE seq > ?1 AND seq <= ?2 AND db = ?3" },
	};
	e = database_open_reader(&r->db, path, eb);
	for (size_t i = 0; e == ERR_OK && i < sizeof all / sizeof *all; i++)
		e = database_prepare(r->db, all[i].st, all[i].sql, eb);
	if (e != ERR_OK) {
		spool_reader_close(r);
		return e;
	}
	*out = r;
	return ERR_OK;
}

void spool_reader_close(struct spool_reader *r)
{
	if (!r)
		return;
	sqlite3_finalize(r->next);
	sqlite3_finalize(r->extent);
	sqlite3_finalize(r->last_extent);
	sqlite3_finalize(r->begin);
	sqlite3_finalize(r->received);
	sqlite3_finalize(r->first_time);
	sqlite3_finalize(r->in_extents);
	sqlite3_finalize(r->in_rows);
	sqlite3_finalize(r->in_rows_of);
	sqlite3_close(r->db);
	frame_unpacker_free(r->unpacker);
	buf_fini(&r->text);
	free(r);
}

sqlite3 *spool_reader_db(struct spool_reader *r)
{
	return r->db;
}

static enum err unpack(struct spool_reader *r, struct spool_row *row, struct errbuf *eb)
{
	struct view frames = { sqlite3_column_blob(r->next, 6), (size_t)sqlite3_column_bytes(r->next, 6) };

	if (r->text.cap > TEXT_KEEP)
		buf_fini(&r->text);
	buf_clear(&r->text);
	enum err e = frame_unpack(r->unpacker, frames, &r->text);
	if (e == ERR_TOOBIG)
		e = ERR_CORRUPT;
	if (e != ERR_OK)
		return errbuf_set(eb, e, "row %llu of the spool cannot be unpacked", (unsigned long long)row->seq);
	row->payload = (struct view){ r->text.p, r->text.len };
	return ERR_OK;
}

/* The row after after_seq, its payload only if it overlaps the range; *overlaps tells. */
static enum err step(struct spool_reader *r, uint64_t after_seq, int64_t from_ns, int64_t to_ns, struct spool_row *row,
    bool *overlaps, struct errbuf *eb)
{
	enum err e = ERR_OK;

	*row = (struct spool_row){ 0 };
	sqlite3_bind_int64(r->next, 1, (int64_t)after_seq);
	int rc = sqlite3_step(r->next);
	if (rc == SQLITE_ROW) {
		row->seq = (uint64_t)sqlite3_column_int64(r->next, 0);
		row->db = (uint32_t)sqlite3_column_int64(r->next, 1);
		row->points = (uint32_t)sqlite3_column_int64(r->next, 2);
		row->received_ns = sqlite3_column_int64(r->next, 3);
		row->min_ns = sqlite3_column_int64(r->next, 4);
		row->max_ns = sqlite3_column_int64(r->next, 5);
		*overlaps = row->max_ns >= from_ns && row->min_ns < to_ns;
		if (*overlaps)
			e = unpack(r, row, eb);
	} else if (rc == SQLITE_DONE) {
		e = ERR_NOTFOUND;
	} else {
		e = database_error(r->db, "read the spool", eb);
	}
	sqlite3_reset(r->next);
	return e;
}

enum err spool_reader_next(struct spool_reader *r, uint64_t after_seq, struct spool_row *row, struct errbuf *eb)
{
	bool overlaps;

	return step(r, after_seq, INT64_MIN, INT64_MAX, row, &overlaps, eb);
}

/* The next extent with rows above after_seq that overlaps the range; without one the rows above all extents. The last
 * extent is asked for first: rows of one that is closed in between are then still looked at. */
static enum err find_run(struct spool_reader *r, uint64_t after_seq, int64_t from_ns, int64_t to_ns, struct errbuf *eb)
{
	uint64_t last = 0;
	int rc = sqlite3_step(r->last_extent);

	if (rc == SQLITE_ROW)
		last = (uint64_t)sqlite3_column_int64(r->last_extent, 1);
	sqlite3_reset(r->last_extent);
	if (rc != SQLITE_ROW)
		return database_error(r->db, "read the extents", eb);
	sqlite3_bind_int64(r->extent, 1, (int64_t)after_seq);
	sqlite3_bind_int64(r->extent, 2, from_ns);
	sqlite3_bind_int64(r->extent, 3, to_ns);
	rc = sqlite3_step(r->extent);
	r->run_from = last + 1;
	r->run_to = UINT64_MAX;
	if (rc == SQLITE_ROW) {
		r->run_from = (uint64_t)sqlite3_column_int64(r->extent, 0);
		r->run_to = (uint64_t)sqlite3_column_int64(r->extent, 1);
	}
	sqlite3_reset(r->extent);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? ERR_OK : database_error(r->db, "read the extents", eb);
}

enum err spool_reader_next_in(struct spool_reader *r, uint64_t after_seq, int64_t from_ns, int64_t to_ns,
    struct spool_row *row, struct errbuf *eb)
{
	bool same = r->run_from && from_ns == r->range_from_ns && to_ns == r->range_to_ns;

	r->range_from_ns = from_ns;
	r->range_to_ns = to_ns;
	for (;;) {
		if (!same || after_seq >= r->run_to || after_seq + 1 < r->run_from) {
			enum err e = find_run(r, after_seq, from_ns, to_ns, eb);
			if (e != ERR_OK)
				return e;
			same = true;
		}
		if (after_seq + 1 < r->run_from)
			after_seq = r->run_from - 1;
		bool overlaps = false;
		enum err e = step(r, after_seq, from_ns, to_ns, row, &overlaps, eb);
		if (e == ERR_NOTFOUND)
			r->run_from = 0;
		if (e != ERR_OK || overlaps)
			return e;
		after_seq = row->seq;
	}
}

enum err spool_reader_begin(struct spool_reader *r, int64_t *evicted_until_ns, uint64_t *first_seq, struct errbuf *eb)
{
	enum err e = ERR_OK;

	if (sqlite3_step(r->begin) == SQLITE_ROW) {
		bool none = sqlite3_column_type(r->begin, 0) == SQLITE_NULL;
		*evicted_until_ns = none ? INT64_MIN : sqlite3_column_int64(r->begin, 0);
		*first_seq = (uint64_t)sqlite3_column_int64(r->begin, 1);
	} else {
		e = database_error(r->db, "read where the spool begins", eb);
	}
	sqlite3_reset(r->begin);
	return e;
}

enum err spool_reader_has_gone(
    struct spool_reader *r, uint64_t after_seq, uint64_t last_seq, bool *gone, struct errbuf *eb)
{
	int64_t evicted_until_ns;
	uint64_t first = 0;
	enum err e = spool_reader_begin(r, &evicted_until_ns, &first, eb);

	*gone = e == ERR_OK && last_seq > after_seq && (first == 0 || first > after_seq + 1);
	return e;
}

enum err spool_reader_first_time(
    struct spool_reader *r, int64_t from_ns, int64_t to_ns, int64_t *first_ns, struct errbuf *eb)
{
	enum err e = ERR_OK;

	sqlite3_bind_int64(r->first_time, 1, from_ns);
	sqlite3_bind_int64(r->first_time, 2, to_ns);
	if (sqlite3_step(r->first_time) != SQLITE_ROW)
		e = database_error(r->db, "look for the next time", eb);
	else if (sqlite3_column_type(r->first_time, 0) == SQLITE_NULL)
		e = ERR_NOTFOUND;
	else
		*first_ns = sqlite3_column_int64(r->first_time, 0);
	sqlite3_reset(r->first_time);
	return e;
}

/* Adds what the statement says of rows in (after, to]. */
static enum err add_sums(struct spool_reader *r, sqlite3_stmt *st, uint64_t after, uint64_t to,
    struct spool_backlog *out, uint64_t *first, uint64_t *last, struct errbuf *eb)
{
	enum err e = ERR_OK;

	if (after >= to)
		return ERR_OK;
	sqlite3_bind_int64(st, 1, (int64_t)after);
	sqlite3_bind_int64(st, 2, (int64_t)to);
	if (sqlite3_step(st) != SQLITE_ROW) {
		e = database_error(r->db, "count what waits", eb);
	} else if (sqlite3_column_type(st, 0) != SQLITE_NULL) {
		int64_t min_ns = sqlite3_column_int64(st, 2), max_ns = sqlite3_column_int64(st, 3);
		out->points += (uint64_t)sqlite3_column_int64(st, 0);
		out->bytes += (uint64_t)sqlite3_column_int64(st, 1);
		out->min_ns = min_ns < out->min_ns ? min_ns : out->min_ns;
		out->max_ns = max_ns > out->max_ns ? max_ns : out->max_ns;
		if (first) {
			*first = (uint64_t)sqlite3_column_int64(st, 4);
			*last = (uint64_t)sqlite3_column_int64(st, 5);
		}
	}
	sqlite3_reset(st);
	return e;
}

enum err spool_reader_between(
    struct spool_reader *r, uint64_t after_seq, uint64_t to_seq, struct spool_backlog *out, struct errbuf *eb)
{
	uint64_t to = to_seq > INT64_MAX ? INT64_MAX : to_seq, first = 0, last = 0;

	*out = (struct spool_backlog){ .min_ns = INT64_MAX, .max_ns = INT64_MIN };
	enum err e = add_sums(r, r->in_extents, after_seq, to, out, &first, &last, eb);
	/* the extents that the two ends lie within, and the rows above all extents */
	if (e == ERR_OK)
		e = add_sums(r, r->in_rows, after_seq, last ? first - 1 : to, out, NULL, NULL, eb);
	if (e == ERR_OK && last)
		e = add_sums(r, r->in_rows, last, to, out, NULL, NULL, eb);
	if (e != ERR_OK || out->points == 0)
		return e;
	sqlite3_bind_int64(r->received, 1, (int64_t)after_seq);
	if (sqlite3_step(r->received) == SQLITE_ROW)
		out->oldest_received_ns = sqlite3_column_int64(r->received, 0);
	sqlite3_reset(r->received);
	return ERR_OK;
}

enum err spool_reader_between_of(struct spool_reader *r, uint32_t db, uint64_t after_seq, uint64_t to_seq,
    struct spool_backlog *out, struct errbuf *eb)
{
	uint64_t oldest = 0, unused;

	*out = (struct spool_backlog){ .min_ns = INT64_MAX, .max_ns = INT64_MIN };
	sqlite3_bind_int64(r->in_rows_of, 3, db);
	enum err e = add_sums(
	    r, r->in_rows_of, after_seq, to_seq > INT64_MAX ? INT64_MAX : to_seq, out, &oldest, &unused, eb);
	out->oldest_received_ns = (int64_t)oldest;
	return e;
}

enum err spool_reader_after(struct spool_reader *r, uint64_t after_seq, struct spool_backlog *out, struct errbuf *eb)
{
	return spool_reader_between(r, after_seq, UINT64_MAX, out, eb);
}
