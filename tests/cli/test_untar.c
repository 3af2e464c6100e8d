#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cli/untar.h"
#include "wire/tar_write.h"

static struct buf archive, seen;
static struct errbuf eb;
static const char *refuse;

static enum err on_begin(void *arg, const char *name, uint64_t size, struct errbuf *why)
{
	(void)arg;
	if (refuse && !strcmp(name, refuse))
		return errbuf_set(why, ERR_FULL, "no %s", name);
	buf_printf(&seen, "<%s %llu>", name, (unsigned long long)size);
	return ERR_OK;
}

static enum err on_data(void *arg, struct view piece, struct errbuf *why)
{
	(void)arg;
	(void)why;
	buf_view(&seen, piece);
	return ERR_OK;
}

static enum err on_end(void *arg, struct errbuf *why)
{
	(void)arg;
	(void)why;
	buf_str(&seen, "</>");
	return ERR_OK;
}

static const struct untar_sink sink = { on_begin, on_data, on_end, NULL };

static void add(const char *name, const char *text)
{
	static const char zeros[TAR_BLOCK];
	char h[TAR_BLOCK];
	size_t n = strlen(text);

	tar_header(h, name, n, 1700000000);
	buf_append(&archive, h, sizeof h);
	buf_append(&archive, text, n);
	buf_append(&archive, zeros, tar_padding(n));
}

static void add_end(void)
{
	static const char zeros[TAR_END];

	buf_append(&archive, zeros, sizeof zeros);
}

static void start(void)
{
	buf_init(&archive, 1 << 20);
	buf_init(&seen, 1 << 20);
}

static void end(void)
{
	buf_fini(&archive);
	buf_fini(&seen);
}

TestSuite(untar, .init = start, .fini = end);

/* In pieces of so many bytes. */
static enum err take(size_t step, bool *ended)
{
	struct untar u;
	enum err e = ERR_OK;

	untar_init(&u, &sink);
	buf_clear(&seen);
	for (size_t at = 0; e == ERR_OK && at < archive.len; at += step)
		e = untar_take(
		    &u, (struct view){ archive.p + at, archive.len - at < step ? archive.len - at : step }, &eb);
	*ended = u.ended;
	buf_char(&seen, 0);
	return e;
}

Test(untar, files_come_out_however_the_bytes_arrive)
{
	static const size_t steps[] = { 1, 7, 511, 512, 513, 1 << 20 };
	bool ended;

	add("one", "hello");
	add("empty", "");
	add("two", "x");
	add_end();
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		cr_assert_eq(take(steps[i], &ended), ERR_OK, "%s", eb.text);
		cr_expect(ended);
		cr_expect_str_eq(seen.p, "<one 5>hello</><empty 0></><two 1>x</>");
	}
}

Test(untar, without_its_end_it_has_not_ended)
{
	bool ended;

	add("one", "hello");
	cr_assert_eq(take(100, &ended), ERR_OK);
	cr_expect_not(ended);
	archive.len -= 508; /* and within the file */
	cr_assert_eq(take(100, &ended), ERR_OK);
	cr_expect_not(ended);
	cr_expect_str_eq(seen.p, "<one 5>hell");
}

Test(untar, a_flipped_bit_of_a_header_is_found)
{
	bool ended;

	add("one", "hello");
	for (unsigned bit = 0; bit < UNTAR_BLOCK * 8; bit++) {
		if (bit / 8 >= 148 && bit / 8 < 156) /* the checksum may be written with spaces, too */
			continue;
		archive.p[bit / 8] ^= (char)(1 << bit % 8);
		cr_expect_eq(take(1 << 20, &ended), ERR_CORRUPT, "bit %u", bit);
		archive.p[bit / 8] ^= (char)(1 << bit % 8);
	}
}

Test(untar, a_sink_that_refuses_ends_it)
{
	bool ended;

	refuse = "two";
	add("one", "hello");
	add("two", "x");
	cr_expect_eq(take(1000, &ended), ERR_FULL);
	cr_expect_str_eq(eb.text, "no two");
	refuse = NULL;
}

Test(untar, large_sizes_are_read_in_binary)
{
	char h[TAR_BLOCK];
	bool ended;

	tar_header(h, "large", UINT64_C(123) << 33, 0);
	buf_append(&archive, h, sizeof h);
	cr_assert_eq(take(1000, &ended), ERR_OK);
	cr_expect_str_eq(seen.p, "<large 1056561954816>");
}

Test(untar, what_is_no_plain_file_is_refused)
{
	bool ended;

	add("link", "");
	unsigned sum = 0;
	archive.p[156] = '2';
	memset(archive.p + 148, ' ', 8);
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += (unsigned char)archive.p[i];
	snprintf(archive.p + 148, 7, "%06o", sum);
	archive.p[154] = 0;
	cr_expect_eq(take(1000, &ended), ERR_CORRUPT);
	cr_expect_str_eq(eb.text, "the archive holds something that is no plain file");
}
