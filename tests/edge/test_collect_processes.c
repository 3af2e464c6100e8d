#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "support/collect_tree.h"

static unsigned open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

Test(collect_processes, ended_started_and_changed_processes_are_counted_right)
{
	struct collect *c = tree_open("proc-container");

	cr_expect(strstr(tree_round(c, "processes"), "running=0i,sleeping=1i,"));
	tree_write("1/stat", "1 (sh) R 0 0\n"); /* through the file kept open */
	tree_write("7/stat", "7 (new) D 0 0\n");
	cr_expect(strstr(tree_round(c, "processes"), "running=1i,sleeping=0i,blocked=1i,"));
	tree_write("8/comm", "ended before it was read\n");
	tree_write("9/stat", "9 no state\n");
	tree_write("10/stat", "");
	cr_expect(strstr(tree_round(c, "processes"), "unknown=2i,total=4i,"));
	tree_close(c);
}

Test(collect_processes, open_files_have_a_ceiling_and_are_given_back)
{
	unsigned before = open_files();
	struct collect *c = tree_open("proc-container");
	char path[32];

	for (int i = 100; i < 700; i++) {
		snprintf(path, sizeof path, "%d/stat", i);
		tree_write(path, "1 (x) S 0 0\n");
	}
	for (int i = 0; i < 3; i++) {
		cr_expect(strstr(tree_round(c, "processes"), "sleeping=601i,"));
		cr_expect_leq(open_files(), before + 256 + 20);
	}
	for (int i = 100; i < 700; i++) {
		snprintf(path, sizeof path, "%d/stat", i);
		tree_remove(path);
	}
	cr_expect(strstr(tree_round(c, "processes"), "sleeping=1i,"));
	cr_expect_leq(open_files(), before + 20, "files of ended processes stay open");
	tree_close(c);
	cr_expect_eq(open_files(), before);
}

/* Polls until a round at once after another is without, or with, a walk. */
static bool comes(struct collect *c, bool walk)
{
	for (int64_t end = clock_mono_ns() + 10 * NS_PER_S; clock_mono_ns() < end;) {
		const char *line = tree_round(c, "processes");
		cr_assert(strstr(line, "total_threads=12i"), "%s", line);
		if ((strstr(line, "sleeping=") != NULL) == walk)
			return true;
	}
	return false;
}

Test(collect_processes, walks_rest_in_between)
{
	struct collect *c = tree_open("proc-container");

	clock_real();
	cr_expect(comes(c, true));
	cr_expect(comes(c, false));
	cr_expect(comes(c, true));
	tree_close(c);
}
