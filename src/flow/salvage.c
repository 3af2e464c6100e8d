#include "flow/salvage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

struct salvage {
	const struct salvage_kind *kind;
	void *arg; /* of its functions */
	char *path;
	int64_t retry_ns;
	struct worker worker;
	pthread_mutex_t lock; /* stats */
	struct salvage_stats stats;
	struct aside_file *files; /* oldest first */
	size_t count;
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

const char *salvage_path(const struct salvage *s)
{
	return s->path;
}

struct worker *salvage_worker(struct salvage *s)
{
	return &s->worker;
}

bool salvage_wait(struct salvage *s)
{
	return worker_pause(&s->worker, s->retry_ns);
}

void salvage_tell_file(struct salvage *s, const struct aside_file *file)
{
	const char *slash = strrchr(file->name, '/');

	pthread_mutex_lock(&s->lock);
	snprintf(s->stats.file, sizeof s->stats.file, "%.255s", slash ? slash + 1 : file->name);
	s->stats.state = SALVAGE_RUNNING;
	if (!s->stats.started_ns)
		s->stats.started_ns = clock_wall_ns();
	pthread_mutex_unlock(&s->lock);
	log_info("taking over what can be read of %s", file->name);
}

void salvage_tell(struct salvage *s, const struct salvage_figures *f)
{
	pthread_mutex_lock(&s->lock);
	s->stats.figures = *f;
	pthread_mutex_unlock(&s->lock);
}

void salvage_copy_rows(sqlite3 *from, sqlite3 *to, const char *select, const char *insert)
{
	sqlite3_stmt *in = NULL, *out = NULL;

	if (sqlite3_prepare_v2(from, select, -1, &in, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(to, insert, -1, &out, NULL) == SQLITE_OK) {
		while (sqlite3_step(in) == SQLITE_ROW) {
			for (int c = 0; c < sqlite3_column_count(in); c++)
				sqlite3_bind_value(out, c + 1, sqlite3_column_value(in, c));
			(void)sqlite3_step(out);
			sqlite3_reset(out);
		}
	}
	sqlite3_finalize(in);
	sqlite3_finalize(out);
}

/* ---- the thread ---- */

/* ERR_CLOSED: stopping. */
static enum err take_over(struct salvage *s, const struct aside_file *file, bool *all)
{
	struct errbuf eb;
	enum err e = s->kind->take_over(s->arg, file, &eb);

	if (e == ERR_OK || e == ERR_CLOSED)
		return e;
	*all = false;
	pthread_mutex_lock(&s->lock);
	snprintf(s->stats.error, sizeof s->stats.error, "%.255s", eb.text);
	pthread_mutex_unlock(&s->lock);
	log_error("%s could not be taken over: %s", file->name, eb.text);
	return s->kind->given_up ? s->kind->given_up(s->arg, file) : ERR_OK;
}

static void end(struct salvage *s, bool all)
{
	pthread_mutex_lock(&s->lock);
	bool worked = s->stats.started_ns != 0;
	s->stats.over = true;
	s->stats.ended_ns = worked ? clock_wall_ns() : 0;
	s->stats.state = !all ? SALVAGE_FAILED : worked ? SALVAGE_DONE : SALVAGE_NONE;
	struct salvage_figures f = s->stats.figures;
	pthread_mutex_unlock(&s->lock);
	if (worked)
		log_info("%s is over: %llu %s with %llu %s were taken over, %llu %s are lost", s->kind->name,
		    (unsigned long long)f.items, s->kind->items, (unsigned long long)f.points, s->kind->points,
		    (unsigned long long)f.lost_items, s->kind->items);
}

static void *run(void *arg)
{
	struct salvage *s = arg;
	bool all = true;

	for (size_t i = 0; i < s->count; i++)
		if (take_over(s, &s->files[s->kind->newest_first ? s->count - 1 - i : i], &all) != ERR_OK)
			return NULL;
	if (!s->kind->ended || s->kind->ended(s->arg, all) == ERR_OK)
		end(s, all);
	return NULL;
}

enum err salvage_new(struct salvage **out, const struct salvage_kind *kind, void *arg, const char *path,
    int64_t retry_ns, struct errbuf *eb)
{
	struct salvage *s = calloc(1, sizeof *s);

	*out = NULL;
	if (!s) {
		kind->free(arg);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	s->kind = kind;
	s->arg = arg;
	s->retry_ns = retry_ns ? retry_ns : NS_PER_S;
	worker_init(&s->worker);
	pthread_mutex_init(&s->lock, NULL);
	s->path = strdup(path);
	s->files = calloc(ASIDE_MAX, sizeof *s->files);
	if (!s->path || !s->files) {
		salvage_stop(s);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	s->count = aside_list(path, s->files, ASIDE_MAX);
	*out = s;
	return ERR_OK;
}

enum err salvage_begin(struct salvage **out, struct salvage *s, struct errbuf *eb)
{
	enum err e = s->count ? worker_start(&s->worker, s->kind->thread, run, s, eb) : ERR_OK;

	*out = e == ERR_OK ? s : NULL;
	if (e != ERR_OK)
		salvage_stop(s);
	return e;
}

void salvage_stop(struct salvage *s)
{
	if (!s)
		return;
	worker_stop(&s->worker);
	worker_fini(&s->worker);
	s->kind->free(s->arg);
	pthread_mutex_destroy(&s->lock);
	free(s->files);
	free(s->path);
	free(s);
}
