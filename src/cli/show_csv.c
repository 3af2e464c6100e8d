/* RFC 4180. Each row names its series: the measurement and a column for each tag, then the columns of the statement. A null
 * is empty, an empty text "". A head is written when it differs from the one before, after an empty line. */
#include "cli/show_part.h"

static void put_field(struct buf *b, struct view v)
{
	bool quote = v.len == 0;

	for (size_t i = 0; i < v.len && !quote; i++)
		quote = strchr(",\"\r\n", v.p[i]);
	if (!quote) {
		buf_view(b, v);
		return;
	}
	buf_char(b, '"');
	for (size_t i = 0; i < v.len; i++) {
		if (v.p[i] == '"')
			buf_char(b, '"');
		buf_char(b, v.p[i]);
	}
	buf_char(b, '"');
}

void show_csv_series(struct show *s, const struct answer_series *series)
{
	struct buf head;

	buf_init(&head, s->head.max);
	buf_clear(&s->tags);
	buf_str(&head, "name");
	if (series->name.len)
		put_field(&s->tags, series->name);
	for (unsigned i = 0; i < series->tag_count; i++) {
		buf_char(&head, ',');
		put_field(&head, series->tags[i].key);
		buf_char(&s->tags, ',');
		put_field(&s->tags, series->tags[i].value);
	}
	for (unsigned i = 0; i < series->column_count; i++) {
		buf_char(&head, ',');
		put_field(&head, series->columns[i]);
	}
	buf_str(&head, "\r\n");
	s->out.failed |= head.failed || s->tags.failed;
	if (head.len != s->head.len || memcmp(head.p, s->head.p, head.len) != 0) {
		if (s->series)
			buf_str(&s->out, "\r\n");
		buf_append(&s->out, head.p, head.len);
	}
	buf_fini(&s->head);
	s->head = head;
}

void show_csv_row(struct show *s, const struct answer_cell *cells)
{
	char scratch[64];

	if (s->tags.len)
		buf_append(&s->out, s->tags.p, s->tags.len);
	for (unsigned i = 0; i < s->columns; i++) {
		bool time = show_time(s, i, &cells[i], scratch);
		buf_char(&s->out, ',');
		if (cells[i].kind != ANSWER_NULL)
			put_field(&s->out, time ? view_of(scratch) : cells[i].text);
	}
	buf_str(&s->out, "\r\n");
}
