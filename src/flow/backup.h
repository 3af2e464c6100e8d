/* Online backup: spool.db and store.db as of one moment, as a tar archive that is made while it is sent. backup.c opens
 * with its contents and with what holds and what does not hold the writers.
 * One at a time. Threads: any may begin; next and end belong to the thread that began; watch and stats to any. */
#ifndef FLOW_BACKUP_H
#define FLOW_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"
#include "flow/committer.h"
#include "flow/compactor.h"
#include "store/disk_space.h"

struct backup;

struct backup_opts { /* all borrowed */
	struct committer *committer;
	struct compactor *compactor;
	struct spool *spool; /* for spool_freeze */
	struct store *store; /* for store_freeze */
	struct disk_space *disk; /* below its reserve a backup ends; NULL: not looked at */
	const char *host, *version;
	uint64_t log_max_bytes; /* of each log's growth meanwhile; 0: 512 MiB */
	int64_t patience_ns; /* for readers that hold a log; 0: 10 s */
};

enum backup_outcome { BACKUP_NONE, BACKUP_OK, BACKUP_FAILED };

struct backup_stats {
	bool running;
	uint64_t bytes, size_bytes, log_bytes; /* of the one that runs: sent, of so many; how far the logs have grown */
	int64_t began_ns; /* wall clock */
	/* the last that ended, since start */
	enum backup_outcome last;
	int64_t last_ns, last_took_ns; /* its moment, wall clock */
	uint64_t last_bytes; /* sent */
	char error[256]; /* why it failed */
	int64_t last_ok_ns; /* the moment of the last good one; 0: none */
};

NODISCARD enum err backup_new(struct backup **out, const struct backup_opts *opts, struct errbuf *eb);
void backup_free(struct backup *b); /* none runs; NULL is fine */

/* Takes the moment. ERR_EXISTS: another runs; ERR_UNAVAILABLE: a reader held a log for too long; ERR_FULL: less is free
 * than must be. Only on ERR_OK next and end follow. */
NODISCARD enum err backup_begin(struct backup *b, uint64_t *size_bytes, struct errbuf *eb);
/* The next bytes, good until the next call. ERR_NOTFOUND: that was all. ERR_CLOSED: it was broken off for the sake of the
 * writers, eb says why; ERR_IO. */
NODISCARD enum err backup_next(struct backup *b, struct view *piece, struct errbuf *eb);
/* why NULL: all of it was sent; else it failed, and why. */
void backup_end(struct backup *b, const char *why);

/* Once a second: breaks a backup off whose log has grown too far, or that keeps the disk short of room. Quick. */
void backup_watch(struct backup *b);
void backup_stats(struct backup *b, struct backup_stats *out);

#endif
