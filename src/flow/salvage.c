/* Of each file that was set aside, oldest first:
 *
 *   rows above the delivered cursor      ingest, row by row; a full or failing disk is waited for
 *   each second                          progress into meta, "salvage:<stamp>" = the last row done with
 *   at the end, one transaction          the gap gets its size, the quarantine and the gaps of the old file are copied,
 *                                        history is said to be whole again if all of it was taken over,
 *                                        "salvage:<stamp>" = DONE */
#include "flow/salvage.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/thread.h"
#include "store/aside.h"
#include "store/database.h"
#include "store/spool_walk.h"

#define DONE INT64_MAX

struct salvage {
	struct salvage_opts opts;
	char *path;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* stopping, stats */
	pthread_cond_t stop;
	bool stopping;
	struct salvage_stats stats;
	/* the thread alone */
	struct aside_file *files;
	size_t file_count;
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

const char *salvage_state_name(enum salvage_state s)
{
	static const char *const names[] = { "none", "running", "done", "failed" };

	return names[s];
}

void salvage_stats(struct salvage *s, struct salvage_stats *out)
{
	pthread_mutex_lock(&s->lock);
	*out = s->stats;
	pthread_mutex_unlock(&s->lock);
}

static bool is_stopping(struct salvage *s)
{
	pthread_mutex_lock(&s->lock);
	bool stopping = s->stopping;
	pthread_mutex_unlock(&s->lock);
	return stopping;
}

/* False: stopping. */
static bool pause_ns(struct salvage *s, int64_t ns)
{
	int64_t until = clock_mono_ns() + ns;

	pthread_mutex_lock(&s->lock);
	while (!s->stopping && clock_cond_wait(&s->stop, &s->lock, until)) {
		/* woken for nothing */
	}
	bool stopping = s->stopping;
	pthread_mutex_unlock(&s->lock);
	return !stopping;
}

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

static enum err read_progress(struct salvage *s, const struct file *f, int64_t *out, struct errbuf *eb)
{
	char key[48];
	sqlite3 *db;
	sqlite3_stmt *st;
	enum err e = database_open_reader(&db, s->path, eb);

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

/* Quarantine and gaps are evidence: what can be read of them goes on. */
static void copy_rows(sqlite3 *from, sqlite3 *to, const char *select, const char *insert)
{
	sqlite3_stmt *in = NULL, *out = NULL;

	if (sqlite3_prepare_v2(from, select, -1, &in, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(to, insert, -1, &out, NULL) == SQLITE_OK) {
		while (sqlite3_step(in) == SQLITE_ROW) {
			for (int c = 0; c < sqlite3_column_count(in); c++)
				sqlite3_bind_value(out, c + 1, sqlite3_column_value(in, c));
			(void)sqlite3_step(out); /* a row that breaks a constraint is damaged */
			sqlite3_reset(out);
		}
	}
	sqlite3_finalize(in);
	sqlite3_finalize(out);
}

static enum err finish_file(struct spool *s, void *arg, struct errbuf *eb)
{
	const struct file *f = arg;
	sqlite3 *db = spool_db(s), *old = f->walk ? spool_walk_db(f->walk) : NULL;
	enum err e = write_gap(db, f, eb);

	if (e == ERR_OK && old) {
		copy_rows(old, db,
		    "SELECT target, at_ns, db, status, reason, points, line FROM quarantine ORDER BY id DESC LIMIT 10000",
		    "INSERT INTO quarantine (target, at_ns, db, status, reason, points, line) VALUES (?, ?, ?, ?, ?, ?, ?)");
		copy_rows(old, db, "SELECT at_ns, from_ns, to_ns, points, cause FROM gap ORDER BY id DESC LIMIT 10000",
		    "INSERT INTO gap (at_ns, from_ns, to_ns, points, cause) VALUES (?, ?, ?, ?, ?)");
	}
	if (e == ERR_OK && f->whole)
		e = spool_set_evicted_until(s, f->facts->evicted_until_ns, eb);
	return e == ERR_OK ? put_progress(db, f, DONE, eb) : e;
}

/* ---- rows ---- */

static void count_lost(struct salvage *s, struct file *f, const struct spool_damage *d)
{
	if (d->rows == 0)
		return;
	f->lost_rows += d->rows;
	f->lost_points += d->points;
	f->whole = false;
	counter_add(COUNTER_SALVAGE_LOST_POINTS, d->points);
	pthread_mutex_lock(&s->lock);
	s->stats.lost_rows += d->rows;
	s->stats.lost_points += d->points;
	pthread_mutex_unlock(&s->lock);
}

/* ERR_CLOSED: stopping. */
static enum err put_row(struct salvage *s, struct file *f, const struct spool_row *row)
{
	struct spool_damage lost = { .rows = 1, .points = row->points };
	const char *name = catalogue_database_name(s->opts.catalogue, row->db);
	struct ingest_request rq = { .database = name, .precision_ns = 1, .body = row->payload };
	struct ingest_result r;
	struct errbuf eb;
	enum err e = ERR_OK;

	if (s->opts.retention_ns && row->max_ns < clock_wall_ns() - s->opts.retention_ns) {
		pthread_mutex_lock(&s->lock);
		s->stats.old_rows++;
		pthread_mutex_unlock(&s->lock);
		return ERR_OK;
	}
	if (!name) { /* the namespace's name was lost, or the row's number of it */
		count_lost(s, f, &lost);
		return ERR_OK;
	}
	for (;;) {
		ingest_result_init(&r);
		e = ingest_write(s->opts.ingest, &rq, &r, &eb);
		uint64_t points = r.points, rejected = r.rejected;
		ingest_result_fini(&r);
		if (e == ERR_OK) {
			counter_add(COUNTER_SALVAGED_POINTS, points);
			pthread_mutex_lock(&s->lock);
			s->stats.rows++;
			s->stats.points += points;
			pthread_mutex_unlock(&s->lock);
			if (rejected)
				log_warn("salvage: %llu points of row %llu were refused at the door",
				    (unsigned long long)rejected, (unsigned long long)row->seq);
			return ERR_OK;
		}
		if (e == ERR_CLOSED || !pause_ns(s, s->opts.retry_ns ? s->opts.retry_ns : NS_PER_S))
			return ERR_CLOSED;
		log_warn("salvage waits: %s", eb.text);
	}
}

static void note_progress(struct salvage *s, struct file *f)
{
	struct errbuf eb;
	int64_t now = clock_mono_ns();

	pthread_mutex_lock(&s->lock);
	s->stats.at_seq = f->done_seq;
	pthread_mutex_unlock(&s->lock);
	if (now - s->stored_ns < NS_PER_S)
		return;
	s->stored_ns = now;
	if (committer_call(s->opts.committer, store_progress, f, &eb) != ERR_OK)
		log_warn("salvage: %s", eb.text); /* more is read twice after a restart, no more */
}

static enum err walk_file(struct salvage *s, struct file *f, struct errbuf *eb)
{
	struct spool_damage damage;
	struct spool_row row;
	enum err e;

	while (!is_stopping(s)) {
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

static enum err finish(struct salvage *s, struct file *f, struct errbuf *eb)
{
	enum err e;

	while ((e = committer_call(s->opts.committer, finish_file, f, eb)) != ERR_OK && e != ERR_CLOSED)
		if (!pause_ns(s, s->opts.retry_ns ? s->opts.retry_ns : NS_PER_S))
			return ERR_CLOSED;
	return e;
}

static enum err take_over(struct salvage *s, const struct aside_file *d, struct errbuf *eb)
{
	struct file f = { .is = d, .lost_from_ns = d->at_ns, .lost_to_ns = d->at_ns };
	struct spool_walk_opts wo = { 0 };
	int64_t progress;
	enum err e = read_progress(s, &f, &progress, eb);

	if (e != ERR_OK || progress == DONE)
		return e;
	struct spool_facts facts;
	spool_facts_read(d->name, &facts);
	bool all = facts.cursor_seq <= facts.evicted_until_seq;
	wo.after_seq = progress > 0 && (uint64_t)progress > facts.cursor_seq ? (uint64_t)progress : facts.cursor_seq;
	const char *slash = strrchr(d->name, '/');
	pthread_mutex_lock(&s->lock);
	snprintf(s->stats.file, sizeof s->stats.file, "%.255s", slash ? slash + 1 : d->name);
	s->stats.state = SALVAGE_RUNNING;
	if (!s->stats.started_ns)
		s->stats.started_ns = clock_wall_ns();
	s->stats.at_seq = wo.after_seq;
	s->stats.last_seq = facts.last_seq;
	pthread_mutex_unlock(&s->lock);
	log_info("taking over rows %llu to %llu of %s", (unsigned long long)wo.after_seq + 1,
	    (unsigned long long)facts.last_seq, d->name);
	e = spool_walk_open(&f.walk, d->name, &wo, eb);
	if (e != ERR_OK)
		return e; /* it is not given up: another start may read more */
	f.facts = spool_walk_facts(f.walk);
	f.whole = all;
	if (f.facts->oldest_ns < f.lost_from_ns)
		f.lost_from_ns = f.facts->oldest_ns;
	e = walk_file(s, &f, eb);
	if (e == ERR_OK)
		e = finish(s, &f, eb);
	if (e == ERR_OK && f.lost_rows)
		log_error(
		    "%s: %llu rows, about %llu points, could not be read back and are lost; all others were taken over",
		    d->name, (unsigned long long)f.lost_rows, (unsigned long long)f.lost_points);
	spool_walk_close(f.walk);
	return e;
}

static void *run(void *arg)
{
	struct salvage *s = arg;
	struct errbuf eb;

	for (size_t i = 0; i < s->file_count; i++) {
		enum err e = take_over(s, &s->files[i], &eb);
		if (e == ERR_CLOSED)
			return NULL;
		pthread_mutex_lock(&s->lock);
		if (e != ERR_OK) {
			s->stats.state = SALVAGE_FAILED;
			snprintf(s->stats.error, sizeof s->stats.error, "%.255s", eb.text);
		}
		pthread_mutex_unlock(&s->lock);
		if (e != ERR_OK)
			log_error("nothing was taken over from %s: %s", s->files[i].name, eb.text);
	}
	pthread_mutex_lock(&s->lock);
	bool worked = s->stats.started_ns != 0;
	s->stats.over = true;
	s->stats.ended_ns = worked ? clock_wall_ns() : 0;
	if (s->stats.state == SALVAGE_RUNNING)
		s->stats.state = SALVAGE_DONE;
	struct salvage_stats t = s->stats;
	pthread_mutex_unlock(&s->lock);
	if (worked)
		log_info("recovery is over: %llu rows with %llu points were taken over, %llu rows are lost",
		    (unsigned long long)t.rows, (unsigned long long)t.points, (unsigned long long)t.lost_rows);
	return NULL;
}

enum err salvage_start(struct salvage **out, const struct salvage_opts *opts, struct errbuf *eb)
{
	struct salvage *s = calloc(1, sizeof *s);

	*out = NULL;
	if (s) {
		s->path = strdup(opts->spool_path);
		s->files = calloc(ASIDE_MAX, sizeof *s->files);
	}
	if (!s || !s->path || !s->files) {
		if (s) {
			free(s->path);
			free(s->files);
		}
		free(s);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	s->opts = *opts;
	pthread_mutex_init(&s->lock, NULL);
	clock_cond_init(&s->stop);
	s->file_count = aside_list(s->path, s->files, ASIDE_MAX);
	enum err e = s->file_count ? thread_start(&s->thread, "hf-salvage", run, s, eb) : ERR_OK;
	s->started = s->file_count && e == ERR_OK;
	if (e != ERR_OK) {
		salvage_stop(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

void salvage_stop(struct salvage *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_broadcast(&s->stop);
	pthread_mutex_unlock(&s->lock);
	if (s->started)
		pthread_join(s->thread, NULL);
	pthread_cond_destroy(&s->stop);
	pthread_mutex_destroy(&s->lock);
	free(s->files);
	free(s->path);
	free(s);
}
