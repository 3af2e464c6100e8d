/* SHOW TAG VALUES: pairs of key and value, sorted by both, each measurement for itself. */
#include <stdlib.h>

#include "query/budget_sort.h"
#include "query/show_part.h"

struct pair {
	struct view key, value; /* plain */
};

static int compare_pairs(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	int c = view_cmp(x->key, y->key);

	return c ? c : view_cmp(x->value, y->value);
}

/* ---- which keys ---- */

enum err show_key_regex(struct show *s, struct regex **out)
{
	*out = NULL;
	if (s->st->keys_are_list || (s->st->key_op != IQL_MATCH && s->st->key_op != IQL_NOT_MATCH))
		return ERR_OK;
	return regex_compile(out, s->st->keys->text, s->eb);
}

/* What a comparison with _tagKey says of it, where the whole condition depends on that. */
static bool passes_tag_key(const struct show *s, const struct iql_expr *e, struct view key, enum err *error)
{
	struct regex *r;
	bool yes = false;

	if (e->kind == IQL_PAREN)
		return passes_tag_key(s, e->chain.list, key, error);
	if (e->kind != IQL_CHAIN)
		return true;
	const struct iql_expr *first = e->chain.list, *second = first->next;
	if (second->op == IQL_AND) {
		for (; first; first = first->next)
			if (!passes_tag_key(s, first, key, error))
				return false;
		return true;
	}
	if (first->kind != IQL_REF || !view_is(first->text, "_tagKey"))
		return true;
	if (second->kind == IQL_REGEX) {
		*error = regex_compile(&r, second->text, s->eb);
		if (*error == ERR_OK) {
			*error = regex_match(r, key, &yes, s->eb);
			regex_free(r);
		}
	} else {
		yes = second->kind == IQL_STRING && view_eq(second->text, key);
	}
	return yes == (second->op == IQL_EQ || second->op == IQL_MATCH);
}

bool show_wants_key(const struct show *s, struct view key, struct regex *regex, enum err *e)
{
	bool found = false;

	if (regex)
		*e = regex_match(regex, key, &found, s->eb);
	for (const struct iql_word *w = s->st->keys; w && !regex && !found; w = w->next)
		found = view_eq(w->text, key);
	if (!s->st->keys_are_list && (s->st->key_op == IQL_NEQ || s->st->key_op == IQL_NOT_MATCH))
		found = !found;
	return found && *e == ERR_OK && (!s->st->filter || passes_tag_key(s, s->st->filter, key, e));
}

/* ---- the values ---- */

struct wanted_key {
	const struct tag_key *key;
	struct view name; /* plain */
	uint32_t values; /* as many as there were in the beginning; more may come */
};

static enum err add_values(
    struct show *s, const struct wanted_key *k, const struct series_set *set, bool all, struct pair *list, uint32_t *n)
{
	enum err e = ERR_OK;

	for (uint32_t i = 0; i < k->values && e == ERR_OK; i++) {
		const struct tag_value *v = tag_key_value_at(k->key, i);
		e = budget_check(s->env->budget, s->eb);
		if (e != ERR_OK || !(all ? tag_value_series_count(v) > 0 : tag_value_is_in(v, set)))
			continue;
		list[*n].key = k->name;
		e = show_plain(s, tag_value_text(v), false, &list[(*n)++].value);
	}
	return e;
}

static enum err show_pairs(struct show *s, struct view name, const struct pair *list, uint32_t n)
{
	static const char *const columns[] = { "key", "value" };
	struct show_window w = show_window_of(&s->st->limits);
	bool begun = false;
	enum err e = ERR_OK;

	for (uint32_t i = 0; i < n && e == ERR_OK && !show_window_is_over(&w); i++) {
		struct cell cells[2] = { show_text(list[i].key), show_text(list[i].value) };
		if (!show_window_take(&w))
			continue;
		if (!begun)
			e = show_series(s, name, columns, 2, true);
		begun = true;
		if (e == ERR_OK)
			e = show_row(s, cells);
	}
	return e;
}

static enum err pick_keys(
    struct show *s, const struct tags *t, struct regex *regex, struct wanted_key *wanted, uint32_t *count)
{
	uint32_t keys = tags_key_count(t);
	enum err e = ERR_OK;

	*count = 0;
	for (uint32_t i = 0; i < keys && e == ERR_OK; i++) {
		struct wanted_key *w = &wanted[*count];
		w->key = tags_key_at(t, i);
		e = show_plain(s, tag_key_name(w->key), false, &w->name);
		if (e == ERR_OK && show_wants_key(s, w->name, regex, &e)) {
			w->values = tag_key_value_count(w->key);
			++*count;
		}
	}
	return e;
}

static enum err show_wanted(
    struct show *s, const struct show_measurement *m, const struct wanted_key *wanted, uint32_t keys)
{
	struct series_set set;
	uint64_t room = 0;
	uint32_t n = 0;
	bool all;

	for (uint32_t i = 0; i < keys; i++)
		room += wanted[i].values;
	if (room == 0)
		return ERR_OK;
	enum err e = budget_take(s->env->budget, room * sizeof(struct pair), s->eb);
	if (e != ERR_OK)
		return e;
	struct pair *list = malloc(room * sizeof *list);
	e = list ? show_filter(s, m, false, &set, &all) : errbuf_set(s->eb, ERR_NOMEM, "out of memory");
	for (uint32_t i = 0; i < keys && e == ERR_OK; i++)
		e = add_values(s, &wanted[i], &set, all, list, &n);
	if (list)
		series_set_fini(&set);
	if (e == ERR_OK)
		e = budget_sort(s->env->budget, list, n, sizeof *list, compare_pairs, s->eb);
	if (e == ERR_OK)
		e = show_pairs(s, m->name, list, n);
	free(list);
	budget_give(s->env->budget, room * sizeof *list);
	return e;
}

static enum err values_of(struct show *s, const struct show_measurement *m, struct regex *regex)
{
	const struct tags *t = measurement_tags(m->m);
	uint32_t count;
	enum err e;
	struct wanted_key *wanted = show_alloc(s, (tags_key_count(t) + 1) * sizeof *wanted, 8, &e);

	if (e == ERR_OK)
		e = pick_keys(s, t, regex, wanted, &count);
	return e == ERR_OK ? show_wanted(s, m, wanted, count) : e;
}

enum err show_tag_values(struct show *s)
{
	struct regex *regex;
	enum err e = show_key_regex(s, &regex);

	for (uint32_t i = 0; i < s->count && e == ERR_OK; i++)
		e = values_of(s, &s->list[i], regex);
	regex_free(regex);
	return e;
}
