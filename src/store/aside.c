/* The replacement, so that a crash between any two steps is finished by the next start (aside_prepare):
 *
 *   1  x.db.new            the fresh file, complete and closed
 *   2  x.db -> x.db.damaged-T, then its log and index
 *   3  x.db-damaged        (the mark, if there was one) goes
 *   4  x.db.new -> x.db
 *
 * x.db.new beside x.db: cut short before 2, x.db.new is of no use. Without x.db: go on at 2. */
#include "store/aside.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/timetext.h"

enum { NAME_MAX_ = ASIDE_NAME_MAX };

#define DAMAGED ".damaged-"

static bool name_of(char out[NAME_MAX_], const char *path, const char *suffix)
{
	return (size_t)snprintf(out, NAME_MAX_, "%s%s", path, suffix) < NAME_MAX_;
}

static bool exists(const char *path, const char *suffix)
{
	char name[NAME_MAX_];
	struct stat st;

	return name_of(name, path, suffix) && lstat(name, &st) == 0;
}

/* One that is not there is moved, too. */
static enum err move(
    const char *from, const char *from_suffix, const char *to, const char *to_suffix, struct errbuf *eb)
{
	char a[NAME_MAX_], b[NAME_MAX_];

	if (!name_of(a, from, from_suffix) || !name_of(b, to, to_suffix))
		return errbuf_set(eb, ERR_INVALID, "the name of the data folder is too long");
	if (rename(a, b) && errno != ENOENT)
		return errbuf_set(eb, ERR_IO, "cannot rename %s to %s: %s", a, b, strerror(errno));
	return ERR_OK;
}

static void remove_file(const char *path, const char *suffix)
{
	char name[NAME_MAX_];

	if (name_of(name, path, suffix) && unlink(name) && errno != ENOENT)
		log_warn("cannot remove %s: %s", name, strerror(errno));
}

/* ---- the files set aside ---- */

static int by_stamp(const void *a, const void *b)
{
	return strcmp(((const struct aside_file *)a)->stamp, ((const struct aside_file *)b)->stamp);
}

static int64_t stamp_time(const char *s)
{
	char text[32];
	int64_t ns;

	if (strlen(s) < 16)
		return 0;
	snprintf(text, sizeof text, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", s, s + 4, s + 6, s + 9, s + 11, s + 13);
	return timetext_parse(view_of(text), 0, &ns) ? ns : 0;
}

static struct aside_file *oldest(struct aside_file *list, size_t n)
{
	struct aside_file *least = list;

	for (size_t i = 1; i < n; i++)
		if (by_stamp(&list[i], least) < 0)
			least = &list[i];
	return least;
}

size_t aside_list(const char *path, struct aside_file *out, size_t max)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	char folder[NAME_MAX_ - 300];
	size_t n = 0, base_len = strlen(base), mark_len = strlen(DAMAGED);
	struct dirent *entry;

	snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path + 1) : 2, slash ? path : "./");
	DIR *d = opendir(folder);
	while (d && (entry = readdir(d))) {
		const char *name = entry->d_name, *stamp = name + base_len + mark_len;
		size_t len = strlen(name);
		if (len <= base_len + mark_len || strncmp(name, base, base_len) != 0 ||
		    strncmp(name + base_len, DAMAGED, mark_len) != 0 || strlen(stamp) >= sizeof out->stamp)
			continue;
		const char *tail = len > 4 ? name + len - 4 : "";
		if (!strcmp(tail, "-wal") || !strcmp(tail, "-shm"))
			continue;
		struct aside_file *slot = n < max ? &out[n++] : oldest(out, max);
		if (n == max && slot != &out[n - 1] && strcmp(slot->stamp, stamp) > 0)
			continue;
		snprintf(slot->name, sizeof slot->name, "%s%.255s", folder, name);
		snprintf(slot->stamp, sizeof slot->stamp, "%s", stamp);
		slot->at_ns = stamp_time(stamp);
	}
	if (d)
		closedir(d);
	qsort(out, n, sizeof *out, by_stamp);
	return n;
}

/* A name that is not taken yet: of this second, or of the next that is free. */
static enum err new_name(char out[NAME_MAX_], const char *path, int64_t *at_ns, struct errbuf *eb)
{
	int64_t now = clock_wall_ns() / NS_PER_S * NS_PER_S;

	for (int tries = 0; tries < 1000; tries++, now += NS_PER_S) {
		char text[32], stamp[32];
		size_t n = 0;
		timetext_format(text, now);
		for (const char *p = text; *p; p++)
			if (*p != '-' && *p != ':')
				stamp[n++] = *p;
		stamp[n] = 0;
		if ((size_t)snprintf(out, NAME_MAX_, "%s" DAMAGED "%s", path, stamp) >= NAME_MAX_ - 8)
			return errbuf_set(eb, ERR_INVALID, "the name of the data folder is too long");
		*at_ns = now;
		if (!exists(out, "") && !exists(out, "-wal"))
			return ERR_OK;
	}
	return errbuf_set(eb, ERR_EXISTS, "no name is left for the damaged file");
}

/* ---- the steps ---- */

static enum err make_fresh(
    const char *path, const char *old, int64_t at_ns, const struct aside_maker *maker, struct errbuf *eb)
{
	char fresh[NAME_MAX_];

	if (!name_of(fresh, path, ".new"))
		return errbuf_set(eb, ERR_INVALID, "the name of the data folder is too long");
	remove_file(path, ".new-wal");
	remove_file(path, ".new");
	enum err e = maker->make(maker->arg, fresh, old, at_ns, eb);
	if (e == ERR_OK && exists(fresh, "-wal"))
		e = errbuf_set(eb, ERR_IO, "%s could not be completed", fresh);
	return e;
}

static enum err swap(const char *path, const char *aside, struct errbuf *eb)
{
	enum err e = move(path, "", aside, "", eb);

	if (e == ERR_OK)
		e = move(path, "-wal", aside, "-wal", eb);
	if (e == ERR_OK)
		e = move(path, "-shm", aside, "-shm", eb);
	if (e == ERR_OK) {
		remove_file(path, "-damaged");
		e = move(path, ".new", path, "", eb);
	}
	return e == ERR_OK ? file_sync_folder_of(path, eb) : e;
}

enum err aside_replace(const char *path, const struct aside_maker *maker, char name[ASIDE_NAME_MAX], struct errbuf *eb)
{
	int64_t at_ns = 0;
	enum err e = new_name(name, path, &at_ns, eb);

	if (e == ERR_OK)
		e = make_fresh(path, path, at_ns, maker, eb);
	return e == ERR_OK ? swap(path, name, eb) : e;
}

/* The fresh file is whole, the old one has been moved, its log perhaps not. */
static enum err finish_swap(const char *path, const struct aside_file *newest, struct errbuf *eb)
{
	char aside[NAME_MAX_];
	int64_t at_ns;
	enum err e = ERR_OK;

	if (newest && !exists(newest->name, "-wal"))
		snprintf(aside, sizeof aside, "%s", newest->name);
	else
		e = new_name(aside, path, &at_ns, eb);
	return e == ERR_OK ? swap(path, aside, eb) : e;
}

/* Someone moved the file away by hand. */
static enum err begin_behind(
    const char *path, const struct aside_file *newest, const struct aside_maker *maker, struct errbuf *eb)
{
	enum err e = make_fresh(path, newest->name, newest->at_ns, maker, eb);

	return e == ERR_OK ? swap(path, newest->name, eb) : e;
}

enum err aside_prepare(const char *path, const struct aside_maker *maker, struct errbuf *eb)
{
	struct aside_file *list = calloc(ASIDE_MAX, sizeof *list), *newest = NULL;
	enum err e = ERR_OK;

	if (!list)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	size_t n = aside_list(path, list, ASIDE_MAX);
	if (n)
		newest = &list[n - 1];
	bool file = exists(path, ""), fresh = exists(path, ".new");
	if (file && fresh) {
		remove_file(path, ".new-wal");
		remove_file(path, ".new");
	}
	if (file && aside_is_marked(path))
		e = errbuf_set(eb, ERR_CORRUPT, "%s was found damaged while it was in use", path);
	else if (!file && fresh)
		e = finish_swap(path, newest, eb);
	else if (!file && newest && !exists(path, "-wal"))
		e = begin_behind(path, newest, maker, eb);
	free(list);
	return e;
}

/* ---- the mark ---- */

bool aside_is_marked(const char *path)
{
	return exists(path, "-damaged");
}

void aside_mark(const char *path, const char *why)
{
	char name[NAME_MAX_];
	struct errbuf eb;

	if (aside_is_marked(path))
		return;
	log_error(
	    "%s is damaged: %s; restart holdfastd: it sets the file aside and takes over what can be read", path, why);
	if (!name_of(name, path, "-damaged"))
		log_error("cannot mark %s: its name is too long", path);
	else if (file_replace(name, view_of(why), &eb) != ERR_OK)
		log_error("cannot mark %s: %s", path, eb.text);
}

enum err aside_check_log(const char *path, struct errbuf *eb)
{
	char log[NAME_MAX_];
	struct stat st;

	if (stat(path, &st) == 0 && st.st_size > 0)
		return ERR_OK;
	if (name_of(log, path, "-wal") && stat(log, &st) == 0 && st.st_size > 0)
		return errbuf_set(eb, ERR_CORRUPT, "%s is missing or empty, its log is not", path);
	return ERR_OK;
}
