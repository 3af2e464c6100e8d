#include "query/show.h"

#include <stdlib.h>

#include "query/read.h"
#include "query/show_part.h"
#include "wire/lp_key.h"

enum { ARENA_BLOCK = 16 << 10, COLUMNS_MAX = 8 };

/* ---- what the parts share ---- */

void *show_alloc(struct show *s, size_t n, size_t align, enum err *e)
{
	void *p = arena_alloc(&s->arena, n ? n : 1, align);

	*e = p ? ERR_OK : budget_refuse(s->env->budget, s->eb);
	return p;
}

enum err show_plain(struct show *s, struct view raw, bool measurement, struct view *out)
{
	struct buf b;
	enum err e = ERR_OK;

	*out = raw;
	if (!memchr(raw.p, '\\', raw.len))
		return ERR_OK;
	buf_init(&b, raw.len + 1);
	lp_unescape(raw, measurement, &b);
	char *copy = b.failed ? NULL : show_alloc(s, b.len, 1, &e);
	if (copy) {
		memcpy(copy, b.p, b.len);
		*out = (struct view){ copy, b.len };
	} else if (e == ERR_OK) {
		e = errbuf_set(s->eb, ERR_NOMEM, "out of memory");
	}
	buf_fini(&b);
	return e;
}

int show_compare_views(const void *a, const void *b)
{
	return view_cmp(*(const struct view *)a, *(const struct view *)b);
}

static int compare_measurements(const void *a, const void *b)
{
	const struct show_measurement *x = a, *y = b;

	return view_cmp(x->name, y->name);
}

enum err show_series(struct show *s, struct view name, const char *const *columns, uint32_t count, bool undivided)
{
	struct view views[COLUMNS_MAX];

	for (uint32_t i = 0; i < count; i++)
		views[i] = view_of(columns[i]);
	struct result_series series = { .name = name, .columns = views, .column_count = count, .undivided = undivided };
	return s->sink->series(s->sink->arg, &series) ? ERR_OK : ERR_CLOSED;
}

enum err show_row(struct show *s, const struct cell *cells)
{
	if (!s->sink->row(s->sink->arg, cells))
		return ERR_CLOSED;
	return budget_check(s->env->budget, s->eb);
}

struct cell show_text(struct view v)
{
	return (struct cell){ .type = CELL_STRING, .s = v };
}

struct show_window show_window_of(const struct iql_limits *l)
{
	return (struct show_window){ l->offset > 0 ? (uint64_t)l->offset : 0,
		l->limit > 0 ? (uint64_t)l->limit : UINT64_MAX };
}

bool show_window_take(struct show_window *w)
{
	if (w->skip) {
		w->skip--;
		return false;
	}
	if (w->left)
		return w->left--;
	return false;
}

/* ---- measurements ---- */

/* Whether FROM names it. regexes: of the sources, in order. */
static bool is_named(const struct show *s, struct view name, struct regex *const *regexes, enum err *e)
{
	bool matches = s->st->sources == NULL;
	uint32_t i = 0;

	for (const struct iql_source *x = s->st->sources; x && !matches && *e == ERR_OK; x = x->next, i++) {
		if (x->is_regex)
			*e = regex_match(regexes[i], name, &matches, s->eb);
		else
			matches = view_eq(x->name, name);
	}
	return matches;
}

static enum err compile_sources(struct show *s, struct regex ***out, uint32_t *count)
{
	enum err e = ERR_OK;
	uint32_t n = 0;

	for (const struct iql_source *x = s->st->sources; x; x = x->next)
		n++;
	*out = show_alloc(s, (n + 1) * sizeof **out, 8, &e);
	for (const struct iql_source *x = s->st->sources; x && e == ERR_OK; x = x->next) {
		if (x->is_regex)
			e = regex_compile(&(*out)[*count], x->name, s->eb);
		++*count;
	}
	return e;
}

static enum err pick(struct show *s, struct regex *const *regexes)
{
	uint32_t n = catalogue_measurement_count(s->env->catalogue);
	enum err e = ERR_OK;

	s->list = show_alloc(s, (n + 1) * sizeof *s->list, 8, &e);
	for (uint32_t i = 0; i < n && e == ERR_OK; i++) {
		struct measurement *m = catalogue_measurement_at(s->env->catalogue, i);
		struct view name;
		if (measurement_db(m) != s->db || measurement_series_count(m) == 0)
			continue;
		e = show_plain(s, measurement_name(m), true, &name);
		if (e == ERR_OK && is_named(s, name, regexes, &e))
			s->list[s->count++] = (struct show_measurement){ m, name, measurement_series_count(m) };
		if (e == ERR_OK)
			e = budget_check(s->env->budget, s->eb);
	}
	if (e == ERR_OK)
		qsort(s->list, s->count, sizeof *s->list, compare_measurements);
	return e;
}

enum err show_collect(struct show *s)
{
	struct regex **regexes = NULL;
	uint32_t count = 0;
	enum err e = compile_sources(s, &regexes, &count);

	if (e == ERR_OK)
		e = pick(s, regexes);
	for (uint32_t i = 0; i < count; i++)
		regex_free(regexes[i]);
	return e;
}

/* ---- which database ---- */

/* Those that InfluxDB runs as a SELECT: FROM may name a database and a policy, which must be there. */
static bool takes_sources_databases(enum iql_statement_kind k)
{
	return k == IQL_SHOW_SERIES || k == IQL_SHOW_FIELD_KEYS || k == IQL_SHOW_MEASUREMENT_CARDINALITY ||
	    k == IQL_SHOW_SERIES_CARDINALITY || k == IQL_SHOW_TAG_KEY_CARDINALITY ||
	    k == IQL_SHOW_TAG_VALUES_CARDINALITY || k == IQL_SHOW_FIELD_KEY_CARDINALITY;
}

/* Those that find nothing in a database that does not exist. */
static bool may_be_missing(const struct iql_statement *st)
{
	return st->kind == IQL_SHOW_MEASUREMENTS || show_is_estimate(st);
}

static enum err find_database(struct show *s)
{
	struct view name = s->st->database.len ? s->st->database : s->env->database;
	const struct iql_source *x = s->st->sources;

	if (x && x->database.len && takes_sources_databases(s->st->kind))
		name = x->database;
	for (; x && takes_sources_databases(s->st->kind); x = x->next)
		if (x->database.len && !view_eq(x->database, name))
			return errbuf_set(s->eb, ERR_INVALID,
			    "measurements of several databases in one SHOW are not supported by Holdfast: ask for each");
	if (name.len == 0)
		return errbuf_set(s->eb, ERR_INVALID, "database name required");
	s->db = catalogue_find_database(s->env->catalogue, name);
	if (s->db == 0 && !may_be_missing(s->st))
		return errbuf_set(
		    s->eb, ERR_INVALID, "database not found: %.*s", (int)view_cut(name, IQL_SHOWN_MAX), name.p);
	return ERR_OK;
}

/* ---- */

static enum err run(struct show *s)
{
	if (s->st->kind == IQL_SHOW_DATABASES)
		return show_databases(s);
	enum err e = find_database(s);
	if (e != ERR_OK)
		return e;
	if (s->st->kind == IQL_SHOW_POLICIES)
		return show_policies(s);
	e = show_collect(s);
	if (e != ERR_OK)
		return e;
	switch (s->st->kind) {
	case IQL_SHOW_MEASUREMENTS:
		return show_measurements(s);
	case IQL_SHOW_SERIES:
		return show_series_keys(s);
	case IQL_SHOW_TAG_KEYS:
		return show_tag_keys(s);
	case IQL_SHOW_TAG_VALUES:
		return show_tag_values(s);
	case IQL_SHOW_FIELD_KEYS:
		return show_field_keys(s);
	default:
		return show_cardinality(s);
	}
}

enum err show_run(const struct show_env *env, const struct iql_statement *st, const struct result_sink *sink,
    struct result_report *report, struct errbuf *eb)
{
	struct show s = { .env = env, .st = st, .sink = sink, .eb = eb };

	report->sources |= READ_SOURCE_LOCAL;
	budget_arena(env->budget, &s.arena, ARENA_BLOCK);
	enum err e = run(&s);
	arena_fini(&s.arena);
	return e;
}
