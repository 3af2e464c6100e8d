#include "query/record_access.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SPARE_MAX = 4, TIMEOUT_MS = 1000 };

struct record_access {
	struct record_access_opts opts;
	pthread_mutex_t lock; /* spare */
	void *spare[SPARE_MAX];
	unsigned spare_count;
};

enum err record_access_new(struct record_access **out, const struct record_access_opts *opts, struct errbuf *eb)
{
	struct record_access *ra = calloc(1, sizeof *ra);

	*out = ra;
	if (!ra)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	ra->opts = *opts;
	if (!ra->opts.timeout_ms)
		ra->opts.timeout_ms = TIMEOUT_MS;
	pthread_mutex_init(&ra->lock, NULL);
	return ERR_OK;
}

void record_access_free(struct record_access *ra)
{
	if (!ra)
		return;
	for (unsigned i = 0; i < ra->spare_count; i++)
		ra->opts.close(ra->spare[i]);
	pthread_mutex_destroy(&ra->lock);
	free(ra);
}

const struct record_access_opts *record_access_opts(const struct record_access *ra)
{
	return &ra->opts;
}

const char *record_access_database(const struct record_access *ra, const char *database)
{
	return strcmp(database, "metrics") != 0 ? database : ra->opts.database;
}

void *record_access_take(struct record_access *ra)
{
	void *context = NULL;

	pthread_mutex_lock(&ra->lock);
	if (ra->spare_count)
		context = ra->spare[--ra->spare_count];
	pthread_mutex_unlock(&ra->lock);
	return context ? context : ra->opts.open(ra->opts.open_arg);
}

void record_access_give(struct record_access *ra, void *context)
{
	pthread_mutex_lock(&ra->lock);
	if (ra->spare_count < SPARE_MAX) {
		ra->spare[ra->spare_count++] = context;
		context = NULL;
	}
	pthread_mutex_unlock(&ra->lock);
	if (context)
		ra->opts.close(context);
}
