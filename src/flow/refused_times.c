/* New entries are read as they come, by their ids. That some have left shows in the count; then all is read again, where they
 * are many not more often than once a minute: a full quarantine loses its oldest with each that comes. */
#include "flow/refused_times.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/quarantine.h"
#include "store/spool.h"
#include "wire/lp_parse.h"

#define REREAD_NS (60 * NS_PER_S)
#define NEAR_NS (600 * NS_PER_S) /* points this close are of one range */
enum { RANGES_MAX = 64, NAME_BYTES = 256, FEW = 1000 };

struct range {
	int64_t first_ns, last_ns; /* both are times of points */
};

struct of_database {
	struct of_database *next;
	char name[NAME_BYTES];
	uint64_t points;
	uint32_t count;
	struct range range[RANGES_MAX];
};

struct refused_times {
	const char *spool_path, *target;
	pthread_mutex_t lock; /* all below */
	struct spool_reader *reader; /* NULL: not open yet */
	struct of_database *databases;
	struct lp_parser parser;
	uint64_t entries, last_id; /* that were read: the target's, of all targets */
	int64_t read_all_ns; /* monotonic; 0: never */
	bool out_of_memory;
};

enum err refused_times_new(struct refused_times **out, const char *spool_path, const char *target, struct errbuf *eb)
{
	struct refused_times *t = calloc(1, sizeof *t);

	*out = t;
	if (!t)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	t->spool_path = spool_path;
	t->target = target;
	pthread_mutex_init(&t->lock, NULL);
	lp_init(&t->parser, (struct view){ "", 0 });
	return ERR_OK;
}

static void forget(struct refused_times *t)
{
	while (t->databases) {
		struct of_database *d = t->databases;
		t->databases = d->next;
		free(d);
	}
	t->entries = t->last_id = 0;
}

void refused_times_free(struct refused_times *t)
{
	if (!t)
		return;
	forget(t);
	spool_reader_close(t->reader);
	lp_fini(&t->parser);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* ---- the ranges ---- */

static uint64_t gap(const struct range *r, int64_t ns)
{
	if (ns < r->first_ns)
		return (uint64_t)r->first_ns - (uint64_t)ns;
	return ns > r->last_ns ? (uint64_t)ns - (uint64_t)r->last_ns : 0;
}

static void put(struct of_database *d, int64_t ns)
{
	struct range *near = NULL;

	for (uint32_t i = 0; i < d->count; i++)
		if (!near || gap(&d->range[i], ns) < gap(near, ns))
			near = &d->range[i];
	if (!near || (gap(near, ns) > NEAR_NS && d->count < RANGES_MAX)) {
		d->range[d->count++] = (struct range){ ns, ns };
		return;
	}
	if (ns < near->first_ns)
		near->first_ns = ns;
	if (ns > near->last_ns)
		near->last_ns = ns;
}

static struct of_database *find(const struct refused_times *t, struct view name)
{
	struct of_database *d = t->databases;

	while (d && (strlen(d->name) != name.len || memcmp(d->name, name.p, name.len) != 0))
		d = d->next;
	return d;
}

static struct of_database *have(struct refused_times *t, struct view name)
{
	struct of_database *d = find(t, name);

	if (d || name.len >= NAME_BYTES)
		return d;
	d = calloc(1, sizeof *d);
	if (!d) {
		t->out_of_memory = true;
		return NULL;
	}
	memcpy(d->name, name.p, name.len);
	d->next = t->databases;
	t->databases = d;
	return d;
}

/* ---- the quarantine ---- */

static bool take(void *arg, const struct quarantine_entry *e)
{
	struct refused_times *t = arg;
	struct of_database *d;
	enum lp_result r;

	if (strcmp(e->target, t->target) != 0) {
		t->last_id = e->id;
		return true;
	}
	d = have(t, view_of(e->database));
	if (t->out_of_memory)
		return false;
	t->entries++;
	t->last_id = e->id;
	if (!d)
		return true;
	d->points++;
	lp_restart(&t->parser, e->line);
	while ((r = lp_next_key(&t->parser)) != LP_END)
		if (r == LP_OK && lp_rest(&t->parser, NULL) == LP_OK && t->parser.has_time)
			put(d, t->parser.time);
	return true;
}

/* The highest id of all targets' entries; and how many the target has. */
static enum err look(sqlite3 *reader, const char *target, uint64_t *last_id, uint64_t *entries, struct errbuf *eb)
{
	struct quarantine_sum sum;
	uint32_t n = 0;
	struct quarantine_filter newest = QUARANTINE_ALL;

	newest.newest_first = true;
	*last_id = 0;
	enum err e = quarantine_count(reader, target, &sum, eb);
	if (e == ERR_OK && sum.points)
		e = quarantine_ids(reader, &newest, last_id, 1, &n, eb);
	*entries = sum.points;
	return e;
}

static enum err refresh(struct refused_times *t, struct errbuf *eb)
{
	struct quarantine_filter more = QUARANTINE_ALL;
	uint64_t last_id, entries;
	enum err e = t->reader ? ERR_OK : spool_reader_open(&t->reader, t->spool_path, eb);

	if (e == ERR_OK)
		e = look(spool_reader_db(t->reader), t->target, &last_id, &entries, eb);
	if (e != ERR_OK)
		return e;
	const int64_t now_ns = clock_mono_ns();
	if (!entries || (entries < t->entries && (t->entries <= FEW || now_ns - t->read_all_ns >= REREAD_NS))) {
		forget(t);
		t->read_all_ns = now_ns;
	}
	if (!entries || last_id == t->last_id)
		return ERR_OK;
	more.after_id = t->last_id;
	t->out_of_memory = false;
	e = quarantine_list(spool_reader_db(t->reader), &more, UINT32_MAX, take, t, eb);
	return e == ERR_OK && t->out_of_memory ? errbuf_set(eb, ERR_NOMEM, "out of memory") : e;
}

bool refused_times_find(
    struct refused_times *t, struct view database, int64_t from_ns, int64_t to_ns, int64_t *first_ns, uint64_t *points)
{
	struct errbuf eb;
	bool found = false;

	pthread_mutex_lock(&t->lock);
	if (refresh(t, &eb) != ERR_OK) {
		log_warn("a read does not know which points lie in quarantine: %s", eb.text);
		spool_reader_close(t->reader);
		t->reader = NULL;
	}
	const struct of_database *d = find(t, database);
	for (uint32_t i = 0; d && i < d->count; i++) {
		const struct range *r = &d->range[i];
		if (r->last_ns < from_ns || r->first_ns >= to_ns)
			continue;
		int64_t begin = r->first_ns > from_ns ? r->first_ns : from_ns;
		*first_ns = found && *first_ns < begin ? *first_ns : begin;
		found = true;
	}
	*points = d ? d->points : 0;
	pthread_mutex_unlock(&t->lock);
	return found;
}
