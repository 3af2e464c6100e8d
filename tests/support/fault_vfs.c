/* What is not durable is kept as a list of undo records, oldest first: the bytes a write replaced. Records are
 *
 *   pending   no sync has come since: a successful one forgets them
 *   lost      their sync failed: only a write over the same bytes forgets that part of them
 *
 * Losing power applies all of them, newest first, and gives each file its last synced length back. Files are told apart
 * by name, not by descriptor: what the page cache holds outlives a close. */
#include "support/fault_vfs.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_MAX_ = 256, FILES_MAX = 64 };

struct undo {
	struct undo *next; /* newer */
	sqlite3_int64 at, len;
	bool lost;
	unsigned char *old; /* bytes beyond the file's end are zero */
};

struct known { /* a file by its name */
	char name[NAME_MAX_];
	struct undo *first, **last;
	sqlite3_int64 synced_size;
	bool size_pending; /* the length has changed since the last sync */
	uint64_t calls[FAULT_KINDS];
};

struct fault_file {
	sqlite3_file base;
	struct known *known; /* NULL: not followed (temporary files) */
	sqlite3_file *real;
};

static sqlite3_vfs vfs, *under;
static sqlite3_io_methods methods;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* all below */
static struct known files[FILES_MAX];
static struct fault fault;
static bool armed;
static uint64_t matched, failed;

static struct known *find(const char *name)
{
	if (!name)
		return NULL;
	for (struct known *k = files; k < files + FILES_MAX; k++) {
		if (!strcmp(k->name, name))
			return k;
		if (!*k->name) {
			snprintf(k->name, sizeof k->name, "%s", name);
			k->last = &k->first;
			return k;
		}
	}
	fprintf(stderr, "fault_vfs: more than %d files\n", FILES_MAX);
	abort();
}

static bool ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = suffix ? strlen(suffix) : 0;

	return m <= n && (!m || !memcmp(name + n - m, suffix, m));
}

/* ---- what is not durable ---- */

static void drop(struct known *k, struct undo **at)
{
	struct undo *u = *at;

	*at = u->next;
	if (!u->next)
		k->last = at;
	free(u->old);
	free(u);
}

static void add(
    struct known *k, struct undo *after, sqlite3_int64 at, sqlite3_int64 len, const unsigned char *old, bool lost)
{
	struct undo *u = calloc(1, sizeof *u);

	if (!u || !(u->old = malloc((size_t)len)))
		abort();
	memcpy(u->old, old, (size_t)len);
	u->at = at;
	u->len = len;
	u->lost = lost;
	if (after) {
		u->next = after->next;
		after->next = u;
		if (!u->next)
			k->last = &u->next;
	} else {
		*k->last = u;
		k->last = &u->next;
	}
}

/* [at, at + len) is written again: it is dirty, and the next sync makes it durable. */
static void revive(struct known *k, sqlite3_int64 at, sqlite3_int64 len)
{
	for (struct undo **p = &k->first; *p;) {
		struct undo *u = *p;
		sqlite3_int64 end = at + len, u_end = u->at + u->len;
		if (!u->lost || u_end <= at || u->at >= end) {
			p = &u->next;
			continue;
		}
		/* the part in the middle waits for a sync again; what sticks out stays lost */
		sqlite3_int64 from = u->at > at ? u->at : at, to = u_end < end ? u_end : end;
		if (u_end > to)
			add(k, u, to, u_end - to, u->old + (to - u->at), true);
		if (u->at < from)
			add(k, u, u->at, from - u->at, u->old, true);
		memmove(u->old, u->old + (from - u->at), (size_t)(to - from));
		u->at = from;
		u->len = to - from;
		u->lost = false;
		p = &u->next;
	}
}

static void remember(struct fault_file *f, sqlite3_int64 at, sqlite3_int64 len)
{
	unsigned char *old = calloc(1, (size_t)len + 1);
	sqlite3_int64 size = 0;

	if (!old)
		abort();
	f->real->pMethods->xFileSize(f->real, &size);
	if (!f->known->size_pending) {
		f->known->size_pending = true;
		f->known->synced_size = size;
	}
	if (at < size) /* a short read zeroes the rest */
		f->real->pMethods->xRead(f->real, old, (int)(at + len > size ? size - at : len), at);
	revive(f->known, at, len);
	add(f->known, NULL, at, len, old, false);
	free(old);
}

static void synced(struct known *k)
{
	for (struct undo **p = &k->first; *p;) {
		if ((*p)->lost)
			p = &(*p)->next;
		else
			drop(k, p);
	}
	k->size_pending = false;
}

static void undo_file(struct known *k)
{
	struct undo *list[4096];
	unsigned n = 0;
	int fd = open(k->name, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	for (struct undo *u = k->first; u; u = u->next) {
		if (n == sizeof list / sizeof *list)
			abort();
		list[n++] = u;
	}
	while (n--)
		if (pwrite(fd, list[n]->old, (size_t)list[n]->len, list[n]->at) != list[n]->len)
			abort();
	if (k->size_pending && ftruncate(fd, k->synced_size))
		abort();
	close(fd);
}

static void lose_power(void)
{
	for (struct known *k = files; k < files + FILES_MAX && *k->name; k++)
		undo_file(k);
}

void fault_vfs_lose_power(void)
{
	pthread_mutex_lock(&lock);
	lose_power();
	pthread_mutex_unlock(&lock);
}

/* ---- the faults ---- */

/* Under the lock: whether this call is one to fail. */
static bool hits(struct known *k, enum fault_kind kind)
{
	if (!k)
		return false;
	k->calls[kind]++;
	if (!armed || !(fault.kinds & 1U << kind) || !ends_with(k->name, fault.suffix))
		return false;
	matched++;
	if (matched < fault.nth || matched - fault.nth >= fault.times)
		return false;
	failed++;
	return true;
}

static void leave(void)
{
	if (fault.power)
		lose_power();
	_exit(FAULT_EXIT_STATUS);
}

/* SQLITE_OK: the call is made; otherwise the code to return. */
static int before(struct known *k, enum fault_kind kind, bool *exit_after)
{
	*exit_after = false;
	if (!hits(k, kind))
		return SQLITE_OK;
	if (fault.exit == FAULT_EXIT_BEFORE)
		leave();
	*exit_after = fault.exit == FAULT_EXIT_AFTER;
	return fault.exit == FAULT_RETURN ? fault.code : SQLITE_OK;
}

static int on_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
	struct fault_file *f = (struct fault_file *)file;
	bool exit_after;

	pthread_mutex_lock(&lock);
	uint64_t failed_before = failed;
	int rc = before(f->known, FAULT_WRITE, &exit_after);
	if (rc == SQLITE_OK) {
		bool half = failed != failed_before && fault.exit == FAULT_EXIT_HALF;
		if (f->known)
			remember(f, at, n);
		rc = f->real->pMethods->xWrite(f->real, p, half ? n / 2 : n, at);
		if (half || exit_after)
			leave();
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct fault_file *f = (struct fault_file *)file;
	sqlite3_int64 now = 0;
	bool exit_after;

	pthread_mutex_lock(&lock);
	int rc = before(f->known, FAULT_TRUNCATE, &exit_after);
	if (rc == SQLITE_OK) {
		f->real->pMethods->xFileSize(f->real, &now);
		if (f->known && now > size)
			remember(f, size, now - size);
		rc = f->real->pMethods->xTruncate(f->real, size);
		if (exit_after)
			leave();
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

static int on_sync(sqlite3_file *file, int flags)
{
	struct fault_file *f = (struct fault_file *)file;
	bool exit_after;

	pthread_mutex_lock(&lock);
	int rc = before(f->known, FAULT_SYNC, &exit_after);
	if (rc != SQLITE_OK) {
		for (struct undo *u = f->known->first; u; u = u->next)
			u->lost = true;
	} else {
		rc = f->real->pMethods->xSync(f->real, flags);
		if (rc == SQLITE_OK && f->known)
			synced(f->known);
		if (exit_after)
			leave();
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

static int on_delete(sqlite3_vfs *v, const char *name, int sync_dir)
{
	bool exit_after;

	(void)v;
	pthread_mutex_lock(&lock);
	struct known *k = find(name);
	int rc = before(k, FAULT_DELETE, &exit_after);
	if (rc == SQLITE_OK) {
		rc = under->xDelete(under, name, sync_dir);
		if (rc == SQLITE_OK) {
			while (k->first)
				drop(k, &k->first);
			k->size_pending = false;
		}
		if (exit_after)
			leave();
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

static int on_close(sqlite3_file *file)
{
	struct fault_file *f = (struct fault_file *)file;

	return f->real->pMethods ? f->real->pMethods->xClose(f->real) : SQLITE_OK;
}

static int on_open(sqlite3_vfs *v, sqlite3_filename name, sqlite3_file *file, int flags, int *out_flags)
{
	struct fault_file *f = (struct fault_file *)file;
	bool exit_after;

	(void)v;
	memset(f, 0, sizeof *f);
	f->real = (sqlite3_file *)(f + 1);
	pthread_mutex_lock(&lock);
	f->known = find(name);
	int rc = before(f->known, FAULT_OPEN, &exit_after);
	if (rc == SQLITE_OK)
		rc = under->xOpen(under, name, f->real, flags, out_flags);
	if (exit_after)
		leave();
	pthread_mutex_unlock(&lock);
	if (f->real->pMethods && rc == SQLITE_OK)
		f->base.pMethods = &methods;
	return rc;
}

/* ---- the rest is passed on ---- */

#define REAL(file) (((struct fault_file *)(file))->real)

static int on_read(sqlite3_file *file, void *p, int n, sqlite3_int64 at)
{
	return REAL(file)->pMethods->xRead(REAL(file), p, n, at);
}

static int on_file_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return REAL(file)->pMethods->xFileSize(REAL(file), size);
}

static int on_lock(sqlite3_file *file, int level)
{
	return REAL(file)->pMethods->xLock(REAL(file), level);
}

static int on_unlock(sqlite3_file *file, int level)
{
	return REAL(file)->pMethods->xUnlock(REAL(file), level);
}

static int on_check_reserved(sqlite3_file *file, int *out)
{
	return REAL(file)->pMethods->xCheckReservedLock(REAL(file), out);
}

static int on_control(sqlite3_file *file, int op, void *arg)
{
	return REAL(file)->pMethods->xFileControl(REAL(file), op, arg);
}

static int on_sector_size(sqlite3_file *file)
{
	return REAL(file)->pMethods->xSectorSize(REAL(file));
}

static int on_characteristics(sqlite3_file *file)
{
	return REAL(file)->pMethods->xDeviceCharacteristics(REAL(file));
}

static int on_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
	return REAL(file)->pMethods->xShmMap(REAL(file), page, size, extend, out);
}

static int on_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	return REAL(file)->pMethods->xShmLock(REAL(file), offset, n, flags);
}

static void on_shm_barrier(sqlite3_file *file)
{
	REAL(file)->pMethods->xShmBarrier(REAL(file));
}

static int on_shm_unmap(sqlite3_file *file, int delete)
{
	return REAL(file)->pMethods->xShmUnmap(REAL(file), delete);
}

static sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = on_close,
	.xRead = on_read,
	.xWrite = on_write,
	.xTruncate = on_truncate,
	.xSync = on_sync,
	.xFileSize = on_file_size,
	.xLock = on_lock,
	.xUnlock = on_unlock,
	.xCheckReservedLock = on_check_reserved,
	.xFileControl = on_control,
	.xSectorSize = on_sector_size,
	.xDeviceCharacteristics = on_characteristics,
	.xShmMap = on_shm_map,
	.xShmLock = on_shm_lock,
	.xShmBarrier = on_shm_barrier,
	.xShmUnmap = on_shm_unmap,
};

/* ---- the test's side ---- */

void fault_vfs_install(void)
{
	if (under)
		return;
	under = sqlite3_vfs_find(NULL);
	vfs = *under;
	vfs.zName = "fault";
	vfs.pNext = NULL;
	vfs.szOsFile = (int)sizeof(struct fault_file) + under->szOsFile;
	vfs.xOpen = on_open;
	vfs.xDelete = on_delete;
	if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
		abort();
}

void fault_vfs_set(const struct fault *f)
{
	pthread_mutex_lock(&lock);
	armed = f != NULL;
	if (f)
		fault = *f;
	matched = failed = 0;
	pthread_mutex_unlock(&lock);
}

uint64_t fault_vfs_count(void)
{
	pthread_mutex_lock(&lock);
	uint64_t n = matched;
	pthread_mutex_unlock(&lock);
	return n;
}

uint64_t fault_vfs_failed(void)
{
	pthread_mutex_lock(&lock);
	uint64_t n = failed;
	pthread_mutex_unlock(&lock);
	return n;
}

uint64_t fault_vfs_calls(enum fault_kind kind, const char *suffix)
{
	uint64_t n = 0;

	pthread_mutex_lock(&lock);
	for (struct known *k = files; k < files + FILES_MAX && *k->name; k++)
		if (ends_with(k->name, suffix))
			n += k->calls[kind];
	pthread_mutex_unlock(&lock);
	return n;
}

void fault_vfs_forget(void)
{
	pthread_mutex_lock(&lock);
	for (struct known *k = files; k < files + FILES_MAX && *k->name; k++) {
		while (k->first)
			drop(k, &k->first);
		memset(k, 0, sizeof *k);
	}
	pthread_mutex_unlock(&lock);
}
