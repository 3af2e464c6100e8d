/* The newest committed points, in memory: a row of generations (store/generation.h), each a run of spool rows. The
 * writer appends to the newest; when it is full or old a new one begins. Generations go when the store has them
 * (head_compacted), and the oldest goes when all together are above their ceiling: until the store has it, it must be
 * read from the spool.
 * Threads: the writer appends and seals; any thread takes snapshots and runs. */
#ifndef STORE_HEAD_H
#define STORE_HEAD_H

#include "store/generation.h"

#define HEAD_GENERATIONS_MAX 64
#define HEAD_PRESSED(max_bytes) ((max_bytes) / 4)

struct head;

struct head_opts {
	size_t max_bytes; /* 0: 64 MiB */
	int64_t generation_age_ns; /* a new one begins after this time; 0: 5 min */
};

struct head_snapshot {
	uint64_t from_seq; /* the first spool row that is here; rows below it are in the spool or the store */
	unsigned count;
	struct generation *generations[HEAD_GENERATIONS_MAX]; /* oldest first */
	uint64_t last_seq[HEAD_GENERATIONS_MAX]; /* of each; UINT64_MAX: it still grows */
};

struct head_run { /* the generation to compact next */
	struct generation *generation; /* referenced for the caller; NULL: none */
	uint64_t first_seq, last_seq;
	int64_t began_ns; /* monotonic */
	bool sealed; /* nothing is appended any more */
};

struct head_stats {
	size_t bytes, max_bytes;
	uint64_t points, from_seq;
};

NODISCARD enum err head_new(struct head **out, const struct head_opts *opts, struct errbuf *eb);
void head_free(struct head *h);

/* At start, into an empty head: rows below seq are in the spool or the store. */
void head_begin_at(struct head *h, uint64_t seq);

/* The writer: puts the batch in, as of spool rows [first_seq, last_seq]. now_ns: monotonic, for the generations' age.
 * What finds no memory is read from the spool later: the head then begins after it. */
void head_append(struct head *h, const struct batch *b, uint64_t first_seq, uint64_t last_seq, int64_t now_ns);
/* The writer: row seq found no memory before it came here, as above. */
void head_leave(struct head *h, uint64_t seq);
/* The writer: the newest generation takes no more. */
void head_seal(struct head *h);
/* Any thread: rows up to seq are in the store. The writer lets their generations go with its next batch. */
void head_compacted(struct head *h, uint64_t seq);
/* Before the first append: pressed is called by the writer, whenever a generation begins and the others fill more than
 * HEAD_PRESSED of the ceiling. It must be quick. */
void head_on_pressure(struct head *h, void (*pressed)(void *arg), void *arg);
/* Is it so full that what it holds should go to the store before its time? */
bool head_is_pressed(struct head *h);
/* The oldest generation with rows above seq. */
void head_next_run(struct head *h, uint64_t seq, struct head_run *out);

void head_pin(struct head *h, struct head_snapshot *out);
void head_unpin(struct head_snapshot *snap);
void head_stats(struct head *h, struct head_stats *out);

#endif
