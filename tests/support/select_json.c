#include "support/select_json.h"

#include <math.h>

#include "base/clock.h"
#include "query/influxql/check.h"
#include "query/influxql/parser.h"
#include "query/select/select.h"

struct out {
	struct buf *text;
	uint32_t series, columns;
	bool rows;
};

static void put_text(struct buf *b, struct view v)
{
	buf_char(b, '"');
	for (size_t i = 0; i < v.len; i++) {
		unsigned char c = (unsigned char)v.p[i];
		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c < ' ')
			buf_printf(b, "\\u%04x", c);
		else
			buf_char(b, (char)c);
	}
	buf_char(b, '"');
}

static void put_cell(struct buf *b, const struct cell *c)
{
	switch (c->type) {
	case CELL_FLOAT:
		if (!isfinite(c->f))
			buf_str(b, "null");
		else /* a point, so that it reads back as a float */
			buf_printf(b, "%.17g%s", c->f, c->f == trunc(c->f) && fabs(c->f) < 1e15 ? ".0" : "");
		break;
	case CELL_INTEGER:
		buf_i64(b, c->i);
		break;
	case CELL_UNSIGNED:
		buf_u64(b, c->u);
		break;
	case CELL_BOOLEAN:
		buf_str(b, c->b ? "true" : "false");
		break;
	case CELL_STRING:
		put_text(b, c->s);
		break;
	default:
		buf_str(b, "null");
		break;
	}
}

static void end_series(struct out *o)
{
	if (o->series)
		buf_str(o->text, "]}");
}

static void put_tags(struct buf *b, const struct result_series *s)
{
	buf_str(b, "\"tags\":{");
	for (uint32_t i = 0; i < s->tag_count; i++) {
		if (i)
			buf_char(b, ',');
		put_text(b, s->tags[i].key);
		buf_char(b, ':');
		put_text(b, s->tags[i].value);
	}
	buf_str(b, "},");
}

static bool on_series(void *arg, const struct result_series *s)
{
	struct out *o = arg;
	struct buf *b = o->text;

	end_series(o);
	buf_str(b, o->series++ ? ",{" : "\"series\":[{");
	if (s->name.len) {
		buf_str(b, "\"name\":");
		put_text(b, s->name);
		buf_char(b, ',');
	}
	if (s->tag_count)
		put_tags(b, s);
	buf_str(b, "\"columns\":[");
	for (uint32_t i = 0; i < s->column_count; i++) {
		if (i)
			buf_char(b, ',');
		put_text(b, s->columns[i]);
	}
	buf_str(b, "],\"values\":[");
	o->columns = s->column_count;
	o->rows = false;
	return true;
}

static bool on_row(void *arg, const struct cell *cells)
{
	struct out *o = arg;

	buf_str(o->text, o->rows ? ",[" : "[");
	o->rows = true;
	for (uint32_t i = 0; i < o->columns; i++) {
		if (i)
			buf_char(o->text, ',');
		put_cell(o->text, &cells[i]);
	}
	buf_char(o->text, ']');
	return true;
}

static enum err answer(
    struct stand *s, struct arena *a, const char *text, struct budget *b, struct out *o, struct errbuf *eb)
{
	struct result_report report = { 0 };
	struct result_sink sink = { .series = on_series, .row = on_row, .arg = o };
	struct iql_query q;
	int64_t now = clock_wall_ns();
	struct select_env env = {
		.local = s->local, .catalogue = s->catalogue, .database = view_of("metrics"), .budget = b, .now_ns = now
	};
	enum err e = iql_parse(a, view_of(text), NULL, &q, eb);

	if (e == ERR_OK)
		e = iql_check_statement(a, q.first, now, eb);
	if (e == ERR_OK && q.first->kind == IQL_EXPLAIN)
		return select_explain(&env, a, q.first->select, q.first->flag, &sink, &report, eb);
	return e == ERR_OK ? select_run(&env, a, q.first->select, &sink, &report, eb) : e;
}

enum err select_json(struct stand *s, const char *text, struct budget *b, struct buf *out)
{
	struct out o = { .text = out };
	struct errbuf eb = { "" };
	struct arena a;

	arena_init(&a, 16 << 10, 16 << 20);
	buf_char(out, '{');
	enum err e = answer(s, &a, text, b, &o, &eb);
	end_series(&o);
	if (o.series)
		buf_char(out, ']');
	if (e != ERR_OK) {
		buf_str(out, o.series ? ",\"error\":" : "\"error\":");
		put_text(out, view_of(eb.text));
	}
	buf_char(out, '}');
	arena_fini(&a);
	return e;
}
