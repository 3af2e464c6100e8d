#include "store/older.h"

#include <stdlib.h>

#include "base/buf.h"
#include "store/block.h"

#define BYTES_MAX ((size_t)256 << 20)

struct piece {
	struct store_place place;
	struct store_item item;
	size_t at, len;
};

struct older {
	struct block_writer *writer;
	struct piece *pieces;
	uint32_t count, room;
	struct buf bytes;
	uint64_t points;
};

enum err older_new(struct older **out, struct errbuf *eb)
{
	struct older *o = calloc(1, sizeof *o);

	*out = NULL;
	if (!o || block_writer_new(&o->writer, 1) != ERR_OK) {
		free(o);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	buf_init(&o->bytes, BYTES_MAX);
	*out = o;
	return ERR_OK;
}

void older_free(struct older *o)
{
	if (!o)
		return;
	block_writer_free(o->writer);
	buf_fini(&o->bytes);
	free(o->pieces);
	free(o);
}

static int by_ordinal(const void *a, const void *b)
{
	uint32_t x = ((const struct older_chunk *)a)->ordinal, y = ((const struct older_chunk *)b)->ordinal;

	return x < y ? -1 : x > y;
}

static void widen(struct store_item *i, const struct older_chunk *c)
{
	int64_t first = c->rows.times[0], last = c->rows.times[c->rows.count - 1];

	if (i->points == 0)
		*i = (struct store_item){ .piece = true, .first_ordinal = c->ordinal, .min_ns = first, .max_ns = last };
	i->last_ordinal = c->ordinal;
	i->min_ns = first < i->min_ns ? first : i->min_ns;
	i->max_ns = last > i->max_ns ? last : i->max_ns;
	i->points += c->rows.count;
}

static struct piece *new_piece(struct older *o)
{
	if (o->count == o->room) {
		uint32_t room = o->room ? o->room * 2 : 16;
		struct piece *p = realloc(o->pieces, room * sizeof *p);
		if (!p)
			return NULL;
		o->pieces = p;
		o->room = room;
	}
	return &o->pieces[o->count];
}

enum err older_add(
    struct older *o, const struct store_place *place, struct older_chunk *chunks, uint32_t count, struct errbuf *eb)
{
	struct piece *p = new_piece(o);
	struct view bytes = { "", 0 };
	enum err e = p ? ERR_OK : ERR_NOMEM;

	if (e == ERR_OK)
		*p = (struct piece){ .place = *place, .at = o->bytes.len };
	if (count)
		qsort(chunks, count, sizeof *chunks, by_ordinal);
	for (uint32_t i = 0; e == ERR_OK && i < count; i++) {
		if (chunks[i].rows.count == 0)
			continue;
		widen(&p->item, &chunks[i]);
		e = block_writer_add(o->writer, chunks[i].ordinal, &chunks[i].rows);
	}
	enum err finished = block_writer_finish(o->writer, &bytes);
	e = e == ERR_OK ? finished : e;
	if (e == ERR_OK && bytes.len) {
		buf_view(&o->bytes, bytes);
		p->len = bytes.len;
		o->count += !o->bytes.failed;
		o->points += p->item.points;
		e = o->bytes.failed ? ERR_NOMEM : ERR_OK;
	}
	return e == ERR_OK ? ERR_OK : errbuf_set(eb, e, "out of memory for a piece");
}

size_t older_bytes(const struct older *o)
{
	return o->bytes.len;
}

uint64_t older_points(const struct older *o)
{
	return o->points;
}

enum err older_put(struct store *s, const struct older *o, uint64_t *late, struct errbuf *eb)
{
	enum err e = ERR_OK;

	*late = 0;
	for (uint32_t i = 0; e == ERR_OK && i < o->count; i++) {
		const struct piece *p = &o->pieces[i];
		int64_t evicted_ns;
		e = store_reader_evicted(store_own_reader(s), p->place.tier, p->place.measurement, &evicted_ns, eb);
		if (e != ERR_OK)
			break;
		if (tier_window_start(p->place.tier, p->place.window + 1) <= evicted_ns)
			*late += p->item.points;
		else
			e = store_add_older(s, &p->place, &p->item, (struct view){ o->bytes.p + p->at, p->len }, eb);
	}
	return e;
}

void older_clear(struct older *o)
{
	buf_clear(&o->bytes);
	o->count = 0;
	o->points = 0;
}
