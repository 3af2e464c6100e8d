#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static char path[] = "/tmp/holdfast-test-file-XXXXXX";

static int create(const char *text)
{
	int fd = mkstemp(path);

	cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	return fd;
}

Test(file, reread_starts_at_the_beginning_each_time)
{
	int fd = create("one");
	struct errbuf eb;
	struct buf b;

	buf_init(&b, 100);
	for (int i = 0; i < 3; i++) {
		buf_clear(&b);
		cr_expect_eq(file_reread(fd, path, &b, &eb), ERR_OK, "%s", eb.text);
		cr_expect(b.len == 3 && memcmp(b.p, "one", 3) == 0);
	}
	cr_expect_eq(pwrite(fd, "two!", 4, 0), 4);
	buf_clear(&b);
	cr_expect_eq(file_reread(fd, path, &b, &eb), ERR_OK);
	cr_expect(b.len == 4 && memcmp(b.p, "two!", 4) == 0);
	buf_fini(&b);
	close(fd);
	unlink(path);
}

Test(file, ceiling_below_a_page_holds_what_fits_and_refuses_more)
{
	static char text[201];
	struct errbuf eb;
	struct buf b;

	memset(text, 'x', 200);
	int fd = create(text);
	buf_init(&b, 300);
	cr_expect_eq(file_read(path, &b, &eb), ERR_OK, "%s", eb.text);
	cr_expect_eq(b.len, 200);
	buf_fini(&b);
	buf_init(&b, 100);
	cr_expect_eq(file_read(path, &b, &eb), ERR_TOOBIG);
	buf_clear(&b);
	cr_expect_eq(file_reread(fd, path, &b, &eb), ERR_TOOBIG);
	buf_fini(&b);
	close(fd);
	unlink(path);
}

Test(file, what_is_missing_or_no_file_is_told_apart)
{
	struct errbuf eb;
	struct buf b;

	buf_init(&b, 100);
	cr_expect_eq(file_read("/tmp/holdfast-there-is-none", &b, &eb), ERR_NOTFOUND);
	int fd = open("/tmp", O_RDONLY);
	cr_expect_eq(file_reread(fd, "/tmp", &b, &eb), ERR_IO);
	cr_expect_eq(file_read("/tmp", &b, &eb), ERR_IO);
	close(fd);
	buf_fini(&b);
}

Test(file, replaced_contents_are_whole_and_private)
{
	char dir[] = "/tmp/holdfast-test-XXXXXX", name[64];
	struct errbuf eb;
	struct stat st;
	struct buf b;

	cr_assert(mkdtemp(dir) != NULL);
	snprintf(name, sizeof name, "%s/f", dir);
	cr_assert_eq(file_replace(name, view_of("first, and longer\n"), &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(file_replace(name, view_of("second\n"), &eb), ERR_OK, "%s", eb.text);
	buf_init(&b, 100);
	cr_assert_eq(file_read(name, &b, &eb), ERR_OK);
	cr_assert(b.len == 7 && !memcmp(b.p, "second\n", 7));
	buf_fini(&b);
	cr_assert_eq(stat(name, &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0600);
	unlink(name);
	cr_assert_eq(rmdir(dir), 0); /* nothing else was left */
	snprintf(name, sizeof name, "%s/f", dir);
	cr_assert_eq(file_replace(name, view_of("x"), &eb), ERR_IO);
	cr_assert(strstr(eb.text, name), "%s", eb.text);
}
