#include "query/select_policy.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "query/record_select.h"
#include "query/select/function.h"
#include "query/tail_merge.h"

enum { DATABASE_BYTES = 256 };

/* ---- what can be put together ---- */

/* Calls that see the points of one bucket only. */
static bool is_of_buckets(const struct iql_expr *e)
{
	if (e->kind == IQL_DISTINCT)
		return true;
	if (e->kind == IQL_CALL) {
		const struct function *fn = function_find(e->call.name);
		if (fn)
			return fn->kind != FUNCTION_TRANSFORM && !fn->ordered;
	}
	if (e->kind != IQL_CALL && e->kind != IQL_PAREN && e->kind != IQL_CHAIN)
		return true;
	bool ok = true;
	for (const struct iql_expr *part = e->kind == IQL_CALL ? e->call.list : e->chain.list; ok && part;
	     part = part->next)
		ok = is_of_buckets(part);
	return ok;
}

enum select_merge select_merge_kind(const struct iql_select *s)
{
	const struct iql_limits *l = &s->limits;

	if (l->limit || l->offset || l->slimit || l->soffset)
		return SELECT_MERGE_NOT;
	for (const struct iql_source *from = s->sources; from; from = from->next)
		if (from->subquery)
			return SELECT_MERGE_NOT;
	if (s->is_raw)
		return SELECT_MERGE_ROWS;
	if (!s->interval_ns || s->zone.len || s->fill == IQL_FILL_PREVIOUS || s->fill == IQL_FILL_LINEAR)
		return SELECT_MERGE_NOT;
	for (const struct iql_field *f = s->fields; f; f = f->next)
		if (!is_of_buckets(f->expr))
			return SELECT_MERGE_NOT;
	return SELECT_MERGE_BUCKETS;
}

/* Where the bucket that holds t begins. */
static int64_t bucket_of(const struct iql_select *s, int64_t t)
{
	int64_t rest = (t - s->offset_ns % s->interval_ns) % s->interval_ns;

	return t - (rest < 0 ? rest + s->interval_ns : rest);
}

/* ---- the record ---- */

static enum err ask_record(const struct select_policy *r, const struct result_sink *sink, bool *began,
    struct result_report *report, struct errbuf *eb)
{
	const struct record_access_opts *opts = record_access_opts(r->record);
	char database[DATABASE_BYTES];
	void *context = record_access_take(r->record);

	*began = false;
	if (!context)
		return errbuf_set(eb, ERR_UNAVAILABLE, "no connection to InfluxDB could be made");
	snprintf(database, sizeof database, "%.*s", (int)r->env->database.len, r->env->database.p);
	int64_t timeout_ms = r->timeout_ms;
	const int64_t deadline_ns = r->env->budget->deadline_ns;
	if (deadline_ns && (deadline_ns - clock_mono_ns()) / NS_PER_MS < timeout_ms)
		timeout_ms = (deadline_ns - clock_mono_ns()) / NS_PER_MS;
	if (timeout_ms <= 0) {
		record_access_give(r->record, context);
		return budget_check_now(r->env->budget, eb);
	}
	const struct record_select q = { .ops = opts->ops,
		.context = context,
		.database = record_access_database(r->record, database),
		.influxql = r->influxql,
		.begin_ms = opts->timeout_ms,
		.timeout_ms = timeout_ms,
		.budget = r->env->budget };
	enum err e = record_select(&q, sink, began, report, eb);
	record_access_give(r->record, context);
	if (e == ERR_UNAVAILABLE)
		breaker_failed(opts->breaker);
	return e;
}

static enum err ask_local(const struct select_policy *r, struct arena *a, struct iql_select *s,
    const struct result_sink *sink, struct result_report *report, struct errbuf *eb)
{
	report->sources |= READ_SOURCE_LOCAL;
	return select_run(r->env, a, s, sink, report, eb);
}

/* ---- both ---- */

struct two {
	const struct select_policy *read;
	const struct record_lack *lack;
	struct result_kept local;
	struct result_report local_report, report;
};

static void tell_lack(struct two *t, int64_t from_ns);

static enum err merge(struct two *t, struct iql_select *s, int64_t from_ns, const struct result_sink *sink, bool *began,
    struct errbuf *eb)
{
	struct tail_merge m = { .local = &t->local, .from_ns = from_ns, .descending = s->is_descending, .out = sink };
	const struct result_sink through = tail_merge_sink(&m);
	enum err e = ask_record(t->read, &through, began, &t->report, eb);

	if (e == ERR_CLOSED && m.error != ERR_OK)
		e = errbuf_set(eb, m.error, "out of memory");
	if (e == ERR_OK) {
		*began = true;
		t->report.sources |= READ_SOURCE_LOCAL;
		t->report.tiers |= t->local_report.tiers;
		t->report.sketched |= t->local_report.sketched;
		tell_lack(t, from_ns);
		e = tail_merge_finish(&m);
		if (e == ERR_NOMEM)
			errbuf_set(eb, e, "out of memory");
	}
	tail_merge_fini(&m);
	return e;
}

static enum err push_kept(const struct result_kept *k, const struct result_sink *sink)
{
	for (uint32_t i = 0; i < k->count; i++) {
		const struct kept_series *s = &k->series[i];
		if (!sink->series(sink->arg, &s->head))
			return ERR_CLOSED;
		for (uint32_t row = 0; row < s->row_count; row++)
			if (!sink->row(sink->arg, s->cells + (size_t)row * s->head.column_count))
				return ERR_CLOSED;
	}
	return ERR_OK;
}

/* ---- what the record lacks ---- */

/* Of a statement: of any of the databases that it reads. */
static void add_lack(
    const struct select_policy *r, const struct iql_select *s, const struct iql_range *range, struct record_lack *l)
{
	for (const struct iql_source *from = s->sources; from; from = from->next)
		if (from->subquery)
			add_lack(r, from->subquery, range, l);
		else
			record_access_add_lack(r->record, from->database.len ? from->database : r->env->database,
			    range->from_ns, range->to_ns, l);
}

/* Where the local answer begins to take the record's place: where the record first lacks something; or, where the local store
 * does not reach back to that, where it is whole, so that it hides nothing that the record has. */
static int64_t local_begin(const struct two *t, const struct iql_select *s, enum select_merge kind)
{
	const struct record_lack *l = t->lack;
	int64_t whole_ns = t->local_report.incomplete ? t->local_report.whole_from_ns : INT64_MIN;
	bool late = whole_ns > l->from_ns && l->undelivered_ns > l->from_ns;
	int64_t from_ns = !late ? l->from_ns : whole_ns < l->undelivered_ns ? whole_ns : l->undelivered_ns;

	if (kind != SELECT_MERGE_BUCKETS || from_ns >= s->range.to_ns)
		return from_ns;
	int64_t bucket = bucket_of(s, from_ns);
	/* the bucket that the local store has a part of is the record's, unless that lacks of it what is coming */
	return late && bucket < from_ns && from_ns < l->undelivered_ns ? bucket + s->interval_ns : bucket;
}

/* What lacks in the end. */
static void tell_lack(struct two *t, int64_t from_ns)
{
	char reason[256];

	if (from_ns > t->lack->from_ns) {
		record_lack_explain(t->lack, reason);
		result_report_not_complete(&t->report, reason);
	}
	if (t->local_report.incomplete && t->local_report.whole_from_ns > from_ns)
		result_report_not_complete(&t->report, t->local_report.reason);
}

/* What is put together from both is too large to be held, or cannot be put together. */
static enum err answer_from_one(struct two *t, struct arena *a, struct iql_select *s, const struct result_sink *sink,
    bool *began, struct errbuf *eb)
{
	const struct select_policy *r = t->read;
	char why[256], reason[256];

	/* where the record lacks the beginning, too, the local store is the better one */
	if (t->local.error == ERR_TOOBIG && !t->local_report.incomplete && t->lack->from_ns <= s->range.from_ns) {
		result_kept_fini(&t->local);
		result_kept_init(&t->local, r->env->budget, eb);
		*began = true;
		return ask_local(r, a, s, sink, &t->report, eb);
	}
	enum err e = ask_record(r, sink, began, &t->report, eb);
	record_lack_explain(t->lack, why);
	snprintf(reason, sizeof reason, "%.180s, and the local store cannot add them to this answer", why);
	result_report_not_complete(&t->report, reason);
	return e;
}

/* The record lacks something of the range. */
static enum err answer_from_both(const struct select_policy *r, struct arena *a, struct iql_select *s,
    const struct record_lack *lack, const struct result_sink *sink, bool *began, struct result_report *report,
    struct errbuf *eb)
{
	const enum select_merge kind = select_merge_kind(s);
	struct two t = { .read = r, .lack = lack };
	struct iql_range whole = s->range;

	result_kept_init(&t.local, r->env->budget, eb);
	const struct result_sink keep = result_kept_sink(&t.local);
	if (kind == SELECT_MERGE_ROWS && lack->from_ns > whole.from_ns) {
		s->range.from_ns = lack->from_ns;
		s->range.has_from = true;
	} /* for buckets all of the range is asked for: it is the same grid then, filled alike */
	enum err e = ask_local(r, a, s, &keep, &t.local_report, eb);
	if (e == ERR_OK && t.local.error != ERR_OK) /* it did not fit, and ended early for that */
		e = t.local.error;
	s->range = whole;
	if (e == ERR_CLOSED) {
		; /* nobody waits */
	} else if (e == ERR_OK && kind == SELECT_MERGE_NOT && !t.local_report.incomplete) {
		t.report = t.local_report;
		*began = true;
		e = push_kept(&t.local, sink);
	} else if (kind == SELECT_MERGE_NOT || e != ERR_OK) {
		e = answer_from_one(&t, a, s, sink, began, eb);
	} else {
		e = merge(&t, s, local_begin(&t, s, kind), sink, began, eb);
	}
	if (e == ERR_OK || *began)
		*report = t.report;
	result_kept_fini(&t.local);
	return e;
}

static enum err answer_from_record(const struct select_policy *r, struct arena *a, struct iql_select *s,
    const struct result_sink *sink, bool *began, struct result_report *report, struct errbuf *eb)
{
	struct record_lack lack = RECORD_LACKS_NOTHING;
	char reason[256];

	add_lack(r, s, &s->range, &lack);
	if (lack.from_ns == INT64_MAX)
		return ask_record(r, sink, began, report, eb);
	if (r->policy != READ_RECORD)
		return answer_from_both(r, a, s, &lack, sink, began, report, eb);
	enum err e = ask_record(r, sink, began, report, eb);
	record_lack_explain(&lack, reason);
	result_report_not_complete(report, reason);
	return e;
}

enum err select_policy_run(const struct select_policy *r, struct arena *a, struct iql_select *s,
    const struct result_sink *sink, struct result_report *report, struct errbuf *eb)
{
	bool began = false;

	if (r->policy == READ_LOCAL || !r->record ||
	    (r->policy == READ_AUTO && !breaker_allows(record_access_opts(r->record)->breaker)))
		return ask_local(r, a, s, sink, report, eb);
	enum err e = answer_from_record(r, a, s, sink, &began, report, eb);
	if (began || (e != ERR_UNAVAILABLE && e != ERR_IO && e != ERR_NOTFOUND))
		return e;
	log_warn("a query is answered from the local store: %s", eb->text);
	counter_add(COUNTER_READ_FALLBACK, 1);
	*report = (struct result_report){ 0 };
	if (r->policy == READ_RECORD)
		result_report_not_complete(report,
		    e == ERR_NOTFOUND ? "InfluxDB does not have the database; this is what the local store has"
				      : "InfluxDB did not answer; this is what the local store has");
	return ask_local(r, a, s, sink, report, eb);
}
