/* Of each measurement: its fields and their types; then, stretch by stretch of time, the points of some fields at a time,
 * series by series (GROUP BY *). A stretch begins as a window of raw rows; it is doubled while answers are small, and
 * halved where one does not fit into memory or was cut off. Integers are told from floats by the field's type, since
 * JSON does not tell 1 from 1.0. */
#include "flow/backfill.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/thread.h"
#include "flow/backfill_part.h"
#include "wire/lp_key.h"

enum { ANSWER_MAX = 16 << 20, STATEMENT_MAX = 48 << 10, FIELDS_TEXT = 8 << 10, TRIES = 5, WINDOWS_MAX = 1024 };
#define ARENA_MAX ((size_t)512 << 20)
#define STRETCH_LEAST_NS NS_PER_MS
#define RETRY_NS (NS_PER_S / 4)

struct name_list {
	char **of;
	uint32_t count, room;
};

struct backfill {
	struct backfill_opts opts;
	pthread_t thread;
	bool joinable;
	pthread_mutex_t lock; /* stopping, stats, joinable */
	pthread_cond_t stop;
	bool stopping;
	struct backfill_stats stats;
	char *wanted; /* the one measurement, or NULL */
	/* the thread alone */
	void *record;
	struct record_reply reply;
	struct buf statement;
	struct older *older;
	struct arena arena;
};

struct job { /* of one measurement */
	struct backfill *b;
	struct measurement *m;
	const char *name; /* plain */
	const struct field **fields;
	uint32_t count, room;
	int64_t from_ns, to_ns;
};

const char *backfill_state_name(enum backfill_state s)
{
	static const char *const names[] = { "none", "running", "done", "cancelled", "failed" };

	return names[s];
}

void backfill_stats(struct backfill *b, struct backfill_stats *out)
{
	pthread_mutex_lock(&b->lock);
	*out = b->stats;
	pthread_mutex_unlock(&b->lock);
}

/* False: stopping. */
static bool pause_ns(struct backfill *b, int64_t ns)
{
	int64_t until = clock_mono_ns() + ns;

	pthread_mutex_lock(&b->lock);
	while (!b->stopping && clock_cond_wait(&b->stop, &b->lock, until)) {
		/* woken for nothing */
	}
	bool stopping = b->stopping;
	pthread_mutex_unlock(&b->lock);
	return !stopping;
}

/* ---- asking ---- */

static void identifier(struct buf *b, const char *name)
{
	buf_char(b, '"');
	for (; *name; name++) {
		if (*name == '"' || *name == '\\')
			buf_char(b, '\\');
		if (*name == '\n')
			buf_str(b, "\\n");
		else
			buf_char(b, *name);
	}
	buf_char(b, '"');
}

/* The statement's answer, in b->reply. ERR_TOOBIG: it does not fit. */
static enum err ask(struct backfill *b, struct errbuf *eb)
{
	const struct view q = { b->statement.p, b->statement.len };

	if (b->statement.failed)
		return errbuf_set(eb, ERR_INVALID, "a measurement or field has too long a name");
	for (int i = 1;; i++) {
		enum err e = b->opts.record->query(
		    b->record, b->opts.database, q, false, b->opts.timeout_ms, &b->reply);
		if (e == ERR_OK && b->reply.status == 200)
			return b->reply.body.failed || b->reply.body.len == b->reply.body.max ? ERR_TOOBIG : ERR_OK;
		if (e != ERR_OK)
			errbuf_set(eb, e, "InfluxDB does not answer: %s", b->reply.error.text);
		else
			e = errbuf_set(eb, b->reply.status >= 500 ? ERR_UNAVAILABLE : ERR_INVALID,
			    "InfluxDB answers with HTTP %d: %.*s", b->reply.status,
			    (int)(b->reply.body.len > 200 ? 200 : b->reply.body.len),
			    b->reply.body.len ? b->reply.body.p : "");
		if (e == ERR_INVALID || i == TRIES)
			return e;
		if (!pause_ns(b, RETRY_NS << i))
			return ERR_CLOSED;
	}
}

static struct view body(const struct backfill *b)
{
	return (struct view){ b->reply.body.len ? b->reply.body.p : "", b->reply.body.len };
}

static bool take_name(void *arg, struct view first, struct view second)
{
	struct name_list *l = arg;

	(void)second;
	if (l->count == l->room) {
		uint32_t room = l->room ? l->room * 2 : 64;
		char **p = realloc(l->of, room * sizeof *p);
		if (!p)
			return false;
		l->of = p;
		l->room = room;
	}
	l->of[l->count] = strndup(first.p, first.len);
	return l->of[l->count] && ++l->count;
}

static enum err list_measurements(struct backfill *b, struct name_list *l, struct errbuf *eb)
{
	if (b->wanted)
		return take_name(l, view_of(b->wanted), view_of("")) ? ERR_OK
								     : errbuf_set(eb, ERR_NOMEM, "out of memory");
	buf_clear(&b->statement);
	buf_str(&b->statement, "SHOW MEASUREMENTS");
	enum err e = ask(b, eb);
	if (e == ERR_TOOBIG)
		return errbuf_set(eb, e, "InfluxDB has too many measurements to list; name them one by one");
	return e == ERR_OK ? backfill_read_list(body(b), take_name, l, eb) : e;
}

static bool type_of(struct view name, enum value_type *out)
{
	static const struct {
		const char *name;
		enum value_type type;
	} types[] = { { "float", VALUE_FLOAT }, { "integer", VALUE_INTEGER }, { "unsigned", VALUE_UNSIGNED },
		{ "boolean", VALUE_BOOLEAN }, { "string", VALUE_STRING } };

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (view_is(name, types[i].name)) {
			*out = types[i].type;
			return true;
		}
	return false;
}

static bool take_field(void *arg, struct view name, struct view type_name)
{
	struct job *j = arg;
	struct buf escaped;
	enum value_type type;
	struct catalogue_refusal refusal;
	const struct field *f = NULL;

	buf_init(&escaped, LP_KEY_MAX * 2);
	lp_escape(name, false, &escaped);
	if (type_of(type_name, &type) && !escaped.failed && escaped.len)
		f = measurement_field(
		    j->b->opts.catalogue, j->m, (struct view){ escaped.p, escaped.len }, type, false, &refusal);
	buf_fini(&escaped);
	for (uint32_t i = 0; f && i < j->count; i++)
		if (j->fields[i] == f) /* of several types in the record's shards: once */
			return true;
	if (!f) {
		log_warn("backfill: the field %.*s of %.100s can not be kept here",
		    (int)(name.len > 100 ? 100 : name.len), name.p, j->name);
		return true;
	}
	if (j->count == j->room) {
		uint32_t room = j->room ? j->room * 2 : 32;
		const struct field **p = realloc(j->fields, room * sizeof(const struct field *));
		if (!p)
			return false;
		j->fields = p;
		j->room = room;
	}
	j->fields[j->count++] = f;
	return true;
}

static enum err list_fields(struct job *j, struct errbuf *eb)
{
	struct backfill *b = j->b;

	buf_clear(&b->statement);
	buf_str(&b->statement, "SHOW FIELD KEYS FROM ");
	identifier(&b->statement, j->name);
	enum err e = ask(b, eb);
	if (e == ERR_TOOBIG)
		return errbuf_set(eb, e, "%.100s has too many fields to list", j->name);
	return e == ERR_OK ? backfill_read_list(body(b), take_field, j, eb) : e;
}

/* SELECT the fields from `first` on, as many as are short enough. How many. */
static uint32_t select_fields(struct job *j, const char *function, uint32_t first, int64_t from, int64_t to)
{
	struct buf *q = &j->b->statement, name;
	uint32_t n = 0;

	buf_clear(q);
	buf_init(&name, LP_KEY_MAX + 1);
	buf_str(q, "SELECT ");
	for (; first + n < j->count && (n == 0 || q->len < FIELDS_TEXT); n++) {
		buf_clear(&name);
		lp_unescape(j->fields[first + n]->name, false, &name);
		buf_char(&name, 0);
		if (n)
			buf_str(q, ", ");
		if (function)
			buf_printf(q, "%s(", function);
		identifier(q, name.failed ? "" : name.p);
		buf_str(q, "::field");
		if (function)
			buf_char(q, ')');
	}
	buf_fini(&name);
	buf_str(q, " FROM ");
	identifier(q, j->name);
	buf_printf(q, " WHERE time >= %lld AND time < %lld", (long long)from, (long long)to);
	return n;
}

/* ---- points ---- */

static enum err put_job(struct store *s, void *arg, struct errbuf *eb)
{
	struct backfill *b = arg;
	uint64_t late;
	enum err e = older_put(s, b->older, &late, eb);

	if (e == ERR_OK && late) {
		pthread_mutex_lock(&b->lock);
		b->stats.old_points += late;
		pthread_mutex_unlock(&b->lock);
	}
	return e;
}

static enum err put(struct backfill *b, struct errbuf *eb)
{
	enum err e = ERR_OK;

	if (older_points(b->older) == 0)
		return ERR_OK;
	for (int i = 1; (e = compactor_call(b->opts.compactor, put_job, b, eb)) != ERR_OK; i++) {
		if (e == ERR_CLOSED || i == TRIES)
			return e;
		if (!pause_ns(b, RETRY_NS))
			return ERR_CLOSED;
	}
	older_clear(b->older);
	return ERR_OK;
}

static void tell(struct job *j, const struct backfill_answer *a, int64_t at_ns)
{
	struct backfill *b = j->b;

	counter_add(COUNTER_BACKFILLED_POINTS, a->points);
	pthread_mutex_lock(&b->lock);
	b->stats.points += a->points;
	b->stats.values += a->values;
	b->stats.refused_values += a->refused;
	b->stats.at_ns = at_ns;
	pthread_mutex_unlock(&b->lock);
}

/* All fields of the stretch. ERR_TOOBIG: a shorter one, nothing has been put. */
static enum err take_stretch(struct job *j, int64_t from, int64_t to, size_t *most, struct errbuf *eb)
{
	struct backfill *b = j->b;
	struct backfill_answer sum = { 0 }, one;
	enum err e = ERR_OK;

	older_clear(b->older);
	*most = 0;
	for (uint32_t at = 0, n; e == ERR_OK && at < j->count; at += n) {
		n = select_fields(j, NULL, at, from, to);
		const struct backfill_fields fields = { j->fields + at, n };
		buf_str(&b->statement, " GROUP BY *");
		e = ask(b, eb);
		if (e == ERR_OK)
			e = backfill_read_answer(
			    body(b), b->opts.catalogue, j->m, &fields, &b->arena, b->older, &one, eb);
		if (e == ERR_OK && one.partial)
			e = ERR_TOOBIG;
		if (e != ERR_OK)
			return e;
		*most = b->reply.body.len > *most ? b->reply.body.len : *most;
		sum.points = one.points > sum.points ? one.points : sum.points;
		sum.values += one.values;
		sum.refused += one.refused;
	}
	e = put(b, eb);
	if (e == ERR_OK)
		tell(j, &sum, to);
	return e;
}

static int64_t windows_end(int64_t t, int64_t windows)
{
	return tier_window_start(TIER_RAW, tier_window(TIER_RAW, t) + windows);
}

static enum err take_points(struct job *j, struct errbuf *eb)
{
	int64_t at = j->from_ns, windows = 1, shorter_ns = 0; /* 0: whole windows */
	enum err e = ERR_OK;
	size_t most;

	while (e == ERR_OK && at < j->to_ns) {
		int64_t began = clock_mono_ns();
		int64_t to = shorter_ns ? at + shorter_ns : windows_end(at, windows);
		to = to > j->to_ns ? j->to_ns : to;
		e = take_stretch(j, at, to, &most, eb);
		if (e == ERR_TOOBIG && to - at > STRETCH_LEAST_NS) {
			if (windows > 1)
				windows /= 2;
			else
				shorter_ns = (to - at) / 2;
			e = ERR_OK;
			continue;
		}
		if (e == ERR_TOOBIG)
			return errbuf_set(eb, e, "a millisecond of %.100s is larger than %zu MiB", j->name,
			    j->b->reply.body.max >> 20);
		if (e != ERR_OK)
			break;
		if (most < j->b->reply.body.max / 8) {
			if (shorter_ns)
				shorter_ns = shorter_ns * 2 < tier_window_ns(TIER_RAW) ? shorter_ns * 2 : 0;
			else if (windows < WINDOWS_MAX)
				windows *= 2;
		}
		at = to;
		if (!pause_ns(j->b, clock_mono_ns() - began)) /* half a core */
			return ERR_CLOSED;
	}
	return e;
}

static bool take_count(void *arg, struct view first, struct view second)
{
	(void)arg;
	(void)first;
	(void)second;
	return true;
}

/* The largest number in the answer's row of counts. */
static uint64_t largest(struct view text)
{
	const char *p = memmem(text.p, text.len, "\"values\":[[", 11);
	uint64_t most = 0;
	bool time = true;

	for (p = p ? p + 11 : text.p + text.len; p < text.p + text.len && *p != ']'; time = false) {
		char *end;
		uint64_t n = strtoull(p, &end, 10);
		most = !time && n > most ? n : most;
		p = end + (*end == ',');
		if (*end != ',')
			break;
	}
	return most;
}

/* What is older than retention is left, and counted. */
static enum err leave_old(struct job *j, struct errbuf *eb)
{
	struct backfill *b = j->b;
	int64_t now = clock_wall_ns();
	int64_t keep = b->opts.retention_ns ? b->opts.retention_ns(b->opts.arg, TIER_RAW, measurement_name(j->m))
					    : INT64_MAX;
	int64_t begins = keep < now ? now - keep : 0;
	uint64_t most = 0;
	enum err e = ERR_OK;

	if (j->from_ns >= begins)
		return ERR_OK;
	for (uint32_t at = 0, n; e == ERR_OK && at < j->count; at += n) {
		n = select_fields(j, "count", at, j->from_ns, j->to_ns < begins ? j->to_ns : begins);
		e = ask(b, eb);
		if (e == ERR_OK)
			e = backfill_read_list(body(b), take_count, NULL, eb);
		uint64_t here = e == ERR_OK ? largest(body(b)) : 0;
		most = here > most ? here : most;
	}
	pthread_mutex_lock(&b->lock);
	b->stats.old_points += most;
	pthread_mutex_unlock(&b->lock);
	j->from_ns = begins;
	return e;
}

static enum err take_measurement(struct backfill *b, const char *name, struct errbuf *eb)
{
	struct job j = { .b = b, .name = name };
	struct buf escaped;
	enum err e = ERR_OK;

	buf_init(&escaped, LP_KEY_MAX * 2);
	lp_escape(view_of(name), true, &escaped);
	if (!escaped.failed && escaped.len && lp_name_is_clean((struct view){ escaped.p, escaped.len }))
		j.m = catalogue_add_measurement(
		    b->opts.catalogue, CATALOGUE_DEFAULT_DB, (struct view){ escaped.p, escaped.len });
	buf_fini(&escaped);
	pthread_mutex_lock(&b->lock);
	j.from_ns = b->stats.from_ns;
	j.to_ns = b->stats.to_ns;
	b->stats.at_ns = j.from_ns;
	snprintf(b->stats.measurement, sizeof b->stats.measurement, "%.255s", name);
	pthread_mutex_unlock(&b->lock);
	if (j.m)
		e = list_fields(&j, eb);
	else
		log_warn("backfill: there is no room for the measurement %.100s", name);
	if (e == ERR_OK && j.count)
		e = leave_old(&j, eb);
	if (e == ERR_OK && j.count)
		e = take_points(&j, eb);
	free(j.fields);
	pthread_mutex_lock(&b->lock);
	b->stats.measurements_done += e == ERR_OK;
	pthread_mutex_unlock(&b->lock);
	return e;
}

/* ---- the thread ---- */

static enum err work(struct backfill *b, struct errbuf *eb)
{
	struct name_list list = { 0 };
	enum err e = ERR_OK;

	b->record = b->opts.open_record(b->opts.open_arg);
	if (!b->record)
		return errbuf_set(eb, ERR_UNAVAILABLE, "no connection to InfluxDB could be made");
	e = list_measurements(b, &list, eb);
	pthread_mutex_lock(&b->lock);
	b->stats.measurements = list.count;
	pthread_mutex_unlock(&b->lock);
	for (uint32_t i = 0; e == ERR_OK && i < list.count; i++)
		e = take_measurement(b, list.of[i], eb);
	for (uint32_t i = 0; i < list.count; i++)
		free(list.of[i]);
	free(list.of);
	b->opts.close_record(b->record);
	b->record = NULL;
	return e;
}

static void *run(void *arg)
{
	struct backfill *b = arg;
	struct errbuf eb = { "" };
	enum err e = work(b, &eb);

	pthread_mutex_lock(&b->lock);
	b->stats.state = e == ERR_OK ? BACKFILL_DONE : e == ERR_CLOSED ? BACKFILL_CANCELLED : BACKFILL_FAILED;
	b->stats.ended_ns = clock_wall_ns();
	if (b->stats.state == BACKFILL_FAILED)
		snprintf(b->stats.error, sizeof b->stats.error, "%.255s", eb.text);
	struct backfill_stats t = b->stats;
	pthread_mutex_unlock(&b->lock);
	if (t.state == BACKFILL_FAILED)
		log_error("backfill: %s", t.error);
	else
		log_info("backfill %s: %llu points, %llu older than retention", backfill_state_name(t.state),
		    (unsigned long long)t.points, (unsigned long long)t.old_points);
	return NULL;
}

enum err backfill_new(struct backfill **out, const struct backfill_opts *opts, struct errbuf *eb)
{
	struct backfill *b = calloc(1, sizeof *b);

	*out = NULL;
	if (!b || older_new(&b->older, eb) != ERR_OK) {
		free(b);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	b->opts = *opts;
	pthread_mutex_init(&b->lock, NULL);
	clock_cond_init(&b->stop);
	arena_init(&b->arena, 1 << 20, ARENA_MAX);
	buf_init(&b->statement, STATEMENT_MAX);
	buf_init(&b->reply.body, opts->max_bytes ? opts->max_bytes : ANSWER_MAX);
	*out = b;
	return ERR_OK;
}

/* The job that has ended, or is told to. */
static void join(struct backfill *b)
{
	if (b->joinable)
		pthread_join(b->thread, NULL);
	b->joinable = false;
}

void backfill_free(struct backfill *b)
{
	if (!b)
		return;
	(void)backfill_cancel(b);
	join(b);
	older_free(b->older);
	arena_fini(&b->arena);
	buf_fini(&b->statement);
	buf_fini(&b->reply.body);
	free(b->wanted);
	pthread_cond_destroy(&b->stop);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

/* Under the lock. */
static enum err begin(struct backfill *b, int64_t from_ns, int64_t to_ns, const char *measurement, struct errbuf *eb)
{
	if (b->stats.state == BACKFILL_RUNNING)
		return errbuf_set(eb, ERR_EXISTS, "a backfill is running already");
	join(b); /* it has ended: nothing is waited for */
	free(b->wanted);
	b->wanted = measurement && *measurement ? strdup(measurement) : NULL;
	if (measurement && *measurement && !b->wanted)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	b->stopping = false;
	b->stats = (struct backfill_stats){ .state = BACKFILL_RUNNING,
		.from_ns = from_ns,
		.to_ns = to_ns,
		.at_ns = from_ns,
		.started_ns = clock_wall_ns() };
	enum err e = thread_start(&b->thread, "hf-backfill", run, b, eb);
	b->joinable = e == ERR_OK;
	if (e != ERR_OK)
		b->stats.state = BACKFILL_FAILED;
	return e;
}

enum err backfill_begin(struct backfill *b, int64_t from_ns, int64_t to_ns, const char *measurement, struct errbuf *eb)
{
	from_ns = from_ns < 0 ? 0 : from_ns;
	if (from_ns >= to_ns)
		return errbuf_set(eb, ERR_INVALID, "from must be before to");
	pthread_mutex_lock(&b->lock);
	enum err e = begin(b, from_ns, to_ns, measurement, eb);
	pthread_mutex_unlock(&b->lock);
	return e;
}

bool backfill_cancel(struct backfill *b)
{
	pthread_mutex_lock(&b->lock);
	bool running = b->stats.state == BACKFILL_RUNNING;
	b->stopping = true;
	pthread_cond_broadcast(&b->stop);
	pthread_mutex_unlock(&b->lock);
	return running;
}
