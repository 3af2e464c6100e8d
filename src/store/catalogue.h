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
/* What the ids of store.db and the head have room for; ceilings are at most this. */
#define CATALOGUE_SERIES_MAX (UINT32_C(1) << 20)
#define CATALOGUE_MEASUREMENT_SERIES_MAX (UINT32_C(1) << 20)
#define CATALOGUE_MEASUREMENTS_MAX (UINT32_C(1) << 14)
#define CATALOGUE_FIELDS_MAX LP_FIELDS_MAX /* of a measurement */

struct catalogue;
struct head_strip;
struct tags;

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

/* The ceilings hold for what is new. What was acknowledged once is known again after a start with lower ones. */
struct catalogue_opts {
	uint64_t series_max; /* 0: 1,000,000 */
	uint32_t measurement_series_max; /* per measurement; 0: 200,000 */
	uint32_t measurement_fields_max; /* 0: 4096 */
	uint32_t measurements_max; /* 0: 10,000 */
	bool create_databases;
};

enum ceiling { CEILING_NONE, CEILING_SERIES, CEILING_MEASUREMENT_SERIES, CEILING_MEASUREMENTS, CEILING_FIELDS };

struct catalogue_refusal {
	enum reject why;
	const char *error; /* in a few words, as InfluxDB says it; constant */
	enum ceiling ceiling; /* the one in the way, if it was one, and how high it is */
	uint64_t max;
	struct view measurement; /* as in the key or the catalogue; empty where the key cannot be read */
	bool out_of_memory; /* nothing is wrong with the line */
};

NODISCARD enum err catalogue_new(struct catalogue **out, const struct catalogue_opts *opts, struct errbuf *eb);
void catalogue_free(struct catalogue *c);
const struct catalogue_opts *catalogue_ceilings(const struct catalogue *c); /* as they hold */

/* The database's id, or 0. */
uint32_t catalogue_find_database(const struct catalogue *c, struct view name);
/* The same. An unknown one is created where that is allowed and fewer than 64 exist. */
uint32_t catalogue_database(struct catalogue *c, struct view name);
const char *catalogue_database_name(const struct catalogue *c, uint32_t db); /* or NULL */
/* At start: as read from the spool. */
NODISCARD enum err catalogue_load_database(struct catalogue *c, uint32_t id, struct view name);

/* key as written. NULL if it is not known in this very form. */
struct series *catalogue_find_series(struct catalogue *c, uint32_t db, struct view key);
/* Checks the key, sorts its tags, finds or adds the series. NULL: refused. accepted: its line was acknowledged before, so
 * that catalogue_opts' ceilings are not in its way. */
struct series *catalogue_add_series(
    struct catalogue *c, uint32_t db, struct view key, bool accepted, struct catalogue_refusal *refusal);
uint64_t catalogue_series_count(const struct catalogue *c);

struct measurement *catalogue_find_measurement(struct catalogue *c, uint32_t db, struct view name);
/* At start: finds or adds. NULL: CATALOGUE_MEASUREMENTS_MAX are there, or no memory. */
struct measurement *catalogue_add_measurement(struct catalogue *c, uint32_t db, struct view name);
/* Measurements are numbered 0, 1, 2… in order of creation; store.db keeps the numbers. */
uint32_t catalogue_measurement_count(const struct catalogue *c);
struct measurement *catalogue_measurement_at(const struct catalogue *c, uint32_t id); /* id < count */
uint32_t measurement_id(const struct measurement *m);
/* At start, in order of the ordinals: adds a series whose key is known to be canonical. NULL: no memory or number left. */
struct series *catalogue_load_series(struct catalogue *c, struct measurement *m, struct view key);
struct view measurement_name(const struct measurement *m);
uint32_t measurement_db(const struct measurement *m);
const struct catalogue_layout *measurement_layout(const struct measurement *m);
uint32_t measurement_series_count(const struct measurement *m);
struct series *measurement_series(const struct measurement *m, uint32_t i); /* i < count */
const struct tags *measurement_tags(const struct measurement *m); /* store/tags.h */
/* Finds or adds the field; the type is that of the first to add it. NULL: refused; accepted as above. */
struct field *measurement_field(struct catalogue *c, struct measurement *m, struct view name, enum value_type type,
    bool accepted, struct catalogue_refusal *refusal);
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
