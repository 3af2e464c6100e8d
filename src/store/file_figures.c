#include "store/file_figures.h"

#include <stdlib.h>

#include "base/clock.h"

enum err file_figures_new(struct file_figures **out, struct errbuf *eb)
{
	struct file_figures *f = calloc(1, sizeof *f);

	*out = f;
	if (!f)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	timing_init(&f->commits);
	timing_init(&f->checkpoints);
	return ERR_OK;
}

void file_figures_free(struct file_figures *f)
{
	if (!f)
		return;
	timing_fini(&f->commits);
	timing_fini(&f->checkpoints);
	free(f);
}

/* Since it was asked before: SQLite counts in an int, which would run over. */
static uint64_t rise(sqlite3 *db, int what)
{
	int now = 0, highest = 0;

	return sqlite3_db_status(db, what, &now, &highest, 1) == SQLITE_OK && now > 0 ? (uint64_t)now : 0;
}

void file_figures_sample(struct file_figures *f, sqlite3 *db, int64_t now_ns)
{
	int now = 0, highest = 0;

	if (f->sampled_ns && now_ns - f->sampled_ns < NS_PER_S)
		return;
	f->sampled_ns = now_ns;
	atomic_fetch_add(&f->cache_hits, rise(db, SQLITE_DBSTATUS_CACHE_HIT));
	atomic_fetch_add(&f->cache_misses, rise(db, SQLITE_DBSTATUS_CACHE_MISS));
	if (sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_USED, &now, &highest, 0) == SQLITE_OK)
		atomic_store(&f->cache_bytes, now > 0 ? (uint64_t)now : 0);
}
