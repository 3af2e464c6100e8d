/* What is done about a database of the record:
 *
 *	missing		created, if allowed, with the retention wanted (not managed: for ever, the server's own default)
 *	as wanted	nothing; not managed: nothing, it is only shown
 *	shorter		lengthened
 *	longer		shortened only if it is exactly what Holdfast set itself, or shorten_retention says so: shortening
 *			deletes points. Else it is held, and said
 *
 * What was set is remembered by name in the spool's file once it is set: a crash in between makes it held later, never
 * shortened by mistake. */
#include "flow/provision.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "store/provisioned.h"

enum { REPLY_MAX = 1 << 20, TIMEOUT_MS = 10000 };
#define HOUR_NS (3600 * NS_PER_S)
#define EVERY_NS HOUR_NS
#define RETRY_NS (60 * NS_PER_S)

struct provision {
	struct provision_opts opts;
	pthread_t thread;
	struct record_reply reply; /* the thread's */
	pthread_mutex_t lock; /* what follows */
	pthread_cond_t wake;
	bool stopping, now;
	unsigned count;
	struct provision_stats stats[CATALOGUE_DATABASES_MAX];
};

const char *provision_state_name(enum provision_state s)
{
	static const char *const names[] = { "unknown", "ok", "missing", "held", "failed" };

	return names[s];
}

void provision_duration(char out[32], int64_t ns)
{
	long long hours = (long long)(ns / HOUR_NS);

	if (!ns)
		snprintf(out, 32, "ever");
	else if (ns % HOUR_NS)
		snprintf(out, 32, "%llds", (long long)(ns / NS_PER_S));
	else
		snprintf(out, 32, "%lld%c", hours % 24 ? hours : hours / 24, hours % 24 ? 'h' : 'd');
}

/* ---- what Holdfast set, through the writer ---- */

struct memory {
	const char *database;
	int64_t retention_ns;
};

static enum err load_job(struct spool *s, void *arg, struct errbuf *eb)
{
	struct memory *m = arg;

	return provisioned_load(spool_db(s), m->database, &m->retention_ns, eb);
}

static enum err store_job(struct spool *s, void *arg, struct errbuf *eb)
{
	const struct memory *m = arg;

	return provisioned_store(spool_db(s), m->database, m->retention_ns, eb);
}

static bool is_ours(struct provision *p, const char *database, int64_t found_ns)
{
	struct memory m = { .database = database };
	struct errbuf eb;

	return committer_call(p->opts.committer, load_job, &m, &eb) == ERR_OK && m.retention_ns == found_ns;
}

void provision_made(void *provision, const char *database, int64_t retention_ns)
{
	struct provision *p = provision;
	struct memory m = { database, retention_ns };
	struct errbuf eb;
	enum err e = committer_call(p->opts.committer, store_job, &m, &eb);

	if (e != ERR_OK && e != ERR_CLOSED)
		log_warn("it is not remembered that Holdfast set the retention of %s: %s", database, eb.text);
}

/* ---- one database ---- */

static void fail(struct provision *p, struct provision_stats *s)
{
	s->state = PROVISION_FAILED;
	snprintf(s->error, sizeof s->error, "%s", p->reply.error.text);
}

static void make(struct provision *p, struct provision_stats *s)
{
	char keeps[32];

	if (!p->opts.create) {
		s->state = PROVISION_MISSING;
		snprintf(s->error, sizeof s->error,
		    "InfluxDB has no %.200s; create it, or set [influxdb] create_database = yes", s->database);
		return;
	}
	if (p->opts.record->make_place(p->opts.record_ctx, s->database, s->want_ns, p->opts.timeout_ms, &p->reply) !=
	    ERR_OK) {
		fail(p, s);
		return;
	}
	provision_made(p, s->database, s->want_ns);
	provision_duration(keeps, s->want_ns);
	log_info("created %s in InfluxDB, where points are kept for %s", s->database, keeps);
	s->state = PROVISION_OK;
	s->created = s->set_by_us = true;
	s->found_ns = s->want_ns;
	s->changed_ns = clock_wall_ns();
}

static void change(struct provision *p, struct provision_stats *s, const struct record_place *place)
{
	char before[32], now[32];

	if (p->opts.record->set_retention(p->opts.record_ctx, place, s->want_ns, p->opts.timeout_ms, &p->reply) !=
	    ERR_OK) {
		fail(p, s);
		return;
	}
	provision_made(p, s->database, s->want_ns);
	provision_duration(before, place->retention_ns);
	provision_duration(now, s->want_ns);
	log_info("InfluxDB keeps points in %s for %s now; it was for %s", s->database, now, before);
	s->state = PROVISION_OK;
	s->found_ns = s->want_ns;
	s->set_by_us = true;
	s->changed_ns = clock_wall_ns();
}

static void hold(struct provision_stats *s)
{
	char found[32], want[32];

	provision_duration(found, s->found_ns);
	provision_duration(want, s->want_ns);
	s->state = PROVISION_HELD;
	snprintf(s->error, sizeof s->error,
	    "InfluxDB keeps points in %.200s for %s, which Holdfast did not set; making it %s would delete points there. If "
	    "that is meant, set [influxdb] shorten_retention = yes; else set retention = %s or manage_retention = no",
	    s->database, found, want, s->found_ns ? found : "36500d");
}

static bool is_longer(int64_t a_ns, int64_t b_ns)
{
	return b_ns && (!a_ns || a_ns > b_ns);
}

static void look(struct provision *p, struct provision_stats *s)
{
	struct record_place place = { .id = "" };
	enum err e = p->opts.record->find_place(p->opts.record_ctx, s->database, &place, p->opts.timeout_ms, &p->reply);

	s->looked_ns = clock_wall_ns();
	s->error[0] = 0;
	s->found_ns = -1;
	s->set_by_us = false;
	if (e == ERR_NOTFOUND) {
		make(p, s);
		return;
	}
	if (e != ERR_OK) {
		fail(p, s);
		/* what only takes lines, or a user who may only write, is no fault where nothing is managed */
		if (e == ERR_INVALID && !p->opts.manage)
			s->state = PROVISION_UNKNOWN;
		return;
	}
	s->state = PROVISION_OK;
	snprintf(s->error, sizeof s->error, "%s", p->reply.error.text);
	s->found_ns = place.retention_ns;
	s->set_by_us = is_ours(p, s->database, place.retention_ns);
	if (!p->opts.manage || place.retention_ns == s->want_ns)
		return;
	if (is_longer(place.retention_ns, s->want_ns) && !s->set_by_us && !p->opts.shorten)
		hold(s);
	else
		change(p, s, &place);
}

/* ---- all of them ---- */

static const char *name_of(const struct provision *p, uint32_t db)
{
	return db == CATALOGUE_DEFAULT_DB ? p->opts.database : catalogue_database_name(p->opts.catalogue, db);
}

static void tell(const struct provision_stats *before, const struct provision_stats *now)
{
	if (!*now->error || now->state == PROVISION_UNKNOWN ||
	    (now->state == before->state && !strcmp(now->error, before->error)))
		return;
	if (now->state == PROVISION_HELD || now->state == PROVISION_MISSING)
		log_error("%s", now->error);
	else if (now->state == PROVISION_OK)
		log_warn("%s", now->error);
	else
		log_warn("cannot look after %s in InfluxDB: %s", now->database, now->error);
}

/* True: all answered, and none is left to be tried again soon. */
static bool look_at_all(struct provision *p)
{
	bool settled = true;
	const char *name;

	for (uint32_t db = CATALOGUE_DEFAULT_DB; db <= CATALOGUE_DATABASES_MAX && (name = name_of(p, db)); db++) {
		unsigned i = db - CATALOGUE_DEFAULT_DB;
		struct provision_stats before, now;
		pthread_mutex_lock(&p->lock);
		bool stopping = p->stopping;
		before = now = p->stats[i];
		pthread_mutex_unlock(&p->lock);
		if (stopping)
			return true;
		snprintf(now.database, sizeof now.database, "%s", name);
		now.want_ns = p->opts.manage ? p->opts.retention_ns : 0;
		look(p, &now);
		tell(&before, &now);
		settled = settled && now.state != PROVISION_FAILED;
		pthread_mutex_lock(&p->lock);
		p->stats[i] = now;
		p->count = p->count > i ? p->count : i + 1;
		pthread_mutex_unlock(&p->lock);
	}
	return settled;
}

static void *run(void *arg)
{
	struct provision *p = arg;
	bool stopping = false;

	while (!stopping) {
		bool settled = look_at_all(p);
		int64_t until = clock_mono_ns() + (settled ? p->opts.every_ns : p->opts.retry_ns);
		pthread_mutex_lock(&p->lock);
		while (!p->stopping && !p->now && clock_cond_wait(&p->wake, &p->lock, until)) {
		}
		p->now = false;
		stopping = p->stopping;
		pthread_mutex_unlock(&p->lock);
	}
	return NULL;
}

/* ---- any thread ---- */

static void provision_free(struct provision *p)
{
	buf_fini(&p->reply.body);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

enum err provision_start(struct provision **out, const struct provision_opts *opts, struct errbuf *eb)
{
	struct provision *p = calloc(1, sizeof *p);

	*out = NULL;
	if (!p)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	p->opts = *opts;
	p->opts.timeout_ms = opts->timeout_ms ? opts->timeout_ms : TIMEOUT_MS;
	p->opts.every_ns = opts->every_ns ? opts->every_ns : EVERY_NS;
	p->opts.retry_ns = opts->retry_ns ? opts->retry_ns : RETRY_NS;
	buf_init(&p->reply.body, REPLY_MAX);
	pthread_mutex_init(&p->lock, NULL);
	clock_cond_init(&p->wake);
	enum err e = thread_start(&p->thread, "hf-provision", run, p, eb);
	if (e != ERR_OK) {
		provision_free(p);
		return e;
	}
	*out = p;
	return ERR_OK;
}

void provision_stop(struct provision *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	provision_free(p);
}

void provision_look_now(struct provision *p)
{
	pthread_mutex_lock(&p->lock);
	p->now = true;
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);
}

unsigned provision_count(struct provision *p)
{
	pthread_mutex_lock(&p->lock);
	unsigned n = p->count;
	pthread_mutex_unlock(&p->lock);
	return n;
}

bool provision_stats(struct provision *p, unsigned i, struct provision_stats *out)
{
	pthread_mutex_lock(&p->lock);
	bool there = i < p->count;
	if (there)
		*out = p->stats[i];
	pthread_mutex_unlock(&p->lock);
	return there;
}

int64_t provision_keeps_ns(struct provision *p, const char *database)
{
	struct provision_stats s;

	for (unsigned i = 0; p && provision_stats(p, i, &s); i++)
		if (!strcmp(s.database, database))
			return s.found_ns > 0 ? s.found_ns : 0;
	return 0;
}
