#include "cli/lpline.h"

#include <stdarg.h>
#include <stdio.h>

void lpline_fail(struct lpline *l, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (l->wrong)
		return;
	l->wrong = true;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	(void)errbuf_set(l->why, ERR_INVALID, "%s", text);
}

/* what: "tag", for the message; special: what a backslash escapes there. */
static void put_name(struct lpline *l, const char *what, struct view v, const char *special)
{
	if (v.len == 0)
		lpline_fail(l, "a %s without a name", what);
	else if (v.p[v.len - 1] == '\\')
		lpline_fail(l, "the %s %.*s ends in a backslash, which line protocol cannot say", what,
		    v.len < 100 ? (int)v.len : 100, v.p);
	for (size_t i = 0; i < v.len && !l->wrong; i++) {
		if ((unsigned char)v.p[i] < 0x20 || v.p[i] == 0x7f)
			lpline_fail(l, "a %s with a control character", what);
		if (strchr(special, v.p[i]))
			buf_char(l->out, '\\');
		buf_char(l->out, v.p[i]);
	}
}

void lpline_begin(struct lpline *l, struct buf *out, struct view measurement, struct errbuf *why)
{
	*l = (struct lpline){ .out = out, .start = out->len, .why = why };
	if (measurement.len && measurement.p[0] == '#')
		lpline_fail(l, "a measurement cannot begin with #: line protocol takes that for a comment");
	put_name(l, "measurement", measurement, ", ");
}

void lpline_tag(struct lpline *l, struct view key, struct view value)
{
	if (value.len == 0)
		return;
	buf_char(l->out, ',');
	put_name(l, "tag", key, ",= ");
	buf_char(l->out, '=');
	put_name(l, "tag's value", value, ",= ");
}

static void begin_field(struct lpline *l, struct view key)
{
	buf_char(l->out, l->fields++ ? ',' : ' ');
	put_name(l, "field", key, ",= ");
	buf_char(l->out, '=');
}

void lpline_float(struct lpline *l, struct view key, double v)
{
	begin_field(l, key);
	buf_double(l->out, v);
}

void lpline_integer(struct lpline *l, struct view key, int64_t v)
{
	begin_field(l, key);
	buf_i64(l->out, v);
	buf_char(l->out, 'i');
}

void lpline_unsigned(struct lpline *l, struct view key, uint64_t v)
{
	begin_field(l, key);
	buf_u64(l->out, v);
	buf_char(l->out, 'u');
}

void lpline_boolean(struct lpline *l, struct view key, bool v)
{
	begin_field(l, key);
	buf_str(l->out, v ? "true" : "false");
}

void lpline_string(struct lpline *l, struct view key, struct view v)
{
	begin_field(l, key);
	buf_char(l->out, '"');
	for (size_t i = 0; i < v.len; i++) {
		if (v.p[i] == '"' || v.p[i] == '\\')
			buf_char(l->out, '\\');
		buf_char(l->out, v.p[i]);
	}
	buf_char(l->out, '"');
}

bool lpline_end(struct lpline *l, int64_t time_ns)
{
	if (l->fields == 0)
		lpline_fail(l, "a point without fields");
	buf_char(l->out, ' ');
	buf_i64(l->out, time_ns);
	buf_char(l->out, '\n');
	if (l->out->failed)
		lpline_fail(l, "the point is too long");
	if (l->wrong) {
		l->out->len = l->start;
		l->out->failed = false;
	}
	return !l->wrong;
}
