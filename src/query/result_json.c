/* The shape, and at which depth each part is indented when it is pretty:
 *
 *	0 { 1 "results": [ 2 { 3 "statement_id": 0, 3 "series": [ 4 { 5 "name": …, 5 "tags": {6}, 5 "columns": [6],
 *	  5 "values": [ 6 [7] ], 5 "partial": true } ], 3 "messages": [ 4 {5} ], 3 "partial": true, 3 "error": … } ] } */
#include "query/result_json.h"

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

static void line(struct result_json *j, unsigned depth)
{
	if (!j->pretty)
		return;
	buf_char(&j->out->buf, '\n');
	for (unsigned i = 0; i < depth; i++)
		buf_str(&j->out->buf, "    ");
}

/* A line, the name of a member, its colon. */
static void key(struct result_json *j, unsigned depth, const char *name)
{
	line(j, depth);
	buf_char(&j->out->buf, '"');
	buf_str(&j->out->buf, name);
	buf_str(&j->out->buf, j->pretty ? "\": " : "\":");
}

static void comma_key(struct result_json *j, unsigned depth, const char *name)
{
	buf_char(&j->out->buf, ',');
	key(j, depth, name);
}

static void put_time(struct result_json *j, char **p, int64_t ns)
{
	if (j->epoch == RESULT_EPOCH_TEXT) {
		*(*p)++ = '"';
		*p = result_clock_put(&j->clock, *p, ns);
		*(*p)++ = '"';
	} else {
		*p = num_put_i64(*p, result_epoch_of(j->epoch, ns));
	}
}

static char *put_word(char *p, const char *word, size_t n)
{
	memcpy(p, word, n);
	return p + n;
}

/* One that is no string, into CELL_MAX bytes of room. */
static char *put_cell(char *p, const struct cell *c)
{
	switch (c->type) {
	case CELL_FLOAT:
		return isfinite(c->f) ? num_put_json(p, c->f) : put_word(p, "null", 4);
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

/* ---- documents, statements ---- */

static void open_document(struct result_json *j)
{
	if (j->document)
		return;
	j->document = true;
	buf_char(&j->out->buf, '{');
	key(j, 1, "results");
	buf_char(&j->out->buf, '[');
}

static void close_document(struct result_json *j)
{
	line(j, 1);
	buf_char(&j->out->buf, ']');
	line(j, 0);
	buf_str(&j->out->buf, "}\n");
	j->document = false;
}

static void open_statement(struct result_json *j)
{
	open_document(j);
	line(j, 2);
	buf_char(&j->out->buf, '{');
	key(j, 3, "statement_id");
	buf_u64(&j->out->buf, j->statement);
}

static void close_statement(struct result_json *j)
{
	line(j, 2);
	buf_char(&j->out->buf, '}');
	if (j->chunk_rows)
		close_document(j);
}

static void close_series(struct result_json *j, bool partial)
{
	struct buf *b = &j->out->buf;

	if (j->values) {
		line(j, 5);
		buf_char(b, ']');
	}
	if (partial) {
		comma_key(j, 5, "partial");
		buf_str(b, "true");
	}
	line(j, 4);
	buf_char(b, '}');
	j->series = j->values = false;
}

static void close_list(struct result_json *j)
{
	if (j->statement_has_series) {
		line(j, 3);
		buf_char(&j->out->buf, ']');
	}
}

/* A chunk's end while the statement goes on. */
static void close_chunk(struct result_json *j, bool partial_series)
{
	close_series(j, partial_series);
	close_list(j);
	if (!j->undivided) {
		comma_key(j, 3, "partial");
		buf_str(&j->out->buf, "true");
	}
	close_statement(j);
	j->statement_has_series = false;
}

/* In one document InfluxDB joins what it made in parts, and the first part's mark stays. */
static bool was_divided(const struct result_json *j)
{
	return !j->chunk_rows && !j->undivided && j->rows > RESULT_CHUNK_ROWS;
}

static bool can_rewind(const struct result_json *j)
{
	return !j->chunk_rows && j->at >= j->out->sent;
}

static void rewind_statement(struct result_json *j)
{
	j->out->buf.len = (size_t)(j->at - j->out->sent);
	j->series = j->values = j->statement_has_series = false;
}

static bool begin(void *arg, uint32_t statement)
{
	struct result_json *j = arg;

	if (!j->chunk_rows) {
		if (j->begun && statement == j->statement && can_rewind(j)) {
			rewind_statement(j); /* its result is replaced */
		} else {
			open_document(j);
			if (j->begun)
				buf_char(&j->out->buf, ',');
			j->at = j->out->sent + j->out->buf.len;
		}
	}
	j->begun = true;
	j->statement = statement;
	j->statement_has_series = false;
	if (!j->chunk_rows)
		open_statement(j);
	return !j->out->buf.failed;
}

/* ---- series and rows ---- */

/* All of a series that stands in front of its values. */
static void put_head(struct result_json *j, const struct result_series *s)
{
	struct buf *b = &j->out->buf;

	buf_char(b, '{');
	if (s->name.len) {
		key(j, 5, "name");
		result_json_quote(b, s->name);
		buf_char(b, ',');
	}
	if (s->tag_count) {
		key(j, 5, "tags");
		for (uint32_t i = 0; i < s->tag_count; i++) {
			buf_char(b, i ? ',' : '{');
			line(j, 6);
			result_json_quote(b, s->tags[i].key);
			buf_str(b, j->pretty ? ": " : ":");
			result_json_quote(b, s->tags[i].value);
		}
		line(j, 5);
		buf_str(b, "},");
	}
	key(j, 5, "columns");
	for (uint32_t i = 0; i < s->column_count; i++) {
		buf_char(b, i ? ',' : '[');
		line(j, 6);
		result_json_quote(b, s->columns[i]);
	}
	line(j, 5);
	buf_char(b, ']');
}

static void begin_list(struct result_json *j)
{
	if (j->statement_has_series)
		buf_char(&j->out->buf, ',');
	else
		comma_key(j, 3, "series");
	if (!j->statement_has_series)
		buf_char(&j->out->buf, '[');
	j->statement_has_series = true;
	line(j, 4);
}

static bool series(void *arg, const struct result_series *s)
{
	struct result_json *j = arg;
	struct buf *b = &j->out->buf;

	if (j->series && j->chunk_rows)
		close_chunk(j, false);
	else if (j->series)
		close_series(j, was_divided(j));
	if (j->chunk_rows)
		open_statement(j);
	begin_list(j);
	size_t at = b->len;
	put_head(j, s);
	if (j->chunk_rows) {
		buf_clear(&j->head);
		buf_append(&j->head, b->p + at, b->len - at);
	}
	j->series = true;
	j->columns = s->column_count;
	j->undivided = s->undivided;
	j->first_is_time = s->first_is_time;
	j->clock.zone = s->zone;
	j->rows = 0;
	return !j->head.failed && result_out_row_done(j->out);
}

/* The chunk is full: the same series goes on in the next. */
static void next_chunk(struct result_json *j)
{
	close_chunk(j, true);
	open_statement(j);
	begin_list(j);
	buf_append(&j->out->buf, j->head.p, j->head.len);
	j->series = true;
	j->rows = 0;
}

static void put_row_pretty(struct result_json *j, const struct cell *cells)
{
	struct buf *b = &j->out->buf;
	char text[CELL_MAX], *p;

	line(j, 6);
	buf_char(b, '[');
	for (uint32_t i = 0; i < j->columns; i++) {
		if (i)
			buf_char(b, ',');
		line(j, 7);
		p = text;
		if (cells[i].type == CELL_STRING)
			result_json_quote(b, cells[i].s);
		else if (i == 0 && j->first_is_time)
			put_time(j, &p, cells[i].i);
		else
			p = put_cell(p, &cells[i]);
		buf_append(b, text, (size_t)(p - text));
	}
	line(j, 6);
	buf_char(b, ']');
}

/* The hot path: room for the whole row at once, but for strings. */
static void put_row(struct result_json *j, const struct cell *cells)
{
	struct buf *b = &j->out->buf;
	uint32_t i = 0;

	if (!buf_reserve(b, (size_t)j->columns * CELL_MAX + 2))
		return;
	char *p = b->p + b->len;
	*p++ = '[';
	if (j->first_is_time) {
		put_time(j, &p, cells[0].i);
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
			p = put_cell(p, &cells[i]);
		}
	}
	*p++ = ']';
	b->len = (size_t)(p - b->p);
}

static bool row(void *arg, const struct cell *cells)
{
	struct result_json *j = arg;

	if (j->chunk_rows && j->rows == j->chunk_rows && !j->undivided)
		next_chunk(j);
	if (j->values) {
		buf_char(&j->out->buf, ',');
	} else {
		comma_key(j, 5, "values");
		buf_char(&j->out->buf, '[');
		j->values = true;
	}
	j->rows++;
	if (j->pretty)
		put_row_pretty(j, cells);
	else
		put_row(j, cells);
	return result_out_row_done(j->out);
}

static void put_message(struct result_json *j, const char *text)
{
	struct buf *b = &j->out->buf;

	comma_key(j, 3, "messages");
	buf_char(b, '[');
	line(j, 4);
	buf_char(b, '{');
	key(j, 5, "level");
	buf_str(b, "\"warning\",");
	key(j, 5, "text");
	result_json_quote(b, view_of(text));
	line(j, 4);
	buf_char(b, '}');
	line(j, 3);
	buf_char(b, ']');
}

static bool end(void *arg, const struct result_report *report, const char *error, const char *message)
{
	struct result_json *j = arg;

	(void)report;
	if (j->chunk_rows && j->series && error)
		close_chunk(j, true); /* the error comes in a document of its own */
	else if (error && can_rewind(j))
		rewind_statement(j);
	if (error && !j->chunk_rows && !j->series && j->at == j->out->sent + j->out->buf.len)
		open_statement(j);
	if (j->series)
		close_series(j, was_divided(j));
	else if (j->chunk_rows)
		open_statement(j);
	close_list(j);
	if (message)
		put_message(j, message);
	if (error) {
		comma_key(j, 3, "error");
		result_json_quote(&j->out->buf, view_of(error));
	}
	close_statement(j);
	return result_out_row_done(j->out);
}

/* ---- */

void result_json_init(struct result_json *j, struct result_out *out, enum result_epoch epoch)
{
	*j = (struct result_json){ .out = out, .epoch = epoch };
	buf_init(&j->head, out->buf.max);
}

void result_json_fini(struct result_json *j)
{
	buf_fini(&j->head);
}

struct engine_sink result_json_sink(struct result_json *j)
{
	return (struct engine_sink){ .rows = { series, row, j }, .begin = begin, .end = end, .arg = j };
}

static void put_own(struct result_json *j, const struct result_report *r)
{
	struct buf *b = &j->out->buf;

	comma_key(j, 1, "source");
	result_json_quote(b, view_of(read_source_name((enum read_source)r->sources)));
	comma_key(j, 1, "complete");
	buf_str(b, r->incomplete ? "false" : "true");
	comma_key(j, 1, "reason");
	if (r->incomplete)
		result_json_quote(b, view_of(r->reason));
	else
		buf_str(b, "null");
	comma_key(j, 1, "tier");
	result_json_quote(b, view_of(result_report_tier(r)));
	comma_key(j, 1, "percentiles");
	buf_str(b, r->sketched ? "\"sketch\"" : "\"exact\"");
}

void result_json_finish(struct result_json *j, const struct result_report *own)
{
	if (own) {
		open_document(j);
		line(j, 1);
		buf_char(&j->out->buf, ']');
		put_own(j, own);
		line(j, 0);
		buf_str(&j->out->buf, "}\n");
		j->document = false;
	} else if (j->document) {
		close_document(j);
	} else if (!j->begun && !j->chunk_rows) {
		buf_str(&j->out->buf, "{}\n");
	}
}

void result_json_error(struct buf *out, bool pretty, struct view message)
{
	buf_str(out, pretty ? "{\n    \"error\": " : "{\"error\":");
	result_json_quote(out, message);
	buf_str(out, pretty ? "\n}\n" : "}\n");
}
