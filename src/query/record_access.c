#include "query/record_access.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timetext.h"

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

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void add_absent(
    const struct record_access_opts *o, struct view database, int64_t from_ns, int64_t to_ns, struct record_lack *l)
{
	struct record_absent a = { 0 };

	if (!o->find_absent || !o->find_absent(o->absent_arg, database, from_ns, to_ns, &a))
		return;
	if (!*l->absent.why || a.from_ns < l->absent.from_ns)
		l->absent = a;
	l->from_ns = least(l->from_ns, a.from_ns);
}

void record_access_add_lack(
    struct record_access *ra, struct view database, int64_t from_ns, int64_t to_ns, struct record_lack *l)
{
	const struct record_access_opts *o = &ra->opts;
	struct owed_range r;
	/* in this order: what the spool lets go is owed before it is gone */
	int64_t undelivered_ns = o->undelivered_from_ns(o->undelivered_arg);
	uint32_t db = o->owed ? catalogue_find_database(o->catalogue, database) : 0;

	if (from_ns < to_ns && undelivered_ns < to_ns) {
		l->undelivered_ns = least(l->undelivered_ns, undelivered_ns > from_ns ? undelivered_ns : from_ns);
		l->from_ns = least(l->from_ns, l->undelivered_ns);
	}
	add_absent(o, database, from_ns, to_ns, l); /* after the undelivered: what is refused leaves those */
	if (!db || !owed_find(o->owed, o->target, db, from_ns, to_ns, &r))
		return;
	int64_t begins = r.done_until_ns > from_ns ? r.done_until_ns : from_ns;
	if (!l->owes || r.done_until_ns < l->owed.done_until_ns)
		l->owed = r;
	l->owes = true;
	l->from_ns = least(l->from_ns, begins);
}

void record_lack_explain(const struct record_lack *l, char out[256])
{
	static const char *const why[] = { "it was written before [influxdb] was configured",
		"the spool let it go before it was delivered", "InfluxDB has lost it" };
	char from[32], to[32];

	if (*l->absent.why && (!l->owes || l->absent.from_ns < l->owed.done_until_ns)) {
		snprintf(out, 256, "%s", l->absent.why);
		return;
	}
	if (!l->owes) {
		snprintf(out, 256, "InfluxDB has not got the newest points yet");
		return;
	}
	timetext_format(from, l->owed.done_until_ns);
	timetext_format(to, l->owed.to_ns);
	snprintf(out, 256, "InfluxDB has not got all from %s to %s (%s: %s)", from, to, owed_cause_name(l->owed.cause),
	    why[l->owed.cause]);
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
