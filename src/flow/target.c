#include "flow/target.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/catalogue.h"
#include "store/database.h"
#include "store/owed.h"
#include "store/store.h"

enum { SPANS_MAX = CATALOGUE_DATABASES_MAX + 1 };

/* ---- what there is ---- */

static enum err spans_of_store(const char *path, struct store_span *out, uint32_t *count, struct errbuf *eb)
{
	struct store_reader *r;
	uint64_t compacted_seq;

	*count = 0;
	if (!path)
		return ERR_OK;
	enum err e = store_reader_open(&r, path, eb);
	if (e != ERR_OK)
		return e;
	e = store_reader_begin(r, &compacted_seq, eb);
	if (e == ERR_OK) {
		e = store_reader_spans(r, out, SPANS_MAX, count, eb);
		store_reader_end(r);
	}
	store_reader_close(r);
	if (e != ERR_CORRUPT)
		return e;
	log_error("what the store holds cannot be told (%s): InfluxDB is taken to lack all of it", eb->text);
	for (*count = 0; *count < CATALOGUE_DATABASES_MAX; ++*count)
		out[*count] = (struct store_span){ *count + 1, INT64_MIN, clock_wall_ns() };
	return ERR_OK;
}

/* Of the database's rows up to seq; from_ns >= to_ns: none. */
static enum err span_of_spool(const char *path, uint32_t db, uint64_t seq, struct store_span *out, struct errbuf *eb)
{
	struct spool_reader *r;
	sqlite3_stmt *st;

	*out = (struct store_span){ .db = db };
	enum err e = spool_reader_open(&r, path, eb);
	if (e != ERR_OK)
		return e;
	sqlite3 *reader = spool_reader_db(r);
	e = database_prepare(reader, &st, "SELECT min(min_ns), max(max_ns) FROM spool WHERE db = ? AND seq <= ?", eb);
	if (e == ERR_OK) {
		sqlite3_bind_int64(st, 1, db);
		sqlite3_bind_int64(st, 2, (int64_t)seq);
		if (sqlite3_step(st) != SQLITE_ROW) {
			e = database_error(reader, "look what the spool holds", eb);
		} else if (sqlite3_column_type(st, 0) != SQLITE_NULL) {
			out->from_ns = sqlite3_column_int64(st, 0);
			out->to_ns = sqlite3_column_int64(st, 1) + 1;
		}
		sqlite3_finalize(st);
	}
	spool_reader_close(r);
	return e;
}

/* ---- through the writer ---- */

struct meeting {
	const struct target_opts *o;
	struct target_cursor cursor;
	enum owed_cause cause;
	const struct store_span *spans;
	uint32_t count;
	bool stores_cursor, begins; /* begins: nothing of what another got counts */
};

static enum err write_meeting(struct spool *s, void *arg, struct errbuf *eb)
{
	const struct meeting *m = arg;
	struct owed_range r = { .cause = m->cause };
	enum err e = ERR_OK;

	snprintf(r.target, sizeof r.target, "%s", m->o->name);
	for (uint32_t i = 0; e == ERR_OK && i < m->count; i++) {
		r.db = m->spans[i].db;
		r.from_ns = m->spans[i].from_ns;
		r.to_ns = m->spans[i].to_ns;
		e = owed_add(spool_owed(s), spool_db(s), &r, eb);
	}
	if (e == ERR_OK && m->begins)
		e = target_forget(spool_db(s), m->o->name, eb);
	return e == ERR_OK && m->stores_cursor ? target_store(spool_db(s), m->o->name, &m->cursor, eb) : e;
}

static enum err load(const struct target_opts *o, struct target_cursor *out, bool *known, struct errbuf *eb)
{
	struct spool_reader *r;
	enum err e = spool_reader_open(&r, o->spool_path, eb);

	if (e != ERR_OK)
		return e;
	e = target_load(spool_reader_db(r), o->name, out, known, eb);
	spool_reader_close(r);
	return e;
}

enum err target_meet(const struct target_opts *o, struct target_cursor *out, struct errbuf *eb)
{
	struct store_span spans[SPANS_MAX];
	struct meeting m = { .o = o, .cause = OWED_BEFORE, .spans = spans, .stores_cursor = true };
	bool known = false;
	enum err e = load(o, &m.cursor, &known, eb);

	if (e != ERR_OK)
		return e;
	snprintf(out->record, sizeof out->record, "%s", o->record ? o->record : "");
	bool same = known && !strcmp(m.cursor.record, out->record), remembered = *m.cursor.record != 0;
	if (!known || (!same && remembered)) {
		e = spans_of_store(o->store_path, spans, &m.count, eb);
		if (e != ERR_OK)
			return e;
		if (known)
			log_warn("%s is another record than before (%s): it gets all that is here", out->record,
			    m.cursor.record);
		m.cursor = (struct target_cursor){ .paused = m.cursor.paused };
		m.begins = true;
	}
	snprintf(m.cursor.record, sizeof m.cursor.record, "%s", out->record);
	*out = m.cursor;
	return same ? ERR_OK : committer_call(o->committer, write_meeting, &m, eb);
}

enum err target_lost_database(const struct target_opts *o, uint32_t db, uint64_t delivered_seq, struct errbuf *eb)
{
	struct store_span spans[SPANS_MAX], all;
	uint32_t count;
	struct meeting m = { .o = o, .cause = OWED_MISSING, .spans = &all, .count = 1 };
	/* the spool first: what leaves it in between is in the store then */
	enum err e = span_of_spool(o->spool_path, db, delivered_seq, &all, eb);

	if (e == ERR_OK)
		e = spans_of_store(o->store_path, spans, &count, eb);
	if (e != ERR_OK)
		return e;
	for (uint32_t i = 0; i < count; i++) {
		if (spans[i].db != db)
			continue;
		bool none = all.from_ns >= all.to_ns;
		if (none || spans[i].from_ns < all.from_ns)
			all.from_ns = spans[i].from_ns;
		if (none || spans[i].to_ns > all.to_ns)
			all.to_ns = spans[i].to_ns;
	}
	return committer_call(o->committer, write_meeting, &m, eb);
}
