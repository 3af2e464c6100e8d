#include "cli/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err fail(struct outfile *f, const char *what, const char *name, struct errbuf *eb)
{
	enum err e = errno == EWOULDBLOCK ? errbuf_set(eb, ERR_EXISTS, "another process writes %s", name)
					  : errbuf_set(eb, ERR_IO, "cannot %s %s: %s", what, name, strerror(errno));

	if (f->fd >= 0 && f->fd != STDOUT_FILENO)
		close(f->fd);
	free(f->name);
	free(f->part);
	*f = (struct outfile){ .fd = -1 };
	return e;
}

/* Through symbolic links: the file itself is replaced, not the link. */
static char *real_name(const char *name)
{
	char *real = realpath(name, NULL);

	return real ? real : strdup(name);
}

enum err outfile_open(struct outfile *f, const char *name, struct errbuf *eb)
{
	struct stat st;

	*f = (struct outfile){ .fd = STDOUT_FILENO };
	if (!name || !strcmp(name, "-"))
		return ERR_OK;
	f->fd = -1;
	f->name = real_name(name);
	if (!f->name)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	if (stat(f->name, &st) == 0 && !S_ISREG(st.st_mode)) {
		f->fd = open(f->name, O_WRONLY | O_CLOEXEC);
		return f->fd >= 0 ? ERR_OK : fail(f, "write", name, eb);
	}
	if (asprintf(&f->part, "%s.part", f->name) < 0) {
		f->part = NULL;
		return fail(f, "write", name, eb);
	}
	f->fd = open(f->part, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (f->fd < 0 || flock(f->fd, LOCK_EX | LOCK_NB) != 0 || ftruncate(f->fd, 0) != 0)
		return fail(f, "write", f->part, eb);
	return ERR_OK;
}

enum err outfile_write(struct outfile *f, struct view piece, struct errbuf *eb)
{
	while (piece.len) {
		ssize_t n = write(f->fd, piece.p, piece.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errbuf_set(
			    eb, ERR_IO, "cannot write %s: %s", f->name ? f->name : "standard output", strerror(errno));
		piece.p += n;
		piece.len -= (size_t)n;
	}
	return ERR_OK;
}

/* So that the name survives a power cut too. */
static void sync_folder(const char *name)
{
	const char *slash = strrchr(name, '/');
	char *folder = slash ? strndup(name, (size_t)(slash - name) + 1) : strdup(".");
	int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(folder);
}

enum err outfile_close(struct outfile *f, bool keep, struct errbuf *eb)
{
	enum err e = ERR_OK;

	if (f->part && keep && (fsync(f->fd) != 0 || rename(f->part, f->name) != 0))
		e = errbuf_set(eb, ERR_IO, "cannot write %s: %s", f->name, strerror(errno));
	else if (f->part && keep)
		sync_folder(f->name);
	if (f->part && (!keep || e != ERR_OK))
		unlink(f->part);
	if (f->fd >= 0 && f->fd != STDOUT_FILENO)
		close(f->fd);
	free(f->name);
	free(f->part);
	*f = (struct outfile){ .fd = -1 };
	return e;
}
