/* A bad disk, for tests: an SQLite VFS over the default one that counts calls by kind and file, fails the n-th of them,
 * ends the process there, and knows what was written but never synced.
 *
 * Power loss: fault_vfs_lose_power undoes what no successful sync has covered. A sync that was made to fail leaves its
 * writes lost for good, as Linux does it: a later sync of the same file succeeds and does not bring them back; only
 * writing the same bytes again does.
 *
 * Threads: any; one lock. One instance a process. Of the index in shared memory (-shm) nothing is counted. */
#ifndef TESTS_SUPPORT_FAULT_VFS_H
#define TESTS_SUPPORT_FAULT_VFS_H

#include <stdbool.h>
#include <stdint.h>

enum fault_kind { FAULT_OPEN, FAULT_WRITE, FAULT_SYNC, FAULT_TRUNCATE, FAULT_DELETE, FAULT_KINDS };

enum fault_exit {
	FAULT_RETURN, /* do not exit: return `code` */
	FAULT_EXIT_BEFORE, /* _exit(FAULT_EXIT_STATUS) without the call… */
	FAULT_EXIT_HALF, /* …with half of a write… */
	FAULT_EXIT_AFTER, /* …after the call */
};

enum { FAULT_EXIT_STATUS = 77 };

struct fault {
	unsigned kinds; /* bits: 1 << FAULT_WRITE | … */
	const char *suffix; /* of the file's name: "-wal", "spool.db"; NULL: any */
	uint64_t nth; /* the first to fail, from 1, counted from fault_vfs_set on */
	uint64_t times; /* how many fail from there on; UINT64_MAX: all */
	int code; /* SQLITE_IOERR_FSYNC, SQLITE_IOERR_WRITE, SQLITE_FULL… */
	enum fault_exit exit;
	bool power; /* with an exit: what was not synced is lost too */
};

void fault_vfs_install(void); /* becomes the default; once a process is enough, more do no harm */
void fault_vfs_set(const struct fault *f); /* NULL: nothing fails any more; counting begins anew */
/* Calls since fault_vfs_set that matched kinds and suffix, and how many of them were made to fail. */
uint64_t fault_vfs_count(void);
uint64_t fault_vfs_failed(void);
uint64_t fault_vfs_calls(enum fault_kind kind, const char *suffix); /* since the installation; suffix NULL: any */

/* Forgets all files; none is open. */
void fault_vfs_forget(void);

/* Undoes each byte that no sync has covered, in all files this process wrote. Nothing may write afterwards. */
void fault_vfs_lose_power(void);

#endif
