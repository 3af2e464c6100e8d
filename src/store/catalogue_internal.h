/* What the catalogue's rooms share: catalogue.c has databases, measurements and series, catalogue_fields.c the fields and
 * what is not durable yet. */
#ifndef STORE_CATALOGUE_INTERNAL_H
#define STORE_CATALOGUE_INTERNAL_H

#include <pthread.h>

#include "base/arena.h"
#include "store/catalogue.h"
#include "store/growing.h"
#include "store/index.h"
#include "store/tags_internal.h"
#include "wire/lp_key.h"

struct measurement {
	uint32_t id, db;
	struct view name;
	_Atomic(const struct catalogue_layout *) layout;
	uint32_t layout_room; /* of the arrays behind layout */
	struct index fields;
	struct growing series; /* struct series *, by ordinal */
	struct tags tags;
};

enum { CATALOGUE_PER_CHUNK = 4096 };

struct catalogue {
	struct catalogue_opts opts;
	pthread_mutex_t lock; /* additions, the arena and the scratch */
	struct arena arena;
	char *databases[CATALOGUE_DATABASES_MAX + 1]; /* by id */
	_Atomic uint32_t database_count;
	struct index series_index, measurement_index;
	_Atomic(struct series *) series_chunks[CATALOGUE_SERIES_MAX / CATALOGUE_PER_CHUNK];
	_Atomic uint64_t series_count;
	struct measurement **measurements;
	_Atomic uint32_t measurement_count;
	struct catalogue_addition *additions;
	uint64_t addition_count, addition_room, additions_stored;
	/* scratch */
	struct lp_key key;
	struct buf canonical;
	struct tag_places places;
};

extern const struct catalogue_layout catalogue_no_layout;

uint64_t catalogue_hash(struct view name, uint64_t seed);
/* Under the lock; false: out of memory. */
NODISCARD bool catalogue_note_addition(struct catalogue *c, const struct catalogue_addition *add);

#endif
