/* The newest committed points, in memory: a row of generations (store/generation.h), each a run of spool rows. The
 * writer appends to the newest; when it is full or old a new one begins, and the oldest goes when all together are above
 * their ceiling or too old. What is below head_snapshot.from_seq must be read from the spool.
 * Threads: the writer appends; any thread takes snapshots. */
#ifndef STORE_HEAD_H
#define STORE_HEAD_H

#include "store/generation.h"

#define HEAD_GENERATIONS_MAX 64

struct head;

struct head_opts {
	size_t max_bytes; /* 0: 64 MiB */
	int64_t max_age_ns; /* how long points stay after they came, at least; 0: 75 min */
};

struct head_snapshot {
	uint64_t from_seq; /* the first spool row that is here; rows below it are in the spool only */
	unsigned count;
	struct generation *generations[HEAD_GENERATIONS_MAX]; /* oldest first */
};

struct head_stats {
	size_t bytes, max_bytes;
	uint64_t points, from_seq;
};

NODISCARD enum err head_new(struct head **out, const struct head_opts *opts, struct errbuf *eb);
void head_free(struct head *h);

/* At start, into an empty head: rows below seq are in the spool only. */
void head_begin_at(struct head *h, uint64_t seq);

/* The writer: puts the batch in, as of spool rows [first_seq, last_seq]. now_ns: monotonic, for the generations' age.
 * What finds no memory is read from the spool later: the head then begins after it. */
void head_append(struct head *h, const struct batch *b, uint64_t first_seq, uint64_t last_seq, int64_t now_ns);

void head_pin(struct head *h, struct head_snapshot *out);
void head_unpin(struct head_snapshot *snap);
void head_stats(struct head *h, struct head_stats *out);

#endif
