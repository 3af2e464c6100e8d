/* Each write, sync, truncation and removal of the store's files in turn fails while generations are flushed, places merged,
 * windows let go and pages given back: nothing acknowledged is lost or there twice, and the compactor recovers by itself. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counter.h"
#include "store/aside.h"
#include "store/series_store.h"
#include "support/damage.h"
#include "support/fault_vfs.h"
#include "support/model.h"

enum { STEPS_MAX = 2000, OLD_POINTS = 30 };

static struct stand st;
static struct stand_opts opts = { .compactor = true };
static char spool[96], store[96]; /* as they are before each try */
static struct errbuf eb;

/* Most is in blocks, late points in the spool alone, and some of another measurement is past its retention. */
static void begin(void)
{
	char line[100];

	fault_vfs_install();
	model_begin(5);
	for (int t = 0; t < (int)TIERS; t++) /* a retention, though all of the model lies within it */
		opts.keep_ns[t] = 400 * TIER_DAY_NS;
	stand_open(&st, &(struct stand_opts){ .compactor = true });
	snprintf(spool, sizeof spool, "%s/spool.before", st.dir);
	snprintf(store, sizeof store, "%s/store.before", st.dir);
	model_write(&st, 600);
	for (int i = 0; i < OLD_POINTS; i++) {
		snprintf(line, sizeof line, "old v=%d %lld\n", i, (long long)(1000 * TIER_DAY_NS + i * TIER_HOUR_NS));
		stand_write(&st, line);
	}
	stand_compact(&st);
	for (int i = 0; i < 12; i++) /* each begins anywhere */
		model_write(&st, 3);
	stand_close(&st);
	damage_copy(st.path, spool);
	damage_copy(st.store_path, store);
}

static void end(void)
{
	fault_vfs_set(NULL);
	damage_remove_folder(st.dir);
}

TestSuite(store_bad_disk, .init = begin, .fini = end, .timeout = 300);

static void lay_out(void)
{
	damage_lay_out(spool, st.path);
	damage_lay_out(store, st.store_path);
	fault_vfs_forget();
}

static enum compactor_state force(void)
{
	struct compactor_stats c;

	cr_assert(compactor_wait(st.compactor, compactor_force(st.compactor), clock_mono_ns() + 60 * NS_PER_S));
	compactor_stats(st.compactor, &c);
	cr_assert(c.state != COMPACTOR_FAILING || *c.error);
	return c.state;
}

struct scene {
	const char *name;
	unsigned kinds;
	const char *suffix;
	uint64_t times;
	int code;
	unsigned stride;
};

static const struct scene scenes[] = {
	{ "one sync", 1U << FAULT_SYNC, NULL, 1, SQLITE_IOERR_FSYNC, 1 },
	{ "two syncs", 1U << FAULT_SYNC, NULL, 2, SQLITE_IOERR_FSYNC, 3 },
	{ "one sync of the file", 1U << FAULT_SYNC, "store.db", 1, SQLITE_IOERR_FSYNC, 1 },
	{ "a sync and what follows it", 1U << FAULT_SYNC | 1U << FAULT_OPEN | 1U << FAULT_TRUNCATE, "-wal", 2,
	    SQLITE_IOERR_FSYNC, 3 },
	{ "one write", 1U << FAULT_WRITE, NULL, 1, SQLITE_IOERR_WRITE, 11 },
	{ "three writes", 1U << FAULT_WRITE, "store.db-wal", 3, SQLITE_IOERR_WRITE, 13 },
	{ "full at a write", 1U << FAULT_WRITE, NULL, 1, SQLITE_FULL, 17 },
	{ "one truncation", 1U << FAULT_TRUNCATE, NULL, 1, SQLITE_IOERR_TRUNCATE, 1 },
	{ "one removal", 1U << FAULT_DELETE, NULL, 1, SQLITE_IOERR_DELETE, 1 },
};

static void run(const struct scene *sc, bool reader, uint64_t nth, uint64_t *failed)
{
	struct fault f = { .kinds = sc->kinds, .suffix = sc->suffix, .nth = nth, .times = sc->times, .code = sc->code };
	char situation[128];

	snprintf(situation, sizeof situation, "%s, number %llu, %s", sc->name, (unsigned long long)nth,
	    reader ? "beside a reader" : "alone");
	lay_out();
	stand_reopen(&st, &opts);
	if (reader) /* its connections stay open, and with them the index of the log */
		model_check_read(&st, MODEL_BASE_NS, MODEL_BASE_NS + MODEL_SPAN_NS, TIER_DAY_NS, situation);
	fault_vfs_set(&f);
	for (int i = 0; i < 4 && force() == COMPACTOR_FAILING; i++)
		if (reader)
			model_check_read(&st, MODEL_BASE_NS, MODEL_BASE_NS + MODEL_SPAN_NS, TIER_HOUR_NS, situation);
	*failed = fault_vfs_failed();
	fault_vfs_set(NULL);
	stand_compact(&st); /* does not fail any more */
	model_check(&st, situation);
	struct store_totals t;
	struct spool_totals p;
	store_totals(st.store, &t);
	spool_totals(st.spool, &p);
	cr_assert_eq(t.compacted_seq, p.last_seq, "%s", situation);
	cr_assert_not(aside_is_marked(st.store_path), "%s: a failing disk is no damage", situation);
	stand_close(&st);
	damage_check_whole(st.store_path, situation);
	stand_reopen(&st, &opts);
	model_check(&st, situation);
	stand_close(&st);
}

Test(store_bad_disk, each_call_that_fails_in_turn_loses_nothing)
{
	for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++) {
		uint64_t failed = 1, nth = 1, tries = 0;
		for (; failed && nth < STEPS_MAX; nth += scenes[i].stride, tries++)
			run(&scenes[i], tries & 1, nth, &failed);
		cr_assert(
		    tries > 1 || scenes[i].kinds & (1U << FAULT_TRUNCATE | 1U << FAULT_DELETE), "%s", scenes[i].name);
		cr_assert_eq(failed, 0, "%s", scenes[i].name);
	}
}

Test(store_bad_disk, a_sync_that_failed_has_the_file_opened_anew)
{
	struct fault f = {
		.kinds = 1U << FAULT_SYNC, .suffix = "store.db-wal", .nth = 1, .times = 1, .code = SQLITE_IOERR_FSYNC
	};
	uint64_t reopened = counter_get(COUNTER_STORE_REOPENED);

	lay_out();
	stand_reopen(&st, &opts);
	fault_vfs_set(&f);
	cr_assert_eq(force(), COMPACTOR_FAILING);
	cr_assert_eq(force(), COMPACTOR_IDLE);
	cr_assert_eq(counter_get(COUNTER_STORE_REOPENED), reopened + 1);
	stand_close(&st);
}

Test(store_bad_disk, a_disk_that_stays_bad_is_told_and_writes_go_on)
{
	struct fault f = { .kinds = 1U << FAULT_SYNC,
		.suffix = "store.db-wal",
		.nth = 1,
		.times = UINT64_MAX,
		.code = SQLITE_IOERR_FSYNC };

	lay_out();
	stand_reopen(&st, &opts);
	fault_vfs_set(&f);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(force(), COMPACTOR_FAILING);
		model_write(&st, 3);
		model_check(&st, "while it fails");
	}
	fault_vfs_set(NULL);
	stand_compact(&st);
	model_check(&st, "afterwards");
	stand_close(&st);
}

/* ---- blocks whose bytes are not what was written, pages being well ---- */

/* The k-th raw block of the model; the window it is in. */
static int64_t change_bytes(unsigned k, bool whole)
{
	sqlite3 *db;
	sqlite3_stmt *q;
	char sql[200];

	cr_assert_eq(sqlite3_open_v2(st.store_path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	snprintf(sql, sizeof sql,
	    "SELECT id, id >> 41 & 1048575 FROM block WHERE id >> 61 = 0 AND min_ns >= %lld ORDER BY id LIMIT 1 OFFSET %u",
	    (long long)MODEL_BASE_NS, k);
	cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_step(q), SQLITE_ROW);
	int64_t id = sqlite3_column_int64(q, 0), window = sqlite3_column_int64(q, 1);
	sqlite3_finalize(q);
	sqlite3_blob *blob;
	unsigned char byte;
	cr_assert_eq(sqlite3_blob_open(db, "main", "block", "data", id, 1, &blob), SQLITE_OK);
	int at = whole ? 20 : sqlite3_blob_bytes(blob) - 1; /* in the directory, in the last column */
	cr_assert_eq(sqlite3_blob_read(blob, &byte, 1, at), SQLITE_OK);
	byte ^= 0x10;
	cr_assert_eq(sqlite3_blob_write(blob, &byte, 1, at), SQLITE_OK);
	sqlite3_blob_close(blob);
	sqlite3_close(db);
	return window;
}

enum { BAD = 6 };

static void damaged_blocks_are_stepped_over(bool whole)
{
	uint64_t bad = counter_get(COUNTER_STORE_DAMAGED_BLOCKS), lost = counter_get(COUNTER_STORE_LOST_POINTS);
	int64_t from = MODEL_BASE_NS + 1, to = MODEL_BASE_NS + MODEL_SPAN_NS - 1, windows[BAD];
	struct compactor_stats c;
	char line[100];

	lay_out();
	for (unsigned k = 0; k < BAD; k++)
		windows[k] = change_bytes(k * 3, whole);
	stand_reopen(&st, &opts);
	struct stand_total before = stand_total(&st, "m", "f", from, to);
	cr_assert_not(before.complete);
	for (unsigned k = 0; k < BAD * MODEL_SERIES; k++) { /* late points of every series touch every block */
		snprintf(line, sizeof line, "m,a=%u,host=h%u f=1 %lld\n", k / BAD, k / BAD % 2,
		    (long long)(tier_window_start(TIER_RAW, windows[k % BAD]) + 12345));
		stand_write(&st, line);
	}
	stand_compact(&st);
	compactor_stats(st.compactor, &c);
	cr_assert_eq(c.pieces, 0, "no place is stuck");
	cr_assert_eq(c.skipped_places, 0);
	cr_assert_eq(counter_get(COUNTER_STORE_DAMAGED_BLOCKS), bad + BAD);
	cr_assert_gt(counter_get(COUNTER_STORE_LOST_POINTS), lost);
	cr_assert_not(aside_is_marked(st.store_path));
	struct stand_total after = stand_total(&st, "m", "f", from, to);
	cr_assert_not(after.complete, "the loss is a gap");
	cr_assert_geq(after.count, before.count + BAD * MODEL_SERIES);
	if (!whole)
		cr_assert_gt(after.count, before.count + BAD * MODEL_SERIES, "the other columns are there again");
	stand_close(&st);
}

Test(store_bad_disk, damaged_blocks_are_stepped_over_and_recorded)
{
	damaged_blocks_are_stepped_over(true);
}

Test(store_bad_disk, damaged_columns_cost_only_their_field)
{
	damaged_blocks_are_stepped_over(false);
}

/* ---- pages that cannot be read ---- */

Test(store_bad_disk, damaged_pages_stop_nothing_and_mark_the_file)
{
	static unsigned char noise[8192];
	unsigned marked = 0;

	for (uint64_t page = 4; page < (uint64_t)damage_size(store) / sizeof noise; page += 3) {
		struct compactor_stats c;
		char situation[64];
		snprintf(situation, sizeof situation, "page %llu", (unsigned long long)page);
		lay_out();
		int fd = open(st.store_path, O_RDWR);
		memset(noise, 0xa5, sizeof noise);
		cr_assert_eq(pwrite(fd, noise, sizeof noise, (off_t)(page * sizeof noise)), (ssize_t)sizeof noise);
		close(fd);
		struct store *s;
		enum err e = store_open(&s, st.store_path, &eb);
		cr_assert(e == ERR_OK || e == ERR_CORRUPT, "%s: %s", situation, eb.text);
		store_close(s);
		struct catalogue *names;
		cr_assert_eq(catalogue_new(&names, &(struct catalogue_opts){ 0 }, &eb), ERR_OK);
		if (e == ERR_OK && store_open(&s, st.store_path, &eb) == ERR_OK) {
			e = series_store_load(names, store_db(s), &eb);
			cr_assert(e == ERR_OK || e == ERR_CORRUPT, "%s: %s", situation, eb.text);
			store_close(s);
		}
		catalogue_free(names);
		if (e != ERR_OK) /* the start sets it aside */
			continue;
		stand_reopen(&st, &opts);
		model_check_subset(&st, situation);
		(void)force();
		compactor_stats(st.compactor, &c);
		model_check_subset(&st, situation);
		struct stand_total t = stand_total(&st, "m", "f", MODEL_BASE_NS + 1, MODEL_BASE_NS + MODEL_SPAN_NS - 1);
		if (c.skipped_places || c.state == COMPACTOR_FAILING || !t.complete) {
			cr_assert(aside_is_marked(st.store_path) || !t.complete, "%s", situation);
			marked += aside_is_marked(st.store_path);
		}
		stand_close(&st);
	}
	cr_assert_gt(marked, 0);
}
