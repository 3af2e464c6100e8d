/* What a request may cost, fixed when it begins: memory and time of all its statements, rows of each; and whether anybody still
 * waits for it. All memory that grows with the statement or the data is taken from here: by the piece, or by the block of an
 * arena. Owner: the thread that runs it. */
#ifndef QUERY_BUDGET_H
#define QUERY_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct budget {
	size_t max_bytes; /* of memory, all parts together */
	size_t used_bytes;
	int64_t deadline_ns; /* monotonic; 0: none */
	int64_t time_limit_ns; /* for the message */
	uint64_t max_rows; /* of the answer; 0: as many as there are */
	uint64_t max_series, max_buckets; /* of one SELECT; 0: as many as fit into the memory */
	bool (*is_wanted)(void *arg); /* false: the client has gone. NULL: never asked */
	void *arg;
	uint64_t work; /* since clock and client were looked at */
	bool gone; /* it was said that the client has gone */
};

/* Often, in every loop over data: cheap, looks at clock and client only now and then, by the work that was done. A call stands for
 * some hundred rows or comparisons. ERR_UNAVAILABLE: the time is up, with a message that says what to do; ERR_CLOSED: the
 * client has gone. */
NODISCARD enum err budget_check(struct budget *b, struct errbuf *eb);
/* The same, after work on n rows, or as many comparisons: where it may be many. */
NODISCARD enum err budget_work(struct budget *b, uint64_t n, struct errbuf *eb);
/* The same, looking now: where it waits for others. */
NODISCARD enum err budget_check_now(struct budget *b, struct errbuf *eb);
/* ERR_TOOBIG with a message that says what to do: nothing was taken. */
NODISCARD enum err budget_take(struct budget *b, size_t bytes, struct errbuf *eb);
void budget_give(struct budget *b, size_t bytes);
/* ERR_TOOBIG as budget_take has it: where an arena of the budget gave NULL. */
NODISCARD enum err budget_refuse(const struct budget *b, struct errbuf *eb);
/* Its blocks are taken from the budget, and go back with arena_fini. */
void budget_arena(struct budget *b, struct arena *a, size_t block_size);

#endif
