/* The replacement, so that a crash between any two steps is finished by the next start (spool_prepare):
 *
 *   1  spool.db.epoch      how many times numbering began anew, written before any number of that epoch is used
 *   2  spool.db.new        the fresh file, complete and closed
 *   3  spool.db -> spool.db.damaged-T, then its log and index
 *   4  spool.db.new -> spool.db
 *   5  spool.db-damaged    (the mark, if there was one) goes
 *
 * spool.db.new beside spool.db: cut short before 3, spool.db.new is of no use. Without spool.db: go on at 3.
 *
 * Numbers: each epoch begins at a multiple of 2^40. It is above the last number that could be read, but not only just:
 * the damage may hide later ones, and cursors elsewhere must never take a new row for one that they have passed. */
#include "store/spool_damage.h"

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
#include "base/num.h"
#include "base/timetext.h"
#include "store/database.h"
#include "store/spool_walk.h"

enum { EPOCH_SHIFT = 40, EPOCH_MAX = 1 << 22, NAME_MAX_ = 4096 };

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
	return strcmp(((const struct spool_damaged *)a)->stamp, ((const struct spool_damaged *)b)->stamp);
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

static struct spool_damaged *oldest(struct spool_damaged *list, size_t n)
{
	struct spool_damaged *least = list;

	for (size_t i = 1; i < n; i++)
		if (by_stamp(&list[i], least) < 0)
			least = &list[i];
	return least;
}

size_t spool_list_damaged(const char *path, struct spool_damaged *out, size_t max)
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
		struct spool_damaged *slot = n < max ? &out[n++] : oldest(out, max);
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

/* ---- numbers ---- */

static uint64_t read_epoch(const char *path)
{
	char name[NAME_MAX_];
	struct errbuf eb;
	struct buf b;
	uint64_t n = 0;

	buf_init(&b, 64);
	if (name_of(name, path, ".epoch") && file_read(name, &b, &eb) == ERR_OK) {
		while (b.len && b.p[b.len - 1] == '\n')
			b.len--;
		if (!num_parse_u64((struct view){ b.p, b.len }, &n) || n > EPOCH_MAX)
			n = 0;
	}
	buf_fini(&b);
	return n;
}

static enum err next_epoch(
    const char *path, const struct spool_facts *old, uint64_t first_seq, uint64_t *seq, struct errbuf *eb)
{
	uint64_t n = read_epoch(path), count = 0,
		 known = old->last_seq > old->first_seq ? old->last_seq : old->first_seq;
	char name[NAME_MAX_], text[32];
	struct spool_damaged *list = calloc(SPOOL_DAMAGED_MAX, sizeof *list);

	if (list)
		count = spool_list_damaged(path, list, SPOOL_DAMAGED_MAX);
	free(list);
	if (n < count) /* someone removed the file */
		n = count;
	if (known < first_seq)
		known = first_seq;
	if (n < known >> EPOCH_SHIFT && known >> EPOCH_SHIFT < EPOCH_MAX) /* else the number is damaged as well */
		n = known >> EPOCH_SHIFT;
	n++;
	*seq = n << EPOCH_SHIFT;
	if (n > EPOCH_MAX || !name_of(name, path, ".epoch"))
		return errbuf_set(eb, ERR_FULL, "the numbers of rows are used up");
	snprintf(text, sizeof text, "%llu\n", (unsigned long long)n);
	return file_replace(name, view_of(text), eb);
}

/* ---- the fresh file ---- */

/* Rows of a table as far as they can be read, from its beginning and from its end. */
static void copy_table(sqlite3 *from, sqlite3 *to, const char *select, const char *insert)
{
	static const char *const orders[] = { "", " DESC" };
	char sql[256];

	for (int i = 0; i < 2; i++) {
		sqlite3_stmt *in, *out = NULL;
		int rc = SQLITE_DONE;
		snprintf(sql, sizeof sql, "%s%s", select, orders[i]);
		if (sqlite3_prepare_v2(from, sql, -1, &in, NULL) != SQLITE_OK)
			return;
		if (sqlite3_prepare_v2(to, insert, -1, &out, NULL) == SQLITE_OK) {
			while ((rc = sqlite3_step(in)) == SQLITE_ROW) {
				for (int c = 0; c < sqlite3_column_count(in); c++)
					sqlite3_bind_value(out, c + 1, sqlite3_column_value(in, c));
				(void)sqlite3_step(out); /* a row that breaks a constraint is damaged */
				sqlite3_reset(out);
			}
		}
		sqlite3_finalize(in);
		sqlite3_finalize(out);
		if (rc == SQLITE_DONE)
			return;
	}
}

static enum err fill_fresh(
    struct spool *s, const char *old_path, const struct spool_facts *old, int64_t at_ns, struct errbuf *eb)
{
	sqlite3 *from = NULL;
	struct errbuf why;
	char gap[200];
	enum err e = spool_begin(s, eb);

	if (e != ERR_OK)
		return e;
	if (old->readable && database_open_reader(&from, old_path, &why) == ERR_OK) {
		copy_table(from, spool_db(s),
		    "SELECT id, name FROM database WHERE id BETWEEN 2 AND 64 AND typeof(name) = 'text' ORDER BY id",
		    "INSERT OR IGNORE INTO database VALUES (?, ?)");
		copy_table(from, spool_db(s),
		    "SELECT db, measurement, name, type FROM field WHERE db BETWEEN 1 AND 64 ORDER BY db, measurement, name",
		    "INSERT OR IGNORE INTO field VALUES (?, ?, ?, ?)");
		copy_table(from, spool_db(s), "SELECT key, value FROM meta WHERE key GLOB 'salvage:*' ORDER BY key",
		    "INSERT OR IGNORE INTO meta VALUES (?, ?)");
		sqlite3_close(from);
	}
	int64_t now = clock_wall_ns();
	snprintf(gap, sizeof gap,
	    "INSERT INTO gap (at_ns, from_ns, to_ns, points, cause) VALUES (%lld, %lld, %lld, 0, 'spool_damaged')",
	    (long long)at_ns, (long long)(old->oldest_ns < now ? old->oldest_ns : now), (long long)now);
	if (at_ns) /* a human's name of a file has no time: salvage records what is lost */
		e = database_exec(spool_db(s), gap, eb);
	if (e == ERR_OK)
		e = spool_set_evicted_until(s, now, eb);
	if (e == ERR_OK)
		return spool_commit(s, eb);
	spool_rollback(s);
	return e;
}

static enum err make_fresh(const char *path, const char *old_path, const struct spool_facts *old, uint64_t first_seq,
    int64_t at_ns, struct errbuf *eb)
{
	char fresh[NAME_MAX_];
	struct spool *s;

	if (!name_of(fresh, path, ".new"))
		return errbuf_set(eb, ERR_INVALID, "the name of the data folder is too long");
	remove_file(path, ".new-wal");
	remove_file(path, ".new");
	enum err e = spool_open_at(&s, fresh, first_seq, eb);
	if (e != ERR_OK)
		return e;
	e = fill_fresh(s, old_path, old, at_ns, eb);
	spool_close(s); /* whole in one file */
	if (e == ERR_OK && exists(fresh, "-wal"))
		e = errbuf_set(eb, ERR_IO, "%s could not be completed", fresh);
	return e;
}

/* ---- the steps ---- */

static enum err swap(const char *path, const char *aside, struct errbuf *eb)
{
	enum err e = move(path, "", aside, "", eb);

	if (e == ERR_OK)
		e = move(path, "-wal", aside, "-wal", eb);
	if (e == ERR_OK)
		e = move(path, "-shm", aside, "-shm", eb);
	if (e == ERR_OK)
		e = move(path, ".new", path, "", eb);
	if (e == ERR_OK)
		e = file_sync_folder_of(path, eb);
	if (e == ERR_OK)
		remove_file(path, "-damaged");
	return e;
}

enum err spool_replace(const char *path, const char *why, uint64_t first_seq, struct errbuf *eb)
{
	struct spool_facts old;
	char aside[NAME_MAX_];
	int64_t at_ns = 0;
	uint64_t seq = 0;

	spool_facts_read(path, &old);
	enum err e = new_name(aside, path, &at_ns, eb);
	if (e == ERR_OK)
		e = next_epoch(path, &old, first_seq, &seq, eb);
	if (e == ERR_OK)
		e = make_fresh(path, path, &old, seq, at_ns, eb);
	if (e == ERR_OK)
		e = swap(path, aside, eb);
	if (e != ERR_OK)
		return e;
	log_error(
	    "THE SPOOL IS DAMAGED (%s). It was set aside as %s and a fresh one begins at row %llu; what can be read "
	    "of it is taken over now, see \"recovery\" in GET /api/v1/status",
	    why, aside, (unsigned long long)seq);
	return ERR_OK;
}

/* The fresh file is whole, spool.db has been moved, its log perhaps not. */
static enum err finish_swap(const char *path, const struct spool_damaged *newest, struct errbuf *eb)
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

/* Someone moved the file away by hand: a new one must not begin with old numbers. */
static enum err begin_behind(const char *path, const struct spool_damaged *newest, struct errbuf *eb)
{
	struct spool_facts old;
	uint64_t seq = 0;

	spool_facts_read(newest->name, &old);
	enum err e = next_epoch(path, &old, 0, &seq, eb);
	if (e == ERR_OK)
		e = make_fresh(path, newest->name, &old, seq, newest->at_ns, eb);
	return e == ERR_OK ? swap(path, newest->name, eb) : e;
}

enum err spool_prepare(const char *path, struct errbuf *eb)
{
	struct spool_damaged *list = calloc(SPOOL_DAMAGED_MAX, sizeof *list), *newest = NULL;
	enum err e = ERR_OK;

	if (!list)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	size_t n = spool_list_damaged(path, list, SPOOL_DAMAGED_MAX);
	if (n)
		newest = &list[n - 1];
	bool file = exists(path, ""), fresh = exists(path, ".new");
	if (file && fresh) {
		remove_file(path, ".new-wal");
		remove_file(path, ".new");
	} else if (fresh) {
		e = finish_swap(path, newest, eb);
	} else if (file && spool_is_marked(path)) {
		e = errbuf_set(eb, ERR_CORRUPT, "%s was found damaged while it was in use", path);
	} else if (!file && newest && !exists(path, "-wal")) {
		e = begin_behind(path, newest, eb);
	}
	free(list);
	return e;
}

bool spool_is_marked(const char *path)
{
	return exists(path, "-damaged");
}

enum err spool_mark_damaged(const char *path, const char *why, struct errbuf *eb)
{
	char name[NAME_MAX_];

	if (!name_of(name, path, "-damaged"))
		return errbuf_set(eb, ERR_INVALID, "the name of the data folder is too long");
	if (spool_is_marked(path))
		return ERR_OK;
	log_error(
	    "%s is damaged: %s; restart holdfastd: it sets the file aside and takes over what can be read", path, why);
	return file_replace(name, view_of(why), eb);
}
