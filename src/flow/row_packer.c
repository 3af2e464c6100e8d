#include "flow/row_packer.h"

#include <stdlib.h>

#include "base/buf.h"
#include "store/frame.h"

enum { ROW_BYTES = 4 << 20, BUFFER_KEEP = 1 << 20 };
#define BUFFER_MAX ((size_t)256 << 20) /* a request's text is bounded long before */

struct row_packer {
	struct spool *spool;
	struct frame_packer *packer;
	struct buf frames, small; /* of the row: its frames, and text behind them not framed yet */
	struct spool_row row;
	uint64_t seq; /* the number it will get */
};

enum err row_packer_new(struct row_packer **out, struct spool *s, struct errbuf *eb)
{
	struct row_packer *p = calloc(1, sizeof *p);

	*out = NULL;
	if (!p || frame_packer_new(&p->packer) != ERR_OK) {
		free(p);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	p->spool = s;
	buf_init(&p->frames, BUFFER_MAX);
	buf_init(&p->small, BUFFER_MAX);
	*out = p;
	return ERR_OK;
}

void row_packer_free(struct row_packer *p)
{
	if (!p)
		return;
	frame_packer_free(p->packer);
	buf_fini(&p->frames);
	buf_fini(&p->small);
	free(p);
}

void row_packer_drop(struct row_packer *p)
{
	if (p->frames.cap > BUFFER_KEEP)
		buf_fini(&p->frames);
	if (p->small.cap > BUFFER_KEEP)
		buf_fini(&p->small);
	buf_clear(&p->frames);
	buf_clear(&p->small);
	p->row = (struct spool_row){ 0 };
}

void row_packer_begin(struct row_packer *p)
{
	p->seq = spool_last_seq(p->spool) + 1;
}

static enum err frame_small(struct row_packer *p, struct errbuf *eb)
{
	enum err e = ERR_OK;

	if (p->small.len)
		e = frame_pack(p->packer, (struct view){ p->small.p, p->small.len }, &p->frames);
	buf_clear(&p->small);
	return e == ERR_OK ? ERR_OK : errbuf_set(eb, e, "out of memory for a commit");
}

enum err row_packer_end(struct row_packer *p, struct errbuf *eb)
{
	if (p->row.points == 0)
		return ERR_OK;
	enum err e = frame_small(p, eb);
	p->row.payload = (struct view){ p->frames.p, p->frames.len };
	if (e == ERR_OK)
		e = spool_append(p->spool, &p->row, eb);
	p->seq = p->row.seq + 1;
	row_packer_drop(p);
	return e;
}

static enum err add_part(struct row_packer *p, const struct batch *b, const struct batch_part *part, struct errbuf *eb)
{
	struct spool_row *row = &p->row;
	enum err e = ERR_OK;

	if (row->points && (row->db != b->db || p->frames.len + p->small.len + part->text.len > ROW_BYTES)) {
		e = row_packer_end(p, eb);
		if (e != ERR_OK)
			return e;
	}
	if (row->points == 0)
		*row = (struct spool_row){
			.db = b->db, .received_ns = b->received_ns, .min_ns = part->min_ns, .max_ns = part->max_ns
		};
	row->points += part->points;
	if (part->min_ns < row->min_ns)
		row->min_ns = part->min_ns;
	if (part->max_ns > row->max_ns)
		row->max_ns = part->max_ns;
	if (part->frame.len) {
		e = frame_small(p, eb);
		buf_view(&p->frames, part->frame);
	} else {
		buf_view(&p->small, part->text);
	}
	if (e == ERR_OK && (p->frames.failed || p->small.failed))
		e = errbuf_set(eb, ERR_NOMEM, "out of memory for a commit");
	return e;
}

enum err row_packer_add(struct row_packer *p, const struct batch *b, uint64_t *first, uint64_t *last, struct errbuf *eb)
{
	for (uint32_t i = 0; i < b->part_count; i++) {
		enum err e = add_part(p, b, &b->parts[i], eb);
		if (e != ERR_OK)
			return e;
		if (i == 0)
			*first = p->seq;
		*last = p->seq;
	}
	return ERR_OK;
}
