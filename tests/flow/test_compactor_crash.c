/* The process ends, and the power with it, at every sync and at many writes while random data with late points is
 * compacted: what a restart reads is what a naive model has, before and after it compacts again. A crash repeats work and
 * changes nothing. */
#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/damage.h"
#include "support/fault_vfs.h"
#include "support/model.h"

enum { STEPS_MAX = 2000 };

static struct stand st;
static struct stand_opts opts = { .compactor = true, .sketches = true };
static char spool[96], store[96]; /* as they are before each try */

/* Most is in blocks and rollups; some late points, and some of a new day, are in the spool alone. */
static void begin(void)
{
	fault_vfs_install();
	model_begin(3);
	stand_open(&st, &opts);
	snprintf(spool, sizeof spool, "%s/spool.before", st.dir);
	snprintf(store, sizeof store, "%s/store.before", st.dir);
	model_write(&st, 1000);
	stand_compact(&st);
	for (int i = 0; i < 20; i++) /* each begins anywhere */
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

TestSuite(compactor_crash, .init = begin, .fini = end, .timeout = 300);

static void lay_out(void)
{
	damage_lay_out(spool, st.path);
	damage_lay_out(store, st.store_path);
	fault_vfs_forget();
}

/* True: the fault came. first: a fault before it, which ends nothing. */
static bool crash(const struct fault *f, const struct fault *first)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct compactor_stats c;
		if (!first)
			fault_vfs_set(f);
		stand_reopen(&st, &opts);
		if (first) {
			fault_vfs_set(first);
			compactor_wait(st.compactor, compactor_force(st.compactor), clock_mono_ns() + 60 * NS_PER_S);
			compactor_stats(st.compactor, &c);
			if (fault_vfs_failed() && c.state != COMPACTOR_FAILING)
				_exit(3);
			fault_vfs_set(f);
		}
		compactor_wait(st.compactor, compactor_force(st.compactor), clock_mono_ns() + 60 * NS_PER_S);
		stand_close(&st);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == FAULT_EXIT_STATUS),
	    "it ended with %d", status);
	return WEXITSTATUS(status) == FAULT_EXIT_STATUS;
}

static void verify(const char *situation)
{
	struct store_totals t;
	struct spool_totals p;

	stand_reopen(&st, &opts);
	store_totals(st.store, &t);
	spool_totals(st.spool, &p);
	cr_assert_leq(t.compacted_seq, p.last_seq, "%s", situation);
	damage_check_whole(st.store_path, situation);
	model_check(&st, situation);
	stand_compact(&st);
	model_check(&st, situation);
	stand_close(&st);
}

static void crash_at_each(unsigned kinds, enum fault_exit when, bool power, unsigned stride)
{
	bool came = true;
	uint64_t nth = 1;
	char situation[128];

	for (; came && nth < STEPS_MAX; nth += stride) {
		struct fault f = { .kinds = kinds, .nth = nth, .times = 1, .exit = when, .power = power };
		snprintf(situation, sizeof situation, "exit %d at call %llu of %#x%s", (int)when,
		    (unsigned long long)nth, kinds, power ? ", power lost" : "");
		lay_out();
		came = crash(&f, NULL);
		verify(situation);
	}
	cr_assert_gt(nth, 10 * stride, "it was never tried");
	cr_assert_not(came);
}

Test(compactor_crash, before_any_sync)
{
	crash_at_each(1U << FAULT_SYNC, FAULT_EXIT_BEFORE, true, 1);
}

Test(compactor_crash, after_any_sync)
{
	crash_at_each(1U << FAULT_SYNC, FAULT_EXIT_AFTER, true, 1);
}

Test(compactor_crash, within_a_write)
{
	crash_at_each(1U << FAULT_WRITE, FAULT_EXIT_HALF, false, 13);
	crash_at_each(1U << FAULT_WRITE, FAULT_EXIT_HALF, true, 11);
}

/* A later sync says yes, and what the failed one should have written is gone. */
Test(compactor_crash, power_lost_after_a_sync_that_failed)
{
	bool came = true;
	char situation[128];

	for (uint64_t nth = 1; came && nth < STEPS_MAX; nth += 2) {
		struct fault first = { .kinds = 1U << FAULT_SYNC,
			.suffix = "store.db-wal",
			.nth = 1 + nth % 7,
			.times = 1 + nth % 2,
			.code = SQLITE_IOERR_FSYNC };
		struct fault f = {
			.kinds = 1U << FAULT_SYNC, .nth = nth, .times = 1, .exit = FAULT_EXIT_AFTER, .power = true
		};
		snprintf(situation, sizeof situation, "power lost after sync %llu behind one that failed",
		    (unsigned long long)nth);
		lay_out();
		came = crash(&f, &first);
		verify(situation);
	}
	cr_assert_not(came);
}
