/* Rows of series, copied until the turn of their group has come. Owner: one thread. */
#ifndef QUERY_SELECT_RAW_PIECES_H
#define QUERY_SELECT_RAW_PIECES_H

#include "base/arena.h"
#include "query/source.h"

struct piece { /* a series' rows of one step */
	struct piece *next;
	uint32_t step;
	size_t bytes;
	int64_t first_ns, apart_ns; /* where rows.times is NULL, as the times are evenly spaced */
	struct source_rows rows;
};

struct pieces {
	struct arena arena;
	size_t bytes, max; /* of the pieces; whoever lets one go takes it off bytes */
	size_t charged;
	struct budget *budget; /* which the memory is taken from */
	struct errbuf *eb;
};

void pieces_open(struct pieces *w, size_t max, struct budget *b, struct errbuf *eb);
void pieces_close(struct pieces *w);
void pieces_clear(struct pieces *w); /* forgets all, keeps the memory */
/* A copy; its step is the caller's to set. NULL: there is no room for more. */
struct piece *pieces_add(struct pieces *w, const struct source_rows *rows);
/* A copy of a piece that lies elsewhere. */
struct piece *pieces_move(struct pieces *w, const struct piece *from);
/* Gives an evenly spaced piece its times, from the arena. False: no memory. */
bool piece_restore_times(struct piece *p, struct arena *a);

#endif
