#include "flow/figures.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/worker.h"
#include "flow/figures_part.h"

enum { OUT_MAX = 256 << 10, REPLY_MAX = 16 << 20, TIMEOUT_MS = 2000 };
#define START_MARGIN_NS NS_PER_MS

/* ---- a point ---- */

void figures_begin(struct figures *f, const struct figures_point *p)
{
	lp_begin(&f->w, &f->out, "database_metrics");
	lp_tag(&f->w, "database", p->database);
	lp_tag(&f->w, "host", f->opts.host);
	lp_tag(&f->w, "metric_type", p->metric_type);
	lp_tag(&f->w, "operation", p->operation ? p->operation : "");
	lp_tag(&f->w, "service", p->service);
	lp_tag(&f->w, "status", p->status ? p->status : "");
}

void figures_count(struct figures *f, const char *field, uint64_t v)
{
	lp_int(&f->w, field, v > INT64_MAX ? INT64_MAX : (int64_t)v);
}

void figures_timer(struct figures *f, const struct timing_totals *t)
{
	figures_count(f, "count", t->count);
	lp_float(&f->w, "duration_ms_sum", t->sum_ms);
	lp_float(&f->w, "duration_ms_min", t->min_ms);
	lp_float(&f->w, "duration_ms_max", t->max_ms);
	lp_float(&f->w, "duration_ms_mean", t->sum_ms / (double)t->count);
	lp_float(&f->w, "duration_ms_p50", t->p50_ms);
	lp_float(&f->w, "duration_ms_p90", t->p90_ms);
	lp_float(&f->w, "duration_ms_p95", t->p95_ms);
	lp_float(&f->w, "duration_ms_p99", t->p99_ms);
}

void figures_end(struct figures *f)
{
	lp_end(&f->w, f->now_ns);
}

uint64_t figures_rise(uint64_t *before, uint64_t v)
{
	uint64_t rise = v >= *before ? v - *before : v;

	*before = v;
	return rise;
}

/* ---- a round ---- */

static void hand_over(struct figures *f)
{
	bool failed = f->w.points &&
	    !f->opts.sink(f->opts.sink_arg, (struct view){ f->out.p, f->out.len }, f->w.points);

	if (failed)
		counter_add(COUNTER_COLLECT_DROPPED, f->w.points);
	if (failed && !f->sink_failed)
		log_warn("the figures of the databases could not be stored and are lost until that works again");
	if (!failed && f->sink_failed)
		log_info("the figures of the databases are stored again");
	f->sink_failed = failed;
	buf_clear(&f->out);
	f->w = (struct lp_writer){ 0 };
}

void figures_run_once(struct figures *f, int64_t now_ns)
{
	f->now_ns = now_ns;
	figures_of_store(f);
	hand_over(f); /* before the record may let it wait */
	if (!f->opts.record)
		return;
	figures_of_record(f);
	hand_over(f);
}

/* ---- the thread ---- */

/* As the collectors' timestamps are: rounded down to the interval where that is a second or more. */
static int64_t stamp_ns(int64_t wall_ns, int64_t interval_ns)
{
	return interval_ns < NS_PER_S ? wall_ns : wall_ns - wall_ns % interval_ns;
}

/* Until a moment after the wall clock passes a multiple of the interval. */
static int64_t pause_ns(int64_t wall_ns, int64_t interval_ns)
{
	return interval_ns - wall_ns % interval_ns + START_MARGIN_NS;
}

static void *run(void *arg)
{
	struct figures *f = arg;
	int64_t interval = f->opts.interval_ns;

	while (worker_pause(&f->worker, pause_ns(clock_wall_ns(), interval)))
		figures_run_once(f, stamp_ns(clock_wall_ns(), interval));
	return NULL;
}

enum err figures_new(struct figures **out, const struct figures_opts *opts, struct errbuf *eb)
{
	struct figures *f = calloc(1, sizeof *f);

	*out = f;
	if (!f)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	f->opts = *opts;
	if (!f->opts.timeout_ms)
		f->opts.timeout_ms = TIMEOUT_MS;
	worker_init(&f->worker);
	buf_init(&f->out, OUT_MAX);
	buf_init(&f->reply.body, REPLY_MAX);
	return ERR_OK;
}

void figures_free(struct figures *f)
{
	if (!f)
		return;
	worker_fini(&f->worker);
	buf_fini(&f->out);
	buf_fini(&f->reply.body);
	free(f);
}

enum err figures_start(struct figures **out, const struct figures_opts *opts, struct errbuf *eb)
{
	enum err e = figures_new(out, opts, eb);

	if (e == ERR_OK)
		e = worker_start(&(*out)->worker, "hf-figures", run, *out, eb);
	if (e != ERR_OK) {
		figures_free(*out);
		*out = NULL;
	}
	return e;
}

void figures_stop(struct figures *f)
{
	if (!f)
		return;
	worker_stop(&f->worker);
	figures_free(f);
}
