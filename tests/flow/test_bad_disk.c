/* Each write, sync, truncation and removal of the spool's files in turn fails, or ends the process: every acknowledged
 * point is there afterwards, and each refusal was told. Points are one a request, v = its number. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counter.h"
#include "support/damage.h"
#include "support/fault_vfs.h"
#include "support/stand.h"

enum { REQUESTS = 30, WIDE = 6000, STEPS_MAX = 3000 };

static struct stand st;
static struct stand_opts opts = { .probe_ns = NS_PER_MS };
static bool acked[REQUESTS];
static char *text;

static void begin(void)
{
	fault_vfs_install();
	text = malloc(WIDE * 2);
	memset(acked, 0, sizeof acked);
}

static void end(void)
{
	fault_vfs_set(NULL);
	free(text);
}

TestSuite(bad_disk, .init = begin, .fini = end, .timeout = 300);

/* About WIDE bytes that do not compress, so that the log passes several checkpoints. */
static const char *line(unsigned i)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-";
	uint64_t x = i + 1;
	int n = snprintf(text, WIDE, "m v=%ui,s=\"", i);

	for (int j = 0; j < WIDE; j++) {
		x = x * 6364136223846793005U + 1442695040888963407U;
		text[n++] = digits[x >> 58];
	}
	snprintf(text + n, 64, "\" %u\n", i + 1);
	return text;
}

/* The load: some requests, a cursor between them. Refusals must be one of those that say “try again”. */
static enum err move_cursor(struct spool *s, void *arg, struct errbuf *eb)
{
	char sql[100];

	snprintf(sql, sizeof sql, "INSERT OR REPLACE INTO cursor (target, seq, points) VALUES ('t', %u, 0)",
	    *(unsigned *)arg);
	return sqlite3_exec(spool_db(s), sql, NULL, NULL, NULL) == SQLITE_OK ? ERR_OK
									     : errbuf_set(eb, ERR_IO, "cursor");
}

static unsigned write_load(void (*told)(unsigned i))
{
	unsigned refused = 0;
	char message[1024];
	struct errbuf eb;

	for (unsigned i = 0; i < REQUESTS; i++) {
		enum err e = stand_try(&st, "metrics", 1, line(i), message);
		acked[i] = e == ERR_OK;
		if (e == ERR_OK && told)
			told(i);
		if (e != ERR_OK) {
			cr_assert(e == ERR_IO || e == ERR_FULL, "%s: %s", err_name(e), message);
			cr_assert(*message);
			refused++;
		}
		if (i % 10 == 9 && committer_call(st.committer, move_cursor, &i, &eb) != ERR_OK)
			cr_assert(*eb.text);
	}
	return refused;
}

/* Each acknowledged point exactly as written, by a spool opened anew; the file whole. */
static void verify(const char *situation)
{
	struct spool_reader *r;
	struct spool_row row;
	struct errbuf eb;
	bool have[REQUESTS] = { false };

	cr_assert_eq(spool_reader_open(&r, st.path, &eb), ERR_OK, "%s: %s", situation, eb.text);
	for (uint64_t seq = 0;; seq = row.seq) {
		enum err e = spool_reader_next(r, seq, &row, &eb);
		if (e == ERR_NOTFOUND)
			break;
		cr_assert_eq(e, ERR_OK, "%s: %s", situation, eb.text);
		for (const char *p = row.payload.p; p < row.payload.p + row.payload.len;) {
			const char *end = memchr(p, '\n', (size_t)(row.payload.p + row.payload.len - p));
			unsigned i = (unsigned)strtoul(p + 4, NULL, 10);
			cr_assert(end && i < REQUESTS, "%s", situation);
			line(i);
			cr_assert(strlen(text) == (size_t)(end + 1 - p) && !memcmp(p, text, strlen(text)),
			    "%s: point %u is not what was written", situation, i);
			have[i] = true;
			p = end + 1;
		}
	}
	for (unsigned i = 0; i < REQUESTS; i++)
		cr_assert(!acked[i] || have[i], "%s: point %u was acknowledged and is gone", situation, i);
	spool_reader_close(r);
	damage_check_whole(st.path, situation);
}

/* ---- calls that fail ---- */

struct scene {
	const char *name;
	unsigned kinds;
	const char *suffix;
	uint64_t times;
	int code;
};

static const struct scene failures[] = {
	{ "one sync", 1U << FAULT_SYNC, NULL, 1, SQLITE_IOERR_FSYNC },
	{ "two syncs", 1U << FAULT_SYNC, NULL, 2, SQLITE_IOERR_FSYNC },
	{ "one sync of the log", 1U << FAULT_SYNC, "-wal", 1, SQLITE_IOERR_FSYNC },
	{ "a sync and what follows it", 1U << FAULT_SYNC | 1U << FAULT_OPEN | 1U << FAULT_TRUNCATE, NULL, 2,
	    SQLITE_IOERR_FSYNC },
	{ "a sync and much that follows it", 1U << FAULT_SYNC | 1U << FAULT_OPEN | 1U << FAULT_WRITE, NULL, 4,
	    SQLITE_IOERR },
	{ "one write", 1U << FAULT_WRITE, NULL, 1, SQLITE_IOERR_WRITE },
	{ "three writes", 1U << FAULT_WRITE, NULL, 3, SQLITE_IOERR_WRITE },
	{ "full at a write", 1U << FAULT_WRITE, NULL, 1, SQLITE_FULL },
	{ "one truncation", 1U << FAULT_TRUNCATE, NULL, 1, SQLITE_IOERR_TRUNCATE },
	{ "one removal", 1U << FAULT_DELETE, NULL, 1, SQLITE_IOERR_DELETE },
};

static bool is_writable(void)
{
	struct committer_stats s;

	committer_stats(st.committer, &s);
	cr_assert(s.writable || *s.error);
	return s.writable;
}

static void run_failure(const struct scene *sc, bool reader, uint64_t nth, uint64_t *failed)
{
	struct fault f = { .kinds = sc->kinds, .suffix = sc->suffix, .nth = nth, .times = sc->times, .code = sc->code };
	struct spool_reader *r = NULL;
	char situation[128];
	struct errbuf eb;

	snprintf(situation, sizeof situation, "%s, number %llu, %s", sc->name, (unsigned long long)nth,
	    reader ? "beside a reader" : "alone");
	stand_open(&st, &opts);
	if (reader) /* holds the index: the log is not recovered when the file is opened anew */
		cr_assert_eq(spool_reader_open(&r, st.path, &eb), ERR_OK);
	fault_vfs_set(&f);
	unsigned refused = write_load(NULL);
	*failed = fault_vfs_failed();
	cr_assert(refused <= *failed, "%s: %u refused", situation, refused);
	fault_vfs_set(NULL);
	for (int64_t until = clock_mono_ns() + 20 * NS_PER_S; !is_writable();)
		cr_assert(clock_mono_ns() < until, "%s: it does not recover by itself", situation);
	struct stand_total t = stand_total(&st, "m", "v", 0, 1000);
	unsigned count = 0;
	for (unsigned i = 0; i < REQUESTS; i++)
		count += acked[i];
	cr_assert(t.count >= count, "%s: %llu of %u can be read", situation, (unsigned long long)t.count, count);
	spool_reader_close(r);
	stand_close(&st);
	verify(situation);
	stand_reopen(&st, &opts);
	cr_assert_geq(st.recovered, count);
	stand_remove(&st);
	fault_vfs_forget();
}

Test(bad_disk, each_call_that_fails_in_turn_loses_nothing_acknowledged)
{
	for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
		uint64_t failed = 1, nth = 1;
		for (; failed && nth < STEPS_MAX; nth += failures[i].kinds == 1U << FAULT_WRITE && nth > 40 ? 7 : 1)
			run_failure(&failures[i], nth & 1, nth, &failed);
		cr_assert(
		    nth > 2 || failures[i].kinds & (1U << FAULT_TRUNCATE | 1U << FAULT_DELETE), "%s", failures[i].name);
		cr_assert_eq(failed, 0, "%s", failures[i].name);
	}
}

Test(bad_disk, a_group_whose_sync_failed_is_written_again_and_acknowledged)
{
	struct fault f = {
		.kinds = 1U << FAULT_SYNC, .suffix = "-wal", .nth = 1, .times = 1, .code = SQLITE_IOERR_FSYNC
	};
	uint64_t reopened = counter_get(COUNTER_SPOOL_REOPENED), refused = counter_get(COUNTER_REFUSED_STORE_ERROR);

	stand_open(&st, &opts);
	stand_write(&st, "m v=1 1\n");
	fault_vfs_set(&f);
	stand_write(&st, "m v=2 2\n");
	cr_assert_eq(fault_vfs_failed(), 1);
	cr_assert_eq(counter_get(COUNTER_SPOOL_REOPENED), reopened + 1);
	cr_assert_eq(counter_get(COUNTER_REFUSED_STORE_ERROR), refused);
	cr_assert_eq(stand_total(&st, "m", "v", 0, 10).count, 2);
	struct spool_totals t;
	spool_totals(st.spool, &t);
	cr_assert_eq(t.rows, 2);
	stand_remove(&st);
	fault_vfs_forget();
}

/* The second sync that fails is that of the close: the log stays, and holds the refused group as if it were committed. */
Test(bad_disk, a_refused_group_that_the_log_still_holds_is_not_there_twice)
{
	struct fault f = {
		.kinds = 1U << FAULT_SYNC, .suffix = "-wal", .nth = 1, .times = 2, .code = SQLITE_IOERR_FSYNC
	};
	struct spool_totals t;

	stand_open(&st, &opts);
	stand_write(&st, "m v=1 1\n");
	fault_vfs_set(&f);
	stand_write(&st, "m v=2 2\n");
	cr_assert_eq(fault_vfs_failed(), 2);
	spool_totals(st.spool, &t);
	cr_assert_eq(t.rows, 2);
	cr_assert_eq(t.last_seq, 2);
	stand_close(&st);
	stand_reopen(&st, &opts);
	cr_assert_eq(st.recovered, 2);
	stand_remove(&st);
	fault_vfs_forget();
}

Test(bad_disk, a_disk_that_stays_bad_refuses_with_its_reason_and_recovers_by_itself)
{
	struct fault f = { .kinds = 1U << FAULT_SYNC, .nth = 1, .times = UINT64_MAX, .code = SQLITE_IOERR_FSYNC };
	struct committer_stats s;
	char message[1024];

	stand_open(&st, &opts);
	stand_write(&st, "m v=1 1\n");
	fault_vfs_set(&f);
	cr_assert_eq(stand_try(&st, "metrics", 1, "m v=2 2\n", message), ERR_IO);
	cr_assert(strstr(message, "I/O error"), "%s", message);
	committer_stats(st.committer, &s);
	cr_assert_not(s.writable);
	cr_assert(strstr(s.error, "I/O error"), "%s", s.error);
	cr_assert_eq(stand_total(&st, "m", "v", 0, 10).count, 1); /* reads go on */
	uint64_t tries = fault_vfs_failed();
	for (int64_t until = clock_mono_ns() + 20 * NS_PER_S; fault_vfs_failed() < tries + 2;)
		cr_assert(clock_mono_ns() < until, "nothing probes it");
	fault_vfs_set(NULL);
	for (int64_t until = clock_mono_ns() + 20 * NS_PER_S; !is_writable();)
		cr_assert(clock_mono_ns() < until, "it does not recover by itself");
	stand_write(&st, "m v=3 3\n");
	stand_close(&st);
	stand_reopen(&st, &opts);
	cr_assert_geq(st.recovered, 2);
	stand_remove(&st);
	fault_vfs_forget();
}

/* ---- too little room ---- */

static _Atomic uint64_t room;

static bool measure(void *arg, const char *path, uint64_t *free_bytes)
{
	(void)arg;
	(void)path;
	*free_bytes = room;
	return true;
}

Test(bad_disk, below_the_reserve_writes_are_refused_and_all_else_goes_on)
{
	struct disk_space_opts d = { .reserve_bytes = 64 << 20, .measure = measure };
	struct stand_opts o = { .spool_max_bytes = 1 << 20 };
	uint64_t refused = counter_get(COUNTER_REFUSED_DISK_FULL);
	struct committer_stats s;
	char message[1024];
	struct errbuf eb;
	unsigned seq = 7;

	room = 1 << 30;
	cr_assert_eq(disk_space_new(&o.disk, "/somewhere", &d, &eb), ERR_OK);
	stand_open(&st, &o);
	stand_write(&st, "m v=1 1\n");
	room = 1 << 20;
	for (int64_t until = clock_mono_ns() + 20 * NS_PER_S;
	     stand_try(&st, "metrics", 1, "m v=1 1\n", message) == ERR_OK;)
		cr_assert(clock_mono_ns() < until, "it is never found out");
	cr_assert(strstr(message, "disk_full: 1.0 MiB are free"), "%s", message);
	cr_assert_eq(counter_get(COUNTER_REFUSED_DISK_FULL), refused + 1);
	committer_stats(st.committer, &s);
	cr_assert_not(s.writable);
	cr_assert(strstr(s.error, "disk_full"), "%s", s.error);
	cr_assert_eq(committer_call(st.committer, move_cursor, &seq, &eb), ERR_OK, "%s", eb.text); /* delivery */
	cr_assert_eq(stand_total(&st, "m", "v", 0, 10).count, 1); /* reads */
	room = 1 << 30;
	for (int64_t until = clock_mono_ns() + 20 * NS_PER_S;
	     stand_try(&st, "metrics", 1, "m v=2 2\n", message) != ERR_OK;)
		cr_assert(clock_mono_ns() < until, "it does not recover by itself");
	committer_stats(st.committer, &s);
	cr_assert(s.writable);
	stand_remove(&st);
	disk_space_free(o.disk);
}

/* Rows that are too old go though nobody writes, and what they held goes back to the file system. */
Test(bad_disk, below_the_reserve_old_rows_give_their_room_back)
{
	struct disk_space_opts d = { .reserve_bytes = 64 << 20, .measure = measure };
	struct stand_opts o = { .retention_ns = 3600 * NS_PER_S };
	struct spool_totals t, after;
	char message[1024];
	struct errbuf eb;

	room = 1 << 30;
	cr_assert_eq(disk_space_new(&o.disk, "/somewhere", &d, &eb), ERR_OK);
	stand_open(&st, NULL); /* no retention yet: the points are of 1970 */
	for (unsigned i = 0; i < 300; i++)
		stand_write(&st, line(i));
	stand_close(&st);
	stand_reopen(&st, &o);
	spool_totals(st.spool, &t);
	cr_assert_gt(t.file_bytes, 1 << 20);
	room = 0;
	for (int64_t until = clock_mono_ns() + 20 * NS_PER_S;
	     stand_try(&st, "metrics", 1, "m v=1i\n", message) != ERR_FULL; usleep(10000))
		cr_assert(clock_mono_ns() < until, "it is never found out");
	int64_t until = clock_mono_ns() + 30 * NS_PER_S;
	do {
		usleep(10000);
		cr_assert(clock_mono_ns() < until, "the file keeps %llu bytes", (unsigned long long)after.file_bytes);
		spool_totals(st.spool, &after);
	} while (after.file_bytes > t.file_bytes / 2);
	cr_assert_gt(after.first_seq, t.first_seq);
	stand_remove(&st);
	disk_space_free(o.disk);
}

static _Atomic bool stop_asking;

static void *ask(void *arg)
{
	struct spool_totals t;
	uint64_t last = 0;

	while (!stop_asking) {
		spool_totals(arg, &t);
		if (t.last_seq < last)
			return arg;
		last = t.last_seq;
	}
	return NULL;
}

Test(bad_disk, totals_are_there_for_other_threads_while_the_file_is_opened_anew)
{
	pthread_t thread;
	void *backward;

	stand_open(&st, &opts);
	pthread_create(&thread, NULL, ask, st.spool);
	for (unsigned i = 0; i < 20; i++) {
		struct fault f = { .kinds = 1U << FAULT_SYNC, .nth = 1, .times = 1, .code = SQLITE_IOERR_FSYNC };
		fault_vfs_set(&f);
		stand_write(&st, line(i));
	}
	stop_asking = true;
	pthread_join(thread, &backward);
	cr_assert_null(backward);
	stand_remove(&st);
	fault_vfs_forget();
}

/* ---- power loss and the end of the process ---- */

static int pipe_fd[2];

static void tell(unsigned i)
{
	unsigned char c = (unsigned char)i;

	if (write(pipe_fd[1], &c, 1) != 1)
		_exit(1);
}

/* The child writes the load until the fault ends it; what it was told came through a pipe. True: the fault came. */
static bool run_exit(const struct fault *f, const struct fault *first, const char *situation)
{
	unsigned char told[REQUESTS];
	int status;

	st = (struct stand){ .dir = "/tmp/holdfast-test-XXXXXX" };
	cr_assert(mkdtemp(st.dir) != NULL);
	snprintf(st.path, sizeof st.path, "%s/spool.db", st.dir);
	snprintf(st.store_path, sizeof st.store_path, "%s/store.db", st.dir);
	memset(acked, 0, sizeof acked);
	cr_assert_eq(pipe(pipe_fd), 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (!first)
			fault_vfs_set(f);
		stand_reopen(&st, &opts);
		if (first) { /* a sync fails first, then the power does */
			fault_vfs_set(first);
			stand_try(&st, "metrics", 1, "before v=1 1\n", (char[1024]){ "" });
			fault_vfs_set(f);
		}
		write_load(tell);
		stand_close(&st);
		_exit(0);
	}
	close(pipe_fd[1]);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	memset(acked, 0, sizeof acked);
	ssize_t n = read(pipe_fd[0], told, sizeof told);
	for (ssize_t i = 0; i < n; i++)
		acked[told[i]] = true;
	close(pipe_fd[0]);
	cr_assert(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == FAULT_EXIT_STATUS),
	    "%s: the writer ended with %d", situation, status);
	return WEXITSTATUS(status) == FAULT_EXIT_STATUS;
}

static void run_exits(unsigned kinds, enum fault_exit when, bool power, unsigned stride)
{
	bool came = true;
	uint64_t nth = 1;
	char situation[128];

	for (; came && nth < STEPS_MAX; nth += stride) {
		struct fault f = { .kinds = kinds, .nth = nth, .times = 1, .exit = when, .power = power };
		snprintf(situation, sizeof situation, "exit %d at call %llu of %#x%s", (int)when,
		    (unsigned long long)nth, kinds, power ? ", power lost" : "");
		came = run_exit(&f, NULL, situation);
		stand_reopen(&st, &opts);
		stand_write(&st, "after v=1 1\n");
		stand_close(&st);
		struct spool *s;
		struct errbuf eb;
		cr_assert_eq(spool_open(&s, st.path, &eb), ERR_OK);
		cr_assert_eq(sqlite3_exec(spool_db(s), "DELETE FROM spool WHERE seq = (SELECT max(seq) FROM spool)",
				 NULL, NULL, NULL),
		    SQLITE_OK);
		spool_close(s);
		verify(situation);
		stand_remove(&st);
		fault_vfs_forget();
	}
	cr_assert(nth > stride + 1);
	cr_assert_not(came);
}

Test(bad_disk, the_process_may_end_before_or_after_any_sync)
{
	run_exits(1U << FAULT_SYNC, FAULT_EXIT_BEFORE, false, 1);
	run_exits(1U << FAULT_SYNC, FAULT_EXIT_AFTER, false, 1);
}

Test(bad_disk, the_process_may_end_within_any_write)
{
	run_exits(1U << FAULT_WRITE, FAULT_EXIT_HALF, false, 3);
	run_exits(1U << FAULT_TRUNCATE | 1U << FAULT_DELETE, FAULT_EXIT_BEFORE, false, 1);
	run_exits(1U << FAULT_TRUNCATE | 1U << FAULT_DELETE, FAULT_EXIT_AFTER, false, 1);
}

Test(bad_disk, power_may_be_lost_at_any_sync_and_write)
{
	run_exits(1U << FAULT_SYNC, FAULT_EXIT_BEFORE, true, 1);
	run_exits(1U << FAULT_SYNC, FAULT_EXIT_AFTER, true, 1);
	run_exits(1U << FAULT_WRITE, FAULT_EXIT_HALF, true, 3);
}

/* What “fsyncgate” is about: a later sync says yes, and the pages of the one that failed are gone. */
static void lose_power_behind_failed_syncs(uint64_t times)
{
	struct fault fail = {
		.kinds = 1U << FAULT_SYNC, .suffix = "-wal", .nth = 1, .times = times, .code = SQLITE_IOERR_FSYNC
	};
	bool came = true;

	for (uint64_t nth = 1; came && nth < STEPS_MAX; nth++) {
		struct fault f = {
			.kinds = 1U << FAULT_SYNC, .nth = nth, .times = 1, .exit = FAULT_EXIT_AFTER, .power = true
		};
		char situation[128];
		snprintf(situation, sizeof situation, "power lost after sync %llu behind %llu that failed",
		    (unsigned long long)nth, (unsigned long long)times);
		came = run_exit(&f, &fail, situation);
		struct spool *s;
		struct errbuf eb;
		cr_assert_eq(spool_open(&s, st.path, &eb), ERR_OK, "%s: %s", situation, eb.text);
		/* the point before was acknowledged too: it was tried again */
		sqlite3_stmt *q;
		cr_assert_eq(
		    sqlite3_prepare_v2(spool_db(s),
			"SELECT count(*) FROM spool WHERE seq = 1 AND points = 1 AND min_ns = 1", -1, &q, NULL),
		    SQLITE_OK);
		cr_assert_eq(sqlite3_step(q), SQLITE_ROW);
		cr_assert_eq(sqlite3_column_int(q, 0), 1, "%s", situation);
		sqlite3_finalize(q);
		cr_assert_eq(sqlite3_exec(spool_db(s), "DELETE FROM spool WHERE seq = 1", NULL, NULL, NULL), SQLITE_OK);
		spool_close(s);
		verify(situation);
		stand_remove(&st);
		fault_vfs_forget();
	}
	cr_assert_not(came);
}

Test(bad_disk, power_may_be_lost_after_a_sync_that_failed)
{
	lose_power_behind_failed_syncs(1);
	lose_power_behind_failed_syncs(2);
}
