/* Reads over head, spool, pieces, blocks and rollups against a naive model, with random data in random order. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "query/export.h"
#include "support/model.h"

static struct errbuf eb;

static void begin(void)
{
	model_begin(1);
}

TestSuite(compactor, .init = begin);

Test(compactor, reads_equal_a_naive_model_whatever_is_compacted)
{
	struct stand_opts o = { .compactor = true, .retention_ns = 0 };
	struct stand s;

	stand_open(&s, &o);
	model_write(&s, 1500);
	model_check(&s, "all in memory");
	stand_compact(&s);
	model_check(&s, "all compacted");
	for (int round = 0; round < 4; round++) {
		model_write(&s, 200);
		model_check(&s, "late points in memory");
		if (round % 2) {
			stand_close(&s);
			stand_reopen(&s, &o);
			model_check(&s, "after a restart");
		}
		stand_compact(&s);
		model_check(&s, "late points compacted");
	}
	struct read_request q = { .database = "metrics",
		.measurement = "m",
		.from_ns = MODEL_BASE_NS,
		.to_ns = MODEL_BASE_NS + MODEL_SPAN_NS,
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
		model_write(&s, 300);
	model_check(&s, "a small head");
	stand_compact(&s);
	model_check(&s, "a small head, compacted");
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
				buf_printf(&b, "%si%d=%llui", f ? "," : "", f,
				    (unsigned long long)(model_random(UINT64_MAX) >> 1));
			buf_printf(
			    &b, " %lld\n", (long long)(MODEL_BASE_NS + w * tier_window_ns(TIER_RAW) + i * NS_PER_S));
		}
		buf_char(&b, 0);
		stand_write(&s, b.p);
		buf_fini(&b);
		stand_compact(&s);
	}
	uint64_t first = count_rows(s.store_path, "SELECT min(id >> 41) FROM block WHERE id >> 61 = 0");
	cr_assert_gt(first, (uint64_t)tier_window(TIER_RAW, MODEL_BASE_NS));
	cr_assert_eq(count_rows(s.store_path, "SELECT max(id >> 41) FROM block WHERE id >> 61 = 0"),
	    (uint64_t)tier_window(TIER_RAW, MODEL_BASE_NS) + 5);
	struct store_totals t;
	store_totals(s.store, &t);
	cr_assert_leq(t.used_bytes, 2 << 20);
	cr_assert_leq(t.file_bytes, 3 << 20, "space is given back: %llu", (unsigned long long)t.file_bytes);
	cr_assert_eq(count_rows(s.store_path, "SELECT sum(points) FROM block WHERE id >> 61 = 2"), 12, "hours stay");
	stand_remove(&s);
}

struct exported {
	uint64_t points, bytes;
};

static bool count_strings(
    void *arg, const struct series *s, int64_t time_ns, const struct batch_value *values, uint32_t count)
{
	struct exported *x = arg;

	(void)s;
	(void)time_ns;
	x->points++;
	for (uint32_t i = 0; i < count; i++)
		x->bytes += values[i].len;
	return true;
}

Test(compactor, long_strings_of_one_series_fill_several_blocks_and_are_read_with_little_memory)
{
	enum { POINTS = 400, LENGTH = 60000 };
	struct stand s;
	struct store_tier_totals totals[TIERS];
	struct exported x = { 0 };
	const struct export_sink sink = { .point = count_strings, .arg = &x };
	const struct export_request q = { .database = "metrics", .from_ns = INT64_MIN, .to_ns = INT64_MAX };
	bool complete = false;
	struct local *local;
	struct buf b;

	stand_open(&s, &(struct stand_opts){ .compactor = true });
	buf_init(&b, 4 << 20);
	for (int i = 0; i < POINTS; i++) {
		buf_str(&b, "log,host=a v=\"");
		for (int k = 0; k < LENGTH; k++)
			buf_char(&b, (char)('a' + model_random(26)));
		buf_printf(&b, "\",n=%di %lld\n", i, (long long)(MODEL_BASE_NS + i * NS_PER_S));
		if (i % 40 == 39) {
			buf_char(&b, 0);
			stand_write(&s, b.p);
			buf_clear(&b);
		}
	}
	cr_assert(!b.failed);
	buf_fini(&b);
	stand_compact(&s);
	cr_assert_eq(store_reader_totals(store_own_reader(s.store), totals, &eb), ERR_OK);
	cr_assert_eq(totals[TIER_RAW].points, POINTS);
	cr_assert_geq(totals[TIER_RAW].blocks, POINTS * LENGTH / (4 << 20));
	struct local_opts lo = { s.head, s.catalogue, s.path, s.store_path, 12 << 20 };
	cr_assert_eq(local_new(&local, &lo, &eb), ERR_OK);
	cr_assert_eq(local_export(local, &q, &sink, &complete, &eb), ERR_OK, "%s", eb.text);
	cr_assert(complete, "%s", eb.text);
	cr_assert_eq(x.points, POINTS);
	cr_assert_eq(x.bytes, (uint64_t)POINTS * LENGTH);
	local_free(local);
	stand_remove(&s);
}
