#include "query/result_csv.h"

#include <math.h>

#include "base/num_shortest.h"
#include "wire/lp_key.h"

enum { CELL_MAX = NUM_PLAIN_MAX };

/* Unicode's spaces, as Go's csv.Writer looks at the first character. */
static bool begins_with_space(struct view v)
{
	static const struct {
		const char *p;
		size_t n;
	} wide[] = { { "\xc2\x85", 2 }, { "\xc2\xa0", 2 }, { "\xe1\x9a\x80", 3 }, { "\xe2\x80\xa8", 3 },
		{ "\xe2\x80\xa9", 3 }, { "\xe2\x80\xaf", 3 }, { "\xe2\x81\x9f", 3 }, { "\xe3\x80\x80", 3 } };
	unsigned char c = v.len ? (unsigned char)v.p[0] : 0;

	if (c == ' ' || (c >= '\t' && c <= '\r'))
		return true;
	for (size_t i = 0; c > 127 && i < sizeof wide / sizeof *wide; i++)
		if (v.len >= wide[i].n && !memcmp(v.p, wide[i].p, wide[i].n))
			return true;
	return v.len >= 3 && !memcmp(v.p, "\xe2\x80", 2) && (unsigned char)v.p[2] >= 0x80 &&
	    (unsigned char)v.p[2] <= 0x8a;
}

static bool needs_quotes(struct view v)
{
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] == ',' || v.p[i] == '"' || v.p[i] == '\n' || v.p[i] == '\r')
			return true;
	return view_is(v, "\\.") || begins_with_space(v);
}

static void put_text(struct buf *b, struct view v)
{
	if (!needs_quotes(v)) {
		buf_view(b, v);
		return;
	}
	buf_char(b, '"');
	for (const char *p = v.p, *end = v.p + v.len; p < end;) {
		const char *quote = memchr(p, '"', (size_t)(end - p));
		const char *stop = quote ? quote + 1 : end;
		buf_append(b, p, (size_t)(stop - p));
		if (quote)
			buf_char(b, '"');
		p = stop;
	}
	buf_char(b, '"');
}

static void put_cell(struct buf *b, const struct cell *c, uint8_t *decimals)
{
	if (c->type == CELL_STRING) {
		put_text(b, c->s);
		return;
	}
	if (!buf_reserve(b, CELL_MAX))
		return;
	char *p = b->p + b->len, *from = p;
	if (c->type == CELL_FLOAT && isfinite(c->f))
		p = num_put_plain_like(p, c->f, decimals);
	else if (c->type == CELL_FLOAT)
		p = stpcpy(p, isnan(c->f) ? "NaN" : c->f > 0 ? "+Inf" : "-Inf"); /* as Go's FormatFloat */
	else if (c->type == CELL_INTEGER)
		p = num_put_i64(p, c->i);
	else if (c->type == CELL_UNSIGNED)
		p = num_put_u64(p, c->u);
	else if (c->type == CELL_BOOLEAN)
		p = stpcpy(p, c->b ? "true" : "false");
	b->len += (size_t)(p - from);
}

/* Tags as the series' key has them, without those that are empty. */
static void put_tags(struct result_csv *c, const struct result_series *s)
{
	struct buf *b = &c->scratch;

	buf_clear(b);
	for (uint32_t i = 0; i < s->tag_count; i++) {
		if (s->tags[i].value.len == 0)
			continue;
		if (b->len)
			buf_char(b, ',');
		lp_escape(s->tags[i].key, false, b);
		buf_char(b, '=');
		lp_escape(s->tags[i].value, false, b);
	}
	put_text(&c->prefix, (struct view){ b->p, b->len });
}

static bool begin(void *arg, uint32_t statement)
{
	struct result_csv *c = arg;

	c->statement = statement;
	c->at = result_out_at(c->out);
	c->begun_before = c->begun;
	return true;
}

static void put_header(struct result_csv *c, const struct result_series *s)
{
	size_t at;

	buf_clear(&c->scratch);
	for (uint32_t i = 0; i < s->column_count; i++) {
		buf_char(&c->scratch, ',');
		put_text(&c->scratch, s->columns[i]);
	}
	at = c->scratch.len;
	if (c->begun && c->header_of == c->statement && c->head.len == at && !memcmp(c->head.p, c->scratch.p, at))
		return;
	if (c->begun)
		buf_char(&c->out->buf, '\n');
	c->begun = true;
	c->header_of = c->statement;
	buf_clear(&c->head);
	buf_append(&c->head, c->scratch.p, at);
	buf_str(&c->out->buf, "name,tags");
	buf_append(&c->out->buf, c->head.p, c->head.len);
	buf_char(&c->out->buf, '\n');
}

static bool series(void *arg, const struct result_series *s)
{
	struct result_csv *c = arg;

	put_header(c, s);
	buf_clear(&c->prefix);
	put_text(&c->prefix, s->name);
	buf_char(&c->prefix, ',');
	put_tags(c, s);
	c->columns = s->column_count;
	c->first_is_time = s->first_is_time;
	return !c->prefix.failed && !c->scratch.failed && !c->head.failed && result_out_row_done(c->out);
}

static bool row(void *arg, const struct cell *cells)
{
	struct result_csv *c = arg;
	struct buf *b = &c->out->buf;
	struct cell time = cells[0];

	buf_append(b, c->prefix.p, c->prefix.len);
	for (uint32_t i = 0; i < c->columns; i++) {
		buf_char(b, ',');
		if (i == 0 && c->first_is_time)
			time.i = result_epoch_of(c->epoch, time.i);
		put_cell(b, i ? &cells[i] : &time, &c->decimals[i % RESULT_CSV_DECIMALS]);
	}
	buf_char(b, '\n');
	return result_out_row_done(c->out);
}

static bool end(void *arg, const struct result_report *report, const char *error, const char *message)
{
	struct result_csv *c = arg;

	(void)report;
	(void)message;
	if (error && c->at < result_out_at(c->out) && result_out_take_back(c->out, c->at)) {
		c->begun = c->begun_before;
		c->header_of = UINT32_MAX;
	}
	return result_out_row_done(c->out);
}

void result_csv_init(struct result_csv *c, struct result_out *out, enum result_epoch epoch)
{
	*c = (struct result_csv){ .out = out, .epoch = epoch == RESULT_EPOCH_TEXT ? RESULT_EPOCH_NS : epoch };
	buf_init(&c->head, out->buf.max);
	buf_init(&c->prefix, out->buf.max);
	buf_init(&c->scratch, out->buf.max);
}

void result_csv_fini(struct result_csv *c)
{
	buf_fini(&c->head);
	buf_fini(&c->prefix);
	buf_fini(&c->scratch);
}

struct engine_sink result_csv_sink(struct result_csv *c)
{
	return (struct engine_sink){ .rows = { series, row, c, NULL }, .begin = begin, .end = end, .arg = c };
}

void result_csv_error(struct buf *out, struct view message)
{
	buf_str(out, "error\n");
	put_text(out, message);
	buf_char(out, '\n');
}
