/* One moment: pin the head; take a snapshot of the store; look where the spool begins. The order matters: what leaves the head
 * is in the store before it goes, and what leaves the spool too, so nothing falls between them, and a row is never seen
 * in two places (compacted_seq divides them). Where the spool has rows that neither of the others has, a snapshot of it is
 * held too; if rows left it while the three were taken, the moment passed, and another is tried. */
#include <stdlib.h>

#include "query/local_part.h"
#include "store/database.h"

enum { TRIES = 4 };

const char local_store_damaged[] = "the local store is damaged: restart holdfastd to have it mended";
const char local_lacks_damaged[] = "the local store was damaged: of this range some is lost or still being taken over";

bool local_has_store(const struct local_moment *m)
{
	return m->files.store && !m->store_damaged;
}

enum err local_without_store(struct local_moment *m, struct result_report *report, enum err e)
{
	if (e != ERR_CORRUPT)
		return e;
	m->store_damaged = true;
	if (report)
		result_report_not_complete(report, local_store_damaged);
	return ERR_OK;
}

bool local_has_history(const struct local_moment *m)
{
	return m->first_seq && m->first_seq < m->head.from_seq && m->compacted_seq + 1 < m->head.from_seq;
}

static void unpin(struct local_moment *m)
{
	if (m->in_store)
		store_reader_end(m->files.store);
	if (m->in_spool && database_exec(spool_reader_db(m->files.spool), "COMMIT", &(struct errbuf){ 0 }) != ERR_OK)
		m->failed = true;
	m->in_store = m->in_spool = false;
	head_unpin(&m->head);
}

static enum err pin(struct local_moment *m, bool hold_spool, struct errbuf *eb)
{
	enum err e = ERR_OK;

	head_pin(m->local->opts.head, &m->head);
	m->compacted_seq = 0;
	if (local_has_store(m)) {
		e = store_reader_begin(m->files.store, &m->compacted_seq, eb);
		m->in_store = e == ERR_OK;
		e = local_without_store(m, NULL, e);
	}
	if (e == ERR_OK && hold_spool) {
		e = database_exec(spool_reader_db(m->files.spool), "BEGIN", eb);
		m->in_spool = e == ERR_OK;
	}
	if (e == ERR_OK)
		e = spool_reader_begin(m->files.spool, &m->evicted_until_ns, &m->first_seq, eb);
	if (e != ERR_OK)
		unpin(m);
	return e;
}

static enum err pin_together(struct local_moment *m, struct errbuf *eb)
{
	enum err e = pin(m, false, eb);

	for (int i = 0; e == ERR_OK && local_has_history(m); i++) {
		uint64_t before = m->first_seq;
		if (i == TRIES) {
			unpin(m);
			return errbuf_set(eb, ERR_UNAVAILABLE, "the local store is too busy to be read; try again");
		}
		unpin(m);
		e = pin(m, true, eb);
		if (e == ERR_OK && m->first_seq == before)
			break;
	}
	return e;
}

enum err local_moment_open(
    struct local_moment **out, struct local *l, struct view database, int64_t from_ns, int64_t to_ns, struct errbuf *eb)
{
	struct local_moment *m = calloc(1, sizeof *m); /* on the heap: worker stacks are small */

	*out = NULL;
	if (!m)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	m->local = l;
	m->from_ns = from_ns;
	m->to_ns = to_ns;
	m->db = catalogue_find_database(l->opts.catalogue, database);
	enum err e = m->db ? local_take_files(l, &m->files, eb) : ERR_OK;
	if (m->db && e == ERR_OK) {
		e = pin_together(m, eb);
		if (e != ERR_OK)
			local_give_files(l, &m->files, false);
	}
	if (e != ERR_OK) {
		free(m);
		return e;
	}
	*out = m;
	return ERR_OK;
}

void local_moment_close(struct local_moment *m)
{
	if (!m)
		return;
	if (m->db) {
		unpin(m);
		local_give_files(m->local, &m->files, !m->failed);
	}
	free(m);
}
