/* A database that is damaged is set aside, under a name with the time, and a fresh one takes its place at once. What is
 * the same for every file is here; store/spool_damage and store/store_damage make the fresh ones.
 * At start, before the database is opened, one thread, but for the mark. */
#ifndef STORE_ASIDE_H
#define STORE_ASIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { ASIDE_MAX = 16, ASIDE_NAME_MAX = 4096 };

struct aside_file {
	char name[ASIDE_NAME_MAX]; /* of the database file */
	char stamp[24]; /* 20260131T120000Z, or what follows "damaged-" where a human named it */
	int64_t at_ns; /* of the stamp; 0: it is none */
};

/* Makes the fresh file, whole and closed, at `fresh`. old: where the damaged one is now; at_ns: when it was set aside,
 * 0 where a human did it. */
struct aside_maker {
	enum err (*make)(void *arg, const char *fresh, const char *old, int64_t at_ns, struct errbuf *eb);
	void *arg;
};

/* Before the database is opened: finishes a replacement that a crash cut short; makes a fresh file where someone moved
 * the old one to a name that says damaged. ERR_CORRUPT: the file was marked. */
NODISCARD enum err aside_prepare(const char *path, const struct aside_maker *maker, struct errbuf *eb);
/* path, path-wal and path-shm become path.damaged-<UTC>…; a fresh file is at path. A crash at any point loses neither.
 * name: where the old one is now. */
NODISCARD enum err aside_replace(
    const char *path, const struct aside_maker *maker, char name[ASIDE_NAME_MAX], struct errbuf *eb);

/* The next start sets the file aside. Any thread; marking twice does nothing. It is logged, also where it fails. */
void aside_mark(const char *path, const char *why);
bool aside_is_marked(const char *path);

/* Files that were set aside, oldest first, the newest max of them; how many. A name that goes on for longer than a stamp is
 * none of them: so daemon/restore puts such files out of the way. */
size_t aside_list(const char *path, struct aside_file *out, size_t max);

/* SQLite throws the log of a missing or empty database away. Whatever it may hold, that is not ours to decide:
 * ERR_CORRUPT. */
NODISCARD enum err aside_check_log(const char *path, struct errbuf *eb);

#endif
