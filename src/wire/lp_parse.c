#include "wire/lp_parse.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/num.h"
#include "wire/lp_key.h"

enum { FIELDS_FIRST = 64, KEY_USUAL = 512 };

void lp_init(struct lp_parser *ps, struct view text)
{
	*ps = (struct lp_parser){ 0 };
	lp_restart(ps, text);
}

void lp_restart(struct lp_parser *ps, struct view text)
{
	ps->p = ps->next = text.len ? text.p : ""; /* an empty view may be NULL */
	ps->end = ps->p + text.len;
	ps->out_of_memory = false;
}

void lp_fini(struct lp_parser *ps)
{
	free(ps->fields);
	*ps = (struct lp_parser){ 0 };
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == 0;
}

/* The end of the line that starts at p as InfluxDB finds it: a newline inside a quoted field value does not end it. */
static const char *find_line_end(const char *p, const char *end)
{
	bool quoted = false, in_fields = false;
	unsigned equals = 0, commas = 0;
	const char *newline = memchr(p, '\n', (size_t)(end - p));

	if (!newline)
		newline = end;
	if (!memchr(p, '"', (size_t)(newline - p)))
		return newline;
	for (; p < end; p++) {
		if (*p == '\\' && end - p > 2) {
			p++;
			continue;
		}
		if (*p == ' ')
			in_fields = true;
		if (*p == '\n' && !quoted)
			break;
		if (!in_fields)
			continue;
		if (!quoted && *p == '=')
			equals++;
		else if (!quoted && *p == ',')
			commas++;
		else if (*p == '"' && equals > commas)
			quoted = !quoted;
	}
	return p;
}

void lp_skip(struct lp_parser *ps)
{
	const char *e = find_line_end(ps->start, ps->end);

	ps->next = e < ps->end ? e + 1 : e;
	while (e > ps->start && is_blank(e[-1]))
		e--;
	ps->line = (struct view){ ps->start, (size_t)(e - ps->start) };
	ps->p = ps->next;
}

static enum lp_result bad(struct lp_parser *ps, enum reject why, const char *error)
{
	ps->why = why;
	ps->error = error;
	lp_skip(ps);
	return LP_BAD;
}

static const char *find_plain_space(const char *start, const char *p, const char *end)
{
	while (p < end && (p = memchr(p, ' ', (size_t)(end - p)))) {
		if (p == start || p[-1] != '\\')
			return p;
		p++;
	}
	return NULL;
}

/* The unescaped space that ends the key, or NULL if the line ends before. The usual case is one memchr; looking for
 * the newline only where the space is far keeps many short lines without one from costing a scan of the rest each. */
static const char *find_key_end(const char *p, const char *end)
{
	const char *near = end - p > KEY_USUAL ? p + KEY_USUAL : end;
	const char *e = find_plain_space(p, p, near);

	if (!e) {
		const char *line_end = memchr(p, '\n', (size_t)(end - p));
		e = find_plain_space(p, near, line_end ? line_end : end);
	}
	return e && !memchr(p, '\n', (size_t)(e - p)) ? e : NULL;
}

enum lp_result lp_next_key(struct lp_parser *ps)
{
	const char *p = ps->p, *end = ps->end;

	for (;;) {
		while (p < end && (is_blank(*p) || *p == '\n'))
			p++;
		if (p == end) {
			ps->p = end;
			return LP_END;
		}
		if (*p != '#')
			break;
		p = memchr(p, '\n', (size_t)(end - p));
		if (!p)
			p = end;
	}
	ps->start = p;
	if (*p == ',')
		return bad(ps, REJECT_UNPARSABLE, "missing measurement");
	const char *e = find_key_end(p, end);
	if (!e)
		return bad(ps, REJECT_UNPARSABLE, "missing fields");
	ps->key = (struct view){ p, (size_t)(e - p) };
	ps->p = e;
	return LP_OK;
}

static struct lp_field *new_field(struct lp_parser *ps)
{
	if (ps->field_count == ps->field_cap) {
		uint32_t cap = ps->field_cap ? ps->field_cap * 2 : FIELDS_FIRST;
		struct lp_field *f = cap <= LP_FIELDS_MAX ? realloc(ps->fields, cap * sizeof *f) : NULL;
		ps->out_of_memory = !f && cap <= LP_FIELDS_MAX;
		if (!f)
			return NULL;
		ps->fields = f;
		ps->field_cap = cap;
	}
	return &ps->fields[ps->field_count++];
}

/* The unescaped '=' that ends a field name, or NULL. */
static const char *find_equals(const char *p, const char *end)
{
	for (const char *start = p; p < end; p++) {
		if (*p == '=' && (p == start || p[-1] != '\\'))
			return p;
		if (((*p == ' ' || *p == ',') && (p == start || p[-1] != '\\')) || *p == '\n')
			return NULL;
	}
	return NULL;
}

static const char *parse_bool(const char *p, const char *end, struct value *v)
{
	static const char *const words[] = { "true", "True", "TRUE", "false", "False", "FALSE", "t", "T", "f", "F" };

	for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
		size_t n = strlen(words[i]);
		if (n > (size_t)(end - p) || memcmp(p, words[i], n))
			continue;
		v->type = VALUE_BOOLEAN;
		v->b = words[i][0] == 't' || words[i][0] == 'T';
		return p + n;
	}
	return NULL;
}

static const char *parse_number(const char *p, const char *end, struct value *v)
{
	struct num_decimal d;
	const char *e = num_scan_decimal(p, end, &d);

	if (!e)
		return NULL;
	bool suffix = e < end && (*e == 'i' || *e == 'u');
	if (!suffix) {
		v->type = VALUE_FLOAT;
		return num_decimal_to_double(&d, (struct view){ p, (size_t)(e - p) }, &v->f) ? e : NULL;
	}
	if (!d.is_integer || d.digits > 20)
		return NULL;
	uint64_t m = d.mantissa;
	if (d.digits == 20) { /* may have wrapped */
		const char *digits = p + (*p == '-' || *p == '+');
		while (*digits == '0')
			digits++;
		if (!num_parse_u64((struct view){ digits, 20 }, &m))
			return NULL;
	}
	if (*e == 'u') {
		if (*p == '-')
			return NULL;
		v->type = VALUE_UNSIGNED;
		v->u = m;
	} else {
		if (m > (uint64_t)INT64_MAX + d.negative)
			return NULL;
		v->type = VALUE_INTEGER;
		v->i = d.negative ? (int64_t)-m : (int64_t)m;
	}
	return e + 1;
}

static bool looks_not_finite(const char *p, const char *end)
{
	if (p < end && (*p == '-' || *p == '+'))
		p++;
	return end - p >= 3 && ((p[0] | 32) == 'n' || (p[0] | 32) == 'i') &&
	    (((p[1] | 32) == 'a' && (p[2] | 32) == 'n') || ((p[1] | 32) == 'n' && (p[2] | 32) == 'f'));
}

/* One value at p; what follows it, or NULL and the refusal. */
static const char *parse_value(struct lp_parser *ps, const char *p, struct value *v)
{
	const char *end = ps->end, *e;

	ps->why = REJECT_UNPARSABLE;
	if (p < end && *p == '"') {
		for (e = p + 1; e < end && *e != '"'; e++)
			if (*e == '\\' && end - e > 1)
				e++;
		if (e >= end) {
			ps->error = "unbalanced quotes";
			return NULL;
		}
		v->type = VALUE_STRING;
		v->s = (struct view){ p + 1, (size_t)(e - p - 1) };
		if (v->s.len > LP_STRING_MAX) {
			ps->why = REJECT_TOO_LONG;
			ps->error = "string longer than 65536 bytes";
			return NULL;
		}
		return e + 1;
	}
	if (p == end || *p == ',' || *p == ' ' || *p == '\n') {
		ps->error = "missing field value";
		return NULL;
	}
	if ((unsigned char)(*p - '0') <= 9 || *p == '-' || *p == '.' || *p == '+') {
		e = parse_number(p, end, v);
		ps->error = "invalid number";
	} else {
		e = parse_bool(p, end, v);
		ps->error = "invalid boolean";
	}
	if (e && e < end && *e != ',' && *e != ' ' && *e != '\n' && *e != '\r')
		e = NULL;
	if (!e && looks_not_finite(p, end)) {
		ps->why = REJECT_NOT_FINITE;
		ps->error = "invalid number";
	}
	return e;
}

/* After the fields: nothing, or a timestamp, then the line's end. */
static enum lp_result parse_time(struct lp_parser *ps, const char *p)
{
	const char *end = ps->end, *e;

	while (p < end && is_blank(*p))
		p++;
	ps->time_start = p;
	ps->has_time = p < end && *p != '\n';
	e = p;
	if (ps->has_time) {
		uint64_t t = 0;
		bool negative = *p == '-', wrapped = false;
		const char *digits = p += negative;
		for (; p < end && (unsigned char)(*p - '0') <= 9; p++) {
			wrapped |= p - digits >= 19; /* 19 digits always fit 64 bits */
			t = t * 10 + (unsigned char)(*p - '0');
		}
		e = p;
		if (p == digits)
			return bad(ps, REJECT_UNPARSABLE, "invalid timestamp");
		while (p < end && is_blank(*p))
			p++;
		if (p < end && *p != '\n')
			return bad(ps, REJECT_UNPARSABLE, "bad timestamp");
		if (wrapped || t > (uint64_t)INT64_MAX)
			return bad(
			    ps, REJECT_UNPARSABLE, "time outside range -9223372036854775806 - 9223372036854775806");
		ps->time = negative ? -(int64_t)t : (int64_t)t;
	} else {
		while (e > ps->start && is_blank(e[-1]))
			e--;
		ps->time_start = e;
	}
	ps->line = (struct view){ ps->start, (size_t)(e - ps->start) };
	ps->next = p < end ? p + 1 : p;
	ps->p = ps->next;
	return LP_OK;
}

enum lp_result lp_rest(struct lp_parser *ps, const struct lp_expect *expect)
{
	const char *p = ps->p, *end = ps->end;
	uint32_t at = 0, count = expect ? expect->count : 0;

	ps->field_count = 0;
	while (p < end && *p == ' ')
		p++;
	if (p == end || *p == '\n' || *p == '\r')
		return bad(ps, REJECT_UNPARSABLE, "missing fields");
	for (;;) {
		struct lp_field *f = new_field(ps);
		if (!f)
			return bad(ps, REJECT_TOO_LONG, ps->out_of_memory ? "out of memory" : "more than 4096 fields");
		f->expected = -1;
		if (at < count) {
			struct view n = expect->names[at];
			if (n.len < (size_t)(end - p) && p[n.len] == '=' && !memcmp(p, n.p, n.len)) {
				f->expected = (int32_t)at;
				f->name = n;
				p += n.len + 1;
			}
			at++;
		}
		if (f->expected < 0) {
			const char *equals = find_equals(p, end);
			if (!equals)
				return bad(ps, REJECT_UNPARSABLE,
				    p < end && *p == '"' ? "missing field key" : "invalid field format");
			if (equals == p)
				return bad(ps, REJECT_UNPARSABLE, "missing field key");
			f->name = (struct view){ p, (size_t)(equals - p) };
			p = equals + 1;
		}
		p = parse_value(ps, p, &f->value);
		if (!p)
			return bad(ps, ps->why, ps->error);
		if (p == end || *p != ',')
			break;
		p++;
	}
	if (p < end && *p != ' ' && *p != '\n' && *p != '\r')
		return bad(ps, REJECT_UNPARSABLE, "invalid field format");
	return parse_time(ps, p);
}

void lp_unescape_string(struct view raw, struct buf *out)
{
	for (size_t i = 0; i < raw.len; i++) {
		if (raw.p[i] == '\\' && i + 1 < raw.len && (raw.p[i + 1] == '"' || raw.p[i + 1] == '\\'))
			i++;
		buf_char(out, raw.p[i]);
	}
}
