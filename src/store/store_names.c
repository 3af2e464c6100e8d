#include "store/store_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/database.h"
#include "store/store_damage.h"
#include "wire/lp_key.h"

enum { MEASUREMENTS_MAX = 1 << 14, FIELDS_MAX = 1 << 16, ORDINALS_MAX = 1 << 20, HOLES_MAX = 4096 };

struct old_measurement {
	bool known; /* it was looked up */
	struct measurement *now;
	const struct field **fields; /* by number; looked up if its bit is set */
	bool *field_known;
	uint32_t field_room;
	uint32_t *series; /* by ordinal: 0 not looked up, 1 none, else the present ordinal + 2 */
	uint32_t series_room;
};

struct store_names {
	sqlite3 *db;
	struct catalogue *catalogue;
	sqlite3_stmt *measurement, *field, *series;
	struct old_measurement *measurements; /* by number */
	uint32_t room;
};

enum err store_names_new(struct store_names **out, sqlite3 *db, struct catalogue *catalogue, struct errbuf *eb)
{
	struct store_names *n = calloc(1, sizeof *n);

	*out = NULL;
	if (!n)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	n->db = db;
	n->catalogue = catalogue;
	enum err e = database_prepare(db, &n->measurement,
	    "SELECT m.name, d.name FROM measurement m JOIN database d ON d.id = m.db WHERE m.id = ? AND d.id BETWEEN 1 AND 64",
	    eb);
	if (e == ERR_OK)
		e = database_prepare(
		    db, &n->field, "SELECT name, type FROM field WHERE measurement = ? AND number = ?", eb);
	if (e == ERR_OK)
		e = database_prepare(db, &n->series, "SELECT key FROM series WHERE id = ?", eb);
	if (e != ERR_OK) {
		store_names_free(n);
		return e;
	}
	*out = n;
	return ERR_OK;
}

void store_names_free(struct store_names *n)
{
	if (!n)
		return;
	for (uint32_t i = 0; i < n->room; i++) {
		free(n->measurements[i].fields);
		free(n->measurements[i].field_known);
		free(n->measurements[i].series);
	}
	free(n->measurements);
	sqlite3_finalize(n->measurement);
	sqlite3_finalize(n->field);
	sqlite3_finalize(n->series);
	free(n);
}

/* Room for index i in an array of zeroed elements. */
static bool reach(void **array, uint32_t *room, uint32_t i, uint32_t max, size_t size)
{
	uint32_t more = *room ? *room : 16;

	if (i < *room)
		return true;
	if (i >= max)
		return false;
	while (more <= i)
		more *= 2;
	char *p = realloc(*array, more * size);
	if (!p)
		return false;
	memset(p + *room * size, 0, (more - *room) * size);
	*array = p;
	*room = more;
	return true;
}

static struct view text(sqlite3_stmt *st, int i)
{
	const char *p = sqlite3_column_blob(st, i);

	return (struct view){ p ? p : "", p ? (size_t)sqlite3_column_bytes(st, i) : 0 };
}

static struct measurement *find_measurement(struct store_names *n, uint32_t number)
{
	struct measurement *m = NULL;

	sqlite3_bind_int64(n->measurement, 1, number);
	if (sqlite3_step(n->measurement) == SQLITE_ROW) {
		uint32_t db = catalogue_database(n->catalogue, text(n->measurement, 1));
		struct view name = text(n->measurement, 0);
		if (db && name.len && lp_name_is_clean(name))
			m = catalogue_add_measurement(n->catalogue, db, name);
	}
	sqlite3_reset(n->measurement);
	return m;
}

static struct old_measurement *old_of(struct store_names *n, uint32_t number)
{
	if (!reach((void **)&n->measurements, &n->room, number, MEASUREMENTS_MAX, sizeof *n->measurements))
		return NULL;
	struct old_measurement *m = &n->measurements[number];
	if (!m->known) {
		m->known = true;
		m->now = find_measurement(n, number);
	}
	return m;
}

struct measurement *store_names_measurement(struct store_names *n, uint32_t number)
{
	struct old_measurement *m = old_of(n, number);

	return m ? m->now : NULL;
}

static const struct field *find_field(struct store_names *n, struct old_measurement *m, uint32_t of, uint32_t number)
{
	const struct field *f = NULL;
	struct catalogue_refusal refusal;

	sqlite3_bind_int64(n->field, 1, of);
	sqlite3_bind_int64(n->field, 2, number);
	if (sqlite3_step(n->field) == SQLITE_ROW) {
		int64_t type = sqlite3_column_int64(n->field, 1);
		struct view name = text(n->field, 0);
		if (type >= 0 && type <= VALUE_STRING && name.len)
			f = measurement_field(n->catalogue, m->now, name, (enum value_type)type, true, &refusal);
		if (f && f->type != (enum value_type)type)
			f = NULL;
	}
	sqlite3_reset(n->field);
	return f;
}

const struct field *store_names_field(struct store_names *n, uint32_t measurement, uint32_t number)
{
	struct old_measurement *m = old_of(n, measurement);
	uint32_t room;

	if (!m || !m->now)
		return NULL;
	room = m->field_room;
	if (!reach((void **)&m->field_known, &room, number, FIELDS_MAX, sizeof *m->field_known) ||
	    !reach((void **)&m->fields, &m->field_room, number, FIELDS_MAX, sizeof *m->fields))
		return NULL;
	if (!m->field_known[number]) {
		m->field_known[number] = true;
		m->fields[number] = find_field(n, m, measurement, number);
	}
	return m->fields[number];
}

static struct series *find_series(struct store_names *n, const struct old_measurement *m, uint32_t of, uint32_t ordinal)
{
	struct series *s = NULL;
	struct catalogue_refusal refusal;

	sqlite3_bind_int64(n->series, 1, (int64_t)of << 20 | ordinal);
	if (sqlite3_step(n->series) == SQLITE_ROW) {
		struct view key = text(n->series, 0);
		uint32_t db = measurement_db(m->now);
		s = catalogue_find_series(n->catalogue, db, key);
		if (!s && key.len)
			s = catalogue_add_series(n->catalogue, db, key, true, &refusal);
		if (s && s->measurement != m->now)
			s = NULL;
	}
	sqlite3_reset(n->series);
	return s;
}

struct series *store_names_series(struct store_names *n, uint32_t measurement, uint32_t ordinal)
{
	struct old_measurement *m = old_of(n, measurement);

	if (!m || !m->now || !reach((void **)&m->series, &m->series_room, ordinal, ORDINALS_MAX, sizeof *m->series))
		return NULL;
	if (m->series[ordinal] == 0) {
		const struct series *s = find_series(n, m, measurement, ordinal);
		m->series[ordinal] = s ? s->ordinal + 2 : 1;
	}
	return m->series[ordinal] > 1 ? measurement_series(m->now, m->series[ordinal] - 2) : NULL;
}

/* ---- at start ---- */

void store_salvage_key(char out[64], const char *stamp, const char *name)
{
	snprintf(out, 64, "salvage:%.23s:%s", stamp, name);
}

/* Numbers were given without holes: a long run of none is the end. */
static void load_all(struct store_names *n)
{
	for (uint32_t i = 0, none = 0; i < MEASUREMENTS_MAX && none < HOLES_MAX; i++) {
		bool is_there = store_names_measurement(n, i) != NULL;
		none = is_there ? 0 : none + 1;
		for (uint32_t k = 0, holes = 0; is_there && holes < 64; k++)
			holes = store_names_field(n, i, k) ? 0 : holes + 1;
	}
}

enum err store_salvage_names(struct catalogue *c, sqlite3 *db, const char *store_path, struct errbuf *eb)
{
	struct aside_file *list = calloc(ASIDE_MAX, sizeof *list);
	enum err e = ERR_OK;

	if (!list)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	size_t count = aside_list(store_path, list, ASIDE_MAX);
	while (e == ERR_OK && count--) { /* the newest first: its types are the last that were in use */
		struct store_names *names = NULL;
		struct errbuf why;
		sqlite3 *old = NULL;
		int64_t done;
		char key[64];
		store_salvage_key(key, list[count].stamp, "done");
		e = store_read_figure(db, key, 0, &done, eb);
		if (e != ERR_OK || done)
			continue;
		if (database_open_reader(&old, list[count].name, &why) == ERR_OK &&
		    store_names_new(&names, old, c, &why) == ERR_OK)
			load_all(names);
		else
			log_warn("no names can be read of %s: %s", list[count].name, why.text);
		store_names_free(names);
		sqlite3_close(old);
	}
	free(list);
	return e;
}
