/* What SQLite does with a file, as the connection that writes it sees that. The writer adds, any thread looks. */
#ifndef STORE_FILE_FIGURES_H
#define STORE_FILE_FIGURES_H

#include <sqlite3.h>
#include <stdatomic.h>

#include "model/timing.h"

struct file_figures {
	struct timing commits, checkpoints; /* COMMIT with its sync; taken by one reader (timing_take) */
	_Atomic uint64_t rollbacks; /* since the file was opened, as are the others */
	_Atomic uint64_t busy; /* checkpoints that a reader kept from doing all of the log */
	_Atomic uint64_t cache_hits, cache_misses, cache_bytes; /* of pages; the bytes: now */
	int64_t sampled_ns; /* the writer's */
};

NODISCARD enum err file_figures_new(struct file_figures **out, struct errbuf *eb);
void file_figures_free(struct file_figures *f); /* NULL is fine */
/* The writer, after a commit: how the page cache does, looked at once a second at most. now_ns: monotonic. */
void file_figures_sample(struct file_figures *f, sqlite3 *db, int64_t now_ns);

#endif
