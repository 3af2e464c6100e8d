/* Texts and cells of the answer in JSON, and the rows made of them. */
#include "query/result_json_rows.h"

#include <math.h>

#include "base/num_shortest.h"
#include "wire/json_write.h"

enum { CELL_MAX = 44 }; /* bytes of one that is no string, with what stands around it */

/* ---- text ---- */

static char *put_escape(char *p, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";

	*p++ = '\\';
	switch (c) {
	case '"':
	case '\\':
		*p++ = (char)c;
		return p;
	case '\n':
		*p++ = 'n';
		return p;
	case '\r':
		*p++ = 'r';
		return p;
	case '\t':
		*p++ = 't';
		return p;
	default:
		memcpy(p, "u00", 3);
		p[3] = hex[c >> 4];
		p[4] = hex[c & 15];
		return p + 5;
	}
}

/* Beyond ASCII: *used bytes of it. */
static char *put_wide(char *p, const unsigned char *s, size_t left, size_t *used)
{
	size_t n = json_utf8_length(s, left);

	*used = n ? n : 1;
	if (n == 0) {
		memcpy(p, "\\ufffd", 6);
		return p + 6;
	}
	if (n == 3 && s[0] == 0xe2 && s[1] == 0x80 &&
	    (s[2] | 1) == 0xa9) { /* U+2028, U+2029: line ends in JavaScript */
		memcpy(p, "\\u202", 5);
		p[5] = (char)('8' + (s[2] & 1));
		return p + 6;
	}
	memcpy(p, s, n);
	return p + n;
}

/* Into 6 * len + 2 bytes of room. */
static char *put_string(char *p, struct view v)
{
	static const bool special[128] = {
		[0 ... 31] = true, ['"'] = true, ['\\'] = true, ['<'] = true, ['>'] = true, ['&'] = true
	};
	const unsigned char *s = (const unsigned char *)v.p;
	size_t i = 0, used;

	*p++ = '"';
	while (i < v.len) {
		unsigned char c = s[i];
		if (c < 128 && !special[c]) {
			*p++ = (char)c;
			i++;
		} else if (c < 128) {
			p = put_escape(p, c);
			i++;
		} else {
			p = put_wide(p, s + i, v.len - i, &used);
			i += used;
		}
	}
	*p++ = '"';
	return p;
}

void result_json_quote(struct buf *b, struct view text)
{
	if (buf_reserve(b, 6 * text.len + 2))
		b->len = (size_t)(put_string(b->p + b->len, text) - b->p);
}

/* ---- cells ---- */

static char *put_time(struct result_json *j, char *p, int64_t ns)
{
	if (j->epoch != RESULT_EPOCH_TEXT)
		return num_put_rising(p, result_epoch_of(j->epoch, ns), &j->head_of_time);
	*p++ = '"';
	p = result_clock_put(&j->clock, p, ns);
	*p++ = '"';
	return p;
}

static char *put_word(char *p, const char *word, size_t n)
{
	memcpy(p, word, n);
	return p + n;
}

/* One that is no string, into CELL_MAX bytes of room. */
static char *put_cell(char *p, const struct cell *c, uint8_t *decimals)
{
	switch (c->type) {
	case CELL_FLOAT:
		return isfinite(c->f) ? num_put_json_like(p, c->f, decimals) : put_word(p, "null", 4);
	case CELL_INTEGER:
		return num_put_i64(p, c->i);
	case CELL_UNSIGNED:
		return num_put_u64(p, c->u);
	case CELL_BOOLEAN:
		return c->b ? put_word(p, "true", 4) : put_word(p, "false", 5);
	case CELL_NULL:
	case CELL_STRING:
		break;
	}
	return put_word(p, "null", 4);
}

static uint8_t *decimals_of(struct result_json *j, uint32_t column)
{
	return &j->decimals[column % RESULT_DECIMALS];
}

/* ---- rows ---- */

static void put_row_pretty(struct result_json *j, const struct cell *cells)
{
	struct buf *b = &j->out->buf;
	char text[CELL_MAX], *p;

	result_json_line(j, 6);
	buf_char(b, '[');
	for (uint32_t i = 0; i < j->columns; i++) {
		if (i)
			buf_char(b, ',');
		result_json_line(j, 7);
		p = text;
		if (cells[i].type == CELL_STRING)
			result_json_quote(b, cells[i].s);
		else if (i == 0 && j->first_is_time)
			p = put_time(j, p, cells[i].i);
		else
			p = put_cell(p, &cells[i], decimals_of(j, i));
		buf_append(b, text, (size_t)(p - text));
	}
	result_json_line(j, 6);
	buf_char(b, ']');
}

/* The hot path: room for the whole row at once, but for strings. */
static void put_row_plain(struct result_json *j, const struct cell *cells)
{
	struct buf *b = &j->out->buf;
	uint32_t i = 0;

	if (!buf_reserve(b, (size_t)j->columns * CELL_MAX + 2))
		return;
	char *p = b->p + b->len;
	*p++ = '[';
	if (j->first_is_time) {
		p = put_time(j, p, cells[0].i);
		i = 1;
	}
	for (; i < j->columns; i++) {
		if (i)
			*p++ = ',';
		if (cells[i].type == CELL_STRING) {
			b->len = (size_t)(p - b->p);
			if (!buf_reserve(b, 6 * cells[i].s.len + 2 + (size_t)(j->columns - i) * CELL_MAX + 2))
				return;
			p = put_string(b->p + b->len, cells[i].s);
		} else {
			p = put_cell(p, &cells[i], decimals_of(j, i));
		}
	}
	*p++ = ']';
	b->len = (size_t)(p - b->p);
}

void result_json_put_row(struct result_json *j, const struct cell *cells)
{
	if (j->pretty)
		put_row_pretty(j, cells);
	else
		put_row_plain(j, cells);
}

/* ---- runs ---- */

/* A column's cell, which is no string. */
static char *put_figure(char *p, const struct result_column *c, uint32_t row, uint8_t *decimals)
{
	const uint64_t bits = c->bits[row];
	double v;

	if (c->present && !c->present[row])
		return put_word(p, "null", 4);
	switch (c->type) {
	case VALUE_FLOAT:
		memcpy(&v, &bits, sizeof v);
		return isfinite(v) ? num_put_json_like(p, v, decimals) : put_word(p, "null", 4);
	case VALUE_INTEGER:
		return num_put_i64(p, (int64_t)bits);
	case VALUE_UNSIGNED:
		return num_put_u64(p, bits);
	case VALUE_BOOLEAN:
		return bits ? put_word(p, "true", 4) : put_word(p, "false", 5);
	case VALUE_STRING:
		break;
	}
	return put_word(p, "null", 4);
}

/* What a run's row takes at most, with its comma. */
static size_t row_max(const struct result_run *r)
{
	size_t n = (size_t)(r->column_count + 1) * CELL_MAX + 3;

	for (uint32_t k = 0; k < r->column_count; k++)
		if (!r->columns[k].bits && r->columns[k].same.type == CELL_STRING)
			n += 6 * r->columns[k].same.s.len + 2;
	return n;
}

static char *put_run_row(struct result_json *j, char *p, const struct result_run *r, uint32_t row)
{
	*p++ = '[';
	p = put_time(j, p, r->times[row]);
	for (uint32_t k = 0; k < r->column_count; k++) {
		const struct result_column *c = &r->columns[k];
		*p++ = ',';
		if (c->bits)
			p = put_figure(p, c, row, decimals_of(j, k + 1));
		else if (c->same.type == CELL_STRING)
			p = put_string(p, c->same.s);
		else
			p = put_cell(p, &c->same, decimals_of(j, k + 1));
	}
	*p++ = ']';
	return p;
}

bool result_json_put_run(struct result_json *j, const struct result_run *r)
{
	struct result_out *out = j->out;
	const size_t room = row_max(r);

	for (uint32_t i = 0; i < r->count; i++) {
		if (!buf_reserve(&out->buf, room))
			return false;
		char *p = out->buf.p + out->buf.len;
		if (i)
			*p++ = ',';
		p = put_run_row(j, p, r, result_run_row(r, i));
		out->buf.len = (size_t)(p - out->buf.p);
		if (!result_out_row_done(out))
			return false;
	}
	return true;
}
