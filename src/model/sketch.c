/* Packed: byte 5 (the schema), v zeros, then for the positive and the negative side v buckets, each z distance of its
 * number from the one before (the first: from 0), v count. v is a varint, z a zigzag varint. */
#include "model/sketch.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/varint.h"

enum { SCHEMA = 5, INDEX_LIMIT = 1 << 17, SLOTS = 64 };

/* The fractions of 2^(i/32), in units of 2^-52, rounded down: a double lies above 2^(i/32) just if its own is larger. */
static const uint64_t bounds[SKETCH_PER_OCTAVE] = { 0x0000000000000, 0x059b0d3158574, 0x0b5586cf9890f, 0x11301d0125b50,
	0x172b83c7d517a, 0x1d4873168b9aa, 0x2387a6e756238, 0x29e9df51fdee1, 0x306fe0a31b715, 0x371a7373aa9ca,
	0x3dea64c123422, 0x44e086061892d, 0x4bfdad5362a27, 0x5342b569d4f81, 0x5ab07dd485429, 0x6247eb03a5584,
	0x6a09e667f3bcc, 0x71f75e8ec5f73, 0x7a11473eb0186, 0x82589994cce12, 0x8ace5422aa0db, 0x93737b0cdc5e4,
	0x9c49182a3f090, 0xa5503b23e255c, 0xae89f995ad3ad, 0xb7f76f2fb5e46, 0xc199bdd85529c, 0xcb720dcef9069,
	0xd5818dcfba487, 0xdfc97337b9b5e, 0xea4afa2a490d9, 0xf50765b6e4540 };
static const uint64_t fraction_mask = (UINT64_C(1) << 52) - 1;

/* By the upper six bits of a fraction: how many bounds lie below all that begin so. The bounds are more than 1/64 apart,
 * so at most one more lies within. */
static uint8_t bounds_below[SLOTS];
static double middles[SKETCH_PER_OCTAVE]; /* of buckets 0 … 31 */
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static double bound_of(unsigned i)
{
	return i < SKETCH_PER_OCTAVE ? 1 + ldexp((double)bounds[i], -52) : 2;
}

static void make_tables(void)
{
	for (unsigned slot = 0; slot < SLOTS; slot++)
		for (unsigned i = 0; i < SKETCH_PER_OCTAVE; i++)
			bounds_below[slot] += bounds[i] < (uint64_t)slot << 46;
	for (unsigned i = 0; i < SKETCH_PER_OCTAVE; i++) {
		/* the point from which both ends are equally far, as a share of themselves */
		double low = bound_of(i), high = bound_of(i + 1);
		middles[i] = 2 * low * high / (low + high);
	}
}

void sketch_init(struct sketch *s)
{
	pthread_once(&tables_once, make_tables);
	*s = (struct sketch){ 0 };
}

void sketch_fini(struct sketch *s)
{
	free(s->positive.counts);
	free(s->negative.counts);
	*s = (struct sketch){ 0 };
}

void sketch_clear(struct sketch *s)
{
	s->count = s->zeros = 0;
	s->positive.n = s->negative.n = 0;
}

/* The bucket of v > 0. */
static inline int32_t bucket_of(double v)
{
	uint64_t bits;
	int32_t exponent = -1023;

	if (v < 0x1p-1022) { /* make it normal */
		v *= 0x1p54;
		exponent -= 54;
	}
	memcpy(&bits, &v, sizeof bits);
	exponent += (int32_t)(bits >> 52);
	uint64_t fraction = bits & fraction_mask;
	unsigned below = bounds_below[fraction >> 46];
	if (below < SKETCH_PER_OCTAVE)
		below += bounds[below] < fraction;
	return exponent * SKETCH_PER_OCTAVE + (int32_t)below - 1;
}

static double middle_of(int32_t bucket)
{
	return ldexp(middles[bucket & (SKETCH_PER_OCTAVE - 1)], bucket >> 5);
}

/* Makes the side span [from, to]. */
static enum err widen(struct sketch_side *side, int32_t from, int32_t to)
{
	uint32_t n = (uint32_t)(to - from) + 1;

	if (n > side->room) {
		uint32_t room = side->room ? side->room * 2 : 16;
		while (room < n)
			room *= 2;
		uint64_t *counts = realloc(side->counts, room * sizeof *counts);
		if (!counts)
			return ERR_NOMEM;
		side->counts = counts;
		side->room = room;
	}
	uint32_t shift = side->n ? (uint32_t)(side->first - from) : 0;
	if (shift)
		memmove(side->counts + shift, side->counts, side->n * sizeof *side->counts);
	memset(side->counts, 0, shift * sizeof *side->counts);
	memset(side->counts + shift + side->n, 0, (n - shift - side->n) * sizeof *side->counts);
	side->first = from;
	side->n = n;
	return ERR_OK;
}

/* Folds the smallest buckets into one, so that `to` fits the span. */
static void fold(struct sketch_side *side, int32_t to)
{
	int32_t from = to - SKETCH_SPAN + 1;
	uint64_t sum = 0;

	if (side->n == 0 || side->first >= from)
		return;
	uint32_t gone = (uint32_t)(from - side->first);
	if (gone >= side->n)
		gone = side->n - 1;
	for (uint32_t i = 0; i < gone; i++)
		sum += side->counts[i];
	side->n -= gone;
	memmove(side->counts, side->counts + gone, side->n * sizeof *side->counts);
	side->counts[0] += sum;
	if (side->first + (int32_t)gone < from) { /* one bucket is left, and it is still too low */
		side->first = from;
		return;
	}
	side->first += (int32_t)gone;
}

static enum err add_to(struct sketch_side *side, int32_t bucket, uint64_t count)
{
	enum err e = ERR_OK;

	if (side->n == 0) {
		e = widen(side, bucket, bucket);
	} else if (bucket < side->first) {
		int32_t last = side->first + (int32_t)side->n - 1;
		if (last - bucket >= SKETCH_SPAN)
			bucket = last - SKETCH_SPAN + 1;
		if (bucket < side->first)
			e = widen(side, bucket, last);
	} else if (bucket >= side->first + (int32_t)side->n) {
		fold(side, bucket);
		e = widen(side, side->first, bucket);
	}
	if (e == ERR_OK)
		side->counts[bucket - side->first] += count;
	return e;
}

enum err sketch_add(struct sketch *s, double v)
{
	if (v == 0) {
		s->zeros++;
		s->count++;
		return ERR_OK;
	}
	struct sketch_side *side = v > 0 ? &s->positive : &s->negative;
	int32_t bucket = bucket_of(fabs(v));
	uint32_t at = (uint32_t)bucket - (uint32_t)side->first;
	if (at < side->n) { /* nearly always */
		side->counts[at]++;
		s->count++;
		return ERR_OK;
	}
	enum err e = add_to(side, bucket, 1);
	s->count += e == ERR_OK;
	return e;
}

size_t sketch_bytes(const struct sketch *s)
{
	return ((size_t)s->positive.room + s->negative.room) * sizeof *s->positive.counts;
}

int32_t sketch_bucket(double v)
{
	pthread_once(&tables_once, make_tables);
	return bucket_of(v);
}

static enum err merge_side(struct sketch *s, struct sketch_side *to, const struct sketch_side *from)
{
	for (uint32_t i = from->n; i--;) { /* the largest first: fewer moves */
		if (from->counts[i] == 0)
			continue;
		enum err e = add_to(to, from->first + (int32_t)i, from->counts[i]);
		if (e != ERR_OK)
			return e;
		s->count += from->counts[i];
	}
	return ERR_OK;
}

enum err sketch_merge(struct sketch *s, const struct sketch *other)
{
	s->zeros += other->zeros;
	s->count += other->zeros;
	enum err e = merge_side(s, &s->positive, &other->positive);
	return e == ERR_OK ? merge_side(s, &s->negative, &other->negative) : e;
}

double sketch_value(const struct sketch *s, uint64_t rank)
{
	const struct sketch_side *neg = &s->negative, *pos = &s->positive;
	uint64_t seen = 0;

	for (uint32_t i = neg->n; i--;) {
		seen += neg->counts[i];
		if (seen >= rank)
			return -middle_of(neg->first + (int32_t)i);
	}
	seen += s->zeros;
	if (seen >= rank)
		return 0;
	for (uint32_t i = 0; i < pos->n; i++) {
		seen += pos->counts[i];
		if (seen >= rank)
			return middle_of(pos->first + (int32_t)i);
	}
	return 0;
}

/* ---- bytes ---- */

struct input {
	const uint8_t *at, *end;
};

static bool get_number(struct input *in, uint64_t *out)
{
	return varint_get(&in->at, in->end, out);
}

static void pack_side(const struct sketch_side *side, struct buf *out)
{
	uint64_t used = 0;
	int64_t before = 0;

	for (uint32_t i = 0; i < side->n; i++)
		used += side->counts[i] != 0;
	varint_append(out, used);
	for (uint32_t i = 0; i < side->n; i++) {
		if (side->counts[i] == 0)
			continue;
		int64_t bucket = side->first + (int64_t)i, distance = bucket - before;
		varint_append(out, zigzag((uint64_t)distance));
		varint_append(out, side->counts[i]);
		before = bucket;
	}
}

void sketch_pack(const struct sketch *s, struct buf *out)
{
	buf_char(out, SCHEMA);
	varint_append(out, s->zeros);
	pack_side(&s->positive, out);
	pack_side(&s->negative, out);
}

static enum err unpack_side(struct sketch *s, struct sketch_side *side, struct input *in)
{
	uint64_t used, distance, count;
	int64_t bucket = 0;

	if (!get_number(in, &used))
		return ERR_CORRUPT;
	for (; used; used--) {
		if (!get_number(in, &distance) || !get_number(in, &count) || distance > 2 * INDEX_LIMIT)
			return ERR_CORRUPT;
		bucket += (int64_t)unzigzag(distance);
		if (bucket < -INDEX_LIMIT || bucket > INDEX_LIMIT)
			return ERR_CORRUPT;
		enum err e = add_to(side, (int32_t)bucket, count);
		if (e != ERR_OK)
			return e;
		s->count += count;
	}
	return ERR_OK;
}

enum err sketch_merge_packed(struct sketch *s, struct view packed)
{
	uint64_t zeros;

	if (packed.len == 0 || *packed.p != SCHEMA)
		return ERR_CORRUPT;
	struct input in = { (const uint8_t *)packed.p + 1, (const uint8_t *)packed.p + packed.len };
	if (!get_number(&in, &zeros))
		return ERR_CORRUPT;
	s->zeros += zeros;
	s->count += zeros;
	enum err e = unpack_side(s, &s->positive, &in);
	if (e == ERR_OK)
		e = unpack_side(s, &s->negative, &in);
	return e == ERR_OK && in.at != in.end ? ERR_CORRUPT : e;
}
