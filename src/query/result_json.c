/* The shape, and at which depth each part is indented when it is pretty:
 *
 *	0 { 1 "results": [ 2 { 3 "statement_id": 0, 3 "series": [ 4 { 5 "name": …, 5 "tags": {6}, 5 "columns": [6],
 *	  5 "values": [ 6 [7] ], 5 "partial": true } ], 3 "messages": [ 4 {5} ], 3 "partial": true, 3 "error": … } ] } */
#include "query/result_json.h"

#include "query/result_json_rows.h"

void result_json_line(struct result_json *j, unsigned depth)
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
	result_json_line(j, depth);
	buf_char(&j->out->buf, '"');
	buf_str(&j->out->buf, name);
	buf_str(&j->out->buf, j->pretty ? "\": " : "\":");
}

static void comma_key(struct result_json *j, unsigned depth, const char *name)
{
	buf_char(&j->out->buf, ',');
	key(j, depth, name);
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
	result_json_line(j, 1);
	buf_char(&j->out->buf, ']');
	result_json_line(j, 0);
	buf_str(&j->out->buf, "}\n");
	j->document = false;
}

static void open_statement(struct result_json *j)
{
	open_document(j);
	result_json_line(j, 2);
	buf_char(&j->out->buf, '{');
	key(j, 3, "statement_id");
	buf_u64(&j->out->buf, j->statement);
}

static void close_statement(struct result_json *j)
{
	result_json_line(j, 2);
	buf_char(&j->out->buf, '}');
	if (j->chunk_rows)
		close_document(j);
}

static void close_series(struct result_json *j, bool partial)
{
	struct buf *b = &j->out->buf;

	if (j->values) {
		result_json_line(j, 5);
		buf_char(b, ']');
	}
	if (partial) {
		comma_key(j, 5, "partial");
		buf_str(b, "true");
	}
	result_json_line(j, 4);
	buf_char(b, '}');
	j->series = j->values = false;
}

static void close_list(struct result_json *j)
{
	if (j->statement_has_series) {
		result_json_line(j, 3);
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

/* False: some of it has left. */
static bool rewind_statement(struct result_json *j)
{
	if (j->chunk_rows || !result_out_take_back(j->out, j->at))
		return false;
	j->series = j->values = j->statement_has_series = false;
	return true;
}

static bool begin(void *arg, uint32_t statement)
{
	struct result_json *j = arg;

	if (!j->chunk_rows) {
		const bool replaces = j->begun && statement == j->statement && rewind_statement(j);
		if (!replaces) {
			open_document(j);
			if (j->begun)
				buf_char(&j->out->buf, ',');
			j->at = result_out_at(j->out);
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
			result_json_line(j, 6);
			result_json_quote(b, s->tags[i].key);
			buf_str(b, j->pretty ? ": " : ":");
			result_json_quote(b, s->tags[i].value);
		}
		result_json_line(j, 5);
		buf_str(b, "},");
	}
	key(j, 5, "columns");
	for (uint32_t i = 0; i < s->column_count; i++) {
		buf_char(b, i ? ',' : '[');
		result_json_line(j, 6);
		result_json_quote(b, s->columns[i]);
	}
	result_json_line(j, 5);
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
	result_json_line(j, 4);
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

/* Goes to the next row: its comma, or what stands in front of the first. */
static void begin_row(struct result_json *j)
{
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
}

static bool row(void *arg, const struct cell *cells)
{
	struct result_json *j = arg;

	begin_row(j);
	result_json_put_row(j, cells);
	return result_out_row_done(j->out);
}

static bool run(void *arg, const struct result_run *r)
{
	struct result_json *j = arg;
	const struct result_sink rows = { .series = series, .row = row, .arg = j };

	if (j->pretty)
		return result_sink_run(&rows, r);
	for (uint32_t done = 0, n; done < r->count; done += n) {
		begin_row(j);
		const uint64_t room = j->chunk_rows && !j->undivided ? j->chunk_rows - j->rows + 1 : UINT32_MAX;
		n = r->count - done < room ? r->count - done : (uint32_t)room;
		j->rows += n - 1;
		const struct result_run part = result_run_part(r, done, n);
		if (!result_json_put_run(j, &part))
			return false;
	}
	return true;
}

static void put_message(struct result_json *j, const char *text)
{
	struct buf *b = &j->out->buf;

	comma_key(j, 3, "messages");
	buf_char(b, '[');
	result_json_line(j, 4);
	buf_char(b, '{');
	key(j, 5, "level");
	buf_str(b, "\"warning\",");
	key(j, 5, "text");
	result_json_quote(b, view_of(text));
	result_json_line(j, 4);
	buf_char(b, '}');
	result_json_line(j, 3);
	buf_char(b, ']');
}

static bool end(void *arg, const struct result_report *report, const char *error, const char *message)
{
	struct result_json *j = arg;

	(void)report;
	if (j->chunk_rows && j->series && error)
		close_chunk(j, true); /* the error comes in a document of its own */
	else if (error)
		(void)rewind_statement(j);
	if (error && !j->chunk_rows && !j->series && j->at == result_out_at(j->out))
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
	return (struct engine_sink){ .rows = { series, row, j, run }, .begin = begin, .end = end, .arg = j };
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
		result_json_line(j, 1);
		buf_char(&j->out->buf, ']');
		put_own(j, own);
		result_json_line(j, 0);
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
