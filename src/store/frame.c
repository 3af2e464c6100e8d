#include "store/frame.h"

#include <stdlib.h>
#include <zstd.h>

/* Measured on 1 MiB of line protocol: -3 gives 2.9 to 1, 1 gives 5.2 to 1 for the same time; higher levels are slower
 * and larger. */
enum { LEVEL = 1 };

struct frame_packer {
	ZSTD_CCtx *ctx;
};

struct frame_unpacker {
	ZSTD_DCtx *ctx;
};

enum err frame_packer_new(struct frame_packer **out)
{
	struct frame_packer *p = calloc(1, sizeof *p);

	*out = p;
	if (!p)
		return ERR_NOMEM;
	p->ctx = ZSTD_createCCtx();
	if (!p->ctx || ZSTD_isError(ZSTD_CCtx_setParameter(p->ctx, ZSTD_c_compressionLevel, LEVEL)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(p->ctx, ZSTD_c_checksumFlag, 1))) {
		frame_packer_free(p);
		*out = NULL;
		return ERR_NOMEM;
	}
	return ERR_OK;
}

void frame_packer_free(struct frame_packer *p)
{
	if (p)
		ZSTD_freeCCtx(p->ctx);
	free(p);
}

enum err frame_pack(struct frame_packer *p, struct view text, struct buf *out)
{
	if (!buf_reserve(out, ZSTD_compressBound(text.len)))
		return ERR_NOMEM;
	size_t n = ZSTD_compress2(p->ctx, out->p + out->len, out->cap - out->len, text.p, text.len);
	if (ZSTD_isError(n))
		return ERR_NOMEM;
	out->len += n;
	return ERR_OK;
}

enum err frame_unpacker_new(struct frame_unpacker **out)
{
	struct frame_unpacker *u = calloc(1, sizeof *u);

	*out = u;
	if (!u)
		return ERR_NOMEM;
	u->ctx = ZSTD_createDCtx();
	if (!u->ctx) {
		free(u);
		*out = NULL;
		return ERR_NOMEM;
	}
	return ERR_OK;
}

void frame_unpacker_free(struct frame_unpacker *u)
{
	if (u)
		ZSTD_freeDCtx(u->ctx);
	free(u);
}

enum err frame_unpack(struct frame_unpacker *u, struct view frames, struct buf *out)
{
	while (frames.len) {
		size_t n = ZSTD_findFrameCompressedSize(frames.p, frames.len);
		if (ZSTD_isError(n))
			return ERR_CORRUPT;
		unsigned long long size = ZSTD_getFrameContentSize(frames.p, n);
		if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR)
			return ERR_CORRUPT;
		if (size > out->max - out->len)
			return ERR_TOOBIG;
		char nothing, *to = &nothing; /* of an empty frame */
		if (size && !buf_reserve(out, size))
			return ERR_NOMEM;
		if (size)
			to = out->p + out->len;
		size_t got = ZSTD_decompressDCtx(u->ctx, to, size, frames.p, n);
		if (ZSTD_isError(got) || got != size)
			return ERR_CORRUPT;
		out->len += size;
		frames.p += n;
		frames.len -= n;
	}
	return ERR_OK;
}
