/* A statement from beginning to end: names, plan, then each node from the inside out. */
#include "query/select/select.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "query/select/resolve.h"

/* ---- sources ---- */

static enum err moment_of(struct select_work *w, struct view database, struct local_moment **out)
{
	for (uint32_t i = 0; i < w->moment_count; i++)
		if (view_eq(w->moments[i].database, database)) {
			*out = w->moments[i].moment;
			return ERR_OK;
		}
	enum err e = local_moment_open(out, w->env->local, database, w->read_from_ns, w->read_to_ns, w->eb);
	if (e == ERR_OK)
		w->moments[w->moment_count++] = (struct select_moment){ database, *out };
	return e;
}

static enum err run_measurement(
    struct select_work *w, struct select_node *n, const struct select_from *f, struct select_emit *emit)
{
	struct local_moment *moment;
	struct source *s = NULL;
	enum err e = moment_of(w, f->database, &moment);

	if (e == ERR_OK)
		e = local_source_open(&s, moment, f->name, n->select->filter, w->env->budget, w->eb);
	if (e == ERR_NOTFOUND)
		return ERR_OK;
	if (e == ERR_OK && s->series_count)
		e = select_run_source(w, n, s, false, emit);
	source_close(s);
	return e;
}

static enum err run_tables(struct select_work *w, struct select_node *n, struct view name, struct select_emit *emit)
{
	struct select_tables **of = arena_alloc(w->arena, (n->from_count + 1) * sizeof(struct select_tables *), 8);
	struct source *s;
	uint32_t count = 0;

	if (!of)
		return select_no_memory(w);
	for (uint32_t i = 0; i < n->from_count; i++)
		if (n->from[i].sub && n->from[i].sub->tables)
			of[count++] = n->from[i].sub->tables;
	enum err e = select_tables_open(&s, w, of, count, name, n->select->filter);
	if (e == ERR_OK && s->series_count)
		e = select_run_source(w, n, s, true, emit);
	source_close(s);
	return e;
}

/* ---- a node ---- */

struct name_list {
	struct view *of;
	uint32_t count;
};

static int by_name(const void *a, const void *b)
{
	return view_cmp(*(const struct view *)a, *(const struct view *)b);
}

static enum err find_names(struct select_work *w, const struct select_node *n, struct name_list *l)
{
	uint32_t most = n->from_count, kept = 0;

	for (uint32_t i = 0; i < n->from_count; i++)
		if (n->from[i].sub && n->from[i].sub->tables)
			most += select_tables_count(n->from[i].sub->tables);
	l->of = arena_alloc(w->arena, (most + 1) * sizeof *l->of, 8);
	if (!l->of)
		return select_no_memory(w);
	for (uint32_t i = 0; i < n->from_count; i++) {
		const struct select_from *f = &n->from[i];
		if (f->measurement)
			l->of[l->count++] = f->name;
		for (uint32_t k = 0; f->sub && f->sub->tables && k < select_tables_count(f->sub->tables); k++)
			l->of[l->count++] = select_tables_name(f->sub->tables, k);
	}
	if (l->count > 1)
		qsort(l->of, l->count, sizeof *l->of, by_name);
	for (uint32_t i = 0; i < l->count; i++)
		if (!kept || !view_eq(l->of[kept - 1], l->of[i]))
			l->of[kept++] = l->of[i];
	l->count = kept;
	return ERR_OK;
}

static bool has_table(const struct select_node *n, struct view name)
{
	for (uint32_t i = 0; i < n->from_count; i++) {
		const struct select_tables *t = n->from[i].sub ? n->from[i].sub->tables : NULL;
		for (uint32_t k = 0; t && k < select_tables_count(t); k++)
			if (view_eq(select_tables_name(t, k), name))
				return true;
	}
	return false;
}

static enum err run_name(struct select_work *w, struct select_node *n, struct view name, struct select_emit *emit)
{
	enum err e = ERR_OK;

	for (uint32_t i = 0; e == ERR_OK && !emit->stopped && i < n->from_count; i++)
		if (n->from[i].measurement && view_eq(n->from[i].name, name))
			e = run_measurement(w, n, &n->from[i], emit);
	if (e == ERR_OK && !emit->stopped && has_table(n, name))
		e = run_tables(w, n, name, emit);
	return e;
}

static enum err run_names(struct select_work *w, struct select_node *n, struct select_emit *emit)
{
	struct name_list l = { 0 };
	enum err e = find_names(w, n, &l);

	for (uint32_t i = 0; e == ERR_OK && !emit->stopped && i < l.count; i++)
		e = run_name(w, n, l.of[n->is_descending ? l.count - 1 - i : i], emit);
	return e == ERR_CLOSED && emit->stopped ? ERR_OK : e;
}

static enum err run_node(struct select_work *w, struct select_node *n, const struct result_sink *sink)
{
	struct select_emit *emit = arena_alloc(w->arena, sizeof *emit, 16);
	struct result_sink into;

	if (!emit)
		return select_no_memory(w);
	if (n->is_empty || n->grid.from_ns > n->grid.last_ns)
		return ERR_OK;
	if (n->outer) {
		enum err e = select_tables_new(&n->tables, w, n);
		if (e != ERR_OK)
			return e;
		into = select_tables_sink(n->tables);
		sink = &into;
	}
	enum err e = select_emit_init(emit, w, n, sink, !n->outer);
	if (e == ERR_OK)
		e = run_names(w, n, emit);
	if (e == ERR_OK && n->outer)
		e = select_tables_error(n->tables);
	if (!n->outer)
		w->seen.rows = emit->rows;
	select_emit_fini(emit);
	return e;
}

static void free_inner(const struct select_node *n)
{
	for (uint32_t i = 0; i < n->from_count; i++)
		if (n->from[i].sub) {
			select_tables_free(n->from[i].sub->tables);
			n->from[i].sub->tables = NULL;
		}
}

/* ---- the statement ---- */

enum err select_prepare(struct select_work *w, struct iql_select *s)
{
	uint32_t databases = 0;
	enum err e = select_resolve(w, s);

	if (e == ERR_OK)
		e = select_plan(w);
	for (const struct select_node *n = w->first; n; n = n->next)
		databases += n->from_count;
	w->moments = arena_alloc(w->arena, (databases + 1) * sizeof *w->moments, 8);
	return e == ERR_OK && !w->moments ? select_no_memory(w) : e;
}

enum err select_work_run(struct select_work *w, const struct result_sink *sink)
{
	enum err e = ERR_OK;

	for (struct select_node *n = w->last; e == ERR_OK && n; n = n->previous) {
		e = run_node(w, n, sink);
		free_inner(n);
	}
	return e;
}

void select_work_end(struct select_work *w)
{
	for (struct select_node *n = w->first; n; n = n->next)
		select_tables_free(n->tables);
	for (uint32_t i = 0; i < w->moment_count; i++)
		local_moment_close(w->moments[i].moment);
	select_unplan(w);
}

enum err select_run(const struct select_env *env, struct arena *a, struct iql_select *s, const struct result_sink *sink,
    struct result_report *report, struct errbuf *eb)
{
	struct select_work *w = arena_alloc(a, sizeof *w, 16);

	if (!w)
		return errbuf_set(eb, ERR_NOMEM, "the statement needs more memory than there is for it");
	*w = (struct select_work){ .env = env, .arena = a, .report = report, .eb = eb };
	enum err e = select_prepare(w, s);
	if (e == ERR_OK)
		e = select_work_run(w, sink);
	select_work_end(w);
	return e;
}
