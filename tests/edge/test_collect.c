#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utmp.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/file.h"
#include "support/collect_tree.h"

/* A cpu's line of which only user and idle are not 0. */
#define CPU(name, user, idle) \
	"system_resources,cpu=" name ",host=web-01,resource_type=cpu usage_user=" user \
	",usage_nice=0,usage_system=0,usage_idle=" idle ",usage_iowait=0,usage_irq=0,usage_softirq=0," \
	"usage_steal=0,usage_guest=0,usage_guest_nice=0 1700000010000000000\n"

static void expect_file(const char *got, const char *name)
{
	char path[512];
	struct errbuf eb;
	struct buf b;

	snprintf(path, sizeof path, TEST_SRCDIR "/fixtures/%s", name);
	buf_init(&b, 1 << 20);
	cr_assert_eq(file_read(path, &b, &eb), ERR_OK, "%s", eb.text);
	buf_append(&b, "", 1);
	cr_expect_str_eq(got, b.p);
	buf_fini(&b);
}

Test(collect, normal_machine_gives_exactly_these_lines)
{
	struct collect *c = tree_open("proc-normal");

	tree_lay("proc-normal-later");
	expect_file(tree_round(c, ""), "proc-normal.lp");
	tree_close(c);
}

Test(collect, container_gives_what_there_is)
{
	struct collect *c = tree_open("proc-container");
	char error[128];
	uint64_t errors = counter_get(COUNTER_COLLECT_ERRORS);

	expect_file(tree_round(c, ""), "proc-container.lp");
	cr_expect_not(tree_ok(c, "pressure", error));
	cr_expect(strstr(error, "/pressure/cpu: No such file"), "%s", error);
	cr_expect_eq(counter_get(COUNTER_COLLECT_ERRORS), errors, "what is not there is no error");
	tree_close(c);
}

Test(collect, counters_that_went_back_skip_the_cpu_and_stand_elsewhere_as_they_are)
{
	struct collect *c = tree_open("proc-normal");

	tree_lay("proc-restart");
	tree_round(c, "");
	cr_expect_null(strstr(tree_lines, "cpu=cpu-total"));
	cr_expect_null(strstr(tree_lines, "cpu=cpu0"));
	cr_expect(strstr(tree_lines, CPU("cpu1", "25", "75")), "iowait that goes back is no reason to skip");
	cr_expect(strstr(tree_lines, "interface=eth0,resource_type=net bytes_sent=50i,bytes_recv=100i,"));
	cr_expect(strstr(tree_lines, "name=sda,resource_type=diskio reads=1i,writes=3i,read_bytes=4096i,"));
	tree_lay("proc-restart-later");
	cr_expect_str_eq(
	    tree_round(c, "cpu"), CPU("cpu-total", "10", "90") CPU("cpu0", "10", "90") CPU("cpu1", "25", "75"));
	tree_close(c);
}

Test(collect, cpus_that_come_and_go_need_two_samples_in_a_row)
{
	struct collect *c = tree_open("proc-hotplug/1-two");

	tree_lay("proc-hotplug/2-one-away");
	cr_expect_str_eq(tree_round(c, "cpu"), CPU("cpu-total", "50", "50") CPU("cpu0", "50", "50"));
	tree_lay("proc-hotplug/3-new-one");
	cr_expect_str_eq(tree_round(c, "cpu"), CPU("cpu-total", "50", "50") CPU("cpu0", "50", "50"));
	tree_lay("proc-hotplug/4-all");
	cr_expect_str_eq(
	    tree_round(c, "cpu"), CPU("cpu-total", "25", "75") CPU("cpu0", "25", "75") CPU("cpu5", "25", "75"));
	tree_lay("proc-hotplug/5-all");
	cr_expect_str_eq(tree_round(c, "cpu"),
	    CPU("cpu-total", "50", "50") CPU("cpu0", "50", "50") CPU("cpu1", "25", "75") CPU("cpu5", "33.33", "66.67"));
	tree_close(c);
}

Test(collect, no_time_between_samples_gives_no_percentages)
{
	struct collect *c = tree_open("proc-normal");
	char error[128];

	cr_expect_str_eq(tree_round(c, "cpu"), "");
	cr_expect(tree_ok(c, "cpu", error), "%s", error);
	tree_close(c);
}

static const struct broken {
	const char *path, *text, *collector;
	const char *kept; /* NULL: the collector writes nothing; else what its lines still have */
} broken[] = {
	{ "stat", "", "cpu", NULL },
	{ "stat", "cpu  1 2 3 4", "cpu", NULL },
	{ "stat", "garbage\n", "kernel", NULL },
	{ "stat", "cpu  1 2 x 4\n", "cpu", NULL },
	{ "stat", "cpu9999999 1 2 3 4\n", "cpu", NULL },
	{ "stat", "cpux 1 2 3 4\n", "cpu", NULL },
	{ "stat", "cpu  99999999999999999999 2 3 4\n", "cpu", NULL },
	{ "stat", "cpu  1 2 3 4\ncpu0 1 2 3 4\nintr 1 2\nctxt 5\n", "kernel", NULL },
	{ "stat", "intr 1 2\nctxt 5\nbtime 1\nprocesses 1\n", "system", NULL },
	{ "meminfo", "", "mem", NULL },
	{ "meminfo", "MemTotal: 100 kB\n", "mem", NULL },
	{ "meminfo", "MemTotal: many kB\nMemFree: 1 kB\n", "mem", NULL },
	{ "meminfo", "MemTotal: 100 kB\nMemFree: 10 kB\nDirty: 18446744073709551615 kB\n", "mem", NULL },
	{ "meminfo", "MemTotal: 100 kB\nMemFree: 10 kB\nno name\n", "mem", NULL },
	{ "meminfo", "MemTotal: 100 kB\nMemFree: 10 kB\n", "swap", NULL },
	{ "meminfo", "MemTotal: 9 kB\nMemFree: 1 kB\nSwapTotal: 1 kB\nSwapFree: 2 kB\n", "swap", NULL },
	{ "vmstat", "nr_free 1\n", "swap", "used_percent=25 17" },
	{ "vmstat", "pswpin 1\npswpout x\n", "swap", "used_percent=25 17" },
	{ "self/mounts", "/dev/sda1 /\n", "disk", NULL },
	{ "self/mounts", "\n", "disk", NULL },
	{ "self/mounts", "/dev/a / ext4 rw 0 0\n/dev/b /x ext4", "disk", NULL },
	{ "self/mounts", "/dev/a / ext4 rw 0 0\n/dev/b /broken ext4 rw 0 0\n/dev/c /c ext4 rw 0 0\n", "disk",
	    "device=c," },
	{ "diskstats", "8 0\n", "diskio", NULL },
	{ "diskstats", "8 0 sda 1 2 3\n", "diskio", NULL },
	{ "diskstats", "8 0 a 1 2 3 4 5 6 7 8 9 10 11\n8 0 b 1 2 3 4 5 6 7 8 9 1", "diskio", NULL },
	{ "diskstats", "8 0 a 1 2 3 4 5 6 7 8 9 10 11\n8 0 b 1 2 3 -4 5 6 7 8 9 10 11\n", "diskio", "name=a," },
	{ "net/dev", "", "net", NULL },
	{ "net/dev", "h\nh\neth0 1 2 3\n", "net", NULL },
	{ "net/dev", "h\nh\neth0: 1 2 3\n", "net", NULL },
	{ "net/dev", "h\nh\n: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n", "net", NULL },
	{ "loadavg", "0.1 0.2\n", "system", NULL },
	{ "loadavg", "0.1 0.2 nan 1/2 3\n", "system", NULL },
	{ "loadavg", "0.1 0.2 0.3 12 3\n", "processes", NULL },
	{ "loadavg", "0.1 0.2 0.3 1/x 3\n", "processes", NULL },
	{ "uptime", "", "system", NULL },
	{ "uptime", "-1.0 2\n", "system", NULL },
	{ "sys/kernel/random/entropy_avail", "x\n", "kernel", "processes_forked=6211i 17" },
	{ "pressure/cpu", "", "pressure", "resource=io," },
	{ "pressure/cpu", "some avg10=0.28 avg60=0.13\n", "pressure", "resource=io," },
	{ "pressure/io", "some avg10=0.28 avg60=0.13 avg300=0.03 total=5756099", "pressure", "resource=memory," },
	{ "pressure/io", "something-long avg10=0 avg60=0 avg300=0 total=1\n", "pressure", "resource=cpu," },
};

Test(collect, broken_file_fails_its_collector_alone_and_recovers)
{
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		const struct broken *b = &broken[i];
		struct collect *c = tree_open("proc-normal");
		char error[128];

		tree_write(b->path, b->text);
		uint64_t errors = counter_get(COUNTER_COLLECT_ERRORS);
		const char *lines = tree_round(c, b->collector);
		cr_expect_not(tree_ok(c, b->collector, error), "row %zu", i);
		cr_expect(strlen(error) > 10, "row %zu: no reason", i);
		cr_expect_gt(counter_get(COUNTER_COLLECT_ERRORS), errors, "row %zu", i);
		if (b->kept)
			cr_expect(strstr(lines, b->kept), "row %zu: %s", i, lines);
		else
			cr_expect_str_eq(lines, "", "row %zu", i);
		for (char *line = tree_lines; *line; line = strchr(line, '\n') + 1)
			cr_expect_eq(strncmp(line, "system_resources,", 17), 0, "row %zu: a line is torn", i);
		tree_lay("proc-normal");
		tree_round(c, "");
		cr_expect(tree_ok(c, b->collector, error), "row %zu: %s", i, error);
		tree_close(c);
	}
}

Test(collect, one_broken_file_leaves_the_other_lines_as_they_were)
{
	struct collect *c = tree_open("proc-normal");

	tree_write("net/dev", "garbage\n");
	tree_round(c, "");
	cr_expect_null(strstr(tree_lines, "resource_type=net"));
	cr_expect(strstr(tree_lines, "resource_type=diskio"));
	cr_expect(strstr(tree_lines, "resource_type=system"));
	tree_close(c);
}

Test(collect, failing_collector_is_counted_each_round_and_logged_twice)
{
	char path[] = "/tmp/holdfast-test-log-XXXXXX", text[4096];
	struct collect *c = tree_open("proc-normal");
	uint64_t errors = counter_get(COUNTER_COLLECT_ERRORS);
	int log = mkstemp(path), before = dup(2);

	cr_assert(log >= 0 && before >= 0);
	dup2(log, 2);
	tree_write("net/dev", "garbage\n");
	for (int i = 0; i < 5; i++)
		tree_round(c, "");
	tree_lay("proc-normal");
	tree_round(c, "");
	tree_round(c, "");
	dup2(before, 2);
	ssize_t n = pread(log, text, sizeof text - 1, 0);
	cr_assert_geq(n, 0);
	text[n] = 0;
	close(log);
	unlink(path);
	cr_expect_eq(counter_get(COUNTER_COLLECT_ERRORS), errors + 5);
	char *fails = strstr(text, "collector net fails");
	cr_assert(fails, "%s", text);
	cr_expect_null(strstr(fails + 1, "collector net fails"), "%s", text);
	cr_expect(strstr(fails, "collector net works again"), "%s", text);
	tree_close(c);
}

Test(collect, refused_round_counts_its_points)
{
	struct collect *c = tree_open("proc-normal");
	uint64_t dropped = counter_get(COUNTER_COLLECT_DROPPED), runs = counter_get(COUNTER_COLLECT_RUNS);

	tree_refuse = true;
	tree_round(c, "");
	/* 1 mem, 1 swap, 3 disk, 3 diskio, 3 net, 1 system, 1 kernel, 1 processes, 6 pressure; no time for cpu */
	cr_expect_eq(counter_get(COUNTER_COLLECT_DROPPED), dropped + 20);
	cr_expect_eq(counter_get(COUNTER_COLLECT_RUNS), runs + 1);
	tree_close(c);
}

Test(collect, stats_tell_the_last_round)
{
	struct collect *c = tree_open("proc-normal");
	struct collect_stats s;

	collect_stats(c, &s);
	cr_expect_eq(s.last_ns, 0);
	tree_lay("proc-normal-later");
	tree_round(c, "");
	collect_stats(c, &s);
	cr_expect_eq(s.last_ns, INT64_C(1700000010000000000));
	cr_expect_eq(s.count, 10);
	cr_expect_str_eq(s.collector[0].name, "cpu");
	cr_expect_eq(s.collector[0].values, 30);
	unsigned values = 0;
	for (unsigned i = 0; i < s.count; i++)
		values += s.collector[i].values;
	cr_expect_float_eq(s.values_per_s, values / 10.0, 1e-9);
	tree_close(c);
}

Test(collect, swap_traffic_is_in_bytes_and_stands_still_without_swap)
{
	struct collect *c = tree_open("proc-normal");
	char want[64];
	long page = sysconf(_SC_PAGESIZE);

	tree_write("vmstat", "pswpin 10\npswpout 25\n");
	snprintf(want, sizeof want, ",in=%ldi,out=%ldi ", 10 * page, 25 * page);
	cr_expect(strstr(tree_round(c, "swap"), want));
	tree_write("meminfo", "MemTotal: 10 kB\nMemFree: 5 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n");
	tree_write("vmstat", "pswpin 11\npswpout 26\n");
	cr_expect(strstr(tree_round(c, "swap"), want));
	tree_lay("proc-normal");
	cr_expect(strstr(tree_round(c, "swap"), ",in=0i,out=0i "));
	tree_close(c);
}

Test(collect, users_are_those_logged_in)
{
	struct collect *c = tree_open("proc-normal");
	struct collect *with;
	struct utmp u[3] = { { .ut_type = BOOT_TIME }, { .ut_type = USER_PROCESS }, { .ut_type = USER_PROCESS } };
	char path[] = "/tmp/holdfast-test-utmp-XXXXXX";
	int fd = mkstemp(path);
	struct errbuf eb;

	cr_expect_null(strstr(tree_round(c, "system"), "n_users"), "without the file there is no figure");
	cr_assert(fd >= 0 && write(fd, u, sizeof u) == (ssize_t)sizeof u);
	struct collect_opts opts = tree_opts();
	opts.utmp = path;
	cr_assert_eq(collect_new(&with, &opts, &eb), ERR_OK);
	cr_expect(strstr(tree_round(with, "system"), ",n_users=2i,"));
	collect_free(with);
	close(fd);
	unlink(path);
	tree_close(c);
}
