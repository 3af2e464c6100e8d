/* Local reads against a plain model: a table of (series, time, field) -> value, the last write wins. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "support/stand.h"

static struct stand st;

static void close_stand(void)
{
	stand_remove(&st);
}

TestSuite(local, .fini = close_stand);

enum { HOSTS = 4, TIMES = 400, FIELDS = 3 };

struct model {
	double v[HOSTS][TIMES][FIELDS];
	bool has[HOSTS][TIMES][FIELDS];
};

/* Random points, late and repeated ones among them, in batches of random size. */
static void fill(struct model *m, unsigned points, bool disordered)
{
	char text[64 << 10];
	size_t n = 0;

	for (unsigned i = 0; i < points; i++) {
		unsigned host = (unsigned)random() % HOSTS;
		unsigned t = disordered ? (unsigned)random() % TIMES : i * TIMES / points;
		n += (size_t)snprintf(text + n, sizeof text - n, "m,host=h%u ", host);
		unsigned fields = 1 + (unsigned)random() % ((1 << FIELDS) - 1);
		bool first = true;
		for (unsigned f = 0; f < FIELDS; f++) {
			if (!(fields >> f & 1))
				continue;
			double v = (double)(random() % 2000 - 1000) / 8;
			n += (size_t)snprintf(text + n, sizeof text - n, "%sf%u=%.3f", first ? "" : ",", f, v);
			m->v[host][t][f] = v;
			m->has[host][t][f] = true;
			first = false;
		}
		n += (size_t)snprintf(text + n, sizeof text - n, " %lld\n", (long long)(t * NS_PER_S + 1));
		if (n > sizeof text - 1000 || random() % 50 == 0 || i + 1 == points) {
			stand_write(&st, text);
			n = 0;
		}
	}
}

static void expect_model(const struct model *m, int64_t from_s, int64_t to_s, int64_t step_s)
{
	struct read_request q = { .database = "metrics",
		.measurement = "m",
		.from_ns = from_s * NS_PER_S,
		.to_ns = to_s * NS_PER_S,
		.step_ns = step_s * NS_PER_S };
	struct read_result r;
	struct errbuf eb;
	char name[16];

	read_result_init(&r, &q);
	cr_assert_eq(local_read(st.local, &q, &r, &eb), ERR_OK, "%s", eb.text);
	cr_assert(r.complete, "%s", r.reason);
	for (unsigned g = 0; g < r.group_count; g++) {
		unsigned host = (unsigned)(read_group_tag(&r.groups[g], "host")[1] - '0');
		for (unsigned f = 0; f < FIELDS; f++) {
			snprintf(name, sizeof name, "f%u", f);
			const struct read_column *col = read_group_column(&r.groups[g], name);
			for (unsigned b = 0; b < r.buckets; b++) {
				struct read_cell want = { 0 };
				int64_t begin = r.first_bucket_ns / NS_PER_S + b * step_s;
				for (int64_t t = begin; t < begin + step_s; t++) {
					/* the point of second t lies at t s + 1 ns */
					if (t < from_s || t >= to_s || t < 0 || t >= TIMES || !m->has[host][t][f])
						continue;
					double v = m->v[host][t][f];
					if (want.count++ == 0)
						want.min = want.max = want.first = v;
					want.sum += v;
					want.last = v;
					want.min = v < want.min ? v : want.min;
					want.max = v > want.max ? v : want.max;
				}
				const struct read_cell *have = col ? &col->cells[b] : &(struct read_cell){ 0 };
				cr_assert_eq(have->count, want.count, "host %u field %u bucket %u: %llu, not %llu",
				    host, f, b, (unsigned long long)have->count, (unsigned long long)want.count);
				if (!want.count)
					continue;
				cr_assert_float_eq(have->sum, want.sum, 1e-9);
				cr_assert_eq(have->min, want.min);
				cr_assert_eq(have->max, want.max);
				cr_assert_eq(have->first, want.first);
				cr_assert_eq(have->last, want.last);
			}
		}
	}
	read_result_fini(&r);
}

static void expect_everywhere(const struct model *m)
{
	expect_model(m, 0, TIMES, TIMES);
	expect_model(m, 0, TIMES, 7);
	expect_model(m, 13, 311, 10);
	expect_model(m, 399, 400, 1);
}

Test(local, ordered_points_aggregate_as_the_model)
{
	static struct model m;

	srandom(1);
	stand_open(&st, NULL);
	fill(&m, 3000, false);
	expect_everywhere(&m);
}

Test(local, late_and_repeated_points_aggregate_as_the_model)
{
	static struct model m;

	srandom(2);
	stand_open(&st, NULL);
	fill(&m, 4000, true);
	expect_everywhere(&m);
}

Test(local, what_left_the_head_is_read_from_the_spool)
{
	static struct model m;
	struct stand_opts o = { .head_bytes = 1 << 20 }; /* a few generations at most */
	struct head_stats h;

	srandom(3);
	stand_open(&st, &o);
	fill(&m, 30000, true);
	head_stats(st.head, &h);
	cr_assert_gt(h.from_seq, 1);
	cr_assert_leq(h.bytes, 2 << 20);
	expect_everywhere(&m);
}

Test(local, a_restart_changes_no_answer)
{
	static struct model m;

	srandom(4);
	stand_open(&st, NULL);
	fill(&m, 3000, true);
	stand_close(&st);
	stand_reopen(&st, NULL);
	cr_assert_gt(st.recovered, 0);
	expect_everywhere(&m);
	fill(&m, 500, true);
	expect_everywhere(&m);
}

Test(local, filters_and_groups_pick_series_by_their_tags)
{
	struct errbuf eb;
	struct read_result r;
	static const char *const eu[] = { "eu\\=1" }, *const none[] = { "" }, *const by[] = { "az" };
	struct read_filter f = { "region", eu, 1 };
	struct read_request q = { .database = "metrics",
		.measurement = "m x",
		.filters = &f,
		.filter_count = 1,
		.group_by = by,
		.group_count = 1,
		.to_ns = 100,
		.step_ns = 100 };

	stand_open(&st, NULL);
	stand_write(&st,
	    "m\\ x,az=a,region=eu\\\\=1 v=1 1\nm\\ x,az=b,region=eu\\\\=1 v=2 2\nm\\ x,az=b,host=h,region=eu\\\\=1 v=4 3\n"
	    "m\\ x,az=c,region=us v=8 4\nm\\ x,az=d v=16 5\nm v=32 6\n");
	read_result_init(&r, &q);
	cr_assert_eq(local_read(st.local, &q, &r, &eb), ERR_OK);
	cr_assert_eq(r.group_count, 2);
	cr_assert_str_eq(read_group_tag(&r.groups[0], "az"), "a");
	cr_assert_eq(read_group_column(&r.groups[1], "v")->cells[0].sum, 6);
	read_result_fini(&r);
	f.values = none; /* the series without the tag */
	read_result_init(&r, &q);
	cr_assert_eq(local_read(st.local, &q, &r, &eb), ERR_OK);
	cr_assert_eq(r.group_count, 1);
	cr_assert_str_eq(read_group_tag(&r.groups[0], "az"), "d");
	read_result_fini(&r);
}

Test(local, of_a_field_that_stands_twice_in_a_line_the_last_counts)
{
	stand_open(&st, NULL);
	stand_write(&st, "m v=1,v=2,w=3 1\nm w=4,w=5 2\n");
	cr_assert_eq(stand_total(&st, "m", "v", 0, 100).sum, 2);
	cr_assert_eq(stand_total(&st, "m", "v", 0, 100).count, 1);
	cr_assert_eq(stand_total(&st, "m", "w", 0, 100).sum, 8);
}

Test(local, history_that_was_let_go_makes_the_answer_incomplete)
{
	struct errbuf eb;
	char line[64];
	struct stand_total t;

	stand_open(&st, NULL);
	for (unsigned i = 0; i < 200; i++) {
		snprintf(line, sizeof line, "m v=1 %u\n", i);
		stand_write(&st, line);
	}
	stand_close(&st);
	struct spool *s;
	cr_assert_eq(spool_open(&s, st.path, &eb), ERR_OK);
	cr_assert_eq(spool_evict(s, UINT64_MAX, 64, (struct spool_done){ UINT64_MAX, 0 }, &eb), ERR_OK);
	spool_close(s);
	stand_reopen(&st, NULL);
	t = stand_total(&st, "m", "v", 0, 1000);
	cr_assert_not(t.complete);
	cr_assert_eq(t.count, 136);
	t = stand_total(&st, "m", "v", 64, 1000);
	cr_assert(t.complete);
	cr_assert_eq(t.count, 136);
}
