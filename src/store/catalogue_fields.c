#include "store/catalogue_internal.h"

/* ---- fields ---- */

const struct catalogue_layout *measurement_layout(const struct measurement *m)
{
	return atomic_load_explicit(&m->layout, memory_order_acquire);
}

static uint64_t field_hash(const void *owner, uint32_t i)
{
	return catalogue_hash(measurement_layout(owner)->fields[i]->name, 0);
}

struct field *measurement_find_field(const struct measurement *m, struct view name)
{
	/* the layout is read after the index: it has at least what the index has */
	struct index_probe p = index_probe((struct index *)&m->fields, catalogue_hash(name, 0));
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
	if (!catalogue_note_addition(c, &add) || !extend_layout(c, m, f) ||
	    !index_add(&m->fields, &c->arena, catalogue_hash(f->name, 0), f->index, field_hash, m))
		return NULL;
	return f;
}

static struct field *no(struct catalogue_refusal *refusal, enum reject why, const char *error)
{
	refusal->why = why;
	refusal->error = error;
	return NULL;
}

struct field *measurement_field(struct catalogue *c, struct measurement *m, struct view name, enum value_type type,
    bool accepted, struct catalogue_refusal *refusal)
{
	struct field *f = measurement_find_field(m, name);
	uint32_t max = accepted ? CATALOGUE_FIELDS_MAX : c->opts.measurement_fields_max;

	if (f)
		return f;
	*refusal = (struct catalogue_refusal){ .measurement = m->name };
	if (!lp_name_is_clean(name))
		return no(refusal, REJECT_BAD_NAME, "names must be UTF-8 without control characters");
	if (view_is(name, "time"))
		return no(refusal, REJECT_BAD_NAME, "a field cannot be named time");
	if (name.len > LP_KEY_MAX)
		return no(refusal, REJECT_TOO_LONG, "field name longer than 65535 bytes");
	(void)no(refusal, REJECT_TOO_LONG, "out of memory");
	refusal->out_of_memory = true;
	pthread_mutex_lock(&c->lock);
	f = measurement_find_field(m, name);
	if (!f && measurement_layout(m)->count < max)
		f = add_field(c, m, name, type);
	else if (!f)
		*refusal = (struct catalogue_refusal){ REJECT_TOO_MANY_FIELDS,
			"max-fields-per-measurement limit exceeded", CEILING_FIELDS, max, m->name, false };
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
