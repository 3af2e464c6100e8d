/* Packed: byte 5 (the schema), v zeros, then for the positive and the negative side v buckets, each z distance of its
 * number from the one before (the first: from 0), v count. v is a varint, z a zigzag varint. */
#include "model/sketch.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SCHEMA = 5, INDEX_LIMIT = 1 << 17 };

static double bounds[SKETCH_PER_OCTAVE + 1]; /* 2^(i/32) */
static pthread_once_t bounds_once = PTHREAD_ONCE_INIT;

static void make_bounds(void)
{
	for (int i = 0; i <= SKETCH_PER_OCTAVE; i++)
		bounds[i] = exp2((double)i / SKETCH_PER_OCTAVE);
}

void sketch_init(struct sketch *s)
{
	pthread_once(&bounds_once, make_bounds);
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
static int32_t bucket_of(double v)
{
	int exponent;
	double m = frexp(v, &exponent) * 2; /* 1 <= m < 2 */
	unsigned low = 0;

	exponent--;
	for (unsigned half = SKETCH_PER_OCTAVE / 2; half; half /= 2) /* the last bound below m */
		if (bounds[low + half] < m)
			low += half;
	if (bounds[low] >= m) /* m is 1: the upper end of the octave below */
		return exponent * SKETCH_PER_OCTAVE - 1;
	return exponent * SKETCH_PER_OCTAVE + (int32_t)low;
}

/* The point of a bucket from which both ends are equally far, as a share of themselves. */
static double middle_of(int32_t bucket)
{
	int32_t octave = bucket >> 5, within = bucket & (SKETCH_PER_OCTAVE - 1);
	double low = bounds[within], high = bounds[within + 1];

	return ldexp(2 * low * high / (low + high), octave);
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
	if (side->n)
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
	enum err e = ERR_OK;

	if (v == 0)
		s->zeros++;
	else
		e = v > 0 ? add_to(&s->positive, bucket_of(v), 1) : add_to(&s->negative, bucket_of(-v), 1);
	if (e == ERR_OK)
		s->count++;
	return e;
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

static void put_varint(struct buf *b, uint64_t v)
{
	for (; v >= 128; v >>= 7)
		buf_char(b, (char)(v | 128));
	buf_char(b, (char)v);
}

static bool get_varint(struct view *in, uint64_t *out)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && in->len; shift += 7) {
		uint8_t byte = (uint8_t)*in->p++;
		in->len--;
		v |= (uint64_t)(byte & 127) << shift;
		if (byte < 128) {
			*out = v;
			return true;
		}
	}
	return false;
}

static void pack_side(const struct sketch_side *side, struct buf *out)
{
	uint64_t used = 0;
	int64_t before = 0;

	for (uint32_t i = 0; i < side->n; i++)
		used += side->counts[i] != 0;
	put_varint(out, used);
	for (uint32_t i = 0; i < side->n; i++) {
		if (side->counts[i] == 0)
			continue;
		int64_t bucket = side->first + (int64_t)i, distance = bucket - before;
		put_varint(out, (uint64_t)distance << 1 ^ (uint64_t)(distance >> 63));
		put_varint(out, side->counts[i]);
		before = bucket;
	}
}

void sketch_pack(const struct sketch *s, struct buf *out)
{
	buf_char(out, SCHEMA);
	put_varint(out, s->zeros);
	pack_side(&s->positive, out);
	pack_side(&s->negative, out);
}

static enum err unpack_side(struct sketch *s, struct sketch_side *side, struct view *in)
{
	uint64_t used, distance, count;
	int64_t bucket = 0;

	if (!get_varint(in, &used))
		return ERR_CORRUPT;
	for (; used; used--) {
		if (!get_varint(in, &distance) || !get_varint(in, &count) || distance > 2 * INDEX_LIMIT)
			return ERR_CORRUPT;
		bucket += (int64_t)(distance >> 1 ^ (0 - (distance & 1)));
		if (bucket < -INDEX_LIMIT || bucket > INDEX_LIMIT)
			return ERR_CORRUPT;
		enum err e = add_to(side, (int32_t)bucket, count);
		if (e != ERR_OK)
			return e;
		s->count += count;
	}
	return ERR_OK;
}

enum err sketch_merge_packed(struct sketch *s, struct view in)
{
	uint64_t zeros;

	if (in.len == 0 || *in.p != SCHEMA)
		return ERR_CORRUPT;
	in.p++;
	in.len--;
	if (!get_varint(&in, &zeros))
		return ERR_CORRUPT;
	s->zeros += zeros;
	s->count += zeros;
	enum err e = unpack_side(s, &s->positive, &in);
	if (e == ERR_OK)
		e = unpack_side(s, &s->negative, &in);
	return e == ERR_OK && in.len ? ERR_CORRUPT : e;
}
