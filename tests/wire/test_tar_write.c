#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire/tar_write.h"

Test(tar_write, header_is_the_same_to_the_byte)
{
	static const struct {
		int at;
		const char *text;
	} parts[] = { { 0, "spool.db" }, { 100, "0000600" }, { 108, "0000000" }, { 116, "0000000" },
		{ 124, "00000030071" }, { 136, "14524770400" }, { 148, "011253" }, { 155, " 0" }, { 257, "ustar" },
		{ 263, "00root" }, { 297, "root" } };
	char expected[TAR_BLOCK] = "", h[TAR_BLOCK];

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		memcpy(expected + parts[i].at, parts[i].text, strlen(parts[i].text));
	tar_header(h, "spool.db", 12345, 1700000000);
	for (int i = 0; i < TAR_BLOCK; i++)
		cr_expect_eq(h[i], expected[i], "byte %d: %02x, not %02x", i, h[i] & 255, expected[i] & 255);
}

Test(tar_write, sizes_above_eleven_octal_digits_are_binary)
{
	char h[TAR_BLOCK];

	tar_header(h, "a", (UINT64_C(1) << 33) - 1, 0);
	cr_expect_str_eq(h + 124, "77777777777");
	tar_header(h, "a", UINT64_C(1) << 33, 0);
	cr_expect(memcmp(h + 124, "\x80\0\0\0\0\0\0\x02\0\0\0\0", 12) == 0);
}

Test(tar_write, padding_fills_the_last_block)
{
	cr_expect_eq(tar_padding(0), 0);
	cr_expect_eq(tar_padding(1), 511);
	cr_expect_eq(tar_padding(511), 1);
	cr_expect_eq(tar_padding(512), 0);
	cr_expect_eq(tar_padding(UINT64_MAX), 1);
	cr_expect_eq(tar_size(513), 512 + 1024);
}

/* What GNU tar says of an archive with a small file and the header of one of 9 GiB. */
Test(tar_write, tar_reads_it)
{
	char name[] = "/tmp/holdfast-test-XXXXXX", h[TAR_BLOCK], command[100], line[200];
	static const char zeros[TAR_BLOCK];
	int fd = mkstemp(name);

	cr_assert_geq(fd, 0);
	FILE *out = fdopen(fd, "w");
	tar_header(h, "small", 5, 1700000000);
	fwrite(h, 1, sizeof h, out);
	fwrite("hello", 1, 5, out);
	fwrite(zeros, 1, tar_padding(5), out);
	tar_header(h, "large", UINT64_C(9) << 30, 1700000000);
	fwrite(h, 1, sizeof h, out);
	fclose(out);
	snprintf(command, sizeof command, "TZ=UTC tar tvf %s 2> /dev/null", name);
	FILE *in = popen(command, "r");
	cr_assert(in && fgets(line, sizeof line, in));
	cr_expect_str_eq(line, "-rw------- root/root         5 2023-11-14 22:13 small\n");
	cr_assert(fgets(line, sizeof line, in));
	cr_expect_str_eq(line, "-rw------- root/root 9663676416 2023-11-14 22:13 large\n");
	pclose(in);
	snprintf(command, sizeof command, "tar xOf %s small 2> /dev/null", name);
	in = popen(command, "r");
	cr_assert(in && fgets(line, sizeof line, in));
	cr_expect_str_eq(line, "hello");
	pclose(in);
	unlink(name);
}
