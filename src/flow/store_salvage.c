/* The newest file first, and of a file the newest writes first (store/store_walk): each piece loses against all that was
 * added before it, so that rows written since the damage stay, and of two copies of a row the newer one.
 *
 *   begin     what retention had let go, so that the tiers stand in for each other as before
 *   block     its columns as far as they can be read (store/block_rescue), under the present names, to a piece
 *   flush     some pieces and where the walk is, in one transaction of the store: salvage:STAMP:phase, :below and figures
 *   end       a gap for each tier that lost something, the old file's own gaps, salvage:STAMP:done
 *
 * When no file is left the gap goes that said all may be missing. A file of which nothing can be read is kept and given
 * up, and that gap stays. */
#include "flow/store_salvage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "flow/store_salvage_part.h"
#include "store/database.h"
#include "store/store_damage.h"

enum {
	FLUSH_BYTES = 1 << 20,
	FLUSH_ITEMS = 64,
	PIECES_MAX = 4096, /* that wait to be merged: more are not added */
};
#define ROWS_ARENA_MAX ((size_t)512 << 20)
#define PAUSE_NS (200 * NS_PER_MS)

/* ---- progress, in the store ---- */

struct figure {
	char name[24];
	int64_t *value;
};

enum { FIGURES_MAX = 8 + 3 * (TIERS + 1) };

static unsigned list_figures(struct salvaged_file *f, int64_t *phase, struct figure out[FIGURES_MAX])
{
	struct losses *l = &f->now.losses;
	const struct figure some[] = { { "phase", phase }, { "below", &f->at.below }, { "blocks", &f->now.blocks },
		{ "points", &f->now.points }, { "lost_blocks", &f->now.lost_blocks },
		{ "lost_points", &f->now.lost_points }, { "old_blocks", &f->now.old_blocks } };
	unsigned n = sizeof some / sizeof *some;

	memcpy(out, some, sizeof some);
	for (unsigned t = 0; t <= TIERS; t++) {
		out[n].value = (int64_t *)&l->points[t];
		snprintf(out[n++].name, sizeof out->name, "lost_%u", t);
		out[n].value = &l->from_ns[t];
		snprintf(out[n++].name, sizeof out->name, "from_%u", t);
		out[n].value = &l->to_ns[t];
		snprintf(out[n++].name, sizeof out->name, "to_%u", t);
	}
	return n;
}

static enum err store_progress(struct store *s, struct salvaged_file *f, struct errbuf *eb)
{
	struct figure list[FIGURES_MAX];
	int64_t phase = f->at.phase;
	unsigned n = list_figures(f, &phase, list);
	char key[64];
	enum err e = ERR_OK;

	for (unsigned i = 0; e == ERR_OK && i < n; i++) {
		if (*list[i].value == 0 && i > 1)
			continue;
		store_salvage_key(key, f->is->stamp, list[i].name);
		e = store_set_figure(s, key, *list[i].value, eb);
	}
	return e;
}

static enum err read_progress(sqlite3 *db, struct salvaged_file *f, bool *done, struct errbuf *eb)
{
	struct figure list[FIGURES_MAX];
	int64_t phase = 0, is_done = 0;
	unsigned n = list_figures(f, &phase, list);
	char key[64];

	store_salvage_key(key, f->is->stamp, "done");
	enum err e = store_read_figure(db, key, 0, &is_done, eb);
	for (unsigned i = 0; e == ERR_OK && i < n; i++) {
		store_salvage_key(key, f->is->stamp, list[i].name);
		e = store_read_figure(db, key, 0, list[i].value, eb);
	}
	f->at.phase = (int)phase;
	*done = is_done != 0;
	return e;
}

static void tell_progress(const struct salvaged_file *f)
{
	const struct salvage_figures *b = &f->of->before;
	const struct figures *n = &f->now;
	const struct salvage_figures all = { .items = b->items + (uint64_t)n->blocks,
		.points = b->points + (uint64_t)n->points,
		.lost_items = b->lost_items + (uint64_t)n->lost_blocks,
		.lost_points = b->lost_points + (uint64_t)n->lost_points,
		.old_items = b->old_items + (uint64_t)n->old_blocks,
		.at = f->done_bytes,
		.end = f->bytes };

	salvage_tell(f->of->salvage, &all);
}

/* ---- transactions ---- */

static enum err flush_job(struct store *s, void *arg, struct errbuf *eb)
{
	struct salvaged_file *f = arg;
	uint64_t late;
	enum err e = older_put(s, f->of->older, &late, eb);

	counter_add(COUNTER_COMPACT_LATE_POINTS, late);
	return e == ERR_OK ? store_progress(s, f, eb) : e;
}

/* What retention had let go of the old store, with its numbers as they are now. */
static enum err copy_evicted(struct salvaged_file *f, struct store *s, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = ERR_OK;

	if (sqlite3_prepare_v2(store_walk_db(f->walk), "SELECT key, value FROM meta WHERE key GLOB 'evicted_*_ns*'", -1,
		&st, NULL) != SQLITE_OK)
		return ERR_OK; /* it cannot be read: salvage leaves what is older than retention */
	while (e == ERR_OK && sqlite3_step(st) == SQLITE_ROW) {
		const char *key = (const char *)sqlite3_column_text(st, 0);
		int64_t at = sqlite3_column_int64(st, 1), now = INT64_MIN;
		for (int t = 0; e == ERR_OK && key && at <= clock_wall_ns() && t < (int)TIERS; t++) {
			char prefix[32];
			long number = -1;
			snprintf(prefix, sizeof prefix, "evicted_%s_ns", tier_name((enum tier)t));
			size_t n = strlen(prefix);
			if (strncmp(key, prefix, n) != 0 || (key[n] && key[n] != '_'))
				continue;
			if (key[n]) {
				struct measurement *m = store_names_measurement(
				    f->names, (uint32_t)strtoul(key + n + 1, NULL, 10));
				if (!m)
					continue;
				number = (long)measurement_id(m);
			}
			e = store_reader_evicted(
			    store_own_reader(s), (enum tier)t, number < 0 ? UINT32_MAX : (uint32_t)number, &now, eb);
			if (e == ERR_OK && at > now)
				e = store_set_evicted(s, (enum tier)t, number, at, eb);
		}
	}
	sqlite3_finalize(st);
	return e;
}

static enum err begin_job(struct store *s, void *arg, struct errbuf *eb)
{
	struct salvaged_file *f = arg;
	enum err e = copy_evicted(f, s, eb);

	return e == ERR_OK ? store_progress(s, f, eb) : e;
}

/* Gaps are evidence: what can be read of them goes on. */
static void copy_gaps(sqlite3 *from, sqlite3 *to)
{
	salvage_copy_rows(from, to,
	    "SELECT at_ns, tier, from_ns, to_ns, points, cause FROM gap WHERE tier >= 0 OR points > 0 "
	    "ORDER BY id DESC LIMIT 1000",
	    "INSERT INTO gap (at_ns, tier, from_ns, to_ns, points, cause) SELECT ?1, ?2, ?3, ?4, ?5, ?6 "
	    "WHERE NOT EXISTS (SELECT 1 FROM gap WHERE at_ns = ?1 AND tier = ?2 AND cause = ?6)");
}

static enum err end_job(struct store *s, void *arg, struct errbuf *eb)
{
	struct salvaged_file *f = arg;
	const struct losses *l = &f->now.losses;
	int64_t done;
	char key[64];

	store_salvage_key(key, f->is->stamp, "done");
	enum err e = store_read_figure(store_db(s), key, 0, &done, eb);
	if (e != ERR_OK || done) /* a commit that failed has come back */
		return e;
	e = flush_job(s, f, eb);
	for (unsigned t = 0; e == ERR_OK && t <= TIERS; t++) {
		int64_t at_ns = f->is->at_ns ? f->is->at_ns : clock_wall_ns();
		const struct store_gap gap = { at_ns, l->from_ns[t], l->to_ns[t], t == TIERS ? -1 : (int)t,
			l->points[t] };
		if (l->points[t])
			e = store_insert_gap(s, &gap, eb);
	}
	if (e == ERR_OK)
		copy_gaps(store_walk_db(f->walk), store_db(s));
	if (e == ERR_OK)
		e = store_set_figure(s, key, 1, eb);
	store_salvage_key(key, f->is->stamp, "failed");
	return e == ERR_OK ? store_set_figure(s, key, 0, eb) : e;
}

/* The name of a file of which nothing can be read stays known after a human has removed it: so does the gap. */
static enum err failed_job(struct store *s, void *arg, struct errbuf *eb)
{
	const struct aside_file *is = arg;
	char key[64];

	store_salvage_key(key, is->stamp, "failed");
	return store_set_figure(s, key, 1, eb);
}

static enum err all_done_job(struct store *s, void *arg, struct errbuf *eb)
{
	(void)arg;
	return database_exec(store_db(s),
	    "DELETE FROM gap WHERE tier = -1 AND points = 0 AND NOT EXISTS "
	    "(SELECT 1 FROM meta WHERE key GLOB 'salvage:*:failed' AND value = 1)",
	    eb);
}

static bool has_room(struct store_salvage *s)
{
	struct compactor_stats c;
	struct errbuf eb;

	compactor_stats(s->opts.compactor, &c);
	return c.pieces < PIECES_MAX && (!s->opts.disk || disk_space_check(s->opts.disk, &eb) == ERR_OK);
}

/* Until it works. ERR_CLOSED: stopping. */
static enum err call(struct store_salvage *s, enum err (*fn)(struct store *, void *, struct errbuf *), void *arg)
{
	struct errbuf eb;
	enum err e;

	while (!has_room(s))
		if (!worker_pause(salvage_worker(s->salvage), PAUSE_NS))
			return ERR_CLOSED;
	while ((e = compactor_call(s->opts.compactor, fn, arg, &eb)) != ERR_OK) {
		if (e == ERR_CLOSED || !salvage_wait(s->salvage))
			return ERR_CLOSED;
		log_warn("salvage of the store waits: %s", eb.text);
	}
	return ERR_OK;
}

static enum err flush(struct salvaged_file *f)
{
	enum err e = call(f->of, flush_job, f);

	if (e != ERR_OK)
		return e;
	older_clear(f->of->older);
	f->waiting = 0;
	tell_progress(f);
	return ERR_OK;
}

/* ---- a file ---- */

static enum err walk_file(struct salvaged_file *f, struct errbuf *eb)
{
	struct store_salvage *s = f->of;
	struct store_walk_item item;
	struct store_walk_loss loss;
	enum err e;

	while (worker_breathe(salvage_worker(s->salvage))) {
		e = store_walk_next(f->walk, &item, &loss, eb);
		if (e == ERR_NOTFOUND) {
			store_walk_where(f->walk, &f->at);
			return ERR_OK;
		}
		if (e == ERR_CORRUPT)
			store_salvage_lose(f, &loss);
		else if (e == ERR_OK)
			e = store_salvage_take(f, &item, eb);
		if (e != ERR_OK && e != ERR_CORRUPT)
			return e;
		store_walk_where(f->walk, &f->at);
		if (++f->waiting >= FLUSH_ITEMS || older_bytes(s->older) >= FLUSH_BYTES) {
			store_walk_let_go(f->walk);
			e = flush(f);
			if (e != ERR_OK)
				return e;
		}
	}
	return ERR_CLOSED;
}

static enum err is_file_done(struct store_salvage *s, struct salvaged_file *f, bool *done, struct errbuf *eb)
{
	sqlite3 *db;
	enum err e = database_open_reader(&db, salvage_path(s->salvage), eb);

	if (e != ERR_OK)
		return e;
	e = read_progress(db, f, done, eb);
	sqlite3_close(db);
	return e;
}

static enum err take_over_file(struct store_salvage *s, const struct aside_file *is, struct errbuf *eb)
{
	struct salvaged_file f = { .of = s, .is = is };
	struct stat st;
	bool done;
	enum err e = is_file_done(s, &f, &done, eb);

	if (e != ERR_OK || done)
		return e;
	f.bytes = stat(is->name, &st) == 0 ? (uint64_t)st.st_size : 0;
	salvage_tell_file(s->salvage, is);
	tell_progress(&f);
	older_clear(s->older);
	e = store_walk_open(&f.walk, is->name, &f.at, eb);
	if (e == ERR_OK)
		e = store_names_new(&f.names, store_walk_db(f.walk), s->opts.catalogue, eb);
	if (e == ERR_OK)
		e = call(s, begin_job, &f);
	if (e == ERR_OK)
		e = walk_file(&f, eb);
	if (e == ERR_OK)
		store_walk_let_go(f.walk);
	if (e == ERR_OK)
		e = call(s, end_job, &f);
	if (e == ERR_OK)
		tell_progress(&f);
	if (e == ERR_OK && f.now.lost_points)
		log_error(
		    "%s: %lld blocks, about %lld rows, could not be read back, or not whole; all others were taken over",
		    is->name, (long long)f.now.lost_blocks, (long long)f.now.lost_points);
	store_names_free(f.names);
	store_walk_close(f.walk);
	return e;
}

static enum err take_over(void *arg, const struct aside_file *is, struct errbuf *eb)
{
	struct store_salvage *s = arg;
	struct salvage_stats t;
	enum err e = take_over_file(s, is, eb);

	salvage_stats(s->salvage, &t);
	s->before = t.figures;
	return e;
}

static enum err given_up(void *arg, const struct aside_file *is)
{
	return call(arg, failed_job, (void *)is);
}

static enum err ended(void *arg, bool all)
{
	return all ? call(arg, all_done_job, NULL) : ERR_OK;
}

static void free_store_salvage(void *arg)
{
	struct store_salvage *s = arg;

	block_unpacker_free(s->unpacker);
	older_free(s->older);
	arena_fini(&s->items);
	arena_fini(&s->rows);
	free(s);
}

static const struct salvage_kind kind = { .thread = "hf-store-salv",
	.name = "recovery of the store",
	.items = "blocks",
	.points = "rows",
	.newest_first = true,
	.take_over = take_over,
	.given_up = given_up,
	.ended = ended,
	.free = free_store_salvage };

enum err store_salvage_start(struct salvage **out, const struct store_salvage_opts *opts, struct errbuf *eb)
{
	struct store_salvage *s = calloc(1, sizeof *s);

	*out = NULL;
	if (!s)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	s->opts = *opts;
	arena_init(&s->items, 64 << 10, (size_t)64 << 20);
	arena_init(&s->rows, 256 << 10, ROWS_ARENA_MAX);
	enum err e = block_unpacker_new(&s->unpacker) == ERR_OK ? older_new(&s->older, eb)
								: errbuf_set(eb, ERR_NOMEM, "out of memory");
	if (e != ERR_OK) {
		free_store_salvage(s);
		return e;
	}
	e = salvage_new(&s->salvage, &kind, s, opts->store_path, opts->retry_ns, eb);
	return e == ERR_OK ? salvage_begin(out, s->salvage, eb) : e;
}
