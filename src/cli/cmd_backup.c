/* The archive is taken apart into DIR.partial, which gets the name DIR when holdfastd has read it through and found it
 * whole. A copy that did not arrive goes; one that arrived and is not whole stays as DIR.partial: of a damaged store
 * it may be the best that can be had. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/holdfastd.h"
#include "cli/outfile.h"
#include "cli/progress.h"
#include "cli/untar.h"

static const char help[] =
    "Usage: holdfast backup DIR\n"
    "       holdfast backup - | tar x -C DIR\n\n"
    "Copies the whole store, as of one moment, while the daemon goes on working: to the folder DIR, which must not exist\n"
    "or be empty, and reads the copy through. `-` writes the archive to standard output, unverified: holdfastd --verify\n"
    "DIR does that later.\n\n"
    "holdfast restore DIR makes it the store again. Exit status 1 if there is no good copy.\n";

static const char *const members[] = { "manifest.json", "spool.db", "store.db", "SHA256SUMS" };
enum { MEMBERS = sizeof members / sizeof *members };

struct receiving {
	char *folder, *partial; /* partial NULL: standard output */
	int lock_fd; /* of partial */
	struct outfile pipe;
	struct untar untar;
	unsigned member; /* the next */
	int fd; /* of the file in work; -1: none */
	const struct client_answer *answer;
	uint64_t bytes;
	struct progress progress;
	struct errbuf why;
};

/* ---- the folder ---- */

static enum err system_error(const char *doing, const char *name, struct errbuf *eb)
{
	return errbuf_set(eb, errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO, "cannot %s %s: %s", doing, name,
	    strerror(errno));
}

static void remove_partial(struct receiving *r)
{
	char name[PATH_MAX];

	for (unsigned i = 0; i < MEMBERS; i++) {
		snprintf(name, sizeof name, "%s/%s", r->partial, members[i]);
		(void)unlink(name);
	}
	(void)rmdir(r->partial);
}

/* It does not exist, or is an empty folder that a rename can replace. */
static enum err check_free(const char *folder, struct errbuf *eb)
{
	struct stat st, parent;
	char above[PATH_MAX];
	unsigned entries = 0;

	if (lstat(folder, &st) != 0)
		return errno == ENOENT ? ERR_OK : system_error("look at", folder, eb);
	DIR *d = S_ISDIR(st.st_mode) ? opendir(folder) : NULL;
	for (; d && entries < 3 && readdir(d); entries++) {
		/* . and .. are always there */
	}
	if (d)
		closedir(d);
	if (!d || entries > 2)
		return errbuf_set(eb, ERR_EXISTS, "%s is there and not an empty folder; name a new one", folder);
	snprintf(above, sizeof above, "%s/..", folder);
	if (stat(above, &parent) != 0 || parent.st_dev != st.st_dev || parent.st_ino == st.st_ino)
		return errbuf_set(eb, ERR_EXISTS, "%s is where a file system begins; name a new folder in it", folder);
	return ERR_OK;
}

/* A folder that an earlier try left behind is used again. */
static enum err make_partial(struct receiving *r, const char *folder, struct errbuf *eb)
{
	size_t n = strlen(folder);

	while (n > 1 && folder[n - 1] == '/')
		n--;
	r->folder = strndup(folder, n);
	if (!r->folder || asprintf(&r->partial, "%s.partial", r->folder) < 0) {
		r->partial = NULL;
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	if (n + 40 > PATH_MAX)
		return errbuf_set(eb, ERR_INVALID, "the folder's name is too long");
	enum err e = check_free(r->folder, eb);
	if (e != ERR_OK)
		return e;
	if (mkdir(r->partial, 0700) != 0 && errno != EEXIST)
		return system_error("create", r->partial, eb);
	r->lock_fd = open(r->partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->lock_fd < 0)
		return system_error("open", r->partial, eb);
	if (flock(r->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return errbuf_set(eb, ERR_EXISTS, "another backup to %s runs", r->folder);
	return ERR_OK;
}

/* ---- its files ---- */

static enum err begin_member(void *arg, const char *name, uint64_t size, struct errbuf *eb)
{
	struct receiving *r = arg;
	char path[PATH_MAX];

	(void)size;
	if (r->member == MEMBERS || strcmp(name, members[r->member]) != 0)
		return errbuf_set(eb, ERR_CORRUPT, "the archive holds %.100s, which no backup has there", name);
	r->member++;
	snprintf(path, sizeof path, "%s/%s", r->partial, name);
	r->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	return r->fd >= 0 ? ERR_OK : system_error("write", path, eb);
}

static enum err write_member(void *arg, struct view piece, struct errbuf *eb)
{
	struct receiving *r = arg;

	while (piece.len) {
		ssize_t n = write(r->fd, piece.p, piece.len);
		if (n < 0 && errno != EINTR)
			return system_error("write to", r->partial, eb);
		if (n > 0) {
			piece.p += n;
			piece.len -= (size_t)n;
		}
	}
	return ERR_OK;
}

static enum err end_member(void *arg, struct errbuf *eb)
{
	struct receiving *r = arg;
	int fd = r->fd;

	r->fd = -1;
	return close(fd) == 0 ? ERR_OK : system_error("write to", r->partial, eb);
}

/* When all has arrived: a sync may take long, and the daemon waits for no client that stands still. */
static enum err sync_members(struct receiving *r, struct errbuf *eb)
{
	char path[PATH_MAX];
	enum err e = ERR_OK;

	for (unsigned i = 0; e == ERR_OK && i < MEMBERS; i++) {
		snprintf(path, sizeof path, "%s/%s", r->partial, members[i]);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || fsync(fd) != 0)
			e = system_error("sync", path, eb);
		if (fd >= 0)
			close(fd);
	}
	return e == ERR_OK && fsync(r->lock_fd) != 0 ? system_error("sync", r->partial, eb) : e;
}

static bool take(void *arg, struct view piece)
{
	struct receiving *r = arg;
	enum err e = r->partial ? untar_take(&r->untar, piece, &r->why) : outfile_write(&r->pipe, piece, &r->why);

	r->bytes += piece.len;
	progress_show(&r->progress, r->bytes, strtoull(r->answer->size, NULL, 10), NULL, 0);
	return e == ERR_OK;
}

/* ---- all of it ---- */

/* Why the daemon broke the answer off, if it says. */
static int tell_broken(struct client *c, const char *text)
{
	int status;
	json_t *root = client_get(c, "/api/v1/storage", &status);
	const char *why = json_string_value(json_object_get(json_object_get(root, "backup"), "error"));

	status = complain(EXIT_BAD, "%s%s%s", text, why && *why ? ": " : "", why ? why : "");
	json_decref(root);
	return status;
}

static int receive(struct client *c, struct receiving *r)
{
	struct client_answer a;
	struct errbuf eb;
	int status = EXIT_GOOD;

	r->answer = &a;
	progress_init(&r->progress);
	enum err e = client_stream(c, "/api/v1/backup", NULL, take, r, &a, &eb);
	progress_clear(&r->progress);
	if (e == ERR_IO)
		status = tell_broken(c, eb.text);
	else if (e != ERR_OK)
		status = complain(
		    e == ERR_UNAVAILABLE ? EXIT_UNREACHABLE : EXIT_BAD, "%s", e == ERR_CLOSED ? r->why.text : eb.text);
	else if (a.status != 200)
		status = client_complain(c, &a);
	else if (r->partial ? !r->untar.ended || r->member != MEMBERS : strtoull(a.size, NULL, 10) != r->bytes)
		status = complain(EXIT_BAD, "the archive ended early; is it a Holdfast?");
	client_answer_fini(&a);
	return status;
}

/* The copy has arrived: it stays, whatever is found in it. */
static int verify_and_name(struct receiving *r)
{
	const char *argv[] = { NULL, "--verify", r->partial, NULL };
	struct errbuf eb;

	close(r->lock_fd); /* its lock is what holdfastd takes */
	r->lock_fd = -1;
	int status = holdfastd_run(argv, &eb);
	if (status < 0)
		return complain(EXIT_BAD, "%s; the copy stays unverified as %s", eb.text, r->partial);
	if (status > 0)
		return complain(EXIT_BAD, "the copy stays as %s, it is not a good backup", r->partial);
	if (rename(r->partial, r->folder) != 0)
		return complain(EXIT_BAD, "cannot rename %s to %s: %s", r->partial, r->folder, strerror(errno));
	if (file_sync_folder_of(r->folder, &eb) != ERR_OK)
		return complain(EXIT_BAD, "%s", eb.text);
	printf("%s is a good backup of %.1f MiB\n", r->folder, (double)r->bytes / 1048576);
	return EXIT_GOOD;
}

static int to_folder(struct client *c, const char *folder)
{
	struct receiving r = { .fd = -1, .lock_fd = -1 };
	struct untar_sink sink = { begin_member, write_member, end_member, &r };
	char path[4096];
	struct errbuf eb;
	int status;

	untar_init(&r.untar, &sink);
	/* before anything is copied */
	if (holdfastd_find(path, &eb) != ERR_OK)
		return complain(
		    EXIT_BAD, "%s: the copy could not be verified; holdfast backup - copies without", eb.text);
	if (make_partial(&r, folder, &eb) != ERR_OK) {
		status = complain(EXIT_BAD, "%s", eb.text);
	} else {
		status = receive(c, &r);
		if (r.fd >= 0)
			close(r.fd);
		if (status == EXIT_GOOD && sync_members(&r, &eb) != ERR_OK)
			status = complain(EXIT_BAD, "%s", eb.text);
		if (status != EXIT_GOOD)
			remove_partial(&r);
		else
			status = verify_and_name(&r);
	}
	if (r.lock_fd >= 0)
		close(r.lock_fd);
	free(r.folder);
	free(r.partial);
	return status;
}

static int to_standard_output(struct client *c)
{
	struct receiving r = { .fd = -1, .lock_fd = -1 };
	struct errbuf eb;

	if (isatty(STDOUT_FILENO))
		return complain(EXIT_USAGE, "the archive is not for a terminal; holdfast backup - | tar x -C DIR");
	if (outfile_open(&r.pipe, NULL, &eb) != ERR_OK)
		return complain(EXIT_BAD, "%s", eb.text);
	int status = receive(c, &r);
	if (outfile_close(&r.pipe, status == EXIT_GOOD, &eb) != ERR_OK)
		status = complain(EXIT_BAD, "%s", eb.text);
	return status;
}

int cmd_backup(struct client *c, int argc, char **argv)
{
	static const struct option list[] = { { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	int option;

	while ((option = getopt_long(argc, argv, "", list, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return EXIT_GOOD;
		}
		return complain(
		    EXIT_USAGE, "%s is not an option of backup; see holdfast backup --help", argv[optind - 1]);
	}
	if (argc - optind != 1 || !*argv[optind])
		return complain(EXIT_USAGE, "backup takes one folder; see holdfast backup --help");
	return !strcmp(argv[optind], "-") ? to_standard_output(c) : to_folder(c, argv[optind]);
}
