/* The steps are those of store/aside. Beside them, before any number of it is used, spool.db.epoch gets how many times
 * numbering began anew.
 *
 * Numbers: each epoch begins at a multiple of 2^40. It is above the last number that could be read, but not only just:
 * the damage may hide later ones, and cursors elsewhere must never take a new row for one that they have passed. */
#include "store/spool_damage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"
#include "store/database.h"
#include "store/spool_walk.h"
#include "store/targets.h"

enum { EPOCH_SHIFT = 40, EPOCH_MAX = 1 << 22 };

struct making { /* of a fresh file */
	const char *path;
	uint64_t first_seq; /* at least */
	uint64_t seq; /* where its numbers begin */
};

static bool name_of_epoch(char out[ASIDE_NAME_MAX], const char *path)
{
	return (size_t)snprintf(out, ASIDE_NAME_MAX, "%s.epoch", path) < ASIDE_NAME_MAX;
}

/* ---- numbers ---- */

static uint64_t read_epoch(const char *path)
{
	char name[ASIDE_NAME_MAX];
	struct errbuf eb;
	struct buf b;
	uint64_t n = 0;

	buf_init(&b, 64);
	if (name_of_epoch(name, path) && file_read(name, &b, &eb) == ERR_OK) {
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
	char name[ASIDE_NAME_MAX], text[32];
	struct aside_file *list = calloc(ASIDE_MAX, sizeof *list);

	if (list)
		count = aside_list(path, list, ASIDE_MAX);
	free(list);
	if (n < count) /* someone removed the file */
		n = count;
	if (known < first_seq)
		known = first_seq;
	if (n < known >> EPOCH_SHIFT && known >> EPOCH_SHIFT < EPOCH_MAX) /* else the number is damaged as well */
		n = known >> EPOCH_SHIFT;
	n++;
	*seq = n << EPOCH_SHIFT;
	if (n > EPOCH_MAX || !name_of_epoch(name, path))
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

static enum err put_gap(struct spool *s, int64_t at_ns, int64_t from_ns, int64_t to_ns, struct errbuf *eb)
{
	char gap[200];

	snprintf(gap, sizeof gap,
	    "INSERT INTO gap (at_ns, from_ns, to_ns, points, cause) VALUES (%lld, %lld, %lld, 0, 'spool_damaged')",
	    (long long)at_ns, (long long)from_ns, (long long)to_ns);
	return database_exec(spool_db(s), gap, eb);
}

enum err spool_tell_missing(struct spool *s, struct errbuf *eb)
{
	int64_t now = clock_wall_ns();
	enum err e = spool_begin(s, eb);

	if (e != ERR_OK)
		return e;
	e = put_gap(s, now, now, now, eb);
	if (e == ERR_OK) /* an older file's cursors know nothing of what was delivered, or let go, since */
		e = target_forget_records(spool_db(s), eb);
	if (e == ERR_OK)
		e = spool_set_evicted_until(s, now, eb);
	if (e == ERR_OK)
		return spool_commit(s, eb);
	spool_rollback(s);
	return e;
}

static enum err fill_fresh(
    struct spool *s, const char *old_path, const struct spool_facts *old, int64_t at_ns, struct errbuf *eb)
{
	sqlite3 *from = NULL;
	struct errbuf why;
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
	if (at_ns) /* a human's name of a file has no time: salvage records what is lost */
		e = put_gap(s, at_ns, old->oldest_ns < now ? old->oldest_ns : now, now, eb);
	if (e == ERR_OK)
		e = spool_set_evicted_until(s, now, eb);
	if (e == ERR_OK)
		return spool_commit(s, eb);
	spool_rollback(s);
	return e;
}

static enum err make(void *arg, const char *fresh, const char *old_path, int64_t at_ns, struct errbuf *eb)
{
	struct making *m = arg;
	struct spool_facts old;
	struct spool *s;

	spool_facts_read(old_path, &old);
	enum err e = next_epoch(m->path, &old, m->first_seq, &m->seq, eb);
	if (e == ERR_OK)
		e = spool_open_at(&s, fresh, m->seq, eb);
	if (e != ERR_OK)
		return e;
	e = fill_fresh(s, old_path, &old, at_ns, eb);
	spool_close(s); /* whole in one file */
	return e;
}

enum err spool_replace(const char *path, const char *why, uint64_t first_seq, struct errbuf *eb)
{
	struct making m = { path, first_seq, 0 };
	char aside[ASIDE_NAME_MAX];
	enum err e = aside_replace(path, &(struct aside_maker){ make, &m }, aside, eb);

	if (e != ERR_OK)
		return e;
	log_error(
	    "THE SPOOL IS DAMAGED (%s). It was set aside as %s and a fresh one begins at row %llu; what can be read "
	    "of it is taken over now, see \"recovery\" in GET /api/v1/status",
	    why, aside, (unsigned long long)m.seq);
	return ERR_OK;
}

enum err spool_prepare(const char *path, struct errbuf *eb)
{
	struct making m = { path, 0, 0 };

	return aside_prepare(path, &(struct aside_maker){ make, &m }, eb);
}
