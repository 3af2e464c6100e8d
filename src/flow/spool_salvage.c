/* Of each file that was set aside, oldest first:
 *
 *   rows above the delivered cursor      ingest, row by row; a full or failing disk is waited for
 *   each second                          progress into meta, "salvage:<stamp>" = the last row done with
 *   at the end, one transaction          the gap gets its size, the quarantine and the gaps of the old file are copied,
 *                                        history is said to be whole again if all of it was taken over,
 *                                        "salvage:<stamp>" = DONE */
#include "flow/spool_salvage.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "store/database.h"
#include "store/quarantine.h"
#include "store/spool_walk.h"

#define DONE INT64_MAX

struct spool_salvage {
	struct spool_salvage_opts opts;
	struct salvage *salvage;
	struct salvage_figures figures;
	int64_t stored_ns; /* when progress was written last */
};

struct file { /* the one in work */
	const struct aside_file *is;
	struct spool_walk *walk;
	const struct spool_facts *facts;
	uint64_t done_seq;
	uint64_t lost_rows, lost_points;
	int64_t lost_from_ns, lost_to_ns;
	bool whole; /* nothing was left out: neither delivered before nor lost */
};

/* ---- progress, in the spool's file ---- */

static void key_of(const struct file *f, char key[48])
{
	snprintf(key, 48, "salvage:%s", f->is->stamp);
}

static enum err put_progress(sqlite3 *db, const struct file *f, int64_t value, struct errbuf *eb)
{
	char key[48];
	sqlite3_stmt *st;
	enum err e = database_prepare(db, &st, "INSERT OR REPLACE INTO meta VALUES (?, ?)", eb);

	if (e != ERR_OK)
		return e;
	key_of(f, key);
	sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, value);
	if (sqlite3_step(st) != SQLITE_DONE)
		e = database_error(db, "write the progress", eb);
	sqlite3_finalize(st);
	return e;
}

static enum err store_progress(struct spool *s, void *arg, struct errbuf *eb)
{
	const struct file *f = arg;

	return put_progress(spool_db(s), f, (int64_t)f->done_seq, eb);
}

static enum err read_progress(struct spool_salvage *s, const struct file *f, int64_t *out, struct errbuf *eb)
{
	char key[48];
	sqlite3 *db;
	sqlite3_stmt *st;
	enum err e = database_open_reader(&db, salvage_path(s->salvage), eb);

	*out = 0;
	if (e != ERR_OK)
		return e;
	e = database_prepare(db, &st, "SELECT value FROM meta WHERE key = ?", eb);
	if (e == ERR_OK) {
		key_of(f, key);
		sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
		if (sqlite3_step(st) == SQLITE_ROW)
			*out = sqlite3_column_int64(st, 0);
		sqlite3_finalize(st);
	}
	sqlite3_close(db);
	return e;
}

/* ---- the end of a file ---- */

static enum err write_gap(sqlite3 *db, const struct file *f, struct errbuf *eb)
{
	sqlite3_stmt *st;
	int64_t at_ns = f->is->at_ns ? f->is->at_ns : clock_wall_ns();
	enum err e = database_prepare(db, &st,
	    "UPDATE gap SET points = ?1, from_ns = min(from_ns, ?2), to_ns = max(?2, min(to_ns, ?3)) "
	    "WHERE at_ns = ?4 AND cause = 'spool_damaged'",
	    eb);

	for (int i = 0; e == ERR_OK && i < 2; i++) {
		sqlite3_bind_int64(st, 1, (int64_t)f->lost_points);
		sqlite3_bind_int64(st, 2, f->lost_from_ns);
		sqlite3_bind_int64(st, 3, f->lost_to_ns);
		sqlite3_bind_int64(st, 4, at_ns);
		if (sqlite3_step(st) != SQLITE_DONE)
			e = database_error(db, "write the gap", eb);
		sqlite3_finalize(st);
		if (e != ERR_OK || i > 0 || sqlite3_changes(db) || f->lost_points == 0)
			return e;
		/* set aside by a human: there is none yet */
		e = database_prepare(db, &st,
		    "INSERT INTO gap (at_ns, from_ns, to_ns, points, cause) VALUES (?4, ?2, ?3, ?1, 'spool_damaged')",
		    eb);
	}
	return e;
}

static enum err finish_file(struct spool *s, void *arg, struct errbuf *eb)
{
	const struct file *f = arg;
	sqlite3 *db = spool_db(s), *old = f->walk ? spool_walk_db(f->walk) : NULL;
	enum err e = write_gap(db, f, eb);

	if (e == ERR_OK && old) { /* evidence: what can be read of it goes on */
		quarantine_copy(old, db);
		salvage_copy_rows(old, db,
		    "SELECT at_ns, from_ns, to_ns, points, cause FROM gap ORDER BY id DESC LIMIT 10000",
		    "INSERT INTO gap (at_ns, from_ns, to_ns, points, cause) VALUES (?, ?, ?, ?, ?)");
	}
	if (e == ERR_OK && f->whole)
		e = spool_set_evicted_until(s, f->facts->evicted_until_ns, eb);
	return e == ERR_OK ? put_progress(db, f, DONE, eb) : e;
}

/* ---- rows ---- */

static void count_lost(struct spool_salvage *s, struct file *f, const struct spool_damage *d)
{
	if (d->rows == 0)
		return;
	f->lost_rows += d->rows;
	f->lost_points += d->points;
	f->whole = false;
	counter_add(COUNTER_SALVAGE_LOST_POINTS, d->points);
	s->figures.lost_items += d->rows;
	s->figures.lost_points += d->points;
	salvage_tell(s->salvage, &s->figures);
}

/* Through the door. ERR_CLOSED: stopping. */
static enum err write_row(struct spool_salvage *s, const char *database, const struct spool_row *row)
{
	struct ingest_request rq = { .database = database, .precision_ns = 1, .body = row->payload };
	struct ingest_result r;
	struct errbuf eb;

	for (;;) {
		ingest_result_init(&r);
		enum err e = ingest_write(s->opts.ingest, &rq, &r, &eb);
		uint64_t points = r.points, rejected = r.rejected;
		ingest_result_fini(&r);
		if (e == ERR_OK) {
			counter_add(COUNTER_SALVAGED_POINTS, points);
			s->figures.items++;
			s->figures.points += points;
			if (rejected)
				log_warn("salvage: %llu points of row %llu were refused at the door",
				    (unsigned long long)rejected, (unsigned long long)row->seq);
			return ERR_OK;
		}
		if (e == ERR_CLOSED || !salvage_wait(s->salvage))
			return ERR_CLOSED;
		log_warn("salvage waits: %s", eb.text);
	}
}

static enum err put_row(struct spool_salvage *s, struct file *f, const struct spool_row *row)
{
	struct spool_damage lost = { .rows = 1, .points = row->points };
	const char *name = catalogue_database_name(s->opts.catalogue, row->db);

	if (s->opts.retention_ns && row->max_ns < clock_wall_ns() - s->opts.retention_ns) {
		s->figures.old_items++;
		return ERR_OK;
	}
	if (!name) { /* the namespace's name was lost, or the row's number of it */
		count_lost(s, f, &lost);
		return ERR_OK;
	}
	return write_row(s, name, row);
}

static void note_progress(struct spool_salvage *s, struct file *f)
{
	struct errbuf eb;
	int64_t now = clock_mono_ns();

	s->figures.at = f->done_seq;
	salvage_tell(s->salvage, &s->figures);
	if (now - s->stored_ns < NS_PER_S)
		return;
	s->stored_ns = now;
	if (committer_call(s->opts.committer, store_progress, f, &eb) != ERR_OK)
		log_warn("salvage: %s", eb.text); /* more is read twice after a restart, no more */
}

static enum err walk_file(struct spool_salvage *s, struct file *f, struct errbuf *eb)
{
	struct spool_damage damage;
	struct spool_row row;
	enum err e;

	while (!worker_is_stopping(salvage_worker(s->salvage))) {
		e = spool_walk_next(f->walk, &row, &damage, eb);
		if (e == ERR_NOTFOUND)
			return ERR_OK;
		if (e == ERR_CORRUPT) {
			count_lost(s, f, &damage);
			continue;
		}
		if (e == ERR_OK)
			e = put_row(s, f, &row);
		if (e != ERR_OK)
			return e;
		f->done_seq = row.seq;
		note_progress(s, f);
	}
	return ERR_CLOSED;
}

static enum err finish(struct spool_salvage *s, struct file *f, struct errbuf *eb)
{
	enum err e;

	while ((e = committer_call(s->opts.committer, finish_file, f, eb)) != ERR_OK && e != ERR_CLOSED)
		if (!salvage_wait(s->salvage))
			return ERR_CLOSED;
	return e;
}

static enum err take_over(void *arg, const struct aside_file *is, struct errbuf *eb)
{
	struct spool_salvage *s = arg;
	struct file f = { .is = is, .lost_from_ns = is->at_ns, .lost_to_ns = is->at_ns };
	struct spool_walk_opts wo = { 0 };
	struct spool_facts facts;
	int64_t progress;
	enum err e = read_progress(s, &f, &progress, eb);

	if (e != ERR_OK || progress == DONE)
		return e;
	spool_facts_read(is->name, &facts);
	wo.after_seq = progress > 0 && (uint64_t)progress > facts.cursor_seq ? (uint64_t)progress : facts.cursor_seq;
	s->figures.at = wo.after_seq;
	s->figures.end = facts.last_seq;
	salvage_tell_file(s->salvage, is);
	salvage_tell(s->salvage, &s->figures);
	e = spool_walk_open(&f.walk, is->name, &wo, eb);
	if (e != ERR_OK)
		return e; /* it is not given up: another start may read more */
	f.facts = spool_walk_facts(f.walk);
	f.whole = facts.cursor_seq <= facts.evicted_until_seq;
	if (f.facts->oldest_ns < f.lost_from_ns)
		f.lost_from_ns = f.facts->oldest_ns;
	e = walk_file(s, &f, eb);
	if (e == ERR_OK)
		e = finish(s, &f, eb);
	if (e == ERR_OK && f.lost_rows)
		log_error(
		    "%s: %llu rows, about %llu points, could not be read back and are lost; all others were taken over",
		    is->name, (unsigned long long)f.lost_rows, (unsigned long long)f.lost_points);
	spool_walk_close(f.walk);
	return e;
}

static const struct salvage_kind kind = { .thread = "hf-salvage",
	.name = "recovery",
	.items = "rows",
	.points = "points",
	.take_over = take_over,
	.free = free };

enum err spool_salvage_start(struct salvage **out, const struct spool_salvage_opts *opts, struct errbuf *eb)
{
	struct spool_salvage *s = calloc(1, sizeof *s);

	*out = NULL;
	if (!s)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	s->opts = *opts;
	enum err e = salvage_new(&s->salvage, &kind, s, opts->spool_path, opts->retry_ns, eb);
	return e == ERR_OK ? salvage_begin(out, s->salvage, eb) : e;
}
