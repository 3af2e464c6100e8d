#include <criterion/criterion.h>
#include <stdlib.h>

#include "store/frame.h"

static struct buf packed(const char *const *texts, unsigned n)
{
	struct frame_packer *p;
	struct buf b;

	buf_init(&b, 1 << 20);
	cr_assert_eq(frame_packer_new(&p), ERR_OK);
	for (unsigned i = 0; i < n; i++)
		cr_assert_eq(frame_pack(p, view_of(texts[i]), &b), ERR_OK);
	frame_packer_free(p);
	return b;
}

Test(frame, frames_one_after_the_other_give_their_texts_in_order)
{
	static const char *const texts[] = { "cpu v=1 1\n", "mem v=2 2\n", "" };
	struct buf b = packed(texts, 3), out;
	struct frame_unpacker *u;

	buf_init(&out, 1000);
	cr_assert_eq(frame_unpacker_new(&u), ERR_OK);
	cr_assert_eq(frame_unpack(u, (struct view){ b.p, b.len }, &out), ERR_OK);
	cr_assert(view_is((struct view){ out.p, out.len }, "cpu v=1 1\nmem v=2 2\n"));
	buf_fini(&out);
	buf_fini(&b);
	frame_unpacker_free(u);
}

/* No truncation and no flipped bit may pass: an error, or the very same text. */
Test(frame, every_truncation_and_flip_is_found)
{
	static const char *const texts[] = { "cpu,host=a usage_user=12.5,usage_idle=80 1700000000000000000\n",
		"cpu,host=b usage_user=12.5,usage_idle=80 1700000000000000000\n" };
	struct buf b = packed(texts, 2), out;
	struct frame_unpacker *u;
	size_t whole = strlen(texts[0]) + strlen(texts[1]);

	buf_init(&out, 1000);
	cr_assert_eq(frame_unpacker_new(&u), ERR_OK);
	for (size_t cut = 1; cut < b.len; cut++) {
		char *copy = malloc(cut);
		memcpy(copy, b.p, cut);
		buf_clear(&out);
		enum err e = frame_unpack(u, (struct view){ copy, cut }, &out);
		cr_assert(e != ERR_OK || out.len == strlen(texts[0]), "cut at %zu", cut); /* between the frames */
		free(copy);
	}
	for (size_t bit = 0; bit < b.len * 8; bit++) {
		b.p[bit / 8] ^= (char)(1 << bit % 8);
		buf_clear(&out);
		enum err e = frame_unpack(u, (struct view){ b.p, b.len }, &out);
		cr_assert(
		    e != ERR_OK || (out.len == whole && !memcmp(out.p, texts[0], strlen(texts[0]))), "bit %zu", bit);
		b.p[bit / 8] ^= (char)(1 << bit % 8);
	}
	buf_fini(&out);
	buf_fini(&b);
	frame_unpacker_free(u);
}

Test(frame, text_above_the_ceiling_is_refused)
{
	static const char *const texts[] = { "0123456789" };
	struct buf b = packed(texts, 1), out;
	struct frame_unpacker *u;

	buf_init(&out, 9);
	cr_assert_eq(frame_unpacker_new(&u), ERR_OK);
	cr_assert_eq(frame_unpack(u, (struct view){ b.p, b.len }, &out), ERR_TOOBIG);
	buf_fini(&out);
	buf_fini(&b);
	frame_unpacker_free(u);
}
