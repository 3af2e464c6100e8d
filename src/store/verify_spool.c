#include <string.h>

#include "store/database.h"
#include "store/frame.h"
#include "store/verify_internal.h"

enum { TEXT_MAX = 64 << 20 }; /* as the spool's reader has it */

struct numbers { /* what the table meta says */
	uint64_t evicted, first; /* the last that was let go; where numbering began */
};

static enum err read_numbers(struct verify *v, struct numbers *n, struct errbuf *eb)
{
	sqlite3_stmt *st;
	int rc;
	enum err e = database_prepare(v->db, &st, "SELECT key, value FROM meta", eb);

	*n = (struct numbers){ 0 };
	if (e != ERR_OK)
		return e;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const char *key = (const char *)sqlite3_column_text(st, 0);
		uint64_t value = (uint64_t)sqlite3_column_int64(st, 1);
		if (!strcmp(key, "evicted_until_seq"))
			n->evicted = value;
		else if (!strcmp(key, "first_seq"))
			n->first = value;
	}
	if (rc != SQLITE_DONE)
		e = verify_step_failed(v, "read the table meta", eb);
	sqlite3_finalize(st);
	return e;
}

/* Rows follow each other without a hole but where numbering began anew; the first one follows what was let go, or what
 * the store has. */
static void check_number(struct verify *v, const struct numbers *n, uint64_t seq)
{
	struct verify_report *r = v->report;
	uint64_t before = r->last_seq;

	if (r->rows == 0 && r->compacted_seq > before)
		before = r->compacted_seq;
	if (seq > before + 1 && seq != n->first)
		verify_fault(
		    v, "rows %llu to %llu are missing", (unsigned long long)before + 1, (unsigned long long)seq - 1);
	if (r->rows == 0)
		r->first_seq = seq;
	r->last_seq = seq;
}

static enum err check_row(
    struct verify *v, sqlite3_stmt *st, struct frame_unpacker *unpacker, struct buf *text, struct errbuf *eb)
{
	struct view frames = { sqlite3_column_blob(st, 2), (size_t)sqlite3_column_bytes(st, 2) };

	buf_clear(text);
	enum err e = frame_unpack(unpacker, frames, text);
	if (e == ERR_NOMEM)
		return errbuf_set(eb, e, "out of memory");
	if (e != ERR_OK || text->len == 0)
		verify_fault(v, "row %llu: its payload is damaged", (unsigned long long)sqlite3_column_int64(st, 0));
	v->report->rows++;
	v->report->row_points += (uint64_t)sqlite3_column_int64(st, 1);
	return ERR_OK;
}

static enum err check_rows(
    struct verify *v, const struct numbers *n, struct frame_unpacker *unpacker, struct errbuf *eb)
{
	sqlite3_stmt *st;
	struct buf text;
	int rc = SQLITE_DONE;
	enum err e = database_prepare(v->db, &st, "SELECT seq, points, payload FROM spool ORDER BY seq", eb);

	if (e != ERR_OK)
		return e;
	buf_init(&text, TEXT_MAX);
	while (e == ERR_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		check_number(v, n, (uint64_t)sqlite3_column_int64(st, 0));
		e = check_row(v, st, unpacker, &text, eb);
	}
	if (e == ERR_OK && rc != SQLITE_DONE)
		e = verify_step_failed(v, "read its rows", eb);
	sqlite3_finalize(st);
	buf_fini(&text);
	return e;
}

enum err verify_spool(struct verify *v, struct errbuf *eb)
{
	struct frame_unpacker *unpacker;
	struct numbers n;
	enum err e = read_numbers(v, &n, eb);

	if (e != ERR_OK)
		return e;
	v->report->last_seq = n.first && n.first - 1 > n.evicted ? n.first - 1 : n.evicted;
	if (frame_unpacker_new(&unpacker) != ERR_OK)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	e = check_rows(v, &n, unpacker, eb);
	frame_unpacker_free(unpacker);
	return e;
}
