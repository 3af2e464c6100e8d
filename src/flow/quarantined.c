#include "flow/quarantined.h"

#include <stdio.h>
#include <stdlib.h>

#include "flow/tally.h"
#include "store/database.h"
#include "wire/lp_key.h"
#include "wire/lp_parse.h"

enum { ROOM_FIRST = 1024, PLACES_MAX = 1 << 22, NAME_BYTES = 256 << 10 };

void quarantined_fini(struct quarantined *q)
{
	free(q->places);
	*q = (struct quarantined){ .max_places = q->max_places };
}

static uint32_t slot_of(const struct quarantined *q, uint64_t place)
{
	uint32_t i = (uint32_t)place & (q->room - 1);

	while (q->places[i] && q->places[i] != place)
		i = (i + 1) & (q->room - 1);
	return i;
}

bool quarantined_has(const struct quarantined *q, uint64_t place)
{
	place += place == 0;
	return q->count && q->places[slot_of(q, place)] != 0;
}

static bool grow(struct quarantined *q)
{
	struct quarantined more = *q;

	more.room = q->room ? q->room * 2 : ROOM_FIRST;
	more.places = calloc(more.room, sizeof *more.places);
	if (!more.places)
		return false;
	for (uint32_t i = 0; i < q->room; i++)
		if (q->places[i])
			more.places[slot_of(&more, q->places[i])] = q->places[i];
	free(q->places);
	*q = more;
	return true;
}

static bool put(struct quarantined *q, uint64_t place)
{
	uint32_t max = q->max_places ? q->max_places : PLACES_MAX;

	place += place == 0;
	if (q->count * 2 >= q->room && q->room >= max)
		return true;
	if (q->count * 2 >= q->room && !grow(q))
		return false;
	uint32_t i = slot_of(q, place);
	q->count += q->places[i] == 0;
	q->places[i] = place;
	return true;
}

/* ---- names ---- */

static struct view plain(struct view raw, bool measurement, struct buf *scratch)
{
	size_t at = scratch->len;

	lp_unescape(raw, measurement, scratch);
	return (struct view){ scratch->len > at ? scratch->p + at : "", scratch->len - at };
}

bool quarantined_series_hash(struct view text, struct buf *scratch, uint64_t *hash)
{
	struct lp_key key;
	enum reject why;
	const char *error;

	if (!lp_key_split(text, &key, &why, &error))
		return false;
	buf_clear(scratch);
	*hash = tally_name_hash(plain(key.measurement, true, scratch));
	for (unsigned i = 0; i < key.tag_count; i++) {
		buf_clear(scratch);
		if (!buf_reserve(
			scratch, key.tags[i].key.len + key.tags[i].value.len)) /* so that the first view stays */
			return false;
		struct view name = plain(key.tags[i].key, false, scratch);
		*hash += tally_tag_hash(name, plain(key.tags[i].value, false, scratch));
	}
	return !scratch->failed;
}

uint64_t quarantined_field_hash(struct view name, struct buf *scratch)
{
	buf_clear(scratch);
	return tally_name_hash(plain(name, false, scratch));
}

/* ---- the table ---- */

static bool put_lines(struct quarantined *q, struct view lines, struct lp_parser *ps, struct buf *scratch)
{
	enum lp_result r;
	uint64_t series;

	lp_restart(ps, lines);
	while ((r = lp_next_key(ps)) != LP_END) {
		struct view key = ps->key;
		if (r != LP_OK || lp_rest(ps, NULL) != LP_OK || !ps->has_time ||
		    !quarantined_series_hash(key, scratch, &series))
			continue; /* the store has no such point either */
		for (uint32_t i = 0; i < ps->field_count; i++) {
			uint64_t field = quarantined_field_hash(ps->fields[i].name, scratch);
			if (!put(q, tally_place_hash(series, field, ps->time)))
				return false;
		}
	}
	return !ps->out_of_memory;
}

static enum err count_entries(
    sqlite3 *reader, const char *target, const char *database, int64_t out[2], struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(
	    reader, &st, "SELECT count(*), coalesce(max(id), 0) FROM quarantine WHERE target = ? AND db = ?", eb);

	if (e != ERR_OK)
		return e;
	sqlite3_bind_text(st, 1, target, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, database, -1, SQLITE_STATIC);
	if (sqlite3_step(st) == SQLITE_ROW)
		for (int i = 0; i < 2; i++)
			out[i] = sqlite3_column_int64(st, i);
	else
		e = database_error(reader, "count the quarantine", eb);
	sqlite3_finalize(st);
	return e;
}

static enum err read_entries(
    struct quarantined *q, sqlite3 *reader, const char *target, const char *database, struct errbuf *eb)
{
	struct lp_parser ps;
	struct buf scratch;
	sqlite3_stmt *st;
	int rc = SQLITE_DONE;
	enum err e = database_prepare(
	    reader, &st, "SELECT line FROM quarantine WHERE target = ? AND db = ? ORDER BY id", eb);

	if (e != ERR_OK)
		return e;
	buf_init(&scratch, NAME_BYTES);
	lp_init(&ps, (struct view){ "", 0 });
	sqlite3_bind_text(st, 1, target, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, database, -1, SQLITE_STATIC);
	while (e == ERR_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct view line = { sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0) };
		if (line.p && !put_lines(q, line, &ps, &scratch))
			e = errbuf_set(eb, ERR_NOMEM, "out of memory for what is in quarantine");
	}
	if (e == ERR_OK && rc != SQLITE_DONE)
		e = database_error(reader, "read the quarantine", eb);
	sqlite3_finalize(st);
	lp_fini(&ps);
	buf_fini(&scratch);
	return e;
}

enum err quarantined_load(
    struct quarantined *q, sqlite3 *reader, const char *target, const char *database, struct errbuf *eb)
{
	int64_t now[2] = { 0 };
	enum err e = count_entries(reader, target, database, now, eb);

	if (e != ERR_OK)
		return e;
	if (!strcmp(q->database, database) && q->entries == now[0] && q->last_id == now[1])
		return ERR_OK;
	quarantined_fini(q);
	e = read_entries(q, reader, target, database, eb);
	if (e != ERR_OK) {
		quarantined_fini(q);
		return e;
	}
	snprintf(q->database, sizeof q->database, "%s", database);
	q->entries = now[0];
	q->last_id = now[1];
	return ERR_OK;
}
