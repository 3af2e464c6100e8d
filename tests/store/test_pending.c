/* What is pending, against a model: whatever happens, at the end every point has its last value. */
#include "store/pending.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/spool.h"

static struct pending p;

static void begin(void)
{
	p = (struct pending){ 0 };
}

TestSuite(pending, .init = begin);

static void expect_part(uint32_t i, uint64_t from, uint64_t to, int64_t min, int64_t max, bool again)
{
	cr_assert_lt(i, p.count);
	const struct pending_part *x = &p.part[i];
	cr_assert(x->from_seq == from && x->to_seq == to && x->min_ns == min && x->max_ns == max && x->again == again,
	    "part %u is %llu … %llu, [%lld, %lld], %d", i, (unsigned long long)x->from_seq,
	    (unsigned long long)x->to_seq, (long long)x->min_ns, (long long)x->max_ns, x->again);
}

Test(pending, a_jump_leaves_what_is_old_and_an_open_end)
{
	pending_jump(&p, 900, 1400, 10, 20);
	cr_assert_eq(p.count, 2);
	expect_part(0, 901, 1400, 10, 20, false);
	expect_part(1, 1401, PENDING_OPEN, 10, 20, true);
	pending_done(&p, 1000, 1500);
	expect_part(0, 1001, 1400, 10, 20, false);
	pending_done(&p, 1400, 1500);
	cr_assert_eq(p.count, 1);
	pending_done(&p, 1500, 1500);
	cr_assert_eq(p.count, 0);
	cr_assert_eq(pending_first(&p), PENDING_OPEN);
}

Test(pending, a_second_jump_closes_the_end_of_the_first_and_spans_both)
{
	pending_jump(&p, 0, 100, 10, 20);
	pending_jump(&p, 150, 200, 5, 15);
	cr_assert_eq(p.count, 4);
	expect_part(1, 101, 150, 10, 20, true);
	expect_part(2, 151, 200, 5, 15, false);
	expect_part(3, 201, PENDING_OPEN, 5, 20, true);
}

Test(pending, what_is_held_is_whole_until_it_is_released)
{
	pending_hold(&p, 100);
	cr_assert(pending_is_held(&p));
	pending_done(&p, 200, 200); /* nothing of it is there yet */
	cr_assert(pending_is_held(&p));
	expect_part(0, 201, PENDING_OPEN, INT64_MIN, INT64_MAX, false);
	pending_release(&p, 300, 7, 9);
	cr_assert_eq(p.count, 2);
	expect_part(0, 201, 300, 7, 9, false);
	expect_part(1, 301, PENDING_OPEN, 7, 9, true);
}

Test(pending, a_release_without_rows_leaves_nothing)
{
	pending_hold(&p, 100);
	pending_release(&p, 100, 0, 0);
	cr_assert_eq(p.count, 0);
}

Test(pending, what_is_to_be_sent_again_goes_before_what_waits)
{
	pending_jump(&p, 100, 200, 10, 20);
	pending_send_again(&p, 50, 1, 2);
	cr_assert_eq(p.count, 3);
	expect_part(0, 51, 100, 1, 2, true);
	expect_part(1, 101, 200, 1, 20, false);
	expect_part(2, 201, PENDING_OPEN, 1, 20, true);
}

/* ---- the model: a few points, rows that write some of them, a target that keeps what comes last ---- */

enum { POINTS = 60, ROWS_MAX = 20000, STEPS = 3000 };

struct row {
	unsigned count;
	struct {
		int64_t time;
		unsigned value;
	} line[4];
};

static struct row rows[ROWS_MAX + 1];
static unsigned target[POINTS], truth[POINTS], written;
static uint64_t last_seq, live_seq;
static unsigned full; /* how often no part was left */
static unsigned long long seed;

static unsigned rnd(unsigned n)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(seed >> 33) % n;
}

static void write_row(void)
{
	struct row *r = &rows[++last_seq];
	/* times go on, as clocks do, and now and then somebody writes an old one */
	unsigned base = rnd(100) ? written / 20 % POINTS : rnd(POINTS);

	r->count = 1 + rnd(4);
	for (unsigned i = 0; i < r->count; i++) {
		r->line[i].time = (base + rnd(3)) % POINTS;
		r->line[i].value = ++written;
		truth[r->line[i].time] = written;
	}
}

static void send_row(uint64_t seq, int64_t min, int64_t max)
{
	for (unsigned i = 0; i < rows[seq].count; i++)
		if (rows[seq].line[i].time >= min && rows[seq].line[i].time <= max)
			target[rows[seq].line[i].time] = rows[seq].line[i].value;
}

static void span(uint64_t from, uint64_t to, int64_t *min, int64_t *max)
{
	*min = INT64_MAX;
	*max = INT64_MIN;
	for (uint64_t s = from; s <= to; s++)
		for (unsigned i = 0; i < rows[s].count; i++) {
			*min = rows[s].line[i].time < *min ? rows[s].line[i].time : *min;
			*max = rows[s].line[i].time > *max ? rows[s].line[i].time : *max;
		}
}

static void send_pending(void)
{
	if (!p.count)
		return;
	struct pending_part part = p.part[0];
	uint64_t to = part.to_seq == PENDING_OPEN ? live_seq : part.to_seq;
	if (part.from_seq > to) {
		pending_done(&p, to, live_seq);
		return;
	}
	send_row(part.from_seq, part.min_ns, part.max_ns);
	pending_done(&p, part.from_seq, live_seq);
}

static void check_invariants(void)
{
	for (uint32_t i = 0; i + 1 < p.count; i++) {
		cr_assert_eq(p.part[i].to_seq + 1, p.part[i + 1].from_seq, "parts follow each other");
		cr_assert_leq(p.part[i].from_seq, p.part[i].to_seq);
	}
	if (p.count)
		cr_assert_eq(p.part[p.count - 1].to_seq, PENDING_OPEN);
	cr_assert_leq(p.count, PENDING_PARTS_MAX);
	full += p.count == PENDING_PARTS_MAX;
}

/* One random history. piling: pending rows hardly get their turn, so that parts pile up and are joined. */
static void history(bool piling)
{
	int64_t min, max;
	struct pending stored = { 0 };
	uint64_t stored_live = 0;

	p = (struct pending){ 0 };
	last_seq = live_seq = 0;
	written = 0;
	for (unsigned i = 0; i < POINTS; i++)
		target[i] = truth[i] = 0;
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned what = piling && rnd(20) ? rnd(12) : rnd(20);
		if (what < 7 && last_seq < ROWS_MAX)
			write_row();
		else if (what < 11 && live_seq < last_seq && !pending_is_held(&p))
			send_row(++live_seq, INT64_MIN, INT64_MAX);
		else if (what < 11 && live_seq < last_seq)
			live_seq++; /* held: passed by */
		else if (what == 11 && live_seq < last_seq && !pending_is_held(&p)) {
			span(live_seq + 1, last_seq, &min, &max);
			pending_jump(&p, live_seq, last_seq, min, max);
			live_seq = last_seq;
		} else if (what == 12 && !piling && !pending_is_held(&p)) {
			pending_hold(&p, live_seq);
		} else if (what == 13 && pending_is_held(&p)) {
			span(p.part[p.count - 1].from_seq, live_seq, &min, &max);
			pending_release(&p, live_seq, min, max);
		} else if (what == 14 && rnd(4) == 0 && live_seq) {
			/* a source sends what it read of the rows up to some row, then asks for what came since */
			int64_t t = rnd(POINTS);
			uint64_t as_of = live_seq - rnd(live_seq < 30 ? (unsigned)live_seq : 30);
			unsigned value = 0;
			for (uint64_t s = 1; s <= as_of; s++)
				for (unsigned i = 0; i < rows[s].count; i++)
					if (rows[s].line[i].time == t)
						value = rows[s].line[i].value;
			if (value)
				target[t] = value;
			pending_send_again(&p, as_of, t, t);
			stored = p;
			stored_live = live_seq;
		} else if (what == 15 && rnd(4) == 0) { /* on disk */
			stored = p;
			stored_live = live_seq;
		} else if (what == 16 && rnd(20) == 0) { /* the process ends, and begins again */
			p = stored;
			live_seq = stored_live;
		} else {
			send_pending();
		}
		check_invariants();
	}
	if (pending_is_held(&p)) {
		span(p.part[p.count - 1].from_seq, live_seq, &min, &max);
		pending_release(&p, live_seq, min, max);
	}
	while (live_seq < last_seq)
		send_row(++live_seq, INT64_MIN, INT64_MAX);
	for (unsigned i = 0; p.count; i++) {
		cr_assert_lt(i, 10 * ROWS_MAX, "it has an end");
		send_pending();
	}
}

Test(pending, the_target_ends_with_the_last_values_whatever_happens)
{
	for (unsigned run = 0; run < 400; run++) {
		seed = run;
		history(run % 2);
		for (unsigned i = 0; i < POINTS; i++)
			cr_assert_eq(
			    target[i], truth[i], "run %u, point %u: %u instead of %u", run, i, target[i], truth[i]);
	}
	cr_assert_gt(full, 1000, "parts were joined");
}

Test(pending, many_outages_in_a_row_stay_within_the_parts_there_are)
{
	for (unsigned i = 0; i < 1000; i++) {
		pending_jump(&p, 100 * i, 100 * i + 50, i, i + 10);
		cr_assert_leq(p.count, PENDING_PARTS_MAX);
	}
	cr_assert_eq(p.part[0].from_seq, 1);
	cr_assert_eq(p.part[p.count - 1].to_seq, PENDING_OPEN);
	cr_assert_eq(p.part[p.count - 1].min_ns, 0);
	cr_assert_eq(p.part[p.count - 1].max_ns, 1009);
}

Test(pending, the_lists_are_kept_in_the_file)
{
	static struct pending_set set, back;
	struct errbuf eb;
	struct spool *s;
	struct spool_reader *r;
	char dir[] = "/tmp/holdfast-test-XXXXXX", path[64], command[64];

	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/spool.db", dir);
	cr_assert_eq(spool_open(&s, path, &eb), ERR_OK, "%s", eb.text);
	pending_set_init(&set);
	pending_jump(&set.list[0], 10, 20, -5, 5);
	struct pending *own = pending_set_add(&set, 3);
	cr_assert_eq(own->count, 2, "a copy of what waits for all");
	pending_hold(own, 30);
	cr_assert_eq(pending_set_first(&set), 11);
	cr_assert_eq(spool_begin(s, &eb), ERR_OK);
	cr_assert_eq(pending_store(spool_db(s), "mirror:x", &set, &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(pending_store(spool_db(s), "mirror:x", &set, &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(spool_commit(s, &eb), ERR_OK);
	cr_assert_eq(spool_reader_open(&r, path, &eb), ERR_OK);
	cr_assert_eq(pending_load(spool_reader_db(r), "mirror:x", &back, &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(back.count, 2);
	for (unsigned i = 0; i < 2; i++) {
		p = back.list[i];
		cr_assert_eq(p.db, set.list[i].db);
		cr_assert_eq(p.count, set.list[i].count);
		for (uint32_t k = 0; k < p.count; k++) {
			const struct pending_part *x = &set.list[i].part[k];
			expect_part(k, x->from_seq, x->to_seq, x->min_ns, x->max_ns, x->again);
		}
	}
	cr_assert_eq(pending_load(spool_reader_db(r), "influxdb", &back, &eb), ERR_OK);
	cr_assert(back.count == 1 && back.list[0].count == 0);
	spool_reader_close(r);
	spool_close(s);
	snprintf(command, sizeof command, "rm -r %s", dir);
	cr_assert_eq(system(command), 0);
}
