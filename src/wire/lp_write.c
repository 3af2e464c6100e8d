#include "wire/lp_write.h"

#include <math.h>

static bool is_plain(char c, const char *special)
{
	if (c == '\n' || c == '\r' || c == 0)
		return false;
	for (; *special; special++)
		if (c == *special)
			return false;
	return true;
}

/* special always has the space in it. */
static void escaped(struct buf *b, struct view v, const char *special)
{
	for (size_t i = 0, start = 0; i <= v.len; i++) {
		if (i < v.len && is_plain(v.p[i], special))
			continue;
		buf_append(b, v.p + start, i - start); /* what needs nothing goes in one piece: it is nearly all */
		start = i + 1;
		if (i == v.len || v.p[i] == 0)
			continue;
		bool newline = v.p[i] == '\n' || v.p[i] == '\r'; /* has no escape */
		buf_char(b, '\\');
		buf_char(b, newline ? ' ' : v.p[i]);
	}
	if (v.len && v.p[v.len - 1] == '\\') /* it would escape what follows */
		buf_char(b, ' ');
}

void lp_begin(struct lp_writer *w, struct buf *out, const char *measurement)
{
	w->out = out;
	w->line_start = out->len;
	w->fields = 0;
	escaped(out, view_of(measurement), ", ");
}

void lp_tag(struct lp_writer *w, const char *key, const char *value)
{
	if (!*value)
		return;
	buf_char(w->out, ',');
	escaped(w->out, view_of(key), ",= ");
	buf_char(w->out, '=');
	escaped(w->out, view_of(value), ",= ");
}

static void field_name(struct lp_writer *w, const char *key)
{
	buf_char(w->out, w->fields++ ? ',' : ' ');
	escaped(w->out, view_of(key), ",= ");
	buf_char(w->out, '=');
}

void lp_float(struct lp_writer *w, const char *key, double v)
{
	if (!isfinite(v))
		return;
	field_name(w, key);
	buf_double(w->out, v);
}

void lp_int(struct lp_writer *w, const char *key, int64_t v)
{
	field_name(w, key);
	buf_i64(w->out, v);
	buf_char(w->out, 'i');
}

void lp_bool(struct lp_writer *w, const char *key, bool v)
{
	field_name(w, key);
	buf_str(w->out, v ? "true" : "false");
}

void lp_string(struct lp_writer *w, const char *key, struct view v)
{
	field_name(w, key);
	buf_char(w->out, '"');
	for (size_t i = 0; i < v.len; i++) {
		if (v.p[i] == '"' || v.p[i] == '\\')
			buf_char(w->out, '\\');
		buf_char(w->out, v.p[i]);
	}
	buf_char(w->out, '"');
}

void lp_end(struct lp_writer *w, int64_t time_ns)
{
	buf_char(w->out, ' ');
	buf_i64(w->out, time_ns);
	buf_char(w->out, '\n');
	if (w->fields == 0 || w->out->failed) {
		w->out->len = w->line_start;
		return;
	}
	w->points++;
	w->values += w->fields;
}
