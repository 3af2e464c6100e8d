/* Each round of spool.db and store.db: what their commits and checkpoints took since the round before, and how they are.
 * Nothing waits for the threads that own them: the figures lie ready. */
#include <stdio.h>
#include <sys/stat.h>

#include "flow/figures_part.h"
#include "store/file_figures.h"

#define DATABASE "sqlite"

struct file { /* one of the two */
	const char *service;
	const char *path;
	struct file_figures *figures;
	struct file_rises *rises;
	const char *what; /* it has so many of: rows, pieces that wait to be merged */
	uint64_t count, file_bytes, used_bytes;
	bool writable;
};

static void of_commits(struct figures *f, const struct file *x)
{
	struct figures_point p = { DATABASE, "transaction", "commit", x->service, NULL };
	struct timing_totals t;
	bool any = timing_take(&x->figures->commits, &t);
	uint64_t rollbacks = figures_rise(&x->rises->rollbacks, x->figures->rollbacks);

	figures_begin(f, &p);
	if (any)
		figures_timer(f, &t);
	figures_count(f, "transactions", t.count + rollbacks);
	figures_count(f, "commits", t.count);
	figures_count(f, "rollbacks", rollbacks);
	figures_end(f);
}

static void of_checkpoints(struct figures *f, const struct file *x)
{
	struct figures_point p = { DATABASE, "transaction", "checkpoint", x->service, NULL };
	struct timing_totals t;

	if (!timing_take(&x->figures->checkpoints, &t))
		return;
	figures_begin(f, &p);
	figures_timer(f, &t);
	figures_end(f);
}

static uint64_t log_bytes(const char *path)
{
	char name[4096];
	struct stat st;

	snprintf(name, sizeof name, "%s-wal", path);
	return stat(name, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void of_health(struct figures *f, const struct file *x)
{
	struct figures_point p = { DATABASE, "health", NULL, x->service, NULL };

	figures_begin(f, &p);
	lp_bool(&f->w, "up", x->writable);
	figures_count(f, "file_bytes", x->file_bytes);
	figures_count(f, "used_bytes", x->used_bytes);
	figures_count(f, "wal_bytes", log_bytes(x->path));
	figures_count(f, x->what, x->count);
	figures_count(f, "cache_bytes", x->figures->cache_bytes);
	figures_count(f, "cache_hits", figures_rise(&x->rises->cache_hits, x->figures->cache_hits));
	figures_count(f, "cache_misses", figures_rise(&x->rises->cache_misses, x->figures->cache_misses));
	figures_count(f, "busy", figures_rise(&x->rises->busy, x->figures->busy));
	figures_end(f);
}

static void of_file(struct figures *f, const struct file *x)
{
	of_commits(f, x);
	of_checkpoints(f, x);
	of_health(f, x);
}

void figures_of_store(struct figures *f)
{
	const struct figures_opts *o = &f->opts;
	struct spool_totals spool;
	struct store_totals store;
	struct committer_stats committer;
	struct compactor_stats compactor;

	spool_totals(o->spool, &spool);
	store_totals(o->store, &store);
	committer_stats(o->committer, &committer);
	compactor_stats(o->compactor, &compactor);
	of_file(f,
	    &(struct file){ .service = "holdfast-spool",
		.path = spool_path(o->spool),
		.figures = spool_file_figures(o->spool),
		.rises = &f->spool,
		.what = "rows",
		.count = spool.rows,
		.file_bytes = spool.file_bytes,
		.used_bytes = spool.used_bytes,
		.writable = committer.writable });
	of_file(f,
	    &(struct file){ .service = "holdfast-store",
		.path = store_path(o->store),
		.figures = store_file_figures(o->store),
		.rises = &f->store,
		.what = "pieces",
		.count = compactor.pieces,
		.file_bytes = store.file_bytes,
		.used_bytes = store.used_bytes,
		.writable = compactor.state != COMPACTOR_FAILING });
}
