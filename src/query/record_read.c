/* The statement asks for count, sum, min, max, first and last of every field, and for the percentiles wanted: of tags
 * only what groups, of time only buckets that have anything (fill(none)). Its columns are named <function>_<field>, the
 * percentiles p0_<field>, p1_<field>…; sum, min and max leave strings out, percentiles all that is no number. A field
 * name may hold underscores, the functions' names do not. */
#include "query/record_read.h"

#include <jansson.h>
#include <stdlib.h>

enum { BODY_MAX = 64 << 20, STATEMENT_MAX = 64 << 10 };

/* ---- the statement ---- */

static void identifier(struct buf *b, const char *name)
{
	buf_char(b, '"');
	for (; *name; name++) {
		if (*name == '"' || *name == '\\')
			buf_char(b, '\\');
		buf_char(b, *name);
	}
	buf_char(b, '"');
}

static void literal(struct buf *b, const char *text)
{
	buf_char(b, '\'');
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			buf_char(b, '\\');
		buf_char(b, *text);
	}
	buf_char(b, '\'');
}

static void condition(struct buf *b, const struct read_filter *f)
{
	buf_str(b, " AND (");
	for (unsigned i = 0; i < f->count; i++) {
		if (i)
			buf_str(b, " OR ");
		identifier(b, f->tag);
		buf_str(b, "::tag = ");
		literal(b, f->values[i]);
	}
	buf_char(b, ')');
}

/* "*" or the one field, as a regular expression: its name alone would draw an error where it is not of a type that the
 * function takes, and name the column otherwise. */
static void fields(struct buf *b, const struct read_request *q)
{
	if (!q->field) {
		buf_char(b, '*');
		return;
	}
	buf_str(b, "/^");
	for (const char *p = q->field; *p; p++) {
		if (strchr("\\/.+*?()|[]{}^$", *p))
			buf_char(b, '\\');
		buf_char(b, *p);
	}
	buf_str(b, "$/");
}

static void functions(struct buf *b, const struct read_request *q)
{
	static const char *const plain[] = { "count", "sum", "min", "max", "first", "last" };

	for (unsigned i = 0; i < sizeof plain / sizeof *plain; i++) {
		buf_str(b, i ? ", " : "");
		buf_str(b, plain[i]);
		buf_char(b, '(');
		fields(b, q);
		buf_char(b, ')');
	}
	for (unsigned i = 0; i < q->percentile_count; i++) {
		buf_str(b, ", percentile(");
		fields(b, q);
		buf_str(b, ", ");
		buf_double(b, q->percentiles[i]);
		buf_printf(b, ") AS p%u", i);
	}
}

void record_read_statement(const struct read_request *q, struct buf *out)
{
	buf_str(out, "SELECT ");
	functions(out, q);
	buf_str(out, " FROM ");
	identifier(out, q->measurement);
	buf_str(out, " WHERE time >= ");
	buf_i64(out, q->from_ns);
	buf_str(out, " AND time < ");
	buf_i64(out, q->to_ns);
	for (unsigned i = 0; i < q->filter_count; i++)
		condition(out, &q->filters[i]);
	buf_str(out, " GROUP BY time(");
	buf_i64(out, q->step_ns);
	buf_str(out, "ns)");
	if (!q->group_by)
		buf_str(out, ", *");
	for (unsigned i = 0; q->group_by && i < q->group_count; i++) {
		buf_str(out, ", ");
		identifier(out, q->group_by[i]);
	}
	buf_str(out, " fill(none)");
}

/* ---- the answer ---- */

enum function { F_COUNT, F_SUM, F_MIN, F_MAX, F_FIRST, F_LAST, F_NONE, F_PERCENTILE }; /* and those that follow */

/* "mean_x" is not ours; "first_x" gives F_FIRST and x. */
static enum function split_column(const char *name, const char **field)
{
	static const char *const prefixes[] = { "count_", "sum_", "min_", "max_", "first_", "last_" };

	for (unsigned i = 0; i < F_NONE; i++) {
		size_t n = strlen(prefixes[i]);
		if (!strncmp(name, prefixes[i], n)) {
			*field = name + n;
			return (enum function)i;
		}
	}
	if (name[0] == 'p' && name[1] >= '0' && name[1] < '0' + READ_PERCENTILES_MAX && name[2] == '_') {
		*field = name + 3;
		return (enum function)(F_PERCENTILE + name[1] - '0');
	}
	return F_NONE;
}

static struct read_column *column_of(
    struct read_group *g, struct read_result *r, const struct read_request *q, const char *field)
{
	for (unsigned i = 0; i < g->column_count; i++)
		if (!strcmp(g->columns[i].field, field))
			return &g->columns[i];
	struct read_column *c = &g->columns[g->column_count];
	c->field = arena_copy(&r->arena, view_of(field));
	c->cells = arena_alloc(&r->arena, r->buckets * sizeof *c->cells, 16);
	if (q->percentile_count)
		c->percentiles = read_new_percentiles(r, q);
	if (!c->field || !c->cells || (q->percentile_count && !c->percentiles))
		return NULL;
	g->column_count++;
	return c;
}

static void set_cell(struct read_cell *cell, enum function f, const json_t *v, struct read_column *col)
{
	double d = json_is_boolean(v) ? json_is_true(v) : json_number_value(v);

	if (json_is_string(v) || json_is_boolean(v)) /* seen in the first and last values */
		col->type = json_is_string(v) ? VALUE_STRING : VALUE_BOOLEAN;
	switch (f) {
	case F_COUNT:
		cell->count = (uint64_t)d;
		break;
	case F_SUM:
		cell->sum = d;
		break;
	case F_MIN:
		cell->min = d;
		break;
	case F_MAX:
		cell->max = d;
		break;
	case F_FIRST:
		cell->first = d;
		break;
	case F_LAST:
		cell->last = d;
		break;
	default:
		break;
	}
}

static bool read_rows(const json_t *values, const enum function *functions, struct read_column *const *columns,
    size_t count, struct read_result *r)
{
	size_t i, k;
	json_t *row, *v;

	json_array_foreach(values, i, row)
	{
		int64_t t = json_integer_value(json_array_get(row, 0));
		int64_t bucket = (t - r->first_bucket_ns) / r->step_ns;
		if (t < r->first_bucket_ns || bucket >= r->buckets || json_array_size(row) != count)
			return false;
		json_array_foreach(row, k, v)
		{
			if (functions[k] == F_NONE || json_is_null(v))
				continue;
			if (functions[k] >= F_PERCENTILE) {
				columns[k]->percentiles[(functions[k] - F_PERCENTILE) * (size_t)r->buckets +
				    (size_t)bucket] = json_number_value(v);
				continue;
			}
			struct read_cell *cell = &columns[k]->cells[bucket];
			cell->first_ns = cell->last_ns = t;
			set_cell(cell, functions[k], v, columns[k]);
		}
	}
	return true;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct read_tag *)a)->key, ((const struct read_tag *)b)->key);
}

/* A series' tags; with group_by NULL InfluxDB shows every tag of the measurement, empty where the series lacks it. */
static bool read_tags(const json_t *tags, const struct read_request *q, struct read_group *g, struct read_result *r)
{
	const char *key;
	json_t *v;

	g->tags = arena_alloc(&r->arena, (json_object_size(tags) + 1) * sizeof *g->tags, 16);
	if (!g->tags)
		return false;
	if (q->group_by) { /* in the order asked for, as the local store gives them */
		for (unsigned i = 0; i < q->group_count && i < json_object_size(tags); i++) {
			const char *value = json_string_value(json_object_get(tags, q->group_by[i]));
			struct read_tag *t = &g->tags[g->tag_count++];
			t->key = arena_copy(&r->arena, view_of(q->group_by[i]));
			t->value = arena_copy(&r->arena, view_of(value ? value : ""));
			if (!t->key || !t->value)
				return false;
		}
		return true;
	}
	json_object_foreach((json_t *)tags, key, v)
	{
		const char *value = json_string_value(v);
		if (!value || !*value)
			continue;
		struct read_tag *t = &g->tags[g->tag_count++];
		t->key = arena_copy(&r->arena, view_of(key));
		t->value = arena_copy(&r->arena, view_of(value));
		if (!t->key || !t->value)
			return false;
	}
	if (g->tag_count)
		qsort(g->tags, g->tag_count, sizeof *g->tags, by_key);
	return true;
}

static int by_field(const void *a, const void *b)
{
	return strcmp(((const struct read_column *)a)->field, ((const struct read_column *)b)->field);
}

static bool read_series(const json_t *series, const struct read_request *q, struct read_group *g, struct read_result *r)
{
	const json_t *names = json_object_get(series, "columns"), *values = json_object_get(series, "values");
	size_t n = json_array_size(names);
	enum function *functions = calloc(n + 1, sizeof *functions);
	struct read_column **columns = calloc(n + 1, sizeof *columns);
	bool ok = functions && columns && read_tags(json_object_get(series, "tags"), q, g, r);

	if (ok)
		g->columns = arena_alloc(&r->arena, (n + 1) * sizeof *g->columns, 16);
	ok = ok && g->columns;
	for (size_t i = 0; ok && i < n; i++) {
		const char *name = json_string_value(json_array_get(names, i)), *field = "";
		functions[i] = i && name ? split_column(name, &field) : F_NONE;
		if (functions[i] >= F_PERCENTILE && functions[i] - F_PERCENTILE >= q->percentile_count)
			functions[i] = F_NONE;
		if (functions[i] != F_NONE)
			ok = (columns[i] = column_of(g, r, q, field)) != NULL;
	}
	ok = ok && read_rows(values, functions, columns, n, r);
	if (ok && g->column_count)
		qsort(g->columns, g->column_count, sizeof *g->columns, by_field);
	free(functions);
	free(columns);
	return ok;
}

/* A column of the measurement that this series never has shows as empty; what is no number has no percentiles. */
static void leave_out_empty(struct read_group *g, unsigned buckets)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < g->column_count; i++) {
		bool any = false;
		for (unsigned b = 0; !any && b < buckets; b++)
			any = g->columns[i].cells[b].count;
		if (g->columns[i].type > VALUE_UNSIGNED)
			g->columns[i].percentiles = NULL;
		if (any)
			g->columns[kept++] = g->columns[i];
	}
	g->column_count = kept;
}

static enum err read_answer(const json_t *root, const struct read_request *q, struct read_result *r, struct errbuf *eb)
{
	const json_t *result = json_array_get(json_object_get(root, "results"), 0);
	const json_t *list = json_object_get(result, "series");
	const char *error = json_string_value(json_object_get(result, "error"));
	size_t i;
	json_t *series;

	if (!error)
		error = json_string_value(json_object_get(root, "error"));
	if (error || !result)
		return errbuf_set(
		    eb, ERR_IO, "InfluxDB answers a read with: %s", error ? error : "something else than results");
	r->groups = arena_alloc(&r->arena, (json_array_size(list) + 1) * sizeof *r->groups, 16);
	if (!r->groups)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	json_array_foreach(list, i, series)
	{
		struct read_group *g = &r->groups[r->group_count];
		if (!read_series(series, q, g, r))
			return errbuf_set(eb, ERR_IO, "InfluxDB's answer is not on the grid asked for, or too large");
		leave_out_empty(g, r->buckets);
		r->group_count += g->column_count > 0;
	}
	if (json_is_true(json_object_get(result, "partial")))
		read_result_not_complete(r, "InfluxDB cut its answer off");
	read_result_sort(r);
	return ERR_OK;
}

enum err record_read(const struct record_ops *ops, void *ctx, const char *database, int64_t timeout_ms,
    const struct read_request *q, struct read_result *r, struct errbuf *eb)
{
	struct record_reply reply = { 0 };
	struct buf statement;
	json_error_t why;

	r->source = READ_SOURCE_RECORD;
	buf_init(&statement, STATEMENT_MAX);
	buf_init(&reply.body, BODY_MAX);
	record_read_statement(q, &statement);
	enum err e = statement.failed
	    ? errbuf_set(eb, ERR_TOOBIG, "the read has too many conditions")
	    : ops->query(ctx, database, (struct view){ statement.p, statement.len }, false, timeout_ms, &reply);
	if (e == ERR_UNAVAILABLE)
		errbuf_set(eb, e, "%s", reply.error.text);
	if (e == ERR_OK) {
		json_t *root = reply.body.failed
		    ? NULL
		    : json_loadb(reply.body.p, reply.body.len, JSON_REJECT_DUPLICATES, &why);
		if (reply.status >= 500)
			e = errbuf_set(eb, ERR_UNAVAILABLE, "InfluxDB answers a read with HTTP %d", reply.status);
		else if (!root)
			e = errbuf_set(eb, ERR_IO, "InfluxDB answers a read with HTTP %d and no JSON", reply.status);
		else
			e = read_answer(root, q, r, eb);
		json_decref(root);
	}
	if (e != ERR_OK)
		r->group_count = 0;
	buf_fini(&statement);
	buf_fini(&reply.body);
	return e;
}
