/* Payloads of the spool of any bytes. What it holds true: text that was got out of frames goes into one and comes out
 * the same; the ceiling is kept. */
#include <stdint.h>
#include <stdlib.h>

#include "store/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 1 << 20 };

static void hold(bool truth)
{
	if (!truth)
		abort();
}

static struct view view_of_buf(const struct buf *b)
{
	return (struct view){ b->len ? b->p : "", b->len };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame_packer *p;
	struct frame_unpacker *u;
	struct buf text, packed, again;

	if (frame_packer_new(&p) != ERR_OK || frame_unpacker_new(&u) != ERR_OK)
		abort();
	buf_init(&text, TEXT_MAX);
	buf_init(&packed, TEXT_MAX * 2);
	buf_init(&again, TEXT_MAX);
	if (frame_unpack(u, (struct view){ (const char *)data, size }, &text) == ERR_OK) {
		hold(text.len <= TEXT_MAX);
		hold(frame_pack(p, view_of_buf(&text), &packed) == ERR_OK);
		hold(frame_unpack(u, view_of_buf(&packed), &again) == ERR_OK);
		hold(view_eq(view_of_buf(&text), view_of_buf(&again)));
	}
	buf_fini(&text);
	buf_fini(&packed);
	buf_fini(&again);
	frame_packer_free(p);
	frame_unpacker_free(u);
	return 0;
}
