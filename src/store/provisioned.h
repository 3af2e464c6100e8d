/* What retention Holdfast gave a database of the record, remembered in the spool's file: only that may be shortened
 * without being told to. On the writer thread, inside a transaction (committer_call). */
#ifndef STORE_PROVISIONED_H
#define STORE_PROVISIONED_H

#include <sqlite3.h>
#include <stdint.h>

#include "base/err.h"

/* ERR_NOTFOUND: none was ever given. 0: for ever. */
NODISCARD enum err provisioned_load(sqlite3 *writer, const char *database, int64_t *retention_ns, struct errbuf *eb);
NODISCARD enum err provisioned_store(sqlite3 *writer, const char *database, int64_t retention_ns, struct errbuf *eb);

#endif
