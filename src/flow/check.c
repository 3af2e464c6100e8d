#include "flow/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/worker.h"
#include "store/aside.h"
#include "store/database.h"

struct check {
	const struct check_kind *kind;
	char *path;
	struct worker worker;
	pthread_mutex_t lock; /* stats */
	struct check_stats stats;
};

const char *check_state_name(enum check_state s)
{
	static const char *const names[] = { "not_needed", "running", "ok", "damaged", "failed" };

	return names[s];
}

void check_stats(struct check *c, struct check_stats *out)
{
	pthread_mutex_lock(&c->lock);
	*out = c->stats;
	pthread_mutex_unlock(&c->lock);
	if (!out->pages && aside_is_marked(c->path)) { /* by who met the damage in work */
		out->state = CHECK_DAMAGED;
		out->pages = true;
		snprintf(out->error, sizeof out->error, "pages of the file cannot be read");
	}
}

/* ---- for look ---- */

bool check_go_on(struct check *c)
{
	return worker_breathe(&c->worker);
}

void check_read(struct check *c, uint64_t items, uint64_t bytes)
{
	pthread_mutex_lock(&c->lock);
	c->stats.items += items;
	c->stats.bytes += bytes;
	pthread_mutex_unlock(&c->lock);
}

void check_found(struct check *c, uint64_t bad_items, bool pages, const char *what)
{
	pthread_mutex_lock(&c->lock);
	c->stats.bad_items += bad_items;
	c->stats.pages = c->stats.pages || pages;
	if (!*c->stats.error)
		snprintf(c->stats.error, sizeof c->stats.error, "%.255s", what);
	pthread_mutex_unlock(&c->lock);
}

enum err check_took(struct check *c, enum err e, const struct errbuf *eb)
{
	if (e != ERR_CORRUPT)
		return e;
	check_found(c, 0, true, eb->text);
	return ERR_OK;
}

static enum err check_table(struct check *c, sqlite3 *db, const char *table, struct errbuf *eb)
{
	char sql[80], what[300];
	sqlite3_stmt *st;

	snprintf(sql, sizeof sql, "PRAGMA quick_check('%s')", table);
	enum err e = database_prepare(db, &st, sql, eb);
	if (e != ERR_OK)
		return e;
	const char *text = sqlite3_step(st) == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
	if (!text) {
		e = database_error(db, sql, eb);
	} else if (strcmp(text, "ok") != 0) {
		snprintf(what, sizeof what, "table %s: %.200s", table, text);
		check_found(c, 0, true, what);
	}
	sqlite3_finalize(st);
	return e;
}

enum err check_tables(struct check *c, sqlite3 *db, const char *const *tables, size_t count, struct errbuf *eb)
{
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < count; i++)
		e = check_took(c, check_table(c, db, tables[i], eb), eb);
	return e;
}

/* ---- the thread ---- */

static void tell(const struct check *c, const struct check_stats *t)
{
	if (t->state == CHECK_OK)
		log_info("%s is whole: %llu %s were read in %lld ms", c->path, (unsigned long long)t->items,
		    c->kind->items, (long long)(t->took_ns / NS_PER_MS));
	else if (t->state == CHECK_FAILED)
		log_error("%s could not be checked: %s", c->path, t->error);
	else
		log_error("%s: %s; %llu %s %s", c->path, t->error, (unsigned long long)t->bad_items, c->kind->items,
		    c->kind->lost);
	if (t->pages)
		aside_mark(c->path, t->error);
}

static void *run(void *arg)
{
	struct check *c = arg;
	struct errbuf eb = { "" };
	int64_t began = clock_mono_ns();
	enum err e = check_took(c, c->kind->look(c, c->path, &eb), &eb);

	if (e == ERR_CLOSED)
		return NULL;
	pthread_mutex_lock(&c->lock);
	c->stats.took_ns = clock_mono_ns() - began;
	if (e != ERR_OK && !*c->stats.error)
		snprintf(c->stats.error, sizeof c->stats.error, "%.255s", eb.text);
	c->stats.state = c->stats.pages || c->stats.bad_items ? CHECK_DAMAGED : e == ERR_OK ? CHECK_OK : CHECK_FAILED;
	struct check_stats t = c->stats;
	pthread_mutex_unlock(&c->lock);
	tell(c, &t);
	return NULL;
}

enum err check_start(
    struct check **out, const struct check_kind *kind, const char *path, bool wanted, struct errbuf *eb)
{
	struct check *c = calloc(1, sizeof *c);

	*out = NULL;
	if (c)
		c->path = strdup(path);
	if (!c || !c->path) {
		free(c);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	c->kind = kind;
	worker_init(&c->worker);
	pthread_mutex_init(&c->lock, NULL);
	if (wanted) {
		c->stats.state = CHECK_RUNNING;
		enum err e = worker_start(&c->worker, kind->thread, run, c, eb);
		if (e != ERR_OK) {
			check_stop(c);
			return e;
		}
	}
	*out = c;
	return ERR_OK;
}

void check_stop(struct check *c)
{
	if (!c)
		return;
	worker_stop(&c->worker);
	worker_fini(&c->worker);
	pthread_mutex_destroy(&c->lock);
	free(c->path);
	free(c);
}
