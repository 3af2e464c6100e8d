#include "store/pending.h"

#include <string.h>

#include "store/database.h"

uint64_t pending_first(const struct pending *p)
{
	return p->count ? p->part[0].from_seq : PENDING_OPEN;
}

bool pending_is_held(const struct pending *p)
{
	if (p->count == 0)
		return false;
	const struct pending_part *last = &p->part[p->count - 1];
	return last->to_seq == PENDING_OPEN && !last->again;
}

static void widen(struct pending_part *part, int64_t min_ns, int64_t max_ns)
{
	if (min_ns < part->min_ns)
		part->min_ns = min_ns;
	if (max_ns > part->max_ns)
		part->max_ns = max_ns;
}

static void remove_part(struct pending *p, uint32_t i)
{
	p->count--;
	memmove(&p->part[i], &p->part[i + 1], (p->count - i) * sizeof *p->part);
}

/* Parts i and i + 1 become one. What is sent again of the one that was sent already lies in the span of both, and so in that
 * of every later part that is `again`. */
static void join(struct pending *p, uint32_t i)
{
	struct pending_part *a = &p->part[i], *b = a + 1;

	widen(a, b->min_ns, b->max_ns);
	a->again = a->again && b->again;
	a->to_seq = b->to_seq;
	remove_part(p, i + 1);
}

/* What joining a part costs: its rows that were sent already. */
static uint64_t rows_again(const struct pending_part *part)
{
	return part->again ? part->to_seq - part->from_seq + 1 : 0;
}

/* Room for n more parts behind what is there. */
static void make_room(struct pending *p, uint32_t n)
{
	while (p->count + n > PENDING_PARTS_MAX) {
		uint32_t best = 0, end = p->part[p->count - 1].to_seq == PENDING_OPEN ? p->count - 1 : p->count;
		for (uint32_t i = 1; i + 1 < end; i++)
			if (rows_again(&p->part[i]) + rows_again(&p->part[i + 1]) <
			    rows_again(&p->part[best]) + rows_again(&p->part[best + 1]))
				best = i;
		join(p, best);
	}
}

static void append(struct pending *p, const struct pending_part *part)
{
	if (part->from_seq <= part->to_seq)
		p->part[p->count++] = *part;
}

static void close_last(struct pending *p, uint64_t live_seq)
{
	if (p->count == 0)
		return;
	struct pending_part *last = &p->part[p->count - 1];
	if (last->to_seq != PENDING_OPEN)
		return;
	last->to_seq = live_seq;
	if (last->from_seq > last->to_seq)
		p->count--;
}

/* The span of everything that waits. */
static void append_again(struct pending *p, uint64_t from_seq)
{
	struct pending_part open = { from_seq, PENDING_OPEN, INT64_MAX, INT64_MIN, true };

	for (uint32_t i = 0; i < p->count; i++)
		widen(&open, p->part[i].min_ns, p->part[i].max_ns);
	if (p->count)
		append(p, &open);
}

void pending_jump(struct pending *p, uint64_t live_seq, uint64_t to_seq, int64_t min_ns, int64_t max_ns)
{
	close_last(p, live_seq);
	make_room(p, 2);
	append(p, &(struct pending_part){ live_seq + 1, to_seq, min_ns, max_ns, false });
	append_again(p, to_seq + 1);
}

void pending_hold(struct pending *p, uint64_t live_seq)
{
	close_last(p, live_seq);
	make_room(p, 1);
	append(p, &(struct pending_part){ live_seq + 1, PENDING_OPEN, INT64_MIN, INT64_MAX, false });
}

void pending_release(struct pending *p, uint64_t live_seq, int64_t min_ns, int64_t max_ns)
{
	if (!pending_is_held(p))
		return;
	p->part[p->count - 1].min_ns = min_ns;
	p->part[p->count - 1].max_ns = max_ns;
	close_last(p, live_seq);
	make_room(p, 1);
	append_again(p, live_seq + 1);
}

void pending_send_again(struct pending *p, uint64_t after_seq, int64_t min_ns, int64_t max_ns)
{
	uint64_t first = pending_first(p);

	/* a part that begins before after_seq gets the span too: more is sent again, in the same order */
	for (uint32_t i = 0; i < p->count; i++)
		if (p->part[i].to_seq > after_seq)
			widen(&p->part[i], min_ns, max_ns);
	if (after_seq + 1 >= first)
		return;
	make_room(p, 1);
	memmove(&p->part[1], p->part, p->count * sizeof *p->part);
	p->part[0] = (struct pending_part){ after_seq + 1, p->count ? first - 1 : PENDING_OPEN, min_ns, max_ns, true };
	p->count++;
}

void pending_done(struct pending *p, uint64_t seq, uint64_t live_seq)
{
	while (p->count && p->part[0].to_seq <= seq)
		remove_part(p, 0);
	if (p->count && p->part[0].from_seq <= seq)
		p->part[0].from_seq = seq + 1;
	if (p->count && p->part[0].to_seq == PENDING_OPEN && p->part[0].again && seq >= live_seq)
		p->count = 0;
}

/* ---- the set ---- */

void pending_set_init(struct pending_set *s)
{
	s->count = 1;
	s->list[0].db = s->list[0].count = 0;
}

struct pending *pending_set_find(struct pending_set *s, uint32_t db)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (s->list[i].db == db)
			return &s->list[i];
	return NULL;
}

struct pending *pending_set_add(struct pending_set *s, uint32_t db)
{
	struct pending *p = pending_set_find(s, db);

	if (p || s->count == PENDING_LISTS_MAX)
		return p;
	p = &s->list[s->count++];
	*p = s->list[0];
	p->db = db;
	return p;
}

void pending_set_remove(struct pending_set *s, const struct pending *p)
{
	uint32_t i = (uint32_t)(p - s->list);

	s->count--;
	memmove(&s->list[i], &s->list[i + 1], (s->count - i) * sizeof *s->list);
}

uint64_t pending_set_first(const struct pending_set *s)
{
	uint64_t first = PENDING_OPEN;

	for (uint32_t i = 0; i < s->count; i++)
		if (pending_first(&s->list[i]) < first)
			first = pending_first(&s->list[i]);
	return first;
}

/* ---- the table ---- */

static enum err store_list(sqlite3 *writer, sqlite3_stmt *st, const struct pending *p, struct errbuf *eb)
{
	for (uint32_t i = 0; i < p->count; i++) {
		const struct pending_part *part = &p->part[i];
		sqlite3_bind_int64(st, 2, p->db);
		sqlite3_bind_int64(st, 3, (int64_t)part->from_seq);
		sqlite3_bind_int64(st, 4, (int64_t)part->to_seq);
		sqlite3_bind_int64(st, 5, part->min_ns);
		sqlite3_bind_int64(st, 6, part->max_ns);
		sqlite3_bind_int(st, 7, part->again);
		int rc = sqlite3_step(st);
		sqlite3_reset(st);
		if (rc != SQLITE_DONE)
			return database_error(writer, "write what is pending", eb);
	}
	return ERR_OK;
}

enum err pending_store(sqlite3 *writer, const char *target, const struct pending_set *s, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(writer, &st, "DELETE FROM pending WHERE target = ?", eb);

	if (e != ERR_OK)
		return e;
	sqlite3_bind_text(st, 1, target, -1, SQLITE_STATIC);
	e = database_finish(writer, st, "write what is pending", eb);
	if (e == ERR_OK)
		e = database_prepare(writer, &st, "INSERT INTO pending VALUES (?, ?, ?, ?, ?, ?, ?)", eb);
	if (e != ERR_OK)
		return e;
	sqlite3_bind_text(st, 1, target, -1, SQLITE_STATIC);
	for (uint32_t i = 0; e == ERR_OK && i < s->count; i++)
		e = store_list(writer, st, &s->list[i], eb);
	sqlite3_finalize(st);
	return e;
}

enum err pending_load(sqlite3 *reader, const char *target, struct pending_set *out, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(reader, &st,
	    "SELECT db, from_seq, to_seq, min_ns, max_ns, again FROM pending WHERE target = ? ORDER BY db, from_seq",
	    eb);
	int rc;

	pending_set_init(out);
	if (e != ERR_OK)
		return e;
	sqlite3_bind_text(st, 1, target, -1, SQLITE_STATIC);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct pending *p = &out->list[out->count - 1];
		uint32_t db = (uint32_t)sqlite3_column_int64(st, 0);
		if (p->db != db && out->count < PENDING_LISTS_MAX) {
			p = &out->list[out->count++];
			p->db = db;
			p->count = 0;
		}
		if (p->db != db || p->count == PENDING_PARTS_MAX) {
			e = errbuf_set(eb, ERR_CORRUPT, "the table pending holds more than it can");
			break;
		}
		p->part[p->count++] = (struct pending_part){ (uint64_t)sqlite3_column_int64(st, 1),
			(uint64_t)sqlite3_column_int64(st, 2), sqlite3_column_int64(st, 3), sqlite3_column_int64(st, 4),
			sqlite3_column_int(st, 5) != 0 };
	}
	if (e == ERR_OK && rc != SQLITE_DONE)
		e = database_error(reader, "read what is pending", eb);
	sqlite3_finalize(st);
	return e;
}
