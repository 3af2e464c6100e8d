/* How far each database was found equal in the record, by the last look at it (flow/verifier): the table `verified` in
 * spool.db. Threads: the writer stores, inside a transaction; a reader's connection loads. */
#ifndef STORE_VERIFIED_H
#define STORE_VERIFIED_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct verified {
	uint32_t db;
	int64_t from_ns, until_ns; /* timestamps; until is not included. Everything between was equal */
	int64_t at_ns; /* wall clock: when that was seen */
	bool deep; /* value for value; else by count and times */
};

/* [from, until) of a new look, of which [from, good_until) was equal, and what was known before. */
void verified_join(struct verified *known, const struct verified *looked, int64_t good_until_ns);
NODISCARD enum err verified_store(sqlite3 *writer, const struct verified *v, struct errbuf *eb);
/* Up to max, in order of db; *count: how many. */
NODISCARD enum err verified_load(
    sqlite3 *reader, struct verified *out, uint32_t max, uint32_t *count, struct errbuf *eb);

#endif
