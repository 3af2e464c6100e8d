#include "wire/lp_write.h"

#include <math.h>

static void escaped(struct buf *b, struct view v, const char *special)
{
	for (size_t i = 0; i < v.len; i++) {
		char c = v.p[i];
		if (c == '\n' || c == '\r') /* has no escape */
			c = ' ';
		if (strchr(special, c) && c)
			buf_char(b, '\\');
		if (c)
			buf_char(b, c);
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
