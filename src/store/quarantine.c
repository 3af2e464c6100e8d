#include "store/quarantine.h"

#include <xxhash.h>

#include <stdio.h>
#include <string.h>

#include "store/database.h"

/* ---- reasons ---- */

static const char *const names[QUARANTINE_REASONS] = {
	[QUARANTINE_TYPE_CONFLICT] = "type_conflict",
	[QUARANTINE_BEYOND_RETENTION] = "beyond_retention",
	[QUARANTINE_TOO_LONG] = "too_long",
	[QUARANTINE_UNPARSABLE] = "unparsable",
	[QUARANTINE_POISON] = "poison",
	[QUARANTINE_SKIPPED] = "skipped",
	[QUARANTINE_OTHER] = "other",
};

/* The first row that fits. status 0: any; words NULL: any. */
static const struct {
	int status;
	bool begins; /* the words do so; else they have it somewhere */
	const char *words;
	enum quarantine_reason reason;
} reasons[] = {
	{ 0, true, QUARANTINE_SKIPPED_WORDS, QUARANTINE_SKIPPED },
	{ 0, true, QUARANTINE_POISON_WORDS, QUARANTINE_POISON },
	{ 413, false, NULL, QUARANTINE_TOO_LONG },
	{ 0, false, "field type conflict", QUARANTINE_TYPE_CONFLICT },
	{ 0, false, "invalid column type", QUARANTINE_TYPE_CONFLICT }, /* 3.x */
	{ 0, false, "beyond retention policy", QUARANTINE_BEYOND_RETENTION },
	{ 0, false, "outside retention", QUARANTINE_BEYOND_RETENTION },
	{ 0, false, "outside the retention", QUARANTINE_BEYOND_RETENTION },
	{ 0, false, "max key length", QUARANTINE_TOO_LONG },
	{ 0, false, "too long", QUARANTINE_TOO_LONG },
	{ 0, false, "too large", QUARANTINE_TOO_LONG },
	{ 0, false, "unable to parse", QUARANTINE_UNPARSABLE },
	{ 0, false, "metric parse error", QUARANTINE_UNPARSABLE },
	{ 0, false, "parsing failed", QUARANTINE_UNPARSABLE },
	{ 0, false, "invalid number", QUARANTINE_UNPARSABLE },
};

const char *quarantine_reason_name(enum quarantine_reason r)
{
	return names[r];
}

bool quarantine_reason_find(struct view name, enum quarantine_reason *out)
{
	for (int r = 0; r < QUARANTINE_REASONS; r++)
		if (view_eq(name, view_of(names[r]))) {
			*out = (enum quarantine_reason)r;
			return true;
		}
	return false;
}

enum quarantine_reason quarantine_reason_of(int status, struct view words)
{
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
		size_t n = reasons[i].words ? strlen(reasons[i].words) : 0;
		if (reasons[i].status && reasons[i].status != status)
			continue;
		if (n > words.len)
			continue;
		if (n == 0 ||
		    (reasons[i].begins ? !memcmp(words.p, reasons[i].words, n)
				       : memmem(words.p, words.len, reasons[i].words, n) != NULL))
			return reasons[i].reason;
	}
	return QUARANTINE_OTHER;
}

static enum quarantine_reason code_of(sqlite3_stmt *st, int column)
{
	const char *text = (const char *)sqlite3_column_text(st, column);
	enum quarantine_reason r = QUARANTINE_OTHER;

	if (text)
		(void)quarantine_reason_find(view_of(text), &r);
	return r;
}

/* ---- changes ---- */

static void bind_text(sqlite3_stmt *st, int at, struct view v)
{
	sqlite3_bind_text(st, at, v.p ? v.p : "", (int)v.len, SQLITE_STATIC);
}

/* The statements of one batch. */
struct put {
	sqlite3_stmt *again, *insert;
};

static enum err put_open(sqlite3 *writer, struct put *p, struct errbuf *eb)
{
	*p = (struct put){ NULL, NULL };
	enum err e = database_prepare(writer, &p->again,
	    "UPDATE quarantine SET at_ns = ?2, status = ?4, reason = ?5, code = ?7, attempts = attempts + 1 "
	    "WHERE target = ?1 AND db = ?3 AND line_hash = ?8 AND line = ?6",
	    eb);
	if (e == ERR_OK)
		e = database_prepare(writer, &p->insert,
		    "INSERT INTO quarantine (target, at_ns, db, status, reason, points, line, code, line_hash) "
		    "VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?8)",
		    eb);
	return e;
}

static void put_close(struct put *p)
{
	sqlite3_finalize(p->again);
	sqlite3_finalize(p->insert);
}

static enum err put_run(sqlite3 *writer, sqlite3_stmt *st, const struct quarantine_entry *q, struct errbuf *eb)
{
	struct view line = { q->line.len ? q->line.p : "", q->line.len };

	sqlite3_bind_text(st, 1, q->target, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, q->at_ns);
	sqlite3_bind_text(st, 3, q->database, -1, SQLITE_STATIC);
	sqlite3_bind_int(st, 4, q->status);
	bind_text(st, 5, q->reason);
	sqlite3_bind_blob(st, 6, line.p, (int)line.len, SQLITE_STATIC);
	sqlite3_bind_text(st, 7, names[quarantine_reason_of(q->status, q->reason)], -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 8, (int64_t)XXH3_64bits(line.p, line.len));
	enum err e = sqlite3_step(st) == SQLITE_DONE ? ERR_OK : database_error(writer, "write to the quarantine", eb);
	sqlite3_reset(st);
	return e;
}

/* The entry of the same line, if there is one, or a new one. */
static enum err put(
    sqlite3 *writer, const struct put *p, const struct quarantine_entry *q, uint64_t *added, struct errbuf *eb)
{
	enum err e = put_run(writer, p->again, q, eb);

	if (e != ERR_OK || sqlite3_changes64(writer))
		return e;
	e = put_run(writer, p->insert, q, eb);
	*added += e == ERR_OK;
	return e;
}

static bool is_above(const struct quarantine_sum *all, const struct quarantine_limits *limits)
{
	return all->points > limits->points || (all->bytes > limits->bytes && all->points > 1);
}

/* The id up to which the oldest must go; as many rows are looked at as go. */
static enum err find_last_to_go(sqlite3 *writer, struct quarantine_sum *all, const struct quarantine_limits *limits,
    int64_t *last, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(writer, &st,
	    "SELECT id, 100 + length(line) + length(CAST(reason AS BLOB)) FROM quarantine ORDER BY id", eb);
	int rc = SQLITE_ROW;

	if (e != ERR_OK)
		return e;
	while (is_above(all, limits) && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		uint64_t bytes = (uint64_t)sqlite3_column_int64(st, 1);
		*last = sqlite3_column_int64(st, 0);
		all->points--;
		all->bytes -= bytes < all->bytes ? bytes : all->bytes;
	}
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		e = database_error(writer, "trim the quarantine", eb);
	sqlite3_finalize(st);
	return e;
}

static enum err trim(sqlite3 *writer, const struct quarantine_limits *limits, uint64_t *dropped, struct errbuf *eb)
{
	struct quarantine_sum all;
	sqlite3_stmt *st;
	int64_t last = 0;
	enum err e = quarantine_count(writer, NULL, &all, eb);

	if (e != ERR_OK || !is_above(&all, limits))
		return e;
	e = find_last_to_go(writer, &all, limits, &last, eb);
	if (e == ERR_OK)
		e = database_prepare(writer, &st, "DELETE FROM quarantine WHERE id <= ?", eb);
	if (e != ERR_OK)
		return e;
	sqlite3_bind_int64(st, 1, last);
	e = database_finish(writer, st, "trim the quarantine", eb);
	if (e == ERR_OK)
		*dropped = (uint64_t)sqlite3_changes64(writer);
	return e;
}

enum err quarantine_add_many(sqlite3 *writer, const struct quarantine_entry *entries, uint32_t count,
    const struct quarantine_limits *limits, struct quarantine_change *change, struct errbuf *eb)
{
	struct put p;
	uint64_t added = 0, dropped = 0;
	enum err e = put_open(writer, &p, eb);

	for (uint32_t i = 0; e == ERR_OK && i < count; i++)
		e = put(writer, &p, &entries[i], &added, eb);
	put_close(&p);
	if (e == ERR_OK)
		e = trim(writer, limits, &dropped, eb);
	if (e == ERR_OK) {
		change->added += added;
		change->dropped += dropped;
	}
	return e;
}

enum err quarantine_add(sqlite3 *writer, const struct quarantine_entry *q, const struct quarantine_limits *limits,
    struct quarantine_change *change, struct errbuf *eb)
{
	return quarantine_add_many(writer, q, 1, limits, change, eb);
}

static enum err each_id(
    sqlite3 *writer, const char *sql, const uint64_t *ids, uint32_t count, uint64_t *changed, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(writer, &st, sql, eb);

	*changed = 0;
	if (e != ERR_OK)
		return e;
	for (uint32_t i = 0; e == ERR_OK && i < count; i++) {
		sqlite3_bind_int64(st, 1, (int64_t)ids[i]);
		if (sqlite3_step(st) != SQLITE_DONE)
			e = database_error(writer, "write to the quarantine", eb);
		else
			*changed += (uint64_t)sqlite3_changes64(writer);
		sqlite3_reset(st);
	}
	sqlite3_finalize(st);
	return e;
}

enum err quarantine_mark(sqlite3 *writer, const uint64_t *ids, uint32_t count, uint64_t *changed, struct errbuf *eb)
{
	return each_id(writer, "UPDATE quarantine SET replay = 1 WHERE id = ? AND replay = 0", ids, count, changed, eb);
}

enum err quarantine_delete(sqlite3 *writer, const uint64_t *ids, uint32_t count, uint64_t *changed, struct errbuf *eb)
{
	return each_id(writer, "DELETE FROM quarantine WHERE id = ?", ids, count, changed, eb);
}

enum err quarantine_refused_again(sqlite3 *writer, const uint64_t *ids, uint32_t count, int64_t at_ns, int status,
    struct view reason, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(writer, &st,
	    "UPDATE quarantine SET at_ns = ?, status = ?, reason = ?, code = ?, attempts = attempts + 1, replay = 0 "
	    "WHERE id = ?",
	    eb);

	if (e != ERR_OK)
		return e;
	sqlite3_bind_int64(st, 1, at_ns);
	sqlite3_bind_int(st, 2, status);
	bind_text(st, 3, reason);
	sqlite3_bind_text(st, 4, names[quarantine_reason_of(status, reason)], -1, SQLITE_STATIC);
	for (uint32_t i = 0; e == ERR_OK && i < count; i++) {
		sqlite3_bind_int64(st, 5, (int64_t)ids[i]);
		if (sqlite3_step(st) != SQLITE_DONE)
			e = database_error(writer, "write to the quarantine", eb);
		sqlite3_reset(st);
	}
	sqlite3_finalize(st);
	return e;
}

enum err quarantine_put_back(sqlite3 *writer, uint64_t id, int64_t at_ns, struct view reason, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(
	    writer, &st, "UPDATE quarantine SET at_ns = ?, reason = ?, replay = 0 WHERE id = ?", eb);

	if (e != ERR_OK)
		return e;
	sqlite3_bind_int64(st, 1, at_ns);
	bind_text(st, 2, reason);
	sqlite3_bind_int64(st, 3, (int64_t)id);
	return database_finish(writer, st, "write to the quarantine", eb);
}

/* ---- reading ---- */

enum { ID, TARGET, DATABASE, AT, STATUS, CODE, REASON, LINE, ATTEMPTS, REPLAY };

static struct view blob(sqlite3_stmt *st, int column)
{
	const char *p = sqlite3_column_blob(st, column);

	return (struct view){ p ? p : "", p ? (size_t)sqlite3_column_bytes(st, column) : 0 };
}

static const char *text(sqlite3_stmt *st, int column)
{
	const char *p = (const char *)sqlite3_column_text(st, column);

	return p ? p : "";
}

static enum err prepare_list(sqlite3 *reader, sqlite3_stmt **st, const struct quarantine_filter *f, const char *columns,
    uint32_t limit, struct errbuf *eb)
{
	char sql[512];

	snprintf(sql, sizeof sql,
	    "SELECT %s FROM quarantine WHERE id > ?1 AND id <= ?2 AND at_ns >= ?3 AND at_ns < ?4%s%s%s%s "
	    "ORDER BY id%s LIMIT ?5",
	    columns, f->target ? " AND target = ?6" : "", f->database ? " AND db = ?7" : "",
	    f->reason < QUARANTINE_REASONS ? " AND code = ?8" : "", f->marked ? " AND replay = 1" : "",
	    f->newest_first ? " DESC" : "");
	enum err e = database_prepare(reader, st, sql, eb);
	if (e != ERR_OK)
		return e;
	sqlite3_bind_int64(*st, 1, (int64_t)f->after_id);
	sqlite3_bind_int64(*st, 2, (int64_t)f->until_id);
	sqlite3_bind_int64(*st, 3, f->from_ns);
	sqlite3_bind_int64(*st, 4, f->to_ns);
	sqlite3_bind_int64(*st, 5, limit);
	if (f->target)
		sqlite3_bind_text(*st, 6, f->target, -1, SQLITE_STATIC);
	if (f->database)
		sqlite3_bind_text(*st, 7, f->database, -1, SQLITE_STATIC);
	if (f->reason < QUARANTINE_REASONS)
		sqlite3_bind_text(*st, 8, names[f->reason], -1, SQLITE_STATIC);
	return ERR_OK;
}

static bool give(sqlite3_stmt *st, bool (*take)(void *, const struct quarantine_entry *), void *arg)
{
	const struct quarantine_entry e = { .id = (uint64_t)sqlite3_column_int64(st, ID),
		.target = text(st, TARGET),
		.database = text(st, DATABASE),
		.at_ns = sqlite3_column_int64(st, AT),
		.status = sqlite3_column_int(st, STATUS),
		.code = code_of(st, CODE),
		.reason = blob(st, REASON),
		.line = blob(st, LINE),
		.attempts = (uint32_t)sqlite3_column_int64(st, ATTEMPTS),
		.replay = sqlite3_column_int(st, REPLAY) != 0 };

	return take(arg, &e);
}

/* The rest of a statement whose last step said rc. */
static enum err end_of(sqlite3 *db, sqlite3_stmt *st, int rc, struct errbuf *eb)
{
	enum err e = rc == SQLITE_DONE || rc == SQLITE_ROW ? ERR_OK : database_error(db, "read the quarantine", eb);

	sqlite3_finalize(st);
	return e;
}

enum err quarantine_list(sqlite3 *reader, const struct quarantine_filter *f, uint32_t limit,
    bool (*take)(void *arg, const struct quarantine_entry *e), void *arg, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = prepare_list(
	    reader, &st, f, "id, target, db, at_ns, status, code, reason, line, attempts, replay", limit, eb);
	int rc;

	if (e != ERR_OK)
		return e;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW && give(st, take, arg))
		;
	return end_of(reader, st, rc, eb);
}

enum err quarantine_ids(
    sqlite3 *reader, const struct quarantine_filter *f, uint64_t *ids, uint32_t max, uint32_t *count, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = prepare_list(reader, &st, f, "id", max, eb);
	int rc;

	*count = 0;
	if (e != ERR_OK)
		return e;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW && *count < max)
		ids[(*count)++] = (uint64_t)sqlite3_column_int64(st, 0);
	return end_of(reader, st, rc, eb);
}

enum err quarantine_counts(sqlite3 *reader,
    void (*take)(void *arg, const char *target, enum quarantine_reason code, const struct quarantine_sum *sum),
    void *arg, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(
	    reader, &st, "SELECT target, code, points, bytes, replay FROM quarantine_sum", eb);
	int rc;

	if (e != ERR_OK)
		return e;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const struct quarantine_sum sum = { (uint64_t)sqlite3_column_int64(st, 2),
			(uint64_t)sqlite3_column_int64(st, 3), (uint64_t)sqlite3_column_int64(st, 4) };
		take(arg, text(st, 0), code_of(st, 1), &sum);
	}
	return end_of(reader, st, rc, eb);
}

enum err quarantine_count(sqlite3 *reader, const char *target, struct quarantine_sum *out, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(reader, &st,
	    "SELECT total(points), total(bytes), total(replay) FROM quarantine_sum WHERE ?1 IS NULL OR target = ?1",
	    eb);

	*out = (struct quarantine_sum){ 0 };
	if (e != ERR_OK)
		return e;
	if (target)
		sqlite3_bind_text(st, 1, target, -1, SQLITE_STATIC);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*out = (struct quarantine_sum){ (uint64_t)sqlite3_column_int64(st, 0),
			(uint64_t)sqlite3_column_int64(st, 1), (uint64_t)sqlite3_column_int64(st, 2) };
	return end_of(reader, st, rc, eb);
}

enum err quarantine_next_marked(
    sqlite3 *reader, const char *target, const char *after, char *database, size_t size, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(reader, &st,
	    "SELECT db FROM quarantine WHERE target = ?1 AND replay = 1 AND db > ?2 ORDER BY db LIMIT 1", eb);

	if (e != ERR_OK)
		return e;
	sqlite3_bind_text(st, 1, target, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, after, -1, SQLITE_STATIC);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		snprintf(database, size, "%s", text(st, 0));
	e = end_of(reader, st, rc, eb);
	return e == ERR_OK && rc == SQLITE_DONE ? ERR_NOTFOUND : e;
}

/* ---- from a damaged file ---- */

enum { COPIED_MAX = 10000 };

void quarantine_copy(sqlite3 *from, sqlite3 *writer)
{
	sqlite3_stmt *in = NULL, *newest = NULL;
	struct put p;
	struct errbuf eb;
	int64_t id = 0;
	uint64_t added = 0;

	/* the last of them; what lies before a damaged page is not reached from behind it */
	if (sqlite3_prepare_v2(
		from, "SELECT id FROM quarantine ORDER BY id DESC LIMIT 1 OFFSET ?1", -1, &newest, NULL) == SQLITE_OK) {
		sqlite3_bind_int(newest, 1, COPIED_MAX - 1);
		if (sqlite3_step(newest) == SQLITE_ROW)
			id = sqlite3_column_int64(newest, 0);
	}
	sqlite3_finalize(newest);
	if (sqlite3_prepare_v2(from,
		"SELECT target, at_ns, db, status, reason, line FROM quarantine WHERE id >= ?1 ORDER BY id", -1, &in,
		NULL) != SQLITE_OK)
		return;
	sqlite3_bind_int64(in, 1, id);
	enum err opened = put_open(writer, &p, &eb);
	while (opened == ERR_OK && sqlite3_step(in) == SQLITE_ROW) {
		const struct quarantine_entry e = { .target = text(in, 0),
			.at_ns = sqlite3_column_int64(in, 1),
			.database = text(in, 2),
			.status = sqlite3_column_int(in, 3),
			.reason = blob(in, 4),
			.line = blob(in, 5) };
		if (put(writer, &p, &e, &added, &eb) != ERR_OK)
			break;
	}
	put_close(&p);
	sqlite3_finalize(in);
}
