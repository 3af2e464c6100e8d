#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_STEP = 4096 };

/* Room to read into: READ_STEP bytes where the ceiling allows, else what is left of it. */
static bool make_room(struct buf *b)
{
	size_t left = b->max - b->len;

	if (b->cap - b->len > 1)
		return true;
	return buf_reserve(b, left == 0 ? 1 : left < READ_STEP ? left : READ_STEP);
}

static enum err read_all(int fd, const char *path, struct buf *b, struct errbuf *eb)
{
	for (;;) {
		if (!make_room(b))
			return errbuf_set(eb, ERR_TOOBIG, "%s is larger than %zu bytes", path, b->max);
		ssize_t n = read(fd, b->p + b->len, b->cap - b->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errbuf_set(eb, ERR_IO, "cannot read %s: %s", path, strerror(errno));
		if (n == 0)
			return ERR_OK;
		b->len += (size_t)n;
	}
}

enum err file_read_at(int dir_fd, const char *path, struct buf *b, struct errbuf *eb)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errbuf_set(
		    eb, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "cannot open %s: %s", path, strerror(errno));
	enum err e = read_all(fd, path, b, eb);
	close(fd);
	return e;
}

enum err file_read(const char *path, struct buf *b, struct errbuf *eb)
{
	return file_read_at(AT_FDCWD, path, b, eb);
}

enum err file_reread(int fd, const char *path, struct buf *b, struct errbuf *eb)
{
	for (off_t at = 0;;) {
		if (!make_room(b))
			return errbuf_set(eb, ERR_TOOBIG, "%s is larger than %zu bytes", path, b->max);
		ssize_t n = pread(fd, b->p + b->len, b->cap - b->len, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errbuf_set(eb, errno == EOPNOTSUPP ? ERR_NOTFOUND : ERR_IO, "cannot read %s: %s", path,
			    strerror(errno));
		if (n == 0)
			return ERR_OK;
		at += n;
		b->len += (size_t)n;
	}
}

static bool write_all(int fd, struct view v)
{
	while (v.len) {
		ssize_t n = write(fd, v.p, v.len);
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			v.p += n;
			v.len -= (size_t)n;
		}
	}
	return true;
}

enum err file_sync_folder_of(const char *path, struct errbuf *eb)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];

	snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
	int fd = open(*folder ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd)) {
		int why = errno;
		if (fd >= 0)
			close(fd);
		return errbuf_set(eb, ERR_IO, "cannot sync the folder %s: %s", folder, strerror(why));
	}
	close(fd);
	return ERR_OK;
}

enum err file_replace(const char *path, struct view contents, struct errbuf *eb)
{
	char part[PATH_MAX];

	if ((size_t)snprintf(part, sizeof part, "%s.part", path) >= sizeof part)
		return errbuf_set(eb, ERR_INVALID, "the name of the file is too long");
	int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && write_all(fd, contents) && fsync(fd) == 0;
	int why = errno;
	if (fd >= 0)
		close(fd);
	if (ok && rename(part, path) == 0)
		return file_sync_folder_of(path, eb);
	why = ok ? errno : why;
	if (fd >= 0)
		unlink(part);
	return errbuf_set(eb, why == ENOSPC ? ERR_FULL : ERR_IO, "cannot write %s: %s", path, strerror(why));
}

enum err file_make_dirs(const char *path, mode_t mode, struct errbuf *eb)
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	if (n == 0 || n >= sizeof part)
		return errbuf_set(eb, ERR_INVALID, "the folder's name is empty or too long");
	memcpy(part, path, n + 1);
	for (size_t i = 1; i <= n; i++) {
		if (part[i] != '/' && part[i] != 0)
			continue;
		part[i] = 0;
		if (mkdir(part, mode) && errno != EEXIST)
			return errbuf_set(eb, ERR_IO, "cannot create the folder %s: %s", part, strerror(errno));
		part[i] = path[i];
	}
	struct stat st;
	if (stat(path, &st))
		return errbuf_set(eb, ERR_IO, "cannot look at %s: %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return errbuf_set(eb, ERR_INVALID, "%s is not a folder", path);
	return ERR_OK;
}

enum err file_lock_dir(const char *path, int *fd, struct errbuf *eb)
{
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
		return errbuf_set(eb, ERR_IO, "cannot open the folder %s: %s", path, strerror(errno));
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
		return ERR_OK;
	int why = errno;
	close(*fd);
	*fd = -1;
	if (why == EWOULDBLOCK)
		return errbuf_set(eb, ERR_EXISTS, "%s is in use by another holdfastd", path);
	return errbuf_set(eb, ERR_IO, "cannot lock the folder %s: %s", path, strerror(why));
}
