/* Exact percentiles without sorting: the keys are counted by their upper bits, which tells the slot that a rank lies in;
 * the keys of that slot are looked at alone, by their next bits, until few are left. Two passes over the values for
 * nearly any data, and never more than the bits of a key allow. */
#include "model/digest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/aggregate.h"

enum { ROOM_MIN = 4, SKETCH_SAVES = 1024, SLOT_BITS = 11, SLOTS = 1 << SLOT_BITS, FEW = 24 };

struct digest_selector {
	uint32_t all[SLOTS], some[SLOTS]; /* how many keys in each slot: of the digest, of the part at hand */
	uint64_t part[DIGEST_EXACT_MAX];
};

/* ---- keys ---- */

static const uint64_t sign = UINT64_C(1) << 63;

/* Ordered as the numbers are. */
static inline uint64_t key_of(uint64_t bits)
{
	return bits & sign ? ~bits : bits | sign;
}

static double number_of(uint64_t key)
{
	uint64_t bits = key & sign ? key ^ sign : ~key;
	double v;

	memcpy(&v, &bits, sizeof v);
	return v;
}

static inline uint64_t bits_of(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof bits);
	return bits;
}

/* ---- add ---- */

static enum err charge(struct digest_memory *m, size_t before, size_t now)
{
	m->used = m->used - before + now;
	return m->used > m->max ? ERR_TOOBIG : ERR_OK;
}

static enum err to_sketch(struct digest *d, struct digest_memory *m)
{
	size_t before = d->room * sizeof *d->keys;
	enum err e = ERR_OK;

	if (d->sketch)
		return ERR_OK;
	struct sketch *s = malloc(sizeof *s);
	if (!s)
		return ERR_NOMEM;
	sketch_init(s);
	for (uint64_t i = 0; e == ERR_OK && i < d->count; i++)
		e = sketch_add(s, number_of(d->keys[i]));
	free(d->keys);
	d->keys = NULL;
	d->room = 0;
	d->sketch = s;
	enum err above = charge(m, before, sizeof *s + sketch_bytes(s));
	return e == ERR_OK ? above : e;
}

/* Room for n more keys. False: not without going above what keys may take. */
static bool make_room(struct digest *d, struct digest_memory *m, uint32_t n, enum err *e)
{
	uint64_t want = d->count + n, room = d->room + d->room / 2;

	*e = ERR_OK;
	if (want <= d->room)
		return true;
	room = room < want ? want : room;
	room = room < ROOM_MIN ? ROOM_MIN : room;
	size_t more = (room - d->room) * sizeof *d->keys;
	if (want > DIGEST_EXACT_MAX || (want >= SKETCH_SAVES && m->used + more > m->max / 2))
		return false;
	uint64_t *keys = realloc(d->keys, room * sizeof *keys);
	if (!keys) {
		*e = ERR_NOMEM;
		return true;
	}
	*e = charge(m, 0, more);
	d->keys = keys;
	d->room = (uint32_t)room;
	return true;
}

static void add_keys(struct digest *d, enum value_type type, const uint64_t *bits, uint32_t n)
{
	uint64_t *to = d->keys + d->count;

	if (type == VALUE_FLOAT)
		for (uint32_t i = 0; i < n; i++)
			to[i] = key_of(bits[i]);
	else
		for (uint32_t i = 0; i < n; i++)
			to[i] = key_of(bits_of(aggregate_number(type, bits[i])));
	d->count += n;
}

enum err digest_add(struct digest *d, struct digest_memory *m, enum value_type type, const uint64_t *bits, uint32_t n)
{
	enum err e = ERR_OK;

	if (!d->sketch && make_room(d, m, n, &e)) {
		if (e == ERR_OK)
			add_keys(d, type, bits, n);
		return e;
	}
	e = to_sketch(d, m);
	if (e != ERR_OK)
		return e;
	size_t before = sketch_bytes(d->sketch);
	for (uint32_t i = 0; e == ERR_OK && i < n; i++)
		e = sketch_add(d->sketch, aggregate_number(type, bits[i]));
	d->count += n;
	enum err above = charge(m, before, sketch_bytes(d->sketch));
	return e == ERR_OK ? above : e;
}

enum err digest_merge_packed(struct digest *d, struct digest_memory *m, struct view packed, uint64_t count)
{
	enum err e = to_sketch(d, m);

	if (e != ERR_OK)
		return e;
	size_t before = sketch_bytes(d->sketch);
	e = sketch_merge_packed(d->sketch, packed);
	d->count += count;
	enum err above = charge(m, before, sketch_bytes(d->sketch));
	if (e == ERR_OK && d->sketch->count != d->count)
		e = ERR_CORRUPT;
	d->spoilt |= e != ERR_OK;
	return e == ERR_OK ? above : e;
}

void digest_fini(struct digest *d, struct digest_memory *m)
{
	if (d->sketch) {
		m->used -= sizeof *d->sketch + sketch_bytes(d->sketch);
		sketch_fini(d->sketch);
		free(d->sketch);
	}
	m->used -= d->room * sizeof *d->keys;
	free(d->keys);
	*d = (struct digest){ 0 };
}

/* ---- percentiles ---- */

enum err digest_selector_new(struct digest_selector **out)
{
	*out = malloc(sizeof **out);
	return *out ? ERR_OK : ERR_NOMEM;
}

void digest_selector_free(struct digest_selector *s)
{
	free(s);
}

struct slots { /* how keys are told apart: by (key - least) >> shift */
	uint64_t least;
	unsigned shift;
	uint32_t *counts;
};

static void count_slots(const uint64_t *keys, uint32_t n, struct slots *s)
{
	uint64_t least = keys[0], most = keys[0];

	for (uint32_t i = 1; i < n; i++) {
		least = keys[i] < least ? keys[i] : least;
		most = keys[i] > most ? keys[i] : most;
	}
	unsigned bits = most == least ? 0 : 64 - (unsigned)__builtin_clzll(most - least);
	s->least = least;
	s->shift = bits > SLOT_BITS ? bits - SLOT_BITS : 0;
	memset(s->counts, 0, SLOTS * sizeof *s->counts);
	for (uint32_t i = 0; i < n; i++)
		s->counts[(keys[i] - least) >> s->shift]++;
}

/* The slot of the rank-th smallest key (from 1); the rank becomes that within the slot. */
static uint64_t find_slot(const struct slots *s, uint32_t *rank)
{
	uint64_t slot = 0;

	for (; s->counts[slot] < *rank; slot++)
		*rank -= s->counts[slot];
	return slot;
}

/* The slot's keys; to may be where they are. */
static uint32_t take_slot(const uint64_t *keys, uint32_t n, const struct slots *s, uint64_t slot, uint64_t *to)
{
	uint32_t taken = 0;

	for (uint32_t i = 0; i < n; i++)
		if ((keys[i] - s->least) >> s->shift == slot)
			to[taken++] = keys[i];
	return taken;
}

static void sort_few(uint64_t *keys, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++) {
		uint64_t key = keys[i];
		uint32_t at = i;
		for (; at && keys[at - 1] > key; at--)
			keys[at] = keys[at - 1];
		keys[at] = key;
	}
}

/* The rank-th smallest of the keys, counted already. */
static uint64_t select_key(
    const uint64_t *keys, uint32_t n, const struct slots *counted, uint32_t rank, struct digest_selector *sel)
{
	uint64_t slot = find_slot(counted, &rank), *part = sel->part;
	struct slots s = { .counts = sel->some };

	if (counted->shift == 0)
		return counted->least + slot;
	n = take_slot(keys, n, counted, slot, part);
	while (n > FEW) {
		count_slots(part, n, &s);
		slot = find_slot(&s, &rank);
		if (s.shift == 0)
			return s.least + slot;
		n = take_slot(part, n, &s, slot, part);
	}
	sort_few(part, n);
	return part[rank - 1];
}

void digest_percentiles(
    const struct digest *d, struct digest_selector *sel, const double *ranks, unsigned count, double *out)
{
	struct slots s = { .counts = sel->all };
	bool few = !d->sketch && d->count <= FEW;

	if (few && d->count) {
		memcpy(sel->part, d->keys, d->count * sizeof *d->keys);
		sort_few(sel->part, (uint32_t)d->count);
	} else if (!d->sketch && d->count) {
		count_slots(d->keys, (uint32_t)d->count, &s);
	}
	for (unsigned i = 0; i < count; i++) {
		double rank = floor((double)d->count * ranks[i] / 100 + 0.5);
		if (d->spoilt || !(rank >= 1 && rank <= (double)d->count))
			out[i] = NAN;
		else if (few)
			out[i] = number_of(sel->part[(uint32_t)rank - 1]);
		else if (d->sketch)
			out[i] = sketch_value(d->sketch, (uint64_t)rank);
		else
			out[i] = number_of(select_key(d->keys, (uint32_t)d->count, &s, (uint32_t)rank, sel));
	}
}
