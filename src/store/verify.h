/* Reads a spool.db and a store.db that nobody has open through and through: the structure of the files, the checksums of
 * every row and block, what the two say of each other. Changes nothing. One thread. */
#ifndef STORE_VERIFY_H
#define STORE_VERIFY_H

#include "base/err.h"

#include <stdint.h>

struct verify_report {
	uint64_t faults; /* 0: whole */
	uint64_t rows, row_points, first_seq, last_seq; /* of the spool; last_seq was given, be the row there or not */
	uint64_t blocks, pieces, block_points, compacted_seq; /* of the store; points of all tiers */
};

struct verify_sink {
	void (*fault)(void *arg, const char *what); /* each, in words: "spool.db: row 12: …" */
	void *arg;
};

/* ERR_OK: read to the end; out->faults says whether it is whole. Anything else: it could not be looked at. */
NODISCARD enum err verify_files(
    const char *dir, const struct verify_sink *sink, struct verify_report *out, struct errbuf *eb);

#endif
