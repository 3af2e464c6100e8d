#include "flow/tally.h"

#include <stdio.h>
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { SEED_NAME = 1, SEED_KEY = 2, SEED_VALUE = 3, SEED_STRING = 4 };

void tally_init(struct tally *t)
{
	*t = (struct tally){ 0 };
	tally_begin(t, 0);
}

static void forget_fields(struct tally *t)
{
	for (uint32_t i = 0; i < t->count; i++)
		free(t->fields[i].name);
	t->count = 0;
}

void tally_fini(struct tally *t)
{
	forget_fields(t);
	free(t->fields);
	*t = (struct tally){ 0 };
}

void tally_begin(struct tally *t, int64_t from_ns)
{
	forget_fields(t);
	t->from_ns = from_ns;
	for (unsigned h = 0; h < TALLY_HOURS_MAX; h++) {
		t->first_ns[h] = INT64_MAX;
		t->last_ns[h] = INT64_MIN;
	}
}

static struct view name_of(const struct tally_field *f)
{
	return (struct view){ f->name, f->name_len };
}

/* Both sides know fields in much the same order: the hint is where to look first. */
static const struct tally_field *find(const struct tally *t, struct view name, uint32_t hint)
{
	if (hint < t->count && view_eq(name_of(&t->fields[hint]), name))
		return &t->fields[hint];
	for (uint32_t i = 0; i < t->count; i++)
		if (view_eq(name_of(&t->fields[i]), name))
			return &t->fields[i];
	return NULL;
}

int32_t tally_field(struct tally *t, struct view name)
{
	const struct tally_field *known = find(t, name, t->count);

	if (known)
		return (int32_t)(known - t->fields);
	if (t->count == TALLY_FIELDS_MAX)
		return -1;
	if (t->count == t->room) {
		uint32_t room = t->room ? t->room * 2 : 16;
		struct tally_field *more = realloc(t->fields, room * sizeof *more);
		if (!more)
			return -1;
		t->fields = more;
		t->room = room;
	}
	struct tally_field *f = &t->fields[t->count];
	*f = (struct tally_field){ .name = malloc(name.len + 1), .name_len = name.len };
	if (!f->name)
		return -1;
	if (name.len)
		memcpy(f->name, name.p, name.len);
	f->name[name.len] = 0;
	return (int32_t)t->count++;
}

void tally_count(struct tally *t, uint32_t field, unsigned hour, uint64_t values)
{
	if (hour < TALLY_HOURS_MAX)
		t->fields[field].count[hour] += values;
}

/* TALLY_HOURS_MAX and more: not in the stretch. */
static uint64_t hour_of(const struct tally *t, int64_t time_ns)
{
	return time_ns < t->from_ns ? UINT64_MAX : ((uint64_t)time_ns - (uint64_t)t->from_ns) / TALLY_HOUR_NS;
}

void tally_time(struct tally *t, int64_t time_ns)
{
	uint64_t h = hour_of(t, time_ns);

	if (h >= TALLY_HOURS_MAX)
		return;
	t->first_ns[h] = time_ns < t->first_ns[h] ? time_ns : t->first_ns[h];
	t->last_ns[h] = time_ns > t->last_ns[h] ? time_ns : t->last_ns[h];
}

/* ---- hashes ---- */

uint64_t tally_name_hash(struct view name)
{
	return XXH3_64bits_withSeed(name.len ? name.p : "", name.len, SEED_NAME);
}

uint64_t tally_tag_hash(struct view key, struct view value)
{
	return XXH3_64bits_withSeed(
	    value.len ? value.p : "", value.len, XXH3_64bits_withSeed(key.len ? key.p : "", key.len, SEED_KEY));
}

uint64_t tally_place_hash(uint64_t series, uint64_t name_hash, int64_t time_ns)
{
	const uint64_t words[3] = { series, name_hash, (uint64_t)time_ns };

	return XXH3_64bits_withSeed(words, sizeof words, SEED_NAME);
}

static uint64_t value_hash(const struct tally_value *v)
{
	uint64_t words[4] = { v->series, (uint64_t)v->time_ns, v->type, v->bits };

	if (v->type == VALUE_UNSIGNED)
		words[2] = VALUE_INTEGER;
	if (v->type == VALUE_STRING)
		words[3] = XXH3_64bits_withSeed(v->string.len ? v->string.p : "", v->string.len, SEED_STRING);
	return XXH3_64bits_withSeed(words, sizeof words, SEED_VALUE);
}

void tally_add(struct tally *t, uint32_t field, const struct tally_value *v)
{
	uint64_t h = hour_of(t, v->time_ns);

	if (h >= TALLY_HOURS_MAX)
		return;
	t->fields[field].count[h]++;
	t->fields[field].sum[h] += value_hash(v);
}

/* ---- two sides ---- */

bool tally_is_empty(const struct tally *t, unsigned hour)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (t->fields[i].count[hour])
			return false;
	return true;
}

static void differs(struct tally_difference *d, const struct tally_field *f)
{
	if (d->fields++ == 0)
		snprintf(d->field, sizeof d->field, "%.*s", (int)view_cut(name_of(f), sizeof d->field - 1), f->name);
}

static void compare(struct tally_difference *d, const struct tally_field *here, const struct tally_field *there,
    unsigned hour, bool sums)
{
	uint64_t a = here ? here->count[hour] : 0, b = there ? there->count[hour] : 0;
	bool values = sums && a == b && a && here->sum[hour] != there->sum[hour];

	d->here += a;
	d->there += b;
	d->less |= b < a;
	d->more |= b > a;
	d->values |= values;
	if (a != b || values)
		differs(d, here ? here : there);
}

bool tally_differs(
    const struct tally *here, const struct tally *there, unsigned hour, bool sums, struct tally_difference *out)
{
	*out = (struct tally_difference){ 0 };
	for (uint32_t i = 0; i < here->count; i++)
		compare(out, &here->fields[i], find(there, name_of(&here->fields[i]), i), hour, sums);
	for (uint32_t i = 0; i < there->count; i++)
		if (!find(here, name_of(&there->fields[i]), i))
			compare(out, NULL, &there->fields[i], hour, sums);
	if (here->first_ns[hour] != INT64_MAX && there->first_ns[hour] != INT64_MAX)
		out->times = here->first_ns[hour] != there->first_ns[hour] ||
		    here->last_ns[hour] != there->last_ns[hour];
	return out->less || out->more || out->values || out->times;
}
