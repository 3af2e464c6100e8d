/* Names are looked up through three kinds of `struct index`: series by key, measurements by name, and each
 * measurement's fields by name. Readers take no lock: an entry is complete before its number is put into an index with
 * release order. Everything lives in one arena that only grows; the ceilings of catalogue_opts bound it. */
#include "store/catalogue.h"

#include <pthread.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/arena.h"
#include "store/index.h"
#include "wire/lp_key.h"

enum { PER_CHUNK = 4096, ARENA_BLOCK = 64 << 10 };
#define ARENA_MAX ((size_t)4 << 30)

struct measurement {
	uint32_t id, db;
	struct view name;
	_Atomic(const struct catalogue_layout *) layout;
	uint32_t layout_room; /* of the arrays behind layout */
	struct index fields;
	_Atomic(struct series **) series;
	_Atomic uint32_t series_count;
	uint32_t series_room;
};

struct catalogue {
	struct catalogue_opts opts;
	pthread_mutex_t lock; /* additions, the arena and the scratch buffers */
	struct arena arena;
	char *databases[CATALOGUE_DATABASES_MAX + 1]; /* by id */
	_Atomic uint32_t database_count;
	struct index series_index, measurement_index;
	_Atomic(struct series **) *series_chunks;
	_Atomic uint64_t series_count;
	struct measurement **measurements;
	_Atomic uint32_t measurement_count;
	struct catalogue_addition *additions;
	uint64_t addition_count, addition_room, additions_stored;
	struct lp_key key;
	struct buf canonical;
};

static const struct catalogue_layout no_layout;

static uint64_t hash_name(struct view name, uint64_t seed)
{
	return XXH3_64bits_withSeed(name.p, name.len, seed);
}

enum err catalogue_new(struct catalogue **out, const struct catalogue_opts *opts, struct errbuf *eb)
{
	struct catalogue *c = calloc(1, sizeof *c);

	*out = NULL;
	if (!c)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	c->opts = *opts;
	if (!c->opts.series_max)
		c->opts.series_max = 1000000;
	if (!c->opts.measurement_series_max)
		c->opts.measurement_series_max = 200000;
	if (!c->opts.measurement_fields_max)
		c->opts.measurement_fields_max = LP_FIELDS_MAX;
	if (!c->opts.measurements_max)
		c->opts.measurements_max = 10000;
	pthread_mutex_init(&c->lock, NULL);
	arena_init(&c->arena, ARENA_BLOCK, ARENA_MAX);
	buf_init(&c->canonical, LP_KEY_MAX);
	c->series_chunks = calloc(c->opts.series_max / PER_CHUNK + 1, sizeof *c->series_chunks);
	c->measurements = calloc(c->opts.measurements_max, sizeof *c->measurements);
	if (!c->series_chunks || !c->measurements ||
	    catalogue_load_database(c, CATALOGUE_DEFAULT_DB, view_of("metrics")) != ERR_OK) {
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
	free(c->series_chunks);
	free(c->measurements);
	free(c->additions);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static bool note_addition(struct catalogue *c, const struct catalogue_addition *add)
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
	if (copy && note_addition(c, &add)) {
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

	return hash_name(c->measurements[i]->name, c->measurements[i]->db);
}

struct measurement *catalogue_find_measurement(struct catalogue *c, uint32_t db, struct view name)
{
	struct index_probe p = index_probe(&c->measurement_index, hash_name(name, db));
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

	if (m || id == c->opts.measurements_max)
		return m;
	char *copy = arena_copy(&c->arena, name);
	m = arena_alloc(&c->arena, sizeof *m, 16);
	if (!copy || !m)
		return NULL;
	m->id = id;
	m->db = db;
	m->name = (struct view){ copy, name.len };
	atomic_init(&m->layout, &no_layout);
	c->measurements[id] = m;
	if (!index_add(&c->measurement_index, &c->arena, hash_name(name, db), id, measurement_hash, c))
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

/* ---- series ---- */

static struct series *series_at(const struct catalogue *c, uint32_t id)
{
	return atomic_load_explicit(&c->series_chunks[id / PER_CHUNK], memory_order_acquire)[id % PER_CHUNK];
}

static uint64_t series_hash(const void *owner, uint32_t id)
{
	const struct series *s = series_at(owner, id);

	return hash_name(s->key, s->measurement->db);
}

struct series *catalogue_find_series(struct catalogue *c, uint32_t db, struct view key)
{
	struct index_probe p = index_probe(&c->series_index, hash_name(key, db));
	uint32_t id;

	while (index_next(&p, &id)) {
		struct series *s = series_at(c, id);
		if (view_eq(s->key, key) && s->measurement->db == db)
			return s;
	}
	return NULL;
}

/* Room for one more in the measurement's list; readers may still hold the old one, which stays in the arena. */
static bool grow_series_list(struct catalogue *c, struct measurement *m)
{
	uint32_t n = atomic_load(&m->series_count);

	if (n < m->series_room)
		return true;
	uint32_t room = m->series_room ? m->series_room * 2 : 4;
	struct series **list = arena_alloc(&c->arena, room * sizeof *list, 16);
	if (!list)
		return false;
	if (n)
		memcpy(list, atomic_load(&m->series), n * sizeof *list);
	atomic_store_explicit(&m->series, list, memory_order_release);
	m->series_room = room;
	return true;
}

static struct series *insert_series(struct catalogue *c, struct measurement *m, struct view key)
{
	uint64_t id = atomic_load(&c->series_count);

	if (id >= c->opts.series_max || atomic_load(&m->series_count) >= c->opts.measurement_series_max ||
	    !grow_series_list(c, m))
		return NULL;
	_Atomic(struct series **) *chunk = &c->series_chunks[id / PER_CHUNK];
	struct series **list = atomic_load(chunk);
	if (!list) {
		list = arena_alloc(&c->arena, PER_CHUNK * sizeof *list, 16);
		if (!list)
			return NULL;
		atomic_store_explicit(chunk, list, memory_order_release);
	}
	struct series *s = arena_alloc(&c->arena, sizeof *s, 16);
	char *copy = arena_copy(&c->arena, key);
	if (!s || !copy)
		return NULL;
	uint32_t n = atomic_load(&m->series_count);
	*s = (struct series){ .id = (uint32_t)id, .ordinal = n, .measurement = m, .key = { copy, key.len } };
	list[id % PER_CHUNK] = s;
	if (!index_add(&c->series_index, &c->arena, hash_name(s->key, m->db), s->id, series_hash, c))
		return NULL;
	atomic_store_explicit(&c->series_count, id + 1, memory_order_release);
	atomic_load(&m->series)[n] = s;
	atomic_store_explicit(&m->series_count, n + 1, memory_order_release);
	return s;
}

struct series *catalogue_load_series(struct catalogue *c, struct measurement *m, struct view key)
{
	pthread_mutex_lock(&c->lock);
	struct series *s = insert_series(c, m, key);
	pthread_mutex_unlock(&c->lock);
	return s;
}

static struct series *add_canonical(
    struct catalogue *c, uint32_t db, struct view key, struct view measurement, enum reject *why, const char **error)
{
	struct measurement *m = add_measurement(c, db, measurement);

	*why = REJECT_TOO_MANY_SERIES;
	*error = "max-series-per-database limit exceeded";
	return m ? insert_series(c, m, key) : NULL;
}

struct series *catalogue_add_series(
    struct catalogue *c, uint32_t db, struct view key, enum reject *why, const char **error)
{
	struct series *s = NULL;

	pthread_mutex_lock(&c->lock);
	if (lp_key_split(key, &c->key, why, error)) {
		if (!lp_key_sort(&c->key)) {
			*why = REJECT_UNPARSABLE;
			*error = "duplicate tags";
		} else {
			buf_clear(&c->canonical);
			lp_key_write(&c->key, &c->canonical);
			struct view canonical = { c->canonical.p, c->canonical.len };
			*why = REJECT_TOO_LONG;
			*error = "out of memory";
			if (!c->canonical.failed && !(s = catalogue_find_series(c, db, canonical)))
				s = add_canonical(c, db, canonical, c->key.measurement, why, error);
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
	return atomic_load_explicit(&m->series_count, memory_order_acquire);
}

struct series *measurement_series(const struct measurement *m, uint32_t i)
{
	return atomic_load_explicit(&m->series, memory_order_acquire)[i];
}

/* ---- fields ---- */

const struct catalogue_layout *measurement_layout(const struct measurement *m)
{
	return atomic_load_explicit(&m->layout, memory_order_acquire);
}

static uint64_t field_hash(const void *owner, uint32_t i)
{
	return hash_name(measurement_layout(owner)->fields[i]->name, 0);
}

struct field *measurement_find_field(const struct measurement *m, struct view name)
{
	/* the layout is read after the index: it has at least what the index has */
	struct index_probe p = index_probe((struct index *)&m->fields, hash_name(name, 0));
	uint32_t i;

	while (index_next(&p, &i)) {
		const struct catalogue_layout *l = measurement_layout(m);
		if (view_eq(l->fields[i]->name, name))
			return l->fields[i];
	}
	return NULL;
}

/* A layout with the field at its end. The arrays have room to spare, so most additions only make a new struct. */
static bool extend_layout(struct catalogue *c, struct measurement *m, struct field *f)
{
	const struct catalogue_layout *old = measurement_layout(m);
	struct catalogue_layout *l = arena_alloc(&c->arena, sizeof *l, 16);
	struct field **fields = (struct field **)old->fields;
	struct view *names = (struct view *)old->expect.names;

	if (!l)
		return false;
	if (old->count == m->layout_room) {
		uint32_t room = m->layout_room ? m->layout_room * 2 : 8;
		fields = arena_alloc(&c->arena, room * sizeof *fields, 16);
		names = arena_alloc(&c->arena, room * sizeof *names, 16);
		if (!fields || !names)
			return false;
		if (old->count) {
			memcpy(fields, old->fields, old->count * sizeof *fields);
			memcpy(names, old->expect.names, old->count * sizeof *names);
		}
		m->layout_room = room;
	}
	fields[old->count] = f;
	names[old->count] = f->name;
	*l = (struct catalogue_layout){ old->count + 1, { names, old->count + 1 }, fields };
	atomic_store_explicit(&m->layout, l, memory_order_release);
	return true;
}

static struct field *add_field(struct catalogue *c, struct measurement *m, struct view name, enum value_type type)
{
	struct field *f = arena_alloc(&c->arena, sizeof *f, 16);
	char *copy = arena_copy(&c->arena, name);

	if (!f || !copy)
		return NULL;
	*f = (struct field){ { copy, name.len }, type, m, measurement_layout(m)->count };
	struct catalogue_addition add = { .db = m->db, .field = f };
	if (!note_addition(c, &add) || !extend_layout(c, m, f) ||
	    !index_add(&m->fields, &c->arena, hash_name(f->name, 0), f->index, field_hash, m))
		return NULL;
	return f;
}

struct field *measurement_field(struct catalogue *c, struct measurement *m, struct view name, enum value_type type,
    enum reject *why, const char **error)
{
	struct field *f = measurement_find_field(m, name);

	if (f)
		return f;
	*why = REJECT_BAD_NAME;
	if (!lp_name_is_clean(name)) {
		*error = "names must be UTF-8 without control characters";
		return NULL;
	}
	if (view_is(name, "time")) {
		*error = "a field cannot be named time";
		return NULL;
	}
	*why = REJECT_TOO_LONG;
	*error = "field name longer than 65535 bytes, or too many fields in this measurement";
	if (name.len > LP_KEY_MAX)
		return NULL;
	pthread_mutex_lock(&c->lock);
	f = measurement_find_field(m, name);
	if (!f && measurement_layout(m)->count < c->opts.measurement_fields_max)
		f = add_field(c, m, name, type);
	pthread_mutex_unlock(&c->lock);
	return f;
}

/* ---- what is not durable yet ---- */

bool catalogue_next_addition(struct catalogue *c, uint64_t *cursor, struct catalogue_addition *out)
{
	pthread_mutex_lock(&c->lock);
	if (*cursor < c->additions_stored)
		*cursor = c->additions_stored;
	bool any = *cursor < c->addition_count;
	if (any)
		*out = c->additions[(*cursor)++];
	pthread_mutex_unlock(&c->lock);
	return any;
}

void catalogue_additions_stored(struct catalogue *c, uint64_t cursor)
{
	pthread_mutex_lock(&c->lock);
	c->additions_stored = cursor < c->addition_count ? cursor : c->addition_count;
	pthread_mutex_unlock(&c->lock);
}
