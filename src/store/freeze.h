/* A database file held as it is at one moment while its owner goes on writing to the log: the file's bytes are a whole
 * image of that moment, which can be read at leisure and without a copy. freeze.c opens with why.
 * Threads: take is the owner's (the one that writes and checkpoints), between transactions; read and release belong to
 * who wants the bytes; the others are for any thread. The owner makes no checkpoint while freeze_is_held. */
#ifndef STORE_FREEZE_H
#define STORE_FREEZE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct freeze;

NODISCARD enum err freeze_new(struct freeze **out, const char *path, struct errbuf *eb);
void freeze_free(struct freeze *f); /* released before; NULL is fine */

/* Puts the whole log into the file and holds it. Waits some ms for readers of older states. ERR_UNAVAILABLE: they are
 * still there, try again; ERR_EXISTS: it is held, or not released yet. */
NODISCARD enum err freeze_take(struct freeze *f, sqlite3 *writer, struct errbuf *eb);
bool freeze_is_held(const struct freeze *f);
/* Gives the file back to its owner at once, whoever reads: what was read stays good, the next read fails with why. */
void freeze_break(struct freeze *f, const char *why);

/* While held: */
uint64_t freeze_bytes(const struct freeze *f); /* of the image */
unsigned freeze_version(const struct freeze *f); /* of the schema */
/* Bytes [offset, offset + n) of the image. ERR_CLOSED: it was broken, eb has why; ERR_IO. */
NODISCARD enum err freeze_read(struct freeze *f, uint64_t offset, size_t n, void *to, struct errbuf *eb);
void freeze_release(struct freeze *f); /* also after a break; twice does nothing */
/* How much the log has grown since the moment. */
uint64_t freeze_log_bytes(const struct freeze *f);

#endif
