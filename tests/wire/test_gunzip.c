#include <criterion/criterion.h>
#include <libdeflate.h>
#include <stdlib.h>

#include "wire/gunzip.h"

static size_t pack(const void *p, size_t n, char *out, size_t room)
{
	struct libdeflate_compressor *c = libdeflate_alloc_compressor(6);
	size_t k = libdeflate_gzip_compress(c, p, n, out, room);

	libdeflate_free_compressor(c);
	cr_assert(k > 0);
	return k;
}

static enum err no_more(void *arg, size_t n)
{
	*(size_t *)arg = n;
	return n > 10000 ? ERR_FULL : ERR_OK;
}

Test(gunzip, members_follow_one_another)
{
	char packed[2048];
	struct buf out;
	size_t n = pack("one ", 4, packed, 1024);

	n += pack("", 0, packed + n, 500);
	n += pack("two", 3, packed + n, 500);
	buf_init(&out, 100);
	cr_expect_eq(gunzip((struct view){ packed, n }, &out, NULL, NULL), ERR_OK);
	cr_expect(view_is((struct view){ out.p, out.len }, "one two"));
	buf_fini(&out);
}

Test(gunzip, text_of_exactly_the_ceiling_fits_and_a_byte_more_does_not)
{
	char *text = calloc(1, 100001), *packed = malloc(200000);
	struct buf out;

	for (int more = 0; more <= 1; more++) {
		size_t n = pack(text, 100000 + (size_t)more, packed, 200000);
		buf_init(&out, 100000);
		cr_expect_eq(gunzip((struct view){ packed, n }, &out, NULL, NULL), more ? ERR_TOOBIG : ERR_OK);
		buf_fini(&out);
	}
	free(text);
	free(packed);
}

Test(gunzip, first_member_may_be_larger_than_the_last_says)
{
	char *text = malloc(500000), *packed = malloc(600000);
	struct buf out;

	for (unsigned i = 0; i < 500000; i++)
		text[i] = (char)(i * 2654435761u >> 24);
	size_t n = pack(text, 500000, packed, 600000);
	n += pack("end", 3, packed + n, 600000 - n);
	buf_init(&out, 1 << 20);
	cr_expect_eq(gunzip((struct view){ packed, n }, &out, NULL, NULL), ERR_OK);
	cr_expect_eq(out.len, 500003);
	cr_expect_eq(memcmp(out.p, text, 500000), 0);
	buf_fini(&out);
	free(text);
	free(packed);
}

Test(gunzip, asks_before_it_grows)
{
	char *text = calloc(1, 1 << 20), *packed = malloc(1 << 20);
	size_t n = pack(text, 1 << 20, packed, 1 << 20), asked = 0;
	struct buf out;

	buf_init(&out, 1 << 21);
	cr_expect_eq(gunzip((struct view){ packed, n }, &out, no_more, &asked), ERR_FULL);
	cr_expect_gt(asked, 10000);
	cr_expect_leq(out.cap, 10000);
	buf_fini(&out);
	free(text);
	free(packed);
}

Test(gunzip, every_cut_and_every_flipped_byte_is_noticed)
{
	static const char text[] = "m,host=a v=1 1\nm,host=b v=2 2\nm,host=a v=1 3\n";
	char packed[1024], bad[1024];
	size_t n = pack(text, sizeof text - 1, packed, sizeof packed);
	struct buf out;

	for (size_t cut = 0; cut < n; cut++) {
		buf_init(&out, 4096);
		cr_expect_eq(gunzip((struct view){ packed, cut }, &out, NULL, NULL), ERR_INVALID, "cut at %zu", cut);
		buf_fini(&out);
	}
	for (size_t i = 0; i < n; i++) {
		memcpy(bad, packed, n);
		bad[i] = (char)(bad[i] ^ 0x55);
		buf_init(&out, 4096);
		/* the header's time, flags for speed and system change nothing */
		bool harmless = i >= 4 && i <= 9;
		enum err e = gunzip((struct view){ bad, n }, &out, NULL, NULL);
		cr_expect(harmless || e != ERR_OK, "byte %zu", i);
		buf_fini(&out);
	}
}
