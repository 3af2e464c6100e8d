/* Reads over head, spool, pieces, blocks and rollups against a naive model, with random data in random order. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "support/stand.h"

enum { SERIES = 5, FIELDS = 3, SLOTS = 4000 };
#define BASE_NS (INT64_C(1795000000) * NS_PER_S / TIER_DAY_NS * TIER_DAY_NS)
#define SPAN_NS (3 * TIER_DAY_NS)

static const char *const field_names[FIELDS] = { "f", "i", "b" };
static uint64_t random_state = 88172645463325252u;
static struct errbuf eb;

static uint64_t rnd(uint64_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % n;
}

struct model_point { /* of one series; the last write of each field */
	int64_t t;
	bool has[FIELDS];
	double v[FIELDS];
};

static struct model_point model[SERIES][SLOTS];
static unsigned model_count[SERIES];

static struct model_point *model_at(unsigned series, int64_t t)
{
	for (unsigned i = 0; i < model_count[series]; i++)
		if (model[series][i].t == t)
			return &model[series][i];
	cr_assert_lt(model_count[series], SLOTS);
	struct model_point *p = &model[series][model_count[series]++];
	*p = (struct model_point){ .t = t };
	return p;
}

/* A line with some of the fields; the model gets the same. */
static void add_point(struct buf *b, unsigned series, int64_t t)
{
	struct model_point *p = model_at(series, t);
	unsigned which = 1 + (unsigned)rnd(7);
	bool first = true;

	buf_printf(b, "m,a=%u,host=h%u ", series, series % 2);
	for (unsigned f = 0; f < FIELDS; f++) {
		if (!(which >> f & 1))
			continue;
		double v = f == 0 ? (rnd(3) ? (double)rnd(100000) / 100 : (double)rnd(UINT64_MAX) / 3e10)
		    : f == 1	  ? (double)(int64_t)rnd(2000) - 1000
				  : (double)rnd(2);
		p->has[f] = true;
		p->v[f] = v;
		buf_str(b, first ? "" : ",");
		first = false;
		if (f == 0) {
			buf_str(b, "f=");
			buf_double(b, v);
		} else if (f == 1) {
			buf_printf(b, "i=%lldi", (long long)v);
		} else {
			buf_printf(b, "b=%s", v != 0 ? "true" : "false");
		}
	}
	buf_printf(b, " %lld\n", (long long)t);
}

static void write_some(struct stand *s, unsigned points)
{
	struct buf b;
	int64_t at = BASE_NS + (int64_t)rnd(SPAN_NS / NS_PER_S) * NS_PER_S;

	buf_init(&b, 1 << 20);
	for (unsigned i = 0; i < points; i++) {
		/* mostly one after the other, sometimes anywhere, sometimes the same again */
		if (rnd(10) == 0)
			at = BASE_NS + (int64_t)rnd(SPAN_NS / NS_PER_S) * NS_PER_S;
		else if (rnd(10))
			at += (int64_t)rnd(60) * NS_PER_S;
		if (at >= BASE_NS + SPAN_NS)
			at = BASE_NS;
		add_point(&b, (unsigned)rnd(SERIES), at);
	}
	buf_char(&b, 0);
	cr_assert(!b.failed);
	stand_write(s, b.p);
	buf_fini(&b);
}

static struct read_cell model_cell(unsigned series, unsigned field, int64_t from, int64_t to)
{
	struct read_cell c = { 0 };

	for (unsigned i = 0; i < model_count[series]; i++) {
		const struct model_point *p = &model[series][i];
		if (!p->has[field] || p->t < from || p->t >= to)
			continue;
		if (c.count++ == 0) {
			c.sum = c.min = c.max = c.first = c.last = p->v[field];
			c.first_ns = c.last_ns = p->t;
			continue;
		}
		c.sum += p->v[field];
		c.min = fmin(c.min, p->v[field]);
		c.max = fmax(c.max, p->v[field]);
		if (p->t < c.first_ns) {
			c.first = p->v[field];
			c.first_ns = p->t;
		}
		if (p->t > c.last_ns) {
			c.last = p->v[field];
			c.last_ns = p->t;
		}
	}
	return c;
}

static void check_cell(const struct read_cell *got, const struct read_cell *want, const char *where)
{
	cr_assert_eq(got->count, want->count, "%s: count %llu, not %llu", where, (unsigned long long)got->count,
	    (unsigned long long)want->count);
	if (want->count == 0)
		return;
	cr_assert_eq(got->min, want->min, "%s: min %.17g, not %.17g", where, got->min, want->min);
	cr_assert_eq(got->max, want->max, "%s: max %.17g, not %.17g", where, got->max, want->max);
	cr_assert_eq(got->first, want->first, "%s: first %.17g, not %.17g", where, got->first, want->first);
	cr_assert_eq(got->last, want->last, "%s: last %.17g, not %.17g", where, got->last, want->last);
	cr_assert_eq(got->first_ns, want->first_ns, "%s: time of first", where);
	cr_assert_eq(got->last_ns, want->last_ns, "%s: time of last", where);
	cr_assert_leq(fabs(got->sum - want->sum), 1e-12 * (fabs(want->sum) + fabs(want->max)) + 1e-300,
	    "%s: sum %.17g, not %.17g", where, got->sum, want->sum);
}

static void check_read(struct stand *s, int64_t from, int64_t to, int64_t step, const char *stage)
{
	struct read_request q = {
		.database = "metrics", .measurement = "m", .from_ns = from, .to_ns = to, .step_ns = step
	};
	struct read_result r;
	const struct read_cell none = { 0 };

	read_result_init(&r, &q);
	cr_assert_eq(local_read(s->local, &q, &r, &eb), ERR_OK, "%s", eb.text);
	cr_assert(r.complete, "%s: %s", stage, r.reason);
	for (unsigned k = 0; k < SERIES; k++) {
		const struct read_group *g = NULL;
		char a[4];
		snprintf(a, sizeof a, "%u", k);
		for (unsigned i = 0; i < r.group_count; i++)
			if (!strcmp(read_group_tag(&r.groups[i], "a"), a))
				g = &r.groups[i];
		for (unsigned f = 0; f < FIELDS; f++) {
			const struct read_column *col = g ? read_group_column(g, field_names[f]) : NULL;
			for (unsigned i = 0; i < r.buckets; i++) {
				int64_t begin = r.first_bucket_ns + i * step, end = begin + step;
				char where[160];
				struct read_cell want = model_cell(
				    k, f, begin > from ? begin : from, end < to ? end : to);
				snprintf(where, sizeof where, "%s: a=%u %s bucket %u of %lld s from %lld", stage, k,
				    field_names[f], i, (long long)(step / NS_PER_S), (long long)(from / NS_PER_S));
				check_cell(col ? &col->cells[i] : &none, &want, where);
			}
		}
	}
	read_result_fini(&r);
}

static void check_all(struct stand *s, const char *stage)
{
	int64_t whole = BASE_NS + SPAN_NS, odd = 1234567891;

	check_read(s, BASE_NS, whole, TIER_HOUR_NS, stage);
	check_read(s, BASE_NS, whole, TIER_DAY_NS, stage);
	check_read(s, BASE_NS + odd * 7000, whole - odd * 5000, TIER_HOUR_NS, stage);
	check_read(s, BASE_NS + odd, whole - odd, TIER_DAY_NS, stage);
	check_read(s, BASE_NS + odd * 3000, BASE_NS + odd * 20000, 600 * NS_PER_S, stage);
	check_read(s, BASE_NS, whole, 7 * TIER_HOUR_NS, stage);
}

Test(compactor, reads_equal_a_naive_model_whatever_is_compacted)
{
	struct stand_opts o = { .compactor = true, .retention_ns = 0 };
	struct stand s;

	stand_open(&s, &o);
	write_some(&s, 1500);
	check_all(&s, "all in memory");
	stand_compact(&s);
	check_all(&s, "all compacted");
	for (int round = 0; round < 4; round++) {
		write_some(&s, 200);
		check_all(&s, "late points in memory");
		if (round % 2) {
			stand_close(&s);
			stand_reopen(&s, &o);
			check_all(&s, "after a restart");
		}
		stand_compact(&s);
		check_all(&s, "late points compacted");
	}
	struct read_request q = { .database = "metrics",
		.measurement = "m",
		.from_ns = BASE_NS,
		.to_ns = BASE_NS + SPAN_NS,
		.step_ns = TIER_DAY_NS };
	struct read_result r;
	read_result_init(&r, &q);
	cr_assert_eq(local_read(s.local, &q, &r, &eb), ERR_OK);
	cr_assert_str_eq(r.tier, "1d");
	read_result_fini(&r);
	stand_remove(&s);
}

static uint64_t count_rows(const char *path, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *st;

	cr_assert_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
	cr_assert_eq(sqlite3_step(st), SQLITE_ROW);
	uint64_t n = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

Test(compactor, the_head_drops_to_the_spool_and_is_compacted_from_there)
{
	struct stand_opts o = { .compactor = true, .head_bytes = 1 << 20 };
	struct stand s;

	stand_open(&s, &o);
	for (int i = 0; i < 10; i++)
		write_some(&s, 300);
	check_all(&s, "a small head");
	stand_compact(&s);
	check_all(&s, "a small head, compacted");
	cr_assert_eq(count_rows(s.store_path, "SELECT count(*) FROM piece"), 0);
	cr_assert_gt(count_rows(s.store_path, "SELECT count(*) FROM block"), 0);
	stand_remove(&s);
}

Test(compactor, rows_leave_the_spool_only_when_compacted_and_delivered)
{
	struct stand_opts o = { .compactor = true };
	struct stand s;

	stand_open(&s, &o);
	committer_set_delivered(s.committer, 0);
	for (int i = 0; i < 200; i++) /* several extents */
		stand_write(&s, "m,a=1 f=1 1795000000000000000\n");
	stand_compact(&s);
	cr_assert_eq(count_rows(s.path, "SELECT count(*) FROM spool"), 200);
	committer_set_delivered(s.committer, 100);
	stand_compact(&s);
	cr_assert_eq(count_rows(s.path, "SELECT min(seq) FROM spool"), 65);
	cr_assert_eq(count_rows(s.path, "SELECT count(*) FROM gap"), 0);
	committer_set_delivered(s.committer, UINT64_MAX);
	stand_compact(&s);
	cr_assert_eq(count_rows(s.path, "SELECT count(*) FROM spool"), 200 % 64);
	stand_remove(&s);
}

Test(compactor, raw_rows_leave_with_their_retention_and_rollups_stay)
{
	int64_t now = clock_wall_ns(), old = (now - 10 * TIER_DAY_NS) / TIER_DAY_NS * TIER_DAY_NS;
	struct stand_opts o = { .compactor = true,
		.keep_ns = { 2 * TIER_DAY_NS, 400 * TIER_DAY_NS, 400 * TIER_DAY_NS, 400 * TIER_DAY_NS } };
	struct stand s;
	struct buf b;

	stand_open(&s, &o);
	buf_init(&b, 1 << 20);
	for (int i = 0; i < 4 * 360; i++)
		buf_printf(&b, "m,a=1 i=%di %lld\n", i, (long long)(old + i * 10 * NS_PER_S));
	buf_char(&b, 0);
	stand_write(&s, b.p);
	buf_fini(&b);
	stand_compact(&s); /* retention comes after merging, so all happens in one round but the minutes' own merge */
	stand_compact(&s);
	cr_assert_eq(count_rows(s.store_path, "SELECT count(*) FROM block WHERE id >> 61 = 0"), 0);
	cr_assert_eq(count_rows(s.store_path, "SELECT sum(points) FROM block WHERE id >> 61 = 1"), 240);
	cr_assert_eq(count_rows(s.store_path, "SELECT sum(points) FROM block WHERE id >> 61 = 2"), 4);
	struct stand_total t = stand_total(&s, "m", "i", old, old + TIER_DAY_NS);
	cr_assert_eq(t.count, 4 * 360);
	cr_assert_eq(t.sum, 1439 * 1440 / 2);
	/* what comes now for those windows is too late, and counted */
	struct read_request q = { .database = "metrics",
		.measurement = "m",
		.from_ns = old,
		.to_ns = old + TIER_HOUR_NS,
		.step_ns = 10 * NS_PER_S };
	struct read_result r;
	read_result_init(&r, &q);
	cr_assert_eq(local_read(s.local, &q, &r, &eb), ERR_OK);
	cr_assert(!r.complete, "raw rows are gone, a step of 10 s cannot be answered");
	read_result_fini(&r);
	stand_remove(&s);
}

Test(compactor, at_the_ceiling_the_oldest_raw_windows_go_first)
{
	struct stand_opts o = { .compactor = true, .max_bytes = 2 << 20 };
	struct stand s;
	struct buf b;

	stand_open(&s, &o);
	for (int w = 0; w < 6; w++) { /* noise that does not compress: about 600 kB a window */
		buf_init(&b, 16 << 20);
		for (int i = 0; i < 7200; i++) {
			buf_printf(&b, "m,a=1 ");
			for (int f = 0; f < 10; f++)
				buf_printf(
				    &b, "%si%d=%llui", f ? "," : "", f, (unsigned long long)(rnd(UINT64_MAX) >> 1));
			buf_printf(&b, " %lld\n", (long long)(BASE_NS + w * tier_window_ns(TIER_RAW) + i * NS_PER_S));
		}
		buf_char(&b, 0);
		stand_write(&s, b.p);
		buf_fini(&b);
		stand_compact(&s);
	}
	uint64_t first = count_rows(s.store_path, "SELECT min(id >> 41) FROM block WHERE id >> 61 = 0");
	cr_assert_gt(first, (uint64_t)tier_window(TIER_RAW, BASE_NS));
	cr_assert_eq(count_rows(s.store_path, "SELECT max(id >> 41) FROM block WHERE id >> 61 = 0"),
	    (uint64_t)tier_window(TIER_RAW, BASE_NS) + 5);
	struct store_totals t;
	store_totals(s.store, &t);
	cr_assert_leq(t.used_bytes, 2 << 20);
	cr_assert_leq(t.file_bytes, 3 << 20, "space is given back: %llu", (unsigned long long)t.file_bytes);
	cr_assert_eq(count_rows(s.store_path, "SELECT sum(points) FROM block WHERE id >> 61 = 2"), 12, "hours stay");
	stand_remove(&s);
}
