/* {"error":"partial write of line protocol occurred","data":[{"original_line":…,"line_number":2,"error_message":…},…]}; data is
 * one such object where the whole body was refused. A body that was cut off still names those before the cut. */
#include <stdlib.h>

#include "base/num.h"
#include "flow/answer.h"
#include "wire/json_read.h"

enum { BODY_MAX_BYTES = 1 << 20, NAMED_MAX = 100 }; /* NAMED_MAX: where 3.x ends its list */

void answer_lines_init(struct answer_lines *l)
{
	*l = (struct answer_lines){ 0 };
	buf_init(&l->text, 3 * BODY_MAX_BYTES);
	buf_init(&l->scratch, 3 * BODY_MAX_BYTES);
}

void answer_lines_fini(struct answer_lines *l)
{
	free(l->lines);
	buf_fini(&l->text);
	buf_fini(&l->scratch);
}

static bool add(struct answer_lines *l, const struct answer_line *line)
{
	if (l->count == ANSWER_LINES_MAX)
		return false;
	if (l->count == l->room) {
		uint32_t room = l->room ? 2 * l->room : 64;
		struct answer_line *lines = realloc(l->lines, room * sizeof *lines);
		if (!lines)
			return false;
		l->lines = lines;
		l->room = room;
	}
	l->lines[l->count++] = *line;
	return true;
}

static bool read_text(struct answer_lines *l, struct json_in *in, struct view *out)
{
	if (json_peek(in) != '"')
		return json_skip(in);
	/* text has room for all that can come, so that it never moves under a view */
	if (!json_string(in, &l->scratch) || l->text.cap - l->text.len < l->scratch.len)
		return false;
	*out = (struct view){ l->text.p + l->text.len, l->scratch.len };
	buf_append(&l->text, l->scratch.p, l->scratch.len);
	return true;
}

static bool read_number(struct json_in *in, uint32_t *out)
{
	struct view text;
	uint64_t u;
	char first = json_peek(in);

	if (first != '-' && (first < '0' || first > '9'))
		return json_skip(in);
	if (!json_number(in, &text))
		return false;
	if (num_parse_u64(text, &u) && u <= UINT32_MAX)
		*out = (uint32_t)u;
	return true;
}

/* False: the end of what can be read. */
static bool read_line(struct answer_lines *l, struct json_in *in, uint32_t sent)
{
	struct answer_line line = { .original = { "", 0 }, .reason = { "", 0 } };

	if (!json_enter(in, '{'))
		return false;
	while (json_more(in, '}')) {
		if (!json_key(in, &l->scratch))
			return false;
		struct view key = { l->scratch.p, l->scratch.len };
		bool ok = view_is(key, "line_number") ? read_number(in, &line.number)
		    : view_is(key, "original_line")   ? read_text(l, in, &line.original)
		    : view_is(key, "error_message")   ? read_text(l, in, &line.reason)
						      : json_skip(in);
		if (!ok)
			return false;
	}
	return !in->failed && (!line.number || line.number > sent || add(l, &line));
}

static bool read_data(struct answer_lines *l, struct json_in *in, uint32_t sent)
{
	char first = json_peek(in);

	if (first == '{')
		return read_line(l, in, sent);
	if (first != '[')
		return json_skip(in);
	if (!json_enter(in, '['))
		return false;
	while (json_more(in, ']'))
		if (!(json_peek(in) == '{' ? read_line(l, in, sent) : json_skip(in)))
			return false;
	return !in->failed;
}

static bool read_document(struct answer_lines *l, struct json_in *in, uint32_t sent)
{
	if (!json_enter(in, '{'))
		return false;
	while (json_more(in, '}')) {
		if (!json_key(in, &l->scratch))
			return false;
		struct view key = { l->scratch.p, l->scratch.len };
		if (!(view_is(key, "data") ? read_data(l, in, sent) : json_skip(in)))
			return false;
	}
	return !in->failed;
}

static int by_number(const void *a, const void *b)
{
	const struct answer_line *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

bool answer_lines_read(struct answer_lines *l, struct view body, uint32_t sent)
{
	struct json_in in;
	uint32_t kept = 0;

	l->count = 0;
	l->complete = false;
	buf_clear(&l->text);
	if (!body.len || body.len > BODY_MAX_BYTES || !buf_reserve(&l->text, 3 * body.len))
		return false;
	json_in_init(&in, body);
	bool whole = read_document(l, &in, sent);
	if (!l->count)
		return false;
	l->complete = whole && l->count < NAMED_MAX;
	qsort(l->lines, l->count, sizeof *l->lines, by_number);
	for (uint32_t i = 0; i < l->count; i++)
		if (!kept || l->lines[kept - 1].number != l->lines[i].number)
			l->lines[kept++] = l->lines[i];
	l->count = kept;
	return true;
}

/* Strings' quotes and backslashes are not shown as they were sent: compared is what comes before the first of them. */
bool answer_line_is(const struct answer_line *a, struct view line)
{
	for (size_t i = 0; i < a->original.len && i < line.len; i++) {
		if (line.p[i] == '"' || line.p[i] == '\\' || a->original.p[i] == '\\')
			return true;
		if (line.p[i] != a->original.p[i])
			return false;
	}
	return true;
}
