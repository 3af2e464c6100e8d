#include "flow/replay_lines.h"

#include <stdlib.h>

#include "query/export_write.h"
#include "wire/lp_key.h"

enum { GIVEN_MAX = 64 << 20, NOW_MAX = 128 << 20 };

bool replay_lines_init(struct replay_lines *r)
{
	*r = (struct replay_lines){ .key = malloc(sizeof *r->key) };
	buf_init(&r->given, GIVEN_MAX);
	buf_init(&r->now, NOW_MAX);
	buf_init(&r->text, LP_KEY_MAX + 1);
	lp_init(&r->parser, (struct view){ NULL, 0 });
	return r->key;
}

void replay_lines_fini(struct replay_lines *r)
{
	buf_fini(&r->given);
	buf_fini(&r->now);
	buf_fini(&r->text);
	lp_fini(&r->parser);
	free(r->key);
}

void replay_lines_clear(struct replay_lines *r)
{
	if (r->given.cap > 2 * REPLAY_BYTES_MAX) { /* after a line of unusual size */
		buf_fini(&r->given);
		buf_fini(&r->now);
	}
	buf_clear(&r->given);
	buf_clear(&r->now);
	r->count = r->point_count = 0;
}

bool replay_lines_add(struct replay_lines *r, uint64_t id, struct view line)
{
	if (r->count == REPLAY_LINES_MAX || (r->count && r->given.len + line.len >= REPLAY_BYTES_MAX))
		return false;
	size_t start = r->given.len;
	buf_view(&r->given, line);
	buf_char(&r->given, '\n');
	if (r->given.failed)
		return false;
	r->line[r->count++] = (struct replay_line){ .id = id, .start = start, .len = line.len };
	return true;
}

/* The series is known here under its canonical key. NULL: it is not. */
static const struct series *find_series(struct replay_lines *r, struct catalogue *c, uint32_t db, struct view key)
{
	const struct series *s = catalogue_find_series(c, db, key);
	enum reject why;
	const char *error;

	if (s || !lp_key_split(key, r->key, &why, &error) || !lp_key_sort(r->key))
		return s;
	buf_clear(&r->text);
	lp_key_write(r->key, &r->text);
	return r->text.failed ? NULL : catalogue_find_series(c, db, (struct view){ r->text.p, r->text.len });
}

static bool parse(struct replay_lines *r, struct view line)
{
	lp_restart(&r->parser, line);
	return lp_next_key(&r->parser) == LP_OK && lp_rest(&r->parser, NULL) == LP_OK && r->parser.has_time;
}

static bool is_same(const struct value *given, const struct batch_value *now)
{
	if (given->type != now->field->type)
		return false;
	if (given->type == VALUE_STRING)
		return view_eq(given->s, (struct view){ (const char *)(uintptr_t)now->bits, now->len });
	return batch_bits(given) == now->bits;
}

static const struct batch_value *find_value(const struct batch_value *values, uint32_t count, struct view name)
{
	for (uint32_t i = 0; i < count; i++)
		if (view_eq(values[i].field->name, name))
			return &values[i];
	return NULL;
}

static bool is_changed(const struct lp_parser *ps, const struct batch_value *values, uint32_t count)
{
	for (uint32_t i = 0; i < ps->field_count; i++) {
		const struct batch_value *now = find_value(values, count, ps->fields[i].name);
		if (now && !is_same(&ps->fields[i].value, now))
			return true;
	}
	return false;
}

/* A value's text stands between its name's equals sign and the next name's comma, or the blank before the time. */
static struct view value_text(const struct lp_parser *ps, uint32_t i)
{
	const char *p = ps->fields[i].name.p + ps->fields[i].name.len + 1;
	const char *end = i + 1 < ps->field_count ? ps->fields[i + 1].name.p - 1 : ps->time_start;

	while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return (struct view){ p, (size_t)(end - p) };
}

static void take(void *arg, uint32_t point, const struct batch_value *values, uint32_t count)
{
	struct replay_lines *r = arg;
	struct replay_line *l = &r->line[r->line_of[point]];
	const struct lp_parser *ps = &r->parser;

	if (!parse(r, (struct view){ r->given.p + l->start, l->len }) || !is_changed(ps, values, count))
		return;
	l->now_start = r->now.len;
	buf_view(&r->now, ps->key);
	for (uint32_t i = 0; i < ps->field_count; i++) {
		const struct batch_value *now = find_value(values, count, ps->fields[i].name);
		buf_char(&r->now, i ? ',' : ' ');
		buf_view(&r->now, ps->fields[i].name);
		buf_char(&r->now, '=');
		if (now && !is_same(&ps->fields[i].value, now))
			export_lp_value(&r->now, now);
		else
			buf_view(&r->now, value_text(ps, i));
	}
	buf_char(&r->now, ' ');
	buf_i64(&r->now, l->time_ns);
	l->now_len = r->now.len - l->now_start;
}

enum err replay_lines_renew(
    struct replay_lines *r, struct catalogue *c, uint32_t db, struct local *local, struct errbuf *eb)
{
	for (uint32_t i = 0; i < r->count; i++) {
		struct replay_line *l = &r->line[i];
		struct view line = { r->given.p + l->start, l->len };
		l->key = line;
		if (!parse(r, line)) /* whatever it is, the target has the last word */
			continue;
		l->time_ns = r->parser.time;
		const struct series *s = find_series(r, c, db, r->parser.key);
		if (!s)
			continue;
		r->line_of[r->point_count] = i;
		r->points[r->point_count++] = (struct local_point){ s, l->time_ns };
	}
	enum err e = local_points_read(local, r->points, r->point_count, take, r, eb);
	if (e == ERR_OK && r->now.failed)
		e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	for (uint32_t i = 0; e == ERR_OK && i < r->count; i++) {
		struct replay_line *l = &r->line[i];
		l->line = (struct view){ r->given.p + l->start, l->len };
		if (l->now_len)
			l->line = (struct view){ r->now.p + l->now_start, l->now_len };
		lp_restart(&r->parser, l->line);
		l->key = lp_next_key(&r->parser) == LP_OK ? r->parser.key : l->line;
	}
	return e;
}
