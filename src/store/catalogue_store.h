/* The catalogue's durable part: databases and field types, in the spool's file. The writer thread. */
#ifndef STORE_CATALOGUE_STORE_H
#define STORE_CATALOGUE_STORE_H

#include <sqlite3.h>

#include "store/catalogue.h"

/* At start, into an empty catalogue. */
NODISCARD enum err catalogue_load(struct catalogue *c, sqlite3 *db, struct errbuf *eb);
/* Inside a transaction: writes what is not durable yet. When the transaction is committed, and only then, the caller
 * says catalogue_additions_stored(c, *cursor). */
NODISCARD enum err catalogue_store_additions(struct catalogue *c, sqlite3 *db, uint64_t *cursor, struct errbuf *eb);

#endif
