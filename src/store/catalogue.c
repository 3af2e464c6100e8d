/* Names are looked up through three kinds of `struct index`: series by key, measurements by name, and each
 * measurement's fields by name. Readers take no lock: an entry is complete before its number is put into an index with
 * release order. Everything lives in one arena that only grows; the ceilings of catalogue_opts bound it. */
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "store/catalogue_internal.h"

enum { ARENA_BLOCK = 64 << 10 };
#define ARENA_MAX ((size_t)4 << 30)

const struct catalogue_layout catalogue_no_layout;

uint64_t catalogue_hash(struct view name, uint64_t seed)
{
	return XXH3_64bits_withSeed(name.p, name.len, seed);
}

static uint64_t ceiling(uint64_t wished, uint64_t standard, uint64_t most)
{
	return wished == 0 ? standard : wished < most ? wished : most;
}

enum err catalogue_new(struct catalogue **out, const struct catalogue_opts *opts, struct errbuf *eb)
{
	struct catalogue *c = calloc(1, sizeof *c);

	*out = NULL;
	if (!c)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	c->opts = (struct catalogue_opts){ .create_databases = opts->create_databases,
		.series_max = ceiling(opts->series_max, 1000000, CATALOGUE_SERIES_MAX),
		.measurement_series_max = (uint32_t)ceiling(
		    opts->measurement_series_max, 200000, CATALOGUE_MEASUREMENT_SERIES_MAX),
		.measurement_fields_max = (uint32_t)ceiling(
		    opts->measurement_fields_max, CATALOGUE_FIELDS_MAX, CATALOGUE_FIELDS_MAX),
		.measurements_max = (uint32_t)ceiling(opts->measurements_max, 10000, CATALOGUE_MEASUREMENTS_MAX) };
	pthread_mutex_init(&c->lock, NULL);
	arena_init(&c->arena, ARENA_BLOCK, ARENA_MAX);
	buf_init(&c->canonical, LP_KEY_MAX);
	c->measurements = calloc(CATALOGUE_MEASUREMENTS_MAX, sizeof *c->measurements);
	if (!c->measurements || catalogue_load_database(c, CATALOGUE_DEFAULT_DB, view_of("metrics")) != ERR_OK) {
		catalogue_free(c);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	*out = c;
	return ERR_OK;
}

void catalogue_free(struct catalogue *c)
{
	if (!c)
		return;
	arena_fini(&c->arena);
	buf_fini(&c->canonical);
	free(c->measurements);
	free(c->additions);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

const struct catalogue_opts *catalogue_ceilings(const struct catalogue *c)
{
	return &c->opts;
}

bool catalogue_note_addition(struct catalogue *c, const struct catalogue_addition *add)
{
	if (c->addition_count == c->addition_room) {
		uint64_t room = c->addition_room ? c->addition_room * 2 : 64;
		struct catalogue_addition *p = realloc(c->additions, room * sizeof *p);
		if (!p)
			return false;
		c->additions = p;
		c->addition_room = room;
	}
	c->additions[c->addition_count++] = *add;
	return true;
}

/* ---- databases ---- */

uint32_t catalogue_find_database(const struct catalogue *c, struct view name)
{
	uint32_t n = atomic_load_explicit(&c->database_count, memory_order_acquire);

	for (uint32_t id = 1; id <= n; id++)
		if (c->databases[id] && view_is(name, c->databases[id]))
			return id;
	return 0;
}

enum err catalogue_load_database(struct catalogue *c, uint32_t id, struct view name)
{
	if (id == 0 || id > CATALOGUE_DATABASES_MAX)
		return ERR_CORRUPT;
	pthread_mutex_lock(&c->lock);
	char *copy = arena_copy(&c->arena, name);
	if (copy) {
		c->databases[id] = copy;
		if (atomic_load(&c->database_count) < id)
			atomic_store_explicit(&c->database_count, id, memory_order_release);
	}
	pthread_mutex_unlock(&c->lock);
	return copy ? ERR_OK : ERR_NOMEM;
}

uint32_t catalogue_database(struct catalogue *c, struct view name)
{
	uint32_t id = catalogue_find_database(c, name);

	if (id || !c->opts.create_databases || name.len == 0 || name.len > 255 || !lp_name_is_clean(name))
		return id;
	pthread_mutex_lock(&c->lock);
	id = catalogue_find_database(c, name);
	uint32_t next = atomic_load(&c->database_count) + 1;
	char *copy = !id && next <= CATALOGUE_DATABASES_MAX ? arena_copy(&c->arena, name) : NULL;
	struct catalogue_addition add = { .is_database = true, .db = next, .database = { copy, name.len } };
	if (copy && catalogue_note_addition(c, &add)) {
		c->databases[next] = copy;
		atomic_store_explicit(&c->database_count, next, memory_order_release);
		id = next;
	}
	pthread_mutex_unlock(&c->lock);
	return id;
}

const char *catalogue_database_name(const struct catalogue *c, uint32_t db)
{
	return db && db <= atomic_load_explicit(&c->database_count, memory_order_acquire) ? c->databases[db] : NULL;
}

/* ---- measurements ---- */

static uint64_t measurement_hash(const void *owner, uint32_t i)
{
	const struct catalogue *c = owner;

	return catalogue_hash(c->measurements[i]->name, c->measurements[i]->db);
}

struct measurement *catalogue_find_measurement(struct catalogue *c, uint32_t db, struct view name)
{
	struct index_probe p = index_probe(&c->measurement_index, catalogue_hash(name, db));
	uint32_t i;

	while (index_next(&p, &i))
		if (c->measurements[i]->db == db && view_eq(c->measurements[i]->name, name))
			return c->measurements[i];
	return NULL;
}

static struct measurement *add_measurement(struct catalogue *c, uint32_t db, struct view name)
{
	struct measurement *m = catalogue_find_measurement(c, db, name);
	uint32_t id = atomic_load(&c->measurement_count);

	if (m || id == CATALOGUE_MEASUREMENTS_MAX)
		return m;
	char *copy = arena_copy(&c->arena, name);
	m = arena_alloc(&c->arena, sizeof *m, 16);
	if (!copy || !m)
		return NULL;
	m->id = id;
	m->db = db;
	m->name = (struct view){ copy, name.len };
	atomic_init(&m->layout, &catalogue_no_layout);
	c->measurements[id] = m;
	if (!index_add(&c->measurement_index, &c->arena, catalogue_hash(name, db), id, measurement_hash, c))
		return NULL;
	atomic_store_explicit(&c->measurement_count, id + 1, memory_order_release);
	return m;
}

struct measurement *catalogue_add_measurement(struct catalogue *c, uint32_t db, struct view name)
{
	pthread_mutex_lock(&c->lock);
	struct measurement *m = add_measurement(c, db, name);
	pthread_mutex_unlock(&c->lock);
	return m;
}

uint32_t catalogue_measurement_count(const struct catalogue *c)
{
	return atomic_load_explicit(&c->measurement_count, memory_order_acquire);
}

struct measurement *catalogue_measurement_at(const struct catalogue *c, uint32_t id)
{
	return c->measurements[id];
}

uint32_t measurement_id(const struct measurement *m)
{
	return m->id;
}

struct view measurement_name(const struct measurement *m)
{
	return m->name;
}

uint32_t measurement_db(const struct measurement *m)
{
	return m->db;
}

const struct tags *measurement_tags(const struct measurement *m)
{
	return &m->tags;
}

/* ---- series ---- */

static struct series *series_at(const struct catalogue *c, uint32_t id)
{
	return atomic_load_explicit(&c->series_chunks[id / CATALOGUE_PER_CHUNK], memory_order_relaxed) +
	    id % CATALOGUE_PER_CHUNK;
}

static uint64_t series_hash(const void *owner, uint32_t id)
{
	const struct series *s = series_at(owner, id);

	return catalogue_hash(s->key, s->measurement->db);
}

struct series *catalogue_find_series(struct catalogue *c, uint32_t db, struct view key)
{
	struct index_probe p = index_probe(&c->series_index, catalogue_hash(key, db));
	uint32_t id;

	while (index_next(&p, &id)) {
		struct series *s = series_at(c, id);
		if (view_eq(s->key, key) && s->measurement->db == db)
			return s;
	}
	return NULL;
}

/* Room for the series of this id, where it stays. */
static struct series *series_room(struct catalogue *c, uint64_t id)
{
	_Atomic(struct series *) *chunk = &c->series_chunks[id / CATALOGUE_PER_CHUNK];
	struct series *list = atomic_load_explicit(chunk, memory_order_relaxed);

	if (!list) {
		list = arena_alloc(&c->arena, CATALOGUE_PER_CHUNK * sizeof *list, 16);
		if (!list)
			return NULL;
		/* whoever reads it has seen the index, or a count, that was stored after it */
		atomic_store_explicit(chunk, list, memory_order_relaxed);
	}
	return list + id % CATALOGUE_PER_CHUNK;
}

/* parts: of key. Everything that can fail comes first; then the tags are added, and last the series is counted. */
static struct series *insert_series(
    struct catalogue *c, struct measurement *m, struct view key, const struct lp_key *parts)
{
	uint64_t id = atomic_load(&c->series_count);
	struct series **place = growing_prepare(&m->series, &c->arena, sizeof *place), *s = series_room(c, id);

	if (!place || !s || !tags_prepare(&m->tags, &c->arena, parts, &c->places))
		return NULL;
	*s = (struct series){ .id = (uint32_t)id, .ordinal = growing_count(&m->series), .measurement = m, .key = key };
	if (!index_add(&c->series_index, &c->arena, catalogue_hash(key, m->db), s->id, series_hash, c))
		return NULL;
	tags_add(&c->places, s->ordinal);
	atomic_store_explicit(&c->series_count, id + 1, memory_order_release);
	*place = s;
	growing_publish(&m->series);
	return s;
}

static void no_memory(struct catalogue_refusal *refusal)
{
	refusal->error = "out of memory";
	refusal->out_of_memory = true;
}

/* Copies the key, and divides the copy: tags point into it. */
static struct series *add_canonical(
    struct catalogue *c, struct measurement *m, struct view key, struct catalogue_refusal *refusal)
{
	char *p = arena_alloc(&c->arena, key.len, 1);
	struct series *s = NULL;

	if (!p) {
		no_memory(refusal);
		return NULL;
	}
	memcpy(p, key.p, key.len);
	key.p = p;
	if (lp_key_split(key, &c->key, &refusal->why, &refusal->error)) {
		s = insert_series(c, m, key, &c->key);
		if (!s)
			no_memory(refusal);
	}
	return s;
}

struct series *catalogue_load_series(struct catalogue *c, struct measurement *m, struct view key)
{
	struct catalogue_refusal refusal;
	struct series *s = NULL;

	pthread_mutex_lock(&c->lock);
	if (atomic_load(&c->series_count) < CATALOGUE_SERIES_MAX)
		s = add_canonical(c, m, key, &refusal);
	pthread_mutex_unlock(&c->lock);
	return s;
}

static struct measurement *refuse(
    struct catalogue_refusal *refusal, enum ceiling ceiling, uint64_t max, const char *error)
{
	refusal->why = REJECT_TOO_MANY_SERIES;
	refusal->error = error;
	refusal->ceiling = ceiling;
	refusal->max = max;
	return NULL;
}

/* The measurement that a new series goes to, if no ceiling is in the way. */
static struct measurement *measurement_with_room(
    struct catalogue *c, uint32_t db, struct view name, bool accepted, struct catalogue_refusal *refusal)
{
	struct measurement *m = catalogue_find_measurement(c, db, name);
	uint64_t all = accepted ? CATALOGUE_SERIES_MAX : c->opts.series_max;
	uint32_t each = accepted ? CATALOGUE_MEASUREMENT_SERIES_MAX : c->opts.measurement_series_max;
	uint32_t measurements = accepted ? CATALOGUE_MEASUREMENTS_MAX : c->opts.measurements_max;

	if (atomic_load(&c->series_count) >= all)
		return refuse(refusal, CEILING_SERIES, all, "max-series-per-database limit exceeded");
	if (m && growing_count(&m->series) >= each)
		return refuse(refusal, CEILING_MEASUREMENT_SERIES, each, "max-series-per-measurement limit exceeded");
	if (!m && atomic_load(&c->measurement_count) >= measurements)
		return refuse(refusal, CEILING_MEASUREMENTS, measurements, "max-measurements limit exceeded");
	if (!m && !(m = add_measurement(c, db, name)))
		no_memory(refusal);
	return m;
}

/* c->key is sorted. */
static struct series *add_sorted(struct catalogue *c, uint32_t db, bool accepted, struct catalogue_refusal *refusal)
{
	buf_clear(&c->canonical);
	if (!buf_reserve(&c->canonical, LP_KEY_MAX)) {
		no_memory(refusal);
		return NULL;
	}
	lp_key_write(&c->key, &c->canonical);
	refusal->error = "key longer than 65535 bytes"; /* more escapes than it was written with */
	struct view canonical = { c->canonical.p, c->canonical.len };
	struct series *s = c->canonical.failed ? NULL : catalogue_find_series(c, db, canonical);
	if (s || c->canonical.failed)
		return s;
	struct measurement *m = measurement_with_room(c, db, c->key.measurement, accepted, refusal);
	return m ? add_canonical(c, m, canonical, refusal) : NULL;
}

struct series *catalogue_add_series(
    struct catalogue *c, uint32_t db, struct view key, bool accepted, struct catalogue_refusal *refusal)
{
	struct series *s = NULL;

	*refusal = (struct catalogue_refusal){ .why = REJECT_TOO_LONG };
	pthread_mutex_lock(&c->lock);
	if (lp_key_split(key, &c->key, &refusal->why, &refusal->error)) {
		refusal->measurement = c->key.measurement;
		if (!lp_key_sort(&c->key)) {
			refusal->why = REJECT_UNPARSABLE;
			refusal->error = "duplicate tags";
		} else {
			s = add_sorted(c, db, accepted, refusal);
		}
	}
	pthread_mutex_unlock(&c->lock);
	return s;
}

uint64_t catalogue_series_count(const struct catalogue *c)
{
	return atomic_load_explicit(&c->series_count, memory_order_acquire);
}

uint32_t measurement_series_count(const struct measurement *m)
{
	return growing_count(&m->series);
}

struct series *measurement_series(const struct measurement *m, uint32_t i)
{
	return *(struct series **)growing_at(&m->series, i, sizeof(struct series *));
}
