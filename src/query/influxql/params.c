#include "query/influxql/params.h"

#include <jansson.h>

#include "query/influxql/literal.h"

#define PREFIX "error parsing query parameters: "
enum { PARAMS_MAX = 1000 };

const struct iql_param *iql_params_find(const struct iql_params *ps, struct view name)
{
	for (uint32_t i = ps->count; i-- > 0;)
		if (view_eq(ps->list[i].name, name))
			return &ps->list[i];
	return NULL;
}

/* ---- one value ---- */

static void set(struct iql_param *v, enum iql_token_kind kind, const char *text, size_t n)
{
	v->kind = kind;
	v->text = (struct view){ text, n };
}

static void set_wrong(struct iql_param *v, const char *why)
{
	set(v, TOK_PARAM, why, strlen(why));
}

static void set_buf(struct iql_param *v, struct arena *a, enum iql_token_kind kind, const struct buf *b)
{
	const char *copy = b->failed ? NULL : arena_copy(a, (struct view){ b->p, b->len });

	if (copy)
		set(v, kind, copy, b->len);
	else
		set_wrong(v, "out of memory");
}

static void set_string(struct iql_param *v, struct arena *a, enum iql_token_kind kind, const json_t *j)
{
	struct buf b = { 0 };
	struct view s = { json_string_value(j), json_string_length(j) };

	b.p = (char *)s.p; /* only read */
	b.len = s.len;
	set_buf(v, a, kind, &b);
}

static void set_integer(struct iql_param *v, struct arena *a, int64_t i)
{
	struct buf b;

	buf_init(&b, 32);
	buf_i64(&b, i);
	set_buf(v, a, TOK_INTEGER, &b);
	buf_fini(&b);
}

static void set_float(struct iql_param *v, struct arena *a, double f)
{
	struct buf b;

	buf_init(&b, 2000);
	iql_float_print(f, 0, &b);
	set_buf(v, a, TOK_NUMBER, &b);
	buf_fini(&b);
}

static void set_duration(struct iql_param *v, struct arena *a, const json_t *j)
{
	struct buf b;

	if (json_is_string(j)) {
		set_string(v, a, TOK_DURATION, j);
		return;
	}
	if (!json_is_integer(j)) {
		set_wrong(v, "duration literal must be a string or integer value");
		return;
	}
	buf_init(&b, 64);
	iql_duration_print(json_integer_value(j), &b);
	set_buf(v, a, TOK_DURATION, &b);
	buf_fini(&b);
}

static void set_text(struct iql_param *v, struct arena *a, enum iql_token_kind kind, const json_t *j, const char *wrong)
{
	if (json_is_string(j))
		set_string(v, a, kind, j);
	else
		set_wrong(v, wrong);
}

/* {"kind": value} */
static void set_object(struct iql_param *v, struct arena *a, json_t *object)
{
	void *at = json_object_iter(object);

	if (json_object_size(object) != 1) {
		set_wrong(v, "bound object parameter value must have exactly one entry");
		return;
	}
	struct view kind = view_of(json_object_iter_key(at));
	const json_t *j = json_object_iter_value(at);
	if (view_is(kind, "string")) {
		set_text(v, a, TOK_STRING, j, "string literal must be a string value");
	} else if (view_is(kind, "regex")) {
		set_text(v, a, TOK_REGEX, j, "regex literal must be a string value");
	} else if (view_is(kind, "identifier") || view_is(kind, "ident")) {
		set_text(v, a, TOK_IDENT, j, "identifier must be a string value");
	} else if (view_is(kind, "duration")) {
		set_duration(v, a, j);
	} else if (view_is(kind, "integer")) {
		if (json_is_integer(j))
			set_integer(v, a, json_integer_value(j));
		else
			set_wrong(v, "integer literal must be an integer value");
	} else if (view_is(kind, "float") || view_is(kind, "number")) {
		if (json_is_number(j))
			set_float(v, a, json_number_value(j));
		else
			set_wrong(v, "number literal must be a float value");
	} else {
		struct buf b;
		buf_init(&b, 300);
		buf_printf(&b, "unknown bind object type: %.*s", (int)(kind.len < 200 ? kind.len : 200), kind.p);
		set_buf(v, a, TOK_PARAM, &b);
		buf_fini(&b);
	}
}

static void set_value(struct iql_param *v, struct arena *a, json_t *j)
{
	switch (json_typeof(j)) {
	case JSON_STRING:
		set_string(v, a, TOK_STRING, j);
		break;
	case JSON_INTEGER:
		set_integer(v, a, json_integer_value(j));
		break;
	case JSON_REAL:
		set_float(v, a, json_real_value(j));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		set(v, json_is_true(j) ? TOK_TRUE : TOK_FALSE, "", 0);
		break;
	case JSON_OBJECT:
		set_object(v, a, j);
		break;
	case JSON_ARRAY:
		set_wrong(v, "unable to bind parameter with type []interface {}");
		break;
	case JSON_NULL:
		set_wrong(v, "unable to bind parameter with type <nil>");
		break;
	}
}

/* ---- all of them ---- */

static enum err read_object(struct arena *a, json_t *root, struct iql_params *out, struct errbuf *eb)
{
	const char *key;
	json_t *j;

	if (!json_is_object(root))
		return errbuf_set(eb, ERR_INVALID, PREFIX "they must be a JSON object, {\"name\": value}");
	size_t n = json_object_size(root);
	if (n > PARAMS_MAX)
		return errbuf_set(eb, ERR_TOOBIG, PREFIX "there are more than %d", PARAMS_MAX);
	out->list = arena_alloc(a, (n ? n : 1) * sizeof *out->list, 8);
	if (!out->list)
		return errbuf_set(eb, ERR_TOOBIG, PREFIX "they need more memory than there is for the query");
	json_object_foreach(root, key, j)
	{
		struct iql_param *v = &out->list[out->count];
		v->name.p = arena_copy(a, view_of(key));
		v->name.len = strlen(key);
		if (!v->name.p)
			return errbuf_set(eb, ERR_TOOBIG, PREFIX "they need more memory than there is for the query");
		set_value(v, a, j);
		out->count++;
	}
	return ERR_OK;
}

enum err iql_params_read(struct arena *a, struct view json, struct iql_params *out, struct errbuf *eb)
{
	json_error_t why;

	*out = (struct iql_params){ 0 };
	if (json.len == 0)
		return ERR_OK;
	json_t *root = json_loadb(json.p, json.len, JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, &why);
	if (!root)
		return errbuf_set(eb, ERR_INVALID, PREFIX "%s at line %d, column %d", why.text, why.line, why.column);
	enum err e = json_is_null(root) ? ERR_OK : read_object(a, root, out, eb);
	json_decref(root);
	return e;
}
