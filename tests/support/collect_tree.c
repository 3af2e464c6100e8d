#include "support/collect_tree.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

char tree_lines[1 << 20], tree_asked[1024];
bool tree_refuse;
static char root[64], from[PATH_MAX];

static int fake_statvfs(const char *path, struct statvfs *out)
{
	size_t n = strlen(tree_asked);

	snprintf(tree_asked + n, sizeof tree_asked - n, "%s ", path);
	*out = (struct statvfs){ .f_bsize = 1 << 20,
		.f_frsize = 4096,
		.f_blocks = 1000,
		.f_bfree = 400,
		.f_bavail = 350,
		.f_files = 3000,
		.f_ffree = 2000 };
	if (strcmp(path, "/root/secret") == 0) {
		errno = EACCES;
		return -1;
	}
	if (strncmp(path, "/srv/", 5) == 0)
		out->f_flag = ST_RDONLY;
	if (strcmp(path, "/home") == 0)
		*out = (struct statvfs){ .f_frsize = 131072, .f_blocks = 7, .f_bfree = 7, .f_bavail = 7 };
	if (strcmp(path, "/sys/new") == 0)
		*out = (struct statvfs){ .f_bsize = 4096 };
	if (strcmp(path, "/broken") == 0) {
		errno = EIO;
		return -1;
	}
	return 0;
}

static bool take(void *arg, struct view lines, uint64_t points)
{
	(void)arg;
	(void)points;
	if (tree_refuse)
		return false;
	cr_assert(lines.len < sizeof tree_lines);
	memcpy(tree_lines, lines.p, lines.len);
	tree_lines[lines.len] = 0;
	return true;
}

void tree_write(const char *path, const char *text)
{
	char full[PATH_MAX];
	struct errbuf eb;

	snprintf(full, sizeof full, "%s/%s", root, path);
	char *slash = strrchr(full, '/');
	*slash = 0;
	cr_assert_eq(file_make_dirs(full, 0700, &eb), ERR_OK, "%s", eb.text);
	*slash = '/';
	FILE *f = fopen(full, "w"); /* cuts it in place */
	cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0, "%s", full);
}

void tree_remove(const char *path)
{
	char full[PATH_MAX];

	snprintf(full, sizeof full, "%s/%s", root, path);
	cr_assert_eq(unlink(full), 0, "%s", full);
	*strrchr(full, '/') = 0;
	cr_assert(rmdir(full) == 0 || errno == ENOTEMPTY, "%s", full);
}

static int lay_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	struct errbuf eb;
	struct buf b;

	(void)st;
	(void)ftw;
	if (type != FTW_F)
		return 0;
	buf_init(&b, 1 << 20);
	cr_assert_eq(file_read(path, &b, &eb), ERR_OK, "%s", eb.text);
	buf_append(&b, "", 1);
	tree_write(path + strlen(from) + 1, b.p);
	buf_fini(&b);
	return 0;
}

void tree_lay(const char *fixture)
{
	snprintf(from, sizeof from, TEST_SRCDIR "/fixtures/%s", fixture);
	cr_assert_eq(nftw(from, lay_one, 16, FTW_PHYS), 0, "%s", from);
}

struct collect_opts tree_opts(void)
{
	static char utmp[sizeof root + 8];

	snprintf(utmp, sizeof utmp, "%s/utmp", root);
	return (struct collect_opts){ .proc = root,
		.utmp = utmp,
		.host = "web-01",
		.interval_ns = 10 * NS_PER_S,
		.statvfs = fake_statvfs,
		.sink = take };
}

struct collect *tree_open(const char *fixture)
{
	struct collect *c;
	struct errbuf eb;

	snprintf(root, sizeof root, "/tmp/holdfast-test-proc-XXXXXX");
	cr_assert(mkdtemp(root));
	tree_asked[0] = 0;
	tree_refuse = false;
	tree_lay(fixture);
	clock_fake(INT64_C(1700000010000000000), 5 * NS_PER_S);
	struct collect_opts opts = tree_opts();
	cr_assert_eq(collect_new(&c, &opts, &eb), ERR_OK, "%s", eb.text);
	return c;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void tree_close(struct collect *c)
{
	collect_free(c);
	clock_real();
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *tree_round(struct collect *c, const char *type)
{
	static char kept[sizeof tree_lines];
	char mark[64];
	size_t n = 0;

	tree_lines[0] = 0;
	collect_run_once(c, INT64_C(1700000010000000000));
	snprintf(mark, sizeof mark, "resource_type=%s", type);
	for (char *line = tree_lines, *end; (end = strchr(line, '\n')); line = end + 1) {
		const char *at = strstr(line, mark);
		if (!at || at > end || (*type && !strchr(" ,", at[strlen(mark)])))
			continue;
		memcpy(kept + n, line, (size_t)(end + 1 - line));
		n += (size_t)(end + 1 - line);
	}
	kept[n] = 0;
	return kept;
}

bool tree_ok(struct collect *c, const char *name, char error[128])
{
	struct collect_stats s;

	collect_stats(c, &s);
	for (unsigned i = 0; i < s.count; i++)
		if (strcmp(s.collector[i].name, name) == 0) {
			memcpy(error, s.collector[i].error, 128);
			return s.collector[i].ok;
		}
	cr_assert_fail("no collector %s", name);
	return false;
}
