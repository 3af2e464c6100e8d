#include "flow/store_check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "store/aside.h"
#include "store/block.h"
#include "store/database.h"
#include "store/store_walk.h"

enum { NAMES = 4096 }; /* a step */
#define WORK_NS (20 * NS_PER_MS) /* then as long a pause: half of a core at most */
#define BYTES_MAX (UINT64_C(64) << 30)

struct store_check {
	char *path;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* stopping, stats */
	pthread_cond_t stop;
	bool stopping;
	struct store_check_stats stats;
	/* the thread alone */
	int64_t began_ns; /* to work, since the last pause */
	struct block_unpacker *unpacker;
	struct arena arena;
};

void store_check_stats(struct store_check *c, struct store_check_stats *out)
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

/* A pause where it is due. False: stopping. */
static bool go_on(struct store_check *c)
{
	int64_t now = clock_mono_ns(), until = now + WORK_NS;
	bool due = now - c->began_ns >= WORK_NS;

	pthread_mutex_lock(&c->lock);
	while (due && !c->stopping && clock_cond_wait(&c->stop, &c->lock, until)) {
		/* woken for nothing */
	}
	bool stopping = c->stopping;
	pthread_mutex_unlock(&c->lock);
	if (due)
		c->began_ns = clock_mono_ns();
	return !stopping;
}

static void found(struct store_check *c, uint64_t bad_blocks, bool pages, const char *what)
{
	pthread_mutex_lock(&c->lock);
	c->stats.bad_blocks += bad_blocks;
	c->stats.pages = c->stats.pages || pages;
	if (!*c->stats.error)
		snprintf(c->stats.error, sizeof c->stats.error, "%.255s", what);
	pthread_mutex_unlock(&c->lock);
}

static enum err check_table(struct store_check *c, sqlite3 *db, const char *table, struct errbuf *eb)
{
	char sql[80], what[300];
	sqlite3_stmt *st;

	snprintf(sql, sizeof sql, "PRAGMA quick_check('%s')", table);
	enum err e = database_prepare(db, &st, sql, eb);
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
	if (e != ERR_CORRUPT)
		return e;
	found(c, 0, true, eb->text);
	return ERR_OK;
}

/* The series: there may be a million. */
static enum err check_names(struct store_check *c, sqlite3 *db, struct errbuf *eb)
{
	sqlite3_stmt *st;
	int64_t last = -1;
	bool more = true;
	enum err e = database_prepare(db, &st,
	    "SELECT max(id), sum(length(key)) FROM (SELECT id, key FROM series WHERE id > ? ORDER BY id LIMIT ?)", eb);

	while (e == ERR_OK && more) {
		sqlite3_bind_int64(st, 1, last);
		sqlite3_bind_int(st, 2, NAMES);
		int rc = sqlite3_step(st);
		if (rc != SQLITE_ROW)
			e = database_error(db, "read the series", eb);
		more = rc == SQLITE_ROW && sqlite3_column_type(st, 0) != SQLITE_NULL &&
		    sqlite3_column_int64(st, 0) > last;
		last = more ? sqlite3_column_int64(st, 0) : last;
		sqlite3_reset(st);
		if (e == ERR_OK && !go_on(c))
			e = ERR_CLOSED;
	}
	sqlite3_finalize(st);
	if (e != ERR_CORRUPT)
		return e;
	found(c, 0, true, eb->text);
	return ERR_OK;
}

static enum err check_block(
    struct store_check *c, struct store_walk *w, const struct store_walk_item *i, struct errbuf *eb)
{
	struct block_source source;
	struct block b;
	char what[128];

	arena_clear(&c->arena);
	enum err e = store_walk_source(w, i, &source, eb);
	if (e == ERR_NOTFOUND) /* merged meanwhile */
		return ERR_OK;
	uint64_t size = e == ERR_OK ? source.size : 0;
	if (e == ERR_OK)
		e = block_open(&b, source, &c->arena);
	if (e == ERR_OK)
		e = block_check(&b, c->unpacker);
	store_walk_let_go(w);
	pthread_mutex_lock(&c->lock);
	c->stats.blocks++;
	c->stats.bytes += size;
	pthread_mutex_unlock(&c->lock);
	if (e != ERR_CORRUPT && e != ERR_IO)
		return e;
	snprintf(what, sizeof what, "%s %lld (%s) is damaged", i->item.piece ? "piece" : "block", (long long)i->item.id,
	    tier_name(i->place.tier));
	found(c, 1, store_walk_met_damage(w), what);
	return ERR_OK;
}

static enum err check_blocks(struct store_check *c, struct store_walk *w, struct errbuf *eb)
{
	struct store_walk_item item;
	struct store_walk_loss loss;
	enum err e;

	while ((e = store_walk_next(w, &item, &loss, eb)) == ERR_OK || e == ERR_CORRUPT) {
		if (e == ERR_CORRUPT)
			found(c, loss.items, true, "pages of the blocks cannot be read");
		else
			e = check_block(c, w, &item, eb);
		if (e != ERR_OK && e != ERR_CORRUPT)
			return e;
		if (!go_on(c))
			return ERR_CLOSED;
		if (c->stats.bytes >= BYTES_MAX)
			return ERR_OK;
	}
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err check_all(struct store_check *c, struct errbuf *eb)
{
	static const char *const tables[] = { "database", "measurement", "field", "meta", "gap" };
	const struct store_walk_at begin = { 0 };
	struct store_walk *w;
	enum err e = store_walk_open(&w, c->path, &begin, eb);

	if (e == ERR_CORRUPT) {
		found(c, 0, true, eb->text);
		return ERR_OK;
	}
	c->began_ns = clock_mono_ns();
	for (size_t i = 0; e == ERR_OK && i < sizeof tables / sizeof *tables; i++)
		e = check_table(c, store_walk_db(w), tables[i], eb);
	if (e == ERR_OK)
		e = check_names(c, store_walk_db(w), eb);
	if (e == ERR_OK)
		e = check_blocks(c, w, eb);
	store_walk_close(w);
	return e;
}

static void tell(const struct store_check *c, const struct store_check_stats *t)
{
	if (t->state == SPOOL_CHECK_OK)
		log_info("%s is whole: %llu blocks were read in %lld ms", c->path, (unsigned long long)t->blocks,
		    (long long)(t->took_ns / NS_PER_MS));
	else if (t->state == SPOOL_CHECK_FAILED)
		log_error("%s could not be checked: %s", c->path, t->error);
	else
		log_error("%s: %s; %llu blocks cannot be read, or not whole", c->path, t->error,
		    (unsigned long long)t->bad_blocks);
	if (t->pages)
		aside_mark(c->path, t->error);
}

static void *run(void *arg)
{
	struct store_check *c = arg;
	struct errbuf eb = { "" };
	int64_t began = clock_mono_ns();
	enum err e = check_all(c, &eb);

	if (e == ERR_CLOSED)
		return NULL;
	pthread_mutex_lock(&c->lock);
	c->stats.took_ns = clock_mono_ns() - began;
	if (e != ERR_OK && !*c->stats.error)
		snprintf(c->stats.error, sizeof c->stats.error, "%.255s", eb.text);
	c->stats.state = c->stats.pages || c->stats.bad_blocks ? SPOOL_CHECK_DAMAGED
	    : e == ERR_OK				       ? SPOOL_CHECK_OK
							       : SPOOL_CHECK_FAILED;
	struct store_check_stats t = c->stats;
	pthread_mutex_unlock(&c->lock);
	tell(c, &t);
	return NULL;
}

enum err store_check_start(struct store_check **out, const char *store_path, bool wanted, struct errbuf *eb)
{
	struct store_check *c = calloc(1, sizeof *c);

	*out = NULL;
	if (c)
		c->path = strdup(store_path);
	if (!c || !c->path || block_unpacker_new(&c->unpacker) != ERR_OK) {
		if (c)
			free(c->path);
		free(c);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	arena_init(&c->arena, 64 << 10, (size_t)64 << 20);
	pthread_mutex_init(&c->lock, NULL);
	clock_cond_init(&c->stop);
	if (wanted) {
		c->stats.state = SPOOL_CHECK_RUNNING;
		enum err e = thread_start(&c->thread, "hf-store-check", run, c, eb);
		if (e != ERR_OK) {
			store_check_stop(c);
			return e;
		}
		c->started = true;
	}
	*out = c;
	return ERR_OK;
}

void store_check_stop(struct store_check *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	pthread_cond_broadcast(&c->stop);
	pthread_mutex_unlock(&c->lock);
	if (c->started)
		pthread_join(c->thread, NULL);
	block_unpacker_free(c->unpacker);
	arena_fini(&c->arena);
	pthread_cond_destroy(&c->stop);
	pthread_mutex_destroy(&c->lock);
	free(c->path);
	free(c);
}
