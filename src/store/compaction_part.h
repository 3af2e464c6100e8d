/* Between the halves of compaction.h: what they share while a place is written. */
#ifndef STORE_COMPACTION_PART_H
#define STORE_COMPACTION_PART_H

#include "store/block.h"
#include "store/compaction.h"
#include "store/series_store.h"

struct output { /* a place being written */
	struct block_writer *writer;
	struct store_place place;
	bool piece;
	struct store_item item; /* what the writer has so far */
};

struct compaction {
	struct compaction_opts opts;
	struct store_reader *reader; /* the store's own */
	struct series_store_mark *mark;
	unsigned openings; /* of the store, when mark was looked up */
	struct block_unpacker *unpacker;
	struct arena items, rows; /* of a call, of a batch */
	struct output blocks, pieces, minutes, coarser;
	struct rows *list;
	uint32_t list_room;
	bool *sketched;
	uint32_t sketched_room;
	bool want_minutes;
};

/* Rows to the place's block or piece; one that is full is written first. */
NODISCARD enum err compaction_add_rows(
    struct compaction *c, struct output *o, uint32_t ordinal, const struct rows *r, struct errbuf *eb);
/* Writes what is there. part: of a series that fills several blocks. */
NODISCARD enum err compaction_put_out(struct compaction *c, struct output *o, unsigned part, struct errbuf *eb);
/* Rows [from, to) of r, in the arena. */
bool compaction_slice(const struct rows *r, uint32_t from, uint32_t to, struct arena *a, struct rows *out);
struct rows *compaction_list_slot(struct compaction *c, uint32_t i); /* NULL: no memory */
/* Ends a transaction, well or not. */
NODISCARD enum err compaction_finish(struct compaction *c, enum err e, struct errbuf *eb);

#endif
