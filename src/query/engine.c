#include "query/engine.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/counter.h"
#include "query/engine_part.h"
#include "query/influxql/check.h"
#include "query/influxql/parser.h"
#include "query/influxql/print.h"
#include "query/influxql/zone.h"
#include "query/select/select.h"
#include "query/select_policy.h"
#include "query/show.h"

enum { CONCURRENT = 8, TIMEOUT_MS = 60000, ARENA_BLOCK = 16 << 10, MESSAGE_MAX = 4096 };
#define PATIENCE_NS (500 * NS_PER_MS)
static const size_t standard_bytes = (size_t)64 << 20;

struct engine {
	struct engine_opts opts;
	pthread_mutex_t lock; /* running */
	pthread_cond_t ended; /* one of them */
	unsigned running;
};

enum err engine_new(struct engine **out, const struct engine_opts *opts, struct errbuf *eb)
{
	struct engine *e = calloc(1, sizeof *e);

	*out = e;
	if (!e)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	e->opts = *opts;
	if (!e->opts.query_max_bytes)
		e->opts.query_max_bytes = standard_bytes;
	if (!e->opts.query_timeout_ms)
		e->opts.query_timeout_ms = TIMEOUT_MS;
	if (!e->opts.max_concurrent)
		e->opts.max_concurrent = CONCURRENT;
	pthread_mutex_init(&e->lock, NULL);
	clock_cond_init(&e->ended);
	return ERR_OK;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	pthread_cond_destroy(&e->ended);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

/* Most run for milliseconds: who comes when all places are taken waits a moment for one. */
static bool take_place(struct engine *e)
{
	const int64_t until_ns = clock_mono_ns() + PATIENCE_NS;
	bool in_time = true;

	pthread_mutex_lock(&e->lock);
	while (e->running >= e->opts.max_concurrent && in_time)
		in_time = clock_cond_wait(&e->ended, &e->lock, until_ns);
	bool taken = e->running < e->opts.max_concurrent;
	e->running += taken;
	pthread_mutex_unlock(&e->lock);
	return taken;
}

static void give_place(struct engine *e)
{
	pthread_mutex_lock(&e->lock);
	e->running--;
	pthread_cond_signal(&e->ended);
	pthread_mutex_unlock(&e->lock);
}

/* ---- one statement ---- */

/* In the record our `metrics` may have another name; the request's policy is written where a source names none. */
static void name_as_record(const struct iql_select *s, struct view ours, struct view theirs, struct view policy)
{
	for (struct iql_source *x = s->sources; x; x = x->next) {
		if (x->subquery)
			name_as_record(x->subquery, ours, theirs, policy);
		else if (!x->database.len && !x->policy.len && !x->has_policy_gap)
			x->policy = policy;
		else if (view_eq(x->database, ours))
			x->database = theirs;
	}
}

/* Back: those that were renamed point to the very same text, others may be called alike. */
static void name_as_before(const struct iql_select *s, struct view ours, struct view theirs, struct view policy)
{
	for (struct iql_source *x = s->sources; x; x = x->next) {
		if (x->subquery)
			name_as_before(x->subquery, ours, theirs, policy);
		else if (x->database.p == theirs.p)
			x->database = ours;
		else if (x->policy.len && x->policy.p == policy.p)
			x->policy = (struct view){ 0 };
	}
}

/* The statement as the record is to get it: before the checks, which change it. */
static void print_for_record(const struct engine_statement *x, struct buf *out)
{
	const struct view ours = view_of("metrics"),
			  theirs = view_of(record_access_database(x->opts->record, "metrics"));

	name_as_record(x->st->select, ours, theirs, x->rq->policy);
	iql_print_select(x->st->select, out);
	name_as_before(x->st->select, ours, theirs, x->rq->policy);
}

static void count_read(const struct result_report *r)
{
	counter_add(r->sources == READ_SOURCE_RECORD ? COUNTER_READ_RECORD
		: r->sources == READ_SOURCE_BOTH     ? COUNTER_READ_MERGED
						     : COUNTER_READ_LOCAL,
	    1);
	if (r->incomplete)
		counter_add(COUNTER_READ_INCOMPLETE, 1);
}

static enum err run_select(const struct engine_statement *x, struct view influxql, struct errbuf *eb)
{
	struct select_env env = { .local = x->opts->local,
		.catalogue = x->opts->catalogue,
		.database = x->rq->database,
		.policy = x->rq->policy,
		.budget = x->budget,
		.now_ns = x->now_ns };
	const struct select_policy policy = { .env = &env,
		.record = x->opts->record,
		.policy = x->rq->policy_of_reads,
		.influxql = influxql,
		.timeout_ms = x->opts->query_timeout_ms };

	if (x->st->kind == IQL_EXPLAIN)
		return select_explain(&env, x->arena, x->st->select, x->st->flag, x->sink, x->report, eb);
	enum err e = select_policy_run(&policy, x->arena, x->st->select, x->sink, x->report, eb);
	if (e == ERR_OK)
		count_read(x->report);
	return e;
}

static enum err run_show(const struct engine_statement *x, struct errbuf *eb)
{
	struct show_env env = { .catalogue = x->opts->catalogue,
		.database = x->rq->database,
		.retention_ns = x->opts->retention_ns,
		.budget = x->budget };

	return show_run(&env, x->st, x->sink, x->report, eb);
}

static bool is_show_of_names(enum iql_statement_kind k)
{
	return k >= IQL_SHOW_DATABASES && k <= IQL_SHOW_FIELD_KEY_CARDINALITY;
}

static enum err run_checked(const struct engine_statement *x, struct view influxql, struct errbuf *eb)
{
	enum err e = iql_check_statement(x->arena, x->st, x->now_ns, eb);

	if (e == ERR_OK)
		e = engine_check_policies(x, eb);
	if (e != ERR_OK)
		return e;
	if (x->st->kind == IQL_SELECT || x->st->kind == IQL_EXPLAIN)
		return run_select(x, influxql, eb);
	return is_show_of_names(x->st->kind) ? run_show(x, eb) : engine_manage(x, eb);
}

static enum err run_statement(const struct engine_statement *x, struct errbuf *eb)
{
	struct buf influxql;
	enum err e = engine_check_names(x, eb);

	if (e != ERR_OK)
		return e;
	buf_init(&influxql, 2 * (size_t)IQL_TEXT_MAX);
	if (x->st->kind == IQL_SELECT && x->opts->record && x->rq->policy_of_reads != READ_LOCAL)
		print_for_record(x, &influxql);
	if (influxql.failed)
		e = errbuf_set(eb, ERR_TOOBIG, "the statement is too long");
	else
		e = run_checked(x, (struct view){ influxql.p ? influxql.p : "", influxql.len }, eb);
	buf_fini(&influxql);
	return e;
}

/* ---- the sink between: how many rows, and whether anybody wants them ---- */

struct watch {
	const struct result_sink *rows;
	uint64_t left; /* rows; UINT64_MAX: no ceiling */
	struct iql_zone *zone; /* of tz() */
	bool too_many, closed, any; /* any: rows went out */
};

static bool on_series(void *arg, const struct result_series *s)
{
	struct watch *w = arg;
	struct result_series in_zone = *s;

	in_zone.zone = w->zone;
	w->closed |= !w->rows->series(w->rows->arg, &in_zone);
	return !w->closed;
}

static bool on_row(void *arg, const struct cell *cells)
{
	struct watch *w = arg;

	if (w->left == 0) {
		w->too_many = true;
		return false;
	}
	w->left -= w->left != UINT64_MAX;
	w->any = true;
	w->closed |= !w->rows->row(w->rows->arg, cells);
	return !w->closed;
}

static bool on_run(void *arg, const struct result_run *r)
{
	struct watch *w = arg;
	const struct result_run part = result_run_part(r, 0, r->count < w->left ? r->count : (uint32_t)w->left);

	if (w->left != UINT64_MAX)
		w->left -= part.count;
	w->any |= part.count > 0;
	w->closed |= !result_sink_run(w->rows, &part);
	w->too_many |= !w->closed && part.count < r->count;
	return !w->closed && !w->too_many;
}

/* ---- the request ---- */

struct run {
	struct engine *engine;
	const struct engine_request *rq;
	const struct engine_sink *sink;
	struct budget budget;
	int64_t now_ns;
};

static const char *deprecation(const struct iql_statement *st, struct buf *b)
{
	buf_str(b, "deprecated use of '");
	iql_print_statement(st, b);
	buf_str(b, "' in a read only context, please use a POST request instead");
	buf_char(b, 0);
	return b->failed ? NULL : b->p;
}

static struct budget budget_of(const struct engine_opts *o, const struct engine_request *rq)
{
	return (struct budget){ .max_bytes = o->query_max_bytes,
		.deadline_ns = clock_mono_ns() + o->query_timeout_ms * NS_PER_MS,
		.time_limit_ns = o->query_timeout_ms * NS_PER_MS,
		.max_rows = o->query_max_rows,
		.max_series = o->query_max_series,
		.max_buckets = o->query_max_buckets,
		.is_wanted = rq->is_wanted,
		.arg = rq->arg };
}

static enum err run_watched(const struct engine_statement *x, struct watch *w, struct errbuf *eb)
{
	enum err e = x->st->kind == IQL_SELECT ? iql_zone_open(&w->zone, x->st->select->zone) : ERR_OK;

	e = e == ERR_OK ? run_statement(x, eb) : errbuf_set(eb, ERR_INVALID, "the time zone has gone");
	iql_zone_close(w->zone);
	if (w->closed)
		return ERR_CLOSED;
	if (w->too_many)
		return errbuf_set(eb, ERR_TOOBIG,
		    "the answer has more than %llu rows ([query] max_rows); ask for a shorter range, fewer series, or use LIMIT",
		    (unsigned long long)x->budget->max_rows);
	return e;
}

static bool tell_end(struct run *r, const struct engine_statement *x, const char *error)
{
	struct buf message;
	const bool warns = !error && !r->rq->may_write && engine_is_for_post(x->st->kind);

	buf_init(&message, MESSAGE_MAX + 6 * (size_t)IQL_SHOWN_MAX);
	const char *words = warns ? deprecation(x->st, &message) : NULL;
	bool wanted = r->sink->end(r->sink->arg, x->report, error, words);
	buf_fini(&message);
	return wanted;
}

/* Runs it and tells how it ended. *failed: with an error that was told. */
static enum err execute(struct run *r, struct iql_statement *st, bool *failed)
{
	const struct engine_opts *o = &r->engine->opts;
	struct arena arena; /* of this statement alone: the next one has the memory again */
	struct watch watch = { .rows = &r->sink->rows, .left = o->query_max_rows ? o->query_max_rows : UINT64_MAX };
	struct result_sink between = { on_series, on_row, &watch, on_run };
	struct result_report report = { 0 };
	const struct engine_statement x = { .opts = o,
		.rq = r->rq,
		.st = st,
		.arena = &arena,
		.budget = &r->budget,
		.sink = &between,
		.report = &report,
		.now_ns = r->now_ns };
	struct errbuf eb = { "" };

	budget_arena(&r->budget, &arena, ARENA_BLOCK);
	enum err e = run_watched(&x, &watch, &eb);
	*failed = e != ERR_OK && e != ERR_CLOSED;
	if (*failed && watch.any) /* what went out before is not all */
		result_report_not_complete(&report, eb.text);
	if (e != ERR_CLOSED)
		e = tell_end(r, &x, *failed ? eb.text : NULL) ? ERR_OK : ERR_CLOSED;
	arena_fini(&arena);
	return e;
}

/* After an error the others do not run. InfluxDB 1.6 says so under the number of the one that failed, once for each of them. */
static enum err not_executed(struct run *r, uint32_t failed, uint32_t count)
{
	const struct result_report nothing = { 0 };

	for (uint32_t i = failed; i + 1 < count; i++)
		if (!r->sink->begin(r->sink->arg, failed) ||
		    !r->sink->end(r->sink->arg, &nothing, "not executed", NULL))
			return ERR_CLOSED;
	return ERR_OK;
}

static enum err run_all(struct run *r, struct errbuf *eb)
{
	struct iql_params params = { 0 };
	struct iql_query q = { 0 };
	uint32_t number = 0;
	bool failed = false;
	struct arena arena; /* of the text: all statements */

	budget_arena(&r->budget, &arena, ARENA_BLOCK);
	enum err e = iql_params_read(&arena, r->rq->params, &params, eb);
	if (e == ERR_OK)
		e = iql_parse(&arena, r->rq->text, &params, &q, eb);
	for (struct iql_statement *st = q.first; st && e == ERR_OK && !failed; st = st->next, number++) {
		e = r->sink->begin(r->sink->arg, number) ? execute(r, st, &failed) : ERR_CLOSED;
		if (e == ERR_OK && failed)
			e = not_executed(r, number, q.count);
	}
	arena_fini(&arena);
	return e;
}

enum err engine_run(
    struct engine *e, const struct engine_request *rq, const struct engine_sink *sink, struct errbuf *eb)
{
	struct run r = {
		.engine = e, .rq = rq, .sink = sink, .budget = budget_of(&e->opts, rq), .now_ns = clock_wall_ns()
	};

	if (!take_place(e))
		return errbuf_set(eb, ERR_FULL,
		    "%u queries run already ([query] max_concurrent); try again in a second", e->opts.max_concurrent);
	enum err result = run_all(&r, eb);
	give_place(e);
	return result;
}
