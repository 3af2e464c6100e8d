/* {"results":[{"statement_id":0,"series":[{"name":…,"tags":{…},"columns":[…],"values":[[…],…],"partial":true}],
 * "partial":true}]}, or {"error":…}, or {"results":[{"error":…}]}. InfluxDB writes tags before columns before values; numbers
 * without a point or exponent are integers. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/num.h"
#include "query/record_select.h"
#include "wire/json_read.h"

enum { NAMES_MAX_BYTES = 1 << 20, STRING_MAX_BYTES = 32 << 20, COLUMNS_MAX = 8192, TAGS_MAX = 256 };

struct head { /* of a series, in its arena */
	struct arena arena;
	struct result_series series;
	bool any;
};

struct record_select_reader {
	struct result_sink sink;
	struct head heads[2];
	unsigned now; /* which of the two is the series at hand */
	struct buf text, error;
	struct buf strings; /* of a row; offsets until all are there */
	struct cell *cells;
	uint32_t cell_room;
	bool begun, enough;
};

enum err record_select_reader_new(struct record_select_reader **out, const struct result_sink *sink)
{
	struct record_select_reader *r = calloc(1, sizeof *r);

	*out = r;
	if (!r)
		return ERR_NOMEM;
	r->sink = *sink;
	buf_init(&r->text, STRING_MAX_BYTES);
	buf_init(&r->error, STRING_MAX_BYTES);
	buf_init(&r->strings, STRING_MAX_BYTES);
	for (int i = 0; i < 2; i++)
		arena_init(&r->heads[i].arena, 4096, NAMES_MAX_BYTES);
	return ERR_OK;
}

void record_select_reader_free(struct record_select_reader *r)
{
	if (!r)
		return;
	for (int i = 0; i < 2; i++)
		arena_fini(&r->heads[i].arena);
	buf_fini(&r->text);
	buf_fini(&r->error);
	buf_fini(&r->strings);
	free(r->cells);
	free(r);
}

bool record_select_has_begun(const struct record_select_reader *r)
{
	return r->begun;
}

/* ---- the head of a series ---- */

static bool keep(struct record_select_reader *r, struct head *h, struct view *out)
{
	out->p = arena_copy(&h->arena, (struct view){ r->text.p ? r->text.p : "", r->text.len });
	out->len = r->text.len;
	return out->p;
}

static bool read_tags(struct record_select_reader *r, struct json_in *in, struct head *h)
{
	struct result_tag *tags = arena_alloc(&h->arena, TAGS_MAX * sizeof *tags, 16);
	uint32_t n = 0;

	if (!tags || !json_enter(in, '{'))
		return false;
	while (json_more(in, '}')) {
		if (n == TAGS_MAX || !json_key(in, &r->text) || !keep(r, h, &tags[n].key) ||
		    !json_string(in, &r->text) || !keep(r, h, &tags[n].value))
			return false;
		n++;
	}
	h->series.tags = tags;
	h->series.tag_count = n;
	return !in->failed;
}

static bool read_columns(struct record_select_reader *r, struct json_in *in, struct head *h)
{
	struct json_in ahead = *in;
	uint32_t count = 0, n = 0;

	for (bool ok = json_enter(&ahead, '['); ok && json_more(&ahead, ']'); count++)
		ok = json_skip(&ahead);
	if (ahead.failed || count == 0 || count > COLUMNS_MAX)
		return false;
	struct view *columns = arena_alloc(&h->arena, count * sizeof *columns, 16);
	if (!columns || !json_enter(in, '['))
		return false;
	while (json_more(in, ']'))
		if (n == count || !json_string(in, &r->text) || !keep(r, h, &columns[n++]))
			return false;
	h->series.columns = columns;
	h->series.column_count = n;
	h->series.first_is_time = true;
	if (n > r->cell_room) {
		struct cell *cells = realloc(r->cells, n * sizeof *cells);
		if (!cells)
			return false;
		r->cells = cells;
		r->cell_room = n;
	}
	return !in->failed;
}

static bool same_series(const struct result_series *a, const struct result_series *b)
{
	bool same = view_eq(a->name, b->name) && a->tag_count == b->tag_count && a->column_count == b->column_count;

	for (uint32_t i = 0; same && i < a->tag_count; i++)
		same = view_eq(a->tags[i].key, b->tags[i].key) && view_eq(a->tags[i].value, b->tags[i].value);
	for (uint32_t i = 0; same && i < a->column_count; i++)
		same = view_eq(a->columns[i], b->columns[i]);
	return same;
}

/* ---- rows ---- */

static bool read_number(struct json_in *in, struct cell *c)
{
	struct view text;

	if (!json_number(in, &text))
		return false;
	if (view_is(text, "-0") && num_parse_double(text, &c->f)) /* no integer has a sign then */
		c->type = CELL_FLOAT;
	else if (num_parse_i64(text, &c->i))
		c->type = CELL_INTEGER;
	else if (num_parse_u64(text, &c->u))
		c->type = CELL_UNSIGNED;
	else if (num_parse_double(text, &c->f))
		c->type = CELL_FLOAT;
	else
		in->failed = true;
	return !in->failed;
}

/* A string's cell has its place in r->strings until the row is whole. */
static bool read_cell(struct record_select_reader *r, struct json_in *in, struct cell *c)
{
	char first = json_peek(in);

	*c = (struct cell){ 0 };
	if (first == '"') {
		if (!json_string(in, &r->text))
			return false;
		c->type = CELL_STRING;
		c->s = (struct view){ NULL, r->text.len };
		buf_append(&r->strings, r->text.p, r->text.len);
		return !r->strings.failed;
	}
	if (first == 't' || first == 'f') {
		c->type = CELL_BOOLEAN;
		c->b = first == 't';
		return json_literal(in, c->b ? "true" : "false");
	}
	return first == 'n' ? json_literal(in, "null") : read_number(in, c);
}

static bool read_row(struct record_select_reader *r, struct json_in *in, uint32_t columns)
{
	uint32_t n = 0;
	size_t at = 0;

	buf_clear(&r->strings);
	if (!json_enter(in, '['))
		return false;
	while (json_more(in, ']'))
		if (n == columns || !read_cell(r, in, &r->cells[n++]))
			return false;
	if (in->failed || n != columns || r->cells[0].type != CELL_INTEGER)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (r->cells[i].type == CELL_STRING) {
			r->cells[i].s.p = r->strings.p ? r->strings.p + at : "";
			at += r->cells[i].s.len;
		}
	r->enough = !r->sink.row(r->sink.arg, r->cells);
	return !r->enough;
}

static bool read_rows(struct record_select_reader *r, struct json_in *in, struct head *h)
{
	struct head *before = &r->heads[!r->now];

	if (!h->series.column_count || !json_enter(in, '['))
		return false;
	if (!before->any || !same_series(&before->series, &h->series)) {
		r->begun = true;
		r->enough = !r->sink.series(r->sink.arg, &h->series);
		if (r->enough)
			return false;
	}
	while (json_more(in, ']'))
		if (!read_row(r, in, h->series.column_count))
			return false;
	h->any = true;
	return !in->failed;
}

static bool read_series(struct record_select_reader *r, struct json_in *in)
{
	r->now = !r->now;
	struct head *h = &r->heads[r->now];

	arena_clear(&h->arena);
	h->series = (struct result_series){ 0 };
	h->any = false;
	if (!json_enter(in, '{'))
		return false;
	while (json_more(in, '}')) {
		bool ok;
		if (!json_key(in, &r->text))
			return false;
		struct view key = { r->text.p, r->text.len };
		if (view_is(key, "name"))
			ok = json_string(in, &r->text) && keep(r, h, &h->series.name);
		else if (view_is(key, "tags"))
			ok = read_tags(r, in, h);
		else if (view_is(key, "columns"))
			ok = read_columns(r, in, h);
		else if (view_is(key, "values"))
			ok = read_rows(r, in, h);
		else
			ok = json_skip(in);
		if (!ok)
			return false;
	}
	return !in->failed;
}

/* ---- the document ---- */

static bool read_result(struct record_select_reader *r, struct json_in *in, bool *partial)
{
	if (!json_enter(in, '{'))
		return false;
	while (json_more(in, '}')) {
		bool ok = json_key(in, &r->text);
		struct view key = { r->text.p, r->text.len };
		if (ok && view_is(key, "series")) {
			ok = json_enter(in, '[');
			while (ok && json_more(in, ']'))
				ok = read_series(r, in);
		} else if (ok && view_is(key, "error")) {
			ok = json_string(in, &r->error);
		} else if (ok && view_is(key, "partial")) {
			*partial = json_peek(in) == 't';
			ok = json_skip(in);
		} else if (ok) {
			ok = json_skip(in);
		}
		if (!ok)
			return false;
	}
	return !in->failed;
}

static bool read_results(struct record_select_reader *r, struct json_in *in, bool *partial)
{
	bool any = false;

	if (!json_enter(in, '{'))
		return false;
	while (json_more(in, '}')) {
		bool ok = json_key(in, &r->text);
		struct view key = { r->text.p, r->text.len };
		if (ok && view_is(key, "results")) {
			ok = json_enter(in, '[');
			while (ok && json_more(in, ']'))
				ok = any = read_result(r, in, partial);
		} else if (ok && view_is(key, "error")) {
			ok = any = json_string(in, &r->error);
		} else if (ok) {
			ok = json_skip(in);
		}
		if (!ok)
			return false;
	}
	return any && !in->failed;
}

enum err record_select_read(struct record_select_reader *r, struct view document, bool *partial, struct errbuf *eb)
{
	static const char no_database[] = "database not found: ";
	struct json_in in;

	json_in_init(&in, document);
	buf_clear(&r->error);
	*partial = false;
	if (!read_results(r, &in, partial)) {
		if (r->enough)
			return errbuf_set(eb, ERR_CLOSED, "the answer is not wanted any more");
		return errbuf_set(eb, ERR_CORRUPT, "InfluxDB's answer is none that can be read");
	}
	if (!r->error.len)
		return ERR_OK;
	bool gone = r->error.len >= sizeof no_database - 1 && !memcmp(r->error.p, no_database, sizeof no_database - 1);
	return errbuf_set(eb, gone ? ERR_NOTFOUND : ERR_INVALID, "%.*s", (int)r->error.len, r->error.p);
}
