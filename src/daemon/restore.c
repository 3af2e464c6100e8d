/*   1  spool.db.restore, store.db.restore    the backup's files, synced, their sums compared
 *   2  restore.pending                       decided; it holds the stamp T
 *   3  for store.db, then spool.db, while its .restore is there:
 *      F.damaged-…, its log and index     -> F….before-restore-T      nothing is deleted
 *      F, F-wal, F-shm, F-damaged, F.new  -> F….before-restore-T
 *      F.restore -> F
 *   4  restore.pending goes
 *
 * Cut short before 2, the old store is as it was, and the copies are of no use. From 2 on the next start or restore goes
 * on at 3: a file whose .restore is gone has been done. So no start ever sees the files of two moments together. That
 * holds for files set aside earlier, too: how far salvage has got with them is in the files that go back, and it would take
 * over once more what was written after the backup. */
#include "daemon/restore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/timetext.h"
#include "daemon/verify.h"
#include "store/aside.h"

enum { PATH_ROOM = 4096, PIECE = 1 << 20, STAMP = 24 };

#define PENDING "restore.pending"
#define COPY ".restore"
#define ASIDE ".before-restore-"

static const char *const files[] = { "store.db", "spool.db" };
static const char *const besides[] = { "", "-wal", "-shm", "-damaged", ".new" };
enum { FILES = sizeof files / sizeof *files, BESIDES = sizeof besides / sizeof *besides };

struct restore {
	struct restore_opts opts;
	char stamp[STAMP];
};

static void name_of(const struct restore *r, char out[PATH_ROOM], const char *file, const char *suffix)
{
	snprintf(out, PATH_ROOM, "%s/%s%s", r->opts.data_dir, file, suffix);
}

static bool is_there(const struct restore *r, const char *file, const char *suffix)
{
	char name[PATH_ROOM];
	struct stat st;

	name_of(r, name, file, suffix);
	return lstat(name, &st) == 0;
}

/* Any one that was set aside earlier. */
static bool find_damaged(const struct restore *r, const char *file, struct aside_file *out)
{
	char name[PATH_ROOM];

	name_of(r, name, file, "");
	return aside_list(name, out, 1) > 0;
}

static enum err next_step(const struct restore *r, struct errbuf *eb)
{
	if (r->opts.step && !r->opts.step(r->opts.arg))
		return errbuf_set(eb, ERR_CLOSED, "stopped");
	return ERR_OK;
}

static enum err sync_folder(const struct restore *r, struct errbuf *eb)
{
	char name[PATH_ROOM];

	name_of(r, name, PENDING, "");
	return file_sync_folder_of(name, eb);
}

/* ---- 1: the copies ---- */

static enum err copy_bytes(int from, int to, const char *name, struct sha256 *sha, struct errbuf *eb)
{
	char *piece = malloc(PIECE);
	enum err e = piece ? ERR_OK : errbuf_set(eb, ERR_NOMEM, "out of memory");
	ssize_t n = 0;

	while (e == ERR_OK && ((n = read(from, piece, PIECE)) > 0 || (n < 0 && errno == EINTR))) {
		if (n < 0)
			continue;
		sha256_add(sha, (struct view){ piece, (size_t)n });
		for (ssize_t at = 0, k; e == ERR_OK && at<n; at += k> 0 ? k : 0)
			if ((k = write(to, piece + at, (size_t)(n - at))) < 0 && errno != EINTR)
				e = errbuf_set(eb, errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO,
				    "cannot write %s: %s", name, strerror(errno));
	}
	if (e == ERR_OK && n < 0)
		e = errbuf_set(eb, ERR_IO, "cannot read the backup: %s", strerror(errno));
	free(piece);
	return e;
}

/* A restore by root leaves the files to the folder's owner. */
static enum err hand_over(const struct restore *r, int fd, const char *name, struct errbuf *eb)
{
	struct stat st;

	if (stat(r->opts.data_dir, &st) == 0 && geteuid() == 0 && fchown(fd, st.st_uid, st.st_gid) != 0)
		return errbuf_set(eb, ERR_IO, "cannot give %s to its folder's owner: %s", name, strerror(errno));
	return ERR_OK;
}

static enum err copy_opened(
    const struct restore *r, int from, int to, const char *file, const char *name, struct errbuf *eb)
{
	char want[SHA256_HEX], have[SHA256_HEX];
	struct sha256 sha;
	enum err e = verify_expected_sum(r->opts.backup, file, want, eb);

	if (e == ERR_OK)
		e = sha256_init(&sha, eb);
	if (e != ERR_OK)
		return e;
	e = copy_bytes(from, to, name, &sha, eb);
	sha256_take(&sha, have);
	sha256_fini(&sha);
	if (e == ERR_OK && strcmp(have, want) != 0)
		e = errbuf_set(eb, ERR_CORRUPT, "%s of the backup is not as SHA256SUMS says", file);
	if (e == ERR_OK)
		e = hand_over(r, to, name, eb);
	if (e == ERR_OK && fsync(to) != 0)
		e = errbuf_set(eb, ERR_IO, "cannot sync %s: %s", name, strerror(errno));
	return e;
}

static enum err copy(const struct restore *r, const char *file, struct errbuf *eb)
{
	char from[PATH_ROOM], to[PATH_ROOM];
	int in, out = -1;
	enum err e = next_step(r, eb);

	if (e != ERR_OK)
		return e;
	snprintf(from, sizeof from, "%s/%s", r->opts.backup, file);
	name_of(r, to, file, COPY);
	in = open(from, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return errbuf_set(eb, ERR_IO, "cannot open %s: %s", from, strerror(errno));
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (out < 0)
		e = errbuf_set(eb, ERR_IO, "cannot write %s: %s", to, strerror(errno));
	else
		e = copy_opened(r, in, out, file, to, eb);
	close(in);
	if (out >= 0)
		close(out);
	return e;
}

static void remove_copies(const struct restore *r)
{
	char name[PATH_ROOM];

	for (unsigned i = 0; i < FILES; i++) {
		name_of(r, name, files[i], COPY);
		(void)unlink(name);
	}
}

/* ---- 2: decided ---- */

static bool stamp_is_used(const struct restore *r)
{
	char end[64];
	const struct dirent *entry;
	bool used = false;
	DIR *d = opendir(r->opts.data_dir);

	snprintf(end, sizeof end, ASIDE "%s", r->stamp);
	while (d && !used && (entry = readdir(d))) {
		size_t len = strlen(entry->d_name), n = strlen(end);
		used = len > n && strcmp(entry->d_name + len - n, end) == 0;
	}
	if (d)
		closedir(d);
	return used;
}

/* 20260131T120000Z; a second later where that is taken. */
static void choose_stamp(struct restore *r)
{
	int64_t s = clock_wall_ns() / NS_PER_S;
	char t[32];

	do {
		timetext_format(t, s++ * NS_PER_S);
		snprintf(
		    r->stamp, sizeof r->stamp, "%.4s%.2s%.2sT%.2s%.2s%.2sZ", t, t + 5, t + 8, t + 11, t + 14, t + 17);
	} while (stamp_is_used(r));
}

static enum err decide(struct restore *r, struct errbuf *eb)
{
	char name[PATH_ROOM];
	enum err e = next_step(r, eb);

	if (e != ERR_OK)
		return e;
	choose_stamp(r);
	name_of(r, name, PENDING, "");
	e = sync_folder(r, eb); /* the copies' names first */
	return e == ERR_OK ? file_replace(name, view_of(r->stamp), eb) : e;
}

/* ---- 3 and 4 ---- */

static enum err move(
    const struct restore *r, const char *file, const char *suffix, const char *to_suffix, struct errbuf *eb)
{
	char from[PATH_ROOM], to[PATH_ROOM];
	enum err e = next_step(r, eb);

	if (e != ERR_OK)
		return e;
	name_of(r, from, file, suffix);
	name_of(r, to, file, to_suffix);
	if (rename(from, to) && errno != ENOENT)
		return errbuf_set(eb, ERR_IO, "cannot rename %s to %s: %s", from, to, strerror(errno));
	return ERR_OK;
}

/* One that is not there is moved, too. */
static enum err move_aside(const struct restore *r, const char *file, const char *suffix, struct errbuf *eb)
{
	char aside[128];

	if (!is_there(r, file, suffix))
		return ERR_OK;
	snprintf(aside, sizeof aside, "%s" ASIDE "%s", suffix, r->stamp);
	return move(r, file, suffix, aside, eb);
}

/* What salvage would find. The file goes last: while it is there, it is found again. */
static enum err move_damaged(const struct restore *r, const char *file, struct errbuf *eb)
{
	static const char *const parts[] = { "-wal", "-shm", "" };
	char suffix[64];
	struct aside_file found;
	enum err e = ERR_OK;

	while (e == ERR_OK && find_damaged(r, file, &found))
		for (unsigned i = 0; e == ERR_OK && i < sizeof parts / sizeof *parts; i++) {
			snprintf(
			    suffix, sizeof suffix, "%.40s%s", strrchr(found.name, '/') + 1 + strlen(file), parts[i]);
			e = move_aside(r, file, suffix, eb);
		}
	return e;
}

static enum err put_in_place(const struct restore *r, const char *file, struct errbuf *eb)
{
	enum err e = move_damaged(r, file, eb);

	for (unsigned i = 0; e == ERR_OK && i < BESIDES; i++)
		e = move_aside(r, file, besides[i], eb);
	if (e == ERR_OK)
		e = sync_folder(r, eb);
	return e == ERR_OK ? move(r, file, COPY, "", eb) : e;
}

static enum err complete(const struct restore *r, struct errbuf *eb)
{
	char name[PATH_ROOM];
	enum err e = ERR_OK;

	for (unsigned i = 0; e == ERR_OK && i < FILES; i++)
		if (is_there(r, files[i], COPY))
			e = put_in_place(r, files[i], eb);
	if (e == ERR_OK)
		e = sync_folder(r, eb);
	if (e == ERR_OK)
		e = next_step(r, eb);
	if (e != ERR_OK)
		return e;
	name_of(r, name, PENDING, "");
	if (unlink(name))
		return errbuf_set(eb, ERR_IO, "cannot remove %s: %s", name, strerror(errno));
	return sync_folder(r, eb);
}

static enum err read_stamp(struct restore *r, struct errbuf *eb)
{
	char name[PATH_ROOM];
	struct buf b;

	name_of(r, name, PENDING, "");
	buf_init(&b, STAMP);
	enum err e = file_read(name, &b, eb);
	if (e == ERR_OK && (b.len == 0 || b.len >= sizeof r->stamp || memchr(b.p, '/', b.len)))
		e = errbuf_set(
		    eb, ERR_INVALID, "%s is not what a restore wrote; restore once more, or remove it", name);
	if (e == ERR_OK)
		snprintf(r->stamp, sizeof r->stamp, "%.*s", (int)b.len, b.p);
	buf_fini(&b);
	return e;
}

static enum err finish(struct restore *r, struct errbuf *eb)
{
	enum err e = read_stamp(r, eb);

	if (e == ERR_NOTFOUND)
		return ERR_OK;
	if (e != ERR_OK)
		return e;
	log_warn("a restore of %s was cut short; it is completed now", r->opts.data_dir);
	return complete(r, eb);
}

enum err restore_finish(const char *data_dir, struct errbuf *eb)
{
	struct restore r = { .opts = { .data_dir = data_dir } };

	return finish(&r, eb);
}

/* ---- all of it ---- */

static enum err refuse_store(const struct restore *r, struct errbuf *eb)
{
	struct aside_file found;

	for (unsigned i = 0; i < FILES && !r->opts.force; i++)
		if (is_there(r, files[i], "") || is_there(r, files[i], "-wal") || find_damaged(r, files[i], &found))
			return errbuf_set(eb, ERR_EXISTS,
			    "%s holds a store already; --force sets it aside under another name", r->opts.data_dir);
	return ERR_OK;
}

static enum err restore_locked(struct restore *r, struct errbuf *eb)
{
	enum err e = finish(r, eb);

	if (e == ERR_OK)
		e = refuse_store(r, eb);
	if (e != ERR_OK)
		return e;
	for (unsigned i = 0; e == ERR_OK && i < FILES; i++)
		e = copy(r, files[i], eb);
	if (e == ERR_OK)
		e = decide(r, eb);
	if (e == ERR_OK)
		return complete(r, eb);
	if (e != ERR_CLOSED)
		remove_copies(r);
	return e;
}

static bool same_folder(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static enum err check_is_backup(const struct restore *r, struct errbuf *eb)
{
	char name[PATH_ROOM];
	struct stat st;

	snprintf(name, sizeof name, "%s/SHA256SUMS", r->opts.backup);
	return stat(name, &st) == 0
	    ? ERR_OK
	    : errbuf_set(eb, ERR_INVALID, "%s is not a backup: it has no SHA256SUMS", r->opts.backup);
}

/* *fd: the folder, locked. */
static enum err enter(const struct restore *r, int *fd, struct errbuf *eb)
{
	const struct restore_opts *o = &r->opts;

	if (strlen(o->data_dir) + 100 > PATH_ROOM || strlen(o->backup) + 100 > PATH_ROOM)
		return errbuf_set(eb, ERR_INVALID, "the folder's name is too long");
	enum err e = file_make_dirs(o->data_dir, 0700, eb);
	if (e == ERR_OK && same_folder(o->backup, o->data_dir))
		e = errbuf_set(eb, ERR_INVALID, "%s is the backup itself; name another --data-dir", o->data_dir);
	if (e == ERR_OK)
		e = check_is_backup(r, eb);
	return e == ERR_OK ? file_lock_dir(o->data_dir, fd, eb) : e;
}

enum err restore_check(const struct restore_opts *opts, struct errbuf *eb)
{
	struct restore r = { .opts = *opts };
	int fd;
	enum err e = enter(&r, &fd, eb);

	if (e != ERR_OK)
		return e;
	if (!is_there(&r, PENDING, ""))
		e = refuse_store(&r, eb);
	close(fd);
	return e;
}

enum err restore_run(const struct restore_opts *opts, struct errbuf *eb)
{
	struct restore r = { .opts = *opts };
	int fd;
	enum err e = enter(&r, &fd, eb);

	if (e != ERR_OK)
		return e;
	e = restore_locked(&r, eb);
	close(fd);
	return e;
}
