/* A column of a chunk is a row of 64-bit values. It is written as
 *
 *   representation   integers as they are; booleans 0 and 1; doubles as integers of a common decimal exponent if that
 *                    gives back every bit (with a few exceptions kept whole), else as the integer that orders as the
 *                    double does; strings as numbers of the distinct strings in order of appearance
 *   unit             the greatest common divisor of all steps is divided out (page sizes, timestamps)
 *   transform        PLAIN the values above the least; DELTA the steps; DELTA2 the steps of the steps
 *   residuals        what is left, made unsigned: above the least of them, or zigzag if that is no wider
 *   planes           the lowest byte of each residual, then the next, each to a stream of its own; no bytes at all for
 *                    constants and for regular timestamps
 *
 * Why planes and not packed bits: the streams of many chunks lie one behind the other and are packed with an entropy
 * coder (store/block), which finds the odd fraction of a bit that packing wastes, swallows the zeros that one outlier
 * puts into the high planes of a whole chunk, and leaves noise alone. Decoding is a few loops without branches.
 *
 * All arithmetic is modulo 2^64, so nothing overflows. In STREAM_META, for each chunk (v: varint, z: zigzag varint):
 *
 *   byte   bits 0-1 presence: 0 absent (nothing follows), 1 every row, 2 a bitmap of rows in STREAM_PRESENCE
 *          bits 2-3 transform: 0 PLAIN, 1 DELTA, 2 DELTA2     bit 4 residuals are zigzag
 *          bits 5-6 representation: 0 integer, 1 decimal, 2 ordered bits, 3 strings
 *   byte   bits 0-3 width of a residual in bytes, 0..8; bit 4: a unit follows; bit 5: exceptions follow
 *   v      distinct strings (strings): so many v length + bytes in STREAM_TEXT
 *   byte   exponent (decimal), 0..15
 *   v      unit
 *   z      the least value (PLAIN), else the first value
 *   z      DELTA2: the first step, in units
 *   z      DELTA, DELTA2 without zigzag: the least residual
 *   v      exceptions, each v rows after the one before, 8 bytes of double
 *
 * PLAIN has as many residuals as values, DELTA one less, DELTA2 two less. Values of absent rows are not there. */
#include "store/column.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/varint.h"
#include "store/column_form.h"
#include "store/rows.h"

enum { EXCEPTIONS_PER = 16, DECIMAL_SAMPLE = 32 };

struct plan { /* what the meta bytes say */
	uint8_t presence, transform, representation, exponent;
	bool zigzag;
	uint32_t width;
	uint64_t unit, first, step, least;
};

static inline unsigned bit_width(uint64_t v)
{
	return v ? 64 - (unsigned)__builtin_clzll(v) : 0;
}

static inline uint32_t byte_width(uint64_t v)
{
	return (bit_width(v) + 7) / 8;
}

static void put_byte(struct buf *b, unsigned v)
{
	buf_char(b, (char)v);
}

/* ---- scratch ---- */

static bool reserve(struct column_scratch *s, uint32_t rows)
{
	if (rows <= s->room)
		return true;
	for (unsigned i = 0; i < 3; i++) {
		free(s->words[i]);
		s->words[i] = malloc(rows * sizeof *s->words[i]);
	}
	s->room = s->words[0] && s->words[1] && s->words[2] ? rows : 0;
	return s->room;
}

void column_scratch_fini(struct column_scratch *s)
{
	for (unsigned i = 0; i < 3; i++)
		free(s->words[i]);
	free(s->slots);
	*s = (struct column_scratch){ 0 };
}

/* ---- integers ---- */

static uint64_t gcd(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t r = a % b;
		a = b;
		b = r;
	}
	return a;
}

static uint64_t magnitude(uint64_t step)
{
	return (int64_t)step < 0 ? 0 - step : step;
}

/* The greatest common divisor of the steps; 1 if differences might not fit 63 bits. */
static uint64_t find_unit(const uint64_t *x, uint32_t n, uint64_t range)
{
	uint64_t g = 0;

	if (range >> 63)
		return 1;
	for (uint32_t i = 1; i < n && g != 1; i++) {
		uint64_t d = magnitude(x[i] - x[i - 1]);
		if (g == 0)
			g = d;
		else if ((g & (g - 1)) == 0 ? d & (g - 1) : d % g)
			g = gcd(g, d);
	}
	return g ? g : 1;
}

static void divide_steps(uint64_t *steps, uint32_t n, uint64_t unit)
{
	if ((unit & (unit - 1)) == 0) {
		unsigned shift = (unsigned)__builtin_ctzll(unit);
		for (uint32_t i = 0; i < n; i++)
			steps[i] = (uint64_t)((int64_t)steps[i] >> shift);
	} else {
		for (uint32_t i = 0; i < n; i++)
			steps[i] = (uint64_t)((int64_t)steps[i] / (int64_t)unit);
	}
}

/* Makes steps (or steps of steps) unsigned. Which way is smaller? */
static void make_residuals(struct plan *p, uint64_t *r, uint32_t n)
{
	int64_t least = INT64_MAX, most = INT64_MIN;
	uint64_t widest = 0;

	for (uint32_t i = 0; i < n; i++) {
		int64_t v = (int64_t)r[i];
		least = v < least ? v : least;
		most = v > most ? v : most;
		widest |= zigzag(r[i]);
	}
	uint32_t above_least = n ? byte_width((uint64_t)most - (uint64_t)least) : 0;
	p->zigzag = n == 0 || byte_width(widest) <= above_least;
	p->width = p->zigzag ? byte_width(widest) : above_least;
	p->least = p->zigzag ? 0 : (uint64_t)least;
	if (p->width == 0)
		return;
	if (p->zigzag)
		for (uint32_t i = 0; i < n; i++)
			r[i] = zigzag(r[i]);
	else
		for (uint32_t i = 0; i < n; i++)
			r[i] -= (uint64_t)least;
}

static void split(struct buf streams[COLUMN_STREAMS], const uint64_t *r, uint32_t n, uint32_t width)
{
	for (uint32_t p = 0; p < width; p++) {
		struct buf *b = &streams[STREAM_PLANE + p];
		if (!buf_reserve(b, n))
			return;
		uint8_t *to = (uint8_t *)b->p + b->len;
		unsigned shift = 8 * p;
		for (uint32_t i = 0; i < n; i++)
			to[i] = (uint8_t)(r[i] >> shift);
		b->len += n;
	}
}

/* The transform whose residuals have the fewest bits. steps: n - 1 of them, in units. */
static unsigned choose(const uint64_t *x, const uint64_t *steps, uint32_t n, uint64_t least, uint64_t unit)
{
	uint64_t plain = 0, delta = 0, delta2 = 0;
	unsigned unit_bits = bit_width(unit) - 1;

	for (uint32_t i = 1; i < n; i++) {
		unsigned w = bit_width(x[i] - least);
		plain += w > unit_bits ? w - unit_bits : 0;
		delta += bit_width(zigzag(steps[i - 1]));
	}
	for (uint32_t i = 1; i + 1 < n; i++)
		delta2 += bit_width(zigzag(steps[i] - steps[i - 1]));
	if (plain <= delta && plain <= delta2)
		return PLAIN;
	return delta <= delta2 ? DELTA : DELTA2;
}

/* x: n >= 1 values, which may be the first scratch array; the other two are used. */
static void encode_integers(
    struct buf streams[COLUMN_STREAMS], struct plan *p, const uint64_t *x, uint32_t n, struct column_scratch *s)
{
	uint64_t *steps = s->words[1], *r = s->words[2];
	int64_t least = INT64_MAX, most = INT64_MIN;
	uint32_t count = n;

	for (uint32_t i = 0; i < n; i++) {
		int64_t v = (int64_t)x[i];
		least = v < least ? v : least;
		most = v > most ? v : most;
	}
	uint64_t range = (uint64_t)most - (uint64_t)least;
	p->unit = range ? find_unit(x, n, range) : 1;
	p->first = (uint64_t)least;
	p->transform = PLAIN;
	if (range) {
		for (uint32_t i = 1; i < n; i++)
			steps[i - 1] = x[i] - x[i - 1];
		if (p->unit > 1)
			divide_steps(steps, n - 1, p->unit);
		p->transform = (uint8_t)choose(x, steps, n, (uint64_t)least, p->unit);
	}
	if (p->transform == PLAIN) {
		for (uint32_t i = 0; i < n && range; i++)
			r[i] = x[i] - (uint64_t)least;
		if (p->unit > 1)
			divide_steps(r, n, p->unit);
		p->width = byte_width(range / p->unit);
		p->zigzag = false;
	} else if (p->transform == DELTA) {
		p->first = x[0];
		count = n - 1;
		memcpy(r, steps, count * sizeof *r);
		make_residuals(p, r, count);
	} else {
		p->first = x[0];
		p->step = steps[0];
		count = n - 2;
		for (uint32_t i = 0; i < count; i++)
			r[i] = steps[i + 1] - steps[i];
		make_residuals(p, r, count);
	}
	split(streams, r, count, p->width);
}

/* ---- doubles ---- */

/* v times 10^exponent as an integer, if dividing that by 10^exponent gives back v bit for bit. */
static inline bool to_decimal(uint64_t bits, double power, int64_t *out)
{
	const double magic = 6755399441055744.0; /* 2^52 + 2^51: adding it rounds to an integer in the low bits */
	double v, back;
	uint64_t back_bits;

	memcpy(&v, &bits, sizeof v);
	double scaled = v * power;
	if (!(scaled < 1e15 && scaled > -1e15))
		return false;
	double rounded = (scaled + magic) - magic;
	back = rounded / power;
	memcpy(&back_bits, &back, sizeof back_bits);
	*out = (int64_t)rounded;
	return back_bits == bits;
}

/* The exponent that most of a sample needs, or -1. */
static int find_exponent(const uint64_t *x, uint32_t n)
{
	uint32_t step = n > DECIMAL_SAMPLE ? n / DECIMAL_SAMPLE : 1, tried = 0, failed = 0;
	int exponent = 0;
	int64_t ignored;

	for (uint32_t i = 0; i < n; i += step) {
		int e = exponent;
		while (e <= EXPONENT_MAX && !to_decimal(x[i], power10[e], &ignored))
			e++;
		tried++;
		if (e <= EXPONENT_MAX)
			exponent = e;
		else if (++failed > 2 && failed * EXCEPTIONS_PER > tried)
			return -1;
	}
	return exponent;
}

/* Fills v with the integers, and puts what does not fit to exceptions (or, if there are too many, raises the exponent
 * and begins again). False: this column is not decimal. */
static bool make_decimals(
    struct plan *p, const uint64_t *x, uint32_t n, uint64_t *v, struct buf *exceptions, uint32_t *exception_count)
{
	int exponent = find_exponent(x, n);

	for (; exponent >= 0 && exponent <= EXPONENT_MAX; exponent++) {
		double power = power10[exponent];
		uint32_t count = 0, last = 0;
		buf_clear(exceptions);
		for (uint32_t i = 0; i < n && count <= n / EXCEPTIONS_PER; i++) {
			int64_t whole;
			if (to_decimal(x[i], power, &whole)) {
				v[i] = (uint64_t)whole;
				continue;
			}
			v[i] = i ? v[i - 1] : 0;
			varint_append(exceptions, i - last);
			buf_append(exceptions, &x[i], sizeof x[i]);
			last = i;
			count++;
		}
		if (count <= n / EXCEPTIONS_PER) {
			p->exponent = (uint8_t)exponent;
			*exception_count = count;
			return !exceptions->failed;
		}
	}
	return false;
}

/* ---- strings ---- */

/* Numbers of the distinct strings into v, the strings to STREAM_TEXT. */
static bool number_strings(struct buf streams[COLUMN_STREAMS], const uint64_t *x, uint32_t n, uint64_t *v,
    struct column_scratch *s, uint32_t *distinct)
{
	uint32_t slots = 16;
	struct buf *text = &streams[STREAM_TEXT];

	while (slots < n * 2)
		slots *= 2;
	if (slots > s->slot_room) {
		free(s->slots);
		s->slots = malloc(slots * sizeof *s->slots);
		s->slot_room = s->slots ? slots : 0;
	}
	if (!s->slots)
		return false;
	memset(s->slots, 0xff, slots * sizeof *s->slots);
	*distinct = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct rows_string *str = (const struct rows_string *)(uintptr_t)x[i];
		uint32_t at = (uint32_t)XXH3_64bits(str->bytes, str->len) & (slots - 1);
		for (; s->slots[at] != UINT32_MAX; at = (at + 1) & (slots - 1)) {
			const struct rows_string *o = (const struct rows_string *)(uintptr_t)x[s->slots[at]];
			if (o->len == str->len && !memcmp(o->bytes, str->bytes, str->len))
				break;
		}
		if (s->slots[at] == UINT32_MAX) {
			s->slots[at] = i;
			v[i] = (*distinct)++;
			varint_append(text, str->len);
			buf_append(text, str->bytes, str->len);
		} else {
			v[i] = v[s->slots[at]];
		}
	}
	return true;
}

/* ---- encode ---- */

static void put_plan(
    struct buf *m, const struct plan *p, uint32_t distinct, const struct buf *exceptions, uint32_t count)
{
	put_byte(m,
	    p->presence | (unsigned)p->transform << 2 | (p->zigzag ? META_ZIGZAG : 0) |
		(unsigned)p->representation << 5);
	put_byte(m, p->width | (p->unit > 1 ? META_UNIT : 0) | (count ? META_EXCEPTIONS : 0));
	if (p->representation == STRINGS)
		varint_append(m, distinct);
	if (p->representation == DECIMAL)
		put_byte(m, p->exponent);
	if (p->unit > 1)
		varint_append(m, p->unit);
	varint_append(m, zigzag(p->first));
	if (p->transform == DELTA2)
		varint_append(m, zigzag(p->step));
	if (p->transform != PLAIN && !p->zigzag)
		varint_append(m, zigzag(p->least));
	if (count) {
		varint_append(m, count);
		buf_append(m, exceptions->p, exceptions->len);
	}
}

static void put_bitmap(struct buf *b, const uint8_t *present, uint32_t rows)
{
	if (!buf_reserve(b, (rows + 7) / 8))
		return;
	for (uint32_t i = 0; i < rows; i += 8) {
		unsigned byte = 0;
		for (uint32_t k = i; k < rows && k < i + 8; k++)
			byte |= (present[k] ? 1u : 0u) << (k - i);
		b->p[b->len++] = (char)byte;
	}
}

/* The values of the rows that have one. */
static uint32_t gather(const uint64_t *bits, const uint8_t *present, uint32_t rows, uint64_t *out)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < rows; i++)
		if (present[i])
			out[n++] = bits[i];
	return n;
}

void column_encode_absent(struct buf streams[COLUMN_STREAMS])
{
	put_byte(&streams[STREAM_META], PRESENCE_NONE);
}

static enum err encode_values(struct buf streams[COLUMN_STREAMS], struct plan *p, enum value_type type,
    const uint64_t *x, uint32_t n, struct column_scratch *s)
{
	uint64_t *v = s->words[0];
	uint32_t distinct = 0, exception_count = 0;
	struct buf exceptions;

	buf_init(&exceptions, (size_t)n * 13 + 16);
	if (type == VALUE_FLOAT) {
		/* the second array holds the integers until the first is free of the gathered values */
		if (make_decimals(p, x, n, s->words[1], &exceptions, &exception_count)) {
			p->representation = DECIMAL;
			memcpy(v, s->words[1], n * sizeof *v);
		} else {
			p->representation = ORDERED;
			exception_count = 0;
			for (uint32_t i = 0; i < n; i++)
				v[i] = order_bits(x[i]);
		}
		x = v;
	} else if (type == VALUE_STRING) {
		p->representation = STRINGS;
		if (!number_strings(streams, x, n, s->words[1], s, &distinct))
			return ERR_NOMEM;
		memcpy(v, s->words[1], n * sizeof *v);
		x = v;
	}
	encode_integers(streams, p, x, n, s);
	put_plan(&streams[STREAM_META], p, distinct, &exceptions, exception_count);
	buf_fini(&exceptions);
	return ERR_OK;
}

enum err column_encode(struct buf streams[COLUMN_STREAMS], enum value_type type, const uint64_t *bits,
    const uint8_t *present, uint32_t rows, struct column_scratch *s)
{
	struct plan p = { .presence = PRESENCE_ALL, .unit = 1 };
	const uint64_t *x = bits;
	uint32_t n = rows;

	if (!reserve(s, rows))
		return ERR_NOMEM;
	if (present && memchr(present, 0, rows)) {
		n = gather(bits, present, rows, s->words[0]);
		x = s->words[0];
		p.presence = PRESENCE_BITMAP;
	}
	if (n == 0) {
		column_encode_absent(streams);
		return ERR_OK;
	}
	if (p.presence == PRESENCE_BITMAP)
		put_bitmap(&streams[STREAM_PRESENCE], present, rows);
	return encode_values(streams, &p, type, x, n, s);
}
