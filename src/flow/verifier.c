/* A job goes database by database, day by day, measurement by measurement: a day is what two tallies hold. Of each day it is
 * noted how far all was equal, so that a job that ends early has not been for nothing. */
#include "flow/verifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "flow/verifier_part.h"
#include "wire/lp_key.h"

enum { TIMEOUT_MS = 30000 };
#define DAY_NS (TALLY_HOURS_MAX * TALLY_HOUR_NS)
#define SETTLE_NS (20 * NS_PER_S)
#define AGAIN_NS DAY_NS /* late points: so much of what was equal a nightly job looks at again */

const char *verifier_state_name(enum verifier_state s)
{
	static const char *const names[] = { "none", "running", "done", "cancelled", "failed" };

	return names[s];
}

/* ---- the thread's helpers ---- */

bool verifier_goes_on(struct verifier *v)
{
	pthread_mutex_lock(&v->lock);
	bool on = !v->stopping && !v->cancelled;
	pthread_mutex_unlock(&v->lock);
	return on;
}

bool verifier_pause(struct verifier *v, int64_t ns)
{
	int64_t until = clock_mono_ns() + ns;

	pthread_mutex_lock(&v->lock);
	while (!v->stopping && !v->cancelled && clock_cond_wait(&v->wake, &v->lock, until)) {
		/* woken for nothing */
	}
	bool on = !v->stopping && !v->cancelled;
	pthread_mutex_unlock(&v->lock);
	return on;
}

int64_t verifier_hour_begin(const struct verifier *v, unsigned hour)
{
	int64_t t = v->day_ns + (int64_t)hour * TALLY_HOUR_NS;

	return t < v->from_ns ? v->from_ns : t;
}

int64_t verifier_hour_end(const struct verifier *v, unsigned hour)
{
	int64_t t = v->day_ns + (int64_t)(hour + 1) * TALLY_HOUR_NS;

	return t > v->to_ns ? v->to_ns : t;
}

unsigned verifier_hours(const struct verifier *v)
{
	return (unsigned)((v->to_ns - v->day_ns + TALLY_HOUR_NS - 1) / TALLY_HOUR_NS);
}

bool verifier_add_name(struct verifier_names *l, struct view name)
{
	for (uint32_t i = 0; i < l->count; i++)
		if (view_is(name, l->of[i]))
			return true;
	if (l->count == l->room) {
		uint32_t room = l->room ? l->room * 2 : 64;
		char **more = realloc(l->of, room * sizeof *more);
		if (!more)
			return false;
		l->of = more;
		l->room = room;
	}
	l->of[l->count] = strndup(name.p, name.len);
	return l->of[l->count] && ++l->count;
}

static void forget_names(struct verifier_names *l)
{
	for (uint32_t i = 0; i < l->count; i++)
		free(l->of[i]);
	free(l->of);
	*l = (struct verifier_names){ 0 };
}

/* ---- a measurement's day ---- */

static bool find_known(struct verifier *v)
{
	buf_clear(&v->text);
	lp_escape(view_of(v->measurement), true, &v->text);
	v->known = v->text.failed ? NULL
				  : catalogue_find_measurement(v->opts.catalogue, v->db,
					(struct view){ v->text.len ? v->text.p : "", v->text.len });
	v->keeps_ns = v->known && v->opts.retention_ns
	    ? v->opts.retention_ns(v->opts.arg, TIER_RAW, measurement_name(v->known))
	    : 0;
	return !v->text.failed;
}

static enum err compare_measurement(struct verifier *v, const char *name, struct errbuf *eb)
{
	int64_t began = clock_mono_ns();
	uint64_t left_out = 0;

	v->measurement = name;
	if (!find_known(v))
		return ERR_OK; /* nothing here can have such a name */
	pthread_mutex_lock(&v->lock);
	snprintf(v->stats.measurement, sizeof v->stats.measurement, "%.*s",
	    (int)view_cut(view_of(name), sizeof v->stats.measurement - 1), name);
	pthread_mutex_unlock(&v->lock);
	enum err e = verifier_tally_here(v, eb);
	if (e == ERR_OK && !verifier_pause(v, clock_mono_ns() - began)) /* half a core */
		return ERR_CLOSED;
	for (unsigned h = 0; h < TALLY_HOURS_MAX; h++)
		left_out += v->left_out[h];
	/* what is in quarantine can only be left out value by value */
	bool whole = v->rq.deep || left_out;
	if (e == ERR_OK)
		e = verifier_tally_record(v, whole, eb);
	if (e == ERR_OK && !whole)
		e = verifier_find_times(v, eb);
	if (!v->rq.deep)
		v->sums = false;
	return e == ERR_OK ? verifier_judge(v, eb) : e;
}

static enum err compare_day(struct verifier *v, struct errbuf *eb)
{
	struct committer_stats c;

	committer_stats(v->opts.committer, &c);
	v->before_seq = c.last_seq;
	enum err e = verifier_look_at_lag(v, eb);
	if (e == ERR_OK)
		e = quarantined_load(&v->quarantined, spool_reader_db(v->reader), REPLICATOR_RECORD, v->name, eb);
	for (uint32_t i = 0; e == ERR_OK && i < v->measurements.count; i++)
		e = compare_measurement(v, v->measurements.of[i], eb);
	return e;
}

/* ---- a database ---- */

static enum err list_known(struct verifier *v, struct errbuf *eb)
{
	uint32_t count = catalogue_measurement_count(v->opts.catalogue);

	for (uint32_t i = 0; i < count; i++) {
		struct measurement *m = catalogue_measurement_at(v->opts.catalogue, i);
		if (!m || measurement_db(m) != v->db)
			continue;
		buf_clear(&v->text);
		lp_unescape(measurement_name(m), true, &v->text);
		if (!verifier_add_name(&v->measurements, (struct view){ v->text.len ? v->text.p : "", v->text.len }))
			return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	return ERR_OK;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum err list_names(struct verifier *v, struct errbuf *eb)
{
	enum err e = verifier_find_place(v, eb);

	forget_names(&v->measurements);
	if (e == ERR_OK)
		e = list_known(v, eb);
	if (e == ERR_OK)
		e = verifier_list_measurements(v, eb);
	if (v->measurements.count)
		qsort(v->measurements.of, v->measurements.count, sizeof *v->measurements.of, by_name);
	return e;
}

static void begin_database(struct verifier *v, uint32_t db, const char *name)
{
	v->db = db;
	v->name = name;
	v->record_name = db == CATALOGUE_DEFAULT_DB ? v->opts.database : name;
	v->good_until_ns = INT64_MAX;
	v->known_before = (struct verified){ .db = db };
	pthread_mutex_lock(&v->lock);
	for (uint32_t i = 0; i < v->verified_count; i++)
		if (v->verified[i].db == db)
			v->known_before = v->verified[i];
	/* what was there before is not any more */
	if (v->all && v->known_before.from_ns < v->rq.from_ns && v->known_before.until_ns > v->rq.from_ns)
		v->known_before.from_ns = v->rq.from_ns;
	snprintf(v->stats.database, sizeof v->stats.database, "%.127s", name);
	v->stats.at_ns = v->rq.from_ns;
	pthread_mutex_unlock(&v->lock);
}

static int64_t floor_hour(int64_t t)
{
	int64_t into = t % TALLY_HOUR_NS;

	return t - (into < 0 ? into + TALLY_HOUR_NS : into);
}

static enum err compare_database(struct verifier *v, struct errbuf *eb)
{
	enum err e = list_names(v, eb);

	for (int64_t at = v->rq.from_ns; e == ERR_OK && at < v->rq.to_ns; at = v->to_ns) {
		v->day_ns = floor_hour(at);
		v->from_ns = at;
		v->to_ns = v->rq.to_ns - v->day_ns > DAY_NS ? v->day_ns + DAY_NS : v->rq.to_ns;
		e = compare_day(v, eb);
		if (e == ERR_OK)
			e = verifier_note_day(v, v->to_ns, eb);
	}
	return e;
}

/* ---- a job ---- */

static enum err work(struct verifier *v, struct errbuf *eb)
{
	enum err e = ERR_OK;
	uint64_t databases = 0;

	v->connection = v->opts.open_record(v->opts.open_arg);
	if (!v->connection)
		return errbuf_set(eb, ERR_UNAVAILABLE, "no connection to InfluxDB could be made");
	v->took_ns = v->best_ping_ns = 0;
	for (uint32_t db = 1; db <= CATALOGUE_DATABASES_MAX; db++)
		databases += catalogue_database_name(v->opts.catalogue, db) != NULL;
	pthread_mutex_lock(&v->lock);
	v->stats.databases = databases;
	pthread_mutex_unlock(&v->lock);
	for (uint32_t db = 1; e == ERR_OK && db <= CATALOGUE_DATABASES_MAX; db++) {
		const char *name = catalogue_database_name(v->opts.catalogue, db);
		if (!name)
			continue;
		begin_database(v, db, name);
		e = compare_database(v, eb);
		pthread_mutex_lock(&v->lock);
		v->stats.databases_done += e == ERR_OK;
		pthread_mutex_unlock(&v->lock);
	}
	v->opts.close_record(v->connection);
	v->connection = NULL;
	return e;
}

static void tell(const struct verifier_stats *t)
{
	uint64_t lost = t->differences[VERIFIER_MISSING_IN_RECORD] + t->differences[VERIFIER_DIFFERS];

	if (t->state == VERIFIER_FAILED)
		log_error("verify: %s", t->error);
	else if (lost)
		log_warn("verify: InfluxDB lacks or differs in %llu of %llu hours of measurements%s",
		    (unsigned long long)lost, (unsigned long long)t->hours,
		    t->request.repair ? ", which are sent again" : "; holdfast verify --repair sends them again");
	else
		log_info("verify %s: %llu hours of measurements were compared", verifier_state_name(t->state),
		    (unsigned long long)t->hours);
}

static void run_job(struct verifier *v)
{
	struct errbuf eb = { "" };
	enum err e = work(v, &eb);

	forget_names(&v->measurements);
	quarantined_fini(&v->quarantined);
	pthread_mutex_lock(&v->lock);
	v->stats.state = e == ERR_OK ? VERIFIER_DONE : e == ERR_CLOSED ? VERIFIER_CANCELLED : VERIFIER_FAILED;
	v->stats.ended_ns = clock_wall_ns();
	if (v->stats.state == VERIFIER_FAILED)
		snprintf(v->stats.error, sizeof v->stats.error, "%.255s", eb.text);
	struct verifier_stats t = v->stats;
	pthread_mutex_unlock(&v->lock);
	tell(&t);
}

/* Under the lock: what a job begins with. */
static void prepare(struct verifier *v, const struct verifier_request *rq, bool nightly)
{
	int64_t now = clock_wall_ns(), settled = now - v->opts.settle_ns;

	v->rq = *rq;
	v->all = v->rq.from_ns == INT64_MIN;
	if (v->rq.from_ns == INT64_MIN || v->rq.from_ns < 0)
		v->rq.from_ns = v->opts.longest_ns < now ? now - v->opts.longest_ns : 0;
	if (v->rq.to_ns > settled)
		v->rq.to_ns = settled;
	v->cancelled = false;
	v->stats = (struct verifier_stats){ .state = VERIFIER_RUNNING,
		.request = v->rq,
		.nightly = nightly,
		.started_ns = now,
		.at_ns = v->rq.from_ns };
}

/* Under the lock. What was equal the last time, but for its end, is left. */
static void prepare_nightly(struct verifier *v)
{
	struct verifier_request rq = { INT64_MIN, INT64_MAX, false, false };
	int64_t from = INT64_MAX;

	for (uint32_t i = 0; i < v->verified_count; i++)
		if (v->verified[i].until_ns - AGAIN_NS < from)
			from = v->verified[i].until_ns - AGAIN_NS;
	prepare(v, &rq, true);
	if (v->verified_count && from > v->rq.from_ns && from < v->rq.to_ns)
		v->rq.from_ns = v->stats.request.from_ns = v->stats.at_ns = from;
	v->all &= v->rq.from_ns != from;
}

/* Wall clock; 0: never. */
static int64_t next_night_ns(const struct verifier *v)
{
	time_t second = (time_t)(clock_wall_ns() / NS_PER_S);
	struct tm tm;

	if (v->opts.nightly_s < 0 || !localtime_r(&second, &tm))
		return 0;
	tm.tm_hour = (int)(v->opts.nightly_s / 3600);
	tm.tm_min = (int)(v->opts.nightly_s / 60 % 60);
	tm.tm_sec = (int)(v->opts.nightly_s % 60);
	tm.tm_isdst = -1;
	struct tm tomorrow = tm;
	tomorrow.tm_mday++;
	time_t at = mktime(&tm);
	if (at <= second)
		at = mktime(&tomorrow);
	return (int64_t)at * NS_PER_S;
}

/* Monotonic, so that a clock that is set does not begin a second one; INT64_MAX: never. */
static int64_t night_due_ns(const struct verifier *v)
{
	int64_t at = next_night_ns(v);

	return at ? clock_mono_ns() + (at - clock_wall_ns()) : INT64_MAX;
}

static void *run(void *arg)
{
	struct verifier *v = arg;

	pthread_mutex_lock(&v->lock);
	int64_t night = night_due_ns(v);
	while (!v->stopping) {
		bool due = clock_mono_ns() >= night;
		if (!v->asked && !due) {
			(void)clock_cond_wait(
			    &v->wake, &v->lock, night == INT64_MAX ? clock_mono_ns() + DAY_NS : night);
			continue;
		}
		if (!v->asked)
			prepare_nightly(v);
		v->asked = false;
		pthread_mutex_unlock(&v->lock);
		run_job(v);
		pthread_mutex_lock(&v->lock);
		night = night_due_ns(v);
	}
	pthread_mutex_unlock(&v->lock);
	return NULL;
}

/* ---- starting and stopping ---- */

static void verifier_free(struct verifier *v)
{
	spool_reader_close(v->reader);
	for (uint32_t i = 0; i < v->field_count; i++)
		free(v->fields[i].name);
	free(v->fields);
	free(v->differences);
	tally_fini(&v->here);
	tally_fini(&v->record);
	buf_fini(&v->reply.body);
	buf_fini(&v->statement);
	buf_fini(&v->text);
	buf_fini(&v->scratch);
	pthread_cond_destroy(&v->wake);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

enum err verifier_start(struct verifier **out, const struct verifier_opts *opts, struct errbuf *eb)
{
	struct verifier *v = calloc(1, sizeof *v);

	*out = NULL;
	if (!v)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	v->opts = *opts;
	if (!v->opts.timeout_ms)
		v->opts.timeout_ms = TIMEOUT_MS;
	if (!v->opts.settle_ns)
		v->opts.settle_ns = SETTLE_NS;
	pthread_mutex_init(&v->lock, NULL);
	clock_cond_init(&v->wake);
	tally_init(&v->here);
	tally_init(&v->record);
	buf_init(&v->reply.body, VERIFIER_REPLY_MAX);
	buf_init(&v->statement, VERIFIER_STATEMENT_MAX);
	buf_init(&v->text, VERIFIER_TEXT_MAX);
	buf_init(&v->scratch, VERIFIER_TEXT_MAX);
	v->differences = calloc(VERIFIER_DIFFERENCES_MAX, sizeof *v->differences);
	enum err e = v->differences ? ERR_OK : errbuf_set(eb, ERR_NOMEM, "out of memory");
	if (e == ERR_OK)
		e = spool_reader_open(&v->reader, opts->spool_path, eb);
	if (e == ERR_OK)
		e = verified_load(
		    spool_reader_db(v->reader), v->verified, CATALOGUE_DATABASES_MAX, &v->verified_count, eb);
	if (e == ERR_OK)
		e = thread_start(&v->thread, "hf-verify", run, v, eb);
	if (e != ERR_OK) {
		verifier_free(v);
		return e;
	}
	*out = v;
	return ERR_OK;
}

void verifier_stop(struct verifier *v)
{
	if (!v)
		return;
	pthread_mutex_lock(&v->lock);
	v->stopping = true;
	pthread_cond_broadcast(&v->wake);
	pthread_mutex_unlock(&v->lock);
	pthread_join(v->thread, NULL);
	verifier_free(v);
}

/* ---- any thread ---- */

enum err verifier_begin(struct verifier *v, const struct verifier_request *rq, struct errbuf *eb)
{
	enum err e = ERR_OK;

	pthread_mutex_lock(&v->lock);
	if (v->stats.state == VERIFIER_RUNNING) {
		e = errbuf_set(eb, ERR_EXISTS, "a comparison is running already");
	} else {
		struct verifier_stats before = v->stats;
		prepare(v, rq, false);
		v->asked = v->rq.from_ns < v->rq.to_ns;
		if (!v->asked) {
			v->stats = before;
			e = errbuf_set(eb, ERR_INVALID, "the range is empty: points of the last %lld s are left out",
			    (long long)(v->opts.settle_ns / NS_PER_S));
		}
		pthread_cond_broadcast(&v->wake);
	}
	pthread_mutex_unlock(&v->lock);
	return e;
}

bool verifier_cancel(struct verifier *v)
{
	pthread_mutex_lock(&v->lock);
	bool running = v->stats.state == VERIFIER_RUNNING;
	v->cancelled |= running;
	pthread_cond_broadcast(&v->wake);
	pthread_mutex_unlock(&v->lock);
	return running;
}

void verifier_stats(struct verifier *v, struct verifier_stats *out)
{
	pthread_mutex_lock(&v->lock);
	*out = v->stats;
	pthread_mutex_unlock(&v->lock);
	out->next_ns = next_night_ns(v);
}

uint32_t verifier_list(struct verifier *v, uint32_t first, struct verifier_difference *out, uint32_t max)
{
	uint32_t n = 0;

	pthread_mutex_lock(&v->lock);
	for (; n < max && first + n < v->stats.listed; n++)
		out[n] = v->differences[first + n];
	pthread_mutex_unlock(&v->lock);
	return n;
}

uint32_t verifier_verified(struct verifier *v, struct verified *out)
{
	pthread_mutex_lock(&v->lock);
	uint32_t n = v->verified_count;
	memcpy(out, v->verified, n * sizeof *out);
	pthread_mutex_unlock(&v->lock);
	return n;
}
