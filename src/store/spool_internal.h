/* What spool.c and spool_evict.c share. The writer thread. */
#ifndef STORE_SPOOL_INTERNAL_H
#define STORE_SPOOL_INTERNAL_H

#include <pthread.h>

#include "store/keeper.h"
#include "store/owed.h"
#include "store/spool.h"

enum { SPOOL_PAGE_SIZE = 16384 };

struct extent {
	uint64_t first_seq, last_seq, rows, points, bytes;
	int64_t min_ns, max_ns;
};

struct spool {
	struct keeper file;
	sqlite3 *db; /* the file's connection, for short */
	bool clean; /* the stop before this start was in order */
	sqlite3_stmt *insert, *insert_extent, *oldest, *delete_rows, *delete_extent, *insert_gap;
	struct extent open, open_before; /* before: as of the last commit */
	struct spool_totals now; /* of this transaction */
	pthread_mutex_t lock; /* published */
	struct spool_totals published;
	uint64_t first_seq; /* as in meta */
	struct owed *owed;
};

NODISCARD enum err spool_run(struct spool *s, sqlite3_stmt *st, const char *doing, struct errbuf *eb);
NODISCARD enum err spool_set_meta(struct spool *s, const char *key, int64_t value, struct errbuf *eb);
void spool_publish(struct spool *s); /* `now` becomes what spool_totals gives */

#endif
