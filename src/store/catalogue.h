/* What exists: databases, measurements, fields with their types, series. In memory, append-only; new fields and
 * databases are made durable by the writer in the commit that first uses them.
 * Threads: any. Look-ups take no lock; additions take one. Pointers stay valid until catalogue_free.
 * Names are kept as line protocol writes them (escaped), see wire/lp_key.h. */
#ifndef STORE_CATALOGUE_H
#define STORE_CATALOGUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"
#include "model/reject.h"
#include "model/value.h"
#include "wire/lp_parse.h"

#define CATALOGUE_DATABASES_MAX 64
#define CATALOGUE_DEFAULT_DB 1 /* "metrics" */

struct catalogue;
struct head_strip;

struct field {
	struct view name;
	enum value_type type;
	struct measurement *measurement;
	uint32_t index; /* in measurement_layout */
};

struct series {
	uint32_t id; /* dense, of this run of the daemon only */
	uint32_t ordinal; /* dense within the measurement; with the measurement's id it names the series in store.db */
	struct measurement *measurement;
	struct view key; /* canonical: tags sorted */
	/* the head's writer alone: where this series' rows of the present generation go */
	uint64_t head_generation;
	struct head_strip *head_strip;
};

struct catalogue_layout { /* a measurement's fields in order of creation; immutable, replaced as a whole */
	uint32_t count;
	struct lp_expect expect; /* their names, for the parser */
	struct field *const *fields;
};

struct catalogue_opts {
	uint64_t series_max; /* 0: 1,000,000 */
	uint32_t measurement_series_max; /* per measurement; 0: 200,000 */
	uint32_t measurement_fields_max; /* 0: 4096 */
	uint32_t measurements_max; /* 0: 10,000 */
	bool create_databases;
};

NODISCARD enum err catalogue_new(struct catalogue **out, const struct catalogue_opts *opts, struct errbuf *eb);
void catalogue_free(struct catalogue *c);

/* The database's id, or 0. */
uint32_t catalogue_find_database(const struct catalogue *c, struct view name);
/* The same. An unknown one is created where that is allowed and fewer than 64 exist. */
uint32_t catalogue_database(struct catalogue *c, struct view name);
const char *catalogue_database_name(const struct catalogue *c, uint32_t db); /* or NULL */
/* At start: as read from the spool. */
NODISCARD enum err catalogue_load_database(struct catalogue *c, uint32_t id, struct view name);

/* key as written. NULL if it is not known in this very form. */
struct series *catalogue_find_series(struct catalogue *c, uint32_t db, struct view key);
/* Checks the key, sorts its tags, finds or adds the series. NULL: refused, *why and *error say why. */
struct series *catalogue_add_series(
    struct catalogue *c, uint32_t db, struct view key, enum reject *why, const char **error);
uint64_t catalogue_series_count(const struct catalogue *c);

struct measurement *catalogue_find_measurement(struct catalogue *c, uint32_t db, struct view name);
/* At start: finds or adds. NULL: above a ceiling or without memory. */
struct measurement *catalogue_add_measurement(struct catalogue *c, uint32_t db, struct view name);
/* Measurements are numbered 0, 1, 2… in order of creation; store.db keeps the numbers. */
uint32_t catalogue_measurement_count(const struct catalogue *c);
struct measurement *catalogue_measurement_at(const struct catalogue *c, uint32_t id); /* id < count */
uint32_t measurement_id(const struct measurement *m);
/* At start, in order of the ordinals: adds a series whose key is known to be canonical. NULL: no memory, or a ceiling. */
struct series *catalogue_load_series(struct catalogue *c, struct measurement *m, struct view key);
struct view measurement_name(const struct measurement *m);
uint32_t measurement_db(const struct measurement *m);
const struct catalogue_layout *measurement_layout(const struct measurement *m);
uint32_t measurement_series_count(const struct measurement *m);
struct series *measurement_series(const struct measurement *m, uint32_t i); /* i < count */
/* Finds or adds the field; the type is that of the first to add it. NULL as above. */
struct field *measurement_field(struct catalogue *c, struct measurement *m, struct view name, enum value_type type,
    enum reject *why, const char **error);
struct field *measurement_find_field(const struct measurement *m, struct view name);

/* The writer takes what is not durable yet, oldest first, and says when it is. False: none left. */
struct catalogue_addition {
	bool is_database;
	uint32_t db;
	struct view database; /* its name */
	const struct field *field; /* if not a database */
};
bool catalogue_next_addition(struct catalogue *c, uint64_t *cursor, struct catalogue_addition *out);
void catalogue_additions_stored(struct catalogue *c, uint64_t cursor);

#endif
