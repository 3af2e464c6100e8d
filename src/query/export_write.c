#include "query/export_write.h"

#include <stdlib.h>

#include "base/timetext.h"
#include "wire/json_write.h"
#include "wire/lp_key.h"
#include "wire/lp_parse.h"

enum { SERIES_TEXT_MAX = 64 << 20, STRING_TEXT_MAX = 2 * LP_STRING_MAX + 64 };
static const int64_t EXACT_MAX = (INT64_C(1) << 53) - 1; /* a double holds every whole number up to it */

struct export_writer {
	enum export_format format;
	const struct series *series; /* the texts below are its */
	struct buf before_time, after_time; /* csv: two halves; jsonl: before the fields */
	struct buf text; /* scratch: one name or string without its escapes */
	struct lp_key key;
	/* csv: what the last header named */
	struct buf header_tags; /* the measurement and the tags' names, escaped */
	struct buf series_tags; /* the same of the series at hand */
	const struct field **columns; /* by name */
	uint32_t column_count;
};

static const struct {
	const char *name, *media_type;
} formats[] = {
	[EXPORT_LP] = { "lp", "text/plain; charset=utf-8" },
	[EXPORT_CSV] = { "csv", "text/csv; charset=utf-8" },
	[EXPORT_JSONL] = { "jsonl", "application/x-ndjson" },
};

bool export_format_find(const char *name, enum export_format *out)
{
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (!strcmp(formats[i].name, name)) {
			*out = (enum export_format)i;
			return true;
		}
	return false;
}

const char *export_format_name(enum export_format f)
{
	return formats[f].name;
}

const char *export_format_media_type(enum export_format f)
{
	return formats[f].media_type;
}

enum err export_writer_new(struct export_writer **out, enum export_format format, struct errbuf *eb)
{
	struct export_writer *w = calloc(1, sizeof *w);

	*out = w;
	if (!w)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	w->format = format;
	buf_init(&w->before_time, SERIES_TEXT_MAX);
	buf_init(&w->after_time, SERIES_TEXT_MAX);
	buf_init(&w->text, STRING_TEXT_MAX);
	buf_init(&w->header_tags, SERIES_TEXT_MAX);
	buf_init(&w->series_tags, SERIES_TEXT_MAX);
	return ERR_OK;
}

void export_writer_free(struct export_writer *w)
{
	if (!w)
		return;
	buf_fini(&w->before_time);
	buf_fini(&w->after_time);
	buf_fini(&w->text);
	buf_fini(&w->header_tags);
	buf_fini(&w->series_tags);
	free(w->columns);
	free(w);
}

static struct view view_in(const struct buf *b)
{
	return (struct view){ b->len ? b->p : "", b->len };
}

static struct view plain_name(struct export_writer *w, struct view raw, bool measurement)
{
	buf_clear(&w->text);
	lp_unescape(raw, measurement, &w->text);
	return view_in(&w->text);
}

static struct view raw_string(const struct batch_value *v)
{
	return (struct view){ v->len ? (const char *)(uintptr_t)v->bits : "", v->len };
}

static struct view plain_string(struct export_writer *w, const struct batch_value *v)
{
	struct view raw = raw_string(v);

	if (!memchr(raw.p, '\\', raw.len))
		return raw;
	buf_clear(&w->text);
	lp_unescape_string(raw, &w->text);
	return view_in(&w->text);
}

static void put_float(struct buf *out, uint64_t bits)
{
	double d;

	memcpy(&d, &bits, sizeof d);
	buf_double(out, d);
}

/* ---- line protocol ---- */

static void lp_put_string(struct buf *out, struct view raw)
{
	buf_char(out, '"');
	if (!memchr(raw.p, '\\', raw.len)) {
		buf_view(out, raw);
	} else {
		for (size_t i = 0; i < raw.len; i++) {
			bool pair = raw.p[i] == '\\' && i + 1 < raw.len &&
			    (raw.p[i + 1] == '"' || raw.p[i + 1] == '\\');
			buf_char(out, raw.p[i]);
			if (pair)
				buf_char(out, raw.p[++i]);
			else if (raw.p[i] == '\\')
				buf_char(out, '\\');
		}
	}
	buf_char(out, '"');
}

void export_lp_value(struct buf *out, const struct batch_value *v)
{
	switch (v->field->type) {
	case VALUE_FLOAT:
		put_float(out, v->bits);
		break;
	case VALUE_INTEGER:
		buf_i64(out, (int64_t)v->bits);
		buf_char(out, 'i');
		break;
	case VALUE_UNSIGNED:
		buf_u64(out, v->bits);
		buf_char(out, 'u');
		break;
	case VALUE_BOOLEAN:
		buf_str(out, v->bits ? "true" : "false");
		break;
	case VALUE_STRING:
		lp_put_string(out, raw_string(v));
		break;
	}
}

static void write_lp(
    struct buf *out, const struct series *s, int64_t time_ns, const struct batch_value *values, uint32_t count)
{
	buf_view(out, s->key);
	for (uint32_t i = 0; i < count; i++) {
		buf_char(out, i ? ',' : ' ');
		buf_view(out, values[i].field->name);
		buf_char(out, '=');
		export_lp_value(out, &values[i]);
	}
	buf_char(out, ' ');
	buf_i64(out, time_ns);
	buf_char(out, '\n');
}

/* ---- JSON lines ---- */

static void json_series(struct export_writer *w)
{
	struct buf *b = &w->before_time;

	json_open(b, NULL, '{');
	json_put_text(b, "measurement", plain_name(w, w->key.measurement, true));
	json_open(b, "tags", '{');
	for (unsigned i = 0; i < w->key.tag_count; i++) {
		if (i)
			buf_char(b, ',');
		json_put_quoted(b, plain_name(w, w->key.tags[i].key, false));
		buf_char(b, ':');
		json_put_quoted(b, plain_name(w, w->key.tags[i].value, false));
	}
	json_close(b, '}');
	json_open(b, "fields", '{');
}

/* A run of bytes above ASCII is right if it is clean as a name. */
static bool is_utf8(struct view v)
{
	for (size_t i = 0, end; i < v.len; i = end + 1) {
		for (end = i; end < v.len && (unsigned char)v.p[end] >= 0x80; end++)
			;
		if (!lp_name_is_clean((struct view){ v.p + i, end - i }))
			return false;
	}
	return true;
}

static void put_base64(struct buf *out, struct view v)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < v.len; i += 3) {
		uint32_t n = (uint32_t)(unsigned char)v.p[i] << 16;
		if (i + 1 < v.len)
			n |= (uint32_t)(unsigned char)v.p[i + 1] << 8;
		if (i + 2 < v.len)
			n |= (unsigned char)v.p[i + 2];
		char text[4] = { digits[n >> 18], digits[n >> 12 & 63], i + 1 < v.len ? digits[n >> 6 & 63] : '=',
			i + 2 < v.len ? digits[n & 63] : '=' };
		buf_append(out, text, sizeof text);
	}
}

static void json_put_whole(struct buf *out, const struct batch_value *v)
{
	bool is_signed = v->field->type == VALUE_INTEGER;
	int64_t i = (int64_t)v->bits;
	bool quoted = is_signed ? i > EXACT_MAX || i < -EXACT_MAX : v->bits > (uint64_t)EXACT_MAX;

	if (quoted)
		buf_char(out, '"');
	if (is_signed)
		buf_i64(out, i);
	else
		buf_u64(out, v->bits);
	if (quoted)
		buf_char(out, '"');
}

static void json_put_float(struct buf *out, uint64_t bits)
{
	if (bits == UINT64_C(1) << 63) /* -0 would be a whole number to most readers, and lose its sign */
		buf_str(out, "-0.0");
	else
		put_float(out, bits);
}

/* The value; returns what `types` says of it, or NULL. */
static const char *json_put_value(struct export_writer *w, struct buf *out, const struct batch_value *v)
{
	struct view text;

	switch (v->field->type) {
	case VALUE_FLOAT:
		json_put_float(out, v->bits);
		return NULL;
	case VALUE_INTEGER:
	case VALUE_UNSIGNED:
		json_put_whole(out, v);
		return value_type_name(v->field->type);
	case VALUE_BOOLEAN:
		buf_str(out, v->bits ? "true" : "false");
		return NULL;
	case VALUE_STRING:
		text = plain_string(w, v);
		if (is_utf8(text)) {
			json_put_quoted(out, text);
			return NULL;
		}
		buf_char(out, '"');
		put_base64(out, text);
		buf_char(out, '"');
		return "base64";
	}
	return NULL;
}

/* The types are gathered in after_time while the values are written. */
static void write_json(
    struct export_writer *w, struct buf *out, int64_t time_ns, const struct batch_value *values, uint32_t count)
{
	struct buf *types = &w->after_time;
	char when[32];

	buf_clear(types);
	buf_view(out, view_in(&w->before_time));
	for (uint32_t i = 0; i < count; i++) {
		if (i)
			buf_char(out, ',');
		json_put_quoted(out, plain_name(w, values[i].field->name, false));
		buf_char(out, ':');
		const char *type = json_put_value(w, out, &values[i]);
		if (!type)
			continue;
		if (types->len)
			buf_char(types, ',');
		json_put_quoted(types, plain_name(w, values[i].field->name, false));
		buf_char(types, ':');
		json_put_quoted(types, view_of(type));
	}
	buf_str(out, types->len ? "},\"types\":{" : "");
	buf_view(out, view_in(types));
	timetext_format(when, time_ns);
	buf_str(out, "},\"time\":\"");
	buf_str(out, when);
	buf_str(out, "\"}\n");
}

/* ---- CSV ---- */

static void csv_put_quoted(struct buf *out, struct view v)
{
	buf_char(out, '"');
	for (size_t i = 0; i < v.len; i++) {
		if (v.p[i] == '"')
			buf_char(out, '"');
		buf_char(out, v.p[i]);
	}
	buf_char(out, '"');
}

/* A cell; quoted where a reader could take it for something else. */
static void csv_put_cell(struct buf *out, struct view v)
{
	bool plain = v.len && v.p[0] != ' ' && v.p[v.len - 1] != ' ';

	for (size_t i = 0; plain && i < v.len; i++)
		plain = v.p[i] && !strchr(",;\t\"\r\n", v.p[i]);
	if (plain)
		buf_view(out, v);
	else
		csv_put_quoted(out, v);
}

static void csv_series(struct export_writer *w)
{
	csv_put_cell(&w->before_time, plain_name(w, w->key.measurement, true));
	buf_view(&w->series_tags, w->key.measurement);
	for (unsigned i = 0; i < w->key.tag_count; i++) {
		buf_char(&w->after_time, ',');
		csv_put_cell(&w->after_time, plain_name(w, w->key.tags[i].value, false));
		buf_char(&w->series_tags, '\n');
		buf_view(&w->series_tags, w->key.tags[i].key);
	}
}

static void csv_put_name(struct export_writer *w, struct buf *out, const char *kind, struct view raw)
{
	buf_clear(&w->text);
	buf_str(&w->text, kind);
	buf_char(&w->text, ':');
	lp_unescape(raw, false, &w->text);
	buf_char(out, ',');
	csv_put_cell(out, view_in(&w->text));
}

/* Is there a column for each value? Both are in order of names. */
static bool csv_has_columns(const struct export_writer *w, const struct batch_value *values, uint32_t count)
{
	uint32_t c = 0;

	for (uint32_t i = 0; i < count; i++, c++) {
		while (c < w->column_count && w->columns[c] != values[i].field)
			c++;
		if (c == w->column_count)
			return false;
	}
	return true;
}

/* The columns and those that the values lack, still in order of names. */
static bool csv_add_columns(struct export_writer *w, const struct batch_value *values, uint32_t count)
{
	const struct field **all = malloc((w->column_count + count + 1) * sizeof(struct field *));
	uint32_t n = 0, c = 0, i = 0;

	if (!all)
		return false;
	while (c < w->column_count || i < count) {
		int order = c == w->column_count ? 1
		    : i == count		 ? -1
						 : view_cmp(w->columns[c]->name, values[i].field->name);
		all[n++] = order <= 0 ? w->columns[c] : values[i].field;
		c += order <= 0;
		i += order >= 0;
	}
	free(w->columns);
	w->columns = all;
	w->column_count = n;
	return true;
}

/* A header where the columns change: other tags, or a field without a column. */
static bool csv_header(struct export_writer *w, struct buf *out, const struct batch_value *values, uint32_t count)
{
	bool same = w->columns && view_eq(view_in(&w->header_tags), view_in(&w->series_tags));

	if (same && csv_has_columns(w, values, count))
		return true;
	if (!same)
		w->column_count = 0;
	buf_clear(&w->header_tags);
	buf_view(&w->header_tags, view_in(&w->series_tags));
	if (w->header_tags.failed || !csv_add_columns(w, values, count))
		return false;
	buf_str(out, "measurement,time");
	for (unsigned i = 0; i < w->key.tag_count; i++)
		csv_put_name(w, out, "tag", w->key.tags[i].key);
	for (uint32_t i = 0; i < w->column_count; i++)
		csv_put_name(w, out, value_type_name(w->columns[i]->type), w->columns[i]->name);
	buf_str(out, "\r\n");
	return true;
}

static void csv_put_value(struct export_writer *w, struct buf *out, const struct batch_value *v)
{
	switch (v->field->type) {
	case VALUE_FLOAT:
		put_float(out, v->bits);
		break;
	case VALUE_INTEGER:
		buf_i64(out, (int64_t)v->bits);
		break;
	case VALUE_UNSIGNED:
		buf_u64(out, v->bits);
		break;
	case VALUE_BOOLEAN:
		buf_str(out, v->bits ? "true" : "false");
		break;
	case VALUE_STRING:
		csv_put_quoted(out, plain_string(w, v));
		break;
	}
}

static bool write_csv(
    struct export_writer *w, struct buf *out, int64_t time_ns, const struct batch_value *values, uint32_t count)
{
	char when[32];

	if (!csv_header(w, out, values, count))
		return false;
	timetext_format(when, time_ns);
	buf_view(out, view_in(&w->before_time));
	buf_char(out, ',');
	buf_str(out, when);
	buf_view(out, view_in(&w->after_time));
	for (uint32_t c = 0, i = 0; c < w->column_count; c++) {
		buf_char(out, ',');
		if (i < count && values[i].field == w->columns[c])
			csv_put_value(w, out, &values[i++]);
	}
	buf_str(out, "\r\n");
	return true;
}

/* ---- any of them ---- */

static bool begin_series(struct export_writer *w, const struct series *s)
{
	enum reject why;
	const char *error;

	w->series = NULL;
	buf_clear(&w->before_time);
	buf_clear(&w->after_time);
	buf_clear(&w->series_tags);
	if (!lp_key_split(s->key, &w->key, &why, &error))
		return false;
	if (w->format == EXPORT_CSV)
		csv_series(w);
	else if (w->format == EXPORT_JSONL)
		json_series(w);
	w->series = s;
	return !w->before_time.failed && !w->after_time.failed && !w->series_tags.failed;
}

bool export_writer_point(struct export_writer *w, struct buf *out, const struct series *s, int64_t time_ns,
    const struct batch_value *values, uint32_t count)
{
	if (w->series != s && !begin_series(w, s))
		return false;
	if (w->format == EXPORT_LP)
		write_lp(out, s, time_ns, values, count);
	else if (w->format == EXPORT_JSONL)
		write_json(w, out, time_ns, values, count);
	else if (!write_csv(w, out, time_ns, values, count))
		return false;
	return !out->failed && !w->text.failed && !w->after_time.failed;
}
