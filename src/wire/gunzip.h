/* gzip in one piece, with a ceiling on what comes out; several members one after the other are one text. Any thread. */
#ifndef WIRE_GUNZIP_H
#define WIRE_GUNZIP_H

#include "base/buf.h"

/* Appends to out. ERR_TOOBIG: it would grow above out->max, or `more` (asked before out grows to n bytes; NULL: always
 * yes) refused with that code; ERR_INVALID: not gzip, damaged or cut short; ERR_NOMEM. */
NODISCARD enum err gunzip(struct view packed, struct buf *out, enum err (*more)(void *arg, size_t n), void *arg);

#endif
