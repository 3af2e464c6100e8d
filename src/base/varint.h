/* Numbers in as few bytes as they need: seven bits each, the lowest first, the high bit says that more follow. Read
 * strictly: what is cut short, longer than VARINT_BYTES_MAX or above 64 bits is refused. */
#ifndef BASE_VARINT_H
#define BASE_VARINT_H

#include "base/buf.h"

enum { VARINT_BYTES_MAX = 10 }; /* of 64 bits; 5 of 32 */

/* Returns how many bytes v took. out: room for them. */
static inline unsigned varint_put(uint8_t *out, uint64_t v)
{
	unsigned n = 0;

	for (; v >= 128; v >>= 7)
		out[n++] = (uint8_t)(v | 128);
	out[n++] = (uint8_t)v;
	return n;
}

static inline void varint_append(struct buf *b, uint64_t v)
{
	uint8_t out[VARINT_BYTES_MAX];

	buf_append(b, out, varint_put(out, v));
}

/* Steps *at over the number. False: there is none before end; nothing is changed. */
NODISCARD static inline bool varint_get(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
	const uint8_t *p = *at;
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && p < end; shift += 7) {
		uint8_t byte = *p++;
		if (shift == 63 && byte > 1)
			return false;
		v |= (uint64_t)(byte & 127) << shift;
		if (byte < 128) {
			*at = p;
			*out = v;
			return true;
		}
	}
	return false;
}

/* Signed numbers, as their 64 bits, so that those near 0 are small: 0, -1, 1, -2… become 0, 1, 2, 3… */
static inline uint64_t zigzag(uint64_t v)
{
	return v << 1 ^ (uint64_t)((int64_t)v >> 63);
}

static inline uint64_t unzigzag(uint64_t v)
{
	return v >> 1 ^ (0 - (v & 1));
}

#endif
