/* The walk over numbers (`at` is the last one that is done with):
 *
 *   look      the next row above `at`, as the tree has it. Numbers between them were given, so they are
 *             looked for one by one (probe), unless eviction took them; an error: probe from at + 1
 *   probe     the row with exactly that number: a search of its own through the tree, which meets only the pages on its
 *             way. Rows beside a damaged page are found like this. At most PROBES a call
 *   end       nothing above `at`, or `at` has reached the last number that any table knows of
 *
 * A row whose payload cannot be unpacked (its frames carry checksums) is one damaged row. */
#include "store/spool_walk.h"

#include <stdlib.h>

#include "store/database.h"
#include "store/frame.h"

enum {
	PROBES = 1024, /* a call */
	HOLE_MAX = 1 << 20, /* a larger one was made by numbering that began anew */
	RUN_MAX = 1 << 22, /* numbers in a row without a row: what the tables say of the last number can't be true */
	POINTS_MAX = 1 << 22, /* of a row */
	TAIL_ROWS = 64, /* above the last extent there are at most as many */
	TEXT_MAX = 64 << 20,
	TEXT_KEEP = 4 << 20
};

struct spool_walk {
	sqlite3 *db;
	sqlite3_stmt *above, *exact, *mean;
	struct frame_unpacker *unpacker;
	struct buf text;
	struct spool_facts facts;
	bool live;
	bool begun; /* the row behind `at` is known to follow it: a hole is damage */
	uint64_t at, last; /* last: of all rows there may be */
	uint64_t run; /* numbers without a row up to at */
	uint64_t probe_to; /* numbers up to it are probed one by one; 0: none */
};

/* One figure of one statement, or `otherwise`. */
static int64_t figure(sqlite3 *db, const char *sql, int64_t otherwise)
{
	sqlite3_stmt *st;
	int64_t v = otherwise;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		return otherwise;
	if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_type(st, 0) == SQLITE_INTEGER)
		v = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return v;
}

static uint64_t number(sqlite3 *db, const char *sql)
{
	int64_t v = figure(db, sql, 0);

	return v > 0 ? (uint64_t)v : 0;
}

static void read_facts(sqlite3 *db, struct spool_facts *f)
{
	uint64_t extent = number(db, "SELECT last_seq FROM extent ORDER BY first_seq DESC LIMIT 1");
	uint64_t cursor = number(db, "SELECT max(seq) FROM cursor");

	f->readable = figure(db, "SELECT count(*) FROM sqlite_schema", -1) > 0;
	f->evicted_until_seq = number(db, "SELECT value FROM meta WHERE key = 'evicted_until_seq'");
	f->evicted_until_ns = figure(db, "SELECT value FROM meta WHERE key = 'evicted_until_ns'", INT64_MIN);
	f->cursor_seq = number(db, "SELECT min(seq) FROM cursor");
	f->oldest_ns = figure(db, "SELECT min(min_ns) FROM extent", INT64_MAX);
	f->newest_ns = figure(db, "SELECT max(max_ns) FROM extent", INT64_MIN);
	f->first_seq = number(db, "SELECT value FROM meta WHERE key = 'first_seq'");
	f->last_seq = number(db, "SELECT seq FROM spool ORDER BY seq DESC LIMIT 1");
	if (f->last_seq == 0 && extent)
		f->last_seq = extent + TAIL_ROWS;
	if (f->last_seq < extent)
		f->last_seq = extent;
	if (f->last_seq < f->evicted_until_seq)
		f->last_seq = f->evicted_until_seq;
	if (f->last_seq < cursor)
		f->last_seq = cursor;
}

void spool_facts_read(const char *path, struct spool_facts *out)
{
	struct errbuf eb;
	sqlite3 *db;

	*out = (struct spool_facts){ .evicted_until_ns = INT64_MIN, .oldest_ns = INT64_MAX, .newest_ns = INT64_MIN };
	if (database_open_reader(&db, path, &eb) != ERR_OK)
		return;
	read_facts(db, out);
	sqlite3_close(db);
}

enum err spool_walk_open(
    struct spool_walk **out, const char *path, const struct spool_walk_opts *opts, struct errbuf *eb)
{
#define COLUMNS "SELECT seq, db, points, received_ns, min_ns, max_ns, payload FROM spool "
	struct spool_walk *w = calloc(1, sizeof *w);

	*out = NULL;
	if (!w || frame_unpacker_new(&w->unpacker) != ERR_OK) {
		free(w);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	buf_init(&w->text, TEXT_MAX);
	enum err e = database_open_reader(&w->db, path, eb);
	if (e == ERR_OK)
		e = database_prepare(w->db, &w->above, COLUMNS "WHERE seq > ? ORDER BY seq LIMIT 1", eb);
	if (e == ERR_OK)
		e = database_prepare(w->db, &w->exact, COLUMNS "WHERE seq = ?", eb);
	if (e == ERR_OK)
		e = database_prepare(w->db, &w->mean,
		    "SELECT points / (last_seq - first_seq + 1) FROM extent WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1",
		    eb);
	if (e != ERR_OK) {
		spool_walk_close(w);
		return e == ERR_NOMEM ? e : errbuf_set(eb, ERR_CORRUPT, "nothing of %s can be read", path);
	}
	read_facts(w->db, &w->facts);
	w->live = opts->live;
	w->begun = figure(w->db, "SELECT count(*) FROM meta", -1) >= 0; /* it says where the rows begin */
	w->last = w->facts.last_seq;
	w->at = opts->after_seq > w->facts.evicted_until_seq ? opts->after_seq : w->facts.evicted_until_seq;
	*out = w;
	return ERR_OK;
}

void spool_walk_close(struct spool_walk *w)
{
	if (!w)
		return;
	sqlite3_finalize(w->above);
	sqlite3_finalize(w->exact);
	sqlite3_finalize(w->mean);
	sqlite3_close(w->db);
	frame_unpacker_free(w->unpacker);
	buf_fini(&w->text);
	free(w);
}

sqlite3 *spool_walk_db(struct spool_walk *w)
{
	return w->db;
}

const struct spool_facts *spool_walk_facts(const struct spool_walk *w)
{
	return &w->facts;
}

static bool is_damage(sqlite3 *db)
{
	int code = sqlite3_errcode(db) & 0xff;

	return code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_IOERR;
}

/* ERR_OK: a row; its payload is unpacked unless *row_bad. ERR_NOTFOUND: none; ERR_CORRUPT: the file does not say. */
static enum err run(struct spool_walk *w, sqlite3_stmt *st, uint64_t seq, struct spool_row *row, bool *row_bad)
{
	enum err e = ERR_OK;

	*row_bad = false;
	sqlite3_bind_int64(st, 1, (int64_t)seq);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		*row = (struct spool_row){ .seq = (uint64_t)sqlite3_column_int64(st, 0),
			.db = (uint32_t)sqlite3_column_int64(st, 1),
			.points = (uint32_t)sqlite3_column_int64(st, 2),
			.received_ns = sqlite3_column_int64(st, 3),
			.min_ns = sqlite3_column_int64(st, 4),
			.max_ns = sqlite3_column_int64(st, 5) };
		struct view frames = { sqlite3_column_blob(st, 6), (size_t)sqlite3_column_bytes(st, 6) };
		if (w->text.cap > TEXT_KEEP)
			buf_fini(&w->text);
		buf_clear(&w->text);
		enum err unpacked = frames.len ? frame_unpack(w->unpacker, frames, &w->text) : ERR_CORRUPT;
		row->payload = (struct view){ w->text.p, w->text.len };
		*row_bad = unpacked != ERR_OK;
		if (unpacked == ERR_NOMEM)
			e = ERR_NOMEM;
		else if (!frames.p && is_damage(w->db)) /* the pages of its payload */
			e = ERR_CORRUPT;
	} else if (rc == SQLITE_DONE) {
		e = ERR_NOTFOUND;
	} else {
		e = is_damage(w->db) ? ERR_CORRUPT : ERR_IO;
	}
	sqlite3_reset(st);
	return e;
}

static uint64_t mean_points(struct spool_walk *w, uint64_t seq)
{
	uint64_t n = 1;

	sqlite3_bind_int64(w->mean, 1, (int64_t)seq);
	if (sqlite3_step(w->mean) == SQLITE_ROW && sqlite3_column_int64(w->mean, 0) > 1)
		n = (uint64_t)sqlite3_column_int64(w->mean, 0);
	sqlite3_reset(w->mean);
	return n < UINT32_MAX ? n : 1;
}

static void lost(struct spool_walk *w, struct spool_damage *d, uint64_t seq, uint64_t points)
{
	d->rows++;
	d->points += points && points <= POINTS_MAX ? points : mean_points(w, seq);
	w->run++;
}

/* Rows go from the front while a file in use is walked. */
static bool has_gone(const struct spool_walk *w, uint64_t seq)
{
	return w->live && number(w->db, "SELECT value FROM meta WHERE key = 'evicted_until_seq'") >= seq;
}

/* Numbers up to probe_to, one by one. As spool_walk_next; ERR_UNAVAILABLE: done with them, none was found. */
static enum err probe(struct spool_walk *w, struct spool_row *row, struct spool_damage *d)
{
	for (unsigned n = 0; n < PROBES && w->at < w->probe_to; n++) {
		bool row_bad;
		enum err e = run(w, w->exact, w->at + 1, row, &row_bad);
		if (e == ERR_NOMEM || e == ERR_IO)
			return e;
		w->at++;
		if (e == ERR_OK && !row_bad) {
			w->run = 0;
			if (d->rows == 0)
				return ERR_OK;
			w->at--; /* what was lost is told first */
			return ERR_CORRUPT;
		}
		if (e == ERR_NOTFOUND && has_gone(w, w->at))
			continue;
		d->pages = d->pages || e != ERR_OK;
		lost(w, d, w->at, e == ERR_OK ? row->points : 0);
	}
	return d->rows ? ERR_CORRUPT : w->at < w->probe_to ? ERR_CORRUPT : ERR_UNAVAILABLE;
}

/* The row above `at` that the tree shows; whether all numbers between were never given or have been probed. */
static bool hole_is_known(const struct spool_walk *w, const struct spool_row *row)
{
	uint64_t hole = row->seq - w->at - 1;
	bool anew = w->at < w->facts.first_seq && w->facts.first_seq <= row->seq;

	return hole == 0 || hole >= HOLE_MAX || !w->begun || anew || has_gone(w, row->seq - 1);
}

/* As spool_walk_next; ERR_CORRUPT also where it only found that numbers must be probed. */
static enum err look(struct spool_walk *w, struct spool_row *row, struct spool_damage *damage)
{
	bool row_bad;
	enum err e = run(w, w->above, w->at, row, &row_bad);

	if (e == ERR_OK && row->seq > w->at) {
		if (!hole_is_known(w, row)) {
			w->probe_to = row->seq - 1;
			return ERR_CORRUPT;
		}
		w->begun = true;
		w->at = row->seq;
		w->run = 0;
		if (row_bad)
			lost(w, damage, row->seq, row->points);
		return row_bad ? ERR_CORRUPT : ERR_OK;
	}
	if (e == ERR_NOTFOUND) { /* the tree ends before what other tables know of */
		if (!w->begun || w->at >= w->last || has_gone(w, w->last))
			return ERR_NOTFOUND;
	} else if (e != ERR_OK && e != ERR_CORRUPT) {
		return e;
	} else { /* the page on the way is damaged, or the tree's order is: around it */
		damage->pages = true;
	}
	w->begun = true;
	if (w->at >= w->last || w->run >= RUN_MAX)
		return ERR_NOTFOUND;
	w->probe_to = w->last - w->at > PROBES ? w->at + PROBES : w->last;
	return ERR_CORRUPT;
}

enum err spool_walk_next(struct spool_walk *w, struct spool_row *row, struct spool_damage *damage, struct errbuf *eb)
{
	enum err e = ERR_UNAVAILABLE;

	*damage = (struct spool_damage){ 0 };
	if (w->probe_to)
		e = probe(w, row, damage);
	if (e == ERR_UNAVAILABLE) {
		w->probe_to = 0;
		e = look(w, row, damage);
	}
	return e == ERR_OK || e == ERR_NOTFOUND
	    ? e
	    : errbuf_set(eb, e, "rows up to %llu cannot be read", (unsigned long long)w->at);
}
