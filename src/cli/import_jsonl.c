/* JSON lines as export writes them (see query/export_write.h). Without an entry in `types` a number is a float; a value
 * in quotes is a number where `types` says so. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "base/num.h"
#include "cli/import.h"
#include "cli/lpline.h"

static struct view text_of(const json_t *v)
{
	return (struct view){ json_string_value(v), json_string_length(v) };
}

/* Into out. False: not base64 with its padding. */
static bool from_base64(struct view v, struct buf *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	if (v.len % 4)
		return false;
	for (size_t i = 0; i < v.len; i += 4) {
		unsigned n = 0, bytes = 3;
		for (size_t k = 0; k < 4; k++) {
			char c = v.p[i + k];
			const char *at = c ? strchr(digits, c) : NULL;
			bool padding = c == '=' && i + 4 == v.len && k >= 2;
			if (padding)
				bytes = bytes < k - 1 ? bytes : (unsigned)k - 1;
			else if (!at || bytes < 3)
				return false;
			n = n << 6 | (padding ? 0 : (unsigned)(at - digits));
		}
		char text[3] = { (char)(n >> 16), (char)(n >> 8), (char)n };
		buf_append(out, text, bytes);
	}
	return true;
}

static bool put_base64(struct lpline *l, struct view key, const json_t *v)
{
	struct buf bytes;

	if (!json_is_string(v))
		return false;
	buf_init(&bytes, IMPORT_RECORD_MAX);
	bool good = from_base64(text_of(v), &bytes) && !bytes.failed;
	if (good)
		lpline_string(l, key, (struct view){ bytes.len ? bytes.p : "", bytes.len });
	buf_fini(&bytes);
	return good;
}

static bool put_float(struct lpline *l, struct view key, const json_t *v)
{
	double d = json_number_value(v);
	bool good = json_is_number(v);

	if (json_is_string(v))
		good = num_parse_double(text_of(v), &d);
	if (good)
		lpline_float(l, key, d);
	return good;
}

static bool put_integer(struct lpline *l, struct view key, const json_t *v)
{
	int64_t i = json_integer_value(v);
	bool good = json_is_integer(v);

	if (json_is_string(v))
		good = num_parse_i64(text_of(v), &i);
	if (good)
		lpline_integer(l, key, i);
	return good;
}

static bool put_unsigned(struct lpline *l, struct view key, const json_t *v)
{
	uint64_t u = (uint64_t)json_integer_value(v);
	bool good = json_is_integer(v) && json_integer_value(v) >= 0;

	if (json_is_string(v))
		good = num_parse_u64(text_of(v), &u);
	if (good)
		lpline_unsigned(l, key, u);
	return good;
}

static bool put_boolean(struct lpline *l, struct view key, const json_t *v)
{
	if (json_is_boolean(v))
		lpline_boolean(l, key, json_is_true(v));
	return json_is_boolean(v);
}

static bool put_string(struct lpline *l, struct view key, const json_t *v)
{
	if (json_is_string(v))
		lpline_string(l, key, text_of(v));
	return json_is_string(v);
}

static void put_field(struct lpline *l, struct view key, const json_t *v, const json_t *type)
{
	static const struct {
		const char *name;
		bool (*put)(struct lpline *l, struct view key, const json_t *v);
	} types[] = { { "float", put_float }, { "integer", put_integer }, { "unsigned", put_unsigned },
		{ "boolean", put_boolean }, { "string", put_string }, { "base64", put_base64 } };
	const char *name = type	 ? json_string_value(type)
	    : json_is_string(v)	 ? "string"
	    : json_is_boolean(v) ? "boolean"
				 : "float";

	for (size_t i = 0; name && i < sizeof types / sizeof *types; i++) {
		if (strcmp(types[i].name, name) != 0)
			continue;
		if (!types[i].put(l, key, v))
			lpline_fail(l, "the value of %.*s is no %s", key.len < 100 ? (int)key.len : 100, key.p, name);
		return;
	}
	lpline_fail(l, "the type of %.*s is none of float, integer, unsigned, boolean, string, base64",
	    key.len < 100 ? (int)key.len : 100, key.p);
}

static bool read_time(const json_t *v, int64_t *out)
{
	*out = json_integer_value(v);
	return json_is_integer(v) || (json_is_string(v) && import_time(text_of(v), out));
}

static bool put_point(const json_t *root, struct buf *out, struct errbuf *why)
{
	const json_t *measurement = json_object_get(root, "measurement"), *time = json_object_get(root, "time"),
		     *types = json_object_get(root, "types");
	json_t *tags = json_object_get(root, "tags"), *fields = json_object_get(root, "fields"), *v;
	struct lpline l;
	int64_t time_ns = 0;
	const char *key;

	lpline_begin(&l, out, json_is_string(measurement) ? text_of(measurement) : (struct view){ "", 0 }, why);
	if (tags && !json_is_object(tags))
		lpline_fail(&l, "tags is not an object");
	if (!json_is_object(fields))
		lpline_fail(&l, "fields is not an object");
	json_object_foreach(tags, key, v)
	{
		if (json_is_string(v))
			lpline_tag(&l, view_of(key), text_of(v));
		else
			lpline_fail(&l, "the tag %.100s is not a string", key);
	}
	json_object_foreach(fields, key, v)
	{
		if (!json_is_null(v))
			put_field(&l, view_of(key), v, json_object_get(types, key));
	}
	if (!time || json_is_null(time))
		lpline_fail(&l, "no timestamp");
	else if (!read_time(time, &time_ns))
		lpline_fail(&l, "time is neither as 2026-01-31T12:00:00Z nor nanoseconds since the epoch");
	return lpline_end(&l, time_ns);
}

enum import_step import_next_jsonl(
    struct import *im, struct view text, bool end, size_t *used, struct buf *out, struct errbuf *why)
{
	const char *newline = memchr(text.p, '\n', text.len);
	json_error_t error;

	(void)im;
	if (!newline && !end)
		return IMPORT_MORE;
	size_t n = newline ? (size_t)(newline - text.p) : text.len, i = 0;
	*used = n + (newline != NULL);
	while (i < n && (text.p[i] == ' ' || text.p[i] == '\t' || text.p[i] == '\r'))
		i++;
	if (i == n)
		return IMPORT_NOTHING;
	json_t *root = json_loadb(text.p, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	bool good = false;
	if (!root)
		(void)errbuf_set(why, ERR_INVALID, "%s", error.text);
	else if (!json_is_object(root))
		(void)errbuf_set(why, ERR_INVALID, "not an object");
	else
		good = put_point(root, out, why);
	json_decref(root);
	return good ? IMPORT_POINT : IMPORT_BAD;
}
