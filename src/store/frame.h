/* zstd frames of line protocol, with their content's size and checksum in them; frames may stand one after the other.
 * Owner: one thread. */
#ifndef STORE_FRAME_H
#define STORE_FRAME_H

#include "base/buf.h"
#include "base/err.h"

struct frame_packer; /* a compression context; about 1 MB once it was used */
struct frame_unpacker;

NODISCARD enum err frame_packer_new(struct frame_packer **out);
void frame_packer_free(struct frame_packer *p);
/* Appends one frame of text to out. ERR_NOMEM. */
NODISCARD enum err frame_pack(struct frame_packer *p, struct view text, struct buf *out);

NODISCARD enum err frame_unpacker_new(struct frame_unpacker **out);
void frame_unpacker_free(struct frame_unpacker *u);
/* Appends the text of all frames to out. ERR_CORRUPT: not frames, or a checksum differs; ERR_TOOBIG: above out's
 * ceiling. */
NODISCARD enum err frame_unpack(struct frame_unpacker *u, struct view frames, struct buf *out);

#endif
