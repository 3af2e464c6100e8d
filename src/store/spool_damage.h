/* A damaged spool: it is set aside, a fresh one starts in its place at once, and flow/salvage takes its rows over.
 * At start, before the spool is opened, one thread, but for the mark. */
#ifndef STORE_SPOOL_DAMAGE_H
#define STORE_SPOOL_DAMAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "store/spool.h"

/* Before every spool_open of a start: finishes a replacement that a crash cut short. ERR_CORRUPT: the file was marked. */
NODISCARD enum err spool_prepare(const char *path, struct errbuf *eb);

/* The next start sets the file aside. Any thread; marking twice does nothing. */
NODISCARD enum err spool_mark_damaged(const char *path, const char *why, struct errbuf *eb);
bool spool_is_marked(const char *path);

/* path, path-wal and path-shm become path.damaged-<UTC>…; a fresh file is at path, with what could be read of the old
 * one's namespaces and field types, a gap with the cause "spool_damaged" (0 points until salvage knows better), and
 * numbers above all that were ever given: at least first_seq (0: nothing more is known), and on a new multiple of 2^40.
 * A crash at any point loses neither file. */
NODISCARD enum err spool_replace(const char *path, const char *why, uint64_t first_seq, struct errbuf *eb);

#define SPOOL_DAMAGED_MAX 16

struct spool_damaged {
	char name[4096]; /* of the database file */
	char stamp[24]; /* 20260131T120000Z, or what follows "damaged-" where a human named it */
	int64_t at_ns; /* of the stamp; 0: it is none */
};
/* Files that were set aside, oldest first, the newest max of them; how many. */
size_t spool_list_damaged(const char *path, struct spool_damaged *out, size_t max);

#endif
