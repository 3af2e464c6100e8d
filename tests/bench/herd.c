/* A thousand senders whose server comes back: what they do to it, and to each other. Discrete events, no real time and no
 * network; the pace is that of flow/pace.c, the rest a model of flow/replicator: one thread a sender, which sends its newest
 * points as one body between any two parcels of its backlog, a parcel being up to 4 bodies of up to 5,000 points at once.
 *
 *	herd [SEED]          tables and a chart for docs/scaling.md
 *	herd --list [SEED]   one line a run, for scripts
 *
 * The server works on so many requests at a time, first come first served, and takes a fixed time for each and for each
 * point. What a client gave up waiting for is done all the same, for nothing. It takes any number of requests, as InfluxDB
 * 1.x does unless told otherwise, or answers 503 with Retry-After when so many wait. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "flow/pace.h"

enum {
	SENDERS = 1000,
	WORKERS = 2,
	BODIES = 4, /* of a parcel at once */
	BODY_POINTS = 5000,
	BYTES_A_POINT = 140,
	POINTS_A_ROUND = 100, /* a sender collects so many … */
	CHART_ROWS = 30,
};
#define S NS_PER_S
#define ROUND_NS (10 * S) /* … each 10 s, all at the same moment, as by the clock */
#define OUTAGE_NS (3600 * S)
#define POINT_NS (NS_PER_S * WORKERS / 200000) /* 200,000 points/s in all */
#define REQUEST_NS (300 * NS_PER_US)
#define TIMEOUT_NS (10 * S)
#define PROBE_NS S /* how often a sender looks whether the server is back */
#define RETRY_AFTER_NS (5 * S)
#define END_NS (1800 * S)
#define CHART_NS (20 * S)

struct rules {
	const char *name;
	bool jitter; /* a pause of anything up to 1, 2, 4 … 60 s; else 1 s */
	bool pings; /* the pause after a time-out ends when a ping is answered, which a busy server does at once */
	bool obeys; /* Retry-After instead of that pause; then all come back as one … */
	bool spreads; /* … or a random part of the pause after it */
	bool paced;
	bool whole; /* a parcel is cut only where it is more than a body may hold; else always into four */
};
static const struct rules all_rules[] = {
	{ .name = "again after 1 s" },
	{ .name = "back-off with jitter", .jitter = true },
	{ .name = "the same, Retry-After to the letter", .jitter = true, .obeys = true },
	{ .name = "the same, and jitter after it", .jitter = true, .obeys = true, .spreads = true },
	{ .name = "pace alone", .paced = true },
	{ .name = "pace, jitter, Retry-After to the letter", true, true, true, false, true, false },
	{ .name = "pace, jitter also after Retry-After, whole bodies", true, true, true, true, true, true },
};
enum { RULES = sizeof all_rules / sizeof *all_rules };
static const unsigned limits[] = { 0, 256 }; /* requests that may wait; 0: any number */

/* ---- events, by time ---- */

enum kind { COLLECT, WAKE, DONE, GIVE_UP };
struct event {
	int64_t at;
	uint64_t order; /* of equal ones the first made */
	enum kind kind;
	unsigned id; /* sender, or request */
};

struct request {
	unsigned sender, points;
	bool open, abandoned;
	int64_t sent;
};

struct sender {
	uint64_t backlog; /* points */
	unsigned live; /* points that have been collected since */
	int64_t live_since, live_sent_since; /* the oldest of those that wait, and of those under way */
	unsigned out, failed,
	    sent_points; /* of the parcel under way: bodies unanswered, points that failed, all points */
	bool is_live, asleep;
	int64_t retry_after, wakes;
	unsigned failures; /* in a row */
	struct pace pace;
};

static struct sim {
	struct rules rules;
	unsigned limit;
	int64_t now;
	uint64_t random, order;
	struct event *heap;
	size_t events, room;
	struct request *requests;
	unsigned made, requests_room;
	struct sender sender[SENDERS];
	/* the server */
	unsigned *queue; /* request ids; those at [first, last) wait */
	unsigned first, last, busy;
	uint64_t waiting_points;
	/* what came of it */
	uint64_t left; /* points of all backlogs */
	int64_t recovered, work, wasted;
	unsigned peak, timeouts, refusals;
	uint64_t peak_points;
	int64_t *delays; /* of collected points until they were taken */
	size_t delays_n, delays_room;
	unsigned chart[CHART_ROWS]; /* the most that waited */
} sim;

static void *grown(void *p, size_t size, size_t *room)
{
	*room = *room ? *room * 2 : 4096;
	p = realloc(p, *room * size);
	if (!p) {
		perror("herd");
		exit(1);
	}
	return p;
}

static uint64_t dice(void)
{
	sim.random ^= sim.random << 13;
	sim.random ^= sim.random >> 7;
	sim.random ^= sim.random << 17;
	return sim.random;
}

static bool before(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void at(int64_t when, enum kind kind, unsigned id)
{
	if (sim.events == sim.room)
		sim.heap = grown(sim.heap, sizeof *sim.heap, &sim.room);
	size_t i = sim.events++;
	struct event e = { when, sim.order++, kind, id };
	for (; i && before(&e, &sim.heap[(i - 1) / 2]); i = (i - 1) / 2)
		sim.heap[i] = sim.heap[(i - 1) / 2];
	sim.heap[i] = e;
}

static struct event next(void)
{
	struct event top = sim.heap[0], e = sim.heap[--sim.events];
	size_t i = 0;

	for (size_t k; (k = 2 * i + 1) < sim.events; i = k) {
		if (k + 1 < sim.events && before(&sim.heap[k + 1], &sim.heap[k]))
			k++;
		if (!before(&sim.heap[k], &e))
			break;
		sim.heap[i] = sim.heap[k];
	}
	sim.heap[i] = e;
	return top;
}

/* ---- the server ---- */

static void work(void)
{
	while (sim.busy < WORKERS && sim.first < sim.last) {
		unsigned id = sim.queue[sim.first++];
		struct request *r = &sim.requests[id];
		int64_t takes = REQUEST_NS + r->points * POINT_NS;

		sim.waiting_points -= r->points;
		sim.busy++;
		sim.work += takes;
		sim.wasted += r->abandoned ? takes : 0;
		at(sim.now + takes, DONE, id);
	}
}

/* False: 503. */
static bool submit(unsigned sender, unsigned points)
{
	if (sim.limit && sim.last - sim.first >= sim.limit) {
		sim.refusals++;
		return false;
	}
	if (sim.made == sim.requests_room) {
		size_t room = sim.requests_room, same = room;
		sim.requests = grown(sim.requests, sizeof *sim.requests, &room);
		sim.queue = grown(sim.queue, sizeof *sim.queue, &same);
		sim.requests_room = (unsigned)room;
	}
	sim.requests[sim.made] = (struct request){ sender, points, true, false, sim.now };
	sim.queue[sim.last++] = sim.made;
	sim.waiting_points += points;
	at(sim.now + TIMEOUT_NS, GIVE_UP, sim.made++);
	work();
	unsigned waiting = sim.last - sim.first;
	sim.peak = waiting > sim.peak ? waiting : sim.peak;
	sim.peak_points = sim.waiting_points > sim.peak_points ? sim.waiting_points : sim.peak_points;
	size_t row = (size_t)(sim.now / CHART_NS);
	if (row < CHART_ROWS && waiting > sim.chart[row])
		sim.chart[row] = waiting;
	return true;
}

/* ---- a sender ---- */

static void sleep_until(struct sender *s, int64_t when)
{
	s->asleep = true;
	s->wakes = when;
	at(when, WAKE, (unsigned)(s - sim.sender));
}

static void pause_after_failure(struct sender *s)
{
	int64_t ceiling = S << (s->failures < 6 ? s->failures : 6);

	ceiling = ceiling > 60 * S ? 60 * S : ceiling;
	s->failures++;
	int64_t wait = sim.rules.jitter ? (int64_t)(dice() % (uint64_t)ceiling) + 1 : S;
	if (sim.rules.pings && !s->retry_after)
		wait = (int64_t)(dice() % PROBE_NS);
	if (sim.rules.obeys && s->retry_after)
		wait = s->retry_after + (sim.rules.spreads ? (int64_t)(dice() % (uint64_t)ceiling) : 0);
	sleep_until(s, sim.now + wait);
}

static void send(struct sender *s, unsigned points, unsigned bodies)
{
	s->out = s->failed = 0;
	s->sent_points = points;
	s->retry_after = 0;
	for (unsigned i = 0; i < bodies; i++) {
		unsigned n = points / bodies + (i < points % bodies);
		if (n && submit((unsigned)(s - sim.sender), n)) {
			s->out++;
		} else if (n) {
			s->failed += n;
			s->retry_after = RETRY_AFTER_NS;
		}
	}
}

static void go_on(struct sender *s);

static void note_delay(int64_t since)
{
	if (sim.delays_n == sim.delays_room)
		sim.delays = grown(sim.delays, sizeof *sim.delays, &sim.delays_room);
	sim.delays[sim.delays_n++] = sim.now - since;
}

/* All bodies of the parcel are answered, or nobody waits for their answers any more. */
static void parcel_ends(struct sender *s, int64_t begun)
{
	if (s->is_live && s->failed) {
		s->live += s->failed;
		s->live_since = s->live_sent_since;
	} else if (s->is_live) {
		note_delay(s->live_sent_since);
	} else {
		unsigned taken = s->sent_points - s->failed;
		s->backlog -= taken;
		sim.left -= taken;
		if (sim.left == 0 && !sim.recovered)
			sim.recovered = sim.now;
		if (s->failed)
			pace_refused(&s->pace, sim.now, s->retry_after);
		else
			pace_sent(&s->pace, begun, sim.now, taken);
	}
	if (s->failed) {
		pause_after_failure(s);
		return;
	}
	s->failures = 0;
	go_on(s);
}

static void go_on(struct sender *s)
{
	unsigned points = 0, bodies = 1;

	if (s->live) {
		s->is_live = true;
		s->live_sent_since = s->live_since;
		points = s->live < BODY_POINTS ? s->live : BODY_POINTS;
		s->live -= points;
	} else if (s->backlog && (!sim.rules.paced || pace_is_due(&s->pace, sim.now))) {
		s->is_live = false;
		bodies = BODIES;
		points = s->backlog < BODIES * BODY_POINTS ? (unsigned)s->backlog : BODIES * BODY_POINTS;
		if (sim.rules.paced)
			points = pace_points(&s->pace, points);
		if (sim.rules.whole)
			bodies = (points + BODY_POINTS - 1) / BODY_POINTS;
	} else if (s->backlog) {
		sleep_until(s, s->pace.next_ns);
		return;
	} else {
		s->asleep = true; /* until something is collected */
		s->wakes = -1;
		return;
	}
	send(s, points, bodies);
	if (!s->out)
		parcel_ends(s, sim.now);
}

static void answered(struct request *r, bool well)
{
	struct sender *s = &sim.sender[r->sender];

	r->open = false;
	s->failed += well ? 0 : r->points;
	if (--s->out == 0)
		parcel_ends(s, r->sent);
}

static void collect(unsigned id)
{
	struct sender *s = &sim.sender[id];

	if (!s->live)
		s->live_since = sim.now;
	s->live += POINTS_A_ROUND;
	at(sim.now + ROUND_NS, COLLECT, id);
	/* new points do not wait for the backlog's pace, but for the pause after a failure they do */
	if (s->asleep && !s->failures) {
		s->asleep = false;
		go_on(s);
	}
}

/* ---- a run ---- */

static void wake(struct sender *s, int64_t when)
{
	if (s->asleep && s->wakes == when) {
		s->asleep = false;
		go_on(s);
	}
}

static void done(struct request *r)
{
	sim.busy--;
	if (r->open)
		answered(r, true);
	work();
}

static void give_up(struct request *r)
{
	if (!r->open)
		return;
	sim.timeouts++;
	r->abandoned = true;
	answered(r, false);
}

static void handle(struct event e)
{
	switch (e.kind) {
	case COLLECT:
		collect(e.id);
		break;
	case WAKE:
		wake(&sim.sender[e.id], e.at);
		break;
	case DONE:
		done(&sim.requests[e.id]);
		break;
	case GIVE_UP:
		give_up(&sim.requests[e.id]);
		break;
	}
}

static void begin(const struct rules *rules, unsigned limit, uint64_t seed)
{
	static const struct pace_opts usual;

	free(sim.heap);
	free(sim.requests);
	free(sim.queue);
	free(sim.delays);
	sim = (struct sim){ .rules = *rules, .limit = limit, .random = seed * 0x9E3779B97F4A7C15 | 1 };
	for (unsigned i = 0; i < SENDERS; i++) {
		struct sender *s = &sim.sender[i];
		int64_t noticed = (int64_t)(dice() % PROBE_NS);

		s->backlog = OUTAGE_NS / ROUND_NS * POINTS_A_ROUND;
		sim.left += s->backlog;
		pace_init(&s->pace, &usual);
		pace_recovered(&s->pace, noticed, OUTAGE_NS, dice());
		sleep_until(s, noticed);
		s->failures = 0;
		at(ROUND_NS, COLLECT, i);
	}
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Until all backlogs are delivered and a minute more, for those whose newest points still wait. */
static void run(const struct rules *rules, unsigned limit, uint64_t seed)
{
	begin(rules, limit, seed);
	while (sim.events && sim.heap[0].at < END_NS && (!sim.recovered || sim.heap[0].at < sim.recovered + 60 * S)) {
		struct event e = next();
		sim.now = e.at;
		handle(e);
	}
	for (unsigned i = 0; i < SENDERS; i++) /* what waits to the end has waited so long at least */
		if (sim.sender[i].live)
			note_delay(sim.sender[i].live_since);
	qsort(sim.delays, sim.delays_n, sizeof *sim.delays, by_size);
}

static double delay_s(double part)
{
	return sim.delays_n ? (double)sim.delays[(size_t)((double)(sim.delays_n - 1) * part)] / 1e9 : 0;
}

static void print_run(bool list)
{
	double wasted = sim.work ? 100.0 * (double)sim.wasted / (double)sim.work : 0;
	double mb = (double)sim.peak_points * BYTES_A_POINT / 1e6;
	char recovered[32] = "never";

	if (sim.recovered)
		snprintf(recovered, sizeof recovered, "%.0f", (double)sim.recovered / 1e9);
	if (list)
		printf("%u|%s|%s|%.1f|%u|%u|%u|%.1f|%.1f\n", sim.limit, sim.rules.name, recovered, wasted, sim.peak,
		    sim.timeouts, sim.refusals, delay_s(0.5), delay_s(0.99));
	else
		printf("| %s | %s | %.0f %% | %u / %.0f | %u | %u | %.1f / %.1f / %.1f |\n", sim.rules.name, recovered,
		    wasted, sim.peak, mb, sim.timeouts, sim.refusals, delay_s(0.5), delay_s(0.99), delay_s(1));
}

static void print_table(unsigned limit, uint64_t seed)
{
	if (limit)
		printf("\nA server that answers 503 with `Retry-After: 5` when %u requests wait:\n\n", limit);
	else
		printf("A server that takes any number of requests:\n\n");
	printf(
	    "| a sender that fails tries | all delivered after, s | work for nothing | most waiting, requests / MB | "
	    "time-outs | 503 | newest points late, s: p50 / p99 / max |\n|---|---|---|---|---|---|---|\n");
	for (unsigned i = 0; i < RULES; i++) {
		run(&all_rules[i], limit, seed);
		print_run(false);
	}
}

static void print_chart(uint64_t seed)
{
	unsigned rows[2][CHART_ROWS], most = 1;
	const struct rules *both[2] = { &all_rules[0], &all_rules[RULES - 1] };

	for (int k = 0; k < 2; k++) {
		run(both[k], 0, seed);
		memcpy(rows[k], sim.chart, sizeof sim.chart);
		most = sim.peak > most ? sim.peak : most;
	}
	printf("\nRequests that wait at the server that takes any number, the most in each 20 s (# is %u):\n\n",
	    (most + 29) / 30);
	printf("       s  %-32s%s\n", both[0]->name, both[1]->name);
	for (unsigned i = 0; i < CHART_ROWS; i++) {
		char bar[2][32] = { "", "" };
		for (int k = 0; k < 2; k++)
			memset(bar[k], '#', (rows[k][i] + (most + 29) / 30 - 1) / ((most + 29) / 30));
		printf("    %4u  %-32s%s\n", (unsigned)(i * (CHART_NS / S)), bar[0], bar[1]);
	}
}

int main(int argc, char **argv)
{
	bool list = argc > 1 && !strcmp(argv[1], "--list");
	uint64_t seed = argc > 1 + list ? strtoull(argv[1 + list], NULL, 10) : 1;

	for (size_t k = 0; k < sizeof limits / sizeof *limits; k++) {
		if (!list)
			print_table(limits[k], seed);
		for (unsigned i = 0; list && i < RULES; i++) {
			run(&all_rules[i], limits[k], seed);
			print_run(true);
		}
	}
	if (!list)
		print_chart(seed);
	free(sim.heap);
	free(sim.requests);
	free(sim.queue);
	free(sim.delays);
	return 0;
}
