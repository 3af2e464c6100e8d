/* The names that the blocks of store.db number: databases, measurements, fields, series. Written by the thread that
 * owns the store, in the transaction that first uses them; read once at start. */
#ifndef STORE_SERIES_STORE_H
#define STORE_SERIES_STORE_H

#include <sqlite3.h>

#include "store/catalogue.h"

struct series_store_mark; /* how much of the catalogue is in the file */

NODISCARD enum err series_store_mark_new(struct series_store_mark **out);
void series_store_mark_free(struct series_store_mark *m);

/* At start, into an empty catalogue: every name gets the number it had. ERR_CORRUPT: numbers are missing. */
NODISCARD enum err series_store_load(struct catalogue *c, sqlite3 *db, struct errbuf *eb);
/* What the file has not got yet; when the transaction is committed, and only then, series_store_committed. */
NODISCARD enum err series_store_add(
    struct catalogue *c, sqlite3 *writer, struct series_store_mark *m, struct errbuf *eb);
void series_store_committed(struct series_store_mark *m);
void series_store_forget(struct series_store_mark *m); /* the file was opened anew: it is looked up again */

#endif
