/* The way back; column.c has the form. Every length is checked against its stream before a byte of it is used. */
#include <string.h>

#include "base/varint.h"
#include "store/column.h"
#include "store/column_form.h"
#include "store/rows.h"

struct meta {
	unsigned presence, transform, representation, exponent;
	bool zigzag;
	uint32_t width, values, residuals, distinct, exceptions;
	uint64_t unit, first, step, least;
	const uint8_t *bitmap;
};

static bool get_byte(struct column_cursor *c, enum column_stream s, uint8_t *out)
{
	if (c->at[s] == c->end[s])
		return false;
	*out = *c->at[s]++;
	return true;
}

static bool get_varint(struct column_cursor *c, enum column_stream s, uint64_t *out)
{
	return varint_get(&c->at[s], c->end[s], out);
}

static bool get_zigzag(struct column_cursor *c, uint64_t *out)
{
	uint64_t v;

	if (!get_varint(c, STREAM_META, &v))
		return false;
	*out = unzigzag(v);
	return true;
}

static const uint8_t *take(struct column_cursor *c, unsigned s, size_t n)
{
	const uint8_t *p = c->at[s];

	if (n > (size_t)(c->end[s] - p))
		return NULL;
	c->at[s] += n;
	return p;
}

static bool take_bitmap(struct column_cursor *c, uint32_t rows, struct meta *m)
{
	m->values = rows;
	if (m->presence != PRESENCE_BITMAP)
		return true;
	m->bitmap = take(c, STREAM_PRESENCE, (rows + 7) / 8);
	if (!m->bitmap || (rows % 8 && m->bitmap[rows / 8] >> rows % 8))
		return false;
	m->values = 0;
	for (uint32_t i = 0; i < (rows + 7) / 8; i++)
		m->values += (uint32_t)__builtin_popcount(m->bitmap[i]);
	return m->values > 0;
}

/* All of the meta bytes but the exceptions, which stay in front of the cursor. */
static bool read_meta(struct column_cursor *c, enum value_type type, uint32_t rows, struct meta *m)
{
	uint8_t how, width, exponent = 0;
	uint64_t distinct = 0, exceptions = 0;

	*m = (struct meta){ .unit = 1 };
	if (!get_byte(c, STREAM_META, &how))
		return false;
	m->presence = how & 3;
	if (m->presence == PRESENCE_NONE)
		return how == 0;
	m->transform = how >> 2 & 3;
	m->zigzag = how & META_ZIGZAG;
	m->representation = how >> 5 & 3;
	if (how >> 7 || m->presence > PRESENCE_BITMAP || m->transform > DELTA2 || !get_byte(c, STREAM_META, &width))
		return false;
	m->width = width & 15;
	if (m->width > 8 || width >> 6 || !take_bitmap(c, rows, m) || m->values < m->transform)
		return false;
	if ((m->representation == STRINGS) != (type == VALUE_STRING) ||
	    (m->representation == DECIMAL || m->representation == ORDERED) != (type == VALUE_FLOAT))
		return false;
	m->residuals = m->values - m->transform;
	if (m->representation == STRINGS && (!get_varint(c, STREAM_META, &distinct) || distinct > m->values))
		return false;
	if (m->representation == DECIMAL && (!get_byte(c, STREAM_META, &exponent) || exponent > EXPONENT_MAX))
		return false;
	if (width & META_UNIT && (!get_varint(c, STREAM_META, &m->unit) || m->unit < 2))
		return false;
	if (!get_zigzag(c, &m->first) || (m->transform == DELTA2 && !get_zigzag(c, &m->step)) ||
	    (m->transform != PLAIN && !m->zigzag && !get_zigzag(c, &m->least)))
		return false;
	if (width & META_EXCEPTIONS &&
	    (m->representation != DECIMAL || !get_varint(c, STREAM_META, &exceptions) || exceptions > m->values))
		return false;
	m->distinct = (uint32_t)distinct;
	m->exponent = exponent;
	m->exceptions = (uint32_t)exceptions;
	return true;
}

/* ---- values ---- */

static bool join_planes(struct column_cursor *c, const struct meta *m, uint64_t *r)
{
	uint32_t n = m->residuals;

	for (uint32_t p = 0; p < m->width; p++) {
		const uint8_t *from = take(c, STREAM_PLANE + p, n);
		unsigned shift = 8 * p;
		if (!from)
			return false;
		if (p == 0)
			for (uint32_t i = 0; i < n; i++)
				r[i] = from[i];
		else
			for (uint32_t i = 0; i < n; i++)
				r[i] |= (uint64_t)from[i] << shift;
	}
	return true;
}

static void undo_plain(const struct meta *m, uint64_t *v)
{
	uint64_t first = m->first, unit = m->unit;

	if (m->width == 0)
		for (uint32_t i = 0; i < m->values; i++)
			v[i] = first;
	else if (unit == 1)
		for (uint32_t i = 0; i < m->values; i++)
			v[i] += first;
	else
		for (uint32_t i = 0; i < m->values; i++)
			v[i] = v[i] * unit + first;
}

/* v has the residuals from v[transform] on. */
static void undo_delta(const struct meta *m, uint64_t *v)
{
	uint64_t unit = m->unit, least = m->least, at = m->first;
	uint32_t n = m->values;

	v[0] = at;
	if (m->width == 0) {
		uint64_t step = least * unit;
		for (uint32_t i = 1; i < n; i++)
			v[i] = at += step; /* not a product: additions go several at a time */
		return;
	}
	if (m->zigzag)
		for (uint32_t i = 1; i < n; i++)
			v[i] = unzigzag(v[i]);
	if (unit == 1)
		for (uint32_t i = 1; i < n; i++)
			v[i] = at += v[i] + least;
	else
		for (uint32_t i = 1; i < n; i++)
			v[i] = at += (v[i] + least) * unit;
}

/* Adds twice. Steps are kept times the unit. */
static void undo_delta2(const struct meta *m, uint64_t *v)
{
	const uint64_t unit = m->unit;
	uint64_t at = m->first, step = m->step * unit, least = m->least * unit;
	uint32_t n = m->values;

	v[0] = at;
	v[1] = at += step;
	if (m->width == 0) {
		for (uint32_t i = 2; i < n; i++)
			v[i] = at += step += least;
		return;
	}
	if (m->zigzag)
		least = 0;
	for (uint32_t i = 2; m->zigzag && i < n; i++)
		v[i] = unzigzag(v[i]);
	if (unit == 1)
		for (uint32_t i = 2; i < n; i++)
			v[i] = at += step += v[i] + least;
	else
		for (uint32_t i = 2; i < n; i++)
			v[i] = at += step += v[i] * unit + least;
}

static bool put_exceptions(struct column_cursor *c, const struct meta *m, uint64_t *v)
{
	uint64_t at = 0, gap;

	for (uint32_t i = 0; i < m->exceptions; i++) {
		if (!get_varint(c, STREAM_META, &gap) || gap >= m->values - at)
			return false;
		const uint8_t *p = take(c, STREAM_META, sizeof *v);
		at += gap;
		if (!p)
			return false;
		memcpy(&v[at], p, sizeof *v);
	}
	return true;
}

static bool undo_decimal(struct column_cursor *c, const struct meta *m, uint64_t *v)
{
	/* 2^52 + 2^51 and its bits: what is below 2^51 becomes a double by two additions, which processors without a
	 * conversion for 64 bits do several at a time; the encoder's integers are below 10^15 */
	const double magic = 6755399441055744.0, power = power10[m->exponent];
	const uint64_t magic_bits = UINT64_C(0x4338000000000000);

	for (uint32_t i = 0; i < m->values; i++) {
		uint64_t bits = v[i] + magic_bits;
		double d;
		memcpy(&d, &bits, sizeof d);
		d = (d - magic) / power;
		memcpy(&v[i], &d, sizeof d);
	}
	return put_exceptions(c, m, v);
}

static enum err undo_strings(struct column_cursor *c, const struct meta *m, struct arena *a, uint64_t *v)
{
	const struct rows_string **list = arena_alloc(a, (m->distinct + 1) * sizeof *list, 16);

	if (!list)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < m->distinct; i++) {
		uint64_t len;
		if (!get_varint(c, STREAM_TEXT, &len) || len > UINT32_MAX)
			return ERR_CORRUPT;
		const uint8_t *p = take(c, STREAM_TEXT, (size_t)len);
		if (!p)
			return ERR_CORRUPT;
		struct rows_string *s = arena_alloc(a, sizeof *s + (size_t)len, 8);
		if (!s)
			return ERR_NOMEM;
		s->len = (uint32_t)len;
		memcpy(s->bytes, p, (size_t)len);
		list[i] = s;
	}
	for (uint32_t i = 0; i < m->values; i++) {
		if (v[i] >= m->distinct)
			return ERR_CORRUPT;
		v[i] = (uint64_t)(uintptr_t)list[v[i]];
	}
	return ERR_OK;
}

/* Moves the values to the rows that have one, from the back, in place. */
static bool spread(const struct meta *m, uint32_t rows, struct arena *a, struct column_decoded *out)
{
	uint32_t from = m->values;

	if (m->presence != PRESENCE_BITMAP)
		return true;
	out->present = arena_alloc(a, rows, 1);
	if (!out->present)
		return false;
	for (uint32_t i = rows; i--;) {
		bool here = m->bitmap[i / 8] >> i % 8 & 1;
		out->present[i] = here;
		out->bits[i] = here ? out->bits[--from] : 0;
	}
	return true;
}

enum err column_decode(
    struct column_cursor *c, enum value_type type, uint32_t rows, struct arena *a, struct column_decoded *out)
{
	struct meta m;
	enum err e = ERR_OK;

	*out = (struct column_decoded){ 0 };
	if (!read_meta(c, type, rows, &m))
		return ERR_CORRUPT;
	out->absent = m.presence == PRESENCE_NONE;
	if (out->absent)
		return ERR_OK;
	uint64_t *v = out->bits = arena_alloc_raw(a, rows * sizeof *v, 16);
	if (!v)
		return ERR_NOMEM;
	if (!join_planes(c, &m, v + m.transform))
		return ERR_CORRUPT;
	if (m.transform == PLAIN)
		undo_plain(&m, v);
	else if (m.transform == DELTA)
		undo_delta(&m, v);
	else
		undo_delta2(&m, v);
	if (type == VALUE_BOOLEAN)
		for (uint32_t i = 0; i < m.values; i++)
			v[i] = v[i] != 0;
	if (m.representation == STRINGS)
		e = undo_strings(c, &m, a, v);
	else if (m.representation == DECIMAL)
		e = undo_decimal(c, &m, v) ? ERR_OK : ERR_CORRUPT;
	else if (m.representation == ORDERED)
		for (uint32_t i = 0; i < m.values; i++)
			v[i] = order_bits(v[i]);
	if (e == ERR_OK && !spread(&m, rows, a, out))
		e = ERR_NOMEM;
	return e;
}

enum err column_skip(struct column_cursor *c, enum value_type type, uint32_t rows)
{
	struct meta m;
	uint64_t n;

	if (!read_meta(c, type, rows, &m))
		return ERR_CORRUPT;
	if (m.presence == PRESENCE_NONE)
		return ERR_OK;
	for (uint32_t p = 0; p < m.width; p++)
		if (!take(c, STREAM_PLANE + p, m.residuals))
			return ERR_CORRUPT;
	for (uint32_t i = 0; i < m.distinct; i++)
		if (!get_varint(c, STREAM_TEXT, &n) || n > UINT32_MAX || !take(c, STREAM_TEXT, (size_t)n))
			return ERR_CORRUPT;
	for (uint32_t i = 0; i < m.exceptions; i++)
		if (!get_varint(c, STREAM_META, &n) || !take(c, STREAM_META, 8))
			return ERR_CORRUPT;
	return ERR_OK;
}
