/* {"results":[{"series":[{"name":…,"tags":{…},"columns":["time",…],"values":[[t,v,…],…]},…]}]} */
#include "flow/backfill_part.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "wire/json_read.h"
#include "wire/lp_key.h"

enum { TEXT_MAX = 1 << 20, ROWS_FIRST = 64 };

struct column {
	uint64_t *bits;
	uint8_t *present;
};

struct answer {
	struct json_in in;
	struct catalogue *catalogue;
	struct measurement *measurement;
	const struct backfill_fields *fields;
	struct arena *arena;
	struct older *older;
	struct backfill_answer *out;
	struct errbuf *eb;
	struct buf key, text; /* of the series; scratch */
	/* the series at hand */
	int64_t *times;
	struct column *columns;
	uint32_t rows, room;
	struct series *series;
	bool out_of_memory;
	/* all chunks of the answer */
	struct older_chunk *chunks;
	int64_t *windows;
	uint32_t count, chunk_room;
};

/* ---- what every answer has ---- */

/* Errors stand where results should. */
static enum err take_error(struct json_in *in, struct buf *text, struct errbuf *eb)
{
	if (json_peek(in) != '"' || !json_string(in, text))
		return errbuf_set(eb, ERR_INVALID, "InfluxDB answers with something else than results");
	return errbuf_set(eb, ERR_INVALID, "InfluxDB answers: %.*s", (int)(text->len > 300 ? 300 : text->len), text->p);
}

static bool key_is(const struct buf *b, const char *word)
{
	return view_is((struct view){ b->len ? b->p : "", b->len }, word);
}

/* Calls series for each of them. */
static enum err read_results(struct json_in *in, struct buf *text, bool *partial,
    enum err (*series)(void *arg, struct json_in *in), void *arg, struct errbuf *eb)
{
	enum err e = ERR_OK;

	if (!json_enter(in, '{'))
		return errbuf_set(eb, ERR_INVALID, "InfluxDB's answer is no JSON");
	while (e == ERR_OK && json_more(in, '}') && json_key(in, text)) {
		if (key_is(text, "error"))
			return take_error(in, text, eb);
		if (!key_is(text, "results")) {
			json_skip(in);
			continue;
		}
		if (!json_enter(in, '['))
			break;
		while (e == ERR_OK && json_more(in, ']') && json_enter(in, '{'))
			while (e == ERR_OK && json_more(in, '}') && json_key(in, text)) {
				if (key_is(text, "error"))
					return take_error(in, text, eb);
				if (key_is(text, "partial"))
					*partial |= json_peek(in) == 't';
				if (!key_is(text, "series")) {
					json_skip(in);
					continue;
				}
				if (json_enter(in, '['))
					while (e == ERR_OK && json_more(in, ']'))
						e = series(arg, in);
			}
	}
	if (e == ERR_OK && in->failed)
		e = errbuf_set(eb, ERR_INVALID, "InfluxDB's answer ends early or is no JSON");
	return e;
}

/* ---- points ---- */

static bool reserve_row(struct answer *a)
{
	if (a->rows < a->room)
		return true;
	uint32_t room = a->room ? a->room * 2 : ROWS_FIRST;
	int64_t *times = arena_alloc(a->arena, room * sizeof *times, 16);
	if (!times)
		return false;
	if (a->rows)
		memcpy(times, a->times, a->rows * sizeof *times);
	a->times = times;
	for (uint32_t i = 0; i < a->fields->count; i++) {
		struct column *c = &a->columns[i];
		uint64_t *bits = arena_alloc(a->arena, room * sizeof *bits, 16);
		uint8_t *present = arena_alloc(a->arena, room, 1);
		if (!bits || !present)
			return false;
		if (a->rows) {
			memcpy(bits, c->bits, a->rows * sizeof *bits);
			memcpy(present, c->present, a->rows);
		}
		*c = (struct column){ bits, present };
	}
	a->room = room;
	return true;
}

/* As line protocol has it between the quotes. */
static bool string_bits(struct answer *a, uint64_t *bits)
{
	size_t extra = 0;

	if (!json_string(&a->in, &a->text))
		return false;
	for (size_t i = 0; i < a->text.len; i++)
		extra += a->text.p[i] == '"' || a->text.p[i] == '\\';
	struct rows_string *s = arena_alloc(a->arena, sizeof *s + a->text.len + extra + 1, 8);
	if (!s) {
		a->out_of_memory = true;
		return false;
	}
	for (size_t i = 0; i < a->text.len; i++) {
		if (a->text.p[i] == '"' || a->text.p[i] == '\\')
			s->bytes[s->len++] = '\\';
		s->bytes[s->len++] = a->text.p[i];
	}
	*bits = (uint64_t)(uintptr_t)s;
	return true;
}

static bool number_bits(enum value_type type, struct view v, uint64_t *bits)
{
	int64_t i;
	double d;

	switch (type) {
	case VALUE_FLOAT:
		if (!num_parse_double(v, &d))
			return false;
		memcpy(bits, &d, sizeof d);
		return true;
	case VALUE_INTEGER:
		if (!num_parse_i64(v, &i))
			return false;
		*bits = (uint64_t)i;
		return true;
	case VALUE_UNSIGNED: /* it was sent as an integer */
		if (num_parse_u64(v, bits))
			return true;
		if (!num_parse_i64(v, &i))
			return false;
		*bits = (uint64_t)i;
		return true;
	case VALUE_BOOLEAN:
	case VALUE_STRING:
		break;
	}
	return false;
}

/* One value of the row. False: the answer is damaged, or there is no memory. */
static bool read_value(struct answer *a, uint32_t i)
{
	enum value_type type = a->fields->of[i]->type;
	struct column *c = &a->columns[i];
	char kind = json_peek(&a->in);
	struct view number;
	bool ok = false;

	if (kind == 'n')
		return json_literal(&a->in, "null");
	if (kind == '"' && type == VALUE_STRING) {
		if (!string_bits(a, &c->bits[a->rows]))
			return false;
		ok = true;
	} else if ((kind == 't' || kind == 'f') && type == VALUE_BOOLEAN) {
		c->bits[a->rows] = kind == 't';
		ok = json_skip(&a->in);
	} else if (kind == '-' || (kind >= '0' && kind <= '9')) {
		if (!json_number(&a->in, &number))
			return false;
		ok = number_bits(type, number, &c->bits[a->rows]);
	} else if (!json_skip(&a->in)) {
		return false;
	}
	c->present[a->rows] = ok;
	a->out->values += ok;
	a->out->refused += !ok;
	return !a->in.failed;
}

static bool read_row(struct answer *a)
{
	struct view time;
	int64_t t;

	if (!reserve_row(a)) {
		a->out_of_memory = true;
		return false;
	}
	if (!json_enter(&a->in, '[') || !json_more(&a->in, ']') || !json_number(&a->in, &time) ||
	    !num_parse_i64(time, &t))
		return false;
	uint32_t i = 0;
	while (json_more(&a->in, ']'))
		if (i == a->fields->count || !read_value(a, i++))
			return false;
	if (a->in.failed || i != a->fields->count || (a->rows && t <= a->times[a->rows - 1]))
		return false;
	a->times[a->rows++] = t;
	return true;
}

/* ---- a series ---- */

static void put_name(struct answer *a, bool measurement)
{
	lp_escape((struct view){ a->text.len ? a->text.p : "", a->text.len }, measurement, &a->key);
}

static bool read_tags(struct answer *a)
{
	if (!json_enter(&a->in, '{'))
		return false;
	while (json_more(&a->in, '}')) {
		size_t before = a->key.len;
		if (!json_key(&a->in, &a->text))
			return false;
		buf_char(&a->key, ',');
		put_name(a, false);
		buf_char(&a->key, '=');
		if (!json_string(&a->in, &a->text))
			return false;
		put_name(a, false);
		if (a->text.len == 0) /* it has none of it */
			a->key.len = before;
	}
	return !a->in.failed;
}

static bool add_chunk(struct answer *a, int64_t window, const struct rows *r)
{
	if (a->count == a->chunk_room) {
		uint32_t room = a->chunk_room ? a->chunk_room * 2 : 64;
		struct older_chunk *chunks = realloc(a->chunks, room * sizeof *chunks);
		if (chunks)
			a->chunks = chunks;
		int64_t *windows = realloc(a->windows, room * sizeof *windows);
		if (windows)
			a->windows = windows;
		if (!chunks || !windows)
			return false;
		a->chunk_room = room;
	}
	a->windows[a->count] = window;
	a->chunks[a->count++] = (struct older_chunk){ a->series->ordinal, *r };
	return true;
}

/* The rows [from, to) of the series, the columns that have anything. */
static bool cut(struct answer *a, int64_t window, uint32_t from, uint32_t to)
{
	struct rows_column *columns = arena_alloc(a->arena, (a->fields->count + 1) * sizeof *columns, 16);
	uint32_t n = 0;

	if (!columns)
		return false;
	for (uint32_t i = 0; i < a->fields->count; i++) {
		const struct column *c = &a->columns[i];
		const struct field *f = a->fields->of[i];
		if (!memchr(c->present + from, 1, to - from))
			continue;
		bool all = !memchr(c->present + from, 0, to - from);
		columns[n++] = (struct rows_column){ f->index, COLUMN_VALUE, f->type, c->bits + from,
			all ? NULL : c->present + from };
	}
	const struct rows r = { to - from, false, a->times + from, n, columns };
	return n == 0 || add_chunk(a, window, &r);
}

static bool cut_windows(struct answer *a)
{
	for (uint32_t from = 0, to; from < a->rows; from = to) {
		int64_t window = tier_window(TIER_RAW, a->times[from]);
		to = from + rows_lower_bound(a->times + from, a->rows - from, tier_window_start(TIER_RAW, window + 1));
		if (window >= 0 && window < STORE_WINDOWS_MAX && !cut(a, window, from, to))
			return false;
	}
	return true;
}

static struct series *find_series(struct answer *a)
{
	struct view key = { a->key.p, a->key.len };
	uint32_t db = measurement_db(a->measurement);
	struct catalogue_refusal refusal;
	struct series *s = catalogue_find_series(a->catalogue, db, key);

	if (!s)
		s = catalogue_add_series(a->catalogue, db, key, false, &refusal);
	return s && s->measurement == a->measurement ? s : NULL;
}

static enum err read_series(void *arg, struct json_in *in)
{
	struct answer *a = arg;
	bool ok = true;

	buf_clear(&a->key);
	buf_view(&a->key, measurement_name(a->measurement));
	a->rows = a->room = 0;
	a->columns = arena_alloc(a->arena, (a->fields->count + 1) * sizeof *a->columns, 16);
	if (!a->columns || !json_enter(in, '{'))
		return a->columns ? ERR_OK : ERR_TOOBIG;
	while (ok && json_more(in, '}') && json_key(in, &a->text)) {
		if (key_is(&a->text, "tags")) {
			ok = read_tags(a);
		} else if (key_is(&a->text, "values")) {
			if (!json_enter(in, '['))
				break;
			while (ok && json_more(in, ']'))
				ok = read_row(a);
		} else {
			json_skip(in);
		}
	}
	if (a->out_of_memory)
		return ERR_TOOBIG;
	if (!ok || in->failed || a->key.failed)
		return errbuf_set(a->eb, ERR_INVALID, "InfluxDB's answer does not have the form of what was asked");
	a->series = find_series(a);
	if (!a->series) {
		a->out->refused += (uint64_t)a->rows;
		return ERR_OK;
	}
	a->out->points += a->rows;
	return cut_windows(a) ? ERR_OK : ERR_TOOBIG;
}

struct by_window {
	int64_t window;
	struct older_chunk chunk;
};

static int by_window(const void *x, const void *y)
{
	const struct by_window *a = x, *b = y;

	if (a->window != b->window)
		return a->window < b->window ? -1 : 1;
	return a->chunk.ordinal < b->chunk.ordinal ? -1 : a->chunk.ordinal > b->chunk.ordinal;
}

/* A piece for each window. */
static enum err make_pieces(struct answer *a)
{
	struct by_window *list = arena_alloc(a->arena, (a->count + 1) * sizeof *list, 16);
	enum err e = list ? ERR_OK : ERR_TOOBIG;

	for (uint32_t i = 0; list && i < a->count; i++)
		list[i] = (struct by_window){ a->windows[i], a->chunks[i] };
	if (list && a->count)
		qsort(list, a->count, sizeof *list, by_window);
	for (uint32_t from = 0, to; e == ERR_OK && from < a->count; from = to) {
		const struct store_place place = { TIER_RAW, list[from].window, measurement_id(a->measurement) };
		for (to = from; to < a->count && list[to].window == list[from].window; to++)
			a->chunks[to - from] = list[to].chunk;
		e = older_add(a->older, &place, a->chunks, to - from, a->eb);
	}
	return e;
}

enum err backfill_read_answer(struct view text, struct catalogue *c, struct measurement *m,
    const struct backfill_fields *fields, struct arena *arena, struct older *older, struct backfill_answer *out,
    struct errbuf *eb)
{
	struct answer a = {
		.catalogue = c, .measurement = m, .fields = fields, .arena = arena, .older = older, .out = out, .eb = eb
	};

	*out = (struct backfill_answer){ 0 };
	arena_clear(arena);
	json_in_init(&a.in, text);
	buf_init(&a.key, TEXT_MAX);
	buf_init(&a.text, text.len + 1);
	enum err e = read_results(&a.in, &a.text, &out->partial, read_series, &a, eb);
	if (e == ERR_OK && !out->partial)
		e = make_pieces(&a);
	buf_fini(&a.key);
	buf_fini(&a.text);
	free(a.chunks);
	free(a.windows);
	return e;
}

/* ---- lists ---- */

struct list {
	bool (*take)(void *arg, struct view first, struct view second);
	void *arg;
	struct buf cells[2];
	struct buf text;
};

static bool read_list_row(struct list *l, struct json_in *in)
{
	unsigned n = 0;

	buf_clear(&l->cells[0]);
	buf_clear(&l->cells[1]);
	if (!json_enter(in, '['))
		return false;
	while (json_more(in, ']')) {
		if (n < 2 && json_peek(in) == '"' ? !json_string(in, &l->cells[n]) : !json_skip(in))
			return false;
		n++;
	}
	const struct view first = { l->cells[0].len ? l->cells[0].p : "", l->cells[0].len };
	const struct view second = { l->cells[1].len ? l->cells[1].p : "", l->cells[1].len };
	return !in->failed && l->take(l->arg, first, second);
}

static enum err read_list_series(void *arg, struct json_in *in)
{
	struct list *l = arg;
	bool ok = json_enter(in, '{');

	while (ok && json_more(in, '}') && json_key(in, &l->text)) {
		if (!key_is(&l->text, "values")) {
			json_skip(in);
			continue;
		}
		ok = json_enter(in, '[');
		while (ok && json_more(in, ']'))
			ok = read_list_row(l, in);
	}
	return ok ? ERR_OK : ERR_NOMEM;
}

enum err backfill_read_list(
    struct view text, bool (*take)(void *arg, struct view first, struct view second), void *arg, struct errbuf *eb)
{
	struct list l = { .take = take, .arg = arg };
	struct json_in in;
	bool partial = false;

	json_in_init(&in, text);
	buf_init(&l.cells[0], TEXT_MAX);
	buf_init(&l.cells[1], TEXT_MAX);
	buf_init(&l.text, TEXT_MAX);
	enum err e = read_results(&in, &l.text, &partial, read_list_series, &l, eb);
	if (e == ERR_NOMEM)
		e = errbuf_set(eb, e, "out of memory for a list of InfluxDB's");
	buf_fini(&l.cells[0]);
	buf_fini(&l.cells[1]);
	buf_fini(&l.text);
	return e;
}
