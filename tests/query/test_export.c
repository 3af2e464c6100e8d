/* Export against a plain model, and that neither the order of writing, nor the head, nor the memory there is changes a
 * byte of what comes out. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "query/export.h"
#include "query/export_write.h"
#include "support/stand.h"

static struct stand st;

static void close_stand(void)
{
	stand_remove(&st);
}

TestSuite(export, .fini = close_stand, .timeout = 120);

struct taken {
	struct export_writer *writer;
	struct buf text;
	unsigned points, stop_after;
};

static bool take(void *arg, const struct series *s, int64_t time_ns, const struct batch_value *values, uint32_t count)
{
	struct taken *t = arg;

	cr_assert(export_writer_point(t->writer, &t->text, s, time_ns, values, count));
	return ++t->points != t->stop_after;
}

/* The whole answer as line protocol, terminated; freed with the next call. */
static const char *export_with(struct local *l, const struct export_request *q, unsigned stop_after, bool *complete)
{
	static struct taken t;
	struct export_sink sink = { take, &t, NULL };
	struct errbuf eb = { "" };

	buf_fini(&t.text);
	t = (struct taken){ .stop_after = stop_after };
	buf_init(&t.text, 256 << 20);
	cr_assert_eq(export_writer_new(&t.writer, EXPORT_LP, &eb), ERR_OK);
	enum err e = local_export(l, q, &sink, complete, &eb);
	cr_assert_eq(e, ERR_OK, "%s: %s", err_name(e), eb.text);
	export_writer_free(t.writer);
	buf_char(&t.text, 0);
	return t.text.p;
}

static const char *export_all(struct local *l)
{
	struct export_request q = { "metrics", NULL, INT64_MIN, INT64_MAX };
	bool complete;
	const char *text = export_with(l, &q, 0, &complete);

	cr_assert(complete);
	return text;
}

static void copy_file(const char *from, const char *to)
{
	struct buf b;
	struct errbuf eb;

	buf_init(&b, 16 << 20);
	cr_assert_eq(file_read(from, &b, &eb), ERR_OK, "%s", eb.text);
	FILE *f = fopen(to, "wb");
	cr_assert(f && fwrite(b.p, 1, b.len, f) == b.len && fclose(f) == 0);
	buf_fini(&b);
}

/* What version 1 wrote, blocks, rollups with sketches, pieces and rows of the spool, must be read for ever. */
Test(export, golden_files_give_their_golden_points)
{
	static const double rank[] = { 50 };
	struct stand_opts o = { .compactor = true, .sketches = true };
	struct errbuf eb;
	struct buf golden;

	buf_init(&golden, 1 << 20);
	cr_assert_eq(file_read(TEST_SRCDIR "/fixtures/store-v1.lp", &golden, &eb), ERR_OK, "%s", eb.text);
	buf_char(&golden, 0);
	stand_open(&st, NULL);
	stand_close(&st);
	copy_file(TEST_SRCDIR "/fixtures/store-v1.db", st.store_path);
	copy_file(TEST_SRCDIR "/fixtures/spool-v1.db", st.path);
	stand_reopen(&st, &o);
	cr_assert_gt(st.recovered, 0, "the spool has rows that the store has not");
	cr_assert_str_eq(export_all(st.local), golden.p);
	struct read_request q = { .database = "metrics",
		.measurement = "mix",
		.field = "n",
		.group_by = NULL,
		.to_ns = INT64_C(1) << 62,
		.step_ns = INT64_C(86400000000000) * 100000,
		.percentiles = rank,
		.percentile_count = 1 };
	for (int i = 0; i < 2; i++) {
		struct read_result r;
		read_result_init(&r, &q);
		cr_assert_eq(local_read(st.local, &q, &r, &eb), ERR_OK, "%s", eb.text);
		const struct read_column *n = read_group_column(&r.groups[0], "n");
		cr_assert_eq(n->cells[0].count, 500);
		cr_assert_eq(n->cells[0].sum, 4096. * 499 * 500 / 2);
		cr_assert_float_eq(n->percentiles[0], 249 * 4096, 249 * 4096 * 0.011);
		read_result_fini(&r);
		stand_compact(&st);
		cr_assert_str_eq(export_all(st.local), golden.p);
	}
	buf_fini(&golden);
}

Test(export, points_come_by_measurement_window_key_and_time)
{
	stand_open(&st, NULL);
	stand_write(&st,
	    "z v=1 1\n"
	    "a,t=2 v=1 7199999999999\na,t=2 v=2 5\na,t=1 v=3 7200000000000\na,t=1 v=4 6\na v=5 9\n"
	    "a,t=2 v=6 7200000000001\na v=7 -1\n");
	cr_expect_str_eq(export_all(st.local),
	    "a v=7 -1\n"
	    "a v=5 9\na,t=1 v=4 6\na,t=2 v=2 5\na,t=2 v=1 7199999999999\n"
	    "a,t=1 v=3 7200000000000\na,t=2 v=6 7200000000001\n"
	    "z v=1 1\n");
}

Test(export, last_write_of_each_field_wins)
{
	stand_open(&st, NULL);
	stand_write(&st, "m b=1,a=1i 10\nm c=\"x\" 11\n");
	stand_write(&st, "m a=2i 10\n");
	stand_write(&st, "m d=t,b=3 10\nm c=\"y\" 11\nm b=4,b=5 12\n");
	cr_expect_str_eq(export_all(st.local), "m a=2i,b=3,d=true 10\nm c=\"y\" 11\nm b=5 12\n");
}

Test(export, range_and_measurement_are_kept)
{
	struct export_request q = { "metrics", "m x", 5, 7 };
	bool complete;

	stand_open(&st, NULL);
	stand_write(&st, "m\\ x v=1 4\nm\\ x v=2 5\nm\\ x v=3 6\nm\\ x v=4 7\nm v=9 5\n");
	cr_expect_str_eq(export_with(st.local, &q, 0, &complete), "m\\ x v=2 5\nm\\ x v=3 6\n");
	cr_expect(complete);
}

Test(export, sink_that_says_no_stops_it)
{
	struct export_request q = { "metrics", NULL, INT64_MIN, INT64_MAX };
	bool complete;

	stand_open(&st, NULL);
	stand_write(&st, "a v=1 1\na v=2 2\na v=3 3\nb v=1 1\n");
	cr_expect_str_eq(export_with(st.local, &q, 2, &complete), "a v=1 1\na v=2 2\n");
}

Test(export, what_is_unknown_is_not_found)
{
	static const struct export_request rows[] = { { "nope", NULL, 0, 1 }, { "metrics", "nope", 0, 1 } };
	struct export_sink sink = { take, NULL, NULL };
	struct errbuf eb;
	bool complete;

	stand_open(&st, NULL);
	stand_write(&st, "a v=1 1\n");
	for (size_t i = 0; i < 2; i++)
		cr_expect_eq(local_export(st.local, &rows[i], &sink, &complete, &eb), ERR_NOTFOUND);
}

Test(export, extreme_times_are_kept)
{
	stand_open(&st, NULL);
	stand_write(&st, "m v=1 -9223372036854775806\nm v=2 9223372036854775806\nm v=3 0\n");
	cr_expect_str_eq(export_all(st.local), "m v=1 -9223372036854775806\nm v=3 0\nm v=2 9223372036854775806\n");
}

/* ---- against the model ---- */

enum { HOSTS = 7, TIMES = 3000, FIELDS = 3 };
struct model {
	int value[HOSTS][TIMES][FIELDS]; /* 0: none */
};

static int64_t step_s = 37; /* some 31 hours, on both sides of the epoch */
static int64_t first_s = -20000;

static int64_t time_of(unsigned t)
{
	return ((int64_t)t * step_s + first_s) * NS_PER_S;
}

static void fill(struct model *m, unsigned points)
{
	static char text[64 << 10];
	size_t n = 0;

	for (unsigned i = 0; i < points; i++) {
		unsigned host = (unsigned)random() % HOSTS, t = (unsigned)random() % TIMES;
		unsigned fields = 1 + (unsigned)random() % ((1 << FIELDS) - 1);
		n += (size_t)snprintf(text + n, sizeof text - n, "m,host=h%u ", host);
		bool first = true;
		for (unsigned f = FIELDS;
		     f-- > 0;) { /* the fields are known in another order than that of their names */
			if (!(fields >> f & 1))
				continue;
			m->value[host][t][f] = 1 + (int)(random() % 1000);
			n += (size_t)snprintf(
			    text + n, sizeof text - n, "%sf%u=%di", first ? "" : ",", f, m->value[host][t][f]);
			first = false;
		}
		n += (size_t)snprintf(text + n, sizeof text - n, " %lld\n", (long long)time_of(t));
		if (n > sizeof text - 1000 || random() % 200 == 0 || i + 1 == points) {
			stand_write(&st, text);
			n = 0;
		}
	}
}

static int64_t window_of(unsigned t)
{
	const int64_t w = 7200 * NS_PER_S;

	return time_of(t) >= 0 ? time_of(t) / w : (time_of(t) + 1) / w - 1;
}

static void write_model(const struct model *m, struct buf *out)
{
	for (unsigned begin = 0, end; begin < TIMES; begin = end) {
		for (end = begin + 1; end < TIMES && window_of(end) == window_of(begin);)
			end++;
		for (unsigned h = 0; h < HOSTS; h++)
			for (unsigned t = begin; t < end; t++) {
				bool any = false;
				for (unsigned f = 0; f < FIELDS; f++)
					if (m->value[h][t][f]) {
						if (!any)
							buf_printf(out, "m,host=h%u", h);
						buf_printf(out, "%cf%u=%di", any ? ',' : ' ', f, m->value[h][t][f]);
						any = true;
					}
				if (any)
					buf_printf(out, " %lld\n", (long long)time_of(t));
			}
	}
	buf_char(out, 0);
}

static void expect_model(const struct model *m, struct local *l)
{
	struct buf want;

	buf_init(&want, 64 << 20);
	write_model(m, &want);
	cr_assert(!want.failed);
	const char *got = export_all(l);
	size_t same = 0;
	while (got[same] && got[same] == want.p[same])
		same++;
	cr_expect(strcmp(got, want.p) == 0, "from byte %zu of %zu: %.60s, not %.60s", same, want.len, got + same,
	    want.p + same);
	buf_fini(&want);
}

Test(export, agrees_with_the_model_from_head_and_spool)
{
	static struct model m;
	struct stand_opts o = { .head_bytes = 1 << 20 };
	struct head_stats h;

	srandom(21);
	stand_open(&st, &o);
	fill(&m, 30000);
	head_stats(st.head, &h);
	cr_assert_gt(h.from_seq, 1);
	expect_model(&m, st.local);
	stand_close(&st);
	stand_reopen(&st, &o);
	expect_model(&m, st.local);
}

Test(export, agrees_with_the_model_when_it_is_compacted_in_parts)
{
	static struct model m;
	struct stand_opts o = { .head_bytes = 1 << 20, .compactor = true };

	srandom(23);
	first_s = 1795000000;
	stand_open(&st, &o);
	for (int i = 0; i < 4; i++) {
		fill(&m, 5000);
		expect_model(&m, st.local);
		if (i < 3)
			stand_compact(&st);
		expect_model(&m, st.local);
	}
	stand_close(&st);
	stand_reopen(&st, &o);
	stand_compact(&st);
	expect_model(&m, st.local);
}

/* The least that holds anything: the arena takes 256 KiB at a time. */
static struct local *little_memory(void)
{
	struct local_opts o = { .head = st.head,
		.catalogue = st.catalogue,
		.spool_path = st.path,
		.store_path = st.store_path,
		.query_max_bytes = 2 * (600 << 10) };
	struct errbuf eb;
	struct local *l;

	cr_assert_eq(local_new(&l, &o, &eb), ERR_OK);
	return l;
}

Test(export, little_memory_changes_no_byte)
{
	static struct model m;
	struct stand_opts o = { .head_bytes = 1 << 20 };

	srandom(22);
	step_s = 1; /* two windows, of 1 MiB or so */
	stand_open(&st, &o);
	fill(&m, 30000);
	struct local *l = little_memory();
	expect_model(&m, l);
	local_free(l);
}

Test(export, series_that_does_not_fit_is_read_by_shorter_spans)
{
	struct stand_opts o = { .head_bytes = 1 << 20 };
	enum { POINTS = 60000 };
	struct buf text;

	stand_open(&st, &o);
	buf_init(&text, 8 << 20);
	for (int i = 0; i < POINTS; i++) {
		buf_printf(&text, "m,host=a v=%d %d\n", i, i * 7 % POINTS * 1000);
		if (text.len > 64 << 10 || i + 1 == POINTS) {
			buf_char(&text, 0);
			stand_write(&st, text.p);
			buf_clear(&text);
		}
	}
	buf_fini(&text);
	struct local *l = little_memory();
	const char *got = export_all(l);
	int64_t n = 0;
	for (char want[64]; *got; n++) {
		int k = snprintf(want, sizeof want, " %lld\n", (long long)n * 1000);
		const char *end = strchr(got, '\n');
		cr_assert(end && end - got > k && !memcmp(end + 1 - k, want, (size_t)k), "%.40s, not %s", got, want);
		got = end + 1;
	}
	cr_expect_eq(n, POINTS);
	local_free(l);
}

Test(export, point_larger_than_memory_is_told_and_the_rest_comes)
{
	static char line[400 * 4096];
	struct stand_opts o = { .head_bytes = 64 << 10 };
	struct export_request q = { "metrics", NULL, INT64_MIN, INT64_MAX };
	size_t n = (size_t)snprintf(line, sizeof line, "m a=1");
	bool complete = true;

	stand_open(&st, &o);
	for (int i = 0; i < 300; i++)
		n += (size_t)snprintf(line + n, sizeof line - n, ",s%d=\"%04000d\"", i, i);
	snprintf(line + n, sizeof line - n, " 10\n");
	stand_write(&st, "m a=1 9\n");
	stand_write(&st, line);
	stand_write(&st, "m a=1 11\n");
	struct local *l = little_memory();
	cr_expect_str_eq(export_with(l, &q, 0, &complete), "m a=1 9\nm a=1 11\n");
	cr_expect(!complete);
	local_free(l);
}

Test(export, history_that_was_let_go_is_told_where_it_was_asked_for)
{
	struct stand_opts o = { .retention_ns = 3600 * NS_PER_S };
	struct export_request q = { "metrics", NULL, INT64_MIN, INT64_MAX };
	bool complete = false;
	char line[64];

	stand_open(&st, &o);
	snprintf(line, sizeof line, "m v=1 %lld\n", (long long)clock_wall_ns());
	stand_write(&st, line);
	cr_expect(*export_with(st.local, &q, 0, &complete));
	cr_expect(complete);
	sqlite3 *db;
	cr_assert_eq(sqlite3_open(st.path, &db), SQLITE_OK);
	cr_assert_eq(
	    sqlite3_exec(db, "INSERT INTO meta VALUES ('evicted_until_ns', 1000)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	(void)export_with(st.local, &q, 0, &complete);
	cr_expect(complete, "all there is was asked for");
	q.from_ns = 1000;
	(void)export_with(st.local, &q, 0, &complete);
	cr_expect(!complete);
	q.from_ns = 1001;
	(void)export_with(st.local, &q, 0, &complete);
	cr_expect(complete);
}
