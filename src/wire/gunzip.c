/* libdeflate wants room for a whole member at once. A member's last four bytes tell its size, but only the last
 * member's are at a known place, and a sender may lie: they are a first guess, then the room doubles up to the ceiling. */
#include "wire/gunzip.h"

#include <libdeflate.h>

enum { MEMBER_MIN = 18, ROOM_MIN = 4096, RATIO_MAX = 1032 }; /* deflate cannot do better than 1032 to 1 */

static size_t first_guess(struct view packed, size_t max)
{
	const unsigned char *tail = (const unsigned char *)packed.p + packed.len - 4;
	size_t said = (size_t)tail[0] | (size_t)tail[1] << 8 | (size_t)tail[2] << 16 | (size_t)tail[3] << 24;

	if (said > packed.len * RATIO_MAX)
		said = packed.len * 4;
	if (said < ROOM_MIN)
		said = ROOM_MIN;
	return said < max ? said : max;
}

static enum err make_room(struct buf *out, size_t room, enum err (*more)(void *, size_t), void *arg)
{
	enum err e = more ? more(arg, out->len + room) : ERR_OK;

	if (e)
		return e;
	return buf_reserve(out, room) ? ERR_OK : ERR_NOMEM;
}

/* One member; *used is its length. */
static enum err member(struct libdeflate_decompressor *d, struct view in, struct buf *out, size_t *used,
    enum err (*more)(void *, size_t), void *arg)
{
	size_t room = first_guess(in, out->max - out->len), made = 0;

	for (;;) {
		enum err e = make_room(out, room, more, arg);
		if (e)
			return e;
		switch (libdeflate_gzip_decompress_ex(d, in.p, in.len, out->p + out->len, room, used, &made)) {
		case LIBDEFLATE_SUCCESS:
			out->len += made;
			return ERR_OK;
		case LIBDEFLATE_INSUFFICIENT_SPACE:
			if (room >= out->max - out->len)
				return ERR_TOOBIG;
			room = room < (out->max - out->len) / 2 ? room * 2 : out->max - out->len;
			break;
		default:
			return ERR_INVALID;
		}
	}
}

enum err gunzip(struct view packed, struct buf *out, enum err (*more)(void *arg, size_t n), void *arg)
{
	struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
	enum err e = ERR_OK;

	if (!d)
		return ERR_NOMEM;
	if (packed.len < MEMBER_MIN)
		e = ERR_INVALID;
	while (e == ERR_OK && packed.len) {
		size_t used = 0;
		e = packed.len < MEMBER_MIN ? ERR_INVALID : member(d, packed, out, &used, more, arg);
		if (e == ERR_OK) {
			packed.p += used;
			packed.len -= used;
		}
	}
	libdeflate_free_decompressor(d);
	return e;
}
