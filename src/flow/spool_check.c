#include "flow/spool_check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "store/aside.h"
#include "store/database.h"
#include "store/spool_walk.h"

#define WORK_NS (20 * NS_PER_MS) /* then as long a pause: half of a core at most */

struct spool_check {
	char *path;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* stopping, stats */
	pthread_cond_t stop;
	bool stopping;
	struct spool_check_stats stats;
};

const char *spool_check_state_name(enum spool_check_state s)
{
	static const char *const names[] = { "not_needed", "running", "ok", "damaged", "failed" };

	return names[s];
}

void spool_check_stats(struct spool_check *c, struct spool_check_stats *out)
{
	pthread_mutex_lock(&c->lock);
	*out = c->stats;
	pthread_mutex_unlock(&c->lock);
	if (!out->pages && aside_is_marked(c->path)) { /* by who met the damage in work */
		out->state = SPOOL_CHECK_DAMAGED;
		out->pages = true;
		snprintf(out->error, sizeof out->error, "pages of the file cannot be read");
	}
}

/* False: stopping. */
static bool pause_ns(struct spool_check *c, int64_t ns)
{
	int64_t until = clock_mono_ns() + ns;

	pthread_mutex_lock(&c->lock);
	while (!c->stopping && clock_cond_wait(&c->stop, &c->lock, until)) {
		/* woken for nothing */
	}
	bool stopping = c->stopping;
	pthread_mutex_unlock(&c->lock);
	return !stopping;
}

static void found(struct spool_check *c, uint64_t bad_rows, bool pages, const char *what)
{
	pthread_mutex_lock(&c->lock);
	c->stats.bad_rows += bad_rows;
	c->stats.pages = c->stats.pages || pages;
	if (!*c->stats.error)
		snprintf(c->stats.error, sizeof c->stats.error, "%.255s", what);
	pthread_mutex_unlock(&c->lock);
}

static enum err check_table(struct spool_check *c, sqlite3 *db, const char *table, struct errbuf *eb)
{
	char sql[80], what[300];
	sqlite3_stmt *st;
	enum err e;

	snprintf(sql, sizeof sql, "PRAGMA quick_check('%s')", table);
	e = database_prepare(db, &st, sql, eb);
	if (e == ERR_OK) {
		int rc = sqlite3_step(st);
		const char *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
		if (text && strcmp(text, "ok") != 0) {
			snprintf(what, sizeof what, "table %s: %.200s", table, text);
			found(c, 0, true, what);
		} else if (!text) {
			e = database_error(db, sql, eb);
		}
		sqlite3_finalize(st);
	}
	if (e == ERR_CORRUPT) {
		found(c, 0, true, eb->text);
		return ERR_OK;
	}
	return e;
}

static enum err check_rows(struct spool_check *c, struct spool_walk *w, struct errbuf *eb)
{
	int64_t began = clock_mono_ns();
	struct spool_damage damage;
	struct spool_row row;
	enum err e;

	while ((e = spool_walk_next(w, &row, &damage, eb)) == ERR_OK || e == ERR_CORRUPT) {
		if (e == ERR_CORRUPT && (damage.rows || damage.pages))
			found(c, damage.rows, damage.pages, eb->text);
		pthread_mutex_lock(&c->lock);
		c->stats.rows += e == ERR_OK;
		bool stopping = c->stopping;
		pthread_mutex_unlock(&c->lock);
		if (stopping)
			return ERR_CLOSED;
		if (clock_mono_ns() - began >= WORK_NS) {
			if (!pause_ns(c, WORK_NS))
				return ERR_CLOSED;
			began = clock_mono_ns();
		}
	}
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err check_all(struct spool_check *c, struct errbuf *eb)
{
	static const char *const tables[] = { "database", "field", "extent", "cursor", "pending", "quarantine", "gap",
		"meta" };
	struct spool_walk_opts wo = { .live = true };
	struct spool_walk *w;
	enum err e = spool_walk_open(&w, c->path, &wo, eb);

	if (e == ERR_CORRUPT) {
		found(c, 0, true, eb->text);
		return ERR_OK;
	}
	for (size_t i = 0; e == ERR_OK && i < sizeof tables / sizeof *tables; i++)
		e = check_table(c, spool_walk_db(w), tables[i], eb);
	if (e == ERR_OK)
		e = check_rows(c, w, eb);
	spool_walk_close(w);
	return e;
}

static void tell(const struct spool_check *c, const struct spool_check_stats *t)
{
	struct errbuf eb;

	if (t->state == SPOOL_CHECK_OK)
		log_info("%s is whole: %llu rows were read in %lld ms", c->path, (unsigned long long)t->rows,
		    (long long)(t->took_ns / NS_PER_MS));
	else if (t->state == SPOOL_CHECK_FAILED)
		log_error("%s could not be checked: %s", c->path, t->error);
	else
		log_error("%s: %s; %llu rows cannot be read and are stepped over", c->path, t->error,
		    (unsigned long long)t->bad_rows);
	if (t->pages && aside_mark(c->path, t->error, &eb) != ERR_OK)
		log_error("%s", eb.text);
}

static void *run(void *arg)
{
	struct spool_check *c = arg;
	struct errbuf eb = { "" };
	int64_t began = clock_mono_ns();
	enum err e = check_all(c, &eb);

	if (e == ERR_CLOSED)
		return NULL;
	pthread_mutex_lock(&c->lock);
	c->stats.took_ns = clock_mono_ns() - began;
	if (e != ERR_OK && !*c->stats.error)
		snprintf(c->stats.error, sizeof c->stats.error, "%.255s", eb.text);
	c->stats.state = c->stats.pages || c->stats.bad_rows ? SPOOL_CHECK_DAMAGED
	    : e == ERR_OK				     ? SPOOL_CHECK_OK
							     : SPOOL_CHECK_FAILED;
	struct spool_check_stats t = c->stats;
	pthread_mutex_unlock(&c->lock);
	tell(c, &t);
	return NULL;
}

enum err spool_check_start(struct spool_check **out, const char *spool_path, bool wanted, struct errbuf *eb)
{
	struct spool_check *c = calloc(1, sizeof *c);

	*out = NULL;
	if (c)
		c->path = strdup(spool_path);
	if (!c || !c->path) {
		free(c);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	pthread_mutex_init(&c->lock, NULL);
	clock_cond_init(&c->stop);
	if (wanted) {
		c->stats.state = SPOOL_CHECK_RUNNING;
		enum err e = thread_start(&c->thread, "hf-check", run, c, eb);
		if (e != ERR_OK) {
			spool_check_stop(c);
			return e;
		}
		c->started = true;
	}
	*out = c;
	return ERR_OK;
}

void spool_check_stop(struct spool_check *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	pthread_cond_broadcast(&c->stop);
	pthread_mutex_unlock(&c->lock);
	if (c->started)
		pthread_join(c->thread, NULL);
	pthread_cond_destroy(&c->stop);
	pthread_mutex_destroy(&c->lock);
	free(c->path);
	free(c);
}
