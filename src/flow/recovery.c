#include "flow/recovery.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/batch_builder.h"
#include "store/database.h"

enum { KEEP_BYTES = 4 << 20 };

/* The row to begin with: walking back from the newest, as far as the budget allows. */
static enum err find_start(sqlite3 *db, uint64_t budget, uint64_t compacted_seq, uint64_t *after_seq, struct errbuf *eb)
{
	sqlite3_stmt *st;
	uint64_t sum = 0;
	int rc;
	enum err e = database_prepare(
	    db, &st, "SELECT seq, length(payload) FROM spool WHERE seq > ? ORDER BY seq DESC", eb);

	*after_seq = INT64_MAX;
	if (e != ERR_OK)
		return e;
	sqlite3_bind_int64(st, 1, (int64_t)compacted_seq);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		uint64_t seq = (uint64_t)sqlite3_column_int64(st, 0);
		sum += (uint64_t)sqlite3_column_int64(st, 1);
		if (*after_seq != INT64_MAX && sum > budget)
			break;
		*after_seq = seq - 1;
	}
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		e = database_error(db, "read the newest rows", eb);
	sqlite3_finalize(st);
	return e;
}

/* Whole, or not at all: the compactor takes what is here for all there is. */
static void append_row(struct head *head, struct batch_builder *bb, const struct spool_row *row)
{
	enum lp_result r;

	batch_builder_start(bb, row->payload, KEEP_BYTES);
	while ((r = batch_builder_next(bb, row->db)) != LP_END) {
		if (bb->out_of_memory) {
			log_warn("out of memory for row %llu of the spool: it is read from there",
			    (unsigned long long)row->seq);
			head_leave(head, row->seq);
			return;
		}
		if (r == LP_BAD) /* it was good when it was written */
			log_error("row %llu of the spool: %s: %.*s", (unsigned long long)row->seq, bb->parser.error,
			    (int)(bb->parser.line.len > 200 ? 200 : bb->parser.line.len), bb->parser.line.p);
		else
			bb->points[bb->point_count - 1].time_ns = bb->parser.time;
	}
	struct batch b = { .db = row->db,
		.received_ns = row->received_ns,
		.points = bb->points,
		.values = bb->values,
		.point_count = bb->point_count,
		.value_count = bb->value_count };
	head_append(head, &b, row->seq, row->seq, clock_mono_ns());
}

enum err recovery_fill_head(struct head *head, struct catalogue *catalogue, const char *spool_path,
    uint64_t budget_bytes, uint64_t compacted_seq, uint64_t *points, struct errbuf *eb)
{
	struct spool_reader *reader;
	struct spool_row row;
	struct batch_builder bb;
	struct head_stats now;
	uint64_t seq = 0;
	enum err e = spool_reader_open(&reader, spool_path, eb);

	*points = 0;
	if (e != ERR_OK)
		return e;
	batch_builder_init(&bb, catalogue);
	e = find_start(spool_reader_db(reader), budget_bytes, compacted_seq, &seq, eb);
	if (seq == INT64_MAX)
		seq = compacted_seq;
	head_begin_at(head, seq + 1);
	while (e == ERR_OK) {
		e = spool_reader_next(reader, seq, &row, eb);
		if (e == ERR_CORRUPT && row.seq) {
			log_error("%s", eb->text);
			e = ERR_OK;
		} else if (e == ERR_OK) {
			append_row(head, &bb, &row);
		}
		seq = row.seq ? row.seq : seq;
	}
	batch_builder_fini(&bb);
	spool_reader_close(reader);
	head_stats(head, &now);
	*points = now.points;
	return e == ERR_NOTFOUND ? ERR_OK : e;
}
