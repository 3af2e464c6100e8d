#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "flow/compactor_part.h"

enum {
	RUN_BYTES = 8 << 20, /* of a generation made from the spool */
	RUN_MAX = 256 << 20, /* with one huge row */
	BUILDER_KEEP = 4 << 20,
};

uint64_t compactor_seq(const struct compactor *c)
{
	struct store_totals t;

	store_totals(c->opts.store, &t);
	return t.compacted_seq;
}

void compactor_tell_flushed(struct compactor *c, uint64_t points)
{
	uint64_t seq = compactor_seq(c);

	head_compacted(c->opts.head, seq);
	committer_set_compacted(c->opts.committer, seq);
	pthread_mutex_lock(&c->lock);
	c->stats.compacted_seq = seq;
	c->stats.flushed_points += points;
	c->stats.last_ns = clock_wall_ns();
	pthread_mutex_unlock(&c->lock);
}

static bool append_row(struct compactor *c, struct generation *g, const struct spool_row *row)
{
	enum lp_result r;

	batch_builder_start(&c->builder, row->payload, BUILDER_KEEP);
	while ((r = batch_builder_next(&c->builder, row->db)) != LP_END) {
		if (c->builder.out_of_memory)
			return false;
		if (r != LP_OK) /* it was good when it was written, and is logged when the head is rebuilt */
			continue;
		const struct batch_point *p = &c->builder.points[c->builder.point_count - 1];
		if (!generation_append(
			g, p->series, c->builder.parser.time, c->builder.values + p->first_value, p->values))
			return false;
		batch_builder_drop(&c->builder);
	}
	return true;
}

/* Rows (after, to] of the spool, as many as make a generation. *last: the last that is in it. */
static enum err build_run(
    struct compactor *c, uint64_t after, uint64_t to, struct generation **out, uint64_t *last, struct errbuf *eb)
{
	struct spool_row row;
	enum err e = c->spool ? ERR_OK : spool_reader_open(&c->spool, c->opts.spool_path, eb);

	if (e != ERR_OK)
		return e;
	e = generation_new(out, 0, RUN_MAX);
	if (e != ERR_OK)
		return errbuf_set(eb, e, "out of memory");
	*last = after;
	while (*last < to && generation_bytes(*out) < RUN_BYTES) {
		e = spool_reader_next(c->spool, *last, &row, eb);
		if (e == ERR_NOTFOUND || (e == ERR_OK && row.seq > to)) {
			*last = to; /* they were let go */
			return ERR_OK;
		}
		if (e == ERR_CORRUPT && row.seq) {
			log_error("%s; its points are not in the store", eb->text);
			counter_add(COUNTER_COMPACT_DAMAGED_ROWS, 1);
		} else if (e != ERR_OK) {
			return e;
		} else if (!append_row(c, *out, &row)) {
			return errbuf_set(eb, ERR_NOMEM, "out of memory for row %llu", (unsigned long long)row.seq);
		}
		*last = row.seq;
	}
	return ERR_OK;
}

static enum err flush_spool(struct compactor *c, uint64_t after, uint64_t to, struct errbuf *eb)
{
	struct generation *g = NULL;
	uint64_t last = after, points = 0;
	enum err e = build_run(c, after, to, &g, &last, eb);

	if (e == ERR_OK) {
		points = generation_points(g);
		e = points ? compaction_flush(c->compaction, g, last, eb) : compaction_skip(c->compaction, last, eb);
	}
	generation_unref(g);
	if (e == ERR_OK)
		compactor_tell_flushed(c, points);
	return e;
}

static bool is_due(struct compactor *c, const struct head_run *run)
{
	return c->force || clock_mono_ns() - run->began_ns >= c->opts.flush_age_ns || head_is_pressed(c->opts.head);
}

/* One step. ERR_NOTFOUND: nothing is due. */
static enum err flush_next(struct compactor *c, struct errbuf *eb)
{
	struct head_run run;
	uint64_t seq = compactor_seq(c);
	enum err e = ERR_NOTFOUND;

	head_next_run(c->opts.head, seq, &run);
	if (run.first_seq > seq + 1) {
		e = flush_spool(c, seq, run.first_seq - 1, eb);
	} else if (run.generation && is_due(c, &run)) {
		if (run.sealed) {
			uint64_t points = generation_points(run.generation);
			e = compaction_flush(c->compaction, run.generation, run.last_seq, eb);
			if (e == ERR_OK)
				compactor_tell_flushed(c, points);
		} else if (c->force || clock_mono_ns() - run.began_ns >= c->opts.flush_age_ns) {
			e = committer_seal_head(c->opts.committer, eb);
		}
	}
	generation_unref(run.generation);
	return e;
}

enum err compactor_flush(struct compactor *c, struct errbuf *eb)
{
	enum err e = ERR_OK;

	while (e == ERR_OK && !compactor_is_stopping(c)) {
		compactor_serve_calls(c);
		e = flush_next(c, eb);
	}
	return e == ERR_NOTFOUND ? ERR_OK : e;
}
