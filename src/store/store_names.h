/* The names that another store's blocks number, as the present catalogue has them. Looked up one by one, by number, so that
 * damaged pages of the tables of names cost only what is on them; what was found is remembered.
 * Owner: one thread. */
#ifndef STORE_STORE_NAMES_H
#define STORE_STORE_NAMES_H

#include <sqlite3.h>

#include "store/catalogue.h"

struct store_names;

/* db: of the other store, borrowed. */
NODISCARD enum err store_names_new(
    struct store_names **out, sqlite3 *db, struct catalogue *catalogue, struct errbuf *eb);
void store_names_free(struct store_names *n);
/* NULL: the name cannot be read, or there is no room for it. What is not known yet is added. */
struct measurement *store_names_measurement(struct store_names *n, uint32_t measurement);
/* NULL also where the field is of another type by now. */
const struct field *store_names_field(struct store_names *n, uint32_t measurement, uint32_t number);
struct series *store_names_series(struct store_names *n, uint32_t measurement, uint32_t ordinal);

/* At start, before anyone writes: measurements and fields of the stores that were set aside and not taken over yet get
 * known, so that their types stay what they were. db: the store in use. */
NODISCARD enum err store_salvage_names(struct catalogue *c, sqlite3 *db, const char *store_path, struct errbuf *eb);

/* The key in meta under which a file's salvage keeps a figure: salvage:STAMP:NAME. */
void store_salvage_key(char out[64], const char *stamp, const char *name);

#endif
