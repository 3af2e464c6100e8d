#include "store/series_store.h"

#include <stdlib.h>

#include "store/database.h"

struct progress { /* of one measurement */
	uint32_t fields, series;
	bool named;
};

struct progress_pair {
	struct progress stored, pending;
};

struct series_store_mark {
	struct progress_pair *measurements; /* by id */
	uint32_t count;
	uint32_t databases, databases_pending;
	bool known; /* what the file has was looked up */
};

enum err series_store_mark_new(struct series_store_mark **out)
{
	*out = calloc(1, sizeof **out);
	return *out ? ERR_OK : ERR_NOMEM;
}

void series_store_mark_free(struct series_store_mark *m)
{
	if (m)
		free(m->measurements);
	free(m);
}

static struct view blob(sqlite3_stmt *st, int i)
{
	return (struct view){ sqlite3_column_blob(st, i), (size_t)sqlite3_column_bytes(st, i) };
}

/* ---- load ---- */

static enum err load_databases(struct catalogue *c, sqlite3_stmt *st, struct errbuf *eb)
{
	int64_t id = sqlite3_column_int64(st, 0);

	if (id < 1 || id > CATALOGUE_DATABASES_MAX)
		return errbuf_set(eb, ERR_CORRUPT, "the store's table database has the id %lld", (long long)id);
	return catalogue_load_database(c, (uint32_t)id, blob(st, 1));
}

static enum err load_measurement(struct catalogue *c, sqlite3_stmt *st, struct errbuf *eb)
{
	struct measurement *m = catalogue_add_measurement(c, (uint32_t)sqlite3_column_int64(st, 1), blob(st, 2));

	if (!m)
		return errbuf_set(eb, ERR_FULL, "no room for the store's measurements");
	if (measurement_id(m) != (uint64_t)sqlite3_column_int64(st, 0))
		return errbuf_set(eb, ERR_CORRUPT, "the store's table measurement has holes");
	return ERR_OK;
}

static enum err load_field(struct catalogue *c, sqlite3_stmt *st, struct errbuf *eb)
{
	uint64_t id = (uint64_t)sqlite3_column_int64(st, 0);
	struct catalogue_refusal refusal;

	if (id >= catalogue_measurement_count(c))
		return errbuf_set(eb, ERR_CORRUPT, "the store's table field names an unknown measurement");
	struct field *f = measurement_field(c, catalogue_measurement_at(c, (uint32_t)id), blob(st, 2),
	    (enum value_type)sqlite3_column_int(st, 3), true, &refusal);
	if (!f)
		return errbuf_set(eb, ERR_FULL, "no room for the store's fields: %s", refusal.error);
	if (f->index != (uint64_t)sqlite3_column_int64(st, 1))
		return errbuf_set(eb, ERR_CORRUPT, "the store's table field has holes");
	return ERR_OK;
}

static enum err load_one_series(struct catalogue *c, sqlite3_stmt *st, struct errbuf *eb)
{
	uint64_t id = (uint64_t)sqlite3_column_int64(st, 0);

	if (id >> 20 >= catalogue_measurement_count(c))
		return errbuf_set(eb, ERR_CORRUPT, "the store's table series names an unknown measurement");
	struct series *s = catalogue_load_series(c, catalogue_measurement_at(c, (uint32_t)(id >> 20)), blob(st, 1));
	if (!s)
		return errbuf_set(eb, ERR_FULL,
		    "series %llu of the store cannot be taken: its key is damaged, or memory is short",
		    (unsigned long long)id);
	if (s->ordinal != (id & ((1u << 20) - 1)))
		return errbuf_set(eb, ERR_CORRUPT, "the store's table series has holes");
	return ERR_OK;
}

enum err series_store_load(struct catalogue *c, sqlite3 *db, struct errbuf *eb)
{
	static const struct {
		const char *sql;
		enum err (*row)(struct catalogue *c, sqlite3_stmt *st, struct errbuf *eb);
	} all[] = {
		{ "SELECT id, name FROM database ORDER BY id", load_databases },
		{ "SELECT id, db, name FROM measurement ORDER BY id", load_measurement },
		{ "SELECT measurement, number, name, type FROM field ORDER BY measurement, number", load_field },
		{ "SELECT id, key FROM series ORDER BY id", load_one_series },
	};
	enum err e = ERR_OK;

	for (unsigned i = 0; e == ERR_OK && i < sizeof all / sizeof *all; i++) {
		sqlite3_stmt *st;
		int rc = SQLITE_DONE;
		e = database_prepare(db, &st, all[i].sql, eb);
		if (e != ERR_OK)
			return e;
		while (e == ERR_OK && (rc = sqlite3_step(st)) == SQLITE_ROW)
			e = all[i].row(c, st, eb);
		if (e == ERR_OK && rc != SQLITE_DONE)
			e = database_error(db, "read the names of the store", eb);
		sqlite3_finalize(st);
	}
	return e;
}

/* ---- add ---- */

static enum err count_rows(sqlite3 *db, const char *sql, struct series_store_mark *m, struct errbuf *eb)
{
	sqlite3_stmt *st;
	int rc;
	enum err e = database_prepare(db, &st, sql, eb);

	if (e != ERR_OK)
		return e;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		uint64_t id = (uint64_t)sqlite3_column_int64(st, 0);
		if (id >= m->count)
			continue;
		struct progress *p = &m->measurements[id].stored;
		p->named = true;
		if (sqlite3_column_int(st, 1) == 1)
			p->fields = (uint32_t)sqlite3_column_int64(st, 2);
		else if (sqlite3_column_int(st, 1) == 2)
			p->series = (uint32_t)sqlite3_column_int64(st, 2);
	}
	if (rc != SQLITE_DONE)
		e = database_error(db, "read the names of the store", eb);
	sqlite3_finalize(st);
	return e;
}

static enum err make_room(struct catalogue *c, struct series_store_mark *m, struct errbuf *eb)
{
	uint32_t n = catalogue_measurement_count(c);

	if (n <= m->count)
		return ERR_OK;
	struct progress_pair *p = realloc(m->measurements, n * sizeof *p);
	if (!p)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	memset(p + m->count, 0, (n - m->count) * sizeof *p);
	m->measurements = p;
	m->count = n;
	return ERR_OK;
}

static enum err look_up(sqlite3 *db, struct series_store_mark *m, struct errbuf *eb)
{
	enum err e;

	if (m->known)
		return ERR_OK;
	e = count_rows(db, "SELECT id, 0, 0 FROM measurement", m, eb);
	if (e == ERR_OK)
		e = count_rows(db, "SELECT measurement, 1, count(*) FROM field GROUP BY measurement", m, eb);
	if (e == ERR_OK)
		e = count_rows(db, "SELECT id >> 20, 2, count(*) FROM series GROUP BY 1", m, eb);
	m->known = e == ERR_OK;
	return e;
}

static enum err run(sqlite3 *db, sqlite3_stmt *st, struct errbuf *eb)
{
	enum err e = sqlite3_step(st) == SQLITE_DONE ? ERR_OK : database_error(db, "write the store's names", eb);

	sqlite3_reset(st);
	return e;
}

struct adding {
	sqlite3 *db;
	sqlite3_stmt *measurement, *field, *series;
};

static enum err add_measurement(
    struct adding *a, const struct measurement *m, struct progress_pair *p, struct errbuf *eb)
{
	const struct catalogue_layout *l = measurement_layout(m);
	uint32_t n = measurement_series_count(m);
	int64_t id = measurement_id(m);
	enum err e = ERR_OK;

	if (!p->stored.named) {
		sqlite3_bind_int64(a->measurement, 1, id);
		sqlite3_bind_int64(a->measurement, 2, measurement_db(m));
		sqlite3_bind_blob(
		    a->measurement, 3, measurement_name(m).p, (int)measurement_name(m).len, SQLITE_STATIC);
		e = run(a->db, a->measurement, eb);
	}
	for (uint32_t i = p->stored.fields; e == ERR_OK && i < l->count; i++) {
		sqlite3_bind_int64(a->field, 1, id);
		sqlite3_bind_int64(a->field, 2, i);
		sqlite3_bind_blob(a->field, 3, l->fields[i]->name.p, (int)l->fields[i]->name.len, SQLITE_STATIC);
		sqlite3_bind_int(a->field, 4, (int)l->fields[i]->type);
		e = run(a->db, a->field, eb);
	}
	for (uint32_t i = p->stored.series; e == ERR_OK && i < n; i++) {
		struct view key = measurement_series(m, i)->key;
		sqlite3_bind_int64(a->series, 1, id << 20 | i);
		sqlite3_bind_blob(a->series, 2, key.p, (int)key.len, SQLITE_STATIC);
		e = run(a->db, a->series, eb);
	}
	p->pending = (struct progress){ l->count, n, true };
	return e;
}

static enum err add_databases(struct catalogue *c, sqlite3 *db, struct series_store_mark *m, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = ERR_OK;
	uint32_t id = m->databases + 1;

	for (; e == ERR_OK && catalogue_database_name(c, id); id++) {
		e = database_prepare(db, &st, "INSERT OR IGNORE INTO database VALUES (?, ?)", eb);
		if (e != ERR_OK)
			return e;
		sqlite3_bind_int64(st, 1, id);
		sqlite3_bind_text(st, 2, catalogue_database_name(c, id), -1, SQLITE_STATIC);
		e = run(db, st, eb);
		sqlite3_finalize(st);
	}
	m->databases_pending = id - 1;
	return e;
}

enum err series_store_add(struct catalogue *c, sqlite3 *db, struct series_store_mark *m, struct errbuf *eb)
{
	struct adding a = { .db = db };
	enum err e = make_room(c, m, eb);

	if (e == ERR_OK)
		e = look_up(db, m, eb);
	if (e == ERR_OK)
		e = add_databases(c, db, m, eb);
	if (e == ERR_OK)
		e = database_prepare(db, &a.measurement, "INSERT INTO measurement VALUES (?, ?, ?)", eb);
	if (e == ERR_OK)
		e = database_prepare(db, &a.field, "INSERT INTO field VALUES (?, ?, ?, ?)", eb);
	if (e == ERR_OK)
		e = database_prepare(db, &a.series, "INSERT INTO series VALUES (?, ?)", eb);
	for (uint32_t i = 0; e == ERR_OK && i < m->count; i++)
		e = add_measurement(&a, catalogue_measurement_at(c, i), &m->measurements[i], eb);
	sqlite3_finalize(a.measurement);
	sqlite3_finalize(a.field);
	sqlite3_finalize(a.series);
	return e;
}

void series_store_committed(struct series_store_mark *m)
{
	m->databases = m->databases_pending;
	for (uint32_t i = 0; i < m->count; i++)
		m->measurements[i].stored = m->measurements[i].pending;
}

void series_store_forget(struct series_store_mark *m)
{
	if (m->count)
		memset(m->measurements, 0, m->count * sizeof *m->measurements);
	m->databases = 0;
	m->known = false;
}
