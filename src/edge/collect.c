#include "edge/collect.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/thread.h"
#include "edge/collect_part.h"

enum { OUT_MAX = 4 << 20, STAT_MAX = 4 << 20, MEMINFO_MAX = 65536, LOADAVG_MAX = 4096 };
#define START_MARGIN_NS NS_PER_MS

static const struct collector *const table[] = { &collect_cpu, &collect_mem, &collect_swap, &collect_disk,
	&collect_diskio, &collect_net, &collect_system, &collect_kernel, &collect_processes, &collect_pressure };
enum { COLLECTORS = sizeof table / sizeof *table };
_Static_assert(COLLECTORS <= COLLECT_MAX, "collect_stats has no room for all collectors");

struct slot {
	void *state;
	enum err result; /* of the last round */
	int64_t spent_ns;
};

struct collect {
	struct collect_opts opts;
	char *proc, *host, *utmp;
	struct collect_ctx ctx;
	struct slot slot[COLLECTORS];
	bool sink_failed;
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows; never held while collecting */
	pthread_cond_t wake;
	bool stopping;
	struct collect_stats stats;
};

void collect_begin(struct collect_ctx *x)
{
	x->tried++;
	lp_begin(&x->w, &x->out, "system_resources");
}

void collect_end(struct collect_ctx *x)
{
	lp_end(&x->w, x->now_ns);
}

void collect_count(struct collect_ctx *x, const char *field, uint64_t v)
{
	lp_int(&x->w, field, v > INT64_MAX ? INT64_MAX : (int64_t)v);
}

double collect_percent(uint64_t part, uint64_t whole)
{
	return whole ? nearbyint(1e6 * (double)part / (double)whole) / 1e4 : 0;
}

int64_t collect_stamp_ns(int64_t wall_ns, int64_t interval_ns)
{
	return interval_ns < NS_PER_S ? wall_ns : wall_ns - wall_ns % interval_ns;
}

int64_t collect_next_ns(int64_t deadline_ns, int64_t interval_ns, int64_t now_ns, uint64_t *missed)
{
	*missed = now_ns > deadline_ns ? (uint64_t)((now_ns - deadline_ns) / interval_ns) : 0;
	return deadline_ns + (int64_t)(*missed + 1) * interval_ns;
}

int64_t collect_spent_ns(const struct collect *c, unsigned i)
{
	return i < COLLECTORS ? c->slot[i].spent_ns : 0;
}

/* Says when a collector begins to fail and when it works again, not what lies between. */
static void log_change(const struct collector *k, enum err before, enum err now, const char *why)
{
	if (now == before)
		return;
	if (now == ERR_OK)
		log_info("the collector %s works again", k->name);
	else if (now == ERR_NOTFOUND)
		log_info("the collector %s is not available here: %s", k->name, why);
	else if (before == ERR_OK || before == ERR_NOTFOUND)
		log_warn("the collector %s fails: %s", k->name, why);
}

/* Runs one collector and notes how it went. */
static void run_collector(struct collect *c, unsigned i)
{
	struct errbuf eb = { "" };
	struct slot *slot = &c->slot[i];
	uint64_t values = c->ctx.w.values;
	int64_t start = clock_mono_ns();
	enum err e = table[i]->run(&c->ctx, slot->state, &eb);
	int64_t took_ns = clock_mono_ns() - start;

	if (e == ERR_OK && c->ctx.out.failed)
		e = errbuf_set(&eb, ERR_TOOBIG, "the round is larger than %d bytes", OUT_MAX);
	if (e != ERR_OK && e != ERR_NOTFOUND)
		counter_add(COUNTER_COLLECT_ERRORS, 1);
	log_change(table[i], slot->result, e, eb.text);
	slot->result = e;
	slot->spent_ns += took_ns;
	pthread_mutex_lock(&c->lock);
	c->stats.collector[i].ok = e == ERR_OK;
	c->stats.collector[i].values = (uint32_t)(c->ctx.w.values - values);
	c->stats.collector[i].took_us = (uint32_t)((took_ns + NS_PER_US / 2) / NS_PER_US);
	snprintf(c->stats.collector[i].error, sizeof c->stats.collector[i].error, "%.*s",
	    (int)sizeof c->stats.collector[i].error - 1, e == ERR_OK ? "" : eb.text);
	pthread_mutex_unlock(&c->lock);
}

static void begin_round(struct collect *c, int64_t now_ns)
{
	struct collect_ctx *x = &c->ctx;

	x->round++;
	x->now_ns = now_ns;
	x->tried = 0;
	x->w = (struct lp_writer){ 0 };
	buf_clear(&x->out);
}

static void hand_over(struct collect *c)
{
	struct collect_ctx *x = &c->ctx;
	uint64_t lost = x->tried - x->w.points;
	bool failed = x->w.points > 0 &&
	    !c->opts.sink(c->opts.sink_arg, (struct view){ x->out.p, x->out.len }, x->w.points);

	if (failed)
		lost += x->w.points;
	if (lost)
		counter_add(COUNTER_COLLECT_DROPPED, lost);
	if (failed && !c->sink_failed)
		log_warn("collected points could not be stored and are lost until that works again");
	if (!failed && c->sink_failed)
		log_info("collected points are stored again");
	c->sink_failed = failed;
}

void collect_run_once(struct collect *c, int64_t now_ns)
{
	begin_round(c, now_ns);
	for (unsigned i = 0; i < COLLECTORS; i++)
		run_collector(c, i);
	counter_add(COUNTER_COLLECT_RUNS, 1);
	hand_over(c);
	pthread_mutex_lock(&c->lock);
	c->stats.last_ns = now_ns;
	c->stats.values_per_s = (double)c->ctx.w.values * (double)NS_PER_S / (double)c->opts.interval_ns;
	pthread_mutex_unlock(&c->lock);
}

static void init_ctx(struct collect *c)
{
	struct collect_ctx *x = &c->ctx;

	x->proc = c->proc;
	x->host = c->host;
	x->utmp = c->utmp;
	x->statvfs = c->opts.statvfs ? c->opts.statvfs : statvfs;
	collect_source_init(&x->stat, x, "stat", STAT_MAX);
	collect_source_init(&x->meminfo, x, "meminfo", MEMINFO_MAX);
	collect_source_init(&x->loadavg, x, "loadavg", LOADAVG_MAX);
	buf_init(&x->out, OUT_MAX);
}

/* Percentages need a sample from before: take it now, so that the first round has them. */
static void take_first_sample(struct collect *c)
{
	struct errbuf eb;

	begin_round(c, 0);
	enum err e = collect_cpu.run(&c->ctx, c->slot[0].state, &eb);
	(void)e; /* the first round will fail alike, and say so */
}

enum err collect_new(struct collect **out, const struct collect_opts *opts, struct errbuf *eb)
{
	*out = NULL;
	if (opts->interval_ns <= 0 || !opts->host || !opts->sink)
		return errbuf_set(eb, ERR_INVALID, "collection needs an interval, a host and a sink");
	struct collect *c = calloc(1, sizeof *c);
	if (!c)
		return errbuf_set(eb, ERR_NOMEM, "no memory for the collectors");
	c->opts = *opts;
	pthread_mutex_init(&c->lock, NULL);
	clock_cond_init(&c->wake);
	c->proc = strdup(opts->proc ? opts->proc : "/proc");
	c->host = strdup(opts->host);
	c->utmp = strdup(opts->utmp ? opts->utmp : "/run/utmp");
	if (!c->proc || !c->host || !c->utmp)
		goto fail;
	init_ctx(c);
	c->stats.count = COLLECTORS;
	for (unsigned i = 0; i < COLLECTORS; i++) {
		c->stats.collector[i].name = table[i]->name;
		c->stats.collector[i].ok = true;
		if (!table[i]->state_size)
			continue;
		c->slot[i].state = calloc(1, table[i]->state_size);
		if (!c->slot[i].state)
			goto fail;
		if (table[i]->init)
			table[i]->init(&c->ctx, c->slot[i].state);
	}
	take_first_sample(c);
	*out = c;
	return ERR_OK;
fail:
	collect_free(c);
	return errbuf_set(eb, ERR_NOMEM, "no memory for the collectors");
}

void collect_free(struct collect *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < COLLECTORS; i++) {
		if (c->slot[i].state && table[i]->fini)
			table[i]->fini(c->slot[i].state);
		free(c->slot[i].state);
	}
	if (c->ctx.proc) {
		collect_source_fini(&c->ctx.stat);
		collect_source_fini(&c->ctx.meminfo);
		collect_source_fini(&c->ctx.loadavg);
	}
	buf_fini(&c->ctx.out);
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
	free(c->proc);
	free(c->host);
	free(c->utmp);
	free(c);
}

/* The first deadline: a moment after the wall clock passes a multiple of the interval, so that a timestamp, which is
 * rounded down, tells when the round ran. From then on only the monotonic clock counts. */
static int64_t first_deadline_ns(int64_t interval_ns)
{
	int64_t now = clock_mono_ns();

	if (interval_ns < NS_PER_S)
		return now + interval_ns;
	return now + interval_ns - clock_wall_ns() % interval_ns + START_MARGIN_NS;
}

static void *run_rounds(void *arg)
{
	struct collect *c = arg;
	int64_t interval = c->opts.interval_ns, deadline = first_deadline_ns(interval);

	pthread_mutex_lock(&c->lock);
	while (!c->stopping) {
		uint64_t missed;
		if (clock_cond_wait(&c->wake, &c->lock, deadline))
			continue; /* woken: to stop, or for nothing */
		pthread_mutex_unlock(&c->lock);
		collect_run_once(c, collect_stamp_ns(clock_wall_ns(), interval));
		deadline = collect_next_ns(deadline, interval, clock_mono_ns(), &missed);
		if (missed)
			counter_add(COUNTER_COLLECT_LATE, missed);
		pthread_mutex_lock(&c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

enum err collect_start(struct collect **out, const struct collect_opts *opts, struct errbuf *eb)
{
	enum err e = collect_new(out, opts, eb);

	if (e != ERR_OK)
		return e;
	e = thread_start(&(*out)->thread, "hf-collect", run_rounds, *out, eb);
	if (e != ERR_OK) {
		collect_free(*out);
		*out = NULL;
	}
	return e;
}

void collect_stop(struct collect *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	collect_free(c);
}

void collect_stats(struct collect *c, struct collect_stats *out)
{
	pthread_mutex_lock(&c->lock);
	*out = c->stats;
	pthread_mutex_unlock(&c->lock);
}
